"""The worker that works off unfinished documents in the background."""

from __future__ import annotations

import logging
import threading
import time

from rag.errors import FolderInUseError, RagError
from rag.folder import Folder
from rag.gate import Gate
from rag.ingestion import Ingestion
from rag.memory import return_memory

log = logging.getLogger(__name__)

IDLE_SECONDS = 1.0
"""How often an idle worker looks for documents that another process has queued."""
TIDY_SECONDS = 30.0
"""How often a worker removes what was deleted or cancelled: interrupted, or by another process."""
SWEEP_SECONDS = 600.0
"""How often it removes what no document claims."""
MEMORY_SECONDS = 10.0
"""How often it gives back memory that was freed."""
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
        self._wake = {"reader": threading.Event(), "embedder": threading.Event()}
        self._work = {"reader": self._read, "embedder": self._embed}
        self._stopping = threading.Event()
        self._threads: dict[str, threading.Thread] = {}
        removal = ingestion.removal
        self._every = {
            ingestion.follow_shadows: TIDY_SECONDS,
            removal.clear_all: TIDY_SECONDS,
            removal.sweep: SWEEP_SECONDS,
            return_memory: MEMORY_SECONDS,
        }
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
            for what in self._work:
                if what not in self._threads or not self._threads[what].is_alive():
                    thread = threading.Thread(target=self._run, args=(what,), name=f"footnote-{what}", daemon=True)
                    self._threads[what] = thread
                    thread.start()
            return True

    @property
    def working(self) -> bool:
        """Whether it has been started and not been stopped, and neither thread has died."""
        alive = [thread.is_alive() for thread in self._threads.values()]
        return bool(alive) and all(alive) and not self._stopping.is_set()

    def stop(self, seconds: float | None) -> bool:
        """End for good, at the next batch; waits so long for that (None: until it is so). Documents stay queued.

        Returns whether it has ended.
        """
        with self._lock:
            self._stopping.set()
            self._ingestion.stop()
            self._wake_up()
        deadline = None if seconds is None else time.monotonic() + seconds
        for thread in self._threads.values():
            if thread.ident is not None:  # else Ctrl-C came between making and starting it
                thread.join(None if deadline is None else max(0.0, deadline - time.monotonic()))
        return not any(thread.is_alive() for thread in self._threads.values())

    def _wake_up(self) -> None:
        for event in self._wake.values():
            event.set()

    def _run(self, what: str) -> None:
        wake = self._wake[what]
        while not self._stopping.is_set():
            wake.clear()
            worked = False
            try:
                with self._gate.shared():
                    worked = self._work[what]()
            except RagError as error:  # the catalog or the store is out of reach: wait and try again
                log.warning("The %s waits: %s", what, error)
            except BaseException:  # a Rust library's panic is no Exception; the other documents must not wait for ever
                log.exception("The %s met an unexpected error and goes on", what)
            if not worked:
                wake.wait(IDLE_SECONDS)

    def _read(self) -> bool:
        worked = self._ingestion.read_next()
        if worked:
            self._wake["embedder"].set()
        return worked

    def _embed(self) -> bool:
        self._tidy()
        return any([self._ingestion.relabel_next(), self._ingestion.embed_next()])  # neither waits for all of the other

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
