"""The command line's `evaluate`: hold configurations against a question set, for people and for CI."""

from __future__ import annotations

import argparse
import difflib
import math
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rag.cli_gate import Gate
from rag.cli_output import Output, escape
from rag.errors import InputError, RagError
from rag.records import Configuration, QuestionSet, Run, RunState, Study

if TYPE_CHECKING:  # it is imported late, for it takes a while
    from rag.workspace import Standing, Workspace

POLL_SECONDS = 0.2
IDLE_SECONDS = 60.0
"""How long another program that has the data folder may leave studies waiting."""
IDLE = (
    "Another program has the data folder open and has begun no study in {seconds:.0f} seconds, so this one was "
    "cancelled. Close that program, or start the dashboard instead, which works studies off; then try again."
)
SAY_SECONDS = 10.0
"""How often it is said, where there is no terminal, how far the study is."""


def evaluate_options(command: argparse.ArgumentParser) -> None:
    """What may be said of a study."""
    command.add_argument(
        "--set", type=Path, required=True, metavar="FILE", help="the question set: CSV, JSONL, JSON or XLSX"
    )
    lists = 'JSON: lists of values to combine, such as {"k": [3, 5]}; default: as it is set'
    command.add_argument("--grid", type=Path, metavar="FILE", help=lists)
    command.add_argument("--metric", metavar="NAME", help="what to order by, nDCG@5 say")
    command.add_argument("--name", metavar="NAME", help="what to call the study (default: as the file of questions)")
    least = (
        "what the first configuration must reach, recall@5=0.8 say (latencies, errors: not exceed); may be repeated. "
        "Any is missed if questions failed, unless errors=NUMBER allows so many, or if documents or quotes that "
        "questions name are not there, unless located=NUMBER says how many must be"
    )
    command.add_argument("--threshold", action="append", default=[], metavar="NAME=VALUE", help=least)


def evaluate(workspace: Workspace, given: argparse.Namespace, output: Output) -> bool:
    """Run a study to its end and print its leaderboard; whether all thresholds are met. Raises InputError."""
    from rag.workspace import read_grid

    limits = [_limit(one) for one in given.threshold]
    questions = questions_in(given.set)
    usual = workspace.configuration(given.collection)
    configurations = read_grid(_read(given.grid), given.grid.name, usual) if given.grid else [usual]
    _require_known([name for name, _ in limits], questions, configurations[:1])
    _require_known([given.metric] if given.metric else [], questions, configurations)
    study = workspace.start_study(given.name or given.set.stem, questions, given.collection, configurations)
    ended, _ = compared(workspace, study, given.metric, output)
    return Gate(workspace, ended, limits).says(output)


def questions_in(file: Path) -> QuestionSet:
    """The question set in a file, which is called as that is. Raises InputError."""
    from rag.workspace import read_set

    return QuestionSet(file.stem, tuple(read_set(_read(file), file.name)))


def compared(workspace: Workspace, study: Study, metric: str | None, output: Output) -> tuple[Study, str]:
    """Wait for a study and print its leaderboard, ordered by a metric or the usual one; the others are held against its
    first run. Returns the study as it ended, and the metric. Raises RagError if it did not come to its end, InputError
    for a metric that was not measured."""
    from rag.workspace import standings, usual_metric

    try:
        ended = _followed(workspace, study, output)
    except KeyboardInterrupt:
        workspace.cancel_study(study.id)
        raise
    if ended.state is not RunState.FINISHED:
        raise RagError(f"The study ended as {ended.state.value}: {ended.reason}")
    if ended.reason:
        output.say(ended.reason)
    metric = metric or usual_metric(ended.runs)
    measured = {run.id: workspace.experiments.measured(run.id) for run in ended.runs}
    found = standings(ended.runs, measured, metric, ended.runs[0].id)
    if metric and not found:
        raise InputError(f"{metric!r} was not measured. {_there_are(ended.runs)}")
    _print(ended, workspace.configuration(ended.collection), found, metric, output)
    return ended, metric


def _limit(text: str) -> tuple[str, float]:
    name, _, value = text.rpartition("=")
    try:
        limit = float(value)
    except ValueError:
        limit = math.nan
    if not math.isfinite(limit) or not name.strip():
        raise InputError(f"The threshold {text!r} is none: write a metric and a number, recall@5=0.8 say.")
    return name.strip(), limit


