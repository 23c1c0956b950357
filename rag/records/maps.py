"""A map of a collection's vectors: each chunk a point, near to what it is like."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rag.records.passages import Chunk


@dataclass(frozen=True, slots=True)
class MapPoint:
    """A chunk where the map has it."""

    chunk: Chunk
    x: float
    y: float


@dataclass(frozen=True, slots=True)
class VectorMap:
    """Points of a collection, a sample of its `chunks` where those are many. `kept` is the share in [0, 1] of how much
    the vectors differ that two dimensions show; the rest cannot be seen."""

    points: Sequence[MapPoint]
    chunks: int
    kept: float


@dataclass(frozen=True, slots=True)
class Fallen:
    """Where a question falls on a map, and its hits, best first."""

    x: float
    y: float
    hits: Sequence[MapPoint]
