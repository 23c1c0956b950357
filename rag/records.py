"""The nouns of Footnote: frozen, without behaviour beyond derived facts, without I/O.

All offsets are 0-based code points into a document's extracted text, end exclusive, so that
`text[start:end]` is the thing itself. All page numbers are 1-based.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import PurePosixPath

_TITLE_CHARS, _HEADING_CHARS = 60, 80
"""Of a contextual header: about 25 tokens, so that the passage has the rest of what the model reads."""


class State(StrEnum):
    """Where a document is on its way: queued -> indexing -> searchable -> ready, or failed, or deleting."""

    QUEUED = "queued"
    INDEXING = "indexing"
    SEARCHABLE = "searchable"
    READY = "ready"
    FAILED = "failed"
    DELETING = "deleting"


class Failure(StrEnum):
    """Why a document is failed, where that makes a difference to what is said and done about it."""

    CANCELLED = "cancelled"
    LOCKED = "locked"
    """It is a PDF that needs a password, which `retry` takes."""


VISIBLE = frozenset({State.SEARCHABLE, State.READY})
"""The states in which a document's chunks may be shown as hits."""

UNFINISHED = frozenset({State.QUEUED, State.INDEXING, State.SEARCHABLE})
"""The states in which there is work left to do."""


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a document; `text` is `document_text[start:start + len(text)]`.

    `char_map` leads from an offset in `text` to PDFium's character index on that page, as breakpoints
    `(offset, index)` in rising order: the index of offset o is `index_i + (o - offset_i)` for the last
    breakpoint with `offset_i <= o`. It is empty where the text did not come from PDFium.

    `ocr` is the mean confidence in (0, 1] of a page that was read by OCR, None for one with text of its own.
    """

    number: int
    text: str
    start: int
    label: str = ""
    char_map: tuple[tuple[int, int], ...] = ()
    ocr: float | None = None


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading: it holds from `offset` in the document's text until the next of its level or above, or until `end`.

    A table's column names are a heading of the table, with an `end`: a chunk from its middle still says what its
    columns are.
    """

    level: int
    title: str
    offset: int
    end: int | None = None


@dataclass(frozen=True, slots=True)
class ParsedDocument:
    """What parsing makes of a file's bytes. `text` is the whole extracted text, pages included."""

    title: str
    media_type: str
    text: str
    pages: tuple[Page, ...]
    headings: tuple[Heading, ...]
    parser: str
    date: int | None = None
    """The document's own date as yyyymmdd, where its metadata has one."""
    needs_ocr: tuple[int, ...] = ()
    """Numbers of the pages that have no usable text of their own but something to see."""


@dataclass(frozen=True, slots=True)
class OcrLine:
    """A line read by OCR. `confidence` is in [0, 1]; `box` is (left, top, right, bottom) on the page, in [0, 1]."""

    text: str
    confidence: float
    box: tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class OcrPage:
    """What OCR read on page `number`, in reading order; no lines where it found nothing. `engine` has its versions."""

    number: int
    lines: tuple[OcrLine, ...]
    engine: str


@dataclass(frozen=True, slots=True)
class Document:
    """A document of a collection as the catalog knows it. `id` is a hash of the bytes."""

    id: str
    name: str
    collection: str
    state: State
    added_at: datetime
    title: str = ""
    media_type: str = ""
    bytes: int = 0
    pages: int = 0
    chunks: int = 0
    date: int = 0
    tags: tuple[str, ...] = ()
    reason: str = ""
    """Why it failed or waits; of a ready one, why it could not be read anew."""
    seconds: float = 0.0
    stage: str = ""
    done: int = 0
    total: int = 0
    replaces: bool = False
    """Whether it takes the place of older documents of its name, in the moment it is ready."""
    batch: int = 0
    """Documents queued while others were unfinished belong to one batch."""
    engines: str = ""
    """The versions of what reads such a document, as it was queued."""
    ocr_pages: int = 0
    ocr_confidence: float = 0.0
    """Of the pages read by OCR, in [0, 1]."""
    unread_pages: int = 0
    """Pages with something to see and no usable text that OCR could not read, or did not because it is off."""
    timings: Mapping[str, float] = field(default_factory=dict)
    """Seconds by stage."""
    failure: Failure | None = None
    """Of a failed one; None for all other reasons than those named."""
    language: str = ""
    """Code of the language that its text is in (ISO 639-1); empty if that cannot be told."""
    served: bool = False
    """Whether it is being read anew, and until that is done is searched as it was read before."""

    @property
    def visible(self) -> bool:
        """Whether its chunks may be shown as hits. One that is to replace another may have to wait all the same."""
        return self.state in VISIBLE or (self.served and self.state in (State.QUEUED, State.INDEXING))


