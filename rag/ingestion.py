"""Ingestion: parse -> chunk -> embed -> store, one document at a time, as work that can be interrupted anywhere.

Documents wait in the catalog. Doing one twice changes nothing: ids come from content and writing is upserting.
"""

from __future__ import annotations

import logging
import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from rag.catalog import Catalog
from rag.chunking import CHUNKING, LAST_ROOM, chunk
from rag.embedding import Embedder
from rag.errors import (
    ConfigurationError,
    DocumentError,
    EmptyDocumentError,
    NotFoundError,
    RagError,
    TooLargeError,
    UnsupportedTypeError,
)
from rag.folder import Folder
from rag.parsing import READABLE, Reader, media_type
from rag.records import VISIBLE, Chunk, Collection, Document, State
from rag.settings import Settings
from rag.store import Store, check_fingerprint, store_name

log = logging.getLogger(__name__)

EMBED_AT_ONCE = 64
"""Chunks embedded and stored between two looks at whether to go on."""
SPECIAL_TOKENS = 2
"""Tokens that a model adds around a text."""


@dataclass(frozen=True, slots=True)
class Upload:
    """A file to ingest: where its bytes are and what it is called. The name is data, never a path."""

    path: Path
    name: str


class Ingestion:
    """Accepts files into the catalog and works them off. `accept` may be called from any thread and, while another
    process owns the folder, from any process; `run_next` by one worker of the owner."""

    def __init__(
        self, settings: Settings, folder: Folder, catalog: Catalog, store: Store, embedder: Callable[[], Embedder]
    ) -> None:
        self._settings = settings
        self._folder = folder
        self._catalog = catalog
        self._store = store
        self._embedder = embedder
        self._reader = Reader(settings)
        self._stop = threading.Event()
        self._files = threading.Lock()  # between keeping bytes and claiming them nobody may discard them

    def stop(self) -> None:
        """Let the running document go at the next batch; it stays in the catalog as unfinished."""
        self._stop.set()

    def accept(self, upload: Upload, collection: str, replaces: bool = False) -> tuple[Document, bool]:
        """Keep a file's bytes and queue it. Returns the document and whether it was ready already.

        Raises DocumentError for what can never be read, NotFoundError for a path that is no file.
        """
        _check_file(upload, self._settings)
        kind = media_type(upload.name)
        if kind is None:
            raise UnsupportedTypeError(
                f"{shown_name(upload.name)} is not a kind of file that can be read ({READABLE})."
            )
        self._ensure_collection(collection)
        with self._files:
            document_id, size = self._folder.keep(upload.path)
            now = datetime.now(UTC)
            document = Document(
                id=document_id,
                name=shown_name(upload.name),
                collection=collection,
                state=State.QUEUED,
                added_at=now,
                media_type=kind,
                bytes=size,
                date=int(now.strftime("%Y%m%d")),
            )
            queued = self._catalog.enqueue(document, replaces)
        if queued:
            return document, False
        known = self._catalog.document(collection, document_id)
        if known.state is State.DELETING:
            self._remove(known)
            return self.accept(upload, collection, replaces)
        if replaces and known.state in VISIBLE:
            for one in self._catalog.supersede(known):
                self._remove(one)
        return known, known.state in VISIBLE

    def _ensure_collection(self, name: str) -> None:
        """Create the collection on first use; raises FingerprintError if it was made in another way."""
        wanted = fingerprint(self._embedder(), self._settings)
        made = self._catalog.create_collection(name, store_name(name), wanted)
        check_fingerprint(name, made.fingerprint, wanted)

    def run_next(self) -> bool:
        """Work off the oldest unfinished document; False if there is none. Never raises for a bad document."""
        waiting = self._catalog.next_unfinished()
        if waiting is None or self._stop.is_set():
            return False
        document, replaces = waiting
        started = time.monotonic()
        try:
            self._run(document, replaces, started)
        except RagError as error:
            self._fail(document, str(error), started)
        except Exception as error:
            log.exception("Ingesting %s failed", document.name)
            self._fail(document, f"Unexpected {type(error).__name__}: {error}. The log has the details.", started)
        return True

    def delete(self, document: Document) -> None:
        """Remove a document everywhere. Interrupted, or with Chroma out of reach, the worker finishes it later."""
        self._catalog.mark_deleting(document)
        self._remove(document)

    def delete_collection(self, collection: Collection) -> None:
        """Remove a collection with all its documents."""
        for document in self._catalog.documents(collection.name):
            self._catalog.mark_deleting(document)  # whoever works on it stops, and nobody finds it any more
        self._store.drop(collection.store_name)
        self.forget_collection(collection)

    def forget_collection(self, collection: Collection) -> None:
        """Remove a collection from the catalog, with the bytes that no other one needs."""
        with self._files:
            for document_id in self._catalog.delete_collection(collection.name):
                self._folder.discard(document_id)

    def finish_deletions(self) -> None:
        """Finish the deletions that were interrupted."""
        for document in self._catalog.documents(states=[State.DELETING]):
            self._remove(document)

    def sweep(self) -> None:
        """Remove what an interruption can leave behind: bytes and Chroma collections that the catalog does not know."""
        self._folder.sweep(self._catalog.claimed())
        if self._settings.chroma_mode == "persistent":  # elsewhere others may have collections of theirs
            known = {one.store_name for one in self._catalog.collections()}
            for name in set(self._store.names()) - known:
                self._store.drop(name)

    def _run(self, document: Document, replaces: bool, started: float) -> None:
        def alive(stage: str, done: int, total: int) -> bool:
            return not self._stop.is_set() and self._catalog.progress(document, stage, done, total)

        if not alive("reading", 0, 0):
            return
        parsed = self._reader.parse(self._folder.original(document.id), document.name)
        if not alive("splitting", 0, len(parsed.pages)):
            return
        chunks = chunk(parsed, document.id, self._settings.chunk_tokens, self._embedder().token_offsets)
        self._catalog.save_text(document, parsed, chunks)
        collection = self._catalog.collection(document.collection)
        document = self._catalog.document(document.collection, document.id)
        replaced = None
        if self._embed(document, collection, chunks, alive):
            replaced = self._catalog.finish(document, time.monotonic() - started, replaces)
        for one in replaced or []:
            self._remove(one)
        if replaced is None:
            self._leave_nothing(document, collection)

    def _embed(
        self, document: Document, collection: Collection, chunks: list[Chunk], alive: Callable[[str, int, int], bool]
    ) -> bool:
        """Embed and store in batches what is not stored yet; False if told to stop on the way."""
        embedder, name = self._embedder(), collection.store_name
        check_fingerprint(collection.name, collection.fingerprint, fingerprint(embedder, self._settings))
        self._store.create(name, collection.fingerprint)
        for first in range(0, len(chunks), EMBED_AT_ONCE):
            if not alive("embedding", first, len(chunks)):
                return False
            batch = chunks[first : first + EMBED_AT_ONCE]
            stored = self._store.get(name, [one.id for one in batch])
            missing = [one for one in batch if stored.get(one.id) != one]
            if missing:
                vectors = embedder.encode([one.text for one in missing])
                self._store.upsert(name, document, missing, vectors)
        written = {one.id for one in chunks}
        self._store.delete(name, [one for one in self._store.chunk_ids(name, document.id) if one not in written])
        return alive("storing", len(chunks), len(chunks))

    def _leave_nothing(self, document: Document, collection: Collection) -> None:
        """If the document was deleted while it was being embedded, remove what was written since."""
        if collection.name not in {one.name for one in self._catalog.collections()}:
            self._store.drop(collection.store_name)
            return
        found = [one for one in self._catalog.find(document.id, collection.name) if one.state is not State.DELETING]
        if not found:
            self._store.delete(collection.store_name, self._store.chunk_ids(collection.store_name, document.id))

    def _remove(self, document: Document) -> None:
        """Remove a document that is marked as deleting: its chunks, its rows, its bytes."""
        name = self._catalog.collection(document.collection).store_name
        if name in self._store.names():
            self._store.delete(name, self._store.chunk_ids(name, document.id))
        with self._files:
            if self._catalog.delete(document):
                self._folder.discard(document.id)

    def _fail(self, document: Document, reason: str, started: float) -> None:
        if self._stop.is_set():  # it was stopping that made it fail; it goes on at the next start
            return
        log.warning("%s: %s", document.name, reason)
        self._catalog.fail(document, reason, time.monotonic() - started)


