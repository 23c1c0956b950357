"""The map of a collection's vectors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from rag.mapping import Plane
from rag.recipes import is_known
from rag.records import Collection, Document, Fallen, MapPoint, VectorMap
from rag.workspace.searching import Searching

MAPPED = 2000
"""Points on a map: more are not told apart, and a browser has to draw them."""
MAPS_KEPT = 8


class _Drawn(NamedTuple):
    documents: Mapping[str, str]
    plane: Plane | None
    map: VectorMap


class Maps(Searching):
    """Maps."""

    def map(self, collection: str | None = None) -> VectorMap:
        """The passages of all documents that are ready, or every so many-th where there are more than 2,000. Kept until
        other documents are ready. Raises NotFoundError, StorageError."""
        return self._drawn(self.collection(collection)).map

    def mapped_documents(self, collection: str, found: VectorMap) -> list[Document]:
        """The documents that a collection's map has passages of."""
        name = self.current_name(collection)
        return self.catalog.among([(name, one) for one in {point.chunk.document_id for point in found.points}])

    def fall(self, question: str, hits: Sequence[str], collection: str | None = None) -> Fallen | None:
        """Where a question falls on the map, and its hits, given by chunk ids, that are there still. None if there is
        no map, or nobody knows what model made the vectors. Raises NotFoundError, ModelError, StorageError."""
        found = self._searchable(collection)
        plane = self._drawn(found).plane
        if plane is None or not is_known(found):
            return None
        [(x, y)] = plane.place(self.recipes.embedder_of(found).encode_query(question)[np.newaxis])
        return Fallen(float(x), float(y), self._points(found, hits, plane))

    def _drawn(self, found: Collection) -> _Drawn:
        ready = self.catalog.visible(found.name).ready
        known = self._maps.get(found.store_name)
        if known is None or known.documents != ready:
            with self._gate.shared():
                known = self._draw(found, ready)
            while len(self._maps) >= MAPS_KEPT:
                self._maps.pop(next(iter(self._maps)), None)
            self._maps[found.store_name] = known
        return known

    def _draw(self, found: Collection, ready: Mapping[str, str]) -> _Drawn:
        chunks = self.catalog.all_chunk_ids(found.name)
        ids = sorted(one for document in ready for one in chunks.get(document, ()))
        step = -(-len(ids) // MAPPED) or 1
        vectors = self._vectors(found, ids[::step])
        if not vectors:
            return _Drawn(ready, None, VectorMap((), len(ids), 0.0))
        plane = Plane(np.stack(list(vectors.values())))
        return _Drawn(ready, plane, VectorMap(self._points(found, list(vectors), plane), len(ids), plane.kept))

    def _points(self, found: Collection, ids: Sequence[str], plane: Plane) -> list[MapPoint]:
        vectors, chunks = self._vectors(found, ids), self.catalog.chunks_by_id(found.name, ids)
        there = [one for one in ids if one in vectors and one in chunks]
        if not there:
            return []
        places = plane.place(np.stack([vectors[one] for one in there])).tolist()
        return [MapPoint(chunks[one], x, y) for one, (x, y) in zip(there, places, strict=True)]

    def _vectors(
        self, found: Collection, ids: Sequence[str]
    ) -> dict[str, np.ndarray[tuple[int, ...], np.dtype[np.float32]]]:
        beside = self.store.companion.vectors(found.store_name, ids)
        missing = [one for one in ids if one not in beside]
        return beside | self.store.vectors(found.store_name, missing)
