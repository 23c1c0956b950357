"""Corrections, tags and titles go along where a document moves, and over to what replaces it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from rag.embedding import Embedder
from rag.errors import InputError, NotFoundError, ReadOnlyError
from rag.ingestion.correcting import Corrections
from rag.ingestion.vectors import Vectors
from rag.records import ListedChunk, State
from rag.workspace import Workspace
from tests.conftest import NOTES, outcomes
from tests.test_arranging import settled, until
from tests.test_overlays import HERE
from tests.test_reembedding import EXACT, SHORT, wait

pytestmark = pytest.mark.end_to_end

Make = Callable[..., Workspace]
MORE = "".join(
    f"\n\n## Clause {number}\n\n"
    + f"Clause {number} says that part {number} of the hall is swept on day {number} of each month. " * 8
    for number in range(1, 6)
)


@pytest.fixture
def lease(workspace: Workspace, tmp_path: Path) -> Path:
    (tmp_path / "lease.md").write_text(NOTES + MORE, "utf-8")
    assert outcomes(workspace.ingest([tmp_path / "lease.md"])) == {"lease.md": "ready"}
    return tmp_path / "lease.md"


def passages(workspace: Workspace, collection: str = HERE) -> list[ListedChunk]:
    return [
        listed
        for document in workspace.documents(collection)
        for listed in workspace.listed_chunks(collection, [one.id for one in workspace.chunks(document)])
    ]


def passage(workspace: Workspace, words: str) -> ListedChunk:
    return next(one for one in passages(workspace) if words in one.printed)


def edited(workspace: Workspace, collection: str = HERE) -> list[str]:
    return [one.chunk.text for one in passages(workspace, collection) if one.overlay]


def loose(workspace: Workspace, collection: str = HERE) -> list[str | None]:
    return [one.text for one in workspace.unapplied(collection)]


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[threading.Event, threading.Event]]:
    """Whether a document has reached another collection's vectors, and whether it may go on there."""
    reached, go_on = threading.Event(), threading.Event()
    embed = Vectors._embed

    def slowly(self: Vectors, job: object) -> object:
        if job.document.collection == "others":  # type: ignore[attr-defined]  # it is a Job
            reached.set()
            assert go_on.wait(30)
        return embed(self, job)  # type: ignore[arg-type]

    monkeypatch.setattr(Vectors, "_embed", slowly)
    yield reached, go_on
    go_on.set()


def test_what_is_changed_while_a_document_moves_moves_too(
    workspace: Workspace, lease: Path, held: tuple[threading.Event, threading.Event]
) -> None:
    reached, go_on = held
    (document,) = workspace.documents()
    rent = passage(workspace, "84,000")
    workspace.create_collection("others")
    workspace.transfer(HERE, [document.id], "others", move=True)
    assert reached.wait(30)
    workspace.edit_chunk(HERE, rent.chunk.id, "The yearly rent is 96,000 zlotys.")
    workspace.retag(HERE, [document.id], add=["law"])
    go_on.set()
    until(lambda: not workspace.documents(HERE))
    settled(workspace)
    assert edited(workspace, "others") == ["The yearly rent is 96,000 zlotys."]
    (moved,) = workspace.documents("others")
    assert (moved.state, moved.tags) == (State.READY, ("law",))
    assert "zlotys" in workspace.search("yearly rent in zlotys", collection="others")[0].text
    assert workspace.check() == []


def test_a_title_given_while_a_document_moves_is_what_it_is_embedded_under(
    workspace: Workspace, lease: Path, held: tuple[threading.Event, threading.Event]
) -> None:
    reached, go_on = held
    (document,) = workspace.documents()
    workspace.create_collection("others")
    workspace.transfer(HERE, [document.id], "others", move=True)
    assert reached.wait(30)
    workspace.edit(document, document.name, "Quantum chromodynamics of gluons")
    go_on.set()
    until(lambda: not workspace.documents(HERE))
    settled(workspace)
    assert workspace.documents("others")[0].title == "Quantum chromodynamics of gluons"
    assert workspace.check() == []


