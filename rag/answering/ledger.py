"""The claim ledger: each sentence of a language model's answer held against the passages that it cites.

By what can be looked up: words in a row, figures (also calculated ones), names, negations, and how near the sentence
is in meaning to the best sentences there. No second language model is asked.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

from rag.answering.claims import (
    Sentence,
    Sentences,
    claims,
    content,
    name_runs,
    names,
    words,
)
from rag.answering.deriving import Derived, Operand, derived, of_sentence, operands
from rag.answering.doubts import BORNE_OUT, LEAST_QUOTE, RELATED, Doubt, contradicted, misquoted, unlike, unspoken_deeds
from rag.answering.figures import Figure, Match, figures, match
from rag.answering.places import misplaced
from rag.answering.sources import Source, Window
from rag.records import DOUBTFUL, Answer, Claim, Verdict

Encode = Callable[[list[str]], NDArray[np.float32]]
"""Texts to unit vectors, (n, dimension)."""

_CANDIDATES = 6
"""Windows of the passages, those that share most words with a sentence, that are compared with it in meaning."""
_ELSEWHERE = 4
"""The same, of all passages where a sentence cites some: it may stand in another."""
_BESIDE = 0.3
"""How near a window must be for its small figures to be a sentence's: a 5 may stand anywhere and proves nothing."""
_OTHERS = 2
"""Passages that a sentence does not cite and that are looked at where those it cites do not bear it out."""
_NEAREST = 3
"""Windows whose passages a sentence without a footnote is held against: a figure may stand anywhere."""
_RESTS_ON = 3
"""Windows, the nearest ones, from whose figures others may be calculated."""
_WORST_FIRST = list(reversed(Verdict))

BY_HAND = "{passages} edited by hand: the page may say otherwise."
ORDERED = "A passage tells a language model to say so, which is no evidence."


def make_ledger(answer: Answer, encode: Encode, sentences: Sentences) -> tuple[Claim, ...]:
    """The claims of an answer in its order; footnote n of it is `answer.hits[n - 1]`.

    A sentence without a footnote is held against the passages nearest to it. One that passages bear out which it does
    not cite is supported partly. Raises ModelError if the embedding model does not answer.
    """
    sources = [Source(number, hit, sentences) for number, hit in enumerate(answer.hits, start=1)]
    found = claims(answer.text, sentences)
    if not sources or not found:
        return ()
    judge = _Judge(answer.question, sources, _nearness(found, sources, encode), encode)
    return tuple(_with_unknown(judge.claim(one), answer) for one in found)


def _with_unknown(claim: Claim, answer: Answer) -> Claim:
    """A claim that is supported partly at most if it cites what is no passage."""
    unknown = [one for one in claim.citations if not 1 <= one <= len(answer.hits)]
    unknown += [number for at, number in answer.unknown if claim.start < at <= claim.end]
    if not unknown:
        return claim
    verdict = claim.verdict if claim.verdict in DOUBTFUL else Verdict.PARTLY
    shown = ", ".join(f"[{one}]" for one in dict.fromkeys(unknown))
    return replace(claim, verdict=verdict, reasons=(f"No passage is {shown}.", *claim.reasons))


def _nearness(
    found: Sequence[Sentence], sources: Sequence[Source], encode: Encode
) -> Callable[[Sentence], list[tuple[float, Window]]]:
    """For each sentence the windows nearest to it, of each source some, with how near they are, nearest first."""
    windows = [window for source in sources for window in source.windows]
    chosen: dict[int, list[Window]] = {}
    for sentence in found:
        stems = content(sentence.bare)
        ordered = sorted(
            windows, key=lambda one: (-one.overlap(stems) - one.shared_figures(stems) / 4, one.end - one.start)
        )
        cited = [one for one in ordered if one.source.number in sentence.citations]
        chosen[sentence.start] = [*cited[:_CANDIDATES], *ordered[: _ELSEWHERE if cited else _CANDIDATES]]
    texts = list(dict.fromkeys([*(one.bare for one in found), *(w.text for some in chosen.values() for w in some)]))
    rows = dict(zip(texts, encode(texts), strict=True))

    def nearest(sentence: Sentence) -> list[tuple[float, Window]]:
        stems, row = content(sentence.bare), rows[sentence.bare]
        scored = [(one.overlap(stems) / 2 + float(row @ rows[one.text]) / 2, one) for one in chosen[sentence.start]]
        return sorted(scored, key=lambda pair: -pair[0])

    return nearest


