"""Beside Chroma: each chunk's vector and the signs of its tokens' vectors, in a SQLite file for each collection.

Chroma has no place for vectors of tokens, and answers a question about a few documents many times slower than one about
all. Derived, like all of the store: a chunk that is missing here is found all the same, only ranked by less.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from rag.errors import StorageError, StoreDamagedError
from rag.records import Chunk

Vectors = NDArray[np.float32]
Bits = NDArray[np.uint64]

_WHOLE = "(tokens IS NULL OR length(signs) % max(1, 8 * tokens) = 0)"
_AT_ONCE = 500  # values in one query
_WAIT = 30.0  # seconds for another writer
_IDLE = 16  # connections to a file that are kept
_TUNING = "PRAGMA synchronous = NORMAL; PRAGMA foreign_keys = ON;"
# Two tables: signs are ten times as long as vectors, and looking at many vectors must not lead past them.
_SCHEMA = """
CREATE TABLE IF NOT EXISTS vectors (id TEXT PRIMARY KEY, document TEXT NOT NULL, vector BLOB NOT NULL);
CREATE INDEX IF NOT EXISTS vectors_of_a_document ON vectors (document);
CREATE TABLE IF NOT EXISTS tokens (
    id TEXT PRIMARY KEY REFERENCES vectors ON DELETE CASCADE, tokens INTEGER NOT NULL, signs BLOB NOT NULL
);
"""


class _Opened(NamedTuple):
    file: sqlite3.Connection
    inode: int | None
    """Of the file as it was opened; None for the one in memory."""


class Companion:
    """The files under one folder. Safe to use from threads. Raises StorageError, StoreDamagedError."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._idle: dict[str, list[_Opened]] = {}

    def close(self) -> None:
        """Let go of the files. What is asked for afterwards opens them again."""
        for name in list(self._idle):
            self._forget(name)

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
        self._forget(name)
        for suffix in ("", "-wal", "-shm"):
            with suppress(FileNotFoundError):
                self._path(name).with_name(self._path(name).name + suffix).unlink()

    def names(self) -> list[str]:
        """The collections that have a file, sorted."""
        return sorted(one.stem for one in self.folder.glob("*.sqlite3"))

    def ids(self, name: str, document_id: str | None = None) -> set[str]:
        """The chunks that are there whole, of all documents or of one."""
        which, values = ("", []) if document_id is None else (" AND document = ?", [document_id])
        whole = f"SELECT id FROM vectors LEFT JOIN tokens USING (id) WHERE {_WHOLE}{which}"  # noqa: S608
        with self._open(name) as file:
            return {one for (one,) in file.execute(whole, values)}

    def vectors(self, name: str, ids: Sequence[str]) -> dict[str, Vectors]:
        """Vectors by chunk; those that are not there are left out."""
        found = self._rows(name, "SELECT id, vector FROM vectors WHERE id", ids)
        return {one: np.frombuffer(vector, np.float16).astype(np.float32) for one, vector in found}

    def tokens(self, name: str, ids: Sequence[str]) -> dict[str, Bits]:
        """Signs of token vectors by chunk; those that have none are left out."""
        found = self._rows(name, f"SELECT id, tokens, signs FROM tokens WHERE tokens > 0 AND {_WHOLE} AND id", ids)  # noqa: S608
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

    def _forget(self, name: str) -> None:
        for opened in self._idle.pop(name, []):
            opened.file.close()

    def _path(self, name: str) -> Path:
        return self.folder / f"{name}.sqlite3"

    @contextmanager
    def _open(self, name: str, create: bool = False) -> Iterator[sqlite3.Connection]:
        """A connection whose work is committed at the end; to an empty file in memory if there is none."""
        try:
            if create:
                self.folder.mkdir(parents=True, exist_ok=True)
            opened = self._idle_one(name) or self._connect(name, create)
            try:
                with opened.file as file:
                    yield file
            except sqlite3.DatabaseError:
                opened.file.close()
                raise
            self._put_back(name, opened)
        except (sqlite3.DatabaseError, OSError) as error:
            raise _in_words(name, error) from error

    def _idle_one(self, name: str) -> _Opened | None:
        """A connection that nobody uses, to the file that is there now."""
        there = self._inode(name)
        while idle := self._idle.get(name):
            with suppress(IndexError):  # another thread was quicker
                opened = idle.pop()
                if opened.inode == there:
                    return opened
                opened.file.close()
        return None

    def _put_back(self, name: str, opened: _Opened) -> None:
        idle = self._idle.setdefault(name, [])
        if opened.inode is None or len(idle) >= _IDLE:
            opened.file.close()
        else:
            idle.append(opened)

    def _inode(self, name: str) -> int | None:
        try:
            return self._path(name).stat().st_ino
        except FileNotFoundError:
            return None

    def _connect(self, name: str, create: bool) -> _Opened:
        if not create and self._inode(name) is None:
            file, inode = sqlite3.connect(":memory:", check_same_thread=False), None
        else:
            file = sqlite3.connect(self._path(name), timeout=_WAIT, check_same_thread=False)
            inode = self._inode(name)
        try:
            if create:
                file.execute("PRAGMA journal_mode = WAL")
            file.executescript(f"{_SCHEMA}{_TUNING}")
        except sqlite3.DatabaseError:
            file.close()
            raise
        return _Opened(file, inode)


def _products(rows: Sequence[tuple[str, bytes]], vector: Vectors) -> list[float]:
    if not rows:
        return []
    vectors = np.frombuffer(b"".join(row[1] for row in rows), np.float16).reshape(len(rows), -1)
    # By one thread: those of a matrix product wait for each other, on a busy machine ten times as long as this takes.
    scores: list[float] = np.einsum("ij,j->i", vectors.astype(np.float32), vector).tolist()
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
