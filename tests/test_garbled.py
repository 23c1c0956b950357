"""A text layer of unmapped glyphs is told from text with odd characters in it."""

from __future__ import annotations

import pytest

from rag.parsing.garbled import is_garbled

SENTENCE = "The board proposes a dividend of 0.31 euros per share. "


@pytest.mark.parametrize(
    "raw",
    [
        "\ufffd" * 40,
        "\0\0\0 \0\0\0\0 " * 20,
        "".join(chr(0xE000 + ord(letter)) for letter in SENTENCE),
        "\x03\x0e\x11\x12 \x15\x16\x7f\x81\r\n" * 20,
        "(cid:12)(cid:7) (cid:133)" * 10,
        "\ufffd" * 30 + "Page 3 of 20",
    ],
    ids=["replacement", "nul", "private", "controls", "cid", "with a footer"],
)
def test_garbage(raw: str) -> None:
    assert is_garbled(raw)


@pytest.mark.parametrize(
    "raw",
    [
        "",
        " \r\n \0 ",
        SENTENCE,
        "\uf0b7 one\r\n\uf0b7 two\r\n" * 30,
        "\uf0b7\uf0a7\uf0b7",
        "これは日本語のテキストです。東京は大きい都市です。" * 3,
        "∀ε>0 ∃δ>0: |x−a|<δ ⇒ |ƒ(x)−ƒ(a)|<ε, ∑ᵢ αᵢβᵢ ≤ ‖α‖‖β‖ 𝔼[𝑿]=𝜇 " * 5,
        "see (cid:3) and (cid:9) for details of the mapping " * 3,
        "long\ufffeterm invest\ufffement " * 20,
    ],
    ids=["nothing", "blank", "prose", "bullets", "bullets alone", "CJK", "maths", "cid in prose", "hyphens"],
)
def test_text(raw: str) -> None:
    assert not is_garbled(raw)
