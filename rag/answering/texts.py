"""What answering is given of the other parts."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

from rag.embedding import Bits, Embedder


@dataclass(frozen=True, slots=True)
class Texts:
    """How the texts that hits come from are read.

    `sentences` has the (start, end) of each sentence of a passage; `terms` the words of a text as they are searched
    for; `between` the text of a document, by id, between two offsets, empty if there is none; `rarity` how telling each
    term is, its inverse document frequency; `tokens` the signs of the token vectors of chunks, by id, where they are
    stored; `heading` the heading path at an offset of a document's text, by id, empty if there is none; `embedder`
    gives the model that those tokens are of, None if it is the one that is set.
    """

    sentences: Callable[[str], list[tuple[int, int]]]
    terms: Callable[[str], Sequence[str]]
    between: Callable[[str, int, int], str]
    rarity: Callable[[Collection[str]], Mapping[str, float]]
    tokens: Callable[[Sequence[str]], Mapping[str, Bits]]
    heading: Callable[[str, int], str]
    embedder: Callable[[], Embedder] | None = None
