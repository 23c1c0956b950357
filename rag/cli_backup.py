"""The command line's `export`, `import` and `link`: collections to files, back, and from elsewhere."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rag.cli_output import Output, escape
from rag.records import Collection, Far, Manifest

Command = Callable[..., argparse.ArgumentParser]


def add_commands(command: Command, workspace: Callable[[argparse.Namespace], Any]) -> None:
    """Add the commands to a parser; `workspace` opens the one that is given."""

    def running(run: Callable[[Any, argparse.Namespace, Output], int]) -> Callable[[argparse.Namespace, Output], int]:
        def opened(given: argparse.Namespace, output: Output) -> int:
            with workspace(given) as there:
                return run(there, given, output)

        return opened

    save = command("export", running(export), "save a collection to one file: documents, passages, vectors, originals")
    save.add_argument("collection", metavar="COLLECTION")
    save.add_argument("file", type=Path, metavar="FILE.zip", help="must not be there yet")
    bring = command("import", running(restore), "make a collection of a file that `export` wrote")
    bring.add_argument("file", type=Path, metavar="FILE.zip")
    bring.add_argument("--as", dest="name", default="", metavar="NAME", help="its name here (default: what it was)")
    bring.add_argument("--look", action="store_true", help="only say what is in the file")
    link = command("link", running(read_elsewhere), "read a Chroma that another program filled; read-only")
    link.add_argument("place", metavar="PATH_OR_URL", help="its folder, or the address of its server")
    link.add_argument("--from", dest="source", default="", metavar="NAME", help="its collection, if it has several")
    link.add_argument("--collection", default="", metavar="NAME", help="the collection's name here")
    link.add_argument("--model", default="", metavar="MODEL", help="what it was embedded with, as RAG_EMBEDDING_MODEL")
    link.add_argument("--again", action="store_true", help="read --collection again from where it came from")


def export(workspace: Any, given: argparse.Namespace, output: Output) -> int:
    """Save a collection."""
    with far() as told:
        manifest = workspace.export(given.collection, given.file, told)
    row = _about(manifest) | {"file": str(given.file), "bytes": given.file.stat().st_size}
    output.line(row, f"Saved {escape(manifest.name)} to {given.file}: {_counted(manifest)}.")
    for name in manifest.left_out:
        output.say(f"{name} was deleted or replaced meanwhile, and is not in it.")
    for one in manifest.without_original:
        output.say(f"{one}: its file is gone or damaged, so only what was read of it is saved.")
    return 0


def restore(workspace: Any, given: argparse.Namespace, output: Output) -> int:
    """Make a collection of a backup, or say what is in it."""
    if given.look:
        manifest = workspace.manifest(given.file)
        about = f"{escape(manifest.name)}, saved {manifest.made_at:%Y-%m-%d}: {_counted(manifest)}."
        output.line(_about(manifest), about)
        return 0
    with far() as told:
        found: Collection = workspace.restore(given.file, given.name, told)
    row = {"collection": found.name, "documents": found.documents, "chunks": found.chunks}
    output.line(row, f"Restored {found.name}: {found.documents:,} documents, {found.chunks:,} passages.")
    _note_unknown(found, output)
    workspace.drain()
    return 0


def read_elsewhere(workspace: Any, given: argparse.Namespace, output: Output) -> int:
    """Read a collection from elsewhere, or again."""
    with far() as told:
        if given.again:
            found: Collection = workspace.read_again(given.collection or given.source, given.model, told, given.place)
        else:
            found = workspace.link(given.place, given.source, given.collection, given.model, told)
    model = found.recipe.model if found.recipe else workspace.settings.embedding_model
    row = {"collection": found.name, "documents": found.documents, "chunks": found.chunks, "model": model or None}
    output.line(row, f"Read {found.name}: {found.documents:,} documents, {found.chunks:,} passages.")
    _note_unknown(found, output)
    return 0


def _note_unknown(found: Collection, output: Output) -> None:
    if found.recipe is not None and not found.recipe.model:
        output.say(
            "Its embedding model is unknown, so it is searched by words only. Name the model with "
            "`python -m rag link ... --model MODEL`, or re-embed it on the Collections page."
        )


def _about(manifest: Manifest) -> dict[str, Any]:
    return {
        "collection": manifest.name,
        "documents": manifest.documents,
        "chunks": manifest.passages,
        "made_at": manifest.made_at,
        "footnote": manifest.footnote,
        "model": manifest.recipe.model or None,
        "without_original": list(manifest.without_original),
        "left_out": list(manifest.left_out),
    }


def _counted(manifest: Manifest) -> str:
    return f"{manifest.documents:,} documents, {manifest.passages:,} passages"


@contextmanager
def far() -> Iterator[Far]:
    """Shows on a terminal how far something is."""
    from rich.console import Console
    from rich.progress import BarColumn, TextColumn
    from rich.progress import Progress as Bars

    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda _fraction, _stage: None
        return
    columns = TextColumn("{task.description}"), BarColumn()
    with Bars(*columns, console=console, redirect_stdout=sys.stdout.isatty()) as bars:
        whole = bars.add_task("", total=1.0)

        def show(fraction: float, stage: str) -> None:
            bars.update(whole, completed=fraction, description=escape(stage[:60]))

        yield show
