"""What changed between two texts: paragraph by paragraph, long ones sentence by sentence, then word by word.

Paragraphs that are the same and occur once in either text hold it together (patience diff); what lies between two of
them is compared by difflib as long as that takes no time to speak of, and taken to be replaced as a whole otherwise. So
very large texts are compared in seconds. White space does not count: a paragraph that flows otherwise is the same.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from difflib import SequenceMatcher
from itertools import zip_longest

from rag.records import Change, Changes, Kind

LONG = 600
"""Characters of a paragraph that is compared sentence by sentence."""
COMPARED = 40_000
"""Pairs of paragraphs between two that are the same, up to which they are compared each with each."""
WORDS = 300
"""Of a paragraph, up to which it is said which of them changed."""
ALIKE = 0.4
"""The least share of words that a changed paragraph has in common with what it was; else it is another one."""
SHOWN = 100

Sentences = Callable[[str], Sequence[tuple[int, int]]]
"""A text to the (start, end) of its sentences."""
Gap = tuple[Sequence[str], Sequence[str]]


def changes(before: str, after: str, sentences: Sentences) -> Changes:
    """What has become of a text."""
    found = [one for gap in _gaps(_paragraphs(before, sentences), _paragraphs(after, sentences)) for one in _of(gap)]
    times = Counter(one.kind for one in found)
    return Changes(times[Kind.ADDED], times[Kind.REMOVED], times[Kind.CHANGED], tuple(found[:SHOWN]))


def _paragraphs(text: str, sentences: Sentences) -> list[str]:
    found: list[str] = []
    for one in re.split(r"\n\s*\n", text):
        parts = [one[start:end] for start, end in sentences(one)] if len(one) > LONG else [one]
        found += [" ".join(part.split()) for part in parts if part.strip()]
    return found


def _gaps(before: Sequence[str], after: Sequence[str]) -> Iterator[Gap]:
    """What is not the same, in order: what was there, and what is there instead."""
    first = second = 0
    for left, right in [*_held(before, after), (len(before), len(after))]:
        yield from _within(before[first:left], after[second:right])
        first, second = left + 1, right + 1


def _held(before: Sequence[str], after: Sequence[str]) -> list[tuple[int, int]]:
    """Places of the same paragraphs that occur once in either text, the longest row of them that rises in both."""
    once = [{one for one, times in Counter(text).items() if times == 1} for text in (before, after)]
    places = {one: place for place, one in enumerate(after) if one in once[1]}
    pairs = [(place, places[one]) for place, one in enumerate(before) if one in once[0] and one in places]
    ends: list[int] = []  # of rows by length: where in `after` the best one ends
    last: list[int] = []  # the pair at that end
    earlier: list[int] = []  # for each pair the one before it in its row
    for number, (_, place) in enumerate(pairs):
        length = bisect_left(ends, place)
        earlier.append(last[length - 1] if length else -1)
        ends[length : length + 1] = [place]
        last[length : length + 1] = [number]
    row = []
    at = last[-1] if last else -1
    while at >= 0:
        row.append(pairs[at])
        at = earlier[at]
    return row[::-1]


def _within(before: Sequence[str], after: Sequence[str]) -> Iterator[Gap]:
    if not before and not after:
        return
    if len(before) * len(after) > COMPARED:
        yield before, after
        return
    for what, first, last, start, end in SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        if what != "equal":
            yield before[first:last], after[start:end]


def _of(gap: Gap) -> Iterator[Change]:
    for before, after in zip_longest(*gap):
        pieces = _words(before, after) if before and after else None
        if pieces:
            yield Change(Kind.CHANGED, pieces)
            continue
        if before:
            yield Change(Kind.REMOVED, ((Kind.REMOVED, before),))
        if after:
            yield Change(Kind.ADDED, ((Kind.ADDED, after),))


def _words(before: str, after: str) -> tuple[tuple[Kind, str], ...] | None:
    """A changed paragraph in pieces; None if it is rather another one, or too long to tell."""
    first, second = (re.findall(r"\w+|\s+|[^\w\s]", one) for one in (before, after))
    if max(len(first), len(second)) > 2 * WORDS:
        return None
    matcher = SequenceMatcher(None, first, second, autojunk=False)
    same = sum(
        one.isalnum() for block in matcher.get_matching_blocks() for one in first[block.a : block.a + block.size]
    )
    if 2 * same < ALIKE * sum(one.isalnum() for one in (*first, *second)):
        return None
    pieces: list[tuple[Kind, str]] = []
    for what, start, end, begin, stop in matcher.get_opcodes():
        if what == "equal":
            pieces.append((Kind.SAME, "".join(first[start:end])))
            continue
        sides = (Kind.REMOVED, first[start:end]), (Kind.ADDED, second[begin:stop])
        pieces += [(kind, "".join(words)) for kind, words in sides if words]
    return tuple(pieces)
