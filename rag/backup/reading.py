"""Reading a backup in place: which files are in it, its tables batch by batch, document by document.

Nothing is believed that was not looked at: a backup may have been made to do harm.
"""

from __future__ import annotations

import hashlib
import io
import struct
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from rag.backup.layout import (
    LONGEST_MANIFEST,
    MANIFEST,
    ORIGINAL,
    TABLES,
    VECTORS,
    read_manifest,
    schema_of,
    table_entry,
)
from rag.catalog import OF_DOCUMENTS
from rag.errors import DamagedError, NotFoundError, RagError
from rag.records import Far, Manifest, unheard

Vectors = NDArray[np.float32]
Bits = NDArray[np.uint64]

BATCH_ROWS = 256
_LOCAL_HEADER = struct.Struct("<4s5H3I2H")
_PIECE = 1 << 20


class VectorRows(NamedTuple):
    """Some vectors of one document: (len(ids), dimension), and the signs of their tokens' vectors where there are."""

    ids: list[str]
    vectors: Vectors
    tokens: list[Bits | None]


@dataclass(frozen=True, slots=True)
class Part:
    """A document in a backup with its rows, by table. `vectors` are to be gone through before the next document."""

    row: dict[str, Any]
    rows: dict[str, list[dict[str, Any]]]
    vectors: Iterator[VectorRows]


class Slice(io.RawIOBase):
    """A part of a file, as if it were a file."""

    def __init__(self, path: Path, start: int, size: int) -> None:
        self._file = path.open("rb", buffering=0)
        self._start, self._size, self._at = start, size, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        self._at = max(0, base + offset)
        return self._at

    def tell(self) -> int:
        return self._at

    def readinto(self, buffer: Any) -> int:
        view = memoryview(buffer)[: max(0, self._size - self._at)]
        self._file.seek(self._start + self._at)
        count = self._file.readinto(view) or 0
        self._at += count
        return count

    def close(self) -> None:
        self._file.close()
        super().close()


