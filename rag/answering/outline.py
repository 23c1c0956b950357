"""A document in parts: its headings, as its chunks have them, and sections of a size that can be told about."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from rag.records import Chunk

FEWEST, MOST = 3, 12
"""Sections of an overview: what has fewer parts is looked at one level deeper; of more, the longest are told about."""
_PARTS = 6
_LEAST_CHUNKS = 3
"""Of a document without headings: at most so many parts, each of at least so many chunks."""
_OUTLINED = 60
_COLUMNS = " | "


@dataclass(frozen=True, slots=True)
class Part:
    """Chunks in a row under one heading, empty where there is none."""

    heading: str
    chunks: tuple[Chunk, ...]


def path(chunk: Chunk) -> list[str]:
    """The headings above a chunk, without the names of a table's columns."""
    return [one for one in chunk.heading.split(" > ") if one and _COLUMNS not in one]


def outline(chunks: Sequence[Chunk]) -> tuple[tuple[int, str, int], ...]:
    """The headings in the order of the text, each once where it begins: level, title, page. The deepest levels are left
    out where there are too many."""
    found: list[tuple[int, str, int]] = []
    before: list[str] = []
    for chunk in chunks:
        here = path(chunk)
        same = next((at for at, pair in enumerate(zip(before, here, strict=False)) if pair[0] != pair[1]), len(before))
        found += [(level, title, chunk.page) for level, title in enumerate(here, start=1) if level > same]
        before = here
    deepest = max((level for level, _, _ in found), default=0)
    while len(found) > _OUTLINED and deepest > 1:
        deepest -= 1
        found = [one for one in found if one[0] <= deepest]
    return tuple(found[:_OUTLINED])


def parts(chunks: Sequence[Chunk]) -> list[Part]:
    """The document in at most `MOST` sections, in the order of the text: those of the first level of headings that has
    enough, or about equal ones where there are no headings."""
    deepest = max((len(path(chunk)) for chunk in chunks), default=0)
    for depth in range(1, deepest + 1):
        found = _at(chunks, depth)
        if len(found) >= FEWEST or depth == deepest:
            if len(found) < 2:
                break
            longest = sorted(found, key=lambda part: -sum(len(chunk.text) for chunk in part.chunks))[:MOST]
            return [part for part in found if part in longest]
    return _equal(chunks)


def _at(chunks: Sequence[Chunk], depth: int) -> list[Part]:
    runs = groupby(chunks, key=lambda chunk: tuple(path(chunk)[:depth]))
    return [Part(heading[-1] if heading else "", tuple(run)) for heading, run in runs]


def _equal(chunks: Sequence[Chunk]) -> list[Part]:
    count = min(_PARTS, max(1, len(chunks) // _LEAST_CHUNKS))
    size = max(1, -(-len(chunks) // count))
    return [Part("", tuple(chunks[start : start + size])) for start in range(0, len(chunks), size)]
