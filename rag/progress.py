"""How far the queue is, and how long it will still take: from what this machine did so far."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from rag.catalog import Catalog
from rag.catalog.pace import Load
from rag.records import UNFINISHED, VISIBLE, Progress, State

BYTES_A_CHUNK = 2_000
"""Guess for documents that were not read yet, until some have been: of usual text and PDF files."""
CHUNKS_A_PAGE = 4
"""Guess for documents with scanned pages, of which only the pages are known."""
SECONDS_A_DOCUMENT = 0.1
"""Guess for what each document takes beside OCR and vectors, half of it until it is searchable by words."""
USUAL_SPEEDS = {"embedding": 60.0, "ocr": 0.7}
"""Chunks and pages a second, to tell how much is done until this machine's own speeds are known."""
FEW_CHUNKS = 200
"""So few take some seconds on any machine: nobody waits to hear how long the rest takes until their speed is known."""


@dataclass(frozen=True, slots=True)
class _Work:
    documents: float
    chunks: float
    ocr_pages: float

    def seconds(self, speeds: Mapping[str, float]) -> float | None:
        """None if this takes something whose speed is not known."""
        if (self.chunks > FEW_CHUNKS and "embedding" not in speeds) or (self.ocr_pages and "ocr" not in speeds):
            return None
        embedding = self.chunks / speeds.get("embedding", USUAL_SPEEDS["embedding"])
        ocr = self.ocr_pages / speeds["ocr"] if self.ocr_pages else 0.0
        return self.documents * SECONDS_A_DOCUMENT + embedding + ocr


def progress(catalog: Catalog) -> Progress | None:
    """The progress of the documents that were queued together; None if all are finished."""
    loads = catalog.loads()
    if not any(state in loads for state in UNFINISHED):
        return None
    ready, failed = loads.get(State.READY, Load()), loads.get(State.FAILED, Load())
    waiting = [one for one in catalog.waiting(1) if one.reason]
    speeds = catalog.speeds()
    left = _left(loads)
    return Progress(
        documents=sum(load.documents for state, load in loads.items() if state is not State.DELETING),
        finished=ready.documents + failed.documents,
        failed=failed.documents - failed.cancelled,
        cancelled=failed.cancelled,
        searchable=loads.get(State.SEARCHABLE, Load()).documents,
        fraction=_fraction(_done(loads), left, USUAL_SPEEDS | speeds),
        chunks_per_second=speeds.get("embedding", 0.0),
        seconds_left=left.seconds(speeds),
        reason=waiting[0].reason if waiting else "",
    )


def _left(loads: Mapping[State, Load]) -> _Work:
    """Chunks are counted where documents were read, else estimated."""
    unread = [loads[state] for state in (State.QUEUED, State.INDEXING) if state in loads]
    searchable = loads.get(State.SEARCHABLE, Load())
    chunks = searchable.chunks - searchable.done
    return _Work(
        sum(load.documents for load in unread) + searchable.documents / 2,
        chunks + sum(load.text_bytes * _chunks_a_byte(loads) + load.pages_to_cut * CHUNKS_A_PAGE for load in unread),
        sum(load.ocr_left for load in unread),
    )


def _done(loads: Mapping[State, Load]) -> _Work:
    ready, searchable = loads.get(State.READY, Load()), loads.get(State.SEARCHABLE, Load())
    return _Work(
        ready.documents + loads.get(State.FAILED, Load()).documents + searchable.documents / 2,
        ready.chunks + searchable.done,
        sum(load.ocr_done for load in loads.values()),
    )


def _chunks_a_byte(loads: Mapping[State, Load]) -> float:
    read = [loads[state] for state in VISIBLE if state in loads]
    chunks, size = sum(load.text_chunks for load in read), sum(load.text_bytes for load in read)
    return chunks / size if chunks and size else 1 / BYTES_A_CHUNK


def _fraction(done: _Work, left: _Work, speeds: Mapping[str, float]) -> float:
    behind, ahead = done.seconds(speeds) or 0.0, left.seconds(speeds) or 0.0
    return behind / (behind + ahead) if behind else 0.0
