"""The extractive answerer: what it quotes, what it passes over, and when it says no."""

from __future__ import annotations

import pytest

from rag.answering.extractive import extract_answer
from rag.chunking import sentence_spans
from rag.embedding import Embedder
from rag.records import Answer, Chunk, Hit

REPORT = """Results of operations
Revenue rose to 596 million euros in 2025, after 532 million euros in the year before, as both new plants delivered.
Our people
At the end of the year we employed 2,318 people. The canteen in Cork was renovated.
"""
TABLE = """Segment 2024 2025
Industrial pumps 238.9 271.6
Thermal storage 44.6 68.5
Service 61.0 70.2
"""


def answer(question: str, *texts: str, embedder: Embedder, abstain_below: float = 0.35) -> Answer:
    hits = []
    for number, text in enumerate(texts):
        chunk = Chunk(f"d{number}-200-0", f"d{number}", number + 1, 100, 100 + len(text), "", text)
        score = float(embedder.encode([text])[0] @ embedder.encode_query(question))
        hits.append(Hit(chunk, f"{number}.pdf", max(0.0, score), {"dense": number + 1}))
    hits.sort(key=lambda hit: -hit.score)
    return extract_answer(question, hits, embedder, sentence_spans, abstain_below)


def test_it_quotes_the_sentence_and_not_the_heading_above_it(embedder: Embedder) -> None:
    found = answer("How much revenue was there in 2025?", REPORT, embedder=embedder)
    first = found.citations[0]
    assert first.quote.startswith("Revenue rose to 596 million")
    assert first.quote.endswith("delivered.")
    assert (first.number, first.page, first.name) == (1, 1, "0.pdf")
    assert REPORT[first.start - 100 : first.end - 100] == first.quote
    assert "[1]" in found.text


def test_each_quote_has_its_own_footnote_and_none_is_said_twice(embedder: Embedder) -> None:
    found = answer("How many people are employed?", REPORT, REPORT, embedder=embedder)
    assert len({one.quote for one in found.citations}) == len(found.citations)
    assert [one.number for one in found.citations] == list(range(1, len(found.citations) + 1))


def test_the_rows_of_a_table_keep_their_lines(embedder: Embedder) -> None:
    found = answer("What was the revenue of thermal storage in 2025?", TABLE, embedder=embedder)
    assert "Segment 2024 2025\n" in found.text
    assert "\nThermal storage 44.6 68.5" in found.text


@pytest.mark.parametrize("text", ["Fee: 12 euros", "fee twelve euros", "会社の売上高は二千億円であった"])
def test_a_text_without_any_whole_sentence_can_be_quoted_too(embedder: Embedder, text: str) -> None:
    found = answer("What is the fee?", text, embedder=embedder, abstain_below=0.0)
    assert [one.quote for one in found.citations] == [text]


def test_it_says_no_when_nothing_is_close(embedder: Embedder) -> None:
    found = answer("Which vaccine protects against yellow fever?", REPORT, TABLE, embedder=embedder)
    assert found.abstained
    assert found.citations == ()
    assert len(found.hits) == 2
