"""Configurations, and the runs in which they are held against each other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import astuple, dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from rag.records.collections import Recipe


@dataclass(frozen=True, slots=True)
class Configuration:
    """Everything about answering that a run may change, with what is usual.

    What is made in advance: `model` and `precision` of the embeddings, `chunk_tokens`, `overlap` (tokens that a passage
    shares with the one before) and `headers` (whether title and headings are embedded above it). What is done for a
    question: how many passages (`k`), how much the `lexical`, `dense` and `late` list and those of documents that the
    question names (`routed`; 0: none are made) count, and which cross-encoder ranks anew (`reranker`). Who answers:
    `answerer` is empty for retrieval alone, "extractive", or a language model as `provider:model`; below
    `abstain_below` it says that the documents do not answer.
    """

    model: str = "bundled"
    precision: str = "int8"
    chunk_tokens: int = 200
    overlap: int = 0
    headers: bool = True
    k: int = 5
    lexical: float = 1.0
    dense: float = 0.5
    late: float = 2.0
    routed: float = 0.7
    reranker: str = ""
    answerer: str = ""
    abstain_below: float = 0.23

    @property
    def recipe(self) -> Recipe:
        """How its passages are made."""
        return Recipe(self.model, self.precision, self.chunk_tokens, self.overlap, self.headers)

    @property
    def index(self) -> tuple[Any, ...]:
        """Equal for configurations that search the same passages and vectors."""
        return astuple(self.recipe)


class RunState(StrEnum):
    """Where a study or a run is."""

    QUEUED = "queued"
    RUNNING = "running"
    FINISHED = "finished"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Run:
    """A configuration held against a set of questions. `metrics` are means over the questions that have the metric, by
    name (`recall@5`, `latency p50`, in ms); `seconds` what it took."""

    id: str
    study: str
    configuration: Configuration
    state: RunState
    metrics: Mapping[str, float] = field(default_factory=dict)
    started_at: datetime | None = None
    seconds: float = 0.0
    reason: str = ""
    mlflow_id: str = ""
    """Of the run in MLflow, once it is there."""
    searched: str = ""
    """Id of the collection, or of what is in the making, that it searches as that is; without one it searches passages
    made as its configuration says."""
    in_memory: bool = False
    """Whether its passages were made for the study. These are searched in memory, which is faster than a collection is:
    its times compare with those of such runs only."""


@dataclass(frozen=True, slots=True)
class Study:
    """Several runs over the same questions and documents. `set_version` and `data_version` are hashes of the questions
    and of the documents' ids; `code_version` and `environment` say what ran. `done` of `total` questions of its runs
    are scored; `reason` says why it ended early, or while it runs what is being done."""

    id: str
    name: str
    collection: str
    set_name: str
    set_version: str
    data_version: str
    state: RunState
    created_at: datetime
    runs: tuple[Run, ...] = ()
    done: int = 0
    total: int = 0
    reason: str = ""
    code_version: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)
    mlflow_id: str = ""
    rehearsed: str = ""
    """Of a rehearsal, a hash of all that its two collections were then; else empty."""
    collection_made: str = ""
    """When its collection was made, which stays as it is renamed or embedded anew, and tells it from another one of its
    name; empty of studies from before this was kept."""


@dataclass(frozen=True, slots=True)
class Found:
    """A passage that a run found, `start` and `end` in its document's text."""

    document: str
    name: str
    page: int
    start: int
    end: int
    score: float
    text: str = ""


@dataclass(frozen=True, slots=True)
class Scored:
    """What a run made of one question, by its place in the set: `metrics` of this question alone, what was found, what
    was answered, and how long that took in ms."""

    place: int
    metrics: Mapping[str, float]
    found: tuple[Found, ...]
    answer: str = ""
    abstained: bool = False
    confidence: float | None = None
    milliseconds: float = 0.0
    error: str = ""


AS_SET = -1
"""What a promotion goes `back_to` that takes an alias away: from then on nobody has it."""


@dataclass(frozen=True, slots=True)
class Promotion:
    """A configuration that was given an alias, `champion` or `challenger`, for a collection (empty: for all), or from
    which it was taken away. The last one of an alias has it; `run` is the id of the run that spoke for it, empty if
    none did, `by` who decided."""

    number: int
    alias: str
    configuration: Configuration
    by: str
    at: datetime
    collection: str = ""
    run: str = ""
    mlflow_id: str = ""
    """The version of the registered model, once it is there."""
    back_to: int = 0
    """The number of the promotion that this one went back to, or AS_SET; 0 if it is a decision of its own."""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """Something that is to be written to MLflow: `kind` is `study`, `run` or `trace`, `key` its id. `state` is `queued`
    or `failed`; what has been written is not kept. `at` is when it was queued."""

    id: int
    kind: str
    key: str
    state: str
    tries: int
    last_error: str
    at: datetime
