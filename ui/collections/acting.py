"""What is done with one document or several: forms in popovers, and what is said afterwards."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from rag.records import Census, Transferred
from rag.workspace import Workspace
from ui.collections.table import marked, open_document
from ui.errors import friendly_errors
from ui.shell import say
from ui.text import counted, escape_markdown, shortened

COPY, MOVE = "Copy", "Move"


def form_key(what: str, collection: str) -> str:
    """A key for a popover and its form: another one after each that was done, so that it is closed and fresh."""
    return f"{what}-{collection}-{st.session_state.get('done', 0)}"


def done(message: str) -> None:
    """Say that something was done, and draw the page anew. The message is Markdown."""
    say(message)
    st.session_state["done"] = st.session_state.get("done", 0) + 1
    st.rerun()


def delete(workspace: Workspace, collection: str, ids: Sequence[str]) -> None:
    """Delete documents in a way that can be undone; for callbacks."""
    with friendly_errors():
        workspace.trash(collection, ids)
        marked(collection).difference_update(ids)
        if st.session_state.get(f"document-{collection}") in ids:
            open_document(collection, None)


def reread(workspace: Workspace, collection: str, ids: Sequence[str]) -> None:
    """Read documents anew; for callbacks."""
    with friendly_errors():
        queued = workspace.reread(collection, ids)
        say(f"{counted(queued, 'document')} will be read anew, and searched as before until then.")


def transfer_popover(workspace: Workspace, collection: str, ids: Sequence[str], where: str) -> None:
    """Moves or copies documents to another collection. `where` on the page it is."""
    key = form_key(f"transfer-{where}", collection)
    with st.popover("Move or copy", icon=":material/drive_file_move:", key=f"{key}-box"):
        others = [one.name for one in workspace.collections() if one.name != collection and one.linked is None]
        with st.form(key, border=False):
            target = st.selectbox(
                "To the collection",
                others,
                index=None,
                key=f"{key}-target",
                placeholder="Choose one, or type a new name",
                accept_new_options=True,
            )
            how = st.segmented_control("How", [COPY, MOVE], default=COPY, required=True, key=f"{key}-how")
            st.caption("What moves leaves here as soon as it is ready there. Nothing is lost on the way.")
            pressed = st.form_submit_button("Go", icon=":material/arrow_forward:")
        if pressed and target is None:
            st.caption(":red[Choose a collection, or type the name of a new one.]")
        if pressed and target is not None:
            with friendly_errors():
                told = workspace.transfer(collection, ids, target, how == MOVE)
                marked(collection).difference_update(ids)
                done(_told(told, target, how == MOVE))


def _told(told: Transferred, target: str, moves: bool) -> str:
    to = f"“{escape_markdown(target)}”"
    there = ", ".join(escape_markdown(shortened(one, 40)) for one in told.there[:3])
    there += f" and {len(told.there) - 3:,} more" if len(told.there) > 3 else ""
    left = f"In {to} already, and left as they are: {there}." if told.there else ""
    if not told.queued:
        return f"Nothing to do. {left}"
    what = f"{counted(told.queued, 'document')} {'is' if told.queued == 1 else 'are'}"
    how = "" if told.copied else " It is made in another way: they are indexed anew there."
    return f"{what} being {'moved' if moves else 'copied'} to {to}.{how} {left}".strip()


def tags_popover(workspace: Workspace, collection: str, census: Census, ids: Sequence[str]) -> None:
    """Gives tags to documents and takes others away."""
    key = form_key("retag", collection)
    with st.popover("Tags", icon=":material/label:", key=f"{key}-box"), st.form(key, border=False):
        known = list(census.tags)
        add = st.multiselect("Add", known, key=f"{key}-add", accept_new_options=True, placeholder="Choose or type")
        remove = st.multiselect("Take away", known, key=f"{key}-remove", placeholder="Choose")
        if st.form_submit_button("Save", icon=":material/check:"):
            with friendly_errors():
                changed = workspace.retag(collection, ids, add, remove)
                done(f"The tags of {counted(changed, 'document')} are changed.")
