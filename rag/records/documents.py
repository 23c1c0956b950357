"""Documents and collections, and what parsing makes of a file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class State(StrEnum):
    """Where a document is on its way: queued -> indexing -> searchable -> ready, or failed, or deleting."""

    QUEUED = "queued"
    INDEXING = "indexing"
    SEARCHABLE = "searchable"
    READY = "ready"
    FAILED = "failed"
    DELETING = "deleting"


class Failure(StrEnum):
    """Why a document is failed, where that makes a difference to what is said and done about it."""

    CANCELLED = "cancelled"
    LOCKED = "locked"
    """It is a PDF that needs a password, which `retry` takes."""


VISIBLE = frozenset({State.SEARCHABLE, State.READY})
"""The states in which a document's chunks may be shown as hits."""

UNFINISHED = frozenset({State.QUEUED, State.INDEXING, State.SEARCHABLE})
"""The states in which there is work left to do."""


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a document; `text` is `document_text[start:start + len(text)]`.

    `char_map` leads from an offset in `text` to PDFium's character index on that page, as breakpoints
    `(offset, index)` in rising order: the index of offset o is `index_i + (o - offset_i)` for the last
    breakpoint with `offset_i <= o`. It is empty where the text did not come from PDFium.

    `ocr` is the mean confidence in (0, 1] of a page that was read by OCR, None for one with text of its own.
    """

    number: int
    text: str
    start: int
    label: str = ""
    char_map: tuple[tuple[int, int], ...] = ()
    ocr: float | None = None


Box = tuple[float, float, float, float]
"""Left, top, right, bottom on a page, as shares of its width and height in [0, 1]."""


@dataclass(frozen=True, slots=True)
class PageView:
    """A page as it is seen: a PNG of `width` x `height` pixels, the boxes of what is quoted, a line each, and those of
    what answers in it, none where that is all of it or is not known."""

    image: bytes
    width: int
    height: int
    boxes: tuple[Box, ...] = ()
    answers: tuple[Box, ...] = ()


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading: it holds from `offset` in the document's text until the next of its level or above, or until `end`.

    A table's column names are a heading of the table, with an `end`: a chunk from its middle still says what its
    columns are.
    """

    level: int
    title: str
    offset: int
    end: int | None = None


@dataclass(frozen=True, slots=True)
class ParsedDocument:
    """What parsing makes of a file's bytes. `text` is the whole extracted text, pages included."""

    title: str
    media_type: str
    text: str
    pages: tuple[Page, ...]
    headings: tuple[Heading, ...]
    parser: str
    date: int | None = None
    """The document's own date as yyyymmdd, where its metadata has one."""
    needs_ocr: tuple[int, ...] = ()
    """Numbers of the pages that have no usable text of their own but something to see."""


@dataclass(frozen=True, slots=True)
class OcrLine:
    """A line read by OCR, where `box` is. `confidence` is in [0, 1]."""

    text: str
    confidence: float
    box: Box


@dataclass(frozen=True, slots=True)
class OcrPage:
    """What OCR read on page `number`, in reading order; no lines where it found nothing. `engine` has its versions."""

    number: int
    lines: tuple[OcrLine, ...]
    engine: str


@dataclass(frozen=True, slots=True)
class Document:
    """A document of a collection as the catalog knows it. `id` is a hash of the bytes."""

    id: str
    name: str
    collection: str
    state: State
    added_at: datetime
    title: str = ""
    media_type: str = ""
    bytes: int = 0
    pages: int = 0
    chunks: int = 0
    date: int = 0
    tags: tuple[str, ...] = ()
    reason: str = ""
    """Why it failed or waits; of a ready one, why it could not be read anew."""
    seconds: float = 0.0
    stage: str = ""
    done: int = 0
    total: int = 0
    replaces: bool = False
    """Whether it takes the place of older documents of its name, in the moment it is ready."""
    batch: int = 0
    """Documents queued while others were unfinished belong to one batch."""
    engines: str = ""
    """The versions of what reads such a document, as it was queued."""
    ocr_pages: int = 0
    ocr_confidence: float = 0.0
    """Of the pages read by OCR, in [0, 1]."""
    unread_pages: int = 0
    """Pages with something to see and no usable text that OCR could not read, or did not because it is off."""
    timings: Mapping[str, float] = field(default_factory=dict)
    """Seconds by stage."""
    failure: Failure | None = None
    """Of a failed one; None for all other reasons than those named."""
    language: str = ""
    """Code of the language that its text is in (ISO 639-1); empty if that cannot be told."""
    served: bool = False
    """Whether it is being read anew, and until that is done is searched as it was read before."""

    @property
    def visible(self) -> bool:
        """Whether its chunks may be shown as hits. One that is to replace another may have to wait all the same."""
        return self.state in VISIBLE or (self.served and self.state in (State.QUEUED, State.INDEXING))


@dataclass(frozen=True, slots=True)
class Visible:
    """Which documents of a collection may be shown, id -> name: `ready` by meaning, `searchable` by words only."""

    ready: Mapping[str, str]
    searchable: Mapping[str, str]

    @property
    def names(self) -> dict[str, str]:
        """All of them."""
        return {**self.ready, **self.searchable}
