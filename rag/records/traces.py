"""Traces: what was done for a question, one after the other, and how long each took."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from rag.records.experiments import Found


@dataclass(frozen=True, slots=True)
class Span:
    """A step, from `start` on, in seconds after the question; `within` names the step that it is a part of."""

    name: str
    start: float
    seconds: float
    within: str = ""


@dataclass(frozen=True, slots=True)
class TracedAs:
    """What a trace is found again by: the turn of a conversation that it is of, and whose that is."""

    turn: str = ""
    owner: str = ""


@dataclass(frozen=True, slots=True)
class Trace:
    """What was done for a question, `seconds` in all. `found` are the passages that the answer was made from, or those
    that come closest, without their text; `error` says why there is no answer. `value` is what the reader thought (1,
    -1, or 0: nothing), with a `note`.

    Where texts are left out of traces, question, answer, names and notes are empty.
    """

    id: str
    at: datetime
    seconds: float
    spans: tuple[Span, ...]
    collection: str
    owner: str = ""
    question: str = ""
    searched: str = ""
    answer: str = ""
    model: str = ""
    abstained: bool = False
    confidence: float | None = None
    found: tuple[Found, ...] = ()
    error: str = ""
    value: int = 0
    note: str = ""
    mlflow_id: str = ""
    """Of the trace in MLflow, once it is there."""


@dataclass(frozen=True, slots=True)
class TrackingState:
    """How far MLflow is: where it is (`uri`, without keys), how much of each kind (`trace`, `study`, ...) waits to go
    there, the `error` that the last attempt ended with, whether that process is `running`, and the address of MLflow's
    own pages, empty where they have not been started; `is_local` where MLflow is no server, so that its pages
    are for this machine alone."""

    uri: str
    waiting: Mapping[str, int] = field(default_factory=dict)
    error: str = ""
    running: bool = False
    address: str = ""
    is_local: bool = True
