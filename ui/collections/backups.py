"""A collection as a file, and back."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from pathlib import Path

import streamlit as st

from rag.errors import NotFoundError
from rag.records import Collection, Errand, Manifest, Move
from rag.workspace import Workspace, default_name
from ui.collections.errands import POLL_SECONDS, bar, begun, concerns, settle
from ui.dialogs import close_dialog, open_from_new
from ui.errors import friendly_errors
from ui.text import bytes_as_text, counted, day, escape_markdown, message_markdown, shortened
from ui.uploads import release

LARGEST_DOWNLOAD = 500_000_000
"""Bytes of a backup that the browser gets: until its page is closed it is in memory here."""
LARGEST_UPLOAD_MB = 200
"""Of a backup that is restored on the page."""
NAMED = 5


def draw_backup(workspace: Workspace, collection: Collection) -> None:
    """What makes a collection into a file to be downloaded."""
    st.subheader("Backup", anchor=False)
    if workspace.settings.demo:
        st.markdown("This is a read-only demo: its collections are kept on its server.")
        return
    move = _export_of(workspace, collection)
    is_running = move is not None and not move.over
    st.fragment(_draw_export, run_every=POLL_SECONDS if is_running else None)(workspace, collection, is_running)


def _export_of(workspace: Workspace, collection: Collection) -> Move | None:
    return next(iter(workspace.moves(Errand.EXPORT, collection.name)), None)


def _draw_export(workspace: Workspace, collection: Collection, was_running: bool) -> None:
    with friendly_errors():
        move = _export_of(workspace, collection)
        if was_running and (move is None or move.over):
            st.rerun()
        if move is None:
            st.markdown(
                "One file with the documents, their passages, vectors, tags and original files, in an open format "
                "(Parquet tables in a zip). It can be restored here or in another Footnote, also after everything was "
                "erased. Searching and indexing go on meanwhile."
            )
            _begin_button(workspace, collection, "Prepare a backup")
        elif not move.over:
            bar(move, f"Saving {escape_markdown(collection.name)}")
            _stop_button(workspace, move, "Stop")
        elif move.problem or move.file is None or move.manifest is None:
            st.error(message_markdown(move.problem), icon=":material/error:")
            _begin_button(workspace, collection, "Try again")
        else:
            _offer_file(workspace, collection, move, move.manifest, move.file)


def _begin_button(workspace: Workspace, collection: Collection, label: str) -> None:
    if st.button(label, icon=":material/archive:", key="begin-backup"):
        workspace.begin_export(collection.name)
        st.rerun()


def _stop_button(workspace: Workspace, move: Move, label: str) -> None:
    if st.button(label, icon=":material/close:", type="tertiary", key=f"stop-{move.id}"):
        workspace.stop_move(move.id)
        st.rerun()


def _offer_file(workspace: Workspace, collection: Collection, move: Move, manifest: Manifest, file: Path) -> None:
    if not file.exists():
        workspace.stop_move(move.id)
        st.rerun()
    size = file.stat().st_size
    about = f"{counted(manifest.documents, 'document')}, {counted(manifest.passages, 'passage')}"
    st.markdown(f"{about}, as they were at {_time(manifest.made_at)}. The file is kept here for a day.")
    _left_out(manifest)
    if size > LARGEST_DOWNLOAD:
        st.markdown(
            f"At {bytes_as_text(size)} it is too large for the browser. Copy it from here, or write it where you like "
            "with `python -m rag export`:"
        )
        st.code(str(file), language=None, wrap_lines=True)
    with st.container(horizontal=True):
        if size <= LARGEST_DOWNLOAD:
            st.download_button(
                f"Download the backup · {bytes_as_text(size)}",
                data=partial(_bytes, file),
                file_name=default_name(collection.name, manifest.made_at.astimezone()),
                mime="application/zip",
                key=f"backup-{move.id}",
                on_click="ignore",
                type="primary",
                icon=":material/download:",
            )
        _begin_button(workspace, collection, "Make a new one")
        _stop_button(workspace, move, "Remove it")


def _bytes(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except FileNotFoundError as error:
        raise NotFoundError("This backup has been removed. Make a new one.") from error


def _left_out(manifest: Manifest) -> None:
    if manifest.left_out:
        names = ", ".join(escape_markdown(shortened(one, 60)) for one in manifest.left_out[:NAMED])
        more = f" and {len(manifest.left_out) - NAMED:,} more" if len(manifest.left_out) > NAMED else ""
        st.caption(f"Deleted or replaced meanwhile, and not in it: {names}{more}.")
    if manifest.without_original:
        files = "whose file was" if len(manifest.without_original) == 1 else "whose files were"
        st.caption(
            f"{counted(len(manifest.without_original), 'document')} {files} gone or damaged: what was read of them "
            "is saved, the files are not."
        )


def _time(when: datetime) -> str:
    local = when.astimezone()
    return f"{local:%H:%M} on {day(local)}"


# -- and back -----------------------------------------------------------------------------------------


def offer_import(workspace: Workspace) -> None:
    """What makes such a file into a collection; for the popover in which collections are made."""
    st.button(
        "Restore a backup",
        icon=":material/unarchive:",
        key="offer-import",
        width="stretch",
        on_click=open_from_new,
        args=(restore, workspace),
    )


@st.dialog("Restore a backup", icon=":material/unarchive:", width="medium", on_dismiss=close_dialog)
def restore(workspace: Workspace) -> None:
    """Take a backup, say what is in it, and make it a collection."""
    with friendly_errors():
        move = next((one for one in workspace.moves(Errand.IMPORT) if concerns(one)), None)
        if move is not None:
            settle(workspace, move, "Restored", "Restoring")
            return
        received = st.session_state.get("backup-file")
        if received is None or not Path(received[0]).exists():
            _take(workspace)
        else:
            _preview(workspace, Path(received[0]), received[1])


def _take(workspace: Workspace) -> None:
    st.session_state.pop("backup-file", None)
    batch = st.session_state.setdefault("backup-batch", 0)
    file = st.file_uploader(
        "A file that Footnote saved", type=["zip"], key=f"backup-{batch}", max_upload_size=LARGEST_UPLOAD_MB
    )
    st.caption(f"Of more than {LARGEST_UPLOAD_MB} MB: `python -m rag import FILE.zip`, while the dashboard is closed.")
    if file is not None:
        st.session_state["backup-batch"] = batch + 1
        with st.spinner("Taking it in…"):
            path = workspace.receive(file)
            release([file])
            try:
                workspace.manifest(path, file.name)
            except Exception:
                path.unlink()
                raise
        st.session_state["backup-file"] = (str(path), file.name)
        st.rerun(scope="fragment")


def _preview(workspace: Workspace, path: Path, called: str) -> None:
    manifest = workspace.manifest(path, called)
    facts = {
        "Collection": escape_markdown(manifest.name),
        "In it": f"{counted(manifest.documents, 'document')}, {counted(manifest.passages, 'passage')}",
        "Saved": f"{day(manifest.made_at.astimezone())}, by Footnote {escape_markdown(manifest.footnote)}",
        "Size": bytes_as_text(manifest.bytes),
        "Embedding model": escape_markdown(shortened(manifest.fingerprint.get("model", "") or "unknown", 60)),
    }
    st.table([{"": name, " ": value} for name, value in facts.items()], border="horizontal", hide_header=True)
    _left_out(manifest)
    if not workspace.recipe_here(manifest).model:
        st.info(
            "Its embedding model is not known here, or would have questions sent elsewhere. It will be searched by "
            "words only, until you re-embed it.",
            icon=":material/info:",
        )
    name = st.text_input("Its name here", workspace.free_name(manifest.name), max_chars=100, key="backup-name")
    st.caption(
        "Everything in it is checked before anything is written. Restore only what you trust: what its documents "
        "say is taken from it."
    )
    with st.container(horizontal=True, horizontal_alignment="right"):
        if st.button("Choose another file", key="backup-other"):
            path.unlink(missing_ok=True)
            st.rerun(scope="fragment")
        if st.button("Restore", type="primary", key="backup-restore"):
            begun(workspace.begin_restore(path, name, called))
            st.session_state.pop("backup-file", None)
            st.rerun(scope="fragment")
