"""Fifty hostile texts, in documents, names, tags, questions and answers, in a real browser: they stay text."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect, sync_playwright

from rag.settings import load_settings
from rag.workspace import Upload, Workspace
from tests.browser import footnote_server, launch, watched_page
from tests.llm_server import Behaviour, Request, language_model_server
from tests.payloads import PAYLOADS

pytestmark = [pytest.mark.end_to_end, pytest.mark.timeout(600)]

A_CONVERSATION = 10
"""Payloads in it, two in a question."""
FOREIGN = "a[href*='evil.test'], a[href^='javascript:'], [src*='evil.test'], [href*='evil.test'][rel], iframe[srcdoc]"


def place(number: int) -> str:
    return f"Zorro station {number:02d}"


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A collection with a document for each payload, in its name, its text and its tags."""
    folder = tmp_path_factory.mktemp("hostile")
    with Workspace(load_settings(data_dir=folder / "data"), "the tests") as workspace:
        for number, payload in enumerate(PAYLOADS):
            path = folder / f"{number}.txt"
            text = "".join(one for one in payload if one >= " " or one == "\n")  # no text file has the others
            path.write_text(f"The password of {place(number)} is: {text}\n\nIt is {number} metres high.", "utf-8")
            name = re.sub(r"[/\\\0\n\r\t]", "_", payload)[:60]
            tag = "".join(one for one in " ".join(payload.split()) if one.isprintable())[:40]
            events = workspace.ingest([Upload(path, f"{number:02d} {name}.txt")], tags=[tag])
            assert [one.outcome for one in events][-1] == "ready", payload
    return folder / "data"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        yield launch(playwright)


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    with watched_page(browser) as one:
        yield one


def intact(page: Page) -> None:
    """Nothing foreign was made of what is shown, and the page is as wide as its window, on a desk and on a phone."""
    app = page.get_by_test_id("stApp")
    assert app.locator(FOREIGN).evaluate_all("all => all.map(one => one.outerHTML)") == []
    assert page.locator("main iframe, main object, main embed, main base, main form[action='/f']").count() == 0
    expect(page.get_by_text("Something went wrong")).to_have_count(0)
    for width in (390, 1280):
        page.set_viewport_size({"width": width, "height": 900})
        page.wait_for_timeout(300)
        sizes = page.evaluate(
            "() => [...document.querySelectorAll('[data-testid=stMain], [data-testid=stMainBlockContainer]')]"
            ".map(one => [one.scrollWidth, one.clientWidth])"
        )
        assert sizes
        assert all(inner <= outer + 1 for inner, outer in sizes), f"at {width} px: {sizes}"
        assert page.get_by_test_id("stMainBlockContainer").is_visible()


def answered(page: Page, turn: int) -> Locator:
    message = page.get_by_test_id("stChatMessage").nth(2 * turn + 1)
    expect(message.get_by_text(re.compile(r"^\d (sources?|closest passages?)$"))).to_be_visible()
    return message


def readable(text: str) -> str:
    """Letters and digits, which is what a reader must find whatever became of the rest."""
    return re.sub(r"[\W_]+", "", text)


def told(request: Request) -> str:
    """What the hostile model says: the payloads of the places that are asked about."""
    numbers = sorted({int(one) for one in re.findall(r"Zorro station (\d+)", request.user.split("Question")[-1])})
    said = [f"The password of {place(one)} is: {PAYLOADS[one]} [1].\n\nIt is {one} metres high [1]." for one in numbers]
    return "\n\n".join(said)


def test_there_are_fifty_of_them() -> None:
    assert len(set(PAYLOADS)) == 50


def test_hostile_text_stays_text_on_every_page(page: Page, data: Path) -> None:
    with language_model_server(Behaviour(reply=told)) as model:
        settings = {"RAG_LLM": "openai:test", "RAG_LLM_BASE_URL": model.openai_url}
        with footnote_server(data, settings) as address:
            _browse(page, address)
            for first in range(0, len(PAYLOADS), A_CONVERSATION):
                _converse(page, address, range(first, first + A_CONVERSATION))


def _browse(page: Page, address: str) -> None:
    page.goto(address)
    expect(page.get_by_text("Latest documents")).to_be_visible()
    intact(page)
    page.goto(f"{address}/Upload")
    expect(page.get_by_text("Files to index")).to_be_visible()
    page.get_by_role("combobox", name="Tags").click()
    expect(page.get_by_role("option").first).to_be_visible()
    intact(page)
    page.goto(f"{address}/Collections")
    expect(page.get_by_test_id("stDataFrame")).to_be_visible()
    intact(page)


def _converse(page: Page, address: str, numbers: range) -> None:
    page.goto(f"{address}/Ask")
    for turn, number in enumerate(numbers[::2]):
        pair = number, number + 1
        asked = " ".join(f"What is the password of {place(one)}? {PAYLOADS[one][:300]}" for one in pair)
        page.get_by_test_id("stChatInputTextArea").fill(asked)
        page.get_by_test_id("stChatInputSubmitButton").click()
        message = answered(page, turn)
        said = message.get_by_test_id("stMarkdown").first.inner_text()
        assert readable(place(number)) in readable(said), PAYLOADS[number]
        if turn == 0:
            message.get_by_text(re.compile(r"^\d sources?$")).click()
            message.get_by_role("button", name="Why these?").click()
            expect(page.get_by_role("dialog").get_by_text("Why not this page?")).to_be_visible()
            assert page.get_by_role("dialog").locator(FOREIGN).count() == 0
            page.keyboard.press("Escape")
            expect(page.get_by_role("dialog")).to_have_count(0)
    button = page.get_by_test_id("stChatMessage").last.get_by_role("button", name=re.compile(r"\[1\]")).first
    button.click()
    expect(page.locator(".st-key-viewer mark").first).to_be_visible()
    assert page.locator(".st-key-viewer").locator(FOREIGN).count() == 0
    page.locator(".st-key-viewer").get_by_role("button", name="Close").click()
    expect(page.locator(".st-key-viewer")).to_have_count(0)
    intact(page)
    page.get_by_role("button", name="Where to look").click()
    documents = page.get_by_role("combobox", name="Documents")
    documents.press_sequentially(f"{numbers[0]:02d} ")
    page.get_by_role("option").filter(has_text=re.compile(rf"^{numbers[0]:02d} ")).first.click()
    expect(page.get_by_text("Only in")).to_be_visible()
    page.keyboard.press("Escape")
    intact(page)
