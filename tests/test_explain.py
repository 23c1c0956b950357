"""Explaining: where a page stands in each list, and what removed it."""

from __future__ import annotations

from pathlib import Path

import pytest

from rag.errors import FilterError, NotFoundError, QuestionError
from rag.records import Document
from rag.workspace import Workspace
from tests import pdfs
from tests.test_ingestion import queue, vectors_held

pytestmark = pytest.mark.end_to_end

ASKED = "How high is the rent of the garage?"


@pytest.fixture
def stocked(workspace: Workspace, tmp_path: Path) -> Workspace:
    tall = "\n\n".join(
        f"Rule {n}. The rent of the garage {n} is {n}00 euros a month for all. " * 6 for n in range(1, 9)
    )
    gardens = [f"Garden {n} has roses of kind {n}. They are cut in month {n}." for n in range(1, 61)]
    path = tmp_path / "house.pdf"
    path.write_bytes(pdfs.text_pdf([tall, "The rent of the shed is 20 euros.", *gardens, " "]))
    list(workspace.ingest([path]))
    return workspace


def house(workspace: Workspace) -> Document:
    (document,) = workspace.documents()
    return document


def test_a_page_that_is_found_stands_where_its_best_hit_does(stocked: Workspace) -> None:
    best = stocked.search(ASKED, k=3)[0]
    told = stocked.explain(ASKED, house(stocked).id, best.chunk.page, k=3)
    assert (told.chunk, told.ranks, told.scores) == (best.chunk, best.ranks, best.scores)
    assert (told.rank, told.removed) == (1, "")


def test_a_page_below_those_that_are_shown(stocked: Workspace) -> None:
    shown = [hit.chunk.page for hit in stocked.search(ASKED, k=2)]
    assert 2 not in shown
    told = stocked.explain(ASKED, house(stocked).id, 2, k=2)
    assert told.rank is not None
    assert told.rank > 2
    assert told.removed == f"it is number {told.rank} when the lists are fused, and 2 are shown"
    assert told.ranks["lexical"] > 1


def test_a_page_that_no_list_has_says_how_far_down_it_is(stocked: Workspace) -> None:
    told = stocked.explain(ASKED, house(stocked).id, 40)
    assert told.rank is None
    assert "no list has it among its best 30" in told.removed
    assert told.ranks["dense"] > 30
    assert told.chunk.page == 40


def test_a_page_that_the_filter_leaves_out(stocked: Workspace) -> None:
    for where in ({"page": {"$gte": 2}}, {"tag": "none"}):
        told = stocked.explain(ASKED, house(stocked).id, 1, where=where)
        assert (told.rank, told.removed, dict(told.ranks)) == (None, "the filter leaves it out", {})


def test_a_document_that_waits_to_replace_another_one(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "terms.txt"
    path.write_text("The rent is 10 euros.")
    list(workspace.ingest([path]))
    path.write_text("The rent is 11 euros.")
    with vectors_held(workspace, monkeypatch) as trying:
        queue(workspace, path, replace_namesakes=True)
        assert trying.wait(30)
        newer = max(workspace.documents(), key=lambda one: one.added_at)
        assert "not ready" in workspace.explain("How high is the rent?", newer.id, 1).removed
    workspace.drain()
    assert workspace.explain("How high is the rent?", newer.id, 1).removed == ""


def test_what_is_not_there_cannot_be_explained(stocked: Workspace) -> None:
    document = house(stocked)
    for page in (0, 63, 64):
        with pytest.raises(NotFoundError, match=f"Page {page} of house.pdf has no text"):
            stocked.explain(ASKED, document.id, page)
    with pytest.raises(NotFoundError):
        stocked.explain(ASKED, "f" * 32, 1)
    with pytest.raises(QuestionError):
        stocked.explain(" ", document.id, 1)
    with pytest.raises(FilterError):
        stocked.explain(ASKED, document.id, 1, where="{")
