"""Handing files in to an ingestion, and following what becomes of them."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from rag.archive import is_archive, unpack
from rag.catalog import Catalog
from rag.errors import NotFoundError, RagError
from rag.folder import Folder
from rag.gate import Gate
from rag.ingestion import Ingestion, Upload, shown_name, shown_path
from rag.jobs import Worker
from rag.records import Document, IngestEvent, State
from rag.settings import Settings

POLL_SECONDS = 0.05
"""How often progress is read from the catalog while it is being followed."""
HAND_OVER_SECONDS = 5.0
"""How long it is awaited that the folder's owner takes what was queued for it, or leaves."""

Waiting = dict[str, tuple[Upload, Document]]


@dataclass(frozen=True, slots=True)
class Way:
    """How files are to be taken in: into which collection, whether they replace documents of their names, with which
    tags, and the password of those that need one."""

    collection: str
    replaces: bool = False
    tags: tuple[str, ...] = ()
    password: str = ""


@dataclass(frozen=True, slots=True)
class Following:
    """Takes files in for an ingestion, and follows them."""

    settings: Settings
    ingestion: Ingestion
    catalog: Catalog
    folder: Folder
    gate: Gate
    worker: Worker
    _waiting: Waiting = field(default_factory=dict)

    def take(self, sources: Sequence[Path | Upload], way: Way) -> Iterator[IngestEvent]:
        """Accept all sources now, archives with what is in them; returns the events of each.

        The first events, one for each file, say what was accepted.
        """
        accepted: list[IngestEvent] = []
        for source in sources:
            upload = source if isinstance(source, Upload) else Upload(source, source.name)
            accepted += self._unpacked(upload, way) if is_archive(upload.name) else [self._accepted(upload, way)]
        works = self.worker.start() if self._waiting else True
        return self._events(accepted, list(self._waiting.values()), works)

    def _unpacked(self, upload: Upload, way: Way) -> list[IngestEvent]:
        with tempfile.TemporaryDirectory() as folder:
            try:
                uploads, skipped = unpack(upload, Path(folder), self.settings)
            except RagError as error:
                return [_event(upload, outcome="failed", reason=str(error))]
            why = f"In {shown_name(upload.name)}, of no kind that can be read."
            return [
                *(self._accepted(one, way) for one in uploads),
                *(_event(Upload(upload.path, name), outcome="skipped", reason=why) for name in skipped),
            ]

    def _accepted(self, upload: Upload, way: Way) -> IngestEvent:
        event = _event(upload)
        try:
            with self.gate.shared():
                document, known = self.ingestion.intake.accept(
                    upload, way.collection, way.replaces, way.tags, way.password
                )
        except RagError as error:
            return replace(event, outcome="failed", reason=str(error))
        event = replace(event, document=document.id)
        if document.id in self._waiting:
            return replace(event, outcome="duplicate", reason="The same bytes were given twice.")
        if known:
            reason = f"Already in {way.collection!r} as {document.name}."
            return replace(event, outcome="duplicate", reason=reason, pages=document.pages, chunks=document.chunks)
        self._waiting[document.id] = (upload, document)
        return event

    def _events(
        self, accepted: Sequence[IngestEvent], waiting: Sequence[tuple[Upload, Document]], works: bool
    ) -> Iterator[IngestEvent]:
        yield from accepted
        if not works and self._left_to_owner([document for _, document in waiting]):
            yield from (self._left(upload, document) for upload, document in waiting)
            return
        for upload, document in waiting:
            yield from follow(self.catalog, upload, document, lambda: not self.worker.working)

    def _left_to_owner(self, waiting: Sequence[Document]) -> bool:
        """Whether another process keeps the folder; False once it has gone and the documents are ours to do."""
        deadline = time.monotonic() + HAND_OVER_SECONDS
        while time.monotonic() < deadline:
            if self.worker.start():
                return False
            queued = {one.id for one in self.catalog.documents(states=[State.QUEUED])}
            if self.folder.owner_works() and not {one.id for one in waiting} <= queued:
                return True
            time.sleep(POLL_SECONDS)
        return True

    def _left(self, upload: Upload, document: Document) -> IngestEvent:
        who = "which will index it" if self.folder.owner_works() else "and waits for the dashboard or the next `ingest`"
        reason = f"It is queued: the folder is in use by {self.folder.owner()}, {who}."
        return replace(_event(upload, outcome="queued", reason=reason), name=document.name, document=document.id)


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
    event = replace(_event(upload), name=document.name, document=document.id)
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
        ocr_pages=now.ocr_pages,
        unread_pages=now.unread_pages,
        timings=now.timings,
    )


def _event(upload: Upload, outcome: str = "", reason: str = "") -> IngestEvent:
    return IngestEvent(shown_path(upload.path), shown_name(upload.name), None, "queued", outcome=outcome, reason=reason)
