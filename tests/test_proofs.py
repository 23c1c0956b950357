"""Citations are proofs: a quote that the extracted text does not have at its offsets is not shown."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from rag.answering.extractive import quoted
from rag.answering.proofs import proved
from rag.answering.texts import Texts
from rag.chunking import sentence_spans
from rag.lexical.words import terms
from rag.records import Answer, AnswerPiece, Citation
from rag.workspace import Workspace
from tests.conftest import NOTES
from tests.llm_server import Behaviour, language_model_server

TEXT = "The rent is 84,000 euros. The roof is new."
TEXTS = Texts(
    sentence_spans,
    terms,
    lambda document, start, end: TEXT[start:end] if document == "d" else "",
    lambda words: dict.fromkeys(words, 1.0),
    lambda ids: {},
    lambda document, offset: "",
)


def citation(number: int, quote: str, document: str = "d") -> Citation:
    start = max(0, TEXT.find(quote))
    return Citation(number, document, "a.txt", 1, quote, start, start + len(quote))


def answered(text: str, *citations: Citation) -> Answer:
    return Answer("?", text, citations, (), abstained=False, model="m")


def test_what_stands_at_its_place_stays_as_it_is() -> None:
    answer = answered("84,000 [1].", citation(1, "The rent is 84,000 euros."))
    assert proved(answer, TEXTS, None) is answer


@pytest.mark.parametrize(
    "wrong", [citation(2, "The rent is 48,000 euros."), citation(2, "The roof is new.", document="gone")]
)
def test_a_quote_that_does_not_is_dropped_from_a_written_answer(
    wrong: Citation, caplog: pytest.LogCaptureFixture
) -> None:
    answer = answered("Rent 84,000 [1][2]. New roof [2].", citation(1, "The rent is 84,000 euros."), wrong)
    with caplog.at_level(logging.WARNING):
        checked = proved(answer, TEXTS, None)
    assert (checked.text, [one.number for one in checked.citations]) == ("Rent 84,000 [1]. New roof.", [1])
    assert "One quote was not found" in checked.notice
    assert "a.txt, page 1" in caplog.text


def test_an_answer_of_quotes_keeps_those_that_are_proved() -> None:
    right, wrong = citation(1, "The roof is new."), citation(2, "The roof is old.")
    checked = proved(answered(quoted([right, wrong]), right, wrong), TEXTS, quoted)
    assert (checked.text, checked.citations) == ("The roof is new. [1]", (right,))


def test_nothing_is_quoted_if_nothing_is_proved() -> None:
    wrong = citation(1, "The roof is old.")
    checked = proved(answered(quoted([wrong]), wrong), TEXTS, quoted)
    assert checked.citations == ()
    assert "cannot be proved" in checked.text


def test_a_stored_text_that_was_altered_is_noticed(workspace: Workspace, tmp_path: Path) -> None:
    path = tmp_path / "lease.md"
    path.write_text(NOTES, encoding="utf-8")
    list(workspace.ingest([path]))
    question = "How much is the yearly rent?"
    hits = workspace.search(question)
    assert "84,000" in workspace.ask(question).text
    with sqlite3.connect(workspace.folder.catalog) as catalog:
        catalog.execute("UPDATE pages SET text = replace(text, '84,000', '48,000')")
    *_, shown, answer = workspace.answerer.stream(question, hits, workspace.texts())
    assert isinstance(shown, AnswerPiece)
    assert "84,000" not in shown.text
    assert isinstance(answer, Answer)
    assert (answer.text, answer.citations) == (shown.text, ())
    assert "left out" in answer.notice


def test_a_language_model_s_answer_loses_footnotes_that_prove_nothing(
    make_workspace: Callable[..., Workspace], notes: Path
) -> None:
    with language_model_server(Behaviour(pieces=("The rent is high [1]. ", "It is paid in advance [1]."))) as server:
        workspace = make_workspace(llm="openai:test", llm_base_url=server.openai_url)
        list(workspace.ingest([notes]))
        hits = workspace.search("How high is the rent?", k=1)
        with sqlite3.connect(workspace.folder.catalog) as catalog:
            catalog.execute("UPDATE pages SET text = replace(text, '84,000', '48,000')")
        *_, shown, answer = workspace.answerer.stream("How high is the rent?", hits, workspace.texts())
    assert isinstance(answer, Answer)
    assert answer.text == "The rent is high. It is paid in advance."
    assert isinstance(shown, AnswerPiece)
    assert (shown.restart, shown.text) == (True, answer.text)
    assert answer.citations == ()
    assert "left out" in answer.notice
