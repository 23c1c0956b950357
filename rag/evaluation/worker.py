"""The thread that works off studies in the background."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from rag.errors import RagError, StoppedError
from rag.evaluation.runner import Runner
from rag.experiments import Experiments

log = logging.getLogger(__name__)

IDLE_SECONDS = 1.0
"""How often an idle worker looks for studies that another process has queued."""


class StudyWorker:
    """One thread. Only the owner of the folder has one at work: what was running when it starts is nobody's."""

    def __init__(self, experiments: Experiments, runner: Callable[[Callable[[], bool]], Runner]) -> None:
        self._experiments = experiments
        self._runner = runner(lambda: self._stopping.is_set())
        self._lock = threading.Lock()
        self._wake, self._stopping = threading.Event(), threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Work from now on, and look at once for what is waiting. For the folder's owner."""
        with self._lock:
            self._wake.set()
            if self._stopping.is_set() or (self._thread and self._thread.is_alive()):
                return
            self._experiments.requeue()
            self._thread = threading.Thread(target=self._run, name="footnote-studies", daemon=True)
            self._thread.start()

    def stop(self, seconds: float | None) -> bool:
        """End for good, after the question at hand; waits so long for that. What is unfinished stays queued. Returns
        whether it has ended."""
        with self._lock:
            self._stopping.set()
            self._wake.set()
        if self._thread is not None:
            self._thread.join(seconds)
        return self._thread is None or not self._thread.is_alive()

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._wake.clear()
            try:
                worked = self._next()
            except RagError as error:  # the file is out of reach: wait and try again
                log.warning("Studies wait: %s", error)
                worked = False
            if not worked:
                self._wake.wait(IDLE_SECONDS)

    def _next(self) -> bool:
        study = self._experiments.next_study()
        if study is None:
            return False
        try:
            self._runner.run(study)
        except StoppedError:
            self._experiments.requeue()
        except RagError:
            self._experiments.requeue()
            raise
        return True
