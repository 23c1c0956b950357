"""Finding passages to look at: in order, by words, by patterns within a time, by likeness, by id, under filters."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from rag.cli import main
from rag.errors import FilterError, QuestionError, RagError
from rag.filters import parse_where, to_sql
from rag.records import By, ChunkSearch, FoundChunks, Which
from rag.workspace import Workspace
from rag.workspace.patterns import matching
from tests.conftest import outcomes
from tests.pdfs import text_pdf

HERE = "documents"
PAGES = [
    f"Page {n} of the handbook. Valve number {n} is checked every {n + 1} weeks by the night shift."
    for n in range(1, 13)
]


@pytest.fixture
def filled(workspace: Workspace, notes: Path, recipe: Path, tmp_path: Path) -> Workspace:
    """A lease, a recipe with a tag, and a handbook of twelve pages."""
    handbook = tmp_path / "Handbook.pdf"
    handbook.write_bytes(text_pdf(PAGES))
    assert outcomes(workspace.ingest([notes, handbook])) == {"lease.md": "ready", "Handbook.pdf": "ready"}
    assert outcomes(workspace.ingest([recipe], tags=["food"])) == {"bread.txt": "ready"}
    return workspace


def find(workspace: Workspace, by: By = By.ORDER, text: str = "", **wanted: object) -> FoundChunks:
    return workspace.find_chunks(ChunkSearch(HERE, by, text, **{"limit": 100, **wanted}))  # type: ignore[arg-type]


def names(found: FoundChunks) -> list[str]:
    return list(dict.fromkeys(one.name for one in found.chunks))


def test_passages_come_in_reading_order_some_at_a_time(filled: Workspace) -> None:
    every = find(filled)
    assert every.total == filled.collection().chunks == len(every.chunks)
    assert names(every) == ["Handbook.pdf", "bread.txt", "lease.md"]
    handbook = [one for one in every.chunks if one.name == "Handbook.pdf"]
    assert [one.chunk.page for one in handbook] == sorted(one.chunk.page for one in handbook)
    parts = [find(filled, offset=first, limit=4).chunks for first in range(0, every.total, 4)]
    assert tuple(one for part in parts for one in part) == every.chunks
    document = filled.document("bread.txt").id
    assert names(find(filled, document=document)) == ["bread.txt"]


def test_words_are_found_best_first_and_say_why(filled: Workspace) -> None:
    found = find(filled, By.WORDS, "rye flour of the harbour")
    assert names(found)[0] == "bread.txt"
    assert found.why[found.ids[0]].startswith("It has 2 of 3 words (not “harbour”), score ")
    marked = [found.chunks[0].chunk.text[start:end] for start, end in found.marks[found.ids[0]]]
    assert {one.lower() for one in marked} == {"rye", "flour"}
    assert found.total == len(found.ids) == 2 + (len(found.ids) - 2)


def test_a_pattern_marks_what_it_finds_and_says_how_many_were_looked_through(filled: Workspace) -> None:
    found = find(filled, By.REGEX, r"valve number (9|1\d)")
    assert [one.chunk.page for one in found.chunks] == [9, 10, 11, 12]
    assert found.looked == filled.collection().chunks
    assert found.complete
    first = found.chunks[0].chunk
    assert [first.text[a:b] for a, b in found.marks[first.id]] == ["Valve number 9"]
    assert found.why[first.id] == "It has “Valve number 9”"
    assert find(filled, By.REGEX, "valve NUMBER 9", any_case=False).total == 0
    assert find(filled, By.REGEX, "^Page 3 ").total == 1


@pytest.mark.parametrize("wrong", ["(", "a{2,1}", "x" * 501, "(?P<a>x)(?P<a", r"\p{NoSuchScript}", "*"])
def test_what_is_no_pattern_is_refused_in_words(filled: Workspace, wrong: str) -> None:
    with pytest.raises(QuestionError, match="pattern"):
        find(filled, By.REGEX, wrong)


@pytest.mark.parametrize("evil", [r"(a+)+$", r"(a|aa)+$", r"(.*a){24}$", r"^(([a-z])+.)+[A-Z]([a-z])+$"])
def test_a_pattern_that_never_ends_is_ended(evil: str) -> None:
    started = time.monotonic()
    found = matching(evil, [("one", "a" * 60_000 + "!"), ("two", "a")], 10, True, seconds=0.5)
    assert time.monotonic() - started < 3
    assert not found.complete or found.looked == 2


def test_a_pattern_stops_at_as_many_as_are_shown() -> None:
    texts = ((str(n), "aa") for n in range(10**9))
    found = matching("a", texts, 200, True)
    assert len(found.marks) == 200
    assert not found.complete
    assert found.looked == 200
    assert found.marks["0"] == ((0, 1), (1, 2))
    assert matching("", [("one", "ab")], 5, True).looked == 1  # which is found everywhere, and ends


def test_texts_that_are_alike_are_found_by_meaning(filled: Workspace) -> None:
    found = find(filled, By.LIKE, "dough for a loaf, left to rise during the night")
    assert names(found)[0] == "bread.txt"
    assert found.why[found.ids[0]].endswith("% alike")
    within = find(filled, By.LIKE, "dough for a loaf", document=filled.document("Handbook.pdf").id)
    assert names(within) == ["Handbook.pdf"]
    assert names(find(filled, By.LIKE, "a machine part", where='{"tag": "food"}')) == ["bread.txt"]


def test_ids_are_found_by_their_beginnings(filled: Workspace) -> None:
    one = find(filled).chunks[3].chunk
    assert [each.chunk.id for each in find(filled, By.ID, one.id).chunks] == [one.id]
    assert {each.chunk.document_id for each in find(filled, By.ID, one.id[:12]).chunks} == {one.document_id}
    assert find(filled, By.ID, "%").total == find(filled, By.ID, "_").total == 0


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ('{"page": {"$gte": 11}}', {("Handbook.pdf", 11), ("Handbook.pdf", 12)}),
        ('{"page": {"$lte": 2}, "type": "pdf"}', {("Handbook.pdf", 1), ("Handbook.pdf", 2)}),
        ('{"tag": "food"}', {("bread.txt", 1)}),
        ('{"$or": [{"tag": {"$in": ["food", "x"]}}, {"page": 12}]}', {("bread.txt", 1), ("Handbook.pdf", 12)}),
        ('{"$not": {"name": {"$contains": "HAND"}}, "tag": {"$ne": "food"}}', {("lease.md", 1)}),
        ('{"name": "no such"}', set()),
        ('{"date": {"$gte": "2199-01-01"}}', set()),
    ],
)
@pytest.mark.parametrize("by", [By.ORDER, By.REGEX])
def test_filters_are_those_of_a_search(filled: Workspace, where: str, expected: set[tuple[str, int]], by: By) -> None:
    found = find(filled, by, ".", where=where)
    assert {(one.name, one.chunk.page) for one in found.chunks} == expected
    assert found.total == len(found.chunks)


def test_words_are_found_under_a_filter(filled: Workspace) -> None:
    found = find(filled, By.WORDS, "valve", where='{"page": {"$lte": 3}}')
    assert {one.chunk.page for one in found.chunks} == {1, 2, 3}


def test_a_filter_with_hostile_values_is_only_values(filled: Workspace) -> None:
    name = "x' OR '1'='1\" --"
    assert find(filled, where=json.dumps({"name": name})).total == 0
    assert find(filled, where=json.dumps({"tag": {"$nin": [name]}})).total == filled.collection().chunks
    clause = parse_where({"name": name})
    assert clause is not None
    assert name not in to_sql(clause, []).sql


def test_what_cannot_be_looked_for_is_said(filled: Workspace) -> None:
    with pytest.raises(FilterError, match="no field"):
        find(filled, where='{"colour": "red"}')
    with pytest.raises(FilterError, match="not JSON"):
        find(filled, where="{")
    for by in (By.WORDS, By.REGEX, By.LIKE, By.ID):
        with pytest.raises(QuestionError, match="Type what to look for"):
            find(filled, by, "  ")
    with pytest.raises(RagError, match="no collection"):
        filled.find_chunks(ChunkSearch("nowhere"))


def test_what_is_put_away_is_found_on_request(filled: Workspace) -> None:
    hidden, deleted, edited, *_ = [one.chunk.id for one in find(filled, By.REGEX, "Valve").chunks]
    filled.hide_chunk(HERE, hidden)
    filled.delete_chunk(HERE, deleted)
    filled.edit_chunk(HERE, edited, "Valve three is gone, and a gasket has its place.")
    every = filled.collection().chunks
    assert find(filled).total == every
    assert find(filled, which=Which.WITH_HIDDEN).total == every + 1 == len(find(filled, which=Which.WITH_HIDDEN).chunks)
    assert [one.chunk.id for one in find(filled, which=Which.CHANGED).chunks] == [hidden, deleted, edited]
    assert find(filled, By.REGEX, "gasket").ids == (edited,)
    assert find(filled, By.WORDS, "gasket").ids == (edited,)
    assert find(filled, By.REGEX, "Valve number [12] ").total == 0
    assert find(filled, By.REGEX, "Valve number [12] ", which=Which.WITH_HIDDEN).ids == (hidden,)
    assert find(filled, By.REGEX, "Valve", which=Which.CHANGED).total == 3
    assert find(filled, By.ID, hidden).total == 0
    assert find(filled, By.ID, hidden, which=Which.CHANGED).total == 1
    handbook = '{"name": "Handbook.pdf", "page": {"$lte": 2}}'
    assert find(filled, which=Which.WITH_HIDDEN, where=handbook).total == 1


def test_the_command_line_lists_and_finds(
    filled: Workspace, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    chunk = find(filled, By.REGEX, "sourdough").chunks[0].chunk.id
    filled.edit_chunk(HERE, chunk, "Bake it cold.")
    filled.close()

    def told(*options: str) -> list[dict[str, object]]:
        assert main(["--data-dir", str(tmp_path / "data"), "--json", "chunks", *options]) == 0
        return [json.loads(line) for line in capsys.readouterr().out.splitlines()]

    assert len(told("-n", "5")) == 5
    assert [one["name"] for one in told("--document", "bread.txt")] == ["bread.txt"]
    assert [one["page"] for one in told("--regex", "valve number 1[01]")] == [10, 11]
    assert told("--regex", "VALVE", "--match-case") == []
    assert told("--words", "landlord roof")[0]["name"] == "lease.md"
    assert told("--like", "bread", "-n", "1")[0]["name"] == "bread.txt"
    assert {one["page"] for one in told("--where", '{"page": {"$gt": 10}}')} == {11, 12}
    [changed] = told("--changed")
    assert changed["id"] == chunk
    assert changed["text"] == "Bake it cold."
    assert "sourdough" in str(changed["printed"])
    assert main(["--data-dir", str(tmp_path / "data"), "chunks", "--regex", "("]) == 2
    assert "no pattern" in capsys.readouterr().err
