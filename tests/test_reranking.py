"""The optional cross-encoder: the passages that it finds best come first, whatever the lists say."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from rag.errors import ModelError
from rag.reranking import Reranker
from rag.retrieval import Retriever
from rag.settings import load_settings
from rag.workspace import Workspace

pytestmark = pytest.mark.end_to_end
QUESTION = "How high is the rent?"


def shortest(_: str, passages: Sequence[str]) -> list[float]:
    return [1 / len(one) for one in passages]


def test_hits_are_in_the_order_of_the_reranker(workspace: Workspace, notes: Path, recipe: Path) -> None:
    list(workspace.ingest([notes, recipe]))
    before = workspace.search(QUESTION, k=3)
    workspace.retriever = Retriever(workspace.store, workspace.lexical, shortest)
    after = workspace.search(QUESTION, k=3)
    lengths = [len(hit.chunk.embedded) for hit in after]
    assert lengths == sorted(lengths)
    assert [hit.ranks["reread"] for hit in after] == [1, 2, 3]
    assert [hit.score for hit in after] == sorted((hit.score for hit in after), reverse=True)
    assert [hit.chunk for hit in after] != [hit.chunk for hit in before]
    where = workspace.explain(QUESTION, after[0].chunk.document_id, after[0].chunk.page)
    assert where.rank == 1


@pytest.fixture(scope="module")
def cross_encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny one with weights drawn at random."""
    pytest.importorskip("torch")
    from sentence_transformers import CrossEncoder
    from transformers import BertConfig, BertForSequenceClassification, BertTokenizerFast

    folder = tmp_path_factory.mktemp("cross-encoder")
    words = [
        "[PAD]",
        "[UNK]",
        "[CLS]",
        "[SEP]",
        "[MASK]",
        "the",
        "rent",
        "is",
        "84",
        ",",
        "000",
        "bread",
        "how",
        "high",
    ]
    (folder / "vocab.txt").write_text("\n".join(words), encoding="utf-8")
    BertTokenizerFast(vocab_file=str(folder / "vocab.txt")).save_pretrained(folder)
    shape = {"vocab_size": len(words), "hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    config = BertConfig(**shape, intermediate_size=16, max_position_embeddings=128, num_labels=1)
    BertForSequenceClassification(config).save_pretrained(folder)
    CrossEncoder(str(folder), device="cpu", local_files_only=True).save_pretrained(str(folder))
    return folder


def test_a_folder_is_loaded_and_its_scores_are_between_0_and_1(cross_encoder: Path) -> None:
    reranker = Reranker(load_settings(reranker=str(cross_encoder)))
    scores = reranker.scores(QUESTION, ["the rent is 84,000", "bread", "how high"])
    assert len(set(scores)) == 3
    assert all(0 < one < 1 for one in scores)
    assert reranker.scores(QUESTION, ["bread"])[0] == pytest.approx(scores[1], abs=1e-5)


def test_a_setting_is_enough(make_workspace: Callable[..., Workspace], cross_encoder: Path, notes: Path) -> None:
    workspace = make_workspace(reranker=str(cross_encoder))
    list(workspace.ingest([notes]))
    assert all("reread" in hit.ranks for hit in workspace.search(QUESTION))


def test_a_reranker_that_is_not_there_says_what_to_do(make_workspace: Callable[..., Workspace], notes: Path) -> None:
    workspace = make_workspace(reranker="nobody/nothing")
    list(workspace.ingest([notes]))
    with pytest.raises(ModelError, match="RAG_ALLOW_DOWNLOADS=true, or give a folder"):
        workspace.search(QUESTION)
