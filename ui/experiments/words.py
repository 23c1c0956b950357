"""Parameters, metrics and states as people read them. Pure functions; what they return is plain text, not Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any, NamedTuple

from rag.records import QUOTING, Configuration, Run, RunState, Study
from rag.workspace import lower_is_better, varied

EQUAL = 1e-9
"""Figures so near to each other differ by rounding alone."""


class Word(NamedTuple):
    """What something is called, and what it means."""

    name: str
    help: str


PARAMETERS: Mapping[str, Word] = {
    "model": Word("Embedding model", "What turns passages and questions into numbers that stand for their meaning."),
    "precision": Word("Model precision", "int8 is about twice as fast as fp32, and very nearly as good."),
    "chunk_tokens": Word("Passage length", "Tokens, which are words or parts of words, in a passage at most."),
    "overlap": Word("Overlap", "Tokens that a passage shares with the one before, so that nothing is cut in two."),
    "headers": Word("Headings", "Whether the title and headings above a passage are embedded together with it."),
    "k": Word("Passages found", "How many passages are found for a question, and given to whoever answers."),
    "lexical": Word("Weight of words", "How much it counts that a passage has the question's words."),
    "dense": Word("Weight of meaning", "How much it counts that a passage means what the question asks."),
    "late": Word("Weight of word meanings", "How much it counts that each word of the question has one like it."),
    "routed": Word("Weight of named documents", "How much it counts that the question names the document; 0: nothing."),
    "reranker": Word("Second reading", "A cross-encoder reads the best passages anew beside the question. Slow."),
    "answerer": Word("Who answers", "Nobody: only finding is measured. Quotes, or a language model as provider:model."),
    "abstain_below": Word("Silent below", "Below this confidence the answer is that the documents do not say."),
}
_METRICS: Mapping[str, str] = {
    "MRR": "1 divided by the place of the first passage that is right: 1 is the first place, 0.5 the second.",
    "hit": "Share of questions for which something right is among so many passages.",
    "recall": "Share of all that is right that is among so many passages.",
    "precision": "Share of so many passages that are right.",
    "nDCG": "How near to the top all that is right stands; 1 is the best order there could be.",
    "document hit": "Share of questions for which the right document is among so many passages, on whichever page.",
    "span recall": "Share of the characters of the expected quote that were found.",
    "span precision": "Share of the characters found that belong to the expected quote.",
    "span IoU": "Characters both found and expected, of all that are found or expected.",
    "exact match": "Share of answers that are word for word the expected one, but for case and articles.",
    "F1": "How many words the answer and the expected one have in common; 1 is all of both.",
    "verbatim quotes": "Share of the quotes that stand word for word in their document.",
    "abstention precision": "Of the questions left unanswered, the share that no document answers.",
    "abstention recall": "Of the questions that no document answers, the share left unanswered.",
    "confidence AUROC": "How well confidence tells questions with an answer from those without: 1 always, 0.5 never.",
    "abstained": "Share of questions left unanswered.",
    "latency": "Milliseconds a question took: half of them at most so long (p50), 95 or 99 of 100 (p95, p99). Passages "
    "made for the study are searched in memory, some milliseconds faster than a collection is.",
    "questions": "How many questions were asked.",
    "errors": "How many questions failed.",
    "located": "How many questions say where their answer stands.",
}
STATES = {
    RunState.QUEUED: "waiting",
    RunState.RUNNING: "running",
    RunState.FINISHED: "finished",
    RunState.FAILED: "failed",
    RunState.CANCELLED: "cancelled",
}


def metric_help(metric: str) -> str:
    """What a metric means; empty if nobody has said."""
    return next((said for name, said in _METRICS.items() if metric.partition("@")[0].startswith(name)), "")


def value(name: str, given: Any) -> str:
    """A parameter's value."""
    if name == "headers":
        return "embedded" if given else "not embedded"
    if name == "answerer":
        return {"": "nobody", QUOTING: "quotes"}.get(given, str(given))
    if name == "reranker":
        return given or "none"
    return f"{given:g}" if isinstance(given, float) else str(given)


def described(configuration: Configuration, names: Iterable[str]) -> str:
    """Those of its parameters, on a line."""
    row = asdict(configuration)
    return " · ".join(f"{PARAMETERS[one].name} {value(one, row[one])}" for one in names) or "as it is set"


MADE = ("model", "precision", "chunk_tokens", "overlap", "headers")
"""Those that say how passages are made."""


def apart(configuration: Configuration, baseline: Configuration, names: Iterable[str] = PARAMETERS) -> str:
    """In which of its parameters it is set otherwise than the baseline, on a line; empty if in none."""
    held, row = asdict(baseline), asdict(configuration)
    return " · ".join(f"{PARAMETERS[one].name} {value(one, row[one])}" for one in names if row[one] != held[one])


def beside(run: Run, baseline: Run | None, names: Iterable[str]) -> str:
    """What tells a run from the baseline; where there is none, those parameters."""
    if baseline is None:
        return described(run.configuration, names)
    if run.id == baseline.id:
        return "the baseline"
    return apart(run.configuration, baseline.configuration) or "set as the baseline"


def differing(runs: Sequence[Run], usual: Configuration | None = None) -> list[str]:
    """The parameters in which runs differ, in the order of PARAMETERS; where they do not, those in which they are other
    than what is `usual`."""
    tried = [one.configuration for one in runs]
    names = set(varied(tried) or (varied([usual, *tried]) if usual else ()))
    return [one for one in PARAMETERS if one in names]


def signed(number: float, digits: int = 3, unit: str = "") -> str:
    """A difference with its sign; a plain 0 where rounding leaves nothing."""
    rounded = round(number, digits)
    sign = "+" if rounded > 0 else "−"
    return f"{sign}{abs(rounded):,.{digits}f}{unit}" if rounded else f"0{unit}"


def figure(metric: str, number: float | None) -> str:
    """A value of a metric."""
    if number is None:
        return "–"
    if metric.startswith("latency"):
        return f"{number:,.0f} ms" if number >= 10 else f"{number:.1f} ms"
    return f"{number:,.0f}" if metric in ("questions", "errors", "located") else f"{number:.3f}"


def better(metric: str, one: float, other: float) -> bool:
    """Whether one value is better than the other."""
    return one < other - EQUAL if lower_is_better(metric) else one > other + EQUAL


def study_name(study: Study) -> str:
    """A study in a list."""
    return f"{study.name} · {when(study)}"


def when(study: Study) -> str:
    """When a study was started, in a list."""
    local = study.created_at.astimezone()
    return f"{local.day} {local:%b %H:%M}"
