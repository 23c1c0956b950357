"""Choosing what is quoted: the best sentence, what it needs to be understood, and more where more is asked for.

Neighbours come along only where they help: a sentence that begins with a pronoun takes the one before it. Of a table
whose column names stand in the heading a row is enough.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from rag.answering.asked import Kind, answer_spans
from rag.answering.reading import CELL, Reading, Sentence, above
from rag.answering.texts import Texts
from rag.records import Hit

KIND = 0.06
"""What it counts that something of the kind that is asked for stands in a sentence; its likeness is in [-1, 1]."""
COVERED = 0.15
"""What it counts that all terms of the question stand in a sentence."""
FIRST = 0.05
"""What it counts that a sentence is of the first hit; of the second it is half of that, and so on."""
SEVERAL = 4
"""Quotes at most, where the question asks for several things."""
ALIKE = 0.9
"""A further quote must be as good as this share of the best ..."""
RELATED = 0.7
"""... or as this, if it has names or numbers of the question that the others lack."""
GAP = 120
"""Code points between two chosen sentences of a page that are quoted as one."""

_WORD = re.compile(r"\w+")
_FIGURE = re.compile(r"\d[\d.,]*")
_LEANS = re.compile(
    r"[\"'“‘(\[]*(?:he|she|it|they|this|these|those|that|such|his|her|its|their|him|them|however|but|therefore|thus"
    r"|instead|also|another|both|the (?:latter|former|same))\b",
    re.IGNORECASE,
)
_SHORT = 5  # words


@dataclass(frozen=True, slots=True)
class Quote:
    """What is quoted of hit `hit`'s document: its text[start:end], of which text[best[0]:best[1]] is what answers."""

    hit: Hit
    start: int
    end: int
    text: str
    best: tuple[tuple[int, int], ...]


def choose(reading: Reading, ranked: Sequence[tuple[float, Sentence]], texts: Texts) -> list[Quote]:
    """The quotes that answer best, best first; none if there is nothing to quote. `ranked` as `rank` returns it."""
    if not ranked:
        return []
    chosen = [ranked[0][1], *(_further(reading, ranked) if reading.asked.several else ())]
    return _merged([_with_neighbour(reading, one) for one in chosen], texts)


def rank(reading: Reading) -> list[tuple[float, Sentence]]:
    """Every sentence that says something with its score, best first."""
    every = [one for some in reading.sentences for one in some]
    telling = [one for one in every if says_something(reading.text(one))] or every
    return sorted(((score(reading, one), one) for one in telling), key=lambda found: -found[0])


def score(reading: Reading, sentence: Sentence) -> float:
    """How well a sentence answers."""
    asked, text = reading.asked, reading.text(sentence)
    fits = asked.kind is not Kind.OTHER and bool(answer_spans(asked.kind, asked.text, text))
    return reading.likeness(sentence) + KIND * fits + COVERED * reading.covered(text) + FIRST / (1 + sentence.hit)


def _further(reading: Reading, ranked: Sequence[tuple[float, Sentence]]) -> list[Sentence]:
    """Further sentences: first those with names and numbers of the question that the others lack, then as good ones."""
    best, first = ranked[0]
    others = [(value, one, _marks(reading, one)) for value, one in ranked[1:] if value >= best * RELATED]
    taken: list[Sentence] = []
    said, have = {_bare(reading.text(first))}, _marks(reading, first)
    while others and len(taken) < SEVERAL - 1:
        gains = [sum(reading.rarity.get(term, 0.0) for term in marks - have) for _, _, marks in others]
        place = gains.index(max(gains))  # of equal ones the best
        if not gains[place] and others[place][0] < best * ALIKE:
            break
        _, sentence, marks = others.pop(place)
        if (bare := _bare(reading.text(sentence))) not in said:
            said.add(bare)
            taken.append(sentence)
            have |= marks
    return taken


def _marks(reading: Reading, sentence: Sentence) -> set[str]:
    """The terms of the question's names and numbers that a sentence has, or that stand above its passage."""
    marks = {term for word in reading.asked.words if word.is_name or word.is_number for term in word.terms}
    return marks & set(reading.terms(f"{above(reading.hits[sentence.hit])}\n{reading.text(sentence)}"))


def _bare(text: str) -> str:
    return " ".join(_WORD.findall(text.lower()))


def _with_neighbour(reading: Reading, sentence: Sentence) -> tuple[Hit, int, int, tuple[int, int]]:
    """Where a sentence stands in its document, with the one before it if it leans on that, and the sentence alone."""
    hit, text = reading.hits[sentence.hit], reading.text(sentence)
    start = sentence.start
    is_row = CELL in text or len(_FIGURE.findall(text)) > 1
    if sentence.place and not is_row and (_LEANS.match(text) or len(_WORD.findall(text)) <= _SHORT):
        start = reading.sentences[sentence.hit][sentence.place - 1].start
    base = hit.chunk.start
    return hit, base + start, base + sentence.end, (base + sentence.start, base + sentence.end)


def _merged(pieces: Sequence[tuple[Hit, int, int, tuple[int, int]]], texts: Texts) -> list[Quote]:
    """As quotes; those that lie close together on a page of a document become one."""
    quotes: list[Quote] = []
    for hit, start, end, best in pieces:
        for place, other in enumerate(quotes):
            same = (hit.chunk.document_id, hit.chunk.page) == (other.hit.chunk.document_id, other.hit.chunk.page)
            if same and start <= other.end + GAP and other.start <= end + GAP:
                first, last = min(start, other.start), max(end, other.end)
                if text := _text(other.hit, hit, first, last, texts):
                    quotes[place] = Quote(other.hit, first, last, text, tuple(sorted({*other.best, best})))
                    break
        else:
            text = hit.chunk.text[start - hit.chunk.start : end - hit.chunk.start]
            quotes.append(Quote(hit, start, end, text, (best,)))
    return quotes


def _text(one: Hit, other: Hit, start: int, end: int, texts: Texts) -> str:
    for chunk in (one.chunk, other.chunk):
        if chunk.start <= start and end <= chunk.end:
            return chunk.text[start - chunk.start : end - chunk.start]
    return texts.between(one.chunk.document_id, start, end)


def says_something(text: str) -> bool:
    """Whether it is a sentence, a long line or a row with figures, rather than a heading or a page number."""
    words = len(_WORD.findall(text))
    ends = text.rstrip("\"'”’)]*")[-1:] in tuple(".!?;。！？")
    figures = len(_FIGURE.findall(text))
    return (
        words >= 12
        or (ends and (words >= 3 or len(text) >= 12))
        or (words >= 3 and (figures > 1 or (figures == 1 and ":" in text)))
    )
