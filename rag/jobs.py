"""The worker that works off unfinished documents in the background."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from math import inf

from rag.errors import FolderInUseError, RagError
from rag.folder import Folder
from rag.gate import Gate
from rag.ingestion import Ingestion

log = logging.getLogger(__name__)

IDLE_SECONDS = 1.0
"""How often an idle worker looks for documents that another process has queued."""
TIDY_SECONDS = 30.0
"""How often a worker finishes interrupted deletions."""
SWEEP_SECONDS = 600.0
"""How often it removes what no document claims."""
STOP_SECONDS = 15.0
"""How long closing waits for a batch to end."""


class Worker:
    """Two threads that run an Ingestion: one reads, one embeds. Only the folder's owner has one at work."""

    def __init__(self, ingestion: Ingestion, folder: Folder, gate: Gate, role: str) -> None:
        self._ingestion = ingestion
        self._folder = folder
        self._gate = gate
        self._role = role
        self._lock = threading.Lock()
        self._wake = (threading.Event(), threading.Event())
        self._stopping = threading.Event()
        self._threads: list[threading.Thread] = []
        removal = ingestion.removal
        self._every = {removal.finish_deletions: TIDY_SECONDS, removal.sweep: SWEEP_SECONDS, removal.clear_failed: inf}
        self._due = dict.fromkeys(self._every, 0.0)

    def start(self) -> bool:
        """Work from now on, and look at once for what is waiting; False if another process owns the folder."""
        with self._lock:
            self._wake_up()
            if self._stopping.is_set():
                return False
            if self.working:
                return True
            try:
                if not self._folder.owned:
                    self._folder.own(self._role)
            except FolderInUseError:
                return False
            self._folder.works(self._role)
            self._threads = [
                threading.Thread(target=self._run, args=arguments, name=f"footnote-{arguments[0]}", daemon=True)
                for arguments in (("reader", self._read, self._wake[0]), ("embedder", self._embed, self._wake[1]))
            ]
            for thread in self._threads:
                thread.start()
            return True

    @property
    def working(self) -> bool:
        """Whether it has been started and not been stopped."""
        return any(thread.is_alive() for thread in self._threads) and not self._stopping.is_set()

    def stop(self, seconds: float | None) -> bool:
        """End for good, at the next batch; waits so long for that (None: until it is so). Documents stay queued.

        Returns whether it has ended.
        """
        with self._lock:
            self._stopping.set()
            self._ingestion.stop()
            self._wake_up()
        deadline = None if seconds is None else time.monotonic() + seconds
        for thread in self._threads:
            thread.join(None if deadline is None else max(0.0, deadline - time.monotonic()))
        return not any(thread.is_alive() for thread in self._threads)

    def _wake_up(self) -> None:
        for event in self._wake:
            event.set()

    def _run(self, what: str, work: Callable[[], bool], wake: threading.Event) -> None:
        while not self._stopping.is_set():
            wake.clear()
            worked = False
            try:
                with self._gate.shared():
                    worked = work()
            except RagError as error:  # the catalog or the store is out of reach: wait and try again
                log.warning("The %s waits: %s", what, error)
            except Exception:  # whatever it is, the other documents must not wait for ever
                log.exception("The %s met an unexpected error and goes on", what)
            if not worked:
                wake.wait(IDLE_SECONDS)

    def _read(self) -> bool:
        worked = self._ingestion.read_next()
        if worked:
            self._wake[1].set()
        return worked

    def _embed(self) -> bool:
        self._tidy()
        return self._ingestion.embed_next()

    def _tidy(self) -> None:
        now = time.monotonic()
        for tidy, seconds in self._every.items():
            if now < self._due[tidy]:
                continue
            self._due[tidy] = now + seconds
            try:
                tidy()
            except RagError as error:  # new documents need not wait for it
                log.warning("Tidying up waits: %s", error)
