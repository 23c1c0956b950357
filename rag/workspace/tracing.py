"""What was done for each question: noted on the way, kept in the background, and looked at later."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

from rag.errors import NotFoundError, RagError
from rag.records import (
    Answer,
    AnswerPiece,
    Feedback,
    Found,
    Hit,
    KeptTurn,
    Trace,
    TracedAs,
)
from rag.traces import Recorder
from rag.workspace.conversing import Conversing
from rag.workspace.live import Stopwatch
from rag.workspace.searching import Searching

if TYPE_CHECKING:
    from rag.conversations import Removed

STOPPED, FAILED = "Stopped before the answer was complete.", "It failed."


class Tracing(Searching, Conversing):
    """Traces. In a read-only demo none are made, as nothing that is asked there is kept."""

    _recorder: Recorder | None = None

    @property
    def recorder(self) -> Recorder:
        """Where traces are written."""
        with self._closing:
            if self._recorder is None:
                self._recorder = Recorder(self.folder.traces, self.settings.traces_kept)
            return self._recorder

    def traces(
        self,
        owner: str | None = None,
        at_least: float = 0.0,
        abstained: bool | None = None,
        failed: bool | None = None,
        value: int | None = None,
        limit: int = 100,
        offset: int = 0,
    ) -> list[Trace]:
        """What was done for the last questions, of an owner or of all, the last first: those that took at least so many
        seconds, and that are so. `value` is what the reader thought: 1, -1, or 0 for nothing."""
        if self.settings.demo:
            return []
        self.recorder.settle()
        return self.recorder.store.listed(owner, at_least, abstained, failed, value, limit, offset)

    def trace(self, trace: str) -> Trace:
        """Raises NotFoundError."""
        self.recorder.settle()
        found = None if self.settings.demo else self.recorder.store.one(trace)
        if found is None:
            raise NotFoundError("This trace is not kept any more.")
        return found

    def _traced(
        self,
        stream: Generator[AnswerPiece | Answer],
        question: str,
        collection: str | None,
        watch: Stopwatch,
        traced: TracedAs,
    ) -> Iterator[AnswerPiece | Answer]:
        """The stream as it is; when it is over, or ends before, its trace is kept."""
        at, answer, error = datetime.now(UTC), None, STOPPED
        try:
            with closing(stream):
                for one in stream:
                    if isinstance(one, Answer):
                        answer, error = one, ""
                    yield one
        except Exception as failure:
            error = str(failure) if isinstance(failure, RagError) else FAILED
            raise
        finally:
            name = self.settings.collection if collection is None else collection
            if self.settings.traces_kept and not self.settings.demo:
                noted = _Noted(at, watch.elapsed(), question, name, watch, traced, answer, error)
                # What is made of it is made later, by another thread.
                self.recorder.add(partial(noted.trace, self.settings.trace_texts), traced.turn, self._is_sampled)

    def _is_sampled(self, trace: str) -> bool:
        """Whether a trace is for MLflow: by its id, so that nobody's luck changes."""
        share = int(hashlib.sha256(trace.encode()).hexdigest()[:8], 16) / 0x1_0000_0000
        return self.settings.mlflow and share < self.settings.trace_sample

    # -- what becomes of a turn becomes of its trace -------------------------------------------------------

    def judge(
        self,
        conversation: str,
        turn: KeptTurn,
        value: int,
        note: str = "",
        hit: Hit | None = None,
        owner: str = "",
    ) -> Feedback:
        thought = super().judge(conversation, turn, value, note, hit, owner)
        if hit is None and self._has_traces:
            self.recorder.judge(turn.id, owner, value, thought.note if self.settings.trace_texts else "")
        return thought

    def drop_turn(self, conversation: str, turn: str, owner: str = "") -> None:
        super().drop_turn(conversation, turn, owner)
        self._forget(owner, [turn])

    def delete_conversation(self, conversation: str, owner: str = "") -> Removed:
        self._require_writable()
        turns = [one.id for one in self.conversation(conversation, owner).turns]
        removed = super().delete_conversation(conversation, owner)
        self._forget(owner, turns)
        return removed

    def erase(self) -> None:
        """Delete everything that is stored, so that it cannot be read from the disk's files either."""
        super().erase()
        if self._has_traces:
            self.recorder.settle()
            self.recorder.store.erase()

    def _forget(self, owner: str, turns: list[str]) -> None:
        if self._has_traces:
            self.recorder.settle()  # one may be on its way
            self.recorder.store.forget(owner, turns)

    @property
    def _has_traces(self) -> bool:
        return self._recorder is not None or self.folder.traces.exists()

    def close(self) -> None:
        """Stop work at the next batch and let go of the folder."""
        super().close()
        if self._recorder is not None:
            self._recorder.close()


@dataclass(frozen=True, slots=True)
class _Noted:
    """All there is to know of a question when its answer is there, of which a trace is made later."""

    at: datetime
    seconds: float
    question: str
    collection: str
    watch: Stopwatch
    traced: TracedAs
    answer: Answer | None
    error: str

    def trace(self, texts: bool) -> Trace:
        """With what was asked and answered in it, or without."""
        answer = self.answer
        made = Trace(
            id=uuid.uuid4().hex,
            at=self.at,
            seconds=self.seconds,
            spans=self.watch.spans(self.seconds),
            collection=self.collection,
            owner=self.traced.owner,
            question=self.question if texts else "",
            error=self.error if texts or not self.error else FAILED,
        )
        if answer is None:
            return made
        return replace(
            made,
            searched=answer.searched if texts else "",
            answer=answer.text if texts else "",
            model=answer.model,
            abstained=answer.abstained,
            confidence=answer.confidence,
            found=tuple(_sighting(hit, texts) for hit in answer.hits),
        )


def _sighting(hit: Hit, texts: bool) -> Found:
    chunk = hit.chunk
    return Found(chunk.document_id, hit.name if texts else "", chunk.page, chunk.start, chunk.end, hit.score)
