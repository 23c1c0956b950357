"""The worker that works off unfinished documents in the background, and following one document's progress."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

from rag.catalog import Catalog
from rag.errors import FolderInUseError, NotFoundError, RagError
from rag.folder import Folder
from rag.ingestion import Ingestion, Upload
from rag.records import Document, IngestEvent, State

log = logging.getLogger(__name__)

POLL_SECONDS = 0.05
"""How often progress is read from the catalog while it is being followed."""
IDLE_SECONDS = 1.0
"""How often an idle worker looks for documents that another process has queued."""
STOP_SECONDS = 15.0
"""How long stopping waits for a batch, or for a file being read, to end."""


class Worker:
    """One thread that runs an Ingestion. Only the folder's owner has one at work."""

    def __init__(self, ingestion: Ingestion, folder: Folder, role: str) -> None:
        self._ingestion = ingestion
        self._folder = folder
        self._role = role
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> bool:
        """Work from now on, and look at once for what is waiting; False if another process owns the folder."""
        with self._lock:
            self._wake.set()
            if self._thread is not None or self._stopping.is_set():
                return not self._stopping.is_set()
            try:
                if not self._folder.owned:
                    self._folder.own(self._role)
            except FolderInUseError:
                return False
            self._thread = threading.Thread(target=self._run, name="footnote-worker", daemon=True)
            self._thread.start()
            return True

    def stop(self) -> None:
        """End for good, at the next batch. Unfinished documents stay in the catalog."""
        with self._lock:
            self._stopping.set()
            self._ingestion.stop()
            self._wake.set()
        if self._thread is not None:
            self._thread.join(timeout=STOP_SECONDS)

    def _run(self) -> None:
        recovered = False
        while not self._stopping.is_set():
            self._wake.clear()
            worked = False
            try:
                if not recovered:
                    self._ingestion.recover()
                    recovered = True
                worked = self._ingestion.run_next()
            except RagError as error:  # the catalog or the store is out of reach: wait and try again
                log.warning("Ingestion waits: %s", error)
            if not worked:
                self._wake.wait(IDLE_SECONDS)


def follow(catalog: Catalog, upload: Upload, document: Document, stopped: Callable[[], bool]) -> Iterator[IngestEvent]:
    """An event for each change of a document's progress; the last one has an outcome."""
    seen: IngestEvent | None = None
    while seen is None or not seen.outcome:
        event = _progress(catalog, upload, document)
        if not event.outcome and stopped():
            event = replace(event, outcome="queued", reason="Stopped; it goes on at the next start.")
        if event != seen:
            yield event
        seen = event
        if not event.outcome:
            time.sleep(POLL_SECONDS)


def _progress(catalog: Catalog, upload: Upload, document: Document) -> IngestEvent:
    event = IngestEvent(str(upload.path), document.name, document.id, "queued")
    try:
        now = catalog.document(document.collection, document.id)
    except NotFoundError:
        return replace(event, outcome="failed", reason="It was deleted while it was being indexed.")
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
