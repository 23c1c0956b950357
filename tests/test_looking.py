"""What a search looks into: told by the catalog as the filter has it, and counted without reading documents."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.catalog import Catalog
from rag.filters import where_of
from rag.records import Document, Facets, Failure, Page, ParsedDocument, Search, State
from rag.store import document_metadata

TYPES = ("application/pdf", "text/plain", "text/csv")
TAGS = ("a", "A", "50%", "it's", '"')
DAYS = (20211231, 20220101, 20240229)


def index(catalog: Catalog, number: int, state: State = State.READY, **fields: object) -> Document:
    """A document that is ready, or in another state."""
    added = datetime(2024, 1, 1, tzinfo=UTC) + timedelta(minutes=number)
    given = {"media_type": TYPES[0], "name": f"{number:02d}.pdf", **fields}
    one = replace(Document(f"d{number:02d}", "", "docs", State.QUEUED, added), **given)  # type: ignore[arg-type]
    catalog.enqueue(one)
    if state is State.QUEUED:
        return one
    catalog.progress(one, "reading")
    if state is State.FAILED:
        catalog.fail(one, "It is damaged.", failure=one.failure)
        return one
    parsed = ParsedDocument("", one.media_type, "text", (Page(1, "text", 0),), (), "t", None)
    catalog.save_text(one, parsed, [])
    catalog.searchable(one, {})
    if state is State.READY:
        catalog.finish(one, 1.0, {})
    return catalog.document("docs", one.id)


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Catalog]:
    made = Catalog(tmp_path_factory.mktemp("looking") / "catalog.sqlite3")
    made.create_collection("docs", "docs", {})
    for number in range(30):
        tags = tuple(tag for place, tag in enumerate(TAGS) if number >> place & 1)
        index(made, number, tags=tags, media_type=TYPES[number % 3], date=DAYS[number // 3 % 3])
    yield made
    made.close()


some = st.lists
searches = st.builds(
    Search,
    collection=st.just("docs"),
    documents=some(st.sampled_from(["d00", "d07", "d29", "gone"]), max_size=3).map(tuple),
    tags=some(st.sampled_from((*TAGS, "b")), max_size=2).map(tuple),
    types=some(st.sampled_from((*TYPES, "image/png")), max_size=2).map(tuple),
    since=st.sampled_from((0, 20211231, 20220102)),
    until=st.sampled_from((0, 20220101, 20250101)),
)


@given(searches)
def test_the_catalog_counts_what_the_filter_passes(catalog: Catalog, search: Search) -> None:
    where = where_of(search)
    every = catalog.documents("docs")
    passing = [one for one in every if where is None or where.holds(document_metadata(one))]
    count, found = catalog.matching(search, 100)
    assert (count, [one.id for one in found]) == (len(passing), [one.id for one in passing])
    assert search.whole == (where is None)


def test_names_are_looked_for_literally_and_some_are_given(catalog: Catalog) -> None:
    assert [one.name for one in catalog.matching(Search("docs"), 5, "0")[1]] == [f"0{n}.pdf" for n in range(5)]
    assert catalog.matching(Search("docs"), 5, "1.PDF")[0] == 3
    assert catalog.matching(Search("docs"), 5, "%")[0] == 0
    assert catalog.matching(Search("docs", ("d01", "d11")), 0) == (2, [])


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[Catalog]:
    made = Catalog(tmp_path / "catalog.sqlite3")
    made.create_collection("docs", "docs", {})
    yield made
    made.close()


def test_what_documents_can_be_told_apart_by(empty: Catalog) -> None:
    assert empty.facets("docs") == Facets(0, 0, {}, {}, 0, 0)
    index(empty, 1, tags=("x", "y"), date=20220101)
    index(empty, 2, tags=("x",), media_type="text/csv")
    index(empty, 3, State.SEARCHABLE)
    index(empty, 4, State.FAILED, tags=("z",))
    index(empty, 5, State.QUEUED)
    wanted = Facets(3, 1, {"x": 2, "y": 1}, {"application/pdf": 2, "text/csv": 1}, 20220101, 20220101)
    assert empty.facets("docs") == wanted
    assert empty.tags() == {"x", "y", "z"}
    assert empty.matching(Search("docs"), 9)[0] == 3


def test_a_new_version_that_is_not_ready_is_not_counted_beside_the_old_one(empty: Catalog) -> None:
    index(empty, 1, name="same.pdf")
    index(empty, 2, State.SEARCHABLE, name="same.pdf", replaces=True)
    assert (empty.facets("docs").documents, empty.facets("docs").by_words) == (1, 0)
    assert [one.id for one in empty.matching(Search("docs"), 9)[1]] == ["d01"]


def test_totals_and_the_latest(empty: Catalog) -> None:
    assert empty.totals().documents == 0
    for number in range(1, 4):
        index(empty, number)
    index(empty, 4, State.QUEUED)
    index(empty, 5, State.FAILED)
    index(empty, 6, State.FAILED, failure=Failure.CANCELLED)
    totals = empty.totals()
    assert (totals.documents, totals.collections, totals.unfinished, totals.failed) == (3, 1, 1, 1)
    assert [one.id for one in empty.latest(2)] == ["d03", "d02"]
