"""Ingestion: parse -> chunk -> index words -> embed -> store, as work that can be interrupted anywhere.

Documents wait in the catalog. Reading makes them searchable by words, vectors make them ready; each works on one
document at a time, so that reading overlaps embedding. Doing one twice changes nothing: ids come from content and
writing is upserting.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from rag.errors import EncryptedError, NotFoundError, RagError, StoppedError
from rag.ingestion.busy import Busy
from rag.ingestion.intake import Intake
from rag.ingestion.parts import Job, Parts
from rag.ingestion.preflight import Checks
from rag.ingestion.reading import Reading
from rag.ingestion.removal import Removal
from rag.ingestion.uploads import Upload, as_uploads, distinct_names, is_archive, shown_name, shown_path
from rag.ingestion.vectors import Vectors
from rag.parsing import takes_password, with_ocr
from rag.records import Collection, Document, Failure, ParsedDocument, State

__all__ = [
    "Ingestion",
    "Parts",
    "Upload",
    "as_uploads",
    "distinct_names",
    "is_archive",
    "shown_name",
    "shown_path",
]

log = logging.getLogger(__name__)


class Ingestion:
    """The stages of one data folder. `read_next` and `embed_next` are for the owner's worker, a thread each."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._reading = Reading(parts)
        self._vectors = Vectors(parts)
        self.removal = Removal(parts)
        self.checks = Checks(parts, self._reading)
        self.intake = Intake(parts, self.removal, self.checks)

    @property
    def busy(self) -> Busy:
        """Who has which document in hand."""
        return self._parts.busy

    def stop(self) -> None:
        """Let the running documents go at the next batch; they stay in the catalog as unfinished."""
        self._parts.stop.set()

    def read_next(self) -> bool:
        """Do the next step of reading; False if there is none. What is new goes before what OCR is still reading."""
        catalog = self._parts.catalog
        return self._do(catalog.next_of((State.QUEUED,)) or catalog.next_of((State.INDEXING,)), self._reading.step)

    def embed_next(self) -> bool:
        """Embed the document that became searchable first; False if there is none."""
        return self._do(self._parts.catalog.next_of((State.SEARCHABLE,)), self._embed)

    def parsed(self, document: Document, stopped: Callable[[], bool]) -> ParsedDocument:
        """What a document's file says, with what OCR has read of it. Raises DocumentError, StoppedError if
        `stopped()`."""
        parsed = self._reading.parse(document, stopped)
        self._parts.folder.discard_parse(document.id)
        return with_ocr(parsed, list(self._reading.recognised(document, parsed).values()))

    def _embed(self, job: Job) -> None:
        for replaced in self._vectors.embed(job) or ():
            self.removal.clear(replaced)

    def _do(self, document: Document | None, step: Callable[[Job], None]) -> bool:
        """Never raises for a bad document."""
        if document is None or self._parts.stop.is_set():
            return False
        with self._parts.busy.hold(document):
            collection = self._collection(document)
            self._step(Job(self._parts, document), step)
            self._settle(document, collection)
        return True

    def _step(self, job: Job, step: Callable[[Job], None]) -> None:
        name = job.document.name
        try:
            step(job)
        except StoppedError:
            log.info("%s was stopped", name)
        except RagError as error:
            self._fail(job, str(error), _failure(job.document, error))
        except BaseException as error:  # a Rust library's panic is no Exception, and would come again at every try
            log.exception("Ingesting %s failed", name)
            self._fail(job, f"Unexpected {type(error).__name__}: {error}. The log has the details.")

    def _collection(self, document: Document) -> Collection | None:
        try:
            return self._parts.catalog.collection(document.collection)
        except NotFoundError:  # deleted in this moment, and the document with it
            return None

    def _fail(self, job: Job, reason: str, failure: Failure | None = None) -> None:
        if self._parts.stop.is_set():  # it was stopping that made it fail; it goes on at the next start
            return
        log.warning("%s: %s", job.document.name, reason)
        self._parts.catalog.fail(job.document, reason, job.timings, failure)

    def _settle(self, document: Document, collection: Collection | None) -> None:
        try:
            self.removal.settle(document, collection)
        except RagError as error:  # nobody sees it, and another try, a deletion or the next start removes it
            log.warning("What was indexed of %s is still there: %s", document.name, error)


def _failure(document: Document, error: RagError) -> Failure | None:
    locked = isinstance(error, EncryptedError) and takes_password(document.media_type)
    return Failure.LOCKED if locked else None
