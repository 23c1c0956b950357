"""Write the sample annual report: `python scripts/make_samples.py [folder]` (default: samples/).

The other samples are text and need no making. The same source gives the same bytes on every machine: the date
is fixed, only the core fonts are used, and nothing is compressed, as zlib's output differs between its builds.
"""

from __future__ import annotations

import sys
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from pathlib import Path
from typing import Any

from fpdf import FPDF
from fpdf.enums import XPos, YPos
from fpdf.outline import OutlineSection

SAMPLES = Path(__file__).resolve().parent.parent / "samples"
SOURCE = SAMPLES / "source" / "annual-report.toml"
NAME = "tarnholt-annual-report-2025.pdf"

INK, MUTED, ACCENT = (33, 37, 41), (105, 115, 120), (14, 82, 96)
PALE, RULE, AMBER = (232, 241, 242), (190, 205, 208), (214, 138, 44)
LEFT, TOP, BOTTOM = 24, 24, 20
LINE = 5.5
"""Height of a line of body text, in mm."""


class Report(FPDF):
    """An A4 page with the running title on top and the page number below, none of it on the cover."""

    def __init__(self, source: Mapping[str, Any]) -> None:
        super().__init__(format="A4")
        self.source = source
        self.set_compression(False)
        self.set_margins(LEFT, TOP, LEFT)
        self.set_auto_page_break(True, BOTTOM)
        self.set_title(f"{source['company']}: {source['title']}")
        self.set_author(source["company"])
        self.set_subject(source["subtitle"])
        self.set_lang("en-GB")
        self.set_creator("scripts/make_samples.py")
        self.set_producer("fpdf2")  # its default names the version
        self.set_creation_date(source["published"])

    def style(self, size: float, colour: tuple[int, int, int] = INK, emphasis: str = "") -> None:
        self.set_font("Helvetica", emphasis, size)
        self.set_text_color(*colour)

    def line_of_text(self, text: str, height: float, **options: Any) -> None:
        self.cell(0, height, text, new_x=XPos.LMARGIN, new_y=YPos.NEXT, **options)

    def text_block(self, text: str, height: float = LINE, width: float = 0) -> None:
        self.multi_cell(width, height, text, align="L", new_x=XPos.LMARGIN, new_y=YPos.NEXT)

    def header(self) -> None:
        if self.page_no() == 1:
            return
        self.set_y(11)
        self.style(8, MUTED)
        self.line_of_text(f"{self.source['company']}  |  {self.source['title']}", 5)
        self.set_draw_color(*ACCENT)
        self.set_line_width(0.3)
        self.line(LEFT, 17, self.w - LEFT, 17)
        self.set_y(TOP)

    def footer(self) -> None:
        if self.page_no() > 1:
            self.set_y(-14)
            self.style(8, MUTED)
            self.line_of_text(str(self.page_no()), 5, align="R")


def cover(report: Report) -> None:
    """The title page: a coloured field with the title, below it the year in figures."""
    report.add_page()
    report.set_fill_color(*ACCENT)
    report.rect(0, 0, report.w, 178, style="F")
    report.set_fill_color(*AMBER)
    report.rect(LEFT, 78, 26, 1.6, style="F")
    report.set_y(30)
    report.style(13, (255, 255, 255), "B")
    report.line_of_text(report.source["company"], 8)
    report.set_y(86)
    report.style(40, (255, 255, 255), "B")
    report.line_of_text(report.source["title"], 18)
    report.style(14, (205, 226, 229))
    report.line_of_text(report.source["subtitle"], 10)
    report.set_y(194)
    figures(report, [(figure["value"], figure["label"]) for figure in report.source["figures"]])


