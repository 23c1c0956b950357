"""The whole way: files in, questions, answers with footnotes, deletion, interruption, replacement."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from rag.errors import (
    ConfigurationError,
    FingerprintError,
    FolderInUseError,
    InputError,
    ModelError,
    NotFoundError,
    QuestionError,
    ReadOnlyError,
    StoreDamagedError,
)
from rag.records import Answer, AnswerPiece, Document, State
from rag.settings import load_settings
from rag.workspace import Upload, Workspace, open_workspace
from tests.conftest import NOTES, outcomes
from tests.llm_server import Behaviour, language_model_server
from tests.pdfs import text_pdf

pytestmark = pytest.mark.end_to_end

Make = Callable[..., Workspace]
RENT = "How high is the rent?"


def test_a_document_in_a_question_an_answer_that_opens_its_source(
    workspace: Workspace, notes: Path, recipe: Path
) -> None:
    assert outcomes(workspace.ingest([notes, recipe])) == {"lease.md": "ready", "bread.txt": "ready"}
    answer = workspace.ask(RENT)
    assert "84,000 euros" in answer.text
    assert "[1]" in answer.text
    first = answer.citations[0]
    assert (first.name, first.page) == ("lease.md", 1)
    assert workspace.text(first.document)[first.start : first.end] == first.quote
    assert workspace.text(first.document) == NOTES


def test_hits_are_chunks_of_the_text_best_first_with_their_ranks(
    workspace: Workspace, notes: Path, recipe: Path
) -> None:
    list(workspace.ingest([notes, recipe]))
    hits = workspace.search("Who repairs the roof?", k=10)
    assert hits[0].ranks == {"lexical": 1, "dense": 1, "late": 1}
    assert sorted(hit.ranks["dense"] for hit in hits) == list(range(1, len(hits) + 1))
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)
    assert all(0 <= hit.score <= 1 for hit in hits)
    for hit in hits:
        text = workspace.text(hit.chunk.document_id)
        assert text[hit.chunk.start : hit.chunk.end] == hit.chunk.text


def test_a_question_that_no_document_answers_is_not_answered(workspace: Workspace, notes: Path) -> None:
    list(workspace.ingest([notes]))
    answer = workspace.ask("Which vaccine protects against yellow fever in Brazil?")
    assert answer.abstained
    assert answer.citations == ()
    assert "do not answer" in answer.text


def test_progress_is_told_by_stage(workspace: Workspace, notes: Path) -> None:
    events = list(workspace.ingest([notes]))
    assert events[0].stage == "queued"
    assert events[-1].outcome == "ready"
    assert (events[-1].pages, events[-1].chunks) == (1, len(workspace.chunks(workspace.documents()[0])))
    assert events[-1].seconds > 0


def test_the_same_bytes_again_are_a_duplicate_under_any_name_but_not_in_another_collection(
    workspace: Workspace, notes: Path, tmp_path: Path
) -> None:
    list(workspace.ingest([notes]))
    copy = tmp_path / "copy.md"
    copy.write_bytes(notes.read_bytes())
    (event,) = [one for one in workspace.ingest([copy]) if one.outcome]
    assert event.outcome == "duplicate"
    assert "lease.md" in event.reason
    assert outcomes(workspace.ingest([copy], "second")) == {"copy.md": "ready"}
    assert [one.name for one in workspace.documents()] == ["lease.md", "copy.md"]


def test_the_same_file_twice_in_one_go_is_indexed_once(workspace: Workspace, notes: Path) -> None:
    events = [one.outcome for one in workspace.ingest([notes, notes]) if one.outcome]
    assert sorted(events) == ["duplicate", "ready"]


def test_the_same_name_with_new_bytes_is_added_or_replaces(workspace: Workspace, notes: Path) -> None:
    list(workspace.ingest([notes]))
    notes.write_text(NOTES.replace("84,000", "91,000"), encoding="utf-8")
    list(workspace.ingest([notes]))
    assert len(workspace.documents()) == 2
    notes.write_text(NOTES.replace("84,000", "97,000"), encoding="utf-8")
    list(workspace.ingest([notes], replace_namesakes=True))
    assert len(workspace.documents()) == 1
    assert "97,000" in workspace.ask(RENT).text


def test_deleting_removes_all_of_a_document_everywhere(workspace: Workspace, notes: Path, recipe: Path) -> None:
    list(workspace.ingest([notes, recipe]))
    gone = workspace.delete(workspace.document(workspace.search(RENT, k=1)[0].chunk.document_id).id[:10])
    assert [one.name for one in workspace.documents()] == ["bread.txt"]
    assert all(hit.name == "bread.txt" for hit in workspace.search(RENT, k=10))
    assert not workspace.folder.original(gone.id).exists()
    assert workspace.store.count(workspace.collection().store_name) == 1
    with pytest.raises(NotFoundError):
        workspace.text(gone.id)


def test_bytes_that_another_collection_needs_are_kept(workspace: Workspace, notes: Path) -> None:
    list(workspace.ingest([notes], "one"))
    list(workspace.ingest([notes], "two"))
    document = workspace.documents("one")[0]
    with pytest.raises(NotFoundError, match="--collection"):
        workspace.delete(document.id)
    workspace.delete(document.id, "one")
    assert workspace.folder.original(document.id).exists()
    assert "84,000" in workspace.ask(RENT, collection="two").text
    workspace.delete(document.id)
    assert not workspace.folder.original(document.id).exists()


def test_filters_by_name_page_and_type(workspace: Workspace, notes: Path, recipe: Path) -> None:
    list(workspace.ingest([notes, recipe]))
    assert {hit.name for hit in workspace.search(RENT, where={"name": "bread.txt"})} == {"bread.txt"}
    assert {hit.name for hit in workspace.search(RENT, where='{"type": "text/markdown"}')} == {"lease.md"}
    assert workspace.search(RENT, where={"page": {"$gt": 1}}) == []


def test_collections_are_apart_and_counted(workspace: Workspace, notes: Path, recipe: Path) -> None:
    list(workspace.ingest([notes], "leases"))
    list(workspace.ingest([recipe], "Küche & Keller"))
    counts = {one.name: (one.documents, one.chunks) for one in workspace.collections()}
    assert counts["Küche & Keller"] == (1, 1)
    assert {hit.name for hit in workspace.search(RENT, collection="Küche & Keller")} == {"bread.txt"}
    workspace.delete_collection("leases")
    assert [one.name for one in workspace.collections()] == ["Küche & Keller"]


def test_everything_can_be_erased_and_begun_anew(workspace: Workspace, notes: Path, recipe: Path) -> None:
    list(workspace.ingest([notes]))
    workspace.preflight(recipe)  # chosen, and never added
    workspace.erase()
    kept = [one for one in workspace.folder.path.rglob("*") if one.is_file()]
    assert not [one for one in kept if b"84,000" in one.read_bytes() or b"sourdough" in one.read_bytes()]
    assert workspace.collections() == []
    assert list(workspace.folder.files.iterdir()) == []
    assert outcomes(workspace.ingest([notes])) == {"lease.md": "ready"}
    assert "84,000" in workspace.ask(RENT).text


def test_it_is_all_there_after_a_restart(make_workspace: Make, notes: Path) -> None:
    first = make_workspace()
    list(first.ingest([notes]))
    before = first.search(RENT)
    first.close()
    assert make_workspace().search(RENT) == before


def test_an_interrupted_document_goes_on_at_the_next_start(make_workspace: Make, notes: Path) -> None:
    first = make_workspace()
    document, _ = first.ingestion.intake.accept(Upload(notes, notes.name), "documents")
    first.catalog.progress(document, "embedding", 0, 5)  # as `kill -9` leaves it
    first.close()
    second = make_workspace()
    assert second.search(RENT) == []
    second.worker.start()
    _wait(lambda: not second.unfinished())
    assert "84,000" in second.ask(RENT).text


def test_what_is_being_deleted_is_not_found_though_its_chunks_are_still_there(
    workspace: Workspace, notes: Path, recipe: Path
) -> None:
    list(workspace.ingest([notes, recipe]))
    lease = next(one for one in workspace.documents() if one.name == "lease.md")
    workspace.catalog.mark_deleting(lease)
    assert [hit.name for hit in workspace.search(RENT, k=10)] == ["bread.txt"]
    assert workspace.store.chunk_ids(workspace.collection().store_name, lease.id)


def test_an_interrupted_deletion_is_finished_at_the_next_start(make_workspace: Make, notes: Path) -> None:
    first = make_workspace()
    list(first.ingest([notes]))
    first.catalog.mark_deleting(first.documents()[0])
    assert first.search(RENT) == []
    first.close()
    second = make_workspace()
    second.worker.start()
    _wait(lambda: not second.catalog.documents())
    assert second.store.count(second.collection().store_name) == 0


def test_work_goes_on_when_nobody_follows_it(workspace: Workspace, notes: Path) -> None:
    next(iter(workspace.ingest([notes])))
    events = workspace.ingest([notes])
    next(events)
    next(events)
    events.close()  # as a browser tab that is closed
    _wait(lambda: [one.state for one in workspace.documents()] == [State.READY])


def test_a_document_deleted_while_it_is_indexed_leaves_nothing_behind(
    workspace: Workspace, notes: Path, recipe: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    embedding, goes_on = _hold_embedding(workspace, monkeypatch)
    events = workspace.ingest([notes])
    document = next(events).document
    next(events)
    assert document is not None
    embedding.wait(10)
    workspace.delete(document)
    goes_on.set()
    assert [one.outcome for one in events][-1] == "failed"
    list(workspace.ingest([recipe]))  # one after the other: now the first is done with
    assert workspace.store.count(workspace.collection().store_name) == 1


def test_a_second_process_is_refused_at_once_and_told_what_to_do(make_workspace: Make, tmp_path: Path) -> None:
    make_workspace()
    (tmp_path / "alias").symlink_to(tmp_path / "data")
    for spelling in (tmp_path / "data", Path(f"{tmp_path}/data/"), tmp_path / "alias"):
        started = time.monotonic()
        with pytest.raises(FolderInUseError, match="RAG_CHROMA_MODE=server"):
            make_workspace(data_dir=spelling)
        assert time.monotonic() - started < 1


def test_a_process_that_may_not_own_the_folder_queues_for_the_owner(make_workspace: Make, notes: Path) -> None:
    owner = make_workspace()
    owner.worker.start()
    guest = make_workspace(share=True)
    events = [one for one in guest.ingest([notes]) if one.outcome]
    assert [one.outcome for one in events] == ["queued"]
    assert "the tests" in events[0].reason
    _wait(lambda: [one.state for one in owner.documents()] == [State.READY])
    assert "84,000" in owner.ask(RENT).text


def test_a_process_that_does_not_own_the_folder_leaves_the_indexes_to_the_owner(
    make_workspace: Make, notes: Path, recipe: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rag.jobs.TIDY_SECONDS", 0.2)
    owner, guest = make_workspace(), make_workspace(share=True)
    list(owner.ingest([notes]))
    old, first = owner.documents()[0], notes.read_bytes()
    notes.write_text(NOTES.replace("84,000", "97,000"), encoding="utf-8")
    list(owner.ingest([notes]))
    in_use = owner.folder.chroma / "in-use"

    notes.write_bytes(first)
    assert outcomes(guest.ingest([notes], replace_namesakes=True)) == {"lease.md": "duplicate"}
    assert [one.id for one in guest.documents()] == [old.id]
    embedding, goes_on = _hold_embedding(owner, monkeypatch)
    next(iter(guest.ingest([recipe])))
    assert embedding.wait(10)
    bread = next(one.id for one in guest.documents() if one.name == "bread.txt")
    assert guest.cancel(bread).state is State.FAILED
    goes_on.set()
    with pytest.raises(FolderInUseError):
        guest.search(RENT)
    guest.close()

    assert in_use.exists()  # without it nobody would look for damage after a crash of the owner
    name = owner.collection().store_name
    _wait(lambda: not owner.catalog.uncleared() and owner.store.count(name) == len(owner.chunks(old)))
    assert owner.lexical.chunk_ids(name) == {one.id for one in owner.chunks(old)}
    versions = {one.document for one in owner.versions(old)}
    assert {path.name for path in owner.folder.files.iterdir()} == {old.id, bread} | versions
    assert "84,000" in owner.ask(RENT).text


def test_a_document_cancelled_while_nobody_works_is_cleared_by_the_next_owner(
    make_workspace: Make, notes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = make_workspace()
    embedding, goes_on = _hold_embedding(first, monkeypatch)
    next(iter(first.ingest([notes])))
    assert embedding.wait(10)
    first.ingestion.stop()
    goes_on.set()
    first.close()
    guest = make_workspace(share=True)
    (document,) = guest.documents()
    guest.cancel(document.id)
    name = guest.collection().store_name
    assert guest.lexical.chunk_ids(name) != set()
    assert not guest.folder.owned
    guest.close()
    second = make_workspace()
    second.worker.start()
    _wait(lambda: second.lexical.chunk_ids(name) == set())
    assert second.documents()[0].state is State.FAILED


def test_what_is_retried_beside_the_owner_is_left_to_it(
    make_workspace: Make, notes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner = make_workspace()
    with monkeypatch.context() as broken:
        broken.setattr(owner.embedder, "encode_passages", _raise)
        assert outcomes(owner.ingest([notes])) == {"lease.md": "failed"}
    guest = make_workspace(share=True)
    (event,) = [one for one in guest.follow(guest.retry()) if one.outcome]
    assert (event.outcome, "which will index it" in event.reason) == ("queued", True)
    _wait(lambda: [one.state for one in owner.documents()] == [State.READY])


def test_open_workspace_gives_one_per_folder_and_a_new_one_for_new_settings(tmp_path: Path) -> None:
    settings = load_settings(data_dir=tmp_path / "data")
    first = open_workspace(settings)
    assert open_workspace(load_settings(data_dir=tmp_path / "." / "data")) is not None
    again = open_workspace(settings)
    assert open_workspace(settings) is again
    other = open_workspace(load_settings(data_dir=tmp_path / "data", top_k=3))
    assert again.closed
    assert first.closed
    other.close()
    assert open_workspace(settings) is not other
    open_workspace(settings).close()


def test_a_workspace_of_classes_that_were_loaded_again_is_closed_and_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = load_settings(data_dir=tmp_path / "data")
    old = open_workspace(settings)
    monkeypatch.setattr("rag.workspace.opening.Workspace", type("Workspace", (Workspace,), {}))
    new = open_workspace(settings)
    assert new is not old
    assert old.closed
    new.close()


def test_another_way_of_chunking_is_refused_until_it_is_rebuilt(make_workspace: Make, notes: Path) -> None:
    first = make_workspace()
    list(first.ingest([notes]))
    first.close()
    second = make_workspace(chunk_tokens=40)
    with pytest.raises(FingerprintError, match="rebuild"):
        second.search(RENT)
    assert [one.outcome for one in second.rebuild() if one.outcome] == ["ready"]
    assert "84,000" in second.ask(RENT).text
    assert second.store.count(second.collection().store_name) == len(second.chunks(second.documents()[0])) > 1


def test_a_damaged_index_is_rebuilt_from_what_is_kept(make_workspace: Make, notes: Path) -> None:
    first = make_workspace()
    list(first.ingest([notes]))
    before = [(hit.chunk, hit.name) for hit in first.search(RENT)]
    first.close()
    chroma = first.folder.chroma
    (chroma / "in-use").touch()
    (chroma / "chroma.sqlite3").write_bytes(b"torn" * 1000)
    second = make_workspace()
    with pytest.raises(StoreDamagedError, match="rebuild"):
        second.search(RENT)
    assert [one.outcome for one in second.rebuild() if one.outcome] == ["ready"]
    assert [(hit.chunk, hit.name) for hit in second.search(RENT)] == before


def test_in_memory_nothing_is_left_behind(make_workspace: Make, notes: Path, tmp_path: Path) -> None:
    workspace = make_workspace(chroma_mode="memory")
    list(workspace.ingest([notes]))
    assert "84,000" in workspace.ask(RENT).text
    kept = workspace.folder.path
    workspace.close()
    assert not kept.exists()
    assert not (tmp_path / "data").exists()


def test_the_demo_takes_questions_and_no_changes(make_workspace: Make, notes: Path) -> None:
    demo = make_workspace(demo=True)
    with pytest.raises(ReadOnlyError):
        list(demo.ingest([notes]))
    assert outcomes(demo.seed([notes])) == {"lease.md": "ready"}
    assert "84,000" in demo.ask(RENT).text
    for change in (demo.erase, lambda: demo.delete("x"), lambda: demo.delete_collection("documents")):
        with pytest.raises(ReadOnlyError):
            change()


def test_many_threads_at_once(workspace: Workspace, notes: Path, recipe: Path) -> None:
    list(workspace.ingest([notes]))
    expected = [hit.chunk for hit in workspace.search(RENT)]
    wrong: list[object] = []

    def ask() -> None:
        for _ in range(5):
            found = [hit.chunk for hit in workspace.search(RENT, where={"name": "lease.md"})]
            if found != expected:
                wrong.append(found)

    threads = [threading.Thread(target=ask) for _ in range(16)]
    for thread in threads:
        thread.start()
    list(workspace.ingest([recipe]))
    for thread in threads:
        thread.join()
    assert wrong == []


def test_questions_that_cannot_be_asked(workspace: Workspace, notes: Path) -> None:
    with pytest.raises(NotFoundError, match="Nothing is indexed yet"):
        workspace.ask(RENT)
    list(workspace.ingest([notes]))
    with pytest.raises(QuestionError, match="empty"):
        workspace.ask("  \n ")
    with pytest.raises(QuestionError, match="half of a character"):
        workspace.ask("rent \ud83e of the office")
    assert workspace.ask("How high is the \udce9 rent?").question == "How high is the ? rent?".replace("?", "\ufffd", 1)
    with pytest.raises(QuestionError, match="10,000 characters"):
        workspace.ask("x" * 10_000)
    with pytest.raises(QuestionError, match="k is 0"):
        workspace.search(RENT, k=0)
    with pytest.raises(NotFoundError, match="documents"):
        workspace.search(RENT, collection="missing")
    with pytest.raises(InputError):
        workspace.search(RENT, collection="x" * 200)
    assert workspace.search(RENT, k=1000)


def test_a_language_model_answers_from_numbered_sources(make_workspace: Make, notes: Path) -> None:
    with language_model_server(Behaviour(pieces=("The rent is 84,000 euros", " a year [1]."))) as server:
        workspace = make_workspace(llm="openai:test", llm_base_url=server.openai_url)
        list(workspace.ingest([notes]))
        *pieces, answer = workspace.ask_stream(RENT)
    assert isinstance(answer, Answer)
    assert answer.model == "openai:test"
    assert "".join(one.text for one in pieces if isinstance(one, AnswerPiece)) == answer.text
    assert answer.citations[0].name == "lease.md"
    assert {"retrieve", "generate", "check", "first_words", "total"} == set(answer.timings)
    assert answer.timings["first_words"] <= answer.timings["total"]


def test_a_dead_language_model_is_replaced_by_quoting_and_said_so(make_workspace: Make, notes: Path) -> None:
    workspace = make_workspace(llm="openai:test", llm_base_url="http://127.0.0.1:9/v1", llm_timeout=5)
    list(workspace.ingest([notes]))
    answer = workspace.ask(RENT)
    assert "84,000" in answer.text
    assert answer.model == "extractive"
    assert "quotes the documents instead" in answer.notice


def test_the_newest_of_several_uploads_of_a_name_is_the_one_that_stays(workspace: Workspace, tmp_path: Path) -> None:
    paths = []
    for folder, rent in (("a", "84,000"), ("b", "91,000"), ("c", "97,000")):
        (tmp_path / folder).mkdir()
        paths.append(tmp_path / folder / "lease.md")
        paths[-1].write_text(NOTES.replace("84,000", rent), encoding="utf-8")
    for path in paths:
        workspace.ingest([path], replace_namesakes=True)  # taken in at once, and not waited for
    _wait(lambda: len(workspace.catalog.documents()) == 1)
    assert "97,000" in workspace.ask(RENT).text
    assert [one.outcome for one in workspace.ingest(paths[:1], replace_namesakes=True) if one.outcome] == ["ready"]
    assert "84,000" in workspace.ask(RENT).text


def test_replacing_with_what_is_there_already_removes_the_other_versions(workspace: Workspace, notes: Path) -> None:
    list(workspace.ingest([notes]))
    first = notes.read_bytes()
    notes.write_text(NOTES.replace("84,000", "91,000"), encoding="utf-8")
    list(workspace.ingest([notes]))
    notes.write_bytes(first)
    assert outcomes(workspace.ingest([notes], replace_namesakes=True)) == {"lease.md": "duplicate"}
    assert len(workspace.documents()) == 1
    assert "84,000" in workspace.ask(RENT).text


def test_a_process_that_comes_to_own_the_folder_removes_what_it_has_replaced(make_workspace: Make, notes: Path) -> None:
    first = make_workspace()
    list(first.ingest([notes]))
    before = notes.read_bytes()
    notes.write_text(NOTES.replace("84,000", "91,000"), encoding="utf-8")
    list(first.ingest([notes]))
    first.close()
    notes.write_bytes(before)
    second = make_workspace(share=True)
    assert outcomes(second.ingest([notes], replace_namesakes=True)) == {"lease.md": "duplicate"}
    second.close()
    third = make_workspace(share=True)
    (kept,) = third.catalog.documents()
    (version,) = third.versions(kept)
    assert {path.name for path in second.folder.files.iterdir()} == {kept.id, version.document}


def test_a_duplicate_under_another_name_changes_nothing(workspace: Workspace, notes: Path, tmp_path: Path) -> None:
    list(workspace.ingest([notes]))
    copy = tmp_path / "same bytes.md"
    copy.write_bytes(notes.read_bytes())
    notes.write_text(NOTES.replace("84,000", "91,000"), encoding="utf-8")
    list(workspace.ingest([notes]))
    before = workspace.documents()
    assert outcomes(workspace.ingest([copy], replace_namesakes=True)) == {"same bytes.md": "duplicate"}
    assert workspace.documents() == before
    assert [one.state for one in before] == [State.READY, State.READY]


@pytest.mark.parametrize("change", ["erase", "rebuild"])
def test_searching_while_everything_is_erased_or_rebuilt(workspace: Workspace, notes: Path, change: str) -> None:
    list(workspace.ingest([notes]))
    unexpected: list[Exception] = []
    done = threading.Event()

    def ask() -> None:
        while not done.is_set():
            try:
                workspace.search(RENT)
            except NotFoundError:
                continue
            except Exception as error:  # noqa: BLE001
                unexpected.append(error)

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for _ in range(3):
        if change == "erase":
            workspace.erase()
            assert outcomes(workspace.ingest([notes])) == {"lease.md": "ready"}
        else:
            assert [one.outcome for one in workspace.rebuild() if one.outcome] == ["ready"]
    done.set()
    for thread in threads:
        thread.join()
    assert unexpected == []
    assert "84,000" in workspace.ask(RENT).text


def test_a_rebuild_with_settings_that_cannot_work_changes_nothing(make_workspace: Make, notes: Path) -> None:
    first = make_workspace()
    list(first.ingest([notes]))
    first.close()
    second = make_workspace(chunk_tokens=500)
    with pytest.raises(ConfigurationError, match="RAG_CHUNK_TOKENS"):
        list(second.rebuild())
    second.close()
    assert "84,000" in make_workspace().ask(RENT).text


def test_a_rebuild_that_was_interrupted_goes_on_at_the_next_start(
    make_workspace: Make, notes: Path, recipe: Path
) -> None:
    first = make_workspace()
    list(first.ingest([notes, recipe]))
    next(iter(first.rebuild()))
    first.close()
    second = make_workspace()
    second.worker.start()
    _wait(lambda: not second.unfinished())
    assert "84,000" in second.ask(RENT).text
    _wait(lambda: second.store.names() == [second.collection().store_name])


def test_a_failed_document_gets_another_try_with_a_rebuild(
    workspace: Workspace, notes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as broken:
        broken.setattr(workspace.embedder, "encode_passages", _raise)
        assert outcomes(workspace.ingest([notes])) == {"lease.md": "failed"}
    assert [one.outcome for one in workspace.rebuild() if one.outcome] == ["ready"]


def test_a_collection_deleted_while_it_is_indexed_leaves_nothing_behind(
    workspace: Workspace, notes: Path, recipe: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    embedding, goes_on = _hold_embedding(workspace, monkeypatch)
    events = workspace.ingest([notes], "short-lived")
    assert embedding.wait(10)
    workspace.delete_collection("short-lived")
    goes_on.set()
    assert [one.outcome for one in events][-1] == "failed"
    list(workspace.ingest([recipe], "other"))
    assert workspace.store.names() == [workspace.collection("other").store_name]
    workspace.delete_collection("other")
    assert list(workspace.folder.files.iterdir()) == []


def test_bytes_being_deleted_can_be_uploaded_again(workspace: Workspace, notes: Path) -> None:
    list(workspace.ingest([notes]))
    workspace.catalog.mark_deleting(workspace.documents()[0])  # as a deletion that Chroma's absence stopped
    assert outcomes(workspace.ingest([notes])) == {"lease.md": "ready"}
    assert "84,000" in workspace.ask(RENT).text


def test_the_worker_survives_what_nobody_foresaw(
    workspace: Workspace, notes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    once = [RuntimeError("unforeseen")]
    find = workspace.catalog.next_of

    def sometimes(states: Iterable[State], hidden: bool = False) -> Document | None:
        if once:
            raise once.pop()
        return find(states, hidden)

    monkeypatch.setattr(workspace.catalog, "next_of", sometimes)
    assert outcomes(workspace.ingest([notes])) == {"lease.md": "ready"}


def test_a_stale_deletion_does_not_take_a_document_that_is_uploaded_again(
    workspace: Workspace, notes: Path, recipe: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    list(workspace.ingest([notes, recipe]))
    workspace.worker.stop(seconds=None)
    for one in workspace.documents():
        workspace.catalog.mark_deleting(one)
    remove, uploaded = workspace.lexical.remove, []

    def meanwhile(name: str, ids: list[str]) -> None:
        if not uploaded:  # the first is being removed; a session uploads both again
            for path in (notes, recipe):
                document, _ = workspace.ingestion.intake.accept(Upload(path, path.name), "documents")
                uploaded.append(document.id)
        remove(name, ids)

    monkeypatch.setattr(workspace.lexical, "remove", meanwhile)
    workspace.ingestion.removal.clear_all()
    assert {one.id: one.state for one in workspace.documents()} == dict.fromkeys(uploaded, State.QUEUED)
    assert all(workspace.folder.original(one).exists() for one in uploaded)


def test_a_file_uploaded_by_another_process_as_its_deletion_ends_keeps_its_bytes(
    make_workspace: Make, notes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner, guest = make_workspace(), make_workspace(share=True)
    list(owner.ingest([notes]))
    forget = owner.catalog.delete

    def and_then(document: Document) -> bool:
        unclaimed = forget(document)
        guest.ingestion.intake.accept(Upload(notes, notes.name), "documents")
        return unclaimed

    monkeypatch.setattr(owner.catalog, "delete", and_then)
    owner.delete(owner.documents()[0].id)
    owner.worker.start()
    _wait(lambda: [one.state for one in owner.documents()] == [State.READY])
    assert "84,000" in owner.ask(RENT).text


@pytest.mark.parametrize("finished", [False, True])
def test_a_file_whose_deletion_is_not_finished_can_be_checked_and_added(
    workspace: Workspace, notes: Path, finished: bool
) -> None:
    list(workspace.ingest([notes]))
    document = workspace.documents()[0]
    workspace.catalog.mark_deleting(document)
    found = workspace.preflight(notes)
    assert (found.problem, found.duplicate_of) == ("", None)
    if finished:
        workspace.ingestion.removal.clear_all()
        assert workspace.catalog.documents() == []
    assert outcomes(workspace.ingest([workspace.kept(found)])) == {"lease.md": "ready"}
    assert "84,000" in workspace.ask(RENT).text
    workspace.delete(document.id)
    assert list(workspace.folder.files.iterdir()) == []


def test_deleting_what_was_found_to_be_there_already_takes_its_bytes(workspace: Workspace, notes: Path) -> None:
    list(workspace.ingest([notes]))
    assert workspace.preflight(notes).duplicate_of is not None
    assert outcomes(workspace.ingest([notes])) == {"lease.md": "duplicate"}
    gone = workspace.delete(workspace.documents()[0].id)
    assert not workspace.folder.original(gone.id).exists()


class PanicException(BaseException):
    """As panics of Rust libraries: no Exception."""


def test_a_panic_over_a_document_fails_it_and_the_others_go_on(
    workspace: Workspace, notes: Path, recipe: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = workspace.lexical.replace

    def panicking(name: str, document: Document, chunks: object) -> None:
        if document.name == "lease.md":
            raise PanicException("index out of bounds")
        write(name, document, chunks)  # type: ignore[arg-type]

    monkeypatch.setattr(workspace.lexical, "replace", panicking)
    assert outcomes(workspace.ingest([notes, recipe])) == {"lease.md": "failed", "bread.txt": "ready"}
    assert "index out of bounds" in next(one.reason for one in workspace.documents() if one.state is State.FAILED)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_thread_of_the_worker_that_has_died_is_replaced(
    workspace: Workspace, notes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as broken:
        broken.setattr(workspace.ingestion, "read_next", lambda: 1 / 0)
        broken.setattr("rag.jobs.log.exception", lambda *_arguments: sys.exit())  # it cannot even say so
        assert workspace.worker.start()
        _wait(lambda: not workspace.worker.working)
    assert outcomes(workspace.ingest([notes])) == {"lease.md": "ready"}
    assert workspace.worker.working


def test_the_same_file_from_many_sessions_at_once(workspace: Workspace, notes: Path) -> None:
    seen: list[str] = []
    threads = [
        threading.Thread(target=lambda: seen.extend(outcomes(workspace.ingest([notes])).values())) for _ in range(12)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(seen) <= {"ready", "duplicate"}
    assert len(seen) == 12
    assert len(workspace.documents()) == 1


def test_a_guest_takes_over_when_the_owner_leaves(make_workspace: Make, notes: Path) -> None:
    owner = make_workspace()
    guest = make_workspace(share=True)
    events = guest.ingest([notes])
    threading.Timer(0.5, owner.close).start()
    assert outcomes(events) == {"lease.md": "ready"}


def test_a_folder_whose_name_has_signs_of_an_address(make_workspace: Make, notes: Path, tmp_path: Path) -> None:
    workspace = make_workspace(data_dir=tmp_path / "what?a%41=b")
    list(workspace.ingest([notes]))
    assert "84,000" in workspace.ask(RENT).text
    assert (tmp_path / "what?a%41=b" / "catalog.sqlite3").is_file()


def test_two_folders_on_one_server_do_not_meet(make_workspace: Make, notes: Path, tmp_path: Path) -> None:
    first, second = make_workspace(), make_workspace(data_dir=tmp_path / "other")
    list(first.ingest([notes]))
    list(second.ingest([notes]))
    assert first.collection().store_name != second.collection().store_name


def _wait(done: Callable[[], bool], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def _hold_embedding(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> tuple[threading.Event, threading.Event]:
    """Embedding sets the first event and waits for the second."""
    embedding, goes_on = threading.Event(), threading.Event()
    encode = workspace.embedder.encode_passages

    def slow(texts: list[str]) -> object:
        embedding.set()
        goes_on.wait(10)
        return encode(texts)

    monkeypatch.setattr(workspace.embedder, "encode_passages", slow)
    return embedding, goes_on


def _raise(_texts: object) -> None:
    raise ModelError("The provider is down. Try again later.")


def test_a_quote_has_the_heading_above_it_not_that_of_its_passage(workspace: Workspace, tmp_path: Path) -> None:
    source = tmp_path / "contract.md"
    source.write_text(
        "# Contract\n\n## 5. Quality\n\nThe goods are inspected on arrival.\n\n"
        "## 6. Liability\n\nThe liability of the supplier is limited to EUR 250,000 a year.\n",
        encoding="utf-8",
    )
    list(workspace.ingest([source]))
    citation = workspace.ask("To what is the liability of the supplier limited?").citations[0]
    assert "250,000" in citation.quote
    assert citation.heading == "Contract > 6. Liability"


def test_a_document_that_goes_during_a_filtered_search_is_not_an_error(
    workspace: Workspace, notes: Path, recipe: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    list(workspace.ingest([notes, recipe]))
    shown = workspace.catalog.shown

    def one_less(collection: str) -> dict[str, Document]:
        return {key: one for key, one in shown(collection).items() if one.name != "bread.txt"}

    monkeypatch.setattr(workspace.catalog, "shown", one_less)
    assert {hit.name for hit in workspace.search("bread or rent", where={"page": 1})} == {"lease.md"}


def test_a_page_filter_sees_the_pages_of_a_text_that_was_read_anew(workspace: Workspace, tmp_path: Path) -> None:
    source = tmp_path / "pages.pdf"
    for pages in (["The rent is 84,000 euros.", "The roof."], ["The roof.", "The rent is 84,000 euros."]):
        source.write_bytes(text_pdf(pages))
        list(workspace.ingest([source], replace_namesakes=True))
        found = workspace.search("How high is the rent?", where={"page": 1 + ("rent" in pages[1])})
        assert "84,000" in found[0].chunk.text


def test_a_long_question_is_declined_like_a_short_one(workspace: Workspace, notes: Path, recipe: Path) -> None:
    list(workspace.ingest([notes, recipe]))
    asked = "Who won the chess championship"
    long = f"{asked} that was held after the long and bitter dispute between the federation and the players over the "
    long += "prize money and the place of the last games, which newspapers all over the world wrote about for weeks?"
    assert workspace.ask(f"{asked}?").abstained
    assert workspace.ask(long).abstained


def test_a_name_stands_for_a_document_if_no_other_has_it(workspace: Workspace, notes: Path) -> None:
    list(workspace.ingest([notes]))
    [lease] = workspace.documents()
    assert workspace.document("lease.md") == workspace.document(lease.id) == lease
    list(workspace.ingest([notes], "others"))
    with pytest.raises(NotFoundError, match=r"'lease.md' is 2 documents .*--collection"):
        workspace.document("lease.md")
    assert workspace.document("lease.md", "others").collection == "others"
    assert workspace.text("lease.md") == workspace.text(lease.id)
    with pytest.raises(NotFoundError, match=r"id or the name 'the-lease.md'"):
        workspace.document("the-lease.md")


def test_a_row_that_is_quoted_alone_keeps_the_names_of_its_columns(workspace: Workspace, tmp_path: Path) -> None:
    months = ("January", "February", "March", "April", "May", "June", "July", "August", "September", "October")
    rows = "\n".join(f"Pumps sold in {month} {400 + 7 * at}.5 {500 + 9 * at}.5" for at, month in enumerate(months))
    source = tmp_path / "sales.md"
    source.write_text(
        f"# Sales\n\n## By month\n\nNumber of pumps, thousand\nMonth 2024 2025\n{rows}\n", encoding="utf-8"
    )
    list(workspace.ingest([source]))
    [citation] = workspace.ask("How many pumps were sold in September?").citations
    assert citation.quote == "Pumps sold in September 456.5 572.5"
    assert citation.heading == "Sales > By month > Number of pumps, thousand Month 2024 2025"
