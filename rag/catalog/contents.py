"""What documents say, in the catalog: their text, pages and chunk spans."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import sqlalchemy as sql

from rag.catalog.documents import forget
from rag.catalog.keys import belongs, collection_id, incarnation, key, slices
from rag.catalog.overlays import AS_EDITED, Overlays, between, changed, count_chunks, is_changed, is_kept
from rag.catalog.tables import (
    chunk_row,
    chunks,
    collections,
    documents,
    headings,
    page_row,
    pages,
    texts,
    to_chunk,
    to_page,
)
from rag.records import VISIBLE, Chunk, Document, Page, ParsedDocument, Passage, State, document_label

PAGES_KEPT = 10_000
"""Documents whose chunks' pages are kept in memory."""
ROWS = 1000
"""Chunks written in one go: of a very long text they are never all in memory as rows."""


def _some_chunks(*columns: sql.ColumnElement[Any] | sql.Table) -> sql.Select[Any]:
    """A query for chunks by `collection`, its name, and `ids`: built once, which takes longer than running it."""
    owner = sql.select(collections.c.id).where(collections.c.name == sql.bindparam("collection")).scalar_subquery()
    among = chunks.c.id.in_(sql.bindparam("ids", expanding=True))
    return sql.select(*columns, *AS_EDITED).where(chunks.c.collection_id == owner, among, is_kept())


def _on_pages() -> sql.Select[Any]:
    """Chunks with what their documents are called, and the pages that they are on."""
    mine = sql.and_(documents.c.collection_id == chunks.c.collection_id, documents.c.id == chunks.c.document_id)
    page = sql.and_(
        pages.c.collection_id == chunks.c.collection_id,
        pages.c.document_id == chunks.c.document_id,
        pages.c.number == chunks.c.page,
    )
    whole = pages.c.start.label("page_start"), pages.c.text.label("page_text")
    found = _some_chunks(chunks, documents.c.name, documents.c.title, *whole)
    return found.select_from(changed(chunks).join(documents, mine).join(pages, page))


_ON_PAGES = _on_pages()


