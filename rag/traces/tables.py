"""The table of traces: as SQLAlchemy sees it, its migrations, and the way from rows to records and back."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sql

from rag.catalog import Migrations
from rag.records import Found, Span, Trace

MIGRATIONS: Migrations = (
    (  # 1: traces; `state` says whether one waits to be sent, was sent, stays here, or is to be forgotten there too
        """CREATE TABLE traces (
            id TEXT PRIMARY KEY, turn TEXT NOT NULL, owner TEXT NOT NULL, at TEXT NOT NULL, seconds REAL NOT NULL,
            abstained INTEGER NOT NULL, failed INTEGER NOT NULL, value INTEGER NOT NULL, note TEXT NOT NULL,
            state TEXT NOT NULL, tries INTEGER NOT NULL DEFAULT 0, due REAL NOT NULL DEFAULT 0,
            problem TEXT NOT NULL DEFAULT '', mlflow_id TEXT NOT NULL DEFAULT '', body TEXT NOT NULL)""",
        "CREATE INDEX traces_by_age ON traces (at)",
        "CREATE INDEX traces_of_a_turn ON traces (turn)",
        "CREATE INDEX traces_waiting ON traces (state, due)",
    ),
)

WAITING, SENT, HERE, FORGET = "waiting", "sent", "here", "forget"
"""States. What is to be forgotten is empty but for its ids."""

traces = sql.Table(
    "traces",
    sql.MetaData(),
    sql.Column("id", sql.String, primary_key=True),
    sql.Column("turn", sql.String),
    sql.Column("owner", sql.String),
    sql.Column("at", sql.String),
    sql.Column("seconds", sql.Float),
    sql.Column("abstained", sql.Integer),
    sql.Column("failed", sql.Integer),
    sql.Column("value", sql.Integer),
    sql.Column("note", sql.Text),
    sql.Column("state", sql.String),
    sql.Column("tries", sql.Integer),
    sql.Column("due", sql.Float),
    sql.Column("problem", sql.Text),
    sql.Column("mlflow_id", sql.String),
    sql.Column("body", sql.Text),
)

_COLUMNS = ("id", "owner", "at", "seconds", "abstained", "value", "note", "mlflow_id")
_IN_BODY = tuple(one.name for one in fields(Trace) if one.name not in (*_COLUMNS, "spans", "found"))
_SPAN, _FOUND = tuple(one.name for one in fields(Span)), tuple(one.name for one in fields(Found))


def trace_row(trace: Trace, turn: str, state: str) -> dict[str, Any]:
    """A new trace as a row."""
    body = {name: getattr(trace, name) for name in _IN_BODY}
    body["spans"] = [[getattr(one, name) for name in _SPAN] for one in trace.spans]
    body["found"] = [[getattr(one, name) for name in _FOUND] for one in trace.found]
    return {
        "id": trace.id,
        "turn": turn,
        "owner": trace.owner,
        "at": trace.at.astimezone(UTC).isoformat(timespec="microseconds"),
        "seconds": trace.seconds,
        "abstained": trace.abstained,
        "failed": bool(trace.error),
        "value": trace.value,
        "note": trace.note,
        "state": state,
        "body": json.dumps(body),  # in ASCII: half a character, which no file takes, is escaped
    }


def to_trace(row: sql.RowMapping) -> Trace:
    """A row as it was."""
    body = json.loads(row["body"])
    body["spans"] = tuple(Span(*one) for one in body["spans"])
    body["found"] = tuple(Found(*one) for one in body["found"])
    own = {name: row[name] for name in _COLUMNS}
    made = Trace(**own | body)
    return replace(made, at=datetime.fromisoformat(row["at"]), abstained=bool(row["abstained"]))
