"""Answering: hits in, an answer with footnotes out; by a language model where one is set, else by quoting."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

from rag.answering.chat import ChatAnswerer
from rag.answering.extractive import Quoter, quoted
from rag.answering.proofs import proved
from rag.answering.texts import Texts
from rag.embedding import Embedder
from rag.errors import ConfigurationError
from rag.records import Answer, AnswerPiece, Citation, Hit
from rag.settings import Settings

__all__ = ["Answerer", "Texts"]


class Answerer:
    """Answers from hits. Safe to use from threads."""

    def __init__(self, settings: Settings, embedder: Callable[[], Embedder]) -> None:
        self._settings = settings
        self._embedder = embedder
        self._quoter = Quoter(embedder, settings.abstain_below)
        self._chat = ChatAnswerer(settings, self._count_tokens) if settings.llm else None

    def load(self) -> None:
        """Load the language model's client, if one is set. Raises ModelError, MissingDependencyError."""
        if self._chat is not None:
            self._chat.load()

    def stream(self, question: str, hits: Sequence[Hit], texts: Texts) -> Iterator[AnswerPiece | Answer]:
        """Pieces as they come, then the whole Answer, whose quotes are proved. A language model that fails is replaced
        by quoting. `texts` are those of the hits."""
        started = time.monotonic()
        notice = ""
        if self._chat is not None and hits:
            try:
                for one in self._chat.stream(question, hits):
                    if isinstance(one, Answer):
                        yield from self._finished(self._explained(one, texts), None, texts, started)
                    else:
                        yield one
            except ConfigurationError as error:
                notice = f"{error} This answer quotes the documents instead."
                yield AnswerPiece("", restart=True)
            else:
                return
        answer = self._quoter.answer(question, hits, texts)
        yield AnswerPiece(answer.text)
        yield from self._finished(replace(answer, notice=notice), quoted, texts, started)

    def _finished(
        self, answer: Answer, quoted: Callable[[Sequence[Citation]], str] | None, texts: Texts, started: float
    ) -> Iterator[AnswerPiece | Answer]:
        """The whole answer, and before it its text once more if a quote could not be proved."""
        checked = proved(answer, texts, quoted)
        if checked.text != answer.text:
            yield AnswerPiece(checked.text, restart=True)
        timings: Mapping[str, float] = {**answer.timings, "answer": time.monotonic() - started}
        yield replace(checked, timings=timings)

    def _explained(self, answer: Answer, texts: Texts) -> Answer:
        """A language model does not say how near the passages come to what it finds no answer in."""
        if not answer.abstained:
            return answer
        return replace(answer, abstention=self._quoter.why_not(answer.question, answer.hits, texts))

    def _count_tokens(self, text: str) -> int:
        return len(self._embedder().token_offsets(text))
