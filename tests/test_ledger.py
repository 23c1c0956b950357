"""The claim ledger: what it finds in answers whose truth is known, and why it says so."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from decimal import Decimal
from pathlib import Path

import pytest

from rag.answering.claims import claims
from rag.answering.deriving import derived, operands
from rag.answering.figures import Match, figures, match, scales
from rag.answering.ledger import make_ledger
from rag.chunking import sentence_spans
from rag.embedding import Embedder
from rag.errors import ModelError
from rag.records import DOUBTFUL, Answer, Chunk, Claim, Hit, Verdict
from rag.workspace import Workspace
from tests.ledger_cases import EVERY, PASSAGES, UNSEEN, cases
from tests.llm_server import Behaviour, language_model_server

LEASE = (
    "The lease begins on 1 March 2024 and runs for seven years. The yearly rent is 84,000 euros, payable quarterly in "
    "advance. The landlord repairs the roof. The tenant may not sublet the office."
)
SALES = "Sales (EUR million) 2024 2025\nPumps 100.0 112.0\nValves 40.0 30.0"
CORK = "In Cork we employed 2,318 people at the end of 2025."
HITS = tuple(
    Hit(Chunk(f"d{n}-200-0", f"d{n}", n, 50, 50 + len(text), heading, text), name, 0.9)
    for n, (text, name, heading) in enumerate(
        ((LEASE, "lease.md", "Lease > Term"), (SALES, "sales.xlsx", "Sales"), (CORK, "report.pdf", "")), start=1
    )
)

Check = Callable[[str], list[Claim]]


@pytest.fixture
def check(embedder: Embedder) -> Check:
    def checked(text: str, hits: tuple[Hit, ...] = HITS, question: str = "What is the rent?") -> list[Claim]:
        answer = Answer(question, text, (), hits, False, "openai:test")
        return list(make_ledger(answer, embedder.encode, sentence_spans))

    return checked


def verdicts(found: Iterable[Claim]) -> list[str]:
    return [str(one.verdict) for one in found]


# -- how good it is ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("passages", "precision", "recall"), [(PASSAGES, 0.95, 0.95), (UNSEEN, 0.9, 0.85)], ids=["known", "unseen"]
)
@pytest.mark.parametrize("cited", [True, False], ids=["cited", "uncited"])
def test_false_sentences_are_doubted_and_true_ones_are_not(
    check: Check, passages: dict[str, object], precision: float, recall: float, cited: bool
) -> None:
    hits = tuple(
        Hit(Chunk(f"c{n}", f"d{n}", 1, 0, len(text), "", text), f"{name}.pdf", 0.5)
        for n, (name, (text, _, _)) in enumerate(EVERY.items())
    )
    numbers = {name: number for number, name in enumerate(EVERY, start=1)}
    told = cases(passages)
    lines = [f"- {one.sentence[:-1]}{f' [{numbers[one.passage]}]' if cited else ''}." for one in told]
    found = check("\n".join(lines), hits, "What is known?")
    doubted = [claim.verdict in DOUBTFUL for claim in found]
    false = [case.kind != "true" for case in told]
    right = sum(one and other for one, other in zip(doubted, false, strict=True))
    assert right / sum(doubted) >= precision
    assert right / sum(false) >= recall


# -- verdicts and their reasons ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "verdict", "why"),
    [
        ("The yearly rent is **84,000 euros**, payable quarterly in advance [1].", "verbatim", ""),
        ("the yearly rent is 84000 euros, payable quarterly in advance. [1]", "verbatim", ""),
        ("Rent is €84 thousand a year, payable quarterly in advance [1].", "supported", ""),
        ("The yearly rent is 85,000 euros [1].", "unsupported", "Not found there: 85,000 euros."),
        ("The yearly rent is 84,000 dollars [1].", "unsupported", "Not found there: 84,000 dollars."),
        ("The lease begins on 1 April 2024 and runs for seven years [1].", "partly", "Not found there: “April”."),
        ("The lease begins on 1 March 2024 and runs for six years [1].", "partly", "Not found there: six."),
        ("The tenant may sublet the office [1].", "unsupported", "only one of the two has a “not”"),
        ("The landlord does not repair the roof [1].", "unsupported", "only one of the two has a “not”"),
        (
            "The lease begins on 1 March 2024, runs for seven years, costs 84,000 euros a year, and the landlord "
            "repairs the roof [1].",
            "supported",
            "",
        ),
        ("Parking is free for visitors of the canteen [1].", "unsupported", "say nothing like it"),
        (
            "The office is run by Calder Estates, and the landlord repairs the roof [1].",
            "partly",
            "Not found there: “Calder Estates”.",
        ),
        (
            "The lease says that “the tenant must repaint every room” of the office [1].",
            "unsupported",
            "quotation marks",
        ),
        ("Sales of pumps rose by 12% from 100.0 to 112.0 [2].", "supported", "(112.0 − 100.0) / 100.0"),
        ("Sales of pumps rose by 14% from 100.0 to 112.0 [2].", "partly", "Not found there: 14%."),
        ("Pumps and valves together had sales of EUR 142 million in 2025 [2].", "supported", "112.0 + 30.0"),
        ("Sales of valves fell from 40.0 to 30.0 [2].", "supported", ""),
        ("Pumps had sales of EUR 112 billion in 2025 [2].", "partly", "not that unit"),
        ("In Cork 2,318 people were employed at the end of 2025 [1].", "partly", "It stands in passage 3"),
    ],
)
def test_each_sentence_has_a_verdict_with_its_reason(check: Check, said: str, verdict: str, why: str) -> None:
    [claim] = check(said)
    assert claim.verdict == verdict, claim.reasons
    assert why in " ".join(claim.reasons)


def test_a_claim_tells_where_it_is_and_what_it_rests_on(check: Check) -> None:
    text = "Here is what the documents say:\n\n- The rent is 84,000 euros a year [1].\n- The weather was good. [1]"
    found = check(text)
    assert [text[one.start : one.end] for one in found] == [
        "The rent is 84,000 euros a year [1].",
        "The weather was good. [1]",
    ]
    assert verdicts(found) == ["supported", "unsupported"]
    proof = found[0].rests_on
    assert proof is not None
    assert (proof.name, proof.page, proof.number) == ("lease.md", 1, 1)
    assert LEASE[proof.start - 50 : proof.end - 50] == proof.quote
    assert "84,000 euros" in proof.quote


def test_a_name_that_only_the_question_has_is_no_reason_to_doubt(check: Check) -> None:
    said = "The rent of Tarn House is 84,000 euros a year [1]."
    assert verdicts(check(said, question="What is the rent of Tarn House?")) == ["supported"]
    assert check(said, question="What is the rent?")[0].verdict in DOUBTFUL


def test_a_longer_form_of_a_name_that_the_document_has_elsewhere_is_no_reason_to_doubt(check: Check) -> None:
    texts = ("Corvane Marine Holding was founded in 1990.", "The dividend of Corvane is 5 euros.", "Orlin Marine Ltd.")
    hits = tuple(
        Hit(Chunk(f"c{n}", "other" if n == 2 else "d", 1, 0, len(text), "", text), "a.pdf", 0.5)
        for n, text in enumerate(texts)
    )
    [claim] = check("The dividend of Corvane Marine Holding is 5 euros [2].", hits)
    assert claim.verdict not in DOUBTFUL
    [claim] = check("The dividend of Orlin Marine Ltd is 5 euros [2].", hits)
    assert "Not found there: “Orlin Marine Ltd”." in claim.reasons


def test_the_words_of_a_denial_are_not_word_for_word_what_it_denies(check: Check) -> None:
    text = "No dividend may be paid while leverage is above 3.00."
    hits = (Hit(Chunk("c", "d", 1, 0, len(text), "", text), "a.pdf", 0.5),)
    assert verdicts(check("Dividend may be paid while leverage is above 3.00 [1].", hits)) == ["unsupported"]
    assert verdicts(check("No dividend may be paid while leverage is above 3.00 [1].", hits)) == ["verbatim"]


@pytest.mark.parametrize(
    ("passage", "said"),
    [
        ("It is false that the chairman sold his shares in March.", "The chairman sold his shares in March"),
        ("We do not believe that revenue will increase next year.", "Revenue will increase next year"),
        ("There is no evidence that the drug reduces the risk of stroke.", "The drug reduces the risk of stroke"),
        ("Under no circumstances the tenant may keep a dog in the flat.", "The tenant may keep a dog in the flat"),
        ("The rumour that Acme will buy Beta was denied by the board.", "Acme will buy Beta"),
    ],
)
def test_a_part_of_a_sentence_is_not_word_for_word_what_the_whole_of_it_denies(
    check: Check, passage: str, said: str
) -> None:
    hits = (Hit(Chunk("c", "d", 1, 0, len(passage), "", passage), "a.pdf", 0.5),)
    [claim] = check(f"{said} [1].", hits)
    assert claim.verdict in DOUBTFUL
    [whole] = check(f"{passage[:-1]} [1].", hits)
    assert whole.verdict == "verbatim"


TENANCY = (
    "This tenancy agreement is made on 9 May 2022 between Quarrel Mills Ltd (the “Lessor”) and Oriel Dairy GmbH (the "
    "“Lessee”). 1. Term. The tenancy begins on 1 June 2022 and continues for six (6) years, ending on 31 May 2028. 2. "
    "Rent. The Lessee shall pay an annual rent of GBP 52,000 in monthly instalments. The rent is reviewed on 1 June "
    "2025, but no increase shall exceed 3.5%.",
    "3. Deposit. On signing, the Lessee shall pay a deposit of GBP 13,000. The Lessor shall return it within 20 days "
    "of the end of the term. 4. Arrears. Rent unpaid for more than 14 days bears interest at 4% a year.",
    "5. Ending. Either party may terminate this agreement on six months' notice, but no notice may be given before 1 "
    "June 2024. The Lessor may terminate at once if rent is unpaid for more than 45 days or the Lessee does not pay "
    "the deposit.\nFigures (GBP thousand) 2022 2023\nRent received 52.0 53.8\nService charges 6.4 7.1",
)


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ("The Lessee shall pay a deposit of GBP 52,000", "The passage has “GBP 13,000” there, not “GBP 52,000”."),
        ("Annual rent is GBP 13,000", "The passage has “GBP 52,000” there, not “GBP 13,000”."),
        ("The tenancy ends on 1 June 2022", "The passage has “31 May 2028” there, not “1 June 2022”."),
        ("The tenancy begins on 31 May 2028", "The passage has “1 June 2022” there, not “31 May 2028”."),
        ("Oriel Dairy is the Lessor", "The passage has “Quarrel Mills Ltd” there, not “Oriel Dairy”."),
        ("The Lessee is Quarrel Mills Ltd", "The passage has “Oriel Dairy GmbH” there, not “Quarrel Mills Ltd”."),
        ("The Lessor may double the rent at will", "Not found there: “double”."),
        ("The deposit must be returned within 45 days of the end of the term", "has “20” there, not “45”"),
        ("Rent unpaid for more than 45 days bears interest at 4% a year", "has “14” there, not “45”"),
        ("Only the Lessor may terminate on six months' notice", "only the / either"),
        ("In 2023 rent received was GBP 52.0 thousand", "The passage has “53.8” there"),
        ("Service charges were GBP 53.8 thousand in 2023", "The passage has “7.1” there"),
        ("The parking fee is GBP 13,000", "of something else"),
        ("The annual rent is GBP 52,000", ""),
        ("The Lessee shall pay GBP 13,000 as a deposit", ""),
        ("The tenancy ends on 31 May 2028", ""),
        ("The tenancy starts on 1 June 2022", ""),
        ("Oriel Dairy is the Lessee", ""),
        ("The Lessor is Quarrel Mills Ltd and the Lessee is Oriel Dairy GmbH", ""),
        ("The rent is GBP 52,000 and the deposit is GBP 13,000", ""),
        ("The rent may not rise by more than 3.5%", ""),
        ("Either party may terminate on six months' notice", ""),
        ("The Lessor may terminate if rent is unpaid for more than 45 days", ""),
        ("Rent received rose from GBP 52.0 thousand in 2022 to GBP 53.8 thousand in 2023", ""),
    ],
)
def test_a_figure_or_a_name_counts_only_in_its_place(check: Check, said: str, why: str) -> None:
    hits = tuple(
        Hit(Chunk(f"c{n}", "d", 1, 0, len(text), "", text), "tenancy.txt", 0.5) for n, text in enumerate(TENANCY)
    )
    [claim] = check(f"{said} [1][2][3].", hits)
    assert (claim.verdict in DOUBTFUL) is bool(why), claim.reasons
    assert why in " ".join(claim.reasons)


def test_a_footnote_that_no_passage_has_is_a_reason_to_doubt(check: Check) -> None:
    right, wrong = check("The landlord repairs the roof [1]. The landlord repairs the roof [1][7].")
    assert (right.verdict, wrong.verdict) == ("verbatim", "partly")
    assert wrong.reasons == ("No passage is [7].",)


@pytest.mark.parametrize(
    ("passage", "said", "doubtful"),
    [
        ("Our guidance for the year is unchanged.", "The guidance for the year has not been changed [1].", False),
        ("Our guidance for the year is unchanged.", "The guidance for the year has been changed [1].", True),
        ("The Buyer may end it, but not before 3 March 2028.", "The Buyer may end it from 3 March 2028 [1].", False),
        ("We pay for fire, storm and theft.", "Fire, storm and theft are not paid for [1].", True),
        ("We do not expect tariffs to matter.", "Management thinks that tariffs will matter [1].", True),
        ("Smoking is prohibited in the hall.", "Smoking is not allowed in the hall [1].", False),
        ("Pay no later than 30 days after delivery.", "Payment is due 30 days after delivery [1].", False),
        ("Profits rose in Asia and fell in Europe.", "Profits fell in Europe [1].", False),
    ],
)
def test_denials_are_held_against_each_other(check: Check, passage: str, said: str, doubtful: bool) -> None:
    hits = (Hit(Chunk("c", "d", 1, 0, len(passage), "", passage), "a.pdf", 0.5),)
    [claim] = check(said, hits)
    assert (claim.verdict is Verdict.UNSUPPORTED) is doubtful, claim.reasons


@pytest.mark.end_to_end
def test_a_footnote_that_was_taken_out_is_remembered(make_workspace: Callable[..., Workspace], notes: Path) -> None:
    said = "The yearly rent is 84,000 euros [1]. It was due [9]. [8] The lease runs for seven years [1, 7]."
    pieces = tuple(said[at : at + 5] for at in range(0, len(said), 5))
    with language_model_server(Behaviour(pieces=pieces)) as server:
        workspace = make_workspace(llm="openai:test", llm_base_url=server.openai_url)
        list(workspace.ingest([notes]))
        answer = workspace.ask("What is the yearly rent?")
    assert answer.text == "The yearly rent is 84,000 euros [1]. It was due. The lease runs for seven years [1]."
    right, gone, half = answer.ledger
    assert right.verdict not in DOUBTFUL
    assert (gone.verdict in DOUBTFUL, half.verdict) == (True, "partly")
    assert gone.reasons[0] == "No passage is [9], [8]."
    assert half.reasons == ("No passage is [7].",)


@pytest.mark.end_to_end
def test_a_footnote_points_at_what_its_sentences_rest_on(make_workspace: Callable[..., Workspace], notes: Path) -> None:
    said = "The yearly rent is 84,000 euros [1]. The roof was painted green by Otto in 1987 [1]."
    with language_model_server(Behaviour(pieces=(said,))) as server:
        workspace = make_workspace(llm="openai:test", llm_base_url=server.openai_url)
        list(workspace.ingest([notes]))
        answer = workspace.ask("What is the yearly rent?")
    (cited,) = answer.citations
    pointed = [cited.quote[start - cited.start : end - cited.start] for start, end in cited.highlights]
    assert [one.verdict in DOUBTFUL for one in answer.ledger] == [False, True]
    assert len(pointed) == 1
    assert "84,000 euros" in pointed[0]
    assert len(pointed[0]) < len(cited.quote)


@pytest.mark.end_to_end
def test_an_answer_that_cannot_be_checked_says_so_and_is_not_lost(
    make_workspace: Callable[..., Workspace], notes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise ModelError("The embedding model is gone.")

    monkeypatch.setattr("rag.answering.make_ledger", broken)
    with language_model_server(Behaviour(pieces=("The rent is 84,000 euros [1].",))) as server:
        workspace = make_workspace(llm="openai:test", llm_base_url=server.openai_url)
        list(workspace.ingest([notes]))
        answer = workspace.ask("What is the yearly rent?")
    assert (answer.text, answer.ledger) == ("The rent is 84,000 euros [1].", ())
    assert answer.notice == "Its sentences could not be checked: The embedding model is gone."


def test_without_passages_there_is_no_ledger(check: Check) -> None:
    assert check("The rent is 84,000 euros.", ()) == []


# -- what is a claim ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "said",
    [
        "Here is what the documents say:",
        "Here are the main points:",
        "## Rent",
        "Let me know if you need more details.",
        "The sources do not say when the lease ends.",
        "However, the documents don't mention a deposit.",
        "The deposit is not mentioned in the sources.",
        "Would you like a summary?",
        "---",
        "Yes.",
        "No.",
        "```",
        "| Year | Rent |\n|---|---|",
    ],
)
def test_what_joins_and_what_is_silent_claims_nothing(said: str) -> None:
    assert claims(said, sentence_spans) == []


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("Rent is due [1]. Staff is 48 [2][3].", [("Rent is due [1].", (1,)), ("Staff is 48 [2][3].", (2, 3))]),
        ("Rent is due. [1] Staff is 48. [2]", [("Rent is due. [1]", (1,)), ("Staff is 48. [2]", (2,))]),
        ("**Rent is due.** [1] *Staff* is 48.", [("**Rent is due.** [1]", (1,)), ("*Staff* is 48.", ())]),
        ("1. Rent is due [1]\n2. Dr. Ode signed", [("Rent is due [1]", (1,)), ("Dr. Ode signed", ())]),
        ("| Item | Sum |\n|---|---|\n| Rent | 12 [1] |", [("Rent | 12 [1]", (1,))]),
        (
            "The sources do not state the fee, but it is 5 [1].",
            [("The sources do not state the fee, but it is 5 [1].", (1,))],
        ),
        ("In 2024 it was as follows: 5 [1].", [("In 2024 it was as follows: 5 [1].", (1,))]),
    ],
)
def test_sentences_keep_their_footnotes(text: str, parts: list[tuple[str, tuple[int, ...]]]) -> None:
    assert [(text[one.start : one.end], one.citations) for one in claims(text, sentence_spans)] == parts


# -- figures -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("1,577", "1577", True),
        ("12 %", "12 percent", True),
        ("12%", "12 per cent", True),
        ("$1.2 billion", "1,200 million", True),
        ("$1.2bn", "US$1,200,000,000", True),
        ("EUR 84k", "€84,000", True),
        ("40 basis points", "0.4%", True),
        ("FY18", "2018", True),
        ("nine months", "9 months", True),
        ("twenty-five", "25", True),
        ("31.8%", "31.84 %", True),
        ("12 million", "12.4 million", True),
        ("about 500", "512", True),
        ("12,4", "12.4", True),
        ("500", "512", False),
        ("31.9%", "31.84 %", False),
        ("12.43 million", "12.4 million", False),
        ("$5", "€5", False),
        ("5 %", "$5", False),
        ("2019", "2,018", False),
        ("about 2019", "2018", False),
        ("5.00", "five", False),
        ("1.577", "1,577", False),
    ],
)
def test_one_amount_is_known_however_it_is_written(one: str, other: str, same: bool) -> None:
    [mine] = figures(one)
    assert (match(mine, figures(other), ()) is Match.YES) is same


def test_a_table_says_what_its_figures_are_in() -> None:
    [figure] = figures("EUR 68.5 million")
    bare = figures("Thermal storage 44.6 68.5")
    assert scales("Segment (EUR million)") == scales("in millions of euros") == {Decimal(1_000_000)}
    assert match(figure, bare, scales("Segment (EUR million)")) is Match.YES
    assert match(figure, bare, ()) is Match.UNIT


@pytest.mark.parametrize(
    ("sentence", "among", "follows"),
    [
        ("It rose by 12 %", "100 112", True),
        ("It rose by 12.0%", "100 112", True),
        ("It rose by 13 %", "100 112", False),
        ("The difference is 12", "100 112", True),
        ("Together they are 212", "100 112", True),
        ("In total 18", "5 6 7", True),
        ("That is a ratio of 2.5", "4 10", True),
        ("The share is 40 %", "4 10", True),
        ("It improved by 2 percentage points", "10 % 12 %", True),
        ("The code is 12", "100 112", False),
        ("The fee is 212", "100 112", False),
        ("It rose by 1 in 2019", "2018 2019", False),
    ],
)
def test_what_follows_by_arithmetic(sentence: str, among: str, follows: bool) -> None:
    found = derived(figures(sentence)[0], operands(among), (), sentence)
    assert (found is not None and not found.contrary) is follows


@pytest.mark.parametrize("code", ["123456789012345678901234567890", "0." + "3" * 60, "9" * 400])
def test_a_code_of_many_digits_is_compared_digit_by_digit_and_stops_nothing(check: Check, code: str) -> None:
    text = f"The pump with the serial number {code} lost about 3.5 % of its pressure, and is worth EUR 2.4 million."
    hits = (Hit(Chunk("c", "d", 1, 0, len(text), "", text), "pump.md", 0.9),)
    said = ["The pump lost 3.5 % of its pressure [1].", f"The serial number of the pump is {code} [1]."]
    assert not DOUBTFUL & set(map(Verdict, verdicts(check("\n".join(said), hits))))
    for wrong in (f"{code[:-1]}7", f"{code[:9]}7{code[10:]}", "2.41 million", "3.51 %"):
        [claim] = check(f"The serial number of the pump is {wrong} [1].", hits)
        assert claim.verdict in DOUBTFUL


def test_a_figure_rounds_half_up() -> None:
    whole = figures("2.35 2.449 2.25 2.45 2.349")
    [rounded] = figures("2.4")
    assert [match(rounded, [one], ()) is Match.YES for one in whole] == [True, True, False, False, False]