@dataclass(frozen=True, slots=True)
class Visible:
    """Which documents of a collection may be shown, id -> name: `ready` by meaning, `searchable` by words only."""

    ready: Mapping[str, str]
    searchable: Mapping[str, str]

    @property
    def names(self) -> dict[str, str]:
        """All of them."""
        return {**self.ready, **self.searchable}


@dataclass(frozen=True, slots=True)
class Collection:
    """A named set of documents made with one embedding model and one way of chunking.

    `store_name` is its name inside Chroma; `fingerprint` says how it was made.
    """

    name: str
    store_name: str
    fingerprint: Mapping[str, str]
    created_at: datetime
    documents: int = 0
    chunks: int = 0
    bytes: int = 0


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
        passage is about where the passage itself does not. It is never quoted."""
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


@dataclass(frozen=True, slots=True)
class Citation:
    """Footnote `number` of an answer: `quote` is `document_text[start:end]`, on `page` of the document.

    `heading` is that of the passage it is from: of a table, its columns' names. `boxes` are the quote's rectangles on
    the page image, (left, top, right, bottom) in [0, 1]. `highlights` are the (start, end) in the document's text of
    what answers within the quote; empty if that is all of it.
    """

    number: int
    document: str
    name: str
    page: int
    quote: str
    start: int
    end: int
    boxes: tuple[tuple[float, float, float, float], ...] = ()
    heading: str = ""
    highlights: tuple[tuple[int, int], ...] = ()


class Abstention(StrEnum):
    """Why a question is not answered."""

    NO_DOCUMENT = "in no document"
    """Nothing that is near to it was found."""
    NEAR_MISS = "near miss"
    """Something near to it was found, which does not say what it asks for."""


class Verdict(StrEnum):
    """How far the passages bear a sentence out, best first."""

    VERBATIM = "verbatim"
    SUPPORTED = "supported"
    PARTLY = "partly"
    UNSUPPORTED = "unsupported"


DOUBTFUL = frozenset({Verdict.PARTLY, Verdict.UNSUPPORTED})
"""The verdicts on which the reader must look for himself."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A sentence of an answer that says something, `answer.text[start:end]`, held against the passages.

    `citations` are the footnotes that it has; `reasons` say why it is doubtful, or how a figure was calculated.
    `rests_on` is what comes nearest to it in them, None where nothing does; its number is the passage's, which need
    not be one that the sentence cites.
    """

    start: int
    end: int
    verdict: Verdict
    citations: tuple[int, ...] = ()
    reasons: tuple[str, ...] = ()
    rests_on: Citation | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer and its proofs. `hits` are the passages it was made from, or those that come closest; `notice` is what
    the reader must know (a language model that failed, say). `abstention` says why it `abstained`. `ledger` has what a
    language model's answer claims, sentence by sentence. `timings` are seconds by step."""

    question: str
    text: str
    citations: tuple[Citation, ...]
    hits: tuple[Hit, ...]
    abstained: bool
    model: str
    notice: str = ""
    timings: Mapping[str, float] = field(default_factory=dict)
    abstention: Abstention | None = None
    confidence: float | None = None
    """The probability that the passages answer the question, where that was estimated."""
    ledger: tuple[Claim, ...] = ()
    searched: str = ""
    """What was searched for: the question, or what a follow-up question became."""
    overview: Overview | None = None
    """What it was taken from, where the question was what a document is about."""


