"""The tables of the file of experiments as SQLAlchemy sees them, and the way from rows to records and back."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, fields
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import sqlalchemy as sql

from rag.records import Configuration, Found, Gold, KeptSet, Outgoing, Promotion, Run, RunState, Scored, Study

metadata = sql.MetaData()


def _table(called: str, /, **columns: Any) -> sql.Table:
    return sql.Table(called, metadata, *(sql.Column(one, kind) for one, kind in columns.items()))


question_rows = _table("question_rows", version=sql.String, rows=sql.Text)
question_sets = _table(
    "question_sets",
    number=sql.Integer,
    name=sql.String,
    version=sql.String,
    questions=sql.Integer,
    created_at=sql.String,
    mlflow_id=sql.String,
)
studies = _table(
    "studies",
    number=sql.Integer,
    id=sql.String,
    name=sql.String,
    collection=sql.String,
    set_name=sql.String,
    set_version=sql.String,
    data_version=sql.String,
    state=sql.String,
    created_at=sql.String,
    done=sql.Integer,
    total=sql.Integer,
    reason=sql.Text,
    code_version=sql.String,
    environment=sql.Text,
    cancelling=sql.Boolean,
    mlflow_id=sql.String,
    rehearsed=sql.String,
    collection_made=sql.String,
)
runs = _table(
    "runs",
    number=sql.Integer,
    id=sql.String,
    study=sql.String,
    configuration=sql.Text,
    state=sql.String,
    metrics=sql.Text,
    started_at=sql.String,
    seconds=sql.Float,
    reason=sql.Text,
    mlflow_id=sql.String,
    searched=sql.String,
    in_memory=sql.Boolean,
)
scored = _table(
    "scored",
    run=sql.String,
    place=sql.Integer,
    metrics=sql.Text,
    milliseconds=sql.Float,
    abstained=sql.Boolean,
    confidence=sql.Float,
    error=sql.Text,
    answer=sql.Text,
    found=sql.Text,
)
promotions = _table(
    "promotions",
    number=sql.Integer,
    alias=sql.String,
    collection=sql.String,
    configuration=sql.Text,
    run=sql.String,
    by=sql.String,
    at=sql.String,
    mlflow_id=sql.String,
    back_to=sql.Integer,
)
outbox = _table(
    "outbox",
    id=sql.Integer,
    kind=sql.String,
    key=sql.String,
    state=sql.String,
    tries=sql.Integer,
    last_error=sql.Text,
    at=sql.String,
    due=sql.Float,
)

_CONFIGURATION = frozenset(one.name for one in fields(Configuration))
_FOUND = tuple(one.name for one in fields(Found))


def now() -> str:
    return datetime.now(UTC).isoformat(timespec="microseconds")


def as_json(value: Any) -> str:
    # Halves of characters, which a model may have made, are kept as escapes: SQLite could not keep them as they are.
    return json.dumps(value, ensure_ascii=True, separators=(",", ":"), allow_nan=False)


def storable(text: str) -> str:
    """`text` without what SQLite cannot keep: halves of characters."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def to_configuration(known: Mapping[str, Any]) -> Configuration:
    """A configuration as it was kept, by whichever version: what is not known any more is left out."""
    return Configuration(**{one: value for one, value in known.items() if one in _CONFIGURATION})


def to_gold(row: Mapping[str, Any]) -> Gold:
    known: dict[str, Any] = {one: tuple(value) if isinstance(value, list) else value for one, value in row.items()}
    return Gold(**known)


@lru_cache(maxsize=8192)
def _kept_configuration(text: str) -> Configuration:
    return to_configuration(json.loads(text))


def to_set(row: sql.RowMapping) -> KeptSet:
    created = datetime.fromisoformat(row["created_at"])
    return KeptSet(row["name"], row["version"], row["questions"], created, row["mlflow_id"])


def study_row(study: Study) -> dict[str, Any]:
    row = {one: getattr(study, one) for one in ("id", "name", "collection", "set_name", "set_version", "data_version")}
    row |= {one: getattr(study, one) for one in ("done", "total", "reason", "code_version", "mlflow_id", "rehearsed")}
    row |= {"collection_made": study.collection_made}
    created = study.created_at.isoformat(timespec="microseconds")
    environment = as_json(dict(study.environment))
    return row | {"state": study.state.value, "created_at": created, "environment": environment, "cancelling": False}


def to_study(row: sql.RowMapping, its_runs: Sequence[Run] = ()) -> Study:
    known = {one.name: row[one.name] for one in fields(Study) if one.name != "runs"}
    return Study(
        **known
        | {
            "state": RunState(row["state"]),
            "created_at": datetime.fromisoformat(row["created_at"]),
            "environment": json.loads(row["environment"]),
            "runs": tuple(its_runs),
        }
    )


def run_row(run: Run) -> dict[str, Any]:
    return {
        "id": run.id,
        "study": run.study,
        "configuration": as_json(asdict(run.configuration)),
        "state": run.state.value,
        "metrics": as_json(dict(run.metrics)),
        "started_at": run.started_at.isoformat(timespec="microseconds") if run.started_at else None,
        "seconds": run.seconds,
        "reason": run.reason,
        "mlflow_id": run.mlflow_id,
        "searched": run.searched,
        "in_memory": run.in_memory,
    }


RUN_COLUMNS = tuple(runs.c[one.name] for one in fields(Run))


def to_runs(rows: Iterable[Sequence[Any]]) -> list[Run]:
    """Of rows with RUN_COLUMNS. Metrics are read in one go: one by one it takes twice as long."""
    given = list(rows)
    metrics = json.loads(f"[{','.join(row[4] for row in given)}]")
    states = {one.value: one for one in RunState}
    return [
        Run(
            row[0],
            row[1],
            _kept_configuration(row[2]),
            states[row[3]],
            measured,
            datetime.fromisoformat(row[5]) if row[5] else None,
            *row[6:],
        )
        for row, measured in zip(given, metrics, strict=True)
    ]


def scored_row(run: str, one: Scored) -> dict[str, Any]:
    return {
        "run": run,
        "place": one.place,
        "metrics": as_json(dict(one.metrics)),
        "milliseconds": one.milliseconds,
        "abstained": one.abstained,
        "confidence": one.confidence,
        "error": storable(one.error),
        "answer": storable(one.answer),
        "found": as_json([[getattr(found, name) for name in _FOUND] for found in one.found]),
    }


def to_scored(row: sql.RowMapping) -> Scored:
    return Scored(
        row["place"],
        json.loads(row["metrics"]),
        tuple(Found(*one) for one in json.loads(row["found"])),
        row["answer"],
        row["abstained"],
        row["confidence"],
        row["milliseconds"],
        row["error"],
    )


def to_promotion(row: sql.RowMapping) -> Promotion:
    known = {one.name: row[one.name] for one in fields(Promotion)}
    configuration = _kept_configuration(row["configuration"])
    return Promotion(**known | {"configuration": configuration, "at": datetime.fromisoformat(row["at"])})


def to_outgoing(row: sql.RowMapping) -> Outgoing:
    known = {one.name: row[one.name] for one in fields(Outgoing)}
    return Outgoing(**known | {"at": datetime.fromisoformat(row["at"])})
