"""How each collection is made: with its own recipe, or without one as the settings say.

The one place that knows which embedding model belongs to which collection. A model is loaded once for each name and
precision, when it is first needed, and shared by the collections that are made with it.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from pydantic import SecretStr

from rag.chunking import CHUNKING, LAST_ROOM
from rag.embedding import PROVIDED, Embedder, load_embedder
from rag.errors import ConfigurationError, FingerprintError, InputError
from rag.records import Collection, Recipe
from rag.settings import Settings
from rag.store import check_fingerprint

HEADER = "title > heading 1"
"""Names in a fingerprint what is embedded above a passage (`Chunk.embedded`); change it when that changes."""
HEADER_TOKENS = 24
SPECIAL_TOKENS = 2
"""Tokens that a model adds around a text."""
AS_IT_WAS = "as it was read"
"""Names in a fingerprint how what was made elsewhere was cut, and that nothing is known of what was embedded."""
BUNDLED = "bundled"
PRECISIONS = ("int8", "fp32")
FEWEST_TOKENS, MOST_TOKENS = 32, 2000
MOST_OVERLAP = 0.5
"""Of a passage, what it shares with the one before."""
LONGEST_NAME = 200
_OF_CUTS = ("model", "revision", "chunking", "chunk_tokens")
_OF_VECTORS = ("model", "revision", "precision", "dimension", "normalized", "distance", "header")
"""What of fingerprints must agree."""


@dataclass(slots=True)
class _Loading:
    lock: threading.Lock = field(default_factory=threading.Lock)
    embedder: Embedder | None = None


class Recipes:
    """Gives for a collection its settings and its embedding model. Safe to use from threads."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._models: dict[tuple[str, str], _Loading] = {}

    def settings_of(self, collection: Collection | None) -> Settings:
        """The settings with what its recipe says; as they are without one, or if nobody knows its model."""
        if collection is None or collection.recipe is None or not is_known(collection):
            return self._settings
        return self.with_recipe(collection.recipe)

    def with_recipe(self, recipe: Recipe) -> Settings:
        """The settings with what a recipe says. A key or an address goes to no other provider than it was set for."""
        changed: dict[str, object] = {
            "embedding_model": recipe.model,
            "embedding_precision": recipe.precision,
            "chunk_tokens": recipe.chunk_tokens,
            "chunk_overlap": recipe.overlap,
            "chunk_headers": recipe.headers,
        }
        ours, theirs = _provider(self._settings.embedding_model), _provider(recipe.model)
        if ours and ours != theirs:
            changed |= {"embedding_api_key": SecretStr(""), "embedding_base_url": ""}
        return self._settings.model_copy(update=changed)

    def recipe_of(self, collection: Collection | None) -> Recipe:
        """How a collection is made, whether that is its own recipe or what is set."""
        if collection is not None and collection.recipe is not None:
            return collection.recipe
        set_ = self._settings
        model, precision = set_.embedding_model, set_.embedding_precision
        return Recipe(model, precision, set_.chunk_tokens, set_.chunk_overlap, set_.chunk_headers)

    def embedder_of(self, collection: Collection | None) -> Embedder:
        """The model that its passages are embedded with, and questions are compared with; where nobody knows it, the
        one that is set. Raises ModelError, MissingDependencyError."""
        return self._loaded(self.settings_of(collection))

    def fingerprint_of(self, collection: Collection | None) -> dict[str, str]:
        """How it is made, as its fingerprint ought to be. Raises ConfigurationError."""
        if collection is not None and collection.fingerprint.get("chunking") == AS_IT_WAS:
            return {**self.embedder_of(collection).fingerprint, "distance": "cosine"}  # others have cut it
        return fingerprint(self.embedder_of(collection), self.settings_of(collection))

    def fingerprint_with(self, recipe: Recipe) -> dict[str, str]:
        """The fingerprint of what is made with a recipe. Raises ConfigurationError, also if its model is not there."""
        settings = self.with_recipe(recipe)
        return fingerprint(self._loaded(settings), settings)

    def embedder_with(self, recipe: Recipe) -> Embedder:
        """The model of a recipe. Raises ModelError, MissingDependencyError."""
        return self._loaded(self.with_recipe(recipe))

    def check(self, collection: Collection) -> None:
        """Raises FingerprintError if its passages are not what its model would make now, or nobody knows its model."""
        if not is_known(collection):
            raise FingerprintError(
                f"Nobody knows which embedding model the vectors of {collection.name!r} are from, so nothing can be "
                "added to them. Re-embed it on the Collections page (`python -m rag reembed`) first."
            )
        check_fingerprint(collection.name, collection.fingerprint, self.fingerprint_of(collection))

    def pace(self, collection: Collection | None) -> str:
        """The name under which the catalog keeps how fast passages of it are embedded."""
        given, own = self.settings_of(collection), self._settings
        same = _model(given) == _model(own)
        return "embedding" if same else f"embedding {given.embedding_model} {given.embedding_precision}"

    def _loaded(self, settings: Settings) -> Embedder:
        with self._lock:
            loading = self._models.setdefault(_model(settings), _Loading())
        with loading.lock:  # of this model alone: a large one must not keep others waiting
            if loading.embedder is None:
                loading.embedder = load_embedder(settings)
            return loading.embedder


