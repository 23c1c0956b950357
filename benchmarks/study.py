"""How long a study takes: configurations that share what they have in common, beside a search for each of them.

    python benchmarks/study.py [--chunks 15000] [--questions 500] [--data FOLDER [--set FILE]]

Without `--set` passages and questions are synthetic; with it, the questions of a file are asked over a data folder. The
eight configurations differ in what is done for a question: passages found, weights of the lists, routing. `study` is
the time from starting a study to its end, with its figures and what is kept of each question; `search each` is
`Workspace.search` for each configuration and question, and nothing else. Both must find the same.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from measuring import ROOT, say_how, table

sys.path.insert(0, str(ROOT))

from synthetic import Writer

from rag.records import Gold, QuestionSet, RunState, Study
from rag.settings import load_settings
from rag.workspace import Workspace, grid, read_set

GRID = {"k": [5, 10], "late": [0.0, 2.0], "routed": [0.0, 0.7]}
COLUMNS = ("who", "seconds", "ms a question and configuration", "times as long")


def main() -> None:
    given = _arguments()
    say_how()
    with tempfile.TemporaryDirectory() as scratch:
        measure(given.data or Path(scratch) / "data", given)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--chunks", type=int, default=15_000, metavar="N")
    parser.add_argument("--questions", type=int, default=500, metavar="N")
    parser.add_argument("--data", type=Path, help="data folder, which is used if it has documents")
    parser.add_argument("--set", type=Path, help="question set to ask instead of synthetic questions")
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


def measure(data: Path, given: argparse.Namespace) -> None:
    """Run the study, then search for each configuration and question, and show what both took."""
    writer = Writer(given.seed)
    with Workspace(load_settings(data_dir=data)) as workspace:
        if not workspace.documents():
            writer.fill(workspace, given.chunks)
        questions = (
            read_set(given.set.read_bytes(), given.set.name)
            if given.set
            else [Gold(one) for one in writer.questions(given.questions)]
        )[: given.questions]
        chosen = grid(GRID, workspace.configuration())
        chunks = sum(one.chunks for one in workspace.documents())
        print(f"{len(questions)} questions, {len(chosen)} configurations, {chunks:,} chunks\n")
        workspace.search(questions[0].question)  # a warm-up
        began = time.perf_counter()
        study = workspace.start_study("benchmark", QuestionSet("benchmark", tuple(questions)), None, chosen)
        ended = _ended(workspace, study)
        shared = time.perf_counter() - began
        began = time.perf_counter()
        found = [[workspace.search(one.question, configuration=each) for one in questions] for each in chosen]
        naive = time.perf_counter() - began
        each = 1000 / len(questions) / len(chosen)
        table(COLUMNS, [["study", shared, shared * each, 1.0], ["search each", naive, naive * each, naive / shared]])
        expected = [[[(hit.chunk.id, hit.score) for hit in hits] for hits in some] for some in found]
        print(f"\nThe same passages with the same scores: {_share(workspace, ended, expected):.2%} of the questions")


def _ended(workspace: Workspace, study: Study) -> Study:
    while True:
        found = workspace.experiments.study(study.id)
        if found.state not in (RunState.QUEUED, RunState.RUNNING):
            assert found.state is RunState.FINISHED, found.reason
            return found
        time.sleep(0.05)


def _share(workspace: Workspace, study: Study, expected: Sequence[Sequence[Sequence[tuple[str, float]]]]) -> float:
    """Of which share of questions and configurations the study found what a search finds."""
    same = total = 0
    for run, some in zip(study.runs, expected, strict=True):
        for row, hits in zip(workspace.experiments.scored(run.id), some, strict=True):
            at = workspace.catalog.chunks_by_id(study.collection, [one for one, _ in hits])
            places = [(at[one].document_id, at[one].start, score) for one, score in hits]
            same += [(one.document, one.start, one.score) for one in row.found] == places
            total += 1
    return same / max(1, total)


if __name__ == "__main__":
    main()
