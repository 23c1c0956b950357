"""Passages in a real browser: corrected, asked about, put away, found by a pattern."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect, sync_playwright

from rag.settings import load_settings
from rag.workspace import Workspace
from tests.browser import ROOT, footnote_server, launch, watched_page

pytestmark = pytest.mark.end_to_end

REPORT = ROOT / "samples" / "tarnholt-annual-report-2025.pdf"
DIVIDEND = "What dividend per share does the Board propose for 2025?"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        yield launch(playwright)


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    with watched_page(browser, width=1400) as one:
        yield one


def button(page: Page, key: str) -> Locator:
    """The first button to be seen whose key begins so."""
    return page.locator(f"[class*=st-key-{key}] button").locator("visible=true").first


def ask(page: Page, question: str) -> None:
    page.get_by_test_id("stChatInputTextArea").fill(question)
    page.keyboard.press("Enter")


def find(page: Page, address: str, pattern: str) -> None:
    page.goto(f"{address}/Collections")
    page.get_by_text("Passages", exact=True).first.click()
    page.get_by_text("Pattern", exact=True).click()
    page.get_by_role("textbox", name="What to find by: Pattern").fill(pattern)
    page.keyboard.press("Enter")
    expect(page.get_by_text("1 passage found in")).to_be_visible()


def test_a_passage_is_corrected_cited_as_edited_and_put_away(page: Page, tmp_path: Path) -> None:
    data = tmp_path / "data"
    with Workspace(load_settings(data_dir=data)) as workspace:
        assert [event.outcome for event in workspace.ingest([REPORT])][-1] == "ready"
    with footnote_server(data) as address:
        find(page, address, r"dividend of EUR \d")
        expect(page.locator("mark", has_text="dividend of EUR 0")).to_be_visible()
        button(page, "passage-open-").click()
        expect(page.locator(".st-key-viewer [data-quote]").first).to_be_visible()
        button(page, "viewer-close").click()
        button(page, "passage-edit-").click()
        text = page.get_by_role("textbox", name="Text", exact=True)
        text.fill(text.input_value().replace("EUR 0.31", "EUR 7.77"))
        button(page, "edit-save").click()
        expect(page.get_by_text("The passage was corrected.")).to_be_visible()
        expect(page.get_by_text("The page says: “").first).to_contain_text("EUR 0.31")

        page.goto(f"{address}/Ask")
        ask(page, DIVIDEND)
        expect(page.get_by_text("a dividend of EUR 7.77 per share").first).to_be_visible()
        footnote = button(page, "footnote-")
        expect(footnote).to_contain_text("edited")
        expect(page.get_by_text("The page says: “").first).to_contain_text("EUR 0.31")
        footnote.click()
        expect(page.get_by_text("This passage was edited by hand on")).to_contain_text("the page says otherwise")
        viewer = page.locator(".st-key-viewer")
        expect(viewer.locator("[data-quote]").first).to_be_visible()
        expect(viewer.get_by_text("EUR 7.77")).to_be_visible()
        expect(viewer.get_by_text("EUR 0.31")).to_be_visible()

        find(page, address, r"dividend of EUR \d")
        button(page, "passage-hide-").click()
        expect(page.get_by_text("it is not found any more")).to_be_visible()
        page.goto(f"{address}/Ask")
        ask(page, DIVIDEND)
        expect(page.get_by_role("button", name="Feedback").first).to_be_visible()
        expect(page.get_by_text("EUR 7.77 per share")).to_have_count(0)
