"""Question sets as people have them, and what is wrong with some."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.errors import DocumentError, InputError
from rag.evaluation.sets import MOST_QUESTIONS, as_jsonl, from_rows, read_set, to_rows
from rag.records import Gold, QuestionSet

RENT = Gold(
    "How high is the rent?", ("84,000 euros",), "lease.pdf", (2, 3), ("The rent is 84,000 euros.",), ("rent", "money")
)


def table(rows: list[list[Any]], delimiter: str = ",") -> bytes:
    written = io.StringIO()
    csv.writer(written, delimiter=delimiter).writerows(rows)
    return written.getvalue().encode("utf-8")


def workbook(rows: list[list[Any]]) -> bytes:
    made = openpyxl.Workbook()
    for row in rows:
        made.active.append(row)
    data = io.BytesIO()
    made.save(data)
    return data.getvalue()


HEADINGS = ["Question", "Expected answer", "Document", "Page", "Quote", "Tags"]
ROW = [RENT.question, "84,000 euros", "lease.pdf", "2; 3", "The rent is 84,000 euros.", "rent; money"]


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("set.csv", table([HEADINGS, ROW])),
        ("semicolons.csv", table([HEADINGS, ROW], ";")),
        ("set.tsv", table([HEADINGS, ROW], "\t")),
        ("excel.csv", b"\xef\xbb\xbf" + table([HEADINGS, ROW])),
        ("set.xlsx", workbook([HEADINGS, ROW])),
        (
            "set.jsonl",
            json.dumps(
                {
                    "query": RENT.question,
                    "ground_truth": ["84,000 euros"],
                    "source": "lease.pdf",
                    "page_numbers": [2, 3],
                    "evidence": [{"text": "The rent is 84,000 euros."}],
                    "category": "rent,money",
                    "id": 7,
                }
            ).encode(),
        ),
        (
            "squad.json",
            json.dumps(
                {
                    "data": [
                        {
                            "question": RENT.question,
                            "answers": {"text": ["84,000 euros"], "answer_start": [12]},
                            "document": "lease.pdf",
                            "page": "2, 3",
                            "quote": "The rent is 84,000 euros.",
                            "tags": ["rent", "money"],
                        }
                    ]
                }
            ).encode(),
        ),
    ],
)
def test_a_set_is_the_same_in_every_format(name: str, data: bytes) -> None:
    assert read_set(data, name) == [RENT]


def test_what_is_missing_is_missing_and_rows_without_a_question_are_left_out() -> None:
    found = read_set(
        table([["question", "page", "note"], ["When?", "", "x"], ["", "3", ""], ["  Who \n now? ", "3.0", ""]]), "a.csv"
    )
    assert found == [Gold("When?"), Gold("Who now?", pages=(3,))]
    assert not found[0].located


@pytest.mark.parametrize(
    ("column", "value", "there"),
    [
        ("answerable", "no", False),
        ("answerable", "TRUE", True),
        ("is_impossible", "true", False),
        ("is_impossible", 0, True),
        ("answerable", "", True),
        ("unanswerable", True, False),
    ],
)
def test_a_question_that_no_document_answers(column: str, value: Any, there: bool) -> None:
    [gold] = from_rows([{"question": "Who is Ada?", column: value}])
    assert gold.answerable is there


@pytest.mark.parametrize(
    ("name", "data", "says"),
    [
        ("a.csv", b"what,why\n1,2\n", "no column of questions"),
        ("a.csv", b"question\n\n", "no question in it"),
        ("a.csv", b"", "no question in it"),
        ("a.csv", b"question,page\nWhen?,0\n", "Row 1 of a.csv has the page '0'"),
        ("a.csv", b"question,page\nWhen?,last\n", "begin with 1"),
        ("a.csv", b"question,page\nWhen?,1.5\n", "'1.5'"),
        ("a.csv", b"question,page\nWhen?,-3\n", "'-3'"),
        ("a.csv", b"question,page\nWhen?,7-3\n", "'7-3'"),
        ("a.csv", b"question,page\nWhen?,1-100000\n", "'1-100000'"),
        ("a.csv", b"question,page\nWhen?," + b"9" * 400, "begin with 1"),
        ("a.json", b'[{"question": "When?", "page": NaN}]', "'nan'"),
        ("a.json", b'[{"question": "When?", "page": Infinity}]', "'inf'"),
        ("a.json", b'[{"question": "When?", "page": true}]', "'True'"),
        ("a.json", b"[" * 200_000, "no JSON"),
        ("a.jsonl", b'{"question":' + b"[" * 200_000, "Line 1 of a.jsonl"),
        ("a.jsonl", b'{"question": "When?"}\n{"question": "\\ud800?"}', "Row 2 of a.jsonl has half of a character"),
        ("a.jsonl", b'{"question": "When?", "quote": "a\\udfff"}', "half of a character"),
        ("a.csv", b"question,answerable\nWhen?,maybe\n", "true or false"),
        ("a.jsonl", b'{"question": "When?"}\n{', "Line 2 of a.jsonl"),
        ("a.jsonl", b"[1]\n", "no JSON object"),
        ("a.json", b"3", "list of objects"),
        ("a.json", b"{", "no JSON"),
        ("a.xlsx", b"PK\x03\x04 no zip", "save it anew as .xlsx"),
        ("a.pdf", b"%PDF", "CSV, JSONL or XLSX"),
        ("a.csv", b"question\n" + b"x" * 4001, "4,000 are allowed"),
        ("a.csv", b"question\n" + b"When?\n" * (MOST_QUESTIONS + 1), "Divide it"),
    ],
)
def test_what_is_wrong_is_said(name: str, data: bytes, says: str) -> None:
    with pytest.raises((InputError, DocumentError), match=says):
        read_set(data, name)


@pytest.mark.parametrize(
    ("said", "pages"),
    [
        ("3, 5-7", (3, 5, 6, 7)),
        ("p. 3 and 4", (3, 4)),
        ("2\u20134", (2, 3, 4)),
        ("[3, 4]", (3, 4)),
        ('["3", "4"]', (3, 4)),
        ("3 4", (3, 4)),
        ([7.0, "8"], (7, 8)),
        (None, ()),
        ("", ()),
    ],
)
def test_pages_are_read_as_people_write_them(said: Any, pages: tuple[int, ...]) -> None:
    assert from_rows([{"question": "When?", "page": said}]) == [Gold("When?", pages=pages)]


def test_a_formula_without_its_result_is_not_left_out_unsaid() -> None:
    with pytest.raises(InputError, match=r"Row 2 of a\.xlsx has a formula without its result"):
        read_set(workbook([["question", "page"], ["When?", 3], ['="Who"&"?"', 4]]), "a.xlsx")


def test_what_is_nothing_is_no_answer() -> None:
    [gold] = read_set(b'[{"question": "When?", "answer": [null, NaN, {"text": null}, 5]}]', "a.json")
    assert gold.answers == ("5",)
    deep = "[" * 100_000
    assert from_rows([{"question": "When?", "answer": deep}])[0].answers == (deep,), "a text that begins so"


def test_lines_of_json_end_where_json_says() -> None:
    found = read_set('{"question": "One\u2028two?"}\r\n{"question": "Three\x85?"}\n'.encode(), "a.jsonl")
    assert [one.question for one in found] == ["One two?", "Three ?"]


TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=20).map(str.strip).filter(bool)
GOLD = st.builds(
    Gold,
    TEXT.map(lambda one: " ".join(one.split())).filter(bool),
    st.lists(TEXT.filter(lambda one: one[0] not in "[{"), unique=True, max_size=3).map(tuple),
    st.text("abc.pdf", max_size=9),
    st.lists(st.integers(1, 900), unique=True, max_size=3).map(tuple),
    st.lists(TEXT.filter(lambda one: one[0] not in "[{"), unique=True, max_size=2).map(tuple),
    st.lists(st.text("abc", min_size=1, max_size=5), unique=True, max_size=3).map(tuple),
    st.booleans(),
)


@given(st.lists(GOLD, min_size=1, max_size=5))
def test_rows_and_lines_bring_back_the_same_questions(questions: list[Gold]) -> None:
    assert from_rows(to_rows(questions)) == questions
    assert read_set(as_jsonl(questions).encode(), "again.jsonl") == questions


def test_the_version_is_of_what_is_in_it() -> None:
    one, other = QuestionSet("a", (RENT,)), QuestionSet("b", (RENT,))
    assert one.version == other.version
    assert len(one.version) == 12
    assert QuestionSet("a", (RENT, Gold("When?"))).version != one.version
