"""Restoring a collection from a backup that was checked.

Chroma and the index of words first, under a name that nobody knows; then the files; then, in one transaction, the
catalog, and with that it is there. Interrupted before, nothing of it is to be seen, and what was written is swept.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from rag.backup.reading import Backup, VectorRows
from rag.catalog import Catalog
from rag.catalog.moving import is_read
from rag.catalog.tables import to_document
from rag.errors import RagError
from rag.folder import Folder
from rag.lexical import Lexical
from rag.records import Chunk, Collection, Document, Far, document_label, unheard
from rag.store import Store

CHUNKS_AT_ONCE = 2000
"""Passages whose words are indexed in one go."""
INDEXING, FILES = 0.8, 0.1
"""Shares of the time; the catalog takes the rest."""


@dataclass(frozen=True, slots=True)
class Targets:
    """Where a collection is restored to. `inside` gives the store as it is, and keeps whoever wants to change
    everything waiting for so long."""

    folder: Folder
    catalog: Catalog
    lexical: Lexical
    inside: Callable[[], AbstractContextManager[Store]]


def restore(
    targets: Targets, backup: Backup, collection: Collection, far: Far = unheard, replacing: str | None = None
) -> tuple[Collection | None, list[str]]:
    """Make what is in a backup the collection `collection`; with `replacing`, in the place of the one with that id.

    Returns the collection that went, if any, and the ids of documents whose bytes nobody has any more. Raises
    InputError if its name was taken meanwhile, what the parts raise, and what `far` raises; then nothing has changed.
    """
    with targets.folder.arriving(collection.store_name):
        try:
            _fill(targets, backup, collection, far)
            _files(targets.folder, backup, far)
            far(INDEXING + FILES, "finishing")
            return _settle(targets, backup, collection, replacing)
        except BaseException:
            with contextlib.suppress(RagError), targets.inside() as store:
                targets.lexical.drop(collection.store_name)
                store.drop(collection.store_name)
            raise


def _settle(
    targets: Targets, backup: Backup, collection: Collection, replacing: str | None
) -> tuple[Collection | None, list[str]]:
    gone, unclaimed = targets.catalog.take_in(collection, backup.batches, replacing)
    for rows in backup.batches("documents"):
        for row in rows:
            targets.folder.claim(row["id"])
    return gone, unclaimed


def _fill(targets: Targets, backup: Backup, collection: Collection, far: Far) -> None:
    """The indexes."""
    waiting: list[tuple[Document, Sequence[Chunk]]] = []
    count, whole = 0, max(1, backup.manifest.passages)
    with targets.inside() as store:
        store.create(collection.store_name, collection.fingerprint)
    done = 0
    for part in backup.parts():
        if not is_read(part.row):
            continue
        document = to_document({**part.row, "collection": collection.name})  # type: ignore[arg-type]  # it has all it needs
        chunks = {one.id: one for one in chunks_of(document, part.rows)}
        for some in part.vectors:
            far(INDEXING * done / whole, document.name)
            with targets.inside() as store:
                _write(store, collection.store_name, document, chunks, some)
            done += len(some.ids)
        hidden = {one["chunk_id"] for one in part.rows["overlays"] if one["state"]}
        waiting.append((document, [one for one in chunks.values() if one.id not in hidden]))
        count += len(chunks)
        if count >= CHUNKS_AT_ONCE:
            targets.lexical.fill(collection.store_name, waiting)
            waiting, count = [], 0
    if waiting:
        targets.lexical.fill(collection.store_name, waiting)


def _write(store: Store, name: str, document: Document, chunks: Mapping[str, Chunk], some: VectorRows) -> None:
    tokens = _whole_tokens(some)
    store.upsert(name, document, [chunks[one] for one in some.ids], some.vectors, tokens)


def _whole_tokens(some: VectorRows) -> Sequence[Any]:
    """None at all if the model has none; a passage without words has no tokens."""
    if all(one is None for one in some.tokens):
        return ()
    width = some.vectors.shape[1] // 64
    return [np.empty((0, width), np.uint64) if one is None else one for one in some.tokens]


def chunks_of(document: Document, rows: Mapping[str, Sequence[dict[str, Any]]]) -> Iterator[Chunk]:
    """The passages of a document, as they were corrected."""
    text = rows["texts"][0]["text"]
    title = document_label(document.name, document.title)
    changed = {one["chunk_id"]: one for one in rows["overlays"]}
    for one in rows["chunks"]:
        start, end = one["start"], one["end"]
        read = Chunk(one["id"], document.id, one["page"], start, end, one["heading"], text[start:end], title)
        overlay = changed.get(one["id"])
        yield read if overlay is None else _corrected(read, overlay)


def _corrected(chunk: Chunk, overlay: Mapping[str, Any]) -> Chunk:
    given = {name: overlay[name] for name in ("text", "heading") if overlay[name] is not None}
    return replace(chunk, **given)


def _files(folder: Folder, backup: Backup, far: Far) -> None:
    names = [one for one in backup.manifest.entries if not one.startswith("tables/")]
    for number, name in enumerate(names):
        far(INDEXING + FILES * number / len(names), "files")
        kind, _, document_id = name.partition("/")
        with backup.entry(name) as file:
            if kind == "originals":
                folder.receive(document_id, file)
            else:
                folder.receive_unlocked(document_id, file)
