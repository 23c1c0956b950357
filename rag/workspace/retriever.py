"""A workspace as LangChain's retriever, for chains and agents."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from langchain_core.callbacks import CallbackManagerForRetrieverRun
from langchain_core.documents import Document
from langchain_core.retrievers import BaseRetriever

from rag.records import Hit


class WorkspaceRetriever(BaseRetriever):
    """Passages as LangChain Documents, best first. Raises what `Workspace.search` does."""

    find: Callable[[str], Sequence[Hit]]

    def _get_relevant_documents(
        self,
        query: str,
        *,
        run_manager: CallbackManagerForRetrieverRun,  # noqa: ARG002 - LangChain passes it
    ) -> list[Document]:
        return [_document(hit) for hit in self.find(query)]


def _document(hit: Hit) -> Document:
    chunk, (start, end) = hit.chunk, hit.span
    metadata = {
        "document": chunk.document_id,
        "name": hit.name,
        "page": chunk.page,
        "heading": chunk.heading,
        "start": start,
        "end": end,
        "score": hit.score,
    }
    metadata |= {"edited": chunk.edited.isoformat()} if chunk.edited else {}
    return Document(id=chunk.id, page_content=hit.text, metadata=metadata)
