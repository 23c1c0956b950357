"""`check` finds each way in which what is derived can disagree with the catalog, and mends what can be mended."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from rag.records import Document, State
from rag.workspace import Workspace

pytestmark = pytest.mark.end_to_end

RENT = "How high is the rent?"


@pytest.fixture
def stocked(workspace: Workspace, notes: Path, recipe: Path) -> Workspace:
    list(workspace.ingest([notes, recipe]))
    return workspace


def lease(workspace: Workspace) -> Document:
    return next(one for one in workspace.documents() if one.name == "lease.md")


def name(workspace: Workspace) -> str:
    return workspace.collection().store_name


def lose_vectors(workspace: Workspace) -> None:
    workspace.store.delete(name(workspace), workspace.store.chunk_ids(name(workspace), lease(workspace).id)[:1])


def add_stranger(workspace: Workspace) -> None:
    chunk = workspace.chunks(lease(workspace))[0]
    stranger = Document("f" * 32, "gone.txt", "documents", State.READY, lease(workspace).added_at)
    other = type(chunk)(f"{'f' * 32}-200-000000", "f" * 32, 1, 0, 4, "", "gone")
    vector = np.eye(1, 384, dtype=np.float32)
    workspace.store.upsert(name(workspace), stranger, [other], vector)


def add_chunk(workspace: Workspace) -> None:
    document = lease(workspace)
    extra = type(workspace.chunks(document)[0])(f"{document.id}-200-000999", document.id, 1, 0, 4, "", "more")
    workspace.store.upsert(name(workspace), document, [extra], np.eye(1, 384, dtype=np.float32))


def lose_words(workspace: Workspace) -> None:
    workspace.lexical.remove(name(workspace), [lease(workspace).id])


def add_index(workspace: Workspace) -> None:
    workspace.lexical.replace("stray", lease(workspace), workspace.chunks(lease(workspace)))


def add_collection(workspace: Workspace) -> None:
    workspace.store.create("stray", {"model": "m"})


def lose_collection(workspace: Workspace) -> None:
    workspace.store.drop(name(workspace))


def give_another_vector(workspace: Workspace) -> None:
    document = lease(workspace)
    chunks = workspace.chunks(document)[-1:]
    workspace.store.upsert(name(workspace), document, chunks, np.eye(1, 384, dtype=np.float32))


def alter_text(workspace: Workspace) -> None:
    last = workspace.chunks(lease(workspace))[-1].id
    workspace.store.client.get_collection(name(workspace), embedding_function=None).update(
        ids=[last], embeddings=workspace.embedder.encode(["The rent is nothing."]), documents=["The rent is nothing."]
    )


def alter_metadata(workspace: Workspace) -> None:
    document = replace(lease(workspace), tags=("secret",))
    chunks = workspace.chunks(document)
    vectors = workspace.embedder.encode([one.text for one in chunks])
    workspace.store.upsert(name(workspace), document, chunks, vectors)


def lose_a_companion(workspace: Workspace) -> None:
    chunk = workspace.chunks(lease(workspace))[0]
    workspace.store.companion.delete(name(workspace), [chunk.id])


def lose_the_companion(workspace: Workspace) -> None:
    workspace.store.companion.drop(name(workspace))


def tear_the_companion(workspace: Workspace) -> None:
    workspace.store.companion.close()
    path = workspace.folder.chroma / "companion" / f"{name(workspace)}.sqlite3"
    path.write_bytes(b"no database at all" * 1000)


def give_another_texts_signs(workspace: Workspace) -> None:
    chunks = workspace.chunks(lease(workspace))
    vectors, tokens = workspace.embedder.encode_passages([one.embedded for one in chunks])
    workspace.store.companion.write(name(workspace), chunks, vectors, [~one for one in tokens])


def add_stranger_beside(workspace: Workspace) -> None:
    chunk = replace(workspace.chunks(lease(workspace))[0], id=f"{'f' * 32}-200-000000", document_id="f" * 32)
    workspace.store.companion.write(name(workspace), [chunk], np.eye(1, 384, dtype=np.float32), [])


def add_companion(workspace: Workspace) -> None:
    workspace.store.companion.write(
        "stray", workspace.chunks(lease(workspace))[:1], np.eye(1, 384, dtype=np.float32), []
    )


def alter_a_page(workspace: Workspace) -> None:
    with workspace.catalog.write() as connection:
        connection.exec_driver_sql("UPDATE pages SET text = replace(text, '84,000', '48,000')")


FAULTS: dict[str, tuple[Callable[[Workspace], None], str]] = {
    "vectors lost": (lose_vectors, "no vector"),
    "all vectors lost": (lose_collection, "no vector"),
    "another text's vector": (give_another_vector, "not those of its text"),
    "altered text": (alter_text, "something else"),
    "altered metadata": (alter_metadata, "something else"),
    "an unknown document's vectors": (add_stranger, "nobody may find"),
    "a chunk too many": (add_chunk, "does not have"),
    "nothing beside a chunk": (lose_a_companion, "1 of its 2 chunks have nothing beside Chroma"),
    "nothing beside Chroma": (lose_the_companion, "nothing beside Chroma"),
    "a torn companion": (tear_the_companion, "are damaged"),
    "another text's tokens": (give_another_texts_signs, "not those of its text"),
    "something of an unknown document beside Chroma": (add_stranger_beside, "nobody may find"),
    "a companion too many": (add_companion, "of no collection"),
    "an altered page": (alter_a_page, "the text of 1 of its pages"),
    "words lost": (lose_words, "lexical index has 0"),
    "a lexical index too many": (add_index, "of no collection"),
    "a Chroma collection too many": (add_collection, "of no collection"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_found_and_mended(stocked: Workspace, fault: str) -> None:
    break_it, says = FAULTS[fault]
    break_it(stocked)
    found = stocked.check(repair=True)
    assert found
    assert all(says in one.problem and one.repaired for one in found)
    stocked.drain()
    assert stocked.check() == []
    assert {one.state for one in stocked.documents()} == {State.READY}
    assert "84,000" in stocked.ask(RENT).text


def test_without_repair_nothing_is_changed(stocked: Workspace) -> None:
    lose_words(stocked)
    assert [one.repaired for one in (*stocked.check(), *stocked.check())] == [False, False]


def test_with_a_model_that_did_not_make_the_vectors_they_are_not_compared_and_the_rest_is_checked(
    stocked: Workspace, make_workspace: Callable[..., Workspace]
) -> None:
    lose_words(stocked)
    stocked.close()
    problems = [one.problem for one in make_workspace(embedding_precision="fp32").check()]
    assert len(problems) == 2
    assert "lexical index has 0" in problems[0]
    assert "not checked" in problems[1]


def test_lost_and_changed_files_are_found_and_left(stocked: Workspace) -> None:
    document = lease(stocked)
    stocked.folder.original(document.id).write_bytes(b"something else")
    assert ["not what was uploaded" in one.problem for one in stocked.check(repair=True)] == [True]
    stocked.folder.original(document.id).unlink()
    (found,) = stocked.check(repair=True)
    assert ("is gone" in found.problem, found.repaired) == (True, False)
    assert "84,000" in stocked.ask(RENT).text


def test_a_lexical_index_that_is_torn_is_made_anew(stocked: Workspace) -> None:
    index = stocked.folder.lexical / name(stocked)
    for path in index.iterdir():
        if path.suffix in (".store", ".term", ".idx", ".json"):
            path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    stocked.lexical.close()
    assert stocked.check() != []
    stocked.check(repair=True)
    assert stocked.check() == []
    assert stocked.lexical.search(name(stocked), "rent", 5)
