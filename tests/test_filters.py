"""Filters: what users write is checked, and finds what a plain reading of it would."""

from __future__ import annotations

from typing import Any

import pytest

from rag.errors import FilterError
from rag.filters import parse_where
from rag.parsing.media import media_type


@pytest.mark.parametrize("nothing", [None, {}, "{}", "null"])
def test_no_filter(nothing: Any) -> None:
    assert parse_where(nothing) is None


def test_fields_beside_each_other_must_all_hold() -> None:
    assert parse_where('{"name": "a.pdf", "page": {"$gte": 2, "$lt": 5}}') == {
        "$and": [{"name": {"$eq": "a.pdf"}}, {"$and": [{"page": {"$gte": 2}}, {"page": {"$lt": 5}}]}]
    }


def test_dates_are_written_as_people_write_them() -> None:
    assert parse_where({"date": {"$gte": "2024-03-31"}}) == {"date": {"$gte": 20240331}}


def test_types_may_be_named_by_what_people_call_them() -> None:
    assert parse_where({"type": "PDF"}) == parse_where({"type": "application/pdf"})
    for word in ("txt", "md", "docx", "pptx", "xlsx", "csv", "tsv", "html", "json", "jsonl", "png", "jpg", "tiff"):
        assert parse_where({"type": word}) == {"type": {"$eq": media_type(f"a.{word}")}}


def test_tags_are_looked_for_in_an_array() -> None:
    assert parse_where({"tag": "q1"}) == {"tag": {"$contains": "q1"}}
    assert parse_where({"tag": {"$in": ["q1", "q2"]}}) == {
        "$or": [{"tag": {"$contains": "q1"}}, {"tag": {"$contains": "q2"}}]
    }
    assert parse_where({"tag": {"$ne": "q1"}}) == {"tag": {"$not_contains": "q1"}}


@pytest.mark.parametrize(
    ("where", "says"),
    [
        ('{"page": ', "not JSON"),
        ("[1]", "A filter is an object"),
        ('{"author": "x"}', "no field 'author'"),
        ('{"page": {"$near": 3}}', "no operator '$near'"),
        ('{"page": "three"}', "whole number"),
        ('{"page": true}', "whole number"),
        ('{"name": 3}', "compared with a text"),
        ('{"name": {"$gt": "a"}}', "compares numbers"),
        ('{"name": {"$in": []}}', "at least one"),
        ('{"$and": []}', "list of filters"),
        ('{"$or": [{}]}', "A filter is an object"),
        ('{"date": "yesterday"}', "not a date"),
        ('{"page": {}}', "is empty"),
        ('{"$and": [' * 3000 + "{}" + "]}" * 3000, "nested|not JSON"),
        ('{"name": "\\ud800"}', "half a character"),
    ],
)
def test_a_filter_that_makes_no_sense_is_refused_with_the_reason(where: str, says: str) -> None:
    with pytest.raises(FilterError, match=says.replace("$", r"\$")):
        parse_where(where)
