"""What follows from figures by arithmetic: sums, ratios, and changes, which have a direction.

A change is one of two figures that belong together, of a row or of a sentence, and goes the way that is said: what
"rose by 12%" is not to be had from a row of another thing, nor from one that fell.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from itertools import permutations

from rag.answering.claims import EMPTY_WORDS, stem, words
from rag.answering.figures import Figure, figures
from rag.answering.tables import is_row

_MOST_OPERANDS = 14
_UP = (
    r"r[io]s(?:e|es|en|ing)|rose|gr[eo]w(?:s|n|ing|th)?|increas\w*|improv\w*|gain\w*|climb\w*|higher|more|expan\w*"
    r"|exceed\w*|(?<!made )(?<!set )up(?! to\b)"
)
_DOWN = (
    r"f[ae]ll(?:s|en|ing)?|declin\w*|decreas\w*|drop\w*|down|los(?:t|es|ing)|shr[aiu]nk\w*|lower\w*|less|fewer|reduc\w*"
    r"|slip\w*|shed"
)
_WAYS = ((1, re.compile(rf"\b(?:{_UP})\b", re.IGNORECASE)), (-1, re.compile(rf"\b(?:{_DOWN})\b", re.IGNORECASE)))
_CUES = {
    "change": re.compile(rf"\b(?:{_UP}|{_DOWN}|chang\w*|highe\w*|low\w*|difference|gap|by)\b", re.IGNORECASE),
    "sum": re.compile(r"total|sum\b|together|combined|altogether|both|in all\b|plus", re.IGNORECASE),
    "ratio": re.compile(r"times|ratio|share|percent|%|margin|proportion|portion|per\b|average|fold", re.IGNORECASE),
}
_APART = re.compile(r"[;,]\s|\b(?:while|whereas|but|and)\b", re.IGNORECASE)
_EARLIER = re.compile(
    r"\b(?:from|after|previously|versus|vs\.?|against|(?:compared|comparison) (?:with|to))\s+(?:\w{3}\s)?\W*$",
    re.IGNORECASE,
)
_ITS_YEAR = re.compile(
    r"[^\d.;]{0,24}?\b(?:in|for|of|FY)\s?(?:fiscal |the year )?((?:19|20)\d\d)\b|\s\(((?:19|20)\d\d)\)"
)
_BEFORE_CHANGE = re.compile(rf"\b(?:by|{_UP}|{_DOWN})\s+(?:(?!to\b|from\b|in\b|than\b)[a-z]+\s+)?\W*$", re.IGNORECASE)
_AFTER_CHANGE = re.compile(rf"\W*(?:[a-z]+\s)?(?:{_UP}|{_DOWN})\b", re.IGNORECASE)
_LINE = re.compile(r"[^\n]*\S[^\n]*")
_YEAR = re.compile(r"\b(?:19|20)\d\d\b")
_SINCE = re.compile(r"\b(?:since|from|over|on|than|with|against|versus|to)(?: in)?(?: FY)?\s*$", re.IGNORECASE)
_TOTAL = stem("total")


@dataclass(frozen=True, slots=True)
class Operand:
    """A figure and what it belongs to, its `unit`: a row, where `column` counts from the last, or running text.

    `label` are the stems of its words, none if they do not matter. `year` is what it is of, 0 if that is not known;
    `earlier`: it is said to be before another."""

    figure: Figure
    unit: int = 0
    label: frozenset[str] = frozenset()
    row: bool = False
    column: int = 0
    year: int = 0
    earlier: bool = False


@dataclass(frozen=True, slots=True)
class Derived:
    """How a figure is calculated, as "112 − 100"; `contrary` if only a change the other way gives it."""

    how: str
    contrary: bool = False


def operands(text: str, start: int = 0, end: int | None = None) -> list[Operand]:
    """The figures of `text[start:end]` with what they belong to; a table's years may stand before that."""
    end = len(text) if end is None else end
    found: list[Operand] = []
    prose = text[start:end]
    for row in _LINE.finditer(text, start, end):
        if is_row(row[0].rstrip()):
            found += _of_row(text, row)
            prose = prose[: row.start() - start] + " " * len(row[0]) + prose[row.end() - start :]
    label = _stems(prose)
    return found + [replace(one, unit=-1 - start, label=label) for one in of_sentence(prose, figures(prose))]


def of_sentence(text: str, of_it: Sequence[Figure]) -> list[Operand]:
    """Figures of running text, which belong together."""
    found = []
    for one in of_it:
        if not one.year:
            year = _ITS_YEAR.match(text, one.end)
            named = int(next(filter(None, year.groups()))) if year else 0
            found.append(Operand(one, year=named, earlier=bool(_EARLIER.search(text[: one.start]))))
    return found


def _of_row(text: str, row: re.Match[str]) -> Iterator[Operand]:
    """A row's figures, each with the year at the same place from the right in the line that names the columns."""
    label = _stems(row[0])
    lines = text[: row.end()].split("\n")
    names = next((years for line in reversed(lines) if len(years := _YEAR.findall(line)) > 1), [])
    plain = [one for one in figures(row[0]) if not one.year]
    for column, one in enumerate(reversed(plain)):
        year = int(names[-1 - column]) if column < len(names) <= len(plain) else 0
        yield Operand(one, row.start(), label, True, column, year)


def _stems(text: str) -> frozenset[str]:
    return frozenset(stem(one) for one in words(text) if one not in EMPTY_WORDS and one.isalpha())


