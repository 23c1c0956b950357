"""The retrieval diff: what two runs found for one question, side by side, and what only one of them found."""

from __future__ import annotations

import html
from collections.abc import Callable, Mapping, Sequence

import streamlit as st

from rag.records import Found, Run, Scored
from rag.workspace import Contest, OneQuestion, Workspace, is_expected, matched, why
from ui.experiments.address import QUESTION, look_at
from ui.labels import label
from ui.passages import Passage
from ui.text import escape_markdown, message_markdown, shortened
from ui.viewer import open_viewer

LETTERS = "ABCDEF"
EXCERPT = 260
"""Characters shown of a passage."""


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
                other = next((each for name, each in pair if name != letter), None)
                _side(workspace, contest, one, run, letter, other)


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


def _side(workspace: Workspace, contest: Contest, one: OneQuestion, run: Run, letter: str, other: Run | None) -> None:
    """What a run made of the question, beside what the other did."""
    scored = one.scored.get(run.id)
    st.markdown(f"**{letter}**")
    if scored is None:
        st.caption("This run has not asked it.")
        return
    st.caption(message_markdown(why(scored, one.gold, one.wanted, bool(run.configuration.answerer))))
    if scored.answer:
        st.caption("It answered:")
        st.text(shortened(scored.answer, 600))
    theirs = one.scored.get(other.id) if other else None
    _passages(workspace, contest, one, scored, theirs, f"{letter}-{run.id}")


def _passages(
    workspace: Workspace, contest: Contest, one: OneQuestion, mine: Scored, theirs: Scored | None, key: str
) -> None:
    collection = contest.newest.collection
    places = matched(mine.found, theirs.found) if theirs else [None] * len(mine.found)
    passages = [_passage(workspace, collection, found) for found in mine.found]
    for at, found in enumerate(mine.found):
        badges = [":green-badge[:material/check: expected]"] if is_expected(found, one.wanted) else []
        badges += [_moved(at, places[at])] if theirs else []
        with st.container(border=True, gap="xsmall"):
            st.button(
                f"{at + 1}. {label(found.name, found.page, 24)}",
                key=f"diff-open-{key}-{at}",
                type="tertiary",
                icon=":material/description:",
                help="Open the page",
                on_click=open_viewer,
                args=(passages, at),
            )
            if badges:
                st.markdown(" ".join(badges))
            text = passages[at].text
            shown = html.escape(_beginning(text)) if text else "<em>Its document is not there any more.</em>"
            st.html(f'<div style="font-size:.85rem;line-height:1.45;overflow-wrap:anywhere">{shown}</div>')
    if not mine.found and not mine.error:
        st.caption("It found nothing.")


def _beginning(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= EXCERPT else f"{text[:EXCERPT].rsplit(' ', 1)[0]}…"


def _moved(at: int, there: int | None) -> str:
    """Where the other run has the same passage."""
    if there is None:
        return ":orange-badge[:material/fiber_new: only here]"
    if there == at:
        return ":gray-badge[at the same place]"
    arrow = "arrow_upward" if at < there else "arrow_downward"
    return f":blue-badge[:material/{arrow}: place {there + 1} in the other]"


def _passage(workspace: Workspace, collection: str, found: Found) -> Passage:
    text = workspace.found_text(collection, found)
    return Passage(collection, found.document, found.name, found.page, found.start, found.end, text)
