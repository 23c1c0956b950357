"""The passages of a collection on the command line: listed in order, or found."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from rag.cli_output import Output
from rag.parsing import page_noun
from rag.records import By, ChunkSearch, FoundChunks, ListedChunk, Which

if TYPE_CHECKING:
    from rag.workspace import Workspace

SHOWN = 20


def chunk_options(parser: argparse.ArgumentParser) -> None:
    """What `chunks` takes."""
    parser.add_argument("--document", metavar="DOCUMENT", help="of this one only: its id, the beginning of it, or name")
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--words", metavar="TEXT", help="those that have any of these words, best first")
    how.add_argument("--regex", metavar="PATTERN", help="those in which a pattern of Python's re is found")
    how.add_argument("--like", metavar="TEXT", help="those that are most alike to a text in meaning")
    how.add_argument("--id", metavar="ID", help="those whose id begins so")
    parser.add_argument("--match-case", action="store_true", help="let capitals count in --regex")
    parser.add_argument("--where", metavar="JSON", default="", help='filter, for example {"page": {"$lte": 10}}')
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--hidden", action="store_true", help="those that are put away too")
    which.add_argument("--changed", action="store_true", help="only those that were changed by hand, deleted ones too")
    parser.add_argument("-n", type=int, default=SHOWN, help=f"how many (default: {SHOWN})")
    parser.add_argument("--from", dest="offset", type=int, default=0, metavar="N", help="leave out the first N")


def chunks(workspace: Workspace, given: argparse.Namespace, output: Output) -> bool:
    """List them; with `--json` one object a line."""
    document = workspace.document(given.document, given.collection) if given.document else None
    collection = document.collection if document else workspace.collection(given.collection).name
    by, text = _wanted(given)
    which = Which.CHANGED if given.changed else Which.WITH_HIDDEN if given.hidden else Which.SHOWN
    found = workspace.find_chunks(
        ChunkSearch(
            collection,
            by,
            text,
            document.id if document else "",
            given.where or "",
            which,
            not given.match_case,
            max(0, given.offset),
            max(1, given.n),
        )
    )
    for one in found.chunks:
        row = _row(one, found)
        output.line(row, _told(one, row))
    if not found.complete:
        output.say(f"It took too long, or there are too many: {found.looked:,} passages were looked through.")
    more = " or more" if found.more else ""
    output.say(f"{len(found.chunks):,} of {found.total:,}{more} passages.")
    if loose := workspace.unapplied(collection):
        output.say(f"{len(loose)} corrections lie over no passage: their documents were cut in another way since.")
    return True


def _wanted(given: argparse.Namespace) -> tuple[By, str]:
    for by, text in ((By.WORDS, given.words), (By.REGEX, given.regex), (By.LIKE, given.like), (By.ID, given.id)):
        if text is not None:
            return by, text
    return By.ORDER, ""


def _row(one: ListedChunk, found: FoundChunks) -> dict[str, Any]:
    chunk = one.chunk
    return {
        "id": chunk.id,
        "document": chunk.document_id,
        "name": one.name,
        "page": chunk.page,
        "start": chunk.start,
        "end": chunk.end,
        "heading": chunk.heading,
        "text": chunk.text,
        "state": one.state.value or "shown",
        "edited": chunk.edited,
        "printed": one.printed if chunk.edited else None,
        "why": found.why.get(chunk.id, ""),
        "matches": list(found.marks.get(chunk.id, ())),
    }


def _told(one: ListedChunk, row: dict[str, Any]) -> str:
    facts = [row["id"], f"{one.name}, {page_noun(one.name)} {one.chunk.page}", row["heading"], row["why"]]
    facts += [f"edited by hand on {row['edited']:%Y-%m-%d}"] if row["edited"] else []
    facts += [row["state"]] if one.state else []
    return f"{' · '.join(' '.join(fact.split()) for fact in facts if fact)}\n{one.chunk.text}\n"
