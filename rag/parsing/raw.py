"""What the two PDF engines give alike, before anything is cleaned, and the caps on every document."""

from __future__ import annotations

from dataclasses import dataclass

from rag.errors import TooLargeError
from rag.parsing.limits import Limits

MAX_OUTLINE_ENTRIES = 2000
MAX_OUTLINE_DEPTH = 15


@dataclass(frozen=True, slots=True)
class OutlineEntry:
    """An entry of a PDF's outline: `level` from 1, `page` from 0."""

    level: int
    title: str
    page: int


@dataclass(frozen=True, slots=True)
class RawPdf:
    """`texts` has the raw text of each page; `broken` the indices of those that could not be read."""

    texts: list[str]
    labels: list[str]
    outline: list[OutlineEntry]
    title: str
    created: str
    """The creation date as PDF writes it: `D:20230504072523+00'00'`."""
    broken: frozenset[int]


def check_pages(count: int, limits: Limits) -> None:
    if count > limits.max_pages:
        raise TooLargeError(
            f"The file has {count} pages, more than {limits.max_pages}: split it, or raise RAG_MAX_PAGES."
        )


def check_chars(count: int, limits: Limits) -> None:
    if count > limits.max_chars:
        raise TooLargeError(f"The file has more than {limits.max_chars} characters: split it, or raise RAG_MAX_CHARS.")
