"""Runs a server for as long as its parent lives: `python rag/tracking/keeping.py COMMAND...`.

The parent holds the other end of standard input: whatever ends it, even `kill -9`, ends the server and its children.
Run as a file, so that nothing of ours is imported.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from contextlib import suppress

import psutil  # type: ignore[import-untyped]  # its types are a package of their own

LAST_SECONDS = 5.0


def main(command: list[str]) -> int:
    """Run it until it ends, or standard input does."""
    server = subprocess.Popen(command, stdin=subprocess.DEVNULL)  # noqa: S603 - our parent's choice
    threading.Thread(target=_end_with_parent, args=(server.pid,), daemon=True).start()
    return server.wait()


def _end_with_parent(pid: int) -> None:
    while os.read(sys.stdin.fileno(), 1):
        pass
    with suppress(psutil.NoSuchProcess):
        family = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
        for one in family:
            with suppress(psutil.NoSuchProcess):
                one.terminate()
        _, left = psutil.wait_procs(family, LAST_SECONDS)
        for one in left:
            with suppress(psutil.NoSuchProcess):
                one.kill()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
