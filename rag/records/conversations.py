"""Conversations that are kept, what readers think of answers, and rows for an evaluation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from rag.records.answers import Answer
from rag.records.searches import Search


@dataclass(frozen=True, slots=True)
class KeptTurn:
    """A question, where it was looked into, and what came of it. Without either answer or error it was stopped on the
    way, after `partial`. `literally`: it was searched for as it was typed."""

    id: str
    question: str
    search: Search
    at: datetime
    answer: Answer | None = None
    error: str = ""
    partial: str = ""
    literally: bool = False


@dataclass(frozen=True, slots=True)
class Conversation:
    """A conversation as it is listed. `owner` is who may see it; empty: whoever may come in."""

    id: str
    title: str
    owner: str
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Feedback:
    """What a reader thinks of an answer, or where `chunk` is given of that source of it: `value` is 1 (good, relevant)
    or -1. What it was about is kept with it, so that it says something on its own."""

    turn: str
    value: int
    note: str = ""
    chunk: str = ""
    document: str = ""
    name: str = ""
    page: int = 0
    question: str = ""
    collection: str = ""
    owner: str = ""
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class EvaluationRow:
    """A question with the answer that is expected, and where that stands: `quote` on `page` of the document called
    `document`; all empty where no document has the answer. `turn` is that it was made from.

    `verdict` (1, -1, or 0: none), `note` and the ids of chunks found (not) relevant are what the reader thought.
    """

    turn: str
    question: str
    expected_answer: str
    document: str = ""
    page: int = 0
    quote: str = ""
    tags: tuple[str, ...] = ()
    collection: str = ""
    document_id: str = ""
    verdict: int = 0
    note: str = ""
    relevant: tuple[str, ...] = ()
    not_relevant: tuple[str, ...] = ()
    owner: str = ""
    added_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class WholeConversation:
    """A conversation with its turns in order; its feedback by turn and chunk (empty: on the answer); and by turn what
    was made a row of the evaluation set."""

    conversation: Conversation
    turns: tuple[KeptTurn, ...]
    feedback: Mapping[tuple[str, str], Feedback] = field(default_factory=dict)
    evaluation: Mapping[str, EvaluationRow] = field(default_factory=dict)
