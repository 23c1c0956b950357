"""Collections: how they are made, and where those come from that were made elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from rag.records.ingestion import Finding


@dataclass(frozen=True, slots=True)
class Recipe:
    """How one collection is made, in the words of the settings `embedding_model`, `embedding_precision`,
    `chunk_tokens`, `chunk_overlap` and `chunk_headers`, whatever the settings say now. A `model` that is empty is not
    known: there are vectors, and nobody can say of what; then words are searched alone."""

    model: str
    precision: str
    chunk_tokens: int
    overlap: int = 0
    headers: bool = True


@dataclass(frozen=True, slots=True)
class Linked:
    """Where a read-only collection was read from: `place` is the folder or the address of a Chroma that is not ours,
    `name` the collection's in it."""

    place: str
    name: str
    read_at: datetime


@dataclass(frozen=True, slots=True)
class Collection:
    """A named set of documents made with one embedding model and one way of chunking.

    `store_name` is its name inside Chroma; `fingerprint` says how it was made. Without a `recipe` it is made as the
    settings say. `shadow_of` is the id of the collection whose place it is to take: until then it is listed nowhere.
    """

    name: str
    store_name: str
    fingerprint: Mapping[str, str]
    created_at: datetime
    documents: int = 0
    chunks: int = 0
    bytes: int = 0
    id: str = ""
    recipe: Recipe | None = None
    shadow_of: str = ""
    linked: Linked | None = None

    @property
    def model_is_known(self) -> bool:
        """Whether it is known with which model it was made: else it is searched by words only."""
        return self.recipe is None or bool(self.recipe.model)


@dataclass(frozen=True, slots=True)
class Room:
    """Bytes that a collection takes on this machine's disk: its `originals`, and about how much its text in the
    catalog, its `vectors` (Chroma and what lies beside it) and its `words` (the lexical index) take."""

    originals: int
    text: int
    vectors: int
    words: int

    @property
    def whole(self) -> int:
        """All of it."""
        return self.originals + self.text + self.vectors + self.words


@dataclass(frozen=True, slots=True)
class Health:
    """What a check of a collection found, and when. A `thorough` one has also read the files, searched for vectors and
    embedded samples; else the catalog's passages were compared with those in Chroma, beside it and in the lexical
    index."""

    checked_at: datetime
    passages: int
    findings: tuple[Finding, ...]
    thorough: bool
