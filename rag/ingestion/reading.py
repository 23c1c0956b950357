"""The first half of ingestion: a queued document becomes pages, chunks and postings, and is searchable by words."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime

from rag.chunking import chunk, heading_paths
from rag.errors import DocumentError, NoTextError
from rag.ingestion.parts import Job, Parts
from rag.language import language_of
from rag.parsing import TABULAR, decode_document, encode_document, ocr_engine, with_ocr
from rag.records import Chunk, Document, OcrPage, ParsedDocument

log = logging.getLogger(__name__)

FOR_OCR = ("waiting", "ocr")
"""Stages of a document that was parsed: others are read first, or its pages are read by OCR."""

Incarnation = tuple[str, str, datetime]


@dataclass(frozen=True, slots=True)
class _Scan:
    """A document that OCR reads page by page: what its file says, and why pages could not be read this time."""

    incarnation: Incarnation
    parsed: ParsedDocument
    unread: dict[int, str] = field(default_factory=dict)


class Reading:
    """Reads documents, a step at a time: a page of a scan takes as long as a hundred pages of text, and between two of
    them others are read. What was read is kept, so a step that was interrupted is all that is done again."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._scan: _Scan | None = None
        """The one in hand, for its next page."""

    def step(self, job: Job) -> None:
        """Bring a document nearer to being searchable: index it, or read its next page by OCR.

        Raises DocumentError for whatever is wrong with the file, StoppedError if it is to go no further.
        """
        scan = self._taken(job)
        pending = self._pending(job.document, scan)
        if not pending:
            self._index(job, scan)
            return
        others_first = job.document.stage not in FOR_OCR
        total = len(scan.parsed.needs_ocr)
        done = total - len(pending)
        job.reach("waiting" if others_first else "ocr", done, total, len(scan.parsed.pages))
        if not others_first:
            self._recognise(job, pending[0], scan)
            self._scan = scan
            job.reach("ocr", done + 1, total)

    def _taken(self, job: Job) -> _Scan:
        document, scan = job.document, self._scan
        if scan is None or scan.incarnation != _incarnation(document):
            return _Scan(_incarnation(document), self._parsed(job))
        self._scan = None
        return scan

    def _pending(self, document: Document, scan: _Scan) -> list[int]:
        """Pages for OCR to read. One that could not be read is read again only if the document is tried again."""
        if not self._parts.settings.ocr or not scan.parsed.needs_ocr:
            return []
        done = self._parts.catalog.ocr_numbers(document.id, ocr_engine()) | scan.unread.keys()
        return [number for number in scan.parsed.needs_ocr if number not in done]

    def parse(self, document: Document, stopped: Callable[[], bool]) -> ParsedDocument:
        """What the file says, read once and then kept until it is indexed. Raises StoppedError if `stopped()`."""
        folder = self._parts.folder
        # The name decides how bytes are read, and may become the title.
        read_as = f"{self._parts.engines(document.media_type)} as {document.name}"
        kept = folder.kept_parse(document.id, read_as)
        if kept is not None:
            return decode_document(kept)
        parsed = self._parts.reader.parse(folder.readable(document.id), document.name, cancelled=stopped)
        folder.keep_parse(document.id, read_as, encode_document(parsed))
        return parsed

    def recognised(self, document: Document, parsed: ParsedDocument) -> dict[int, OcrPage]:
        """What OCR has read of it so far, by page number."""
        if not parsed.needs_ocr or not self._parts.settings.ocr:
            return {}
        return self._parts.catalog.ocr(document.id, ocr_engine())

    def cut(self, document: Document, parsed: ParsedDocument, go_on: Callable[[], None]) -> list[Chunk]:
        """Its chunks, as its collection cuts. `go_on` is called for each part of it and may raise, to end it."""
        collection, recipes = self._parts.known(document.collection), self._parts.recipes
        embedder = recipes.embedder_of(collection)

        def token_offsets(text: str) -> list[tuple[int, int]]:
            go_on()
            return embedder.token_offsets(text)

        made = recipes.settings_of(collection)
        how = made.chunk_tokens, token_offsets, document.name, made.chunk_overlap, made.chunk_headers
        return chunk(parsed, document.id, *how)

    def _parsed(self, job: Job) -> ParsedDocument:
        if job.document.stage not in FOR_OCR:
            job.reach("reading")
        with job.timed("reading"):
            return self.parse(job.document, job.stopped)

    def _recognise(self, job: Job, number: int, scan: _Scan) -> None:
        document, started = job.document, time.monotonic()
        source = self._parts.folder.readable(document.id)
        try:
            with job.timed("ocr"):
                read = self._parts.reader.recognise(source, document.name, [number], cancelled=job.stopped)
        except DocumentError as error:  # the other pages can still be read
            log.warning("%s, page %d: %s", document.name, number, error)
            scan.unread[number] = str(error)
            return
        self._parts.catalog.save_ocr(document.id, read)
        self._parts.catalog.note_speed("ocr", 1, time.monotonic() - started)

    def _index(self, job: Job, scan: _Scan) -> None:
        parsed = with_ocr(scan.parsed, list(self.recognised(job.document, scan.parsed).values()))
        self._require_text(parsed, scan)
        job.reach("splitting", 0, len(parsed.pages))
        with job.timed("splitting"):
            chunks = self.cut(job.document, parsed, job.go_on)
            engines = self._parts.engines(job.document.media_type)
            document = replace(job.document, engines=engines, language=_language(parsed))
            paths = heading_paths(parsed.headings)
            if not self._parts.catalog.save_text(document, parsed, job.each(chunks), paths):
                job.reach("splitting")  # it has been stopped, and this says so
        with job.timed("indexing"):
            collection = self._parts.collection(job.document)
            document = self._parts.catalog.document(collection.name, job.document.id)
            job.reach("indexing", 0, len(chunks))
            self._parts.lexical.replace(collection.store_name, document, job.each(chunks))
        self._parts.catalog.searchable(job.document, job.timings)
        self._parts.folder.discard_parse(job.document.id)

    def _require_text(self, parsed: ParsedDocument, scan: _Scan) -> None:
        if any(page.text.strip() for page in parsed.pages):
            return
        if not self._parts.settings.ocr:
            raise NoTextError("The file has no text; needs OCR, which is switched off: set RAG_OCR=true and try again.")
        for why in scan.unread.values():
            raise NoTextError(f"There is no text in it, and OCR could not read its pages. {why}")
        raise NoTextError(
            "There is no text in it, and OCR could read none on its pages: scan it anew, in higher quality."
        )


def _language(parsed: ParsedDocument) -> str:
    """That of running text: names and codes in tables are of no language."""
    return "" if parsed.media_type in TABULAR else language_of(parsed.text)


def _incarnation(document: Document) -> Incarnation:
    return document.collection, document.id, document.added_at
