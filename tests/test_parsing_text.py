"""Text and Markdown files through the child process: the text unchanged, its encoding found, its headings."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from rag.errors import DamagedError, EmptyDocumentError, TooLargeError
from rag.parsing.markdown import headings
from rag.parsing.text import decode
from tests.reading import parse

FRENCH = "Crème brûlée et façade naïve à Noël: l'été dernier, où étiez-vous? Ça va très bien."
GERMAN = "Größe und Übergröße für Mädchen: eine schöne Straße."
QUOTED = "He said “hello” — it’s €5 for the café…"
JAPANESE = "これは日本語のテキストです。東京は大きい都市です。"
RUSSIAN = "Привет, как дела? Это короткий текст на русском языке."


def test_the_text_is_the_file_unchanged(tmp_path: Path) -> None:
    text = "  first\r\nsecond\rthird\n\n\tfourth \U0001f600\ufffe\r\n"
    path = tmp_path / "stored"
    path.write_bytes(b"\xef\xbb\xbf" + text.encode())
    document = parse(path, "../😀/Notes_of-May.TXT")
    assert document.text == text
    assert [(page.number, page.text, page.start) for page in document.pages] == [(1, text, 0)]
    assert (document.title, document.media_type, document.headings) == ("Notes of May", "text/plain", ())


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        (FRENCH, "latin-1"),
        (FRENCH, "cp1252"),
        (GERMAN, "latin-1"),
        (QUOTED, "cp1252"),
        ("A single café among much plain English. " * 3, "cp1252"),
        ("Zażółć gęślą jaźń, proszę bardzo, dziękuję.", "cp1250"),
        (RUSSIAN, "cp1251"),
        (RUSSIAN, "koi8-r"),
        (JAPANESE, "shift_jis"),
        (JAPANESE, "utf-16"),
        (QUOTED, "utf-16"),
        (QUOTED, "utf-32"),
        (QUOTED, "utf-16-le"),
        ("Plain ASCII, but wide.\r\nLike an export.\r\n", "utf-16-be"),
        (QUOTED, "utf-8-sig"),
    ],
)
def test_the_encoding_is_found(text: str, encoding: str) -> None:
    assert decode(text.encode(encoding)) == text


def test_a_sample_decides_and_everything_is_decoded() -> None:
    text = "plain line\n" * 500_000 + FRENCH + "\n" + "plain line\n" * 500_000
    assert decode(text.encode("cp1252")) == text


@pytest.mark.parametrize(
    "data",
    [
        b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + bytes(range(256)) * 20,
        b"".join(hashlib.sha256(bytes([n])).digest() for n in range(200)),
        b"text\0with\0nulls",
        b"\x01\x02\x03 controls" * 50,
    ],
    ids=["png", "noise", "nulls", "controls"],
)
def test_a_binary_file_is_refused(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "stored"
    path.write_bytes(data)
    with pytest.raises(DamagedError, match="Save it as plain UTF-8"):
        parse(path, "picture.txt")


@pytest.mark.parametrize("data", [b"", b" \r\n\t \n", b"\xef\xbb\xbf", b"\xff\xfe", b"\xff\xfe \0"])
def test_an_empty_file_is_refused(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "stored"
    path.write_bytes(data)
    with pytest.raises(EmptyDocumentError):
        parse(path, "a.md")


def test_a_text_over_the_cap_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "stored"
    path.write_text("12345678901")
    with pytest.raises(TooLargeError, match="RAG_MAX_CHARS"):
        parse(path, "a.txt", max_chars=10)
    assert parse(path, "a.txt", max_chars=11).text == "12345678901"


MARKDOWN = """\
---
title: not a heading
---
Intro line
===

Two lines of
one heading
---

# Title #
## Part *one* ##
#not a heading
```python
# not a heading
~~~
not a heading either
---
````
   ### Indented
    # code, not a heading
- item
---
> quote
===

| a | b |
---
###### Six
####### seven
~~~ text
# in a fence without an end
"""


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_markdown_headings_have_levels_and_places(newline: str) -> None:
    text = MARKDOWN.replace("\n", newline)
    found = [(heading.level, heading.title, text[heading.offset :].split(newline)[0]) for heading in headings(text)]
    assert found == [
        (1, "Intro line", "Intro line"),
        (2, "Two lines of one heading", "Two lines of"),
        (1, "Title", "# Title #"),
        (2, "Part *one*", "## Part *one* ##"),
        (3, "Indented", "   ### Indented"),
        (6, "Six", "###### Six"),
    ]


def test_a_markdown_file_takes_its_title_from_its_first_heading_of_level_one(tmp_path: Path) -> None:
    path = tmp_path / "stored"
    path.write_text("## Before\n\n# The Title\n\n# Another\n")
    document = parse(path, "x.markdown")
    assert (document.title, document.media_type) == ("The Title", "text/markdown")
    path.write_text("no headings")
    assert parse(path, "some_file.md").title == "some file"
