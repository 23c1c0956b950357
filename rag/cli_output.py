"""What the command line prints: JSON lines for programs, rich text for people. Progress and errors go to stderr."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from rag.records import IngestEvent, Progress

_COLUMNS = {
    "documents": ("id", "name", "collection", "state", "pages", "chunks", "bytes", "tags", "reason"),
    "collections": ("name", "documents", "chunks", "bytes", "created_at"),
}
QUOTING = "extractive"
_TAKES_OVER = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
_LINE_ENDS = re.compile("[\x85\u2028\u2029]")
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

    def error(self, error: Exception | str) -> None:
        """One line on stderr."""
        self.say(f"Error: {error}")

    def say(self, line: str) -> None:
        """One line on stderr."""
        print(_visible(" ".join(line.split())), file=sys.stderr, flush=True)

    def text(self, document: str, text: str) -> None:
        """Exactly this text, as UTF-8, or as JSON."""
        if self._json:
            print(_dump({"document": document, "text": text}), flush=True)
        else:
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
        console.print()
        for one in row["citations"]:
            where = f"{_escape(one['name'])}, page {one['page']}"
            console.print(f"[bold]{_escape('[' + str(one['number']) + ']')}[/bold] [cyan]{where}[/cyan]")
            if row["model"] != QUOTING:  # else the answer is the quote
                console.print(f"    [dim]“{_escape(' '.join(one['quote'].split()))}”[/dim]")
        console.print(f"\n[dim]{_escape(row['model'])}, {row['seconds']:.2f} s[/dim]")

    @contextmanager
    def progress(self, queue: Callable[[], Progress | None]) -> Iterator[Callable[[IngestEvent], str]]:
        """Gives a function that shows an event and returns its outcome; `queue` tells how far the whole queue is."""
        from rich.console import Console
        from rich.progress import BarColumn, TextColumn
        from rich.progress import Progress as Bars

        console = Console(stderr=True)
        if not console.is_terminal:
            yield self._show_plainly
            return
        with Bars(
            TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[facts]}"), console=console
        ) as bars:
            whole = bars.add_task("all", total=1.0, facts="")
            now = bars.add_task("", total=None, visible=False, facts="")

            def show(event: IngestEvent) -> str:
                facts = f"{event.done:,} of {event.total:,}" if event.total else ""
                stage = f"{event.stage} {_escape(event.name)}"
                bars.update(now, description=stage, completed=event.done, total=event.total or None, facts=facts)
                bars.update(now, visible=not event.outcome)
                if (far := queue()) is not None:
                    bars.update(whole, completed=far.fraction, facts=_far(far))
                return self._show_outcome(event)

            yield show

    def _show_plainly(self, event: IngestEvent) -> str:
        if event.outcome and self._json:
            self.say(_outcome_text(event))
        return self._show_outcome(event)

    def _show_outcome(self, event: IngestEvent) -> str:
        if event.outcome:
            self.line(outcome_row(event), _outcome_text(event))
        return event.outcome


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
        "ocr_pages": event.ocr_pages,
        "unread_pages": event.unread_pages,
        "timings": dict(event.timings),
    }


def _far(progress: Progress) -> str:
    """`3 of 14 files, 42 chunks/s, 2 min left`."""
    facts = [f"{progress.finished:,} of {progress.documents:,} files"]
    if progress.chunks_per_second:
        facts.append(f"{progress.chunks_per_second:.0f} chunks/s")
    if progress.seconds_left is not None:
        left = progress.seconds_left
        facts.append(f"{left:.0f} s left" if left < 90 else f"{left / 60:.0f} min left")
    return ", ".join([*facts, *([progress.reason] if progress.reason else [])])


def _outcome_text(event: IngestEvent) -> str:
    unread = f", {event.unread_pages} of them could not be read" if event.unread_pages else ""
    counts = f"pages: {event.pages}{unread}, chunks: {event.chunks}, {event.seconds:.1f} s"
    counts = counts if event.outcome == "ready" else ""
    return f"{event.outcome:9} {event.name}  {counts}{event.reason}".rstrip()


def _draw(kind: str, rows: Sequence[Mapping[str, Any]]) -> None:
    from rich.table import Table

    columns = [column for column in _COLUMNS[kind] if any(row[column] not in ("", ()) for row in rows)]
    cells = [[_cell(column, row[column]) for column in columns] for row in rows]
    console = _console()
    if not console.is_terminal:  # for `cut` and `awk`
        for line in (columns, *cells):
            print("\t".join(line))
        return
    table = Table(box=None, pad_edge=False)
    for column in columns:
        number = isinstance(rows[0][column], int)
        whole = column == "id" or number
        table.add_column(
            column.replace("_", " "), justify="right" if number else "left", overflow="fold", no_wrap=whole
        )
    for line in cells:
        table.add_row(*(_escape(one) for one in line))
    console.print(table)


def _cell(column: str, value: Any) -> str:
    if column == "id":
        return str(value)[:12]  # enough to name it by
    if isinstance(value, tuple):
        return ", ".join(_visible(str(one)) for one in value)
    if isinstance(value, datetime):
        return value.astimezone().strftime("%Y-%m-%d %H:%M")
    return f"{value:,}" if isinstance(value, int) else _visible(" ".join(str(value).split()))


def _console() -> Any:
    from rich.console import Console

    console = Console(highlight=False)
    console.soft_wrap = not console.is_terminal  # what is piped is wrapped by nobody
    return console


def _escape(text: str) -> str:
    from rich.markup import escape

    return escape(_visible(text))


def _visible(text: str) -> str:
    """Without the characters by which a document could take over a terminal, or turn a line around."""
    return _TAKES_OVER.sub("\N{REPLACEMENT CHARACTER}", text)


def _dump(row: Mapping[str, Any]) -> str:
    line = json.dumps(row, ensure_ascii=False, default=lambda value: value.isoformat())
    # These end a line for some readers, and JSON lines must not.
    return _LINE_ENDS.sub(lambda found: f"\\u{ord(found[0]):04x}", line)
