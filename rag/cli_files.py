"""Which files the command line was given."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # it is imported late, for it takes a while
    from rag.workspace import Upload


def walk(paths: Sequence[Path]) -> tuple[list[Upload], list[Path]]:
    """Files as named; folders' files in order, without hidden ones and those of a kind that is not read."""
    from rag.parsing import media_type
    from rag.workspace import as_uploads, is_archive

    found: list[Path] = []
    skipped: list[Path] = []
    for path in paths:
        if not path.is_dir():
            found.append(path)
            continue
        for one in sorted(path.rglob("*")):
            if not one.is_dir() and not any(part.startswith(".") for part in one.relative_to(path).parts):
                inside = one.is_file() and one.resolve().is_relative_to(path.resolve())  # a link may lead anywhere
                (found if inside and (media_type(one.name) or is_archive(one.name)) else skipped).append(one)
    return as_uploads(found, given=paths), skipped
