"""Errands: what is done with collections in the background, while anyone may look how far it is."""

from __future__ import annotations

import logging
import threading
import uuid
from collections.abc import Callable
from dataclasses import replace

from rag.errors import RagError, StoppedError
from rag.records import Errand, Far, Move

log = logging.getLogger(__name__)

Work = Callable[[Far, Move], Move]
"""Does an errand, telling how far it is; returns what it has become."""


class Errands:
    """Those of a workspace, each in a thread of its own. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._moves: dict[str, Move] = {}
        self._threads: dict[str, threading.Thread] = {}
        self._stopped: set[str] = set()

    def start(self, errand: Errand, name: str, work: Work) -> Move:
        """Begin an errand about something called `name`; one of the kind that is on its way for it stays the one."""
        with self._lock:
            for move in self._moves.values():
                if (move.errand, move.name, move.over) == (errand, name, False):
                    return move
            move = Move(uuid.uuid4().hex[:12], errand, name)
            self._moves[move.id] = move
            thread = threading.Thread(target=self._run, args=(move, work), name=f"footnote-{errand}", daemon=True)
            self._threads[move.id] = thread
        thread.start()
        return move

    def all(self) -> list[Move]:
        """Those that are on their way, or over and not forgotten, in the order they began."""
        with self._lock:
            return list(self._moves.values())

    def stop(self, move_id: str) -> None:
        """End an errand at its next step, and forget it with its file."""
        with self._lock:
            self._stopped.add(move_id)
            thread = self._threads.get(move_id)
        if thread is not None and thread is not threading.current_thread():
            thread.join()
        with self._lock:
            move = self._moves.pop(move_id, None)
            self._threads.pop(move_id, None)
            self._stopped.discard(move_id)
        if move is not None and move.file is not None:
            move.file.unlink(missing_ok=True)

    def stop_all(self) -> None:
        """End all of them, and forget them with their files."""
        with self._lock:
            moves = list(self._moves)
            self._stopped.update(moves)
        for one in moves:
            self.stop(one)

    def _run(self, move: Move, work: Work) -> None:
        def far(fraction: float, stage: str) -> None:
            with self._lock:
                if move.id in self._stopped:
                    raise StoppedError(f"{move.name} was stopped.")
                self._moves[move.id] = replace(self._moves[move.id], fraction=fraction, stage=stage)

        try:
            ended = work(far, move)
        except RagError as error:
            ended = replace(move, problem=str(error))
        except BaseException as error:  # a Rust library's panic is no Exception, and nobody else would hear of it
            log.exception("%s of %s failed", move.errand, move.name)
            ended = replace(move, problem=f"Unexpected {type(error).__name__}. The log has the details; try again.")
        with self._lock:
            self._moves[move.id] = replace(ended, over=True, fraction=1.0, stage="")