class Contents(Overlays):
    """Texts. The same bytes have the same text everywhere."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._pages_of_chunks: dict[tuple[object, ...], array[int]] = {}

    def save_text(
        self,
        document: Document,
        parsed: ParsedDocument,
        cut: Iterable[Chunk],
        paths: Iterable[tuple[int, str]] = (),
    ) -> bool:
        """Keep the extracted text, its pages and its chunk spans (instead of any that were there), and what read it.
        `paths` are the heading paths, each from an offset on.

        False, and nothing is kept, if the document was deleted, cancelled or queued anew meanwhile. What going through
        `cut` raises is passed on, and nothing is kept either.
        """
        read = [page for page in parsed.pages if page.ocr is not None]
        values = {
            "title": parsed.title,
            "media_type": parsed.media_type,
            "pages": len(parsed.pages),
            "date": parsed.date or document.date,
            "parser": parsed.parser,
            "engines": document.engines,
            "language": document.language,
            "ocr_pages": len(read),
            "unread_pages": len(parsed.needs_ocr),
            "served": False,
            "ocr_confidence": sum(page.ocr or 0.0 for page in read) / len(read) if read else 0.0,
        }
        with self.write() as connection:
            alive = (incarnation(document), documents.c.state == State.INDEXING.value)
            if connection.execute(documents.update().where(*alive).values(values)).rowcount == 0:
                return False
            owner = connection.execute(collection_id(document.collection)).scalar_one()
            mine = {"collection_id": owner, "document_id": document.id}
            forget(connection, document)
            connection.execute(texts.insert().values(mine | {"text": parsed.text}))
            connection.execute(pages.insert(), [mine | page_row(page) for page in parsed.pages])
            if placed := [mine | {"start": start, "path": path} for start, path in dict(paths).items()]:
                connection.execute(headings.insert(), placed)
            numbered = enumerate(cut)
            while some := [mine | chunk_row(position, chunk) for position, chunk in islice(numbered, ROWS)]:
                connection.execute(chunks.insert(), some)
            count_chunks(connection, document)
        return True

    def text(self, document: Document) -> str:
        """The extracted text; empty if none was extracted yet."""
        query = sql.select(texts.c.text).where(*belongs(texts, document))
        with self.read() as connection:
            return connection.execute(query).scalar_one_or_none() or ""

    def passage(self, collection: str, document_id: str, start: int, end: int) -> str:
        """What stands between two offsets in a document's text; empty if there is none."""
        owner = collection_id(collection).scalar_subquery()
        first = pages.c.start
        on_one = sql.select(sql.func.substr(pages.c.text, start - first + 1, end - start)).where(
            pages.c.collection_id == owner, pages.c.document_id == document_id, first <= start, pages.c.end >= end
        )
        part = sql.select(sql.func.substr(texts.c.text, start + 1, end - start)).where(
            texts.c.collection_id == owner, texts.c.document_id == document_id
        )
        with self.read() as connection:
            found = connection.execute(on_one.limit(1)).scalar_one_or_none()
            return (connection.execute(part).scalar_one_or_none() or "") if found is None else str(found)

    def heading(self, collection: str, document_id: str, offset: int) -> str:
        """The heading path at an offset in a document's text; empty if there is none."""
        above = sql.select(headings.c.path).where(
            headings.c.collection_id == collection_id(collection).scalar_subquery(),
            headings.c.document_id == document_id,
            headings.c.start <= offset,
        )
        with self.read() as connection:
            return connection.execute(above.order_by(headings.c.start.desc()).limit(1)).scalar_one_or_none() or ""

    def pages(self, document: Document) -> list[Page]:
        """The document's pages with their text and maps."""
        query = sql.select(pages).where(*belongs(pages, document)).order_by(pages.c.number)
        with self.read() as connection:
            return [to_page(row) for row in connection.execute(query)]

    def page(self, document: Document, number: int) -> Page | None:
        """One of its pages, from 1, without reading the others; None if there is none such."""
        query = sql.select(pages).where(*belongs(pages, document), pages.c.number == number)
        with self.read() as connection:
            row = connection.execute(query).one_or_none()
        return None if row is None else to_page(row)

    def misplaced(self, document: Document) -> list[int]:
        """The numbers of the pages whose own text is not what the document's text has there."""
        text = self.text(document)
        return [one.number for one in self.pages(document) if text[one.start : one.start + len(one.text)] != one.text]

    def place(self, document: Document) -> None:
        """Write beside each of the document's pages anew what its text has there."""
        text = self.text(document)
        with self.write() as connection:
            mine = belongs(pages, document)
            for row in connection.execute(sql.select(pages.c.number, pages.c.start, pages.c.end).where(*mine)).all():
                one = pages.update().where(*mine, pages.c.number == row.number)
                connection.execute(one.values(text=text[row.start : row.end]))

    def chunks(self, document: Document) -> list[Chunk]:
        """The document's chunks in reading order, as they are searched: corrected, without those that are put away."""
        text = self.text(document)
        query = sql.select(chunks, *AS_EDITED).select_from(changed(chunks)).where(*belongs(chunks, document), is_kept())
        query = query.order_by(chunks.c.position)
        called = sql.select(documents.c.name, documents.c.title).where(key(document))
        with self.read() as connection:
            rows = list(connection.execute(query))
            title = document_label(*connection.execute(called).one()) if rows else ""
            return [to_chunk(row, text[row.start : row.end], title) for row in rows]

    def chunk_ids(self, document: Document) -> set[str]:
        """The ids of the document's chunks, without those that are put away."""
        query = sql.select(chunks.c.id).select_from(changed(chunks)).where(*belongs(chunks, document), is_kept())
        with self.read() as connection:
            return set(connection.execute(query).scalars())

    def all_chunk_ids(self, collection: str) -> dict[str, set[str]]:
        """The ids of the chunks of all documents of a collection, by document, without those that are put away."""
        owner = collection_id(collection).scalar_subquery()
        every = sql.select(chunks.c.document_id, chunks.c.id).select_from(changed(chunks))
        query = every.where(chunks.c.collection_id == owner, is_kept())
        found: dict[str, set[str]] = {}
        with self.read() as connection:
            for row in connection.execute(query):
                found.setdefault(row.document_id, set()).add(row.id)
        return found

    def chunks_by_id(self, collection: str, ids: Sequence[str]) -> dict[str, Chunk]:
        """Some chunks of a collection; those that are not there are left out."""
        return {one: chunk for one, (chunk, _) in self.chunks_on_pages(collection, ids).items()}

    def chunks_on_pages(self, collection: str, ids: Sequence[str]) -> dict[str, tuple[Chunk, Passage]]:
        """Some chunks of a collection, each with the text of its page as far as nothing else in it was changed by hand;
        those that are not there, or are put away, are left out."""
        found = {}
        corrected = self.corrected(collection)
        with self.read() as connection:
            for some in slices(ids):
                for row in connection.execute(_ON_PAGES, {"collection": collection, "ids": list(some)}):
                    whole = Passage(row.page_start, row.page_start + len(row.page_text), row.page_text)
                    text = whole.text[row.start - whole.start : row.end - whole.start]
                    chunk = to_chunk(row, text, document_label(row.name, row.title))
                    found[row.id] = chunk, between(whole, chunk, corrected.get(chunk.document_id, ()))
        return found

    def chunk_pages(self, document: Document) -> Sequence[int]:
        """The pages of a document's chunks, by their positions. Kept while its text is the same."""
        same_text = document.collection, document.id, document.added_at, document.state in VISIBLE
        known = self._pages_of_chunks.get(same_text)
        if known is None:
            query = sql.select(chunks.c.page).where(*belongs(chunks, document)).order_by(chunks.c.position)
            with self.read() as connection:
                known = array("I", connection.execute(query).scalars())
            if len(self._pages_of_chunks) >= PAGES_KEPT:
                self._pages_of_chunks.clear()
            self._pages_of_chunks[same_text] = known
        return known

    def equals(self, collection: str, digests: Sequence[str]) -> dict[str, str]:
        """For each digest that a ready document of the collection has, one chunk with it: digest -> chunk id. One that
        was changed by hand has its text's vector no more."""
        owner = collection_id(collection).scalar_subquery()
        same = sql.and_(documents.c.collection_id == chunks.c.collection_id, documents.c.id == chunks.c.document_id)
        query = (
            sql.select(chunks.c.digest, sql.func.min(chunks.c.id).label("id"))
            .join(documents, same)
            .where(chunks.c.collection_id == owner, documents.c.state == State.READY.value, ~is_changed())
            .group_by(chunks.c.digest)
        )
        with self.read() as connection:
            found = [
                row for some in slices(digests) for row in connection.execute(query.where(chunks.c.digest.in_(some)))
            ]
        return {row.digest: row.id for row in found}
