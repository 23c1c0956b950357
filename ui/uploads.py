"""From Streamlit's uploader to the workspace, without keeping the bytes in memory."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from streamlit.runtime.scriptrunner import get_script_run_ctx
from streamlit.runtime.uploaded_file_manager import UploadedFile

from rag.records import IngestEvent
from rag.workspace import READABLE, Upload, Workspace
from ui.progress import hand_in

NEW_COLLECTION = "New collection…"


def extensions() -> list[str]:
    """The extensions that can be read, with dots: to Streamlit `text` means every kind of text."""
    return [one.strip() for one in READABLE.split(",")]


def collection_choices(workspace: Workspace) -> list[str]:
    """The collections there are, the default one first, which may still have to be made."""
    default = workspace.settings.collection
    return [default, *sorted(one.name for one in workspace.collections() if one.name != default)]


def hand_in_uploads(
    workspace: Workspace, files: Sequence[UploadedFile], folder: Path, collection: str, replaces: bool
) -> list[IngestEvent]:
    """Hand uploaded files in by way of `folder`, and let their bytes in memory go."""
    uploads = []
    for number, file in enumerate(files):
        path = folder / str(number)
        with path.open("wb") as target:
            shutil.copyfileobj(file, target)
        uploads.append(Upload(path, file.name))
    events = hand_in(workspace, uploads, collection, replaces)
    _release(files)
    return events


def _release(files: Sequence[UploadedFile]) -> None:
    # Streamlit keeps an upload until the browser's tab is closed, unless its manager is told.
    context = get_script_run_ctx()
    remove = getattr(context.uploaded_file_mgr, "remove_file", None) if context else None
    if context is not None and remove is not None:
        for file in files:
            remove(session_id=context.session_id, file_id=file.file_id)
