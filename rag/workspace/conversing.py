"""Conversations that are kept, feedback on their answers, and the evaluation set made of it.

In a read-only demo nothing of this is kept or shown.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from rag.conversations import Removed
from rag.errors import InputError, NotFoundError
from rag.records import (
    Citation,
    Conversation,
    EvaluationRow,
    Feedback,
    Hit,
    KeptTurn,
    WholeConversation,
)
from rag.workspace.documents_in import checked_tags
from rag.workspace.opened import Opened

LONGEST_NOTE = 2000
LONGEST_EXPECTED = 20_000
"""Characters."""
EDITED = "rests on an edited passage"
"""The tag of a row whose answer is from a passage that was edited by hand."""
_FOOTNOTE = re.compile(r"\s*\[\d{1,3}\]")


class Conversing(Opened):
    """`owner` is whose conversations they are; to others they are not there. Without sign-in it is empty."""

    def conversations(self, owner: str = "", text: str = "", limit: int = 30, offset: int = 0) -> list[Conversation]:
        """The conversations that have each word of `text` in their title, questions or answers; the one continued last
        comes first."""
        return [] if self.settings.demo else self.talks.listed(owner, text, limit, offset)

    def conversation(self, conversation: str, owner: str = "") -> WholeConversation:
        """A conversation with its turns, and what was thought of them. A turn that was written by another version, or
        is damaged, has what can be read of it. Raises NotFoundError, StorageError."""
        if self.settings.demo:
            raise NotFoundError("A read-only demo keeps no conversations.")
        found = self.talks.one(owner, conversation)
        turns = [self._current(one) for one in self.talks.turns(conversation)]
        feedback = {(one.turn, one.chunk): one for one in self.talks.feedback(owner, conversation)}
        rows = self.talks.rows(owner, [one.id for one in turns])
        return WholeConversation(found, tuple(turns), feedback, {one.turn: one for one in rows})

    def _current(self, turn: KeptTurn) -> KeptTurn:
        """A turn whose collection is called as it is now."""
        name = self.catalog.current_name(turn.search.collection)
        return turn if name == turn.search.collection else replace(turn, search=replace(turn.search, collection=name))

    def erasures(self) -> int:
        """How often everything was erased, for `keep_turn`."""
        return self.talks.erasures()

    def keep_turn(
        self,
        conversation: str,
        turn: KeptTurn,
        owner: str = "",
        goes_on: bool = False,
        since: int | None = None,
    ) -> Conversation:
        """Keep a turn of a conversation as it is now, whether it is there already or is the next one. A conversation
        that is not there begins with it, and is called by its question, unless it `goes_on`: then it was deleted
        meanwhile. `since` is what `erasures` was before the turn was asked.

        Raises NotFoundError if the conversation was deleted or everything was erased meanwhile, StorageError.
        """
        self._require_writable()
        return self.talks.keep(owner, conversation, turn, goes_on, since)

    def drop_turn(self, conversation: str, turn: str, owner: str = "") -> None:
        """Remove a turn with its feedback. Raises NotFoundError."""
        self._require_writable()
        self.talks.drop(owner, conversation, turn)

    def rename_conversation(self, conversation: str, title: str, owner: str = "") -> Conversation:
        """Raises InputError for a title that cannot be one, NotFoundError."""
        self._require_writable()
        return self.talks.rename(owner, conversation, title)

    def delete_conversation(self, conversation: str, owner: str = "") -> Removed:
        """Delete a conversation with its feedback, also from the disk. What is returned is all there is left of it, and
        what `restore_conversation` takes. Rows of the evaluation set stay. Raises NotFoundError."""
        self._require_writable()
        return self.talks.remove(owner, conversation)

    def restore_conversation(self, removed: Removed) -> None:
        """Bring back what was deleted. Raises NotFoundError if everything was erased since."""
        self._require_writable()
        self.talks.restore(removed)

    def judge(
        self,
        conversation: str,
        turn: KeptTurn,
        value: int,
        note: str = "",
        hit: Hit | None = None,
        owner: str = "",
    ) -> Feedback:
        """Keep what a reader thinks of an answer (1: good, -1: bad, 0: nothing any more), with a note; or with a `hit`,
        whether that is relevant to the question. It replaces what was thought before. Raises InputError,
        NotFoundError for what is not there, or somebody else's."""
        self._require_writable()
        if value not in (1, 0, -1) or len(note) > LONGEST_NOTE:
            raise InputError(f"Feedback is 1, -1 or 0, with a note of up to {LONGEST_NOTE:,} characters.")
        about = Feedback(
            turn=turn.id,
            value=value,
            note=note.strip(),
            question=turn.question,
            collection=turn.search.collection,
            owner=owner,
            chunk=hit.chunk.id if hit else "",
            document=hit.chunk.document_id if hit else "",
            name=hit.name if hit else "",
            page=hit.chunk.page if hit else 0,
        )
        return self.talks.judge(conversation, about)

    def feedback(self, owner: str | None = None) -> list[Feedback]:
        """All feedback, oldest first; of one owner, or of all."""
        return [] if self.settings.demo else self.talks.feedback(owner)

    def add_evaluation_row(
        self,
        turn: KeptTurn,
        expected_answer: str,
        place: Citation | Hit | None = None,
        tags: Sequence[str] = (),
        owner: str = "",
    ) -> EvaluationRow:
        """Put a question into the evaluation set, with the answer that is expected and where that stands: None if the
        documents do not have it. It replaces the owner's row of the turn, if there is one. Raises InputError,
        NotFoundError for a turn that is not kept, or somebody else's."""
        self._require_writable()
        expected_answer = expected_answer.strip()
        if len(expected_answer) > LONGEST_EXPECTED:
            raise InputError(f"An expected answer has up to {LONGEST_EXPECTED:,} characters.")
        if place is not None and not expected_answer:
            raise InputError("Write the answer that is expected, or choose that no document has it.")
        asked = turn.answer.searched if turn.answer and turn.answer.searched else turn.question
        document, name, page, quote = _place(place)
        edited = place.edited if isinstance(place, Citation) else place.chunk.edited if place else None
        if edited and isinstance(place, Hit):
            quote = self.catalog.passage(turn.search.collection, document, *place.span)
        row = EvaluationRow(
            turn.id,
            asked,
            expected_answer,
            name,
            page,
            quote,
            checked_tags([*tags, EDITED] if edited else tags),
            turn.search.collection,
            document,
            owner=owner,
        )
        return self.talks.add_row(row)

    def remove_evaluation_row(self, turn: str, owner: str = "") -> None:
        """Take a turn's row out of the evaluation set."""
        self._require_writable()
        self.talks.remove_row(owner, turn)

    def evaluation_rows(self, owner: str | None = None) -> list[EvaluationRow]:
        """The evaluation set, oldest first; of one owner, or of all."""
        return [] if self.settings.demo else self.talks.rows(owner)


def expected_of(turn: KeptTurn) -> str:
    """What is offered as the expected answer: what was answered, without footnotes; nothing if it abstained."""
    answer = turn.answer
    return _FOOTNOTE.sub("", answer.text).strip() if answer and not answer.abstained else ""


def _place(place: Citation | Hit | None) -> tuple[str, str, int, str]:
    """Document, its name, page and quote; of an edited passage what its page says, which can be looked up."""
    if place is None:
        return "", "", 0, ""
    if isinstance(place, Citation):
        return place.document, place.name, place.page, place.printed if place.edited else place.quote
    return place.chunk.document_id, place.name, place.chunk.page, place.chunk.text
