"""The conversation on the Ask page: turns, how they are asked, and how they are drawn, now and after any rerun."""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import dataclass

import streamlit as st

from rag.errors import RagError
from rag.records import QUOTING, Abstention, Answer, AnswerPiece, Citation, Document, Exchange, Hit, State
from rag.settings import Settings
from rag.workspace import Workspace
from ui.labels import distinguished, heading_path, label
from ui.ledger import draw_checked, draw_ledger
from ui.overviews import draw_overview
from ui.passages import cited, found
from ui.sharing import copy_button, draw_searched
from ui.text import answer_markdown, counted, escape_markdown, message_markdown, quoted_html
from ui.viewer import open_viewer

"""The answer's `model` where no language model wrote it."""
LONGEST_HEADING = 200
"""Characters: the names of a wide table's columns are many."""


@dataclass(frozen=True, slots=True)
class Search:
    """Where to look for an answer: a collection, some of its documents (none: all), and how many passages to find."""

    collection: str
    documents: tuple[str, ...]
    passages: int

    def covers(self, document: Document) -> bool:
        """Whether a document is looked into."""
        return document.collection == self.collection and (not self.documents or document.id in self.documents)


@dataclass(slots=True)
class Turn:
    """A question with its answer. Without either answer or error it was stopped on the way, after `partial`."""

    question: str
    search: Search
    answer: Answer | None = None
    error: str = ""
    partial: str = ""
    literally: bool = False
    """Whether it is searched for as it was typed, even if it looks like a follow-up question."""


def choose_search(searchable: Sequence[Document], settings: Settings) -> Search:
    """Widgets for where to look. The default collection comes first."""
    names = sorted({one.collection for one in searchable}, key=lambda name: (name != settings.collection, name))
    if st.session_state.get("ask_collection") not in names:
        st.session_state.pop("ask_collection", None)
    collection = st.selectbox("Collection", names, key="ask_collection", persist_state="session") or settings.collection
    there = distinguished([one for one in searchable if one.collection == collection])
    key = f"ask_documents-{collection}"
    gone = [one for one in st.session_state.get(key, ()) if one not in there]  # still chosen: never search more instead
    documents = st.multiselect(
        "Documents",
        [*there, *gone],
        format_func=lambda one: "a document that was deleted" if one in gone else there.get(one, one),
        placeholder="All documents",
        key=key,
        persist_state="session",
    )
    passages = st.slider("Passages to find", 1, 20, min(settings.top_k, 20), key="ask_k", persist_state="session")
    return Search(collection, tuple(documents), passages)


def search_in_words(search: Search, settings: Settings) -> str:
    """What is searched and who writes the answer, in Markdown."""
    what = counted(len(search.documents), "chosen document") if search.documents else "every document"
    how = (
        f"Passages and the conversation are sent to {escape_markdown(settings.llm)}, which writes the answer."
        if settings.llm
        else "Answers are quoted word for word."
    )
    where = f"Searching {what} in the collection “{escape_markdown(search.collection)}”."
    return f"{where} {how}"


def only_by_words(searchable: Sequence[Document], held_back: Set[tuple[str, str]], collection: str) -> str:
    """Which documents of a collection are not searched as well as they will be, in Markdown; empty if all are.

    Those held back, as `Workspace.held_back` tells, are not searched at all yet.
    """
    here = [one for one in searchable if one.collection == collection]
    number = sum(one.state is State.SEARCHABLE and (one.collection, one.id) not in held_back for one in here)
    if not number:
        return ""
    are = "is searched by its words" if number == 1 else "are searched by their words"
    return f"{counted(number, 'document')} {are} only, until the vectors for searching by meaning are made."


def offer(examples: Sequence[str]) -> None:
    """Questions to begin with; the chosen one is the session's `example`."""
    if examples:
        st.markdown("**Try one of these.** The last one has no answer in the documents.")
    for number, example in enumerate(examples):
        st.button(
            escape_markdown(example),
            key=f"example-{number}",
            icon=":material/chat_bubble:",
            on_click=st.session_state.__setitem__,
            args=("example", example),
        )


def ask(workspace: Workspace, turn: Turn, before: Sequence[Turn]) -> None:
    """Answer a turn, drawing the answer as it comes; a question that depends on those `before` it, of the
    same collection, is completed.

    The turn is already part of the history, and in a state that can be drawn at any time, so that whatever
    interrupts this, a stop or another click, leaves a history that is whole.
    """
    place = st.empty()
    place.markdown(":shimmer[Looking through the documents…]")
    where = {"document": {"$in": list(turn.search.documents)}} if turn.search.documents else None
    numbers = range(1, turn.search.passages + 1)
    turn.answer, turn.error, turn.partial = None, "", ""
    # What another collection was asked is no part of this conversation, and none of a language model's business.
    same = [one for one in before if one.search.collection == turn.search.collection]
    conversation = [Exchange(one.answer.searched or one.question, one.answer.text) for one in same if one.answer]
    given = (turn.search.passages, where, turn.search.collection, () if turn.literally else conversation)
    try:
        for one in workspace.ask_stream(turn.question, *given):
            if isinstance(one, AnswerPiece):
                turn.partial = one.text if one.restart else turn.partial + one.text
                if workspace.settings.llm and turn.partial:
                    place.markdown(answer_markdown(turn.partial, numbers) + " ▌")
            else:
                turn.answer = one
    except RagError as error:
        turn.error = str(error)
    place.empty()


