"""CSV and TSV: delimiters, quoting, encodings, headers, and lines without end."""

from __future__ import annotations

import time
import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rag.errors import DamagedError, EmptyDocumentError, TooLargeError
from rag.parsing.tables import is_header
from tests.formats import chunks, read, tables


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_found(delimiter: str) -> None:
    rows = [["Name", "Amount", "Note"], ["Ann", "1.5", "a, b"], ["Bob", "2.5", "c; d"]]
    data = "\n".join(delimiter.join(f'"{cell}"' if delimiter in cell else cell for cell in row) for row in rows)
    assert read(data.encode(), "a.csv").text == "Name | Amount | Note\nAnn | 1.5 | a, b\nBob | 2.5 | c; d"


def test_decimal_commas_do_not_divide() -> None:
    data = "Ort;Miete\nGraz;1.200,50\nLinz;980,00\n"
    assert tables(read(data.encode("cp1252"), "a.csv")) == [
        ("Ort | Miete", "Ort | Miete\nGraz | 1.200,50\nLinz | 980,00")
    ]


def test_a_quoted_cell_may_have_line_breaks_and_quotes() -> None:
    data = b'Name,Quote\r\nAnn,"first\r\nsecond, ""third"""\r\n'
    assert read(data, "a.csv").text == 'Name | Quote\nAnn | first second, "third"'


@pytest.mark.parametrize("encoding", ["utf-8-sig", "cp1252", "utf-16"])
def test_the_encoding_is_found(encoding: str) -> None:
    data = "Name,City\nJosé,Köln\nChloé,Besançon\n".encode(encoding)
    assert read(data, "a.csv").text == "Name | City\nJosé | Köln\nChloé | Besançon"


def test_tab_separated_values() -> None:
    parsed = read(b"Name\tMotto\nAnn\tcome, see, win\n", "a.tsv")
    assert (parsed.text, parsed.media_type) == ("Name | Motto\nAnn | come, see, win", "text/tab-separated-values")


def test_lines_above_the_header_are_not_part_of_the_table() -> None:
    parsed = read(b"Export of 3 May\n\nName,Age\nAnn,34\nBob,35\n", "a.csv")
    assert tables(parsed) == [("Name | Age", "Name | Age\nAnn | 34\nBob | 35")]


def test_rows_without_a_header_are_rows_and_one_column_is_a_list() -> None:
    assert tables(read(b"Ann,34\nBob,35\n", "a.csv")) == []
    parsed = read(b"apples\npears\n", "a.csv")
    assert (parsed.text, parsed.headings) == ("apples\npears", ())


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (["Name", "Age"], True),
        (["", "2023", "2022"], True),
        (["Item", "", "3rd quarter"], True),
        (["Ann", "34"], False),
        (["Sales", "$ 1,200"], False),
        (["Loss", "(5.5%)"], False),
        (["1.5e-3", "x"], False),
        (["Only one", ""], False),
        ([], False),
    ],
)
def test_a_header_has_names_not_numbers(row: list[str], expected: bool) -> None:
    assert is_header(row) is expected


@pytest.mark.parametrize("data", [b"", b" \n\n", b",,,\n,,,\n"])
def test_an_empty_table_is_refused(data: bytes) -> None:
    with pytest.raises(EmptyDocumentError):
        read(data, "a.csv")


def test_a_binary_file_is_refused() -> None:
    with pytest.raises(DamagedError, match="not text"):
        read(bytes(range(256)) * 50, "a.csv")


def test_one_line_of_30_mb_ends_at_the_cap_and_below_it_is_read() -> None:
    line = b"word and more words " * 1_500_000
    with pytest.raises(TooLargeError, match="RAG_MAX_CHARS"):
        read(line, "a.csv", max_chars=5_000_000)
    tracemalloc.start()
    started = time.monotonic()
    try:
        with pytest.raises(TooLargeError):
            read(line, "a.csv", max_chars=5_000_000)
        assert tracemalloc.get_traced_memory()[1] < 4 * len(line)
    finally:
        tracemalloc.stop()
    assert time.monotonic() - started < 5
    cells = b"a," * 2_000_000
    assert len(read(cells, "a.csv", max_chars=20_000_000).text) > 2_000_000


def test_a_chunk_from_the_middle_of_a_long_table_says_what_its_columns_are() -> None:
    data = "Article,Price\n" + "".join(f"article {n},{n}.50\n" for n in range(200))
    found = chunks(read(data.encode(), "a.csv"))
    middle = [one for one in found if "article 100 |" in one.text]
    assert middle[0].heading == "Article | Price"
    assert found[0].text.startswith("Article | Price\narticle 0 |")


@settings(max_examples=200, deadline=None)
@given(rows=st.lists(st.lists(st.text(st.characters(exclude_characters="\0"), max_size=12), max_size=6), max_size=30))
def test_whatever_the_cells_every_one_is_in_the_text(rows: list[list[str]]) -> None:
    quoted = [",".join('"' + cell.replace('"', '""') + '"' for cell in row) for row in rows]
    data = "\r\n".join(quoted).encode("utf-8", "replace")
    try:
        parsed = read(b"\xef\xbb\xbf" + data, "a.csv")
    except (EmptyDocumentError, DamagedError):
        return
    for row in rows:
        for cell in row:
            for word in cell.encode("utf-8", "replace").decode().split():
                assert word.strip("|") in parsed.text
