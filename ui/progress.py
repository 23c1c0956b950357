"""Handing documents in, and watching them become searchable.

Progress is read from the catalog, never from the worker's thread, so it is the same after a reload of the page.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from pathlib import Path

import streamlit as st

from rag.records import UNFINISHED, Document, IngestEvent, State
from rag.workspace import Upload, Workspace
from ui.errors import friendly_errors
from ui.text import counted, escape_markdown, message_markdown, shortened

POLL_SECONDS = 0.7

_STAGES = {
    "queued": "waiting its turn",
    "indexing": "starting",
    "reading": "reading",
    "splitting": "splitting into passages",
    "embedding": "indexing passages",
    "storing": "saving",
}


def hand_in(
    workspace: Workspace, sources: Sequence[Path | Upload], collection: str | None = None, replaces: bool = False
) -> list[IngestEvent]:
    """Give files to the workspace; returns what it says of each at once. Afterwards the files may be removed.

    Calls nothing of Streamlit, so that no click can interrupt it halfway.
    """
    events = list(islice(workspace.ingest(sources, collection, replaces), len(sources)))
    workspace.worker.start()
    return events


def remember(collection: str, events: Sequence[IngestEvent]) -> None:
    """Keep what was handed in, newest first, so that `watch` goes on showing what became of it in this session."""
    st.session_state.setdefault("handed_in", [])[:0] = [(collection, event) for event in events]


def watch(workspace: Workspace) -> None:
    """Draw a line for each document handed in in this session and each unfinished one, until all are finished."""
    busy = bool(workspace.unfinished())
    handed_in = tuple(st.session_state.get("handed_in", ()))
    st.fragment(_draw, run_every=POLL_SECONDS if busy else None)(workspace, handed_in, busy)


def _draw(workspace: Workspace, handed_in: Sequence[tuple[str, IngestEvent]], was_busy: bool) -> None:
    with friendly_errors():
        documents = {(one.collection, one.id): one for one in workspace.documents()}
        keys = [(collection, event.document) for collection, event in handed_in]
        for collection, event in handed_in:
            _line(documents.get((collection, event.document or "")), event)
        for document in documents.values():
            if document.state in UNFINISHED and (document.collection, document.id) not in keys:
                _line(document, None)
        if was_busy and not any(one.state in UNFINISHED for one in documents.values()):
            st.rerun()


def _line(document: Document | None, event: IngestEvent | None) -> None:
    name = f"**{escape_markdown(shortened(document.name if document else event.name if event else '', 60))}**"
    if event is not None and event.outcome:
        icon = ":orange[:material/content_copy:]" if event.outcome == "duplicate" else ":red[:material/error:]"
        st.markdown(f"{icon} {name}  \n:small[{message_markdown(event.reason)}]")
    elif document is None:
        st.markdown(f":gray[:material/delete:] {name}  \n:small[It has been deleted.]")
    elif document.state in UNFINISHED:
        st.progress(fraction(document), text=f"{name} – {stage(document)}")
    elif document.state is State.FAILED:
        st.markdown(f":red[:material/error:] {name}  \n:small[{message_markdown(document.reason)}]")
    else:
        st.markdown(f":green[:material/check_circle:] {name}  \n:small[{outcome(document)}]")


def stage(document: Document) -> str:
    """What is being done with an unfinished document, for people."""
    what = _STAGES.get(document.stage or document.state.value, document.stage)
    counts = f" {document.done:,} of {document.total:,}" if document.stage == "embedding" and document.total else ""
    return what + counts


def fraction(document: Document) -> float:
    """About how much of the work on a document is done, in [0, 1]. Nearly all of it is indexing passages."""
    if document.stage == "embedding" and document.total:
        return 0.1 + 0.85 * min(1.0, document.done / document.total)
    return {"reading": 0.04, "splitting": 0.08, "storing": 0.97}.get(document.stage, 0.0)


def outcome(document: Document) -> str:
    """What became of a finished document, for people."""
    took = f"{document.seconds:.1f} s" if document.seconds < 100 else f"{document.seconds / 60:.0f} min"
    return f"Ready · {counted(document.pages, 'page')} · {counted(document.chunks, 'passage')} · {took}"
