"""JSON and JSON Lines: tables where records are alike, paths where they are not."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rag.errors import DamagedError, EmptyDocumentError, TooLargeError
from tests.formats import chunks, headings, read, tables


def test_flat_records_with_the_same_keys_are_a_table() -> None:
    records = [{"name": "Ann", "age": 34, "paid": True}, {"name": "Bob", "age": None, "paid": False}]
    expected = ("name | age | paid", "name | age | paid\nAnn | 34 | true\nBob |  | false")
    assert tables(read(json.dumps(records).encode(), "a.json")) == [expected]
    lines = "\n".join(map(json.dumps, records))
    assert tables(read(lines.encode(), "a.jsonl")) == [expected]
    assert tables(read(lines.encode(), "a.json")) == [expected]  # JSON Lines by another name


def test_anything_else_is_paths_under_its_top_level_keys() -> None:
    parsed = read(
        b'{"name": "x", "price": 1.10, "tags": ["a", "b"], "deep": {"a": {"b": [1, {"c": null, "d": true}]}},'
        b'"rows": [{"a": 1, "b": 2}, {"a": 3, "b": 4}]}',
        "a.json",
    )
    assert parsed.text == (
        "name: x\nprice: 1.10\ntags: a, b\n\ndeep\n\ndeep.a.b[0]: 1\ndeep.a.b[1].d: true\n\nrows\n\na | b\n1 | 2\n3 | 4"
    )
    assert headings(parsed) == [(1, "deep"), (1, "rows")]


def test_records_that_differ_are_blocks_with_their_names() -> None:
    parsed = read(b'{"title": "First", "parts": {"n": 1}}\n\n{"body": "text\\nof two lines"}\n', "a.ndjson")
    assert headings(parsed) == [(1, "Record 1: First"), (1, "Record 2")]
    assert parsed.text.endswith("Record 2\n\nbody: text\nof two lines")


@pytest.mark.parametrize(
    ("data", "name", "line"),
    [
        (b'{"a": 1,\n "b": }', "a.json", 2),
        (b'{"a": 1}\n\n{"a": 2\n{"a": 3}', "a.jsonl", 3),
        (b'{"a": 1}\nnonsense', "a.json", 2),
    ],
)
def test_broken_json_is_refused_with_the_line(data: bytes, name: str, line: int) -> None:
    with pytest.raises(DamagedError, match=f"line {line} ") as caught:
        read(data, name)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("data", [b"", b"  ", b"{}", b"[]", b"null", b'{"a": null, "b": ""}'])
def test_json_without_content_is_refused(data: bytes) -> None:
    with pytest.raises(EmptyDocumentError):
        read(data, "a.json")


@pytest.mark.parametrize("opening", ["[", '{"a":'])
def test_deep_nesting_is_read_or_refused_but_never_overflows(opening: str) -> None:
    def nested(depth: int) -> bytes:
        return (opening * depth + "1" + ("]" if opening == "[" else "}") * depth).encode()

    assert read(nested(300), "a.json").text.rstrip().endswith("1")
    with pytest.raises(DamagedError, match="flatter"):
        read(nested(200_000), "a.json", max_chars=10_000_000)


def test_huge_numbers_stay_as_written_and_half_characters_do_no_harm() -> None:
    number = "9" * 6000
    assert number in read(f'{{"n": {number}, "x": 1e999}}'.encode(), "a.json").text
    assert read(b'{"a": "x\\ud800y"}', "a.json").text == "a: xy"


def test_text_over_the_cap_is_refused_also_where_paths_make_it_long() -> None:
    with pytest.raises(TooLargeError):
        read(b'{"a": "' + b"x" * 2000 + b'"}', "a.json", max_chars=1000)
    with pytest.raises(TooLargeError):
        read(json.dumps({"k" * 400: [{"x": n, "y": [n, [n]]} for n in range(50)]}).encode(), "a.json", max_chars=10_000)


def test_a_chunk_from_the_middle_of_a_long_table_says_what_its_columns_are() -> None:
    records = {"prices": [{"article": f"article {n}", "price": n / 2} for n in range(200)]}
    middle = [one for one in chunks(read(json.dumps(records).encode(), "a.json")) if "article 100 |" in one.text]
    assert middle[0].heading == "prices > article | price"


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=20,
)


@settings(max_examples=200, deadline=None)
@given(value=VALUES)
def test_whatever_the_values_every_one_is_in_the_text(value: Any) -> None:
    try:
        text = read(json.dumps(value).encode(), "a.json").text
    except EmptyDocumentError:
        text = ""
    for leaf in leaves(value):
        for word in str(leaf).replace("\0", "").split():
            assert word.strip("|") in text


def leaves(value: Any) -> list[Any]:
    if isinstance(value, dict | list):
        inner = value.values() if isinstance(value, dict) else value
        return [leaf for one in inner for leaf in leaves(one)]
    return [] if value is None or isinstance(value, bool) else [value]
