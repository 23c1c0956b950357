"""Reading passages for a question: how well each of their sentences has what each word of the question looks for.

Late interaction (Khattab and Zaharia, "ColBERT", SIGIR 2020) on sentences: a token of the question looks for the token
most like it, by the signs of the embedding model's token vectors. Of a model without vectors of tokens the words take
their place, alike if they have a term in common.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rag.answering.asked import Asked, Terms, take_apart
from rag.answering.texts import Texts
from rag.embedding import Bits, Embedder, Question
from rag.records import Hit

Floats = NDArray[np.float32]
MOST = 8
"""Hits that are read."""
CELL = " | "
"""What stands between the cells of a row, and between the names of columns."""
NEIGHBOUR = 0.9
"""What a likeness counts that stands in the sentence before or after."""
_WORD = re.compile(r"\w+(?:[.,'’&-]\w+)*")
_LINE = re.compile(r"[^\n]*\S[^\n]*")
_BITS = 64


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence at `text[start:end]` of hit number `hit`'s chunk. For each token of the question how like it the most
    like token is: `own` of the sentence, `near` with its neighbours too; (tokens,), in [-1, 1]."""

    hit: int
    place: int
    start: int
    end: int
    own: Floats
    near: Floats


@dataclass(frozen=True, slots=True)
class Reading:
    """A question and its hits, read. `weights`, 1 in all, and `is_content` are of the question's tokens; `cosines` of
    the question and each hit, `best` as `Sentence.own` of each whole hit, (hits, tokens); `sentences` by hit."""

    asked: Asked
    hits: tuple[Hit, ...]
    spans: Sequence[tuple[int, int]]
    weights: Floats
    terms: Terms
    rarity: Mapping[str, float]
    cosines: Floats
    best: Floats
    sentences: Sequence[Sequence[Sentence]]

    def text(self, sentence: Sentence) -> str:
        """The sentence itself."""
        return self.hits[sentence.hit].chunk.text[sentence.start : sentence.end]

    def window(self, sentence: Sentence) -> str:
        """The sentence with its neighbours."""
        around = self.sentences[sentence.hit]
        first, last = around[max(0, sentence.place - 1)], around[min(len(around), sentence.place + 2) - 1]
        return self.hits[sentence.hit].chunk.text[first.start : last.end]

    def covered(self, text: str) -> float:
        """The share of the question's terms that a text has, each as telling as it is, in [0, 1]."""
        there = set(self.terms(text))
        wanted = [(self.rarity.get(term, 0.0), term in there) for term in self.asked.terms]
        total = sum(value for value, _ in wanted)
        return sum(value for value, has in wanted if has) / total if total else 0.0

    def likeness(self, sentence: Sentence) -> float:
        """How well a sentence with its neighbours has what is looked for, in [-1, 1]."""
        return float(self.weights @ sentence.near)


def read(question: str, hits: Sequence[Hit], embedder: Embedder, texts: Texts) -> Reading:
    """Read the first MOST hits. Raises ModelError."""
    hits, terms = tuple(hits[:MOST]), texts.terms
    asked = take_apart(question, terms)
    rarity = texts.rarity(set(asked.terms))
    most = max(rarity.values(), default=0.0) or 1.0  # it grows with the collection
    telling = {term: value / most for term, value in rarity.items()}
    passages = [hit.chunk.text for hit in hits]
    tokens, signs = _tokens(question, passages, embedder, terms)
    weights = _weights(asked, tokens.spans, telling)
    found, best = [], []
    for number, (text, found_there) in enumerate(zip(passages, signs, strict=True)):
        alike = _alike(tokens, found_there)
        best.append(alike.max(axis=1, initial=-1.0))
        places = _rows(hits[number], texts.sentences(text))
        found.append(_sentences(number, places, found_there.spans, alike))
    cosines = np.array([float(one.vector @ tokens.vector) for one in signs], np.float32)
    return Reading(asked, hits, tokens.spans, weights, terms, telling, cosines, np.array(best), found)


def _tokens(
    question: str, texts: Sequence[str], embedder: Embedder, terms: Terms
) -> tuple[Question, Sequence[Question]]:
    """The tokens of the question and of each text."""
    if embedder.has_tokens:
        return embedder.encode_question(question), embedder.encode_tokens(texts)
    number: dict[str, int] = {}
    vectors = embedder.encode(texts)
    asked = _words(embedder.encode_query(question), question, terms, number)
    return asked, [_words(vector, text, terms, number) for vector, text in zip(vectors, texts, strict=True)]


def _words(vector: Floats, text: str, terms: Terms, number: dict[str, int]) -> Question:
    """The words of a text as tokens; of each the number of its first term stands for the signs."""
    spans, rows = [], []
    for match in _WORD.finditer(text):
        if found := terms(match.group()):
            spans.append(match.span())
            rows.append([number.setdefault(found[0], len(number))])
    return Question(vector, np.array(rows, np.uint64).reshape(-1, 1), spans)


def _alike(question: Question, passage: Question) -> Floats:
    """How alike each token of the question and each of the passage are, (tokens, tokens), in [-1, 1]."""
    asked, there = question.tokens, passage.tokens
    if asked.shape[1:] == (1,):  # words, see `_words`
        same: Floats = (asked == there.T).astype(np.float32)
        return same
    return _signs_in_common(asked, there)


def _signs_in_common(asked: Bits, there: Bits) -> Floats:
    differing = np.empty((len(asked), len(there)), np.float32)
    for place, token in enumerate(asked):
        differing[place] = np.bitwise_count(there ^ token).sum(axis=1, dtype=np.uint16)
    return 1.0 - differing * np.float32(2.0 / (asked.shape[1] * _BITS))


def _weights(asked: Asked, spans: Sequence[tuple[int, int]], telling: Mapping[str, float]) -> Floats:
    """A token counts by the root of its word's rarity; all alike if no word tells anything."""
    weights = np.zeros(len(spans), np.float32)
    for place, (start, _) in enumerate(spans):
        word = next((one for one in asked.words if one.start <= start < one.end), None)
        weights[place] = max((telling.get(term, 0.0) for term in word.terms), default=0.0) ** 0.5 if word else 0.0
    total = float(weights.sum())
    return weights / total if total else np.full(len(weights), 1.0 / max(1, len(weights)), np.float32)


def _rows(hit: Hit, places: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """The sentences, with the rows of a table apart if its column names stand in the heading."""
    text, found = hit.chunk.text, []
    for start, end in places:
        lines = [(start + line.start(), start + line.end()) for line in _LINE.finditer(text[start:end])]
        apart = CELL in hit.chunk.heading and len(lines) > 1 and all(CELL in text[a:b] for a, b in lines)
        found += lines if apart else [(start, end)]
    return found


def _sentences(
    hit: int, places: Sequence[tuple[int, int]], spans: Sequence[tuple[int, int]], alike: Floats
) -> list[Sentence]:
    starts = np.array([start for start, _ in spans], np.int64)
    own = []
    for start, end in places:
        first, last = np.searchsorted(starts, [start, end])
        own.append(alike[:, first:last].max(axis=1, initial=-1.0))
    found = []
    for place, (start, end) in enumerate(places):
        around = [NEIGHBOUR * own[one] for one in (place - 1, place + 1) if 0 <= one < len(own)]
        near = np.maximum.reduce([own[place], *around])
        found.append(Sentence(hit, place, start, end, own[place], near))
    return found