def test_corrections_of_what_is_cut_otherwise_elsewhere_wait_there(workspace: Workspace, lease: Path) -> None:
    workspace.create_collection("others")
    workspace.reembed("others", SHORT)
    until(lambda: not (found := workspace.reembedding("others")) or not found.working)
    workspace.swap("others")
    workspace.edit_chunk(HERE, passage(workspace, "84,000").chunk.id, "The yearly rent is 96,000 zlotys.")
    workspace.transfer(HERE, [workspace.documents()[0].id], "others", move=True)
    until(lambda: not workspace.documents(HERE))
    assert (edited(workspace, "others"), loose(workspace, "others")) == ([], ["The yearly rent is 96,000 zlotys."])


def test_what_replaces_a_document_takes_its_corrections_over(workspace: Workspace, lease: Path) -> None:
    first, fifth = (passage(workspace, words).chunk.id for words in ("84,000", "day 5"))
    workspace.edit_chunk(HERE, first, "The yearly rent is 96,000 zlotys.")
    workspace.edit_chunk(HERE, fifth, "The fifth part is swept by penguins.")
    gone = passage(workspace, "day 3").chunk.id
    workspace.hide_chunk(HERE, gone)
    newer = lease.parent / "newer.md"
    newer.write_text(NOTES.replace("84,000", "85,000") + "\n\nOne more sentence." + MORE, "utf-8")
    (before,) = workspace.documents()
    workspace.replace(before, newer, "newer.md")
    until(
        lambda: [one.id for one in workspace.documents()] not in ([], [before.id]) and len(workspace.documents()) == 1
    )
    settled(workspace)
    (document,) = workspace.documents()
    assert edited(workspace) == ["The fifth part is swept by penguins."], "its text is the same, its place another"
    assert "day 3" not in "".join(one.text for one in workspace.chunks(document)), "what was put away stays so"
    assert "penguins" in workspace.search("Which part is swept by penguins?")[0].text
    workspace.ingestion.removal.clear_all()
    assert loose(workspace) == ["The yearly rent is 96,000 zlotys."], "what says something else now did not carry over"
    assert workspace.check() == []

    workspace.bring_back(workspace.versions(document)[0])
    until(lambda: [one.id for one in workspace.documents()] == [before.id])
    settled(workspace)
    workspace.ingestion.removal.clear_all()
    assert sorted(edited(workspace)) == ["The fifth part is swept by penguins.", "The yearly rent is 96,000 zlotys."]
    assert loose(workspace) == []
    assert {one.document for one in workspace.catalog.unapplied(HERE)} == set()
    assert workspace.check() == []


