"""Choosing what is quoted: the sentence or row that answers best, and more of them where more is asked for."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

from rag.answering.asked import Kind
from rag.answering.pieces import is_heading
from rag.answering.quoting import Quote, merged, piece
from rag.answering.reading import Reading, Sentence
from rag.answering.spans import YEAR, answer_spans
from rag.answering.tables import fit_of_row, is_in_range
from rag.answering.telling import is_dateline
from rag.answering.texts import Texts
from rag.answering.totals import with_total_first

KIND = 0.06
"""What it counts that something of the kind that is asked for stands in a sentence; its likeness is in [-1, 1]."""
NO_FIGURE = 0.2
"""What it counts against a sentence that a figure is asked for and it has none."""
ROW = 0.1
"""What it counts that a row is just what is asked for."""
RANGE = 0.2
"""What it counts that a row is a range in which a number of the question lies, which is not in the row itself."""
MISSING = 0.1
"""What it counts against a sentence that the question's names and years are not there."""
OTHER_YEAR = 0.1
"""What it counts against a sentence that it names years, and none of those that are asked for."""
DATELINE = 0.1
"""What it counts against a sentence that begins by where and by whom it was sent out."""
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
_WORD = re.compile(r"\w+")
_YEARS = re.compile(r"(?<![\w.,$€£-])(?:19|20)\d\d(?![\w,.]\d)\b")
_SHORT = 5  # words
_FIGURE = re.compile(r"\d[\d.,]*")


def choose(reading: Reading, ranked: Sequence[tuple[float, Sentence]], texts: Texts) -> list[Quote]:
    """The quotes that answer best, best first; none if there is nothing to quote. `ranked` as `rank` returns it."""
    if not ranked:
        return []
    chosen = [ranked[0][1], *(_further(reading, ranked) if reading.asked.several else ())]
    return merged([piece(reading, one, texts) for one in chosen], texts)


def rank(reading: Reading) -> list[tuple[float, Sentence]]:
    """Every sentence that says something with its score, best first."""
    every = [one for some in reading.sentences for one in some]
    heads = {(one.hit, *one.lead) for one in every if one.is_row}
    telling = [one for one in every if one.is_row or (says_something(reading.text(one)) and not _heads(one, heads))]
    telling = telling or every
    return with_total_first(
        reading, sorted(((score(reading, one), one) for one in telling), key=lambda found: -found[0])
    )


def _heads(sentence: Sentence, heads: Collection[tuple[int, int, int]]) -> bool:
    """Whether it only names what is in a table."""
    return any(hit == sentence.hit and start <= sentence.start and sentence.end <= end for hit, start, end in heads)


def score(reading: Reading, sentence: Sentence) -> float:
    """How well a sentence answers."""
    asked, text = reading.asked, reading.text(sentence)
    value = reading.likeness(sentence) + COVERED * reading.share(reading.below(sentence)) + FIRST / (1 + sentence.hit)
    if asked.kind is not Kind.OTHER:
        fits = bool(answer_spans(asked.kind, asked.text, text))
        value += KIND if fits else -NO_FIGURE * (asked.kind is Kind.AMOUNT)
    if sentence.is_row:
        value += ROW * fit_of_row(text, asked, reading.terms) * reading.share(reading.below(sentence)) ** 0.5
        value += RANGE * is_in_range(text, asked)
    value -= OTHER_YEAR * _is_of_other_years(reading, sentence)
    return value - MISSING * missing(reading, sentence) - DATELINE * is_dateline(text)


def _is_of_other_years(reading: Reading, sentence: Sentence) -> bool:
    asked = {word.text for word in reading.asked.words if YEAR.fullmatch(word.text)}
    lead = reading.hits[sentence.hit].chunk.text[slice(*sentence.lead)]
    there = set(_YEARS.findall(f"{lead}\n{reading.text(sentence)}"))
    return bool(asked and there) and asked.isdisjoint(there)


def missing(reading: Reading, sentence: Sentence) -> float:
    """The share of the question's names and numbers that stand nowhere near a sentence or above it, and 1 more if a
    year is among them."""
    marks = set(reading.asked.marks)
    lacking = marks - reading.around(sentence)
    return len(lacking) / len(marks) + any(map(YEAR.fullmatch, lacking)) if lacking else 0.0


def _further(reading: Reading, ranked: Sequence[tuple[float, Sentence]]) -> list[Sentence]:
    """Further sentences: first those with names and numbers of the question that the others lack, then as good ones."""
    best, first = ranked[0]
    least = RELATED * reading.share(reading.around(first))
    others = [
        (value, one, _marks(reading, one))
        for value, one in ranked[1:]
        if value >= best * RELATED and not (one.is_row and reading.share(reading.around(one)) < least)
    ]
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
    return set(reading.asked.marks) & {*reading.above(sentence.hit), *reading.terms(reading.text(sentence))}


def _bare(text: str) -> str:
    return " ".join(_WORD.findall(text.lower()))


def says_something(text: str) -> bool:
    """Whether it is a sentence, a long line or a row with figures, rather than a heading or a page number."""
    if is_heading(text) and _FIGURE.search(text) is None:
        return False
    words = len(_WORD.findall(text))
    ends = text.rstrip("\"'”’)]*")[-1:] in tuple(".!?;。！？")
    figures = len(_FIGURE.findall(text))
    return (
        words >= 12
        or (words > _SHORT and text.endswith(":"))
        or (ends and (words >= 3 or len(text) >= 12))
        or (words >= 3 and (figures > 1 or (figures == 1 and ":" in text)))
    )
