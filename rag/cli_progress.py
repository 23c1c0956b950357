"""The bars that show, on a terminal, how far an ingestion is."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rag.cli_output import Output, escape
from rag.records import IngestEvent, Progress


@contextmanager
def progress(output: Output, queue: Callable[[], Progress | None]) -> Iterator[Callable[[IngestEvent], str]]:
    """Gives a function that shows an event and returns its outcome; `queue` tells how far the whole queue is."""
    from rich.console import Console
    from rich.progress import BarColumn, TextColumn
    from rich.progress import Progress as Bars

    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda event: output.outcome(event, bars=False)
        return
    with Bars(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[facts]}"),
        console=console,
        redirect_stdout=sys.stdout.isatty(),  # else what another program is to read would land on stderr
    ) as bars:
        whole = bars.add_task("all", total=1.0, facts="")
        now = bars.add_task("", total=None, visible=False, facts="")
        outcomes: Counter[str] = Counter()

        def show(event: IngestEvent) -> str:
            facts = f"{event.done:,} of {event.total:,}" if event.total else ""
            stage = f"{event.stage} {escape(event.name)}"
            bars.update(now, description=stage, completed=event.done, total=event.total or None, facts=facts)
            bars.update(now, visible=not event.outcome)
            if (far := queue()) is not None:
                bars.update(whole, completed=far.fraction, facts=_far(far))
            outcomes.update([event.outcome] if event.outcome else [])
            return output.outcome(event, bars=True)

        yield show
        bars.update(now, visible=False)
        if queue() is None:  # else the owner of the folder goes on with it
            bars.update(whole, completed=1.0, facts=_all_done(outcomes))


def _far(progress: Progress) -> str:
    """`3 of 14 files, 42 chunks/s, 2 min left`."""
    facts = [f"{progress.finished:,} of {progress.documents:,} files"]
    facts += [f"{progress.failed:,} failed"] if progress.failed else []
    facts += [f"{progress.cancelled:,} cancelled"] if progress.cancelled else []
    if progress.chunks_per_second:
        facts.append(f"{progress.chunks_per_second:.0f} chunks/s")
    if progress.seconds_left is not None:
        left = progress.seconds_left
        facts.append(f"{left:.0f} s left" if left < 90 else f"{left / 60:.0f} min left")
    return ", ".join([*facts, *([progress.reason] if progress.reason else [])])


def _all_done(outcomes: Counter[str]) -> str:
    """`3 files: 2 ready, 1 failed`."""
    each = ", ".join(f"{number:,} {outcome}" for outcome, number in outcomes.items())
    return f"{outcomes.total():,} {'file' if outcomes.total() == 1 else 'files'}{': ' if each else ''}{each}"
