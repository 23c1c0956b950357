"""Collections of any size for benchmarks, written without reading files and nearly without a model.

Words are drawn from the bundled model's vocabulary, the frequent ones often. Of some passages vectors are made by the
model; those of the others are the same with noise, so that they lie as vectors of texts do.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

import numpy as np

from rag.bundled import bundled_folder, load_tokenizer
from rag.records import Chunk, Document, Page, ParsedDocument, State, chunk_id
from rag.store import store_name
from rag.workspace import Workspace

EMBEDDED = 500
"""Passages that are really embedded."""
WORDS = 150
"""In a passage."""
PER_PAGE = 3
PER_DOCUMENT = 150
"""Passages of a page, and of a document."""
NOISE = 0.03
"""Standard deviation of each dimension of a vector; a unit vector's own is 0.05."""
FLIPPED = 0.1
"""Of the signs of token vectors."""
TAGGED = "even"
"""The tag of every other document."""


class Writer:
    """Draws texts and questions, and fills workspaces with them; the same ones for the same seed."""

    def __init__(self, seed: int) -> None:
        self._draw = random.Random(seed)  # noqa: S311 - for repeating, not for secrets
        self._numbers = np.random.default_rng(seed)
        vocabulary = sorted(load_tokenizer(bundled_folder()).get_vocab().items(), key=lambda one: one[1])
        self._words = [word for word, _ in vocabulary if word.isalpha() and word.isascii() and len(word) > 2]
        self._weights = np.cumsum([1 / rank for rank in range(1, len(self._words) + 1)]).tolist()

    def words(self, count: int) -> str:
        """So many words, as a sentence."""
        return " ".join(self._draw.choices(self._words, cum_weights=self._weights, k=count)).capitalize() + "."

    def questions(self, count: int) -> list[str]:
        """Questions of 5 to 12 words."""
        return [f"What {self.words(self._draw.randint(5, 12)).lower()[:-1]}?" for _ in range(count)]

    def fill(self, workspace: Workspace, chunks: int) -> list[Document]:
        """Index so many passages as documents that are ready."""
        made = workspace.recipes.fingerprint_of(None)
        name = workspace.settings.collection
        workspace.catalog.create_collection(name, store_name(name), made)
        collection = workspace.catalog.collection(name)
        workspace.store.create(collection.store_name, made)
        texts = [self.words(WORDS) for _ in range(min(EMBEDDED, chunks))]
        vectors, tokens = workspace.embedder.encode_passages(texts)
        for number, first in enumerate(range(0, chunks, PER_DOCUMENT)):
            places = range(first, min(chunks, first + PER_DOCUMENT))
            document = _queued(name, number)
            workspace.catalog.enqueue(document)
            workspace.catalog.progress(document, "reading")
            parsed = self._parsed(number, texts[: len(places)] if number == 0 else self._texts(len(places)))
            cut = list(_cut(parsed, document.id, workspace.settings.chunk_tokens))
            workspace.catalog.save_text(document, parsed, cut)
            chosen = [place % len(texts) for place in places]
            workspace.lexical.replace(collection.store_name, document, cut)
            workspace.catalog.searchable(document, {})
            noisy = self._noisy(vectors[chosen]), [self._flipped(tokens[one]) for one in chosen]
            workspace.store.upsert(collection.store_name, document, cut, *noisy)
            workspace.catalog.finish(document, 1.0, {})
        return workspace.documents()

    def _texts(self, count: int) -> list[str]:
        return [self.words(WORDS) for _ in range(count)]

    def _parsed(self, number: int, texts: Sequence[str]) -> ParsedDocument:
        pages, start = [], 0
        for first in range(0, len(texts), PER_PAGE):
            pages.append(Page(len(pages) + 1, "\n\n".join(texts[first : first + PER_PAGE]), start))
            start += len(pages[-1].text) + 2
        text = "\n\n".join(page.text for page in pages)
        title = f"Report {number} of {self.words(2)[:-1].title()}"
        return ParsedDocument(title, "application/pdf", text, tuple(pages), (), "synthetic")

    def _noisy(self, vectors: np.ndarray) -> np.ndarray:
        moved = vectors + self._numbers.normal(0, NOISE, vectors.shape).astype(np.float32)
        return moved / np.linalg.norm(moved, axis=1, keepdims=True)

    def _flipped(self, signs: np.ndarray) -> np.ndarray:
        flips = self._numbers.random((*signs.shape, 64)) < FLIPPED
        return signs ^ np.packbits(flips, axis=-1).view(np.uint64).reshape(signs.shape)


def _queued(collection: str, number: int) -> Document:
    tags = (TAGGED,) if number % 2 == 0 else ()
    added = datetime.now(UTC)
    return Document(
        f"{number:032x}", f"{number}.pdf", collection, State.QUEUED, added, media_type="application/pdf", tags=tags
    )


def _cut(parsed: ParsedDocument, document: str, tokens: int) -> Iterator[Chunk]:
    number = 0
    for page in parsed.pages:
        start = page.start
        for text in page.text.split("\n\n"):
            place = (page.number, start, start + len(text))
            yield Chunk(chunk_id(document, tokens, number), document, *place, "", text, parsed.title)
            number, start = number + 1, start + len(text) + 2