def draw(turn: Turn, number: int) -> bool:
    """Draw the answer of a turn. True if the reader wants it asked again."""
    if turn.answer is None:
        return _draw_unanswered(turn, number)
    answer = turn.answer
    if answer.searched not in ("", turn.question.strip()) and draw_searched(answer.searched, number):
        turn.literally = True
        return True
    if answer.overview is not None:
        draw_overview(answer.overview, answer, turn.search.collection, str(number))
        return False
    if answer.notice:
        st.warning(message_markdown(answer.notice), icon=":material/info:")
    if answer.abstained:
        _draw_abstention(answer)
    elif answer.model == QUOTING:
        st.html(quoted_html(answer.text, answer.citations))
    else:
        draw_checked(answer, _numbers(answer))
    _draw_footnotes(turn, answer.citations, number)
    draw_ledger(answer, turn.search.collection, str(number))
    _draw_hits(turn, answer, number)
    if not answer.abstained:
        copy_button(answer, str(number))
    return False


def _draw_unanswered(turn: Turn, number: int) -> bool:
    if turn.error:
        st.error(message_markdown(turn.error), icon=":material/error:")
    else:
        if turn.partial:
            st.markdown(answer_markdown(turn.partial, ()))
        st.caption("Stopped before the answer was complete.")
    with st.container(horizontal=True):
        st.button("Edit the question", key=f"edit-{number}", icon=":material/edit:", on_click=_edit, args=(number,))
        return st.button("Ask again", key=f"again-{number}", icon=":material/refresh:")


def _edit(number: int) -> None:
    """Put a question back into the box it came from."""
    st.session_state["question"] = st.session_state["turns"].pop(number).question


def _numbers(answer: Answer) -> set[int]:
    return {one.number for one in answer.citations}


def _draw_abstention(answer: Answer) -> None:
    if answer.abstention is Abstention.NEAR_MISS:
        advice = "Read the closest passages below, or ask in other words."
    elif answer.abstention is Abstention.SEVERAL_DOCUMENTS:
        advice = "Or choose it under “Where to look”."
    elif answer.hits:
        advice = "Ask in other words, search in more documents, or upload the one that has the answer."
    else:
        advice = "No passage was found. Search in more documents, or upload the one that has the answer."
    st.info(f"**{escape_markdown(answer.text)}** {advice}", icon=":material/search_off:")


def _draw_footnotes(turn: Turn, citations: Sequence[Citation], number: int) -> None:
    passages = [cited(one, turn.search.collection) for one in citations]
    with st.container(horizontal=True, gap="xsmall"):
        for at, one in enumerate(citations):
            shown = rf"**\[{one.number}\]** {label(one.name, one.page)}"
            st.button(shown, key=f"footnote-{number}-{one.number}", on_click=open_viewer, args=(passages, at))


def _draw_hits(turn: Turn, answer: Answer, number: int) -> None:
    if not answer.hits:
        return
    seconds = answer.timings.get("search", 0.0) + answer.timings.get("answer", 0.0)
    what = counted(len(answer.hits), "closest passage" if answer.abstained else "source")
    title = f"{what} · {seconds:.2f} s"
    passages = [found(hit, turn.search.collection) for hit in answer.hits]
    with st.expander(title, expanded=answer.abstention is Abstention.NEAR_MISS):
        st.caption(_made_by(answer))
        for index, hit in enumerate(answer.hits):
            with st.container(gap="xxsmall"):
                st.button(
                    f"**{label(hit.name, hit.chunk.page)}**",
                    key=f"hit-{number}-{index}",
                    type="tertiary",
                    icon=":material/article:",
                    on_click=open_viewer,
                    args=(passages, index),
                )
                if hit.chunk.heading:
                    st.caption(f"**{heading_path(hit.chunk.heading, LONGEST_HEADING)}**")
                st.caption(f"{how_found(hit)} · {_snippet(hit.text)}")


def how_found(hit: Hit) -> str:
    """By what a passage was found, and how near it is to the question."""
    alike = f"{hit.scores.get('dense', hit.score):.0%} alike"
    return f"found by its words · {alike}" if "lexical" in hit.ranks and "dense" not in hit.ranks else alike


def _snippet(text: str) -> str:
    flat = " ".join(text.split())
    return escape_markdown(flat if len(flat) <= 280 else f"{flat[:280].rstrip()}…")


def _made_by(answer: Answer) -> str:
    if answer.abstained:
        return "What comes closest to the question, best first. None of it was taken for an answer."
    if answer.model == QUOTING:
        return "The answer is quoted word for word from these passages, best first."
    return f"Written by {escape_markdown(answer.model)} from these passages, best first. Check the footnotes."
