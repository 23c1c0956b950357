"""Writes traces down in the background, in the order in which answers came."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import NamedTuple

from rag.errors import RagError
from rag.records import Trace
from rag.traces.store import NewTrace, Traces

log = logging.getLogger(__name__)

CLOSING_SECONDS = 5.0
GATHERING_SECONDS = 0.5
"""Traces are written together that come within this time: by then the answer is read, and nobody is in the way."""


class _New(NamedTuple):
    make: Callable[[], Trace]
    turn: str
    send: Callable[[str], bool]


class Recorder:
    """Opens the file when there is something for it. Thread-safe. A trace that cannot be written is lost, and the log
    says so: no answer fails for it."""

    def __init__(self, path: Path, kept: int) -> None:
        self._path = path
        self._kept = kept
        self._opening = threading.Lock()
        self._opened: Traces | None = None
        self._work: SimpleQueue[_New | Callable[[], None] | None] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._closed = False

    @property
    def store(self) -> Traces:
        """The file. Raises FolderError."""
        with self._opening:
            if self._opened is None:
                self._opened = Traces(self._path)
            return self._opened

    def add(self, make: Callable[[], Trace], turn: str, send: Callable[[str], bool]) -> None:
        """Have a trace made and written; nobody waits for either. `send` is told its id, and says whether it is for
        MLflow."""
        self._later(_New(make, turn, send))

    def judge(self, turn: str, owner: str, value: int, note: str) -> None:
        """Have it written what a reader thinks of an answer."""
        self._later(lambda: self.store.judge(turn, owner, value, note))

    def settle(self, seconds: float = CLOSING_SECONDS) -> None:
        """Wait until all that was given is written, for so many seconds at most: the file may be locked."""
        if self._thread is None:
            return
        done = threading.Event()
        self._work.put(done.set)
        done.wait(seconds)

    def close(self) -> None:
        """Write what is left, within some seconds, and let go of the file."""
        with self._opening:
            self._closed, thread = True, self._thread
        if thread is not None:
            self._work.put(None)
            thread.join(CLOSING_SECONDS)
        with self._opening:
            if self._opened is not None:
                self._opened.close()

    def _later(self, work: _New | Callable[[], None]) -> None:
        with self._opening:
            if self._closed:
                return
            self._work.put(work)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="footnote-traces", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        gathered: list[_New] = []
        until = 0.0
        while True:
            try:
                work = self._work.get(timeout=max(0.0, until - time.monotonic()) if gathered else None)
            except Empty:
                self._add(gathered)
                gathered = []
                continue
            if isinstance(work, _New):
                until = until if gathered else time.monotonic() + GATHERING_SECONDS
                gathered.append(work)
                continue
            self._add(gathered)
            gathered = []
            if work is None:
                return
            self._tried(work)

    def _tried(self, work: Callable[[], None]) -> None:
        try:
            work()
        except RagError as error:
            log.warning("A trace could not be kept: %s", error)
        except Exception:  # whatever is wrong with one of them, the next are kept
            log.exception("A trace could not be kept")

    def _add(self, gathered: Sequence[_New]) -> None:
        new: list[NewTrace] = []
        for one in gathered:
            self._tried(partial(self._make, one, new))
        if new:
            self._tried(partial(self._keep, new))

    def _keep(self, new: Sequence[NewTrace]) -> None:
        try:
            self.store.add(new, self._kept)
        except RagError:
            raise
        except Exception:  # one of them cannot be written, as half a character in a name: not all are lost for it
            if len(new) == 1:
                raise
            for one in new:
                self._tried(partial(self.store.add, [one], self._kept))

    def _make(self, one: _New, new: list[NewTrace]) -> None:
        trace = one.make()
        new.append(NewTrace(trace, one.turn, one.send(trace.id)))
