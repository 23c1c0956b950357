"""Writing a backup: documents one after the other into tables, then everything into one zip."""

from __future__ import annotations

import hashlib
import os
import shutil
import zipfile
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from rag import __version__
from rag.backup.layout import MANIFEST, TABLES, VECTORS, manifest_json, schema_of, table_entry
from rag.errors import FolderError
from rag.records import Entry, Far, Linked, Manifest, Recipe, unheard

Vectors = NDArray[np.float32]
Bits = NDArray[np.uint64]

GROUP_ROWS = 2000
GROUP_BYTES = 8_000_000
"""Rows are written once there are so many of them, or so much in them."""
_PIECE = 1 << 20
_PLAIN: dict[str, Any] = {"compression": "NONE", "use_dictionary": False, "store_schema": False, "version": "2.6"}


@dataclass(frozen=True, slots=True)
class Facts:
    """What a manifest says of the collection itself."""

    name: str
    created_at: datetime
    schema: int
    fingerprint: Mapping[str, str]
    recipe: Recipe
    linked: Linked | None = None


@dataclass(frozen=True, slots=True)
class Packed:
    """A document that was handed in: its id and what it is called."""

    id: str
    name: str


class Writer:
    """Gathers what belongs into a backup in a folder of its own, on the disk that the files to be kept are on. Close
    it, or use it as a context manager: the folder goes. Raises FolderError when the disk is full."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._tables: dict[str, _Table] = {}
        self._without: list[str] = []
        with in_words():
            folder.mkdir(parents=True)

    def __enter__(self) -> Writer:
        return self

    def __exit__(self, *_: object) -> None:
        for table in self._tables.values():
            table.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def add(self, table: str, rows: Iterable[Mapping[str, Any]]) -> None:
        """Add rows to a table, as the catalog has them."""
        with in_words():
            self._table(table).add(rows)

    def add_vectors(
        self, document_id: str, ids: Sequence[str], vectors: Vectors, tokens: Sequence[Bits | None] = ()
    ) -> None:
        """Add the vectors of chunks, (len(ids), dimension), and the signs of their tokens' vectors where there are."""
        signs = tokens or [None] * len(ids)
        self.add(
            VECTORS,
            (
                {
                    "document_id": document_id,
                    "id": one,
                    "vector": vector,
                    "tokens": None if bits is None else len(bits),
                    "signs": None if bits is None else bits.tobytes(),
                }
                for one, vector, bits in zip(ids, vectors, signs, strict=True)
            ),
        )

    def keep(self, document_id: str, original: Path | None, unlocked: Path | None = None) -> None:
        """Keep a document's file, and a copy of it that needs no password; None if there is no whole file of it.

        What is kept is there until the end, whatever becomes of the files.
        """
        if original is None:
            self._without.append(document_id)
        with in_words():
            for kind, path in (("originals", original), ("unlocked", unlocked)):
                if path is not None:
                    target = self._folder / kind / document_id
                    target.parent.mkdir(exist_ok=True)
                    _pin(path, target)

    def finish(
        self,
        target: BinaryIO,
        facts: Facts,
        gone: Sequence[Packed] = (),
        left_out: Sequence[str] = (),
        far: Far = unheard,
    ) -> Manifest:
        """Write the backup, without the documents that are `gone` by now. `far` is told from 0 to 1."""
        with in_words():
            counts = {name: self._close(name, {one.id for one in gone}) for name in TABLES}
            entries: dict[str, Entry] = {}
            files = list(self._files({one.id for one in gone}))
            whole, done = sum(path.stat().st_size for _, path in files) or 1, 0
            with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as packed:
                for name, path in files:
                    entries[name] = _store(packed, name, path, lambda far_in: far((done + far_in) / whole, "writing"))  # noqa: B023 - called at once
                    done += entries[name].size
                manifest = Manifest(
                    name=facts.name,
                    made_at=datetime.now(UTC),
                    created_at=facts.created_at,
                    footnote=__version__,
                    schema=facts.schema,
                    fingerprint=facts.fingerprint,
                    recipe=facts.recipe,
                    counts=counts,
                    entries=entries,
                    linked=facts.linked,
                    without_original=tuple(sorted(set(self._without) - {one.id for one in gone})),
                    left_out=(*left_out, *(one.name for one in gone)),
                )
                packed.writestr(MANIFEST, manifest_json(manifest))
        return manifest

    def _table(self, name: str) -> _Table:
        if name not in self._tables:
            self._tables[name] = _Table(name, self._folder / f"{name}.parquet")
        return self._tables[name]

    def _close(self, name: str, gone: Collection[str]) -> int:
        """The number of its rows."""
        table = self._table(name)
        table.close()
        if gone and name != "versions":
            table.leave_out(gone)
        return table.rows

    def _files(self, gone: Collection[str]) -> Iterator[tuple[str, Path]]:
        yield from ((table_entry(name), self._folder / f"{name}.parquet") for name in TABLES)
        for kind in ("originals", "unlocked"):
            kept = sorted((self._folder / kind).glob("*"))
            yield from ((f"{kind}/{path.name}", path) for path in kept if path.name not in gone)


