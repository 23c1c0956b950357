"""The documents of a collection in a real browser: rows marked over pages, tags edited, deleted and brought back."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect, sync_playwright

from rag.settings import load_settings
from rag.workspace import Workspace
from tests.browser import PATIENCE, footnote_server, launch, watched_page

pytestmark = pytest.mark.end_to_end

DOCUMENTS = 70
CHECKBOX, FIRST_ROW, ROW = 18, 53, 35
"""Pixels: the middle of the boxes that mark rows, of the first row, and from one row to the next."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        yield launch(playwright)


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    files = [tmp_path / f"report {number:02}.txt" for number in range(DOCUMENTS)]
    for number, path in enumerate(files):
        path.write_text(f"Report {number} tells of quay {number}.")
    with Workspace(load_settings(data_dir=tmp_path / "data")) as workspace:
        assert {one.outcome for one in workspace.ingest(files) if one.outcome} == {"ready"}
    with footnote_server(tmp_path / "data") as address:
        yield address


@pytest.fixture
def page(browser: Browser, address: str) -> Iterator[Page]:
    with watched_page(browser, width=1400) as page:
        page.goto(f"{address}/Collections")
        expect(page.get_by_test_id("stDataFrame")).to_be_visible(timeout=PATIENCE)
        yield page


def button(page: Page | Locator, name: str) -> Locator:
    return page.get_by_role("button", name=name, exact=True)


def table(page: Page) -> Locator:
    expect(page.locator("[data-stale=true]")).to_have_count(0)  # while it is drawn anew the old one is there too
    expect(page.get_by_test_id("stDataFrame")).to_have_count(1)
    expect(page.get_by_test_id("stDataFrame").locator("canvas").first).to_be_visible()
    return page.get_by_test_id("stDataFrame")


def click_row(page: Page, row: int, x: int) -> None:
    table(page).click(position={"x": x, "y": FIRST_ROW + row * ROW})


def turn_to(page: Page, number: int) -> None:
    button(page, f"Page {number}").click()


def offered(page: Page, name: str) -> None:
    """Wait until the page of the table is drawn that has a document of that name."""
    deadline = time.monotonic() + PATIENCE / 1000
    option = page.get_by_role("option", name=name)
    while not option.is_visible():
        assert time.monotonic() < deadline
        page.keyboard.press("Escape")
        page.get_by_role("combobox", name="Look into a document").click()
        page.wait_for_timeout(500)
    page.keyboard.press("Escape")


def test_rows_are_marked_over_pages_and_stay_marked(page: Page) -> None:
    several = page.locator(".st-key-several")
    click_row(page, 0, CHECKBOX)
    expect(several).to_contain_text("1 document marked")
    click_row(page, 2, CHECKBOX)
    expect(several).to_contain_text("2 documents marked")
    turn_to(page, 2)
    offered(page, "report 50.txt")
    click_row(page, 1, CHECKBOX)
    expect(several).to_contain_text("3 documents marked")
    turn_to(page, 1)
    offered(page, "report 00.txt")
    click_row(page, 0, CHECKBOX)  # was marked, and is no more
    expect(several).to_contain_text("2 documents marked")
    table(page).click(position={"x": CHECKBOX + 80, "y": 18})  # the head: the other way round
    expect(page.get_by_role("combobox", name="Sorted by")).to_have_value(re.compile("Name, Z to A"))
    expect(several).to_contain_text("2 documents marked")
    button(several, "Delete").click()
    expect(page.get_by_text("Deleted 2 documents")).to_be_visible()
    expect(page.get_by_text(f"{DOCUMENTS - 2} documents").first).to_be_visible()
    page.reload()
    button(page, "Undo").click()
    expect(page.get_by_text("2 documents are back")).to_be_visible()
    expect(page.get_by_text(f"{DOCUMENTS} documents").first).to_be_visible()


def test_the_tags_of_a_document_are_edited_and_found(page: Page) -> None:
    click_row(page, 4, 300)
    expect(page.get_by_role("heading", name="report 04.txt")).to_be_visible()
    button(page, "Edit").click()
    form = page.get_by_test_id("stPopoverBody")
    tags = form.get_by_role("combobox", name="Tags")
    tags.fill("harbour")
    tags.press("Enter")
    tags.press("Tab")
    button(form, "Save").click()
    expect(page.get_by_text("Saved.")).to_be_visible()
    expect(page.get_by_test_id("stPopoverBody")).to_have_count(0)
    expect(page.get_by_test_id("stMarkdown").filter(has_text="harbour").first).to_be_visible()
    page.get_by_label("Find documents").press_sequentially("harb")
    expect(page.get_by_text(f"1 of {DOCUMENTS} documents")).to_be_visible()
    expect(page.get_by_role("heading", name="report 04.txt")).to_be_visible()


def test_one_document_is_deleted_and_brought_back(page: Page) -> None:
    click_row(page, 3, 300)
    expect(page.get_by_role("heading", name="report 03.txt")).to_be_visible()
    button(page, "Delete").click()
    expect(page.get_by_text("Deleted “report 03.txt”")).to_be_visible()
    expect(page.get_by_role("heading", name="report 03.txt")).to_have_count(0)
    button(page, "Undo").click()
    expect(page.get_by_text("1 document is back")).to_be_visible()
    expect(button(page, "Undo")).to_have_count(0)


def test_a_new_version_replaces_a_document_and_says_what_changed(page: Page, tmp_path: Path) -> None:
    (tmp_path / "new.txt").write_text("Report 6 tells of pier 6.")
    click_row(page, 6, 300)
    expect(page.get_by_role("heading", name="report 06.txt")).to_be_visible()
    button(page, "Replace").click()
    page.get_by_test_id("stPopoverBody").locator("input[type=file]").set_input_files(tmp_path / "new.txt")
    button(page, "Replace with it").click()
    page.get_by_text("1 earlier version").click(timeout=2 * PATIENCE)
    button(page, "What changed then").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.locator("del")).to_have_text("quay")
    expect(dialog.locator("ins")).to_have_text("pier")


def test_everything_fits_a_phone(browser: Browser, address: str) -> None:
    with watched_page(browser, width=390) as page:
        page.goto(f"{address}/Collections")
        expect(page.get_by_test_id("stDataFrame")).to_be_visible(timeout=PATIENCE)
        click_row(page, 1, CHECKBOX)
        expect(page.locator(".st-key-several")).to_contain_text("1 document marked")
        click_row(page, 1, 100)
        expect(page.get_by_role("heading", name="report 01.txt")).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
