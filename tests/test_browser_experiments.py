"""From a question set to the champion that answers, in a real browser."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from rag.records import QuestionSet
from rag.settings import load_settings
from rag.workspace import grid, open_workspace, read_set
from tests.browser import PATIENCE, ROOT, footnote_server, launch, watched_page
from tests.studying import ended

pytestmark = pytest.mark.end_to_end

DIVIDEND = "What dividend per share does the Board propose for 2025?"
SECONDS = 120_000
"""Milliseconds that a study may take."""
SETTLED = 1500
"""Milliseconds after which nothing moves any more."""
CHECKBOX, ROW = 18, 35
"""Pixels: where a row is marked, and how high it is; the first begins below a head as high."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        yield launch(playwright)


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("experiments")
    with open_workspace(load_settings(data_dir=folder / "data", mlflow=False)) as workspace:
        list(workspace.ingest(sorted(path for path in (ROOT / "samples").glob("*") if path.suffix in (".pdf", ".md"))))
        workspace.resume_studies()
        asked = QuestionSet("Few", tuple(read_set((ROOT / "samples" / "questions.jsonl").read_bytes(), "a.jsonl")[:3]))
        ended(workspace, workspace.start_study("Two runs", asked, None, grid({"lexical": [0.5, 1.0]})))
    with footnote_server(folder / "data", {"RAG_MLFLOW": "false"}) as address:
        yield address


def view(page: Page, name: str) -> None:
    page.get_by_role("radio", name=name, exact=True).click()


def button(page: Page, name: str, exact: bool = False) -> None:
    page.get_by_role("button", name=name, exact=exact).first.click()


def choose(page: Page, name: str) -> None:
    """Look at the runs of a question set."""
    page.get_by_role("combobox", name="Questions and collection").click()
    page.get_by_role("option", name=name).click()


