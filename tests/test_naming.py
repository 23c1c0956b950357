"""Names of firms: written in a question with spaces, in a file's name without, and with what the firm is after it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from rag.answering.extractive import Quoter
from rag.answering.ledger import make_ledger
from rag.answering.naming import run_together
from rag.chunking import sentence_spans
from rag.embedding import Embedder
from rag.records import DOUBTFUL, Answer, Hit
from tests.test_answering import TEXTS, hits_of

PASSAGE = "Capital expenditures were 41.5 million euros in 2021. The network was renewed."


def named(question: str, embedder: Embedder, name: str, title: str = "", heading: str = "") -> list[Hit]:
    return [
        replace(hit, name=name, chunk=replace(hit.chunk, title=title, heading=heading))
        for hit in hits_of(question, PASSAGE, embedder=embedder)
    ]


@pytest.mark.parametrize(
    ("name", "title", "heading"),
    [
        ("NORTHVALEMILLS_2021.pdf", "", ""),
        ("northvalemills2021.pdf", "NORTHVALEMILLS 2021", ""),
        ("a.pdf", "Northvale Mills, report", ""),
        ("a.pdf", "", "Northvale Mills > Spending"),
    ],
)
@pytest.mark.parametrize(
    "firm", ["North Vale Mills", "North Vale Mills Company", "North Vale Mills Company, Inc.", "Northvale Mills"]
)
def test_a_firm_is_there_that_only_the_documents_name_has(
    embedder: Embedder, firm: str, name: str, title: str, heading: str
) -> None:
    question = f"How much were the capital expenditures of {firm} in 2021?"
    found = Quoter(lambda: embedder, 0.01).answer(question, named(question, embedder, name, title, heading), TEXTS)
    assert "41.5 million" in found.text


@pytest.mark.parametrize("firm", ["South Vale Mills", "North Hill Mills", "North Brook Company", "Mills Group"])
def test_another_firm_is_not_there(embedder: Embedder, firm: str) -> None:
    question = f"How much were the capital expenditures of {firm} in 2021?"
    found = Quoter(lambda: embedder, 0.01).answer(question, named(question, embedder, "NORTHVALE_2021.pdf"), TEXTS)
    assert found.abstained
    assert "not in the passages found" in found.text


@pytest.mark.parametrize(
    ("words", "names", "there"),
    [
        (["of", "North", "Vale", "in"], "NORTHVALEMILLS_2021.pdf", {1, 2}),
        (["Holt", "&", "Sons'", "rent"], "holtsons.pdf", {0, 1, 2}),
        (["North"], "NORTHVALE.pdf", set()),
        (["Vale", "Mills"], "NORTHVALEMILLS.pdf", set()),
        (["a", "b"], "abc.pdf", set()),
        (["North", "Vale"], "", set()),
    ],
)
def test_words_that_a_name_runs_together(words: list[str], names: str, there: set[int]) -> None:
    assert run_together(words, names) == there


@pytest.mark.parametrize(
    ("said", "doubtful"),
    [
        ("The capital expenditures of North Vale Mills were 41.5 million euros in 2021 [1].", False),
        ("The capital expenditures of North Vale Mills Company were 41.5 million euros in 2021 [1].", False),
        ("The capital expenditures of South Vale Mills were 41.5 million euros in 2021 [1].", True),
    ],
)
def test_a_written_answer_may_name_the_firm_of_its_document(embedder: Embedder, said: str, doubtful: bool) -> None:
    hits = tuple(named("Spending?", embedder, "NORTHVALEMILLS_2021.pdf"))
    answer = Answer("What were the capital expenditures?", said, (), hits, False, "openai:test")
    [claim] = make_ledger(answer, embedder.encode, sentence_spans)
    assert (claim.verdict in DOUBTFUL) is doubtful, claim.reasons
