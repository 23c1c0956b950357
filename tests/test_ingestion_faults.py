"""What goes wrong around an ingestion: Chroma stops, the catalog is locked, the disk is full. Nothing is lost."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from rag.records import State
from rag.workspace import Workspace
from tests.chroma_server import ChromaServer
from tests.conftest import outcomes
from tests.test_ingestion import only, queue, vectors_held, wait_for

pytestmark = pytest.mark.end_to_end

Make = Callable[..., Workspace]
RENT = "How high is the rent?"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ChromaServer]:
    made = ChromaServer(tmp_path / "server")
    made.start()
    yield made
    made.stop()


def test_a_chroma_server_that_stops_in_the_middle_and_comes_back(
    make_workspace: Make, server: ChromaServer, notes: Path, recipe: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rag.ingestion.vectors.RETRY_SECONDS", 0.2)
    workspace = make_workspace(chroma_mode="server", chroma_host="127.0.0.1", chroma_port=server.port)
    assert outcomes(workspace.ingest([recipe])) == {"bread.txt": "ready"}
    with vectors_held(workspace, monkeypatch) as trying:
        queue(workspace, notes)
        assert trying.wait(30)
        server.stop()
    wait_for(lambda: any("does not answer" in one.reason for one in workspace.documents()))
    server.start()
    workspace.drain()
    assert {one.name: one.state for one in workspace.documents()} == {
        "lease.md": State.READY,
        "bread.txt": State.READY,
    }
    assert "84,000" in workspace.ask(RENT).text
    assert workspace.check() == []


def test_a_chroma_server_that_stays_away_fails_what_waits_and_a_retry_mends_it(
    make_workspace: Make, server: ChromaServer, notes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rag.ingestion.vectors.RETRY_SECONDS", 0.2)
    workspace = make_workspace(
        chroma_mode="server", chroma_host="127.0.0.1", chroma_port=server.port, store_patience=0.5
    )
    with vectors_held(workspace, monkeypatch) as trying:
        queue(workspace, notes)
        assert trying.wait(30)
        server.stop()
    wait_for(lambda: only(workspace).state is State.FAILED)
    assert "chroma run" in only(workspace).reason
    server.start()
    assert outcomes(workspace.follow(workspace.retry())) == {"lease.md": "ready"}
    assert workspace.check() == []


def test_a_locked_catalog_is_waited_for(workspace: Workspace, notes: Path, recipe: Path) -> None:
    list(workspace.ingest([recipe]))
    other = sqlite3.connect(workspace.folder.catalog, isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    release = threading.Timer(2.0, lambda: other.execute("COMMIT"))
    release.start()
    assert outcomes(workspace.ingest([notes])) == {"lease.md": "ready"}
    release.join()
    other.close()


def test_a_disk_that_is_full_stops_the_work_until_there_is_room_again(
    workspace: Workspace, notes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    list(workspace.ingest([notes]))
    long = tmp_path / "long.txt"
    long.write_text("".join(f"The fee of article {number} is {number} euros.\n" for number in range(4000)))
    pages = _limit_catalog(workspace, spare=20)
    queue(workspace, long)
    wait_for(lambda: _state(workspace, "long.txt") is State.FAILED or _waits(workspace))
    assert "84,000" in workspace.ask(RENT).text
    _limit_catalog(workspace, spare=pages * 100)
    list(workspace.follow(workspace.retry()))
    workspace.drain()
    assert _state(workspace, "long.txt") is State.READY
    assert workspace.check() == []


def _limit_catalog(workspace: Workspace, spare: int) -> int:
    """Let the catalog grow by so many pages only; every connection is made anew to know it."""
    import sqlalchemy as sql

    with workspace.catalog.read() as connection:
        pages = int(connection.exec_driver_sql("PRAGMA page_count").scalar_one())
    engine = workspace.catalog._engine
    limit = pages + spare

    def limited(connection: sqlite3.Connection, _record: object) -> None:
        connection.execute(f"PRAGMA max_page_count = {limit}")

    sql.event.listen(engine, "connect", limited)
    engine.dispose()
    return pages


def _state(workspace: Workspace, name: str) -> State:
    return next(one.state for one in workspace.documents() if one.name == name)


def _waits(workspace: Workspace) -> bool:
    return any("disk" in one.reason for one in workspace.documents())
