"""What studies search: a collection as it is, or its documents cut and embedded in another way."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Any

from rag.answering import Answerer, Texts
from rag.chunking import chunk, sentence_spans
from rag.embedding import Bits
from rag.errors import InputError
from rag.evaluation.bench import Bench, ChangedError
from rag.evaluation.indexes import NAME, StudyIndex, sweep
from rag.evaluation.locating import Library
from rag.lexical import Lexical
from rag.recipes import is_known, same_vectors
from rag.records import QUOTING, Answer, Chunk, Configuration, Document, Hit, ModelChoice, Passage, Recipe, Run, Study
from rag.records import Collection as Made
from rag.retrieval import Retriever, Scope, with_passages
from rag.store import Companion
from rag.workspace.maps import Maps

Told = Callable[[str], None]
DIGITS = 12


class Benches(Maps):
    """Each is a way in which passages are made."""

    def texts(self, collection: str | None = None) -> Texts:
        """How the texts of a collection are read for an answer."""
        found = self.collection(collection)
        tokens = self.store.companion if is_known(found) else None
        embedder = partial(self.recipes.embedder_of, found)
        texts = self._texts(found, found.store_name, self.lexical, tokens, embedder)
        return replace(texts, corrected=self.catalog.corrected(found.name))

    def _texts(
        self, found: Made, name: str, lexical: Lexical, companion: Companion | None, embedder: Callable[[], Any]
    ) -> Texts:
        return Texts(
            sentence_spans,
            lexical.terms,
            partial(self.catalog.passage, found.name),
            partial(lexical.rarity, name),
            partial(companion.tokens, name) if companion else _none_stored,
            partial(self.catalog.heading, found.name),
            embedder,
        )

    def answerer_of(self, configuration: Configuration | None) -> Answerer:
        """Who answers so configured; who answers everybody where the configuration says nothing of it."""
        if configuration is None or not configuration.answerer:
            return self.answerer
        name = "" if configuration.answerer == QUOTING else configuration.answerer
        here = ModelChoice(name).provider == self.settings.model.provider
        base_url = self.settings.llm_base_url if here else ""
        chosen = self.settings.choosing(ModelChoice(name, base_url, temperature=self.settings.llm_temperature))
        settings = chosen.model_copy(update={"abstain_below": configuration.abstain_below})
        return Answerer(settings, lambda: self.embedder)

    def configuration(self, collection: str | None = None) -> Configuration:
        """How a collection is made and searched as things are, with nobody who answers. Raises NotFoundError."""
        recipe = self.recipes.recipe_of(self.collection(collection))
        made = recipe.model, recipe.precision, recipe.chunk_tokens, recipe.overlap, recipe.headers
        settings = self.settings
        return Configuration(*made, k=settings.top_k, reranker=settings.reranker, abstain_below=settings.abstain_below)

    def ready(self, collection: str | None = None) -> dict[str, Document]:
        """The documents of a collection that a study asks, by id: those that are ready, in the order of their ids.
        Raises NotFoundError."""
        found = self.collection(collection)
        visible = self.catalog.visible(found.name).ready
        return {one: each for one, each in sorted(self.catalog.shown(found.name).items()) if one in visible}

    def is_corrected(self, collection: str) -> bool:
        """Whether passages of a collection were changed by hand. Raises NotFoundError."""
        return bool(self.catalog.corrected(self.collection(collection).name))

    def data_version(self, found: Made, documents: Collection[str]) -> str:
        """What runs must have in common to be compared: `data_version` of the documents, and of what was corrected of
        their passages by hand, if anything was."""
        corrections = f"{self.catalog.corrections(found.name):016x}"[:8] if self.catalog.corrected(found.name) else ""
        return data_version(documents) + corrections

    def _library(self, study: Study) -> Library:
        found = self.collection(study.collection)
        documents = self.ready(found.name)
        names = {one: each.name for one, each in documents.items()}
        return Library(names, lambda one: self.catalog.pages(documents[one]))

    def _bench(self, study: Study, run: Run, told: Told) -> Bench:
        """What a run searches; it is made if it is not there. Raises what making it may raise."""
        recipe, found = run.configuration.recipe, self.collection(study.collection)
        documents = self.ready(found.name)
        if self.data_version(found, documents) != study.data_version:
            raise ChangedError(CHANGED.format(collection=found.name))
        corrected = bool(self.catalog.corrected(found.name))
        own = is_known(found) and self.recipes.recipe_of(found) == recipe
        if own:
            self.recipes.check(found)
            embedder = self.recipes.embedder_of(found)
            index = None
        else:
            made = self.recipes.fingerprint_with(recipe)  # which says if passages are too long for the model
            embedder = self.recipes.embedder_with(recipe)
            index = self._index(found, documents, recipe, made, told)
        name = NAME if index else found.store_name
        lexical = index.lexical if index else self.lexical
        texts = self._texts(found, name, lexical, index.companion if index else self.store.companion, lambda: embedder)
        retriever = Retriever(index, index.lexical) if index else None
        return Bench(
            retriever=lambda: retriever or self.retriever,
            name=name,
            embedder=embedder,
            scope=Scope({one: each.name for one, each in documents.items()}, {}, True, 0),
            chunks_by_id=index.by_id if index else partial(self.catalog.chunks_by_id, found.name),
            rerank=self.rerankers.scores_of,
            answer=partial(self._answered, documents, lexical, name, texts),
            at_work=partial(self._at_work, found, documents, self.catalog.corrections(found.name)),
            is_verbatim=partial(self._verbatim, found.name),
            in_memory=index is not None,
            remark=UNCORRECTED if corrected and not own else "",
            close=index.close if index else lambda: None,
        )

    @contextmanager
    def _at_work(self, found: Made, documents: Collection[str], corrections: int) -> Iterator[None]:
        with self._gate.shared():
            now = self.collection(found.name)
            same = now.store_name == found.store_name and self.catalog.corrections(now.name) == corrections
            if not same or self.catalog.visible(now.name).ready.keys() != set(documents):
                raise ChangedError(CHANGED.format(collection=now.name))
            yield

    def _answered(
        self,
        documents: Mapping[str, Document],
        lexical: Lexical,
        name: str,
        texts: Texts,
        question: str,
        hits: Sequence[Hit],
        configuration: Configuration,
    ) -> Answer:
        around: dict[str, Passage] = {}
        for one in (hit.chunk for hit in hits):
            page = self.catalog.page(documents[one.document_id], one.page)
            if page is not None:
                around[one.id] = Passage(page.start, page.start + len(page.text), page.text)
        read = with_passages(hits, around, lexical.sharing(name, question))
        *_, answer = self.answerer_of(configuration).stream(question, read, texts)
        if not isinstance(answer, Answer):
            raise TypeError("an answer stream ends in an Answer")
        return answer

    def _verbatim(self, collection: str, answer: Answer) -> list[bool]:
        """Of each citation whether its document says so, word for word."""
        said = [(one, self.catalog.passage(collection, one.document, one.start, one.end)) for one in answer.citations]
        return [bool(text) and text == one.quote for one, text in said]

    # -- other ways ----------------------------------------------------------------------------------------------------

    def _index(
        self, found: Made, documents: Mapping[str, Document], recipe: Recipe, made: Mapping[str, str], told: Told
    ) -> StudyIndex:
        called = [(one.id, one.name, one.title) for one in documents.values()]
        key = json.dumps([called, sorted(made.items()), self.settings.language])
        folder = self.folder.study_indexes / hashlib.sha256(key.encode("utf-8", "replace")).hexdigest()[:24]
        sweep(self.folder.study_indexes, keep=[folder.name])
        index = StudyIndex(folder, self.settings.language)
        embedder = self.recipes.embedder_with(recipe)
        same = is_known(found) and same_vectors(found.fingerprint, made)
        known = partial(self._vectors_of, found) if same else _nothing_known
        try:
            index.make(list(documents.values()), partial(self._cut, recipe, told), known, embedder, told)
        except BaseException:
            index.close()
            raise
        self.folder.sweep_studies(self.catalog.claimed)  # what was deleted while its passages were made
        if not folder.exists():
            index.close()
            raise ChangedError(CHANGED.format(collection=found.name))
        return index

    def _cut(self, recipe: Recipe, told: Told, document: Document) -> list[Chunk]:
        """A document's chunks by a recipe. Raises InputError if its file is read otherwise by now."""
        parsed = self.ingestion.parsed(document, lambda: False)
        if parsed.text != self.catalog.text(document):
            raise InputError(
                f"{document.name} is read in another way by now than when it was added, so it cannot be cut anew. Make "
                "the collection anew first (`python -m rag rebuild`)."
            )
        embedder = self.recipes.embedder_with(recipe)

        def offsets(text: str) -> list[tuple[int, int]]:
            told(f"Cutting {document.name} into passages")
            return embedder.token_offsets(text)

        how = recipe.chunk_tokens, offsets, document.name, recipe.overlap, recipe.headers
        return chunk(replace(parsed, title=document.title or parsed.title), document.id, *how)

    def _vectors_of(self, found: Made, chunks: Sequence[Chunk]) -> dict[str, tuple[Any, Any]]:
        """What the collection has of texts, by their digests."""
        with self._gate.shared():
            places = self.catalog.equals(found.name, [one.digest for one in chunks])
            ids = list(places.values())
            vectors, tokens = (
                self.store.vectors(found.store_name, ids),
                self.store.companion.tokens(found.store_name, ids),
            )
        has_tokens = self.recipes.embedder_of(found).has_tokens
        whole = vectors.keys() & tokens.keys() if has_tokens else vectors.keys()
        return {digest: (vectors[one], tokens.get(one)) for digest, one in places.items() if one in whole}


CHANGED = (
    "The documents of {collection!r}, or corrections of their passages, have changed since the study began, so that "
    "its runs cannot be compared."
)
UNCORRECTED = (
    "Its passages were cut anew, without what was corrected by hand: only runs on the passages of the collection "
    "itself search that."
)


def data_version(documents: Collection[str]) -> str:
    """A hash of the ids of documents: DIGITS hexadecimal digits."""
    return hashlib.sha256("\n".join(sorted(documents)).encode()).hexdigest()[:DIGITS]


def _none_stored(_: Sequence[str]) -> Mapping[str, Bits]:
    """The signs that can be compared with a question, of chunks of which nobody knows what they were made with."""
    return {}


def _nothing_known(_: Sequence[Chunk]) -> Mapping[str, tuple[Any, Any]]:
    return {}