class _Table:
    """A Parquet file that grows by groups of rows."""

    def __init__(self, name: str, path: Path) -> None:
        self.rows = 0
        self._schema, self._path = schema_of(name), path
        self._key = "id" if name == "documents" else "document_id"
        self._waiting: list[Mapping[str, Any]] = []
        self._bytes = 0
        self._writer: pq.ParquetWriter | None = pq.ParquetWriter(path, self._schema, **_PLAIN)

    def add(self, rows: Iterable[Mapping[str, Any]]) -> None:
        for row in rows:
            self._waiting.append(row)
            self._bytes += sum(_weight(value) for value in row.values())
            if len(self._waiting) >= GROUP_ROWS or self._bytes >= GROUP_BYTES:
                self._write()

    def close(self) -> None:
        if self._writer is not None:
            self._write()
            self._writer.close()
            self._writer = None

    def leave_out(self, gone: Collection[str]) -> None:
        """Write the file anew without the rows of some documents."""
        other, self.rows = self._path.with_suffix(".new"), 0
        unwanted = pa.array(list(gone))
        with pq.ParquetFile(self._path) as old, pq.ParquetWriter(other, self._schema, **_PLAIN) as new:
            for batch in old.iter_batches(GROUP_ROWS):
                keep = pc.invert(pc.is_in(batch.column(self._key), value_set=unwanted))
                some = batch.filter(keep)
                self.rows += len(some)
                new.write_table(pa.Table.from_batches([some]).cast(self._schema))
        other.replace(self._path)

    def _write(self) -> None:
        if self._waiting and self._writer is not None:
            columns = {name: [row[name] for row in self._waiting] for name in self._schema.names}
            self._writer.write_table(pa.table(columns, schema=self._schema))
            self.rows += len(self._waiting)
            self._waiting, self._bytes = [], 0


def _weight(value: object) -> int:
    if isinstance(value, str | bytes):
        return len(value)
    return value.nbytes if isinstance(value, np.ndarray) else 8


def _pin(path: Path, target: Path) -> None:
    try:
        os.link(path, target)
    except OSError:  # not every file system has links
        shutil.copyfile(path, target)


def _store(packed: zipfile.ZipFile, name: str, path: Path, told: Any) -> Entry:
    digest, size = hashlib.sha256(), path.stat().st_size
    info = zipfile.ZipInfo(name, datetime.now().timetuple()[:6])
    info.external_attr = 0o600 << 16
    info.file_size = size
    done = 0
    with path.open("rb") as reading, packed.open(info, "w", force_zip64=size >= zipfile.ZIP64_LIMIT) as writing:
        while piece := reading.read(_PIECE):
            digest.update(piece)
            writing.write(piece)
            done += len(piece)
            told(done)
    return Entry(done, digest.hexdigest())


@contextmanager
def in_words() -> Iterator[None]:
    """What goes wrong with the disk, in words."""
    try:
        yield
    except OSError as error:
        why = error.strerror or " ".join(str(error).split())[:120]
        raise FolderError(
            f"The backup could not be written ({why}). Free some disk space, or write it elsewhere; nothing was left "
            "behind."
        ) from error