def mark(page: Page, row: int) -> None:
    """Mark a row of the leaderboard, from 0."""
    page.get_by_test_id("stDataFrame").first.locator("canvas").first.click(
        position={"x": CHECKBOX, "y": ROW * (row + 1) + ROW // 2}, force=True
    )


def test_the_way_from_questions_to_the_champion(browser: Browser, address: str) -> None:
    with watched_page(browser, width=1400) as page:
        page.goto(f"{address}/Experiments")
        view(page, "Question sets")
        upload(page, ROOT / "samples" / "questions.jsonl")
        study(page)
        view(page, "Leaderboard")
        expect(page.get_by_text("3 runs. Compared over")).to_be_visible(timeout=PATIENCE)
        compare(page)
        promote(page)
        page.get_by_role("link", name="Ask", exact=True).click()
        expect(page.get_by_text("Passages are found in the way that Anna chose on")).to_be_visible(timeout=PATIENCE)
        page.get_by_test_id("stChatInputTextArea").fill(DIVIDEND)
        page.keyboard.press("Enter")
        answer = page.get_by_test_id("stChatMessage").nth(1)
        expect(answer).to_contain_text("0.31", timeout=PATIENCE)
        page.get_by_role("link", name="Experiments").click()
        view(page, "Traces")
        expect(page.get_by_text("Answering").first).to_be_visible(timeout=PATIENCE)


def test_a_question_is_corrected_in_the_table_and_becomes_a_version(browser: Browser, address: str) -> None:
    with watched_page(browser, width=1400) as page:
        page.goto(f"{address}/Experiments?view=Question+sets")
        button(page, "Upload questions")
        page.locator("input[type=file]").set_input_files(
            {"name": "moon.csv", "mimeType": "text/csv", "buffer": b"question\nWho owns the moon?\nHow far is it?\n"}
        )
        button(page, "Keep", exact=True)
        expect(page.get_by_text("2 questions · ")).to_be_visible(timeout=PATIENCE)
        table = page.get_by_test_id("stDataFrame").first.locator("canvas").first
        table.dblclick(position={"x": 150, "y": 52}, force=True)
        expect(page.locator("textarea.gdg-input")).to_be_visible(timeout=PATIENCE)
        page.keyboard.type("Who was on the *moon*?")
        page.wait_for_timeout(SETTLED)  # nobody types so fast
        page.keyboard.press("Enter")
        expect(page.get_by_text("Not saved yet: 1 added, 1 removed")).to_be_visible(timeout=PATIENCE)
        view(page, "Studies")
        expect(page.get_by_text("New study")).to_be_visible(timeout=PATIENCE)
        view(page, "Question sets")
        expect(page.get_by_text("Not saved yet: 1 added, 1 removed")).to_be_visible(timeout=PATIENCE)
        button(page, "Save as a new version")
        expect(page.get_by_text("Version, of 2")).to_be_visible(timeout=PATIENCE)


@pytest.mark.parametrize("width", [1400, 390])
def test_a_point_of_the_plot_chooses_its_run(browser: Browser, address: str, width: int) -> None:
    with watched_page(browser, width=width) as page:
        page.goto(f"{address}/Experiments?view=Plots")
        choose(page, "Few")
        points = page.locator(".mark-symbol.role-mark path")
        expect(points.first).to_be_visible(timeout=PATIENCE)
        assert points.count() == 2
        page.wait_for_timeout(SETTLED)
        points.first.click(force=True)
        expect(page.locator(".st-key-plots-picked")).to_contain_text("Weight of words", timeout=PATIENCE)
        expect(page).to_have_url(re.compile("run="), timeout=PATIENCE)


def upload(page: Page, file: Path) -> None:
    button(page, "Upload questions")
    page.locator("input[type=file]").set_input_files(file)
    expect(page.get_by_text("27 questions understood.")).to_be_visible(timeout=PATIENCE)
    button(page, "Keep", exact=True)
    expect(page.get_by_text("27 questions · ")).to_be_visible(timeout=PATIENCE)


def study(page: Page) -> None:
    """Three numbers of passages, started and waited for."""
    button(page, "Start a study with it")
    expect(page.get_by_text("1 run of 27 questions each")).to_be_visible(timeout=PATIENCE)
    found = page.get_by_test_id("stButtonGroup").filter(has_text="Passages found")
    for number in ("3", "8"):
        found.get_by_role("button", name=number, exact=True).click()
        expect(page.get_by_text("2 runs" if number == "3" else "3 runs").first).to_be_visible(timeout=PATIENCE)
    button(page, "Start", exact=True)
    mine = page.locator("[class*=st-key-one-study-]").filter(has_text="questions, 3 runs")
    expect(mine).to_contain_text("finished", timeout=SECONDS)


def compare(page: Page) -> None:
    """Two runs beside each other, and what they found for the question at the top."""
    for row, words in enumerate(("Hold others against it", "Compare 2 runs")):
        mark(page, row)
        expect(page.get_by_role("button", name=words)).to_be_visible(timeout=PATIENCE)
    button(page, "Compare 2 runs")
    expect(page.get_by_text("beside A, by")).to_be_visible(timeout=PATIENCE)
    expect(page.get_by_text("Click one to see what was found")).to_be_visible(timeout=PATIENCE)
    page.wait_for_timeout(SETTLED)  # the figures above unfold, and move what is below
    page.get_by_test_id("stDataFrame").last.locator("canvas").first.click(position={"x": 60, "y": 55}, force=True)
    diff = page.locator(".st-key-question-diff")
    expect(diff).to_be_visible(timeout=PATIENCE)
    diff.locator("[class*=st-key-diff-open-A] button").first.click()
    expect(page.locator(".st-key-viewer")).to_contain_text("Close", timeout=PATIENCE)
    address = page.url
    page.goto(address)
    expect(page.locator(".st-key-question-diff")).to_be_visible(timeout=PATIENCE)


def promote(page: Page) -> None:
    """One run of the two stays marked, and becomes the champion."""
    view(page, "Leaderboard")
    expect(page.get_by_role("button", name="Compare 2 runs")).to_be_visible(timeout=PATIENCE)
    button(page, "Unmark")
    expect(page.get_by_text("Mark one run to promote it")).to_be_visible(timeout=PATIENCE)
    mark(page, 0)
    button(page, "Promote")
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Who decides").fill("Anna")
    dialog.get_by_role("button", name="Promote").click()
    expect(page.get_by_text("Who was promoted · 1")).to_be_visible(timeout=PATIENCE)
