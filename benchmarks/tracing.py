"""What its trace costs an answer: the same questions asked with and without traces, in turn, in one process.

    python benchmarks/tracing.py [FOLDER_OF_DOCUMENTS] [--rounds 60] [--mlflow]

Of each question the median with is held against the median without. With `--mlflow` the process that tells MLflow works
beside it. Exit code 1 if the trace costs more than 5 %.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

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
BLOCK = 2
"""So often all of them are asked in one way, then in the other."""
MOST = 0.05


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", nargs="?", type=Path, default=ROOT / "samples")
    parser.add_argument("--rounds", type=int, default=60, help=f"blocks of {BLOCK} of each question in each way")
    parser.add_argument("--mlflow", action="store_true", help="tell MLflow meanwhile")
    given = parser.parse_args()
    say_how()
    with tempfile.TemporaryDirectory() as folder:
        settings = load_settings(data_dir=Path(folder), mlflow=given.mlflow)
        with Workspace(settings, "a benchmark") as workspace:
            list(workspace.ingest(sorted(given.folder.iterdir())))
            workspace.drain()
            workspace.track()
            taken = measured(workspace, given.rounds)
            kept = len(workspace.traces(limit=100_000))
    rows, ratios = [], []
    for question, (without, with_trace) in taken.seconds.items():
        before, after = statistics.median(without), statistics.median(with_trace)
        ratios.append(after / before - 1)
        rows.append([question, f"{before * 1000:.2f}", f"{after * 1000:.2f}", f"{ratios[-1]:+.1%}"])
    print(f"\n{given.rounds * BLOCK} times each; {kept} traces kept{', MLflow told meanwhile' * given.mlflow}")
    table(["question", "without, ms", "with, ms", "more"], rows)
    overall = statistics.median(ratios)
    without, with_trace = (statistics.median(some) / (BLOCK * len(QUESTIONS)) * 1000 for some in taken.processor)
    print(f"\nA trace costs an answer {overall:+.1%} (median of the questions; at most {MOST:.0%} is meant).")
    print(f"Processor time of an answer, background and all: {without:.2f} ms, {with_trace:.2f} ms.")
    return 1 if overall > MOST else 0


class Taken(NamedTuple):
    """Without traces and with them: seconds of each answer by question, and seconds of processor time of each block."""

    seconds: dict[str, tuple[list[float], list[float]]]
    processor: tuple[list[float], list[float]]


def measured(workspace: Workspace, rounds: int) -> Taken:
    """Ask everything in both ways, in turn; the first round warms up."""
    with_traces = workspace.settings
    without = with_traces.model_copy(update={"traces_kept": 0})
    taken = Taken({one: ([], []) for one in QUESTIONS}, ([], []))
    for number in range(rounds + 1):
        for way in (0, 1) if number % 2 else (1, 0):  # neither is always the one that finds caches warm
            workspace.settings = with_traces if way else without
            used = time.process_time()
            for question in QUESTIONS * BLOCK:
                began = time.perf_counter()
                workspace.ask(question)
                seconds = time.perf_counter() - began
                if number:
                    taken.seconds[question][way].append(seconds)
            workspace.recorder.settle()  # or the last traces would be counted to answers without
            if number:
                taken.processor[way].append(time.process_time() - used)
    workspace.settings = with_traces
    return taken


if __name__ == "__main__":
    sys.exit(main())
