"""One SQLite file, its transactions, and its errors in words."""

from __future__ import annotations

import logging
import sqlite3
import threading
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import sqlalchemy as sql
from sqlalchemy.exc import DatabaseError

from rag.catalog.migrations import MIGRATIONS, Migrations, migrate, version
from rag.errors import FolderError, StorageError

T = TypeVar("T")
LOCK_SECONDS = 30
"""How long a writer waits for another."""
WIPE_SECONDS = 0.5
"""How long emptying the log waits for readers; while one reads, it cannot be done."""
log = logging.getLogger(__name__)


class Database:
    """Opened at the newest schema. Safe to use from threads; other processes may use the file too."""

    migrations: ClassVar[Migrations] = MIGRATIONS
    called: ClassVar[str] = "catalog"
    """What the file is called in messages."""
    wipes: ClassVar[bool] = False
    """Whether what is deleted is overwritten at once, which costs writing."""

    def __init__(self, path: Path) -> None:
        url = sql.URL.create("sqlite", database=str(path))
        self._engine = sql.create_engine(url, connect_args={"timeout": LOCK_SECONDS})
        self._writer = self._engine.execution_options(writes=True)
        sql.event.listen(self._engine, "connect", self._tune)
        sql.event.listen(self._engine, "begin", _begin)
        self._path = path
        self._closed = False
        self._watching = threading.Lock()
        self._watch: sqlite3.Connection | None = None
        self._remembered: dict[Hashable, tuple[int, Any]] = {}
        self._to_wipe = False
        try:
            with self.read() as connection:
                current = version(connection)
            if current != len(self.migrations):
                with self.write() as connection:
                    migrate(connection, self.migrations)
        except FolderError:
            self.close()
            raise
        self._to_wipe = self.wipes  # a process that was killed may have left something

    def close(self) -> None:
        """For good: whoever still asks gets a StorageError."""
        self._wipe_again()
        self._closed = True
        self._engine.dispose()
        with self._watching:
            if self._watch is not None:
                self._watch.close()
                self._watch = None

    @contextmanager
    def read(self) -> Iterator[sql.Connection]:
        """A connection to read with. Raises FolderError."""
        self._require_open()
        try:
            with self._engine.connect() as connection:
                yield connection
        except DatabaseError as error:
            raise self._in_words(str(error.orig)) from error

    def while_unchanged(self, key: Hashable, find: Callable[[], T]) -> T:
        """What `find` gave, until anything in the catalog has changed, by whichever process. Not to be altered."""
        version = self._version()
        known = self._remembered.get(key)
        if known is None or known[0] != version:
            known = version, find()
            self._remembered[key] = known
        found: T = known[1]
        return found

    def _version(self) -> int:
        """Another number after each commit of another connection than the one that looks."""
        self._require_open()
        with self._watching:
            try:
                if self._watch is None:
                    self._watch = sqlite3.connect(self._path, timeout=LOCK_SECONDS, check_same_thread=False)
                return int(self._watch.execute("PRAGMA data_version").fetchone()[0])
            except sqlite3.DatabaseError as error:
                raise self._in_words(str(error)) from error

    @contextmanager
    def write(self) -> Iterator[sql.Connection]:
        """One transaction: all of it or nothing. Raises FolderError."""
        self._require_open()
        try:
            with self._writer.begin() as connection:
                yield connection
        except DatabaseError as error:
            raise self._in_words(str(error.orig)) from error
        self._wipe_again()

    @contextmanager
    def engine(self) -> Iterator[sql.Engine]:
        """For a library that makes its connections itself, to read. Raises FolderError."""
        self._require_open()
        try:
            yield self._engine
        except DatabaseError as error:
            raise self._in_words(str(error.orig)) from error

    def shrink(self) -> None:
        """Give back the space of what was deleted, so that it cannot be read any more."""
        self._alone("VACUUM")
        self.empty_log()

    def empty_log(self) -> None:
        """Leave nothing in the file beside, in which SQLite keeps what was written last, and what it replaced. While
        somebody reads that cannot be done: then it is when the next thing is written, or at closing."""
        self._to_wipe = not self._emptied(WIPE_SECONDS)
        if self._to_wipe:
            log.warning("What was deleted from %s is still in its log: it is being read. Trying again.", self._path)

    def _wipe_again(self) -> None:
        """What could not be wiped before. What is being done now does not fail for it."""
        if self._to_wipe and not self._closed:
            try:
                self._to_wipe = not self._emptied(0)
            except FolderError as error:
                log.warning("What was deleted could not be wiped: %s", error)

    def _emptied(self, seconds: float) -> bool:
        """Whether the log could be emptied. Raises FolderError."""
        try:
            with self._autocommitting() as connection:
                connection.exec_driver_sql(f"PRAGMA busy_timeout = {int(seconds * 1000)}").all()
                try:
                    return not connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").one()[0]
                finally:
                    connection.exec_driver_sql(f"PRAGMA busy_timeout = {LOCK_SECONDS * 1000}").all()  # it is used again
        except DatabaseError as error:
            if "locked" in str(error.orig):
                return False
            raise self._in_words(str(error.orig)) from error

    def _alone(self, statement: str) -> None:
        try:
            with self._autocommitting() as connection:
                connection.exec_driver_sql(statement)
        except DatabaseError as error:
            raise self._in_words(str(error.orig)) from error

    def _autocommitting(self) -> sql.Connection:
        return self._engine.connect().execution_options(isolation_level="AUTOCOMMIT")

    def _require_open(self) -> None:
        if self._closed:
            raise StorageError("The data folder has been closed. Open it again, or reload the page.")

    def _in_words(self, why: str) -> FolderError:
        file = f"The {self.called} {self._path}"
        if "locked" in why or "busy" in why:
            return FolderError(
                f"{file} is busy: another process has been writing to it for {LOCK_SECONDS} seconds. Try again in a "
                "moment."
            )
        if "not a database" in why or "malformed" in why:
            return FolderError(f"{file} is damaged ({why}). Restore the data folder from a backup.")
        return FolderError(
            f"{file} could not be read or written ({why}). Free some disk space or make the data folder writable, "
            "then try again."
        )

    def _tune(self, connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # transactions begin where _begin says, not where sqlite3 guesses
        cursor = connection.cursor()
        cursor.execute("PRAGMA journal_mode = WAL")  # readers work while one writes
        cursor.execute("PRAGMA synchronous = NORMAL")
        cursor.execute("PRAGMA foreign_keys = ON")
        if self.wipes:
            cursor.execute("PRAGMA secure_delete = ON")
        cursor.close()


def _begin(connection: sql.Connection) -> None:
    options = connection.get_execution_options()
    if options.get("isolation_level") == "AUTOCOMMIT":
        return
    # A writer takes its place at once: upgrading from a reader fails without waiting when another wrote meanwhile.
    connection.exec_driver_sql("BEGIN IMMEDIATE" if options.get("writes") else "BEGIN")
