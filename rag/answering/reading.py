"""Reading passages for a question: how well each of their sentences has what each word of the question looks for.

Late interaction (Khattab and Zaharia, "ColBERT", SIGIR 2020) on sentences: a token of the question looks for the token
most like it, by the signs of the embedding model's token vectors. Of a model without vectors of tokens the words take
their place, alike if they have a term in common.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from rag.answering.asked import Asked, Terms, Word, take_apart
from rag.answering.naming import run_together
from rag.answering.pieces import Piece, divided
from rag.answering.tables import CELL
from rag.answering.texts import Texts
from rag.embedding import Bits, Embedder, differing_signs
from rag.records import Hit

Floats = NDArray[np.float32]
Spans = Sequence[tuple[int, int]]
Compared = tuple[Spans, Floats]
"""The tokens of a passage, and how like each of them each token of the question is, (tokens, tokens), in [-1, 1]."""
MOST = 8
"""Hits that are read."""
NEIGHBOUR = 0.9
"""What a likeness counts that stands in the sentence before or after."""
ABOVE = 0.9
"""What a likeness counts that stands above the passage: in its headings, the names of its columns, its title."""
_WORD = re.compile(r"\w+(?:[.,'’&-]\w+)*")
_SPACED = re.compile(r"\S+")
_BITS = 64


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence at `text[start:end]` of hit number `hit`'s chunk. For each token of the question how like it the most
    like token is: `own` of the sentence, `near` with its neighbours too; (tokens,), in [-1, 1]. `lead` is what it
    stands below in the chunk: of a row (`is_row`) the caption and the names of the columns, else a heading."""

    hit: int
    place: int
    start: int
    end: int
    own: Floats
    near: Floats
    is_row: bool = False
    lead: tuple[int, int] = (0, 0)


@dataclass(frozen=True, slots=True)
class Reading:
    """A question and its hits, read. `spans` are the question's tokens in its text, `weights` theirs, 1 in all;
    `rarity` is that of its terms, 1 at most; `sentences` by hit."""

    asked: Asked
    hits: tuple[Hit, ...]
    spans: Spans
    weights: Floats
    terms: Terms
    rarity: Mapping[str, float]
    sentences: Sequence[Sequence[Sentence]]

    def text(self, sentence: Sentence) -> str:
        """The sentence itself."""
        return self.hits[sentence.hit].chunk.text[sentence.start : sentence.end]

    def below(self, sentence: Sentence) -> set[str]:
        """The terms of a sentence with what it stands below in its chunk."""
        lead = self.hits[sentence.hit].chunk.text[slice(*sentence.lead)]
        return {*terms_of(self.terms, lead), *terms_of(self.terms, self.text(sentence))}

    def above(self, number: int) -> frozenset[str]:
        """The terms of what stands above hit `number`'s passage; of the question's those too that its names have run
        together."""
        names = above(self.hits[number])
        return terms_of(self.terms, names) | _run_together(self.asked, names)

    def around(self, sentence: Sentence) -> frozenset[str]:
        """The terms of a sentence with its neighbours, of what it stands below, and of what is above its passage."""
        hit = self.hits[sentence.hit]
        near = self.sentences[sentence.hit][max(0, sentence.place - 1) : sentence.place + 2]
        parts = (hit.chunk.text[slice(*sentence.lead)], *map(self.text, near))
        return self.above(sentence.hit).union(*(terms_of(self.terms, part) for part in parts))

    def window(self, sentence: Sentence) -> str:
        """The sentence with its neighbours."""
        around = self.sentences[sentence.hit]
        first, last = around[max(0, sentence.place - 1)], around[min(len(around), sentence.place + 2) - 1]
        return self.hits[sentence.hit].chunk.text[first.start : last.end]

    def on(self, words: Sequence[Word]) -> NDArray[np.bool_]:
        """Which of the question's tokens are of some of its words, (tokens,)."""
        return np.array([any(word.start <= start < word.end for word in words) for start, _ in self.spans], bool)

    def covered(self, text: str) -> float:
        """The share of the question's terms that a text has, each as telling as it is, in [0, 1]."""
        return self.share(set(self.terms(text)))

    def share(self, there: Collection[str]) -> float:
        """The same of terms."""
        wanted = [(self.rarity.get(term, 0.0), term in there) for term in self.asked.terms]
        total = sum(value for value, _ in wanted)
        return sum(value for value, has in wanted if has) / total if total else 0.0

    def likeness(self, sentence: Sentence) -> float:
        """How well a sentence with its neighbours has what is looked for, in [-1, 1]."""
        return float(self.weights @ sentence.near)


