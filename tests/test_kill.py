"""An ingestion that is killed at random moments loses nothing, doubles nothing, and shows nothing by half."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from rag.workspace import Workspace
from tests.kill_harness import Job, kill_often

pytestmark = pytest.mark.end_to_end

ROOT = Path(__file__).resolve().parent.parent
SAMPLES = [path for path in sorted((ROOT / "samples").iterdir()) if path.suffix in (".pdf", ".md", ".txt")]
KILLS = 5


def test_killed_at_random_moments() -> None:
    findings = kill_often(Job(SAMPLES, longest_life=4.0, finish_seconds=120), KILLS, seed=20261122)
    assert not findings.problems, findings.said
    assert findings.kills == KILLS
    assert findings.documents >= len(SAMPLES)
    assert findings.questions


def heeds_ctrl_c() -> None:
    """What a shell starts in the background is told to ignore it, and so are the tests' own children then."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@pytest.mark.skipif(os.name != "posix", reason="sends a signal to a process group")
def test_ctrl_c_leaves_the_file_for_the_next_time(make_workspace: Callable[..., Workspace], tmp_path: Path) -> None:
    large = tmp_path / "large.txt"
    large.write_text("".join(f"The fee of article {number} is {number} euros.\n" for number in range(40_000)))
    command = [sys.executable, "-m", "rag", "--data-dir", str(tmp_path / "data"), "ingest", str(large)]
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        stderr=subprocess.PIPE,
        start_new_session=True,
        text=True,
        preexec_fn=heeds_ctrl_c,
    )
    owner = tmp_path / "data" / "owner.json"
    deadline = time.monotonic() + 30
    while not owner.exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    time.sleep(0.3)
    os.killpg(process.pid, signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Unfinished documents go on" in said
    assert "Traceback" not in said
    assert [one.state.value for one in make_workspace().documents()] in (["indexing"], ["queued"])
