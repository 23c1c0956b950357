"""An ingestion that is killed at random moments loses nothing, doubles nothing, and shows nothing by half."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from rag.workspace import Workspace
from tests.conftest import outcomes

pytestmark = pytest.mark.end_to_end

ROOT = Path(__file__).resolve().parent.parent
SAMPLES = [path for path in sorted((ROOT / "samples").iterdir()) if path.suffix in (".pdf", ".md", ".txt")]
KILLS = 5


def start(data: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "rag", "--data-dir", str(data), "ingest", *map(str, SAMPLES)]
    return subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, start_new_session=os.name == "posix"
    )


def test_killed_at_random_moments(make_workspace: Callable[..., Workspace], tmp_path: Path) -> None:
    moments = random.Random(20261122)  # noqa: S311 - for repeating, not for secrets
    for _ in range(KILLS):
        process = start(tmp_path / "data")
        time.sleep(moments.uniform(0.5, 4.0))
        process.kill()
        process.communicate()
    workspace = make_workspace()
    assert set(outcomes(workspace.ingest(SAMPLES)).values()) <= {"ready", "duplicate"}
    workspace.drain()
    documents = workspace.documents()
    assert [one.name for one in documents] == [path.name for path in SAMPLES]
    assert {one.state.value for one in documents} == {"ready"}
    kept = {chunk.id for one in documents for chunk in workspace.chunks(one)}
    name = workspace.collection().store_name
    assert {one for document in documents for one in workspace.store.chunk_ids(name, document.id)} == kept
    assert workspace.store.count(name) == len(kept)
    assert "0.31" in workspace.ask("What dividend per share does the Board propose for 2025?").text


@pytest.mark.skipif(os.name != "posix", reason="sends a signal to a process group")
def test_ctrl_c_leaves_the_file_for_the_next_time(make_workspace: Callable[..., Workspace], tmp_path: Path) -> None:
    large = tmp_path / "large.txt"
    large.write_text("".join(f"The fee of article {number} is {number} euros.\n" for number in range(40_000)))
    command = [sys.executable, "-m", "rag", "--data-dir", str(tmp_path / "data"), "ingest", str(large)]
    process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, start_new_session=True, text=True)
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
