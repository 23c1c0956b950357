"""A turn of a conversation: what was asked where, and what came of it."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime

from rag.records import Answer, KeptTurn, Search


@dataclass(slots=True, eq=False)
class Turn:
    """A question with its answer. Without either answer or error it was stopped on the way, after `partial`."""

    question: str
    search: Search
    answer: Answer | None = None
    error: str = ""
    partial: str = ""
    literally: bool = False
    """Whether it is searched for as it was typed, even if it looks like a follow-up question."""
    id: str = field(default_factory=lambda: uuid.uuid4().hex)
    at: datetime = field(default_factory=lambda: datetime.now(UTC))

    @property
    def key(self) -> str:
        """Tells its widgets from those of others."""
        return self.id[:8]

    @property
    def kept(self) -> KeptTurn:
        """As it is kept."""
        search, answer = self.search, self.answer
        return KeptTurn(
            self.id, self.question, search, self.at, answer, self.error, "" if answer else self.partial, self.literally
        )


def turn_of(kept: KeptTurn) -> Turn:
    """As it was."""
    return Turn(
        kept.question, kept.search, kept.answer, kept.error, kept.partial, kept.literally, id=kept.id, at=kept.at
    )
