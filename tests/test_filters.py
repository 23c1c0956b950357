"""Filters: what users write is checked, and finds what a plain reading of it would, in each index and together."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rag.errors import FilterError
from rag.filters import DATE, DOCUMENT, NAME, PAGE, TAG, TYPE, Filter, parse_where, to_chroma
from rag.lexical import Lexical
from rag.parsing.media import media_type
from rag.records import Chunk, Document, State, chunk_id
from rag.retrieval import Scope
from rag.settings import load_settings
from rag.store import Store, chunk_metadata, document_metadata
from rag.workspace import Workspace
from tests import pdfs

NAMES = ("Report 2021.pdf", "report 2022.pdf", "notes.md", "STRASSE.txt", "straße.txt", "a'b\"c.csv")
TAGS = ("q1", "final", "Q1", "ünïcode")
DAYS = (0, 20211231, 20220101, 20240229)


def chroma(where: Any) -> dict[str, Any]:
    clause = parse_where(where)
    assert clause is not None
    return to_chroma(clause, NAMES)


# -- what is written -------------------------------------------------------------------------------


@pytest.mark.parametrize("nothing", [None, {}, "{}", "null"])
def test_no_filter(nothing: Any) -> None:
    assert parse_where(nothing) is None


@pytest.mark.parametrize(
    ("written", "built"),
    [
        ('{"name": "a.pdf", "page": {"$gte": 2}}', NAME.equals("a.pdf") & PAGE.at_least(2)),
        ({"date": {"$gte": "2024-03-31"}}, DATE.at_least(date(2024, 3, 31))),
        ({"date": 20240331}, DATE.equals("2024-03-31")),
        ({"type": "PDF"}, TYPE.equals("application/pdf")),
        ({"tag": {"$in": ["q1", "q2", "q1"]}}, TAG.one_of("q1", "q2")),
        ({"tag": {"$ne": "q1"}}, ~TAG.equals("q1")),
        ({"name": {"$contains": "port"}}, NAME.contains("port")),
        ({"$not": {"document": {"$nin": ["d"]}}}, DOCUMENT.one_of("d")),
        ({"page": {"$gt": 2}}, PAGE.at_least(3)),
        ({"page": {"$lt": 2}}, PAGE.less_than(2)),
        ({"$or": [{"page": 1}, {"page": 2}, {"tag": "q1"}]}, PAGE.equals(1) | PAGE.equals(2) | TAG.equals("q1")),
    ],
)
def test_what_is_written_and_what_is_built_are_one(written: Any, built: Filter) -> None:
    assert parse_where(written) == built
    assert parse_where(built) is built


def test_types_may_be_named_by_what_people_call_them() -> None:
    for word in ("txt", "md", "docx", "pptx", "xlsx", "csv", "tsv", "html", "json", "jsonl", "png", "jpg", "tiff"):
        assert parse_where({"type": word}) == TYPE.equals(media_type(f"a.{word}"))


def test_chroma_gets_what_it_understands() -> None:
    assert chroma({"tag": "q1"}) == {"tag": {"$contains": "q1"}}
    assert chroma({"tag": {"$nin": ["q1", "q2"]}}) == {
        "$and": [{"tag": {"$not_contains": "q1"}}, {"tag": {"$not_contains": "q2"}}]
    }
    assert chroma({"$not": {"page": {"$gte": 2}}}) == {"page": {"$lt": 2}}
    assert chroma({"name": {"$contains": "REPORT"}}) == {"name": {"$in": list(NAMES[:2])}}
    assert to_chroma(~PAGE.between(2, 5), NAMES) == {"$or": [{"page": {"$lt": 2}}, {"page": {"$gt": 5}}]}


@pytest.mark.parametrize(
    ("where", "says"),
    [
        ('{"page": ', "not JSON"),
        ("[1]", "A filter is an object"),
        ('{"author": "x"}', "no field 'author'"),
        ('{"page": {"$near": 3}}', "no operator '$near'"),
        ('{"page": "three"}', "whole number"),
        ('{"page": true}', "whole number"),
        ('{"page": 9223372036854775808}', "too large"),
        ('{"name": 3}', "compared with a text"),
        ('{"name": {"$gt": "a"}}', "compares numbers"),
        ('{"name": {"$in": []}}', "at least one"),
        ('{"name": {"$contains": ""}}', "not an empty one"),
        ('{"tag": {"$contains": "a"}}', "only name"),
        ('{"$and": []}', "list of filters"),
        ('{"$or": [{}]}', "A filter is an object"),
        ('{"$not": []}', "A filter is an object"),
        ('{"date": "yesterday"}', "not a date"),
        ('{"date": {"$gte": 2019}}', "2019 is not a date"),
        ('{"page": {}}', "is empty"),
        ('{"$and": [' * 3000 + "{}" + "]}" * 3000, "nested|not JSON"),
        ('{"name": "\\ud800"}', "half a character"),
    ],
)
def test_a_filter_that_makes_no_sense_is_refused_with_the_reason(where: str, says: str) -> None:
    with pytest.raises(FilterError, match=says.replace("$", r"\$")):
        parse_where(where)


def test_a_filter_that_is_built_wrongly_is_refused_too() -> None:
    wrong: list[Callable[[], Filter]] = [
        lambda: PAGE.between(5, 2),
        lambda: TAG.one_of(),
        lambda: NAME.equals(None),
        lambda: DATE.at_most(object()),
    ]
    for build in wrong:
        with pytest.raises(FilterError):
            build()


def test_many_conditions_do_not_nest() -> None:
    clause = PAGE.equals(1)
    for number in range(2, 5000):
        clause = clause | PAGE.equals(number)
    assert clause.holds({"page": 4999})
    assert not clause.holds({"page": 5000})


def test_what_depends_on_the_page_is_open_for_a_document() -> None:
    data = {"document": "d", "name": "a.pdf", "type": "application/pdf", "date": 0}
    assert PAGE.equals(1).holds(data) is None
    assert (~PAGE.equals(1)).holds(data) is None
    assert (PAGE.equals(1) & NAME.equals("b.pdf")).holds(data) is False
    assert (PAGE.equals(1) | NAME.equals("a.pdf")).holds(data) is True
    assert (PAGE.equals(1) | NAME.equals("b.pdf")).holds(data) is None


# -- against a plain reading -----------------------------------------------------------------------


@dataclass(frozen=True)
class Row:
    """A chunk's facts as a person knows them."""

    id: str
    document: str
    name: str
    page: int
    type: str
    date: int
    tags: tuple[str, ...]