class Backup:
    """A backup that was opened: its manifest and its entries agree, their contents are not checked yet (`check`).

    `schema` is that of the catalog here. Raises DamagedError for anything that is not as it must be, NotFoundError if
    there is no such file.
    """

    def __init__(self, path: Path, schema: int, name: str = "") -> None:
        self.path = path
        self.name = name or path.name
        with self._in_words():
            self._places = _places(path, self.name)
            if MANIFEST not in self._places:
                raise DamagedError(f"{self.name} is no backup of a collection: it has no manifest.")
            start, size = self._places.pop(MANIFEST)
            if size > LONGEST_MANIFEST:
                raise self.damaged("its manifest is too long")
            with Slice(path, start, size) as file:
                text = file.read(size)
            self.manifest: Manifest = read_manifest(text or b"", self.name, schema, path.stat().st_size)
            self._check_entries()

    def damaged(self, why: str) -> DamagedError:
        """What to raise."""
        return DamagedError(f"{self.name} cannot be restored: {why}. Make the backup anew, or get it once more.")

    def entry(self, name: str) -> Slice:
        """One of its files. Close it."""
        return Slice(self.path, *self._places[name])

    def has(self, name: str) -> bool:
        """Whether there is such a file in it."""
        return name in self._places

    def check_sums(self, far: Far = unheard) -> None:
        """Read everything once, and compare it with the manifest."""
        whole, done = sum(one.size for one in self.manifest.entries.values()) or 1, 0
        for name, said in self.manifest.entries.items():
            digest = hashlib.sha256()
            with self._in_words(), self.entry(name) as file:
                while piece := file.read(_PIECE):
                    digest.update(piece)
                    done += len(piece)
                    far(done / whole, "checking")
            if digest.hexdigest() != said.sha256:
                raise self.damaged(f"{name} has been altered or damaged")
            kind = ORIGINAL.fullmatch(name)
            if kind and kind[1] == "originals" and not digest.hexdigest().startswith(kind[2]):
                raise self.damaged(f"{name} is not the file that it is called")

    def batches(self, table: str) -> Iterator[list[dict[str, Any]]]:
        """The rows of a table, some at a time."""
        for batch in self._batches(table):
            yield batch.to_pylist()

    def parts(self) -> Iterator[Part]:
        """The documents with their rows, one after the other."""
        cursors = {name: _Cursor(self.batches(name)) for name in OF_DOCUMENTS}
        vectors = _VectorCursor(self._batches(VECTORS), self)
        for some in self.batches("documents"):
            for row in some:
                with suppress(StopIteration):
                    yield Part(
                        row, {name: one.take(row["id"]) for name, one in cursors.items()}, vectors.take(row["id"])
                    )
        unclaimed = [name for name, one in cursors.items() if not one.over]
        if unclaimed or not vectors.over:
            raise self.damaged(f"the table {(unclaimed or [VECTORS])[0]} has rows of no document, or in another order")

    def check_tables(self, needed: Any) -> None:
        """Raises DamagedError unless the tables have the columns that they must have, and nothing is packed in them.
        `needed` gives the columns that no row of a table of the catalog can do without."""
        for table in TABLES:
            with self._in_words(), self._opened(table) as file:
                self._check_table(table, file, schema_of(table).names if table == VECTORS else needed(table))

    def _check_table(self, table: str, file: pq.ParquetFile, needed: Sequence[str]) -> None:
        known, there = schema_of(table), file.schema_arrow
        names = there.names
        if len(set(names)) != len(names) or not set(needed) <= set(names) <= set(known.names):
            raise self.damaged(f"the table {table} has other columns")
        for one in there:
            if not one.type.equals(known.field(one.name).type) or one.nullable > known.field(one.name).nullable:
                raise self.damaged(f"the column {one.name} of the table {table} is of another kind")
        about = file.metadata
        if (
            about.num_rows != self.manifest.counts.get(table)
            or about.num_rows * 4 > self._places[table_entry(table)][1]
        ):
            raise self.damaged(f"the table {table} has another number of rows")
        for group in range(about.num_row_groups):
            for column in range(about.num_columns):
                stored = about.row_group(group).column(column)
                plain = set(stored.encodings) <= {"PLAIN", "RLE", "BIT_PACKED"}
                if stored.compression != "UNCOMPRESSED" or not plain or stored.has_dictionary_page:
                    raise self.damaged(f"the table {table} is packed")

    def _check_entries(self) -> None:
        said = {name: one.size for name, one in self.manifest.entries.items()}
        there = {name: size for name, (_, size) in self._places.items()}
        if said != there:
            raise self.damaged("it has other files than its manifest says")
        wanted = {table_entry(one) for one in TABLES}
        others = [one for one in there if one not in wanted and not ORIGINAL.fullmatch(one)]
        if others or not wanted <= there.keys():
            raise self.damaged("it has files that do not belong into a backup, or lacks some")

    def _batches(self, table: str) -> Iterator[pa.RecordBatch]:
        with self._in_words(), self._opened(table) as file:
            yield from file.iter_batches(BATCH_ROWS)

    @contextmanager
    def _opened(self, table: str) -> Iterator[pq.ParquetFile]:
        with self.entry(table_entry(table)) as entry:
            file = pq.ParquetFile(pa.PythonFile(entry, mode="r"), memory_map=False, pre_buffer=False)
            if b"ARROW:schema" in (file.metadata.metadata or {}):  # it could say anything about how to read the rest
                raise self.damaged(f"the table {table} was written by another program")
            yield file

    @contextmanager
    def _in_words(self) -> Iterator[None]:
        try:
            yield
        except RagError:
            raise
        except FileNotFoundError as error:
            raise NotFoundError(f"There is no file {self.path}. Check the path.") from error
        except (OSError, ValueError, EOFError, struct.error, zipfile.BadZipFile, pa.ArrowException) as error:
            why = " ".join(str(error).split())[:120]
            raise self.damaged(f"it is damaged ({why or type(error).__name__})") from error


