"""Metrics, against the figures of reference libraries: trec_eval, torchmetrics, scikit-learn."""

from __future__ import annotations

import math
import warnings
from typing import Any

import ir_measures
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ir_measures import RR, P, R, Success, nDCG

from rag.evaluation.intervals import FEWEST, difference, interval, tail
from rag.evaluation.metrics import (
    abstention,
    auroc,
    exact_match,
    hit_at_k,
    ndcg_at_k,
    percentiles,
    precision_at_k,
    recall_at_k,
    reciprocal_rank,
    share,
    span_overlap,
    token_f1,
)

ITEMS = st.lists(st.sampled_from("abcdefghij"), unique=True, max_size=10)


def reference(found: list[str], gains: dict[str, int], k: int) -> dict[str, float]:
    """trec_eval's figures."""
    qrels = [ir_measures.Qrel("q", one, gain) for one, gain in gains.items()]
    run = [ir_measures.ScoredDoc("q", one, -rank) for rank, one in enumerate(found)]
    wanted = {Success @ k: "hit", R @ k: "recall", P @ k: "precision", RR: "rr", nDCG @ k: "ndcg"}
    told = ir_measures.pytrec_eval.calc_aggregate(list(wanted), qrels, run)
    return {name: told[measure] for measure, name in wanted.items()}


@settings(max_examples=200)
@given(ITEMS.filter(bool), st.dictionaries(st.sampled_from("abcdefghijklm"), st.integers(1, 3), min_size=1), st.data())
def test_rankings_are_as_trec_eval_has_them(found: list[str], gains: dict[str, int], data: Any) -> None:
    k = data.draw(st.integers(1, 12))
    ours = {
        "hit": hit_at_k(found, gains.keys(), k),
        "recall": recall_at_k(found, gains.keys(), k),
        "precision": precision_at_k(found, gains.keys(), k),
        "rr": reciprocal_rank(found, gains.keys()),
        "ndcg": ndcg_at_k(found, {one: float(gain) for one, gain in gains.items()}, k),
    }
    assert ours == pytest.approx(reference(found, gains, k), abs=1e-6)


def test_what_is_found_again_counts_once_and_takes_a_place() -> None:
    found, wanted = ["a", "a", "b"], {"a", "b"}
    assert recall_at_k(found, wanted, 2) == 0.5
    assert precision_at_k(found, wanted, 2) == 0.5
    assert hit_at_k(found, {"b"}, 2) == 0
    assert reciprocal_rank(found, {"b"}) == pytest.approx(1 / 3)
    assert ndcg_at_k(found, {"a": 1, "b": 1}, 3) == pytest.approx((1 + 0.5) / (1 + 1 / math.log2(3)))


def test_nothing_found_or_nothing_wanted_is_no_error() -> None:
    assert hit_at_k([], {"a"}, 5) == recall_at_k([], {"a"}, 5) == precision_at_k([], {"a"}, 5) == 0
    assert recall_at_k(["a"], set(), 5) == ndcg_at_k(["a"], {}, 5) == reciprocal_rank(["a"], set()) == 0


SPANS = st.lists(
    st.tuples(st.sampled_from("xy"), st.integers(0, 40), st.integers(1, 15)).map(
        lambda one: (one[0], one[1], one[1] + one[2])
    ),
    max_size=6,
)


@given(SPANS, SPANS)
def test_characters_are_counted_as_the_report_counts_them(found: list[Any], wanted: list[Any]) -> None:
    gold = {(source, at) for source, start, end in wanted for at in range(start, end)}
    told = [(source, at) for source, start, end in found for at in range(start, end)]
    both = len(gold & set(told))
    expected = (
        (both / len(gold), both / len(told) if told else 0, both / (len(told) + len(gold) - both))
        if gold
        else (0, 0, 0)
    )
    assert span_overlap(found, wanted) == pytest.approx(expected)


ANSWERS = st.text("abc the.,!A 12", max_size=20)


@pytest.fixture(scope="module")
def squad() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from torchmetrics.functional.text import squad
    return squad


def test_answers_are_compared_as_squad_compares_them(squad: Any) -> None:
    @settings(max_examples=200)
    @given(ANSWERS, st.lists(ANSWERS, min_size=1, max_size=3))
    def check(answer: str, expected: list[str]) -> None:
        target = [{"answers": {"answer_start": [0] * len(expected), "text": expected}, "id": "q"}]
        told = squad([{"prediction_text": answer, "id": "q"}], target)
        assert 100 * exact_match(answer, expected) == pytest.approx(float(told["exact_match"]))
        # torchmetrics gives an empty answer 0 where the official script gives 1 if none is expected.
        if answer.strip() and all(one.strip() for one in expected):
            assert 100 * token_f1(answer, expected) == pytest.approx(float(told["f1"]), abs=1e-3)

    check()


