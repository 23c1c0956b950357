"""Grids of configurations, and where the answers to questions stand."""

from __future__ import annotations

import pytest

from rag.errors import InputError
from rag.evaluation.grid import checked, grid, read_grid
from rag.evaluation.locating import Library
from rag.evaluation.scoring import bare, names_of, of_answer, of_failure, of_retrieval, of_run
from rag.records import Answer, Citation, Configuration, Found, Gold, Page, Scored

TEXTS = {"d1": ("The reve-\nnue was  “$ 3 million”.\nCosts were 13 million.", "Nothing here."), "d2": ("Costs fell.",)}


def pages(document: str) -> list[Page]:
    found, start = [], 0
    for number, text in enumerate(TEXTS[document], start=1):
        found.append(Page(number, text, start))
        start += len(text) + 1
    return found


LIBRARY = Library({"d1": "Annual Report.pdf", "d2": "memo.txt"}, pages)


# -- grids ---------------------------------------------------------------------------------------------------------


def test_each_combination_is_one_configuration_and_none_is_twice() -> None:
    found = grid({"k": [3, 5, 3], "late": [0, 2.0], "answerer": "extractive"})
    assert [(one.k, one.late) for one in found] == [(3, 0), (3, 2), (5, 0), (5, 2)]
    assert {one.answerer for one in found} == {"extractive"}
    assert grid({}) == [Configuration()]
    assert grid({"k": 7}, Configuration(dense=0.9)) == [Configuration(k=7, dense=0.9)]


def test_a_file_has_lists_or_several_of_them() -> None:
    assert [one.k for one in read_grid(b'{"k": [1, 2]}', "g.json")] == [1, 2]
    found = read_grid(b'[{"k": [1, 2]}, {"chunk_tokens": [100], "overlap": [20, 50], "headers": [true, false]}]', "g")
    assert len(found) == 6
    assert found[-1] == Configuration(chunk_tokens=100, overlap=50, headers=False)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"chunk_token": [1]}, "Did you mean chunk_tokens"),
        ({"K!": [1]}, "There are model"),
        ({"k": []}, "The list of k is empty"),
        ({"k": [0]}, "whole number between 1 and 100"),
        ({"k": [2.5]}, "whole number"),
        ({"k": [True]}, "whole number"),
        ({"late": [float("nan")]}, "a number between"),
        ({"late": ["two"]}, "a number between"),
        ({"headers": [1]}, "true or false"),
        ({"model": [3]}, "text of up to 200"),
        ({"model": ["a\x1b[2J"]}, "text of up to 200"),
        ({"precision": ["int4"]}, "int8 and fp32"),
        ({"answerer": ["chatgpt"]}, "provider:model"),
        ({"lexical": [0], "dense": [0]}, "needs the lexical or the dense list"),
        ({"chunk_tokens": [100], "overlap": [60]}, "half of them at most"),
        ({"k": [10**400]}, "between 1 and 100"),
        ({"k": [10**5000]}, "thousands of digits"),
        ({"dense": [float("nan")]}, "between 0 and 100"),
        ({"k": list(range(1, 30)), "late": list(range(30))}, "29 x 30 are more than 500"),
    ],
)
def test_what_cannot_be_tried_is_said_in_words(values: dict[str, object], said: str) -> None:
    with pytest.raises(InputError, match=said):
        grid(values)


@pytest.mark.parametrize("data", [b"\xff\xfe\x00", b"{", b"3", b"[]", b'["k"]', b"[" * 200_000])
def test_a_file_that_is_no_grid_is_refused(data: bytes) -> None:
    with pytest.raises(InputError, match=r"^grid"):
        read_grid(data, "grid.json")


def test_too_many_configurations_are_refused_wherever_they_come_from() -> None:
    with pytest.raises(InputError, match="501 are more than 500"):
        checked([Configuration(late=one / 100) for one in range(501)])
    with pytest.raises(InputError, match="no configuration"):
        checked([])


# -- where answers stand -------------------------------------------------------------------------------------------


def test_a_quote_is_found_across_lines_hyphens_quotes_and_capitals() -> None:
    wanted = LIBRARY.wanted(Gold("?", document="annual report.PDF", quotes=('the REVENUE was "$3 million"',)))
    ((document, start, end),) = wanted.spans
    assert (document, TEXTS["d1"][0][start:end]) == ("d1", "The reve-\nnue was  “$ 3 million”")
    assert wanted.pages == {("d1", 1)}


def test_a_number_is_not_found_within_another() -> None:
    found = LIBRARY.wanted(Gold("?", document="d1", quotes=("3 million",))).spans[0]
    assert TEXTS["d1"][0][found[1] : found[2]] == "3 million"
    assert LIBRARY.wanted(Gold("?", document="d1", quotes=("1",))).spans == ()


@pytest.mark.parametrize("named", ["d1", "Annual Report.pdf", "Annual Report", "ANNUAL REPORT.PDF"])
def test_documents_are_known_by_id_name_or_name_without_ending(named: str) -> None:
    assert LIBRARY.wanted(Gold("?", document=named, pages=(2,))).pages == {("d1", 2)}


