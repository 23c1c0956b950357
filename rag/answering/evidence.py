"""Evidence: what speaks for and against that a question's hits answer it, as numbers.

All of it comes from the texts: how like the question's words are to the best sentence's, which of its terms, names and
numbers are there, whether something of the kind that is asked for stands there, and whether one of both says the
opposite of the other.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from difflib import get_close_matches

from rag.answering.asked import Asked, Kind, Word
from rag.answering.naming import is_form
from rag.answering.opposites import are_opposed, differ_by_a_prefix, is_negated
from rag.answering.reading import Reading, Sentence, above
from rag.answering.spans import YEAR, answer_spans
from rag.answering.tables import is_in_range

ALIKE = 0.75
"""How like two words are (of their letters in common) that one of them may be the other, written wrongly."""
_WORD = re.compile(r"\w+")
# A capitalised word, or a code of letters and figures.
_NAME = re.compile(r"[^\W\d_]*[^\W\d_A-Z][^\W\d_]*(?:[-'’][^\W\d_]+)*|[^\W\d_]+-\d+")

LONG = 6
"""Words beyond four, from which on more say nothing new: longer questions were hardly among those it was fitted on."""


def features(reading: Reading, best: Sentence) -> dict[str, float]:
    """The evidence by name, from the best sentence, and with its neighbours, which are the window."""
    asked, sentence, window = reading.asked, reading.text(best), reading.window(best)
    hit = reading.hits[best.hit]
    passage = hit.chunk.text
    more = _of_a_row(reading, best)
    in_sentence, in_window, in_passage = (
        more | reading.above(best.hit) | set(reading.terms(text)) for text in (sentence, window, passage)
    )
    negated, negated_there = is_negated(asked.text), is_negated(sentence)
    names = asked.marks
    return {
        "likeness of the window": reading.likeness(best),
        "cosine": max(hit.scores.get("dense", 0.0) for hit in reading.hits),
        "least likeness of a word": float(best.own[reading.on(asked.words)].min(initial=1.0)),
        "share of terms in the window": reading.share(in_window),
        "rarest term missing from the sentence": _rarest_missing(reading, in_sentence),
        "rarest term missing from the passage": _rarest_missing(reading, in_passage),
        "a name is missing from the window": float(any(term not in in_window for term in names)),
        "share of numbers in the sentence": _share(asked.words, in_sentence),
        "something of the kind is in the sentence": float(_has_kind(asked, sentence)),
        "question is negated": float(negated),
        "one of both is negated": float(negated != negated_there),
        "sentence alone is negated": float(negated_there and not negated),
        "opposites": float(are_opposed(asked.text, sentence, reading.terms)),
        "opposites by a prefix": float(differ_by_a_prefix(asked.text, window)),
        "words beyond four": float(min(max(0, len(asked.words) - 4), LONG)),
    }


def _of_a_row(reading: Reading, best: Sentence) -> set[str]:
    """What a row says without having it: the terms of its table's head, the numbers that lie in its range."""
    if not best.is_row:
        return set()
    inside = is_in_range(reading.text(best), reading.asked)
    numbers = {term for word in reading.asked.words if word.is_number and inside for term in word.terms}
    return reading.below(best) | numbers


def absent(reading: Reading, best: Sentence) -> tuple[list[str], list[str]]:
    """What of the question's years, names and codes is in none of the passages, and which years are in others only.

    A name counts as there if something is that is written almost like it, or if a document's name has it run together
    with others; abbreviations, which may be written out, and what a firm is do not count.
    """
    hit = reading.hits[best.hit]
    nearest = f"{above(hit)}\n{hit.chunk.text}\n{hit.text}"
    every = "\n".join(f"{above(one)}\n{one.chunk.text}\n{one.text}" for one in reading.hits)
    years = [word.text for word in reading.asked.words if YEAR.fullmatch(word.text)]
    names = [word for word in reading.asked.words if _NAME.fullmatch(word.text) and (word.is_name or word.is_number)]
    names = [word for word in names if not is_form(word.text)]
    nowhere = [year for year in years if year not in every]
    if names:
        terms = set(reading.terms(every)).union(*map(reading.above, range(len(reading.hits))))
        words = {word.lower() for word in _WORD.findall(every)}
        missing = [word for word in names if terms.isdisjoint(word.terms)]
        nowhere += [word.text for word in missing if not get_close_matches(word.text.lower(), words, 1, ALIKE)]
    return nowhere, [year for year in years if year in every and year not in nearest]


def _rarest_missing(reading: Reading, there: Collection[str]) -> float:
    return max((reading.rarity.get(term, 0.0) for term in reading.asked.terms if term not in there), default=0.0)


def _share(words: Sequence[Word], there: Collection[str]) -> float:
    numbers = [term for word in words if word.is_number for term in word.terms]
    return sum(term in there for term in numbers) / len(numbers) if numbers else 1.0


def _has_kind(asked: Asked, text: str) -> bool:
    return asked.kind is Kind.OTHER or bool(answer_spans(asked.kind, asked.text, text))
