"""The field's own interfaces: our collections in plain LangChain, our embedder as LangChain's Embeddings."""

from __future__ import annotations

from pathlib import Path

import pytest
from langchain_chroma import Chroma
from langchain_core.embeddings import Embeddings

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


def test_the_embedder_is_langchains(workspace: Workspace) -> None:
    assert isinstance(workspace.embedder, Embeddings)
