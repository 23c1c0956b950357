"""Conversations and feedback in a real browser: kept over reloads and restarts, found, renamed, deleted, restored."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Browser, Locator, Page, expect, sync_playwright

from rag.settings import load_settings
from rag.workspace import Workspace
from tests.browser import ROOT, footnote_server, launch, watched_page

pytestmark = pytest.mark.end_to_end

REPORT = ROOT / "samples" / "tarnholt-annual-report-2025.pdf"
DIVIDEND = "What dividend per share does the Board propose for 2025?"
HOSTILE = "<img src=x onerror=alert(1)> ![x](http://evil.example.test/x.png) :red[x] $a$ vaccines?"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        yield launch(playwright)


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    with watched_page(browser) as one:
        yield one


def ask(page: Page, question: str) -> None:
    page.get_by_test_id("stChatInputTextArea").fill(question)
    page.keyboard.press("Enter")


def talks(page: Page) -> Locator:
    """The rows of the list of conversations."""
    return page.locator("[class*=st-key-open-talk]")


def change(page: Page, title: str, what: str) -> None:
    row = page.locator(".st-key-history [data-testid=stHorizontalBlock]").filter(has_text=title)
    row.get_by_role("button", name=f"Rename or delete “{title}").click()
    page.get_by_role("menuitem", name=what).click()


def conversation(page: Page) -> str:
    return parse_qs(urlsplit(page.url).query).get("conversation", [""])[0]


def test_a_conversation_is_kept_found_renamed_deleted_and_brought_back(page: Page, tmp_path: Path) -> None:
    data = tmp_path / "data"
    with Workspace(load_settings(data_dir=data)) as workspace:
        assert [event.outcome for event in workspace.ingest([REPORT])][-1] == "ready"
    answer = page.get_by_text("The Board proposes a dividend of EUR 0.31 per share").first
    thumbs = page.locator("[class*=st-key-thumbs] button")
    with footnote_server(data) as address:
        page.goto(f"{address}/Ask")
        ask(page, DIVIDEND)
        expect(answer).to_be_visible()
        expect(talks(page)).to_have_count(1)
        there = conversation(page)
        assert there

        thumbs.nth(1).click()
        page.get_by_role("button", name=re.compile("Feedback")).click()
        page.get_by_label("What is right or wrong with the answer?").fill("Look at 2024 too")
        page.get_by_role("button", name="Save the note").click()
        expect(page.get_by_role("button", name=re.compile("Feedback · noted"))).to_be_visible()
        page.keyboard.press("Escape")
        page.get_by_text("5 sources").click()
        page.get_by_role("radio", name="Not relevant").nth(1).click()
        expect(page.get_by_role("radio", name="Not relevant").nth(1)).to_have_attribute("aria-checked", "true")

        page.reload()
        expect(answer).to_be_visible()
        assert conversation(page) == there
        ask(page, "And what was it in 2024?")
        expect(page.get_by_text("Searched for:")).to_be_visible()

        page.get_by_role("button", name="New conversation").click()
        expect(answer).to_have_count(0)
        ask(page, HOSTILE)
        expect(page.get_by_text("The documents do not answer this").first).to_be_visible()
        expect(talks(page)).to_have_count(2)
        assert page.locator(".st-key-history img").count() == 0

    with footnote_server(data) as address:  # started anew
        page.goto(f"{address}/Ask?conversation={there}")
        expect(answer).to_be_visible()
        expect(page.get_by_text("Searched for:")).to_be_visible()
        expect(page.get_by_role("button", name=re.compile("Feedback · noted"))).to_be_visible()
        page.get_by_text("5 sources").first.click()
        expect(page.get_by_role("radio", name="Not relevant").nth(1)).to_have_attribute("aria-checked", "true")
        page.get_by_role("button", name=re.compile(r"\[1\] tarnholt")).first.click()
        expect(page.locator(".st-key-viewer")).to_contain_text("page 3 of 14")
        page.get_by_role("button", name="Close").click()

        change(page, "What dividend", "Rename")
        page.get_by_role("dialog").get_by_label("Title").fill("Dividends of Tarnholt")
        page.get_by_role("dialog").get_by_role("button", name="Rename").click()
        expect(talks(page).filter(has_text="Dividends of Tarnholt")).to_have_count(1)

        find = page.get_by_label("Search conversations")
        find.fill("vaccines")
        find.press("Enter")
        expect(talks(page)).to_have_count(1)
        find.fill("eur 0.31")
        find.press("Enter")
        expect(talks(page).filter(has_text="Dividends of Tarnholt")).to_have_count(1)
        find.fill("")
        find.press("Enter")
        expect(talks(page)).to_have_count(2)

        change(page, "Dividends of Tarnholt", "Delete")
        expect(page.get_by_text("is deleted")).to_be_visible()
        expect(answer).to_have_count(0)
        page.get_by_role("button", name="Undo").click()
        expect(answer).to_be_visible()
        assert conversation(page) == there
        page.goto(f"{address}/Ask?conversation=nothing")
        expect(page.get_by_text("This conversation is not there any more")).to_be_visible()
