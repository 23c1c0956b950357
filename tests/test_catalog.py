"""The catalog: states, ownership of text, migrations."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from rag.catalog import Catalog
from rag.catalog.migrations import MIGRATIONS
from rag.errors import FolderError, NotFoundError
from rag.records import Chunk, Document, Heading, Page, ParsedDocument, State

TEXT = "Erste Seite 🎉.\n\nZweite."
PARSED = ParsedDocument(
    title="A title",
    media_type="application/pdf",
    text=TEXT,
    pages=(Page(1, "Erste Seite 🎉.", 0, "i", ((0, 0), (12, 13))), Page(2, "Zweite.", 16)),
    headings=(Heading(1, "A", 0),),
    parser="test 1",
    date=20240331,
)
CHUNKS = [Chunk("1", "d1", 1, 0, 14, "A", TEXT[:14]), Chunk("2", "d1", 2, 16, 23, "A", "Zweite.")]


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[Catalog]:
    made = Catalog(tmp_path / "catalog.sqlite3")
    made.create_collection("reports", "reports", {"model": "m"})
    yield made
    made.close()


def document(number: int = 1, name: str = "a.pdf") -> Document:
    return Document(f"d{number}", name, "reports", State.QUEUED, datetime.now(UTC), media_type="application/pdf")


def index(catalog: Catalog, one: Document, replaces: bool = False) -> list[Document] | None:
    catalog.enqueue(one, replaces)
    catalog.progress(one, "reading")
    catalog.save_text(one, PARSED, [replace(chunk, id=f"{one.id}-{chunk.page}") for chunk in CHUNKS])
    return catalog.finish(one, 1.5, replaces)


def test_text_pages_and_chunks_come_back_as_they_were(catalog: Catalog) -> None:
    index(catalog, document())
    kept = catalog.document("reports", "d1")
    assert (kept.state, kept.pages, kept.chunks, kept.title, kept.date) == (State.READY, 2, 2, "A title", 20240331)
    assert catalog.text(kept) == TEXT
    assert catalog.pages(kept) == list(PARSED.pages)
    assert [(one.page, one.start, one.end, one.heading, one.text) for one in catalog.chunks(kept)] == [
        (one.page, one.start, one.end, one.heading, one.text) for one in CHUNKS
    ]


def test_only_finished_documents_are_visible(catalog: Catalog) -> None:
    one = document()
    catalog.enqueue(one)
    assert catalog.visible("reports") == {}
    catalog.progress(one, "embedding", 1, 2)
    assert catalog.visible("reports") == {}
    catalog.finish(one, 1.0, False)
    assert catalog.visible("reports") == {"d1": "a.pdf"}
    catalog.mark_deleting(one)
    assert catalog.visible("reports") == {}


def test_the_same_bytes_again_are_no_news_but_a_failed_document_gets_another_try(catalog: Catalog) -> None:
    assert catalog.enqueue(document())
    assert not catalog.enqueue(document())
    catalog.fail(catalog.document("reports", "d1"), "no text", 0.1)
    assert catalog.document("reports", "d1").reason == "no text"
    assert catalog.enqueue(document())
    assert catalog.document("reports", "d1").state is State.QUEUED


def test_interrupted_documents_wait_for_the_next_worker_oldest_first(catalog: Catalog) -> None:
    first, second = document(1), document(2, "b.pdf")
    catalog.enqueue(first)
    catalog.enqueue(second)
    catalog.progress(first, "embedding", 3, 9)
    waiting = catalog.next_unfinished()
    assert waiting is not None
    assert waiting[0].id == "d1"


def test_replacing_hides_the_old_one_in_the_moment_the_new_one_appears(catalog: Catalog) -> None:
    index(catalog, document(1))
    assert [one.id for one in index(catalog, document(2), replaces=True) or []] == ["d1"]
    assert list(catalog.visible("reports")) == ["d2"]


def test_a_document_deleted_meanwhile_cannot_become_ready(catalog: Catalog) -> None:
    one = document()
    catalog.enqueue(one)
    catalog.progress(one, "reading")
    catalog.delete(one)
    assert not catalog.progress(one, "embedding")
    assert catalog.finish(one, 1.0, False) is None


def test_a_worker_cannot_finish_a_document_that_was_deleted_and_added_again(catalog: Catalog) -> None:
    first = document()
    catalog.enqueue(first)
    catalog.progress(first, "reading")
    catalog.delete(first)
    catalog.enqueue(document())
    assert not catalog.progress(first, "embedding")


def test_deleting_forgets_text_and_chunks_and_says_whether_the_bytes_are_needed_elsewhere(catalog: Catalog) -> None:
    catalog.create_collection("copies", "copies", {})
    other = Document("d1", "a.pdf", "copies", State.QUEUED, datetime.now(UTC))
    catalog.enqueue(other)
    index(catalog, document())
    assert not catalog.delete(document())
    assert catalog.text(document()) == ""
    assert catalog.chunks(document()) == []
    assert catalog.delete(other)


def test_racing_writers_lose_nothing(catalog: Catalog) -> None:
    barrier = threading.Barrier(8)
    added: list[bool] = []

    def add(number: int) -> None:
        barrier.wait()
        added.extend(catalog.enqueue(document(number % 4 * 10 + each)) for each in range(10))

    threads = [threading.Thread(target=add, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(catalog.documents("reports")) == 40
    assert sum(added) == 40


def test_an_unknown_collection_names_the_ones_there_are(catalog: Catalog) -> None:
    with pytest.raises(NotFoundError, match="reports"):
        catalog.collection("contracts")


def test_a_folder_of_the_first_schema_opens_and_keeps_its_documents(tmp_path: Path) -> None:
    path = tmp_path / "catalog.sqlite3"
    with sqlite3.connect(path) as old:
        old.execute("CREATE TABLE schema_version (version INTEGER NOT NULL)")
        old.execute("INSERT INTO schema_version VALUES (1)")
        for statement in MIGRATIONS[0]:
            old.execute(statement)
        old.execute("INSERT INTO collections VALUES ('c', 'reports', 'reports', '{}', '2026-01-01T00:00:00+00:00')")
        old.execute(
            "INSERT INTO documents VALUES ('c', 'd1', 'a.pdf', 'ready', '2026-01-01T00:00:00.000000+00:00', 'T', "
            "'application/pdf', 10, 2, 2, 20260101, '[]', '', 1.0, '', 0, 0, 0)"
        )
        old.execute("INSERT INTO texts VALUES ('c', 'd1', 'the text')")
    old.close()
    catalog = Catalog(path)
    assert catalog.visible("reports") == {"d1": "a.pdf"}
    assert catalog.text(catalog.document("reports", "d1")) == "the text"
    index(catalog, document(2, "b.pdf"))
    assert set(catalog.visible("reports")) == {"d1", "d2"}
    catalog.close()


def test_a_folder_of_a_newer_version_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "catalog.sqlite3"
    Catalog(path).close()
    with sqlite3.connect(path) as newer:
        newer.execute("INSERT INTO schema_version VALUES (999)")
    newer.close()
    with pytest.raises(FolderError, match="newer version"):
        Catalog(path)


def test_a_damaged_catalog_is_said_so(tmp_path: Path) -> None:
    path = tmp_path / "catalog.sqlite3"
    path.write_bytes(b"not a database at all" * 100)
    with pytest.raises(FolderError, match="is damaged"):
        Catalog(path)
