"""Beside Chroma: each chunk's vector and the signs of its tokens' vectors, in a SQLite file for each collection.

Chroma has no place for vectors of tokens, and answers a question about a few documents many times slower than one about
all. Derived, like all of the store: a chunk that is missing here is found all the same, only ranked by less.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rag.errors import StorageError, StoreDamagedError
from rag.records import Chunk

Vectors = NDArray[np.float32]
Bits = NDArray[np.uint64]

_AT_ONCE = 500  # values in one query
_WAIT = 30.0  # seconds for another writer
_SCHEMA = """
CREATE TABLE IF NOT EXISTS chunks (id TEXT PRIMARY KEY, document TEXT NOT NULL, vector BLOB NOT NULL, tokens BLOB);
CREATE INDEX IF NOT EXISTS chunks_of_a_document ON chunks (document);
"""


class Companion:
    """The files under one folder. Safe to use from threads. Raises StorageError, StoreDamagedError."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def write(self, name: str, chunks: Sequence[Chunk], vectors: Vectors, tokens: Sequence[Bits]) -> None:
        """Keep chunks with their vectors (n, dimension) and their tokens' signs, (tokens, dimension / 64) each, if
        the model has any. Doing it twice changes nothing."""
        signs: list[bytes] | list[None] = [one.tobytes() for one in tokens] or [None] * len(chunks)
        halves = vectors.astype(np.float16)
        rows = zip(chunks, halves, signs, strict=True)
        with self._open(name, create=True) as file:
            file.executemany(
                "INSERT OR REPLACE INTO chunks VALUES (?, ?, ?, ?)",
                [(chunk.id, chunk.document_id, vector.tobytes(), sign) for chunk, vector, sign in rows],
            )

    def delete(self, name: str, ids: Sequence[str]) -> None:
        """Remove chunks; no error for those that are not there."""
        with self._open(name) as file:
            file.executemany("DELETE FROM chunks WHERE id = ?", [(one,) for one in ids])

    def drop(self, name: str) -> None:
        """Remove a collection; no error if it is not there."""
        for suffix in ("", "-wal", "-shm"):
            with suppress(FileNotFoundError):
                self._path(name).with_name(self._path(name).name + suffix).unlink()

    def ids(self, name: str) -> set[str]:
        """The chunks that are there."""
        with self._open(name) as file:
            return {one for (one,) in file.execute("SELECT id FROM chunks")}

    def tokens(self, name: str, ids: Sequence[str]) -> dict[str, Bits]:
        """Signs of token vectors by chunk; those that have none are left out."""
        found = self._rows(name, "id, tokens, length(vector)", ids)
        # A number has 64 signs, and a dimension of a vector takes two bytes.
        return {one: np.frombuffer(sign, np.uint64).reshape(-1, length // 128) for one, sign, length in found if sign}

    def cosines(self, name: str, ids: Sequence[str], vector: Vectors) -> dict[str, float]:
        """How similar chunks are to a unit vector, (dimension,); those that are not there are left out."""
        found = self._rows(name, "id, vector", ids)
        return dict(zip((one for one, _ in found), _products(found, vector), strict=True))

    def nearest(self, name: str, vector: Vectors, n: int, documents: Sequence[str]) -> list[tuple[str, float]]:
        """The `n` chunks of some documents that are nearest to a unit vector, by looking at all of them."""
        found = self._rows(name, "id, vector", documents, "document")
        scores = _products(found, vector)
        best = np.argsort(-np.asarray(scores), kind="stable")[:n]
        return [(found[at][0], scores[at]) for at in best]

    def _rows(self, name: str, columns: str, values: Sequence[str], key: str = "id") -> list[Any]:
        rows: list[Any] = []
        with self._open(name) as file:
            for first in range(0, len(values), _AT_ONCE):
                some = list(values[first : first + _AT_ONCE])
                marks = ",".join("?" * len(some))
                rows += file.execute(f"SELECT {columns} FROM chunks WHERE {key} IN ({marks})", some)  # noqa: S608
        return rows

    def _path(self, name: str) -> Path:
        return self._folder / f"{name}.sqlite3"

    @contextmanager
    def _open(self, name: str, create: bool = False) -> Iterator[sqlite3.Connection]:
        """A connection whose work is committed at the end; to an empty file in memory if there is none."""
        try:
            if create:
                self._folder.mkdir(parents=True, exist_ok=True)
            there = create or self._path(name).exists()
            file = sqlite3.connect(self._path(name) if there else ":memory:", timeout=_WAIT)
            try:
                if create:
                    file.execute("PRAGMA journal_mode = WAL")
                if create or not there:
                    file.executescript(_SCHEMA)
                file.execute("PRAGMA synchronous = NORMAL")
                with file:
                    yield file
            finally:
                file.close()
        except (sqlite3.DatabaseError, OSError) as error:
            raise _in_words(name, error) from error


def _products(rows: Sequence[tuple[str, bytes]], vector: Vectors) -> list[float]:
    if not rows:
        return []
    vectors = np.frombuffer(b"".join(row[1] for row in rows), np.float16).reshape(len(rows), -1)
    scores: list[float] = (vectors.astype(np.float32) @ vector).tolist()
    return scores


def _in_words(name: str, error: Exception) -> StorageError:
    if isinstance(error, sqlite3.OperationalError | OSError):
        return StorageError(
            f"The vectors beside Chroma of {name!r} cannot be read or written ({error}). Make room or make the data "
            "folder writable, then try again."
        )
    return StoreDamagedError(
        f"The vectors beside Chroma of {name!r} are damaged ({error}). Nothing is lost: `python -m rag rebuild` makes "
        "them anew."
    )
