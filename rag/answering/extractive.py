"""The extractive answerer: the best sentences of the best hits, quoted word for word. Needs no language model."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from rag.answering.asked import Kind
from rag.answering.calibration import Calibration, calibration
from rag.answering.choosing import choose, rank
from rag.answering.evidence import absent, features
from rag.answering.prompt import NO_ANSWER
from rag.answering.quoting import Quote
from rag.answering.reading import Reading, Sentence, read
from rag.answering.spans import answer_spans
from rag.answering.tables import LEAD, is_row
from rag.answering.texts import Texts
from rag.embedding import Embedder
from rag.records import QUOTING, Abstention, Answer, Citation, Hit

NOTHING = {
    Abstention.NO_DOCUMENT: f"{NO_ANSWER} Nothing in them is near to it.",
    Abstention.NEAR_MISS: f"{NO_ANSWER} They have something near to it, but not what it asks for.",
}
"""What is said instead of an answer."""

ABSENT = "{what} {verb} not in the passages found."
ELSEWHERE = "The passage that comes nearest says nothing of {what}."
"""What is said of words of the question that are missing."""

_ROW = re.compile(r"[|•*–-] ?|\d+[.)] ")
_PROSE = re.compile(r"\w{3,}[.;]$")
_MANY = 6
"""Highlights at most within what answers: where there are more, they point at nothing."""


class Quoter:
    """Answers by quoting. Safe to use from threads. Every method raises ModelError."""

    def __init__(self, embedder: Callable[[], Embedder], abstain_below: float) -> None:
        self._embedder = embedder
        self._abstain_below = abstain_below

    def answer(self, question: str, hits: Sequence[Hit], texts: Texts) -> Answer:
        """Quote what answers best, or say that the documents do not answer: if the probability that they do is below
        `abstain_below`, or a year or a name of the question is not in them."""
        model = (texts.embedder or self._embedder)()
        reading = read(question, hits, model, texts)
        fitted = calibration(model.has_tokens)
        ranked = rank(reading)
        evidence = features(reading, ranked[0][1]) if ranked else {}
        confidence = fitted.answers.probability(evidence) if evidence else 0.0
        absent = self._absent(reading, ranked[0][1]) if ranked else ""
        if evidence and absent and confidence >= self._abstain_below:
            text, why = f"{NO_ANSWER} {absent}", Abstention.NEAR_MISS
            found = Answer(question, text, (), tuple(hits), abstained=True, model=QUOTING, abstention=why)
        elif not evidence or confidence < self._abstain_below:
            why = _how_near(evidence, fitted)
            found = Answer(question, NOTHING[why], (), tuple(hits), abstained=True, model=QUOTING, abstention=why)
        else:
            quotes = enumerate(choose(reading, ranked, texts), start=1)
            citations = tuple(_citation(number, quote, reading, texts) for number, quote in quotes)
            found = Answer(question, quoted(citations), citations, tuple(hits), abstained=False, model=QUOTING)
        return replace(found, confidence=confidence)

    def _absent(self, reading: Reading, best: Sentence) -> str:
        """What of the question is not there, in words; empty if all is, or if every question is to be answered."""
        if self._abstain_below <= 0:
            return ""
        nowhere, elsewhere = absent(reading, best)
        if nowhere:
            return ABSENT.format(what=" and ".join(nowhere), verb="is" if len(nowhere) == 1 else "are")
        return ELSEWHERE.format(what=" and ".join(elsewhere)) if elsewhere else ""

    def why_not(self, question: str, hits: Sequence[Hit], texts: Texts) -> Abstention:
        """How near the hits come to a question that they do not answer."""
        model = (texts.embedder or self._embedder)()
        reading = read(question, hits, model, texts)
        ranked = rank(reading)
        return _how_near(features(reading, ranked[0][1]) if ranked else {}, calibration(model.has_tokens))


def _how_near(evidence: Mapping[str, float], fitted: Calibration) -> Abstention:
    near = bool(evidence) and fitted.near.probability(evidence) >= fitted.near_from
    return Abstention.NEAR_MISS if near else Abstention.NO_DOCUMENT


def quoted(citations: Sequence[Citation]) -> str:
    """An answer of quotes, each a paragraph with its footnote."""
    return "\n\n".join(f"{_flat(one.quote)} [{one.number}]" for one in citations)


def _citation(number: int, quote: Quote, reading: Reading, texts: Texts) -> Citation:
    chunk = quote.hit.chunk
    where = (chunk.document_id, quote.hit.name, chunk.page, quote.text, quote.start, quote.end)
    above = texts.heading(chunk.document_id, quote.start) or chunk.heading  # a chunk knows that of its beginning only
    heading = " > ".join(part for part in (above, quote.columns) if part)
    return Citation(number, *where, heading=heading, highlights=_highlights(quote, reading))


def _highlights(quote: Quote, reading: Reading) -> tuple[tuple[int, int], ...]:
    """What answers within the quote: what is of the kind that is asked for, else the sentences that were looked for."""
    asked, found = reading.asked, []
    for start, end in quote.best:
        text = quote.text[start - quote.start : end - quote.start]
        inside = answer_spans(asked.kind, asked.text, text) if asked.kind is not Kind.OTHER else []
        if 0 < len(inside) <= _MANY and not is_row(text):
            found += [(start + first, start + last) for first, last in inside]
        else:
            found.append((start, end))
    return tuple(found) if found != [(quote.start, quote.end)] else ()


def _flat(quote: str) -> str:
    """A quote as an answer shows it: running text on one line, the rows of a table or list on lines of their own."""
    lines = [" ".join(line.split()) for line in quote.splitlines() if line.strip()]
    return "\n".join(lines) if _is_rows(lines) else " ".join(lines)


def _is_rows(lines: Sequence[str]) -> bool:
    rows = sum(bool(_ROW.match(line)) or is_row(line) for line in lines)
    return (rows > 1 and rows * 2 >= len(lines)) or (
        rows > 0 and len(lines) <= LEAD + rows and not any(map(_PROSE.search, lines))
    )