def plainly(where: dict[str, Any], row: Row) -> bool:
    """Whether a row passes what is written, read word for word."""
    for key, value in where.items():
        if key == "$not":
            held = not plainly(value, row)
        elif key in ("$and", "$or"):
            held = (all if key == "$and" else any)(plainly(one, row) for one in value)
        else:
            tests = value if isinstance(value, dict) else {"$eq": value}
            held = all(_plain_test(key, operator, wanted, row) for operator, wanted in tests.items())
        if not held:
            return False
    return True


def _plain_test(key: str, operator: str, wanted: Any, row: Row) -> bool:
    if key == "tag":
        listed = wanted if isinstance(wanted, list) else [wanted]
        has_one = bool({*listed} & {*row.tags})
        return has_one if operator in ("$eq", "$in") else not has_one
    there: Any = getattr(row, key)
    return {
        "$eq": lambda: there == wanted,
        "$ne": lambda: there != wanted,
        "$in": lambda: there in wanted,
        "$nin": lambda: there not in wanted,
        "$gt": lambda: there > wanted,
        "$gte": lambda: there >= wanted,
        "$lt": lambda: there < wanted,
        "$lte": lambda: there <= wanted,
        "$contains": lambda: wanted.casefold() in there.casefold(),
    }[operator]()


def said_of(values: st.SearchStrategy[Any], *operators: str) -> st.SearchStrategy[Any]:
    one = st.sampled_from(operators).flatmap(lambda operator: st.builds(lambda value: {operator: value}, values))
    several = st.sampled_from(("$in", "$nin")).flatmap(
        lambda operator: st.builds(lambda some: {operator: some}, st.lists(values, min_size=1, max_size=3))
    )
    return values | one | several


DOCUMENTS = [f"{number:032x}" for number in range(10)]
COMPARE = ("$eq", "$ne", "$gt", "$gte", "$lt", "$lte")
FIELDS: dict[str, st.SearchStrategy[Any]] = {
    "document": said_of(st.sampled_from([*DOCUMENTS, "unknown"]), "$eq", "$ne"),
    "name": said_of(st.sampled_from([*NAMES, "unknown"]), "$eq", "$ne")
    | st.builds(lambda part: {"$contains": part}, st.sampled_from(["report", "2", ".", "SS", "'b\"", "zzz"])),
    "page": said_of(st.integers(-1, 5), *COMPARE),
    "type": said_of(st.sampled_from(["application/pdf", "text/plain", "text/none"]), "$eq", "$ne"),
    "date": said_of(st.sampled_from([*DAYS, 20220615]), *COMPARE),
    "tag": said_of(st.sampled_from([*TAGS, "unknown"]), "$eq", "$ne"),
}
LEAVES = st.lists(st.sampled_from(list(FIELDS)), min_size=1, max_size=3, unique=True).flatmap(
    lambda keys: st.fixed_dictionaries({key: FIELDS[key] for key in keys})
)
WRITTEN = st.recursive(
    LEAVES,
    lambda inner: (
        st.builds(
            lambda how, parts: {how: parts}, st.sampled_from(("$and", "$or")), st.lists(inner, min_size=1, max_size=3)
        )
        | st.builds(lambda part: {"$not": part}, inner)
    ),
    max_leaves=6,
)


