"""Ingestion as its users see it: words before vectors, versions, cancelling, retrying, preflight, scans, patience."""

from __future__ import annotations

import os
import threading
import time
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import psutil
import pytest
from PIL import Image, ImageDraw, ImageFont
from pypdf import PdfWriter

import rag.lexical
from rag.errors import (
    DocumentError,
    EncryptedError,
    FolderInUseError,
    InputError,
    NotFoundError,
    ParseLimitError,
    StorageError,
    StoreUnavailableError,
)
from rag.records import UNFINISHED, Document, Failure, IngestEvent, ParsedDocument, Preflight, State
from rag.workspace import Upload, Workspace
from tests import bombs, pdfs
from tests.conftest import NOTES, outcomes

pytestmark = pytest.mark.end_to_end

Make = Callable[..., Workspace]
RENT = "How high is the rent?"


@contextmanager
def vectors_held(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """Documents stay searchable inside: their chunks are not embedded. Gives an event that is set as one tries."""
    trying, goes_on = threading.Event(), threading.Event()
    upsert = workspace.store.upsert

    def held(*arguments: object) -> None:
        trying.set()
        assert goes_on.wait(30)
        upsert(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(workspace.store, "upsert", held)
    try:
        yield trying
    finally:
        goes_on.set()


def scanned_pdf(lines: Sequence[str]) -> bytes:
    """A PDF whose pages are pictures of a line of text each."""
    pages = []
    for line in lines:
        page = Image.new("L", (1200, 400), 255)
        ImageDraw.Draw(page).text((60, 150), line, fill=0, font=ImageFont.load_default(56))
        pages.append(page)
    buffer = BytesIO()
    pages[0].save(buffer, "PDF", save_all=True, append_images=pages[1:], resolution=120)
    return buffer.getvalue()


def joined(*files: bytes) -> bytes:
    """One PDF of the pages of several."""
    writer, buffer = PdfWriter(), BytesIO()
    for one in files:
        writer.append(BytesIO(one))
    writer.write(buffer)
    return buffer.getvalue()


def queue(workspace: Workspace, *paths: Path, **how: object) -> None:
    """Hand files in without waiting for them."""
    events = workspace.ingest(paths, **how)  # type: ignore[arg-type]
    for _ in paths:
        next(events)


def wait_for(condition: Callable[[], bool], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come to pass"
        time.sleep(0.02)


def only(workspace: Workspace) -> Document:
    (document,) = workspace.documents()
    return document


def embedded(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The texts that are embedded from now on."""
    texts: list[str] = []
    encode = workspace.embedder.encode_passages

    def counting(some: list[str]) -> object:
        texts.extend(some)
        return encode(some)

    monkeypatch.setattr(workspace.embedder, "encode_passages", counting)
    return texts


def test_a_document_is_found_by_its_words_while_its_vectors_are_being_made(
    workspace: Workspace, notes: Path, recipe: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    list(workspace.ingest([recipe]))
    with vectors_held(workspace, monkeypatch) as trying:
        queue(workspace, notes)
        assert trying.wait(30)
        answer = workspace.ask(RENT)
        assert "84,000 euros" in answer.text
        best = workspace.search(RENT, k=2)[0]
        assert (best.name, best.ranks) == ("lease.md", {"lexical": 1, "late": 1})
        assert 0.35 < best.scores["dense"] <= 1
        assert all(hit.name == "bread.txt" for hit in workspace.search(RENT, where={"type": "txt"}))
        assert all(hit.name == "lease.md" for hit in workspace.search("bread and rent", where={"type": "md"}))
    workspace.drain()
    assert workspace.search(RENT, k=1)[0].ranks == {"lexical": 1, "dense": 1, "late": 1}


def test_a_new_version_is_never_seen_beside_the_old_one_and_embeds_only_what_changed(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "terms.txt"
    articles = [
        f"Article {number}. The fee number {number} is {number * 7} euros a month. " * 12 for number in range(9)
    ]
    path.write_text("\n\n".join(articles))
    list(workspace.ingest([path]))
    old = only(workspace)
    articles[4] = articles[4].replace("28 euros", "29 euros")
    path.write_text("\n\n".join(articles))
    texts = embedded(workspace, monkeypatch)
    with vectors_held(workspace, monkeypatch) as trying:
        queue(workspace, path, replace_namesakes=True)
        assert trying.wait(30)
        assert {hit.chunk.document_id for hit in workspace.search("What is the fee number 4?", k=50)} == {old.id}
    workspace.drain()
    new = only(workspace)
    assert new.id != old.id
    found = workspace.search("What is the fee number 4?", k=50)
    assert {hit.chunk.document_id for hit in found} == {new.id}
    assert any("29 euros" in hit.chunk.text for hit in found)
    assert 0 < len([one for one in texts if "Article" in one]) < new.chunks / 2
    assert workspace.check() == []


def test_equal_chunks_are_embedded_once(workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = "The warranty covers parts and labour for two years from delivery."
    path = tmp_path / "manual.pdf"
    path.write_bytes(pdfs.text_pdf([page] * 40))
    texts = embedded(workspace, monkeypatch)
    list(workspace.ingest([path]))
    assert only(workspace).chunks == 40
    assert len(texts) == 1
    assert len(workspace.search("How long is the warranty?", k=40)) == 40


def test_a_cancelled_document_leaves_nothing_and_can_be_retried(
    workspace: Workspace, notes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with vectors_held(workspace, monkeypatch) as trying:
        queue(workspace, notes)
        assert trying.wait(30)
        cancelled = workspace.cancel(only(workspace).id)
        assert (cancelled.state, cancelled.failure, "Retry" in cancelled.reason) == (
            State.FAILED,
            Failure.CANCELLED,
            True,
        )
        assert workspace.search(RENT) == []
    name = workspace.collection().store_name
    wait_for(lambda: not workspace.catalog.uncleared())
    assert workspace.store.chunk_ids(name, cancelled.id) == []
    assert workspace.store.companion.ids(name) == set()
    assert workspace.lexical.chunk_ids(name) == set()
    assert [one.id for one in workspace.retry()] == [cancelled.id]
    workspace.drain()
    assert "84,000" in workspace.ask(RENT).text
    assert workspace.retry() == []


def test_what_was_cancelled_is_not_counted_as_failed_and_not_deleted_with_what_did(
    workspace: Workspace, notes: Path, recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = tmp_path / "broken.pdf"
    broken.write_bytes(b"%PDF-1.7 no more")
    with vectors_held(workspace, monkeypatch) as trying:
        events = workspace.ingest([notes, recipe, broken])
        assert trying.wait(30)
        wait_for(lambda: {one.state for one in workspace.documents()} == {State.SEARCHABLE, State.FAILED})
        (bread,) = [one for one in workspace.documents() if one.name == "bread.txt"]
        workspace.cancel(bread.id)
        progress = workspace.progress()
        assert progress is not None
        assert (progress.finished, progress.failed, progress.cancelled) == (2, 1, 1)
    assert outcomes(events) == {"lease.md": "ready", "bread.txt": "cancelled", "broken.pdf": "failed"}
    assert [one.name for one in workspace.delete_failed()] == ["broken.pdf"]
    assert [one.name for one in workspace.documents()] == ["bread.txt", "lease.md"]
    ready = workspace.cancel(workspace.documents()[1].id)
    assert (ready.state, ready.failure) == (State.READY, None)


@contextmanager
def held_at(monkeypatch: pytest.MonkeyPatch, owner: object, name: str) -> Iterator[tuple[threading.Event, list[int]]]:
    """Inside, the first call of a function waits. Gives an event that is set by it, and a list that all calls make
    longer."""
    trying, goes_on, calls = threading.Event(), threading.Event(), []
    function = getattr(owner, name)

    def held(*arguments: object) -> object:
        calls.append(1)
        trying.set()
        assert goes_on.wait(30)
        return function(*arguments)

    monkeypatch.setattr(owner, name, held)
    try:
        yield trying, calls
    finally:
        goes_on.set()


def test_a_long_text_that_is_cancelled_while_it_is_cut_is_cut_no_further(
    workspace: Workspace, notes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rag.ingestion.parts.LOOK_SECONDS", 0)
    long = tmp_path / "long.txt"
    long.write_text("The fee of the article is nine euros.\n" * 60_000)  # 2 million characters
    with held_at(monkeypatch, workspace.embedder, "token_offsets") as (trying, parts):
        queue(workspace, long)
        assert trying.wait(30)
        workspace.cancel(only(workspace).id)
    list(workspace.ingest([notes]))
    assert {one.name: one.state for one in workspace.documents()} == {
        "long.txt": State.FAILED,
        "lease.md": State.READY,
    }
    assert len(parts) == 2  # of the long one and of the notes


def test_a_long_text_that_is_cancelled_while_its_words_are_indexed_is_not_indexed_any_further(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rag.ingestion.parts.LOOK_SECONDS", 0)
    long = tmp_path / "long.txt"
    long.write_text("".join(f"The fee of article {number} is {number} euros.\n" for number in range(4000)))
    with held_at(monkeypatch, rag.lexical, "row") as (trying, rows):
        queue(workspace, long)
        assert trying.wait(30)
        document = workspace.cancel(only(workspace).id)
    wait_for(lambda: workspace.lexical.chunk_ids(workspace.collection().store_name) == set())
    workspace.close()
    assert document.chunks > 100
    assert len(rows) == 1


def test_the_folder_stays_in_use_until_work_on_it_has_ended(
    make_workspace: Make, notes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rag.workspace.opened.STOP_SECONDS", 0.1)
    first = make_workspace()
    with vectors_held(first, monkeypatch) as trying:
        queue(first, notes)
        assert trying.wait(30)
        first.close()
        assert first.folder.owned
        with pytest.raises(FolderInUseError):
            make_workspace()
    wait_for(lambda: not first.folder.owned)
    second = make_workspace()
    second.worker.start()
    second.drain()
    assert only(second).state is State.READY
    assert second.check() == []


def test_closing_stops_a_preflight_and_nothing_can_be_asked_any_more(workspace: Workspace, tmp_path: Path) -> None:
    slow = tmp_path / "slow.pdf"
    slow.write_bytes(bombs.flate_bomb_pdf(20))  # takes a minute to read
    found: list[Preflight] = []
    checking = threading.Thread(target=lambda: found.append(workspace.preflight(slow)))
    checking.start()
    wait_for(lambda: bool(psutil.Process().children()))
    workspace.close()
    checking.join(timeout=10)
    assert ["Try again" in one.problem for one in found] == [True]
    with pytest.raises(StorageError, match="has been closed"):
        workspace.documents()
    assert workspace.preflight(slow).problem != ""


def test_all_that_failed_is_retried_at_once(
    workspace: Workspace, notes: Path, recipe: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as broken:
        broken.setattr(workspace.lexical, "replace", _no_space)
        assert set(outcomes(workspace.ingest([notes, recipe])).values()) == {"failed"}
    assert all("disk" in one.reason for one in workspace.documents())
    events = workspace.follow(workspace.retry())
    assert outcomes(events) == {"lease.md": "ready", "bread.txt": "ready"}


def test_a_store_that_is_away_is_waited_for(make_workspace: Make, notes: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    workspace = make_workspace(store_patience=60)
    monkeypatch.setattr("rag.ingestion.vectors.RETRY_SECONDS", 0.05)
    create, away = workspace.store.create, threading.Event()

    def sometimes(*arguments: object) -> None:
        if not away.is_set():
            raise StoreUnavailableError("The Chroma server does not answer. Start it.")
        create(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(workspace.store, "create", sometimes)
    queue(workspace, notes)
    wait_for(lambda: only(workspace).reason != "")
    waiting = only(workspace)
    assert (waiting.state, "does not answer" in waiting.reason) == (State.SEARCHABLE, True)
    progress = workspace.progress()
    assert progress is not None
    assert "does not answer" in progress.reason
    away.set()
    workspace.drain()
    assert (only(workspace).state, only(workspace).reason) == (State.READY, "")


def test_a_store_that_stays_away_fails_the_document_in_the_end(
    make_workspace: Make, notes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace = make_workspace(store_patience=0.2)
    monkeypatch.setattr("rag.ingestion.vectors.RETRY_SECONDS", 0.05)

    def away(*_arguments: object) -> None:
        raise StoreUnavailableError("The Chroma server does not answer. Start it.")

    monkeypatch.setattr(workspace.store, "create", away)
    assert outcomes(workspace.ingest([notes])) == {"lease.md": "failed"}


def test_progress_counts_what_was_queued_together(
    workspace: Workspace, notes: Path, recipe: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert workspace.progress() is None
    with vectors_held(workspace, monkeypatch) as trying:
        queue(workspace, notes, recipe)
        assert trying.wait(30)
        wait_for(lambda: all(one.state is State.SEARCHABLE for one in workspace.documents()))
        progress = workspace.progress()
        assert progress is not None
        assert (progress.documents, progress.finished, progress.searchable) == (2, 0, 2)
        assert 0 < progress.fraction < 1
        assert [one.name for one in workspace.waiting(1)] == ["lease.md"]  # it is the one being embedded
    workspace.drain()
    assert workspace.progress() is None


def test_watched_are_the_unfinished_and_those_asked_for(
    workspace: Workspace, notes: Path, recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    list(workspace.ingest([notes, recipe]))
    mine = next((one.collection, one.id) for one in workspace.documents() if one.name == "bread.txt")
    new = tmp_path / "new.txt"
    new.write_text("The parking space costs 90 euros.")
    with vectors_held(workspace, monkeypatch) as trying:
        queue(workspace, new)
        assert trying.wait(30)
        assert [one.name for one in workspace.watched([mine, ("documents", "gone")])] == ["bread.txt", "new.txt"]
        assert workspace.held_back() == set()
    workspace.drain()
    assert [one.name for one in workspace.watched([mine])] == ["bread.txt"]
    workspace.delete(mine[1])
    assert workspace.watched([mine]) == []


def test_preflight_says_what_will_happen_and_changes_nothing(workspace: Workspace, notes: Path, tmp_path: Path) -> None:
    found = workspace.preflight(notes)
    assert (found.pages, found.problem, found.duplicate_of, found.replaces) == (1, "", None, ())
    assert found.chunks == found.new_chunks > 0
    assert found.seconds is not None
    assert workspace.documents() == []
    assert [one.text for one in workspace.preview(found)] != []
    preview = workspace.preview(found)
    list(workspace.ingest([workspace.kept(found)]))
    document = only(workspace)
    assert (document.name, document.chunks) == ("lease.md", found.chunks)
    assert [one.text for one in workspace.chunks(document)] == [one.text for one in preview]
    copy = tmp_path / "copy.md"
    copy.write_text(NOTES, encoding="utf-8")
    again = workspace.preflight(copy)
    assert again.duplicate_of is not None
    assert again.duplicate_of.name == "lease.md"
    notes.write_text(NOTES + "\nPets are welcome.\n", encoding="utf-8")
    newer = workspace.preflight(notes)
    assert [one.id for one in newer.replaces] == [document.id]
    assert newer.new_chunks < newer.chunks or newer.chunks == 1


def test_what_preflight_has_read_is_not_read_again(
    workspace: Workspace, notes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = workspace.preflight(notes)
    monkeypatch.setattr(workspace.reader, "parse", _no_space)
    assert outcomes(workspace.ingest([workspace.kept(found)])) == {"lease.md": "ready"}


def test_what_was_read_under_another_name_is_read_as_what_it_is_now_called(
    workspace: Workspace, tmp_path: Path
) -> None:
    rows = "".join(f"firm {number},{number * 10},{2000 + number % 20}\n" for number in range(200))
    note, table = tmp_path / "draft notes.txt", tmp_path / "sales.csv"
    for path in (note, table):
        path.write_text("name,amount,year\n" + rows)
    workspace.preflight(note)
    assert outcomes(workspace.ingest([table])) == {"sales.csv": "ready"}
    document = only(workspace)
    assert (document.title, document.media_type) == ("sales", "text/csv")
    assert all(one.heading == "name | amount | year" for one in workspace.chunks(document))


@pytest.mark.parametrize("password", ["", "wrong"])
def test_preflight_asks_for_the_password(workspace: Workspace, tmp_path: Path, password: str) -> None:
    path = tmp_path / "secret.pdf"
    path.write_bytes(pdfs.encrypted_pdf(pdfs.text_pdf(["The vault opens at nine."]), "sesame"))
    found = workspace.preflight(path, password=password)
    assert found.encrypted
    assert "password" in found.problem


def test_a_locked_file_that_no_password_opens_here_is_not_asked_for_one(workspace: Workspace, tmp_path: Path) -> None:
    path = tmp_path / "locked.docx"
    path.write_bytes(bytes.fromhex("d0cf11e0a1b11ae1") + "EncryptedPackage".encode("utf-16-le").rjust(3000, b"\0"))
    found = workspace.preflight(path)
    assert (found.encrypted, "password" in found.problem) == (False, True)


def test_a_document_opened_with_its_password_stays_readable_and_the_password_is_kept_nowhere(
    workspace: Workspace, tmp_path: Path
) -> None:
    path = tmp_path / "secret.pdf"
    path.write_bytes(pdfs.encrypted_pdf(pdfs.text_pdf(["The vault opens at nine."]), "sesame-1234"))
    found = workspace.preflight(path, password="sesame-1234")
    assert (found.pages, found.problem) == (1, "")
    assert outcomes(workspace.ingest([workspace.kept(found)])) == {"secret.pdf": "ready"}
    assert "nine" in workspace.ask("When does the vault open?").text
    assert outcomes(workspace.rebuild()) == {"secret.pdf": "ready"}
    assert workspace.folder.original(found.document).read_bytes() == path.read_bytes()
    kept = [one for one in workspace.folder.path.rglob("*") if one.is_file()]
    assert not [one for one in kept if b"sesame-1234" in one.read_bytes()]
    if os.name == "posix":  # nobody else on the machine reads what is kept of it
        modes = {one.name.partition(".")[2]: one.stat().st_mode & 0o777 for one in workspace.folder.files.iterdir()}
        assert modes == {"": 0o600, "unlocked": 0o600}
    workspace.delete(found.document)
    assert list(workspace.folder.files.iterdir()) == []


@pytest.mark.parametrize("collection", ["documents", "second"])
def test_a_wrong_password_is_refused_though_the_file_was_opened_before(
    workspace: Workspace, tmp_path: Path, collection: str
) -> None:
    path = tmp_path / "secret.pdf"
    path.write_bytes(pdfs.encrypted_pdf(pdfs.text_pdf(["The vault opens at nine."]), "sesame"))
    assert outcomes(workspace.ingest([path], password="sesame")) == {"secret.pdf": "ready"}
    (event,) = [one for one in workspace.ingest([path], collection, password="wrong") if one.outcome]
    assert (event.outcome, "password" in event.reason) == ("failed", True)
    assert workspace.preflight(path, collection, password="wrong").encrypted
    assert [one.collection for one in workspace.documents()] == ["documents"]
    assert "nine" in workspace.ask("When does the vault open?").text


def test_a_password_given_while_ingesting_opens_those_that_need_one(workspace: Workspace, tmp_path: Path) -> None:
    locked, plain = tmp_path / "locked.pdf", tmp_path / "plain.pdf"
    locked.write_bytes(pdfs.encrypted_pdf(pdfs.text_pdf(["The vault opens at nine."]), "sesame"))
    plain.write_bytes(pdfs.text_pdf(["The garden opens at ten."]))
    done = outcomes(workspace.ingest([locked, plain], password="sesame"))
    assert done == {"locked.pdf": "ready", "plain.pdf": "ready"}


def test_a_password_opens_a_file_that_is_still_being_deleted(workspace: Workspace, tmp_path: Path) -> None:
    path = tmp_path / "locked.pdf"
    path.write_bytes(pdfs.encrypted_pdf(pdfs.text_pdf(["The vault opens at nine."]), "sesame"))
    assert outcomes(workspace.ingest([path])) == {"locked.pdf": "failed"}
    workspace.catalog.mark_deleting(only(workspace))
    assert outcomes(workspace.ingest([path], password="sesame")) == {"locked.pdf": "ready"}


def test_a_locked_file_of_an_archive_can_be_given_its_password_afterwards(workspace: Workspace, tmp_path: Path) -> None:
    path = tmp_path / "all.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("locked.pdf", pdfs.encrypted_pdf(pdfs.text_pdf(["The vault opens at nine."]), "sesame"))
    assert outcomes(workspace.ingest([path])) == {"locked.pdf": "failed"}
    wait_for(lambda: not workspace.catalog.uncleared())
    locked = only(workspace)
    assert (locked.failure, "--ask-password" in locked.reason) == (Failure.LOCKED, True)
    with pytest.raises(InputError, match="name the document"):
        workspace.retry(password="sesame")
    with pytest.raises(EncryptedError, match="does not open"):
        workspace.retry(locked.id, password="wrong")
    assert only(workspace) == locked
    assert outcomes(workspace.follow(workspace.retry(locked.id, password="sesame"))) == {"locked.pdf": "ready"}
    assert only(workspace).failure is None


def test_a_scan_is_read_by_ocr_page_by_page_and_says_so(workspace: Workspace, tmp_path: Path) -> None:
    path = tmp_path / "scan.pdf"
    path.write_bytes(scanned_pdf(["THE DEPOSIT IS 4200 EUROS", "THE LEASE ENDS IN MARCH 2031"]))
    stages = {(one.stage, one.done) for one in workspace.ingest([path])}
    assert {("ocr", 0), ("ocr", 1)} <= stages
    document = only(workspace)
    assert (document.state, document.ocr_pages) == (State.READY, 2)
    assert document.seconds >= document.timings["ocr"] > 0
    assert 0.5 < document.ocr_confidence <= 1
    answer = workspace.ask("When does the lease end?")
    assert "2031" in answer.text
    assert answer.citations[0].page == 2
    assert all(page.ocr for page in workspace.pages(document))


def test_text_files_go_before_a_scan_that_is_still_being_read(
    workspace: Workspace, notes: Path, tmp_path: Path
) -> None:
    scan = tmp_path / "scan.pdf"
    scan.write_bytes(scanned_pdf([f"PAGE NUMBER {number} OF THE SCAN" for number in range(1, 6)]))
    queue(workspace, scan)
    wait_for(lambda: only(workspace).stage == "ocr")
    list(workspace.ingest([notes]))
    states = {one.name: one.state for one in workspace.documents()}
    assert states == {"lease.md": State.READY, "scan.pdf": State.INDEXING}


def test_scans_are_read_one_at_a_time_and_the_others_say_that_they_wait(workspace: Workspace, tmp_path: Path) -> None:
    paths = [tmp_path / f"scan {number}.pdf" for number in range(3)]
    for number, path in enumerate(paths):
        path.write_bytes(scanned_pdf([f"PAGE {page} OF SCAN {number}" for page in range(2)]))
    queue(workspace, *paths)
    seen: set[tuple[tuple[str, int, int, int], ...]] = set()
    while workspace.progress() is not None:
        now = [(one.stage, one.done, one.total, one.pages) for one in workspace.documents()]
        seen.add(tuple(now))
        time.sleep(0.01)
    assert max(sum(stage == "ocr" for stage, *_ in now) for now in seen) == 1
    assert any(now[0][:2] == ("ocr", 1) and now[1:] == (("waiting", 0, 2, 2),) * 2 for now in seen)


def test_what_ocr_has_read_is_not_read_again(
    make_workspace: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scan = tmp_path / "scan.pdf"
    scan.write_bytes(scanned_pdf(["THE DEPOSIT IS 4200 EUROS", "THE LEASE ENDS IN MARCH 2031"]))
    first = make_workspace()
    queue(first, scan)
    wait_for(lambda: only(first).stage == "ocr" and only(first).done == 1)
    first.close()  # in the middle of the scan
    second = make_workspace()
    read: list[int] = []
    recognise = second.reader.recognise

    def counting(path: Path, name: str, pages: list[int], **more: object) -> object:
        read.extend(pages)
        return recognise(path, name, pages, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(second.reader, "recognise", counting)
    second.worker.start()
    second.drain()
    assert read == [2]
    assert only(second).ocr_pages == 2


def fail_on_page(workspace: Workspace, monkeypatch: pytest.MonkeyPatch, failing: int) -> None:
    """Let OCR go over its time on a page, as on a machine that has much else to do."""
    recognise = workspace.reader.recognise

    def hasty(path: Path, name: str, pages: list[int], **more: object) -> object:
        if failing in pages:
            raise ParseLimitError("Reading page 2 by OCR takes more time than allowed: raise RAG_OCR_SECONDS.")
        return recognise(path, name, pages, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(workspace.reader, "recognise", hasty)


def half_read(workspace: Workspace, folder: Path, monkeypatch: pytest.MonkeyPatch) -> IngestEvent:
    """Ingest a scan of two pages, the second of which OCR cannot read this time; its last event."""
    path = folder / "scan.pdf"
    path.write_bytes(scanned_pdf(["THE DEPOSIT IS 4200 EUROS", "THE LEASE ENDS IN MARCH 2031"]))
    with monkeypatch.context() as busy:
        fail_on_page(workspace, busy, 2)
        return list(workspace.ingest([path]))[-1]


def test_a_page_that_ocr_could_not_read_is_counted_and_read_when_tried_again(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    last = half_read(workspace, tmp_path, monkeypatch)
    assert (last.outcome, last.ocr_pages, last.unread_pages) == ("ready", 1, 1)
    assert "4200" in workspace.text(only(workspace).id)
    assert [one.name for one in workspace.retry()] == ["scan.pdf"]
    workspace.drain()
    document = only(workspace)
    assert (document.state, document.ocr_pages, document.unread_pages) == (State.READY, 2, 0)
    assert "2031" in workspace.ask("When does the lease end?").text
    assert workspace.retry() == []


def test_a_page_that_ocr_could_not_read_is_read_by_a_rebuild(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    half_read(workspace, tmp_path, monkeypatch)
    list(workspace.rebuild())
    assert (only(workspace).ocr_pages, only(workspace).unread_pages) == (2, 0)


def test_a_scan_of_which_no_page_could_be_read_says_why(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "scan.pdf"
    path.write_bytes(scanned_pdf(["THE DEPOSIT IS 4200 EUROS"]))
    fail_on_page(workspace, monkeypatch, 1)
    assert outcomes(workspace.ingest([path])) == {"scan.pdf": "failed"}
    assert "RAG_OCR_SECONDS" in only(workspace).reason


def test_the_pages_of_a_scan_are_read_without_fetching_the_others_each_time(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "scan.pdf"
    path.write_bytes(scanned_pdf([f"PAGE NUMBER {number} OF THE SCAN" for number in range(1, 7)]))
    fetched: list[str] = []
    kept_parse, ocr = workspace.folder.kept_parse, workspace.catalog.ocr
    monkeypatch.setattr(workspace.folder, "kept_parse", lambda *given: fetched.append("file") or kept_parse(*given))
    monkeypatch.setattr(workspace.catalog, "ocr", lambda *given: fetched.append("pages") or ocr(*given))
    assert outcomes(workspace.ingest([path])) == {"scan.pdf": "ready"}
    assert only(workspace).ocr_pages == 6
    assert fetched.count("pages") == 1
    assert fetched.count("file") <= 2


def test_with_ocr_switched_off_a_scan_says_what_it_needs(make_workspace: Make, tmp_path: Path) -> None:
    path = tmp_path / "scan.pdf"
    path.write_bytes(scanned_pdf(["THE DEPOSIT IS 4200 EUROS"]))
    workspace = make_workspace(ocr=False)
    assert outcomes(workspace.ingest([path])) == {"scan.pdf": "failed"}
    assert "RAG_OCR" in only(workspace).reason


def test_tags_are_kept_and_filter(workspace: Workspace, notes: Path, recipe: Path) -> None:
    list(workspace.ingest([notes], tags=["legal", " legal ", "2024"]))
    list(workspace.ingest([recipe]))
    assert {one.name: one.tags for one in workspace.documents()} == {"lease.md": ("legal", "2024"), "bread.txt": ()}
    assert {hit.name for hit in workspace.search("anything", where={"tag": "legal"})} == {"lease.md"}


def test_documents_read_by_older_readers_are_read_anew_when_uploaded_again(
    workspace: Workspace, notes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    list(workspace.ingest([notes]))
    assert outcomes(workspace.ingest([notes])) == {"lease.md": "duplicate"}
    with workspace.catalog.write() as connection:
        connection.exec_driver_sql("UPDATE documents SET engines = 'text 0'")
    texts = embedded(workspace, monkeypatch)
    assert outcomes(workspace.ingest([notes])) == {"lease.md": "ready"}
    assert texts == []  # what it says has not changed
    assert workspace.check() == []


@contextmanager
def read_anew(workspace: Workspace, source: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Upload what older readers have read once more, and hold the reading of it inside."""
    with workspace.catalog.write() as connection:
        connection.exec_driver_sql("UPDATE documents SET engines = 'text 0'")
    parse, begun, go_on = workspace.reader.parse, threading.Event(), threading.Event()

    def held(*given: Any, **more: Any) -> ParsedDocument:
        begun.set()
        assert go_on.wait(30)
        return parse(*given, **more)

    with monkeypatch.context() as patched:
        patched.setattr(workspace.reader, "parse", held)
        workspace.ingest([source])
        assert begun.wait(30)
        yield
        go_on.set()
        workspace.drain()


def scratched(*given: object, **more: object) -> ParsedDocument:
    raise DocumentError("The disk has a scratch.")


def rent(workspace: Workspace) -> list[str]:
    return [hit.chunk.text for hit in workspace.search(RENT) if "84,000" in hit.chunk.text]


def test_a_document_that_is_read_anew_is_searched_meanwhile(
    workspace: Workspace, notes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    list(workspace.ingest([notes]))
    before = rent(workspace)
    with read_anew(workspace, notes, monkeypatch):
        assert only(workspace).state is State.INDEXING
        assert workspace.collection().documents == 1
        assert before
        assert rent(workspace) == before
        assert workspace.search(RENT, where={"name": "lease.md", "page": 1})
        assert workspace.ask(RENT).citations
    assert (only(workspace).state, only(workspace).served) == (State.READY, False)
    assert rent(workspace) == before


def test_a_document_that_cannot_be_read_anew_stays_as_it_was_and_says_why(
    workspace: Workspace, notes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    list(workspace.ingest([notes]))
    before = rent(workspace)
    with monkeypatch.context() as broken:
        broken.setattr(workspace.reader, "parse", scratched)
        with workspace.catalog.write() as connection:
            connection.exec_driver_sql("UPDATE documents SET engines = 'text 0'")
        last = list(workspace.ingest([notes]))[-1]
    assert last.outcome == "failed"
    assert "as it was read before. The disk has a scratch." in last.reason
    assert only(workspace).state is State.READY
    assert rent(workspace) == before
    assert workspace.check() == []
    assert [one.name for one in workspace.retry()] == ["lease.md"]
    workspace.drain()
    assert (only(workspace).state, only(workspace).reason) == (State.READY, "")
    assert workspace.retry() == []
    assert rent(workspace) == before


def test_cancelling_a_document_that_is_read_anew_leaves_it_as_it_was(
    workspace: Workspace, notes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    list(workspace.ingest([notes]))
    with read_anew(workspace, notes, monkeypatch):
        assert workspace.cancel(only(workspace).id).state is State.READY
    assert (only(workspace).state, only(workspace).failure, only(workspace).reason) == (State.READY, None, "")
    assert rent(workspace)
    assert workspace.check() == []


def test_reading_an_old_version_anew_does_not_remove_a_newer_one(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, new = tmp_path / "old" / "scan.pdf", tmp_path / "new" / "scan.pdf"
    for path in (old, new):
        path.parent.mkdir()
        path.write_bytes(scanned_pdf([f"THE DEPOSIT IS 4200 EUROS {path.parent.name}", "PAGE TWO"]))
    with monkeypatch.context() as busy:
        fail_on_page(workspace, busy, 2)
        list(workspace.ingest([old], replace_namesakes=True))
    list(workspace.ingest([new]))
    assert len(workspace.retry()) == 1
    workspace.drain()
    assert len(workspace.documents()) == 2


def test_after_a_rebuild_what_older_readers_have_read_is_a_duplicate(workspace: Workspace, notes: Path) -> None:
    list(workspace.ingest([notes]))
    with workspace.catalog.write() as connection:
        connection.exec_driver_sql("UPDATE documents SET engines = 'text 0'")
    assert outcomes(workspace.rebuild()) == {"lease.md": "ready"}
    assert outcomes(workspace.ingest([notes])) == {"lease.md": "duplicate"}


def test_a_rebuild_leaves_a_cancelled_document_alone_and_lets_a_new_version_replace_the_old_one(
    make_workspace: Make, notes: Path, recipe: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = make_workspace()
    list(first.ingest([notes]))
    notes.write_text(NOTES.replace("84,000", "97,000"), encoding="utf-8")
    with vectors_held(first, monkeypatch) as trying:
        queue(first, notes, replace_namesakes=True)
        assert trying.wait(30)
        queue(first, recipe)
        first.cancel(next(one.id for one in first.documents() if one.name == "bread.txt"))
        first.ingestion.stop()
    first.close()
    second = make_workspace()
    list(second.rebuild())
    second.drain()
    assert {one.name: one.state for one in second.documents()} == {
        "lease.md": State.READY,
        "bread.txt": State.FAILED,
    }
    assert len(second.documents()) == 2
    assert "97,000" in second.ask(RENT).text


def test_a_document_that_is_read_with_more_pages_has_the_right_vectors(
    make_workspace: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rag.ingestion.vectors.AT_ONCE", 1)
    pages = [f"Article {number} is about the {what}." for number, what in enumerate(("roof", "rent", "key", "yard"))]
    path = tmp_path / "terms.pdf"
    covers = scanned_pdf(["THE COVER OF THE TERMS", "THE CONTENTS OF THE TERMS"])
    path.write_bytes(joined(covers, pdfs.text_pdf([pages[0], *pages])))  # one is there twice
    first = make_workspace(ocr=False)
    list(first.ingest([path]))
    first.close()
    second = make_workspace()
    texts = embedded(second, monkeypatch)
    assert outcomes(second.ingest([path])) == {"terms.pdf": "ready"}
    chunks = second.chunks(only(second))
    assert len(chunks) == 7  # each page has moved by two
    assert [one for one in texts if "Article" in one] == []
    for chunk in chunks:
        assert second.search(chunk.text, k=1)[0].chunk.text == chunk.text
    assert second.check() == []


def test_deleted_while_it_waits_or_is_embedded(
    workspace: Workspace, notes: Path, recipe: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with vectors_held(workspace, monkeypatch) as trying:
        queue(workspace, notes, recipe)
        assert trying.wait(30)
        for document in workspace.documents():
            workspace.delete(document.id)
    wait_for(lambda: not workspace.catalog.documents(states=[*UNFINISHED, State.DELETING]))
    wait_for(lambda: workspace.check() == [])
    with pytest.raises(NotFoundError):
        workspace.retry(document.id)


def test_uploads_keep_the_names_they_were_given(workspace: Workspace, notes: Path) -> None:
    found = workspace.preflight(Upload(notes, "../../etc/lease.md"))
    assert found.name == "lease.md"
    assert replace(found, name="x").document == found.document


def _no_space(*_arguments: object, **_more: object) -> None:
    from rag.errors import StorageError

    raise StorageError("The disk is full. Free some disk space.")
