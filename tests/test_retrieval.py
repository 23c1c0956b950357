"""Retrieval: fusion, late interaction, documents that a question names, what is in scope, and hits over pages."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from rag.embedding import Bits, Embedder, Question
from rag.lexical.naming import name_terms, plain_periods, title_terms
from rag.lexical.words import terms
from rag.records import Hit, document_label
from rag.retrieval import PER_PAGE
from rag.retrieval.fusion import CONSTANT, reciprocal_rank_fusion, weight
from rag.retrieval.late import maxsim, token_weights
from rag.retrieval.scope import Found, Scope
from rag.workspace import Workspace
from tests import pdfs
from tests.test_ingestion import queue, vectors_held

REPORT = """The revenue was {revenue} million euros. It had been expected to be higher.

Costs were {costs} million euros. Most of them were wages, the rest was energy.
"""


# -- fusion ----------------------------------------------------------------------------------------


def test_first_of_every_list_scores_1_and_lower_places_less() -> None:
    fused = reciprocal_rank_fusion({"lexical": ["a", "b", "c"], "dense": ["a", "c", "d"], "late": ["a", "c", "b"]})
    assert [one for one, _ in fused] == ["a", "c", "b", "d"]
    scores = [score for _, score in fused]
    assert scores[0] == pytest.approx(1.0)
    assert all(1 >= better > worse > 0 for better, worse in pairwise(scores))


def test_a_score_is_the_weighted_sum_of_reciprocal_ranks_over_the_most_there_can_be() -> None:
    fused = dict(reciprocal_rank_fusion({"lexical": ["a", "b"], "late": ["b"]}))
    whole = (weight("lexical") + weight("late")) / (CONSTANT + 1)
    assert fused["a"] == pytest.approx(weight("lexical") / (CONSTANT + 1) / whole)
    assert fused["b"] == pytest.approx((weight("lexical") / (CONSTANT + 2) + weight("late") / (CONSTANT + 1)) / whole)


def test_late_interaction_outweighs_words_and_words_outweigh_vectors() -> None:
    assert [one for one, _ in reciprocal_rank_fusion({"dense": ["d"], "lexical": ["w"], "late": ["l"]})] == [*"lwd"]


def test_a_list_of_named_documents_adds_to_that_of_all_and_counts_less() -> None:
    assert 0 < weight("routed lexical") < weight("lexical")
    fused = reciprocal_rank_fusion({"lexical": ["a", "b"], "routed lexical": ["b"]})
    assert [one for one, _ in fused] == ["b", "a"]


def test_equal_scores_go_by_id_and_no_lists_give_nothing() -> None:
    assert [one for one, _ in reciprocal_rank_fusion({"lexical": ["b"], "late": ["a"], "dense": []})] == ["a", "b"]
    assert reciprocal_rank_fusion({"lexical": ["b"], "routed dense": []})[0][0] == "b"
    assert reciprocal_rank_fusion({}) == []


# -- late interaction ------------------------------------------------------------------------------


def bits(*rows: str) -> Bits:
    """Tokens of 64 dimensions, from the first signs of each; the others are negative."""
    return np.array([[int(row.ljust(64, "0"), 2)] for row in rows], np.uint64)


def test_each_token_of_a_question_finds_the_nearest_of_a_passage() -> None:
    weights = np.array([0.5, 0.5], np.float32)
    same, half, far = bits("1100", "0011"), bits("1100", "1100"), bits("1" * 64)
    scores = maxsim(bits("1100", "0011"), weights, [same, half, far])
    assert scores.tolist() == pytest.approx([1.0, 0.5 + 0.5 * (1 - 2 * 4 / 64), 1 - 2 * 62 / 64])


def test_a_token_without_weight_does_not_count() -> None:
    scores = maxsim(bits("11", "00"), np.array([1.0, 0.0], np.float32), [bits("11"), bits("00")])
    assert scores[0] == pytest.approx(1.0)
    assert scores[1] < 1.0


def test_opposite_tokens_are_as_far_as_can_be_and_nothing_is_nothing() -> None:
    assert maxsim(bits("1" * 64), np.ones(1, np.float32), [bits("0")]).tolist() == [-1.0]
    assert maxsim(bits("1"), np.ones(1, np.float32), []).shape == (0,)
    assert maxsim(np.empty((0, 6), np.uint64), np.empty(0, np.float32), [bits("1")]).tolist() == [0.0]


def test_tokens_weigh_by_how_rare_their_words_are() -> None:
    text = "the goodwill impairment"
    question = Question(np.zeros(8, np.float32), bits("0", "1", "1", "1"), [(0, 3), (4, 8), (8, 12), (13, 23)])
    weights = token_weights(text, question, terms, lambda words: {"goodwil": 4.0, "impair": 1.0, "the": 0.0})
    assert weights.tolist() == pytest.approx([0.0, 0.4, 0.4, 0.2])
    assert token_weights(text, question, terms, lambda words: {}).tolist() == pytest.approx([0.25] * 4)


@pytest.mark.parametrize(
    ("asked", "answers", "other"),
    [
        ("Who repairs the roof?", "The landlord mends the roof and the lifts.", "The tenant pays for the heating."),
        (
            "How long is the notice period?",
            "Either side may end it with nine months' notice.",
            "The yearly rent rises.",
        ),
        ("What did the dam cost?", "The dam was built for 30 million.", "The bridge was opened by the mayor."),
    ],
)
def test_the_passage_that_answers_is_nearer(embedder: Embedder, asked: str, answers: str, other: str) -> None:
    question = embedder.encode_question(asked)
    _, tokens = embedder.encode_passages([answers, other])
    better, worse = maxsim(question.tokens, token_weights(asked, question, terms, lambda words: {}), tokens)
    assert better > worse


# -- documents that a question names ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "plain"),
    [
        ("FY2018", "2018"),
        ("FY18", "2018"),
        ("FY'18", "2018"),
        ("fiscal 2018", "2018"),
        ("fiscal year 2018", "2018"),
        ("Q2 2023", "q2 2023"),
        ("2023Q2", "2023 q2"),
        ("2023 Q2", "2023 q2"),
        ("Q2 of FY23", "q2 2023"),
        ("Q2_2023", "q2 2023"),
        ("second quarter of 2023", "q2 2023"),
        ("the Fourth-Quarter figures", "the q4 figures"),
        ("10-K of 2018, page 23", "10-K of 2018, page 23"),
        ("the first quarterback", "the first quarterback"),
    ],
)
def test_periods_are_written_in_one_way(written: str, plain: str) -> None:
    assert plain_periods(written).split() == plain.split()


def test_names_are_words_with_capitals_or_digits_that_do_not_begin_a_sentence() -> None:
    assert name_terms("What was Orvell's revenue in FY2018?") == ["orvel", "2018"]
    assert name_terms("Revenue of AT&T. Costs too?") == ["at&t"]
    assert name_terms("how much was it") == []
    assert "johnsonjohnson" in title_terms("revenue of Johnson & Johnson")


@pytest.mark.parametrize(
    ("name", "title", "label"),
    [
        ("annual_report_2021.pdf", "Annual Report 2021 of Orvell AG", "Annual Report 2021 of Orvell AG"),
        ("ORVELL_2021_10K.pdf", "Annual Report", "ORVELL 2021 10K: Annual Report"),
        ("Orvell annual report.pdf", "Annual Report", "Orvell annual report"),
        ("scan.pdf", "", "scan"),
    ],
)
def test_a_document_is_called_by_its_title_and_file_name_without_saying_it_twice(
    name: str, title: str, label: str
) -> None:
    assert document_label(name, title) == label


def reports(folder: Path) -> list[Path]:
    """Reports that say the same but for the figures; who and when is said in a title, a first page, a file's name."""
    named = {
        "one.md": "# Annual Report 2022 of Orvell AG\n\n",
        "two.md": "# Annual Report 2021 of Orvell AG\n\n",
        "three.txt": "Tarnholt plc. Report for the three months to June, Q2 2023, to its members.\n\n",
        "four.txt": "Tarnholt plc. Report for the three months to March, Q1 2023, to its members.\n\n",
        "Marlowe_FY19_10K.txt": "",
        "Marlowe_FY20_10K.txt": "",
    }
    paths = []
    for number, (name, front) in enumerate(named.items(), start=1):
        paths.append(folder / name)
        body = REPORT.format(revenue=number * 111, costs=number * 77)
        filler = "\n\n".join(f"Note {note}. The accounts follow the law of the land." for note in range(120))
        paths[-1].write_text(f"{front}{filler}\n\n{body}", encoding="utf-8")
    other = folder / "valves.txt"
    other.write_text("The krummhorn valve closes at nine bar. It is made of brass.\n", encoding="utf-8")
    return [*paths, other]