@dataclass(frozen=True)
class Indexed:
    store: Store
    lexical: Lexical
    documents: dict[str, Document]
    rows: list[Row]


@pytest.fixture(scope="module")
def indexed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Indexed]:
    """The same chunks in a real Chroma and in a real lexical index."""
    drawn = random.Random(20261125)  # noqa: S311 - for repeating, not for secrets
    folder = tmp_path_factory.mktemp("filters")
    store, lexical = Store(load_settings(chroma_mode="memory"), folder / "chroma"), Lexical(folder / "lexical")
    store.create("ccc", {"dimension": "8"})
    documents, rows = {}, []
    for one in DOCUMENTS:
        tags = tuple(drawn.sample(TAGS, drawn.choice((0, 0, 1, 2))))
        kind = drawn.choice(("application/pdf", "text/plain"))
        added = datetime(2026, 1, 1, tzinfo=UTC)
        made = Document(
            one, drawn.choice(NAMES), "c", State.READY, added, media_type=kind, date=drawn.choice(DAYS), tags=tags
        )
        pages = range(1, drawn.randint(2, 6))
        chunks = [Chunk(chunk_id(one, 200, page), one, page, 0, 8, "", "the rent") for page in pages]
        store.upsert("ccc", made, chunks, np.tile(np.eye(1, 8, dtype=np.float32), (len(chunks), 1)))
        lexical.replace("ccc", made, chunks)
        documents[one] = made
        rows += [Row(chunk.id, one, made.name, chunk.page, kind, made.date, tags) for chunk in chunks]
    yield Indexed(store, lexical, documents, rows)
    store.close()


@settings(max_examples=2000, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(where=WRITTEN)
def test_both_indexes_find_what_a_plain_reading_does(indexed: Indexed, where: dict[str, Any]) -> None:
    clause = parse_where(where)
    assert clause is not None
    wanted = {row.id for row in indexed.rows if plainly(where, row)}

    collection = indexed.store.client.get_collection("ccc", embedding_function=None)
    assert set(collection.get(where=to_chroma(clause, set(NAMES)), include=[])["ids"]) == wanted

    pages = {row.id: row.page for row in indexed.rows}
    shared = {one: document_metadata(document) for one, document in indexed.documents.items()}
    scope = Scope(
        {one: data["name"] for one, data in shared.items() if clause.holds(data) is not False},
        {},
        whole=False,
        chunks=0,
        passes=lambda ids: [one for one in ids if clause.holds(shared[one.partition("-")[0]] | {"page": pages[one]})],
    )
    found = scope.best(lambda n: indexed.lexical.search("ccc", "rent", n, scope.names), 100, scope.names)
    assert {one for one, _ in found} == wanted


def test_metadata_is_what_filters_take_it_for(indexed: Indexed) -> None:
    row = indexed.rows[0]
    document = indexed.documents[row.document]
    data = chunk_metadata(document, Chunk(row.id, row.document, row.page, 0, 8, "", "the rent"))
    assert {key for key in FIELDS if key != "tag"} <= data.keys()
    assert data.get("tag", []) == list(row.tags)


@pytest.mark.end_to_end
@pytest.mark.parametrize(
    ("exact", "looked_at"), [(4000, 800), (0, 800), (0, 1)], ids=["exact", "over-fetched", "Chroma's"]
)
def test_a_search_finds_what_a_plain_reading_does(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, exact: int, looked_at: int
) -> None:
    monkeypatch.setattr("rag.retrieval.lists.EXACT_CHUNKS", exact)
    monkeypatch.setattr("rag.retrieval.lists.LOOKED_AT", looked_at)
    for number, (name, tags) in enumerate(
        (("Report 2021.pdf", ["q1"]), ("report 2022.pdf", []), ("c.pdf", ["q1", "final"]))
    ):
        path = tmp_path / name
        path.write_bytes(pdfs.text_pdf([f"The rent of house {number} on page {page}." for page in (1, 2, 3)]))
        list(workspace.ingest([path], tags=tags))
    rows = [
        Row(chunk.id, one.id, one.name, chunk.page, one.media_type, one.date, one.tags)
        for one in workspace.documents()
        for chunk in workspace.chunks(one)
    ]
    assert len(rows) == 9

    @settings(max_examples=60, deadline=None)
    @given(where=WRITTEN)
    def search(where: dict[str, Any]) -> None:
        hits = workspace.search("How high is the rent of a house?", k=20, where=where)
        assert {hit.chunk.id for hit in hits} == {row.id for row in rows if plainly(where, row)}

    search()
    built = ~NAME.contains("2022") & PAGE.between(2, 9) & TAG.equals("final")
    assert {hit.chunk.page for hit in workspace.search("How high is the rent?", where=built)} == {2, 3}
