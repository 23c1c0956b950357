"""The way of an analyst through the dashboard, in a real browser: from a file to a proof that can be handed on."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from fpdf import FPDF
from playwright.sync_api import Browser, Locator, Page, expect, sync_playwright

from tests.browser import PATIENCE, footnote_server, launch, watched_page

pytestmark = pytest.mark.end_to_end

MM = (210, 297)
SIZE = 12
LINES = {
    (25, 40): "The harbour office was built in 1931 and has nine rooms.",
    (25, 118): "The yearly rent of the harbour office is 84,000 euros in 2024.",
    (25, 180): "The yearly rent of the harbour office is 71,000 euros in 2023.",
    (25, 250): "The landlord repairs the roof and the outer walls.",
}
"""On the second of three pages: where a line begins (its baseline, in mm from the upper left), and what it says."""


def lease(path: Path) -> FPDF:
    document = FPDF()
    document.set_font("Helvetica", size=SIZE)
    for page in range(3):
        document.add_page()
        if page == 1:
            for (x, y), words in LINES.items():
                document.text(x, y, words)
        else:
            document.text(25, 40, f"This is what else there is to know, part {page}: the garden has roses.")
    document.output(str(path))
    return document


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        yield launch(playwright)


def button(page: Page | Locator, name: str | re.Pattern[str]) -> Locator:
    return page.get_by_role("button", name=name).first


def ask(page: Page, question: str) -> Locator:
    """The answer to a question, once it is whole."""
    before = page.get_by_test_id("stChatMessage").count()
    page.get_by_test_id("stChatInputTextArea").fill(question)
    page.keyboard.press("Enter")
    message = page.get_by_test_id("stChatMessage").nth(before + 1)
    expect(button(message, "Copy")).to_be_visible(timeout=PATIENCE)
    return message


def is_round(viewer: Locator, document: FPDF, year: str) -> None:
    """In a moment the box lies on the line of that year on the page's image, and on no other."""
    deadline = time.monotonic() + PATIENCE / 1000
    while True:
        try:
            _is_round(viewer, document, year)
        except AssertionError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
        else:
            return


def _is_round(viewer: Locator, document: FPDF, year: str) -> None:
    (x, y), words = next(one for one in LINES.items() if year in one[1])
    wanted = x / MM[0], (y - 4.2) / MM[1], (x + document.get_string_width(words)) / MM[0], (y + 1.6) / MM[1]
    quotes = viewer.locator("[data-quote]")
    expect(quotes).to_have_count(1)
    image, box = viewer.locator("img").bounding_box(), quotes.bounding_box()
    assert image
    assert box
    found = (
        (box["x"] - image["x"]) / image["width"],
        (box["y"] - image["y"]) / image["height"],
        (box["x"] + box["width"] - image["x"]) / image["width"],
        (box["y"] + box["height"] - image["y"]) / image["height"],
    )
    assert found == pytest.approx(wanted, abs=0.006)


def test_from_a_file_to_a_proof_and_back_after_a_reload(browser: Browser, tmp_path: Path) -> None:
    document = lease(tmp_path / "lease.pdf")
    with footnote_server(tmp_path / "data") as address, watched_page(browser, width=1400) as page:
        page.goto(f"{address}/Upload")
        page.locator("input[type=file]").set_input_files(tmp_path / "lease.pdf")
        button(page, re.compile(r"Add \d+ file")).click()
        expect(page.get_by_text("Ready · 3 pages")).to_be_visible(timeout=2 * PATIENCE)

        page.get_by_role("link", name="Ask a question").click()
        answer = ask(page, "What is the yearly rent of the harbour office in 2024?")
        expect(answer).to_contain_text("84,000")
        button(answer, re.compile(r"\[1\] lease\.pdf · p\. 2")).click()
        viewer = page.locator(".st-key-viewer")
        expect(viewer).to_contain_text("page 2 of 3")
        expect(viewer.locator("[data-quote]")).to_be_in_viewport()
        is_round(viewer, document, "2024")

        follow_up = ask(page, "And in 2023?")
        expect(follow_up).to_contain_text("Searched for")
        expect(follow_up).to_contain_text("71,000")
        button(follow_up, re.compile(r"\[1\] lease\.pdf · p\. 2")).click()
        expect(viewer.locator("[data-quote]")).to_be_in_viewport()
        is_round(viewer, document, "2023")
        page.keyboard.press("Escape")
        expect(viewer).to_have_count(0)

        thumbs = follow_up.get_by_role("radio", name="Thumbs up")
        thumbs.first.click()
        expect(thumbs.first).to_have_attribute("aria-checked", "true")

        button(page, "Save all").click()
        with page.expect_download() as download:
            button(page, re.compile("Evidence pack")).click()
        pack = tmp_path / "pack.html"
        download.value.save_as(pack)
        _is_whole(browser, pack)

        where = page.url
        page.reload()
        expect(page.get_by_test_id("stChatMessage")).to_have_count(4)
        again = page.get_by_test_id("stChatMessage").nth(3)
        button(again, re.compile(r"\[1\] lease\.pdf · p\. 2")).click()
        is_round(page.locator(".st-key-viewer"), document, "2023")
        assert page.url == where
        thumbs = again.get_by_role("radio", name="Thumbs up")
        expect(thumbs.first).to_have_attribute("aria-checked", "true")


def _is_whole(browser: Browser, pack: Path) -> None:
    """The file shows both answers with their pages and boxes, and asks nobody for anything."""
    context = browser.new_context(offline=True)
    page = context.new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(pack.as_uri())
    for words in ("yearly rent of the harbour office in 2024?", "And in 2023?", "84,000", "71,000", "lease.pdf"):
        expect(page.get_by_text(words).first).to_be_visible()
    images = page.locator("img, image")
    assert images.count() >= 1
    assert [one for one in asked if not one.startswith(("file:", "data:"))] == []
    context.close()
