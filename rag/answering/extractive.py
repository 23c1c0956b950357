"""The extractive answerer: the best sentences of the best hits, quoted word for word. Needs no language model."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from rag.answering.prompt import NO_ANSWER
from rag.embedding import Embedder
from rag.records import Answer, Citation, Hit

MODEL = "extractive"

Sentences = Callable[[str], list[tuple[int, int]]]
"""The (start, end) of each sentence of a passage."""

_QUOTES = 3
# A further sentence is quoted only if it is nearly as close to the question as the best one.
_NEARLY = 0.85
_WORD = re.compile(r"\w+")
_ROW = re.compile(r"[|•*–-] ?|\d+[.)] ")
_FIGURE = re.compile(r"\d[\d.,]*")
# Words that every question has and that say nothing about what it asks for.
_EMPTY_WORDS = frozenset(
    {"a", "an", "and", "are", "as", "at", "be", "by", "can", "could", "did", "do", "does", "for", "from", "had", "has"}
    | {"have", "how", "in", "is", "it", "its", "many", "much", "of", "on", "or", "our", "should", "that", "the"}
    | {"their", "there", "these", "this", "to", "was", "we", "were", "what", "when", "where", "which", "who", "whom"}
    | {"whose", "why", "will", "with", "would", "you", "your"}
)


@dataclass(frozen=True, slots=True)
class _Quote:
    hit: Hit
    start: int  # within the chunk's text
    end: int
    score: float

    @property
    def text(self) -> str:
        return self.hit.chunk.text[self.start : self.end]


def extract_answer(
    question: str, hits: Sequence[Hit], embedder: Embedder, sentences: Sentences, abstain_below: float
) -> Answer:
    """Quote up to three sentences from the hits, or say that the documents do not answer.

    A sentence's score is its cosine to the question plus the share of the question's content words it has
    (weight 0.3) plus its chunk's own cosine (weight 0.3), over 1.6. It abstains if neither a hit nor the best
    sentence reaches `abstain_below` in cosine.
    """
    spans = [_Quote(hit, start, end, 0.0) for hit in hits for start, end in sentences(hit.chunk.text)]
    candidates = [one for one in spans if _says_something(one.text)] or spans
    if not candidates:
        return abstention(question, hits)
    cosines = embedder.encode([one.text for one in candidates]) @ embedder.encode_query(question)
    if max(float(np.max(cosines)), *map(_closeness, hits)) < abstain_below:
        return abstention(question, hits)
    scored = [
        _Quote(one.hit, one.start, one.end, _score(question, one, float(cosine)))
        for one, cosine in zip(candidates, cosines, strict=True)
    ]
    return _answer(question, hits, _best(scored))


def _closeness(hit: Hit) -> float:
    """How near the passage is to the question: its cosine, where it has one."""
    return hit.scores.get("dense", hit.score)


def abstention(question: str, hits: Sequence[Hit]) -> Answer:
    """The honest answer when nothing is close."""
    return Answer(question, NO_ANSWER, (), tuple(hits), abstained=True, model=MODEL)


def _says_something(text: str) -> bool:
    """Whether it is a sentence, a long line or a row with figures, rather than a heading or a page number."""
    words = len(_WORD.findall(text))
    ends = text.rstrip("\"'”’)]*")[-1:] in tuple(".!?;。！？")
    figures = len(_FIGURE.findall(text))
    return (
        words >= 12
        or (ends and (words >= 3 or len(text) >= 12))
        or (words >= 3 and (figures > 1 or (figures == 1 and ":" in text)))
    )


def _score(question: str, quote: _Quote, cosine: float) -> float:
    wanted = _content_words(question)
    there = _content_words(quote.text)
    covered = len(wanted & there) / len(wanted) if wanted else 0.0
    return (cosine + 0.3 * covered + 0.3 * _closeness(quote.hit)) / 1.6


def _content_words(text: str) -> frozenset[str]:
    # A plural and its singular count as one word.
    words = (word.lower() for word in _WORD.findall(text))
    return frozenset(word.removesuffix("s") for word in words if word not in _EMPTY_WORDS)


def _best(scored: Sequence[_Quote]) -> list[_Quote]:
    """The best sentence and those nearly as good, best first, without saying the same twice."""
    ordered = sorted(scored, key=lambda quote: -quote.score)
    chosen: list[_Quote] = []
    said: set[str] = set()
    for quote in ordered:
        words = " ".join(_WORD.findall(quote.text.lower()))
        if quote.score < ordered[0].score * _NEARLY or len(chosen) == _QUOTES:
            break
        if words not in said:
            said.add(words)
            chosen.append(quote)
    return chosen


def _answer(question: str, hits: Sequence[Hit], quotes: Sequence[_Quote]) -> Answer:
    citations = tuple(_citation(number, quote) for number, quote in enumerate(quotes, start=1))
    text = "\n\n".join(f"{_flat(one.quote)} [{one.number}]" for one in citations)
    return Answer(question, text, citations, tuple(hits), abstained=False, model=MODEL)


def _citation(number: int, quote: _Quote) -> Citation:
    chunk = quote.hit.chunk
    start, end = chunk.start + quote.start, chunk.start + quote.end
    name, heading = quote.hit.name, chunk.heading
    return Citation(number, chunk.document_id, name, chunk.page, quote.text, start, end, heading=heading)


def _flat(quote: str) -> str:
    """A quote as an answer shows it: running text on one line, the rows of a table or list on lines of their own."""
    lines = [" ".join(line.split()) for line in quote.splitlines() if line.strip()]
    rows = sum(bool(_ROW.match(line)) or len(_FIGURE.findall(line)) > 1 for line in lines)
    return "\n".join(lines) if rows > 1 and rows * 2 >= len(lines) else " ".join(lines)