def _require_known(names: Iterable[str], questions: QuestionSet, configurations: Sequence[Configuration]) -> None:
    """Raises InputError for a metric that none of the configurations will have, before they are tried."""
    from rag.workspace import names_of

    there = {name for one in configurations for name in names_of(questions.questions, one)}
    for one in names:
        if one not in there:
            near = difflib.get_close_matches(one.replace("_at_", "@"), there, 1)
            meant = f" Did you mean {near[0]}?" if near else ""
            raise InputError(f"{one!r} would not be measured.{meant} There are {', '.join(sorted(there))}.")


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}). Name another file.") from error


def _followed(workspace: Workspace, study: Study, output: Output) -> Study:
    """The study when it has ended; says how far it is meanwhile."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    columns = TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[facts]}"), TimeRemainingColumn()
    began = said = time.monotonic()
    redirect = sys.stdout.isatty()  # else what another program is to read would land on stderr
    with Progress(*columns, console=console, disable=not console.is_terminal, redirect_stdout=redirect) as bars:
        bar = bars.add_task("evaluating", total=study.total, facts="")
        while True:
            found = workspace.experiments.study(study.id)
            facts = f"{found.done:,} of {found.total:,} questions of {len(found.runs):,} runs"
            bars.update(bar, completed=found.done, facts=f"{facts}  {escape(found.reason)}")
            if found.state not in (RunState.QUEUED, RunState.RUNNING):
                return found
            if not console.is_terminal and time.monotonic() - said >= SAY_SECONDS:
                output.say(f"{facts}. {found.reason}")
                said = time.monotonic()
            mine = workspace.resume_studies()  # whoever owned the folder may have gone
            if not mine and time.monotonic() - began >= IDLE_SECONDS and _is_idle(workspace):
                workspace.cancel_study(study.id)
                raise RagError(IDLE.format(seconds=IDLE_SECONDS))
            time.sleep(POLL_SECONDS)


def _is_idle(workspace: Workspace) -> bool:
    """Whether no study is being worked on, although some wait."""
    return all(one.state is not RunState.RUNNING for one in workspace.experiments.studies())


def _print(study: Study, usual: Configuration, found: Sequence[Standing], metric: str, output: Output) -> None:
    from rag.workspace import varied

    tried = [one.configuration for one in study.runs]
    names = varied(tried) or varied([usual, *tried])  # where nothing varies: what is other than the collection has it
    ranked = {one.run.id: (rank, one) for rank, one in enumerate(found, start=1)}
    for run in sorted(study.runs, key=lambda one: ranked[one.id][0] if one.id in ranked else len(study.runs) + 1):
        rank, standing = ranked.get(run.id, (None, None))
        output.line(_row(study, run, metric, rank, standing), _text(run, names, metric, rank, standing))


def _row(study: Study, run: Run, metric: str, rank: int | None, standing: Standing | None) -> dict[str, Any]:
    return {
        "study": study.id,
        "run": run.id,
        "rank": rank,
        "configuration": asdict(run.configuration),
        "state": run.state.value,
        "reason": run.reason,
        "metric": metric,
        "mean": standing.mean if standing else None,
        "over": standing.questions if standing and standing.questions else None,
        "interval": [standing.low, standing.high] if standing and standing.low is not None else None,
        "verdict": (standing.verdict or None) if standing else None,
        "difference": asdict(standing.difference) if standing and standing.difference else None,
        "metrics": dict(run.metrics),
    }


def _text(run: Run, names: Sequence[str], metric: str, rank: int | None, standing: Standing | None) -> str:
    """`1. k=5 late=2: nDCG@5 0.812 [0.760, 0.858] of 90 questions, +0.031 [0.004, 0.060] better, 21 ms`."""
    values = asdict(run.configuration)
    called = " ".join(f"{name}={values[name]}" for name in names) or "as it is set"
    if run.state is not RunState.FINISHED:
        return f"-. {called}: {run.state.value}. {run.reason}"
    facts = []
    if standing:
        between = "" if standing.low is None else f" [{standing.low:.3f}, {standing.high:.3f}]"
        over = f" of {standing.questions:,} questions" if standing.questions else ""
        facts.append(f"{metric} {standing.mean:.3f}{between}{over}")
    if standing and (gain := standing.difference) and gain.questions:
        between = f" [{gain.low:+.3f}, {gain.high:+.3f}]" if gain.enough else ""
        facts.append(f"{gain.mean:+.3f}{between} {standing.verdict}")
    elif standing and standing.verdict:
        facts.append(standing.verdict)
    facts.append(f"{run.metrics.get('latency p50', 0.0):.0f} ms")
    facts += [run.reason] if run.reason else []
    return f"{rank or '-'}. {called}: {', '.join(facts)}"


def _there_are(runs: Sequence[Run]) -> str:
    names = sorted({name for run in runs for name in run.metrics})
    return f"There are {', '.join(names)}." if names else "Nothing was: no answer of the set is in these documents."
