"""The second half of ingestion: the chunks of a searchable document get their vectors, and it is ready."""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from rag.embedding import Bits, Passages
from rag.errors import StoppedError, StoreUnavailableError
from rag.ingestion.parts import Job, Parts
from rag.records import Chunk, Collection, Document
from rag.store import chunk_metadata

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
            reusing = _Reuse(self._parts, collection, missing, stored)
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
        replaced = self._parts.catalog.finish(job.document, sum(job.timings.values()), job.timings)
        if replaced is None:
            raise StoppedError(f"{job.document.name} was stopped.")
        return replaced


class _Passage(NamedTuple):
    vector: NDArray[np.float32]
    tokens: Bits | None


class _Reuse:
    """What the model makes of a document's missing chunks, without embedding a text that has been embedded."""

    def __init__(
        self, parts: Parts, collection: Collection, missing: Sequence[Chunk], stored: dict[str, dict[str, object]]
    ) -> None:
        self._parts = parts
        self._collection = collection
        self._embedder = parts.recipes.embedder_of(collection)
        times = Counter(one.digest for one in missing)
        self._repeated = {digest for digest, number in times.items() if number > 1}
        # All at once and now: a batch is written over what the next ones would take theirs from.
        places = {str(data.get("digest")): chunk_id for chunk_id, data in stored.items()}
        self._kept = self._at({digest: place for digest, place in places.items() if digest in times})

    def passages(self, batch: Sequence[Chunk]) -> Passages:
        """Their vectors, (len(batch), dimension), and the signs of their tokens' vectors if the model has any."""
        texts = {one.digest: one.embedded for one in batch}
        known = self._known(list(texts))
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

    def _known(self, digests: list[str]) -> dict[str, _Passage]:
        """Passages by digest: of what this document had stored, of its last batches, of other documents."""
        kept = {digest: self._kept[digest] for digest in digests if digest in self._kept}
        others = [digest for digest in digests if digest not in kept]
        return kept | self._at(self._parts.catalog.equals(self._collection.name, others))

    def _at(self, places: dict[str, str]) -> dict[str, _Passage]:
        """What is stored at places: digest -> chunk id. Left out is what the model would make more of."""
        ids, store, name = list(places.values()), self._parts.store, self._collection.store_name
        vectors, tokens = store.vectors(name, ids), store.companion.tokens(name, ids)
        whole = vectors.keys() & tokens.keys() if self._embedder.has_tokens else vectors.keys()
        return {
            digest: _Passage(vectors[place], tokens.get(place)) for digest, place in places.items() if place in whole
        }
