"""Ours opened elsewhere: our collections in plain LangChain and in LlamaIndex, with the neighbours that we find."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import chromadb
import pytest
from langchain_chroma import Chroma

from rag.embedding import Embedder
from rag.workspace import Workspace
from tests.chroma_server import ChromaServer

pytestmark = [
    pytest.mark.end_to_end,
    pytest.mark.filterwarnings("ignore:legacy embedding function config:DeprecationWarning"),  # Chroma's, on opening
]
QUESTIONS = ("How high is the rent?", "Who repairs the roof?", "How is rye bread made?")
Found = list[tuple[str, str, int, float]]
"""Chunk id, text, page and cosine, best first."""


def by_langchain(client: chromadb.ClientAPI, name: str, embedder: Embedder, question: str, k: int) -> Found:
    store = Chroma(collection_name=name, embedding_function=embedder, client=client)
    found = store.similarity_search_with_score(question, k=k)
    return [(one.id or "", one.page_content, one.metadata["page"], 1.0 - far) for one, far in found]


def by_llama_index(client: chromadb.ClientAPI, name: str, embedder: Embedder, question: str, k: int) -> Found:
    from llama_index.core.vector_stores.types import VectorStoreQuery
    from llama_index.vector_stores.chroma import ChromaVectorStore

    store = ChromaVectorStore(chroma_collection=client.get_collection(name, embedding_function=None))
    found = store.query(VectorStoreQuery(query_embedding=embedder.embed_query(question), similarity_top_k=k))
    return [
        (node.node_id, node.get_content(), node.metadata["page"], 1.0 + math.log(similarity))  # it shows exp(-distance)
        for node, similarity in zip(found.nodes or [], found.similarities or [], strict=True)
    ]


def ours(workspace: Workspace, question: str, k: int) -> Found:
    collection = workspace.collection()
    near = workspace.store.nearest(collection.store_name, workspace.embedder.encode_query(question), k)
    chunks = workspace.catalog.chunks_by_id(collection.name, [one for one, _ in near])
    return [(one, chunks[one].text, chunks[one].page, cosine) for one, cosine in near]


@pytest.mark.parametrize("find", [by_langchain, by_llama_index])
def test_our_folder_opens_with_the_same_neighbours(
    find: Callable[..., Found], workspace: Workspace, notes: Path, recipe: Path
) -> None:
    list(workspace.ingest([notes, recipe]))
    name, embedder = workspace.collection().store_name, workspace.embedder
    expected = {question: ours(workspace, question, 4) for question in QUESTIONS}
    workspace.close()
    client = chromadb.PersistentClient(
        str(workspace.folder.chroma), settings=chromadb.Settings(anonymized_telemetry=False)
    )
    for question, wanted in expected.items():
        _compare(find(client, name, embedder, question, 4), wanted)
    client.close()


@pytest.mark.parametrize("find", [by_langchain, by_llama_index])
def test_our_collections_on_a_server_too_while_we_use_them(
    find: Callable[..., Found], make_workspace: Callable[..., Workspace], notes: Path, recipe: Path, tmp_path: Path
) -> None:
    server = ChromaServer(tmp_path / "chroma")
    server.start()
    try:
        workspace = make_workspace(chroma_mode="server", chroma_host="127.0.0.1", chroma_port=server.port)
        list(workspace.ingest([notes, recipe]))
        client = chromadb.HttpClient("127.0.0.1", server.port, settings=chromadb.Settings(anonymized_telemetry=False))
        for question in QUESTIONS:
            found = find(client, workspace.collection().store_name, workspace.embedder, question, 4)
            _compare(found, ours(workspace, question, 4))
        workspace.close()
        _close(client)
    finally:
        server.stop()


def _compare(found: Found, wanted: Found) -> None:
    assert [one[:3] for one in found] == [one[:3] for one in wanted]
    assert [max(0.0, one[3]) for one in found] == pytest.approx([one[3] for one in wanted], abs=1e-4)


def _close(client: chromadb.ClientAPI) -> None:
    from rag.store.connect import disconnect

    disconnect(client)
