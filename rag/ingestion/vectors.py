"""The second half of ingestion: the chunks of a searchable document get their vectors, and it is ready."""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

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
        name = collection.store_name
        self._parts.store.create(name, collection.fingerprint)
        chunks = self._parts.catalog.chunks(job.document)
        with job.timed("storing"):
            stored = self._parts.store.stored(name, job.document.id)
            missing = [one for one in chunks if stored.get(one.id) != chunk_metadata(job.document, one)]
            reusing = _Reuse(self._parts, collection, missing, stored)
        for first in range(0, len(missing), AT_ONCE):
            job.reach("embedding", len(chunks) - len(missing) + first, len(chunks))
            batch = missing[first : first + AT_ONCE]
            with job.timed("embedding"):
                vectors = reusing.vectors(batch)
            with job.timed("storing"):
                # Written over, a vector would be moved within Chroma's index, where a search then often misses it.
                self._parts.store.delete(name, [one.id for one in batch if one.id in stored])
                self._parts.store.upsert(name, job.document, batch, vectors)
        job.reach("storing", len(chunks), len(chunks))
        written = {one.id for one in chunks}
        self._parts.store.delete(name, [one for one in stored if one not in written])
        replaced = self._parts.catalog.finish(job.document, sum(job.timings.values()), job.timings)
        if replaced is None:
            raise StoppedError(f"{job.document.name} was stopped.")
        return replaced


class _Reuse:
    """The vectors of a document's missing chunks, without embedding a text that has been embedded."""

    def __init__(
        self, parts: Parts, collection: Collection, missing: Sequence[Chunk], stored: dict[str, dict[str, object]]
    ) -> None:
        self._parts = parts
        self._collection = collection
        times = Counter(one.digest for one in missing)
        self._repeated = {digest for digest, number in times.items() if number > 1}
        # All at once and now: a batch is written over what the next ones would take theirs from.
        places = {str(data.get("digest")): chunk_id for chunk_id, data in stored.items()}
        self._kept = self._at({digest: place for digest, place in places.items() if digest in times})

    def vectors(self, batch: Sequence[Chunk]) -> NDArray[np.float32]:
        """Shape (len(batch), dimension)."""
        texts = {one.digest: one.text for one in batch}
        known = self._known(list(texts))
        new = [digest for digest in texts if digest not in known]
        if new:
            started = time.monotonic()
            known |= dict(zip(new, self._parts.embedder().encode([texts[one] for one in new]), strict=True))
            if len(new) >= MEASURABLE:
                self._parts.catalog.note_speed("embedding", len(new), time.monotonic() - started)
        self._kept |= {digest: known[digest] for digest in texts if digest in self._repeated}
        return np.stack([known[one.digest] for one in batch])

    def _known(self, digests: list[str]) -> dict[str, NDArray[np.float32]]:
        """Vectors by digest: of what this document had stored, of its last batches, of other documents."""
        kept = {digest: self._kept[digest] for digest in digests if digest in self._kept}
        others = [digest for digest in digests if digest not in kept]
        return kept | self._at(self._parts.catalog.equals(self._collection.name, others))

    def _at(self, places: dict[str, str]) -> dict[str, NDArray[np.float32]]:
        """What is stored at places: digest -> chunk id."""
        found = self._parts.store.vectors(self._collection.store_name, list(places.values()))
        return {digest: found[place] for digest, place in places.items() if place in found}
