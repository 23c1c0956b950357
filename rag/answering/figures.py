"""Figures in a text: the same amount written in many ways.

1,577 is 1577, 12 % is 12 percent, $1.2 billion is 1,200 million, FY18 is 2018, 40 basis points are 0.4 percent.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from decimal import Decimal
from enum import IntEnum

_SCALES = {
    **dict.fromkeys(("thousand", "thousands", "k", "000", "000s"), Decimal(10) ** 3),
    **dict.fromkeys(("million", "millions", "mn", "mio", "m"), Decimal(10) ** 6),
    **dict.fromkeys(("billion", "billions", "bn", "b"), Decimal(10) ** 9),
    **dict.fromkeys(("trillion", "trillions", "tn"), Decimal(10) ** 12),
}
_CURRENCIES = {
    **dict.fromkeys(("$", "us$", "usd", "dollar", "dollars"), "USD"),
    **dict.fromkeys(("€", "eur", "euro", "euros"), "EUR"),
    **dict.fromkeys(("£", "gbp", "pound", "pounds"), "GBP"),
    **dict.fromkeys(("¥", "jpy", "yen"), "JPY"),
    **dict.fromkeys(("chf", "francs"), "CHF"),
}
_FIGURE = re.compile(
    r"(?:(?P<before>US\$|[$€£¥]|\b(?:USD|EUR|GBP|JPY|CHF))\s?)?"
    r"(?:(?<![\w.,])|(?<=\bFY)|(?<=[$€£¥])|(?<=USD)|(?<=EUR)|(?<=GBP)|(?<=JPY)|(?<=CHF))"
    r"(?P<number>\d{1,3}(?:[,\u00a0\u202f'’]\d{3})+(?:\.\d+)?(?!\d)|\d+(?:\.\d+|,\d{1,2}(?!\d))?)(?:st|nd|rd|th)?"
    r"(?:[\s-]?(?P<scale>thousand|million|billion|trillion|mio|mn|bn|tn)s?\b|(?P<letter>[kKmMbB])\b)?"
    r"(?![^\W\d_])"
    r"\s?(?P<unit>%|per\s?cent\b|percentage\s+points?\b|pp\b|basis\s+points?\b|bps?\b)?"
    r"(?:\s?(?P<after>[€£]|\b(?:USD|EUR|GBP|JPY|CHF|dollars?|euros?|pounds?|yen|francs)\b))?"
)
_IN_SCALE = re.compile(
    r"\b(thousands|millions|billions)\b|(?:\b(?:USD|EUR|GBP|JPY|CHF)|[$€£¥])\s?'?(000s?|million|billion|thousand|mn?|bn|k)\b"
    r"|\bin\s+(thousand|million|billion)\b",
    re.IGNORECASE,
)
_UNITS = ("two", "three", "four", "five", "six", "seven", "eight", "nine")
_TEENS = ("ten", "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen")
_TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
NUMBER_WORDS = {
    **{word: number for number, word in enumerate((*_UNITS, *_TEENS), start=2)},
    **{word: 10 * number for number, word in enumerate(_TENS, start=2)},
    **{
        f"{ten}-{one}": 10 * number + unit
        for number, ten in enumerate(_TENS, start=2)
        for unit, one in enumerate(("one", *_UNITS), start=1)
    },
}
"""Numbers written out, from two on ("one" is more often a pronoun)."""
_NUMBER_WORD = re.compile(rf"\b(?:{'|'.join(sorted(NUMBER_WORDS, key=len, reverse=True))}|both|twice)\b", re.IGNORECASE)
_CURRENCY_WORD = re.compile(r"[\s-](dollars?|euros?|pounds?|yen|francs)\b", re.IGNORECASE)
_HEDGE = re.compile(
    r"\b(?:about|around|approximately|roughly|nearly|almost|over|more than|some|circa|c\.)\W*$|[~≈]\s*$"
)
_NEARLY = Decimal("0.05")
_DISTINCTIVE = 100
_COUNTING = re.compile(r"\(\d\)(?=\s*\w)")


class Match(IntEnum):
    """How a figure is found among others."""

    NO = 0
    UNIT = 1
    """The digits are there; that they are millions, say, is not."""
    YES = 2


@dataclass(frozen=True, slots=True)
class Figure:
    """`text[start:end]` of the text it is from. `value` has its `scale` in it; `step` is what its last digit counts."""

    start: int
    end: int
    value: Decimal
    step: Decimal
    scale: Decimal
    percent: bool = False
    currency: str = ""
    year: bool = False
    in_words: bool = False
    nearly: bool = False
    """Whether the text says "about" of it."""
    loose: bool = False
    """Whether it is a "both" or "twice", which is a two to others but claims none itself."""

    @property
    def distinctive(self) -> bool:
        """Whether it is hardly there by chance: a year, or of three digits or more."""
        return self.year or self.value / self.step >= _DISTINCTIVE


def figures(text: str) -> list[Figure]:
    """The figures of a text in the order they come, those in words included."""
    text = _COUNTING.sub("   ", text)  # "(1) rent, (2) repairs"
    found = [_figure(match, text) for match in _FIGURE.finditer(text)]
    taken = [(one.start, one.end) for one in found]
    for match in _NUMBER_WORD.finditer(text):
        if not any(start <= match.start() < end for start, end in taken):
            value = NUMBER_WORDS.get(match[0].lower())
            unit = _CURRENCY_WORD.match(text, match.end())
            currency = _CURRENCIES[unit[1].lower()] if unit else ""
            one = Decimal(1)
            found.append(
                Figure(
                    match.start(),
                    match.end(),
                    Decimal(value or 2),
                    one,
                    one,
                    False,
                    currency,
                    in_words=True,
                    loose=value is None,
                )
            )
    return sorted(found, key=lambda one: one.start)


def scales(text: str) -> set[Decimal]:
    """What a table or a passage says its figures are in: "in millions", "EUR m"."""
    return {_SCALES[next(filter(None, match.groups())).lower()] for match in _IN_SCALE.finditer(text)}


def match(figure: Figure, among: Iterable[Figure], in_scales: Collection[Decimal]) -> Match:
    """Whether a figure is among others, whose passage says `in_scales` of those without a scale.

    A figure that is less precise than one of the others is found if that one rounds to it.
    """
    best = Match.NO
    for other in among:
        if not _comparable(figure, other):
            continue
        values = [other.value, *(other.value * scale for scale in in_scales if other.scale == 1 and not other.year)]
        if any(_same(figure, value, other) for value in values):
            return Match.YES
        if figure.scale != 1 and other.scale == 1 and figure.value == other.value * figure.scale:
            best = Match.UNIT
    return best


def _figure(found: re.Match[str], text: str) -> Figure:
    written = re.sub(r",(?=\d{1,2}$)", ".", found["number"])  # a decimal comma
    digits = re.sub(r"[,\u00a0\u202f'’]", "", written)
    unit = (found["unit"] or "").lower()
    scale = (
        _SCALES[(found["scale"] or found["letter"] or "").lower()] if found["scale"] or found["letter"] else Decimal(1)
    )
    if unit.startswith(("basis", "bp")):
        scale, unit = Decimal("0.01"), "%"
    currency = _CURRENCIES.get((found["before"] or found["after"] or "").lower(), "")
    value, step = Decimal(digits), Decimal(1).scaleb(-len(digits.partition(".")[2]))
    bare = not (unit or currency) and scale == 1
    fiscal = text[max(0, found.start("number") - 2) : found.start("number")].upper() == "FY"
    if fiscal and len(digits) == 2:
        value += 2000
    year = fiscal or (bare and bool(re.fullmatch(r"(?:19|20)\d\d", found["number"])))
    nearly = bool(_HEDGE.search(text[max(0, found.start() - 16) : found.start()]))
    end = found.start() + len(found[0].rstrip())
    value = value if scale == 1 else value * scale  # a product has 28 digits at most, and a code may have more
    return Figure(found.start(), end, value, step * scale, scale, bool(unit), currency, year, nearly=nearly)


def _comparable(figure: Figure, other: Figure) -> bool:
    if figure.currency and other.currency and figure.currency != other.currency:
        return False
    # A table says what its columns are in elsewhere, so a bare figure may be a percentage.
    if figure.percent != other.percent and (figure.currency or other.currency or not (figure.percent or other.percent)):
        return False
    if (figure.in_words or other.in_words) and figure.currency != other.currency:
        return False
    if (other.in_words and figure.step < 1) or (figure.in_words and other.step < 1):
        return False
    return figure.year == other.year or figure.value == other.value


def _same(figure: Figure, value: Decimal, other: Figure) -> bool:
    if value == figure.value:
        return True
    if figure.year or figure.in_words or other.in_words:
        return False
    if figure.nearly and value and abs(value - figure.value) <= _NEARLY * abs(value):
        return True
    rounded = figure.step < 1 or figure.scale != 1 or figure.percent
    # Half up, and without rounding: a serial number has more digits than Decimal would round to.
    half = figure.step / 2
    return rounded and figure.value != 0 and -half <= value - figure.value < half
