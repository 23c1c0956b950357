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
from rag.checking import Checker
from rag.chunking import sentence_spans
from rag.embedding import Embedder, load_embedder
from rag.errors import (
    FolderInUseError,
    InputError,
    NotFoundError,
    RagError,
    ReadOnlyError,
    StorageError,
    StoreDamagedError,
)
from rag.filters import Where, matches, parse_where
from rag.folder import Folder
from rag.following import POLL_SECONDS, Following, Way, follow
from rag.gate import Gate
from rag.ingestion import Ingestion, Parts, Upload, fingerprint
from rag.jobs import Worker
from rag.lexical import Lexical
from rag.parsing import READABLE, Reader
from rag.progress import progress
from rag.records import (
    UNFINISHED,
    VISIBLE,
    Answer,
    AnswerPiece,
    Chunk,
    Collection,
    Document,
    Finding,
    Hit,
    IngestEvent,
    Page,
    Preflight,
    Progress,
    State,
    Visible,
)
from rag.retrieval import Retriever, checked_question
from rag.settings import Settings
from rag.store import Store, check_fingerprint, chunk_metadata, store_name

__all__ = ["READABLE", "Upload", "Workspace", "open_workspace"]

log = logging.getLogger(__name__)

SEARCHES = 3
"""How often a search is done at most, if what it searches changes meanwhile."""
LONGEST_TAG = 60
"""Characters."""
SHORTEST_ID = 8
"""Characters of a document's id that name it. Fewer could be a slip, and name another one."""


