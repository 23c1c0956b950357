"""From what was found and answered to figures: of one question, and of a run.

What is not known of a question measures nothing: it has no such figure, and no mean counts it as 0. A question that
failed is another thing: nothing was found, nothing was answered, and so it is scored. Were it left out, the mean of a
run would be over the questions that it could do, and one that fails on the hard ones would look best.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from rag.evaluation.locating import Wanted
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
from rag.records import Answer, Configuration, Found, Gold, Scored

CUTOFFS = (1, 3, 5, 10, 20)
LOWER_IS_BETTER = ("latency", "errors")
"""What the names of such metrics begin with."""
COUNTS = ("questions", "errors", "located")
"""Metrics of a run that count questions."""
OF_ABSTAINING = ("abstention precision", "abstention recall", "confidence AUROC", "abstained")
"""Metrics of a run, as far as there is something to count."""


def of_retrieval(wanted: Wanted, found: Sequence[Found], k: int) -> dict[str, float]:
    """How well `k` passages were found, by pages if those are known, else by documents; and by characters."""
    metrics: dict[str, float] = {}
    cutoffs = sorted({k, *(one for one in CUTOFFS if one <= k)})
    documents = [one.document for one in found]
    items: list[object] = [(one.document, one.page) for one in found] if wanted.pages else list(documents)
    gold: frozenset[object] = frozenset(wanted.pages or wanted.documents)
    if gold:
        metrics["MRR"] = reciprocal_rank(items, gold)
        for one in cutoffs:
            metrics[f"hit@{one}"] = hit_at_k(items, gold, one)
            metrics[f"recall@{one}"] = recall_at_k(items, gold, one)
            metrics[f"precision@{one}"] = precision_at_k(items, gold, one)
            metrics[f"nDCG@{one}"] = ndcg_at_k(items, dict.fromkeys(gold, 1.0), one)
            metrics[f"document hit@{one}"] = hit_at_k(documents, wanted.documents, one)
    if wanted.spans:
        spans = [(one.document, one.start, one.end) for one in found]
        recall, precision, iou = span_overlap(spans, wanted.spans)
        metrics |= {"span recall": recall, "span precision": precision, "span IoU": iou}
    return metrics


def of_answer(gold: Gold, answer: Answer, verbatim: Sequence[bool]) -> dict[str, float]:
    """How well it was answered; `verbatim` says of each citation whether its document says so word for word."""
    metrics: dict[str, float] = {}
    if gold.answerable and gold.answers:
        said = "" if answer.abstained else bare(answer)
        metrics["exact match"] = exact_match(said, gold.answers)
        metrics["F1"] = token_f1(said, gold.answers)
    rate = share(verbatim)
    return metrics if rate is None else metrics | {"verbatim quotes": rate}


def of_failure(
    gold: Gold, wanted: Wanted, configuration: Configuration, found: Sequence[Found] = ()
) -> dict[str, float]:
    """Of a question for which there is no answer, for something went wrong, and maybe nothing was found either."""
    metrics = of_retrieval(wanted, found, configuration.k)
    silent = Answer(gold.question, "", (), (), True, "")
    return metrics | of_answer(gold, silent, []) if configuration.answerer else metrics


def names_of(questions: Sequence[Gold], configuration: Configuration) -> set[str]:
    """The figures that a run may have, judged by what is known of the questions: of whether that is found in the
    documents nothing is known here."""
    located = [one for one in questions if one.located]
    anywhere = Wanted(
        frozenset({"d"}), frozenset({("d", 1)}), (("d", 0, 1),) if any(one.quotes for one in located) else ()
    )
    names = set(of_retrieval(anywhere, (), configuration.k)) if located else set()
    names |= {*COUNTS, *(f"latency {one}" for one in percentiles([0.0]))}
    if configuration.answerer:
        names |= {"verbatim quotes", *OF_ABSTAINING}
        names |= {"exact match", "F1"} if any(one.answerable and one.answers for one in questions) else set()
    return names


def bare(answer: Answer) -> str:
    """What an answer says, without its footnotes."""
    text = answer.text
    for one in answer.citations:
        text = text.replace(f"[{one.number}]", " ")
    return " ".join(text.split())


def of_run(questions: Sequence[Gold], scored: Sequence[Scored], answers: bool) -> dict[str, float]:
    """The figures of a run, from those of its questions: means over the questions that have them, how many there are,
    how many failed, how long the others took in ms (to find passages, and to answer, as far as that was done; each as
    if it had been done alone); and where it `answers`, how well it knows when it cannot. A question that failed was not
    abstained from. If most of them failed, how many is all there is to say."""
    well = [one for one in scored if not one.error]
    located = sum("MRR" in one.metrics for one in scored)
    counts = (len(scored), len(scored) - len(well), located)
    metrics = {name: float(number) for name, number in zip(COUNTS, counts, strict=True)}
    if mostly_failed(scored):
        return metrics
    names = sorted({name for one in scored for name in one.metrics})
    metrics |= {name: float(np.mean([one.metrics[name] for one in scored if name in one.metrics])) for name in names}
    metrics |= {f"latency {name}": value for name, value in percentiles([one.milliseconds for one in well]).items()}
    if answers:
        metrics |= _of_abstaining([questions[one.place].answerable for one in scored], scored)
    return metrics


def mostly_failed(scored: Sequence[Scored]) -> bool:
    """Whether more questions failed than not: what is left says nothing of a configuration."""
    return 2 * sum(bool(one.error) for one in scored) > len(scored)


def _of_abstaining(answerable: Sequence[bool], scored: Sequence[Scored]) -> dict[str, float]:
    silent = [one.abstained and not one.error for one in scored]
    precision, recall = abstention(silent, answerable)
    pairs = zip([one.confidence for one in scored], answerable, strict=True)
    sure = [(confidence, there) for confidence, there in pairs if confidence is not None]
    area = auroc([one for one, _ in sure], [there for _, there in sure])
    found: Mapping[str, float | None] = {
        "abstention precision": precision if not all(answerable) else None,
        "abstention recall": recall,
        "confidence AUROC": area,
        "abstained": share(silent),
    }
    return {name: value for name, value in found.items() if value is not None}
