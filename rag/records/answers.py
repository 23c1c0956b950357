"""Answers and their proofs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from rag.records.passages import Hit


@dataclass(frozen=True, slots=True)
class Citation:
    """Footnote `number` of an answer: `quote` is `document_text[start:end]`, on `page` of the document.

    `heading` is that of the passage it is from: of a table, its columns' names. `highlights` are the (start, end) in
    the document's text of what answers within the quote; empty if that is all of it.

    A quote from a passage that was `edited` by hand, at that moment, is not the document's words: `start` and `end` are
    the passage's place, and `printed` is what the document says there.
    """

    number: int
    document: str
    name: str
    page: int
    quote: str
    start: int
    end: int
    heading: str = ""
    highlights: tuple[tuple[int, int], ...] = ()
    edited: datetime | None = None
    printed: str = ""


QUOTING = "extractive"
"""The `model` of an answer that quotes the documents and was written by none."""


class Abstention(StrEnum):
    """Why a question is not answered."""

    NO_DOCUMENT = "in no document"
    """Nothing that is near to it was found."""
    NEAR_MISS = "near miss"
    """Something near to it was found, which does not say what it asks for."""
    SEVERAL_DOCUMENTS = "several documents"
    """It asks what a document is about, and may mean several."""


class Verdict(StrEnum):
    """How far the passages bear a sentence out, best first."""

    VERBATIM = "verbatim"
    SUPPORTED = "supported"
    EDITED = "edited"
    """Borne out, but by a passage that was edited by hand: the document itself may say otherwise."""
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


class Step(StrEnum):
    """What is done for an answer, in this order; each names its time in `Answer.timings`."""

    REWRITE = "rewrite"
    """A follow-up question is completed."""
    RETRIEVE = "retrieve"
    LEXICAL = "lexical"
    DENSE = "dense"
    LATE = "late"
    FUSE = "fuse"
    RERANK = "rerank"
    CONTEXT = "context"
    """The passages are put on their pages."""
    GENERATE = "generate"
    """The answer is written, or its quotes are chosen; waiting for a language model is part of it."""
    CHECK = "check"
    """Quotes are proved, and what a language model wrote is held against the passages."""


PARTS = frozenset({Step.LEXICAL, Step.DENSE, Step.LATE, Step.FUSE, Step.CONTEXT})
"""Steps that are part of another one, RETRIEVE; they are in traces alone."""

Told = Callable[[Step], None]
"""Is called when a step begins."""


def untold(_: Step) -> None:
    """Where nobody asks what is being done."""


FIRST_WORDS, TOTAL = "first_words", "total"
"""In `Answer.timings`: from the question to the first words, and to the whole answer."""


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer and its proofs. `hits` are the passages it was made from, or those that come closest; `notice` is what
    the reader must know (a language model that failed, say). `abstention` says why it `abstained`. `ledger` has what a
    language model's answer claims, sentence by sentence. `timings` are seconds: of each Step that was taken but PARTS,
    and until FIRST_WORDS and TOTAL."""

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
    unknown: tuple[tuple[int, int], ...] = ()
    """Where in the text a language model gave a footnote that no passage has, which was taken out, and its number."""


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
