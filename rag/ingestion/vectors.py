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
        reusing = _Reuse(self._parts, collection, chunks, stored)
        for first in range(0, len(missing), AT_ONCE):
            job.reach("embedding", len(chunks) - len(missing) + first, len(chunks))
            batch = missing[first : first + AT_ONCE]
            with job.timed("embedding"):
                vectors = reusing.vectors(batch)
            with job.timed("storing"):
                # A search does not find some of the vectors that were written in place of others (HNSW's links).
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
    """The vectors of a document's chunks, without embedding a text that has been embedded."""

    def __init__(
        self, parts: Parts, collection: Collection, chunks: Sequence[Chunk], stored: dict[str, dict[str, object]]
    ) -> None:
        self._parts = parts
        self._collection = collection
        self._before = {chunk_id: str(data.get("digest")) for chunk_id, data in stored.items()}
        self._places = {digest: chunk_id for chunk_id, digest in self._before.items()}
        times = Counter(one.digest for one in chunks)
        self._repeated = {digest for digest, count in times.items() if count > 1}
        self._needed = set(times)
        self._kept: dict[str, NDArray[np.float32]] = {}

    def vectors(self, batch: Sequence[Chunk]) -> NDArray[np.float32]:
        """Shape (len(batch), dimension), to be written before the next batch is asked for."""
        texts = {one.digest: one.text for one in batch}
        self._needed -= texts.keys()
        saved = self._overwritten(batch)
        known = self._known([*texts, *saved])
        new = [digest for digest in texts if digest not in known]
        if new:
            started = time.monotonic()
            known |= dict(zip(new, self._parts.embedder().encode([texts[one] for one in new]), strict=True))
            if len(new) >= MEASURABLE:
                self._parts.catalog.note_speed("embedding", len(new), time.monotonic() - started)
        self._kept |= {digest: known[digest] for digest in known if digest in self._repeated or digest in saved}
        for digest in saved:  # its place holds another one from now on
            self._places.pop(digest)
        return np.stack([known[one.digest] for one in batch])

    def _overwritten(self, batch: Sequence[Chunk]) -> set[str]:
        """Digests whose stored vectors the batch takes the places of, although a later one needs them."""
        pairs = ((self._before.get(one.id, one.digest), one.digest) for one in batch)
        return {before for before, now in pairs if before != now and before in self._needed}

    def _known(self, digests: list[str]) -> dict[str, NDArray[np.float32]]:
        """Vectors by digest: of this document's last batches, of what it had stored, of other documents."""
        kept = {digest: self._kept[digest] for digest in digests if digest in self._kept}
        others = [digest for digest in digests if digest not in kept]
        places = self._parts.catalog.equals(self._collection.name, others)
        places |= {digest: self._places[digest] for digest in others if digest in self._places}
        found = self._parts.store.vectors(self._collection.store_name, list(places.values()))
        return kept | {digest: found[place] for digest, place in places.items() if place in found}
