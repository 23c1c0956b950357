"""Reading a file as the program does, in a child process that is gone afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rag.parsing import Reader
from rag.records import ParsedDocument
from rag.settings import Settings


@contextmanager
def reader(**settings: Any) -> Iterator[Reader]:
    made = Reader(Settings(_env_file=None, **settings))
    try:
        yield made
    finally:
        made.close()


def parse(path: Path, name: str, password: str = "", **settings: Any) -> ParsedDocument:
    with reader(**settings) as one:
        return one.parse(path, name, password)
