"""One SQLite file, its transactions, and its errors in words."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sql
from sqlalchemy.exc import DatabaseError

from rag.catalog.migrations import LATEST, migrate, version
from rag.errors import FolderError, StorageError

LOCK_SECONDS = 30
"""How long a writer waits for another."""


class Database:
    """Opened at the newest schema. Safe to use from threads; other processes may use the file too."""

    def __init__(self, path: Path) -> None:
        url = sql.URL.create("sqlite", database=str(path))
        self._engine = sql.create_engine(url, connect_args={"timeout": LOCK_SECONDS})
        self._writer = self._engine.execution_options(writes=True)
        sql.event.listen(self._engine, "connect", _tune)
        sql.event.listen(self._engine, "begin", _begin)
        self._path = path
        self._closed = False
        try:
            with self.read() as connection:
                current = version(connection)
            if current != LATEST:
                with self.write() as connection:
                    migrate(connection)
        except FolderError:
            self.close()
            raise

    def close(self) -> None:
        """For good: whoever still asks gets a StorageError."""
        self._closed = True
        self._engine.dispose()

    @contextmanager
    def read(self) -> Iterator[sql.Connection]:
        """A connection to read with. Raises FolderError."""
        self._require_open()
        try:
            with self._engine.connect() as connection:
                yield connection
        except DatabaseError as error:
            raise self._in_words(error) from error

    @contextmanager
    def write(self) -> Iterator[sql.Connection]:
        """One transaction: all of it or nothing. Raises FolderError."""
        self._require_open()
        try:
            with self._writer.begin() as connection:
                yield connection
        except DatabaseError as error:
            raise self._in_words(error) from error

    def shrink(self) -> None:
        """Give back the space of what was deleted, so that it cannot be read any more."""
        try:
            with self._engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
                connection.exec_driver_sql("VACUUM")
                connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
        except DatabaseError as error:
            raise self._in_words(error) from error

    def _require_open(self) -> None:
        if self._closed:
            raise StorageError("The data folder has been closed. Open it again, or reload the page.")

    def _in_words(self, error: DatabaseError) -> FolderError:
        why = str(error.orig)
        if "locked" in why or "busy" in why:
            return FolderError(
                f"The catalog {self._path} is busy: another process has been writing to it for {LOCK_SECONDS} seconds. "
                "Try again in a moment."
            )
        if "not a database" in why or "malformed" in why:
            return FolderError(f"The catalog {self._path} is damaged ({why}). Restore the data folder from a backup.")
        return FolderError(
            f"The catalog {self._path} could not be read or written ({why}). Free some disk space or make the data "
            "folder writable, then try again."
        )


def _tune(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # transactions begin where _begin says, not where sqlite3 guesses
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode = WAL")  # readers work while one writes
    cursor.execute("PRAGMA synchronous = NORMAL")
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.close()


def _begin(connection: sql.Connection) -> None:
    options = connection.get_execution_options()
    if options.get("isolation_level") == "AUTOCOMMIT":
        return
    # A writer takes its place at once: upgrading from a reader fails without waiting when another wrote meanwhile.
    connection.exec_driver_sql("BEGIN IMMEDIATE" if options.get("writes") else "BEGIN")
