"""What answering is given of the other parts."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field

from rag.embedding import Bits, Embedder


@dataclass(frozen=True, slots=True)
class Texts:
    """How the texts that hits come from are read.

    `sentences` has the (start, end) of each sentence of a passage; `terms` the words of a text as they are searched
    for; `between` the text of a document, by id, between two offsets, empty if there is none; `rarity` how telling each
    term is, its inverse document frequency; `tokens` the signs of the token vectors of chunks, by id, where they are
    stored; `heading` the heading path at an offset of a document's text, by id, empty if there is none; `embedder`
    gives the model that those tokens are of, None if it is the one that is set; `corrected` has where, in a document's
    text, passages were corrected by hand or put away.
    """

    sentences: Callable[[str], list[tuple[int, int]]]
    terms: Callable[[str], Sequence[str]]
    between: Callable[[str, int, int], str]
    rarity: Callable[[Collection[str]], Mapping[str, float]]
    tokens: Callable[[Sequence[str]], Mapping[str, Bits]]
    heading: Callable[[str, int], str]
    embedder: Callable[[], Embedder] | None = None
    corrected: Mapping[str, Sequence[tuple[int, int]]] = field(default_factory=dict)

    def around(self, document: str, start: int, end: int) -> str:
        """As `between`, with nothing but line breaks where passages were corrected or put away: what is read on from
        a passage is not read there."""
        text = self.between(document, start, end)
        for first, last in self.corrected.get(document, ()):
            first, last = max(first, start) - start, min(last, end) - start
            if 0 <= first < last <= len(text):
                text = text[:first] + "\n" * (last - first) + text[last:]
        return text

    def whole(self, document: str, start: int, end: int) -> bool:
        """Whether nothing between two offsets was corrected or put away."""
        return not any(first < end and start < last for first, last in self.corrected.get(document, ()))