def figures(report: Report, pairs: Iterable[tuple[str, str]]) -> None:
    """Large figures with their labels, two to a row."""
    width = report.epw / 2
    top = report.get_y()
    for index, (value, label) in enumerate(pairs):
        left = LEFT + width * (index % 2)
        report.set_xy(left, top + 32 * (index // 2))
        report.style(24, ACCENT, "B")
        report.cell(width, 11, value, new_x=XPos.LEFT, new_y=YPos.NEXT)
        report.style(10, MUTED)
        report.cell(width, 6, label)


def contents(report: Report, outline: list[OutlineSection]) -> None:
    """The list of sections, each line a link; fpdf2 calls this once all page numbers are known."""
    report.style(22, ACCENT, "B")
    report.line_of_text("Contents", 14)
    report.ln(3)
    for section in (entry for entry in outline if entry.level == 0):
        report.style(11)
        link = report.add_link(page=section.page_number)
        top = report.get_y()
        report.cell(report.epw - 15, 8.4, section.name, link=link)
        report.cell(15, 8.4, str(section.page_number), align="R", link=link)
        report.set_draw_color(*PALE)
        report.line(LEFT, top + 8.4, report.w - LEFT, top + 8.4)
        report.set_xy(LEFT, top + 8.4)
    report.ln(12)
    subheading(report, "About this report")
    for block in blocks(report.source["about"]):
        draw(report, block)


def blocks(body: str) -> Iterator[list[str]]:
    """The body's blocks: its runs of lines that are not empty."""
    for filled, lines in groupby(body.splitlines(), key=lambda line: bool(line.strip())):
        if filled:
            yield [line.strip() for line in lines]


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip("|").split("|")]


def draw(report: Report, block: list[str]) -> None:
    """Draw one block by the mark its first line begins with."""
    mark, _, rest = block[0].partition(" ")
    if mark == "##":
        report.start_section(rest, level=1)
        subheading(report, rest)
    elif mark == "|":
        table(report, [cells(line) for line in block])
    elif mark == "=":
        bars(report, [cells(line.removeprefix("=")) for line in block])
    elif mark == ">":
        quotation(report, " ".join(line.removeprefix("> ") for line in block))
    elif mark == "-":
        bullets(report, [line.removeprefix("- ") for line in block])
    elif mark == "Table":
        report.style(9, ACCENT, "B")
        report.text_block(" ".join(block))
        report.ln(0.8)
    else:
        report.style(10.5)
        report.text_block(" ".join(block))
        report.ln(2.4)


def subheading(report: Report, text: str) -> None:
    report.ln(1.6)
    report.style(12.5, ACCENT, "B")
    report.line_of_text(text, 6.4)
    report.ln(0.4)


def quotation(report: Report, text: str) -> None:
    """A pulled sentence in larger italics, with a bar at its left."""
    top = report.get_y() + 1
    report.set_xy(LEFT + 6, top)
    report.style(12.5, ACCENT, "I")
    report.multi_cell(report.epw - 12, 6.2, text, align="L", new_x=XPos.LMARGIN, new_y=YPos.NEXT)
    report.set_fill_color(*AMBER)
    report.rect(LEFT, top, 1.4, report.get_y() - top, style="F")
    report.ln(4)


def bullets(report: Report, items: list[str]) -> None:
    report.style(10.5)
    report.set_fill_color(*AMBER)
    for item in items:
        report.rect(LEFT + 1, report.get_y() + 2.1, 1.3, 1.3, style="F")
        report.set_x(LEFT + 5)
        report.text_block(item)
        report.ln(0.7)
    report.ln(1.7)


def table(report: Report, rows: list[list[str]]) -> None:
    """A table whose first row is the head; figures stand at the right, rows marked with ** are bold."""
    narrow = [0.175 * report.epw] * (len(rows[0]) - 1)
    widths = [report.epw - sum(narrow), *narrow]
    report.set_fill_color(*PALE)
    report.set_draw_color(*RULE)
    report.set_line_width(0.2)
    for number, row in enumerate(rows):
        bold = number == 0 or row[0].startswith("**")
        report.style(9.5, INK if number else ACCENT, "B" if bold else "")
        for column, (width, cell) in enumerate(zip(widths, row, strict=True)):
            side = "R" if column else "L"
            report.cell(width, 6, cell.removeprefix("**"), align=side, fill=number == 0)
        report.ln(6)
        report.line(LEFT, report.get_y(), report.w - LEFT, report.get_y())
    report.ln(4)


def bars(report: Report, pairs: list[list[str]]) -> None:
    """A bar chart of percentages, one line to a bar; 30% is two thirds of the text's width."""
    report.ln(1)
    report.set_fill_color(*ACCENT)
    for label, percent in pairs:
        report.style(9)
        report.cell(52, 5.6, label)
        length = float(percent) / 30 * report.epw * 2 / 3
        report.rect(report.get_x(), report.get_y() + 0.9, length, 3.8, style="F")
        report.set_x(report.get_x() + length + 1)
        report.line_of_text(f"{percent}%", 5.6)
    report.ln(3)


def section(report: Report, title: str, body: str) -> None:
    """A section, on the fresh page it is called on."""
    report.start_section(title)
    report.style(22, ACCENT, "B")
    report.line_of_text(title, 12)
    report.ln(2.5)
    for block in blocks(body):
        draw(report, block)


def make_report(folder: Path) -> Path:
    """Write the annual report into `folder` and return its path."""
    report = Report(tomllib.loads(SOURCE.read_text(encoding="utf-8")))
    cover(report)
    report.add_page()
    report.insert_toc_placeholder(contents)  # leaves us on a fresh page
    for number, entry in enumerate(report.source["section"]):
        if number:
            report.add_page()
        section(report, entry["title"], entry["body"])
    path = folder / NAME
    path.write_bytes(bytes(report.output()))
    return path


if __name__ == "__main__":
    print(make_report(Path(sys.argv[1]) if len(sys.argv) > 1 else SAMPLES))
