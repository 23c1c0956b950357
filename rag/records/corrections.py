"""Passages that were corrected or put away by hand, and passages as they are looked through."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from rag.records.passages import Chunk


class ChunkState(StrEnum):
    """Whether a chunk is searched. Neither a hidden one nor a deleted one is; a deleted one is listed only where what
    was changed is asked for."""

    SHOWN = ""
    HIDDEN = "hidden"
    DELETED = "deleted"


@dataclass(frozen=True, slots=True)
class Overlay:
    """What was changed by hand of chunk `chunk`, which was document_text[start:end]. Its text and its heading are as
    they were read where these are None."""

    chunk: str
    document: str
    start: int
    end: int
    text: str | None = None
    heading: str | None = None
    state: ChunkState = ChunkState.SHOWN
    edited_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class ListedChunk:
    """A chunk as it is now, of a document called `name`, with what was read at its place: `printed` below the heading
    `printed_heading`. `overlay` is what was changed of it, `ocr` the confidence of its page if that was read by OCR."""

    chunk: Chunk
    name: str
    printed: str
    printed_heading: str
    overlay: Overlay | None = None
    ocr: float | None = None

    @property
    def state(self) -> ChunkState:
        """Whether it is searched."""
        return self.overlay.state if self.overlay else ChunkState.SHOWN


class By(StrEnum):
    """By what chunks are looked for."""

    ORDER = "order"
    """By nothing: all of them, document by document by their names, in reading order."""
    WORDS = "words"
    REGEX = "regex"
    LIKE = "like"
    """By how alike their meaning is to a text's."""
    ID = "id"
    """By the beginning of the chunk's id."""


class Which(StrEnum):
    """Which chunks are looked through."""

    SHOWN = "shown"
    WITH_HIDDEN = "with hidden"
    CHANGED = "changed"


@dataclass(frozen=True, slots=True)
class ChunkSearch:
    """What chunks of a collection to find: by `text`, of one `document` (its id) or all, whose metadata pass the filter
    `where` (JSON, as the command line takes it)."""

    collection: str
    by: By = By.ORDER
    text: str = ""
    document: str = ""
    where: str = ""
    which: Which = Which.SHOWN
    any_case: bool = True
    offset: int = 0
    limit: int = 10


@dataclass(frozen=True, slots=True)
class FoundChunks:
    """What was found: `total` chunks in all, or `more` than so many; `chunks` are some of them. `ids` has all where
    they are ranked or were looked through one by one, which were `looked`; `complete` is whether that came to its end.

    `why` has for an id the words that say why it was found, `marks` where in its text, (start, end), that stands.
    """

    chunks: tuple[ListedChunk, ...]
    total: int
    ids: tuple[str, ...] = ()
    why: Mapping[str, str] = field(default_factory=dict)
    marks: Mapping[str, tuple[tuple[int, int], ...]] = field(default_factory=dict)
    looked: int = 0
    complete: bool = True
    more: bool = False
