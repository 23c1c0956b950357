"""What a document is about, on the Ask page and in a dialog: its outline, and its key sentences by section."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from functools import partial
from typing import Literal

import streamlit as st
from streamlit.elements.lib.mutable_status_container import StatusContainer

from rag.records import QUOTING, Answer, Citation, Document, Overview
from rag.workspace import Workspace, live
from ui.answerers import answerer_of, choice_of
from ui.dialogs import close_dialog, give_way, open_dialog
from ui.edited import draw_edited
from ui.errors import friendly_errors
from ui.labels import place
from ui.ledger import draw_checked, draw_ledger
from ui.passages import Passage, cited
from ui.sharing import copy_button
from ui.text import counted, escape_markdown, message_markdown
from ui.viewer import open_viewer

QUESTION = "Summarise this document"


def overview_button(
    workspace: Workspace,
    document: Document,
    key: str = "overview",
    kind: Literal["secondary", "tertiary"] = "secondary",
) -> None:
    """Opens the overview of a document. `key` tells it from others on the page."""
    st.button(
        "Overview",
        icon=":material/summarize:",
        key=key,
        type=kind,
        help="What the document is about",
        on_click=open_dialog,
        args=(show_overview, workspace, document),
    )


def offer_overview(asked_about: Sequence[Document]) -> None:
    """Where just one document is asked about, a button that asks what it is about: the session's `example`."""
    if len(asked_about) == 1:
        st.button(
            "Overview",
            icon=":material/summarize:",
            type="tertiary",
            help="What the document is about",
            on_click=st.session_state.__setitem__,
            args=("example", QUESTION),
        )


@st.dialog("Overview", width=880, icon=":material/summarize:", on_dismiss=close_dialog)
def show_overview(workspace: Workspace, document: Document) -> None:
    """The overview of a document in a dialog. It is made once a session: a language model may charge for it."""
    give_way(show_overview)
    with friendly_errors():
        made = st.session_state.setdefault("overviews", {})
        key = (document.collection, document.id, choice_of(workspace))
        if key not in made:
            with st.status("Reading the document…") as status:
                made[key] = _made(workspace, document, status)
                status.update(label="Done", state="complete")
            st.rerun()
        draw_overview(made[key], made[key].answer, document.collection, "dialog")
        copy_button(made[key].answer, "dialog")


def _made(workspace: Workspace, document: Document, status: StatusContainer) -> Overview:
    """The overview, by who answers in this session; whoever closes the dialog meanwhile ends the work."""
    answerer = answerer_of(workspace, document.collection)
    start = partial(workspace.overview_steps, document.id, document.collection, answerer)
    with closing(live(workspace.settings.ask_timeout, start)) as steps:
        for one in steps:
            if isinstance(one, Overview):
                return one
            if one is not None:
                status.update(label=f"{one}…")
            _ = "page" in st.session_state  # looks for a click elsewhere
    raise TypeError("an overview's steps end in an Overview")


def draw_overview(overview: Overview, answer: Answer, collection: str, key: str) -> None:
    """An overview with footnotes that open the passages. `key` tells it from others on the page."""
    passages = [cited(one, collection) for one in answer.citations]
    st.markdown(f"**{escape_markdown(overview.title or overview.name)}** · {escape_markdown(overview.name)}")
    if answer.notice:
        st.warning(message_markdown(answer.notice), icon=":material/info:")
    if answer.model != QUOTING:
        draw_checked(answer, {one.number for one in answer.citations})
        _footnotes(answer.citations, passages, collection, key)
        draw_ledger(answer, collection, key)
    elif answer.abstained:
        st.caption("It has no sentences that tell what it is about. Look at its passages.")
    else:
        edited = any(one.edited for one in answer.citations)
        apart = ", or as their passages were edited by hand" if edited else ""
        st.caption(f"Its sections and the sentences that say most of them, word for word{apart}.")
        for section in overview.sections:
            _section(overview, section.heading, section.page, section.citations, passages, collection, key)
    _outline(overview)


def _section(
    overview: Overview,
    heading: str,
    page: int,
    citations: Sequence[Citation],
    passages: Sequence[Passage],
    collection: str,
    key: str,
) -> None:
    with st.container(gap="xxsmall"):
        if heading:
            st.markdown(f"**{escape_markdown(heading)}** :small[· {place(overview.name, page)}]")
        for one in citations:
            st.markdown(rf"{escape_markdown(one.quote)} :blue[**\[{one.number}\]**]")
        _footnotes(citations, passages, collection, key)


def _footnotes(citations: Sequence[Citation], passages: Sequence[Passage], collection: str, key: str) -> None:
    with st.container(horizontal=True, gap="xsmall"):
        for one in citations:
            st.button(
                rf"**\[{one.number}\]** {place(one.name, one.page)}",
                key=f"footnote-{key}-{one.number}",
                wrap=True,
                on_click=open_viewer,
                args=(passages, passages.index(cited(one, collection))),
            )
    draw_edited(citations)


def _outline(overview: Overview) -> None:
    if not overview.outline:
        return
    with st.expander(f"Outline · {counted(len(overview.outline), 'heading')}", icon=":material/toc:"):
        lines = [
            f"{'  ' * (level - 1)}- {escape_markdown(title)} :small[· {place(overview.name, page)}]"
            for level, title, page in overview.outline
        ]
        st.markdown("\n".join(lines))
