"""What a question asks for, what speaks for an answer, and that the fitted models fit what is measured."""

from __future__ import annotations

import json

import pytest

from rag.answering.asked import Kind, take_apart
from rag.answering.calibration import FILE, calibration
from rag.answering.choosing import rank
from rag.answering.evidence import features
from rag.answering.extractive import Quoter
from rag.answering.opposites import are_opposed, differ_by_a_prefix, is_negated
from rag.answering.reading import read
from rag.answering.spans import answer_spans
from rag.embedding import Embedder
from rag.lexical.words import terms
from rag.records import Abstention
from rag.settings import load_settings
from tests.test_answering import REPORT, TABLE, TEXTS, hits_of

PEOPLE = "How many people were employed at the end of the year?"


@pytest.mark.parametrize(
    ("question", "kind"),
    [
        ("How many plants were closed?", Kind.NUMBER),
        ("What percentage of sales is exported?", Kind.NUMBER),
        ("When did the lease begin?", Kind.DATE),
        ("In which year was the bridge built?", Kind.DATE),
        ("Who signed the contract?", Kind.PERSON),
        ("Where is the archive kept?", Kind.PLACE),
        ("In what city was it signed?", Kind.PLACE),
        ("What was the net profit of the plant in 2021?", Kind.AMOUNT),
        ("What is the price of a pump?", Kind.AMOUNT),
        ("What rebate applies to large orders?", Kind.AMOUNT),
        ("What is the main source of income?", Kind.OTHER),
        ("Who sold it, and when?", Kind.PERSON),
        ("Why was the plant closed?", Kind.OTHER),
    ],
)
def test_what_kind_of_answer_is_asked_for(question: str, kind: Kind) -> None:
    assert take_apart(question, terms).kind is kind


def test_how_high_does_not_ask_for_the_word_high() -> None:
    assert take_apart("How high is the rent?", terms).terms == ["rent"]
    assert take_apart("How is the high rent explained?", terms).terms == ["high", "rent", "explain"]


@pytest.mark.parametrize(
    ("question", "several"),
    [
        ("What are the duties of the tenant?", True),
        ("Which suppliers are late?", True),
        ("List the members of the board.", True),
        ("How did sales in 2023 and 2024 differ?", True),
        ("Compare Leeds with Kyoto.", True),
        ("Who repairs the roof?", False),
        ("What is the rent?", False),
        ("What were the sales in May?", False),
        ("Which products does the plant make?", True),
        ("When was the contract with Holt and Sons signed?", False),
    ],
)
def test_whether_several_things_are_asked_for(question: str, several: bool) -> None:
    assert take_apart(question, terms).several is several


@pytest.mark.parametrize(
    ("kind", "question", "text", "found"),
    [
        (
            Kind.NUMBER,
            "How many people worked there in 2019?",
            "In May 2019, on June 3, 2,318 worked in 2 halls.",
            ["2,318", "2"],
        ),
        (Kind.DATE, "When was it built?", "It was built in 1911 for 300 people.", ["1911"]),
        (Kind.PERSON, "Who designed the roof?", "The roof was designed by Maria Keller.", ["Maria Keller"]),
        (Kind.OTHER, "Why was it closed?", "It was closed in 1911.", []),
        (Kind.DATE, "When does it begin?", "It begins on 1 May 2023 in 34th Street.", ["1 May 2023"]),
        (Kind.AMOUNT, "What is the fee?", "4. On 3 May 2024 clause 9 set it at EUR 1.5 million.", ["EUR 1.5 million"]),
        (Kind.AMOUNT, "What is the rent?", "It may rise by 4.5% to 200 euros.", ["200"]),
        (Kind.AMOUNT, "What is the margin?", "It rose from 8.5% to 9 percent.", ["8.5%", "9 percent"]),
        (Kind.AMOUNT, "What is the price of a BX-750?", "The BX-740 was sold in 2019.", []),
    ],
)
def test_where_an_answer_may_stand(kind: Kind, question: str, text: str, found: list[str]) -> None:
    assert [text[start:end] for start, end in answer_spans(kind, question, text)] == found


def test_negation_and_opposites_are_seen() -> None:
    assert is_negated("Which plants were not closed?")
    assert is_negated("They didn't agree.")
    assert not is_negated("Which plants were closed?")
    assert are_opposed("When did sales increase?", "Sales decreased in May.", terms)
    assert are_opposed("What is the largest plant?", "The smallest plant is in Cork.", terms)
    assert not are_opposed("When did sales increase?", "Sales increased, costs decreased.", terms)
    assert differ_by_a_prefix("Which acts are legal?", "Parking there is illegal.")
    assert not differ_by_a_prefix("Which acts are legal?", "Parking there is legal.")


@pytest.mark.parametrize("has_tokens", [True, False])
def test_the_models_are_fitted_on_what_is_measured(embedder: Embedder, has_tokens: bool) -> None:
    reading = read(PEOPLE, hits_of(PEOPLE, REPORT, embedder=embedder), embedder, TEXTS)
    measured = features(reading, rank(reading)[0][1])
    fitted = calibration(has_tokens)
    for model in (fitted.answers, fitted.near):
        assert set(model.features) == set(measured) - (set() if has_tokens else {"cosine"})
        assert 0 < model.probability(measured) < 1


def test_the_setting_is_the_threshold_that_was_fitted() -> None:
    fitted = json.loads(FILE.read_text(encoding="utf-8"))
    assert load_settings().abstain_below == round(fitted["tokens"]["threshold"], 2)


class WordsOnly:
    """A model without vectors of tokens, of which answering asks nothing else."""

    has_tokens = False


def test_a_model_without_vectors_of_tokens_answers_and_abstains_by_words(embedder: Embedder) -> None:
    quoter = Quoter(WordsOnly, load_settings().abstain_below)  # type: ignore[arg-type]
    found = quoter.answer(PEOPLE, hits_of(PEOPLE, REPORT, TABLE, embedder=embedder), TEXTS)
    assert "2,318" in found.text
    question = "Which vaccine protects against yellow fever?"
    assert (
        quoter.answer(question, hits_of(question, REPORT, TABLE, embedder=embedder), TEXTS).abstention
        is Abstention.NO_DOCUMENT
    )
