"""What was understood of a file of questions, and what was left out; which documents they name that are not there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rag.evaluation.locating import Library
from rag.evaluation.sets import from_rows, is_known_column, rows_of
from rag.records import Gold


@dataclass(frozen=True, slots=True)
class Understood:
    """Questions of a file; how many of its rows say something but have no question, and which of its columns say
    something but are of no known name."""

    questions: tuple[Gold, ...]
    without: int = 0
    ignored: tuple[str, ...] = ()


def understood(data: bytes, name: str) -> Understood:
    """What is in a file of that name. Raises InputError, as `read_set` does."""
    said, columns = 0, dict[str, None]()

    def noted() -> Iterator[Mapping[str, Any]]:
        nonlocal said
        for row in rows_of(data, name):
            full = [str(column).strip() for column, value in row.items() if str(value or "").strip()]
            said += bool(full)
            columns.update(dict.fromkeys(one for one in full if one and not is_known_column(one)))
            yield row

    questions = tuple(from_rows(noted(), name))
    return Understood(questions, max(0, said - len(questions)), tuple(columns))


def named_documents(questions: Sequence[Gold], names: Mapping[str, str]) -> dict[str, bool]:
    """The documents that questions name, and whether each is among those there are, given with their names by id."""
    library = Library(names, lambda _: ())
    given = dict.fromkeys(one.document for one in questions if one.document)
    return {one: bool(library.wanted(Gold("", document=one)).documents) for one in given}
