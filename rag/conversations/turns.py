"""Conversations in their file: listed, searched, opened, continued, renamed, removed and brought back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sql

from rag.catalog import Database
from rag.conversations.tables import (
    conversations,
    erasures,
    feedback,
    folded,
    messages,
    storable,
    to_conversation,
)
from rag.errors import InputError, NotFoundError
from rag.records import Conversation, KeptTurn

LONGEST_TITLE = 100
TITLE_OF_A_QUESTION = 70
LONGEST_SEARCH = 200
"""Characters."""
_OF_A_CONVERSATION = {"messages": (messages, messages.c.session_id), "feedback": (feedback, feedback.c.conversation_id)}


@dataclass(frozen=True, slots=True)
class Removed:
    """A conversation that has been removed, whole, and kept by nobody else: to be brought back. `rows` are by table;
    `erasures` is how often everything had been erased by then."""

    conversation: Conversation
    rows: Mapping[str, Sequence[Mapping[str, Any]]]
    erasures: int


class Turns(Database):
    """Conversations with their turns. Each is of an owner: to others it is not there."""

    def load(self) -> None:
        """Import what it takes to open a conversation, which the first one would otherwise wait for."""
        from rag.conversations import chat_history  # noqa: F401 - that is all

    def listed(self, owner: str, text: str = "", limit: int = 30, offset: int = 0) -> list[Conversation]:
        """Conversations, the one that was continued last first: those that have each word of `text` somewhere in their
        title, questions and answers, whatever their capitals. Of `text` the first LONGEST_SEARCH characters count."""
        mine = messages.c.session_id == conversations.c.id
        wanted = [_somewhere(word) for word in folded(text[:LONGEST_SEARCH]).split()]
        query = sql.select(conversations).where(conversations.c.owner == owner, sql.exists().where(mine), *wanted)
        query = query.order_by(conversations.c.updated_at.desc(), conversations.c.id).limit(limit).offset(offset)
        with self.read() as connection:
            return [to_conversation(row) for row in connection.execute(query).mappings()]

    def one(self, owner: str, conversation: str) -> Conversation:
        """Raises NotFoundError."""
        with self.read() as connection:
            return self._row(connection, owner, conversation)

    def turns(self, conversation: str) -> list[KeptTurn]:
        """Its turns in order; of those that cannot be read, what can."""
        from rag.conversations.chat_history import history_of, to_turns

        with self.engine() as engine:
            return to_turns(history_of(conversation, engine).messages)

    def conversation_of(self, owner: str, turn: str) -> str:
        """The conversation of an owner that a turn is in; empty if it is not kept."""
        query = sql.select(conversations.c.id).join(messages, messages.c.session_id == conversations.c.id)
        query = query.where(conversations.c.owner == owner, messages.c.turn_id == turn).limit(1)
        with self.read() as connection:
            return str(connection.execute(query).scalar() or "")

    def erasures(self) -> int:
        """How often everything was erased."""
        with self.read() as connection:
            return _erasures(connection)

    def keep(
        self, owner: str, conversation: str, turn: KeptTurn, goes_on: bool = False, since: int | None = None
    ) -> Conversation:
        """Keep a turn as it is now: the next one of a conversation, or one that is there already. A conversation that
        is not there begins with it, unless it `goes_on`: then it was deleted meanwhile. `since` is what `erasures` was
        when the turn was asked.

        Raises NotFoundError for a conversation that was deleted meanwhile or is somebody else's, and if everything was
        erased since.
        """
        from rag.conversations.chat_history import message_row, to_messages

        rows = [message_row(one) for one in to_messages(turn)]
        now = _now()
        title = _title(turn.question)
        begun = {"id": conversation, "owner": owner, "created_at": now, "title": title, "words": folded(title)}
        with self.write() as connection:
            _require_same(connection, since, "it is not kept")
            mine = conversations.c.id == conversation
            if not goes_on:
                connection.execute(conversations.insert().prefix_with("OR IGNORE").values(begun | {"updated_at": now}))
            elif not connection.execute(sql.select(conversations.c.id).where(mine)).first():
                raise NotFoundError(
                    "It was deleted meanwhile, in another window or by another reader. Begin a new conversation to "
                    "have what you ask next kept."
                )
            self._row(connection, owner, conversation)
            if _is_elsewhere(connection, conversation, turn.id):
                raise NotFoundError("This question belongs to another conversation. Ask it again in this one.")
            connection.execute(conversations.update().where(mine).values(updated_at=now))
            there = [connection.execute(_replacing(conversation, row)).rowcount for row in rows]
            if not any(there):
                connection.execute(messages.insert(), [row | {"session_id": conversation} for row in rows])
            return self._row(connection, owner, conversation)

    def drop(self, owner: str, conversation: str, turn: str) -> None:
        """Remove a turn, with what was thought of it; with its last turn a conversation goes."""
        with self.write() as connection:
            self._row(connection, owner, conversation)
            for table, column in _OF_A_CONVERSATION.values():
                connection.execute(table.delete().where(column == conversation, table.c.turn_id == turn))
            left = sql.exists().where(messages.c.session_id == conversation)
            connection.execute(conversations.delete().where(conversations.c.id == conversation, ~left))
        self.empty_log()

    def rename(self, owner: str, conversation: str, title: str) -> Conversation:
        """Raises InputError for a title that cannot be one, NotFoundError."""
        title = " ".join(storable(title).split())
        if not title or len(title) > LONGEST_TITLE or not title.isprintable():
            raise InputError(f"A title has between 1 and {LONGEST_TITLE} characters, all of them visible.")
        with self.write() as connection:
            self._row(connection, owner, conversation)
            named = conversations.update().where(conversations.c.id == conversation)
            connection.execute(named.values(title=title, words=folded(title)))
            return self._row(connection, owner, conversation)

    def remove(self, owner: str, conversation: str) -> Removed:
        """Remove a conversation with its feedback, so that nothing of it is left on the disk. What was added to the
        evaluation set stays there. Raises NotFoundError."""
        with self.write() as connection:
            found = self._row(connection, owner, conversation)
            rows = {
                name: [dict(row) for row in connection.execute(table.select().where(column == conversation)).mappings()]
                for name, (table, column) in _OF_A_CONVERSATION.items()
            }
            connection.execute(conversations.delete().where(conversations.c.id == conversation))
            erased = _erasures(connection)
        self.empty_log()
        return Removed(found, rows, erased)

    def restore(self, removed: Removed) -> None:
        """Bring a conversation back as it was. What was added under its id meanwhile stays. Raises NotFoundError if
        everything was erased since."""
        one = removed.conversation
        row = {
            "id": one.id,
            "title": one.title,
            "words": folded(one.title),
            "owner": one.owner,
            "created_at": one.created_at.isoformat(timespec="microseconds"),
            "updated_at": one.updated_at.isoformat(timespec="microseconds"),
        }
        with self.write() as connection:
            _require_same(connection, removed.erasures, "this conversation cannot be brought back")
            connection.execute(conversations.insert().prefix_with("OR IGNORE").values(row))
            for name, (table, _) in _OF_A_CONVERSATION.items():
                if removed.rows[name]:
                    connection.execute(table.insert().prefix_with("OR IGNORE"), removed.rows[name])

    def _row(self, connection: sql.Connection, owner: str, conversation: str) -> Conversation:
        mine = sql.select(conversations).where(
            conversations.c.id == storable(conversation), conversations.c.owner == owner
        )
        row = connection.execute(mine).mappings().one_or_none()
        if row is None:
            raise NotFoundError("This conversation is not there: it has been deleted, or is somebody else's.")
        return to_conversation(row)


def _somewhere(word: str) -> sql.ColumnElement[bool]:
    """Whether a word is in the title or in any message of a conversation."""
    said = sql.exists().where(
        messages.c.session_id == conversations.c.id, messages.c.words.contains(word, autoescape=True)
    )
    return conversations.c.words.contains(word, autoescape=True) | said


def _erasures(connection: sql.Connection) -> int:
    return int(connection.execute(sql.select(sql.func.coalesce(sql.func.max(erasures.c.number), 0))).scalar_one())


def _require_same(connection: sql.Connection, since: int | None, therefore: str) -> None:
    """Raises NotFoundError if everything was erased since `erasures` was this."""
    if since is not None and _erasures(connection) != since:
        raise NotFoundError(f"Everything was erased meanwhile: {therefore}. Begin a new conversation.")


def _is_elsewhere(connection: sql.Connection, conversation: str, turn: str) -> bool:
    there = sql.select(messages.c.id).where(messages.c.turn_id == turn, messages.c.session_id != conversation)
    return connection.execute(there.limit(1)).first() is not None


def _replacing(conversation: str, row: Mapping[str, Any]) -> sql.Update:
    same = (messages.c.session_id == conversation, messages.c.turn_id == row["turn_id"], messages.c.role == row["role"])
    return messages.update().where(*same).values(words=row["words"], message=row["message"])


def _title(question: str) -> str:
    """What a conversation is called that begins with a question."""
    shown = "".join(one if one.isprintable() else " " for one in storable(question))
    title = " ".join(shown.split())
    if len(title) <= TITLE_OF_A_QUESTION:
        return title or "Conversation"
    cut = title[:TITLE_OF_A_QUESTION]
    return f"{cut[: cut.rfind(' ')] if ' ' in cut[20:] else cut}…"


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="microseconds")