def _places(path: Path, name: str) -> dict[str, tuple[int, int]]:
    """Where each file of the zip begins, and its size. All of them lie in it as they are, one behind the other."""
    found: dict[str, tuple[int, int]] = {}
    try:
        opened = zipfile.ZipFile(path)
    except zipfile.BadZipFile as error:
        raise DamagedError(f"{name} is no backup of a collection: it is no zip file, or only a part of one.") from error
    with opened, path.open("rb") as file:
        end = 0
        for one in sorted(opened.infolist(), key=lambda each: each.header_offset):
            file.seek(one.header_offset)
            header = _LOCAL_HEADER.unpack(file.read(_LOCAL_HEADER.size))
            start = one.header_offset + _LOCAL_HEADER.size + header[9] + header[10]
            plain = one.compress_type == zipfile.ZIP_STORED and not one.flag_bits & 1
            if header[0] != b"PK\x03\x04" or not plain or one.compress_size != one.file_size:
                raise DamagedError(f"{name} is no backup of a collection: its files are packed, or locked.")
            if one.filename in found or one.header_offset < end:
                raise DamagedError(f"{name} is no backup of a collection: files in it overlap.")
            end = start + one.file_size
            found[one.filename] = (start, one.file_size)
        if end > path.stat().st_size:
            raise DamagedError(f"{name} is no backup of a collection: a part of it is missing.")
    return found


class _Cursor:
    """Goes through the rows of a table, document by document."""

    def __init__(self, batches: Iterator[list[dict[str, Any]]]) -> None:
        self._rows = (row for some in batches for row in some)
        self._next = next(self._rows, None)

    @property
    def over(self) -> bool:
        return self._next is None

    def take(self, document_id: str) -> list[dict[str, Any]]:
        """The rows of the document, if it is its turn."""
        found: list[dict[str, Any]] = []
        while self._next is not None and self._next["document_id"] == document_id:
            found.append(self._next)
            self._next = next(self._rows, None)
        return found


class _VectorCursor:
    """Goes through the vectors, document by document."""

    def __init__(self, batches: Iterator[pa.RecordBatch], backup: Backup) -> None:
        self._batches, self._backup = batches, backup
        self._batch: pa.RecordBatch | None = None
        self._at = 0

    @property
    def over(self) -> bool:
        return self._current() is None

    def _current(self) -> pa.RecordBatch | None:
        while self._batch is None or self._at >= len(self._batch):
            self._batch, self._at = next(self._batches, None), 0
            if self._batch is None:
                return None
        return self._batch

    def take(self, document_id: str) -> Iterator[VectorRows]:
        """Those of the document, if it is its turn."""
        while (batch := self._current()) is not None:
            first = self._at
            ids = batch.column("document_id").to_pylist()
            while self._at < len(ids) and ids[self._at] == document_id:
                self._at += 1
            if self._at == first:
                return
            yield self._rows(batch.slice(first, self._at - first))

    def _rows(self, batch: pa.RecordBatch) -> VectorRows:
        lists = batch.column("vector")
        numbers = lists.flatten()
        lengths = set(pc.list_value_length(lists).to_pylist())
        if len(lengths) != 1 or numbers.null_count:
            raise self._backup.damaged("it has vectors of different lengths")
        vectors = numbers.to_numpy(zero_copy_only=False).reshape(len(batch), -1)
        counts, signs = batch.column("tokens").to_pylist(), batch.column("signs").to_pylist()
        width = vectors.shape[1] // 64
        tokens: list[Bits | None] = []
        for count, packed in zip(counts, signs, strict=True):
            if (count is None) != (packed is None) or (packed is not None and len(packed) != 8 * count * width):
                raise self._backup.damaged("it has signs of token vectors of another length")
            tokens.append(None if packed is None else np.frombuffer(packed, np.uint64).reshape(count, width))
        return VectorRows(batch.column("id").to_pylist(), np.ascontiguousarray(vectors, np.float32), tokens)
