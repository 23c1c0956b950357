"""Texts to unit vectors: the bundled model, any sentence-transformers model, or a provider that LangChain knows."""

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from langchain_core.embeddings import Embeddings
from numpy.typing import ArrayLike, NDArray

from rag.errors import ModelError
from rag.model_sources import Source, first_line, provider, sentence_transformer
from rag.settings import Settings

if TYPE_CHECKING:
    from tokenizers import Tokenizer

Vectors = NDArray[np.float32]
Bits = NDArray[np.uint64]
"""Signs of token vectors, 64 dimensions in a number: (tokens, dimension / 64)."""
Progress = Callable[[int], None]
"""Told, after each batch, how many of the texts are done so far."""

BATCH = 64
"""Texts given at once to a library or a provider: between two batches progress is reported."""
PROVIDED = re.compile(r"([A-Za-z]\w+):(?![\\/]).+")
"""`provider:model`. A provider has two characters at least, so that `C:models` is a folder."""


class Passages(NamedTuple):
    """`vectors` as `encode` gives them; for each passage the signs of its tokens' vectors, if the model has any."""

    vectors: Vectors
    tokens: list[Bits]


class Question(NamedTuple):
    """Its unit vector, the signs of its tokens' vectors, and the code points (start, end) that each token covers."""

    vector: Vectors
    tokens: Bits
    spans: list[tuple[int, int]]


class Embedder(Embeddings):
    """What the rest needs of an embedding model: a LangChain `Embeddings` that also speaks NumPy.

    Vectors are unit rows of float32. Every method may be called from several threads, and raises ModelError
    if the model does not answer.
    """

    has_tokens = False
    """Whether it has vectors of tokens, for late interaction."""

    @property
    @abstractmethod
    def dimension(self) -> int:
        """Length of a vector."""

    @property
    @abstractmethod
    def max_tokens(self) -> int:
        """How many tokens of a text take part in its vector, special tokens included."""

    @property
    @abstractmethod
    def fingerprint(self) -> dict[str, str]:
        """What must agree for vectors to be comparable: model, revision, precision, dimension, normalized."""

    @abstractmethod
    def encode(self, texts: Sequence[str], progress: Progress | None = None) -> Vectors:
        """The vectors of passages, (n, dimension), in the order of `texts`."""

    def encode_query(self, text: str) -> Vectors:
        """The vector of a question, (dimension,). Some models treat questions and passages differently."""
        vector: Vectors = self.encode([text])[0]
        return vector

    def encode_passages(self, texts: Sequence[str]) -> Passages:
        """Passages with what late interaction needs of them, where the model has vectors of tokens."""
        return Passages(self.encode(texts), [])

    def encode_question(self, text: str) -> Question:
        """A question with what late interaction needs of it; no tokens where the model has no vectors of them."""
        return Question(self.encode_query(text), np.empty((0, 0), np.uint64), [])

    def token_spans(self, text: str) -> list[tuple[int, int]]:
        """The code points (start, end) of each token of which `encode_passages` gives the signs."""
        raise NotImplementedError("This model has no vectors of tokens.")

    @abstractmethod
    def token_offsets(self, text: str) -> list[tuple[int, int]]:
        """The code points (start, end) of each token of the whole text, without special tokens."""

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """`encode` as LangChain has it."""
        vectors: list[list[float]] = self.encode(texts).tolist()
        return vectors

    def embed_query(self, text: str) -> list[float]:
        """`encode_query` as LangChain has it."""
        vector: list[float] = self.encode_query(text).tolist()
        return vector


def load_embedder(settings: Settings) -> Embedder:
    """The embedder that `settings.embedding_model` names.

    Raises ModelError if there is none such, MissingDependencyError if a provider's package is not installed.
    """
    name = settings.embedding_model.strip()
    if name == "bundled":
        return BundledEmbedder(settings.embedding_precision)
    if PROVIDED.fullmatch(name) and not Path(name).exists():
        return OutsideEmbedder(provider(name, settings), settings.redacted)
    return OutsideEmbedder(sentence_transformer(name, settings.allow_downloads), settings.redacted)


