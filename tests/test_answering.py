"""The extractive answerer: what it quotes, what it passes over, and when it says no."""

from __future__ import annotations

from dataclasses import replace

import pytest

from rag.answering import Texts
from rag.answering.extractive import Quoter
from rag.chunking import sentence_spans
from rag.embedding import Embedder
from rag.lexical.words import terms
from rag.records import Abstention, Answer, Chunk, Hit
from rag.settings import load_settings

ABSTAIN = load_settings().abstain_below
TEXTS = Texts(
    sentence_spans,
    terms,
    lambda document, start, end: "",
    lambda words: dict.fromkeys(words, 1.0),
    lambda ids: {},
    lambda document, offset: "",
)

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


def hits_of(question: str, *texts: str, embedder: Embedder, heading: str = "") -> list[Hit]:
    """One chunk for each text, each a document of its own; the text begins at offset 100."""
    cosines = embedder.encode(texts) @ embedder.encode_query(question)
    chunks = [
        Chunk(f"d{number}-200-0", f"d{number}", number + 1, 100, 100 + len(text), heading, text)
        for number, text in enumerate(texts)
    ]
    return [
        Hit(chunk, f"{number}.pdf", 1.0 - number / 10, scores={"dense": float(cosines[number])})
        for number, chunk in enumerate(chunks)
    ]


def answer(question: str, *texts: str, embedder: Embedder, abstain_below: float = 0.0, heading: str = "") -> Answer:
    return Quoter(lambda: embedder, abstain_below).answer(
        question, hits_of(question, *texts, embedder=embedder, heading=heading), TEXTS
    )


def highlighted(found: Answer, text: str) -> list[str]:
    return [text[start - 100 : end - 100] for one in found.citations for start, end in one.highlights]


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
    found = answer("What is the fee?", text, embedder=embedder)
    assert [one.quote for one in found.citations] == [text]


def test_of_a_table_whose_columns_are_in_the_heading_a_row_is_enough(embedder: Embedder) -> None:
    rows = "Pumps | 238.9 | 271.6\nStorage | 44.6 | 68.5\nService | 61.0 | 70.2"
    found = answer("What was the revenue of storage in 2025?", rows, embedder=embedder, heading="Segment | 2024 | 2025")
    (quote,) = found.citations
    assert (quote.quote, quote.heading) == ("Storage | 44.6 | 68.5", "Segment | 2024 | 2025")


def test_a_sentence_that_leans_on_the_one_before_brings_it_along(embedder: Embedder) -> None:
    text = (
        "The committee met twice in spring. The roof of the old station was designed by Maria Keller. "
        "It was finished in 1911 after long delays. Trains ran every hour."
    )
    found = answer("In which year was it finished, after long delays?", text, embedder=embedder)
    (quote,) = found.citations
    assert quote.quote.startswith("The roof of the old station")
    assert quote.quote.endswith("after long delays.")
    assert highlighted(found, text) == ["1911"]


def test_what_is_asked_for_is_highlighted(embedder: Embedder) -> None:
    found = answer("How many people were employed at the end of the year?", REPORT, embedder=embedder)
    assert highlighted(found, REPORT) == ["2,318"]
    table = answer("What was the revenue of thermal storage in 2025?", TABLE, embedder=embedder)
    assert highlighted(table, TABLE) == ["Thermal storage 44.6 68.5"]


def test_a_question_for_a_figure_is_not_answered_by_a_sentence_without_one(embedder: Embedder) -> None:
    text = (
        "LEEDS, Yorks.--(NEWS WIRE)-- Holt Pumps plc announced its results and the net sales of its fourth quarter in "
        "2024 today. It is a maker of pumps. Net sales of the quarter increased by a tenth to $3.2 billion."
    )
    found = answer("What were the net sales of Holt Pumps in the fourth quarter?", text, embedder=embedder)
    assert [one.quote for one in found.citations] == ["Net sales of the quarter increased by a tenth to $3.2 billion."]
    assert highlighted(found, text) == ["$3.2 billion"]


LONG_TABLE = """The accounts were approved by the board.
Consolidated results in million euros:
Year ended 31 December 2023 2024
Net sales 532.3 596.2
Cost of sales -373.5 -412.0
Gross profit 158.8 184.2
Research -21.0 -24.4
Administration -88.6 -99.8
Amortisation -5.1 -6.4
Operating profit 44.1 53.6
Finance costs -7.9 -9.1
Profit before tax 36.2 44.5
Income tax -8.4 -10.2
"""