def fingerprint(embedder: Embedder, settings: Settings) -> dict[str, str]:
    """How a collection is made: model, precision, distance and chunking. Two that differ must not be mixed.

    Raises ConfigurationError if chunks would be longer than the model reads.
    """
    room = int((embedder.max_tokens - SPECIAL_TOKENS) / LAST_ROOM)
    if settings.chunk_tokens > room:
        raise ConfigurationError(
            f"RAG_CHUNK_TOKENS is {settings.chunk_tokens}, but the embedding model reads at most {embedder.max_tokens} "
            f"tokens and would not see the ends of chunks. Set it to {room} or less."
        )
    chunking = {"chunking": CHUNKING, "chunk_tokens": str(settings.chunk_tokens)}
    return {**embedder.fingerprint, "distance": "cosine", **chunking}


def shown_name(name: str) -> str:
    """The last part of a name as it was given, without control characters; for showing only."""
    readable = name.encode(errors="replace").decode()  # names on disk need not be UTF-8
    last = re.split(r"[\\/]", readable)[-1]
    return re.sub(r"[\x00-\x1f\x7f]", "", last).strip()[-255:] or "unnamed"


def _check_file(upload: Upload, settings: Settings) -> None:
    name = shown_name(upload.name)
    if not upload.path.is_file():
        what = "is no ordinary file. Copy it into one" if upload.path.exists() else "is not there. Check the path"
        raise NotFoundError(f"{shown_path(upload.path)} {what}.")
    try:
        with upload.path.open("rb") as file:
            size = file.seek(0, 2)
    except OSError as error:
        raise DocumentError(f"{name} cannot be read ({error.strerror}). Check its permissions.") from error
    if size == 0:
        raise EmptyDocumentError(f"{name} is empty. Check that it was saved or downloaded whole.")
    if size > settings.max_file_mb * 1_000_000:
        raise TooLargeError(
            f"{name} has {size / 1e6:,.0f} MB; the limit is {settings.max_file_mb} MB. Split it, or raise "
            "RAG_MAX_FILE_MB."
        )


def shown_path(path: Path) -> str:
    """A path with what is not UTF-8 in it replaced; for showing only."""
    return str(path).encode(errors="replace").decode()
