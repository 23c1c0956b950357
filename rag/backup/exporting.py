"""Saving a collection while it is searched and worked on.

Each document is taken whole, while nobody may change what the indexes have of it. Which documents belong to the backup
is decided when all have been taken: one that was added meanwhile is taken too, and one that was deleted or replaced is
left out again. So the file holds what the collection was at that moment.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from rag.backup.writing import Facts, Packed, Writer, in_words
from rag.catalog import Catalog, Whole
from rag.errors import StorageError
from rag.folder import Folder
from rag.records import Collection, Document, Far, Manifest, Recipe, State, unheard
from rag.store import Store

AT_ONCE = 500
"""Vectors read at a time."""
ROUNDS = 5
"""How often it is looked for documents that were added meanwhile."""
TAKING, WRITING = 0.6, 0.4
"""Their shares of the time."""


@dataclass(frozen=True, slots=True)
class Sources:
    """Where a collection is taken from. `hold` gives the store as it is, and keeps everybody else from changing what it
    has of a document."""

    folder: Folder
    catalog: Catalog
    hold: Callable[[Document], AbstractContextManager[Store]]


@contextmanager
def write_safely(target: Path) -> Iterator[BinaryIO]:
    """A file to write into, which takes its place once it is whole; if anything goes wrong there is none."""
    with in_words():
        handle, name = tempfile.mkstemp(suffix=".part", dir=target.parent)
        part = Path(name)
        try:
            with os.fdopen(handle, "wb") as writing:
                yield writing
                writing.flush()
                os.fsync(writing.fileno())
            part.replace(target)
        finally:
            part.unlink(missing_ok=True)


def export(sources: Sources, collection: Collection, recipe: Recipe, target: Path, far: Far = unheard) -> Manifest:
    """Write a collection to a file. Raises FolderError if it cannot be written, StorageError if the collection was
    rebuilt or deleted as a whole meanwhile, and what `far` raises; then there is no file."""
    facts = Facts(
        collection.name,
        collection.created_at,
        sources.catalog.schema,
        collection.fingerprint,
        recipe,
        collection.linked,
    )
    with Writer(_transit(sources.folder) / f"export-{uuid.uuid4().hex}") as writer:
        taken, missed = _take(sources, collection, recipe, writer, far)
        for rows in sources.catalog.kept_versions(collection.name):
            writer.add("versions", rows)
        there = {one.id for one in _documents(sources.catalog, collection)}
        gone = [one for one in taken if one.id not in there]
        with write_safely(target) as writing:
            return writer.finish(writing, facts, gone, missed, lambda done, what: far(TAKING + WRITING * done, what))


def _transit(folder: Folder) -> Path:
    with in_words():
        folder.transit.mkdir(exist_ok=True)
    return folder.transit


def _documents(catalog: Catalog, collection: Collection) -> list[Document]:
    """Those of the collection as it was; the name may have been given to another one."""
    now = catalog.collection(collection.name)
    if (now.id, now.store_name) != (collection.id, collection.store_name):
        raise StorageError(f"{collection.name} was made anew while it was being saved. Save it again.")
    return catalog.documents(collection.name, [one for one in State if one is not State.DELETING])


def _take(
    sources: Sources, collection: Collection, recipe: Recipe, writer: Writer, far: Far
) -> tuple[list[Packed], list[str]]:
    """All documents; those that were taken, and the names of those that were gone when it was their turn."""
    taken: list[Packed] = []
    missed: list[str] = []
    seen: set[str] = set()
    for _ in range(ROUNDS):
        new = [one for one in _documents(sources.catalog, collection) if one.id not in seen]
        if not new:
            break
        whole = sum(one.bytes + 1 for one in new)
        done = 0
        for document in new:
            far(TAKING * done / whole, document.name)
            seen.add(document.id)
            if _take_one(sources, collection, document, writer, bool(recipe.model)):
                taken.append(Packed(document.id, document.name))
            else:
                missed.append(document.name)
            done += document.bytes + 1
    return taken, missed


def _take_one(sources: Sources, collection: Collection, document: Document, writer: Writer, embedded: bool) -> bool:
    """Whether it was still there."""
    with sources.hold(document) as store:
        whole = sources.catalog.whole(document)
        if whole is None:
            return False
        folder = sources.folder
        original = folder.original(document.id)
        unlocked = folder.unlocked(document.id)
        writer.keep(
            document.id,
            original if _is_whole(original, document.id) else None,
            unlocked if unlocked.exists() else None,
        )
        writer.add("documents", [whole.row])
        for table, rows in whole.rows.items():
            writer.add(table, rows)
        _take_vectors(store, collection, whole, writer, embedded and whole.row["state"] != State.SEARCHABLE)
    return True


def _is_whole(path: Path, document_id: str) -> bool:
    """Whether a kept file is there and is what was uploaded."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()[:32] == document_id
    except FileNotFoundError:
        return False


def _take_vectors(store: Store, collection: Collection, whole: Whole, writer: Writer, complete: bool) -> None:
    name, document = collection.store_name, whole.document
    chunks = whole.rows.get("chunks", ())
    if not chunks or name not in store.names():  # nothing has been embedded yet
        return
    changed = {one["chunk_id"] for one in whole.rows.get("overlays", ()) if one["state"]}
    for first in range(0, len(chunks), AT_ONCE):
        ids = [one["id"] for one in chunks[first : first + AT_ONCE]]
        vectors, tokens = store.vectors(name, ids), store.companion.tokens(name, ids)
        if complete and set(ids) - changed - vectors.keys():
            raise StorageError(
                f"{document.name} has passages without vectors, or was changed while it was being saved. Try again; if "
                "it stays so, run `python -m rag check --repair`."
            )
        there = [one for one in ids if one in vectors]
        if there:
            writer.add_vectors(
                document.id, there, np.stack([vectors[one] for one in there]), [tokens.get(one) for one in there]
            )
