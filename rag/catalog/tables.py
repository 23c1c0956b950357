"""The catalog's tables as SQLAlchemy sees them, and the way from rows to records and back."""

from __future__ import annotations

import json
from dataclasses import astuple
from datetime import datetime
from typing import Any

import sqlalchemy as sql

from rag.records import (
    Chunk,
    ChunkState,
    Collection,
    Document,
    Failure,
    Linked,
    OcrLine,
    OcrPage,
    Overlay,
    Page,
    Recipe,
    State,
)

metadata = sql.MetaData()
collections = sql.Table(
    "collections",
    metadata,
    sql.Column("id", sql.String, primary_key=True),
    sql.Column("name", sql.String, unique=True),
    sql.Column("store_name", sql.String, unique=True),
    sql.Column("fingerprint", sql.Text),
    sql.Column("created_at", sql.String),
    sql.Column("recipe", sql.Text),
    sql.Column("shadow_of", sql.String),
    sql.Column("linked", sql.Text),
)
former_names = sql.Table(
    "former_names",
    metadata,
    sql.Column("name", sql.String, primary_key=True),
    sql.Column("collection_id", sql.String),
)
documents = sql.Table(
    "documents",
    metadata,
    sql.Column("collection_id", sql.String, primary_key=True),
    sql.Column("id", sql.String, primary_key=True),
    sql.Column("name", sql.String),
    sql.Column("state", sql.String),
    sql.Column("added_at", sql.String),
    sql.Column("title", sql.String),
    sql.Column("media_type", sql.String),
    sql.Column("bytes", sql.Integer),
    sql.Column("pages", sql.Integer),
    sql.Column("chunks", sql.Integer),
    sql.Column("date", sql.Integer),
    sql.Column("tags", sql.Text),
    sql.Column("reason", sql.Text),
    sql.Column("seconds", sql.Float),
    sql.Column("stage", sql.String),
    sql.Column("done", sql.Integer),
    sql.Column("total", sql.Integer),
    sql.Column("replaces", sql.Boolean),
    sql.Column("parser", sql.String),
    sql.Column("batch", sql.Integer),
    sql.Column("engines", sql.String),
    sql.Column("timings", sql.Text),
    sql.Column("failure", sql.String),
    sql.Column("ocr_pages", sql.Integer),
    sql.Column("ocr_confidence", sql.Float),
    sql.Column("unread_pages", sql.Integer),
    sql.Column("served", sql.Boolean),
    sql.Column("language", sql.String),
    sql.Column("was", sql.String),
    sql.Column("deleted_at", sql.String),
    sql.Column("edited", sql.String),
    sql.Column("stale", sql.Integer),
    sql.Column("relabel", sql.Boolean),
    sql.Column("taken_from", sql.String),
    sql.Column("moves", sql.Boolean),
)
texts = sql.Table(
    "texts",
    metadata,
    sql.Column("collection_id", sql.String, primary_key=True),
    sql.Column("document_id", sql.String, primary_key=True),
    sql.Column("text", sql.Text),
)
pages = sql.Table(
    "pages",
    metadata,
    sql.Column("collection_id", sql.String, primary_key=True),
    sql.Column("document_id", sql.String, primary_key=True),
    sql.Column("number", sql.Integer, primary_key=True),
    sql.Column("start", sql.Integer),
    sql.Column("end", sql.Integer),
    sql.Column("label", sql.String),
    sql.Column("char_map", sql.Text),
    sql.Column("ocr", sql.Float),
    sql.Column("text", sql.Text),
)
chunks = sql.Table(
    "chunks",
    metadata,
    sql.Column("collection_id", sql.String, primary_key=True),
    sql.Column("id", sql.String, primary_key=True),
    sql.Column("document_id", sql.String),
    sql.Column("position", sql.Integer),
    sql.Column("page", sql.Integer),
    sql.Column("start", sql.Integer),
    sql.Column("end", sql.Integer),
    sql.Column("heading", sql.Text),
    sql.Column("digest", sql.String),
)
ocr = sql.Table(
    "ocr",
    metadata,
    sql.Column("document_id", sql.String, primary_key=True),
    sql.Column("engine", sql.String, primary_key=True),
    sql.Column("number", sql.Integer, primary_key=True),
    sql.Column("lines", sql.Text),
)
speeds = sql.Table(
    "speeds",
    metadata,
    sql.Column("stage", sql.String, primary_key=True),
    sql.Column("units", sql.Float),
    sql.Column("seconds", sql.Float),
)
headings = sql.Table(
    "headings",
    metadata,
    sql.Column("collection_id", sql.String, primary_key=True),
    sql.Column("document_id", sql.String, primary_key=True),
    sql.Column("start", sql.Integer, primary_key=True),
    sql.Column("path", sql.Text),
)
versions = sql.Table(
    "versions",
    metadata,
    sql.Column("collection_id", sql.String, primary_key=True),
    sql.Column("document_id", sql.String, primary_key=True),
    sql.Column("name", sql.String),
    sql.Column("replaced_by", sql.String),
    sql.Column("added_at", sql.String),
    sql.Column("replaced_at", sql.String),
    sql.Column("bytes", sql.Integer),
    sql.Column("pages", sql.Integer),
    sql.Column("chunks", sql.Integer),
    sql.Column("text", sql.Text),
)
overlays = sql.Table(
    "overlays",
    metadata,
    sql.Column("collection_id", sql.String, primary_key=True),
    sql.Column("chunk_id", sql.String, primary_key=True),
    sql.Column("document_id", sql.String),
    sql.Column("start", sql.Integer),
    sql.Column("end", sql.Integer),
    sql.Column("text", sql.Text),
    sql.Column("heading", sql.Text),
    sql.Column("state", sql.String),
    sql.Column("edited_at", sql.String),
)
OF_A_DOCUMENT = (texts, pages, chunks, headings)


