"""How long the script of the Experiments page takes with very many runs.

    python benchmarks/leaderboard.py --runs 2000 --questions 500

`first` is the time of the first drawing in a process that has started and remembers no run (with `--cold` while it is
still loading models and libraries in the background); `again` of those after it, as after a click; `another session`
of the first one of the next reader; `next page` of runs that have not been looked at; `while a study runs` with
everything read anew, because the file has changed since. Figures of single questions exist for every run. Streamlit's
own share is in all of it, the browser's is not.
"""

from __future__ import annotations

import argparse
import os
import random
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import islice, product

from measuring import ROOT, say_how, table

sys.path.insert(0, str(ROOT))

from streamlit.testing.v1 import AppTest

from rag.records import Configuration, Found, Gold, QuestionSet, Run, RunState, Scored, Study
from rag.settings import load_settings
from rag.store import store_name
from rag.workspace import Workspace, open_workspace

A_STUDY = 100
"""Runs in each study."""
AT_K = ("hit", "recall", "precision", "nDCG", "document hit")
METRICS = ("MRR", *(f"{name}@{k}" for name in AT_K for k in (1, 3, 5)))
A_PAGE = 15
LOADING = ("footnote-warm-up", "footnote-tables")
"""Threads that load what the first question and the first table would wait for."""
VIEWS = ("Leaderboard", "Plots", "Compare", "Studies", "Question sets")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=2000)
    parser.add_argument("--questions", type=int, default=500)
    parser.add_argument("--times", type=int, default=10, help="drawings measured of each kind")
    parser.add_argument("--cold", action="store_true", help="do not wait for what loads in the background first")
    given = parser.parse_args()
    say_how()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["RAG_DATA_DIR"] = folder
        os.environ["RAG_MLFLOW"] = "false"
        workspace = open_workspace(load_settings(), "the dashboard")
        fill(workspace, given.runs, given.questions)
        rows = measured(workspace, given.times, given.cold)
        workspace.close()
    print(f"\n{given.runs:,} runs of {given.questions:,} questions")
    table(["what is drawn", "p50 ms", "most ms"], rows)


def fill(workspace: Workspace, runs: int, questions: int) -> None:
    """Studies that have finished, over one question set and one collection."""
    name = workspace.settings.collection
    workspace.catalog.create_collection(name, store_name(name), workspace.recipes.fingerprint_of(None))
    asked = QuestionSet("Benchmark", tuple(Gold(f"Question {one}?", document=f"{one}.pdf") for one in range(questions)))
    kept = workspace.experiments.keep_set(asked)
    cut, weights = ((100, 200, 300, 400), (0, 20), (3, 5, 8, 10)), (0.0, 0.5, 1.0)
    values = product(*cut, (0.5, 1.0, 2.0), weights, weights, (0.0, 0.35, 0.7))
    configurations = [
        Configuration(chunk_tokens=a, overlap=b, k=c, lexical=d, dense=e, late=f, routed=g)
        for a, b, c, d, e, f, g in islice(values, runs)
    ]
    chance = random.Random(1)  # noqa: S311 - of a benchmark
    if len(configurations) < runs:
        sys.exit(f"there are {len(configurations):,} configurations to make runs of")
    start = datetime(2026, 1, 1, tzinfo=UTC)
    for number in range(0, runs, A_STUDY):
        some = configurations[number : number + A_STUDY]
        _study(workspace, f"{number:016x}", some, kept.version, questions, start + timedelta(hours=number), chance)


def _study(
    workspace: Workspace,
    study: str,
    configurations: list[Configuration],
    version: str,
    questions: int,
    at: datetime,
    chance: random.Random,
) -> None:
    made = [Run(f"{study}-{one:04d}", study, each, RunState.QUEUED) for one, each in enumerate(configurations)]
    collection = workspace.settings.collection
    of = Study(study, f"Study {study}", collection, "Benchmark", version, "0" * 12, RunState.QUEUED, at)
    workspace.experiments.add_study(replace(of, runs=tuple(made), total=len(made) * questions))
    for run in made:
        skill = chance.uniform(0.4, 0.9)
        scored = []
        for place in range(questions):
            good = float(chance.random() < skill)
            metrics = dict.fromkeys(METRICS, good) | {"MRR": good / chance.randint(1, 3)}
            found = tuple(Found(f"{one:032x}", f"{one}.pdf", 1, 0, 100, 0.5) for one in range(2))
            scored.append(Scored(place, metrics, found, milliseconds=chance.uniform(2, 30)))
        workspace.experiments.keep_scored({run.id: scored})
        means = {name: statistics.fmean(one.metrics[name] for one in scored) for name in METRICS}
        means |= {"latency p50": chance.uniform(5, 20), "questions": float(questions), "errors": 0.0}
        workspace.experiments.end_run(run.id, RunState.FINISHED, means, 1.0)
    workspace.experiments.end_study(study, RunState.FINISHED)


def measured(workspace: Workspace, times: int, cold: bool) -> list[list[str]]:
    """A row for each kind of drawing."""
    app = _session()  # the process opens the workspace with its first page, whichever that is
    for one in threading.enumerate():
        if one.name in LOADING and not cold:
            one.join()
    rows = [_row("Leaderboard, first", [_timed(app.run)])]
    if app.exception or app.error or not app.dataframe:
        sys.exit(f"The leaderboard failed: {[one.value for one in (*app.exception, *app.error)]}")
    rows.append(_row("Leaderboard, again", [_timed(app.run) for _ in range(times)]))
    rows.append(_row("Leaderboard, another session", [_timed(_session().run) for _ in range(times)]))
    contest = workspace.contests()[0]
    if len(contest.runs) != len(workspace.experiments.runs()):
        sys.exit("not all runs are in one contest")
    pager = f"experiments-page-{contest.key}-{-(-len(contest.runs) // A_PAGE)}"
    turned = []
    for page in range(2, 2 + times):
        app.session_state[pager] = page
        turned.append(_timed(app.run))
    rows.append(_row("Leaderboard, next page", turned))
    anew = []
    for done in range(times):
        workspace.experiments.advance(workspace.experiments.studies()[0].id, done, 100)
        anew.append(_timed(app.run))
    rows.append(_row("Leaderboard, while a study runs", anew))
    ids = [one.id for one in workspace.experiments.runs()[:3]]
    for view in VIEWS[1:]:
        app.session_state["experiments-view"] = view
        app.session_state["experiments-run"] = ids if view == "Compare" else []
        app.run()
        if app.exception or app.error:
            sys.exit(f"{view} failed: {[one.value for one in (*app.exception, *app.error)]}")
        rows.append(_row(f"{view}, again", [_timed(app.run) for _ in range(times)]))
    return rows


def _session() -> AppTest:
    """A reader who has opened the first page and goes to the leaderboard."""
    app = AppTest.from_file(str(ROOT / "streamlit_app.py"), default_timeout=120)
    app.run()
    app.switch_page("pages/4_Experiments.py")
    app.session_state["experiments-view"] = "Leaderboard"
    return app


def _timed(run: Callable[[], object]) -> float:
    started = time.perf_counter()
    run()
    return time.perf_counter() - started


def _row(what: str, seconds: list[float]) -> list[str]:
    return [what, f"{statistics.median(seconds) * 1000:.0f}", f"{max(seconds) * 1000:.0f}"]


if __name__ == "__main__":
    main()
