"""Answers by a language model: numbered sources in, a streamed answer whose footnotes are checked out.

Any chat model LangChain knows will do (`openai:...`, `ollama:...`); the chain is prompt | model | parser.
"""

from __future__ import annotations

import math
import re
import threading
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from rag.answering.deadline import DeadlineError, stop_if_abandoned, stream_within
from rag.answering.failures import SET, Fields, failure_reason
from rag.answering.models import build_chat_model
from rag.answering.prompt import HUMAN, NO_ANSWER, SYSTEM, citation_of, fit_sources, prompt_variables
from rag.answering.reply import ReplyCleaner
from rag.errors import ModelError
from rag.records import Answer, AnswerPiece, Hit, Trial
from rag.settings import Settings

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel
    from langchain_core.messages import BaseMessage

NO_CITATION = "The model cited no source; check it against the passages below."
CUT_SHORT = "The model stopped at its length limit, so the answer may be incomplete."

_TRIAL = ("You are asked whether you work.", "Reply with the one word: Yes")
_TRIAL_CHARS = 80
_REFUSALS = {"content_filter", "refusal", "safety", "recitation", "blocklist", "prohibited_content"}
_LENGTH_LIMITS = {"length", "max_tokens", "model_length"}


class ChatAnswerer:
    """Answers questions with the language model that `settings.llm` names.

    `count_tokens` measures the sources against `settings.llm_context_tokens`; errors name `fields` as what to check.
    Making one is cheap: LangChain is
    imported by `load` or the first question. Safe to use from threads.
    """

    def __init__(self, settings: Settings, count_tokens: Callable[[str], int], fields: Fields = SET) -> None:
        self._settings = settings
        self._fields = fields
        self._count_tokens = count_tokens
        self._lock = threading.Lock()
        self._built: BaseChatModel | None = None

    @property
    def model(self) -> str:
        """The model's name as the settings give it, `provider:model`."""
        return self._settings.llm

    def load(self) -> None:
        """Import and build the model, so that the first question need not; nothing is sent to it.

        Raises MissingDependencyError naming the package to install, or ModelError for a model that LangChain
        cannot build.
        """
        self._model()

    def complete(
        self, system: str, human: str, variables: Mapping[str, str], sources: int = 0, seconds: float | None = None
    ) -> str:
        """The model's whole reply to a prompt of two templates, cleaned as answers are; footnotes are 1 to `sources`.

        Raises as `stream`; `seconds` is a shorter limit than `settings.llm_timeout`.
        """
        cleaner, reply = ReplyCleaner(sources), _Reply()
        limit = min(seconds or math.inf, self._settings.llm_timeout)
        return "".join(self._cleaned(self._words(system, human, variables, limit, reply), cleaner, reply))

    def trial(self, seconds: float) -> Trial:
        """Have the model say a word, within `seconds`. Raises as `stream`."""
        started, first, said = time.perf_counter(), 0.0, ""
        cleaner, reply = ReplyCleaner(0), _Reply()
        words = self._words(*_TRIAL, {}, min(seconds, self._settings.llm_timeout), reply)
        for piece in self._cleaned(words, cleaner, reply):
            first = first or time.perf_counter() - started
            said += piece
        return Trial(" ".join(said.split())[:_TRIAL_CHARS], first, time.perf_counter() - started)

    def stream(self, question: str, hits: Sequence[Hit]) -> Iterator[AnswerPiece | Answer]:
        """Yield the answer's pieces while the model writes them, then the whole Answer.

        The pieces together are the Answer's text. Footnote n is `hits[n - 1]` of the Answer, whose hits are
        those of `hits` (best first) that fit the token budget. Without hits the model is not asked.
        Raises ModelError or MissingDependencyError, also after some pieces, when the model cannot be reached,
        fails, refuses, says nothing or takes more than `settings.llm_timeout` seconds.
        """
        used = fit_sources(hits, self._settings.llm_context_tokens, self._count_tokens)
        cleaner, reply = ReplyCleaner(len(used)), _Reply()
        text = ""
        words = self._words(SYSTEM, HUMAN, prompt_variables(question, used), self._settings.llm_timeout, reply)
        for piece in self._cleaned(words, cleaner, reply) if used else (NO_ANSWER,):
            text += piece
            yield AnswerPiece(piece)
        if _abstains(text) and text != NO_ANSWER:
            yield AnswerPiece(NO_ANSWER, restart=True)
        yield self._answer(question, text, used, cleaner, reply.finish_reason)

    def _cleaned(self, words: Iterator[str], cleaner: ReplyCleaner, reply: _Reply) -> Generator[str]:
        """The model's words that may be shown, never empty; raises ModelError if it refuses or says nothing."""
        anything = False
        for piece in words:
            if shown := cleaner.feed(piece):
                anything = True
                yield shown
        if reply.finish_reason in _REFUSALS:
            raise ModelError(f"The language model {self.model} refused to answer ({reply.finish_reason}).")
        if rest := cleaner.finish():
            yield rest
        elif not anything:
            raise ModelError(f"The language model {self.model} gave an empty answer.")

    def _words(
        self, system: str, human: str, variables: Mapping[str, str], limit: float, reply: _Reply
    ) -> Generator[str]:
        """The model's words as they come, within the time limit; whatever goes wrong is a ModelError."""
        from langchain_core.prompts import ChatPromptTemplate
        from langchain_core.runnables import RunnableGenerator

        prompt = ChatPromptTemplate.from_messages([("system", system), ("human", human)])
        chain = prompt | self._model() | RunnableGenerator(reply.read)
        try:
            yield from stream_within(limit, lambda: chain.stream(dict(variables)))
        except DeadlineError:
            reason = f"did not finish within {limit:g} seconds; {self._fields.slow}."
            raise ModelError(f"The language model {self.model} {reason}") from None
        except Exception as error:  # noqa: BLE001 - every provider has its own errors
            # Without the cause: a provider's message may repeat the key.
            raise ModelError(
                f"The language model {self.model} {failure_reason(error, self._settings, self._fields)}"
            ) from None

    def _model(self) -> BaseChatModel:
        with self._lock:
            if self._built is None:
                self._built = build_chat_model(self._settings, self._fields)
            return self._built

    def _answer(
        self,
        question: str,
        text: str,
        used: tuple[Hit, ...],
        cleaner: ReplyCleaner,
        finish_reason: str,
    ) -> Answer:
        abstained = _abstains(text)
        citations = (
            () if abstained else tuple(citation_of(number, used[number - 1]) for number in sorted(cleaner.cited))
        )
        notices = [] if abstained or citations else [NO_CITATION]
        if finish_reason in _LENGTH_LIMITS:
            notices.append(CUT_SHORT)
        shown = NO_ANSWER if abstained else text
        unknown = () if abstained else tuple(cleaner.unknown)
        told = " ".join(notices)
        return Answer(question, shown, citations, used, abstained, self.model, told, unknown=unknown)


class _Reply:
    """The chain's parser: the words of a reply, and in `finish_reason` why the model stopped."""

    def __init__(self) -> None:
        self.finish_reason = ""

    def read(self, messages: Iterator[BaseMessage]) -> Iterator[str]:
        for message in messages:
            # Here, within the chain: to close a chain from outside makes LangChain read the reply to its end.
            stop_if_abandoned()
            about = message.response_metadata
            reason = about.get("finish_reason") or about.get("stop_reason") or about.get("done_reason")
            self.finish_reason = str(reason or self.finish_reason).lower()
            if message.text:
                yield str(message.text)


def _abstains(text: str) -> bool:
    """Whether `text` is the sentence for an unanswered question, footnotes, quotes and emphasis aside."""
    bare = re.sub(r"\s*\[\d+\]", "", text).strip(" \n\"'“”*_`.")
    return bare.casefold() == NO_ANSWER.strip(".").casefold()