def document_row(document: Document) -> dict[str, Any]:
    return {
        "id": document.id,
        "name": document.name,
        "state": document.state.value,
        "added_at": document.added_at.isoformat(timespec="microseconds"),
        "title": document.title,
        "media_type": document.media_type,
        "bytes": document.bytes,
        "pages": document.pages,
        "chunks": document.chunks,
        "date": document.date,
        "tags": json.dumps(document.tags),
        "reason": document.reason,
        "seconds": document.seconds,
        "stage": document.stage,
        "done": document.done,
        "total": document.total,
        "replaces": document.replaces,
        "batch": document.batch,
        "engines": document.engines,
        "ocr_pages": document.ocr_pages,
        "ocr_confidence": document.ocr_confidence,
        "unread_pages": document.unread_pages,
        "timings": json.dumps(dict(document.timings)),
        "failure": document.failure or "",
        "served": document.served,
        "language": document.language,
    }


def to_document(row: sql.RowMapping) -> Document:
    return Document(
        id=row["id"],
        name=row["name"],
        collection=row["collection"],
        state=State(row["state"]),
        added_at=datetime.fromisoformat(row["added_at"]),
        title=row["title"],
        media_type=row["media_type"],
        bytes=row["bytes"],
        pages=row["pages"],
        chunks=row["chunks"],
        date=row["date"],
        tags=tuple(json.loads(row["tags"])),
        reason=row["reason"],
        seconds=row["seconds"],
        stage=row["stage"],
        done=row["done"],
        total=row["total"],
        replaces=bool(row["replaces"]),
        batch=row["batch"],
        engines=row["engines"],
        ocr_pages=row["ocr_pages"],
        ocr_confidence=row["ocr_confidence"],
        unread_pages=row["unread_pages"],
        timings=json.loads(row["timings"]),
        failure=Failure(row["failure"]) if row["failure"] else None,
        served=bool(row["served"]),
        language=row["language"],
    )


def to_collection(row: sql.RowMapping) -> Collection:
    return Collection(
        name=row["name"],
        store_name=row["store_name"],
        fingerprint=json.loads(row["fingerprint"]),
        created_at=datetime.fromisoformat(row["created_at"]),
        documents=row["documents"],
        chunks=row["chunks"],
        bytes=row["bytes"],
        id=row["id"],
        recipe=Recipe(**json.loads(row["recipe"])) if row["recipe"] else None,
        shadow_of=row["shadow_of"],
        linked=_to_linked(json.loads(row["linked"])) if row["linked"] else None,
    )


def _to_linked(values: dict[str, str]) -> Linked:
    return Linked(values["place"], values["name"], datetime.fromisoformat(values["read_at"]))


def page_row(page: Page) -> dict[str, Any]:
    return {
        "number": page.number,
        "start": page.start,
        "end": page.start + len(page.text),
        "label": page.label,
        "char_map": json.dumps(page.char_map, separators=(",", ":")),
        "ocr": page.ocr,
        "text": page.text,
    }


def to_page(row: sql.Row[Any]) -> Page:
    char_map = tuple((offset, index) for offset, index in json.loads(row.char_map))
    return Page(row.number, row.text, row.start, row.label, char_map, row.ocr)


def chunk_row(position: int, chunk: Chunk) -> dict[str, Any]:
    return {
        "id": chunk.id,
        "position": position,
        "page": chunk.page,
        "start": chunk.start,
        "end": chunk.end,
        "heading": chunk.heading,
        "digest": chunk.digest,
    }


def to_chunk(row: sql.Row[Any], text: str, title: str) -> Chunk:
    """`text` is what was read at the chunk's place, `title` what its document is called. A row of
    `rag.catalog.overlays.AS_EDITED` has what was changed of it."""
    place = (row.id, row.document_id, row.page, row.start, row.end)
    if row.own_text is None and row.own_heading is None:
        return Chunk(*place, row.heading, text, title)
    heading = row.heading if row.own_heading is None else row.own_heading
    own = text if row.own_text is None else row.own_text
    return Chunk(*place, heading, own, title, datetime.fromisoformat(row.edited_at))


def overlay_row(overlay: Overlay) -> dict[str, Any]:
    moment = overlay.edited_at.isoformat(timespec="microseconds") if overlay.edited_at else ""
    return {
        "chunk_id": overlay.chunk,
        "document_id": overlay.document,
        "start": overlay.start,
        "end": overlay.end,
        "text": overlay.text,
        "heading": overlay.heading,
        "state": overlay.state.value,
        "edited_at": moment,
    }


def to_overlay(row: sql.Row[Any]) -> Overlay:
    moment = datetime.fromisoformat(row.edited_at) if row.edited_at else None
    place = (row.chunk_id, row.document_id, row.start, row.end)
    return Overlay(*place, row.text, row.heading, ChunkState(row.state), moment)


def ocr_row(document_id: str, page: OcrPage) -> dict[str, Any]:
    lines = json.dumps([astuple(line) for line in page.lines], ensure_ascii=False)
    return {"document_id": document_id, "number": page.number, "engine": page.engine, "lines": lines}


def to_ocr(row: sql.Row[Any]) -> OcrPage:
    lines = tuple(OcrLine(text, confidence, tuple(box)) for text, confidence, box in json.loads(row.lines))
    return OcrPage(row.number, lines, row.engine)
