"""Conversations, feedback and the evaluation set: in a database file of their own beside the catalog.

Of their own because everything that is remembered of the catalog is forgotten whenever something is written to it, and
a turn is written with every question: with 10,000 documents the next question would read the catalog anew, for a fifth
of a second. Nor does a long text on its way into the catalog keep an answer waiting, and what is deleted can be wiped
at once.
"""

from __future__ import annotations

from rag.conversations.judging import Judging
from rag.conversations.migrations import MIGRATIONS
from rag.conversations.tables import conversations, erasures, evaluation_rows
from rag.conversations.tabular import as_csv, as_jsonl, as_row
from rag.conversations.turns import LONGEST_SEARCH, Removed, Turns

__all__ = ["LONGEST_SEARCH", "Conversations", "Removed", "as_csv", "as_jsonl", "as_row"]


class Conversations(Turns, Judging):
    """One file of conversations. Build once and share."""

    migrations = MIGRATIONS
    called = "file of conversations"
    wipes = True

    def erase(self) -> None:
        """Remove everything, so that it cannot be read any more."""
        with self.write() as connection:
            connection.execute(conversations.delete())
            connection.execute(evaluation_rows.delete())
            connection.execute(erasures.insert())  # what others hold of before, they can not bring back
        self.shrink()
