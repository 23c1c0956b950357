"""How doubtful sentences are marked within an answer's Markdown."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from rag.records import Claim, Verdict
from ui.ledger import marked_markdown
from ui.text import answer_markdown

RED, ORANGE = "\u00a0:red[:material/error:]", "\u00a0:orange[:material/help:]"


def mark(text: str, *doubts: tuple[str, Verdict]) -> str:
    claims = [Claim(text.index(said), text.index(said) + len(said), verdict) for said, verdict in doubts]
    return marked_markdown(text, claims, {1, 2})


def test_each_doubtful_sentence_is_coloured_by_its_verdict_and_the_others_are_not() -> None:
    text = "Rent is 84 [1]. Fee is 5 [2]. It is sunny."
    assert mark(text, ("Fee is 5 [2].", Verdict.PARTLY), ("It is sunny.", Verdict.UNSUPPORTED)) == (
        rf"Rent is 84 :blue[**\[1\]**]. :orange-background[Fee is 5 :blue[**\[2\]**].]{ORANGE} "
        f":red-background[It is sunny.]{RED}"
    )


@pytest.mark.parametrize(
    "said", ["Rent [sic] is 5.", "The `a]` is 5.", "Rent is **5.", "Rent | 5", "Rent is [5.", "Up ]( is 5."]
)
def test_where_colour_would_break_the_text_only_the_sign_stands(said: str) -> None:
    text = f"Before. {said} After."
    shown = mark(text, (said, Verdict.UNSUPPORTED))
    assert shown == f"Before. {answer_markdown(said, ())}{RED} After."


def test_within_code_nothing_is_added() -> None:
    text = "```\nrent = 5\n```\nIt is `so. And` so."
    shown = mark(text, ("rent = 5", Verdict.UNSUPPORTED), ("It is `so.", Verdict.PARTLY), ("And` so.", Verdict.PARTLY))
    assert "```\nrent = 5\n```" in shown
    assert "`so. And`" in shown


@given(st.text("a.[]`*_|\n \ue000\ue001\ue002:)(!", max_size=40), st.integers(0, 40), st.integers(0, 40))
@hypothesis_settings(max_examples=200, deadline=None)
def test_marks_change_nothing_else_and_none_is_left_over(text: str, start: int, end: int) -> None:
    claim = Claim(min(start, end, len(text)), min(max(start, end), len(text)), Verdict.UNSUPPORTED)
    shown = marked_markdown(text, [claim], set())
    assert not re.search("[\ue000-\ue002]", shown)
    bare = re.sub(r":red-background\[([^\[\]]*)\](?=\u00a0)", r"\1", shown).replace(RED, "")
    plain = re.sub("[\ue000-\ue002]", "\N{REPLACEMENT CHARACTER}", text)
    assert re.sub("[\u2060 ]", "", bare) == re.sub("[\u2060 ]", "", answer_markdown(plain, ()))
