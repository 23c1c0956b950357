"""Which model made some vectors: found out by making them again and comparing."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rag.embedding import Embedder
from rag.errors import ConfigurationError
from rag.linking.grouping import node_of
from rag.records import Recipe
from rag.store.elsewhere import ForeignRow

log = logging.getLogger(__name__)

Vectors = NDArray[np.float32]

SAMPLE = 48
"""Rows that are embedded again."""
SAME = 0.98
"""The least cosine of two vectors that one model made of one text: precisions and processors differ."""
NEARLY_ALL = 0.9
"""The share of rows of which that must be so; a few may have been cut or cleaned on the way."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A model that may have made them."""

    recipe: Recipe
    load: Callable[[], Embedder]


@dataclass(frozen=True, slots=True)
class Measured:
    """The model that made them: how alike its vectors are, on average, and its fingerprint."""

    recipe: Recipe
    fingerprint: Mapping[str, str]
    likeness: float


def measure(rows: Sequence[ForeignRow], candidates: Sequence[Candidate]) -> tuple[Measured | None, float]:
    """The candidate whose vectors of the rows' texts are most like theirs, None if none is like enough; and how alike
    the best was. One that cannot be loaded is passed over."""
    theirs = unit(np.stack([one.vector for one in rows]))
    best: Measured | None = None
    closest = 0.0
    for candidate in candidates:
        try:
            embedder = candidate.load()
            if embedder.dimension != theirs.shape[1]:
                continue
            cosines = _best(embedder, rows, theirs)
        except ConfigurationError as error:  # a model that is not here is none of which anything can be known
            log.info("%s was not tried: %s", candidate.recipe.model, error)
            continue
        likeness = float(cosines.mean())
        closest = max(closest, likeness)
        if (cosines >= SAME).mean() >= NEARLY_ALL and (best is None or likeness > best.likeness):
            best = Measured(candidate.recipe, embedder.fingerprint, likeness)
    return best, closest


def _best(embedder: Embedder, rows: Sequence[ForeignRow], theirs: Vectors) -> NDArray[np.float32]:
    """The cosines of each row, of the way to make its text that fits best."""
    tried = [
        np.einsum("ij,ij->i", embedder.encode([text(one) for one in rows]), theirs)
        for text in (lambda one: one.text, _as_llama_index)
        if text is not _as_llama_index or any("_node_content" in one.metadata for one in rows)
    ]
    return max(tried, key=lambda cosines: float(cosines.mean()))


def unit(vectors: Vectors) -> Vectors:
    """Rows of length 1, as our collections have them; one of length 0 stays what it is."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    made: Vectors = (vectors / np.where(lengths > 0, lengths, 1)).astype(np.float32)
    return made


def _as_llama_index(row: ForeignRow) -> str:
    """What LlamaIndex embeds of a node: its text below its metadata, but for what is left out."""
    node = node_of(row.metadata)
    metadata, without = node.get("metadata"), node.get("excluded_embed_metadata_keys")
    if not isinstance(metadata, dict) or not isinstance(without, list):
        return row.text
    line = str(node.get("metadata_template", "{key}: {value}"))
    lines = [_filled(line, key=key, value=value) for key, value in metadata.items() if key not in without]
    joined = str(node.get("metadata_separator", node.get("metadata_seperator", "\n"))).join(lines)
    if not joined:
        return row.text
    return _filled(str(node.get("text_template", "{metadata_str}\n\n{content}")), metadata_str=joined, content=row.text)


def _filled(template: str, **values: Any) -> str:
    """A template with values in their places. Not by `format`, which would follow what it says."""
    for name, value in values.items():
        template = template.replace(f"{{{name}}}", str(value))
    return template
