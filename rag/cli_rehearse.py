"""The command line's `rehearse`: questions are asked of a collection and of what is to take its place."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rag.cli_evaluate import compared, questions_in
from rag.cli_output import Output
from rag.errors import RagError


def add_rehearse(command: Callable[..., argparse.ArgumentParser], workspace: Callable[..., Any]) -> None:
    """Add the command; `workspace` opens one."""

    def run(given: argparse.Namespace, output: Output) -> int:
        with workspace(given, share=True) as opened:
            rehearse(opened, given, output)
        return 0

    made = command("rehearse", run, "ask questions of a collection and of the version that reembed has made of it")
    made.add_argument("collection", metavar="COLLECTION", help="the collection's name")
    made.add_argument(
        "--set", type=Path, required=True, metavar="FILE", help="the question set: CSV, JSONL, JSON or XLSX"
    )
    made.add_argument("--metric", metavar="NAME", help="what to judge by, nDCG@5 say")


def rehearse(workspace: Any, given: argparse.Namespace, output: Output) -> None:
    """Rehearse, and print both versions, how many questions are won and lost, and which. Raises what the workspace
    raises, and RagError if one of the two could not be asked."""
    study, metric = compared(
        workspace, workspace.rehearse(questions_in(given.set), given.collection), given.metric, output
    )
    found = workspace.rehearsal(given.collection)
    if found is None or found.study.id != study.id or not found.whole:
        raise RagError(
            "The rehearsal says nothing: one of the two versions could not be asked, or is not there any more."
        )
    outcome, asked = workspace.outcomes(found, metric), workspace.questions_asked(study)
    costs = dict(zip(("now", "then"), workspace.costs(given.collection), strict=True))
    won, lost = ([asked[place].question for place in places] for places in (outcome.won, outcome.lost))
    row = {
        "study": study.id,
        "metric": metric,
        "won": won,
        "lost": lost,
        "same": outcome.same,
        "unmeasured": outcome.unmeasured,
        "passages": {name: one.passages for name, one in costs.items()},
        "bytes": {name: one.bytes for name, one in costs.items()},
        "seconds": {name: one.seconds for name, one in costs.items()},
    }
    said = f"The new version: {len(won):,} better, {len(lost):,} worse, {outcome.same:,} as before"
    said += f", {outcome.unmeasured:,} not judged" if outcome.unmeasured else ""
    sizes = " to ".join(f"{one.passages:,} passages in {one.bytes / 1e6:,.1f} MB" for one in costs.values())
    output.line(row, f"{said}. From {sizes}.")
    for word, questions in (("better", won), ("worse", lost)):
        for one in questions:
            output.say(f"{word}: {one}")
