"""Rehearsals: a collection and what is to take its place are asked the same questions before they are swapped."""

from __future__ import annotations

from dataclasses import dataclass

from rag.records.experiments import Run, RunState, Study


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """A study of two runs that are configured alike but for how passages are made: `before` searches the collection as
    it is, `after` what is in the making. `outdated` says why it tells nothing of these two any more, empty if it does.
    """

    study: Study
    before: Run
    after: Run
    outdated: str = ""

    @property
    def runs(self) -> tuple[Run, Run]:
        """Both, the collection as it is first."""
        return self.before, self.after

    @property
    def working(self) -> bool:
        """Whether it is still going on, or waits for its turn."""
        return self.study.state in (RunState.QUEUED, RunState.RUNNING)

    @property
    def whole(self) -> bool:
        """Whether both have figures."""
        return all(one.state is RunState.FINISHED for one in self.runs)

    @property
    def speaks(self) -> bool:
        """Whether it says something of the two as they are now."""
        return self.whole and not self.outdated


@dataclass(frozen=True, slots=True)
class Outcomes:
    """Questions by their place in the set: for which a new version is better by one metric, or worse, beside the old
    one, and for how many it is the same. `unmeasured` ones have no such figure in one of them."""

    won: tuple[int, ...]
    lost: tuple[int, ...]
    same: int
    unmeasured: int


@dataclass(frozen=True, slots=True)
class Cost:
    """What a version of a collection takes: passages, about how many bytes on the disk beside the files themselves, and
    the seconds of work that its documents took to read and embed."""

    passages: int
    bytes: int
    seconds: float