@dataclass(frozen=True, slots=True)
class Section:
    """A part of a document in its overview: what it is called (empty where it has no heading), the pages it is on, and
    the sentences that say most of it."""

    heading: str
    page: int
    last_page: int
    citations: tuple[Citation, ...]


@dataclass(frozen=True, slots=True)
class Overview:
    """What a document is about. `outline` has its headings, each with its level, from 1 on, and its page; `answer` says
    it in words with footnotes, which a language model has written where `answer.model` names one."""

    document: str
    name: str
    title: str
    pages: int
    outline: tuple[tuple[int, str, int], ...]
    sections: tuple[Section, ...]
    answer: Answer


@dataclass(frozen=True, slots=True)
class Exchange:
    """What was asked and answered before in a conversation; `question` as it was searched for."""

    question: str
    answer: str = ""


@dataclass(frozen=True, slots=True)
class AnswerPiece:
    """A piece of an answer while it streams: append `text`; if `restart`, throw away what came before."""

    text: str
    restart: bool = False


@dataclass(frozen=True, slots=True)
class IngestEvent:
    """Progress of one file. `outcome` is empty until the last event of that file:
    'ready', 'duplicate', 'skipped' (a file of an archive that is not read), 'failed', 'cancelled' or 'queued' (left to
    the process that owns the folder). `timings` are seconds by stage."""

    path: str
    name: str
    document: str | None
    stage: str
    done: int = 0
    total: int = 0
    outcome: str = ""
    reason: str = ""
    pages: int = 0
    chunks: int = 0
    seconds: float = 0.0
    ocr_pages: int = 0
    unread_pages: int = 0
    timings: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the queue is: of the documents queued together, how many are finished, and of these how many failed and
    were cancelled; `fraction` of the work done; chunks a second; seconds until all is done (None: not known yet)."""

    documents: int
    finished: int
    failed: int
    searchable: int
    fraction: float
    chunks_per_second: float = 0.0
    seconds_left: float | None = None
    reason: str = ""
    cancelled: int = 0


@dataclass(frozen=True, slots=True)
class Preflight:
    """What will happen if a file is ingested. `problem` is why it cannot be; `document` the id of its bytes.

    `blank_pages` have no usable text and are read by OCR, if that is on; `chunks` are those of the other pages,
    `new_chunks` those not embedded yet. `seconds` is an estimate from what this machine did so far (None: no idea yet).
    """

    name: str
    document: str = ""
    media_type: str = ""
    bytes: int = 0
    pages: int = 0
    blank_pages: tuple[int, ...] = ()
    chunks: int = 0
    new_chunks: int = 0
    seconds: float | None = None
    encrypted: bool = False
    duplicate_of: Document | None = None
    replaces: tuple[Document, ...] = ()
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that `check` found: `what` it is about, in which collection, and whether it was `repaired`."""

    collection: str
    what: str
    problem: str
    repaired: bool = False


def document_label(name: str, title: str) -> str:
    """What a document is called: its file's name as words and its own title, or the one that has the other in it."""
    stem = " ".join(re.split(r"[\s_]+", PurePosixPath(name).stem.strip()))
    in_stem, in_title = (set(re.findall(r"\w+", one.lower())) for one in (stem, title))
    if in_stem <= in_title:
        return title
    return stem if in_title <= in_stem else f"{stem}: {title}"


def chunk_id(document_id: str, tokens: int, position: int) -> str:
    """The id of the chunk at 0-based `position` when cutting at about `tokens` tokens."""
    return f"{document_id}-{tokens}-{position:06d}"


def document_of(chunk: str) -> str:
    """The document id within a chunk id."""
    return chunk.partition("-")[0]


def position_of(chunk: str) -> int:
    """The 0-based position within a chunk id."""
    return int(chunk.rpartition("-")[2])
