"""A child process that serves one request after another, and may crash, hang or eat its memory without harm to us.

`subprocess`, never `multiprocessing`: a spawned child of a Streamlit app would run the app's script again.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from enum import Enum
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

from rag.errors import ParseLimitError, StoppedError
from rag.parsing.wire import DONE

POLL_SECONDS = 0.2
"""Between two looks at the clock, at the child's memory, and at whether to stop."""
IDLE_SECONDS = 30.0
"""A child that has nothing to do ends after this time, and its memory returns."""
MAX_REQUESTS = 1000
LISTENER_SECONDS = 1.0
"""How long an ended child's last line is awaited. What escaped from its group may hold its pipe open for ever."""

_PROJECT = Path(__file__).resolve().parents[2]
_KEPT_STDERR = 2000
# In a session of its own: Ctrl-C in the terminal is meant for the parent, who then lets the file go on later.
_APART: dict[str, Any] = (
    {"creationflags": getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0)}
    if sys.platform == "win32"
    else {"start_new_session": True}
)
_logger = logging.getLogger(__name__)


class Cause(Enum):
    """Why a child ended without a reply."""

    CRASH = "crash"
    TIME = "time"
    CPU = "processor time"
    MEMORY = "memory"


class EndedError(Exception):
    """The child is gone and there is no reply, `left` seconds before the deadline; never leaves this package."""

    def __init__(self, cause: Cause, left: float) -> None:
        super().__init__(cause.value)
        self.cause = cause
        self.left = left


class Worker:
    """One child process at a time, started when there is something to do. Thread-safe: one request after another.

    It is ended over `memory_mb`, and replaced if it has more than `kept_mb` after a request.
    """

    def __init__(self, memory_mb: int, kept_mb: int) -> None:
        self._memory_mb = memory_mb
        self._kept_mb = kept_mb
        self._turn = threading.Lock()
        self._closed = threading.Event()
        self._child: _Child | None = None
        self._timer: threading.Timer | None = None

    def ask(self, request: dict[str, Any], seconds: float, cancelled: Callable[[], bool]) -> bytes:
        """The reply to `request`.

        A reused child that ends may have been damaged by an earlier file, so a fresh one gets a try.
        Raises EndedError, StoppedError when `cancelled()` or closed, ParseLimitError where the reply has no room on the
        disk.
        """

        def given_up() -> bool:
            return self._closed.is_set() or cancelled()

        while not self._turn.acquire(timeout=POLL_SECONDS):
            if given_up():
                raise _stopped()
        try:
            if self._closed.is_set():
                raise _stopped()
            self._stop_timer()
            deadline = time.monotonic() + seconds
            reused = self._child is not None
            try:
                return self._exchange(request, deadline, given_up)
            except EndedError as ended:
                if not reused or ended.cause not in (Cause.CRASH, Cause.MEMORY):
                    raise
                return self._exchange(request, deadline, given_up)
        finally:
            self._start_timer()
            self._turn.release()

    def close(self) -> None:
        """End the child for good, in the middle of a request too, which is then stopped, as are all later ones."""
        self._closed.set()
        with self._turn:
            self._stop_timer()
            self._end()

    def _exchange(self, request: dict[str, Any], deadline: float, cancelled: Callable[[], bool]) -> bytes:
        if self._child is None:
            self._child = _Child()
        try:
            reply = self._child.exchange(request, deadline, self._memory_mb, cancelled)
        except BaseException:
            self._end()
            raise
        if self._child.served >= MAX_REQUESTS or self._child.memory_mb() > self._kept_mb:
            self._end()
        return reply

    def _end(self) -> None:
        child, self._child = self._child, None
        if child is not None:
            child.end()

    def _start_timer(self) -> None:
        if self._child is not None:
            self._timer = threading.Timer(IDLE_SECONDS, self._end_idle)
            self._timer.daemon = True
            self._timer.start()

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _end_idle(self) -> None:
        if self._turn.acquire(blocking=False):
            try:
                self._end()
            finally:
                self._turn.release()


