"""What ends the making of a new version of a collection: it is swapped in or discarded, and asked before."""

from __future__ import annotations

import streamlit as st

from rag.records import Collection, Recipe
from rag.workspace import Workspace
from ui.collections.rehearsing import draw_before_swap
from ui.dialogs import close_dialog
from ui.errors import friendly_errors
from ui.shell import say
from ui.text import counted, escape_markdown, shortened

BUNDLED = "bundled"
WITHOUT = "What failed is listed among the documents then, is not searched, and can be retried there."


def lost(number: int) -> str:
    """That corrections do not outlast another cut."""
    return (
        f"{counted(number, 'passage')} edited or hidden by hand will be as they were read: texts are cut at other "
        "places."
    )


def model_of(recipe: Recipe) -> str:
    """The model's name, in Markdown."""
    if recipe.model != BUNDLED:
        return escape_markdown(shortened(recipe.model, 60))
    return f"all-MiniLM-L6-v2 {recipe.precision}"


def _model_now(collection: Collection) -> str:
    made = collection.fingerprint
    return escape_markdown(" ".join((made.get("model", "not known"), *made.get("precision", "").split()[:1])))


@st.dialog("Swap in the new version?", icon=":material/swap_horiz:", on_dismiss=close_dialog)
def confirm_swap(workspace: Workspace, name: str, without_failed: bool) -> None:
    """Say what a swap changes, and do it."""
    with friendly_errors():
        found, now = workspace.reembedding(name), workspace.collection(name)
        if found is None:
            st.markdown("It has been swapped in or discarded meanwhile.")
            return
        made, recipe, then = now.fingerprint, found.recipe, found.counts
        size = escape_markdown(made.get("chunk_tokens", "not known"))
        rows = (
            ("Documents searched", f"{now.documents:,}", f"{then.ready:,}"),
            ("Passages", f"{now.chunks:,}", f"{then.passages:,}"),
            ("Model", _model_now(now), model_of(recipe)),
            ("Tokens in a passage", size, f"{recipe.chunk_tokens:,}"),
        )
        st.table([{"": what, "Now": old, "Then": new} for what, old, new in rows], border="horizontal")
        if found.edits_lost:
            st.warning(lost(found.edits_lost), icon=":material/edit_off:")
        if without_failed:
            st.markdown(WITHOUT)
        draw_before_swap(workspace, name)
        st.markdown(
            "Everybody searches the new version from then on. This cannot be undone: the present one is removed, and "
            "would have to be made again. Conversations and links stay as they are."
        )
        with st.container(horizontal=True, horizontal_alignment="right"):
            if st.button("Not yet", key="not-yet", on_click=close_dialog):
                st.rerun()
            pressed = st.button("Swap it in", key="really-swap", type="primary")
        if pressed:
            after = workspace.swap(name, without_failed)
            close_dialog()
            say(f"Swapped in: {escape_markdown(after.name)} has {counted(after.chunks, 'passage')} now.")
            st.rerun()


@st.dialog("Discard the new version?", icon=":material/delete:", on_dismiss=close_dialog)
def confirm_discard(workspace: Workspace, name: str) -> None:
    """Ask, then give up what is in the making."""
    st.markdown(
        f"What has been made so far is thrown away. **{escape_markdown(name)}** stays as it is, with all its documents."
    )
    with st.container(horizontal=True, horizontal_alignment="right"):
        if st.button("Go on with it", key="keep-making", on_click=close_dialog):
            st.rerun()
        pressed = st.button("Discard", key="really-discard", type="primary")
    if pressed:
        with friendly_errors():
            workspace.discard_reembedding(name)
            close_dialog()
            say("The new version has been discarded.")
            st.rerun()
