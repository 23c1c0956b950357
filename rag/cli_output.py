"""What the command line prints: JSON lines for programs, rich text for people. Progress and errors go to stderr."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from rag.records import IngestEvent

_COLUMNS = {
    "documents": ("name", "collection", "state", "pages", "chunks", "bytes", "id", "reason"),
    "collections": ("name", "documents", "chunks", "bytes", "created_at"),
}
_HINTS = {
    "documents": "No documents yet. Index some: python -m rag ingest PATH",
    "collections": "No collections yet. Index some documents: python -m rag ingest PATH",
}


class Output:
    """Where results, progress and errors go."""

    def __init__(self, as_json: bool) -> None:
        self._json = as_json
        for stream in (sys.stdout, sys.stderr):
            if hasattr(stream, "reconfigure"):
                stream.reconfigure(encoding="utf-8", errors="backslashreplace")

    def error(self, error: Exception) -> None:
        """One line on stderr."""
        self.say(f"Error: {error}")

    def say(self, line: str) -> None:
        """One line on stderr."""
        print(" ".join(line.split()), file=sys.stderr, flush=True)

    def raw(self, text: str) -> None:
        """Exactly this text, as UTF-8."""
        sys.stdout.buffer.write(text.encode())
        sys.stdout.flush()

    def line(self, row: Mapping[str, Any], text: str) -> None:
        """A JSON object, or a line for people."""
        print(_dump(row) if self._json else text, flush=True)

    def table(self, kind: str, rows: Sequence[Mapping[str, Any]]) -> None:
        """Records, one JSON object a line or as a table."""
        if self._json:
            for row in rows:
                print(_dump(row), flush=True)
        elif not rows:
            print(_HINTS[kind])
        else:
            _draw(kind, rows)

    def hits(self, row: Mapping[str, Any]) -> None:
        """The result of a search."""
        if self._json or "error" in row:
            self.line(row, f"Error: {row.get('error')}")
            return
        console = _console()
        console.print(f"[bold]{_escape(row['question'])}[/bold]  [dim]{row['seconds']:.2f} s[/dim]")
        for hit in row["hits"]:
            where = f"{_escape(hit['name'])}, page {hit['page']}"
            console.print(f"\n[bold]{hit['rank']}.[/bold] [cyan]{where}[/cyan]  [dim]score {hit['score']:.3f}[/dim]")
            console.print(_escape(hit["text"]))
        if not row["hits"]:
            console.print("Nothing found.")

    def answer(self, row: Mapping[str, Any]) -> None:
        """An answer with its footnotes."""
        if self._json or "error" in row:
            self.line(row, f"Error: {row.get('error')}")
            return
        console = _console()
        console.print(f"[bold]{_escape(row['question'])}[/bold]\n\n{_escape(row['answer'])}")
        for one in row["citations"]:
            where = f"{_escape(one['name'])}, page {one['page']}"
            console.print(f"\n[bold]{_escape('[' + str(one['number']) + ']')}[/bold] [cyan]{where}[/cyan]")
            console.print(f"    [dim]“{_escape(' '.join(one['quote'].split()))}”[/dim]")
        console.print(f"\n[dim]{_escape(row['model'])}, {row['seconds']:.2f} s[/dim]")

    @contextmanager
    def progress(self, files: int) -> Iterator[Callable[[IngestEvent], str]]:
        """Gives a function that shows an event and returns its outcome."""
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

        console = Console(stderr=True)
        text = TextColumn("{task.description}")
        with Progress(text, BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), console=console) as bars:
            whole = bars.add_task("files", total=files)
            now = bars.add_task("", total=None, visible=False)

            def show(event: IngestEvent) -> str:
                stage = f"{event.stage} {_escape(event.name)}"
                bars.update(now, description=stage, completed=event.done, total=event.total or None, visible=True)
                if event.outcome:
                    bars.advance(whole)
                    bars.update(now, visible=False)
                    self.line(outcome_row(event), _outcome_text(event))
                return event.outcome

            yield show


def outcome_row(event: IngestEvent) -> dict[str, Any]:
    """The JSON line of a finished file."""
    return {
        "path": event.path,
        "document": event.document,
        "name": event.name,
        "state": event.outcome,
        "reason": event.reason,
        "pages": event.pages,
        "chunks": event.chunks,
        "seconds": event.seconds,
    }


def _outcome_text(event: IngestEvent) -> str:
    counts = f"pages: {event.pages}, chunks: {event.chunks}, {event.seconds:.1f} s" if event.outcome == "ready" else ""
    return f"{event.outcome:9} {event.name}  {counts}{event.reason}".rstrip()


def _draw(kind: str, rows: Sequence[Mapping[str, Any]]) -> None:
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for column in _COLUMNS[kind]:
        number = isinstance(rows[0][column], int)
        table.add_column(column.replace("_", " "), justify="right" if number else "left", overflow="fold")
    for row in rows:
        table.add_row(*(_cell(column, row[column]) for column in _COLUMNS[kind]))
    _console().print(table)


def _cell(column: str, value: Any) -> str:
    if column == "id":
        return str(value)[:12]  # enough to name it by
    if isinstance(value, datetime):
        return value.astimezone().strftime("%Y-%m-%d %H:%M")
    return f"{value:,}" if isinstance(value, int) else _escape(str(value))


def _console() -> Any:
    from rich.console import Console

    return Console(highlight=False, soft_wrap=False)


def _escape(text: str) -> str:
    from rich.markup import escape

    return escape(text)


def _dump(row: Mapping[str, Any]) -> str:
    return json.dumps(row, ensure_ascii=False, default=lambda value: value.isoformat())
