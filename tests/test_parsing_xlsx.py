"""XLSX: a page a sheet, its values as a reader sees them, its tables with their columns."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import Any

import openpyxl
import pytest

from rag.errors import EmptyDocumentError, TooLargeError
from rag.parsing.numbers import shown
from tests.formats import chunks, headings, read, repacked, saved, tables, texts


def workbook(**sheets: list[list[Any]]) -> Any:
    book = openpyxl.Workbook()
    book.remove(book.active)
    for title, rows in sheets.items():
        sheet = book.create_sheet(title)
        for row in rows:
            sheet.append(row)
    return book


def test_a_sheet_is_a_page_with_its_name_as_label_and_heading() -> None:
    book = workbook(Sales=[["Region", "Units"], ["North", 5]], Blank=[], Notes=[["A remark"]])
    book["Notes"].sheet_state = "hidden"
    parsed = read(saved(book), "a.xlsx")
    assert [(page.number, page.label) for page in parsed.pages] == [(1, "Sales"), (2, "Blank"), (3, "Notes")]
    assert texts(parsed) == ["Sales\n\nRegion | Units\nNorth | 5", "", "Notes\n\nA remark"]
    assert headings(parsed) == [(1, "Sales"), (1, "Notes")]
    assert tables(parsed) == [("Region | Units", "Region | Units\nNorth | 5")]


def test_values_are_shown_as_their_formats_say() -> None:
    book = workbook(S=[["Item", "Value"]])
    sheet = book["S"]
    for row, (value, number_format) in enumerate(
        [
            (0.125, "0.0%"),
            (1234567, "#,##0"),
            (-1234.5, '"$"#,##0.00_);("$"#,##0.00)'),
            (datetime(2024, 3, 1), "d.m.yy"),
            (True, "General"),
            (0.1 + 0.2, "General"),
            ("007", "@"),
        ],
        start=2,
    ):
        sheet.cell(row, 1, f"row {row}")
        sheet.cell(row, 2, value).number_format = number_format
    lines = read(saved(book), "a.xlsx").text.splitlines()[3:]
    assert [line.split(" | ")[1] for line in lines] == [
        "12.5%",
        "1,234,567",
        "($1,234.50)",
        "2024-03-01",
        "TRUE",
        "0.3",
        "007",
    ]


@pytest.mark.parametrize(
    ("value", "number_format", "expected"),
    [
        (1234.5, "#,##0.00", "1,234.50"),
        (-3, "0", "-3"),
        (-0.001, "0.0", "0.0"),
        (7, "00000", "00007"),
        (5, "[$€-407] #,##0", "€ 5"),
        (5, '#,##0\\ "€"', "5 €"),
        (1234567, '#,##0.0,,"M"', "1.2M"),
        (-1234, "#,##0;[Red]-#,##0", "-1,234"),
        (12345.678, "0.00E+00", "1.23e+04"),
        (2.5, "# ?/?", "2.5"),
        (2.5, "General", "2.5"),
        (10**20, "General", "100000000000000000000"),
        (datetime(2024, 3, 1, 9, 30), "", "2024-03-01 09:30:00"),
        (date(2024, 3, 1), "", "2024-03-01"),
        (time(9, 30), "", "09:30:00"),
        (timedelta(hours=2), "[h]:mm", "2:00:00"),
    ],
)
def test_number_formats(value: Any, number_format: str, expected: str) -> None:
    assert shown(value, number_format) == expected


def test_formulas_show_their_value_and_without_one_themselves() -> None:
    data = saved(workbook(S=[["Item", "Sum"], ["all", "=SUM(B4:B9)"]]))
    assert "all | =SUM(B4:B9)" in read(data, "a.xlsx").text

    def calculated(name: str, part: bytes) -> bytes:
        return part.replace(b"<v></v>", b"<v>42</v>").replace(b"<v />", b"<v>42</v>").replace(b"<v/>", b"<v>42</v>")

    assert "all | 42" in read(repacked(data, calculated), "a.xlsx").text


def test_titles_above_and_tables_below_each_other_are_told_apart() -> None:
    book = workbook(
        S=[
            ["Annual figures"],
            ["Item", 2023, 2022],
            ["Sales", 10, 9],
            [],
            ["Costs", 5, 4],  # the same table goes on
            [],
            ["Staff"],
            ["Name", "City", "Age"],
            ["Ann", "Rome", 34],
        ]
    )
    parsed = read(saved(book), "a.xlsx")
    assert tables(parsed) == [
        ("Item | 2023 | 2022", "Item | 2023 | 2022\nSales | 10 | 9\nCosts | 5 | 4"),
        ("Name | City | Age", "Name | City | Age\nAnn | Rome | 34"),
    ]
    assert "S\n\nAnnual figures\n\nItem" in parsed.text
    assert "\n\nStaff\n\nName" in parsed.text


def test_a_stray_cell_far_away_does_not_fill_the_text_with_separators() -> None:
    book = workbook(S=[])
    book["S"]["C3"] = "near"
    book["S"].cell(1_000_000, 16_000, "far")
    assert len(read(saved(book), "a.xlsx").text) < 300
    assert read(saved(book), "a.xlsx").text.startswith("S\n\nnear\n")


def test_the_properties_give_title_and_date() -> None:
    book = workbook(S=[["x"]])
    book.properties.title, book.properties.created = "Budget plan", datetime(2022, 2, 3)
    parsed = read(saved(book), "budget.xlsx")
    assert (parsed.title, parsed.date) == ("Budget plan", 20220203)


def test_an_empty_workbook_is_refused() -> None:
    with pytest.raises(EmptyDocumentError):
        read(saved(workbook(A=[], B=[])), "a.xlsx")


def test_a_workbook_over_the_caps_is_refused() -> None:
    book = workbook(**{f"S{n}": [["text " * 50]] for n in range(3)})
    with pytest.raises(TooLargeError, match="RAG_MAX_PAGES"):
        read(saved(book), "a.xlsx", max_pages=2)
    with pytest.raises(TooLargeError, match="RAG_MAX_CHARS"):
        read(saved(book), "a.xlsx", max_chars=500)


def test_a_chunk_from_the_middle_of_a_long_table_says_what_its_columns_are() -> None:
    book = workbook(Prices=[["Article", "Price"], *([f"article {n}", n / 2] for n in range(200))])
    middle = [one for one in chunks(read(saved(book), "a.xlsx")) if "article 100 |" in one.text]
    assert middle[0].heading == "Prices > Article | Price"
