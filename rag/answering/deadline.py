"""A deadline for any blocking stream: it is read on a thread of its own, and given up when time is over."""

from __future__ import annotations

import queue
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from contextvars import ContextVar
from typing import Any


class DeadlineError(Exception):
    """The stream did not end in time."""


_END = object()
_current: ContextVar[_Reading | None] = ContextVar("current_reading", default=None)


def stream_within(seconds: float, start: Callable[[], Iterator[str]]) -> Iterator[str]:
    """The strings of `start()`, all within `seconds` of the first request for one.

    Raises DeadlineError when time is over, and whatever the stream itself raises. However this iterator ends,
    closed early included, the stream's connections that `watch_connection` was told of are cut, and the stream,
    which calls `stop_if_abandoned` for each thing that it receives, ends: at once where it was waiting for one
    of those connections, otherwise when it next receives something or its own network timeout strikes.
    """
    reading = _Reading(start)
    deadline = time.monotonic() + seconds
    try:
        while True:
            remaining = deadline - time.monotonic()
            if remaining <= 0:
                raise DeadlineError
            try:
                item = reading.items.get(timeout=remaining)
            except queue.Empty:
                raise DeadlineError from None
            if item is _END:
                return
            if isinstance(item, BaseException):
                raise item
            yield item
    finally:
        reading.abandon()


def stop_if_abandoned() -> None:
    """To be called by the stream between two pieces: raises DeadlineError once nobody waits for more."""
    reading = _current.get()
    if reading and reading.abandoned.is_set():
        raise DeadlineError


def watch_connection(response: Any) -> None:
    """A response hook for HTTPX clients: notes the connection, so that abandoning a stream can cut it."""
    reading = _current.get()
    stream = response.extensions.get("network_stream")
    connection = stream.get_extra_info("socket") if stream else None
    if reading and connection:
        reading.add_connection(connection)


class _Reading:
    """A stream being read on a daemon thread into `items`: strings, then `_END` or the error that ended it."""

    def __init__(self, start: Callable[[], Iterator[str]]) -> None:
        self.items: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self.abandoned = threading.Event()
        self._start = start
        self._lock = threading.Lock()
        self._connections: list[socket.socket] = []
        threading.Thread(target=self._read, name="language-model", daemon=True).start()

    def _read(self) -> None:
        _current.set(self)
        try:
            for piece in self._start():
                self.items.put(piece)
            self.items.put(_END)
        except Exception as error:  # noqa: BLE001 - the consumer raises it in its own thread
            # Kept where nobody asks for it, the error would keep alive the frames that hold the connection open.
            if not self.abandoned.is_set():
                self.items.put(error)

    def add_connection(self, connection: socket.socket) -> None:
        with self._lock:
            self._connections.append(connection)
        if self.abandoned.is_set():
            self.abandon()

    def abandon(self) -> None:
        """Let the thread end: it looks at the flag between pieces, and a cut connection wakes it from waiting."""
        self.abandoned.set()
        with self._lock:
            for connection in self._connections:
                with suppress(OSError):  # already closed, which is what is wanted
                    connection.shutdown(socket.SHUT_RDWR)
