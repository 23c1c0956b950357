"""Documents on their way in: what will happen, what happens, and what `check` finds afterwards."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from rag.records.documents import Document


@dataclass(frozen=True, slots=True)
class IngestEvent:
    """Progress of one file. `outcome` is empty until the last event of that file:
    'ready', 'duplicate', 'skipped' (a file of an archive that is not read), 'failed', 'cancelled' or 'queued' (left to
    the process that owns the folder). `timings` are seconds by stage."""

    path: str
    name: str
    document: str | None
    stage: str
    done: int = 0
    total: int = 0
    outcome: str = ""
    reason: str = ""
    pages: int = 0
    chunks: int = 0
    seconds: float = 0.0
    ocr_pages: int = 0
    unread_pages: int = 0
    timings: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the queue is: of the documents queued together, how many are finished, and of these how many failed and
    were cancelled; `fraction` of the work done; chunks a second; seconds until all is done (None: not known yet)."""

    documents: int
    finished: int
    failed: int
    searchable: int
    fraction: float
    chunks_per_second: float = 0.0
    seconds_left: float | None = None
    reason: str = ""
    cancelled: int = 0


@dataclass(frozen=True, slots=True)
class Preflight:
    """What will happen if a file is ingested. `problem` is why it cannot be; `document` the id of its bytes.

    `blank_pages` have no usable text and are read by OCR, if that is on; `chunks` are those of the other pages,
    `new_chunks` those not embedded yet. `seconds` is an estimate from what this machine did so far (None: no idea yet).
    """

    name: str
    document: str = ""
    media_type: str = ""
    bytes: int = 0
    pages: int = 0
    blank_pages: tuple[int, ...] = ()
    chunks: int = 0
    new_chunks: int = 0
    seconds: float | None = None
    encrypted: bool = False
    duplicate_of: Document | None = None
    replaces: tuple[Document, ...] = ()
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that `check` found: `what` it is about, in which collection, and whether it was `repaired`."""

    collection: str
    what: str
    problem: str
    repaired: bool = False
