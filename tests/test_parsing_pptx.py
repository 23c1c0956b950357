"""PPTX: a page a slide, its text as one reads it."""

from __future__ import annotations

from typing import Any

import pptx
import pytest
from pptx.chart.data import CategoryChartData
from pptx.enum.chart import XL_CHART_TYPE
from pptx.util import Inches

from rag.errors import EmptyDocumentError, TooLargeError
from tests.formats import chunks, headings, read, saved, tables, texts

TITLE_ONLY, BLANK = 5, 6


def slide(deck: Any, title: str = "") -> Any:
    made = deck.slides.add_slide(deck.slide_layouts[TITLE_ONLY if title else BLANK])
    if title:
        made.shapes.title.text = title
    return made


def box(shapes: Any, left: float, top: float, text: str) -> None:
    shapes.add_textbox(Inches(left), Inches(top), Inches(1), Inches(0.5)).text_frame.text = text


def table(made: Any, rows: list[list[str]], top: float = 3) -> None:
    grid = made.shapes.add_table(len(rows), len(rows[0]), Inches(1), Inches(top), Inches(4), Inches(2)).table
    for number, cells in enumerate(rows):
        for column, text in enumerate(cells):
            grid.cell(number, column).text = text


def test_a_slide_is_a_page_and_its_title_a_heading() -> None:
    deck = pptx.Presentation()
    slide(deck, "Results")
    slide(deck)
    slide(deck, "The\nend")
    parsed = read(saved(deck), "a.pptx")
    assert [(page.number, page.label) for page in parsed.pages] == [(1, "Results"), (2, ""), (3, "The end")]
    assert headings(parsed) == [(1, "Results"), (1, "The end")]
    assert parsed.parser.startswith("pptx 1 (python-pptx ")


def test_shapes_are_read_from_top_to_bottom_and_left_to_right() -> None:
    deck = pptx.Presentation()
    made = slide(deck, "T")
    box(made.shapes, 6, 5, "last")
    box(made.shapes, 5, 3, "right")
    box(made.shapes, 1, 3.05, "left\nsecond line")
    group = made.shapes.add_group_shape()
    box(group.shapes, 3, 4.1, "grouped right")
    box(group.shapes, 1, 4.1, "grouped left")
    assert read(saved(deck), "a.pptx").text == (
        "T\n\nleft\nsecond line\n\nright\n\ngrouped left\n\ngrouped right\n\nlast"
    )


def test_tables_charts_and_notes_are_text_too() -> None:
    deck = pptx.Presentation()
    made = slide(deck, "Sales")
    table(made, [["Year", "Profit"], ["2022", "10"], ["2023", "20"]])
    data = CategoryChartData()
    data.categories = ["Q1", "Q2"]
    data.add_series("Pumps", (1.5, None))
    data.add_series("Valves", (3, 4))
    chart = made.shapes.add_chart(
        XL_CHART_TYPE.COLUMN_CLUSTERED, Inches(1), Inches(6), Inches(3), Inches(1), data
    ).chart
    chart.has_title = True
    chart.chart_title.text_frame.text = "By quarter"
    made.notes_slide.notes_text_frame.text = "Mention the strike."
    parsed = read(saved(deck), "a.pptx")
    assert parsed.text == (
        "Sales\n\nYear | Profit\n2022 | 10\n2023 | 20\n\nBy quarter\n\n"
        "| Pumps | Valves\nQ1 | 1.5 | 3\nQ2 |  | 4\n\nNotes: Mention the strike."
    )
    assert [title for title, _ in tables(parsed)] == ["Year | Profit", "Pumps | Valves"]


def test_what_repeats_on_every_slide_is_left_out() -> None:
    deck = pptx.Presentation()
    made = slide(deck, "T")
    for layout_shape in made.slide_layout.placeholders:
        if layout_shape.placeholder_format.idx in (10, 11, 12):  # date, footer, slide number
            made.shapes.clone_placeholder(layout_shape)
    for shape in made.placeholders:
        if shape.placeholder_format.idx in (10, 11, 12):
            shape.text_frame.text = "repeated"
    assert read(saved(deck), "a.pptx").text == "T"


def test_a_deck_of_pictures_only_is_empty() -> None:
    deck = pptx.Presentation()
    slide(deck)
    with pytest.raises(EmptyDocumentError):
        read(saved(deck), "a.pptx")


def test_too_many_slides_are_refused() -> None:
    deck = pptx.Presentation()
    for number in range(4):
        slide(deck, f"Slide {number}")
    assert len(texts(read(saved(deck), "a.pptx", max_pages=4))) == 4
    with pytest.raises(TooLargeError, match="RAG_MAX_PAGES"):
        read(saved(deck), "a.pptx", max_pages=3)


def test_a_chunk_from_the_middle_of_a_long_table_says_what_its_columns_are() -> None:
    deck = pptx.Presentation()
    table(slide(deck, "Prices"), [["Article", "Price"], *([f"article {n}", f"{n}.50"] for n in range(200))])
    middle = [one for one in chunks(read(saved(deck), "a.pptx")) if "article 100 |" in one.text]
    assert middle[0].heading == "Prices > Article | Price"
