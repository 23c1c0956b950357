"""Beside Chroma: each chunk's vector and the signs of its tokens' vectors, in a SQLite file for each collection.

Chroma has no place for vectors of tokens, and answers a question about a few documents many times slower than one about
all. Derived, like all of the store: a chunk that is missing here is found all the same, only ranked by less.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
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
# Two tables: signs are ten times as long as vectors, and looking at many vectors must not lead past them.
_SCHEMA = """
CREATE TABLE IF NOT EXISTS vectors (id TEXT PRIMARY KEY, document TEXT NOT NULL, vector BLOB NOT NULL);
CREATE INDEX IF NOT EXISTS vectors_of_a_document ON vectors (document);
CREATE TABLE IF NOT EXISTS tokens (
    id TEXT PRIMARY KEY REFERENCES vectors ON DELETE CASCADE, tokens INTEGER NOT NULL, signs BLOB NOT NULL
);
"""


class Companion:
    """The files under one folder. Safe to use from threads. Raises StorageError, StoreDamagedError."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def write(self, name: str, chunks: Sequence[Chunk], vectors: Vectors, tokens: Sequence[Bits]) -> None:
        """Keep chunks with their vectors (n, dimension) and their tokens' signs, (tokens, dimension / 64) each, if
        the model has any. Doing it twice changes nothing."""
        rows = zip(chunks, vectors.astype(np.float16), strict=True)
        with self._open(name, create=True) as file:
            file.executemany(
                "INSERT OR REPLACE INTO vectors VALUES (?, ?, ?)",
                [(chunk.id, chunk.document_id, vector.tobytes()) for chunk, vector in rows],
            )
            if tokens:
                file.executemany(
                    "INSERT OR REPLACE INTO tokens VALUES (?, ?, ?)",
                    [(chunk.id, len(signs), signs.tobytes()) for chunk, signs in zip(chunks, tokens, strict=True)],
                )

    def delete(self, name: str, ids: Sequence[str]) -> None:
        """Remove chunks; no error for those that are not there."""
        with self._open(name) as file:
            file.executemany("DELETE FROM vectors WHERE id = ?", [(one,) for one in ids])

    def remove(self, name: str, document_id: str) -> None:
        """Remove a document's chunks; no error if it has none."""
        with self._open(name) as file:
            file.execute("DELETE FROM vectors WHERE document = ?", [document_id])

    def drop(self, name: str) -> None:
        """Remove a collection; no error if it is not there."""
        for suffix in ("", "-wal", "-shm"):
            with suppress(FileNotFoundError):
                self._path(name).with_name(self._path(name).name + suffix).unlink()

    def names(self) -> list[str]:
        """The collections that have a file, sorted."""
        return sorted(one.stem for one in self._folder.glob("*.sqlite3"))

    def ids(self, name: str, document_id: str | None = None) -> set[str]:
        """The chunks that are there, of all documents or of one."""
        which, values = ("", []) if document_id is None else (" WHERE document = ?", [document_id])
        with self._open(name) as file:
            return {one for (one,) in file.execute(f"SELECT id FROM vectors{which}", values)}  # noqa: S608

    def vectors(self, name: str, ids: Sequence[str]) -> dict[str, Vectors]:
        """Vectors by chunk; those that are not there are left out."""
        found = self._rows(name, "SELECT id, vector FROM vectors WHERE id", ids)
        return {one: np.frombuffer(vector, np.float16).astype(np.float32) for one, vector in found}

    def tokens(self, name: str, ids: Sequence[str]) -> dict[str, Bits]:
        """Signs of token vectors by chunk; those that have none are left out."""
        found = self._rows(name, "SELECT id, tokens, signs FROM tokens WHERE tokens > 0 AND id", ids)
        return {one: np.frombuffer(signs, np.uint64).reshape(tokens, -1) for one, tokens, signs in found}

    def cosines(self, name: str, ids: Sequence[str], vector: Vectors) -> dict[str, float]:
        """How similar chunks are to a unit vector, (dimension,); those that are not there are left out."""
        found = self._rows(name, "SELECT id, vector FROM vectors WHERE id", ids)
        return dict(zip((one for one, _ in found), _products(found, vector), strict=True))

    def nearest(self, name: str, vector: Vectors, n: int, documents: Sequence[str]) -> list[tuple[str, float]]:
        """The `n` chunks of some documents that are nearest to a unit vector, by looking at all of them."""
        found = self._rows(name, "SELECT id, vector FROM vectors WHERE document", documents)
        scores = _products(found, vector)
        best = np.argsort(-np.asarray(scores), kind="stable")[:n]
        return [(found[at][0], scores[at]) for at in best]

    def _rows(self, name: str, query: str, values: Sequence[str]) -> list[Any]:
        """What a query that ends in the name of a column finds where that has one of the values."""
        rows: list[Any] = []
        if values:
            with self._open(name) as file:
                for first in range(0, len(values), _AT_ONCE):
                    some = list(values[first : first + _AT_ONCE])
                    rows += file.execute(f"{query} IN ({','.join('?' * len(some))})", some)
        return rows

    def _path(self, name: str) -> Path:
        return self._folder / f"{name}.sqlite3"

    @contextmanager
    def _open(self, name: str, create: bool = False) -> Iterator[sqlite3.Connection]:
        """A connection whose work is committed at the end; to an empty file in memory if there is none."""
        try:
            if create:
                self._folder.mkdir(parents=True, exist_ok=True)
            with closing(self._connect(name, create)) as file, file:
                yield file
        except (sqlite3.DatabaseError, OSError) as error:
            raise _in_words(name, error) from error

    def _connect(self, name: str, create: bool) -> sqlite3.Connection:
        path = self._path(name)
        try:
            address = f"{path.absolute().as_uri()}?mode={'rwc' if create else 'rw'}"
            file = sqlite3.connect(address, timeout=_WAIT, uri=True)
        except sqlite3.OperationalError:
            if create or path.exists():
                raise
            file = sqlite3.connect(":memory:")
        try:
            if create:
                file.execute("PRAGMA journal_mode = WAL")
            file.executescript(f"{_SCHEMA}PRAGMA synchronous = NORMAL; PRAGMA foreign_keys = ON;")
        except sqlite3.DatabaseError:
            file.close()
            raise
        return file


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
        f"The vectors beside Chroma of {name!r} are damaged ({error}). Nothing is lost: `python -m rag check --repair` "
        "makes them anew."
    )
