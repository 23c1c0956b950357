"""What a language model calculates: a change goes the way that it says, and is one of figures that belong together."""

from __future__ import annotations

import pytest

from rag.answering.claims import content
from rag.answering.deriving import derived, direction, operands
from rag.answering.figures import figures
from rag.answering.ledger import make_ledger
from rag.chunking import sentence_spans
from rag.embedding import Embedder
from rag.records import Answer, Chunk, Hit

TABLE = (
    "Spending on repairs by category (in thousands) 2021 2020 2019\nRoofs and walls 749 704 661\nPumps 197 306 190\n"
    "Boilers 366 333 346\nTotal repairs 1,312 1,343 1,290"
)


@pytest.mark.parametrize(
    ("said", "verdict", "why"),
    [
        ("They rose by 12% [1].", "unsupported", "Not found there: 12%."),
        ("Spending on boilers rose by 10% in 2021 [1].", "partly", "(366 − 333) / 333"),
        ("Spending on boilers fell by 10% in 2021 [1].", "unsupported", "It goes the other way: (366 − 333) / 333."),
        ("Spending on pumps rose by 36% in 2021 [1].", "unsupported", "It goes the other way: (197 − 306) / 306."),
        ("Spending on pumps fell by 36% in 2021 [1].", "partly", "(197 − 306) / 306"),
        ("Spending on pumps fell by 36% in 2020 [1].", "partly", "Not found there: 36%."),
        ("Spending on pumps grew by 55% in 2021 [1].", "partly", "Not found there: 55%."),
        ("Total repairs dropped 31 thousand in 2021 [1].", "supported", "1343 − 1312"),
        ("Total repairs gained 31 thousand in 2021 [1].", "unsupported", "It goes the other way: 1343 − 1312."),
        ("The difference between pumps and boilers was 169 in 2021 [1].", "partly", "366 − 197"),
    ],
)
def test_a_change_goes_the_way_that_is_said(embedder: Embedder, said: str, verdict: str, why: str) -> None:
    hits = (Hit(Chunk("c", "d", 1, 0, len(TABLE), "", TABLE), "mills.pdf", 0.9),)
    answer = Answer("How much was spent on repairs?", said, (), hits, False, "openai:test")
    [claim] = make_ledger(answer, embedder.encode, sentence_spans)
    assert claim.verdict == verdict, claim.reasons
    assert why in " ".join(claim.reasons)


@pytest.mark.parametrize(
    ("sentence", "among", "how", "contrary"),
    [
        ("It rose by 12%", "It went from 100 to 112.", "(112 − 100) / 100", False),
        ("It fell by 12%", "It went from 100 to 112.", "(112 − 100) / 100", True),
        ("It improved by 12", "It was 112, after 100.", "112 − 100", False),
        ("It was down by 12", "It was 112, after 100.", "112 − 100", True),
        ("It lost 12 points", "It was 100 in 2025, and 112 in 2024.", "112 − 100", False),
        ("It gained 12 points", "It was 100 in 2025, and 112 in 2024.", "112 − 100", True),
        ("It changed by 12", "It was 100 in 2025, and 112 in 2024.", "112 − 100", False),
        ("Costs fell by 4 and sales rose by 12", "100 112", "112 − 100", False),
        ("It rose by 12%", "12 of 100", "", False),  # a share is no change
        ("It rose by 12%", "EUR 100 and USD 112", "", False),
    ],
)
def test_figures_of_a_sentence(sentence: str, among: str, how: str, contrary: bool) -> None:
    found = derived(figures(sentence)[-1], operands(among), (), sentence)
    assert (found.how if found else "", bool(found and found.contrary)) == (how, contrary)


def test_figures_of_a_text_about_something_else_do_not_count() -> None:
    among = operands("Pensions were 112, after 100.")
    [figure] = figures("They rose by 12%")
    assert derived(figure, among, (), "They rose by 12%", (content("They"), content("repairs"))) is None
    assert derived(figure, among, (), "They rose by 12%", (content("They"), content("pensions"))) is not None


@pytest.mark.parametrize(
    ("text", "way"),
    [
        ("Sales increased", 1),
        ("Sales were up on the year before", 1),
        ("Sales decreased", -1),
        ("Sales were lower", -1),
        ("Sales of up to five pumps", 0),
        ("The growth of sales declined", 0),
        ("Sales are high", 0),
    ],
)
def test_which_way_it_goes(text: str, way: int) -> None:
    assert direction(text) == way


def test_the_figures_of_a_row_know_their_year_and_row() -> None:
    found = [(str(one.figure.value), one.year, "pump" in one.label) for one in operands(TABLE)]
    assert ("306", 2020, True) in found
    assert ("346", 2019, False) in found
