"""The fields to filter by, and what may be said of each. Wrong values raise FilterError, which says what is wanted."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

from rag.errors import FilterError
from rag.filters.clauses import Between, Contains, Filter, OneOf
from rag.parsing.media import media_type_called

_MOST = 10**15
"""Chroma keeps 64 bits of a number."""


class Field:
    """A field of metadata whose values are texts."""

    def __init__(self, name: str) -> None:
        self.name = name

    def equals(self, value: Any) -> Filter:
        """It is this; of tags, this is one of them."""
        return OneOf(self.name, (self.value(value),))

    def one_of(self, *values: Any) -> Filter:
        """It is one of these; of tags, one of these is among them."""
        if not values:
            raise FilterError(f"The filter on {self.name!r} wants a list of values with at least one in it.")
        return OneOf(self.name, tuple(dict.fromkeys(map(self.value, values))))

    def value(self, value: Any) -> str | int:
        """The value as it is stored."""
        if not isinstance(value, str):
            raise FilterError(f"{self.name!r} is compared with a text, not {_shown(value)}.")
        if any(0xD800 <= ord(character) <= 0xDFFF for character in value):
            raise FilterError(f"{_shown(value)} has half a character in it, which no text has.")
        return value


class Name(Field):
    """The file's name."""

    def contains(self, text: str) -> Filter:
        """It has this in it, whatever the case."""
        if not text:
            raise FilterError(f"The filter on {self.name!r} wants a text that is in it, not an empty one.")
        return Contains(self.name, str(self.value(text)))


class MediaType(Field):
    """The kind of file, as people call it (`pdf`) or as a media type."""

    def value(self, value: Any) -> str | int:
        return media_type_called(str(super().value(value)))


class Number(Field):
    """A field whose values are whole numbers."""

    def at_least(self, low: Any) -> Filter:
        """It is this or more."""
        return Between(self.name, self.number(low), None)

    def at_most(self, high: Any) -> Filter:
        """It is this or less."""
        return Between(self.name, None, self.number(high))

    def between(self, low: Any, high: Any) -> Filter:
        """It is from `low` to `high`, both included."""
        first, last = self.number(low), self.number(high)
        if first > last:
            raise FilterError(f"The range of {self.name!r} ends, at {last}, before it begins, at {first}.")
        return Between(self.name, first, last)

    def more_than(self, value: Any) -> Filter:
        """It is more than this."""
        return Between(self.name, self.number(value) + 1, None)

    def less_than(self, value: Any) -> Filter:
        """It is less than this."""
        return Between(self.name, None, self.number(value) - 1)

    def value(self, value: Any) -> str | int:
        return self.number(value)

    def number(self, value: Any) -> int:
        """The value as it is stored."""
        if isinstance(value, bool) or not isinstance(value, int):
            raise FilterError(f"{self.name!r} is compared with a whole number, not {_shown(value)}.")
        if abs(value) > _MOST:
            raise FilterError(f"{self.name!r} is compared with a number that is too large.")
        return value


class Day(Number):
    """The document's date: a `date`, an ISO date or yyyymmdd."""

    def number(self, value: Any) -> int:
        if isinstance(value, date):
            return int(value.strftime("%Y%m%d"))
        if not isinstance(value, str):
            return self._real(super().number(value))
        try:
            return int(date.fromisoformat(value).strftime("%Y%m%d"))
        except ValueError as error:
            raise FilterError(f"{value!r} is not a date; write it as 2024-03-31.") from error

    @staticmethod
    def _real(number: int) -> int:
        """Raises FilterError unless it is a day, or 0 for none."""
        try:
            return number and int(date.fromisoformat(f"{number:08d}").strftime("%Y%m%d"))
        except ValueError as error:
            raise FilterError(f"{number} is not a date; write it as 2024-03-31 or 20240331.") from error


DOCUMENT = Field("document")
"""The document's id."""
NAME = Name("name")
PAGE = Number("page")
TAG = Field("tag")
TYPE = MediaType("type")
DATE = Day("date")
FIELDS = {one.name: one for one in (DOCUMENT, NAME, PAGE, TAG, TYPE, DATE)}


def _shown(value: Any) -> str:
    try:
        return json.dumps(value)
    except TypeError:
        return repr(value)
