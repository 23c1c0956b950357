"""With the defaults nothing is fetched or sent anywhere: the main job runs where sockets beyond loopback raise.

The dashboard's own process is held to the same in test_browser.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.browser import ROOT, guarded

pytestmark = pytest.mark.end_to_end

MAIN_JOB = """
import sys
from pathlib import Path

import pytest
from rag.settings import load_settings
from rag.workspace import Workspace

with Workspace(load_settings(data_dir=Path(sys.argv[1]))) as workspace:
    samples = [path for path in sorted(Path("samples").iterdir()) if path.suffix in (".pdf", ".md", ".txt")]
    outcomes = {event.outcome for event in workspace.ingest(samples) if event.outcome}
    assert outcomes == {"ready"}, outcomes
    answer = workspace.ask("What dividend per share does the Board propose for 2025?")
    assert "0.31" in answer.text, answer.text
print("done")
"""
REACH_OUT = """
import socket, urllib.request
for attempt in (
    lambda: urllib.request.urlopen("http://192.0.2.1/", timeout=1),
    lambda: socket.socket().connect(("192.0.2.1", 9)),
    lambda: socket.socket(type=socket.SOCK_DGRAM).sendto(b"x", ("192.0.2.1", 9)),
    lambda: socket.getaddrinfo("example.test", 80),
):
    try:
        attempt()
    except RuntimeError as error:
        print("refused")
"""


def run(code: str, log: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code, *arguments], cwd=ROOT, env=guarded(log), capture_output=True, text=True
    )


def test_the_main_job_reaches_nothing_beyond_this_machine(tmp_path: Path) -> None:
    done = run(MAIN_JOB, tmp_path / "log", str(tmp_path / "data"))
    assert done.returncode == 0, done.stderr
    assert done.stdout == "done\n"
    assert not (tmp_path / "log").exists(), (tmp_path / "log").read_text()


def test_the_guard_of_these_tests_works(tmp_path: Path) -> None:
    assert run(REACH_OUT, tmp_path / "log").stdout.splitlines() == ["refused"] * 4
    assert len((tmp_path / "log").read_text().splitlines()) == 4