@pytest.fixture
def stocked(workspace: Workspace, tmp_path: Path) -> Workspace:
    folder = tmp_path / "reports"
    folder.mkdir()
    list(workspace.ingest(reports(folder)))
    return workspace


def routed(hit: Hit) -> bool:
    return any(name.startswith("routed") for name in hit.ranks)


def test_the_document_that_is_named_comes_first_wherever_it_says_its_name(stocked: Workspace) -> None:
    asked = {
        "What was the revenue of Orvell in FY22?": "one.md",
        "What was the revenue of Orvell AG in fiscal 2021?": "two.md",
        "What was the revenue of Tarnholt in the second quarter of 2023?": "three.txt",
        "What was the revenue of Tarnholt in 2023Q1?": "four.txt",
        "What was the revenue of Marlowe in FY2019?": "Marlowe_FY19_10K.txt",
        "What was the revenue of Marlowe in fiscal year 2020?": "Marlowe_FY20_10K.txt",
    }
    for question, name in asked.items():
        hits = stocked.search(question, k=3)
        assert (hits[0].name, routed(hits[0])) == (name, True), question
        assert any(hit.name == name and "The revenue was" in hit.chunk.text for hit in hits), question


def test_a_question_that_names_nothing_gets_no_list_of_named_documents(stocked: Workspace) -> None:
    assert not any(map(routed, stocked.search("What was the revenue?", k=10)))
    assert not any(map(routed, stocked.search("How many accountants were there in 1850?", k=10)))


