"""Everything against a `chroma run` on loopback: one that is stopped in the middle, and one that two folders share."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Playwright, expect, sync_playwright

from rag.errors import RagError, StoreUnavailableError
from rag.records import State
from rag.workspace import Workspace
from tests.browser import PATIENCE, footnote_server, launch, watched_page
from tests.chroma_server import ChromaServer
from tests.conftest import outcomes
from tests.foreign import by_langchain

pytestmark = [
    pytest.mark.end_to_end,
    pytest.mark.filterwarnings("ignore:legacy embedding function config:DeprecationWarning"),  # Chroma's, on opening
]
RENT = "How high is the rent?"
ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ChromaServer]:
    made = ChromaServer(tmp_path / "server")
    made.start()
    yield made
    made.stop()


@pytest.fixture
def on_server(make_workspace: Callable[..., Workspace], server: ChromaServer) -> Callable[..., Workspace]:
    def make(**given: Any) -> Workspace:
        where = {"chroma_mode": "server", "chroma_host": "127.0.0.1", "chroma_port": server.port}
        return make_workspace(**where, chroma_timeout=3, **given)

    return make


def test_from_adding_to_erasing(on_server: Callable[..., Workspace], notes: Path, recipe: Path, tmp_path: Path) -> None:
    workspace = on_server()
    assert outcomes(workspace.ingest([notes, recipe], tags=["home"])) == {"lease.md": "ready", "bread.txt": "ready"}
    answer = workspace.ask(RENT)
    assert "84,000" in answer.text
    assert workspace.search("bread", where={"tag": "home"})[0].name == "bread.txt"
    notes.write_text(notes.read_text().replace("84,000", "96,000"), encoding="utf-8")
    assert outcomes(workspace.ingest([notes], replace_namesakes=True)) == {"lease.md": "ready"}
    assert "96,000" in workspace.ask(RENT).text
    workspace.rename_collection("documents", "letters")
    assert workspace.check() == []

    workspace.export("letters", tmp_path / "letters.zip")
    restored = workspace.restore(tmp_path / "letters.zip", "again")
    assert "96,000" in workspace.ask(RENT, collection="again").text
    assert len(workspace.store.names()) == 2
    workspace.delete(workspace.document("bread.txt", "again").id, "again")
    assert [one.name for one in workspace.documents("again")] == ["lease.md"]
    assert list(workspace.rebuild("again"))[-1].outcome == "ready"
    assert workspace.check() == []
    workspace.delete_collection("again")
    assert restored.store_name not in workspace.store.names()
    workspace.erase()
    assert workspace.store.names() == []
    workspace.restore(tmp_path / "letters.zip")
    assert "96,000" in workspace.ask(RENT, collection="letters").text


def test_what_it_holds_of_others_is_read_and_ours_is_not_taken_for_theirs(
    on_server: Callable[..., Workspace], server: ChromaServer, notes: Path, tmp_path: Path
) -> None:
    server.stop()
    by_langchain(tmp_path / "server", on_server(data_dir=tmp_path / "unused").embedder)
    server.start()
    workspace = on_server()
    list(workspace.ingest([notes]))
    (theirs,) = workspace.foreign(f"http://127.0.0.1:{server.port}")
    assert theirs.name == "leases"
    workspace.link(f"http://127.0.0.1:{server.port}")
    assert "84,000" in workspace.ask(RENT, collection="leases").text
    workspace.delete_collection("leases")
    assert "leases" in workspace.store.names()  # theirs is theirs
    workspace.erase()
    assert workspace.store.names() == ["leases"]


def test_stopped_in_the_middle_nothing_is_lost_and_it_goes_on(
    on_server: Callable[..., Workspace], server: ChromaServer, notes: Path, recipe: Path, tmp_path: Path
) -> None:
    workspace = on_server()
    list(workspace.ingest([notes, recipe]))
    target = tmp_path / "documents.zip"
    workspace.export("documents", target)
    before = workspace.ask(RENT).text
    server.stop()
    attempts: tuple[Callable[[], object], ...] = (
        lambda: workspace.search(RENT),
        lambda: workspace.ask(RENT),
        lambda: workspace.export("documents", tmp_path / "other.zip"),
        lambda: workspace.restore(target, "other"),
        lambda: workspace.foreign(f"http://127.0.0.1:{server.port}"),
    )
    for attempt in attempts:
        with pytest.raises(RagError, match="does not answer"):
            attempt()
    assert not (tmp_path / "other.zip").exists()
    assert [one.name for one in workspace.collections()] == ["documents"]
    assert len(workspace.documents()) == 2  # what is in the catalog can be looked at
    assert "rent" in workspace.text(workspace.document("lease.md").id)
    with pytest.raises(StoreUnavailableError):
        workspace.delete(workspace.document("bread.txt").id)
    server.start()
    assert workspace.ask(RENT).text == before
    workspace.ingestion.removal.clear_all()  # as the worker does within a minute
    assert [one.name for one in workspace.documents()] == ["lease.md"]
    workspace.restore(target, "other")
    assert workspace.ask(RENT, collection="other").text == before
    assert workspace.check() == []


def test_stopped_while_something_is_restored_nothing_of_it_is_there(
    on_server: Callable[..., Workspace], server: ChromaServer, notes: Path, tmp_path: Path
) -> None:
    workspace = on_server()
    list(workspace.ingest([notes]))
    workspace.export("documents", tmp_path / "documents.zip")

    def stopping(_: float, stage: str) -> None:
        if stage == "lease.md":
            server.stop()

    with pytest.raises(StoreUnavailableError):
        workspace.restore(tmp_path / "documents.zip", "other", stopping)
    assert [one.name for one in workspace.collections()] == ["documents"]
    server.start()
    workspace.ingestion.removal.sweep()
    assert workspace.store.names() == [workspace.collection().store_name]
    assert workspace.check() == []


def test_two_processes_with_folders_of_their_own_share_a_server(
    on_server: Callable[..., Workspace], server: ChromaServer, notes: Path, recipe: Path, tmp_path: Path
) -> None:
    workspace = on_server()
    list(workspace.ingest([notes]))
    environment = {
        "RAG_CHROMA_MODE": "server",
        "RAG_CHROMA_HOST": "127.0.0.1",
        "RAG_CHROMA_PORT": str(server.port),
        "RAG_DATA_DIR": str(tmp_path / "other"),
        "PATH": "/usr/bin:/bin",
    }

    def other(*arguments: str) -> Any:
        command = [sys.executable, "-m", "rag", "--json", *arguments]
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]

    other("ingest", str(recipe))
    assert len(workspace.store.names()) == 2
    assert [one["name"] for one in other("search", "bread")[0]["hits"]] == ["bread.txt"]
    assert "84,000" in workspace.ask(RENT).text
    assert workspace.check() == []
    workspace.ingestion.removal.sweep()  # of what others have there it removes nothing
    workspace.erase()
    assert len(workspace.store.names()) == 1
    assert other("check") == []
    assert [one["name"] for one in other("search", "bread")[0]["hits"]] == ["bread.txt"]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        yield _started(playwright)


def _started(playwright: Playwright) -> Browser:
    return launch(playwright)


def test_the_pages_say_so_and_recover(browser: Browser, server: ChromaServer, notes: Path, tmp_path: Path) -> None:
    where = {"RAG_CHROMA_MODE": "server", "RAG_CHROMA_HOST": "127.0.0.1", "RAG_CHROMA_PORT": str(server.port)}
    data = tmp_path / "browser-data"
    environment = {**where, "RAG_DATA_DIR": str(data), "PATH": "/usr/bin:/bin"}
    command = [sys.executable, "-m", "rag", "ingest", str(notes)]
    subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True)
    with footnote_server(data, {**where, "RAG_CHROMA_TIMEOUT": "3"}) as address, watched_page(browser) as page:
        page.goto(f"{address}/Collections")
        page.get_by_text("Upkeep").first.click()
        expect(page.get_by_role("button", name="Prepare a backup")).to_be_visible(timeout=PATIENCE)
        server.stop()
        page.get_by_role("button", name="Prepare a backup").click()
        expect(page.get_by_text("does not answer").first).to_be_visible(timeout=PATIENCE)
        page.goto(f"{address}/Ask")
        page.get_by_role("textbox").first.fill(RENT)
        page.keyboard.press("Enter")
        expect(page.get_by_text("does not answer").first).to_be_visible(timeout=PATIENCE)
        expect(page.get_by_text("Traceback")).to_have_count(0)
        server.start()
        page.goto(f"{address}/Collections")
        page.get_by_text("Upkeep").first.click()
        page.get_by_role("button", name="Try again").click()
        expect(page.get_by_role("button", name="Download the backup")).to_be_visible(timeout=PATIENCE)
        expect(page.get_by_text("Traceback")).to_have_count(0)


def test_an_unfinished_document_waits_for_the_server(
    on_server: Callable[..., Workspace], server: ChromaServer, notes: Path
) -> None:
    workspace = on_server()
    server.stop()
    events = workspace.ingest([notes])
    next(events)
    assert workspace.documents()[0].state in (State.QUEUED, State.INDEXING, State.SEARCHABLE)
    server.start()
    assert outcomes(events) == {"lease.md": "ready"}
