"""What one request to a worker may use, and how the child process binds itself to it."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

BYTES_PER_CHARACTER = 8
"""A generous bound for a character of the result as JSON, its share of the breakpoints included."""


@dataclass(frozen=True, slots=True)
class Limits:
    """`seconds` of wall time, `memory_mb` MB of address space (None: not bound by the system), `cpu_seconds` of all
    processors together, and caps on pages and characters."""

    max_pages: int
    max_chars: int
    seconds: float
    memory_mb: int | None
    cpu_seconds: float = math.inf
    started: float = field(default_factory=time.monotonic)

    def share_spent(self) -> float:
        """The share of the wall time that is over, from 0."""
        return (time.monotonic() - self.started) / self.seconds


@contextmanager
def confined(limits: Limits, written_bytes: int) -> Iterator[None]:
    """Bind this process for one request with what the system offers: Linux all, macOS time, Windows nothing.

    The alarm ends a process whose parent no longer watches it. It comes a second after the parent's own limit, so that
    while the parent lives it is the one who decides.
    """
    if sys.platform == "win32":
        yield
        return
    import resource
    import signal

    if limits.cpu_seconds < math.inf:
        _set(resource.RLIMIT_CPU, math.ceil(_used() + limits.cpu_seconds))
    _set(resource.RLIMIT_CORE, 0)
    if sys.platform == "linux":
        if limits.memory_mb is not None:
            _set(resource.RLIMIT_AS, limits.memory_mb * 2**20)
        _set(resource.RLIMIT_FSIZE, written_bytes)
    signal.setitimer(signal.ITIMER_REAL, limits.seconds + 1)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


if sys.platform != "win32":

    def _used() -> float:
        import resource

        usage = resource.getrusage(resource.RUSAGE_SELF)
        return usage.ru_utime + usage.ru_stime

    def _set(which: int, value: int) -> None:
        """Only the soft limit, which the next request sets anew."""
        import resource

        _, hard = resource.getrlimit(which)
        resource.setrlimit(which, (value if hard == resource.RLIM_INFINITY else min(value, hard), hard))
