"""The parent's side of telling MLflow: a process that does it is started when something waits, and ends when idle."""

from __future__ import annotations

import logging
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from rag.settings import Settings, tracking_environment

POLL_SECONDS = 3.0
LAST_SECONDS = 4.0
"""How long the process may still take when the parent closes."""
LONGEST_PAUSE = 600.0
_PROJECT = Path(__file__).resolve().parents[2]
_APART: dict[str, Any] = (
    {"creationflags": getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0)}
    if sys.platform == "win32"
    else {"start_new_session": True}  # Ctrl-C in the terminal is meant for the parent, who tells it to end
)
log = logging.getLogger(__name__)


class Exporting:
    """Starts the process whenever `waiting()` says that something waits; after a failure, later and later. Close it."""

    def __init__(self, settings: Settings, data_dir: Path, waiting: Callable[[], int]) -> None:
        self._settings, self._data_dir, self._waiting = settings, data_dir, waiting
        self._child: subprocess.Popen[bytes] | None = None
        self._closing = threading.Event()
        self._awake = threading.Event()
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None
        self._pause = 0.0

    def start(self) -> None:
        """Begin to look, in the background."""
        with self._starting:
            if self._thread is None and not self._closing.is_set():
                self._thread = threading.Thread(target=self._run, name="footnote-tracking", daemon=True)
                self._thread.start()

    def try_now(self) -> None:
        """Do not wait any longer after a failure."""
        self._pause = 0.0
        self._awake.set()

    @property
    def running(self) -> bool:
        return self._child is not None and self._child.poll() is None

    def stop(self) -> None:
        """End the process now; it is started again when something waits."""
        self._end(0.0)

    def close(self) -> None:
        """Let the process tell what it can within some seconds; the rest waits for the next start."""
        self._closing.set()
        self._awake.set()
        if self._thread is not None:
            self._thread.join(LAST_SECONDS)
        self._end(LAST_SECONDS)

    def _run(self) -> None:
        while not self._closing.is_set():
            if not self.running:
                if self._child is not None:
                    failed, self._child = self._child.returncode != 0, None
                    self._pause = min(LONGEST_PAUSE, 2 * self._pause + POLL_SECONDS) if failed else 0.0
                    if failed:
                        self._rest(self._pause)
                        continue
                if self._waiting():
                    self._child = self._started()
            self._rest(POLL_SECONDS)

    def _rest(self, seconds: float) -> None:
        self._awake.wait(seconds)
        self._awake.clear()

    def _started(self) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "rag.tracking.exporter", str(self._data_dir)]
        environment = tracking_environment(self._settings)
        return subprocess.Popen(  # noqa: S603 - our own module
            command, cwd=_PROJECT, env=environment, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, **_APART
        )

    def _end(self, seconds: float) -> None:
        child = self._child
        if child is None or child.poll() is not None:
            return
        with suppress(OSError):
            if child.stdin is not None:
                child.stdin.close()
        try:
            child.wait(seconds)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
