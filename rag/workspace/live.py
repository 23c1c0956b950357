"""Work for somebody who waits: what is being done, for how long, and a way to stop it at any moment."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator
from typing import TypeVar

from rag.answering import DeadlineError, stop_if_abandoned, stream_alive
from rag.errors import StoppedError
from rag.records import FIRST_WORDS, TOTAL, Step, Told

T = TypeVar("T")

BEAT_SECONDS = 0.1
THREAD = "footnote-answer"


def live(seconds: float, start: Callable[[], Iterator[T]]) -> Generator[T | None]:
    """What `start()` gives, which runs on a thread of its own, and None whenever it has given nothing for a moment.

    Closing this stops the work: at once where it waits for a language model, whose connection is cut, else after the
    step it is at. Raises StoppedError if all of it takes more than `seconds`, and what the work itself raises.
    """
    try:
        yield from stream_alive(seconds, start, BEAT_SECONDS, THREAD)
    except DeadlineError:
        raise StoppedError(
            f"It took more than {seconds:g} seconds and was given up; RAG_ASK_TIMEOUT sets the limit. Try again, or "
            "look in fewer documents."
        ) from None


class Stopwatch:
    """Adds up the seconds of steps, being told when each begins; at the beginning of one, abandoned work ends."""

    def __init__(self, told: Told) -> None:
        self._told = told
        self._began = self._since = time.monotonic()
        self._step: Step | None = None
        self._seconds: dict[str, float] = {}

    def __call__(self, step: Step) -> None:
        stop_if_abandoned()
        self._stop()
        self._step = step
        self._told(step)

    def first_words(self) -> None:
        """Note that there are words to be read."""
        self._seconds.setdefault(FIRST_WORDS, time.monotonic() - self._began)

    def timings(self) -> dict[str, float]:
        """Seconds by step, until the first words, and in total."""
        self._stop()
        return {**self._seconds, TOTAL: time.monotonic() - self._began}

    def _stop(self) -> None:
        now = time.monotonic()
        if self._step is not None:
            self._seconds[self._step.value] = self._seconds.get(self._step.value, 0.0) + now - self._since
        self._since = now
