"""How a collection is made and kept: its facts and health, another model, a copy of it, its end."""

from __future__ import annotations

import streamlit as st

from rag.records import Collection
from rag.workspace import Workspace
from ui.collections.backups import draw_backup
from ui.collections.elsewhere import draw_link
from ui.collections.health import draw_health
from ui.collections.reembedding import draw_reembedding
from ui.collections.top import copy, rename
from ui.deleting import confirm_delete_collection, storage
from ui.dialogs import open_dialog
from ui.text import bytes_as_text, day, escape_markdown


def draw_upkeep(workspace: Workspace, collection: Collection) -> None:
    """Draw the view."""
    draw_link(workspace, collection)
    _facts(workspace, collection)
    if not workspace.settings.demo:
        with st.container(horizontal=True):
            st.button("Rename", icon=":material/edit:", on_click=open_dialog, args=(rename, workspace, collection))
            st.button("Copy", icon=":material/content_copy:", on_click=open_dialog, args=(copy, workspace, collection))
            st.button(
                "Delete this collection",
                icon=":material/delete_sweep:",
                on_click=open_dialog,
                args=(confirm_delete_collection, workspace, collection.name, collection.documents),
            )
        st.subheader("Health", anchor=False)
        draw_health(workspace, collection)
    draw_reembedding(workspace, collection)
    draw_backup(workspace, collection)
    st.subheader("Everything", anchor=False)
    storage(workspace)


def _facts(workspace: Workspace, collection: Collection) -> None:
    made, room = collection.fingerprint, workspace.room(collection.name)
    sizes = (("files", room.originals), ("text", room.text), ("vectors", room.vectors), ("words", room.words))
    parts = ", ".join(f"{name} {bytes_as_text(size)}" for name, size in sizes if size)
    chunks = f", about {made['chunk_tokens']} tokens each" if "chunk_tokens" in made else ""
    facts = {
        "Documents": f"{collection.documents:,}",
        "Passages": f"{collection.chunks:,}{chunks}",
        "On the disk": f"about {bytes_as_text(room.whole)} with its index: {parts}" if parts else "nothing yet",
        "Embedding model": escape_markdown(
            " · ".join((made.get("model", "not known"), *made.get("precision", "").split()[:1]))
        ),
        "Vectors": f"{made.get('dimension', '?')} dimensions, {made.get('distance', 'unknown')} distance",
        "Made": day(collection.created_at),
        "Name inside Chroma": f"`{collection.store_name}`",
    }
    st.table([{"": name, " ": value} for name, value in facts.items()], border="horizontal", hide_header=True)
