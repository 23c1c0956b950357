"""A question for the whole is answered by a table's total, also where the passage ends just before it."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest

from rag.answering.extractive import Quoter
from rag.embedding import Embedder
from rag.records import Answer, Chunk, Hit
from tests.test_answering import TEXTS, highlighted

HEAD = "The table below shows the spending of the mills on repairs by category:\n(In thousands) 2021 2020 2019 "
ROWS = "Roofs and walls $ 749 $ 704 $ 661\nPumps 197 306 190\nBoilers 366 333 346\nStairs 251 299 234\n"
TOTAL = "Total repairs $ 1,563 $ 1,642 $ 1,431"
AFTER = "\nThe owner of the mills pays for all of these. A new mill is built."
TEXT = HEAD + ROWS + TOTAL + AFTER


def ask(question: str, embedder: Embedder, *cuts: int, text: str = TEXT) -> Answer:
    """What is quoted of a text whose passages end at the cuts; it begins at offset 100 of its document."""
    bounds = [0, *cuts, len(text)]
    chunks = [
        Chunk(f"d-200-{at}", "d", 1, 100 + start, 100 + end, "", text[start:end])
        for at, (start, end) in enumerate(pairwise(bounds))
    ]
    cosines = embedder.encode([one.text for one in chunks]) @ embedder.encode_query(question)
    hits = [
        Hit(chunk, "mills.pdf", 1.0 - at / 10, scores={"dense": float(cosines[at])}) for at, chunk in enumerate(chunks)
    ]
    texts = replace(TEXTS, between=lambda document, start, end: text[max(0, start - 100) : max(0, end - 100)])
    return Quoter(lambda: embedder, 0.0).answer(question, hits, texts)


@pytest.mark.parametrize("cut", [len(HEAD + ROWS), len(HEAD + ROWS) - 1, 0], ids=["cut", "cut at the line", "whole"])
@pytest.mark.parametrize("year", [2020, 2021])
def test_the_total_is_quoted_and_marked(embedder: Embedder, cut: int, year: int) -> None:
    cuts = [cut] if cut else []
    found = ask(f"How much was spent on repairs in {year}?", embedder, *cuts)
    (quote,) = found.citations
    assert quote.quote.endswith(TOTAL)
    assert "2021 2020 2019" in quote.quote
    assert [one.strip() for one in highlighted(found, TEXT)] == [TOTAL]


def test_a_total_is_quoted_with_its_table_when_the_passage_begins_with_it(embedder: Embedder) -> None:
    cut = len(HEAD + ROWS)
    chunk = Chunk("d-200-1", "d", 1, 100 + cut, 100 + len(TEXT), "", TEXT[cut:])
    texts = replace(TEXTS, between=lambda document, start, end: TEXT[max(0, start - 100) : max(0, end - 100)])
    found = Quoter(lambda: embedder, 0.0).answer("What were the total repairs?", [Hit(chunk, "a.pdf", 1.0)], texts)
    assert found.citations[0].quote == TEXT[: -len(AFTER)]


def test_a_category_that_is_named_is_marked_itself(embedder: Embedder) -> None:
    found = ask("How much was spent on pumps in 2020?", embedder, len(HEAD + ROWS))
    assert [one.strip() for one in highlighted(found, TEXT)] == ["Pumps 197 306 190"]


def test_a_total_of_something_else_is_not_asked_for(embedder: Embedder) -> None:
    text = TEXT.replace("Total repairs", "Total wages")
    found = ask("How much was spent on repairs in 2020?", embedder, len(HEAD + ROWS), text=text)
    assert "Total wages" not in "".join(highlighted(found, text))


def test_what_is_of_another_year_is_not_preferred(embedder: Embedder) -> None:
    text = (
        "The mills expect to spend 850 thousand euros on repairs in the year 2024.\n\n"
        "In 2021 the owner of the mills had 610 thousand euros spent on repairing."
    )
    found = ask("How much do the mills spend on repairs in 2021?", embedder, text=text)
    assert "610 thousand" in found.citations[0].quote
