"""In a real browser: a collection is saved, everything is erased, and it is restored and asked; others' are opened."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from rag.embedding import Embedder
from rag.settings import load_settings
from rag.workspace import Upload, Workspace
from tests.browser import PATIENCE, footnote_server, launch, watched_page
from tests.foreign import Strange, by_langchain

pytestmark = [
    pytest.mark.end_to_end,
    pytest.mark.filterwarnings("ignore:legacy embedding function config:DeprecationWarning"),  # Chroma's, on opening
]
RENT = "How high is the rent?"
HOSTILE = "<img src=x onerror=alert(1)> ![x](http://evil.example.test/x.png) :red[x].md"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        yield launch(playwright)


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    with watched_page(browser) as one:
        yield one


def upkeep(page: Page, address: str) -> None:
    page.goto(f"{address}/Collections")
    page.get_by_text("Upkeep").first.click()


def offer(page: Page, what: str) -> None:
    page.get_by_role("button", name="New").first.click()
    page.get_by_role("button", name=what).click()


def ask(page: Page, address: str, collection: str = "") -> None:
    page.goto(f"{address}/Ask")
    if collection:
        page.get_by_role("button", name="Where to look").click()
        page.get_by_role("combobox", name="Collection").click()
        page.get_by_role("option", name=collection, exact=True).click()
        page.keyboard.press("Escape")
        expect(page.get_by_text(f"in the collection “{collection}”")).to_be_visible(timeout=PATIENCE)
    page.get_by_test_id("stChatInputTextArea").fill(RENT)
    page.keyboard.press("Enter")
    expect(page.get_by_text("84,000 euros").first).to_be_visible(timeout=PATIENCE)


def test_saved_erased_and_restored(page: Page, notes: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    with Workspace(load_settings(data_dir=data)) as workspace:
        list(workspace.ingest([notes]))
        (tmp_path / "odd").mkdir()
        (tmp_path / "odd" / "x.md").write_text("A document with an odd name.")
        list(workspace.ingest([Upload(tmp_path / "odd" / "x.md", HOSTILE)]))
    with footnote_server(data) as address:
        upkeep(page, address)
        page.get_by_role("button", name="Prepare a backup").click()
        with page.expect_download() as downloading:
            page.get_by_role("button", name="Download the backup").click()
        saved = tmp_path / "saved.zip"
        downloading.value.save_as(saved)
        assert downloading.value.suggested_filename.startswith("documents-")

        page.get_by_text("Storage ·").click()
        page.get_by_label("Type it here").fill("erase")
        page.get_by_role("button", name="Erase everything").click()
        expect(page.get_by_text("There are no documents yet").first).to_be_visible(timeout=PATIENCE)
        assert not list((data / "transit").glob("*.zip"))

        offer(page, "Restore a backup")
        page.locator("input[type=file]").set_input_files(str(saved))
        expect(page.get_by_text("2 documents").first).to_be_visible(timeout=PATIENCE)
        expect(page.get_by_label("Its name here")).to_have_value("documents")
        page.get_by_role("button", name="Restore", exact=True).click()
        expect(page.get_by_text("Restored documents.").first).to_be_visible(timeout=PATIENCE)
        expect(page.get_by_role("dialog")).to_have_count(0)
        ask(page, address)


def test_a_file_that_is_no_backup_is_refused_in_words(page: Page, notes: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    with Workspace(load_settings(data_dir=data)) as workspace:
        list(workspace.ingest([notes]))
    (tmp_path / "bad.zip").write_bytes(b"PK nothing of the kind")
    with footnote_server(data) as address:
        upkeep(page, address)
        offer(page, "Restore a backup")
        page.locator("input[type=file]").set_input_files(str(tmp_path / "bad.zip"))
        expect(page.get_by_text("bad.zip is no backup of a collection")).to_be_visible(timeout=PATIENCE)
        assert not list((data / "transit").glob("*"))


def test_what_another_program_filled_is_opened_and_asked(page: Page, embedder: Embedder, tmp_path: Path) -> None:
    theirs = by_langchain(tmp_path / "theirs", embedder)
    by_langchain(theirs, Strange(), "strange")
    with footnote_server(tmp_path / "data") as address:
        page.goto(f"{address}/Collections")
        offer(page, "Open another program")
        page.get_by_label("Its folder on this machine").fill(str(tmp_path))
        page.get_by_role("button", name="Look into it").click()
        expect(page.get_by_text("is no folder of Chroma's")).to_be_visible(timeout=PATIENCE)
        page.get_by_label("Its folder on this machine").fill(str(theirs))
        page.get_by_role("button", name="Look into it").click()
        page.get_by_role("button", name="Read it").click()
        expect(page.get_by_text("Read leases.").first).to_be_visible(timeout=PATIENCE)
        page.get_by_text("Upkeep").first.click()
        expect(page.get_by_text("Read-only: read from “leases”")).to_be_visible(timeout=PATIENCE)
        expect(page.get_by_text("embedding model is unknown")).to_have_count(0)
        by_langchain(theirs, embedder, rows=[("oven.pdf", 0, "The oven is cleaned every Friday.")])
        page.get_by_role("button", name="Read it again").click()
        expect(page.get_by_text("3 documents").first).to_be_visible(timeout=PATIENCE)

        offer(page, "Open another program")
        page.get_by_label("Its folder on this machine").fill(str(theirs))
        page.get_by_role("button", name="Look into it").click()
        page.get_by_role("combobox", name="Collection in it").click()
        page.get_by_role("option", name="strange").click()
        page.get_by_role("button", name="Read it", exact=True).click()
        expect(page.get_by_text("embedding model is unknown").first).to_be_visible(timeout=PATIENCE)
        ask(page, address, "strange")