@pytest.mark.parametrize(
    ("answer", "expected", "em", "f1"),
    [
        ("The year 1931.", ["1931"], 0, 2 / 3),
        ("the Rhine", ["Rhine!"], 1, 1),
        ("", [""], 1, 1),
        ("", ["Rhine"], 0, 0),
        ("a b", ["c", "b d"], 0, 2 / 3),
        ("x", [], 0, 0),
    ],
)
def test_some_answers(answer: str, expected: list[str], em: float, f1: float) -> None:
    assert exact_match(answer, expected) == em
    assert token_f1(answer, expected) == pytest.approx(f1)


@given(st.lists(st.tuples(st.integers(0, 5), st.booleans()), min_size=2, max_size=40))
def test_auroc_is_as_scikit_learn_has_it(rows: list[tuple[int, bool]]) -> None:
    from sklearn.metrics import roc_auc_score

    scores, there = [one for one, _ in rows], [one for _, one in rows]
    if len(set(there)) < 2:
        assert auroc(scores, there) is None
    else:
        assert auroc(scores, there) == pytest.approx(roc_auc_score(there, scores))


@given(st.lists(st.tuples(st.booleans(), st.booleans()), max_size=30))
def test_abstaining_is_as_scikit_learn_has_it(rows: list[tuple[bool, bool]]) -> None:
    from sklearn.metrics import precision_score, recall_score

    said_nothing, there = [one for one, _ in rows], [one for _, one in rows]
    precision, recall = abstention(said_nothing, there)
    unanswerable = [not one for one in there]
    assert (precision is None) == (not any(said_nothing))
    assert (recall is None) == all(there)
    if precision is not None:
        assert precision == pytest.approx(precision_score(unanswerable, said_nothing, zero_division=0))
    if recall is not None:
        assert recall == pytest.approx(recall_score(unanswerable, said_nothing, zero_division=0))


def test_shares_and_percentiles_of_nothing() -> None:
    assert share([]) is None
    assert share([True, False]) == 0.5
    assert percentiles([]) == {}
    assert percentiles([3.0, 1.0, 2.0], (50, 100)) == {"p50": 2.0, "p100": 3.0}


def test_a_difference_is_real_or_it_is_not() -> None:
    random = np.random.default_rng(1)
    base = random.random(300)
    better = difference(base + 0.1 + 0.05 * random.normal(size=300), base)
    assert better.real
    assert better.low < better.mean < better.high
    assert better.mean == pytest.approx(0.1, abs=0.02)
    same = difference(random.random(300), random.random(300))
    assert not same.real
    assert not difference(base, base).real
    assert not difference([1.0], [0.0]).real, "one question shows nothing"


def test_an_interval_is_as_the_bootstrap_of_scipy_has_it() -> None:
    from scipy.stats import bootstrap

    values = np.random.default_rng(3).random(80)
    mean, low, high = interval(values)
    level = 1 - 2 * tail(80)
    told = bootstrap(
        (values,), np.mean, n_resamples=10_000, confidence_level=level, method="percentile", random_state=5
    ).confidence_interval
    assert mean == pytest.approx(values.mean())
    assert (low, high) == pytest.approx((told.low, told.high), abs=0.004)


@pytest.mark.parametrize("questions", [6, 10, 40, 1000])
def test_intervals_of_few_questions_are_wider_by_as_much_as_students(questions: int) -> None:
    from scipy.stats import norm, t

    expected = norm.cdf(-math.sqrt(questions / (questions - 1)) * t.ppf(0.975, questions - 1))
    assert tail(questions) == pytest.approx(expected, rel=0.01)


@pytest.mark.parametrize("questions", [6, 8, 12])
def test_where_there_is_no_difference_few_questions_seldom_show_one(questions: int) -> None:
    random = np.random.default_rng(5)
    wrong = sum(difference(*random.normal(size=(2, questions)), draws=2000).real for _ in range(400))
    assert wrong / 400 < 0.08, "95 % intervals are wrong in one case of twenty"


def test_too_few_questions_say_nothing_however_they_agree() -> None:
    few = difference([1.0] * (FEWEST - 1), [0.0] * (FEWEST - 1))
    assert (few.enough, few.real) == (False, False)
    assert difference([1.0] * FEWEST, [0.0] * FEWEST).real
    assert not difference([1.0] * 5 + [0.5] * 95, [0.0] * 5 + [0.5] * 95).real, "five of a hundred differ"


def test_rounding_is_no_difference() -> None:
    rounded = difference([0.1 + 0.2] * 10, [0.3] * 10)
    assert (rounded.real, rounded.mean, rounded.differing) == (False, 0.0, 0)


def test_questions_without_a_score_are_left_out_of_both() -> None:
    one = difference([1.0, math.nan, 1.0, 0.5], [0.0, 1.0, 0.0, math.nan])
    assert (one.questions, one.mean) == (2, 1.0)
    assert difference([], []).questions == 0
    with pytest.raises(ValueError, match="pair up"):
        difference([1.0], [1.0, 2.0])
