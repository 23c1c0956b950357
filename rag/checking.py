"""Checking: does everything that is derived agree with the catalog? And repairing what does not.

What is checked: the kept bytes have the hash that is their document's id; each document's chunks are in the lexical
index and in Chroma, with their text, and with vectors that a search finds and, of a sample, that are those of their
texts; they are in the companion beside Chroma too, and nowhere is anything else.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rag.catalog import Catalog
from rag.errors import ConfigurationError, FingerprintError, StorageError, StoreDamagedError
from rag.folder import Folder
from rag.health import by_document
from rag.lexical import Lexical
from rag.recipes import AS_IT_WAS
from rag.records import Chunk, Collection, Document, Finding, State
from rag.settings import Settings
from rag.store import Store, chunk_metadata

REOPENED = (State.READY, State.DELETING)
"""States of documents whose vectors have to be made again when all are lost: what was deleted may come back."""
PROBES = 20
"""Chunks of a document that are searched for by their own vectors: an id can be there and its vector lost."""
SAMPLE = 8
"""Chunks of a document that are embedded again, to see whether their vectors are those of their texts."""
SAME = 0.999
"""The least score of a vector to itself, or to an equal one."""

SAME_SIGNS = 0.98
"""The least share of equal signs that a passage's tokens have when it is embedded again."""

Encode = Callable[[Sequence[str]], tuple[NDArray[np.float32], Sequence[NDArray[np.uint64]]]]
"""Texts to vectors, (n, dimension), and to the signs of their tokens' vectors if the model has any."""


