"""Chroma folders that other programs filled: plain LangChain and LlamaIndex, with a model of one's choice."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import chromadb
import numpy as np
from langchain_chroma import Chroma
from langchain_core.embeddings import Embeddings

PAGES = (
    ("lease.pdf", 0, "The yearly rent is 84,000 euros, payable quarterly in advance."),
    ("lease.pdf", 1, "The landlord repairs the roof, the lifts and the outer walls."),
    ("lease.pdf", 1, "The tenant repaints the rooms every fourth year at his own cost."),
    ("bread.pdf", 0, "To bake rye bread, mix the flour with warm water and sourdough."),
    ("bread.pdf", 1, "Let the dough rest overnight, then bake it hot for an hour."),
)


class Strange(Embeddings):
    """A model that nobody has: its vectors are of another dimension, and say nothing."""

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        return [self.embed_query(one) for one in texts]

    def embed_query(self, text: str) -> list[float]:
        numbers: list[float] = np.random.default_rng(len(text)).normal(size=96).tolist()
        return numbers


def by_langchain(
    folder: Path, model: Embeddings, name: str = "leases", rows: Sequence[tuple[str, int, str]] = PAGES, **metadata: Any
) -> Path:
    """As a LangChain program fills it, with pages counted from 0."""
    store = Chroma(collection_name=name, embedding_function=model, persist_directory=str(folder))
    store.add_texts(
        [text for _, _, text in rows],
        metadatas=[{"source": f"/files/{source}", "page": page, **metadata} for source, page, _ in rows],
        ids=[f"row-{place}" for place in range(len(rows))],
    )
    store._client.close()
    return folder


def by_llama_index(folder: Path, model: Embeddings, name: str = "leases") -> Path:
    """As a LlamaIndex program fills it: texts are embedded below their metadata."""
    from llama_index.core.schema import MetadataMode, NodeRelationship, RelatedNodeInfo, TextNode
    from llama_index.vector_stores.chroma import ChromaVectorStore

    client = chromadb.PersistentClient(str(folder), settings=chromadb.Settings(anonymized_telemetry=False))
    nodes = []
    for source, page, text in PAGES:
        about = {"file_name": source, "page_label": str(page + 1), "file_size": 9000}
        node = TextNode(text=text, metadata=about, excluded_embed_metadata_keys=["file_size"])
        node.relationships[NodeRelationship.SOURCE] = RelatedNodeInfo(node_id=f"whole-{source}")
        node.embedding = model.embed_documents([node.get_content(MetadataMode.EMBED)])[0]
        nodes.append(node)
    ChromaVectorStore(chroma_collection=client.create_collection(name)).add(nodes)
    client.close()
    return folder
