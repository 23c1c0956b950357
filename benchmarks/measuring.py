"""Running a command as a user would, and watching the memory of it and its children meanwhile."""

from __future__ import annotations

import json
import os
import platform
import shlex
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

ROOT = Path(__file__).resolve().parent.parent
RAG = [sys.executable, "-m", "rag"]
SAMPLE_SECONDS = 0.05


@dataclass(frozen=True)
class Run:
    """What one command took and said. `parent_mb` has the samples of the first process alone, in order of time."""

    seconds: float
    cpu_seconds: float
    peak_mb: float
    parent_mb: list[float]
    rows: list[dict[str, Any]]
    code: int
    complaint: str

    def sum(self, field: str) -> int:
        """The sum of a number over all JSON lines."""
        return sum(row.get(field, 0) for row in self.rows)

    def timings(self) -> dict[str, float]:
        """Seconds of work by stage over all JSON lines; with stages beside each other they exceed `seconds`."""
        total: dict[str, float] = {}
        for row in self.rows:
            for stage, seconds in row.get("timings", {}).items():
                total[stage] = total.get(stage, 0.0) + seconds
        return total


def run(
    command: Sequence[str],
    limit: float,
    may_fail: bool = False,
    watch: Callable[[float], None] | None = None,
) -> Run:
    """Run a command that prints JSON lines; `watch` is called with the seconds so far at every sample.

    SystemExit if it takes more than `limit` seconds, or fails and may not.
    """
    with tempfile.TemporaryFile("w+") as said, tempfile.TemporaryFile("w+") as complained:
        used = _cpu_of_children()
        started = time.monotonic()
        process = psutil.Popen(command, cwd=ROOT, stdout=said, stderr=complained)
        try:
            samples = _sample(process, started, limit, watch)
            seconds = time.monotonic() - started
        finally:
            kill_tree(process)
        code = process.wait()
        said.seek(0)
        complained.seek(0)
        complaint = complained.read()
        if code and not may_fail:
            raise SystemExit(f"{shlex.join(command)[:300]} ended with {code}:\n{complaint[-2000:]}")
        rows = [json.loads(line) for line in said]
    peak = max((whole for _, whole in samples), default=0.0)
    return Run(seconds, _cpu_of_children() - used, peak, [own for own, _ in samples], rows, code, complaint)


def _sample(
    process: psutil.Popen, started: float, limit: float, watch: Callable[[float], None] | None
) -> list[tuple[float, float]]:
    samples = []
    while process.poll() is None:
        seconds = time.monotonic() - started
        if seconds > limit:
            raise SystemExit(f"{shlex.join(process.args)[:300]} took longer than {limit:.0f} s and was ended.")
        samples.append(tree_mb(process))
        if watch:
            watch(seconds)
        time.sleep(SAMPLE_SECONDS)
    return samples


def tree_mb(process: psutil.Process) -> tuple[float, float]:
    """Memory in MB of a process, and of it and its descendants together; what they share is counted once."""
    own = _mb(process)
    return own, own + sum(_mb(child) for child in _children(process))


def kill_tree(process: psutil.Process) -> None:
    """End a process that may be gone already, and its descendants."""
    for one in (*_children(process), process):
        try:
            one.kill()
        except psutil.NoSuchProcess:
            continue


def _mb(process: psutil.Process) -> float:
    try:
        memory = process.memory_full_info()
    except (psutil.NoSuchProcess, psutil.AccessDenied):  # it has just ended
        return 0.0
    return getattr(memory, "pss", memory.uss) / 1e6


def _children(process: psutil.Process) -> list[psutil.Process]:
    try:
        return process.children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def _cpu_of_children() -> float:
    times = psutil.Process().cpu_times()
    return times.children_user + times.children_system


def say_how() -> None:
    """The command that repeats this, and the machine; from here on each line is shown at once, in a file too."""
    sys.stdout.reconfigure(line_buffering=True)
    print(shlex.join(["python", *sys.argv]))
    load = f", load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    cores, python = os.cpu_count(), platform.python_version()
    print(f"{cores} cores, {psutil.virtual_memory().total / 1e9:.0f} GB, {platform.system()}, Python {python}{load}")


def table(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Columns with their numbers right-aligned under their names."""
    cells = [[*columns], *([_cell(one) for one in row] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for line in cells:
        print("  ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True)))


def _cell(value: object) -> str:
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.2f}" if abs(value) < 10 else f"{value:.1f}"
    return f"{value:,}" if isinstance(value, int) else str(value)
