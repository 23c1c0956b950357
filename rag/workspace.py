"""The workspace: builds the parts from settings, and is what the dashboard, the command line and notebooks use.

    workspace = open_workspace(load_settings())
    for event in workspace.ingest([Path("report.pdf")]):
        print(event)
    print(workspace.ask("What was the revenue?").text)

Thread-safe. One per data folder and process (`open_workspace`).
"""

from __future__ import annotations

import atexit
import logging
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from rag.answering import Answerer
from rag.catalog import Catalog
from rag.chunking import sentence_spans
from rag.embedding import Embedder, load_embedder
from rag.errors import NotFoundError, RagError, ReadOnlyError
from rag.filters import Where, parse_where
from rag.folder import Folder
from rag.ingestion import Ingestion, Upload, fingerprint
from rag.jobs import Worker, follow
from rag.parsing import READABLE
from rag.records import UNFINISHED, Answer, AnswerPiece, Chunk, Collection, Document, Hit, IngestEvent, Page, State
from rag.retrieval import Retriever, checked_question
from rag.settings import Settings
from rag.store import Store, check_fingerprint

__all__ = ["READABLE", "Upload", "Workspace", "open_workspace"]

log = logging.getLogger(__name__)


class Workspace:
    """Everything Footnote can do with one data folder. Close it, or use it as a context manager.

    Raises FolderError, and FolderInUseError if another process owns the folder (with `share=True` only when a method
    needs ownership; `ingest` then queues for the owner).
    """

    def __init__(self, settings: Settings, role: str = "a Python program", share: bool = False) -> None:
        self.settings = settings
        self._role = role
        self._lock = threading.RLock()
        self._temporary = tempfile.TemporaryDirectory() if settings.chroma_mode == "memory" else None
        self.folder = Folder(Path(self._temporary.name) if self._temporary else settings.data_dir)
        if settings.chroma_mode == "persistent" and not share:
            self.folder.own(role)
        self.closed = False
        self._build()

    def _build(self) -> None:
        self.catalog = Catalog(self.folder.catalog)
        self.store = Store(self.settings, self.folder.chroma)
        self.ingestion = Ingestion(self.settings, self.folder, self.catalog, self.store, lambda: self.embedder)
        self.retriever = Retriever(self.settings, self.store, lambda: self.embedder)
        self.answerer = Answerer(self.settings, lambda: self.embedder, sentence_spans)
        self.worker = Worker(self.ingestion, self.folder, self._role)

    @property
    def embedder(self) -> Embedder:
        """The embedding model, loaded once. Raises ModelError, MissingDependencyError."""
        with self._lock:
            return self._embedder

    @cached_property
    def _embedder(self) -> Embedder:
        return load_embedder(self.settings)

    def warm_up(self) -> None:
        """Load, in the background, what the first question would otherwise wait for."""
        threading.Thread(target=self._warm_up, name="footnote-warm-up", daemon=True).start()

    def _warm_up(self) -> None:
        try:
            self.embedder.encode_query("warm up")
            self.store.names()
            self.answerer.load()
        except RagError as error:  # whoever asks hears it again, with the remedy
            log.warning("Warming up: %s", error)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stop work at the next batch and let go of the folder. Unfinished documents go on at the next start."""
        with self._lock:
            if self.closed:
                return
            self.closed = True
        self.worker.stop()
        self.store.close()
        self.catalog.close()
        self.folder.release()
        if self._temporary:
            self._temporary.cleanup()

    # -- documents in ------------------------------------------------------------------------------

    def ingest(
        self, sources: Sequence[Path | Upload], collection: str | None = None, replace_namesakes: bool = False
    ) -> Iterator[IngestEvent]:
        """Take files in and follow them until each is ready, a duplicate, failed, or queued for the folder's owner.

        The work goes on in the background even if nobody follows.
        """
        self._require_writable()
        yield from self.seed(sources, collection, replace_namesakes)

    def seed(
        self, sources: Sequence[Path | Upload], collection: str | None = None, replace_namesakes: bool = False
    ) -> Iterator[IngestEvent]:
        """As `ingest`, in a read-only demo too: for what the demo's own host puts there, never for a visitor's."""
        name = self._name(collection)
        waiting: dict[str, tuple[Upload, Document]] = {}
        for source in sources:
            upload = source if isinstance(source, Upload) else Upload(source, source.name)
            event, document = self._accept(upload, name, replace_namesakes)
            if document is not None and document.id in waiting:
                event = replace(event, outcome="duplicate", reason="The same bytes were given twice.")
            elif document is not None and not event.outcome:
                waiting[document.id] = (upload, document)
            yield event
        if waiting and not self.worker.start():
            yield from (self._left_to_owner(upload, document) for upload, document in waiting.values())
            return
        for upload, document in waiting.values():
            yield from follow(self.catalog, upload, document, lambda: self.closed)

    def unfinished(self) -> list[Document]:
        """Documents that are waiting or being worked on."""
        return self.catalog.documents(states=UNFINISHED)

    def _accept(self, upload: Upload, collection: str, replaces: bool) -> tuple[IngestEvent, Document | None]:
        event = IngestEvent(str(upload.path), upload.name, None, "queued")
        try:
            document, known = self.ingestion.accept(upload, collection, replaces)
        except RagError as error:
            return replace(event, outcome="failed", reason=str(error)), None
        event = replace(event, name=document.name, document=document.id)
        if known:
            reason = f"Already in {collection!r} as {document.name}."
            event = replace(event, outcome="duplicate", reason=reason, pages=document.pages, chunks=document.chunks)
        return event, document

    def _left_to_owner(self, upload: Upload, document: Document) -> IngestEvent:
        reason = f"The folder is in use by {self.folder.owner()}, which will index it."
        return IngestEvent(str(upload.path), document.name, document.id, "queued", outcome="queued", reason=reason)

    # -- questions ---------------------------------------------------------------------------------

    def search(
        self, question: str, k: int | None = None, where: str | Where | None = None, collection: str | None = None
    ) -> list[Hit]:
        """The best `k` chunks for a question. Raises QuestionError, FilterError, NotFoundError, StorageError."""
        k = self.settings.top_k if k is None else k
        question = checked_question(question, k, self.settings)
        clause = parse_where(where)
        found = self.collection(collection)
        visible = self.catalog.visible(found.name)
        if not visible:
            return []
        check_fingerprint(found.name, found.fingerprint, fingerprint(self.embedder, self.settings))
        return self.retriever.search(found.store_name, visible, question, k, clause)

    def ask(
        self, question: str, k: int | None = None, where: str | Where | None = None, collection: str | None = None
    ) -> Answer:
        """An answer with its footnotes, whole."""
        *_, answer = self.ask_stream(question, k, where, collection)
        if not isinstance(answer, Answer):
            raise TypeError("an answer stream ends in an Answer")
        return answer

    def ask_stream(
        self, question: str, k: int | None = None, where: str | Where | None = None, collection: str | None = None
    ) -> Iterator[AnswerPiece | Answer]:
        """The answer in pieces as they come, and last the Answer itself."""
        started = time.monotonic()
        hits = self.search(question, k, where, collection)
        searched = time.monotonic() - started
        for one in self.answerer.stream(question.strip(), hits):
            yield replace(one, timings={"search": searched, **one.timings}) if isinstance(one, Answer) else one

    # -- what is there -----------------------------------------------------------------------------

    def collections(self) -> list[Collection]:
        """All collections with their counts."""
        return self.catalog.collections()

    def collection(self, name: str | None = None) -> Collection:
        """One collection, the default one if unnamed. Raises NotFoundError."""
        if not self.catalog.collections():
            raise NotFoundError("Nothing is indexed yet. Upload documents first (`python -m rag ingest PATH`).")
        return self.catalog.collection(self._name(name))

    def documents(self, collection: str | None = None) -> list[Document]:
        """Documents of one collection, or of all if unnamed, in every state but deleting."""
        return self.catalog.documents(collection, [state for state in State if state is not State.DELETING])

    def document(self, prefix: str, collection: str | None = None) -> Document:
        """The one document whose id begins so. Raises NotFoundError, also when it is not one alone."""
        found = [one for one in self.catalog.find(prefix, collection) if one.state is not State.DELETING]
        if len(found) == 1:
            return found[0]
        if not found or not prefix:
            raise NotFoundError(f"There is no document with the id {prefix!r}. `python -m rag documents` lists them.")
        where = ", ".join(f"{one.id} in {one.collection!r}" for one in found[:5])
        raise NotFoundError(f"{prefix!r} is not one document but {len(found)} ({where}). Say more, or --collection.")

    def text(self, prefix: str, collection: str | None = None) -> str:
        """A document's extracted text, to which all offsets refer."""
        found = self.catalog.find(prefix, collection)
        same = {one.id for one in found}
        document = found[0] if len(same) == 1 and prefix else self.document(prefix, collection)
        return self.catalog.text(document)

    def pages(self, document: Document) -> list[Page]:
        """A document's pages."""
        return self.catalog.pages(document)

    def chunks(self, document: Document) -> list[Chunk]:
        """A document's chunks in reading order."""
        return self.catalog.chunks(document)

    def size(self) -> int:
        """Bytes the data folder takes."""
        return self.folder.size()

    # -- documents out -----------------------------------------------------------------------------

    def delete(self, prefix: str, collection: str | None = None) -> Document:
        """Delete a document from a collection, everywhere. Raises NotFoundError."""
        self._require_writable()
        document = self.document(prefix, collection)
        self.ingestion.delete(document)
        return document

    def delete_collection(self, name: str) -> None:
        """Delete a collection and all its documents."""
        self._require_writable()
        collection = self.catalog.collection(name)
        for document in self.catalog.documents(name):
            self.ingestion.delete(document)
        self.store.drop(collection.store_name)
        self.catalog.delete_collection(name)

    def erase(self) -> None:
        """Delete everything that is stored, and begin anew with an empty folder."""
        self._require_writable()
        for collection in self.collections():
            self.store.drop(collection.store_name)
        with self._reopening(and_remove=(self.folder.chroma, self.folder.files, *self.folder.catalog_files())):
            log.info("Erased %s", self.folder.path)
        self.worker.start()

    def rebuild(self, collection: str | None = None) -> Iterator[IngestEvent]:
        """Index a collection (or everything) anew from the kept originals, with the settings as they are now.

        Documents are hidden until they are done. Interrupted, it goes on at the next start.
        """
        self._require_writable()
        everything = collection is None and self.settings.chroma_mode == "persistent"
        with self._reopening(and_remove=(self.folder.chroma,) if everything else ()):
            wanted = fingerprint(self.embedder, self.settings)
        for one in [self.collection(collection)] if collection else self.collections():
            self.store.drop(one.store_name)
            self.catalog.requeue(one.name, wanted)
        self.worker.start()
        for document in self.unfinished():
            upload = Upload(self.folder.original(document.id), document.name)
            yield from follow(self.catalog, upload, document, lambda: self.closed)

    @contextmanager
    def _reopening(self, and_remove: Sequence[Path]) -> Iterator[None]:
        """Close the parts, remove files, build the parts again."""
        with self._lock:
            self.worker.stop()
            self.store.close()
            self.catalog.close()
            for path in and_remove:
                shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
            self.folder.files.mkdir(exist_ok=True)
            self._build()
            yield

    def _require_writable(self) -> None:
        if self.settings.demo:
            raise ReadOnlyError("This is a read-only demo: ask as you like; uploading and deleting are switched off.")

    def _name(self, collection: str | None) -> str:
        name = (collection or self.settings.collection).strip()
        if not name or len(name) > 100:
            raise NotFoundError("A collection's name has between 1 and 100 characters.")
        return name


# Streamlit loads our modules again when a file changes, while an older workspace may still own the folder. The register
# outlives that, because the `sys` module does.
_register: dict[str, Any] = sys.__dict__.setdefault("_footnote_workspaces", {"lock": threading.RLock(), "open": {}})


def open_workspace(settings: Settings, role: str = "a Python program") -> Workspace:
    """The one workspace of a data folder in this process: the open one if it has the same settings, else a new one."""
    with _register["lock"]:
        key = str(settings.data_dir.expanduser().resolve())
        there = _register["open"].get(key)
        if there is not None and type(there) is Workspace and there.settings == settings and not there.closed:
            return there
        if there is not None:
            there.close()
        workspace = Workspace(settings, role)
        _register["open"][key] = workspace
        atexit.register(workspace.close)
        return workspace
