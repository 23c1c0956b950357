"""Documents on their way into a workspace: checked, handed in, followed, cancelled, retried."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from rag.archive import Unpacked, look_into
from rag.errors import InputError
from rag.following import POLL_SECONDS, Following, Way
from rag.ingestion import Upload, as_uploads
from rag.progress import progress
from rag.records import UNFINISHED, Chunk, Document, IngestEvent, Preflight, Progress, State
from rag.workspace.proving import Proving

LONGEST_TAG = 60
"""Characters."""


class DocumentsIn(Proving):
    """Ingestion."""

    def ingest(
        self,
        sources: Sequence[Path | Upload],
        collection: str | None = None,
        replace_namesakes: bool = False,
        tags: Sequence[str] = (),
        password: str = "",
    ) -> Iterator[IngestEvent]:
        """Take files in at once, then follow them until each is ready, a duplicate, failed, or left to another process.

        The first events, one for each file, say what was taken in; of a zip archive the files in it are taken. Files
        called the same get distinct names. The work goes on in the background even if nobody follows it. `password`
        opens those PDFs that need one.
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
        self._require_own(collection)
        way = Way(self._name(collection), replace_namesakes, checked_tags(tags), password)
        return self._following().take(sources, way)

    @contextmanager
    def unpacked(self, source: Path | Upload) -> Iterator[Unpacked]:
        """The files in a zip archive, until the context ends: to be checked, each as a file of its own.

        They are called by where they lie, `letters.zip/2024/letter.txt`: `distinct_names` makes names to show of them.
        Raises DocumentError for an archive that cannot be opened or would unpack to too much, FolderError.
        """
        archive = look_into(as_uploads([source])[0])
        with tempfile.TemporaryDirectory() as folder:
            yield Unpacked(archive.unpack(Path(folder), self.settings), archive.skipped)

    def preflight(self, source: Path | Upload, collection: str | None = None, password: str = "") -> Preflight:
        """What will happen if a file is ingested; what is wrong with it is in the result. What is read for it is kept,
        so that ingesting it afterwards, from `kept`, reads nothing twice."""
        self._require_writable()
        self._require_own(collection)
        with self._gate.shared():
            return self.ingestion.checks.check(as_uploads([source])[0], self._name(collection), password)

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
        """Stop an unfinished document; it can be retried. One that is ready, or has failed, stays as it is, as the
        returned document says. Raises NotFoundError."""
        self._require_writable()
        document = self.document(prefix, collection)
        with self._gate.shared():
            self.ingestion.removal.cancel(document)
        return self.catalog.document(document.collection, document.id)

    def retry(self, prefix: str | None = None, collection: str | None = None, password: str = "") -> list[Document]:
        """Queue a document once more that has failed or was cancelled, or could not be read anew, or of which OCR could
        not read pages; all such if unnamed. Returns those queued. What is ready is searched as it is until then.

        `password` opens a named PDF that needs one. Raises EncryptedError if it does not, and the document stays as it
        is, InputError for a password without a document, NotFoundError.
        """
        self._require_writable()
        if password and not prefix:
            raise InputError("A password opens one document: name the document (DOCUMENT) that it is for.")
        chosen = [self.document(prefix, collection)] if prefix else self.catalog.documents(collection)
        failed = [one for one in chosen if one.state is State.FAILED or self._worth_rereading(one)]
        if password:
            with self._gate.shared():
                for one in failed:
                    self.ingestion.intake.unlock(one, password)
        self.catalog.retry(failed)
        if failed:
            self.worker.start()
        return failed

    def _worth_rereading(self, document: Document) -> bool:
        partly = document.unread_pages > 0 and self.settings.ocr
        return document.state is State.READY and (partly or bool(document.reason))

    def follow(self, documents: Sequence[Document]) -> Iterator[IngestEvent]:
        """The events of documents that are queued, until each is finished or left to another process."""
        return self._following().follow(documents)

    def _following(self) -> Following:
        return Following(self.settings, self.ingestion, self.catalog, self.folder, self._gate, self.worker)

    def unfinished(self) -> list[Document]:
        """Documents that are waiting or being worked on."""
        return self.catalog.documents(states=UNFINISHED)

    def watched(self, keys: Sequence[tuple[str, str]]) -> list[Document]:
        """The unfinished documents as they were queued, and those of `keys`, each (collection, id), that are there."""
        found = {(one.collection, one.id): one for one in (*self.unfinished(), *self.catalog.among(keys))}
        there = [one for one in found.values() if one.state is not State.DELETING]
        return sorted(there, key=lambda one: one.added_at)

    def held_back(self) -> set[tuple[str, str]]:
        """Collection and id of documents that are not searched before they are ready, for they replace one that is."""
        return self.catalog.held_back()

    def drain(self) -> None:
        """Wait until nothing is waiting to be indexed, whoever queued it."""
        while self.worker.working and self.catalog.next_of(UNFINISHED) is not None:
            time.sleep(POLL_SECONDS)


def checked_tags(tags: Sequence[str]) -> tuple[str, ...]:
    """Tags without white space around them and without repetition. Raises InputError."""
    found = tuple(dict.fromkeys(" ".join(tag.split()) for tag in tags if tag.strip()))
    for one in found:
        if len(one) > LONGEST_TAG or not one.isprintable():
            raise InputError(f"The tag {one[:80]!r} cannot be used: {LONGEST_TAG} visible characters at most.")
    return found
