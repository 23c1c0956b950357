"""The retrieval diff: what two runs found for one question, side by side, and what only one of them found."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import streamlit as st

from rag.records import Found, Run
from rag.workspace import Contest, OneQuestion, Workspace, is_expected, matched, why
from ui.experiments.address import QUESTION, look_at
from ui.experiments.excerpts import answering, excerpt
from ui.labels import label
from ui.passages import Passage
from ui.text import escape_markdown, message_markdown, shortened
from ui.viewer import open_viewer

LETTERS = "ABCDEF"
QUOTES = 3
"""Shown of those that are expected."""


def _close() -> None:
    look_at(QUESTION, None)


def draw_question(
    workspace: Workspace,
    contest: Contest,
    runs: Sequence[Run],
    place: int,
    names: Sequence[str] = LETTERS,
    close: Callable[[], None] = _close,
) -> None:
    """A question with what is known of its answer, and what runs, which have `names`, made of it."""
    asked = workspace.questions_asked(contest.newest)
    if not 0 <= place < len(asked):
        close()
        return
    one = workspace.one_question(contest.newest, [run.id for run in runs], place)
    with st.container(border=True, key="question-diff"):
        with st.container(horizontal=True, vertical_alignment="center", wrap=False):
            st.markdown(f"**{escape_markdown(one.gold.question)}**", width="stretch")
            st.button(
                "Close", key="close-question", icon=":material/close:", type="tertiary",
                on_click=close,
            )  # fmt: skip
        _expected(one)
        pair = _choose_pair(dict(zip(names, runs, strict=False)))
        for column, (letter, run) in zip(st.columns(len(pair)), pair, strict=True):
            with column:
                _said(one, run, letter)
        _found(workspace, contest.newest.collection, one, pair)


def _expected(one: OneQuestion) -> None:
    gold = one.gold
    parts = []
    if not gold.answerable:
        parts.append("No document answers it")
    if gold.answers:
        parts.append("Expected: " + escape_markdown(shortened(" or ".join(gold.answers), 200)))
    if gold.document:
        pages = f", page {', '.join(map(str, gold.pages))}" if gold.pages else ""
        parts.append(f"It stands in {escape_markdown(shortened(gold.document, 80))}{pages}")
    if parts:
        st.caption(" · ".join(parts))
    for quote in gold.quotes[:QUOTES]:
        st.caption(f"“{escape_markdown(shortened(' '.join(quote.split()), 300))}”")
    if len(gold.quotes) > QUOTES:
        st.caption(f"And {len(gold.quotes) - QUOTES:,} more.")
    if gold.answerable and gold.located and not one.wanted.documents:
        st.caption(
            ":material/info: Where it stands could not be found: the document is not there, or the documents have "
            "changed since the study."
        )


def _choose_pair(named: Mapping[str, Run]) -> list[tuple[str, Run]]:
    if len(named) <= 2:
        return list(named.items())
    letters = list(named)
    with st.container(horizontal=True):
        left = st.segmented_control("Left", letters, default="A", required=True, key="diff-left")
        right = st.segmented_control("Right", letters, default="B", required=True, key="diff-right")
    return [(one, named[one]) for one in dict.fromkeys((left, right))]


def _said(one: OneQuestion, run: Run, letter: str) -> None:
    """What a run made of the question."""
    scored = one.scored.get(run.id)
    st.markdown(f"**{letter}**")
    if scored is None:
        st.caption("This run has not asked it.")
        return
    st.caption(message_markdown(why(scored, one.gold, one.wanted, bool(run.configuration.answerer))))
    if scored.answer:
        st.caption("It answered:")
        st.text(shortened(scored.answer, 600))
    if not scored.found and not scored.error:
        st.caption("It found nothing.")


def _found(workspace: Workspace, collection: str, one: OneQuestion, pair: Sequence[tuple[str, Run]]) -> None:
    """What runs found, place by place, so that the same place of both stands together on a narrow screen as well."""
    sides = []
    for letter, run in pair:
        scored = one.scored.get(run.id)
        others = (one.scored.get(each.id) for _, each in pair if each is not run)
        theirs = next((each for each in others if each is not None), None)
        found = scored.found if scored else ()
        places = matched(found, theirs.found) if theirs else None
        passages = [_passage(workspace, collection, one, each) for each in found]
        sides.append(_Side(letter, run, found, places, passages))
    for at in range(max((len(one.found) for one in sides), default=0)):
        for column, side in zip(st.columns(len(sides)), sides, strict=True):
            with column:
                if at < len(side.found):
                    _card(one, side, at, named=len(sides) > 1)


class _Side(NamedTuple):
    """What a run found, with the place of each in the other run, where there is another."""

    letter: str
    run: Run
    found: Sequence[Found]
    places: Sequence[int | None] | None
    passages: list[Passage]


def _card(one: OneQuestion, side: _Side, at: int, named: bool) -> None:
    found = side.found[at]
    badges = [":green-badge[:material/check: expected]"] if is_expected(found, one.wanted) else []
    badges += [_moved(at, side.places[at])] if side.places is not None else []
    letter = f"{side.letter} · " if named else ""
    with st.container(border=True, gap="xsmall"):
        st.button(
            f"{letter}{at + 1}. {label(found.name, found.page, 24)}",
            key=f"diff-open-{side.letter}-{side.run.id}-{at}",
            type="tertiary",
            icon=":material/description:",
            help="Open the page",
            on_click=open_viewer,
            args=(side.passages, at),
        )
        if badges:
            st.markdown(" ".join(badges))
        passage = side.passages[at]
        gone = "<em>Its document is not there any more.</em>"
        shown = excerpt(passage.text, passage.inside) if passage.text else gone
        st.html(f'<div style="font-size:.85rem;line-height:1.45;overflow-wrap:anywhere">{shown}</div>')


def _moved(at: int, there: int | None) -> str:
    """Where the other run has the same passage."""
    if there is None:
        return ":orange-badge[:material/fiber_new: only here]"
    if there == at:
        return ":gray-badge[at the same place]"
    arrow = "arrow_upward" if at < there else "arrow_downward"
    return f":blue-badge[:material/{arrow}: place {there + 1} in the other]"


def _passage(workspace: Workspace, collection: str, one: OneQuestion, found: Found) -> Passage:
    text = workspace.found_text(collection, found)
    marks = answering(found, text, one.gold, one.wanted.spans) if is_expected(found, one.wanted) else []
    where = found.document, found.name, found.page, found.start, found.end
    return Passage(collection, *where, text, highlights=tuple(marks))
