"""The workspace, whole: what all the others can, and answers."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import replace

from rag.answering import CHOSEN, Answerer, asks_for_overview, overview_of, stop_if_abandoned
from rag.errors import ModelError, NotFoundError, ReadOnlyError
from rag.filters import Where, parse_where
from rag.language import language_notice
from rag.recipes import is_known
from rag.records import (
    Answer,
    AnswerPiece,
    Collection,
    Configuration,
    Document,
    Exchange,
    ModelChoice,
    Overview,
    State,
    Step,
    Told,
    TracedAs,
    untold,
)
from rag.retrieval import checked_question
from rag.workspace.arranging import Arranging
from rag.workspace.correcting import Correcting
from rag.workspace.linking import Linking
from rag.workspace.live import Stopwatch
from rag.workspace.meant import meant, of_one_document
from rag.workspace.rehearsing import Rehearsing

LOOKED_AT = 50
"""Documents, those named most first, among which the one is looked for that an overview is to be of."""
UNNAMED = TracedAs()


class Workspace(Linking, Rehearsing, Arranging, Correcting):
    """Everything Footnote can do with one data folder. Close it, or use it as a context manager."""

    def swap(self, collection: str | None = None, without_failed: bool = False) -> Collection:
        swapped = super().swap(collection, without_failed)
        self._pack_later()  # a champion may have waited for it
        return swapped

    def answerer_for(self, choice: ModelChoice | None) -> Answerer:
        """Who answers a session that has chosen a language model, to be given to `ask_stream` and `overview`; without a
        choice, who answers everybody. Keep it as long as the session: it holds the key.

        Sends nothing. Raises ReadOnlyError if the choice is not the reader's, and ModelError for an address of a
        provider whose package may send to it what it finds in this machine's environment.
        """
        if choice is None:
            return self.answerer
        if not self.settings.model_may_be_chosen:
            raise ReadOnlyError("The language model cannot be chosen here: RAG_CHOOSE_MODEL or RAG_DEMO forbids it.")
        theirs = choice.provider in ("", "openai", "ollama") or choice.base_url in ("", self.settings.llm_base_url)
        if not theirs:
            raise ModelError("An address can be given for OpenAI-compatible servers and for Ollama only. Leave it out.")
        return Answerer(self.settings.choosing(choice), lambda: self.embedder, CHOSEN)

    def ask(
        self,
        question: str,
        k: int | None = None,
        where: Where | None = None,
        collection: str | None = None,
        conversation: Sequence[Exchange] = (),
        configuration: Configuration | None = None,
    ) -> Answer:
        """An answer with its footnotes, whole."""
        *_, answer = self.ask_stream(question, k, where, collection, conversation, configuration=configuration)
        if not isinstance(answer, Answer):
            raise TypeError("an answer stream ends in an Answer")
        return answer

    def ask_stream(
        self,
        question: str,
        k: int | None = None,
        where: Where | None = None,
        collection: str | None = None,
        conversation: Sequence[Exchange] = (),
        answerer: Answerer | None = None,
        told: Told = untold,
        configuration: Configuration | None = None,
        traced: TracedAs = UNNAMED,
    ) -> Iterator[AnswerPiece | Answer]:
        """The answer in pieces as they come, and last the Answer itself.

        `conversation` is what was asked before, last at the end: a question that depends on it ("and in 2019?") is
        completed, and the Answer's `searched` says to what. Nothing of it is kept. `answerer` is one of
        `answerer_for`, and goes before that of the `configuration`, which else counts as in `search`: the champion's if
        none is given and the collection is made for that. If whom that names is not set up here, somebody else answers
        and the Answer's `notice` says so. `told` hears of each step as it begins; the trace of it is kept as `traced`
        says.
        """
        if configuration is None:
            configuration, _ = self.answers_with(collection)
        watch, why_not = Stopwatch(told), ""
        if answerer is None:
            answerer, why_not = self.answerer_named(configuration)
        stream = self._answer_steps(question, k, where, collection, conversation, answerer, watch, configuration)
        yield from self._traced(_noting(stream, why_not), question, collection, watch, traced)

    def _answer_steps(
        self,
        question: str,
        k: int | None,
        where: Where | None,
        collection: str | None,
        conversation: Sequence[Exchange],
        answerer: Answerer,
        watch: Stopwatch,
        configuration: Configuration | None,
    ) -> Generator[AnswerPiece | Answer]:
        k = self._k(k, configuration)
        question = checked_question(question, k, self.settings)
        if conversation:
            watch(Step.REWRITE)
        searched = answerer.standalone(question, conversation)
        watch(Step.RETRIEVE)
        if documents := self._to_be_summed_up(searched, where, collection):
            stream = self._overview_stream(documents, question, answerer, watch)
        else:
            hits = self.search(searched, k, where, collection, watch, configuration)
            stream = answerer.stream(searched, hits, self.texts(collection), watch)
        for one in stream:
            if isinstance(one, AnswerPiece):
                if one.text and not documents:
                    watch.first_words()
                yield one
                stop_if_abandoned()
            else:
                if documents:
                    yield replace(one, question=question, searched=question, timings=watch.timings())
                    return
                notice = " ".join(part for part in (one.notice, self._foreign(one, collection)) if part)
                timings = watch.timings()
                yield replace(one, question=question, searched=searched, notice=notice, timings=timings)

    def _foreign(self, answer: Answer, collection: str | None) -> str:
        """What to know of the languages of the documents that are cited, or that come closest."""
        cited = [one.document for one in answer.citations] or [hit.chunk.document_id for hit in answer.hits]
        if not cited:
            return ""
        of = self.collection(collection)
        found = self.catalog.among([(of.name, one) for one in dict.fromkeys(cited)])
        model = self.recipes.settings_of(of).embedding_model
        return language_notice([(one.name, one.language) for one in found], model)

    def _to_be_summed_up(self, question: str, where: Where | None, collection: str | None) -> Sequence[Document]:
        """The documents that a question for an overview may mean; none if it is no such question."""
        this, what = asks_for_overview(question), overview_of(question)
        if not this and not what:
            return ()
        found, clause = self.collection(collection), parse_where(where)
        scope = self._scope(found, self.catalog.visible(found.name), clause)
        if scope.passes is not None:
            return ()
        there = {one: each for one, each in self.catalog.shown(found.name).items() if one in scope.names}
        if this and len(there) == 1:
            return list(there.values())
        within = None if scope.whole else list(there)
        named = self.lexical.named(found.store_name, what, LOOKED_AT, within) if what else []
        like = [there[one] for one, _, _ in named if one in there]
        return meant(what, like, self.lexical.content_terms) or (list(there.values()) if this else ())

    def _overview_stream(
        self, documents: Sequence[Document], question: str, answerer: Answerer, told: Told
    ) -> Iterator[AnswerPiece | Answer]:
        told(Step.GENERATE)
        if len(documents) > 1:
            answer = of_one_document(question, documents)
            yield AnswerPiece(answer.text, restart=True)
            yield answer
            return
        for one in self._overview_steps(documents[0], answerer):
            if isinstance(one, str):
                yield AnswerPiece(f"{one}…", restart=True)
            else:
                yield AnswerPiece(one.answer.text, restart=True)
                yield replace(one.answer, overview=one)

    def overview(
        self,
        prefix: str,
        collection: str | None = None,
        progress: Callable[[str], None] | None = None,
    ) -> Overview:
        """What a document is about: its outline and its key sentences, each with its page, or where there is a language
        model an account in that one's words. `progress` is told what is being done.

        Raises NotFoundError, also for a document whose text has not been read yet.
        """
        found: str | Overview = ""
        for found in self.overview_steps(prefix, collection):
            if progress and isinstance(found, str):
                progress(found)
        if not isinstance(found, Overview):
            raise TypeError("an overview's steps end in an Overview")
        return found

    def overview_steps(
        self, prefix: str, collection: str | None = None, answerer: Answerer | None = None
    ) -> Iterator[str | Overview]:
        """As `overview`: what is being done, in words, and last the Overview. `answerer` is one of `answerer_for`."""
        yield from self._overview_steps(self.document(prefix, collection), answerer or self.answerer)

    def _overview_steps(self, document: Document, answerer: Answerer) -> Iterator[str | Overview]:
        """What is being done, and last the overview."""
        if not document.visible:
            raise NotFoundError(f"{document.name} is {document.state}: an overview needs its text. Wait, or retry it.")
        with self._gate.shared():
            found = self._searchable(document.collection)
            chunks = self.catalog.chunks(document)
            ready = document.state is State.READY and is_known(found)
            vectors = self.store.vectors(found.store_name, [one.id for one in chunks]) if ready else {}
        yield (yield from answerer.overview(document, chunks, vectors, self.texts(found.name)))


def _noting(stream: Generator[AnswerPiece | Answer], notice: str) -> Generator[AnswerPiece | Answer]:
    """The stream, with something more to know in the Answer."""
    with closing(stream):
        for one in stream:
            if notice and isinstance(one, Answer):
                one = replace(one, notice=f"{one.notice} {notice}".strip())
            yield one
