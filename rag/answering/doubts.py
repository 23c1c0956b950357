"""Doubts about a sentence of an answer: quotes that are not there, denials, opposites, deeds that nobody speaks of."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rag.answering.claims import (
    EMPTY_WORDS,
    Sentence,
    content,
    denied,
    goes_that_way,
    opposed,
    stem,
    verbs_after_modals,
    words,
)
from rag.answering.figures import NUMBER_WORDS
from rag.answering.sources import Source, Window
from rag.records import Verdict

BORNE_OUT, RELATED = 0.56, 0.42
"""Half the share of a sentence's words that a window has, plus half their cosine: from which on it is borne out, and
from which on it is about the same thing."""
_ABOUT_IT = 0.5
"""The share of a sentence's words from which on a window speaks of the very same, so that it can contradict."""
_ALIKE = 0.5
"""The cosine of two words from which on one may be meant by the other."""
_QUOTED = re.compile(r"[\"“„«]([^\"“”„«»]{8,}?)[\"”“»]")
LEAST_QUOTE = 3

NOT_THERE = "The passages say nothing like it."
NOT_ALL = "The passages bear out only a part of it."


@dataclass(frozen=True, slots=True)
class Doubt:
    """What makes a sentence doubtful, and the most that its verdict can then be."""

    verdict: Verdict
    reason: str = ""
    missing: str = ""
    """What the passages do not have, a figure or a name."""


def misquoted(sentence: Sentence, sources: Sequence[Source]) -> Iterator[Doubt]:
    """Doubts about what is in quotation marks and not, word for word, in the passages."""
    for quoted in _QUOTED.findall(sentence.bare):
        run = words(quoted)
        if len(run) >= LEAST_QUOTE and not any(source.says(run) for source in sources):
            yield Doubt(Verdict.UNSUPPORTED, "The words in quotation marks are not in the passages.")


def contradicted(
    sentence: Sentence, sources: Sequence[Source], near: Sequence[tuple[float, Window]]
) -> Iterator[Doubt]:
    """Doubts where the sentences that speak of the very same all deny what this one affirms, or the other way round."""
    stems = content(sentence.bare)
    overlaps = [(one.overlap(stems), one) for source in sources for one in source.sentences]
    most = max((share for share, _ in overlaps), default=0.0)
    same = [one for share, one in overlaps if share >= max(_ABOUT_IT, most - 0.1)]
    if not same:
        same = [one for score, one in near if score >= BORNE_OUT and one in one.source.sentences][:1]
    denials = denied(sentence.bare)
    theirs = [denied(one.text) for one in same]
    if same and all(
        bool(there & stems) if not denials else bool(denials & one.stems) and not there
        for one, there in zip(same, theirs, strict=True)
    ):
        yield Doubt(Verdict.UNSUPPORTED, "The passage says it the other way round: only one of the two has a “not”.")
    pairs = [opposed(sentence.bare, one.text) for one in same if not (denials or denied(one.text) & stems)]
    if pairs and all(pairs):
        yield Doubt(Verdict.UNSUPPORTED, f"The passage says the opposite ({pairs[0]}).")


def unlike(support: float, doubted: bool) -> list[Doubt]:
    """The doubt about a sentence that no window bears out, which is needless where it is `doubted` and near to one."""
    if support < RELATED:
        return [Doubt(Verdict.UNSUPPORTED, NOT_THERE)]
    return [Doubt(Verdict.PARTLY, NOT_ALL)] if support < BORNE_OUT and not doubted else []


def unspoken_deeds(
    sentence: Sentence, beside: Sequence[Window], encode: Callable[[list[str]], NDArray[np.float32]]
) -> Iterator[Doubt]:
    """Doubts about what is said that somebody may, must or will do, where nothing near means that."""
    said = {word for window in beside for word in words(window.text) if word.isalpha()}
    there = said - EMPTY_WORDS - NUMBER_WORDS.keys()
    stems = {stem(word) for word in there}
    spoken = " ".join(there)
    verbs = [
        one for one in verbs_after_modals(sentence.bare) if stem(one) not in stems and not goes_that_way(one, spoken)
    ]
    if verbs and there:
        rows = encode([*verbs, *sorted(there)])
        alike = (rows[: len(verbs)] @ rows[len(verbs) :].T).max(axis=1)
        missing = [one for one, nearness in zip(verbs, alike, strict=True) if nearness < _ALIKE]
        yield from (Doubt(Verdict.PARTLY, missing=f"“{one}”") for one in missing)
