"""Documents and questions for studies, and waiting for one to end."""

from __future__ import annotations

import time
from pathlib import Path

from rag.records import Gold, QuestionSet, RunState, Study
from rag.workspace import Workspace

TOWNS = ("Arvika", "Borlo", "Cadenza", "Dromore", "Elstow", "Farnham")
SECONDS = 60.0


def report(town: str, number: int) -> str:
    """A report of a few passages; what differs are the town's figures."""
    weeks = [f"In week {week} the council of {town} met and kept its minutes in the town hall. " for week in range(36)]
    first, second, third = ("".join(weeks[start : start + 12]) for start in (0, 12, 24))
    return (
        f"# Report of the town of {town}\n\n"
        f"## Money\n\nThe harbour of {town} earned {number}7 thousand crowns. {first}\n\n"
        f"## People\n\nIn {town} there lived {number}3 hundred people, most of them\nfishers. {second}\n\n"
        f"## Works\n\nThe bridge at {town} was mended in the year 19{number}. {third}\n"
    )


def fill(workspace: Workspace, folder: Path) -> None:
    """Index a report of each town."""
    paths = []
    for number, town in enumerate(TOWNS, start=11):
        path = folder / f"{town.lower()}.md"
        path.write_text(report(town, number), encoding="utf-8")
        paths.append(path)
    list(workspace.ingest(paths))


def questions(per_town: int = 3) -> QuestionSet:
    """Questions on each town, whose answers are in its report; and one that no report answers."""
    found = []
    for number, town in enumerate(TOWNS, start=11):
        asked = [
            Gold(f"What did the harbour of {town} earn?", (f"{number}7 thousand crowns",), f"{town.lower()}.md", (1,),
                 (f"The harbour of {town} earned {number}7 thousand crowns.",)),
            Gold(f"How many people lived in {town}?", (f"{number}3 hundred",), f"{town.lower()}.md",
                 quotes=(f"there lived {number}3 hundred people, most of them fishers",)),
            Gold(f"When was the bridge at {town} mended?", (f"19{number}",), town.lower()),
        ]  # fmt: skip
        found += asked[:per_town]
    return QuestionSet("Towns", (*found, Gold("Who discovered the moons of Neptune?", answerable=False)))


def ended(workspace: Workspace, study: Study, seconds: float = SECONDS) -> Study:
    """The study once it has ended."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = workspace.experiments.study(study.id)
        if found.state not in (RunState.QUEUED, RunState.RUNNING):
            return found
        time.sleep(0.05)
    raise AssertionError(f"still {found.state} after {seconds} s: {found.done} of {found.total}, {found.reason}")