def test_a_row_of_a_long_table_is_quoted_below_its_columns(embedder: Embedder) -> None:
    (quote,) = answer("What was the income tax?", LONG_TABLE, embedder=embedder, heading="Results").citations
    assert quote.quote == "Income tax -8.4 -10.2"
    assert quote.heading == "Results > Consolidated results in million euros: Year ended 31 December 2023 2024"
    (near,) = answer("What was the cost of sales?", LONG_TABLE, embedder=embedder).citations
    assert near.quote.startswith("Consolidated results in million euros:\nYear ended")
    assert near.quote.endswith("Cost of sales -373.5 -412.0")


def test_of_a_table_of_ranges_the_row_is_marked_in_which_the_number_lies(embedder: Embedder) -> None:
    table = (
        "Pumps ordered in a year earn a rebate.\n\n| Pumps ordered | Rebate |\n| --- | --- |\n"
        "| Fewer than 400 | none |\n| 400 to 499 | 2.5% |\n| 500 or more | 4.0% |\n"
    )
    found = answer("What rebate applies to 450 pumps?", table, embedder=embedder, abstain_below=ABSTAIN)
    assert highlighted(found, table) == ["| 400 to 499 | 2.5% |"]


def test_wrapped_prose_with_figures_is_no_table(embedder: Embedder) -> None:
    text = (
        "Net sales increased by $135 million, or 4%, in the quarter, compared to the\n"
        "quarter before, after 12 months in which 3 plants of 14 stood still, and costs\n"
        "fell by 2% or $11 million.\n"
    )
    found = answer("Why did net sales increase in the quarter?", text, embedder=embedder)
    assert found.text == f"{' '.join(text.split())} [1]"


LEASE = """
4. Deposit. On signing, the Tenant shall pay a deposit of GBP 17,000. The Landlord shall return it within 30 days.

5. Late payment. Rent that is unpaid for ten days bears interest at 3% a year.

6. Notice. From May onwards the Tenant may end the lease without cause. The Landlord has no such right.
"""


@pytest.mark.parametrize(
    ("question", "quote"),
    [
        (
            "Can the landlord end the lease without cause?",
            "From May onwards the Tenant may end the lease without cause. The Landlord has no such right.",
        ),
        (
            "Is the deposit refundable?",
            "On signing, the Tenant shall pay a deposit of GBP 17,000. The Landlord shall return it within 30 days.",
        ),
        ("What is the interest on late payment?", "Rent that is unpaid for ten days bears interest at 3% a year."),
    ],
)
def test_what_decides_is_not_cut_off(embedder: Embedder, question: str, quote: str) -> None:
    assert [one.quote for one in answer(question, LEASE, embedder=embedder).citations] == [quote]


def test_a_sentence_that_introduces_a_list_brings_its_items(embedder: Embedder) -> None:
    text = "The roof is new.\n\nThe tenant may end the lease for these causes:\n- fire\n- flood\n- a closed road\n"
    found = answer("For which causes may the tenant end the lease?", text, embedder=embedder)
    assert "- a closed road" in found.text


def test_a_sentence_that_the_passage_cuts_is_read_to_its_end(embedder: Embedder) -> None:
    text = (
        "The roof is new. The tenant who leaves on the last day of a month shall return all the keys of the station "
        "to the owner by noon. Trains ran."
    )
    cut = text.index(" to the owner")
    hit = Hit(Chunk("d-200-0", "d", 1, 0, cut, "", text[:cut]), "a.txt", 1.0)
    texts = replace(TEXTS, between=lambda document, start, end: text[start:end])
    found = Quoter(lambda: embedder, 0.0).answer("Who returns the keys of the station?", [hit], texts)
    assert [one.quote for one in found.citations] == [text[17:-12]]


def test_a_comparison_is_answered_from_both_documents(embedder: Embedder) -> None:
    rivers = [
        "The Aller is 215 kilometres long. It rises in the hills and its water is cold.",
        "The Oker is 128 kilometres long. It is known for its trout.",
        "A bridge crosses the valley. It was built for trains and is closed at night.",
    ]
    found = answer("Compare the length of the Aller and the Oker.", *rivers, embedder=embedder)
    assert {one.document for one in found.citations} == {"d0", "d1"}
    assert all("kilometres" in one.quote for one in found.citations)


