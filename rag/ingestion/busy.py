"""Who works on a document: its indexes are written and cleared by one at a time."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rag.records import Document

Key = tuple[str, str]

LOOK_SECONDS = 0.2
"""Between two looks of one who waits at whether to go on."""


class Busy:
    """Documents in hand. A worker that meets a deletion on its way cleans up itself, as it lets go."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._held: set[Key] = set()

    @contextmanager
    def hold(self, document: Document, waiting: Callable[[], None] = lambda: None) -> Iterator[None]:
        """Wait until nobody has the document, and have it. `waiting` is called meanwhile, and may raise."""
        key = (document.collection, document.id)
        with self._changed:
            while not self._changed.wait_for(lambda: key not in self._held, LOOK_SECONDS):
                waiting()
            self._held.add(key)
        try:
            yield
        finally:
            self._let_go(key)

    @contextmanager
    def try_hold(self, document: Document) -> Iterator[bool]:
        """Have the document if nobody else has it; gives whether that is so."""
        key = (document.collection, document.id)
        with self._changed:
            free = key not in self._held
            self._held.add(key)
        try:
            yield free
        finally:
            if free:
                self._let_go(key)

    def _let_go(self, key: Key) -> None:
        with self._changed:
            self._held.discard(key)
            self._changed.notify_all()
