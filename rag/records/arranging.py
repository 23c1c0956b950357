"""What arranging a collection is about: pages of its list, deletions that can be undone, versions, what changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from rag.records.documents import Document


class Standing(StrEnum):
    """What documents are told apart by in a list: how far they are."""

    READY = "ready"
    UNFINISHED = "unfinished"
    FAILED = "failed"
    CANCELLED = "cancelled"


class Order(StrEnum):
    """What a list is sorted by."""

    NAME = "name"
    DATE = "date"
    ADDED = "added"
    SIZE = "size"
    PAGES = "pages"
    PASSAGES = "passages"


@dataclass(frozen=True, slots=True)
class Listing:
    """Which documents of a collection are listed and in which order: those with all `words`, each in the name, the
    title or a tag, of a standing, with a tag; empty: any."""

    collection: str
    words: str = ""
    standing: Standing | None = None
    tag: str = ""
    order: Order = Order.NAME
    descending: bool = False


@dataclass(frozen=True, slots=True)
class Listed:
    """Some documents of a list, and how many are on it."""

    documents: tuple[Document, ...]
    total: int


@dataclass(frozen=True, slots=True)
class Census:
    """How many documents of a collection there are of each standing and with each tag, whatever their state."""

    standings: Mapping[Standing, int]
    tags: Mapping[str, int]

    @property
    def documents(self) -> int:
        """All of them."""
        return sum(self.standings.values())


@dataclass(frozen=True, slots=True)
class Trashed:
    """Documents that were deleted together, and can be brought back for `seconds_left` more."""

    collection: str
    at: datetime
    documents: int
    name: str
    """Of one of them."""
    seconds_left: float


@dataclass(frozen=True, slots=True)
class Transferred:
    """What became of documents that were to be moved or copied: `queued` are on their way, of which the texts and
    vectors of `copied` are taken over, and the others are indexed there; `there` has the names of those that are in the
    other collection already."""

    queued: int
    copied: int
    there: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Version:
    """What a document was before it was replaced. `document` is the id of its bytes, `replaced_by` that of those which
    came in their place."""

    collection: str
    document: str
    name: str
    replaced_by: str
    added_at: datetime
    replaced_at: datetime
    bytes: int
    pages: int
    chunks: int


class Kind(StrEnum):
    """What has become of a paragraph, or of words in it."""

    SAME = "same"
    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"


@dataclass(frozen=True, slots=True)
class Change:
    """A paragraph that is not the same: its pieces as (what became of them, text), in reading order."""

    kind: Kind
    pieces: tuple[tuple[Kind, str], ...]


@dataclass(frozen=True, slots=True)
class Changes:
    """How many paragraphs of a text were added, removed and changed, and the first of them."""

    added: int
    removed: int
    changed: int
    shown: tuple[Change, ...]

    @property
    def total(self) -> int:
        """All of them."""
        return self.added + self.removed + self.changed
