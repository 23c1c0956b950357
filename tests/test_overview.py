"""Overviews: what a document is about, in its own sentences or in a language model's words, and when one is given."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from rag.answering.outline import outline, parts
from rag.answering.overview import asks_for_overview, make_overview
from rag.embedding import Embedder
from rag.errors import NotFoundError
from rag.records import Abstention, Answer, AnswerPiece, Chunk, Document, Overview
from rag.workspace import Workspace
from tests.conftest import NOTES, outcomes
from tests.llm_server import Behaviour, LanguageModelServer, language_model_server
from tests.test_answering import TEXTS

ROOT = Path(__file__).resolve().parent.parent
AGREEMENT = ROOT / "samples" / "orvell-compressor-supply-agreement.md"

ASKED = """
Summarise this document
summarize this
Please summarise the report.
Can you summarise it for me?
Could you please sum up this contract?
What is this about?
what's it about
What is this document about?
What is the whole agreement about?
Give me a short summary
Give me an overview of this document
A summary of the report, please.
Overview
TL;DR
What does this document say?
What's in this file?
""".strip().split("\n")
NOT_ASKED = """
Summarise the risks
Summarise this document's risk factors
What is this clause about?
What is the report about pumps?
Summary of fees
What does the report say about fees?
What does it say about rent?
Describe the pump
What is this?
What is it?
What is the overview of segments?
Outline the notice period
Give me an overview of the covenants
""".strip().split("\n")


@pytest.mark.parametrize("question", ASKED)
def test_a_question_for_an_overview_is_recognised(question: str) -> None:
    assert asks_for_overview(question)


@pytest.mark.parametrize("question", NOT_ASKED)
def test_a_question_about_something_in_the_document_is_none(question: str) -> None:
    assert not asks_for_overview(question)


# -- outline and sections ----------------------------------------------------------------------------


def chunk(number: int, heading: str = "", page: int = 0, text: str = "Some words that make up a passage.") -> Chunk:
    return Chunk(f"d-200-{number}", "d", page or number + 1, number * 100, number * 100 + len(text), heading, text)


def test_the_outline_names_each_heading_once_where_it_begins() -> None:
    headings = ("Lease", "Lease > Term", "Lease > Term", "Lease > Rent", "Annex > Rooms | Floor", "Annex > Keys")
    found = outline([chunk(number, heading) for number, heading in enumerate(headings)])
    assert found == ((1, "Lease", 1), (2, "Term", 2), (2, "Rent", 4), (1, "Annex", 5), (2, "Keys", 6))


def test_an_outline_that_is_too_long_keeps_its_upper_levels() -> None:
    found = outline([chunk(number, f"Chapter {number // 20} > Point {number}") for number in range(200)])
    assert [title for _, title, _ in found] == [f"Chapter {number}" for number in range(10)]


def test_a_document_with_one_main_heading_is_divided_one_level_deeper() -> None:
    headings = ["Lease"] * 2 + ["Lease > Term"] * 2 + ["Lease > Rent"]
    found = parts([chunk(number, heading) for number, heading in enumerate(headings)])
    assert [(one.heading, len(one.chunks)) for one in found] == [("Lease", 2), ("Term", 2), ("Rent", 1)]


def test_without_headings_it_is_divided_evenly() -> None:
    assert [len(one.chunks) for one in parts([chunk(number) for number in range(60)])] == [10] * 6
    assert [len(one.chunks) for one in parts([chunk(number) for number in range(4)])] == [4]
    assert parts([]) == []


# -- in the document's own words ---------------------------------------------------------------------


@pytest.fixture
def agreement(workspace: Workspace) -> Overview:
    assert set(outcomes(workspace.ingest([AGREEMENT])).values()) == {"ready"}
    return workspace.overview(workspace.documents()[0].id)


@pytest.mark.end_to_end
def test_an_overview_quotes_each_section_word_for_word(workspace: Workspace, agreement: Overview) -> None:
    text = workspace.text(agreement.document)
    quotes = [one for section in agreement.sections for one in section.citations]
    assert [one.number for one in quotes] == list(range(1, len(quotes) + 1))
    assert all(text[one.start : one.end] == one.quote for one in quotes)
    assert [one.start for one in quotes] == sorted(one.start for one in quotes)
    assert len({one.quote for one in quotes}) == len(quotes) <= 12
    headings = [section.heading for section in agreement.sections]
    assert {"2. Quantities", "4. Delivery", "7. Termination"} <= set(headings)
    assert agreement.answer.citations == tuple(quotes)
    assert "320 compressors in each contract year" in agreement.answer.text
    assert (2, "7. Termination", 1) in agreement.outline


@pytest.mark.end_to_end
def test_a_sentence_stands_under_the_heading_above_it_and_not_above_its_passage(agreement: Overview) -> None:
    told = {one.quote: (section.heading, one.heading) for section in agreement.sections for one in section.citations}
    [(section, heading)] = [where for quote, where in told.items() if quote.startswith("For each full week of delay")]
    assert (section, heading.split(" > ")[1:]) == ("4. Delivery", ["4. Delivery", "4.2 Damages for delay"])


@pytest.mark.parametrize(
    "text",
    [
        "Quantitative and Qualitative Disclosures About Market Risk 49 Item 4.",
        "Item 1. Legal Proceedings 12 Item 1A. Risk Factors 14 Item 2.",
        "See the Notes to Condensed Consolidated Financial Statements.",
        "For further details of the loans, see Note 7 to the financial statements.",
        "The movements in the year are summarised in the table below.",
        "Indicate by check mark whether the registrant has filed all reports.",
        "BRISTOL, England--(BUSINESS WIRE)-- Pelworth plc today announced its results for the year.",
        "COPENHAGEN, 4 March 2025 – Nordhavn A/S has today published its report for the year.",
        "to the continued employment of the director until the last day of that year.",
        "(1) Excludes discounts, issuance costs and finance lease obligations of the group.",
    ],
)
def test_what_only_helps_to_find_ones_way_is_not_quoted(text: str, embedder: Embedder) -> None:
    facts = "Pelworth sold 41,000 pumps in the year, most of them in Norway. It employs 2,300 people in Bristol."
    chunks = [chunk(0, text=f"{text}\n\n{facts}")]
    vectors = dict(zip([one.id for one in chunks], embedder.encode([one.text for one in chunks]), strict=True))
    document = Document("d", "a.pdf", "documents", "ready", None)  # type: ignore[arg-type]
    found = make_overview(document, chunks, vectors, embedder.encode, TEXTS)
    assert [one.quote for one in found.answer.citations] == facts.replace("Norway. ", "Norway.|").split("|")


@pytest.mark.end_to_end
def test_asking_what_the_one_document_is_about_answers_with_its_overview(workspace: Workspace, notes: Path) -> None:
    list(workspace.ingest([AGREEMENT, notes]))
    lease = next(one for one in workspace.documents() if one.name == "lease.md")
    for where in ({"document": {"$in": [lease.id]}}, {"name": "lease.md"}):
        answer = workspace.ask("What is this about?", where=where)
        assert answer.overview is not None
        assert answer.overview.document == lease.id
        assert {one.name for one in answer.citations} == {"lease.md"}
        assert answer.question == "What is this about?"
    for where in (None, {"$and": [{"name": "lease.md"}, {"page": {"$ne": 3}}]}):
        assert workspace.ask("What is this about?", where=where).overview is None
    assert workspace.ask("How high is the rent?", where={"name": "lease.md"}).overview is None
    workspace.delete(next(one.id for one in workspace.documents() if one.name == AGREEMENT.name))
    assert workspace.ask("Summarise this document").overview is not None


@pytest.fixture
def several(workspace: Workspace, tmp_path: Path) -> Workspace:
    told = {
        "lease-agreement.txt": "The rent of Harbour Street is 84,000 euros a year. The lease runs for seven years.",
        "loan-agreement.txt": "The loan of Tarnholt Bank is 2 million euros. The lease of the plant is pledged for it.",
        "risks of pumps 2024.txt": "Pumps may leak in winter. Spare parts may be late, and prices may rise.",
        "risks of valves 2024.txt": "Valves may stick in winter. Spare parts may be late, and prices may rise.",
    }
    for name, text in told.items():
        (tmp_path / name).write_text(f"{text}\n")
    list(workspace.ingest([tmp_path / name for name in told]))
    return workspace


@pytest.mark.end_to_end
@pytest.mark.parametrize(
    ("question", "name"),
    [
        ("Summarise the lease agreement", "lease-agreement.txt"),
        ("Please give me a short summary of the loan agreement.", "loan-agreement.txt"),
        ("Summarise lease-agreement.txt for me, please", "lease-agreement.txt"),
        ("What is the loan agreement about?", "loan-agreement.txt"),
        ("Sum up the risks of valves 2024", "risks of valves 2024.txt"),
        ("What is the risk of pumps about?", "risks of pumps 2024.txt"),
    ],
)
def test_a_document_that_is_named_is_the_one_that_is_summed_up(several: Workspace, question: str, name: str) -> None:
    answer = several.ask(question)
    assert answer.overview is not None
    assert (answer.overview.name, answer.question) == (name, question)
    assert {one.name for one in answer.citations} == {name}
    others = {"name": {"$ne": name}}
    assert several.ask(question, where=others).overview is None


@pytest.mark.end_to_end
@pytest.mark.parametrize(
    ("question", "names", "count"),
    [
        ("Summarise this document", ("Summarise lease-agreement.txt", "loan-agreement.txt", "and 1 more"), 4),
        ("What is this about?", ("Summarise lease-agreement.txt", "loan-agreement.txt", "and 1 more"), 4),
        ("Summarise the agreement", ("lease-agreement.txt", "loan-agreement.txt"), 2),
        ("Summarise risks 2024", ("risks of pumps 2024.txt", "risks of valves 2024.txt"), 2),
    ],
)
def test_where_several_may_be_meant_they_are_told(
    several: Workspace, question: str, names: tuple[str, ...], count: int
) -> None:
    *_, answer = several.ask_stream(question)
    assert isinstance(answer, Answer)
    assert (answer.abstained, answer.abstention, answer.overview) == (True, Abstention.SEVERAL_DOCUMENTS, None)
    assert answer.text.startswith(f"An overview is of one document, and there are {count}")
    assert all(one in answer.text for one in names)


@pytest.mark.end_to_end
@pytest.mark.parametrize("question", ["Summarise the risks", "Summarise the lease of the plant", "Sum up the rent"])
def test_what_names_no_document_is_searched_for(several: Workspace, question: str) -> None:
    answer = several.ask(question)
    assert answer.overview is None
    assert answer.abstention is not Abstention.SEVERAL_DOCUMENTS
    assert answer.hits


@pytest.mark.end_to_end
def test_a_document_that_could_not_be_read_has_no_overview(workspace: Workspace, tmp_path: Path) -> None:
    (tmp_path / "blank.html").write_text("<html><body><p> </p></body></html>")
    assert outcomes(workspace.ingest([tmp_path / "blank.html"])) == {"blank.html": "failed"}
    with pytest.raises(NotFoundError, match=r"blank.html is failed"):
        workspace.overview(workspace.documents()[0].id)


def test_a_document_without_vectors_or_sentences_has_one_all_the_same(embedder: Embedder) -> None:
    texts = ["Segment 2024 2025\nPumps 238.9 271.6", "Service 61.0 70.2"]
    chunks = [chunk(number, text=text) for number, text in enumerate(texts)]
    document = Document("d", "table.csv", "documents", "searchable", None)  # type: ignore[arg-type]
    found = make_overview(document, chunks, {}, embedder.encode, TEXTS)
    assert [one.quote for one in found.answer.citations] == texts
    empty = make_overview(document, [], {}, embedder.encode, TEXTS)
    assert (empty.sections, empty.answer.abstained) == ((), True)


def test_what_is_said_on_every_page_is_quoted_once(embedder: Embedder) -> None:
    notice = "This report is confidential and may be shown to the members of the board only."
    facts = [
        "The harbour of Cork handled nine million tonnes of goods in the last year.",
        "Violins are made of spruce and maple, and varnished by hand for several weeks.",
        "The parliament passed a law on the tenancy of farms after a long debate.",
        "A glacier moves by a few centimetres a day and carves the valley below it.",
    ]
    chunks = [chunk(number, text=f"{notice} {fact}") for number, fact in enumerate(facts)]
    vectors = dict(zip([one.id for one in chunks], embedder.encode([one.text for one in chunks]), strict=True))
    document = Document("d", "a.pdf", "documents", "ready", None)  # type: ignore[arg-type]
    found = make_overview(document, chunks, vectors, embedder.encode, TEXTS)
    quotes = [one.quote for one in found.answer.citations]
    assert quotes.count(notice) <= 1
    assert set(facts) <= set(quotes)


def test_of_a_long_document_few_sentences_are_embedded(embedder: Embedder) -> None:
    embedded: list[str] = []

    def encode(texts: list[str]) -> np.ndarray:
        embedded.extend(texts)
        return embedder.encode(texts)

    subjects = ["harbour", "law of tenancy", "heart", "violin", "steam engine", "potato", "glacier", "parliament"]
    sentence = "Paragraph {} tells of the {} and of what was known about it in that year."
    chunks = [
        chunk(
            number,
            f"Chapter {number // 50}",
            number // 4 + 1,
            " ".join(sentence.format(f"{number}.{n}", subjects[number // 50 % 8]) for n in range(8)),
        )
        for number in range(2000)
    ]
    rows = np.random.default_rng(1).normal(size=(2000, 384)).astype(np.float32)
    vectors = {one.id: row / np.linalg.norm(row) for one, row in zip(chunks, rows, strict=True)}
    document = Document("d", "long.pdf", "documents", "ready", None, pages=500)  # type: ignore[arg-type]
    found = make_overview(document, chunks, vectors, encode, TEXTS)
    assert len(embedded) <= 140
    assert len(found.sections) >= 4


# -- in a language model's words ---------------------------------------------------------------------


@pytest.fixture
def server() -> Iterator[LanguageModelServer]:
    with language_model_server() as running:
        yield running


@pytest.mark.end_to_end
def test_a_language_model_sums_up_parts_within_its_tokens_and_joins_them(
    server: LanguageModelServer, make_workspace: Callable[..., Workspace]
) -> None:
    workspace = make_workspace(llm="openai:test", llm_base_url=server.openai_url, llm_context_tokens=700)
    list(workspace.ingest([AGREEMENT]))
    server.behaviour = Behaviour(pieces=("It is about compressors [3]. They are late [1]. ![x](http://e.test) [99]",))
    steps: list[str] = []
    found = workspace.overview(workspace.documents()[0].id, progress=steps.append)
    *maps, reduce = server.requests
    assert 2 <= len(maps) <= 6
    counted = [len(workspace.embedder.token_offsets(one.user)) for one in maps]
    assert max(counted) < 900
    assert all("They are late [1]." in reduce.user for _ in maps)
    assert reduce.user.count("It is about compressors [3].") == len(maps)
    assert [step for step in steps if step.startswith("Summing up")] == [
        f"Summing up part {number} of {len(maps)}" for number in range(1, len(maps) + 1)
    ]
    answer = found.answer
    assert answer.text == "It is about compressors [1]. They are late [2]. x"
    assert [one.number for one in answer.citations] == [1, 2]
    assert answer.citations[0].start > answer.citations[1].start
    assert answer.model == "openai:test"
    assert len(answer.ledger) == 2
    assert found.sections


@pytest.mark.end_to_end
def test_a_short_document_takes_one_call_and_its_progress_streams(
    server: LanguageModelServer, make_workspace: Callable[..., Workspace], tmp_path: Path
) -> None:
    workspace = make_workspace(llm="openai:test", llm_base_url=server.openai_url)
    (tmp_path / "lease.md").write_text(NOTES)
    list(workspace.ingest([tmp_path / "lease.md"]))
    server.behaviour = Behaviour(pieces=("A lease of seven years [1].",))
    *pieces, answer = workspace.ask_stream("Summarise this document")
    assert len(server.requests) == 1
    assert isinstance(answer, Answer)
    shown = [one for one in pieces if isinstance(one, AnswerPiece)]
    assert all(one.restart for one in shown)
    assert "Summing up part 1 of 1…" in [one.text for one in shown]
    assert shown[-1].text == answer.text == "A lease of seven years [1]."


@pytest.mark.end_to_end
def test_a_language_model_that_fails_is_replaced_by_the_documents_own_words(
    server: LanguageModelServer, make_workspace: Callable[..., Workspace], notes: Path
) -> None:
    workspace = make_workspace(llm="openai:test", llm_base_url=server.openai_url)
    list(workspace.ingest([notes]))
    server.behaviour = Behaviour(status=500)
    answer = workspace.ask("Summarise this document")
    assert answer.model == "extractive"
    assert "quotes the document instead" in answer.notice
    assert "seven years" in answer.text
