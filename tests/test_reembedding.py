"""Re-embedding: a collection is made in another way beside the one that is searched, and takes its place at once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from rag.errors import InputError, NotFoundError, ReadOnlyError, StorageError
from rag.records import Collection, Recipe, Reembedding, State
from rag.workspace import Workspace
from tests.conftest import NOTES, outcomes
from tests.test_recipes import set_recipe

pytestmark = pytest.mark.end_to_end

Make = Callable[..., Workspace]
RENT = "How high is the yearly rent?"
EXACT = Recipe("bundled", "fp32", 200)
SHORT = Recipe("bundled", "int8", 40)


def wait(workspace: Workspace, seconds: float = 60.0) -> Reembedding:
    """Until nothing is left to do on what is in the making."""
    deadline = time.monotonic() + seconds
    while (found := workspace.reembedding()) is None or found.working:
        assert time.monotonic() < deadline, found
        time.sleep(0.05)
    return found


def swapped(workspace: Workspace, recipe: Recipe) -> Collection:
    workspace.reembed(None, recipe)
    assert wait(workspace).whole
    return workspace.swap()


def reports(folder: Path, count: int) -> list[Path]:
    """Files that are alike and say something different each."""
    paths = [folder / f"report-{number:02d}.md" for number in range(count)]
    for number, path in enumerate(paths):
        path.write_text(NOTES.replace("84,000", f"{number},500").replace("Harbour", f"Harbour {number}"), "utf-8")
    return paths


def cuts(workspace: Workspace) -> set[str]:
    return {one.id.split("-")[1] for document in workspace.documents() for one in workspace.chunks(document)}


@pytest.mark.parametrize("recipe", [EXACT, SHORT, Recipe("bundled", "fp32", 60)], ids=str)
def test_a_collection_is_made_anew_and_takes_the_place_of_the_old_one(
    workspace: Workspace, notes: Path, recipe: Recipe, tmp_path: Path
) -> None:
    bread = tmp_path / "rye.txt"
    bread.write_text("Rye bread needs a sourdough that rests overnight.", encoding="utf-8")
    list(workspace.ingest([notes, bread], tags=["law"]))
    before, documents = workspace.collection(), workspace.documents()
    after = swapped(workspace, recipe)
    assert (after.name, after.created_at, after.shadow_of) == (before.name, before.created_at, "")
    assert after.recipe == recipe
    assert after.store_name != before.store_name
    assert after.fingerprint == workspace.recipes.fingerprint_with(recipe)
    kept = [(one.id, one.name, one.title, one.date, one.tags, one.added_at, one.state) for one in documents]
    now = [(one.id, one.name, one.title, one.date, one.tags, one.added_at, one.state) for one in workspace.documents()]
    assert now == kept
    assert cuts(workspace) == {str(recipe.chunk_tokens)}
    hit = workspace.search(RENT)[0]
    embedder = workspace.recipes.embedder_of(after)
    assert hit.scores["dense"] == pytest.approx(
        float(embedder.encode([hit.chunk.embedded])[0] @ embedder.encode_query(RENT)), abs=2e-3
    )
    assert "84,000" in workspace.ask(RENT).text
    assert workspace.reembedding() is None
    workspace.ingestion.removal.clear_all()
    assert workspace.store.names() == [after.store_name]
    assert workspace.lexical.names() == [after.store_name]
    assert workspace.check() == []


def test_what_is_in_the_making_is_seen_nowhere_and_can_be_searched_by_its_name(
    workspace: Workspace, notes: Path
) -> None:
    list(workspace.ingest([notes], tags=["law"]))
    [document], totals, facets = workspace.documents(), workspace.totals(), workspace.facets("documents")
    shadow = workspace.reembed(None, EXACT)
    wait(workspace)
    assert [one.name for one in workspace.collections()] == ["documents"]
    assert workspace.documents() == [document]
    assert workspace.document(document.id[:10]) == document
    assert workspace.document("lease.md") == document
    assert (workspace.totals(), workspace.facets("documents")) == (totals, facets)
    assert workspace.latest(5) == [document]
    assert workspace.progress() is None
    assert workspace.waiting() == workspace.unfinished() == workspace.watched([]) == []
    with pytest.raises(NotFoundError) as error:
        workspace.collection("nothing")
    assert shadow.name not in str(error.value)
    hit = workspace.search(RENT, collection=shadow.name)[0]
    assert "84,000" in hit.chunk.text
    assert "84,000" in workspace.ask(RENT, collection=shadow.name).text
    with pytest.raises(ReadOnlyError, match="in the making"):
        workspace.ingest([notes], shadow.name)
    with pytest.raises(InputError, match="in the making"):
        workspace.reembed(shadow.name, SHORT)


def test_the_plan_says_what_it_takes(workspace: Workspace, notes: Path) -> None:
    list(workspace.ingest([notes]))
    exact, short = workspace.plan_reembedding(None, EXACT), workspace.plan_reembedding(None, SHORT)
    chunks = workspace.collection().chunks
    assert (exact.documents, exact.passages, exact.read_again, exact.same) == (1, chunks, False, False)
    assert exact.seconds is not None
    assert exact.seconds > 0
    assert (short.passages, short.read_again) == (chunks * 5, True)
    assert workspace.plan_reembedding(None, workspace.recipes.recipe_of(None)).same
    with pytest.raises(InputError, match="already"):
        workspace.reembed(None, workspace.recipes.recipe_of(None))


def test_texts_are_not_read_again_where_they_are_cut_alike(
    workspace: Workspace, notes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    list(workspace.ingest([notes]))
    monkeypatch.setattr(workspace.reader, "parse", None)
    before = workspace.chunks(workspace.documents()[0])
    swapped(workspace, EXACT)
    assert workspace.chunks(workspace.documents()[0]) == before


def test_vectors_are_taken_over_where_texts_and_model_agree(
    workspace: Workspace, recipe: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    list(workspace.ingest([recipe]))  # one short passage, however it is cut
    vector = next(iter(workspace.store.vectors(workspace.collection().store_name, _ids(workspace)).values()))
    monkeypatch.setattr(workspace.embedder, "encode_passages", None)
    after = swapped(workspace, SHORT)
    assert next(iter(workspace.store.vectors(after.store_name, _ids(workspace)).values())) == pytest.approx(vector)


def _ids(workspace: Workspace) -> list[str]:
    return [one.id for one in workspace.chunks(workspace.documents()[0])]


def test_whoever_searches_during_a_swap_gets_all_of_the_old_or_all_of_the_new(
    workspace: Workspace, tmp_path: Path
) -> None:
    list(workspace.ingest(reports(tmp_path, 12)))
    workspace.reembed(None, SHORT)
    assert wait(workspace).whole
    seen: list[tuple[set[str], int]] = []
    problems: list[BaseException] = []
    stop = threading.Event()

    def search() -> None:
        while not stop.is_set():
            try:
                hits = workspace.search("How high is the yearly rent of Harbour 7?", k=8)
                seen.append(({one.chunk.id.split("-")[1] for one in hits}, len(hits)))
            except Exception as error:  # noqa: BLE001 - whatever it is, it must not be
                problems.append(error)

    threads = [threading.Thread(target=search) for _ in range(4)]
    for one in threads:
        one.start()
    time.sleep(0.5)
    workspace.swap()
    workspace.ingestion.removal.clear_all()  # as the worker does some time later: the old indexes go
    time.sleep(0.8)
    stop.set()
    for one in threads:
        one.join()
    assert problems == []
    assert {count for _, count in seen} == {8}
    assert {tuple(sorted(kinds)) for kinds, _ in seen} == {("200",), ("40",)}


def test_answers_during_a_swap_are_whole(workspace: Workspace, tmp_path: Path) -> None:
    list(workspace.ingest(reports(tmp_path, 4)))
    workspace.reembed(None, EXACT)
    assert wait(workspace).whole
    answers, stop = [], threading.Event()

    def ask() -> None:
        while not stop.is_set():
            answers.append(workspace.ask("How high is the yearly rent of Harbour 3?"))

    thread = threading.Thread(target=ask)
    thread.start()
    time.sleep(0.4)
    workspace.swap()
    workspace.ingestion.removal.clear_all()
    time.sleep(0.8)
    stop.set()
    thread.join()
    assert len(answers) > 2
    assert all("3,500" in one.text and one.citations for one in answers)


def test_what_happens_meanwhile_happens_to_what_is_in_the_making_too(workspace: Workspace, tmp_path: Path) -> None:
    first, second, third, late = reports(tmp_path, 4)
    list(workspace.ingest([first, second, third]))
    workspace.reembed(None, EXACT)
    wait(workspace)
    gone = workspace.delete("report-00.md")
    list(workspace.ingest([late]))
    changed = workspace.document("report-01.md")
    with workspace.catalog.write() as connection:
        connection.exec_driver_sql(
            "UPDATE documents SET tags = '[\"new\"]', title = 'Another title', name = 'renamed.md' "
            "WHERE id = ? AND collection_id = (SELECT id FROM collections WHERE name = 'documents')",
            (changed.id,),
        )
    assert workspace.reembedding().behind == 3  # type: ignore[union-attr]
    with pytest.raises(InputError, match="3 documents have come or changed"):
        workspace.swap()
    wait(workspace)
    after = workspace.swap()
    now = {one.name: one for one in workspace.documents()}
    assert set(now) == {"renamed.md", "report-02.md", "report-03.md"}
    assert (now["renamed.md"].tags, now["renamed.md"].title) == (("new",), "Another title")
    assert all(one.title == "renamed: Another title" for one in workspace.chunks(now["renamed.md"]))
    assert "3,500" in workspace.ask("How high is the yearly rent of Harbour 3?").text
    workspace.ingestion.removal.clear_all()
    assert not {one for one in workspace.store.all_ids(after.store_name) if one.startswith(gone.id)}
    assert not workspace.folder.original(gone.id).exists()
    assert workspace.check() == []


def test_a_swap_waits_until_all_is_ready(workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    list(workspace.ingest(reports(tmp_path, 2)))
    going_on = threading.Event()
    exact = workspace.recipes.embedder_of(Collection("", "", {}, workspace.collection().created_at, recipe=EXACT))
    encode = exact.encode_passages
    monkeypatch.setattr(exact, "encode_passages", lambda texts: going_on.wait(30) and encode(texts))
    workspace.reembed(None, EXACT)
    with pytest.raises(InputError, match="not ready"):
        workspace.swap()
    assert not workspace.reembedding().whole  # type: ignore[union-attr]
    going_on.set()
    assert wait(workspace).whole
    assert workspace.swap().recipe == EXACT
    with pytest.raises(NotFoundError, match="not being re-embedded"):
        workspace.swap()


def test_only_one_is_in_the_making_and_it_can_be_discarded(workspace: Workspace, notes: Path) -> None:
    list(workspace.ingest([notes]))
    before = workspace.collection()
    workspace.reembed(None, EXACT)
    with pytest.raises(InputError, match="already"):
        workspace.reembed(None, SHORT)
    workspace.discard_reembedding()
    assert workspace.reembedding() is None
    with pytest.raises(NotFoundError):
        workspace.discard_reembedding()
    assert workspace.collection() == before
    workspace.ingestion.removal.clear_all()
    assert workspace.store.names() == [before.store_name]
    assert workspace.check() == []
    assert "84,000" in workspace.ask(RENT).text
    assert swapped(workspace, SHORT).recipe == SHORT


def test_documents_that_fail_in_the_making_are_named_and_kept_back(workspace: Workspace, tmp_path: Path) -> None:
    first, second = reports(tmp_path, 2)
    list(workspace.ingest([first, second]))
    broken = workspace.document("report-01.md")
    original = workspace.folder.original(broken.id)
    away = tmp_path / "away"
    original.rename(away)
    workspace.reembed(None, SHORT)
    found = wait(workspace)
    assert [one.name for one in found.failures] == ["report-01.md"]
    assert found.failures[0].reason
    assert not found.whole
    with pytest.raises(InputError, match="1 document"):
        workspace.swap()
    away.rename(original)
    assert workspace.retry_reembedding() == 1
    assert wait(workspace).whole
    workspace.discard_reembedding()
    original.rename(away)
    workspace.reembed(None, SHORT)
    wait(workspace)
    workspace.swap(without_failed=True)
    states = {one.name: one.state for one in workspace.documents()}
    assert states == {"report-00.md": State.READY, "report-01.md": State.FAILED}
    away.rename(original)
    workspace.retry("report-01.md")
    workspace.drain()
    assert "1,500" in workspace.ask("How high is the yearly rent of Harbour 1?").text


def test_what_has_failed_before_goes_along_as_it_is(workspace: Workspace, notes: Path, tmp_path: Path) -> None:
    empty = tmp_path / "broken.pdf"
    empty.write_bytes(b"%PDF-1.4 nothing")
    list(workspace.ingest([notes, empty]))
    [before] = [one for one in workspace.documents() if one.state is State.FAILED]
    swapped(workspace, EXACT)
    [after] = [one for one in workspace.documents() if one.state is State.FAILED]
    assert (after.name, after.reason, after.failure) == (before.name, before.reason, before.failure)


def test_passages_edited_by_hand_go_along_where_texts_are_cut_alike(workspace: Workspace, notes: Path) -> None:
    list(workspace.ingest([notes]))
    chunk, *_ = workspace.chunks(workspace.documents()[0])
    with workspace.catalog.write() as connection:
        connection.exec_driver_sql(
            "INSERT INTO overlays SELECT id, ?, ?, ?, ?, NULL, NULL, 'hidden', '2026-01-01' FROM collections",
            (chunk.id, chunk.document_id, chunk.start, chunk.end),
        )
    assert workspace.plan_reembedding(None, EXACT).edits_lost == 0
    assert workspace.plan_reembedding(None, SHORT).edits_lost == 1
    shadow = workspace.reembed(None, EXACT)
    wait(workspace)
    assert workspace.catalog.overlays_of(shadow) == 1
    after = workspace.swap()
    assert workspace.catalog.overlays_of(after) == 1
    workspace.reembed(None, SHORT)
    assert wait(workspace).edits_lost == 1


def test_a_collection_that_changed_settings_refuse_is_searched_again_after_a_swap(
    make_workspace: Make, notes: Path
) -> None:
    first = make_workspace()
    list(first.ingest([notes]))
    first.close()
    second = make_workspace(chunk_tokens=100)
    swapped(second, second.recipes.recipe_of(None))
    assert "84,000" in second.ask(RENT).text
    second.close()
    assert "84,000" in make_workspace().ask(RENT).text


def test_a_collection_of_an_unknown_model_is_searched_by_meaning_after_a_swap(
    workspace: Workspace, notes: Path
) -> None:
    list(workspace.ingest([notes]))
    set_recipe(workspace, Recipe("", "", 200))
    swapped(workspace, EXACT)
    assert "dense" in workspace.search(RENT)[0].ranks


def test_deleting_a_collection_deletes_what_is_in_the_making_of_it(workspace: Workspace, notes: Path) -> None:
    list(workspace.ingest([notes]))
    workspace.reembed(None, EXACT)
    workspace.delete_collection("documents")
    workspace.ingestion.removal.clear_all()
    assert workspace.catalog.collections(hidden=True) == []
    deadline = time.monotonic() + 20  # whoever has a document in hand clears it as it lets go
    while workspace.store.names() or workspace.lexical.names():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    list(workspace.ingest([notes]))
    workspace.reembed(None, EXACT)
    workspace.erase()
    assert workspace.catalog.collections(hidden=True) == []
    assert list(workspace.folder.files.iterdir()) == []


def test_everything_can_be_rebuilt_while_something_is_in_the_making(workspace: Workspace, notes: Path) -> None:
    list(workspace.ingest([notes]))
    workspace.reembed(None, EXACT)
    wait(workspace)
    assert outcomes(workspace.rebuild()) == {"lease.md": "ready"}
    assert wait(workspace).whole
    assert workspace.swap().recipe == EXACT
    assert workspace.check() == []


def test_new_documents_go_before_those_in_the_making(workspace: Workspace, tmp_path: Path, notes: Path) -> None:
    list(workspace.ingest(reports(tmp_path, 6)))
    workspace.reembed(None, Recipe("bundled", "fp32", 40))
    assert outcomes(workspace.ingest([notes])) == {"lease.md": "ready"}
    assert workspace.reembedding().working  # type: ignore[union-attr]


def test_a_demo_takes_no_other_model(make_workspace: Make, notes: Path) -> None:
    first = make_workspace()
    list(first.ingest([notes]))
    first.close()
    demo = make_workspace(demo=True)
    for refused in (lambda: demo.reembed(None, EXACT), demo.swap, demo.discard_reembedding, demo.retry_reembedding):
        with pytest.raises(ReadOnlyError):
            refused()


KILLED = """
import sys, time
from pathlib import Path
from rag.records import Recipe
from rag.settings import load_settings
from rag.workspace import Workspace
workspace = Workspace(load_settings(data_dir=Path(sys.argv[1])))
if workspace.reembedding() is None:
    workspace.reembed(None, Recipe("bundled", "fp32", 40))