def test_what_stands_in_another_document_than_the_named_one_is_found_all_the_same(stocked: Workspace) -> None:
    found = stocked.search("At what pressure does the krummhorn valve of Orvell AG in 2022 close?", k=10)
    assert any(map(routed, found))
    assert "krummhorn valve closes at nine bar" in " ".join(hit.chunk.text for hit in found)


def test_a_named_document_that_the_filter_leaves_out_is_not_found(stocked: Workspace) -> None:
    found = stocked.search("What was the revenue of Orvell in FY22?", k=10, where={"name": {"$ne": "one.md"}})
    assert found
    assert "one.md" not in {hit.name for hit in found}


# -- hits ------------------------------------------------------------------------------------------


def test_hits_are_spread_over_pages_but_a_document_of_one_page_gives_all_it_has(
    workspace: Workspace, tmp_path: Path
) -> None:
    tall = "\n\n".join(
        f"Rule {n}. The rent of flat {n} is {n}00 euros, to be paid to the landlord of house {n}. " * 6
        for n in range(1, 9)
    )
    path = tmp_path / "leases.pdf"
    path.write_bytes(pdfs.text_pdf([tall, "The rent of the garage is 50 euros.", "The rent of the shed is 20 euros."]))
    alone = tmp_path / "alone.txt"
    alone.write_text(tall, encoding="utf-8")
    list(workspace.ingest([path, alone]))
    question = "How high is the rent of the flats?"
    spread = workspace.search(question, k=4, where={"name": "leases.pdf"})
    pages = [hit.chunk.page for hit in spread]
    assert len(pages) == 4
    assert pages.count(1) == PER_PAGE
    assert [hit.score for hit in spread] == sorted((hit.score for hit in spread), reverse=True)
    assert len(workspace.search(question, k=4, where={"name": "alone.txt"})) == 4
    everything = workspace.search(question, k=100, where={"name": "leases.pdf"})
    assert len(everything) == sum(one.chunks for one in workspace.documents() if one.name == "leases.pdf")


def test_each_hit_knows_its_rank_and_score_in_each_list(workspace: Workspace, notes: Path, recipe: Path) -> None:
    list(workspace.ingest([notes, recipe]))
    hits = workspace.search("How high is the yearly rent?", k=10)
    for name in ("lexical", "dense", "late"):
        ranked = sorted((hit.ranks[name], -hit.scores[name]) for hit in hits if name in hit.ranks)
        assert [rank for rank, _ in ranked] == list(range(1, len(ranked) + 1))
        assert [score for _, score in ranked] == sorted(score for _, score in ranked)
    vector = workspace.embedder.encode_query("How high is the yearly rent?")
    for hit in hits:
        cosine = float(workspace.embedder.encode([hit.chunk.embedded])[0] @ vector)
        assert hit.scores["dense"] == pytest.approx(max(0.0, cosine), abs=2e-3)


