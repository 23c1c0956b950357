"""What answers questions in benchmarks/quality.py: ours, its parts on their own, and the tutorials' pipeline."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from rag.chunking import sentence_spans
from rag.records import Answer, Chunk
from rag.settings import load_settings
from rag.workspace import Workspace, open_workspace


@dataclass(frozen=True)
class Passage:
    """What was found, in the file called `source`; `page` counts from 1, offsets are code points of the whole text."""

    source: str
    page: int
    start: int
    end: int
    text: str
    score: float

    @property
    def span(self) -> tuple[str, int, int]:
        return self.source, self.start, self.end


class System(ABC):
    """One way to find passages."""

    name: str

    @abstractmethod
    def search(self, question: str, k: int) -> list[Passage]:
        """The best `k`, best first."""


class Ours(System):
    """A workspace with the files indexed."""

    name = "ours"

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        self._documents = {one.name: one for one in workspace.documents()}
        self._sources = {one.id: one.name for one in workspace.documents()}

    def search(self, question: str, k: int) -> list[Passage]:
        hits = self.workspace.search(question, k)
        return [replace(self.passage(hit.chunk, hit.score), start=hit.span[0], end=hit.span[1]) for hit in hits]

    def ask(self, question: str, without: str = "") -> Answer:
        """The answer, as if the file called `without` were not there."""
        where = {"document": {"$ne": self._documents[without].id}} if without else None
        return self.workspace.ask(question, where=where)

    def source(self, document: str) -> str:
        """The name of the file that a document id stands for."""
        return self._sources[document]

    def verbatim(self, answer: Answer) -> bool:
        """Whether all its quotes are the text at their offsets."""
        return all(self.workspace.text(one.document)[one.start : one.end] == one.quote for one in answer.citations)

    def passage(self, chunk: Chunk, score: float) -> Passage:
        return Passage(self._sources[chunk.document_id], chunk.page, chunk.start, chunk.end, chunk.text, score)


class OneList(System):
    """Of ours only the dense list, or the lexical one."""

    def __init__(self, whole: Ours, name: str) -> None:
        self.name = name
        self._whole = whole

    def search(self, question: str, k: int) -> list[Passage]:
        workspace = self._whole.workspace
        collection = workspace.collection()
        if self.name == "dense only":
            vector = workspace.embedder.encode_query(question)
            found = workspace.store.nearest(collection.store_name, vector, k)
        else:
            found = workspace.lexical.search(collection.store_name, question, k)
        chunks = workspace.catalog.chunks_by_id(collection.name, [one for one, _ in found])
        return [self._whole.passage(chunks[one], score) for one, score in found if one in chunks]


def ours(files: Sequence[Path], folder: Path) -> tuple[Ours, list[System]]:
    """Ours and its two lists, over the files; what is in `folder` already is not indexed again."""
    workspace = open_workspace(load_settings(data_dir=folder))
    for event in workspace.ingest(files):
        if event.outcome not in ("", "ready", "duplicate"):
            raise SystemExit(f"{event.name}: {event.outcome} {event.reason}")
    whole = Ours(workspace)
    return whole, [OneList(whole, "dense only"), OneList(whole, "BM25 only")]


class Tutorial(System):
    """The tutorials' pipeline: 1,000/200 characters, sentence-transformers, `langchain_chroma`, the best by cosine."""

    name = "tutorial"

    def __init__(self, files: Sequence[Path], folder: Path) -> None:
        from langchain_chroma import Chroma
        from tutorial import Weights

        self._weights = Weights()
        there = folder.exists()
        self._store = Chroma(
            embedding_function=self._weights,
            persist_directory=str(folder),
            collection_metadata={"hnsw:space": "cosine"},
        )
        if not there:
            self._index(files)

    def search(self, question: str, k: int, without: str = "") -> list[Passage]:
        """As if the file called `without` were not there."""
        where = {"source": {"$ne": without}} if without else None
        found = self._store.similarity_search_with_score(question, k, filter=where)
        return [
            Passage(
                data["source"], data["page"] + 1, data["start_index"], data["start_index"] + len(text), text, 1 - far
            )
            for text, data, far in ((one.page_content, one.metadata, far) for one, far in found)
        ]

    def best_sentence(self, question: str) -> tuple[str, int, int] | None:
        """The sentence of the best passage that is nearest to the question: what it could answer without a model."""
        found = self.search(question, 1)
        if not found:
            return None
        spans = sentence_spans(found[0].text) or [(0, len(found[0].text))]
        vectors = np.array(self._weights.embed_documents([question, *(found[0].text[a:b] for a, b in spans)]))
        start, end = spans[int(np.argmax(vectors[1:] @ vectors[0]))]
        return found[0].source, found[0].start + start, found[0].start + end

    def _index(self, files: Sequence[Path]) -> None:
        from langchain_core.documents import Document
        from langchain_text_splitters import RecursiveCharacterTextSplitter
        from tutorial import load

        pages = []
        for path in files:
            if path.suffix == ".pdf":
                pages += [
                    Document(one.page_content, metadata={"source": path.name, "page": one.metadata["page"]})
                    for one in load(str(path))
                ]
            else:
                pages.append(Document(path.read_text(encoding="utf-8"), metadata={"source": path.name, "page": 0}))
        splitter = RecursiveCharacterTextSplitter(chunk_size=1000, chunk_overlap=200, add_start_index=True)
        chunks = splitter.split_documents(pages)
        for first in range(0, len(chunks), 5000):
            self._store.add_documents(chunks[first : first + 5000])
