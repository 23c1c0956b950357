"""The companion: vectors and signs of token vectors beside Chroma, and what happens where it is not there."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from rag.errors import FingerprintError, StoreDamagedError
from rag.records import Chunk, State
from rag.store.companion import Bits, Companion, Vectors
from rag.workspace import Workspace
from tests.conftest import outcomes
from tests.test_store import server

__all__ = ["server"]  # a fixture

NAME = "reports-1a2b"
RENT = "How high is the rent?"


@pytest.fixture
def companion(tmp_path: Path) -> Companion:
    return Companion(tmp_path / "companion")


def chunks(document: str, count: int) -> list[Chunk]:
    return [Chunk(f"{document}-200-{at:06d}", document, 1, 0, 4, "", "text") for at in range(count)]


def unit(rows: int, seed: int = 1) -> Vectors:
    drawn = np.random.default_rng(seed).normal(size=(rows, 64)).astype(np.float32)
    made: Vectors = drawn / np.linalg.norm(drawn, axis=1, keepdims=True)
    return made


def signs(rows: int) -> list[Bits]:
    """Of one token more for each row."""
    drawn = np.random.default_rng(2)
    return [drawn.integers(0, 2**63, (row + 1, 1)).astype(np.uint64) for row in range(rows)]


def test_what_is_written_is_read_and_twice_is_once(companion: Companion) -> None:
    rows, vectors, tokens = chunks("a", 5), unit(5), signs(5)
    for _ in range(2):
        companion.write(NAME, rows, vectors, tokens)
    ids = [one.id for one in rows]
    assert companion.ids(NAME) == companion.ids(NAME, "a") == set(ids)
    assert companion.names() == [NAME]
    read = companion.tokens(NAME, [*ids, "unknown"])
    assert read.keys() == set(ids)
    assert all(np.array_equal(read[one], made) for one, made in zip(ids, tokens, strict=True))
    found = companion.vectors(NAME, [*ids, "unknown"])
    assert found.keys() == set(ids)
    assert np.abs(np.stack([found[one] for one in ids]) - vectors).max() < 1e-3


def test_a_model_without_vectors_of_tokens_has_vectors_only(companion: Companion) -> None:
    companion.write(NAME, chunks("a", 2), unit(2), [])
    assert companion.tokens(NAME, ["a-200-000000"]) == {}
    assert companion.cosines(NAME, ["a-200-000000", "unknown"], unit(2)[0]) == {
        "a-200-000000": pytest.approx(1.0, abs=1e-3)
    }


def test_written_anew_a_chunk_has_nothing_of_what_it_had(companion: Companion) -> None:
    companion.write(NAME, chunks("a", 1), unit(1), signs(1))
    companion.write(NAME, chunks("a", 1), unit(1, seed=5), [])
    assert companion.tokens(NAME, ["a-200-000000"]) == {}
    assert companion.vectors(NAME, ["a-200-000000"])["a-200-000000"] == pytest.approx(unit(1, seed=5)[0], abs=1e-3)


def test_the_nearest_are_those_of_looking_at_each(companion: Companion) -> None:
    vectors = unit(700)
    for at, document in enumerate("abcdefg"):
        companion.write(NAME, chunks(document, 100), vectors[at * 100 : at * 100 + 100], [])
    question = unit(1, seed=9)[0]
    ids = [one.id for document in "abcdefg" for one in chunks(document, 100)]
    cosines = dict(zip(ids, vectors @ question, strict=True))
    wanted = sorted((one for one in ids if one[0] in "bf"), key=lambda one: -cosines[one])[:12]
    found = companion.nearest(NAME, question, 12, ["b", "f", "unknown"])
    assert [one for one, _ in found] == wanted
    assert [score for _, score in found] == pytest.approx([cosines[one] for one in wanted], abs=1e-3)
    assert companion.nearest(NAME, question, 5, []) == []


def test_what_is_removed_is_gone_with_its_tokens(companion: Companion) -> None:
    for document in "ab":
        companion.write(NAME, chunks(document, 3), unit(3), signs(3))
    companion.delete(NAME, ["a-200-000000", "unknown"])
    assert companion.ids(NAME, "a") == {"a-200-000001", "a-200-000002"}
    companion.remove(NAME, "a")
    assert companion.ids(NAME) == {one.id for one in chunks("b", 3)}
    assert companion.tokens(NAME, [one.id for one in chunks("a", 3)]) == {}
    companion.drop(NAME)
    assert companion.ids(NAME) == set()
    assert companion.names() == []


def test_nothing_is_made_by_looking(companion: Companion, tmp_path: Path) -> None:
    assert companion.ids(NAME) == set()
    assert companion.names() == []
    assert companion.tokens(NAME, ["a"]) == {}
    assert companion.nearest(NAME, unit(1)[0], 3, ["a"]) == []
    companion.delete(NAME, ["a"])
    companion.remove(NAME, "a")
    companion.drop(NAME)
    assert list(tmp_path.iterdir()) == []


def test_threads_read_and_write_at_once(companion: Companion) -> None:
    problems: list[Exception] = []

    def work(number: int) -> None:
        try:
            for _ in range(5):
                companion.write(NAME, chunks(f"d{number}", 20), unit(20), signs(20))
                assert len(companion.nearest(NAME, unit(1)[0], 5, [f"d{number}"])) == 5
                companion.remove(NAME, f"d{number}")
                assert companion.ids(NAME, f"d{number}") == set()
        except Exception as error:  # noqa: BLE001 - reported below
            problems.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == []


def test_a_torn_file_is_said_so_with_the_remedy(companion: Companion, tmp_path: Path) -> None:
    companion.write(NAME, chunks("a", 3), unit(3), signs(3))
    companion.close()
    (tmp_path / "companion" / f"{NAME}.sqlite3").write_bytes(b"no database at all" * 1000)
    with pytest.raises(StoreDamagedError, match="check --repair"):
        companion.ids(NAME)


# -- in a workspace --------------------------------------------------------------------------------


@pytest.mark.end_to_end
@pytest.mark.parametrize("mode", ["persistent", "server"])
def test_without_it_words_and_vectors_find_the_same_and_a_check_makes_it_anew(
    make_workspace: Callable[..., Workspace], notes: Path, recipe: Path, request: pytest.FixtureRequest, mode: str
) -> None:
    where = {"chroma_host": "127.0.0.1", "chroma_port": request.getfixturevalue("server")} if mode == "server" else {}
    workspace = make_workspace(chroma_mode=mode, **where)
    assert outcomes(workspace.ingest([notes, recipe])) == {"lease.md": "ready", "bread.txt": "ready"}
    name = workspace.collection().store_name
    before = workspace.search(RENT, k=3)
    filtered = workspace.search(RENT, k=3, where={"type": "md"})
    workspace.store.companion.drop(name)
    for hits, had in ((workspace.search(RENT, 3), before), (workspace.search(RENT, 3, {"type": "md"}), filtered)):
        assert hits[0].chunk == had[0].chunk
        assert "late" not in hits[0].ranks
        assert hits[0].scores["dense"] == pytest.approx(had[0].scores["dense"], abs=1e-3)
    found = workspace.check(repair=True)
    assert {one.what for one in found} == {"lease.md", "bread.txt"}
    assert all("nothing beside Chroma" in one.problem and one.repaired for one in found)
    workspace.drain()
    assert workspace.check() == []
    assert workspace.search(RENT, k=3) == before
    workspace.delete_collection("documents")
    assert workspace.store.companion.names() == []


@pytest.mark.end_to_end
def test_what_no_collection_has_is_swept(make_workspace: Callable[..., Workspace], notes: Path) -> None:
    first = make_workspace()
    list(first.ingest([notes]))
    first.store.companion.write("left-over", chunks("a", 1), unit(1), [])
    first.close()
    second = make_workspace()
    second.ingestion.removal.sweep()
    assert second.store.companion.names() == [second.collection().store_name]


@pytest.mark.end_to_end
def test_a_deleted_document_leaves_nothing_in_it(workspace: Workspace, notes: Path, recipe: Path) -> None:
    list(workspace.ingest([notes, recipe]))
    name, gone = workspace.collection().store_name, workspace.search(RENT, k=1)[0].chunk.document_id
    assert workspace.store.companion.ids(name, gone)
    workspace.delete(gone)
    (kept,) = workspace.documents()
    assert workspace.store.companion.ids(name) == {one.id for one in workspace.chunks(kept)}
    workspace.erase()
    assert workspace.store.companion.names() == []


@pytest.mark.end_to_end
def test_a_collection_of_before_contextual_headers_asks_to_be_rebuilt(workspace: Workspace, notes: Path) -> None:
    list(workspace.ingest([notes]))
    with workspace.catalog.write() as connection:
        connection.exec_driver_sql("UPDATE collections SET fingerprint = json_remove(fingerprint, '$.header')")
    with pytest.raises(FingerprintError, match=r"header was not recorded.*rebuild"):
        workspace.search(RENT)
    assert [one.outcome for one in workspace.rebuild() if one.outcome] == ["ready"]
    assert [one.state for one in workspace.documents()] == [State.READY]
    assert "84,000" in workspace.search(RENT)[0].chunk.text
