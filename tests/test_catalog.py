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
from rag.records import Chunk, Document, Failure, Heading, OcrLine, OcrPage, Page, ParsedDocument, State, Visible

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


def document_of(catalog: Catalog, document_id: str) -> Document:
    return catalog.document("reports", document_id)


def index(catalog: Catalog, one: Document, replaces: bool = False) -> list[Document] | None:
    one = replace(one, replaces=replaces)
    catalog.enqueue(one)
    read(catalog, one)
    return catalog.finish(one, 1.5, {})


def delete(catalog: Catalog, one: Document) -> bool:
    catalog.mark_deleting(one)
    return catalog.delete(catalog.document(one.collection, one.id))


def read(catalog: Catalog, one: Document) -> None:
    catalog.progress(one, "reading")
    cut = [replace(chunk, id=f"{one.id}-{chunk.page}", document_id=one.id) for chunk in CHUNKS]
    assert catalog.save_text(one, PARSED, cut)
    assert catalog.searchable(one, {"reading": 0.5})


def test_what_may_be_shown_is_read_once_until_anything_changes_whoever_changes_it(
    catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    index(catalog, document())
    before = catalog.visible("reports"), catalog.collection("reports"), catalog.shown("reports")
    assert (before[0].ready, before[1].documents, list(before[2])) == ({"d1": "a.pdf"}, 1, ["d1"])
    with monkeypatch.context() as unread:
        unread.setattr(catalog, "read", None)
        assert (catalog.visible("reports"), catalog.collection("reports"), catalog.shown("reports")) == before
    other = Catalog(catalog._path)
    other.mark_deleting(document())
    assert (catalog.visible("reports").ready, catalog.collection("reports").documents) == ({}, 0)
    assert catalog.shown("reports") == {}
    other.close()
    index(catalog, document(2))
    assert list(catalog.visible("reports").ready) == ["d2"]


def test_text_pages_and_chunks_come_back_as_they_were(catalog: Catalog) -> None:
    index(catalog, document())
    kept = catalog.document("reports", "d1")
    assert (kept.state, kept.pages, kept.chunks, kept.title, kept.date) == (State.READY, 2, 2, "A title", 20240331)
    assert catalog.text(kept) == TEXT
    assert catalog.pages(kept) == list(PARSED.pages)
    assert [(one.page, one.start, one.end, one.heading, one.text) for one in catalog.chunks(kept)] == [
        (one.page, one.start, one.end, one.heading, one.text) for one in CHUNKS
    ]


def test_a_document_is_visible_once_its_whole_text_is_searchable(catalog: Catalog) -> None:
    one = document()
    catalog.enqueue(one)
    assert catalog.visible("reports").names == {}
    catalog.progress(one, "splitting", 1, 2)
    assert catalog.visible("reports").names == {}
    read(catalog, one)
    assert catalog.visible("reports") == Visible({}, {"d1": "a.pdf"})
    catalog.finish(one, 1.0, {})
    assert catalog.visible("reports") == Visible({"d1": "a.pdf"}, {})
    catalog.mark_deleting(one)
    assert catalog.visible("reports").names == {}


def test_the_same_bytes_again_are_no_news_but_a_failed_document_gets_another_try(catalog: Catalog) -> None:
    assert catalog.enqueue(document())
    assert not catalog.enqueue(document())
    catalog.fail(catalog.document("reports", "d1"), "no text", {"reading": 0.1})
    assert catalog.document("reports", "d1").reason == "no text"
    assert catalog.enqueue(document())
    assert catalog.document("reports", "d1").state is State.QUEUED


def test_interrupted_documents_wait_for_the_next_worker_oldest_first(catalog: Catalog) -> None:
    first, second = document(1), document(2, "b.pdf")
    catalog.enqueue(first)
    catalog.enqueue(second)
    catalog.progress(first, "reading", 3, 9)
    waiting = catalog.next_of((State.QUEUED, State.INDEXING))
    assert waiting is not None
    assert waiting.id == "d1"


def test_replacing_hides_the_old_one_in_the_moment_the_new_one_is_ready(catalog: Catalog) -> None:
    index(catalog, document(1))
    new = replace(document(2), replaces=True)
    catalog.enqueue(new)
    read(catalog, new)
    assert list(catalog.visible("reports").names) == ["d1"]  # never both
    assert [one.id for one in catalog.finish(new, 1.0, {}) or []] == ["d1"]
    assert list(catalog.visible("reports").names) == ["d2"]


def test_a_document_held_back_is_told_as_long_as_the_older_one_is_searched(catalog: Catalog) -> None:
    index(catalog, document(1))
    new = replace(document(2), replaces=True)
    catalog.enqueue(new)
    assert catalog.held_back() == set()
    read(catalog, new)
    assert catalog.held_back() == {("reports", "d2")}
    catalog.finish(new, 1.0, {})
    assert catalog.held_back() == set()


def test_documents_are_found_by_their_whole_ids_in_their_collections(catalog: Catalog) -> None:
    catalog.create_collection("copies", "copies", {})
    for number in (1, 11, 2):
        catalog.enqueue(document(number))
    keys = [("reports", "d1"), ("reports", "d2"), ("copies", "d11"), ("reports", "gone")]
    assert {one.id for one in catalog.among(keys)} == {"d1", "d2"}
    assert catalog.among([]) == []
    with pytest.raises(NotFoundError):
        catalog.document("reports", "d")


def test_asking_what_is_visible_costs_in_proportion_to_the_documents(catalog: Catalog) -> None:
    added: list[int] = []
    steps = []
    for many in (200, 800):
        for number in range(len(added), many):
            one = replace(document(number, f"{number}.pdf"), replaces=True)
            catalog.enqueue(one)
            catalog.progress(one, "indexing")
            catalog.searchable(one, {})
            added.append(number)
        steps.append(_steps(catalog))
    assert steps[1] < 8 * steps[0]  # 16 times would be each with each


def _steps(catalog: Catalog) -> int:
    """Hundreds of steps that SQLite takes to tell what is visible."""
    taken = 0

    def count() -> int:
        nonlocal taken
        taken += 1
        return 0

    with catalog.read() as connection:
        driver = connection.connection.driver_connection
        assert driver is not None
        driver.set_progress_handler(count, 100)
    assert len(catalog.visible("reports").names) > 0
    driver.set_progress_handler(None, 0)
    return taken


def test_a_cancelled_document_can_be_retried_and_its_first_worker_changes_nothing(catalog: Catalog) -> None:
    first = document()
    catalog.enqueue(first)
    catalog.progress(first, "reading")
    assert catalog.fail(first, "cancelled")
    assert not catalog.progress(first, "reading")
    assert catalog.retry(catalog.documents("reports")) == 1
    assert catalog.document("reports", "d1").state is State.QUEUED
    assert not catalog.progress(first, "splitting")
    assert not catalog.save_text(first, PARSED, CHUNKS)
    read(catalog, catalog.document("reports", "d1"))


def test_queued_anew_a_pending_replacement_still_replaces_and_a_cancelled_document_stays_cancelled(
    catalog: Catalog,
) -> None:
    index(catalog, document(1))
    pending = replace(document(2), replaces=True)
    cancelled = document(3, "b.pdf")
    for one in (pending, cancelled):
        catalog.enqueue(one)
    assert catalog.fail(cancelled, "cancelled", failure=Failure.CANCELLED)
    catalog.requeue(catalog.collection("reports"), "reports-2", {"model": "n"})
    states = {one.id: one.state for one in catalog.documents("reports")}
    assert states == {"d1": State.QUEUED, "d2": State.QUEUED, "d3": State.FAILED}
    for document_id in ("d1", "d2"):
        again = document_of(catalog, document_id)
        read(catalog, again)
        catalog.finish(again, 1.0, {})
    assert list(catalog.visible("reports").names) == ["d2"]
    catalog.requeue(catalog.collection("reports"), "reports-3", {"model": "o"})
    assert not document_of(catalog, "d2").replaces  # it has


def test_what_is_queued_while_others_are_unfinished_is_one_batch(catalog: Catalog) -> None:
    index(catalog, document(1))
    assert catalog.loads() == {}
    for number in (2, 3):
        catalog.enqueue(document(number, f"{number}.pdf"))
    assert {state: load.documents for state, load in catalog.loads().items()} == {State.QUEUED: 2}
    catalog.fail(document_of(catalog, "d2"), "damaged")
    assert {state: load.documents for state, load in catalog.loads().items()} == {State.QUEUED: 1, State.FAILED: 1}


def test_equal_chunks_are_known_by_their_digest(catalog: Catalog) -> None:
    digests = [one.digest for one in CHUNKS]
    waiting = document(1)
    catalog.enqueue(waiting)
    read(catalog, waiting)
    assert catalog.equals("reports", digests) == {}  # not before its vectors are there
    catalog.finish(waiting, 1.0, {})
    assert catalog.equals("reports", [*digests, "unknown"]) == {digests[0]: "d1-1", digests[1]: "d1-2"}


def test_a_document_knows_what_has_read_it_last(catalog: Catalog) -> None:
    catalog.enqueue(replace(document(), engines="pdf 1"))
    read(catalog, replace(document_of(catalog, "d1"), engines="pdf 2"))
    assert document_of(catalog, "d1").engines == "pdf 2"


def test_chunks_by_id_are_the_same_chunks(catalog: Catalog) -> None:
    index(catalog, document())
    chunks = {one.id: one for one in catalog.chunks(document())}
    assert catalog.chunks_by_id("reports", [*chunks, "unknown"]) == chunks


def test_what_ocr_has_read_is_kept_by_engine_until_the_document_goes(catalog: Catalog) -> None:
    index(catalog, document())
    page = OcrPage(2, (OcrLine("Zwei 🎉", 0.9, (0.1, 0.2, 0.3, 0.4)),), "engine 1")
    catalog.save_ocr("d1", [page])
    assert catalog.ocr("d1", "engine 1") == {2: page}
    assert catalog.ocr("d1", "engine 2") == {}
    delete(catalog, document())
    assert catalog.ocr("d1", "engine 1") == {}
    catalog.save_ocr("d1", [page])  # by a worker that has not heard of it yet
    assert catalog.ocr("d1", "engine 1") == {}


def test_what_ocr_has_read_goes_with_the_last_collection_that_has_the_document(catalog: Catalog) -> None:
    page = OcrPage(2, (OcrLine("Zwei", 0.9, (0.1, 0.2, 0.3, 0.4)),), "engine 1")
    catalog.create_collection("copies", "copies", {})
    catalog.enqueue(document())
    catalog.enqueue(replace(document(), collection="copies"))
    catalog.save_ocr("d1", [page])
    assert catalog.delete_collection(catalog.collection("reports").id) == []
    assert catalog.ocr("d1", "engine 1") == {2: page}
    assert catalog.delete_collection(catalog.collection("copies").id) == ["d1"]
    assert catalog.ocr("d1", "engine 1") == {}


def test_a_speed_follows_what_was_measured_last(catalog: Catalog) -> None:
    for _ in range(50):
        catalog.note_speed("embedding", 100, 2.0)
    assert catalog.speeds()["embedding"] == pytest.approx(50)
    for _ in range(50):
        catalog.note_speed("embedding", 100, 4.0)
    assert catalog.speeds()["embedding"] == pytest.approx(25, rel=0.05)


def test_a_document_deleted_meanwhile_cannot_become_ready(catalog: Catalog) -> None:
    one = document()
    catalog.enqueue(one)
    catalog.progress(one, "reading")
    delete(catalog, one)
    assert not catalog.progress(one, "embedding")
    assert catalog.finish(one, 1.0, {}) is None


def test_a_worker_cannot_finish_a_document_that_was_deleted_and_added_again(catalog: Catalog) -> None:
    first = document()
    catalog.enqueue(first)
    catalog.progress(first, "reading")
    delete(catalog, first)
    catalog.enqueue(document())
    assert not catalog.progress(first, "embedding")


def test_deleting_forgets_text_and_chunks_and_says_whether_the_bytes_are_needed_elsewhere(catalog: Catalog) -> None:
    catalog.create_collection("copies", "copies", {})
    other = Document("d1", "a.pdf", "copies", State.QUEUED, datetime.now(UTC))
    catalog.enqueue(other)
    index(catalog, document())
    assert not delete(catalog, document())
    assert catalog.text(document()) == ""
    assert catalog.chunks(document()) == []
    assert delete(catalog, other)


def test_a_stale_deletion_leaves_a_document_that_was_added_again(catalog: Catalog) -> None:
    index(catalog, document())
    catalog.mark_deleting(document())
    stale = document_of(catalog, "d1")
    assert catalog.enqueue(document())
    assert not catalog.delete(stale)
    read(catalog, document_of(catalog, "d1"))
    assert not catalog.delete(document_of(catalog, "d1"))  # nobody wants that
    assert catalog.text(document()) == TEXT


def test_what_failed_is_to_be_cleared_until_it_was(catalog: Catalog) -> None:
    for number in (1, 2, 3):
        catalog.enqueue(document(number))
    catalog.fail(document_of(catalog, "d1"), "damaged")
    catalog.mark_deleting(document_of(catalog, "d2"))
    assert {one.id for one in catalog.uncleared()} == {"d1", "d2"}
    catalog.note_cleared(document_of(catalog, "d1"))
    assert {one.id for one in catalog.uncleared()} == {"d2"}


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
        for name, reason in (("c", "It was cancelled. Retry it to index it after all."), ("b", "It is broken.")):
            old.execute(
                "INSERT INTO documents VALUES ('c', ?, ?, 'failed', '2026-01-01T00:00:00.000000+00:00', 'T', "
                "'application/pdf', 10, 2, 2, 20260101, '[]', ?, 1.0, '', 0, 0, 0)",
                (name, name, reason),
            )
        old.execute("INSERT INTO texts VALUES ('c', 'd1', '🎉 one\n\ntwo')")
        old.execute("INSERT INTO pages VALUES ('c', 'd1', 1, 0, 5, '', '[]'), ('c', 'd1', 2, 7, 10, '', '[]')")
    old.close()
    catalog = Catalog(path)
    assert [one.text for one in catalog.pages(catalog.document("reports", "d1"))] == ["🎉 one", "two"]
    assert catalog.visible("reports").ready == {"d1": "a.pdf"}
    assert catalog.text(catalog.document("reports", "d1")) == "🎉 one\n\ntwo"
    failures = {one.id: one.failure for one in catalog.documents(states=[State.FAILED])}
    assert failures == {"c": Failure.CANCELLED, "b": None}
    index(catalog, document(2, "b.pdf"))
    assert set(catalog.visible("reports").names) == {"d1", "d2"}
    catalog.close()


@pytest.mark.parametrize("span", [(0, 5), (6, 12), (13, 14), (16, 22), (10, 20), (40, 50)])
def test_a_passage_is_what_stands_there_on_one_page_or_across(catalog: Catalog, span: tuple[int, int]) -> None:
    index(catalog, document())
    assert catalog.passage("reports", "d1", *span) == TEXT[slice(*span)]
    assert catalog.passage("reports", "d9", *span) == ""


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
