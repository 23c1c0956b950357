"""Writes traces down in the background, in the order in which answers came."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from queue import SimpleQueue

from rag.errors import RagError
from rag.records import Trace
from rag.traces.store import Traces

log = logging.getLogger(__name__)

CLOSING_SECONDS = 5.0


class Recorder:
    """Opens the file when there is something for it. Thread-safe. A trace that cannot be written is lost, and the log
    says so: no answer fails for it."""

    def __init__(self, path: Path, kept: int) -> None:
        self._path = path
        self._kept = kept
        self._opening = threading.Lock()
        self._opened: Traces | None = None
        self._work: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
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
        self._later(partial(self._add, make, turn, send))

    def judge(self, turn: str, owner: str, value: int, note: str) -> None:
        """Have it written what a reader thinks of an answer."""
        self._later(lambda: self.store.judge(turn, owner, value, note))

    def settle(self) -> None:
        """Wait until all that was given is written."""
        if self._thread is None:
            return
        done = threading.Event()
        self._work.put(done.set)
        done.wait(CLOSING_SECONDS)

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

    def _later(self, work: Callable[[], None]) -> None:
        with self._opening:
            if self._closed:
                return
            self._work.put(work)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="footnote-traces", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        while (work := self._work.get()) is not None:
            try:
                work()
            except RagError as error:
                log.warning("A trace could not be kept: %s", error)

    def _add(self, make: Callable[[], Trace], turn: str, send: Callable[[str], bool]) -> None:
        trace = make()
        self.store.add(trace, turn, send(trace.id), self._kept)
