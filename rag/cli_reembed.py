"""The command line's `reembed`: a collection made with another model, precision or passage size, then swapped in."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

from rag.cli_output import Output
from rag.errors import InputError, NotFoundError
from rag.records import Recipe, Reembedding

if TYPE_CHECKING:  # it is imported late, for it takes a while
    from rag.workspace import Workspace

POLL_SECONDS = 0.2


def add_options(command: argparse.ArgumentParser) -> None:
    """What `reembed` takes."""
    command.add_argument("collection", metavar="COLLECTION", help="the collection's name")
    command.add_argument("--model", help="`bundled`, a sentence-transformers name or folder, or `provider:model`")
    command.add_argument("--precision", choices=("int8", "fp32"), help="weights of the bundled model")
    command.add_argument("--chunk-tokens", type=int, metavar="N", help="tokens in a passage")
    then = command.add_mutually_exclusive_group()
    then.add_argument("--swap", action="store_true", help="put it in the collection's place when it is ready")
    then.add_argument("--discard", action="store_true", help="give up what is in the making")
    then.add_argument("--status", action="store_true", help="say how far it is, and do nothing")
    command.add_argument("--without-failed", action="store_true", help="swap although documents failed")
    command.add_argument("--retry", action="store_true", help="try once more what failed")


def reembed(workspace: Workspace, given: argparse.Namespace, output: Output) -> bool:
    """Begin, go on, swap or discard; whether all of it is ready. Raises what the workspace raises."""
    name, wanted = given.collection, _wanted(workspace, given)
    found = workspace.reembedding(name)
    if given.status:
        _show(found, name, output)
        return True
    if given.discard:
        workspace.discard_reembedding(name)
        output.line({"collection": name, "state": "discarded"}, f"Discarded. {name} stays as it is.")
        return True
    if found is None:
        _begin(workspace, name, wanted or workspace.recipe_now(name), output)
    elif wanted is not None and wanted != found.recipe:
        raise InputError(
            f"{name!r} is being re-embedded in another way already. --discard that first, or go on with it."
        )
    if given.retry:
        workspace.retry_reembedding(name)
    found = _follow(workspace, name)
    if found is None:
        raise NotFoundError(f"What was in the making of {name!r} has been discarded or swapped in meanwhile.")
    if given.swap and (found.whole or given.without_failed):
        after = workspace.swap(name, given.without_failed)
        row = {"collection": name, "state": "swapped", "documents": after.documents, "chunks": after.chunks}
        output.line(row, f"Swapped in: {name} has {after.chunks:,} passages now.")
        return True
    _show(found, name, output)
    return found.whole


def _wanted(workspace: Workspace, given: argparse.Namespace) -> Recipe | None:
    """The recipe that the options say, with what they leave out as the collection is made; None without any."""
    options = {"model": given.model, "precision": given.precision, "chunk_tokens": given.chunk_tokens}
    chosen = {name: value for name, value in options.items() if value is not None}
    if not chosen:
        return None
    return replace(workspace.recipe_now(given.collection), **chosen)


def _begin(workspace: Workspace, name: str, recipe: Recipe, output: Output) -> None:
    plan = workspace.plan_reembedding(name, recipe)
    if plan.same:
        raise InputError(f"{name!r} is made in that way. Say another: --model, --precision or --chunk-tokens.")
    workspace.reembed(name, recipe)
    takes = "" if plan.seconds is None else f", about {max(1, round(plan.seconds / 60)):,} min"
    output.say(f"{plan.documents:,} documents, about {plan.passages:,} passages{takes}. {name} is searched as it is.")
    if plan.edits_lost:
        output.say(f"{plan.edits_lost:,} passages that were edited by hand will be as they were read.")


def _follow(workspace: Workspace, name: str) -> Reembedding | None:
    """Until nothing is left to do on it, or another process has ended it."""
    with _bar() as show:
        while (found := workspace.reembedding(name)) is not None and (found.working or found.counts.busy):
            show(found)
            time.sleep(POLL_SECONDS)
    return found


@contextmanager
def _bar() -> Iterator[Any]:
    """Gives a function that shows, on a terminal, how far it is."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn

    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda _: None
        return
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[facts]}"))
    with Progress(*columns, console=console, redirect_stdout=sys.stdout.isatty()) as bars:
        task = bars.add_task("re-embedding", total=1.0, facts="")
        yield lambda found: bars.update(task, completed=found.fraction, facts=_far(found))


def _show(found: Reembedding | None, name: str, output: Output) -> None:
    if found is None:
        output.line({"collection": name, "state": "none"}, f"{name} is not being re-embedded.")
        return
    state = "ready" if found.whole else "working" if found.working or found.counts.busy else "failed"
    row = {
        "collection": name,
        "state": state,
        "search_as": found.shadow.name,
        "recipe": asdict(found.recipe),
        **{one: getattr(found.counts, one) for one in ("documents", "ready", "failed", "passages", "embedded")},
        "behind": found.behind,
        "edits_lost": found.edits_lost,
        "seconds_left": found.seconds_left,
        "failures": [{"document": one.id, "name": one.name, "reason": one.reason} for one in found.failures],
    }
    made = f"{found.recipe.model}, {found.recipe.precision}, {found.recipe.chunk_tokens} tokens"
    then = {"ready": "ready: --swap puts it in its place", "working": _far(found), "failed": _far(found)}[state]
    output.line(row, f"{name} ({made}): {then}")
    for one in found.failures:
        output.say(f"{one.name}: {one.reason}")
    if state == "failed":
        output.say("--retry tries these once more; --swap --without-failed leaves them out.")


def _far(found: Reembedding) -> str:
    counts = found.counts
    facts = [f"{counts.ready:,} of {counts.documents:,} documents", f"{counts.embedded:,} passages"]
    facts += [f"{counts.failed:,} failed"] if counts.failed else []
    if found.seconds_left and found.working:
        left = found.seconds_left
        facts.append(f"{left:.0f} s left" if left < 90 else f"{left / 60:.0f} min left")
    return ", ".join([*facts, *([counts.reason] if counts.reason else [])])
