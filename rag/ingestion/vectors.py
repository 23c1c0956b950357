"""The second half of ingestion: the chunks of a searchable document get their vectors, and it is ready."""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from rag.catalog.editing import Stale
from rag.embedding import Bits, Passages
from rag.errors import StoppedError, StoreUnavailableError
from rag.ingestion.parts import Job, Parts
from rag.recipes import vectors_alike
from rag.records import Chunk, Collection, Document
from rag.store import chunk_metadata, document_metadata

log = logging.getLogger(__name__)

AT_ONCE = 128
"""Chunks embedded and stored between two looks at whether to go on."""
MEASURABLE = 16
"""Fewer chunks than this say nothing about speed."""
RETRY_SECONDS = 2.0


class Vectors:
    """Embeds documents, one at a time. Chunks that have the text of one that is stored take over its vector."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._away_since: float | None = None

    def embed(self, job: Job) -> list[Document] | None:
        """Make the document ready; returns the namesakes it has replaced, now to be removed.

        None if Chroma's server is away and the document waits for it. Raises StoppedError if it is to go no further.
        """
        try:
            replaced = self._embed(job)
        except StoreUnavailableError as error:
            if not self._waits():
                raise
            self._parts.catalog.wait(job.document, str(error))
            self._parts.stop.wait(RETRY_SECONDS)
            return None
        self._away_since = None
        return replaced

    def _waits(self) -> bool:
        now = time.monotonic()
        self._away_since = now if self._away_since is None else self._away_since
        return now - self._away_since < self._parts.settings.store_patience

    def _embed(self, job: Job) -> list[Document]:
        collection = self._parts.collection(job.document)
        name, store = collection.store_name, self._parts.store
        store.create(name, collection.fingerprint)
        chunks = self._parts.catalog.chunks(job.document)
        with job.timed("storing"):
            stored, beside = store.stored(name, job.document.id), store.companion.ids(name, job.document.id)
            missing = [
                one for one in chunks if one.id not in beside or stored.get(one.id) != chunk_metadata(job.document, one)
            ]
            missing = self._relabelled(collection, job.document, missing, stored, beside)
            reusing = _Reuse(self._parts, collection, missing, stored, self._source(job.document))
        for first in range(0, len(missing), AT_ONCE):
            job.reach("embedding", len(chunks) - len(missing) + first, len(chunks))
            batch = missing[first : first + AT_ONCE]
            with job.timed("embedding"):
                vectors, tokens = reusing.passages(batch)
            with job.timed("storing"):
                # Written over, a vector would be moved within Chroma's index, where a search then often misses it.
                store.delete(name, [one.id for one in batch if one.id in stored])
                store.upsert(name, job.document, batch, vectors, tokens)
        job.reach("storing", len(chunks), len(chunks))
        written = {one.id for one in chunks}
        store.delete(name, sorted((stored.keys() | beside) - written))
        called = job.document.name, job.document.title
        replaced = self._parts.catalog.finish(job.document, sum(job.timings.values()), job.timings, called)
        if replaced is None:
            raise StoppedError(f"{job.document.name} was stopped, or is called otherwise since.")
        return replaced

    def _source(self, document: Document) -> Collection | None:
        """The collection that a document is taken over from, vectors and all."""
        source = self._parts.catalog.source_of(document)
        theirs, ours = self._parts.collections(source, document) if source is not None else (None, None)
        return theirs if theirs is not None and ours is not None and vectors_alike(theirs, ours) else None

    def _relabelled(
        self,
        collection: Collection,
        document: Document,
        missing: Sequence[Chunk],
        stored: dict[str, dict[str, object]],
        beside: set[str],
    ) -> list[Chunk]:
        """The missing chunks without those whose vectors are there, only under old names, tags or dates: these are
        written anew beside them."""
        there = {one.id for one in missing if one.id in beside and stored.get(one.id, {}).get("digest") == one.digest}
        labelled = {one.id: chunk_metadata(document, one) for one in missing if one.id in there}
        self._parts.store.relabel(collection.store_name, labelled, stored)
        return [one for one in missing if one.id not in there]

    def relabel(self, stale: Stale) -> None:
        """Bring what was edited of a ready document into the indexes, without embedding anything."""
        document, parts = stale.document, self._parts
        name = parts.catalog.collection(document.collection).store_name
        stored = parts.store.stored(name, document.id)
        shared = document_metadata(document)
        own = {one: {key: value for key, value in data.items() if key != "tag"} for one, data in stored.items()}
        parts.store.relabel(name, {one: data | shared for one, data in own.items()}, stored)
        if stale.label:
            parts.lexical.replace(name, document, parts.catalog.chunks(document))
        parts.catalog.labelled(stale)


class _Passage(NamedTuple):
    vector: NDArray[np.float32]
    tokens: Bits | None


class _Reuse:
    """What the model makes of a document's missing chunks, without embedding a text that has been embedded."""

    def __init__(
        self,
        parts: Parts,
        collection: Collection,
        missing: Sequence[Chunk],
        stored: dict[str, dict[str, object]],
        source: Collection | None,
    ) -> None:
        self._parts = parts
        self._collection = collection
        self._embedder = parts.recipes.embedder_of(collection)
        self._source = source
        times = Counter(one.digest for one in missing)
        self._repeated = {digest for digest, number in times.items() if number > 1}
        # All at once and now: a batch is written over what the next ones would take theirs from.
        places = {str(data.get("digest")): chunk_id for chunk_id, data in stored.items()}
        self._kept = self._at(collection, {digest: place for digest, place in places.items() if digest in times})
        original = parts.catalog.shadowed(collection)
        self._original = original if original is not None and vectors_alike(collection, original) else None

    def passages(self, batch: Sequence[Chunk]) -> Passages:
        """Their vectors, (len(batch), dimension), and the signs of their tokens' vectors if the model has any."""
        texts = {one.digest: one.embedded for one in batch}
        known = self._taken_over(batch) or self._known(list(texts))
        known |= self._new({digest: text for digest, text in texts.items() if digest not in known})
        self._kept |= {digest: known[digest] for digest in texts if digest in self._repeated}
        found = [known[one.digest] for one in batch]
        tokens = [one.tokens for one in found if one.tokens is not None]
        return Passages(np.stack([one.vector for one in found]), tokens)

    def _new(self, texts: Mapping[str, str]) -> dict[str, _Passage]:
        """Embed texts, by digest."""
        if not texts:
            return {}
        started = time.monotonic()
        vectors, tokens = self._embedder.encode_passages(list(texts.values()))
        if len(texts) >= MEASURABLE:
            pace = self._parts.recipes.pace(self._collection)
            self._parts.catalog.note_speed(pace, len(texts), time.monotonic() - started)
        signs: Sequence[Bits | None] = tokens or [None] * len(texts)
        return dict(zip(texts, map(_Passage, vectors, signs), strict=True))

    def _taken_over(self, batch: Sequence[Chunk]) -> dict[str, _Passage]:
        """Passages by digest, of the same document in the collection that it is taken over from."""
        if self._source is None:
            return {}
        return self._at(self._source, {one.digest: one.id for one in batch})

    def _known(self, digests: list[str]) -> dict[str, _Passage]:
        """Passages by digest: of what this document had stored, of its last batches, of other documents, of the
        collection whose place this one is to take."""
        known = {digest: self._kept[digest] for digest in digests if digest in self._kept}
        for one in (self._collection, self._original):
            others = [digest for digest in digests if digest not in known]
            if one is not None and others:
                known |= self._at(one, self._parts.catalog.equals(one.name, others))
        return known

    def _at(self, collection: Collection, places: dict[str, str]) -> dict[str, _Passage]:
        """What is stored at places: digest -> chunk id. Left out is what the model would make more of."""
        ids, store, name = list(places.values()), self._parts.store, collection.store_name
        vectors, tokens = store.vectors(name, ids), store.companion.tokens(name, ids)
        whole = vectors.keys() & tokens.keys() if self._embedder.has_tokens else vectors.keys()
        return {
            digest: _Passage(vectors[place], tokens.get(place)) for digest, place in places.items() if place in whole
        }