class BundledEmbedder(Embedder):
    """all-MiniLM-L6-v2 on ONNX Runtime, in `int8` or `fp32`, with the weights in `folder` or the installed ones."""

    has_tokens = True

    def __init__(self, precision: str = "int8", folder: Path | None = None) -> None:
        from rag import bundled

        self._model = bundled.MiniLM(precision, folder)
        self._precision = bundled.PRECISIONS[precision]

    @property
    def dimension(self) -> int:
        return self._model.dimension

    @property
    def max_tokens(self) -> int:
        return self._model.max_tokens

    @property
    def fingerprint(self) -> dict[str, str]:
        return _fingerprint("all-MiniLM-L6-v2", self._model.revision, self._precision, self.dimension)

    def encode(self, texts: Sequence[str], progress: Progress | None = None) -> Vectors:
        return self._model.encode(texts, progress)

    def encode_passages(self, texts: Sequence[str]) -> Passages:
        found = self._model.encode_tokens(texts)
        vectors = np.stack([row for row, _, _ in found]) if found else self.encode([])
        return Passages(vectors, [_signs(states) for _, states, _ in found])

    def encode_question(self, text: str) -> Question:
        [(vector, states, spans)] = self._model.encode_tokens([text])
        return Question(vector, _signs(states), spans)

    def token_spans(self, text: str) -> list[tuple[int, int]]:
        return self._model.token_spans(text)

    def token_offsets(self, text: str) -> list[tuple[int, int]]:
        return self._model.token_offsets(text)


class OutsideEmbedder(Embedder):
    """A `Source` held to our terms: unit rows, batches, ModelError. Its dimension is found by trying."""

    def __init__(self, source: Source, redact: Callable[[str], str]) -> None:
        self._source = source
        self._redact = redact

    @cached_property
    def dimension(self) -> int:
        return len(self.encode_query("dimension"))

    @property
    def max_tokens(self) -> int:
        return self._source.max_tokens

    @property
    def fingerprint(self) -> dict[str, str]:
        source = self._source
        return _fingerprint(source.name, source.revision, source.precision, self.dimension)

    def encode(self, texts: Sequence[str], progress: Progress | None = None) -> Vectors:
        if not texts:
            return np.empty((0, self.dimension), np.float32)
        batches = []
        for start in range(0, len(texts), BATCH):
            batch = [_encodable(text) for text in texts[start : start + BATCH]]
            batches.append(self._rows(self._source.passages, batch, len(batch)))
            if progress:
                progress(start + len(batch))
        return np.concatenate(batches)

    def encode_query(self, text: str) -> Vectors:
        vector: Vectors = self._rows(self._source.question, _encodable(text), 1)[0]
        return vector

    def token_offsets(self, text: str) -> list[tuple[int, int]]:
        from rag import bundled

        return bundled.offsets(self._tokenizer, text)

    @cached_property
    def _tokenizer(self) -> Tokenizer:
        return self._source.tokenizer()

    def _rows(self, call: Callable[[Any], ArrayLike], asked: list[str] | str, count: int) -> Vectors:
        """What `call` answers, as `count` unit rows."""
        try:
            rows = np.atleast_2d(np.asarray(call(asked), np.float32))
            lengths = np.linalg.norm(rows, axis=1, keepdims=True)
        except Exception as error:  # noqa: BLE001 - every provider has its own errors
            why = self._redact(first_line(error))  # and without the cause: it may repeat the key
            raise ModelError(f"The embedding model {self._source.name} failed: {why}") from None
        if len(rows) != count or not np.isfinite(lengths).all() or not lengths.all():
            raise ModelError(f"The embedding model {self._source.name} gave no usable vectors: choose another.")
        unit: Vectors = rows / lengths
        return unit


def differing_signs(asked: Bits, there: Bits) -> NDArray[np.uint16]:
    """In how many dimensions each of some tokens differs in sign from each of others, (tokens, tokens)."""
    differing = np.zeros((len(asked), len(there)), np.uint16)
    for mine, theirs in zip(asked.T, np.ascontiguousarray(there.T), strict=True):  # 64 dimensions at a time
        differing += np.bitwise_count(mine[:, np.newaxis] ^ theirs)
    return differing


def _signs(states: Vectors) -> Bits:
    # One bit a dimension ranks passages as well as the numbers do, at a 32nd of their size.
    return np.packbits(states > 0, axis=1).view(np.uint64)


def _encodable(text: str) -> str:
    from rag import bundled

    return bundled.encodable(text)


def _fingerprint(model: str, revision: str, precision: str, dimension: int) -> dict[str, str]:
    return {
        "model": model,
        "revision": revision,
        "precision": precision,
        "dimension": str(dimension),
        "normalized": "true",
    }
