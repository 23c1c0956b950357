"""What becomes of odd and hostile files: outcomes, the slowest, and the memory of the process that must survive them.

    python benchmarks/hostile.py FOLDER [--slowest 10]

Indexes every file of FOLDER in one `python -m rag ingest`. Exits with 1 if a file was left without an outcome.
"""

from __future__ import annotations

import argparse
import re
import statistics
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from measuring import RAG, Run, run, say_how

FAILED = 1


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--slowest", type=int, default=10)
    parser.add_argument("--limit", type=float, default=7200, help="seconds that the run may take")
    given = parser.parse_args()
    say_how()
    paths = sorted(path for path in given.folder.rglob("*") if path.is_file())
    with tempfile.TemporaryDirectory() as data:
        done = run([*RAG, "--data-dir", data, "--json", "ingest", *map(str, paths)], given.limit, may_fail=True)
    if done.code not in (0, FAILED):
        raise SystemExit(f"The ingestion ended with {done.code}:\n{done.complaint[-2000:]}")
    outcomes(done.rows)
    slowest(done.rows, given.slowest)
    memory(done)
    silent = sorted({str(path) for path in paths} - {row["path"] for row in done.rows if row["state"] != "queued"})
    print(f"\n{len(paths)} files in {done.seconds:.1f} s; without an outcome: {silent or 'none'}")
    return 1 if silent else 0


def outcomes(rows: Sequence[dict[str, Any]]) -> None:
    """Counts by outcome and reason; numbers and names in reasons are one kind."""
    counts = Counter((row["state"], _kind(row)) for row in rows)
    for (state, reason), count in sorted(counts.items(), key=lambda one: (one[0][0], -one[1])):
        print(f"{count:5}  {state:10} {reason}")


def _kind(row: dict[str, Any]) -> str:
    return re.sub(r"\d[\d,.]*", "N", row["reason"].replace(row["name"], "FILE"))


def slowest(rows: Sequence[dict[str, Any]], most: int) -> None:
    print("\nslowest:")
    for row in sorted(rows, key=lambda one: -one["seconds"])[:most]:
        print(f"{row['seconds']:7.2f} s  {row['state']:10} {row['name']}")


def memory(done: Run) -> None:
    """The parent alone, at the beginning and at the end: it must stay flat."""
    quarter = max(len(done.parent_mb) // 4, 1)
    early, late = statistics.median(done.parent_mb[:quarter]), statistics.median(done.parent_mb[-quarter:])
    print(f"\nmemory of the parent alone: first quarter {early:.0f} MB, last quarter {late:.0f} MB", end="")
    print(f", peak {max(done.parent_mb):.0f} MB; with its children at most {done.peak_mb:.0f} MB")


if __name__ == "__main__":
    raise SystemExit(main())
