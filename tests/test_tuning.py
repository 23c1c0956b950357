"""A configuration given to a search: which lists are made, how much they count, how many passages there are."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from rag.records import QUOTING, Abstention, Answer, Configuration
from rag.retrieval.fusion import USUAL, Tuning, reciprocal_rank_fusion, tuning_of
from rag.retrieval.once import Once
from rag.workspace import Workspace
from tests.studying import fill

QUESTION = "What did the harbour of Borlo earn?"


def test_the_usual_configuration_counts_as_it_always_did() -> None:
    assert tuning_of(Configuration()) == USUAL == Tuning(1.0, 0.5, 2.0, 0.7)


def test_weights_are_what_lists_count() -> None:
    rankings = {"lexical": ["w"], "dense": ["d"]}
    assert [one for one, _ in reciprocal_rank_fusion(rankings, Tuning(lexical=1, dense=2))] == ["d", "w"]
    assert [one for one, _ in reciprocal_rank_fusion(rankings, Tuning(lexical=2, dense=1))] == ["w", "d"]


@pytest.mark.end_to_end
def test_searching_with_what_is_set_is_searching_as_usual(workspace: Workspace, tmp_path: Path) -> None:
    fill(workspace, tmp_path)
    assert workspace.search(QUESTION, configuration=workspace.configuration()) == workspace.search(QUESTION)


@pytest.mark.end_to_end
def test_a_list_that_counts_nothing_is_not_made(workspace: Workspace, tmp_path: Path) -> None:
    fill(workspace, tmp_path)

    def lists(**changed: float) -> set[str]:
        hits = workspace.search(QUESTION, configuration=Configuration(k=10, **changed))
        assert hits
        return {name for hit in hits for name in hit.ranks}

    assert lists() >= {"lexical", "dense", "late", "routed lexical", "routed dense", "routed late"}
    assert lists(routed=0) == {"lexical", "dense", "late"}
    assert lists(routed=0, late=0, lexical=0) == {"dense"}
    assert lists(routed=0, late=0, dense=0) == {"lexical"}


@pytest.mark.end_to_end
def test_dense_alone_is_the_order_of_cosines(workspace: Workspace, tmp_path: Path) -> None:
    fill(workspace, tmp_path)
    hits = workspace.search(QUESTION, configuration=Configuration(k=6, lexical=0, late=0, routed=0))
    vector = workspace.embedder.encode_query(QUESTION)
    assert [hit.ranks["dense"] for hit in hits] == sorted(hit.ranks["dense"] for hit in hits)
    best = workspace.store.nearest(workspace.collection().store_name, vector, 1)[0][0]
    assert hits[0].chunk.id == best


@pytest.mark.end_to_end
def test_its_k_counts_unless_another_is_given(workspace: Workspace, tmp_path: Path) -> None:
    fill(workspace, tmp_path)
    configured = Configuration(k=3)
    assert len(workspace.search(QUESTION, configuration=configured)) == 3
    assert len(workspace.search(QUESTION, k=2, configuration=configured)) == 2


@pytest.mark.end_to_end
def test_its_reranker_counts_and_none_is_used_where_it_names_none(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(workspace, tmp_path)

    def shortest(_: str, passages: Sequence[str]) -> list[float]:
        return [1 / len(one) for one in passages]

    monkeypatch.setattr(workspace.retriever, "_rerank", shortest)
    monkeypatch.setattr(workspace.rerankers, "scores_of", {"": None, "shortest": shortest}.get)
    assert "reread" in workspace.search(QUESTION)[0].ranks
    assert "reread" not in workspace.search(QUESTION, configuration=Configuration())[0].ranks
    assert "reread" in workspace.search(QUESTION, configuration=Configuration(reranker="shortest"))[0].ranks


@pytest.mark.end_to_end
def test_explaining_goes_the_same_way(workspace: Workspace, tmp_path: Path) -> None:
    fill(workspace, tmp_path)
    words = Configuration(k=5, dense=0, late=0, routed=0)
    first = workspace.search(QUESTION, configuration=words)[0]
    told = workspace.explain(QUESTION, first.chunk.document_id, first.chunk.page, configuration=words)
    assert (told.rank, set(told.ranks)) == (1, {"lexical"})


@pytest.mark.end_to_end
def test_who_answers_and_when_nobody_does(workspace: Workspace, tmp_path: Path) -> None:
    fill(workspace, tmp_path)

    def asked(abstain_below: float) -> Answer:
        configured = Configuration(answerer=QUOTING, abstain_below=abstain_below)
        *_, answer = workspace.ask_stream("What did the harbour of Borlo earn?", configuration=configured)
        assert isinstance(answer, Answer)
        return answer

    assert not asked(0.0).abstained
    assert asked(1.0).abstention in (Abstention.NEAR_MISS, Abstention.NO_DOCUMENT)


def test_what_was_made_once_is_counted_to_whoever_uses_it() -> None:
    once, made = Once(), []

    def make(name: str, value: int) -> int:
        made.append(name)
        return value

    assert [once("a", lambda: make("a", 1)), once("a", lambda: make("a", 2))] == [1, 1]
    assert made == ["a"]
    assert once.saved > 0
    once["b"] = 3, 5.0
    assert once("c", lambda: once("b", lambda: 0) + 1) == 4
    before = once.saved
    once("c", lambda: 0)
    assert once.saved - before >= 5.0  # what it took over is part of what it costs


def test_of_several_names_only_new_ones_are_made() -> None:
    once, made = Once(), []

    def make(names: Sequence[str]) -> dict[str, str]:
        made.append(list(names))
        return {one: one.upper() for one in names if one != "gone"}

    assert once.each("x", ["a", "b", "a", "gone"], make) == {"a": "A", "b": "B"}
    assert once.each("x", ["b", "c", "gone"], make) == {"b": "B", "c": "C"}
    assert made == [["a", "b", "gone"], ["c"]]
