"""Chunks of documents, and what a question finds of them."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath

_TITLE_CHARS, _HEADING_CHARS = 60, 80
"""Of a contextual header: about 25 tokens, so that the passage has the rest of what the model reads."""
_BARE = "b"
"""Ends the settings in the id of a chunk that is embedded without a header."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """A passage: `text` is `document_text[start:end]`; `heading` is the path above it, never part of it.

    `id` is the document's id, the chunking settings and the position, joined by hyphens (see `document_of`). `title`
    is what its document is called (see `document_label`).
    """

    id: str
    document_id: str
    page: int
    start: int
    end: int
    heading: str
    text: str
    title: str = ""

    @property
    def embedded(self) -> str:
        """What vectors are made of: the text below a contextual header of title and heading path, which says what a
        passage is about where the passage itself does not. It is never quoted. Where chunks are made without headers,
        which their ids say, it is the text alone."""
        if _is_bare(self.id):
            return self.text
        parts = (self.title[:_TITLE_CHARS], self.heading[-_HEADING_CHARS:])
        header = " > ".join(part.strip() for part in parts if part.strip())
        return f"{header}\n{self.text}" if header else self.text

    @property
    def digest(self) -> str:
        """Equal for chunks with equal vectors, whichever document they are from."""
        return hashlib.blake2b(self.embedded.encode(errors="surrogatepass"), digest_size=16).hexdigest()


@dataclass(frozen=True, slots=True)
class Passage:
    """A piece of a document: `text` is `document_text[start:end]`."""

    start: int
    end: int
    text: str


@dataclass(frozen=True, slots=True)
class Hit:
    """A chunk found for a question. `score` is in [0, 1]: how far up it is in all lists together, 1 where it is the
    first of each. `ranks` has its 1-based rank in each list that has it, `scores` what that list goes by: the cosine
    (`dense`), BM25 (`lexical`), MaxSim in [-1, 1] (`late`); `routed ...` are those of the document that is named.
    `passage` is what there is to read of it: the chunk with what goes on around it, None where nobody looked."""

    chunk: Chunk
    name: str
    score: float
    ranks: Mapping[str, int] = field(default_factory=dict)
    scores: Mapping[str, float] = field(default_factory=dict)
    passage: Passage | None = None

    @property
    def text(self) -> str:
        """What there is to read."""
        return self.passage.text if self.passage else self.chunk.text

    @property
    def span(self) -> tuple[int, int]:
        """Where that lies in the document's text."""
        return (self.passage.start, self.passage.end) if self.passage else (self.chunk.start, self.chunk.end)


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a page is or is not among the hits: its best `chunk`, that one's rank and score in each list that has it, its
    `rank` when the lists are fused (None: it did not get so far), and what `removed` it; empty if nothing did."""

    chunk: Chunk
    ranks: Mapping[str, int]
    scores: Mapping[str, float]
    rank: int | None
    removed: str


def document_label(name: str, title: str) -> str:
    """What a document is called: its file's name as words and its own title, or the one that has the other in it."""
    stem = " ".join(re.split(r"[\s_]+", PurePosixPath(name).stem.strip()))
    in_stem, in_title = (set(re.findall(r"\w+", one.lower())) for one in (stem, title))
    if in_stem <= in_title:
        return title
    return stem if in_title <= in_stem else f"{stem}: {title}"


def chunk_id(document_id: str, tokens: int, position: int, overlap: int = 0, headers: bool = True) -> str:
    """The id of the chunk at 0-based `position` when cutting at about `tokens` tokens, of which up to `overlap` are of
    the chunk before, to be embedded with or without `headers`."""
    settings = f"{tokens}{f'o{overlap}' if overlap else ''}{'' if headers else _BARE}"
    return f"{document_id}-{settings}-{position:06d}"


def _is_bare(chunk: str) -> bool:
    settings = chunk.rpartition("-")[0].rpartition("-")[2]
    return settings.endswith(_BARE) and settings[:1].isdecimal()


def document_of(chunk: str) -> str:
    """The document id within a chunk id."""
    return chunk.partition("-")[0]


def position_of(chunk: str) -> int:
    """The 0-based position within a chunk id."""
    return int(chunk.rpartition("-")[2])
