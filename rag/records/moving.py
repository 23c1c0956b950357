"""Collections on their way: saved to a file, restored from one, read from elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

from rag.records.collections import Linked, Recipe


class Entry(NamedTuple):
    """A file within a backup: its bytes, and their SHA-256 in hex."""

    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a backup says of itself. `counts` are the rows of its tables; `fingerprint`, `recipe` and `linked` are the
    collection's. `schema` is that of the catalog it was written from."""

    name: str
    made_at: datetime
    created_at: datetime
    footnote: str
    schema: int
    fingerprint: Mapping[str, str]
    recipe: Recipe
    counts: Mapping[str, int]
    entries: Mapping[str, Entry]
    linked: Linked | None = None
    without_original: tuple[str, ...] = ()
    """Ids of documents whose file was gone, or was not what had been uploaded."""
    left_out: tuple[str, ...] = ()
    """Names of documents that were deleted or replaced while it was written."""
    bytes: int = 0
    """Of the whole file."""

    @property
    def documents(self) -> int:
        return self.counts.get("documents", 0)

    @property
    def passages(self) -> int:
        return self.counts.get("chunks", 0)


class Errand(StrEnum):
    """What is being done with a collection in the background."""

    EXPORT = "export"
    IMPORT = "import"
    LINK = "link"
    AGAIN = "again"


@dataclass(frozen=True, slots=True)
class Move:
    """How far an errand is. `fraction` is in [0, 1], `stage` says what is being done, `problem` why it ended without
    a result. `file` is the finished backup, `manifest` what it says; `collection` is the one that has come into being.
    """

    id: str
    errand: Errand
    name: str
    fraction: float = 0.0
    stage: str = ""
    problem: str = ""
    over: bool = False
    file: Path | None = None
    manifest: Manifest | None = None
    collection: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Foreign:
    """A collection in a Chroma that is not ours. `named` is the embedding model that its configuration or its metadata
    names, in words of the setting `embedding_model`; empty if none or one that is not to be had by name."""

    name: str
    rows: int
    space: str = ""
    named: str = ""
    metadata: Mapping[str, object] = field(default_factory=dict)


Far = Callable[[float, str], None]
"""Told how far something is, in [0, 1], and what is being done. May raise, to end it."""


def unheard(_fraction: float, _stage: str) -> None:
    """A Far that nobody listens to."""
