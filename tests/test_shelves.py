"""Collections as a whole: made, renamed while they are used, looked after."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from rag.errors import InputError, NotFoundError, ReadOnlyError
from rag.records import KeptTurn, Search
from rag.workspace import Workspace
from tests.conftest import outcomes

pytestmark = pytest.mark.end_to_end

RENT = "How high is the rent?"


@pytest.fixture
def stocked(workspace: Workspace, notes: Path, recipe: Path) -> Workspace:
    list(workspace.ingest([notes, recipe]))
    return workspace


def names(workspace: Workspace) -> list[str]:
    return [one.name for one in workspace.collections()]


def test_an_empty_collection_takes_documents(workspace: Workspace, notes: Path) -> None:
    made = workspace.create_collection("  Leases & deeds ")
    assert (made.name, made.documents, made.chunks) == ("Leases & deeds", 0, 0)
    assert workspace.search(RENT, collection=made.name) == []
    assert outcomes(workspace.ingest([notes], made.name)) == {"lease.md": "ready"}
    assert workspace.search(RENT, collection=made.name)[0].name == "lease.md"


def test_a_name_is_given_once_and_can_be_read(stocked: Workspace) -> None:
    with pytest.raises(InputError, match="already"):
        stocked.create_collection("documents")
    stocked.create_collection("others")
    with pytest.raises(InputError, match="already"):
        stocked.rename_collection("others", "documents")
    for wrong in ("", "  ", "x" * 101, "a\nb"):
        with pytest.raises(NotFoundError, match="characters"):
            stocked.rename_collection("others", wrong)
    assert names(stocked) == ["documents", "others"]


def test_what_names_a_collection_by_its_old_name_still_finds_it(stocked: Workspace) -> None:
    before, answer = stocked.collection(), stocked.ask(RENT)
    stocked.keep_turn("talk", KeptTurn("turn", RENT, Search("documents"), datetime.now(UTC), answer))
    renamed = stocked.rename_collection("documents", "Leases")
    assert (renamed.name, renamed.store_name, renamed.id) == ("Leases", before.store_name, before.id)
    assert names(stocked) == ["Leases"]
    assert stocked.ask(RENT, collection="documents").text == answer.text == stocked.ask(RENT).text
    cited = stocked.document(answer.citations[0].document, "documents")
    assert cited.collection == "Leases"
    assert stocked.matching(Search("documents"), 0)[0] == 2
    assert stocked.conversation("talk").turns[0].search == Search("Leases")
    stocked.rename_collection("Leases", "Deeds")
    assert stocked.collection("documents").name == stocked.collection("Leases").name == "Deeds"


def test_a_new_collection_of_an_old_name_is_the_one_that_is_meant(stocked: Workspace, recipe: Path) -> None:
    stocked.rename_collection("documents", "Leases")
    stocked.create_collection("documents")
    assert stocked.collection("documents").documents == 0
    assert stocked.collection("Leases").documents == 2
    stocked.delete_collection("documents")
    with pytest.raises(NotFoundError):
        stocked.collection("documents")
    stocked.rename_collection("Leases", "documents")
    assert stocked.collection("documents").documents == 2


def test_renaming_does_not_disturb_what_is_being_indexed(workspace: Workspace, tmp_path: Path) -> None:
    files = []
    for number in range(12):
        files.append(tmp_path / f"{number}.txt")
        files[-1].write_text(f"Building {number} has {number + 3} floors. " * 60, encoding="utf-8")
    events = workspace.ingest(files)
    next(iter(events))
    name = "documents"
    for turn in range(6):
        workspace.rename_collection(name, f"name {turn}")
        name = f"name {turn}"
    workspace.drain()
    assert {one.state.value for one in workspace.documents(name)} == {"ready"}
    assert workspace.check() == []
    assert workspace.search("How many floors has building 7?", collection=name)


def test_renaming_while_others_search(stocked: Workspace) -> None:
    errors: list[Exception] = []
    stop = threading.Event()

    def search() -> None:
        while not stop.is_set():
            try:
                assert stocked.search(RENT, collection="documents")[0].name == "lease.md"
            except Exception as error:  # noqa: BLE001 - whatever it is, the test shows it
                errors.append(error)
                return

    threads = [threading.Thread(target=search) for _ in range(3)]
    for one in threads:
        one.start()
    for turn in range(20):
        time.sleep(0.1)
        stocked.rename_collection("documents" if turn % 2 == 0 else "other", "other" if turn % 2 == 0 else "documents")
    stop.set()
    for one in threads:
        one.join()
    assert errors == []


def test_health_tells_what_is_missing_and_a_repair_brings_it_back(stocked: Workspace) -> None:
    assert stocked.health(stocked.collection()) is None
    well = stocked.examine("documents")
    assert (well.findings, well.passages, well.thorough) == ((), stocked.collection().chunks, False)
    name = stocked.collection().store_name
    lease = stocked.document("lease.md")
    stocked.store.delete(name, stocked.store.chunk_ids(name, lease.id)[:1])
    stocked.lexical.remove(name, [stocked.document("bread.txt").id])
    ill = stocked.examine("documents")
    assert {(one.what, one.problem.rpartition(" not in ")[2]) for one in ill.findings} == {
        ("lease.md", "Chroma"),
        ("lease.md", "the vectors beside Chroma"),
        ("bread.txt", "the lexical index"),
    }
    assert stocked.health(stocked.collection()) == ill
    shares: list[float] = []
    repaired = stocked.examine("documents", repair=True, told=shares.append)
    assert repaired.findings
    assert all(one.repaired for one in repaired.findings)
    assert shares == sorted(shares)
    stocked.drain()
    assert stocked.examine("documents").findings == stocked.examine("documents", thorough=True).findings == ()


def test_health_is_a_collections_own(stocked: Workspace, notes: Path) -> None:
    list(stocked.ingest([notes], "other"))
    name = stocked.collection("other").store_name
    stocked.store.delete(name, stocked.store.all_ids(name))
    assert stocked.examine("documents", thorough=True).findings == ()
    assert stocked.examine("other").findings
    stocked.examine("documents", repair=True)
    assert stocked.examine("other").findings, "a repair of one collection has mended another"


def test_a_check_says_nothing_of_what_is_being_indexed(workspace: Workspace, tmp_path: Path) -> None:
    for number in range(10):
        (tmp_path / f"{number}.txt").write_text(f"Ship {number} carries {number} tons of grain. " * 80)
    events = workspace.ingest([tmp_path / f"{number}.txt" for number in range(10)])
    next(iter(events))
    while workspace.unfinished():
        assert workspace.examine("documents").findings == ()
    assert workspace.examine("documents").passages > 0


def test_index_anew_brings_everything_back(stocked: Workspace) -> None:
    before = [(hit.chunk.id, hit.score) for hit in stocked.search(RENT)]
    assert len(stocked.begin_rebuild("documents")) == 2
    stocked.drain()
    assert [(hit.chunk.id, hit.score) for hit in stocked.search(RENT)] == before
    assert stocked.check() == []


def test_a_copy_is_the_same_and_its_own(stocked: Workspace) -> None:
    lease = stocked.document("lease.md")
    chunk = stocked.chunks(lease)[0].id
    stocked.edit_chunk("documents", chunk, "The lease begins on 1 April 2025.")
    assert stocked.copy_collection("documents", "copy") == 2
    stocked.drain()
    one, other = (stocked.ask("When does the lease begin?", collection=name) for name in ("documents", "copy"))
    assert (one.text, [hit.score for hit in one.hits]) == (other.text, [hit.score for hit in other.hits])
    assert "April 2025" in other.text
    stocked.delete_collection("documents")
    assert stocked.ask("When does the lease begin?", collection="copy").text == other.text
    assert stocked.check() == []
    with pytest.raises(InputError, match="already"):
        stocked.copy_collection("copy", "copy")


def test_what_a_collection_takes(stocked: Workspace) -> None:
    room = stocked.room("documents")
    files = sum(len(stocked.original(one)) for one in stocked.documents())
    assert room.originals == files
    assert min(room.text, room.vectors, room.words) > 0
    assert room.whole <= stocked.size()
    assert stocked.room(stocked.create_collection("empty").name).whole == 0


def test_a_demo_changes_no_collection(stocked: Workspace, make_workspace: Callable[..., Workspace]) -> None:
    stocked.close()
    demo = make_workspace(demo=True)
    for change in (
        lambda: demo.create_collection("mine"),
        lambda: demo.rename_collection("documents", "mine"),
        lambda: demo.examine("documents", repair=True),
        lambda: demo.begin_rebuild("documents"),
    ):
        with pytest.raises(ReadOnlyError):
            change()
    assert demo.examine("documents").findings == ()
