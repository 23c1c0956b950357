"""A turn of a conversation: what was asked where, and what came of it."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field

from rag.records import Answer, Search


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

    @property
    def key(self) -> str:
        """Tells its widgets from those of others."""
        return self.id[:8]