def test_a_quote_without_a_document_counts_where_only_one_document_has_it() -> None:
    assert LIBRARY.wanted(Gold("?", quotes=("Costs fell",))).documents == {"d2"}
    assert LIBRARY.wanted(Gold("?", quotes=("Costs",))).documents == frozenset()


@pytest.mark.parametrize(
    "gold", [Gold("?"), Gold("?", document="elsewhere.pdf", pages=(1,)), Gold("?", document="d1", answerable=False)]
)
def test_what_is_not_known_measures_nothing(gold: Gold) -> None:
    wanted = LIBRARY.wanted(gold)
    assert of_retrieval(wanted, [Found("d1", "", 1, 0, 9, 1.0)], 5) == {}
    assert "recall@5" not in of_run([gold], [Scored(0, {}, ())], answers=False)


# -- figures -------------------------------------------------------------------------------------------------------


def test_pages_count_where_they_are_known_else_documents() -> None:
    found = [Found("d2", "", 1, 0, 5, 1.0), Found("d1", "", 2, 60, 70, 0.9), Found("d1", "", 1, 0, 30, 0.8)]
    by_page = of_retrieval(LIBRARY.wanted(Gold("?", document="d1", pages=(1,))), found, 3)
    assert (by_page["hit@1"], by_page["hit@3"], by_page["document hit@3"]) == (0, 1, 1)
    assert by_page["MRR"] == pytest.approx(1 / 3)
    by_document = of_retrieval(LIBRARY.wanted(Gold("?", document="d1")), found, 3)
    assert by_document["MRR"] == pytest.approx(1 / 2)
    assert "recall@5" not in by_page


def test_answers_are_compared_without_their_footnotes_and_silence_is_wrong() -> None:
    cited = (Citation(1, "d1", "a", 1, "3 million", 0, 9),)
    said = Answer("?", "3 million [1]", cited, (), False, "m")
    gold = Gold("?", ("3 million",))
    assert bare(said) == "3 million"
    assert of_answer(gold, said, [True]) == {"exact match": 1.0, "F1": 1.0, "verbatim quotes": 1.0}
    silent = Answer("?", "The documents do not answer this.", (), (), True, "m")
    assert of_answer(gold, silent, []) == {"exact match": 0.0, "F1": 0.0}
    assert of_answer(Gold("?", answerable=False), silent, []) == {}


def test_a_run_counts_errors_apart_and_knows_how_well_it_is_silent() -> None:
    questions = [Gold("a"), Gold("b", answerable=False), Gold("c", answerable=False), Gold("d")]
    scored = [
        Scored(0, {"F1": 1.0}, (), confidence=0.9, milliseconds=10),
        Scored(1, {}, (), abstained=True, confidence=0.1, milliseconds=20),
        Scored(2, {}, (), abstained=False, confidence=0.4, milliseconds=30),
        Scored(3, {}, (), error="The model is gone."),
    ]
    found = of_run(questions, scored, answers=True)
    assert (found["questions"], found["errors"], found["F1"], found["latency p50"]) == (4, 1, 1.0, 20)
    assert (found["abstention precision"], found["abstention recall"], found["confidence AUROC"]) == (1.0, 0.5, 1.0)


def test_a_question_that_failed_counts_as_one_for_which_nothing_was_found_or_answered() -> None:
    gold = Gold("a", ("3 million",), "d1", (1,), ("3 million",))
    wanted, configuration = LIBRARY.wanted(gold), Configuration(k=3, answerer="extractive")
    missed = of_failure(gold, wanted, configuration)
    well = of_retrieval(wanted, [Found("d1", "", 1, 0, 60, 1.0)], 3) | {"F1": 1.0, "exact match": 1.0}
    assert missed == dict.fromkeys(well, 0.0)
    assert of_failure(Gold("b"), LIBRARY.wanted(Gold("b")), configuration) == {}, "nothing is known of it"
    scored = [Scored(0, well, ()), Scored(1, missed, (), abstained=True, error="Gone.")]
    found = of_run([gold, gold], scored, answers=True)
    assert (found["MRR"], found["F1"], found["abstained"], found["located"]) == (0.5, 0.5, 0.0, 2)
    mostly = of_run([gold] * 3, [*scored, Scored(2, missed, (), error="Gone.")], answers=True)
    assert mostly == {"questions": 3, "errors": 2, "located": 3}, "one question says nothing of a configuration"


def test_the_figures_that_a_run_may_have_are_known_before() -> None:
    finding, answering = Configuration(k=2), Configuration(k=2, answerer="extractive")
    known = Gold("a", ("x",), "d1", (1,), ("The",))
    assert {"hit@2", "span IoU", "latency p95", "errors"} <= names_of([known], finding)
    assert not names_of([known], finding) & {"hit@5", "F1", "abstained", "recall_at_5"}
    assert {"F1", "abstention recall"} <= names_of([known], answering)
    assert not names_of([Gold("a")], answering) & {"F1", "MRR", "span IoU"}
