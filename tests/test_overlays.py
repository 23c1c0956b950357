"""Passages corrected and put away: in the catalog and in every index, through crashes and rebuilds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from rag.errors import InputError, NotFoundError, ReadOnlyError, StorageError
from rag.records import ChunkState, Document, Linked, ListedChunk, State
from rag.workspace import Workspace
from tests.conftest import NOTES, outcomes

HERE = "documents"


@pytest.fixture
def lease(workspace: Workspace, notes: Path) -> Document:
    assert outcomes(workspace.ingest([notes])) == {"lease.md": "ready"}
    return workspace.document("lease.md")


@pytest.fixture
def rent(workspace: Workspace, lease: Document) -> ListedChunk:
    """The passage that has the rent."""
    return next(one for one in listed(workspace, lease) if "84,000" in one.chunk.text)


def listed(workspace: Workspace, document: Document) -> list[ListedChunk]:
    return workspace.listed_chunks(HERE, sorted(one.id for one in workspace.chunks(document)))


def found(workspace: Workspace, question: str) -> str:
    return "\n".join(hit.text for hit in workspace.search(question))


def test_a_corrected_passage_is_found_by_what_it_says_now(workspace: Workspace, rent: ListedChunk) -> None:
    workspace.edit_chunk(HERE, rent.chunk.id, rent.printed.replace("84,000", "96,000 zlotys or"))
    hits = workspace.search("How many zlotys is the rent?")
    hit = next(one for one in hits if one.chunk.id == rent.chunk.id)
    assert "96,000 zlotys" in hit.text
    assert hit.chunk.edited is not None
    assert {"lexical", "dense", "late"} <= hit.ranks.keys()
    assert workspace.lexical.search(workspace.collection().store_name, "zlotys", 5)
    assert workspace.check() == []
    assert "84,000" in workspace.text("lease.md")  # what was read stays
    assert workspace.document("lease.md").state is State.READY


def test_an_edit_is_searched_by_meaning_as_a_new_text_would_be(workspace: Workspace, rent: ListedChunk) -> None:
    workspace.edit_chunk(HERE, rent.chunk.id, "Penguins breed on the southern ice in winter.", heading="Birds")
    chunk = workspace.listed_chunks(HERE, [rent.chunk.id])[0].chunk
    name = workspace.collection().store_name
    stored = workspace.store.vectors(name, [chunk.id])[chunk.id]
    assert float(stored @ workspace.embedder.encode([chunk.embedded])[0]) > 0.999
    assert workspace.store.get(name, [chunk.id]) == {chunk.id: chunk}
    assert "edited" in workspace.store.stored(name, chunk.document_id)[chunk.id]


def test_what_is_put_away_is_found_by_nothing(workspace: Workspace, lease: Document, rent: ListedChunk) -> None:
    workspace.hide_chunk(HERE, rent.chunk.id)
    assert "84,000" not in found(workspace, "What is the yearly rent in euros?")
    assert "84,000" not in workspace.ask("What is the yearly rent in euros?").text
    assert rent.chunk.id not in {one.id for one in workspace.chunks(lease)}
    assert workspace.document("lease.md").chunks == lease.chunks - 1
    assert workspace.collection().chunks == lease.chunks - 1
    assert workspace.check() == []
    workspace.show_chunk(HERE, rent.chunk.id)
    assert "84,000" in found(workspace, "What is the yearly rent in euros?")
    assert workspace.document("lease.md").chunks == lease.chunks
    assert workspace.check() == []


def test_neighbours_do_not_read_on_into_what_was_put_away(workspace: Workspace, tmp_path: Path) -> None:
    sentences = [
        f"The depot keeps spare part number {n} on shelf {n} of the hall, and counts it each May." for n in range(60)
    ]
    path = tmp_path / "depot.txt"
    path.write_text(" ".join(sentences))
    assert outcomes(workspace.ingest([path])) == {"depot.txt": "ready"}
    chunks = workspace.chunks(workspace.document("depot.txt"))
    hidden = chunks[1]
    workspace.hide_chunk(HERE, hidden.id)
    for hit in workspace.search("On which shelf is the spare part counted each May?", k=20):
        start, end = hit.span
        assert end <= hidden.start or start >= hidden.end


def test_changes_can_be_undone_one_by_one_or_all(workspace: Workspace, rent: ListedChunk) -> None:
    chunk = rent.chunk.id
    before = workspace.edit_chunk(HERE, chunk, "The rent is 96,000 euros.")
    assert before is None
    before = workspace.delete_chunk(HERE, chunk)
    assert before is not None
    assert before.text == "The rent is 96,000 euros."
    assert "96,000" not in found(workspace, "rent")
    workspace.put_back(HERE, chunk, before)
    assert "96,000" in found(workspace, "rent")
    workspace.restore_chunk(HERE, chunk)
    now = workspace.listed_chunks(HERE, [chunk])[0]
    assert now == rent
    assert "84,000" in found(workspace, "rent")
    assert workspace.check() == []


def test_the_same_text_is_no_edit(workspace: Workspace, rent: ListedChunk) -> None:
    workspace.edit_chunk(HERE, rent.chunk.id, f"{rent.printed}\n", heading=rent.printed_heading)
    assert workspace.listed_chunks(HERE, [rent.chunk.id])[0].overlay is None
    workspace.edit_chunk(HERE, rent.chunk.id, "Other.")
    workspace.edit_chunk(HERE, rent.chunk.id, rent.printed)
    assert workspace.listed_chunks(HERE, [rent.chunk.id])[0].overlay is None


def test_what_cannot_be_is_said_and_changes_nothing(
    workspace: Workspace, rent: ListedChunk, make_workspace: Callable[..., Workspace], monkeypatch: pytest.MonkeyPatch
) -> None:
    chunk = rent.chunk.id
    with pytest.raises(InputError, match="without text cannot be found"):
        workspace.edit_chunk(HERE, chunk, " \n ")
    with pytest.raises(InputError, match="too long to be searched whole"):
        workspace.edit_chunk(HERE, chunk, "rent " * 400)
    with pytest.raises(InputError, match="500 characters"):
        workspace.edit_chunk(HERE, chunk, heading="x" * 501)
    with pytest.raises(NotFoundError, match="not there any more"):
        workspace.hide_chunk(HERE, "0" * 32 + "-200-000000")
    linked = replace(workspace.collection(), linked=Linked("/elsewhere", "theirs", datetime.now(UTC)))
    with monkeypatch.context() as patch:
        patch.setattr(workspace.catalog, "collections", lambda **_: [linked])
        with pytest.raises(ReadOnlyError, match="was read from /elsewhere"):
            workspace.hide_chunk(HERE, chunk)
    assert workspace.listed_chunks(HERE, [chunk]) == [rent]
    workspace.close()
    demo = make_workspace(demo=True)
    with pytest.raises(ReadOnlyError):
        demo.edit_chunk(HERE, chunk, "Other.")


def test_a_document_that_is_being_read_is_not_corrected(
    workspace: Workspace, lease: Document, rent: ListedChunk
) -> None:
    workspace.worker.stop(None)
    workspace.catalog.reopen([lease])
    with pytest.raises(InputError, match="being indexed"):
        workspace.hide_chunk(HERE, rent.chunk.id)


@pytest.mark.parametrize("where", ["words", "vector", "end"])
def test_a_crash_in_between_is_made_good(
    workspace: Workspace,
    rent: ListedChunk,
    make_workspace: Callable[..., Workspace],
    monkeypatch: pytest.MonkeyPatch,
    where: str,
) -> None:
    class Killed(BaseException):
        pass

    def killed(*_: object) -> None:
        raise Killed

    place = {"words": "_write_words", "vector": "_write_vector"}.get(where)
    if place:
        monkeypatch.setattr(workspace.ingestion.corrections, place, killed, raising=False)
        monkeypatch.setattr(f"rag.ingestion.correcting.Corrections.{place}", killed)
    else:
        monkeypatch.setattr("rag.catalog.overlays.Overlays.corrected_in_indexes", killed)
    workspace.worker.stop(None)
    with pytest.raises(Killed):
        workspace.edit_chunk(HERE, rent.chunk.id, "The rent is 96,000 zlotys.")
    monkeypatch.undo()
    workspace.close()
    again = make_workspace()
    assert "96,000" in found(again, "What is the rent?")  # at once: hits come from the catalog
    again.worker.start()
    again.drain()
    assert again.document("lease.md").state is State.READY
    assert again.check() == []
    assert again.lexical.search(again.collection().store_name, "zlotys", 5)


def test_where_chroma_fails_the_correction_is_kept_and_finished(
    workspace: Workspace, rent: ListedChunk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(*_: object, **__: object) -> None:
        raise StorageError("Chroma failed: out of reach.")

    workspace.worker.stop(None)
    with monkeypatch.context() as patch:
        patch.setattr(type(workspace.store), "delete", failing)
        with pytest.raises(StorageError):
            workspace.edit_chunk(HERE, rent.chunk.id, "The rent is 96,000 zlotys.")
    assert workspace.check(repair=True) == [] or workspace.check() == []
    workspace.worker.start()
    workspace.drain()
    assert workspace.check() == []
    assert "96,000" in workspace.ask("What is the rent?").text


def test_rebuilding_and_reading_anew_keep_what_was_changed(
    workspace: Workspace, lease: Document, rent: ListedChunk
) -> None:
    other = next(one for one in listed(workspace, lease) if one.chunk.id != rent.chunk.id)
    workspace.edit_chunk(HERE, rent.chunk.id, "The rent is 96,000 zlotys.")
    workspace.hide_chunk(HERE, other.chunk.id)
    assert {event.outcome for event in workspace.rebuild() if event.outcome} == {"ready"}
    assert "96,000" in found(workspace, "rent")
    assert workspace.document("lease.md").chunks == lease.chunks - 1
    assert workspace.unapplied(HERE) == []
    assert workspace.check() == []


def test_where_the_cuts_have_changed_corrections_wait_and_are_reported(
    workspace: Workspace, rent: ListedChunk, make_workspace: Callable[..., Workspace]
) -> None:
    workspace.edit_chunk(HERE, rent.chunk.id, "The rent is 96,000 zlotys.")
    workspace.close()
    finer = make_workspace(chunk_tokens=40)
    assert {event.outcome for event in finer.rebuild() if event.outcome} == {"ready"}
    assert [one.text for one in finer.unapplied(HERE)] == ["The rent is 96,000 zlotys."]
    assert "84,000" in found(finer, "rent")
    assert finer.check() == []
    finer.close()
    back = make_workspace()
    assert {event.outcome for event in back.rebuild() if event.outcome} == {"ready"}
    assert back.unapplied(HERE) == []
    assert "96,000" in found(back, "rent")
    back.close()
    finer = make_workspace(chunk_tokens=40)
    list(finer.rebuild())
    finer.forget_unapplied(HERE, rent.chunk.id)
    assert finer.unapplied(HERE) == []


def test_a_deleted_document_takes_its_corrections_along(workspace: Workspace, notes: Path, rent: ListedChunk) -> None:
    workspace.edit_chunk(HERE, rent.chunk.id, "The rent is 96,000 zlotys.")
    workspace.delete("lease.md")
    assert outcomes(workspace.ingest([notes])) == {"lease.md": "ready"}
    assert workspace.listed_chunks(HERE, [rent.chunk.id])[0].overlay is None
    workspace.edit_chunk(HERE, rent.chunk.id, "The rent is 96,000 zlotys.")
    workspace.delete_collection(HERE)
    assert outcomes(workspace.ingest([notes])) == {"lease.md": "ready"}
    assert workspace.catalog.overlay(HERE, rent.chunk.id) is None


def test_equal_passages_do_not_take_over_an_edited_ones_vector(
    workspace: Workspace, rent: ListedChunk, tmp_path: Path
) -> None:
    workspace.edit_chunk(HERE, rent.chunk.id, "Penguins breed on the southern ice.")
    (tmp_path / "elsewhere").mkdir()
    twin = tmp_path / "elsewhere" / "lease.md"  # the same name and passages in other bytes
    twin.write_text(f"{NOTES}\n\n## End\nSigned in March.\n")
    assert outcomes(workspace.ingest([twin])) == {"lease.md": "ready"}
    assert workspace.check() == []


def test_states_are_listed_and_deleted_ones_apart(workspace: Workspace, rent: ListedChunk) -> None:
    workspace.hide_chunk(HERE, rent.chunk.id)
    assert workspace.listed_chunks(HERE, [rent.chunk.id])[0].state is ChunkState.HIDDEN
    workspace.delete_chunk(HERE, rent.chunk.id)
    assert workspace.listed_chunks(HERE, [rent.chunk.id])[0].state is ChunkState.DELETED
