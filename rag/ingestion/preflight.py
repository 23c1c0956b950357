"""Preflight: what will happen if a file is ingested, found out before anything is."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

from rag.errors import EncryptedError, NotFoundError, RagError
from rag.ingestion.parts import Parts
from rag.ingestion.reading import Reading
from rag.ingestion.uploads import Upload, checked_kind, shown_name
from rag.parsing import takes_password, with_ocr
from rag.records import Chunk, Collection, Document, ParsedDocument, Preflight, State

SAMPLE = 16
"""Chunks embedded to learn how fast this machine is, where that was never measured."""


class Checks:
    """Looks at files before they are ingested. What it reads is kept for the ingestion, so nothing is read twice."""

    def __init__(self, parts: Parts, reading: Reading) -> None:
        self._parts = parts
        self._reading = reading

    def check(self, upload: Upload, collection: str, password: str = "") -> Preflight:
        """What will happen to a file. Whatever is wrong with it is in the result, never raised.

        `password` opens an encrypted PDF; what is kept then is a copy that needs none, never the password.
        """
        found = Preflight(shown_name(upload.name))
        try:
            found = replace(found, media_type=checked_kind(upload, self._parts.settings))
            document_id, size = self._parts.folder.keep(upload.path)
            found = self._among_the_others(replace(found, document=document_id, bytes=size), collection)
            if found.duplicate_of is not None:
                self._parts.folder.claim(document_id)
            if password:
                self.unlock(document_id, found.name, password)
            return self._with_contents(found, collection)
        except RagError as error:
            locked = isinstance(error, EncryptedError) and takes_password(found.media_type)
            return replace(found, encrypted=locked, problem=str(error))

    def read(self, document: Document) -> None:
        """Read a document's file and keep what it says. Raises DocumentError for whatever is wrong with it."""
        self._parse(document)

    def _parse(self, document: Document) -> ParsedDocument:
        return self._reading.parse(document, self._parts.stop.is_set)

    def unlock(self, document_id: str, name: str, password: str) -> None:
        """Keep a copy of an encrypted PDF that needs no password. Raises EncryptedError if it does not open it."""
        folder = self._parts.folder
        with folder.unlocking(document_id) as target:
            self._parts.reader.decrypt(folder.original(document_id), name, password, target, self._parts.stop.is_set)

    def preview(self, found: Preflight, collection: str) -> list[Chunk]:
        """The chunks as they will be cut, without those of pages that OCR has not read yet."""
        document = _queued(found, collection)
        return self._cut(document, self._parse(document))

    def seconds(
        self, collection: Collection | None, chunks: int, ocr_pages: int, sample: Sequence[str] = ()
    ) -> float | None:
        """How long so much will take on this machine, without what is queued before it; None if that is not known.

        Where the speed of the collection's model was not measured yet, some texts of `sample` are embedded to do so.
        """
        speeds, pace = self._parts.catalog.speeds(), self._parts.recipes.pace(collection)
        if chunks and pace not in speeds and sample:
            speeds = {**speeds, pace: self._measured(collection, sample[:SAMPLE])}
        if (chunks and pace not in speeds) or (ocr_pages and "ocr" not in speeds):
            return None
        return (chunks / speeds[pace] if chunks else 0.0) + (ocr_pages / speeds["ocr"] if ocr_pages else 0.0)

    def _measured(self, collection: Collection | None, sample: Sequence[str]) -> float:
        embedder, pace = self._parts.recipes.embedder_of(collection), self._parts.recipes.pace(collection)
        embedder.encode(sample[:1])  # the first is slower than the others
        started = time.monotonic()
        embedder.encode(sample)
        self._parts.catalog.note_speed(pace, len(sample), time.monotonic() - started)
        return self._parts.catalog.speeds()[pace]

    def _among_the_others(self, found: Preflight, collection: str) -> Preflight:
        try:
            same = self._parts.catalog.document(collection, found.document)
            known = None if same.state in (State.FAILED, State.DELETING) else same
        except NotFoundError:
            known = None
        namesakes = self._parts.catalog.namesakes(collection, found.name)
        return replace(found, duplicate_of=known, replaces=tuple(one for one in namesakes if one.id != found.document))

    def _with_contents(self, found: Preflight, collection: str) -> Preflight:
        document = _queued(found, collection)
        parsed = self._parse(document)
        read = self._reading.recognised(document, parsed)
        pending = [number for number in parsed.needs_ocr if number not in read]
        chunks = self._cut(document, parsed)
        known = self._parts.catalog.equals(collection, [one.digest for one in chunks])
        ocr_pages = len(pending) if self._parts.settings.ocr else 0
        new = list({one.digest: one.embedded for one in chunks if one.digest not in known}.values())
        return replace(
            found,
            pages=len(parsed.pages),
            blank_pages=parsed.needs_ocr,
            chunks=len(chunks),
            new_chunks=len(new),
            seconds=self.seconds(self._parts.known(collection), len(new), ocr_pages, new),
        )

    def _cut(self, document: Document, parsed: ParsedDocument) -> list[Chunk]:
        read = self._reading.recognised(document, parsed)
        return self._reading.cut(document, with_ocr(parsed, list(read.values())), self._parts.go_on)


def _queued(found: Preflight, collection: str) -> Document:
    now = datetime.now(UTC)
    return Document(found.document, found.name, collection, State.QUEUED, now, media_type=found.media_type)
