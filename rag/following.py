"""Handing files in to an ingestion, and following what becomes of them."""

from __future__ import annotations

import logging
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from rag.archive import Archive, look_into
from rag.catalog import Catalog
from rag.errors import NotFoundError, RagError
from rag.folder import Folder
from rag.gate import Gate
from rag.ingestion import Ingestion, Upload, as_uploads, distinct_names, is_archive, shown_name, shown_path
from rag.jobs import Worker
from rag.records import Document, Failure, IngestEvent, State
from rag.settings import Settings

log = logging.getLogger(__name__)

POLL_SECONDS = 0.05
"""How often progress is read from the catalog while it is being followed."""
HAND_OVER_SECONDS = 5.0
"""How long it is awaited that the folder's owner takes what was queued for it, or leaves."""
NOT_ANEW = "It could not be read anew, and is searched as it was read before."

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
        owned = self.folder.owned
        found = [_looked_into(one) for one in as_uploads(sources)]
        names = iter(distinct_names([path for one in found for path in _paths(one)]))
        accepted = [event for one in found for event in self._taken(one, names, way)]
        works = self.worker.start()
        if works and not owned:
            self._clear()
        return self._events(accepted, list(self._waiting.values()), works)

    def _clear(self) -> None:
        """Remove what was replaced before the folder was ours."""
        try:
            with self.gate.shared():
                self.ingestion.removal.clear_all()
        except RagError as error:  # nobody finds it any more, and the worker tries again
            log.warning("What was replaced is still there: %s", error)

    def follow(self, documents: Sequence[Document]) -> Iterator[IngestEvent]:
        """The events of documents that are queued."""
        waiting = [(Upload(self.folder.original(one.id), one.name), one) for one in documents]
        return self._events((), waiting, self.worker.start())

    def _taken(self, found: Upload | Archive | IngestEvent, names: Iterator[str], way: Way) -> list[IngestEvent]:
        """Accept a file, or what is in an archive; `names` has what each is to be called."""
        if isinstance(found, IngestEvent):
            return [found]
        if isinstance(found, Upload):
            return [self._accepted(Upload(found.path, next(names)), way)]
        mine = [next(names) for _ in found.paths]
        with tempfile.TemporaryDirectory() as folder:
            try:
                files = [one.path for one in found.unpack(Path(folder), self.settings)]
            except RagError as error:
                return [_event(found.upload, outcome="failed", reason=str(error))]
            return [
                *(self._accepted(Upload(path, name), way) for path, name in zip(files, mine, strict=True)),
                *(_event(Upload(found.upload.path, name), "skipped", why) for name, why in found.skipped),
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
            first = self._waiting[document.id][1].name
            return replace(event, outcome="duplicate", reason=f"The same bytes were given twice, first as {first}.")
        if known:
            reason = f"Already in {way.collection!r} as {document.name}."
            return replace(event, outcome="duplicate", reason=reason, pages=document.pages, chunks=document.chunks)
        self._waiting[document.id] = (upload, document)
        return event

    def _events(
        self, accepted: Sequence[IngestEvent], waiting: Sequence[tuple[Upload, Document]], works: bool
    ) -> Iterator[IngestEvent]:
        yield from accepted
        if waiting and not works and self._left_to_owner([document for _, document in waiting]):
            yield from (self._left(upload, document) for upload, document in waiting)
            return
        for upload, document in waiting:
            yield from _follow(self.catalog, upload, document, lambda: not self.worker.working)

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


def _looked_into(upload: Upload) -> Upload | Archive | IngestEvent:
    """A file, an archive, or why an archive cannot be opened."""
    try:
        return look_into(upload) if is_archive(upload.name) else upload
    except RagError as error:
        return _event(upload, outcome="failed", reason=str(error))


def _paths(found: Upload | Archive | IngestEvent) -> list[str]:
    if isinstance(found, Upload):
        return [found.name]
    return found.paths if isinstance(found, Archive) else []


def _follow(catalog: Catalog, upload: Upload, document: Document, stopped: Callable[[], bool]) -> Iterator[IngestEvent]:
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
        outcome=_outcome(now),
        reason=f"{NOT_ANEW} {now.reason}" if now.state is State.READY and now.reason else now.reason,
        pages=now.pages,
        chunks=now.chunks,
        seconds=round(now.seconds, 3),
        ocr_pages=now.ocr_pages,
        unread_pages=now.unread_pages,
        timings=now.timings,
    )


def _outcome(document: Document) -> str:
    if document.failure is Failure.CANCELLED:
        return "cancelled"
    if document.state is State.READY:  # with a reason: it could not be read anew
        return "failed" if document.reason else "ready"
    return "failed" if document.state is State.FAILED else ""


def _event(upload: Upload, outcome: str = "", reason: str = "") -> IngestEvent:
    return IngestEvent(shown_path(upload.path), shown_name(upload.name), None, "queued", outcome=outcome, reason=reason)
