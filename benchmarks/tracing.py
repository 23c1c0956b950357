"""What its trace costs an answer: the same question asked with a trace and without, one right after the other.

    python benchmarks/tracing.py [FOLDER_OF_DOCUMENTS] [--pairs 200] [--mlflow]

Of each question as many pairs are measured, all in random order, and in half of them the trace comes first. What counts
is the median of the differences within pairs, as a share of the question's median without a trace, with the interval in
which 95 % of the medians lie when pairs are drawn anew. Python's garbage collector rests meanwhile: when it comes is
chance, and it takes longer than all that is measured. Traces are written between pairs, as they are while somebody
reads an answer; what that takes of the processor is told by itself. With `--mlflow` the process that tells MLflow works
beside it. Exit code 1 if the trace costs more than 5 %.
"""

from __future__ import annotations

import argparse
import gc
import random
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
from measuring import ROOT, say_how, table

sys.path.insert(0, str(ROOT))

from rag.settings import load_settings
from rag.workspace import Workspace

QUESTIONS = (
    "How many employees are there?",
    "What dividend per share does the Board propose?",
    "Who audits the accounts?",
    "What are the main risks?",
    "Which vaccines are recommended for travellers to Brazil?",
)
MOST = 0.05
DRAWS = 4000
SEED = 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", nargs="?", type=Path, default=ROOT / "samples")
    parser.add_argument("--pairs", type=int, default=200, help="of each question, with and without a trace")
    parser.add_argument("--mlflow", action="store_true", help="tell MLflow meanwhile")
    given = parser.parse_args()
    say_how()
    with tempfile.TemporaryDirectory() as folder:
        settings = load_settings(data_dir=Path(folder), mlflow=given.mlflow)
        with Workspace(settings, "a benchmark") as workspace:
            list(workspace.ingest(sorted(given.folder.iterdir())))
            workspace.drain()
            workspace.track()
            taken = measured(workspace, given.pairs)
            kept = len(workspace.traces(limit=100_000))
    rows, shares = [], []
    for question in QUESTIONS:
        pairs = np.array([(one.without, one.traced) for one in taken.pairs if one.question == question]) * 1000
        usual = np.median(pairs[:, 0])
        more = pairs[:, 1] - pairs[:, 0]
        shares.append(more / usual)
        rows.append([question, f"{usual:.2f}", f"{np.median(more):+.3f}", f"{np.median(more) / usual:+.1%}"])
    told = ", MLflow told meanwhile" * given.mlflow
    print(f"\n{given.pairs} pairs of each question; {kept} traces kept{told}")
    table(["question", "without, ms", "more, ms (median of pairs)", "more"], rows)
    every = np.concatenate(shares)
    overall = float(np.median(every))
    low, high = interval_of_median(every)
    reach = f"95 % interval {low:+.1%} to {high:+.1%}"
    print(f"\nA trace costs an answer {overall:+.1%} ({reach}; at most {MOST:.0%} is meant).")
    print(f"Writing it down afterwards takes {taken.writing * 1000:.2f} ms of the processor.")
    return 1 if overall > MOST else 0


class Pair(NamedTuple):
    """Seconds of a question, asked twice."""

    question: str
    without: float
    traced: float


class Taken(NamedTuple):
    """All pairs, and the seconds of processor time that writing a trace takes in the background."""

    pairs: list[Pair]
    writing: float


def measured(workspace: Workspace, number: int) -> Taken:
    """Ask each question so many times in both ways, once each to warm up before."""
    with_traces = workspace.settings
    ways = (with_traces.model_copy(update={"traces_kept": 0}), with_traces)
    order = [(question, first) for question in QUESTIONS for first in (n % 2 for n in range(number))]
    random.Random(SEED).shuffle(order)  # noqa: S311 - an order, no secret
    pairs, writing = [], 0.0
    for question in QUESTIONS:
        workspace.ask(question)
    workspace.recorder.settle()
    gc.collect()
    gc.disable()
    try:
        for question, first in order:
            seconds = [0.0, 0.0]
            for way in (first, 1 - first):
                workspace.settings = ways[way]
                began = time.perf_counter()
                workspace.ask(question)
                seconds[way] = time.perf_counter() - began
            pairs.append(Pair(question, *seconds))
            used = time.process_time()
            workspace.recorder.settle()
            writing += time.process_time() - used
            if len(pairs) % 100 == 0:
                gc.collect()
    finally:
        gc.enable()
        workspace.settings = with_traces
    return Taken(pairs, writing / len(pairs))


def interval_of_median(values: np.ndarray[tuple[int], np.dtype[np.float64]]) -> tuple[float, float]:
    """Between which values 95 % of the medians lie when they are drawn anew."""
    draws = np.random.default_rng(SEED)
    medians = [np.median(draws.choice(values, values.size)) for _ in range(DRAWS)]
    low, high = np.percentile(medians, [2.5, 97.5])
    return float(low), float(high)


if __name__ == "__main__":
    sys.exit(main())
