"""Question sets in the form that reading them from a table gives, so that two of them differ only if somebody changed
something."""

from __future__ import annotations

from collections.abc import Iterable

from rag.evaluation.sets import from_rows, to_rows
from rag.records import Gold


def tidied(questions: Iterable[Gold]) -> tuple[Gold, ...]:
    """They without blanks at ends, doubled blanks in questions, empty and repeated values; what is tidy stays as it is.
    Raises InputError for what no table could have."""
    return tuple(from_rows(to_rows(questions)))
