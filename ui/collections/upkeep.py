"""How a collection is made and kept: its facts and health, another model, a copy of it, its end."""

from __future__ import annotations

import streamlit as st

from rag.records import Collection
from rag.workspace import Workspace
from ui.collections.backups import draw_backup
from ui.collections.elsewhere import draw_link
from ui.collections.reembedding import draw_reembedding
from ui.deleting import confirm_delete_collection, storage
from ui.dialogs import open_dialog


def draw_upkeep(workspace: Workspace, collection: Collection) -> None:
    """Draw the view."""
    draw_link(workspace, collection)
    draw_reembedding(workspace, collection)
    draw_backup(workspace, collection)
    if not workspace.settings.demo:
        st.button(
            "Delete this collection",
            icon=":material/delete_sweep:",
            type="tertiary",
            on_click=open_dialog,
            args=(confirm_delete_collection, workspace, collection.name, collection.documents),
        )
    storage(workspace)
