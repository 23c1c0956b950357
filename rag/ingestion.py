"""Ingestion: parse -> chunk -> embed -> store, one document at a time, as work that can be interrupted anywhere.

Documents wait in the catalog. Doing one twice changes nothing: ids come from content and writing is upserting.
"""

from __future__ import annotations

import hashlib
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
from rag.parsing import READABLE, media_type, parse_file
from rag.records import VISIBLE, Chunk, Document, State
from rag.settings import Settings
from rag.store import Store, check_fingerprint, free_name

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
        self._stop = threading.Event()

    def stop(self) -> None:
        """Let the running document go at the next batch; it stays in the catalog as unfinished."""
        self._stop.set()

    def accept(self, upload: Upload, collection: str, replaces: bool = False) -> tuple[Document, bool]:
        """Keep a file's bytes and queue it. Returns the document and whether it was ready already.

        Raises DocumentError for what can never be read, NotFoundError for a path that is no file.
        """
        kind = media_type(upload.name)
        if kind is None:
            raise UnsupportedTypeError(
                f"{shown_name(upload.name)} is not a kind of file that can be read ({READABLE})."
            )
        size = _checked_size(upload, self._settings)
        document_id = content_id(upload.path)
        self._ensure_collection(collection)
        document = Document(
            id=document_id,
            name=shown_name(upload.name),
            collection=collection,
            state=State.QUEUED,
            added_at=datetime.now(UTC),
            media_type=kind,
            bytes=size,
            date=int(datetime.now(UTC).strftime("%Y%m%d")),
        )
        self._folder.keep(document_id, upload.path)
        if self._catalog.enqueue(document, replaces):
            return document, False
        known = self._catalog.document(collection, document_id)
        return known, known.state in VISIBLE

    def _ensure_collection(self, name: str) -> None:
        """Create the collection on first use; raises FingerprintError if it was made in another way."""
        wanted = fingerprint(self._embedder(), self._settings)
        known = [one for one in self._catalog.collections() if one.name == name]
        if not known:
            taken = {one.store_name for one in self._catalog.collections()}
            known = [self._catalog.create_collection(name, free_name(name, taken), wanted)]
        check_fingerprint(name, known[0].fingerprint, wanted)

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
        """Remove a document everywhere. Interrupted, it is finished at the next start."""
        self._catalog.mark_deleting(document)
        self._remove_chunks(document)
        if self._catalog.delete(document):
            self._folder.discard(document.id)

    def recover(self) -> None:
        """Finish the deletions that were interrupted."""
        for document in self._catalog.documents(states=[State.DELETING]):
            self.delete(document)

    def _run(self, document: Document, replaces: bool, started: float) -> None:
        def alive(stage: str, done: int, total: int) -> bool:
            return not self._stop.is_set() and self._catalog.progress(document, stage, done, total)

        if not alive("reading", 0, 0):
            return
        embedder = self._embedder()
        parsed = parse_file(self._folder.original(document.id), document.name, self._settings)
        if not alive("splitting", 0, len(parsed.pages)):
            return
        chunks = chunk(parsed, document.id, self._settings.chunk_tokens, embedder.token_offsets)
        self._catalog.save_text(document, parsed, chunks)
        document = self._catalog.document(document.collection, document.id)
        replaced = None
        if self._embed(document, chunks, alive):
            replaced = self._catalog.finish(document, time.monotonic() - started, replaces)
        for one in replaced or []:
            self.delete(one)
        if replaced is None and not self._catalog.find(document.id, document.collection):
            self._remove_chunks(document)  # it was deleted while it was being embedded: leave none behind

    def _embed(self, document: Document, chunks: list[Chunk], alive: Callable[[str, int, int], bool]) -> bool:
        """Embed and store in batches; False if told to stop on the way."""
        embedder = self._embedder()
        collection = self._catalog.collection(document.collection)
        check_fingerprint(collection.name, collection.fingerprint, fingerprint(embedder, self._settings))
        store_name = collection.store_name
        for first in range(0, len(chunks), EMBED_AT_ONCE):
            if not alive("embedding", first, len(chunks)):
                return False
            batch = chunks[first : first + EMBED_AT_ONCE]
            vectors = embedder.encode([one.text for one in batch])
            self._store.create(store_name, collection.fingerprint)
            self._store.upsert(store_name, document, batch, vectors)
        written = {one.id for one in chunks}
        stale = [one for one in self._store.chunk_ids(store_name, document.id) if one not in written]
        self._store.delete(store_name, stale)
        return alive("storing", len(chunks), len(chunks))

    def _remove_chunks(self, document: Document) -> None:
        store_name = self._catalog.collection(document.collection).store_name
        if store_name in self._store.names():
            self._store.delete(store_name, self._store.chunk_ids(store_name, document.id))

    def _fail(self, document: Document, reason: str, started: float) -> None:
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


def content_id(path: Path) -> str:
    """The id of a document: the first 128 bits of the SHA-256 of its bytes, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:32]


def shown_name(name: str) -> str:
    """The last part of a name as it was given, without control characters; for showing only."""
    last = re.split(r"[\\/]", name)[-1]
    return re.sub(r"[\x00-\x1f\x7f]", "", last).strip()[-255:] or "unnamed"


def _checked_size(upload: Upload, settings: Settings) -> int:
    if not upload.path.is_file():
        raise NotFoundError(f"There is no file {upload.path}. Check the path.")
    try:
        with upload.path.open("rb") as file:
            size = file.seek(0, 2)
    except OSError as error:
        raise DocumentError(f"{upload.path} cannot be read ({error.strerror}). Check its permissions.") from error
    if size == 0:
        raise EmptyDocumentError(f"{shown_name(upload.name)} is empty. Check that it was saved or downloaded whole.")
    if size > settings.max_file_mb * 1_000_000:
        raise TooLargeError(
            f"{shown_name(upload.name)} has {size / 1e6:,.0f} MB; the limit is {settings.max_file_mb} MB. Split it, "
            "or raise RAG_MAX_FILE_MB."
        )
    return size
