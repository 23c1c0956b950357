"""The worker that works off unfinished documents in the background, and following one document's progress."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from rag.catalog import Catalog
from rag.errors import FolderInUseError, NotFoundError, RagError
from rag.folder import Folder
from rag.gate import Gate
from rag.ingestion import Ingestion, Upload, shown_name, shown_path
from rag.records import Document, IngestEvent, State

log = logging.getLogger(__name__)

POLL_SECONDS = 0.05
"""How often progress is read from the catalog while it is being followed."""
IDLE_SECONDS = 1.0
"""How often an idle worker looks for documents that another process has queued."""
TIDY_SECONDS = 30.0
"""How often a worker finishes interrupted deletions."""
HAND_OVER_SECONDS = 5.0
"""How long it is awaited that the folder's owner takes what was queued for it, or leaves."""
STOP_SECONDS = 15.0
"""How long closing waits for a batch, or for a file being read, to end."""


class Worker:
    """One thread that runs an Ingestion. Only the folder's owner has one at work."""

    def __init__(self, ingestion: Ingestion, folder: Folder, gate: Gate, role: str) -> None:
        self._ingestion = ingestion
        self._folder = folder
        self._gate = gate
        self._role = role
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._tidied: float | None = None

    def start(self) -> bool:
        """Work from now on, and look at once for what is waiting; False if another process owns the folder."""
        with self._lock:
            self._wake.set()
            if self._stopping.is_set():
                return False
            if self._thread is not None and self._thread.is_alive():
                return True
            try:
                if not self._folder.owned:
                    self._folder.own(self._role)
            except FolderInUseError:
                return False
            self._folder.works(self._role)
            self._thread = threading.Thread(target=self._run, name="footnote-worker", daemon=True)
            self._thread.start()
            return True

    @property
    def working(self) -> bool:
        """Whether it has been started and not been stopped."""
        return self._thread is not None and self._thread.is_alive() and not self._stopping.is_set()

    def stop(self, seconds: float | None = STOP_SECONDS) -> None:
        """End for good, at the next batch; waits so long for that (None: until it is so). Documents stay queued."""
        with self._lock:
            self._stopping.set()
            self._ingestion.stop()
            self._wake.set()
        if self._thread is not None:
            self._thread.join(timeout=seconds)

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._wake.clear()
            worked = False
            try:
                with self._gate.shared():
                    self._tidy()
                    worked = self._ingestion.run_next()
            except RagError as error:  # the catalog or the store is out of reach: wait and try again
                log.warning("Ingestion waits: %s", error)
            except Exception:  # whatever it is, the other documents must not wait for ever
                log.exception("Ingestion met an unexpected error and goes on")
            if not worked:
                self._wake.wait(IDLE_SECONDS)

    def _tidy(self) -> None:
        now = time.monotonic()
        if self._tidied is not None and now - self._tidied < TIDY_SECONDS:
            return
        first, self._tidied = self._tidied is None, now
        try:
            self._ingestion.finish_deletions()
            if first:
                self._ingestion.sweep()
        except RagError as error:  # new documents need not wait for it
            log.warning("Tidying up waits: %s", error)


class Intake:
    """Takes files in for an ingestion, and follows what becomes of them."""

    def __init__(self, ingestion: Ingestion, catalog: Catalog, folder: Folder, gate: Gate, worker: Worker) -> None:
        self._ingestion = ingestion
        self._catalog = catalog
        self._folder = folder
        self._gate = gate
        self._worker = worker

    def take(self, sources: Sequence[Path | Upload], collection: str, replaces: bool) -> Iterator[IngestEvent]:
        """Accept all sources now; returns the events of each, the first of which say what was accepted."""
        accepted: list[IngestEvent] = []
        waiting: dict[str, tuple[Upload, Document]] = {}
        for source in sources:
            upload = source if isinstance(source, Upload) else Upload(source, source.name)
            event, document = self._accept(upload, collection, replaces)
            if document is not None and document.id in waiting:
                event = replace(event, outcome="duplicate", reason="The same bytes were given twice.")
            elif document is not None and not event.outcome:
                waiting[document.id] = (upload, document)
            accepted.append(event)
        works = self._worker.start() if waiting else True
        return self._events(accepted, list(waiting.values()), works)

    def _accept(self, upload: Upload, collection: str, replaces: bool) -> tuple[IngestEvent, Document | None]:
        event = IngestEvent(shown_path(upload.path), shown_name(upload.name), None, "queued")
        try:
            with self._gate.shared():
                document, known = self._ingestion.accept(upload, collection, replaces)
        except RagError as error:
            return replace(event, outcome="failed", reason=str(error)), None
        event = replace(event, document=document.id)
        if known:
            reason = f"Already in {collection!r} as {document.name}."
            event = replace(event, outcome="duplicate", reason=reason, pages=document.pages, chunks=document.chunks)
        return event, document

    def _events(
        self, accepted: Sequence[IngestEvent], waiting: Sequence[tuple[Upload, Document]], works: bool
    ) -> Iterator[IngestEvent]:
        yield from accepted
        if not works and self._left_to_owner([document for _, document in waiting]):
            yield from (self._left(upload, document) for upload, document in waiting)
            return
        for upload, document in waiting:
            yield from follow(self._catalog, upload, document, lambda: not self._worker.working)

    def _left_to_owner(self, waiting: Sequence[Document]) -> bool:
        """Whether another process keeps the folder; False once it has gone and the documents are ours to do."""
        deadline = time.monotonic() + HAND_OVER_SECONDS
        while time.monotonic() < deadline:
            if self._worker.start():
                return False
            queued = {one.id for one in self._catalog.documents(states=[State.QUEUED])}
            if self._folder.owner_works() and not {one.id for one in waiting} <= queued:
                return True
            time.sleep(POLL_SECONDS)
        return True

    def _left(self, upload: Upload, document: Document) -> IngestEvent:
        who = (
            "which will index it" if self._folder.owner_works() else "and waits for the dashboard or the next `ingest`"
        )
        return IngestEvent(
            path=shown_path(upload.path),
            name=document.name,
            document=document.id,
            stage="queued",
            outcome="queued",
            reason=f"It is queued: the folder is in use by {self._folder.owner()}, {who}.",
        )


def follow(catalog: Catalog, upload: Upload, document: Document, stopped: Callable[[], bool]) -> Iterator[IngestEvent]:
    """An event for each change of a document's progress; the last one has an outcome."""
    seen: IngestEvent | None = None
    while seen is None or not seen.outcome:
        ends = stopped()
        event = _progress(catalog, upload, document)
        if not event.outcome and ends:
            event = replace(event, outcome="queued", reason="Stopped; it goes on at the next start.")
        if event != seen:
            yield event
        seen = event
        if not event.outcome:
            time.sleep(POLL_SECONDS)


def _progress(catalog: Catalog, upload: Upload, document: Document) -> IngestEvent:
    event = IngestEvent(shown_path(upload.path), document.name, document.id, "queued")
    deleted = replace(
        event, outcome="failed", reason="It was deleted, or replaced by a newer one, while it was indexed."
    )
    try:
        now = catalog.document(document.collection, document.id)
    except NotFoundError:
        return deleted
    if now.state is State.DELETING:
        return deleted
    return replace(
        event,
        stage=now.stage or now.state.value,
        done=now.done,
        total=now.total,
        outcome={State.READY: "ready", State.FAILED: "failed"}.get(now.state, ""),
        reason=now.reason,
        pages=now.pages,
        chunks=now.chunks,
        seconds=round(now.seconds, 3),
    )
