"""The files of the lexical indexes: opened, read as last committed, written by one at a time, with errors in words."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import tantivy

from rag.errors import FolderInUseError, RagError, StorageError, StoreDamagedError
from rag.lexical.words import ENGLISH, VERSION, prepared, schema

_VERSION_FILE = "version"
_META = "meta.json"
_HEAP = 15_000_000  # bytes; the least that tantivy takes


@dataclass(frozen=True, slots=True)
class _Reader:
    index: tantivy.Index
    stamp: tuple[int, ...]
    searcher: tantivy.Searcher


class Indexes:
    """Those under one folder, a subfolder for each physical collection name."""

    def __init__(self, folder: Path, language: str = ENGLISH) -> None:
        self._folder = folder
        self._language = language
        self._version = f"{VERSION} {language}"
        self._writing = threading.Lock()
        self._opening = threading.Lock()
        self._readers: dict[str, _Reader] = {}

    def names(self) -> list[str]:
        """The collections that have an index, damaged ones included, sorted."""
        return sorted(one.name for one in self._folder.glob("*") if one.is_dir())

    def drop(self, name: str) -> None:
        """Delete the index, damaged or not; no error if there is none."""
        with self._writing, self._opening:
            self._readers.pop(name, None)
            try:
                shutil.rmtree(self._folder / name)
            except FileNotFoundError:
                return
            except OSError as error:
                raise _inaccessible(name, error) from error

    def close(self) -> None:
        """Let go of the files. What is searched afterwards is opened again."""
        with self._opening:
            self._readers.clear()

    def _reader(self, name: str) -> _Reader | None:
        """The index as last committed, by whichever process; None if nothing was ever written."""
        stamp = self._stamp(name)
        reader = self._readers.get(name)
        if stamp is None or (reader and reader.stamp == stamp):
            return reader if stamp else None
        with self._opening, damage_in_words(name):
            stamp, reader = self._stamp(name), self._readers.get(name)
            if stamp is None:
                return None
            index = reader.index if reader else self._open(name)
            index.reload()
            self._readers[name] = _Reader(index, stamp, index.searcher())
            return self._readers[name]

    def _stamp(self, name: str) -> tuple[int, ...] | None:
        # Each commit puts a new file in the place of the last: a look at it is cheaper than asking tantivy.
        try:
            meta = (self._folder / name / _META).stat()
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise _inaccessible(name, error) from error
        return meta.st_mtime_ns, meta.st_ino, meta.st_size

    def _open(self, name: str) -> tantivy.Index:
        folder = self._folder / name
        version = folder / _VERSION_FILE
        if not version.exists() or version.read_text(encoding="utf-8") != self._version:
            raise StoreDamagedError(
                f"The word index of {name!r} was made by another version, or for another RAG_LANGUAGE. Nothing is "
                "lost: `python -m rag check --repair` makes it anew."
            )
        return prepared(tantivy.Index.open(str(folder)), self._language)

    def _create(self, name: str) -> tantivy.Index:
        folder = self._folder / name
        try:
            folder.mkdir(parents=True, exist_ok=True)
            # First, so that a kill in between leaves an index that was never begun.
            (folder / _VERSION_FILE).write_text(self._version, encoding="utf-8")
            return prepared(tantivy.Index(schema(), str(folder)), self._language)
        except (OSError, ValueError) as error:
            raise _inaccessible(name, error) from error

    @contextmanager
    def _writer(self, name: str) -> Iterator[tantivy.IndexWriter]:
        """A writer whose work is committed at the end, or dropped if anything fails; then merged, then closed."""
        with self._writing:
            reader = self._reader(name)
            index = reader.index if reader else self._create(name)
            with damage_in_words(name):
                try:
                    writer = index.writer(_HEAP, num_threads=1)
                except ValueError as error:
                    raise _inaccessible(name, error) from error
                try:
                    yield writer
                    writer.commit()
                except BaseException as error:
                    with suppress(ValueError):  # what it could not write it cannot merge either
                        writer.wait_merging_threads()
                    if isinstance(error, ValueError):
                        raise _inaccessible(name, error) from error
                    raise
                writer.wait_merging_threads()


@contextmanager
def damage_in_words(name: str) -> Iterator[None]:
    """Errors and panics of tantivy are damage; a panic is no `Exception` and has no importable name."""
    try:
        yield
    except RagError:
        raise
    except BaseException as error:
        if not isinstance(error, ValueError | OSError) and type(error).__name__ != "PanicException":
            raise
        raise StoreDamagedError(
            f"The word index of {name!r} is damaged, probably by a crash. Nothing is lost: `python -m rag check "
            "--repair` makes it anew."
        ) from error


def _inaccessible(name: str, error: Exception) -> StorageError:
    if "LockBusy" in str(error):
        return FolderInUseError(f"Another process is writing the word index of {name!r}. Try again when it is done.")
    why = " ".join(str(error).split())[:200]
    return StorageError(
        f"The word index of {name!r} cannot be opened or written ({why}). Make room or make the data folder "
        "writable, then try again; if it stays so, run `python -m rag check --repair`."
    )
