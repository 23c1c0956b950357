"""What OCR has read, in the catalog, so that no page is read twice."""

from __future__ import annotations

from collections.abc import Iterable

import sqlalchemy as sql

from rag.catalog.database import Database
from rag.catalog.keys import key
from rag.catalog.tables import documents, ocr, ocr_row, to_ocr
from rag.records import Document, OcrPage


class Scans(Database):
    """Pages as OCR has read them."""

    def save_ocr(self, document_id: str, read: Iterable[OcrPage]) -> None:
        """Keep what OCR read, so that it is not read again; nothing if the document was deleted meanwhile."""
        rows = [ocr_row(document_id, page) for page in read]
        there = sql.select(documents.c.id).where(documents.c.id == document_id).limit(1)
        with self.write() as connection:
            if rows and connection.execute(there).first() is not None:
                connection.execute(ocr.insert().prefix_with("OR REPLACE"), rows)

    def ocr_numbers(self, document_id: str, engine: str) -> set[int]:
        """The numbers of the pages that an OCR engine has read of a document so far."""
        query = sql.select(ocr.c.number).where(ocr.c.document_id == document_id, ocr.c.engine == engine)
        with self.read() as connection:
            return set(connection.execute(query).scalars())

    def ocr_page(self, document: Document, number: int) -> OcrPage | None:
        """What OCR has read on a page of a document, by the engine that its text is from; None if that is not known."""
        query = sql.select(ocr).where(ocr.c.document_id == document.id, ocr.c.number == number)
        with self.read() as connection:
            parser = connection.execute(sql.select(documents.c.parser).where(key(document))).scalar_one_or_none() or ""
            read = [to_ocr(row) for row in connection.execute(query)]
        return next((one for one in read if one.engine in parser.split(" + ")), None)

    def ocr(self, document_id: str, engine: str) -> dict[int, OcrPage]:
        """What an OCR engine has read of a document so far, by page number."""
        query = sql.select(ocr).where(ocr.c.document_id == document_id, ocr.c.engine == engine)
        with self.read() as connection:
            return {row.number: to_ocr(row) for row in connection.execute(query)}
