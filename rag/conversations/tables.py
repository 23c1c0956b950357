"""The tables of the file of conversations as SQLAlchemy sees them, and the way from rows to records and back."""

from __future__ import annotations

import json
import unicodedata
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sql

from rag.records import Conversation, EvaluationRow, Feedback

metadata = sql.MetaData()
conversations = sql.Table(
    "conversations",
    metadata,
    sql.Column("id", sql.String, primary_key=True),
    sql.Column("title", sql.String),
    sql.Column("words", sql.Text),
    sql.Column("owner", sql.String),
    sql.Column("created_at", sql.String),
    sql.Column("updated_at", sql.String),
)
messages = sql.Table(
    "messages",
    metadata,
    sql.Column("id", sql.Integer, primary_key=True),
    sql.Column("session_id", sql.String),
    sql.Column("turn_id", sql.String),
    sql.Column("role", sql.String),
    sql.Column("words", sql.Text),
    sql.Column("message", sql.Text),
)
feedback = sql.Table(
    "feedback",
    metadata,
    sql.Column("turn_id", sql.String, primary_key=True),
    sql.Column("chunk_id", sql.String, primary_key=True),
    sql.Column("conversation_id", sql.String),
    sql.Column("owner", sql.String, primary_key=True),
    sql.Column("value", sql.Integer),
    sql.Column("note", sql.Text),
    sql.Column("document_id", sql.String),
    sql.Column("document", sql.String),
    sql.Column("page", sql.Integer),
    sql.Column("question", sql.Text),
    sql.Column("collection", sql.String),
    sql.Column("at", sql.String),
)
evaluation_rows = sql.Table(
    "evaluation_rows",
    metadata,
    sql.Column("turn_id", sql.String, primary_key=True),
    sql.Column("owner", sql.String, primary_key=True),
    sql.Column("question", sql.Text),
    sql.Column("expected_answer", sql.Text),
    sql.Column("document", sql.String),
    sql.Column("document_id", sql.String),
    sql.Column("page", sql.Integer),
    sql.Column("quote", sql.Text),
    sql.Column("tags", sql.Text),
    sql.Column("collection", sql.String),
    sql.Column("verdict", sql.Integer),
    sql.Column("note", sql.Text),
    sql.Column("relevant", sql.Text),
    sql.Column("not_relevant", sql.Text),
    sql.Column("added_at", sql.String),
)
erasures = sql.Table("erasures", metadata, sql.Column("number", sql.Integer, primary_key=True))
"""A row for each time that everything was erased."""


def storable(text: str) -> str:
    """`text` without what SQLite cannot keep: halves of characters, which a language model may have made."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def folded(text: str) -> str:
    """`text` such that two that differ only in capitals, forms of letters and white space are the same."""
    return " ".join(unicodedata.normalize("NFKC", storable(text)).casefold().replace("\0", " ").split())


def moment(text: object) -> datetime:
    """When something was, as it is kept; the beginning of time as computers count it where that is damaged: nothing
    that can be read stays hidden for it."""
    try:
        found = datetime.fromisoformat(str(text))
    except ValueError:
        return datetime.fromtimestamp(0, UTC)
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _listed(text: object) -> tuple[str, ...]:
    """A list of words as it is kept; none where that is damaged."""
    try:
        found = json.loads(str(text))
    except ValueError:
        return ()
    return tuple(map(str, found)) if isinstance(found, list) else ()


def to_conversation(row: sql.RowMapping) -> Conversation:
    return Conversation(
        row["id"],
        row["title"],
        row["owner"],
        moment(row["created_at"]),
        moment(row["updated_at"]),
    )


def feedback_row(given: Feedback, conversation: str, at: str) -> dict[str, Any]:
    return {
        "turn_id": given.turn,
        "chunk_id": given.chunk,
        "conversation_id": conversation,
        "owner": given.owner,
        "value": given.value,
        "note": storable(given.note),
        "document_id": given.document,
        "document": given.name,
        "page": given.page,
        "question": storable(given.question),
        "collection": given.collection,
        "at": at,
    }


def to_feedback(row: sql.RowMapping) -> Feedback:
    return Feedback(
        turn=row["turn_id"],
        value=row["value"],
        note=row["note"],
        chunk=row["chunk_id"],
        document=row["document_id"],
        name=row["document"],
        page=row["page"],
        question=row["question"],
        collection=row["collection"],
        owner=row["owner"],
        at=moment(row["at"]),
    )


def evaluation_row(given: EvaluationRow, at: str) -> dict[str, Any]:
    return {
        "turn_id": given.turn,
        "owner": given.owner,
        "question": storable(given.question),
        "expected_answer": storable(given.expected_answer),
        "document": given.document,
        "document_id": given.document_id,
        "page": given.page,
        "quote": storable(given.quote),
        "tags": json.dumps(given.tags),
        "collection": given.collection,
        "added_at": at,
    }


def to_evaluation_row(row: sql.RowMapping) -> EvaluationRow:
    return EvaluationRow(
        turn=row["turn_id"],
        question=row["question"],
        expected_answer=row["expected_answer"],
        document=row["document"],
        page=row["page"],
        quote=row["quote"],
        tags=_listed(row["tags"]),
        collection=row["collection"],
        document_id=row["document_id"],
        verdict=row["verdict"],
        note=row["note"],
        relevant=_listed(row["relevant"]),
        not_relevant=_listed(row["not_relevant"]),
        owner=row["owner"],
        added_at=moment(row["added_at"]),
    )
