"""Collections that are made anew in another way, beside the one that is searched meanwhile."""

from __future__ import annotations

from dataclasses import dataclass

from rag.records.collections import Collection, Recipe
from rag.records.documents import Document


@dataclass(frozen=True, slots=True)
class ReembeddingPlan:
    """What it takes to make a collection with a recipe: `passages` are estimated where texts are cut otherwise, and
    `read_again` says that they are. `seconds` of this machine's work (None: no idea yet). `edits_lost` passages were
    edited or put away by hand and will be as they were read. `same`: it is made so already."""

    recipe: Recipe
    documents: int
    passages: int
    seconds: float | None
    read_again: bool
    edits_lost: int
    same: bool


@dataclass(frozen=True, slots=True)
class ShadowCounts:
    """How far a collection in the making is: of its `documents`, `ready` ones and those that `failed` here although
    they are searched there; `unread` ones are not cut yet, so that the number of their `passages` is that of before.
    `embedded` passages have vectors. `busy` documents of the original are unfinished. `reason`: what it waits for."""

    documents: int
    ready: int
    failed: int
    unread: int
    passages: int
    embedded: int
    busy: int
    reason: str


@dataclass(frozen=True, slots=True)
class Reembedding:
    """A collection in the making: what is to take a collection's place, how far it is, seconds until it is there (None:
    not known), which of its documents failed (the first of them by name), how many documents came, went or changed
    since, and how many edited passages will be as they were read."""

    shadow: Collection
    recipe: Recipe
    counts: ShadowCounts
    fraction: float
    seconds_left: float | None
    failures: tuple[Document, ...]
    behind: int
    edits_lost: int

    @property
    def working(self) -> bool:
        """Whether there is work left to do on it."""
        return self.counts.ready + self.counts.failed < self.counts.documents or bool(self.behind)

    @property
    def whole(self) -> bool:
        """Whether it can take the other's place, with all documents."""
        return not (self.working or self.counts.failed or self.counts.busy)
