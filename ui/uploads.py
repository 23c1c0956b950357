"""The first steps of an upload: choosing files and where they go, without keeping their bytes in memory."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx
from streamlit.runtime.uploaded_file_manager import UploadedFile

from rag.workspace import READABLE, Workspace
from ui.basket import Basket
from ui.text import escape_markdown, shortened

NEW_COLLECTION = "New collection…"
FOLDER = "Folder"
ARCHIVE = ".zip"
HIDDEN_NAMED = 10


def extensions() -> list[str]:
    """The extensions that are taken, with dots: to Streamlit `text` means every kind of text."""
    return [*(one.strip() for one in READABLE.split(",")), ARCHIVE]


def choose_files(basket: Basket, max_file_mb: int) -> None:
    """An uploader for files or a whole folder; what is chosen goes into the basket at once."""
    what = st.segmented_control(
        "What to upload", ["Files", FOLDER], default="Files", required=True, key="upload_what", persist_state="session"
    )
    several: Literal["directory", True] = "directory" if what == FOLDER else True
    batch = st.session_state.setdefault("batch", 0)
    files = st.file_uploader(
        "A folder with all that is in it" if what == FOLDER else "Files to index",
        type=extensions(),
        accept_multiple_files=several,
        key=f"files-{what}-{batch}",
        max_upload_size=max_file_mb,
        help="PDF, Word, PowerPoint, Excel, CSV, HTML, Markdown, text, JSON, and images of pages. "
        "A zip archive is unpacked, and each file in it is checked.",
    )
    if what == FOLDER:
        st.caption("Files of other kinds stay where they are: your browser does not send them.")
    if files:
        with st.spinner("Taking them in…"):
            st.session_state["hidden"] = [one.name for one in files if _is_hidden(one.name)]
            basket.take((one.name, one) for one in files if not _is_hidden(one.name))
        st.session_state["batch"] = batch + 1  # an uploader without files: these are in the basket now
        release(files)
        st.rerun()
    _name_hidden(st.session_state.get("hidden", ()))


def _is_hidden(path: str) -> bool:
    """Whether a file of a folder, or a folder it is in, is one that programs hide. The chosen folder itself may be."""
    return any(part.startswith(".") for part in re.split(r"[\\/]", path)[1:])


def _name_hidden(paths: Sequence[str]) -> None:
    if paths:
        named = ", ".join(escape_markdown(shortened(one, 60)) for one in paths[:HIDDEN_NAMED])
        more = f" and {len(paths) - HIDDEN_NAMED:,} more" if len(paths) > HIDDEN_NAMED else ""
        st.caption(f"Left out, for they are hidden: {named}{more}.")


def choose_collection(workspace: Workspace) -> str:
    """Where the files go; empty while a new collection has no name of its own yet."""
    choice = st.selectbox(
        "Collection",
        [*_collections(workspace), NEW_COLLECTION],
        key="upload_collection",
        persist_state="session",
        help="A collection is a set of documents that are searched together.",
    )
    if choice != NEW_COLLECTION:
        return choice
    name = (st.text_input("Name of the new collection", max_chars=100) or "").strip()
    if not name.isprintable():
        st.error("A collection's name has only characters that can be seen. Type it anew.")
        return ""
    return "" if name == NEW_COLLECTION else name


def choose_tags(workspace: Workspace) -> list[str]:
    """Tags for the files, those there are already or new ones."""
    there = workspace.tags()
    return st.multiselect(
        "Tags",
        sorted(there | set(st.session_state.get("upload_tags", ()))),
        key="upload_tags",
        persist_state="session",
        accept_new_options=True,
        placeholder="None, or type one",
        help="Words to sort documents by. Each file you add gets them.",
    )


def _collections(workspace: Workspace) -> list[str]:
    """The collections there are, the default one first, which may still have to be made."""
    default = workspace.settings.collection
    return [default, *sorted(one.name for one in workspace.collections() if one.name != default and not one.linked)]


def release(files: Sequence[UploadedFile]) -> None:
    """Let go of uploads that have been copied."""
    # Streamlit keeps an upload until the browser's tab is closed, unless its manager is told.
    context = get_script_run_ctx()
    remove = getattr(context.uploaded_file_mgr, "remove_file", None) if context else None
    if context is not None and remove is not None:
        for file in files:
            remove(session_id=context.session_id, file_id=file.file_id)
