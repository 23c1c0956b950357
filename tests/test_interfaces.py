"""The field's own interfaces: our collections in plain LangChain, our embedder as LangChain's Embeddings."""

from __future__ import annotations

from pathlib import Path

import pytest
from langchain_chroma import Chroma
from langchain_core.documents import Document
from langchain_core.embeddings import Embeddings
from langchain_core.language_models.fake_chat_models import FakeListChatModel
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompt_values import PromptValue
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.retrievers import BaseRetriever
from langchain_core.runnables import RunnableLambda, RunnablePassthrough

from rag.errors import FilterError, QuestionError
from rag.filters import TYPE
from rag.workspace import Workspace


@pytest.mark.filterwarnings("ignore:legacy embedding function config:DeprecationWarning")  # Chroma's, on opening
def test_plain_langchain_opens_our_collection_and_finds_the_same_neighbours(
    workspace: Workspace, notes: Path, recipe: Path
) -> None:
    list(workspace.ingest([notes, recipe]))
    ours = sorted(workspace.search("How high is the rent?", k=3), key=lambda hit: hit.ranks["dense"])
    collection = workspace.collection()
    embedder = workspace.embedder
    workspace.close()

    theirs = Chroma(
        collection_name=collection.store_name,
        embedding_function=embedder,
        persist_directory=str(workspace.folder.chroma),
    )
    found = theirs.similarity_search_with_score("How high is the rent?", k=3)
    assert [document.page_content for document, _ in found] == [hit.chunk.text for hit in ours]
    assert [document.metadata["page"] for document, _ in found] == [hit.chunk.page for hit in ours]
    for (_, distance), hit in zip(found, ours, strict=True):
        assert max(0.0, 1.0 - distance) == pytest.approx(hit.scores["dense"], abs=1e-4)
    theirs._client.close()


def test_a_workspace_retrieves_within_a_chain(workspace: Workspace, notes: Path, recipe: Path) -> None:
    list(workspace.ingest([notes, recipe]))
    retriever = workspace.as_retriever(k=2)
    assert isinstance(retriever, BaseRetriever)
    heard: list[str] = []

    def overheard(prompt: PromptValue) -> PromptValue:
        heard.append(prompt.to_string())
        return prompt

    def joined(documents: list[Document]) -> str:
        return "\n".join(f"{one.metadata['name']}, {one.metadata['page']}: {one.page_content}" for one in documents)

    prompt = ChatPromptTemplate.from_template("Sources:\n{sources}\n\nQuestion: {question}")
    chain = (
        {"sources": retriever | joined, "question": RunnablePassthrough()}
        | prompt
        | RunnableLambda(overheard)
        | FakeListChatModel(responses=["84,000 euros"])
        | StrOutputParser()
    )
    assert chain.invoke("How high is the rent?") == "84,000 euros"
    assert "lease.md, 1: " in heard[0]
    assert "84,000 euros, payable quarterly" in heard[0]
    assert heard[0].endswith("Question: How high is the rent?")


def test_what_is_retrieved_says_where_it_stands(workspace: Workspace, notes: Path, recipe: Path) -> None:
    list(workspace.ingest([notes, recipe]))
    hit = workspace.search("How high is the rent?", k=1, where={"type": "md"})[0]
    (found,) = workspace.as_retriever(k=1, where=TYPE.equals("md")).invoke("How high is the rent?")
    assert (found.id, found.page_content) == (hit.chunk.id, hit.chunk.text)
    assert found.metadata == {
        "document": hit.chunk.document_id,
        "name": "lease.md",
        "page": 1,
        "heading": hit.chunk.heading,
        "start": hit.chunk.start,
        "end": hit.chunk.end,
        "score": hit.score,
    }
    text = workspace.text(found.metadata["document"])
    assert text[found.metadata["start"] : found.metadata["end"]] == found.page_content
    with pytest.raises(FilterError):
        workspace.as_retriever(where="{")
    with pytest.raises(QuestionError):
        workspace.as_retriever().invoke(" ")


def test_the_embedder_is_langchains(workspace: Workspace) -> None:
    assert isinstance(workspace.embedder, Embeddings)
