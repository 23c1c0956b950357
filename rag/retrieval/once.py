"""Values that several searches for one question have in common, made once."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable
from typing import Any, TypeVar, cast

T = TypeVar("T")


class Once:
    """Keeps what was made. `saved` adds up the seconds that making things again would have taken, so that it can be
    said how long a search would take by itself. For one thread."""

    def __init__(self) -> None:
        self.saved = 0.0
        self._kept: dict[Hashable, tuple[Any, float]] = {}

    def __contains__(self, key: Hashable) -> bool:
        return key in self._kept

    def __getitem__(self, key: Hashable) -> tuple[Any, float]:
        """What was made, and the seconds it took."""
        return self._kept[key]

    def __setitem__(self, key: Hashable, made: tuple[Any, float]) -> None:
        """Take over what was made elsewhere, and the seconds it took."""
        self._kept[key] = made

    def __call__(self, key: Hashable, make: Callable[[], T]) -> T:
        """What `make` gives, or gave when it was first asked for under this key."""
        if key in self._kept:
            value, seconds = self._kept[key]
            self.saved += seconds
            return cast(T, value)
        saved, began = self.saved, time.perf_counter()
        made = make()
        # What it took over itself belongs to what it costs.
        self._kept[key] = made, time.perf_counter() - began + self.saved - saved
        return made