class _Child:
    """A running process with its pipes, and a folder that its replies are written to."""

    def __init__(self) -> None:
        from rag.settings import child_environment  # pydantic would double the start-up time of the child itself

        self.served = 0
        self._folder = Path(tempfile.mkdtemp(prefix="footnote-"))
        self._complaints = self._folder / "stderr"
        with self._complaints.open("ab") as stderr:
            self._process = subprocess.Popen(  # noqa: S603 - our own program
                [sys.executable, "-m", "rag.parsing.worker", str(self._folder)],
                cwd=_PROJECT,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stderr,
                env=child_environment(),
                **_APART,
            )
        self._lines: SimpleQueue[bytes] = SimpleQueue()
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    def _listen(self) -> None:
        assert self._process.stdout is not None  # noqa: S101 - for the type checker
        with self._process.stdout as replies:
            for line in replies:
                self._lines.put(line)
        self._lines.put(b"")

    def exchange(
        self, request: dict[str, Any], deadline: float, memory_mb: int, cancelled: Callable[[], bool]
    ) -> bytes:
        limits = request["limits"] | {"seconds": max(deadline - time.monotonic(), 0.01)}
        assert self._process.stdin is not None  # noqa: S101 - for the type checker
        with suppress(BrokenPipeError, ConnectionResetError):  # it has ended already, as its last line will say
            self._process.stdin.write(json.dumps(request | {"limits": limits}).encode() + b"\n")
            self._process.stdin.flush()
        line = self._await(deadline, memory_mb, cancelled)
        if line == DONE:
            self.served += 1
            return (self._folder / "reply").read_bytes()
        if not line:
            raise EndedError(self._cause(), deadline - time.monotonic())
        reason = line.decode(errors="replace").strip()
        raise ParseLimitError(f"The text of this file could not be handed over ({reason}): make room on the disk.")

    def _await(self, deadline: float, memory_mb: int, cancelled: Callable[[], bool]) -> bytes:
        while True:
            left = deadline - time.monotonic()
            try:
                return self._lines.get(timeout=max(min(left, POLL_SECONDS), 0))
            except Empty:
                if left <= 0:
                    raise EndedError(Cause.TIME, left) from None
            if cancelled():
                raise _stopped()
            if self.memory_mb() > memory_mb:
                raise EndedError(Cause.MEMORY, left)

    def memory_mb(self) -> float:
        """Its resident memory with that of what it has started; 0 where it has ended."""
        import psutil  # type: ignore[import-untyped]  # its types are a package of their own

        total = 0
        with suppress(psutil.NoSuchProcess):
            child = psutil.Process(self._process.pid)
            for one in (child, *child.children(recursive=True)):
                with suppress(psutil.NoSuchProcess):
                    total += one.memory_info().rss
        return total / 2**20

    def _cause(self) -> Cause:
        code = self._process.wait()
        with self._complaints.open("rb") as file:
            file.seek(max(file.seek(0, 2) - _KEPT_STDERR, 0))
            last_words = file.read().decode(errors="replace")
        _logger.debug("A worker ended with exit status %s: %s", code, last_words)
        return _CAUSES.get(-code, Cause.CRASH)

    def end(self) -> None:
        """End it with all that it has started."""
        if sys.platform == "win32":
            self._process.kill()
        else:
            with suppress(ProcessLookupError, PermissionError):  # the whole group has ended already
                os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._listener.join(LISTENER_SECONDS)
        with suppress(OSError):  # what was still to be written to it
            if self._process.stdin is not None:
                self._process.stdin.close()
        shutil.rmtree(self._folder, ignore_errors=True)


def _stopped() -> StoppedError:
    return StoppedError("Reading the file was stopped. Try again in a moment.")


def _signals() -> dict[int, Cause]:
    """The signals that end a child at a limit. Only a system without memory sends SIGKILL before we do."""
    causes = {"SIGXCPU": Cause.CPU, "SIGALRM": Cause.TIME, "SIGKILL": Cause.MEMORY}
    return {int(getattr(signal, name)): cause for name, cause in causes.items() if hasattr(signal, name)}


_CAUSES = _signals()
