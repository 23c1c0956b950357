"""A deadline and a way out for any blocking stream: it is read on a thread of its own, and given up when time is over
or when nobody waits for it any more, and with it whatever streams are being read for it."""

from __future__ import annotations

import math
import queue
import socket
import threading
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import suppress
from contextvars import ContextVar
from functools import partial
from typing import Any, TypeVar

T = TypeVar("T")


class DeadlineError(Exception):
    """The stream did not end in time."""


class AbandonedError(BaseException):
    """Nobody waits for the stream any more. No Exception: what handles failures must not take it for one."""


_END = object()
_current: ContextVar[_Reading | None] = ContextVar("current_reading", default=None)


def stream_within(seconds: float, start: Callable[[], Iterator[str]]) -> Iterator[str]:
    """The strings of `start()`, all within `seconds` of the first request for one.

    Raises DeadlineError when time is over, and whatever the stream itself raises. However this iterator ends,
    closed early included, the stream's connections that `watch_request` was told of are cut, and the stream,
    which calls `stop_if_abandoned` for each thing that it receives, ends: at once where it was waiting for one
    of those connections, otherwise when it next receives something or its own network timeout strikes.
    """
    for one in stream_alive(seconds, start, math.inf, "language-model"):
        if one is not None:
            yield one


def stream_alive(seconds: float, start: Callable[[], Iterator[T]], beat: float, name: str) -> Generator[T | None]:
    """As `stream_within`, of anything; None whenever nothing has come for `beat` seconds.

    A stream that reads others through this module is waked when it is abandoned, and they are abandoned with it.
    `name` is the thread's.
    """
    reading = _Reading(start, name)
    deadline = time.monotonic() + seconds
    try:
        while True:
            remaining = deadline - time.monotonic()
            if remaining <= 0:
                raise DeadlineError
            try:
                item = reading.items.get(timeout=min(remaining, beat))
            except queue.Empty:
                yield None
                continue
            if item is _END:
                return
            if isinstance(item, BaseException):
                raise item
            yield item
    finally:
        reading.abandon()


def stop_if_abandoned() -> None:
    """To be called by the stream between two pieces: raises AbandonedError once nobody waits for more."""
    reading = _current.get()
    if reading and reading.abandoned.is_set():
        raise AbandonedError


def watch_request(request: Any) -> None:
    """A request hook for HTTPX clients: notes the connection as soon as it is made, so that abandoning a stream can cut
    it, even before the server has said a word."""
    reading = _current.get()
    if reading:
        request.extensions["trace"] = partial(_watch_connection, reading)


def _watch_connection(reading: _Reading, event: str, told: dict[str, Any]) -> None:
    """HTTPX's trace of what happens to a request. Where TLS starts, another socket takes the place of the first."""
    if event.endswith(("connect_tcp.complete", "start_tls.complete")):
        connection = told["return_value"].get_extra_info("socket")
        if connection:
            reading.when_abandoned(partial(_cut, connection))


def _cut(connection: socket.socket) -> None:
    with suppress(OSError):  # already closed, which is what is wanted
        connection.shutdown(socket.SHUT_RDWR)


class _Reading:
    """A stream being read on a daemon thread into `items`: its things, then `_END` or the error that ended it.

    Raises AbandonedError if the stream that it is read for has been abandoned already.
    """

    def __init__(self, start: Callable[[], Iterator[Any]], name: str) -> None:
        self.items: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self.abandoned = threading.Event()
        self._start = start
        self._lock = threading.Lock()
        self._ends: list[Callable[[], None]] = []
        stop_if_abandoned()
        if outer := _current.get():
            outer.when_abandoned(self.abandon)
        threading.Thread(target=self._read, name=name, daemon=True).start()

    def _read(self) -> None:
        _current.set(self)
        try:
            for piece in self._start():
                self.items.put(piece)
            self.items.put(_END)
        except AbandonedError:
            pass
        except BaseException as error:  # noqa: BLE001 - the consumer raises it in its own thread
            # Kept where nobody asks for it, the error would keep alive the frames that hold the connection open.
            if not self.abandoned.is_set():
                self.items.put(error)

    def when_abandoned(self, end: Callable[[], None]) -> None:
        """Call `end` when this is abandoned: now, if it has been."""
        with self._lock:
            if not self.abandoned.is_set():
                self._ends.append(end)
                return
        end()

    def abandon(self) -> None:
        """Let the thread end: it looks at the flag between pieces, and a cut connection wakes it from waiting, as it
        does whoever waits for it in a thread that is to end too."""
        with self._lock:
            self.abandoned.set()
            ends, self._ends = self._ends, []
        for end in ends:
            end()
        self.items.put(AbandonedError())