def test_title_and_headings_are_embedded_and_never_quoted(workspace: Workspace, notes: Path) -> None:
    list(workspace.ingest([notes]))
    for hit in workspace.search("the repairs under the lease of Harbour Street", k=10):
        text = workspace.text(hit.chunk.document_id)
        assert hit.chunk.text == text[hit.chunk.start : hit.chunk.end]
        assert hit.chunk.embedded.startswith("Lease of the Harbour Street office")
        assert hit.chunk.embedded.endswith(hit.chunk.text)


def test_as_many_hits_as_are_asked_for(workspace: Workspace, tmp_path: Path) -> None:
    path = tmp_path / "many.txt"
    path.write_text("\n\n".join(f"Article {n} sets the fee of trade {n}. " * 20 for n in range(80)), encoding="utf-8")
    list(workspace.ingest([path]))
    (document,) = workspace.documents()
    assert document.chunks > 70
    for k in (1, 5, 45, 70):
        assert len({hit.chunk.id for hit in workspace.search("What is the fee of a trade?", k=k)}) == k


# -- scope -----------------------------------------------------------------------------------------


def fetched(ids: list[str], asked: list[int]) -> Callable[[int], Found]:
    def fetch(n: int) -> Found:
        asked.append(n)
        return [(one, 1.0 - at / 1000) for at, one in enumerate(ids[:n])]

    return fetch


def test_more_is_fetched_until_enough_is_in_scope_or_there_is_no_more() -> None:
    ids = [f"{'a' if n % 10 == 9 else 'b'}-200-{n:06d}" for n in range(100)]
    scope = Scope({"a": "a.txt"}, {}, whole=False, chunks=10)
    asked: list[int] = []
    assert [one for one, _ in scope.best(fetched(ids, asked), 5, ["a"])] == ids[9:50:10]
    assert asked[0] == 5
    assert asked == sorted(asked)
    assert len(asked) <= 3
    assert len(scope.best(fetched(ids, asked), 50, ["a"])) == 10


def test_chunks_that_do_not_pass_are_left_out() -> None:
    ids = [f"a-200-{n:06d}" for n in range(20)]
    even = Scope({"a": "a.txt"}, {}, False, 20, lambda some: [one for one in some if int(one[-1]) % 2 == 0])
    assert [one for one, _ in even.best(fetched(ids, []), 4, ["a"])] == ids[:8:2]


@pytest.mark.parametrize(
    ("where", "found"),
    [
        ({"tag": "kept"}, {("pages.pdf", 1), ("pages.pdf", 2), ("pages.pdf", 3)}),
        ({"page": 2}, {("pages.pdf", 2), ("late.pdf", 2)}),
        ({"$or": [{"tag": "kept"}, {"page": 3}]}, {*(("pages.pdf", n) for n in (1, 2, 3)), ("late.pdf", 3)}),
        ({"tag": "kept", "page": {"$gte": 3}}, {("pages.pdf", 3)}),
        ({"tag": {"$ne": "kept"}, "page": {"$ne": 1}}, {("late.pdf", 2), ("late.pdf", 3)}),
        ({"name": "nobody.pdf"}, set()),
        ({"type": "md"}, set()),
    ],
)
def test_filters_hold_for_documents_with_vectors_and_for_those_still_without(
    workspace: Workspace,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    where: Mapping[str, object],
    found: set[tuple[str, int]],
) -> None:
    ready, late = tmp_path / "pages.pdf", tmp_path / "late.pdf"
    ready.write_bytes(pdfs.text_pdf([f"The fee for the boat number {n} is due." for n in (1, 2, 3)]))
    late.write_bytes(pdfs.text_pdf([f"The fee for the cart number {n} is due." for n in (1, 2, 3)]))
    list(workspace.ingest([ready], tags=["kept"]))
    with vectors_held(workspace, monkeypatch) as trying:
        queue(workspace, late)
        assert trying.wait(30)
        hits = workspace.search("What fee is due?", k=10, where=dict(where))
        assert {(hit.name, hit.chunk.page) for hit in hits} == found
        assert all("dense" in hit.scores for hit in hits)
    workspace.drain()
    hits = workspace.search("What fee is due?", k=10, where=dict(where))
    assert {(hit.name, hit.chunk.page) for hit in hits} == found
