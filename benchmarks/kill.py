"""Kill an ingestion at random moments, many times, and count what was lost, doubled or shown by half.

    python benchmarks/kill.py FOLDER [--kills 50] [--seed 1] [--longest-life 20]

Each run of `python -m rag ingest FOLDER` lives between 0.2 and --longest-life seconds, drawn with the seed, and is then
killed with all of its process group; what is in the catalog then is looked at as a user would. A job that is done
before its kill is verified, and another begun on a new data folder. All files of FOLDER must be readable and different.
Exits with 1 if any count of problems is not 0.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from measuring import ROOT, say_how, table

sys.path.insert(0, str(ROOT))

from rag.parsing import media_type
from tests.kill_harness import PROBLEMS, Findings, Job, kill_often


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--longest-life", type=float, default=20.0, help="seconds")
    parser.add_argument("--minutes", type=float, default=90, help="no new data folder is begun after so long")
    given = parser.parse_args()
    say_how()
    paths = [path for path in sorted(given.folder.iterdir()) if media_type(path.name)]
    started = time.monotonic()
    limit = 60 * given.minutes
    findings = kill_often(Job(paths, given.longest_life, limit), given.kills, given.seed, started + limit)
    show(findings, time.monotonic() - started)
    return 1 if findings.problems or findings.kills < given.kills else 0


def show(findings: Findings, seconds: float) -> None:
    for line in findings.said:
        print(line)
    table(
        ("kills", "data folders", "documents", "questions", "seconds"),
        [(findings.kills, findings.rounds, findings.documents, findings.questions, seconds)],
    )
    print("\nwhere the run was when it was killed:")
    table(("stage", "times"), findings.stages.most_common())
    print("\nproblems:")
    table(("what", "times"), [(problem, findings.problems[problem]) for problem in PROBLEMS])


if __name__ == "__main__":
    raise SystemExit(main())
