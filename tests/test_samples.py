"""The sample documents: they can be made again, are worth a demo, and hold the answers we say they hold."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pypdf
import pypdfium2
import pytest

ROOT = Path(__file__).resolve().parent.parent
SAMPLES = ROOT / "samples"
REPORT = SAMPLES / "tarnholt-annual-report-2025.pdf"
DOCUMENTS = (
    "orvell-compressor-supply-agreement.md",
    "tarnholt-annual-report-2025.pdf",
    "tarnholt-credit-facility-summary.md",
    "tarnholt-q1-2026-earnings-call.txt",
)
QUESTIONS: list[dict[str, Any]] = [
    json.loads(line) for line in (SAMPLES / "questions.jsonl").read_text(encoding="utf-8").splitlines()
]
ANSWERABLE = [question for question in QUESTIONS if question["answerable"]]
UNANSWERABLE = [question for question in QUESTIONS if not question["answerable"]]


def plain(text: str) -> str:
    return " ".join(text.split())


def pages(name: str) -> list[str]:
    """The text of each page; a text file is one page."""
    path = SAMPLES / name
    if path.suffix != ".pdf":
        return [plain(path.read_text(encoding="utf-8"))]
    with pypdfium2.PdfDocument(path) as document:
        return [page_text(document, number) for number in range(len(document))]


def page_text(document: pypdfium2.PdfDocument, number: int) -> str:
    page = document[number]
    text = page.get_textpage()
    found = plain(text.get_text_range())
    text.close()
    page.close()
    return found


@pytest.fixture(scope="module")
def texts() -> dict[str, list[str]]:
    return {name: pages(name) for name in DOCUMENTS}


@pytest.fixture
def outline() -> Iterator[list[tuple[int, str, int]]]:
    """The bookmarks as (level, title, 1-based page)."""
    with pypdfium2.PdfDocument(REPORT) as document:
        yield [(mark.level, mark.get_title(), (mark.get_dest().get_index() or 0) + 1) for mark in document.get_toc()]


def test_the_script_writes_the_committed_report_byte_for_byte(tmp_path: Path) -> None:
    script = ROOT / "scripts" / "make_samples.py"
    subprocess.run([sys.executable, str(script), str(tmp_path)], check=True, capture_output=True)
    assert (tmp_path / REPORT.name).read_bytes() == REPORT.read_bytes()


def test_the_report_has_a_title_and_a_date() -> None:
    metadata = pypdf.PdfReader(io.BytesIO(REPORT.read_bytes())).metadata
    assert metadata is not None
    assert metadata.title == "Tarnholt Thermal Group plc: Annual Report 2025"
    assert metadata.creation_date == datetime(2026, 3, 19, 8, tzinfo=UTC)


def test_every_page_of_the_report_says_something_of_its_own(texts: dict[str, list[str]]) -> None:
    report = texts[REPORT.name]
    assert len(report) == 14, "a section has run over its page"
    assert all(len(page) > 1000 for page in report[2:])
    assert len(set(report)) == len(report)


def test_printed_page_numbers_are_the_pages_a_viewer_counts(texts: dict[str, list[str]]) -> None:
    for number, page in enumerate(texts[REPORT.name][2:], start=3):
        assert page.endswith(f" {number}")


def test_bookmarks_and_contents_lead_to_the_page_with_that_heading(
    texts: dict[str, list[str]], outline: list[tuple[int, str, int]]
) -> None:
    report = texts[REPORT.name]
    assert {level for level, _, _ in outline} == {0, 1}
    for level, title, page in outline:
        assert title in report[page - 1]
        assert level == 1 or f"{title} {page}" in report[1]


def test_the_segment_table_reads_row_by_row_and_adds_up(texts: dict[str, list[str]]) -> None:
    page = texts[REPORT.name][4]
    rows = ("Industrial Heat Pumps", "District Energy", "Thermal Storage", "Service and Digital", "Group")
    *segments, group = ([float(cell) for cell in after(page, row, 3)] for row in rows)
    assert [round(sum(year), 1) for year in zip(*segments, strict=True)] == group == [478.3, 532.3, 596.2]


def after(text: str, label: str, count: int) -> list[str]:
    """The `count` words that follow the first `label` behind the table's head."""
    table = text.partition("Change 2025 ")[2]
    return table.partition(f"{label} ")[2].split()[:count]


def test_the_samples_are_small_and_complete() -> None:
    found = {path.name for path in SAMPLES.iterdir() if path.suffix in {".pdf", ".md", ".txt"}}
    assert found == set(DOCUMENTS)
    assert all((SAMPLES / name).stat().st_size < 100_000 for name in DOCUMENTS)


def test_the_questions_cover_every_document_and_some_have_no_answer() -> None:
    assert {question["document"] for question in ANSWERABLE} == set(DOCUMENTS)
    assert len(ANSWERABLE) >= 16
    assert len(UNANSWERABLE) >= 8
    assert len({question["question"] for question in QUESTIONS}) == len(QUESTIONS)


@pytest.mark.parametrize("question", ANSWERABLE, ids=lambda question: question["question"])
def test_the_answer_stands_on_the_stated_page(question: dict[str, Any], texts: dict[str, list[str]]) -> None:
    assert question["answer"] in texts[question["document"]][question["page"] - 1]


@pytest.mark.parametrize("question", UNANSWERABLE, ids=lambda question: question["question"])
def test_what_has_no_answer_names_no_place(question: dict[str, Any]) -> None:
    assert (question["document"], question["page"], question["answer"]) == (None, None, None)