def is_known(collection: Collection) -> bool:
    """Whether it is known with which model it was made."""
    return collection.model_is_known


def checked_recipe(recipe: Recipe) -> Recipe:
    """A recipe to make something with, without white space around its model's name. Raises InputError."""
    model = recipe.model.strip()
    if not model or len(model) > LONGEST_NAME or not model.isprintable():
        raise InputError(
            "Name an embedding model: `bundled`, a sentence-transformers name or folder, or `provider:model`."
        )
    if recipe.precision not in PRECISIONS:
        raise InputError(f"The precision {recipe.precision!r} is not one of {' and '.join(PRECISIONS)}. Choose one.")
    if not FEWEST_TOKENS <= recipe.chunk_tokens <= MOST_TOKENS:
        raise InputError(
            f"A passage cannot have {recipe.chunk_tokens:,} tokens: choose between {FEWEST_TOKENS} and {MOST_TOKENS:,}."
        )
    if not 0 <= recipe.overlap <= recipe.chunk_tokens * MOST_OVERLAP:
        raise InputError(_too_much(recipe.overlap, recipe.chunk_tokens))
    return replace(recipe, model=model)


def _too_much(overlap: int, chunk_tokens: int) -> str:
    most = int(chunk_tokens * MOST_OVERLAP)
    return f"Passages of {chunk_tokens:,} tokens cannot share {overlap:,} with the one before: {most} at most."


def cuts_alike(one: Collection, other: Collection) -> bool:
    """Whether two collections cut a text at the same places: to as many tokens, counted by the same tokenizer."""
    return _agree(one, other, _OF_CUTS)


def vectors_alike(one: Collection, other: Collection) -> bool:
    """Whether the vectors of two collections can be compared."""
    return _agree(one, other, _OF_VECTORS)


def _agree(one: Collection, other: Collection, names: Sequence[str]) -> bool:
    return is_known(one) and is_known(other) and _same(one.fingerprint, other.fingerprint, names)


def same_vectors(made: Mapping[str, str], other: Mapping[str, str]) -> bool:
    """Whether, by two fingerprints, vectors of equal texts are equal."""
    return _same(made, other, _OF_VECTORS)


def _same(made: Mapping[str, str], other: Mapping[str, str], names: Sequence[str]) -> bool:
    return all(made.get(name) == other.get(name) for name in names)


def fingerprint(embedder: Embedder, settings: Settings) -> dict[str, str]:
    """How a collection is made: model, precision, distance and chunking. Two that differ must not be mixed.

    Raises ConfigurationError if chunks would be longer than the model reads.
    """
    room = int((embedder.max_tokens - SPECIAL_TOKENS - HEADER_TOKENS) / LAST_ROOM)
    if settings.chunk_tokens > room:
        raise ConfigurationError(
            f"Passages of {settings.chunk_tokens} tokens (RAG_CHUNK_TOKENS) are too long: the embedding model reads at "
            f"most {embedder.max_tokens} tokens and would not see their ends. Choose {room} or less."
        )
    if settings.chunk_overlap > settings.chunk_tokens * MOST_OVERLAP:
        raise ConfigurationError(f"{_too_much(settings.chunk_overlap, settings.chunk_tokens)} Set RAG_CHUNK_OVERLAP.")
    overlap, bare = settings.chunk_overlap, not settings.chunk_headers
    # The usual way is called as it was before there were others.
    cut = CHUNKING + (f", overlap {overlap}" if overlap else "") + (", bare" if bare else "")
    chunking = {"chunking": cut, "chunk_tokens": str(settings.chunk_tokens), "header": "none" if bare else HEADER}
    return {**embedder.fingerprint, "distance": "cosine", **chunking}


def _model(settings: Settings) -> tuple[str, str]:
    """What makes two models one: the precision is the bundled model's alone."""
    name = settings.embedding_model.strip()
    return name, settings.embedding_precision if name == BUNDLED else ""


def _provider(model: str) -> str:
    found = PROVIDED.fullmatch(model.strip())
    return found.group(1).lower() if found else ""