def test_a_title_given_during_a_correction_is_embedded(
    workspace: Workspace, lease: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = Corrections._write_vector

    def meanwhile(self: Corrections, document: object, chunk: str) -> None:
        monkeypatch.setattr(Corrections, "_write_vector", write)
        workspace.edit(workspace.documents()[0], "lease.md", "Quantum chromodynamics of gluons")
        write(self, document, chunk)  # type: ignore[arg-type]

    monkeypatch.setattr(Corrections, "_write_vector", meanwhile)
    workspace.edit_chunk(HERE, passage(workspace, "84,000").chunk.id, "The yearly rent is 96,000 zlotys.")
    settled(workspace)
    assert workspace.documents()[0].title == "Quantum chromodynamics of gluons"
    assert workspace.check() == []


def test_a_name_that_another_document_has_is_not_given(workspace: Workspace, lease: Path, recipe: Path) -> None:
    list(workspace.ingest([recipe]))
    letter = lease.parent / "letter.md"
    letter.write_text("# Letter\n\nNothing to see.")
    list(workspace.ingest([letter]))
    document = next(one for one in workspace.documents() if one.name == "letter.md")
    with pytest.raises(InputError, match=r"lease\.md already"):
        workspace.edit(document, "lease.md")
    assert workspace.edit(document, "deed.md").name == "deed.md"


def test_a_deletion_can_be_undone_after_a_swap(workspace: Workspace, lease: Path, recipe: Path) -> None:
    list(workspace.ingest([recipe]))
    workspace.reembed(None, EXACT)
    wait(workspace)
    document = next(one for one in workspace.documents() if one.name == "lease.md")
    workspace.edit_chunk(HERE, passage(workspace, "84,000").chunk.id, "The yearly rent is 96,000 zlotys.")
    wait(workspace)
    workspace.trash(HERE, [document.id])
    (trashed,) = workspace.trashed(HERE)
    wait(workspace)
    workspace.swap()
    workspace.ingestion.removal.clear_all()
    assert workspace.undo_trash(HERE, trashed.at) == 1
    until(lambda: {one.state for one in workspace.documents()} == {State.READY})
    assert len(workspace.documents()) == 2
    assert edited(workspace) == ["The yearly rent is 96,000 zlotys."]
    assert workspace.check() == []


def test_what_moves_in_is_moved_once_while_the_collection_is_made_anew(
    workspace: Workspace, lease: Path, recipe: Path
) -> None:
    list(workspace.ingest([recipe], "others"))
    workspace.reembed("others", EXACT)
    workspace.worker.stop(None)
    workspace.catalog.transfer(HERE, [workspace.documents(HERE)[0].id], "others", True)
    shadow = workspace.catalog.shadow(workspace.collection("others"))
    assert shadow is not None
    workspace.catalog.follow(shadow)
    with workspace.catalog.read() as connection:
        rows = connection.exec_driver_sql(
            "SELECT taken_from, moves FROM documents WHERE collection_id = ?", (shadow.id,)
        ).all()
    assert rows
    assert set(rows) == {("", 0)}


def test_a_collection_in_the_making_is_not_changed_by_its_name(
    workspace: Workspace, lease: Path, recipe: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Embedder, "encode_passages", lambda *_: pytest.fail("it would go on"))
    workspace.worker.stop(None)
    shadow = workspace.reembed(None, EXACT).name
    (document,) = workspace.documents()
    for change in (
        lambda: workspace.retag(shadow, [document.id], ["x"]),
        lambda: workspace.trash(shadow, [document.id]),
        lambda: list(workspace.ingest([recipe], shadow)),
        lambda: workspace.delete_failed(shadow),
        lambda: workspace.delete_collection(shadow),
        lambda: workspace.rename_collection(shadow, "mine"),
        lambda: workspace.copy_collection(shadow, "mine"),
    ):
        with pytest.raises(ReadOnlyError, match="in the making"):
            change()


def test_a_collection_is_not_deleted_by_what_it_was_called(workspace: Workspace, lease: Path) -> None:
    workspace.rename_collection(HERE, "Leases")
    with pytest.raises(NotFoundError, match="Leases"):
        workspace.delete_collection(HERE)
    assert workspace.collection("Leases").documents == 1
    workspace.delete_collection("Leases")
    assert workspace.collections() == []


def test_what_is_in_the_making_follows_corrections_and_no_more(workspace: Workspace, lease: Path) -> None:
    shadow = workspace.reembed(None, EXACT)
    wait(workspace)
    rent = passage(workspace, "84,000").chunk.id
    workspace.worker.stop(None)
    assert len(workspace.catalog.behind(shadow)) == 0
    workspace.edit_chunk(HERE, rent, "The yearly rent is 96,000 zlotys.")
    assert workspace.catalog.behind(shadow).changed == (workspace.documents()[0].id,)
    workspace.catalog.follow(shadow)
    assert len(workspace.catalog.behind(shadow)) == 0
    workspace.restore_chunk(HERE, rent)
    assert workspace.catalog.behind(shadow).changed == (workspace.documents()[0].id,)
