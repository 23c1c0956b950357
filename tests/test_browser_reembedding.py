"""The journey in a real browser: a collection is re-embedded and swapped while another session searches it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from rag.settings import load_settings
from rag.workspace import Workspace, read_set
from tests.browser import ROOT, footnote_server, launch, watched_page

pytestmark = pytest.mark.end_to_end

DIVIDEND = "What dividend per share does the Board propose for 2025?"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        started = launch(playwright)
        yield started
        started.close()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    samples = sorted(path for path in (ROOT / "samples").glob("*") if path.suffix in (".pdf", ".md", ".txt"))
    with Workspace(load_settings(data_dir=tmp_path / "data")) as workspace:
        list(workspace.ingest(samples))
    with footnote_server(tmp_path / "data") as address:
        yield address


def ask(page: Page, times: int) -> None:
    """Ask, and see an answer with a footnote each time."""
    page.get_by_test_id("stChatInputTextArea").fill(DIVIDEND)
    page.keyboard.press("Enter")
    answers = page.get_by_text("The Board proposes a dividend of EUR 0.31 per share")
    expect(page.get_by_text("5 sources")).to_have_count(times)
    assert answers.count() >= times
    expect(page.get_by_test_id("stAlert")).to_have_count(0)


def test_re_embed_rehearse_see_what_is_lost_and_swap(browser: Browser, tmp_path: Path) -> None:
    samples = sorted(path for path in (ROOT / "samples").glob("*") if path.suffix in (".pdf", ".md", ".txt"))
    with Workspace(load_settings(data_dir=tmp_path / "data")) as workspace:
        list(workspace.ingest(samples))
        asked = read_set((ROOT / "samples" / "questions.jsonl").read_bytes(), "questions.jsonl")
        workspace.keep_questions("Reports", asked)
    with footnote_server(tmp_path / "data") as server, watched_page(browser, width=1400) as page:
        page.goto(f"{server}/Collections")
        page.get_by_text("Upkeep", exact=True).click()
        page.get_by_text("Make it with another model or passage size").click()
        tokens = page.get_by_label("Tokens in a passage", exact=True)
        tokens.fill("60")
        tokens.press("Enter")
        page.get_by_role("button", name="See what it takes").click()
        page.get_by_role("button", name="Start").click()
        swap = page.get_by_role("button", name="Swap in")
        expect(swap).to_be_visible(timeout=60_000)
        swap.click()
        page.get_by_role("button", name="Rehearse first").click()
        expect(page.get_by_role("dialog")).to_have_count(0)
        page.reload()
        page.get_by_text("Upkeep", exact=True).click()
        panel = page.locator(".st-key-rehearsal")
        expect(panel.get_by_text("The rehearsal of the swap")).to_be_visible(timeout=90_000)
        expect(panel).to_contain_text("found worse")
        panel.locator(".st-key-rehearsed-rows button:visible").first.click()
        diff = page.locator(".st-key-question-diff")
        expect(diff).to_contain_text("New version")
        diff.locator("[class*=st-key-diff-open-Now] button:visible").first.click()
        expect(page.locator(".st-key-viewer")).to_contain_text("Close")
        page.locator(".st-key-viewer").get_by_role("button", name="Close").click()
        swap.click()
        expect(page.get_by_role("dialog")).to_contain_text("found worse")
        page.get_by_role("button", name="Swap it in").click()
        expect(page.get_by_text("passages of about 60 tokens")).to_be_visible()
        expect(panel).to_have_count(0)


def test_re_embed_and_swap_while_another_session_searches(browser: Browser, server: str) -> None:
    with watched_page(browser) as mine, watched_page(browser) as theirs:
        theirs.goto(f"{server}/Ask")
        ask(theirs, 1)
        mine.goto(f"{server}/Collections")
        mine.get_by_text("Upkeep", exact=True).click()
        mine.get_by_text("Make it with another model or passage size").click()
        mine.get_by_text("Built in, exact", exact=True).click()
        mine.get_by_role("button", name="See what it takes").click()
        mine.get_by_role("button", name="Start").click()
        expect(mine.get_by_text("A new version is being made")).to_be_visible()
        ask(theirs, 2)
        swap = mine.get_by_role("button", name="Swap in")
        expect(swap).to_be_visible(timeout=60_000)
        ask(theirs, 3)
        swap.click()
        expect(mine.get_by_role("dialog")).to_contain_text("This cannot be undone")
        mine.get_by_role("button", name="Swap it in").click()
        ask(theirs, 4)  # in the moment of the swap, as near as two sessions come
        expect(mine.get_by_text("all-MiniLM-L6-v2 fp32")).to_be_visible()
        expect(mine.get_by_text("Set for this collection")).to_be_visible()
        ask(theirs, 5)
        theirs.reload()
        mine.reload()
        mine.get_by_text("Upkeep", exact=True).click()
        expect(mine.get_by_text("all-MiniLM-L6-v2 fp32")).to_be_visible()
