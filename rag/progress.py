"""How far the queue is, and how long it will still take: from what this machine did so far."""

from __future__ import annotations

from collections.abc import Mapping

from rag.catalog import Catalog
from rag.catalog.queue import Load
from rag.records import UNFINISHED, Progress, State

BYTES_A_CHUNK = 2_000
"""Guess for documents that were not read yet, until some have been: of usual text and PDF files."""
READING = 0.1
"""Share of a document's work that is done when it has been read."""


def progress(catalog: Catalog) -> Progress | None:
    """The progress of the documents that were queued together; None if all are finished."""
    loads = catalog.loads()
    unfinished = [loads[state] for state in UNFINISHED if state in loads]
    if not unfinished:
        return None
    documents = sum(load.documents for state, load in loads.items() if state is not State.DELETING)
    failed = loads.get(State.FAILED, Load()).documents
    waiting = [one for one in catalog.waiting(1) if one.reason]
    speeds = catalog.speeds()
    left = _chunks_left(loads)
    return Progress(
        documents=documents,
        finished=loads.get(State.READY, Load()).documents + failed,
        failed=failed,
        searchable=loads.get(State.SEARCHABLE, Load()).documents,
        fraction=_fraction(loads, left),
        chunks_per_second=speeds.get("embedding", 0.0),
        seconds_left=_seconds(left, sum(load.ocr for load in unfinished), speeds),
        reason=waiting[0].reason if waiting else "",
    )


def _chunks_left(loads: Mapping[State, Load]) -> float:
    """Chunks without vectors: counted where documents were read, else estimated from their bytes."""
    read = [loads[state] for state in (State.SEARCHABLE, State.READY) if state in loads]
    chunks, size = sum(load.chunks for load in read), sum(load.bytes for load in read)
    per_byte = chunks / size if chunks and size else 1 / BYTES_A_CHUNK
    unread = sum(loads[state].bytes for state in (State.QUEUED, State.INDEXING) if state in loads)
    searchable = loads.get(State.SEARCHABLE, Load())
    return searchable.chunks - searchable.done + unread * per_byte


def _fraction(loads: Mapping[State, Load], left: float) -> float:
    searchable, ready = loads.get(State.SEARCHABLE, Load()), loads.get(State.READY, Load())
    done = ready.chunks + searchable.done + READING * (searchable.chunks - searchable.done)
    return min(1.0, done / max(1.0, ready.chunks + searchable.done + left))


def _seconds(chunks: float, ocr_pages: int, speeds: Mapping[str, float]) -> float | None:
    if "embedding" not in speeds or (ocr_pages and "ocr" not in speeds):
        return None
    return chunks / speeds["embedding"] + (ocr_pages / speeds["ocr"] if ocr_pages else 0.0)