@dataclass(frozen=True, slots=True)
class Checker:
    """Looks through a data folder that nobody works on meanwhile. With `repair` it mends what it finds: what is wrong
    is removed, what is missing is made again or queued to be."""

    settings: Settings
    folder: Folder
    catalog: Catalog
    store: Store
    lexical: Lexical
    encoder: Callable[[Collection], Encode]
    """What made a collection's vectors. Raises FingerprintError or ConfigurationError where that is not to be had."""
    repair: bool = False
    told: Callable[[float], None] = lambda _: None
    """Hears what share of the work on a collection is done."""

    def run(self) -> Iterator[Finding]:
        """Every finding, repaired or not. Raises StoreDamagedError if Chroma cannot be opened."""
        yield from self._unknown_indexes()
        for collection in (*self.catalog.collections(), *self.catalog.shadows()):
            yield from self.run_one(collection)

    def run_one(self, collection: Collection) -> Iterator[Finding]:
        """As `run`, of one collection."""
        documents = {one.id: one for one in self.catalog.documents(collection.name)}
        if not collection.shadow_of:  # else its files are those of the other one
            yield from self._files(documents)
        yield from self._words(collection, documents)
        yield from self._vectors(collection, documents)

    def _each(self, documents: Mapping[str, Document], part: int) -> Iterator[Document]:
        """The documents one after the other, for one of the three parts of the work, from 0."""
        for done, document in enumerate(documents.values()):
            self.told((part + done / len(documents)) / 3)
            yield document

    def _found(self, collection: str, what: str, problem: str, mend: Callable[[], object] | None = None) -> Finding:
        mended = self.repair and mend is not None
        if self.catalog.current_name(collection) != collection:  # nothing that was looked for under that name is there
            raise StorageError(f"{collection} was renamed while it was looked through. Check it again.")
        if mended and mend is not None:
            mend()
        return Finding(collection, what, problem, repaired=mended)

    def _files(self, documents: Mapping[str, Document]) -> Iterator[Finding]:
        for document in self._each(documents, 0):
            if document.state is State.DELETING:
                continue
            path = self.folder.original(document.id)
            if not path.exists():
                yield self._found(document.collection, document.name, "its file is gone: upload it again")
            elif _hash(path) != document.id:
                problem = "its file is not what was uploaded: delete it and upload it again"
                yield self._found(document.collection, document.name, problem)

    def _unknown_indexes(self) -> Iterator[Finding]:
        known = {one.store_name for one in self.catalog.collections(hidden=True)}
        for name in sorted(set(self.lexical.names()) - known):
            yield self._found("", name, "a lexical index of no collection", partial(self.lexical.drop, name))
        for name in sorted(set(self.store.companion.names()) - known):
            problem = "vectors beside Chroma of no collection"
            yield self._found("", name, problem, partial(self.store.companion.drop, name))
        if self.settings.chroma_is_ours:  # elsewhere others may have collections of theirs
            for name in sorted(set(self.store.names()) - known):
                yield self._found("", name, "vectors of no collection", partial(self.store.drop, name))

    # -- words -----------------------------------------------------------------------------------------

    def _words(self, collection: Collection, documents: dict[str, Document]) -> Iterator[Finding]:
        name = collection.store_name
        try:
            there = by_document(self.lexical.chunk_ids(name)) if name in self.lexical.names() else {}
        except StoreDamagedError as error:
            yield self._found(collection.name, "lexical index", str(error), partial(self._rewrite, collection))
            return
        for document in self._each(documents, 1):
            if pages := self.catalog.misplaced(document):
                problem = f"the text of {len(pages)} of its pages is not what its whole text has there"
                yield self._found(collection.name, document.name, problem, partial(self.catalog.place, document))
            found = there.get(document.id, set())
            if document.visible and found != self.catalog.chunk_ids(document):
                problem = f"the lexical index has {len(found)} chunks of it, not {document.chunks}"
                yield self._found(collection.name, document.name, problem, partial(self._write, name, document))
        for stranger in sorted(_strangers(there, documents)):
            problem = "the lexical index has words of it, and nobody may find them"
            yield self._found(collection.name, stranger, problem, partial(self.lexical.remove, name, [stranger]))

    def _write(self, name: str, document: Document) -> None:
        self.lexical.replace(name, document, self.catalog.chunks(document))

    def _rewrite(self, collection: Collection) -> None:
        self.lexical.drop(collection.store_name)
        for document in self.catalog.documents(collection.name):
            if document.visible or document.state is State.DELETING:  # which may come back
                self._write(collection.store_name, document)

    # -- vectors ---------------------------------------------------------------------------------------

    def _vectors(self, collection: Collection, documents: dict[str, Document]) -> Iterator[Finding]:
        name = collection.store_name
        there = by_document(self.store.all_ids(name)) if name in self.store.names() else {}
        try:
            beside = by_document(self.store.companion.ids(name))
        except StoreDamagedError as error:
            yield self._found(collection.name, "vectors", str(error), partial(self._begin_companion, collection))
            return
        encode: Encode | None = None
        try:
            encode = None if collection.fingerprint.get("chunking") == AS_IT_WAS else self.encoder(collection)
        except FingerprintError as error:  # to embed some anew would be to mix them
            yield self._found(collection.name, "vectors", f"they were not checked: {error}")
            return
        except ConfigurationError as error:
            yield self._found(collection.name, "vectors", f"they were not compared with the texts: {error}")
        for document in self._each(documents, 2):
            if document.state is State.READY:
                found = there.get(document.id, set()), beside.get(document.id, set())
                yield from self._vectors_of(document, name, *found, encode)
        for stranger in sorted(_strangers({*there, *beside}, documents)):
            chunks = len(there.get(stranger, set()) | beside.get(stranger, set()))
            problem = f"Chroma or its companion has {chunks} chunks of it, and nobody may find them"
            yield self._found(collection.name, stranger, problem, partial(self.store.remove, name, stranger))

    def _begin_companion(self, collection: Collection) -> None:
        self.store.companion.drop(collection.store_name)
        self.catalog.reopen(self.catalog.documents(collection.name, REOPENED))

    def _vectors_of(
        self, document: Document, name: str, found: set[str], beside: set[str], encode: Encode | None
    ) -> Iterator[Finding]:
        chunks = {one.id: one for one in self.catalog.chunks(document)}
        if extra := sorted((found | beside) - chunks.keys()):
            problem = f"Chroma or its companion has {len(extra)} chunks of it that it does not have"
            mend = partial(self.store.delete, name, extra)
            yield self._found(document.collection, document.name, problem, mend)
        there = sorted(found & chunks.keys())
        lost = (chunks.keys() - found) | self._lost(name, there)
        altered = self._altered(name, document, chunks, there)
        if lost:
            problem = f"{len(lost)} of its {len(chunks)} chunks have no vector that a search finds"
        elif altered:
            problem = f"{len(altered)} of its {len(chunks)} chunks say something else in Chroma"
        elif bare := chunks.keys() - beside:
            problem = f"{len(bare)} of its {len(chunks)} chunks have nothing beside Chroma"
        elif encode and self._wrong(name, chunks, there, encode):
            problem, altered = "it has vectors that are not those of its text", set(there)  # who knows which others
        else:
            return
        mend = partial(self._embed_again, name, document, (lost | altered) & found)
        yield self._found(document.collection, document.name, problem, mend)

    def _lost(self, name: str, ids: Sequence[str]) -> set[str]:
        """Of the stored chunks those without a vector, and of some of them those that a search does not find."""
        vectors = self.store.vectors(name, ids)
        probes = [one for one in _some(ids, PROBES) if one in vectors]
        unfound = {one for one in probes if self.store.nearest(name, vectors[one], 1)[0][1] < SAME}
        return set(ids) - set(vectors) | unfound

    def _altered(self, name: str, document: Document, chunks: Mapping[str, Chunk], ids: Sequence[str]) -> set[str]:
        """Of the stored chunks those that are not as the catalog has them."""
        texts = self.store.get(name, ids)
        metadata = self.store.stored(name, document.id) if ids else {}
        return {
            one
            for one in ids
            if texts.get(one) != chunks[one] or metadata.get(one) != chunk_metadata(document, chunks[one])
        }

    def _wrong(self, name: str, chunks: Mapping[str, Chunk], ids: Sequence[str], encode: Encode) -> bool:
        """Whether one of some stored vectors, or of what lies beside them, is another than its text has."""
        some = _some(ids, SAMPLE)
        stored, beside = self.store.vectors(name, some), self.store.companion
        again, signs = beside.vectors(name, some), beside.tokens(name, some)
        vectors, tokens = encode([chunks[one].embedded for one in some])
        made: Sequence[NDArray[np.uint64] | None] = tokens or [None] * len(some)
        for one, vector, bits in zip(some, vectors, made, strict=True):
            if min(float(stored[one] @ vector), float(again[one] @ vector)) < SAME or not _alike(bits, signs.get(one)):
                return True
        return False

    def _embed_again(self, name: str, document: Document, stored: set[str]) -> None:
        if stored:
            self.store.delete(name, sorted(stored))
        self.catalog.reopen([document])


def _some(ids: Sequence[str], most: int) -> Sequence[str]:
    """About so many of them, from all over."""
    return ids[:: max(1, -(-len(ids) // most))]


def _alike(made: NDArray[np.uint64] | None, stored: NDArray[np.uint64] | None) -> bool:
    """Whether two passages' tokens have nearly the same signs, as they have on another kind of processor."""
    if made is None or stored is None or not len(made):  # of a text without words, say
        return stored is None and (made is None or not len(made))
    if made.shape != stored.shape:
        return False
    return int(np.bitwise_count(made ^ stored).sum()) <= (1 - SAME_SIGNS) * made.size * 64


def _strangers(there: Iterable[str], documents: dict[str, Document]) -> set[str]:
    """Ids of documents that have something in an index although they must not: unknown ones and failed ones."""
    return {one for one in there if one not in documents or documents[one].state is State.FAILED}


def _hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:32]