class Workspace:
    """Everything Footnote can do with one data folder. Close it, or use it as a context manager.

    Raises FolderError, and FolderInUseError if another process owns the folder (with `share=True` only when a method
    needs ownership; `ingest` then queues for the owner).
    """

    def __init__(self, settings: Settings, role: str = "a Python program", share: bool = False) -> None:
        self.settings = settings
        self._role = role
        self._loading = threading.Lock()
        self._gate = Gate()
        self._temporary = tempfile.TemporaryDirectory() if settings.chroma_mode == "memory" else None
        self.folder = Folder(Path(self._temporary.name) if self._temporary else settings.data_dir)
        if settings.chroma_mode == "persistent" and not share:
            self.folder.own(role)
        self.closed = False
        self.catalog = Catalog(self.folder.catalog)
        self.lexical = Lexical(self.folder.lexical)
        self.reader = Reader(settings)
        self.answerer = Answerer(settings, lambda: self.embedder, sentence_spans)
        self._open_store()

    def _open_store(self) -> None:
        self.store = Store(self.settings, self.folder.chroma)
        self.retriever = Retriever(self.store, self.lexical, lambda: self.embedder)
        self._open_worker()

    def _open_worker(self) -> None:
        self.ingestion = Ingestion(
            Parts(
                self.settings, self.folder, self.catalog, self.store, self.lexical, self.reader, lambda: self.embedder
            )
        )
        self.worker = Worker(self.ingestion, self.folder, self._gate, self._role)

    @property
    def embedder(self) -> Embedder:
        """The embedding model, loaded once. Raises ModelError, MissingDependencyError."""
        with self._loading:
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
            with self._gate.shared():
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
        with self._loading:
            if self.closed:
                return
            self.closed = True
        self.worker.stop()
        self.reader.close()
        self.store.close()
        self.lexical.close()
        self.catalog.close()
        self.folder.release()
        if self._temporary:
            self._temporary.cleanup()

    # -- documents in ------------------------------------------------------------------------------

    def ingest(
        self,
        sources: Sequence[Path | Upload],
        collection: str | None = None,
        replace_namesakes: bool = False,
        tags: Sequence[str] = (),
        password: str = "",
    ) -> Iterator[IngestEvent]:
        """Take files in at once, then follow them until each is ready, a duplicate, failed, or left to another process.

        The first events, one for each file, say what was taken in; of a zip archive the files in it are taken. The work
        goes on in the background even if nobody follows it. `password` opens those PDFs that need one.
        """
        self._require_writable()
        return self.seed(sources, collection, replace_namesakes, tags, password)

    def seed(
        self,
        sources: Sequence[Path | Upload],
        collection: str | None = None,
        replace_namesakes: bool = False,
        tags: Sequence[str] = (),
        password: str = "",
    ) -> Iterator[IngestEvent]:
        """As `ingest`, in a read-only demo too: for what the demo's own host puts there, never for a visitor's."""
        way = Way(self._name(collection), replace_namesakes, checked_tags(tags), password)
        return Following(self.settings, self.ingestion, self.catalog, self.folder, self._gate, self.worker).take(
            sources, way
        )

    def preflight(self, source: Path | Upload, collection: str | None = None, password: str = "") -> Preflight:
        """What will happen if a file is ingested; what is wrong with it is in the result. What is read for it is kept,
        so that ingesting it afterwards, from `kept`, reads nothing twice."""
        self._require_writable()
        upload = source if isinstance(source, Upload) else Upload(source, source.name)
        with self._gate.shared():
            return self.ingestion.checks.check(upload, self._name(collection), password)

    def kept(self, found: Preflight) -> Upload:
        """A file that was checked, to be ingested."""
        return Upload(self.folder.original(found.document), found.name)

    def preview(self, found: Preflight, collection: str | None = None) -> list[Chunk]:
        """The chunks of a file that was checked, as they will be cut."""
        return self.ingestion.checks.preview(found, self._name(collection))

    def progress(self) -> Progress | None:
        """How far the queue is; None if nothing is unfinished."""
        return progress(self.catalog)

    def waiting(self, most: int = 20) -> list[Document]:
        """Unfinished documents, those being worked on first; `most` at most."""
        return self.catalog.waiting(most)

    def cancel(self, prefix: str, collection: str | None = None) -> Document:
        """Stop an unfinished document; it can be retried. Raises NotFoundError."""
        self._require_writable()
        document = self.document(prefix, collection)
        with self._gate.shared():
            self.ingestion.removal.cancel(document)
        return self.catalog.document(document.collection, document.id)

    def retry(self, prefix: str | None = None, collection: str | None = None) -> list[Document]:
        """Queue a failed document once more, or all that failed if unnamed. Returns those queued."""
        self._require_writable()
        chosen = [self.document(prefix, collection)] if prefix else self.catalog.documents(collection)
        failed = [one for one in chosen if one.state is State.FAILED]
        self.catalog.retry(failed)
        if failed:
            self.worker.start()
        return failed

    def follow(self, documents: Sequence[Document]) -> Iterator[IngestEvent]:
        """The events of documents that are queued, until each is finished."""
        for document in documents:
            upload = Upload(self.folder.original(document.id), document.name)
            now = self.catalog.document(document.collection, document.id)
            yield from follow(self.catalog, upload, now, lambda: not self.worker.working)

    def unfinished(self) -> list[Document]:
        """Documents that are waiting or being worked on."""
        return self.catalog.documents(states=UNFINISHED)

    def drain(self) -> None:
        """Wait until nothing is waiting to be indexed, whoever queued it."""
        while self.worker.working and self.unfinished():
            time.sleep(POLL_SECONDS)

    # -- questions ---------------------------------------------------------------------------------

    def search(
        self, question: str, k: int | None = None, where: str | Where | None = None, collection: str | None = None
    ) -> list[Hit]:
        """The best `k` chunks for a question. Raises QuestionError, FilterError, NotFoundError, StorageError."""
        k = self.settings.top_k if k is None else k
        question = checked_question(question, k, self.settings)
        clause = parse_where(where)
        with self._gate.shared():
            found = self.collection(collection)
            for _ in range(SEARCHES):
                visible = self.catalog.visible(found.name)
                hits = self._hits(found, visible, question, k, clause) if visible.names else []
                if self.catalog.visible(found.name) == visible:  # else a document was replaced on the way
                    break
            return hits

    def _hits(self, found: Collection, visible: Visible, question: str, k: int, clause: Where | None) -> list[Hit]:
        check_fingerprint(found.name, found.fingerprint, fingerprint(self.embedder, self.settings))
        documents = {one.id: one for one in self.catalog.documents(found.name, VISIBLE)} if visible.searchable else {}
        return self.retriever.search(
            found.store_name,
            visible,
            question,
            k,
            clause,
            lambda ids: self.catalog.chunks_by_id(found.name, ids),
            lambda chunk: matches(clause, chunk_metadata(documents[chunk.document_id], chunk)),
        )

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
        """Documents of one collection, or of all if unnamed, in every state but deleting. Raises NotFoundError."""
        if collection is not None:
            self.catalog.collection(collection)
        return self.catalog.documents(collection, [state for state in State if state is not State.DELETING])

    def document(self, prefix: str, collection: str | None = None) -> Document:
        """The one document whose id begins so, with 8 characters at least. Raises NotFoundError if it is not one."""
        found = self._found(prefix, collection)
        if len(found) > 1:
            where = ", ".join(f"{one.id} in {one.collection!r}" for one in found[:5])
            raise NotFoundError(f"{prefix!r} is {len(found)} documents ({where}). Say more of the id, or --collection.")
        return found[0]

    def text(self, prefix: str, collection: str | None = None) -> str:
        """A document's extracted text, to which all offsets refer. The same bytes have the same text everywhere."""
        found = self._found(prefix, collection)
        return self.catalog.text(found[0] if len({one.id for one in found}) == 1 else self.document(prefix, collection))

    def _found(self, prefix: str, collection: str | None) -> list[Document]:
        if len(prefix) < SHORTEST_ID:
            raise NotFoundError(f"{prefix!r} is too short for a document's id: give {SHORTEST_ID} characters or more.")
        found = [one for one in self.catalog.find(prefix, collection) if one.state is not State.DELETING]
        if not found:
            raise NotFoundError(f"There is no document with the id {prefix!r}. `python -m rag documents` lists them.")
        return found

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
        with self._gate.shared():
            self.ingestion.removal.delete(document)
        return document

    def delete_collection(self, name: str) -> None:
        """Delete a collection and all its documents."""
        self._require_writable()
        with self._gate.shared():
            self.ingestion.removal.delete_collection(self.catalog.collection(name))

    def erase(self) -> None:
        """Delete everything that is stored, so that it cannot be read from the disk's files either."""
        self._require_writable()
        self._require_ownership()
        with self._alone():
            for collection in self.collections():
                if self._store_is_ours:  # then it goes as a whole, even if it is damaged
                    self.ingestion.removal.forget_collection(collection)
                else:
                    self.ingestion.removal.delete_collection(collection)
            self.catalog.shrink()
            self._renew_store()

    def rebuild(self, collection: str | None = None) -> Iterator[IngestEvent]:
        """Index a collection (or everything) anew from the kept originals, with the settings as they are now.

        Documents are hidden until they are done. Interrupted, it goes on at the next start.
        """
        self._require_writable()
        self._require_ownership()
        wanted = fingerprint(self.embedder, self.settings)  # settings that cannot work change nothing
        chosen = [self.collection(collection)] if collection else self.collections()
        with self._alone():
            for one in chosen:
                self.lexical.drop(one.store_name)
                self.catalog.requeue(one, store_name(one.name), wanted)
            if collection is None and self._store_is_ours:
                self._renew_store()  # a damaged one cannot even be opened to delete from it
            else:
                for one in chosen:
                    self.store.drop(one.store_name)
        yield from self.follow(self.unfinished())

    def check(self, repair: bool = False) -> list[Finding]:
        """Whether Chroma, the lexical indexes and the kept files agree with the catalog; with `repair`, mend what does
        not. What has to be embedded again is then queued. Raises FolderInUseError if another process works on it."""
        self._require_ownership()
        with self._alone():
            checker = Checker(self.settings, self.folder, self.catalog, self.store, self.lexical, repair)
            try:
                return list(checker.run())
            except StoreDamagedError as error:
                if repair and self._store_is_ours:
                    self._renew_store()
                    self.catalog.reopen(self.catalog.documents(states=[State.READY]))
                return [Finding("", "Chroma", str(error), repaired=repair and self._store_is_ours)]

    @property
    def _store_is_ours(self) -> bool:
        return self.settings.chroma_mode == "persistent"

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Nobody searches or indexes meanwhile; afterwards a new worker does."""
        self.worker.stop(seconds=None)
        try:
            with self._gate.alone():
                self._open_worker()
                yield
        finally:
            self.worker.start()

    def _renew_store(self) -> None:
        """Begin with an empty Chroma, where it is ours alone."""
        if not self._store_is_ours:
            return
        self.store.close()
        try:
            if self.folder.chroma.exists():
                shutil.rmtree(self.folder.chroma)
        except OSError as error:
            raise StorageError(
                f"The index in {self.folder.chroma} could not be removed ({error.strerror}). Stop Footnote, remove "
                "that folder, and run `python -m rag rebuild`."
            ) from error
        finally:
            self._open_store()

    def _require_ownership(self) -> None:
        if not self.folder.owned and not self.worker.start():
            raise FolderInUseError(
                f"Another process works on this data folder ({self.folder.owner()}). Close it, then try again."
            )

    def _require_writable(self) -> None:
        if self.settings.demo:
            raise ReadOnlyError("This is a read-only demo: ask as you like; uploading and deleting are switched off.")

    def _name(self, collection: str | None) -> str:
        name = (self.settings.collection if collection is None else collection).strip()
        if not name or len(name) > 100 or not name.isprintable():
            raise NotFoundError("A collection's name has between 1 and 100 characters, all of them visible.")
        return name


def checked_tags(tags: Sequence[str]) -> tuple[str, ...]:
    """Tags without white space around them and without repetition. Raises InputError."""
    found = tuple(dict.fromkeys(" ".join(tag.split()) for tag in tags if tag.strip()))
    for one in found:
        if len(one) > LONGEST_TAG or not one.isprintable():
            raise InputError(f"The tag {one[:80]!r} cannot be used: {LONGEST_TAG} visible characters at most.")
    return found


# Streamlit loads our modules again when a file changes, while an older workspace may still own the folder. The register
# outlives that, because the `sys` module does.
_register: dict[str, Any] = sys.__dict__.setdefault("_footnote_workspaces", {"lock": threading.RLock(), "open": {}})


def _close_all() -> None:
    for workspace in list(_register["open"].values()):
        workspace.close()


atexit.register(_close_all)


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
        return workspace
