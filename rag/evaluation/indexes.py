"""Indexes that only studies search: texts cut and embedded in another way than their collection, in a folder each.

Each search looks at all vectors, so that it finds what is nearest. A document is written whole before the next, so that
an interrupted index goes on where it was. What is in it depends on the documents and the recipe alone.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rag.embedding import Embedder, Passages
from rag.errors import StorageError
from rag.lexical import Lexical
from rag.records import Chunk, Document
from rag.store import Companion, similarity

Vectors = NDArray[np.float32]
NAME = "study"
"""Of the one collection in an index's folder."""
KEPT = 6
"""Indexes that are kept, those used last."""
AT_ONCE = 64
"""Chunks embedded between two looks at whether to go on."""

Cut = Callable[[Document], Sequence[Chunk]]
Known = Callable[[Sequence[Chunk]], Mapping[str, tuple[Vectors, Any]]]
"""For chunks the vectors, and the signs of their tokens, that are there already, by digest."""
Told = Callable[[str], None]
"""Hears what is being done; may raise StoppedError to end it."""


class StudyIndex:
    """One of them, open. It is what a `Retriever` takes for a store, whatever name it is asked for. Thread-safe."""

    def __init__(self, folder: Path, language: str) -> None:
        self._folder = folder
        self.companion = Companion(folder)
        self.lexical = Lexical(folder / "words", language)
        self._ids: list[str] = []
        self._rows: Vectors = np.empty((0, 0), np.float32)
        self._places: dict[str, int] = {}
        self.chunks: dict[str, Chunk] = {}

    def make(self, documents: Sequence[Document], cut: Cut, known: Known, embedder: Embedder, told: Told) -> None:
        """Make what is not there yet, and open it. Raises StorageError, ModelError, what `cut` and `told` raise."""
        try:
            (self._folder / "documents").mkdir(parents=True, exist_ok=True)
            for number, document in enumerate(documents):
                if not self._vectors(document).exists():
                    told(f"Making passages of {number + 1:,} of {len(documents):,} documents")
                    self._add(document, cut(document), known, embedder, told)
            self._open(documents)
            os.utime(self._folder)
        except OSError as error:
            raise StorageError(
                f"The passages for a study cannot be kept in {self._folder} ({error.strerror}). Free some disk space."
            ) from error

    def close(self) -> None:
        self.lexical.close()
        self.companion.close()

    # -- as a store is asked -------------------------------------------------------------------------------------

    def nearest(
        self, _name: str, vector: Vectors, n: int, _where: Mapping[str, Any] | None = None
    ) -> list[tuple[str, float]]:
        """The `n` nearest chunks as (id, similarity in [0, 1]), best first, by looking at all."""
        if not self._ids:
            return []
        # By one thread: on a busy machine those of a matrix product wait for each other.
        scores = np.einsum("ij,j->i", self._rows, vector)
        n = min(n, len(scores))
        best = np.argpartition(-scores, n - 1)[:n]
        ordered = best[np.lexsort((best, -scores[best]))]
        return [(self._ids[place], similarity(float(scores[place]))) for place in ordered]

    def cosines(self, _name: str, ids: Sequence[str], vector: Vectors) -> dict[str, float]:
        """How similar chunks are to a unit vector; those that are not there are left out."""
        return {one: similarity(float(self._rows[self._places[one]] @ vector)) for one in ids if one in self._places}

    def by_id(self, ids: Sequence[str]) -> dict[str, Chunk]:
        """Chunks; those that are not there are left out."""
        return {one: self.chunks[one] for one in ids if one in self.chunks}

    # -- files ---------------------------------------------------------------------------------------------------

    def _vectors(self, document: Document) -> Path:
        return self._folder / "documents" / f"{document.id}.npy"

    def _texts(self, document: Document) -> Path:
        return self._folder / "documents" / f"{document.id}.json"

    def _add(self, document: Document, chunks: Sequence[Chunk], known: Known, embedder: Embedder, told: Told) -> None:
        # First: by it a deletion sees that something of the document may be here.
        texts = [(one.id, one.page, one.start, one.end, one.heading, one.text, one.title) for one in chunks]
        self._texts(document).write_text(json.dumps(texts), encoding="utf-8")
        rows = []
        for first in range(0, len(chunks), AT_ONCE):
            told(f"Embedding passage {first + 1:,} of {len(chunks):,} of {document.name}")
            batch = chunks[first : first + AT_ONCE]
            vectors, tokens = _passages(batch, known(batch), embedder)
            self.companion.write(NAME, batch, vectors, tokens)
            rows.append(vectors)
        self.lexical.replace(NAME, document, chunks)
        whole = np.concatenate(rows) if rows else np.empty((0, embedder.dimension), np.float32)
        part = self._vectors(document).with_suffix(".part")
        with part.open("wb") as file:
            np.save(file, whole)
        part.replace(self._vectors(document))  # last: it says that the document is there

    def _open(self, documents: Sequence[Document]) -> None:
        rows = []
        for document in documents:
            for one, page, start, end, heading, text, title in json.loads(self._texts(document).read_text("utf-8")):
                self._ids.append(one)
                self.chunks[one] = Chunk(one, document.id, page, start, end, heading, text, title)
            rows.append(np.load(self._vectors(document)))
        self._rows = np.concatenate(rows) if rows else self._rows
        self._places = {one: place for place, one in enumerate(self._ids)}


def _passages(batch: Sequence[Chunk], known: Mapping[str, tuple[Vectors, Any]], embedder: Embedder) -> Passages:
    """What the model makes of chunks, without embedding what is `known`."""
    new = {one.digest: one.embedded for one in batch if one.digest not in known}
    found = dict(known)
    if new:
        vectors, tokens = embedder.encode_passages(list(new.values()))
        signs: Sequence[Any] = tokens or [None] * len(new)
        found |= dict(zip(new, zip(vectors, signs, strict=True), strict=True))
    bits = [found[one.digest][1] for one in batch]
    return Passages(np.stack([found[one.digest][0] for one in batch]), [one for one in bits if one is not None])


def sweep(folder: Path, keep: Sequence[str] = ()) -> None:
    """Remove indexes of studies but the KEPT that were used last, and those named."""
    there = [one for one in folder.glob("*") if one.is_dir() and one.name not in keep]
    for one in sorted(there, key=_used, reverse=True)[KEPT:]:
        shutil.rmtree(one, ignore_errors=True)


def _used(folder: Path) -> float:
    try:
        return folder.stat().st_mtime
    except FileNotFoundError:  # another thread was quicker
        return 0.0
