"""Whether a study passes where figures must not get worse, in CI say: thresholds, met on all questions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rag.cli_output import Output
from rag.records import RunState, Study

if TYPE_CHECKING:  # it is imported late, for it takes a while
    from rag.workspace import Workspace

ROUNDING = 1e-9
NAMED = 3
"""Questions of which nothing was found, that are named."""
LONGEST = 60


@dataclass(frozen=True, slots=True)
class Gate:
    """The first configuration of a study, with which the others are compared, against `limits` by the metric. What is
    measured on a part of the questions meets none of them: not if questions failed, unless there is a limit for
    `errors`; and not if documents or quotes that questions name were not found, unless there is one for `located`."""

    workspace: Workspace
    study: Study
    limits: Sequence[tuple[str, float]]

    def says(self, output: Output) -> bool:
        """Whether all is well; what is not is said."""
        missed = list(self._missed()) if self.limits else []
        for one in missed:
            output.say(f"Missed: {one}")
        return not missed

    def _missed(self) -> Iterator[str]:
        run = self.study.runs[0]
        if run.state is not RunState.FINISHED:
            yield f"the first configuration has not finished. {run.reason}"
            return
        limited = {name for name, _ in self.limits}
        for name, limit in self.limits:
            yield from self._of(name, limit)
        if run.metrics["errors"] and "errors" not in limited:
            yield f"{run.metrics['errors']:,.0f} of {run.metrics['questions']:,.0f} questions failed. {run.reason}"
        missing = self.workspace.missing(self.study)
        if missing and "located" not in limited:
            named = ", ".join(repr(one.document or one.quotes[0])[:LONGEST] for one in missing[:NAMED])
            yield (
                f"for {len(missing):,} of {run.metrics['questions']:,.0f} questions, the document or quote that is "
                f"named is not in the collection: {named}{', ...' if len(missing) > NAMED else ''}."
            )

    def _of(self, name: str, limit: float) -> Iterator[str]:
        from rag.workspace import lower_is_better

        run = self.study.runs[0]
        value = run.metrics.get(name)
        most = "at most" if lower_is_better(name) else "at least"
        if value is None:
            yield f"{name} was not measured on any question, and should be {most} {limit:g}."
        elif value > limit + ROUNDING if lower_is_better(name) else value < limit - ROUNDING:
            measured = self.workspace.experiments.measured_by([run.id], name)[run.id]
            over = f" over {len(measured):,} questions" if measured else ""
            yield f"{name} is {value:.4g}{over}, and should be {most} {limit:g}."
