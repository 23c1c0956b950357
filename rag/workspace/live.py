"""Work for somebody who waits: what is being done, for how long, and a way to stop it at any moment."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator
from typing import TypeVar

from rag.answering import DeadlineError, stop_if_abandoned, stream_alive
from rag.errors import StoppedError
from rag.records import FIRST_WORDS, PARTS, TOTAL, Span, Step, Told

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
    """Adds up the seconds of steps, being told when each begins; at the beginning of one, abandoned work ends. Of PARTS
    nobody else is told. `spans` has them all, as they came."""

    def __init__(self, told: Told) -> None:
        self._told = told
        self._began = time.monotonic()
        self._first: float | None = None
        self._total: float | None = None
        self._steps: list[tuple[Step, float]] = []

    def __call__(self, step: Step) -> None:
        stop_if_abandoned()
        self._steps.append((step, time.monotonic()))
        if step not in PARTS:
            self._told(step)

    def first_words(self) -> None:
        """Note that there are words to be read."""
        if self._first is None:
            self._first = time.monotonic() - self._began

    def timings(self) -> dict[str, float]:
        """Seconds by step, until the first words, and in total."""
        self._total = total = time.monotonic() - self._began
        found: dict[str, float] = {}
        for one in self.spans(total):
            if not one.within:
                found[one.name] = found.get(one.name, 0.0) + one.seconds
        first = {} if self._first is None else {FIRST_WORDS: self._first}
        return {**found, **first, TOTAL: total}

    def elapsed(self) -> float:
        """Seconds in total, as `timings` last told them, or until now."""
        return time.monotonic() - self._began if self._total is None else self._total

    def spans(self, total: float) -> tuple[Span, ...]:
        """Each step, and each part of one, to where the next begins; the last ends after `total` seconds."""
        end = self._began + total
        found: list[Span] = []
        next_step = next_any = end
        around = self._around()
        for (step, since), within in zip(reversed(self._steps), reversed(around), strict=True):
            until = next_any if within else next_step
            found.append(Span(step.value, since - self._began, max(0.0, until - since), within))
            next_any = since
            next_step = next_step if within else since
        return tuple(reversed(found))

    def _around(self) -> list[str]:
        """Of each step the one that it is a part of, if it is."""
        around, current = [], ""
        for step, _ in self._steps:
            current = current if step in PARTS else step.value
            around.append(current if step in PARTS else "")
        return around
