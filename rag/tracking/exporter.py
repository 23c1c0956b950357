"""The process that tells MLflow: `python -m rag.tracking.exporter FOLDER [SECONDS]`.

It works off what waits in our files, ends when nothing has come for a while, and when its parent is gone, for whatever
reason, soon after. What it was about to tell when it was killed waits as before, and is told under the same ids: twice
is once. What MLflow refuses is tried later and stands in nobody's way; if MLflow is away, all waits, and the process
ends. Exit codes: 0 what can be told is told, 1 MLflow is away; `trouble.txt` says what the trouble was.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path

from filelock import FileLock, Timeout

from rag.errors import RagError
from rag.experiments import Experiments
from rag.folder import Folder
from rag.records import Outgoing
from rag.settings import Settings, load_settings
from rag.traces import Traces, Unsent
from rag.tracking.opening import Opened, open_mlflow
from rag.tracking.place import Place, place_of
from rag.tracking.sending import is_ready

IDLE_SECONDS = 30.0
POLL_SECONDS = 0.5
LAST_SECONDS = 2.0
"""How long it goes on when its parent is gone and something waits; then it ends, even within a call that MLflow hangs
in."""
AT_ONCE = 100
"""Entries of studies told before traces have their turn."""
log = logging.getLogger(__name__)


class Exporter:
    """Tells one MLflow what waits in one data folder. `is_over` says when to stop."""

    def __init__(self, settings: Settings, folder: Folder, place: Place, is_over: Callable[[], bool]) -> None:
        self._settings, self._folder, self._place, self._is_over = settings, folder, place, is_over
        self._mlflow: Opened | None = None
        self._traces: Traces | None = None
        self._experiments: Experiments | None = None
        self.is_away = False
        """MLflow cannot be reached, or takes nothing: it is of no use to try on."""
        self.tried = 0
        self.trouble = ""

    def work(self) -> bool:
        """Tell what waits now; False if there was nothing."""
        before = self.tried
        if (experiments := self._experiments_there()) is not None:
            for one in islice(self._ready(experiments), AT_ONCE):
                if self._is_over() or self.is_away:
                    return True
                self._outgoing(experiments, one)
        if (traces := self._traces_there()) is not None:
            for _ in range(50):  # then studies have their turn
                unsent = None if self._is_over() or self.is_away else traces.next_unsent()
                if unsent is None:
                    break
                self._trace(traces, unsent)
        return self.tried > before

    def close(self) -> None:
        for one in (self._traces, self._experiments):
            if one is not None:
                one.close()

    def _open(self) -> Opened:
        if self._mlflow is None:
            self._mlflow = open_mlflow(self._place)
        return self._mlflow

    def _ready(self, experiments: Experiments) -> Iterator[Outgoing]:
        return (one for one in experiments.to_export() if is_ready(experiments, self._place, one))

    def _outgoing(self, experiments: Experiments, one: Outgoing) -> None:
        from rag.tracking.sending import send

        problem = self._tried(lambda: send(self._open(), experiments, one))
        if not problem:
            experiments.exported(one)
        elif not self.is_away:
            experiments.export_failed(one, problem)

    def _trace(self, traces: Traces, unsent: Unsent) -> None:
        from rag.tracking.traces import forget_trace, mlflow_id, send_trace

        def tell() -> None:
            if unsent.trace is None:
                forget_trace(self._open(), unsent.id)
            else:
                send_trace(self._open(), unsent.trace, again=bool(unsent.mlflow_id))

        if problem := self._tried(tell):
            traces.failed(unsent, problem, min(600.0, 5.0 * 2.0 ** min(unsent.tries, 20)))
        else:
            traces.sent(unsent, mlflow_id(unsent.id))

    def _tried(self, tell: Callable[[], None]) -> str:
        """Why it could not be told; empty if it was. Then it is known whether MLflow is away or refused this alone."""
        self.tried += 1
        try:
            tell()
        except Exception as error:  # noqa: BLE001 - whatever MLflow, its database or its server raise: it waits
            self.trouble = self._settings.redacted(" ".join(str(error).split())[:500]) or type(error).__name__
            self.is_away = not self._takes_something()
            log.warning("MLflow could not be told: %s", self.trouble)
            return self.trouble
        return ""

    def _takes_something(self) -> bool:
        """Whether MLflow is there and can be written to: no kind of error says that of all its stores and servers."""
        if self._mlflow is None:  # it could not be opened
            return False
        try:
            self._mlflow.touch()
        except Exception:  # noqa: BLE001 - as above; what it was is said already
            return False
        return True

    def _traces_there(self) -> Traces | None:
        if self._traces is None and self._folder.traces.exists():
            self._traces = Traces(self._folder.traces)
        return self._traces

    def _experiments_there(self) -> Experiments | None:
        if self._experiments is None and self._folder.experiments.exists():
            self._experiments = Experiments(self._folder.experiments)
        return self._experiments


def export(
    settings: Settings,
    is_over: Callable[[], bool],
    idle_seconds: float = IDLE_SECONDS,
    is_closing: Callable[[], bool] = lambda: False,
) -> int:
    """Tell MLflow what waits, until nothing has come for so many seconds, or nothing waits and `is_closing`; returns
    the exit code. One process at a time does: whoever comes second waits until the first has ended."""
    folder = Folder(settings.data_dir)
    place = place_of(settings, folder)
    place.folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(place.exporter_lock)
    while not lock.is_locked:
        if is_over():
            return 0
        with suppress(Timeout):
            lock.acquire(timeout=POLL_SECONDS)
    exporter = Exporter(settings, folder, place, is_over)
    try:
        last = time.monotonic()
        while not is_over() and not exporter.is_away:
            if exporter.work():
                last = time.monotonic()
            elif is_closing() or time.monotonic() - last >= idle_seconds:
                break
            else:
                time.sleep(POLL_SECONDS)
        place.trouble.write_text(exporter.trouble, encoding="utf-8")
        return 1 if exporter.is_away else 0
    finally:
        exporter.close()
        lock.release()


def main(arguments: list[str]) -> int:
    """Run until nothing has come for some seconds, or whoever holds the other end of standard input is gone."""
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="%(message)s")
    if hasattr(os, "nice"):
        os.nice(10)  # it is in no hurry, and somebody may be asking
    over = _Over()
    threading.Thread(target=over.listen, daemon=True).start()
    idle_seconds = float(arguments[1]) if len(arguments) > 1 else IDLE_SECONDS
    folder = Path(arguments[0]).resolve()
    try:
        return export(load_settings(data_dir=folder), over, idle_seconds, lambda: over.is_near)
    except RagError as error:
        log.warning("%s", error)
        return 1


class _Over:
    """True some seconds after standard input has ended; a second later the process is ended, whatever it does."""

    def __init__(self) -> None:
        self._until: float | None = None

    def __call__(self) -> bool:
        return self._until is not None and time.monotonic() > self._until

    @property
    def is_near(self) -> bool:
        return self._until is not None

    def listen(self) -> None:
        while os.read(sys.stdin.fileno(), 1):  # not through a buffer, whose lock this thread would hold at the end
            pass
        self._until = time.monotonic() + LAST_SECONDS
        time.sleep(LAST_SECONDS + 1)
        os._exit(1)  # as if it were killed, which loses nothing; its locks are let go of


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