def direction(text: str, at: int = 0) -> int:
    """Which way a change goes that a sentence speaks of at an offset: 1 up, -1 down, 0 if that is not clear."""
    cuts = [one.span() for one in _APART.finditer(text)]
    start = max((end for _, end in cuts if end <= at), default=0)
    clause = text[start : min((begin for begin, _ in cuts if begin >= at), default=len(text))]
    for part in (clause, text):
        if ways := [way for way, pattern in _WAYS if pattern.search(part)]:
            return ways[0] if len(ways) == 1 else 0
    return 0


def derived(
    figure: Figure,
    among: Sequence[Operand],
    in_scales: Collection[Decimal],
    sentence: str,
    about: Sequence[Collection[str]] = (),
) -> Derived | None:
    """How a figure follows from others where the sentence speaks of such a calculation; None if it does not.

    Changes of two figures that belong together, in rows of what is spoken `about` (stems, those of what is nearest
    first; none: any row), and sums and ratios of two or of all.
    """
    usable = [one for one in among if not one.figure.year]
    if figure.year or figure.in_words or len(usable) < 2:
        return None
    contrary = None
    for value, how, goes in _results(figure, usable, sentence, about):
        factors = [Decimal(1)]
        if not figure.percent and all(one.figure.scale == 1 for one in usable):
            factors += in_scales
        if any(abs(value * factor - figure.value) <= figure.step / 2 for factor in factors):
            if goes:
                return Derived(how)
            contrary = contrary or Derived(how, contrary=True)
    return contrary


def _results(
    figure: Figure, among: Sequence[Operand], sentence: str, about: Sequence[Collection[str]]
) -> Iterator[tuple[Decimal, str, bool]]:
    """What can be calculated, how, and whether it goes the way that the sentence says."""
    cued = {kind for kind, cue in _CUES.items() if cue.search(sentence)}
    if "change" in cued:
        way = direction(sentence, figure.start)
        for before, after in permutations(_spoken_of(among, about), 2):
            if _belong_together(before, after, figure, about) and _is_of_its_years(before, after, sentence):
                yield from _change(figure, before, after, way)
    if _BEFORE_CHANGE.search(sentence[: figure.start]) or _AFTER_CHANGE.match(sentence, figure.end):
        return  # it is a change, and neither a sum nor a share
    among = among[:_MOST_OPERANDS]
    for one, other in permutations(among, 2):
        a, b = one.figure, other.figure
        first, second = f"{a.value:f}", f"{b.value:f}"
        if "sum" in cued and a.percent == b.percent == figure.percent:
            yield a.value + b.value, f"{first} + {second}", True
        if "ratio" in cued and a.value and a.percent == b.percent and not (a.percent and figure.percent):
            yield b.value / a.value * (100 if figure.percent else 1), f"{second} / {first}", True
    if "sum" in cued:
        shown = " + ".join(f"{one.figure.value:f}" for one in among)
        yield sum((one.figure.value for one in among), Decimal(0)), shown, True


def _change(figure: Figure, a: Operand, b: Operand, way: int) -> Iterator[tuple[Decimal, str, bool]]:
    """The change from the one to the other, unless it is known that this one came first."""
    if (a.year and b.year and a.year > b.year) or (b.earlier and not a.earlier):
        return
    before, after = a.figure.value, b.figure.value
    goes = way in (0, 1 if after > before else -1)
    if figure.percent and not a.figure.percent:
        if before:
            yield abs(after - before) / before * 100, f"({after:f} − {before:f}) / {before:f}", goes
    else:
        more, less = max(before, after), min(before, after)
        yield more - less, f"{more:f} − {less:f}", goes


def _is_of_its_years(before: Operand, after: Operand, sentence: str) -> bool:
    """Whether a change may be that of the year or the two years that a sentence names: of one year it is the change to
    that, unless a word says that it is the change since then."""
    years = list(_YEAR.finditer(sentence))
    if not (before.year and after.year) or len({one[0] for one in years}) not in (1, 2):
        return True
    if len(years) == 1 and not _SINCE.search(sentence[: years[0].start()]) and before.year != after.year:
        return int(years[0][0]) == after.year
    return {int(one[0]) for one in years} <= {before.year, after.year}


def _spoken_of(among: Sequence[Operand], about: Sequence[Collection[str]]) -> list[Operand]:
    """Without the texts and rows that have none of the words; where no row has any, without those that are no totals,
    but for the only one."""
    if not about:
        return list(among)
    rows = {one.unit: one.label for one in among if one.row}
    named = ({unit for unit, label in rows.items() if label & set(stems)} for stems in about)
    kept = next(filter(None, named), {unit for unit, label in rows.items() if _TOTAL in label or len(rows) == 1})
    said = set().union(*about)
    return [one for one in among if (one.unit in kept if one.row else not one.label or one.label & said)]


def _belong_together(a: Operand, b: Operand, figure: Figure, about: Sequence[Collection[str]]) -> bool:
    """Whether they are of one row or text, or of two rows that are compared, and say how much of the same: money of one
    currency, say, and percentages where the figure is in percentage points."""
    one, other = a.figure, b.figure
    if a.unit != b.unit and not _compared(a, b, about):
        return False
    if one.percent != other.percent:
        return False
    if one.currency and other.currency and one.currency != other.currency:
        return False
    return figure.percent or not one.percent


def _compared(a: Operand, b: Operand, about: Sequence[Collection[str]]) -> bool:
    """Whether they stand one above the other, in rows of which each has a word of the sentence that the other lacks."""
    if not (a.row and b.row) or a.column != b.column or not about:
        return False
    one, other = a.label & set(about[0]), b.label & set(about[0])
    return bool(one - other and other - one)
