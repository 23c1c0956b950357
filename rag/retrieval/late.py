"""Late interaction: each word of a question looks for the word of a passage that is most like it, in its context.

MaxSim of Khattab and Zaharia, "ColBERT" (SIGIR 2020), with the tokens of the embedding model that made the vectors, so
that no second model is needed. Of each token only the signs are kept, a bit a dimension, and two tokens are as alike as
they have signs in common. A token counts by how rare its word is.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from rag.embedding import Bits, Question, differing_signs

_WORD = re.compile(r"\S+")
_BITS = 64


def token_weights(
    text: str,
    question: Question,
    terms: Callable[[str], Sequence[str]],
    rarity: Callable[[Collection[str]], Mapping[str, float]],
) -> NDArray[np.float32]:
    """The weight of each token of a question, (tokens,), 1 in all: the root of its word's idf."""
    words = [(match.start(), match.end(), terms(match.group())) for match in _WORD.finditer(text)]
    telling = rarity({term for _, _, found in words for term in found})
    weights = np.zeros(len(question.spans), np.float32)
    for place, (start, _) in enumerate(question.spans):
        found = next((found for begin, end, found in words if begin <= start < end), [])
        weights[place] = max((telling.get(term, 0.0) for term in found), default=0.0) ** 0.5
    total = float(weights.sum())
    return weights / total if total else np.full(len(weights), 1.0 / max(1, len(weights)), np.float32)


def maxsim(question: Bits, weights: NDArray[np.float32], passages: Sequence[Bits]) -> NDArray[np.float32]:
    """How well each passage has what the question's tokens look for, in [-1, 1], (passages,).

    `question` and each passage are signs of token vectors, (tokens, dimension / 64); a passage has one at least.
    """
    if not passages or not len(question):
        return np.zeros(len(passages), np.float32)
    starts = np.cumsum([0, *(len(one) for one in passages[:-1])])
    differing = differing_signs(question, np.concatenate(passages))
    nearest = np.minimum.reduceat(differing, starts, axis=1).astype(np.float32)
    alike: NDArray[np.float32] = weights @ (1.0 - 2.0 * nearest / (question.shape[1] * _BITS))
    return alike