def read(question: str, hits: Sequence[Hit], embedder: Embedder, texts: Texts) -> Reading:
    """Read the first MOST hits. Raises ModelError, StorageError."""
    hits, terms = tuple(hits[:MOST]), texts.terms
    asked = take_apart(question, terms)
    rarity = texts.rarity(set(asked.terms))
    most = max(rarity.values(), default=0.0) or 1.0  # it grows with the collection
    telling = {term: value / most for term, value in rarity.items()}
    compare = _by_tokens if embedder.has_tokens else _by_words
    spans, compared = compare(question, hits, embedder, texts)
    weights = _weights(asked, spans, telling)
    found = []
    for number, (hit, (places, alike)) in enumerate(zip(hits, compared, strict=True)):
        pieces = divided(hit.chunk.text, texts.sentences(hit.chunk.text), CELL in hit.chunk.heading)
        found.append(_sentences(number, pieces, places, alike))
    return Reading(asked, hits, spans, weights, terms, telling, found)


@lru_cache(maxsize=1024)
def terms_of(terms: Terms, text: str) -> frozenset[str]:
    """The terms of a text: of a sentence they are asked for again and again."""
    return frozenset(terms(text))


@lru_cache(maxsize=256)
def _run_together(asked: Asked, names: str) -> frozenset[str]:
    """The terms of the question's words that stand in names without the spaces between them."""
    words = list(_SPACED.finditer(asked.text))
    starts = {words[at].start() for at in run_together([word.group() for word in words], names)}
    return frozenset(term for word in asked.words if word.start in starts for term in word.terms)


def above(hit: Hit) -> str:
    """What stands above a passage, and what it need not say again: the names of its document, its headings."""
    return f"{hit.name}\n{hit.chunk.title}\n{hit.chunk.heading}"


def _by_tokens(question: str, hits: Sequence[Hit], embedder: Embedder, texts: Texts) -> tuple[Spans, list[Compared]]:
    """The question's tokens, and for each hit how like each of its tokens each of those is. What stands above the text,
    its contextual header, comes first, at places before it."""
    asked = embedder.encode_question(question)
    stored = texts.tokens([hit.chunk.id for hit in hits])
    new = [hit.chunk.embedded for hit in hits if hit.chunk.id not in stored]
    made = iter(embedder.encode_passages(new).tokens if new else ())
    compared: list[Compared] = []
    for hit in hits:
        signs = stored[hit.chunk.id] if hit.chunk.id in stored else next(made)
        header = len(hit.chunk.embedded) - len(hit.chunk.text)
        spans = [(start - header, end - header) for start, end in embedder.token_spans(hit.chunk.embedded)]
        compared.append((spans, _signs_in_common(asked.tokens, signs)))
    return asked.spans, compared


def _by_words(question: str, hits: Sequence[Hit], _: Embedder, texts: Texts) -> tuple[Spans, list[Compared]]:
    """The same of words: they are alike if they have their first term in common."""
    asked = _first_terms(question, texts.terms)
    compared: list[Compared] = []
    for hit in hits:
        header = len(hit.chunk.embedded) - len(hit.chunk.text)
        there = _first_terms(hit.chunk.embedded, texts.terms)
        alike = np.array([[float(one == other) for other in there.values()] for one in asked.values()], np.float32)
        spans = [(start - header, end - header) for start, end in there]
        compared.append((spans, alike.reshape(len(asked), len(there))))
    return list(asked), compared


def _first_terms(text: str, terms: Terms) -> dict[tuple[int, int], str]:
    found = ((match.span(), terms(match.group())) for match in _WORD.finditer(text))
    return {span: words[0] for span, words in found if words}


def _signs_in_common(asked: Bits, there: Bits) -> Floats:
    return 1.0 - differing_signs(asked, there).astype(np.float32) * np.float32(2.0 / (asked.shape[1] * _BITS))


def _weights(asked: Asked, spans: Sequence[tuple[int, int]], telling: Mapping[str, float]) -> Floats:
    """A token counts by the root of its word's rarity; all alike if no word tells anything."""
    weights = np.zeros(len(spans), np.float32)
    for place, (start, _) in enumerate(spans):
        word = next((one for one in asked.words if one.start <= start < one.end), None)
        weights[place] = max((telling.get(term, 0.0) for term in word.terms), default=0.0) ** 0.5 if word else 0.0
    total = float(weights.sum())
    return weights / total if total else np.full(len(weights), 1.0 / max(1, len(weights)), np.float32)


def _sentences(hit: int, pieces: Sequence[Piece], spans: Spans, alike: Floats) -> list[Sentence]:
    starts = np.array([start for start, _ in spans], np.int64)
    header = ABOVE * alike[:, : np.searchsorted(starts, 0)].max(axis=1, initial=-1.0)

    def best(start: int, end: int) -> Floats:
        first, last = np.searchsorted(starts, [start, end])
        found: Floats = alike[:, first:last].max(axis=1, initial=-1.0)
        return found

    own = [best(one.start, one.end) for one in pieces]
    found = []
    for place, one in enumerate(pieces):
        # Rows say nothing about each other.
        around = [] if one.is_row else [NEIGHBOUR * own[at] for at in (place - 1, place + 1) if 0 <= at < len(own)]
        near = np.maximum.reduce([own[place], header, NEIGHBOUR * best(*one.lead), *around])
        found.append(Sentence(hit, place, one.start, one.end, own[place], near, one.is_row, one.lead))
    return found
