"""Values that several searches for one question have in common, made once."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Mapping, Sequence
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

    def each(self, kind: str, names: Sequence[str], make: Callable[[Sequence[str]], Mapping[str, T]]) -> dict[str, T]:
        """What `make` gives of names, each made once; those that it gives nothing of are left out."""
        wanted = list(dict.fromkeys(names))
        new = [one for one in wanted if (kind, one) not in self._kept]
        self.saved += sum(self._kept[kind, one][1] for one in set(wanted) - set(new))
        if new:
            began = time.perf_counter()
            made = make(new)
            seconds = (time.perf_counter() - began) / len(new)
            self._kept |= {(kind, one): (made.get(one), seconds) for one in new}
        found = {one: self._kept[kind, one][0] for one in wanted}
        return {one: value for one, value in found.items() if value is not None}
