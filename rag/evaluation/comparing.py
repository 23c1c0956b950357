"""What may be compared, and what comes of it: runs of the same questions, two runs' passages for one of them, why a
question went wrong, and what a new version of a question set changes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rag.evaluation.intervals import EQUAL
from rag.evaluation.leaderboard import Measured, lower_is_better
from rag.evaluation.locating import Wanted
from rag.records import Found, Gold, Outcomes, Run, Scored, Study

LATENCY = "latency p50"
"""The time of a question that quality is held against."""
SAME_SHARE = 0.5
"""Two passages are the same for a reader if they share so much of the shorter one: runs may cut documents in different
places."""


@dataclass(frozen=True, slots=True)
class Contest:
    """Studies that asked the same questions of the same documents, newest first, so that their runs, in their order,
    can be compared question by question."""

    studies: tuple[Study, ...]
    runs: tuple[Run, ...]

    @property
    def newest(self) -> Study:
        """Which says what all have in common: questions, documents, collection."""
        return self.studies[0]

    @property
    def key(self) -> str:
        """What it is found again by."""
        return f"{self.newest.set_version}-{self.newest.data_version}"


def contests(studies: Sequence[Study], runs: Sequence[Run]) -> list[Contest]:
    """They by what may be compared; that with the newest study first. `studies` are given newest first."""
    together: dict[tuple[str, str], list[Study]] = {}
    for one in studies:
        together.setdefault((one.set_version, one.data_version), []).append(one)
    its: dict[str, list[Run]] = {}
    for run in runs:
        its.setdefault(run.study, []).append(run)
    return [
        Contest(tuple(some), tuple(run for one in reversed(some) for run in its.get(one.id, ())))
        for some in together.values()
    ]


def pareto(runs: Sequence[Run], metric: str) -> set[str]:
    """The runs than which none is both better and faster, by their ids; of those that search in memory among
    themselves, for their times are of another kind. Runs without a time are left out."""
    sign = -1.0 if lower_is_better(metric) else 1.0
    found: set[str] = set()
    for kind in (False, True):
        some = [one for one in runs if one.in_memory is kind and LATENCY in one.metrics]
        found |= front({one.id: (one.metrics[LATENCY], sign * one.metrics[metric]) for one in some})
    return found


def front(points: Mapping[str, tuple[float, float]]) -> set[str]:
    """Of (cost, quality) by name those that no other beats in one without being worse in the other."""
    best, found = float("-inf"), set[str]()
    last = None
    for name, point in sorted(points.items(), key=lambda one: (one[1][0], -one[1][1])):
        if point[1] > best or point == last:
            found.add(name)
            best, last = point[1], point
    return found


def outcomes(before: Measured, after: Measured, metric: str, questions: int) -> Outcomes:
    """For which of so many questions the run `after` is better and worse than `before`, by a metric."""
    won, lost, same = list[int](), list[int](), 0
    for place in range(questions):
        old, new = (one.get(place, {}).get(metric) for one in (before, after))
        if old is not None and new is not None:
            better, worse = (won, lost) if not lower_is_better(metric) else (lost, won)
            if abs(new - old) < EQUAL:
                same += 1
            else:
                (better if new > old else worse).append(place)
    return Outcomes(tuple(won), tuple(lost), same, questions - len(won) - len(lost) - same)


# -- passages ---------------------------------------------------------------------------------------------------------


def is_same(one: Found, other: Found) -> bool:
    """Whether two runs found what a reader would call the same passage."""
    if one.document != other.document:
        return False
    shared = min(one.end, other.end) - max(one.start, other.start)
    return shared > 0 and shared >= SAME_SHARE * min(one.end - one.start, other.end - other.start)


def matched(mine: Sequence[Found], theirs: Sequence[Found]) -> list[int | None]:
    """For each passage of mine where the same one stands among theirs, from 0, each of theirs once; None if it is not
    there."""
    left = dict(enumerate(theirs))
    places: list[int | None] = []
    for one in mine:
        place = next((at for at, other in left.items() if is_same(one, other)), None)
        places.append(place)
        if place is not None:
            del left[place]
    return places


def is_expected(one: Found, wanted: Wanted) -> bool:
    """Whether a passage stands where the answer is said to be: on its page if that is known, else in its document."""
    if wanted.pages:
        return (one.document, one.page) in wanted.pages
    return one.document in wanted.documents


def why(scored: Scored, gold: Gold, wanted: Wanted, answers: bool) -> str:
    """What became of a question in a run, in words; whether the run `answers`, or only finds passages."""
    if scored.error:
        return f"It failed: {scored.error}"
    if not gold.answerable:
        if not answers:
            return "No document has the answer, so there is nothing to find."
        return "Rightly not answered." if scored.abstained else "Answered, although no document has the answer."
    if not wanted.documents:
        return "It is not known where the answer stands."
    place = next((at for at, one in enumerate(scored.found, 1) if is_expected(one, wanted)), 0)
    if place:
        told = f"Found at place {place}."
        return f"{told} It was not answered all the same." if answers and scored.abstained else told
    near = dict.fromkeys(one.page for one in scored.found if one.document in wanted.documents)
    if near:
        expected = ", ".join(str(page) for _, page in sorted(wanted.pages))
        return f"The right document, but not the page: {', '.join(map(str, near))} instead of {expected}."
    return "The document that has the answer is not among what was found."


# -- question sets ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Changes:
    """Between two versions of a question set."""

    added: int
    removed: int
    changed: int
    """Asked in both, with something else that is known of the answer."""

    def __str__(self) -> str:
        parts = [("added", self.added), ("removed", self.removed), ("changed", self.changed)]
        return ", ".join(f"{number:,} {word}" for word, number in parts if number) or "only their order changed"


def changes(before: Sequence[Gold], after: Sequence[Gold]) -> Changes:
    """Questions are the same if they are worded the same."""
    old, new = {one.question: one for one in before}, {one.question: one for one in after}
    both = old.keys() & new.keys()
    return Changes(
        len(new.keys() - old.keys()), len(old.keys() - new.keys()), sum(old[one] != new[one] for one in both)
    )
