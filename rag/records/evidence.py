"""The evidence of a conversation: what was asked and answered, and what each footnote rests on, to be kept apart."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from rag.records.answers import Answer, Citation
from rag.records.documents import Box
from rag.records.searches import Search


@dataclass(frozen=True, slots=True)
class Asked:
    """A question, where it was looked into, and its answer; None where there came none. `where` is a filter beyond
    the search's own, as it was given; `at` is when it was asked, where that is known."""

    question: str
    search: Search
    answer: Answer | None = None
    where: str = ""
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Proof:
    """What a footnote of question `asked` (from 1) rests on: `boxes` round its words on the page's image, `answers`
    round what answers in them, or what stands `before` and `after` it on a page without one. `problem` is why there is
    neither."""

    asked: int
    citation: Citation
    boxes: tuple[Box, ...] = ()
    answers: tuple[Box, ...] = ()
    before: str = ""
    after: str = ""
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Exhibit:
    """The image of a page that is quoted, once for all its proofs: a PNG or JPEG of `width` x `height` pixels."""

    document: str
    name: str
    page: int
    image: bytes
    media_type: str
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Original:
    """A quoted document: the SHA-256 of its file as it came in, in hex, and what is known of it. `problem` is why that
    is not known, or why the file is not the one that was read."""

    id: str
    name: str
    sha256: str = ""
    bytes: int = 0
    pages: int = 0
    added_at: datetime | None = None
    engines: str = ""
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that there is to show of a conversation. `chosen` has the names of the documents that its searches name by
    id; `settings` and `versions` are as they are at `made_at`."""

    asked: tuple[Asked, ...]
    proofs: tuple[Proof, ...]
    exhibits: tuple[Exhibit, ...]
    originals: tuple[Original, ...]
    chosen: Mapping[str, str]
    settings: Mapping[str, str]
    versions: Mapping[str, str]
    made_at: datetime
