"""The store against a real Chroma: in memory, in a folder, and as a server."""

from __future__ import annotations

import re
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rag.errors import FingerprintError, FolderInUseError, StorageError, StoreDamagedError, StoreUnavailableError
from rag.records import Chunk, Document, State
from rag.settings import load_settings
from rag.store import BATCH_ROWS, Store, Vectors, _is_trapped, store_name

MADE = {"model": "m", "dimension": "8"}


def vectors(rows: int, seed: int = 1) -> Vectors:
    drawn = np.random.default_rng(seed).normal(size=(rows, 8)).astype(np.float32)
    return drawn / np.linalg.norm(drawn, axis=1, keepdims=True)


def document(number: int = 1, tags: tuple[str, ...] = ()) -> Document:
    return Document(
        f"d{number}",
        f"{number}.pdf",
        "c",
        State.READY,
        datetime.now(UTC),
        media_type="application/pdf",
        date=20240000 + number,
        tags=tags,
    )


def chunks(document_id: str, count: int) -> list[Chunk]:
    return [
        Chunk(
            f"{document_id}-200-{number:06d}", document_id, number + 1, number, number + 1, "Heading", f"text {number}"
        )
        for number in range(count)
    ]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """A real `chroma run` on loopback."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    chroma = Path(sys.executable).with_name("chroma")
    path = tmp_path_factory.mktemp("server")
    process = subprocess.Popen(
        [chroma, "run", "--path", path, "--host", "127.0.0.1", "--port", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/api/v2/heartbeat", timeout=1).close()
            break
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    yield port
    process.terminate()
    process.wait(10)


@pytest.fixture(params=["memory", "persistent", "server"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    given: dict[str, Any] = {"chroma_mode": request.param}
    if request.param == "server":
        given |= {"chroma_host": "127.0.0.1", "chroma_port": request.getfixturevalue("server")}
    made = Store(load_settings(**given), tmp_path / "chroma")
    yield made
    for name in made.names():
        made.drop(name)
    made.close()


def test_what_goes_in_comes_out_and_twice_is_once(store: Store) -> None:
    store.create("ccc", MADE)
    rows = chunks("d1", 5)
    for _ in range(2):
        store.upsert("ccc", document(), rows, vectors(5))
    assert store.count("ccc") == 5
    assert store.get("ccc", [rows[2].id]) == {rows[2].id: rows[2]}
    assert store.chunk_ids("ccc", "d1") == [one.id for one in rows]


def test_nearest_is_by_cosine_with_scores_from_0_to_1(store: Store) -> None:
    store.create("ccc", MADE)
    drawn = vectors(50)
    store.upsert("ccc", document(), chunks("d1", 50), drawn)
    query = vectors(1, seed=9)[0]
    found = store.nearest("ccc", query, 50)
    exact = drawn @ query
    assert [one[0] for one in found[:10]] == [f"d1-200-{number:06d}" for number in np.argsort(-exact)[:10]]
    assert found[0][1] == pytest.approx(float(exact.max()), abs=1e-4)
    assert all(0 <= score <= 1 for _, score in found)


def test_filters_narrow_the_search(store: Store) -> None:
    store.create("ccc", MADE)
    store.upsert("ccc", document(1, ("q1", "final")), chunks("d1", 3), vectors(3))
    store.upsert("ccc", document(2), chunks("d2", 3), vectors(3, seed=2))

    def found(where: dict[str, Any]) -> set[str]:
        return {chunk_id for chunk_id, _ in store.nearest("ccc", vectors(1)[0], 10, where)}

    first, second = {one.id for one in chunks("d1", 3)}, {one.id for one in chunks("d2", 3)}
    assert found({"document": {"$eq": "d1"}}) == first
    assert found({"tag": {"$contains": "final"}}) == first
    assert found({"tag": {"$not_contains": "final"}}) == second
    assert found({"date": {"$gte": 20240002}}) == second
    assert found({"page": {"$in": [1]}}) == {"d1-200-000000", "d2-200-000000"}


@pytest.mark.parametrize("rows", [BATCH_ROWS - 1, BATCH_ROWS, BATCH_ROWS + 1])
def test_batches_at_their_border(tmp_path: Path, rows: int) -> None:
    store = Store(load_settings(chroma_mode="memory"), tmp_path)
    store.create("ccc", MADE)
    store.upsert("ccc", document(), chunks("d1", rows), vectors(rows))
    assert store.count("ccc") == rows
    store.delete("ccc", store.chunk_ids("ccc", "d1"))
    assert store.count("ccc") == 0
    store.close()


def test_a_collection_made_with_another_model_is_refused_with_the_remedy(store: Store) -> None:
    store.create("ccc", MADE)
    with pytest.raises(FingerprintError, match="rebuild"):
        store.create("ccc", MADE | {"model": "another"})


def test_a_wrong_first_vector_is_refused_before_chroma_takes_it_for_good(store: Store) -> None:
    store.create("ccc", MADE)
    for wrong in (np.ones((2, 9), np.float32), np.full((2, 8), np.nan, np.float32)):
        with pytest.raises(FingerprintError, match="vectors"):
            store.upsert("ccc", document(), chunks("d1", 2), wrong)
    store.upsert("ccc", document(), chunks("d1", 2), vectors(2))
    assert store.count("ccc") == 2


def test_a_collection_deleted_and_made_again_is_not_seen_through_an_old_handle(store: Store) -> None:
    store.create("ccc", MADE)
    store.upsert("ccc", document(), chunks("d1", 2), vectors(2))
    store.drop("ccc")
    store.drop("ccc")
    store.create("ccc", MADE)
    assert store.count("ccc") == 0


def test_a_collection_that_another_client_makes_anew_is_searched_as_it_is_now(store: Store) -> None:
    store.create("ccc", MADE)
    store.upsert("ccc", document(), chunks("d1", 2), vectors(2))
    assert {one for one, _ in store.nearest("ccc", vectors(1)[0], 5)} == {one.id for one in chunks("d1", 2)}
    store.client.delete_collection("ccc")
    with pytest.raises(StorageError):
        store.nearest("ccc", vectors(1)[0], 5)
    store.create("ccc", MADE)
    store.upsert("ccc", document(2), chunks("d2", 2), vectors(2))
    assert {one for one, _ in store.nearest("ccc", vectors(1)[0], 5)} == {one.id for one in chunks("d2", 2)}


def test_64_threads_open_it_at_once(tmp_path: Path) -> None:
    store = Store(load_settings(), tmp_path / "chroma")
    barrier, errors = threading.Barrier(64), []

    def use(number: int) -> None:
        barrier.wait()
        try:
            store.create("ccc", MADE)
            store.upsert("ccc", document(number), chunks(f"d{number}", 2), vectors(2, seed=number))
        except Exception as error:  # noqa: BLE001
            errors.append(error)

    threads = [threading.Thread(target=use, args=(number,)) for number in range(64)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert store.count("ccc") == 128
    store.close()


def test_a_torn_index_is_found_out_without_ending_this_process(tmp_path: Path) -> None:
    folder = tmp_path / "chroma"
    store = Store(load_settings(), folder)
    store.create("ccc", MADE)
    store.upsert("ccc", document(), chunks("d1", 1500), vectors(1500))
    store.close()
    (folder / "in-use").touch()  # as a crash leaves it
    torn = [path for path in folder.rglob("*.bin") if path.stat().st_size]
    assert torn, "Chroma wrote its index files"
    for path in torn:
        path.write_bytes(b"\xff" * (path.stat().st_size // 2))
    with pytest.raises(StoreDamagedError, match="rebuild"):
        Store(load_settings(), folder).names()


def test_a_folder_that_another_process_owns_is_not_opened(tmp_path: Path) -> None:
    folder = tmp_path / "chroma"
    with pytest.raises(FolderInUseError, match="RAG_CHROMA_MODE=server"):
        Store(load_settings(), folder, lambda: False).names()
    assert not folder.exists()
    in_memory = Store(load_settings(chroma_mode="memory"), folder, lambda: False)
    assert in_memory.names() == []
    in_memory.close()


def test_a_server_that_is_not_there_is_said_so_at_once(tmp_path: Path) -> None:
    store = Store(load_settings(chroma_mode="server", chroma_host="127.0.0.1", chroma_port=9), tmp_path)
    started = time.monotonic()
    with pytest.raises(StoreUnavailableError, match="chroma run"):
        store.names()
    assert time.monotonic() - started < 5


def test_a_server_that_never_answers_is_given_up(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        settings = load_settings(chroma_mode="server", chroma_host="127.0.0.1", chroma_port=port, chroma_timeout=0.5)
        with pytest.raises(StoreUnavailableError, match="does not answer"):
            Store(settings, tmp_path).names()


def test_chroma_cloud_without_a_key_says_what_to_set(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailableError, match="RAG_CHROMA_API_KEY"):
        Store(load_settings(chroma_mode="cloud"), tmp_path).names()


def test_names_inside_chroma_are_allowed_there_and_never_taken() -> None:
    assert re.fullmatch(r"reports-[0-9a-f]{12}", store_name("reports"))
    assert re.fullmatch(r"Vertr-ge-2024-[0-9a-f]{12}", store_name("Verträge 2024"))
    assert re.fullmatch(r"collection-[0-9a-f]{12}", store_name("契約"))
    assert store_name("reports") != store_name("reports")
    for odd in ("a..b", "x/../y", "...", "-_-", "a" * 100):
        assert re.fullmatch(r"[a-zA-Z0-9][a-zA-Z0-9_-]+[a-zA-Z0-9]", store_name(odd))


def test_results_that_are_mostly_equally_far_are_not_trusted() -> None:
    assert _is_trapped([0.5] * 20)
    assert _is_trapped([0.1, 0.2] + [0.5] * 18)
    assert not _is_trapped([0.1 + number / 100 for number in range(20)])
    assert not _is_trapped([0.5, 0.5, 0.5])


def test_looking_at_every_chunk_finds_what_brute_force_finds(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rag.store.EXACT_ROWS", 7)
    store.create("ccc", MADE)
    drawn, query = vectors(40), vectors(1, seed=9)[0]
    store.upsert("ccc", document(), chunks("d1", 40), drawn)
    found = store._nearest_exactly("ccc", query, 5, None)
    assert [one for one, _ in found] == [f"d1-200-{number:06d}" for number in np.argsort(-(drawn @ query))[:5]]
    assert [one for one, _ in store._nearest_exactly("ccc", query, 5, {"page": {"$lte": 2}})] != []


def test_hundreds_of_equal_vectors_do_not_hide_what_is_nearer(tmp_path: Path) -> None:
    store = Store(load_settings(chroma_mode="memory"), tmp_path)
    store.create("ccc", MADE)
    same = np.repeat(vectors(1, seed=3), 600, axis=0)
    store.upsert("ccc", document(1), chunks("d1", 600), same)
    store.upsert("ccc", document(2), chunks("d2", 3), vectors(3, seed=4))
    for number, wanted in enumerate(vectors(3, seed=4)):
        for n in (1, 4, 20):
            found = store.nearest("ccc", wanted, max(n, 4))
            assert found[0][0] == f"d2-200-{number:06d}"
            assert found[0][1] == pytest.approx(1.0, abs=1e-4)
    store.close()


def test_a_closed_store_stays_closed(tmp_path: Path) -> None:
    store = Store(load_settings(), tmp_path / "chroma")
    store.names()
    store.close()
    with pytest.raises(StorageError, match="closed"):
        store.names()
    assert not (tmp_path / "chroma" / "in-use").exists()


def test_what_a_proxy_answers_instead_of_chroma_is_put_in_words(tmp_path: Path) -> None:
    class Proxy(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            healthy = self.path.endswith("/heartbeat")
            self.send_response(200 if healthy else 502)
            self.end_headers()
            self.wfile.write(b"{}" if healthy else b"<html>Bad gateway</html>")

        def log_message(self, *_arguments: object) -> None:
            return

    with ThreadingHTTPServer(("127.0.0.1", 0), Proxy) as proxy:
        threading.Thread(target=proxy.serve_forever, daemon=True).start()
        port = proxy.server_address[1]
        settings = load_settings(chroma_mode="server", chroma_host="127.0.0.1", chroma_port=port)
        with pytest.raises(StorageError):
            Store(settings, tmp_path).names()
        proxy.shutdown()
