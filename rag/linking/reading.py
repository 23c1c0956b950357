"""Rows of a foreign collection, written as a backup of one of ours."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

import numpy as np

from rag.backup import Facts, Writer
from rag.catalog.tables import chunk_row, document_row, page_row
from rag.errors import EmptyDocumentError, StorageError
from rag.linking.grouping import Group, date_of, heading_of, name_of, tags_of, title_of
from rag.linking.measuring import unit
from rag.records import Chunk, Document, Far, Page, State, chunk_id, document_label, unheard
from rag.store.elsewhere import Elsewhere, ForeignRow

MEDIA_TYPE = "text/plain"
BETWEEN = "\n\n"
"""What is between two rows in the text of a document."""
LONGEST_PAGE = 20_000
"""Characters of a page where rows do not say on which they are."""
ENGINE = "read from Chroma"
_AT_ONCE = 256


@dataclass(slots=True)
class _Text:
    """A document's text as it grows, with its pages and its passages."""

    parts: list[str]
    length: int
    pages: list[Page]
    chunks: list[Chunk]


def write_backup(
    there: Elsewhere,
    name: str,
    grouped: Sequence[Group],
    facts: Facts,
    folder: Path,
    target: BinaryIO,
    language_of: Callable[[str], str],
    far: Far = unheard,
) -> list[str]:
    """Write the rows of the collection `name`, grouped, as a backup; `folder` is one to be made for what lies between.

    Returns what there is to say of rows that were left out. Raises EmptyDocumentError if no row has any text.
    """
    notes: list[str] = []
    seen: dict[str, str] = {}
    rows, done, empty = sum(len(one.ids) for one in grouped), 0, 0
    with Writer(folder) as writer:
        for group in grouped:
            far(0.9 * done / max(rows, 1), group.source)
            made = _document(there, name, group, facts.recipe.chunk_tokens, folder)
            done += len(group.ids)
            if made is None:
                empty += len(group.ids)
                continue
            empty += len(group.ids) - len(made.text.chunks)
            if made.id in seen:
                notes.append(f"{name_of(group.source)} says the same as {seen[made.id]}, and is there once.")
                continue
            seen[made.id] = name_of(group.source)
            _write(writer, made, group, language_of)
        if not seen:
            raise EmptyDocumentError(f"The collection {name!r} has no row with a text: there is nothing to read in it.")
        writer.finish(target, facts, far=lambda fraction, what: far(0.9 + 0.1 * fraction, what))
    return [*notes, *([f"{empty:,} rows without text were left out."] if empty else [])]


@dataclass(slots=True)
class _Made:
    id: str
    text: _Text
    whole: str
    first: ForeignRow
    original: Path
    vectors: Callable[[], Iterator[tuple[list[str], np.ndarray]]]


def _document(there: Elsewhere, name: str, group: Group, tokens: int, folder: Path) -> _Made | None:
    """A document; None if none of its rows has a text."""
    text, first, kept = _Text([], 0, [], []), None, []
    parts: dict[int, list[tuple[ForeignRow, str]]] = {}
    order = dict(zip(group.ids, group.pages, strict=True))
    number, size = 1, 0
    for row in there.rows(name, group.ids):
        if not row.text.strip():
            continue
        first = first or row
        page = order[row.id] if group.paged else number
        size += len(row.text)
        if not group.paged and size > LONGEST_PAGE:
            number, size = number + 1, 0
        light = ForeignRow(row.id, row.text, {}, np.empty(0, np.float32))
        parts.setdefault(max(1, page), []).append((light, heading_of(row.metadata)))
        kept.append(row.id)
    if first is None:
        return None
    for page, rows in sorted(parts.items()):
        _add_page(text, page, rows, group.labels.get(page, ""))
    whole = "".join(text.parts)
    payload = whole.encode()
    document_id = hashlib.sha256(payload).hexdigest()[:32]
    original = folder / f"{document_id}.txt"
    original.write_bytes(payload)
    title = document_label(name_of(group.source), title_of(first.metadata))
    text.chunks = [
        Chunk(
            chunk_id(document_id, tokens, at), document_id, one.page, one.start, one.end, one.heading, one.text, title
        )
        for at, one in enumerate(text.chunks)
    ]
    ids = [row.id for _, rows in sorted(parts.items()) for row, _ in rows]

    def vectors() -> Iterator[tuple[list[str], np.ndarray]]:
        for at in range(0, len(ids), _AT_ONCE):
            wanted = ids[at : at + _AT_ONCE]
            some = list(there.rows(name, wanted))
            if [one.id for one in some] != wanted:
                raise StorageError(f"The collection {name!r} was changed while it was being read. Read it again.")
            yield [one.id for one in text.chunks[at : at + _AT_ONCE]], unit(np.stack([one.vector for one in some]))

    return _Made(document_id, text, whole, first, original, vectors)


def _add_page(text: _Text, number: int, rows: Sequence[tuple[ForeignRow, str]], label: str) -> None:
    if text.pages:
        text.parts.append(BETWEEN)
        text.length += len(BETWEEN)
    start = text.length
    for at, (row, heading) in enumerate(rows):
        if at:
            text.parts.append(BETWEEN)
            text.length += len(BETWEEN)
        place = text.length
        text.parts.append(row.text)
        text.length += len(row.text)
        text.chunks.append(Chunk("", "", number, place, text.length, heading, row.text))
    text.pages.append(Page(number, BETWEEN.join(row.text for row, _ in rows), start, label))


def _write(writer: Writer, made: _Made, group: Group, language_of: Callable[[str], str]) -> None:
    metadata, text, now = made.first.metadata, made.text, datetime.now(UTC)
    document = Document(
        id=made.id,
        name=name_of(group.source),
        collection="",
        state=State.READY,
        added_at=now,
        title=title_of(metadata),
        media_type=MEDIA_TYPE,
        bytes=made.original.stat().st_size,
        pages=len(text.pages),
        chunks=len(text.chunks),
        date=date_of(metadata) or int(now.strftime("%Y%m%d")),
        tags=tuple(tags_of(metadata)),
        engines=ENGINE,
        language=language_of(made.whole[:LONGEST_PAGE]),
    )
    mine = {"document_id": made.id}
    writer.keep(made.id, made.original)
    made.original.unlink()
    writer.add("documents", [document_row(document) | {"parser": ENGINE, "was": "", "deleted_at": ""}])
    writer.add("texts", [mine | {"text": made.whole}])
    writer.add("pages", (mine | page_row(one) for one in text.pages))
    writer.add("headings", (mine | {"start": start, "path": path} for start, path in _paths(text.chunks)))
    writer.add("chunks", (mine | chunk_row(position, one) for position, one in enumerate(text.chunks)))
    for ids, vectors in made.vectors():
        writer.add_vectors(made.id, ids, vectors)


def _paths(chunks: Sequence[Chunk]) -> Iterator[tuple[int, str]]:
    """Where another heading path begins."""
    before = ""
    for one in chunks:
        if one.heading != before:
            yield one.start, one.heading
            before = one.heading
