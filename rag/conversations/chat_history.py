"""Turns as LangChain's messages, in its chat history over SQLAlchemy: the one place that langchain-community is used.

Import it where it is needed: it takes 140 ms. A turn is a HumanMessage and an AIMessage. Whatever else reads such a
history, `SQLChatMessageHistory(id, "messages", connection="sqlite:///conversations.sqlite3")` say, gets the same ones.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import sqlalchemy as sql
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, message_to_dict, messages_from_dict
from pydantic import TypeAdapter, ValidationError
from sqlalchemy.orm import declarative_base

from rag.conversations.tables import folded, messages, moment
from rag.records import Answer, KeptTurn, Search

# It is no longer developed, says so whenever it is imported, and serves.
warnings.filterwarnings("ignore", "`langchain-community` is being sunset", DeprecationWarning)
from langchain_community.chat_message_histories.sql import (  # noqa: E402 - after the filter
    BaseMessageConverter,
    SQLChatMessageHistory,
)

_ANSWER = TypeAdapter(Answer)
_SEARCH = TypeAdapter(Search)
UNREADABLE = (
    "This answer was written by another version of Footnote, or is damaged: only its text can be shown. Update "
    "Footnote to see the whole, or ask again."
)
"""Shown with what can be read of a turn."""
_NOT_OURS = (KeyError, TypeError, ValueError, AttributeError)
"""What reading raises where a message is not as it is written here; pydantic's ValidationError is a ValueError."""


class Message(declarative_base(metadata=sql.MetaData())):  # type: ignore[misc]  # made at run time
    """A row of `messages`, as the history wants it."""

    __table__ = messages.to_metadata(sql.MetaData())


class Converter(BaseMessageConverter):
    """Between LangChain's messages and rows that say of which turn they are and can be searched."""

    def from_sql_model(self, sql_message: Any) -> BaseMessage:
        """The message of a row; of one that cannot be read, its words, and that it is `unreadable`."""
        turn, kind = sql_message.turn_id, HumanMessage if sql_message.role == "human" else AIMessage
        told: Any = None
        try:
            told = json.loads(sql_message.message)
            found = messages_from_dict([told])[0]
            if isinstance(found, kind) and found.additional_kwargs.get("turn") == turn:
                return found
        except _NOT_OURS:
            pass  # told by `unreadable`
        data = told.get("data") if isinstance(told, dict) else None
        text = data.get("content") if isinstance(data, dict) else None
        shown = text if isinstance(text, str) else sql_message.words
        return kind(shown, additional_kwargs={"turn": turn, "unreadable": True})

    def to_sql_model(self, message: BaseMessage, session_id: str) -> Message:
        """The row of a message."""
        return Message(session_id=session_id, **message_row(message))

    def get_sql_model_class(self) -> type[Message]:
        """The class of the rows."""
        return Message


def history_of(conversation: str, engine: sql.Engine) -> SQLChatMessageHistory:
    """The chat history of a conversation."""
    return SQLChatMessageHistory(conversation, custom_message_converter=Converter(), connection=engine)


def message_row(message: BaseMessage) -> dict[str, Any]:
    """What a row has of a message, beside the conversation it is of."""
    return {
        "turn_id": message.additional_kwargs["turn"],
        "role": message.type,
        "words": folded(str(message.content)),
        "message": json.dumps(message_to_dict(message)),  # in ASCII: half characters too come back as they were
    }


def to_messages(turn: KeptTurn) -> tuple[HumanMessage, AIMessage]:
    """A turn as a question and an answer, which has as its text what the reader sees of it."""
    asked = {"turn": turn.id, "search": asdict(turn.search), "literally": turn.literally, "at": turn.at.isoformat()}
    answer = _ANSWER.dump_python(turn.answer, mode="json") if turn.answer else None
    told = {"turn": turn.id, "answer": answer, "error": turn.error, "partial": turn.partial}
    text = turn.answer.text if turn.answer else turn.partial
    return HumanMessage(turn.question, additional_kwargs=asked), AIMessage(text, additional_kwargs=told)


def to_turns(found: Sequence[BaseMessage]) -> list[KeptTurn]:
    """The turns of a history, in order. A question whose answer is missing was stopped. Of a turn that was written by
    another version, or is damaged, what can be read: its question and its text, with UNREADABLE as its error."""
    answers = {one.additional_kwargs["turn"]: one for one in found if one.type == "ai"}
    return [
        _turn(str(one.content), one.additional_kwargs, answers.get(one.additional_kwargs["turn"]))
        for one in found
        if one.type == "human"
    ]


def _turn(question: str, asked: Mapping[str, Any], answered: BaseMessage | None) -> KeptTurn:
    told = answered.additional_kwargs if answered else {}
    search, same_search = _search(asked.get("search"))
    answer, same_answer = _answer(told)
    partial = told.get("partial", "")
    if not same_answer and answered is not None:
        partial = str(answered.content)
    return KeptTurn(
        id=asked["turn"],
        question=question,
        search=search,
        at=moment(asked.get("at")),
        answer=answer,
        error=str(told.get("error", "")) if same_search and same_answer else UNREADABLE,
        partial=str(partial),
        literally=bool(asked.get("literally")),
    )


def _search(told: Any) -> tuple[Search, bool]:
    """Where a question was looked into, and whether that could be read; if not, its collection at least."""
    try:
        return _SEARCH.validate_python(told), True
    except ValidationError:
        collection = told.get("collection") if isinstance(told, dict) else ""
        return Search(collection if isinstance(collection, str) else ""), False


def _answer(told: Mapping[str, Any]) -> tuple[Answer | None, bool]:
    """An answer, if there is one, and whether it could be read."""
    try:
        return _ANSWER.validate_python(told["answer"]) if told.get("answer") else None, not told.get("unreadable")
    except ValidationError:
        return None, False
