"""The clauses that filters are made of, and whether they hold."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any


class Filter(ABC):
    """A condition on metadata. Combine filters with `&`, `|` and `~`."""

    @abstractmethod
    def holds(self, data: Mapping[str, Any]) -> bool | None:
        """Whether it holds for a chunk's metadata, as `chunk_metadata` gives it.

        None if that depends on a field that is not there: a document's metadata has no page. A document without tags
        has no field of them.
        """

    def __and__(self, other: Filter) -> Filter:
        return All((*_parts(All, self), *_parts(All, other)))

    def __or__(self, other: Filter) -> Filter:
        return Either((*_parts(Either, self), *_parts(Either, other)))

    def __invert__(self) -> Filter:
        return self.part if isinstance(self, Not) else Not(self)


@dataclass(frozen=True, slots=True)
class OneOf(Filter):
    """The field has one of the values; of tags, it has any."""

    field: str
    values: tuple[str | int, ...]

    def holds(self, data: Mapping[str, Any]) -> bool | None:
        if self.field == "tag":
            return any(value in data.get("tag", ()) for value in self.values)
        return data[self.field] in self.values if self.field in data else None


@dataclass(frozen=True, slots=True)
class Between(Filter):
    """The number is from `low` to `high`, both included; None is no limit."""

    field: str
    low: int | None
    high: int | None

    def holds(self, data: Mapping[str, Any]) -> bool | None:
        if self.field not in data:
            return None
        there = data[self.field]
        return (self.low is None or there >= self.low) and (self.high is None or there <= self.high)


@dataclass(frozen=True, slots=True)
class Contains(Filter):
    """The field's text has another one in it, whatever their case."""

    field: str
    text: str

    def holds(self, data: Mapping[str, Any]) -> bool | None:
        return self.text.casefold() in data[self.field].casefold() if self.field in data else None


@dataclass(frozen=True, slots=True)
class Not(Filter):
    """The part does not hold."""

    part: Filter

    def holds(self, data: Mapping[str, Any]) -> bool | None:
        return _opposite(self.part.holds(data))


@dataclass(frozen=True, slots=True)
class All(Filter):
    """Every part holds."""

    parts: tuple[Filter, ...]

    def holds(self, data: Mapping[str, Any]) -> bool | None:
        return _all(part.holds(data) for part in self.parts)


@dataclass(frozen=True, slots=True)
class Either(Filter):
    """One part holds, or more."""

    parts: tuple[Filter, ...]

    def holds(self, data: Mapping[str, Any]) -> bool | None:
        return _opposite(_all(_opposite(part.holds(data)) for part in self.parts))


def _parts(kind: type[All] | type[Either], clause: Filter) -> tuple[Filter, ...]:
    """A clause of the kind is flattened into its parts, so that long chains do not nest deeply."""
    return clause.parts if isinstance(clause, kind) else (clause,)


def _all(parts: Iterable[bool | None]) -> bool | None:
    found = set(parts)
    return False if False in found else None if None in found else True


def _opposite(part: bool | None) -> bool | None:
    return None if part is None else not part
