"""With the defaults nothing is fetched or sent anywhere: the main job runs where sockets beyond loopback raise."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
GUARDED = """
import ipaddress, socket, sys

def beyond(address):
    host = address[0] if isinstance(address, tuple) else None
    if host in (None, "localhost", ""):
        return False
    try:
        return not ipaddress.ip_address(host).is_loopback
    except ValueError:
        return True

def audit(event, arguments):
    if event == "socket.connect" and beyond(arguments[1]):
        raise RuntimeError(f"connects to {arguments[1]}")
    if event in ("socket.getaddrinfo", "socket.gethostbyname") and beyond((arguments[0],)):
        raise RuntimeError(f"looks up {arguments[0]}")
    if event in ("socket.sendto", "socket.sendmsg") and beyond(arguments[1]):
        raise RuntimeError(f"sends to {arguments[1]}")

sys.addaudithook(audit)
attempts = []
sys.unraisablehook = lambda unraisable: attempts.append(repr(unraisable.exc_value))
import threading
threading.excepthook = lambda arguments: attempts.append(repr(arguments.exc_value))
"""
MAIN_JOB = """
from pathlib import Path
from rag.settings import load_settings
from rag.workspace import Workspace

with Workspace(load_settings(data_dir=Path(sys.argv[1]))) as workspace:
    samples = [path for path in sorted(Path("samples").iterdir()) if path.suffix in (".pdf", ".md", ".txt")]
    outcomes = {event.outcome for event in workspace.ingest(samples) if event.outcome}
    assert outcomes == {"ready"}, outcomes
    answer = workspace.ask("What dividend per share does the Board propose for 2025?")
    assert "0.31" in answer.text, answer.text
assert not attempts, attempts
print("done")
"""
CHECK_THE_GUARD = """
import urllib.request
try:
    urllib.request.urlopen("http://192.0.2.1/", timeout=1)
except RuntimeError as error:
    print(error)
"""


def run(code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("HF_", "ANONYMIZED"))}
    return subprocess.run(
        [sys.executable, "-c", GUARDED + code, *arguments], cwd=ROOT, env=environment, capture_output=True, text=True
    )


def test_the_main_job_reaches_nothing_beyond_this_machine(tmp_path: Path) -> None:
    done = run(MAIN_JOB, str(tmp_path / "data"))
    assert done.returncode == 0, done.stderr
    assert done.stdout == "done\n"


def test_the_guard_of_this_test_works() -> None:
    assert run(CHECK_THE_GUARD).stdout == "looks up 192.0.2.1\n"
    connects = "import socket\ntry:\n socket.socket().connect(('192.0.2.1', 9))\nexcept RuntimeError as e: print(e)"
    assert run(connects).stdout == "connects to ('192.0.2.1', 9)\n"
