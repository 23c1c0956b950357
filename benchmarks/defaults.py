"""Which configuration should be the default: studies of some twenty, each over the questions of three public sets.

    python benchmarks/defaults.py --data PATH [--work FOLDER] [--questions 500] [--sets chunking financebench squad]

PATH is as for benchmarks/quality.py. Each set becomes a collection and a question set of the data folder FOLDER, and a
study there, as the dashboard makes them: opened with `RAG_DATA_DIR=FOLDER`, its page Experiments has all of it, and
`python -m rag mlflow` as well. What is in FOLDER already is used.

One thing is changed at a time, and some together. Shown is each configuration's figure for a set, and how much better
it is than the default over the same questions, with the paired bootstrap interval. A configuration should take the
default's place if, on the even questions, it is really better for one set and really worse for none; the odd ones, on
which nothing is chosen, then say whether that was luck. Others than 5 passages are shown and not chosen: more of them
always find more, and are more to read.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from measuring import ROOT, say_how, table

sys.path.insert(0, str(ROOT))

import question_sets

from rag.chunking import sentence_spans
from rag.records import Configuration, Gold, QuestionSet, RunState, Study
from rag.settings import load_settings
from rag.workspace import Standing, Workspace, grid, standings, tidied

GRID: Sequence[Mapping[str, object]] = (
    {},
    {"chunk_tokens": [60, 100, 150]},
    {"overlap": 50},
    {"chunk_tokens": 150, "overlap": 30},
    {"headers": False},
    {"precision": "fp32"},
    {"late": [0.0, 1.0, 4.0]},
    {"dense": [0.0, 1.0]},
    {"lexical": [0.5, 2.0]},
    {"routed": [0.0, 1.4]},
    {"late": 4.0, "dense": 1.0},
    {"late": 0.0, "dense": 1.0},
    {"k": [3, 10]},
)
METRICS = {"chunking": "span recall", "financebench": "recall@5", "squad": "span recall"}
"""By what a set is judged: whether all that answers is among the passages; pages where only those are known."""
POLL_SECONDS = 0.5


def main() -> None:
    given = _arguments()
    say_how()
    with tempfile.TemporaryDirectory() as scratch:
        folder = given.work or Path(scratch) / "data"
        with Workspace(load_settings(data_dir=folder)) as workspace:
            found = {name: _studied(workspace, name, given, Path(scratch)) for name in given.sets}
            _show(workspace, found)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--work", type=Path, metavar="FOLDER", help="data folder, kept; else nothing is kept")
    parser.add_argument("--questions", type=int, default=500, help="of SQuAD, drawn", metavar="N")
    parser.add_argument("--sets", nargs="+", choices=METRICS, default=list(METRICS))
    return parser.parse_args()


# -- studies ----------------------------------------------------------------------------------------------------------


def _studied(workspace: Workspace, name: str, given: argparse.Namespace, scratch: Path) -> Study:
    """The study of a set; made if it is not there."""
    chosen = SETS[name](given, scratch)
    if name not in {one.name for one in workspace.collections()}:
        workspace.create_collection(name)
    for event in workspace.ingest(chosen.files, name):
        if event.outcome not in ("", "ready", "duplicate"):
            raise SystemExit(f"{event.name}: {event.outcome} {event.reason}")
    ids = {one.name: one.id for one in workspace.documents(name)}
    texts = {source: workspace.text(ids[source], name) for source in {one.source for one in chosen.questions}}
    gold = tuple(GOLD[name](one, texts[one.source]) for one in chosen.questions)
    configurations = tuple(one for some in GRID for one in grid(some, workspace.configuration(name)))
    questions = QuestionSet(name, tidied(gold))
    for one in workspace.experiments.studies():
        asked = (one.name, one.set_version, one.state) == (name, questions.version, RunState.FINISHED)
        if asked and tuple(run.configuration for run in workspace.experiments.runs(one.id)) == configurations:
            return workspace.experiments.study(one.id)
    study = workspace.start_study(name, questions, name, configurations)
    while study.state in (RunState.QUEUED, RunState.RUNNING):
        time.sleep(POLL_SECONDS)
        study = workspace.experiments.study(study.id)
    if study.state is not RunState.FINISHED or study.reason:
        raise SystemExit(f"The study of {name} ended as {study.state.value}: {study.reason}")
    return study


def _chunking(given: argparse.Namespace, _: Path) -> question_sets.QuestionSet:
    return question_sets.chunking(given.data)


def _financebench(given: argparse.Namespace, _: Path) -> question_sets.QuestionSet:
    return question_sets.financebench(given.data)


def _squad(given: argparse.Namespace, scratch: Path) -> question_sets.QuestionSet:
    drawn = question_sets.squad(given.data, scratch / "articles")
    there = [one for one in drawn.questions if one.answerable]
    return question_sets.QuestionSet(drawn.files, there[: given.questions])


SETS: Mapping[str, Callable[[argparse.Namespace, Path], question_sets.QuestionSet]] = {
    "chunking": _chunking,
    "financebench": _financebench,
    "squad": _squad,
}


def _all_of_it(question: question_sets.Question, text: str) -> Gold:
    quotes = tuple(text[start:end] for start, end in question.spans)
    return Gold(question.text, document=question.source, pages=tuple(sorted(question.pages)), quotes=quotes)


def _any_of_it(question: question_sets.Question, text: str) -> Gold:
    """With the sentence of the first annotator's answer as the quote: one or two words stand in many places."""
    start, end = question.spans[0]
    around = [(a, b) for a, b in sentence_spans(text) if a < end and start < b]
    quote = text[around[0][0] : around[-1][1]] if around else text[start:end]
    answers = tuple(dict.fromkeys(text[a:b] for a, b in question.spans))
    return Gold(question.text, answers=answers, document=question.source, quotes=(quote,))