class _Judge:
    """Finds the verdicts on an answer's sentences."""

    def __init__(
        self,
        question: str,
        sources: Sequence[Source],
        nearest: Callable[[Sentence], list[tuple[float, Window]]],
        encode: Encode,
    ) -> None:
        self._question = question
        self._sources = sources
        self._nearest = nearest
        self._encode = encode
        plain = {word for source in sources for word in re.findall(r"\b[a-z]\w+", source.text)}
        self._known = [name for source in sources for name in names(source.text) if name.lower() not in plain]

    def claim(self, sentence: Sentence) -> Claim:
        """The verdict on a sentence, with what it rests on."""
        cited = [one for one in self._sources if one.number in sentence.citations]
        claim = self._judged(sentence, cited or [window.source for _, window in self._nearest(sentence)[:_NEAREST]])
        if cited and claim.verdict in DOUBTFUL and not any(misplaced(sentence.bare, cited)):
            others = [window.source for _, window in self._nearest(sentence) if window.source not in cited]
            for other in list(dict.fromkeys(others))[:_OTHERS]:
                elsewhere = self._judged(sentence, [other])
                if elsewhere.verdict not in DOUBTFUL:
                    where = f"It stands in passage {other.number}, which it does not cite."
                    return replace(elsewhere, verdict=Verdict.PARTLY, reasons=(where,))
        return claim

    def _judged(self, sentence: Sentence, sources: Sequence[Source]) -> Claim:
        near = [(score, one) for score, one in self._nearest(sentence) if one.source in sources]
        best = near[0][1].citation() if near else None
        claim = Claim(sentence.start, sentence.end, Verdict.VERBATIM, sentence.citations, rests_on=best)
        run = words(sentence.bare)
        said = len(run) >= LEAST_QUOTE and any(source.says(run) for source in sources)
        denials = list(contradicted(sentence, sources, near))
        if said and not denials:  # else it is a part of a sentence that says the contrary
            return _by_hand(claim, [source for source in sources if source.says(run)])
        support = max((max(score, _tabulated(sentence, one)) for score, one in near), default=0.0)
        sums, doubts = self._figures(sentence, sources, near)
        if not doubts and any(one.distinctive and not one.year for one in figures(sentence.bare)):
            support = max(support, RELATED)  # its figures are all there
        doubts += [
            *self._names(sentence, sources, support),
            *misquoted(sentence, sources),
            *denials,
            *unspoken_deeds(sentence, [one for score, one in near if score >= _BESIDE], self._encode),
            *misplaced(sentence.bare, sources),
        ]
        doubts += unlike(support, bool(doubts))
        verdict = min((one.verdict for one in doubts), key=_WORST_FIRST.index, default=Verdict.SUPPORTED)
        missing = [one.missing for one in doubts if one.missing]
        told = [f"Not found there: {', '.join(missing)}."] if missing else []
        if doubts and any(source.orders(content(sentence.bare)) for source in self._sources):
            told.append(ORDERED)
        reasons = tuple(dict.fromkeys([*told, *(one.reason for one in doubts if one.reason), *sums]))
        return _by_hand(
            replace(claim, verdict=verdict, reasons=reasons), sources if sentence.citations else sources[:1]
        )

    def _figures(
        self, sentence: Sentence, sources: Sequence[Source], near: Sequence[tuple[float, Window]]
    ) -> tuple[list[str], list[Doubt]]:
        """How calculated figures were found, and doubts about those that were not found."""
        mine = [one for one in figures(sentence.bare) if not one.loose]
        beside = [(figures(one.text), one.source.scales) for score, one in near if score >= _BESIDE]
        beside += [(figures(source.above), source.scales) for source in sources]
        anywhere = [(source.figures, source.scales) for source in sources]
        found = {
            one: max((match(one, *there) for there in (anywhere if one.distinctive else beside)), default=Match.NO)
            for one in mine
        }
        there = [one for one in mine if found[one] is not Match.NO]
        scales = {scale for source in sources for scale in source.scales}
        sums: list[str] = []
        doubts: list[Doubt] = []
        for one in mine:
            shown = sentence.bare[one.start : one.end]
            if found[one] is Match.UNIT:
                doubts.append(Doubt(Verdict.PARTLY, f"The passages have the digits of {shown}, but not that unit."))
            elif found[one] is Match.NO:
                how = self._derived(one, there, near, scales, sentence.bare)
                if how and how.contrary:
                    doubts.append(Doubt(Verdict.UNSUPPORTED, f"It goes the other way: {how.how}.", missing=shown))
                elif how:
                    sums.append(f"{shown} is calculated: {how.how}.")
                else:
                    soft = bool(there) or one.in_words
                    doubts.append(Doubt(Verdict.PARTLY if soft else Verdict.UNSUPPORTED, missing=shown))
        return sums, doubts

    def _derived(
        self, figure: Figure, there: list[Figure], near: Sequence[tuple[float, Window]], scales: set[Decimal], text: str
    ) -> Derived | None:
        """How a figure follows from those of its sentence, or else from those of the sentences and rows it rests on."""
        own = derived(figure, of_sentence(text, there), scales, text)
        if own and not own.contrary:
            return own
        beside: dict[tuple[int, int], Operand] = {}
        for _, window in near[:_RESTS_ON]:
            for one in operands(window.source.text, window.start, window.end):
                beside.setdefault((one.unit, one.figure.start), one)
        about = (content(text), content(self._question))
        return derived(figure, list(beside.values()), scales, text, about) or own

    def _names(self, sentence: Sentence, sources: Sequence[Source], support: float) -> Iterator[Doubt]:
        for run in dict.fromkeys(name_runs(sentence.bare, self._known)):
            lacking = [source.lacks(run) for source in sources]
            if missing := [name for name in run if all(name in one for one in lacking)]:
                if self._known_elsewhere(run, missing, sources):
                    continue
                soft = support >= BORNE_OUT
                yield Doubt(Verdict.PARTLY if soft else Verdict.UNSUPPORTED, missing=f"“{' '.join(run)}”")

    def _known_elsewhere(self, run: Sequence[str], missing: Sequence[str], sources: Sequence[Source]) -> bool:
        """Whether a name that the passages lack is the question's own, or a longer form of one that they have: as it
        stands in full in another passage of the same document."""
        asked = set(words(self._question))
        if all(name.lower() in asked for name in missing):
            return not any(one.names(name) for name in missing for one in self._sources)
        documents = {one.hit.chunk.document_id for one in sources}
        full = words(" ".join(run))
        others = (one for one in self._sources if one.hit.chunk.document_id in documents)
        return len(missing) < len(run) and any(one.says(full) for one in others)


def _by_hand(claim: Claim, sources: Sequence[Source]) -> Claim:
    """A claim, and that passages which bear it out were edited by hand; unless another one has its very words."""
    edited = [one.number for one in sources if one.hit.chunk.edited]
    if claim.verdict in DOUBTFUL or not edited or (claim.verdict is Verdict.VERBATIM and len(edited) < len(sources)):
        return claim
    numbers = " and ".join(f"{one}" for one in edited)
    told = BY_HAND.format(passages=f"Passage {numbers} was" if len(edited) == 1 else f"Passages {numbers} were")
    return replace(claim, verdict=Verdict.EDITED, reasons=(told, *claim.reasons))


def _tabulated(sentence: Sentence, window: Window) -> float:
    """How far a row of a table bears a sentence out that says it in words: with two of its figures and a word in common
    it does, with one it is related."""
    stems = content(sentence.bare)
    if all(stem[0].isdigit() for stem in window.stems & stems):
        return 0.0
    there = {one.value for one in figures(window.text) if one.distinctive and not one.year}
    common = len(there & {one.value / one.scale for one in figures(sentence.bare)})
    return (0.0, RELATED)[common] if common < 2 else BORNE_OUT
