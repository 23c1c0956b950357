"""Whether a figure, a date or a name of a sentence stands in its place: beside the words that it has there.

A passage may have all the words of a false sentence: its rent as the deposit, its end as its beginning, its landlord
as the tenant. So where another of the same kind stands beside those words, and it does not, the passage contradicts.
"""

from __future__ import annotations

import math
import re
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from rag.answering.claims import EMPTY_WORDS, content, stem, words
from rag.answering.doubts import Doubt
from rag.answering.figures import Figure, Match, figures, match
from rag.answering.sources import MONTHS, Source
from rag.records import Verdict

_SURE, _MARGIN, _CLOSE = 0.6, 0.2, 0.05
"""What share of a sentence's words must stand beside another figure, and by how much more than beside its own; and by
how much in one clause or table, where all else is the same."""
_ELLIPTIC = 2
"""A clause with fewer words than these, as "down from 47", speaks of what the one before speaks of."""
_IN_SENTENCE = 0.5
"""What a word counts that stands in another clause of the sentence, or in the one before it."""
_KIND, _COLUMN = math.log(2), 1.0
"""What the unit of a figure counts, and the name of its column."""
_CLAUSE = re.compile(r"[,;.]\s+|\s\(?[a-z]\)\s|\b(?:and|but|while|whereas|or|if|except|unless)\b")
_NAMES_CLAUSE = re.compile(r"[;.]\s+|\b(?:and|but|while|whereas)\b")
_ROW = re.compile(r"^(?:[^\n\d]*\s)?(?:\S*\d\S*[ \t|]+)+\S*\d\S*[ \t|]*$", re.MULTILINE)
_COLUMNS = re.compile(r"\b(?:(?:19|20)\d\d|FY\d\d(?:\d\d)?|[QH][1-4])\b")
_MONTH = rf"(?P<month>(?:{'|'.join(MONTHS)})[a-z]*)\.?"
_DATE = re.compile(
    rf"\b(?P<day>\d{{1,2}})(?:st|nd|rd|th)?\s+(?:of\s+)?{_MONTH}(?:,?\s+(?P<year>\d{{4}}))?\b"
    rf"|\b{_MONTH.replace('month', 'first')}\s+(?P<second>\d{{1,2}})(?:st|nd|rd|th)?(?:,\s*(?P<later>\d{{4}}))?\b"
    rf"|\b{_MONTH.replace('month', 'alone')}\s+(?P<its>\d{{4}})\b",
    re.IGNORECASE,
)
_UNIT = re.compile(r"(?:\s*\(\d+\))?[\s-]*([^\W\d_]+)")
_AMOUNT = content("EUR USD GBP euros dollars pounds thousand million billion year years month day")
_CAPITAL = r"[A-ZÀ-ÖØ-Þ][\w&’'-]*"
_NAME = re.compile(rf"\b{_CAPITAL}(?:\s+(?:of\s+|&\s+)?{_CAPITAL})*")
_DETERMINED = re.compile(r"(?:\b(?:the|an?|this|that|each|any|every|its|our)|[\"“(])\s*$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class _Item:
    """`text[start:end]`; `kind` is what it may be taken for, and `value` what it says."""

    kind: str
    value: Figure | tuple[int, int, int] | frozenset[str]
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class _Place:
    """An item of a passage. `clause` are the stems of its clause, or of its table's row and column; `around` those of
    the sentence it is in, which begins at `sentence`, and of the one before."""

    item: _Item
    shown: str
    clause: frozenset[str]
    around: frozenset[str] = frozenset()
    sentence: tuple[int, int] = (0, 0)
    row: bool = False


@dataclass(frozen=True, slots=True)
class _Wanted:
    """The words that stand beside an item of a sentence, each with what it counts."""

    kind: str
    weights: Mapping[str, float]

    def nearness(self, place: _Place, around: bool = True) -> float:
        """The share of the words that stand beside a place, or also, for less, in the sentence around it."""
        near = 0.0
        for one, weight in self.weights.items():
            if one == place.item.kind or (one != self.kind and one in place.clause):
                near += weight
            elif around and one in place.around:
                near += weight * _IN_SENTENCE
        return near / sum(self.weights.values())


def misplaced(text: str, sources: Sequence[Source]) -> Iterator[Doubt]:
    """Doubts about a sentence's figures, dates and names in whose place the passages have another, and about sums of
    money that stand beside none of its words."""
    places = [place for source in sources for place in _places(source)]
    scales = {scale for source in sources for scale in source.scales}
    mine = list(_items(text))
    for item in mine:
        start, end = _clause(text, item)
        wanted = _wanted(text, item, (start, end), sources)
        own = [one for one in places if _same(item, one.item, scales)]
        told = [one for one in mine if start <= one.start < end and _alike(item, one)]
        rivals = [
            one
            for one in places
            if _alike(item, one.item) and not any(_same(other, one.item, scales) for other in (item, *told))
        ]
        if not (wanted.weights and own):
            continue
        shown = text[item.start : item.end]
        best = max(rivals, key=wanted.nearness, default=own[0])
        most = max(wanted.nearness(one, one.sentence != best.sentence) for one in own)
        close = best.row or any(one.clause == best.clause for one in own)
        if rivals and wanted.nearness(best) >= max(_SURE, most + (_CLOSE if close else _MARGIN)):
            yield Doubt(Verdict.UNSUPPORTED, f"The passage has “{best.shown}” there, not “{shown}”.")
        elif (
            item.kind == "money"
            and len(wanted.weights) >= _ELLIPTIC
            and not any(one.row or wanted.nearness(one) for one in own)
        ):
            yield Doubt(Verdict.PARTLY, f"The passages have “{shown}”, but of something else.")


def _wanted(text: str, item: _Item, clause: tuple[int, int], sources: Sequence[Source]) -> _Wanted:
    """A word counts for the more the rarer it is in the passages, that which leads to the item for double."""
    sentences = [one.stems for source in sources for one in source.sentences]
    beside = _beside(text[slice(*clause)], item, text)
    if not beside:
        return _Wanted(item.kind, {})
    before = [stem(one) for one in words(text[clause[0] : item.start])]
    leading = next((one for one in reversed(before) if one in beside), "")
    weights = {one: math.log(1 + len(sentences) / (1 + sum(one in s for s in sentences))) for one in beside}
    weights |= {leading: 2 * weights[leading]} if leading else {}
    weights |= {item.kind: _KIND} if item.kind in content(text) else {}
    columns = {one for source in sources for one in content(" ".join(_columns(source.text)))}
    weights |= dict.fromkeys(columns & content(text[slice(*clause)]), _COLUMN)
    return _Wanted(item.kind, weights)


def _places(source: Source) -> Iterator[_Place]:
    rows = list(_ROW.finditer(source.text))
    before, above = frozenset[str](), frozenset(content(source.above))
    for sentence in source.sentences:
        text, around = sentence.text, sentence.stems | before | above
        before = sentence.stems
        for item in _items(text):
            at, shown = sentence.start + item.start, text[item.start : item.end]
            if row := next((one for one in rows if one.start() <= at < one.end()), None):
                kept = replace(item, kind="row") if isinstance(item.value, Figure) else item
                yield _Place(kept, shown, _cell(source.text, row, at), row=True)
                continue
            table = max((one.end() - sentence.start for one in rows if one.end() <= at), default=0)
            start, end = _clause(text, item)
            if item.kind != "name" and len(_beside(text[start:end], item, text)) < _ELLIPTIC:
                start, _ = _clause(text, item, start)
            start = max(start, table)
            yield _Place(item, shown, frozenset(content(text[start:end])), around, (source.number, sentence.start))


def _cell(text: str, row: re.Match[str], at: int) -> frozenset[str]:
    """The stems of the names of the row and the column in which a figure stands."""
    figures_of_it = [row.start() + one.start() for one in re.finditer(r"\S*\d\S*", row[0])]
    names = _columns(text[: row.start()])
    column = bisect_right(figures_of_it, at) - len(figures_of_it) - 1
    own = names[column] if names and 0 < -column <= len(names) else ""
    return frozenset(one for one in content(row[0]) if not one[0].isdigit()) | content(own)


def _columns(text: str) -> list[str]:
    """The names of a table's columns, where they are years or quarters, from the last line that has some."""
    lines = [_COLUMNS.findall(line) for line in text.split("\n")]
    return next((one for one in reversed(lines) if len(one) > 1), [])


def _clause(text: str, item: _Item, before: int | None = None) -> tuple[int, int]:
    """Where the clause of an item is; from where the one before begins, if this one begins at `before`."""
    pattern = _NAMES_CLAUSE if item.kind == "name" else _CLAUSE
    cuts = [one.span() for one in pattern.finditer(text)]
    first = item.start if before is None else before - 1
    start = max((end for _, end in cuts if end <= first), default=0)
    return start, min((begin for begin, _ in cuts if begin >= item.end), default=len(text))


def _beside(clause: str, item: _Item, text: str) -> set[str]:
    """The stems of a clause that are no figure, month or unit, and not the item's own."""
    own = content(text[item.start : item.end]) | {item.kind} | _AMOUNT
    return {one for one in content(clause) - own if not one[0].isdigit() and one[:3] not in MONTHS}


def _items(text: str) -> Iterator[_Item]:
    masked = text
    for found in _DATE.finditer(text):
        month = MONTHS.index((found["month"] or found["first"] or found["alone"])[:3].lower()) + 1
        year = found["year"] or found["later"] or found["its"]
        day = found["day"] or found["second"]
        yield _Item("date", (int(day or 0), month, int(year or 0)), *found.span())
        masked = masked[: found.start()] + " " * len(found[0]) + masked[found.end() :]
    for one in figures(masked):
        if not (one.year or one.loose):
            yield _Item(_kind(one, text), one, one.start, one.end)
    for found in _NAME.finditer(masked):
        named = frozenset(words(found[0]))
        first = not re.search(r"\w", text[: found.start()]) or text[: found.start()].rstrip()[-1:] in ".:!?"
        usual = len(named) < 2 and (first or _DETERMINED.search(text[: found.start()]) is not None)
        if not (usual or found[0].isupper() or named & EMPTY_WORDS):
            yield _Item("name", named, *found.span())


def _kind(figure: Figure, text: str) -> str:
    if figure.percent or figure.currency:
        return "%" if figure.percent else "money"
    unit = _UNIT.match(text, figure.end)
    return stem(unit[1].lower()) if unit and unit[1].lower() not in EMPTY_WORDS else ""


def _alike(mine: _Item, other: _Item) -> bool:
    """Whether one may stand in the other's place."""
    if "row" in (mine.kind, other.kind):
        return isinstance(mine.value, Figure) and isinstance(other.value, Figure) and mine.kind != "%"
    return mine.kind == other.kind != ""


def _same(mine: _Item, other: _Item, scales: set[Decimal]) -> bool:
    if isinstance(mine.value, Figure) and isinstance(other.value, Figure):
        return match(mine.value, [other.value], scales) is not Match.NO
    if isinstance(mine.value, frozenset) and isinstance(other.value, frozenset):
        return mine.value <= other.value or other.value <= mine.value
    if isinstance(mine.value, tuple) and isinstance(other.value, tuple):
        return all(a == b or not (a and b) for a, b in zip(mine.value, other.value, strict=True))
    return False
