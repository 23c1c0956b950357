"""Answering: hits in, an answer with footnotes out; by a language model where one is set, else by quoting."""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial

from rag.answering.chat import ChatAnswerer
from rag.answering.deadline import DeadlineError, stop_if_abandoned, stream_alive
from rag.answering.extractive import Quoter, quoted
from rag.answering.failures import CHOSEN, SET, Fields
from rag.answering.followup import standalone
from rag.answering.ledger import make_ledger
from rag.answering.overview import asks_for_overview, make_overview, overview_of
from rag.answering.proofs import headed, pointed, proved
from rag.answering.summary import summarise
from rag.answering.texts import Texts
from rag.embedding import Embedder, Vectors
from rag.errors import ConfigurationError, RagError
from rag.records import Answer, AnswerPiece, Chunk, Document, Exchange, Hit, Overview, Step, Told, Trial, untold
from rag.settings import Settings

__all__ = [
    "CHOSEN",
    "Answerer",
    "DeadlineError",
    "Texts",
    "asks_for_overview",
    "overview_of",
    "stop_if_abandoned",
    "stream_alive",
]

log = logging.getLogger(__name__)

FOLLOW_UP_SECONDS = 15.0
"""What a language model may take to complete a question, before rules do it."""
TRIAL_SECONDS = 20.0


class Answerer:
    """Answers from hits, with the language model of its `settings`. Making one is cheap. Safe to use from threads."""

    def __init__(self, settings: Settings, embedder: Callable[[], Embedder], fields: Fields = SET) -> None:
        self.settings = settings
        self._embedder = embedder
        self._quoter = Quoter(embedder, settings.abstain_below)
        self._chat = ChatAnswerer(settings, self._count_tokens, fields) if settings.llm else None

    def load(self) -> None:
        """Load the language model's client, if there is one; nothing is sent. Raises ModelError,
        MissingDependencyError."""
        if self._chat is not None:
            self._chat.load()

    def trial(self) -> Trial | None:
        """Have the language model say a word; None where there is none. Raises ModelError, MissingDependencyError."""
        return self._chat.trial(TRIAL_SECONDS) if self._chat is not None else None

    def standalone(self, question: str, conversation: Sequence[Exchange]) -> str:
        """A question as it is to be searched for. A language model that fails is replaced by rules."""
        chat = self._chat
        if chat is not None:
            try:
                return standalone(question, conversation, partial(chat.complete, seconds=FOLLOW_UP_SECONDS))
            except ConfigurationError as error:  # the answer itself says so to the reader
                log.warning("Completing a follow-up question: %s", error)
        return standalone(question, conversation)

    def stream(
        self, question: str, hits: Sequence[Hit], texts: Texts, told: Told = untold
    ) -> Iterator[AnswerPiece | Answer]:
        """Pieces as they come, then the whole Answer, whose quotes are proved. A language model that fails is replaced
        by quoting. `texts` are those of the hits."""
        notice = ""
        told(Step.GENERATE)
        if self._chat is not None and hits:
            try:
                for one in self._chat.stream(question, hits):
                    if isinstance(one, AnswerPiece):
                        yield one
                    else:
                        told(Step.CHECK)
                        yield from self._written(one, texts)
            except ConfigurationError as error:
                notice = f"{error} This answer quotes the documents instead."
                yield AnswerPiece("", restart=True)
            else:
                return
        found = self._quoter.answer(question, hits, texts)
        told(Step.CHECK)
        answer = proved(replace(found, notice=notice), texts, quoted)
        yield AnswerPiece(answer.text)
        yield answer

    def _written(self, written: Answer, texts: Texts) -> Iterator[AnswerPiece | Answer]:
        """A language model's answer with its proofs, its ledger, or how near the passages come to what it finds no
        answer in; before it its text once more, if a quote could not be proved."""
        if written.abstained:
            yield replace(written, abstention=self._quoter.why_not(written.question, written.hits, texts))
            return
        answer = proved(written, texts)
        if answer.text != written.text:
            yield AnswerPiece(answer.text, restart=True)
        yield headed(self._checked(answer, texts), texts)

    def overview(
        self, document: Document, chunks: Sequence[Chunk], vectors: Mapping[str, Vectors], texts: Texts
    ) -> Generator[str, None, Overview]:
        """What a document is about, from its chunks in reading order and their unit vectors by id; yields what is being
        done meanwhile.

        In a language model's words where there is one; one that fails is replaced by the document's own sentences.
        """
        yield "Choosing the sentences that say most"
        found = make_overview(document, chunks, vectors, partial(self._encode, texts), texts)
        if self._chat is not None and found.sections:
            budget = self.settings.llm_context_tokens
            try:
                found = yield from summarise(found, document, chunks, vectors, self._chat, budget, self._count_tokens)
                yield "Checking what it says"
                found = replace(found, answer=headed(self._checked(proved(found.answer, texts), texts), texts))
            except ConfigurationError as error:
                notice = f"{error} This overview quotes the document instead."
                found = replace(found, answer=replace(found.answer, notice=notice))
        return found

    def _checked(self, answer: Answer, texts: Texts) -> Answer:
        """A language model's answer with its ledger, and what it rests on in the passages that it cites. One that
        cannot be checked says so, but is not lost."""
        if answer.abstained:
            return answer
        try:
            found = make_ledger(answer, partial(self._encode, texts), texts.sentences)
        except RagError as error:
            return replace(answer, notice=f"{answer.notice} Its sentences could not be checked: {error}".strip())
        return pointed(replace(answer, ledger=found))

    def _encode(self, source: Texts, texts: Sequence[str]) -> Vectors:
        """The vectors of texts, by the model that what is stored of the source is from."""
        stop_if_abandoned()
        return (source.embedder or self._embedder)().encode(texts)

    def _count_tokens(self, text: str) -> int:
        return len(self._embedder().token_offsets(text))
