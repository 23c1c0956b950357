"""Collections that were made elsewhere: how they come here, and what is to be known of one."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from rag.records import Collection, Errand, Foreign
from rag.workspace import Workspace
from ui.collections.errands import POLL_SECONDS, bar, begun, concerns, settle, told
from ui.dialogs import close_dialog, open_from_new
from ui.errors import friendly_errors
from ui.text import counted, day, escape_markdown, message_markdown, shortened


def draw_link(workspace: Workspace, collection: Collection) -> None:
    """Of a collection that was read from elsewhere: from where, when, and how to read it again."""
    linked = collection.linked
    if linked is None:
        return
    local = linked.read_at.astimezone()
    st.info(
        f"Read-only: read from “{escape_markdown(linked.name)}” in {escape_markdown(shortened(linked.place, 120))} on "
        f"{day(local)} at {local:%H:%M}. What is changed there is here once it is read again.",
        icon=":material/link:",
    )
    if collection.recipe is not None and not collection.recipe.model:
        st.warning(
            "Its embedding model is unknown, so it is searched by words only. Name the model it was made with, or "
            "re-embed it with one of your own.",
            icon=":material/warning:",
        )
    if workspace.settings.demo:
        return
    moves = [one for one in workspace.moves(Errand.AGAIN, collection.name) if concerns(one)]
    is_running = any(not one.over for one in moves)
    st.fragment(_draw_again, run_every=POLL_SECONDS if is_running else None)(workspace, collection, is_running)


def _draw_again(workspace: Workspace, collection: Collection, was_running: bool) -> None:
    with friendly_errors():
        move = next((one for one in workspace.moves(Errand.AGAIN, collection.name) if concerns(one)), None)
        if move is not None and not move.over:
            bar(move, "Reading it again")
            return
        if was_running:
            if move is not None and not move.problem:
                told(move)
            st.rerun()
        if move is not None and move.problem:
            st.error(message_markdown(move.problem), icon=":material/error:")
        unknown = collection.recipe is not None and not collection.recipe.model
        with st.container(horizontal=True, vertical_alignment="bottom"):
            model = _model_input("again-model") if unknown else ""
            if st.button("Read it again", icon=":material/sync:", key="read-again"):
                if move is not None:
                    told(move)
                begun(workspace.begin_read_again(collection.name, model))
                st.rerun()


def _model_input(key: str) -> str:
    return st.text_input(
        "Embedding model",
        key=key,
        max_chars=200,
        placeholder="found out by itself",
        help="What turned its texts into vectors: `bundled`, a sentence-transformers name or folder, or "
        "`provider:model`. Left empty, the models that are named there or come with Footnote are tried.",
    ).strip()


def offer_link(workspace: Workspace) -> None:
    """What opens a Chroma that is not ours; for the popover in which collections are made."""
    if workspace.settings.model_may_be_chosen:  # else readers may not name servers that this machine then asks
        st.button(
            "Open another program's Chroma",
            icon=":material/link:",
            key="offer-link",
            width="stretch",
            on_click=open_from_new,
            args=(link, workspace),
        )


@st.dialog("Open another program's Chroma", icon=":material/link:", width="medium", on_dismiss=close_dialog)
def link(workspace: Workspace) -> None:
    """Ask where it is, say what is in it, and read a collection of it."""
    with friendly_errors():
        move = next((one for one in workspace.moves(Errand.LINK) if concerns(one)), None)
        if move is not None:
            settle(workspace, move, "Read", "Reading")
            return
        st.markdown(
            "A folder or a server that LangChain, LlamaIndex or another program filled. It is read into a read-only "
            "collection here, and never written."
        )
        with st.form("link-place", border=False):
            place = st.text_input(
                "Its folder on this machine, or the address of its server",
                key="link-where",
                placeholder="/home/me/chroma_db or http://localhost:8000",
            )
            if st.form_submit_button("Look into it", icon=":material/search:"):
                st.session_state.pop("link-found", None)
                with st.spinner("Looking…"):
                    st.session_state["link-found"] = (place, workspace.foreign(place))
        where, found = st.session_state.get("link-found", ("", ()))
        if where and where == place:
            _choose(workspace, where, found)


def _choose(workspace: Workspace, place: str, found: Sequence[Foreign]) -> None:
    if not found:
        st.markdown("There is no collection in it.")
        return
    rows = {one.name: one for one in found}
    chosen = st.selectbox(
        "Collection in it", list(rows), format_func=lambda name: f"{name} · {counted(rows[name].rows, 'row')}"
    )
    name = st.text_input("Its name here", workspace.free_name(chosen[:90]), max_chars=100, key=f"link-as-{chosen}")
    model = _model_input("link-model")
    if st.button("Read it", type="primary", icon=":material/link:", key="link-read", disabled=not rows[chosen].rows):
        begun(workspace.begin_link(place, chosen, name, model))
        st.session_state.pop("link-found", None)
        st.rerun(scope="fragment")
