"""The first half of ingestion: a queued document becomes pages, chunks and postings, and is searchable by words."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from rag.chunking import chunk
from rag.errors import DocumentError, NoTextError
from rag.ingestion.parts import Job, Parts
from rag.parsing import decode_document, encode_document, ocr_engine, with_ocr
from rag.records import Chunk, Document, OcrPage, ParsedDocument

log = logging.getLogger(__name__)


class Reading:
    """Reads documents, a step at a time: a page of a scan takes as long as a hundred pages of text, and between two of
    them others are read. What was read is kept, so a step that was interrupted is all that is done again."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def step(self, job: Job) -> None:
        """Bring a document nearer to being searchable: index it, or read its next page by OCR.

        Raises DocumentError for whatever is wrong with the file, StoppedError if it is to go no further.
        """
        parsed = self._parsed(job)
        read = self.recognised(job.document, parsed)
        pending = [number for number in parsed.needs_ocr if number not in read] if self._parts.settings.ocr else []
        if not pending:
            self._index(job, with_ocr(parsed, list(read.values())))
            return
        others_first = job.document.stage != "ocr"
        job.reach("ocr", len(read), len(parsed.needs_ocr))
        if not others_first:
            self._recognise(job, pending[0])

    def parse(self, document: Document, stopped: Callable[[], bool] = lambda: False) -> ParsedDocument:
        """What the file says, read once and then kept until it is indexed."""
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

    def cut(self, document: Document, parsed: ParsedDocument) -> list[Chunk]:
        """Its chunks, as the settings are now."""
        tokens, offsets = self._parts.settings.chunk_tokens, self._parts.embedder().token_offsets
        return chunk(parsed, document.id, tokens, offsets, document.name)

    def _parsed(self, job: Job) -> ParsedDocument:
        if job.document.stage != "ocr":
            job.reach("reading")
        with job.timed("reading"):
            return self.parse(job.document, job.stopped)

    def _recognise(self, job: Job, number: int) -> None:
        document, started = job.document, time.monotonic()
        source = self._parts.folder.readable(document.id)
        try:
            with job.timed("ocr"):
                read = self._parts.reader.recognise(source, document.name, [number], cancelled=job.stopped)
        except DocumentError as error:  # the other pages can still be read
            log.warning("%s, page %d: %s", document.name, number, error)
            read = [OcrPage(number, (), ocr_engine())]
        self._parts.catalog.save_ocr(document.id, read)
        self._parts.catalog.note_speed("ocr", 1, time.monotonic() - started)

    def _index(self, job: Job, parsed: ParsedDocument) -> None:
        _require_text(parsed, self._parts.settings.ocr)
        job.reach("splitting", 0, len(parsed.pages))
        with job.timed("splitting"):
            chunks = self.cut(job.document, parsed)
            if not self._parts.catalog.save_text(job.document, parsed, chunks):
                job.reach("splitting")  # it has been stopped, and this says so
        with job.timed("indexing"):
            collection = self._parts.collection(job.document)
            document = self._parts.catalog.document(collection.name, job.document.id)
            job.reach("indexing", 0, len(chunks))
            self._parts.lexical.replace(collection.store_name, document, chunks)
        self._parts.catalog.searchable(job.document, job.timings)
        self._parts.folder.discard_parse(job.document.id)


def _require_text(parsed: ParsedDocument, ocr: bool) -> None:
    if any(page.text.strip() for page in parsed.pages):
        return
    if ocr:
        raise NoTextError(
            "There is no text in it, and OCR could read none on its pages: scan it anew, in higher quality."
        )
    raise NoTextError("The file has no text; needs OCR, which is switched off: set RAG_OCR=true and try again.")