workspace.worker.start()
print("working", flush=True)
while workspace.reembedding().working:
    time.sleep(0.01)
if sys.argv[2] == "swap":
    workspace.swap()
    print("swapped", flush=True)
time.sleep(60)
"""


def test_it_goes_on_after_being_killed_at_any_moment(make_workspace: Make, tmp_path: Path) -> None:
    first = make_workspace()
    list(first.ingest(reports(tmp_path, 8)))
    first.close()
    for seconds in (0.1, 0.4, 0.8):
        child = _child(tmp_path, "build")
        assert child.stdout is not None
        assert child.stdout.readline() == b"working\n"
        time.sleep(seconds)
        _kill(child)
    child = _child(tmp_path, "swap")
    assert child.stdout is not None
    assert child.stdout.readline() == b"working\n"
    assert child.stdout.readline() == b"swapped\n"
    _kill(child)
    last = make_workspace()
    assert last.collection().recipe == Recipe("bundled", "fp32", 40)
    assert "7,500" in last.ask("How high is the yearly rent of Harbour 7?").text
    last.worker.start()
    last.ingestion.removal.clear_all()
    assert last.store.names() == [last.collection().store_name]
    assert last.check() == []


def _child(tmp_path: Path, what: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-c", KILLED, str(tmp_path / "data"), what]
    return subprocess.Popen(command, stdout=subprocess.PIPE, cwd=Path(__file__).parent.parent)


def _kill(child: subprocess.Popen[bytes]) -> None:
    os.kill(child.pid, signal.SIGKILL)
    child.wait()
    assert child.stdout is not None
    child.stdout.close()


def test_a_worker_that_lets_go_after_the_swap_leaves_the_new_index_alone(workspace: Workspace, notes: Path) -> None:
    list(workspace.ingest([notes]))
    shadow = workspace.reembed(None, EXACT)
    wait(workspace)
    [held] = workspace.catalog.documents(shadow.name)
    workspace.swap()
    workspace.ingestion.removal.clear_all()
    workspace.ingestion.removal.settle(held, shadow)  # as one does that was held up since it made the document ready
    assert "84,000" in workspace.search(RENT)[0].chunk.text
    assert "dense" in workspace.search(RENT)[0].ranks


def test_a_search_that_finds_no_index_any_more_is_done_again(
    workspace: Workspace, notes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    list(workspace.ingest([notes]))
    workspace.reembed(None, EXACT)
    wait(workspace)
    hits, times = workspace._hits, []

    def interrupted(*given: object) -> object:
        times.append(1)
        if len(times) == 1:
            workspace.swap()
            raise StorageError("The index is gone.")
        return hits(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(workspace, "_hits", interrupted)
    assert "84,000" in workspace.search(RENT)[0].chunk.text
    assert len(times) == 2
