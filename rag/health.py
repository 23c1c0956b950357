"""A quick look at whether Chroma, what lies beside it and the lexical index have the chunks that the catalog has.

For a collection that is worked on meanwhile. `rag.checking` looks closer, and repairs.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime

from rag.catalog import Catalog
from rag.lexical import Lexical
from rag.records import Collection, Document, Finding, State, document_of
from rag.store import Store

Ids = Mapping[str, set[str]]


def compare(collection: Collection, catalog: Catalog, store: Store, lexical: Lexical) -> Iterator[Finding]:
    """What does not agree, of documents with which nothing happened while it was looked at.

    Raises StoreDamagedError, StorageError.
    """
    name, before = collection.store_name, _ready(catalog, collection)
    wanted = catalog.all_chunk_ids(collection.name)
    there = {
        "Chroma": by_document(store.all_ids(name) if name in store.names() else ()),
        "the vectors beside Chroma": by_document(store.companion.ids(name)),
        "the lexical index": by_document(lexical.chunk_ids(name)),
    }
    now = {one.id: one for one in catalog.documents(collection.name)}
    after = _ready(catalog, collection)
    for document, when in before.items():
        if after.get(document) == when:
            yield from _differences(now[document], wanted.get(document, set()), there)
    for what, ids in there.items():
        for stranger in sorted(ids.keys() - now.keys() - before.keys()):
            yield Finding(collection.name, stranger, f"{what} has passages of it, and there is no such document")


def _ready(catalog: Catalog, collection: Collection) -> dict[str, datetime]:
    return {one.id: one.added_at for one in catalog.documents(collection.name, [State.READY])}


def _differences(document: Document, wanted: set[str], there: Mapping[str, Ids]) -> Iterator[Finding]:
    for what, ids in there.items():
        found = ids.get(document.id, set())
        if missing := len(wanted - found):
            yield Finding(document.collection, document.name, f"{missing:,} of its passages are not in {what}")
        if extra := len(found - wanted):
            yield Finding(document.collection, document.name, f"{what} has {extra:,} passages that it does not have")


def by_document(ids: Iterable[str]) -> dict[str, set[str]]:
    """Ids of chunks by that of their document."""
    found: dict[str, set[str]] = {}
    for one in ids:
        found.setdefault(document_of(one), set()).add(one)
    return found
