"""What the command line prints: JSON lines for programs, rich text for people. Progress and errors go to stderr."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from rag.parsing import page_noun
from rag.records import DOUBTFUL, QUOTING, Failure, IngestEvent, Verdict

_COLUMNS = {
    "documents": ("id", "name", "collection", "state", "pages", "chunks", "bytes", "language", "tags", "reason"),
    "collections": ("name", "documents", "chunks", "bytes", "created_at"),
}
LONGEST = 200
"""Characters of a passage that is close to a question, and no answer."""
ROUTED = "routed "
_LISTS = {
    "lexical": "by its words (BM25)",
    "dense": "by meaning (cosine)",
    "late": "by words in context (MaxSim)",
    "reread": "by the reranker",
}
_NAMED = ", of the documents that the question names"
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
        print(_dump(row) if self._json else _visible(text), flush=True)

    def table(self, kind: str, rows: Sequence[Mapping[str, Any]]) -> None:
        """Records, one JSON object a line or as a table."""
        if self._json:
            for row in rows:
                print(_dump(row), flush=True)
        elif not rows:
            print(_HINTS[kind])
        else:
            _draw(kind, [_as_shown(row) for row in rows])

    def hits(self, row: Mapping[str, Any]) -> None:
        """The result of a search."""
        if self._json or "error" in row:
            self.line(row, f"Error: {row.get('error')}")
            return
        console = _console()
        console.print(f"[bold]{escape(row['question'])}[/bold]  [dim]{row['seconds']:.2f} s[/dim]")
        for hit in row["hits"]:
            edited = "  [yellow]edited by hand[/yellow]" if hit["edited"] else ""
            console.print(f"\n[bold]{hit['rank']}.[/bold] {_where(hit)}{edited}  [dim]score {hit['score']:.3f}[/dim]")
            console.print(escape(hit["text"]))
        if not row["hits"]:
            console.print("Nothing found.")

    def explanation(self, row: Mapping[str, Any]) -> None:
        """Where a page stands, and why it is not found."""
        if self._json:
            self.line(row, "")
            return
        console = _console()
        found = f"is found, as number {row['rank']}" if not row["removed"] else f"is not found: {row['removed']}"
        console.print(f"{_where(row)} {found}.")
        if row["ranks"]:
            console.print("Its best passage:")
        for name, rank in row["ranks"].items():
            console.print(
                f"  number {rank:,} {_LISTS[name.removeprefix(ROUTED)]}{_NAMED * name.startswith(ROUTED)}", end=""
            )
            console.print(f"  [dim]{row['scores'][name]:.3f}[/dim]")
        console.print(escape(row["text"]))

    def answer(self, row: Mapping[str, Any]) -> None:
        """An answer with its footnotes."""
        if self._json or "error" in row:
            self.line(row, f"Error: {row.get('error')}")
            return
        console = _console()
        console.print(f"[bold]{escape(row['question'])}[/bold]")
        if row["searched"] not in ("", row["question"].strip()):
            console.print(f"[dim]Searched for: {escape(row['searched'])}[/dim]")
        console.print(f"\n{escape(row['answer'])}")
        self._footnotes(console, row)

    def overview(self, row: Mapping[str, Any]) -> None:
        """What a document is about."""
        if self._json:
            self.line(row, "")
            return
        console = _console()
        console.print(f"[bold]{escape(row['title'] or row['name'])}[/bold]  [dim]{escape(row['name'])}[/dim]")
        if row["notice"]:
            self.say(row["notice"])
        for one in row["outline"]:
            console.print(
                f"{'  ' * one['level']}{escape(one['title'])} [dim]{page_noun(row['name'])} {one['page']}[/dim]"
            )
        console.print(f"\n{escape(row['answer'])}")
        self._footnotes(console, row)

    def _footnotes(self, console: Any, row: Mapping[str, Any]) -> None:
        console.print()
        for one in row["citations"]:
            console.print(f"[bold]{escape('[' + str(one['number']) + ']')}[/bold] {_where(one)}")
            if one["edited"]:
                console.print(f"    [yellow]Edited by hand on {one['edited']:%Y-%m-%d}.[/yellow] The page says:")
                console.print(f"    [dim]“{escape(' '.join(one['printed'].split()))}”[/dim]")
            if row["model"] != QUOTING:  # else the answer is the quote
                console.print(f"    [dim]“{escape(' '.join(one['quote'].split()))}”[/dim]")
        for one in row["closest"]:
            console.print(f"[dim]Close to it:[/dim] {_where(one)}")
            console.print(f"    [dim]{escape(_beginning(one['text']))}[/dim]")
        for one in row["ledger"]:
            if one["verdict"] in DOUBTFUL:
                console.print(_doubt(one))
        console.print(f"\n[dim]{escape(row['model'])}, {row['seconds']:.2f} s[/dim]")

    def outcome(self, event: IngestEvent, bars: bool) -> str:
        """What became of a file, if the event tells; returns that. Without `bars` on stderr, people read it there."""
        if event.outcome and self._json and not bars:
            self.say(_outcome_text(event))
        if event.outcome:
            self.line(_outcome_row(event), _outcome_text(event))
        return event.outcome


def _beginning(text: str) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= LONGEST else f"{flat[:LONGEST].rstrip()}…"


def _where(row: Mapping[str, Any]) -> str:
    """`report.docx, section 2 · Rent`: where a passage stands, and under which heading or names of columns."""
    heading = f" [dim]· {escape(' '.join(row['heading'].split()))}[/dim]" if row["heading"] else ""
    return f"[cyan]{escape(row['name'])}, {page_noun(row['name'])} {row['page']}[/cyan]{heading}"


def _doubt(claim: Mapping[str, Any]) -> str:
    """A line on a sentence that the passages do not bear out, or not all of it."""
    what = "Not in the passages" if claim["verdict"] == Verdict.UNSUPPORTED else "Only partly in the passages"
    said, why = escape(" ".join(claim["text"].split())), escape(" ".join(claim["reasons"]))
    return f"[yellow]{what}:[/yellow] “{said}” [dim]{why}[/dim]"


def _outcome_row(event: IngestEvent) -> dict[str, Any]:
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


def _outcome_text(event: IngestEvent) -> str:
    counts = ""
    if event.outcome == "ready":
        ocr = f" ({event.ocr_pages} read by OCR)" if event.ocr_pages else ""
        unread = f" ({event.unread_pages} could not be read)" if event.unread_pages else ""
        pages = f"{page_noun(event.name)}s: {event.pages}{ocr}{unread}"
        counts = f"{pages}, chunks: {event.chunks}, {event.seconds:.1f} s"
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
        table.add_row(*(escape(one) for one in line))
    console.print(table)


def _as_shown(row: Mapping[str, Any]) -> Mapping[str, Any]:
    """What was cancelled is not called failed."""
    return {**row, "state": Failure.CANCELLED} if row.get("failure") is Failure.CANCELLED else row


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


def escape(text: str) -> str:
    """A document's words for rich: just these characters, and none that takes over the terminal."""
    from rich.markup import escape

    return escape(_visible(text))


def _visible(text: str) -> str:
    """Without the characters by which a document could take over a terminal, or turn a line around."""
    return _TAKES_OVER.sub("\N{REPLACEMENT CHARACTER}", text)


def _dump(row: Mapping[str, Any]) -> str:
    line = json.dumps(row, ensure_ascii=False, default=lambda value: value.isoformat())
    # These end a line for some readers, and JSON lines must not.
    return _LINE_ENDS.sub(lambda found: f"\\u{ord(found[0]):04x}", line)
