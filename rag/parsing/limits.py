"""What one parse may use, and how the child process binds itself to it."""

from __future__ import annotations

import math
import sys
import time
from dataclasses import dataclass, field

BYTES_PER_CHARACTER = 8
"""A generous bound for a character of the result as JSON, its share of the breakpoints included."""


@dataclass(frozen=True, slots=True)
class Limits:
    """`seconds` of wall time, `memory_mb` MB of address space, and caps on pages and characters."""

    max_pages: int
    max_chars: int
    seconds: float
    memory_mb: int
    started: float = field(default_factory=time.monotonic)

    def share_spent(self) -> float:
        """The share of the wall time that is over, from 0."""
        return (time.monotonic() - self.started) / self.seconds


def confine(limits: Limits) -> None:
    """Bind this process to its limits with what the system offers: Linux all, macOS time, Windows nothing.

    The alarm ends a child whose parent was killed and can no longer stop it. It and the CPU limit come a
    second after the parent's own, so that while the parent lives it is the one who decides.
    """
    if sys.platform == "win32":
        return
    import resource
    import signal

    signal.setitimer(signal.ITIMER_REAL, limits.seconds + 1)
    _lower(resource.RLIMIT_CPU, math.ceil(limits.seconds) + 1)
    _lower(resource.RLIMIT_CORE, 0)
    if sys.platform == "linux":
        _lower(resource.RLIMIT_AS, limits.memory_mb * 2**20)
        _lower(resource.RLIMIT_FSIZE, limits.max_chars * BYTES_PER_CHARACTER + 2**20)


if sys.platform != "win32":

    def _lower(which: int, value: int) -> None:
        import resource

        _, hard = resource.getrlimit(which)
        bound = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(which, (bound, bound))
