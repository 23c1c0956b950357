"""What a chunk is inside Chroma: flat metadata, and vectors that must fit the collection."""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rag.errors import FingerprintError
from rag.records import Chunk, Document


def store_name(name: str) -> str:
    """A name inside Chroma for a new collection, like the shown one and unlike any other on the same server."""
    plain = re.sub(r"[^a-zA-Z0-9_-]+", "-", name).strip("-_")[:48]
    return f"{plain or 'collection'}-{uuid.uuid4().hex[:12]}"


def chunk_metadata(document: Document, chunk: Chunk) -> dict[str, Any]:
    """Flat metadata of a chunk: what filters use and what makes the chunk whole again."""
    return document_metadata(document) | {
        "page": chunk.page,
        "start": chunk.start,
        "end": chunk.end,
        "heading": chunk.heading,
        "title": chunk.title,
        "digest": chunk.digest,
    }


def document_metadata(document: Document) -> dict[str, Any]:
    """What all chunks of a document share."""
    flat: dict[str, Any] = {
        "document": document.id,
        "name": document.name,
        "type": document.media_type,
        "date": document.date,
    }
    # Chroma refuses empty arrays.
    return flat | ({"tag": list(document.tags)} if document.tags else {})


def check_vectors(name: str, made: Mapping[str, Any], vectors: NDArray[np.float32], rows: int) -> None:
    """Raises FingerprintError unless there are so many finite vectors of the dimension that the collection has."""
    # Chroma takes the first vector's dimension for good, whatever it is, and NaN without a word.
    wanted = (rows, int(made.get("dimension", vectors.shape[1])))
    if vectors.shape != wanted or not np.isfinite(vectors).all():
        raise FingerprintError(
            f"The embedding model returned vectors of shape {vectors.shape} for {name!r}, which holds {wanted} finite "
            "numbers. Check RAG_EMBEDDING_MODEL."
        )


def check_fingerprint(name: str, made: Mapping[str, Any], wanted: Mapping[str, str]) -> None:
    """Raises FingerprintError if the collection was made with another model or another way of chunking."""
    different = [key for key in sorted(wanted) if str(made.get(key)) != wanted[key]]
    if different:
        how = "; ".join(f"{key} was {made.get(key, 'not recorded')}, is now {wanted[key]}" for key in different)
        raise FingerprintError(
            f"The collection {name!r} was made in another way ({how}). Go back to the old settings, choose another "
            "collection, re-embed it on the Collections page (`python -m rag reembed`), or make it anew with "
            "`python -m rag rebuild`."
        )


def to_chunk(chunk_id: str, text: str, data: Mapping[str, Any]) -> Chunk:
    """The chunk whole again."""
    place = (data["page"], data["start"], data["end"])
    return Chunk(chunk_id, data["document"], *place, data["heading"], text, data.get("title", ""))