GOLD = {"chunking": _all_of_it, "financebench": _all_of_it, "squad": _any_of_it}


# -- what they say ----------------------------------------------------------------------------------------------------


def _show(workspace: Workspace, studies: Mapping[str, Study]) -> None:
    """Print a table for each set, then which configurations should take the default's place."""
    all_of: dict[str, dict[Configuration, dict[str, Standing]]] = {}
    for name, study in studies.items():
        measured = {run.id: workspace.experiments.measured(run.id) for run in study.runs}
        parts = {"": (0, 1), "even": (0,), "odd": (1,)}
        for part, rests in parts.items():
            kept = {run: {at: one for at, one in some.items() if at % 2 in rests} for run, some in measured.items()}
            for each in standings(study.runs, kept, METRICS[name], study.runs[0].id):
                all_of.setdefault(name, {}).setdefault(each.run.configuration, {})[part] = each
        questions = study.total // len(study.runs)
        chunks = workspace.collection(name).chunks
        print(f"\n{name}: {questions} questions, {chunks:,} chunks, {METRICS[name]}")
        usual = study.runs[0].configuration
        ranked = sorted(all_of[name].items(), key=lambda one: -one[1][""].mean)
        table(COLUMNS, [_row(usual, one, found) for one, found in ranked])
    usual = next(iter(studies.values())).runs[0].configuration
    better = [one for one in all_of[next(iter(all_of))] if one.k == usual.k and _is_better(one, all_of)]
    print("\nbetter on the even questions of a set, and worse on those of none:")
    for one in better:
        odd = (f"{name} {_gain(found[one]['odd'])}" for name, found in all_of.items())
        print(f"  {_called(one, usual)}; on the odd ones: {', '.join(odd)}")
    if not better:
        print("  none: the default stays")


COLUMNS = (
    "configuration",
    "mean",
    "better than the default by",
    "verdict",
    "on even questions",
    "on odd ones",
    "p50 ms",
)


def _row(usual: Configuration, one: Configuration, found: Mapping[str, Standing]) -> list[object]:
    whole = found[""]
    gains = [_gain(found[part]) if part in found else "" for part in ("", "even", "odd")]
    latency = f"{whole.run.metrics['latency p50']:.1f}"
    return [_called(one, usual), f"{whole.mean:.3f}", gains[0], whole.verdict, gains[1], gains[2], latency]


def _gain(one: Standing) -> str:
    gain = one.difference
    return f"{gain.mean:+.3f} [{gain.low:+.3f}, {gain.high:+.3f}]" if gain else ""


def _called(one: Configuration, usual: Configuration) -> str:
    before = asdict(usual)
    changed = (f"{name}={value}" for name, value in asdict(one).items() if value != before[name])
    return " ".join(changed) or "the default"


def _is_better(one: Configuration, all_of: Mapping[str, Mapping[Configuration, Mapping[str, Standing]]]) -> bool:
    verdicts = [found[one]["even"].verdict for found in all_of.values()]
    return "better" in verdicts and "worse" not in verdicts


if __name__ == "__main__":
    main()