def test_documents_that_are_named_by_their_titles_are_compared_too(embedder: Embedder) -> None:
    question = "Compare the notice periods of the Leeds and the Kyoto lease."
    texts = ("The notice period is six months.", "The notice period is nine months.", "The roof was renewed in May.")
    names = ("leeds.pdf", "kyoto.pdf", "leeds.pdf")
    hits = [
        replace(hit, name=name, chunk=replace(hit.chunk, title=f"Lease of the {name[:5].title()} office"))
        for hit, name in zip(hits_of(question, *texts, embedder=embedder), names, strict=True)
    ]
    found = Quoter(lambda: embedder, 0.0).answer(question, hits, TEXTS)
    assert {one.quote for one in found.citations} == set(texts[:2])


def test_a_single_fact_is_quoted_once(embedder: Embedder) -> None:
    found = answer("How many people are employed?", REPORT, TABLE, REPORT.replace("2,318", "2,411"), embedder=embedder)
    assert len(found.citations) == 1


def test_good_sentences_on_both_sides_of_a_cut_become_one_quote(embedder: Embedder) -> None:
    text = "The winners of the prize were Ada Holt of Leeds.\n\nThe winners of the prize were also Ben Ito of Kyoto."
    cut = text.index("The winners of the prize were also")
    hits = [
        Hit(Chunk("d-200-0", "d", 1, 0, cut - 2, "", text[: cut - 2]), "a.txt", 1.0),
        Hit(Chunk("d-200-1", "d", 1, cut, len(text), "", text[cut:]), "a.txt", 0.9),
    ]
    texts = Texts(
        sentence_spans, terms, lambda document, start, end: text[start:end], TEXTS.rarity, TEXTS.tokens, TEXTS.heading
    )
    found = Quoter(lambda: embedder, 0.0).answer("Who are the winners of the prize?", hits, texts)
    assert [one.quote for one in found.citations] == [text]


def test_it_says_no_when_nothing_is_near(embedder: Embedder) -> None:
    found = answer(
        "Which vaccine protects against yellow fever?", REPORT, TABLE, embedder=embedder, abstain_below=ABSTAIN
    )
    assert (found.abstained, found.abstention, found.citations) == (True, Abstention.NO_DOCUMENT, ())
    assert len(found.hits) == 2


def test_it_says_that_something_near_is_there_which_does_not_answer(embedder: Embedder) -> None:
    question = "How many people were dismissed from the plant in Cork in 2019?"
    found = answer(question, REPORT, TABLE, embedder=embedder, abstain_below=ABSTAIN)
    assert (found.abstained, found.abstention) == (True, Abstention.NEAR_MISS)
    assert "near" in found.text


@pytest.mark.parametrize(
    ("question", "missing"),
    [
        ("What was the revenue in 2019?", "2019 is not in the passages found."),
        ("How much did revenue rise to in 2025 at Brookfield?", "Brookfield is not in the passages found."),
    ],
)
def test_a_year_or_a_name_that_is_in_no_passage_is_said(embedder: Embedder, question: str, missing: str) -> None:
    found = answer(question, REPORT, TABLE, embedder=embedder, abstain_below=0.01)
    assert (found.abstained, found.abstention, found.citations) == (True, Abstention.NEAR_MISS, ())
    assert missing in found.text
    assert not answer(question, REPORT, TABLE, embedder=embedder).abstained


def test_a_name_that_is_written_wrongly_is_there(embedder: Embedder) -> None:
    assert not answer("Where is the Corck canteen?", REPORT, embedder=embedder, abstain_below=0.01).abstained


def test_a_sentence_of_the_year_that_is_asked_for_is_preferred(embedder: Embedder) -> None:
    texts = ("Sales of the pumps were 12.4 million euros in 2023.", "In 2021 they sold pumps for 9.1 million euros.")
    (quote,) = answer("What were the sales of the pumps in 2021?", *texts, embedder=embedder).citations
    assert "9.1 million" in quote.quote


def test_the_threshold_decides(embedder: Embedder) -> None:
    question = "How many people were employed at the end of the year?"
    assert not answer(question, REPORT, embedder=embedder, abstain_below=ABSTAIN).abstained
    assert answer(question, REPORT, embedder=embedder, abstain_below=1.0).abstained


def test_without_passages_there_is_no_answer(embedder: Embedder) -> None:
    found = answer("Anything?", embedder=embedder)
    assert (found.abstained, found.abstention) == (True, Abstention.NO_DOCUMENT)
