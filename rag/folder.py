"""The data folder: where things lie in it, and the bytes that are kept."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from math import inf
from pathlib import Path
from typing import BinaryIO, Protocol

from filelock import FileLock

from rag.errors import FolderError
from rag.owner import Owned

_PIECE = 1 << 20
_PART = ".part"
_UNLOCKED = ".unlocked"
_PARSED = ".parsed"
_ARRIVING = ".arriving"
ABANDONED_SECONDS = 3600.0
"""Kept bytes that no document has claimed are left alone this long: one may be about to."""
TRANSIT_SECONDS = 24 * 3600.0
"""How long backups are kept, and what an interrupted one left."""


class Reading(Protocol):
    """A file open to be read."""

    def read(self, size: int, /) -> bytes | None: ...


class Folder(Owned):
    """A data folder. Created if missing."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._arriving: set[str] = set()
        with self._writing():
            self.files.mkdir(exist_ok=True)

    @property
    def catalog(self) -> Path:
        return self.path / "catalog.sqlite3"

    @property
    def conversations(self) -> Path:
        return self.path / "conversations.sqlite3"

    @property
    def traces(self) -> Path:
        return self.path / "traces.sqlite3"

    @property
    def mlflow(self) -> Path:
        """What MLflow keeps, unless it is elsewhere."""
        return self.path / "mlflow"

    @property
    def experiments(self) -> Path:
        return self.path / "experiments.sqlite3"

    @property
    def study_indexes(self) -> Path:
        return self.path / "study-indexes"

    @property
    def chroma(self) -> Path:
        return self.path / "chroma"

    @property
    def files(self) -> Path:
        return self.path / "files"

    @property
    def lexical(self) -> Path:
        return self.path / "lexical"

    @property
    def transit(self) -> Path:
        """Where backups lie until they are fetched or restored; it need not be there."""
        return self.path / "transit"

    def original(self, document_id: str) -> Path:
        """Where a document's bytes are kept: under its id, never its name."""
        return self.files / document_id

    def unlocked(self, document_id: str) -> Path:
        """Where a copy is kept that needs no password, for a document that needs one."""
        return self.files / f"{document_id}{_UNLOCKED}"

    @contextmanager
    def unlocking(self, document_id: str) -> Iterator[Path]:
        """Where to write such a copy: it is kept, whole, if nothing goes wrong inside."""
        with self._writing(), tempfile.TemporaryDirectory(dir=self.files, suffix=_PART) as folder:
            target = Path(folder) / "unlocked"
            yield target
            target.chmod(0o600)  # as the originals are
            target.replace(self.unlocked(document_id))

    def readable(self, document_id: str) -> Path:
        """The bytes to read a document from."""
        unlocked = self.unlocked(document_id)
        return unlocked if unlocked.exists() else self.original(document_id)

    # -- the bytes ---------------------------------------------------------------------------------

    def keep(self, source: Path) -> tuple[str, int]:
        """Keep a copy of a file's bytes, whole or not at all; returns their id and their number.

        The id is the first 128 bits of the SHA-256 of the bytes, in hex: of those that were copied, even if the file is
        changing meanwhile. From now on nobody discards them, until they are claimed or an hour old.
        """
        with source.open("rb") as reading, self._writing(source.name), self._part() as (writing, part):
            document_id, size = _copy(reading, writing)
            writing.close()
            with self._keeping():
                part.replace(self.original(document_id))
        return document_id, size

    def receive(self, document_id: str, reading: Reading) -> None:
        """Keep what is read as the bytes of a document, as `keep` does. Raises FolderError if they are others."""
        with self._writing(document_id), self._part() as (writing, part):
            found, _ = _copy(reading, writing)
            writing.close()
            if found != document_id:
                raise FolderError(f"The file of {document_id} is not the one that was kept. Get the backup once more.")
            with self._keeping():
                part.replace(self.original(document_id))

    def receive_unlocked(self, document_id: str, reading: Reading) -> None:
        """Keep what is read as the copy of a document that needs no password, unless there is one."""
        if not self.unlocked(document_id).exists():
            with self.unlocking(document_id) as target, target.open("wb") as writing:
                _copy(reading, writing)

    def claim(self, document_id: str) -> None:
        """Say that a document of the catalog has these bytes: when it goes, they may."""
        with suppress(FileNotFoundError):
            os.utime(self.original(document_id), (0, 0))  # kept bytes are as old as what waits to be claimed

    def discard(self, document_id: str, is_claimed: Callable[[], bool]) -> None:
        """Remove the kept bytes and what was made of them, unless a document has them or is about to."""
        with self._keeping():
            # In this order: a file that is no longer young has been claimed by now, which the catalog says.
            if _age(self.original(document_id)) < ABANDONED_SECONDS or is_claimed():
                return
            for path in (self.original(document_id), self.unlocked(document_id), self._parse(document_id)):
                path.unlink(missing_ok=True)
            for index in self.study_indexes.glob("*"):
                if (index / "documents" / f"{document_id}.json").exists():
                    shutil.rmtree(index, ignore_errors=True)  # a study may be reading it: the rest goes at a sweep

    def empty_mlflow(self) -> None:
        """Remove what MLflow keeps here, without what others may be waiting for."""
        with self._writing():
            for path in self.mlflow.iterdir() if self.mlflow.exists() else ():
                if path.suffix != ".lock":
                    _remove(path)

    def empty(self) -> None:
        """Remove all kept bytes and all that was made of them, claimed or not."""
        with self._keeping():
            for path in (*self.files.iterdir(), *self._in_transit()):
                _remove(path)

    def sweep_studies(self, claimed: Callable[[], Collection[str]]) -> None:
        """Remove the indexes of studies that have a document which no collection has; they are made anew for others."""
        there = {one: {text.stem for text in one.glob("documents/*.json")} for one in self.study_indexes.glob("*")}
        known = set(claimed()) if there else set()  # after looking: documents come meanwhile
        for index in (one for one, has in there.items() if has - known):
            shutil.rmtree(index, ignore_errors=True)

    def sweep(self, claimed: Callable[[], Collection[str]]) -> None:
        """Remove what an interruption left: what no document claims and that is an hour old."""
        self.sweep_studies(claimed)
        with self._keeping():
            old = [path for path in self.files.iterdir() if _age(path) >= ABANDONED_SECONDS]
            known = claimed()
            for path in (one for one in old if one.name.removesuffix(_UNLOCKED) not in known):
                _remove(path)
            for path in self._in_transit():
                if _age(path) >= TRANSIT_SECONDS and path.suffix != _ARRIVING:
                    _remove(path)

    def _in_transit(self) -> list[Path]:
        return list(self.transit.iterdir()) if self.transit.exists() else []

    # -- what is on its way into the indexes, and of no collection yet ----------------------------------

    @contextmanager
    def arriving(self, store_name: str) -> Iterator[None]:
        """Indexes of that name are being filled: nobody sweeps them meanwhile. If that fails, or the process is killed,
        what is left of them is swept, until `note_cleared`."""
        mark = self.transit / f"{store_name}{_ARRIVING}"
        with self._writing():
            self.transit.mkdir(exist_ok=True)
            self._arriving.add(store_name)
            mark.touch()
        try:
            yield
            self.note_cleared(store_name)
        finally:
            self._arriving.discard(store_name)

    def arrivals(self) -> tuple[set[str], set[str]]:
        """The names of indexes that are being filled, and of those that were left when a process was killed."""
        marked = {path.name.removesuffix(_ARRIVING) for path in self.transit.glob(f"*{_ARRIVING}")}
        return set(self._arriving), marked - self._arriving

    def note_cleared(self, store_name: str) -> None:
        """The indexes of that name are a collection's, or nothing is left of them."""
        (self.transit / f"{store_name}{_ARRIVING}").unlink(missing_ok=True)

    @contextmanager
    def _keeping(self) -> Iterator[None]:
        """Alone, among threads and processes, to put kept bytes in their place or to remove them."""
        own = FileLock(self.path / "files.lock")  # for this once: who holds a lock may enter it again
        with self._writing(), own:
            yield

    # -- what was read already: a file that was checked, or waits for OCR, is not read again -----------

    def _parse(self, document_id: str) -> Path:
        return self.files / f"{document_id}{_PARSED}"

    def keep_parse(self, document_id: str, read_as: str, parsed: bytes) -> None:
        """Keep what was made of a document until it is indexed; `read_as`, one line, says in which way."""
        with self._writing(), self._part() as (writing, part):
            writing.write(read_as.encode() + b"\n")
            writing.write(parsed)
            writing.close()
            part.replace(self._parse(document_id))

    def kept_parse(self, document_id: str, read_as: str) -> bytes | None:
        """What was made of it before in the same way, if it was kept."""
        try:
            with self._parse(document_id).open("rb") as file:
                return file.read() if file.readline() == read_as.encode() + b"\n" else None
        except FileNotFoundError:
            return None

    def discard_parse(self, document_id: str) -> None:
        self._parse(document_id).unlink(missing_ok=True)

    def size(self) -> int:
        """Bytes of all that is kept here."""
        return sum(size_of(path) for path in self.path.rglob("*"))

    @contextmanager
    def _part(self) -> Iterator[tuple[BinaryIO, Path]]:
        """A new file beside the kept ones, to be put in its place when it is whole; else it goes."""
        handle, name = tempfile.mkstemp(suffix=_PART, dir=self.files)
        try:
            with os.fdopen(handle, "wb") as writing:
                yield writing, Path(name)
        finally:
            Path(name).unlink(missing_ok=True)


def _copy(reading: Reading, writing: BinaryIO) -> tuple[str, int]:
    digest, size = hashlib.sha256(), 0
    while piece := reading.read(_PIECE):
        digest.update(piece)
        writing.write(piece)
        size += len(piece)
    return digest.hexdigest()[:32], size


def _remove(path: Path) -> None:
    shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)


def _age(path: Path) -> float:
    """Seconds since it was written; infinite if it has just gone."""
    with suppress(FileNotFoundError):
        return time.time() - path.stat().st_mtime
    return inf


def size_of(path: Path) -> int:
    """Bytes of a file; 0 for what is none, or has just gone."""
    try:
        return path.stat().st_size if path.is_file() else 0
    except FileNotFoundError:  # a journal or a part that has just gone
        return 0
