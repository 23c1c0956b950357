"""Embedding models that are not bundled: sentence-transformers by name or folder, providers through LangChain.

Every heavy library is imported in the branch that needs it.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from langchain_core.embeddings import Embeddings
from numpy.typing import ArrayLike

from rag.errors import MissingDependencyError, ModelError
from rag.settings import Settings

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer
    from tokenizers import Tokenizer

PROVIDER_MAX_TOKENS = 2000
"""Providers do not say how long a text may be; this is the longest chunk that the settings allow."""
_MODEL_FILES = (".safetensors", ".bin", ".json", ".txt", ".model")


@dataclass(frozen=True)
class Source:
    """A model of someone else's: `passages` and `question` give rows, of any length, for texts."""

    name: str
    revision: str
    precision: str
    max_tokens: int
    passages: Callable[[list[str]], ArrayLike]
    question: Callable[[str], ArrayLike]
    tokenizer: Callable[[], Tokenizer]


def provider(name: str, settings: Settings) -> Source:
    """A provider's model through LangChain. Texts leave this process for wherever the provider is."""
    from langchain.embeddings import init_embeddings

    try:
        model = init_embeddings(name, **_provider_options(name.partition(":")[0], settings))
    except ImportError as error:
        raise MissingDependencyError(f"RAG_EMBEDDING_MODEL={name}: {first_line(error)}") from error
    except Exception as error:  # noqa: BLE001 - every provider has its own errors
        why = settings.redacted(first_line(error))
        raise ModelError(f"RAG_EMBEDDING_MODEL={name} cannot be used: {why}") from None
    if not isinstance(model, Embeddings):
        raise ModelError(f"RAG_EMBEDDING_MODEL={name} is no embedding model: choose another.")
    return Source(
        name=name,
        revision="unknown",
        precision="unknown",
        max_tokens=PROVIDER_MAX_TOKENS,
        passages=model.embed_documents,
        question=model.embed_query,
        tokenizer=_bundled_tokenizer,
    )


def _provider_options(provider: str, settings: Settings) -> dict[str, Any]:
    options: dict[str, Any] = {}
    if settings.embedding_base_url:
        options["base_url"] = settings.embedding_base_url
    if key := settings.embedding_api_key.get_secret_value():
        options["api_key"] = key
    if provider.lower() == "openai":
        # Otherwise it fetches OpenAI's tokenizer and sends numbers, which other servers do not understand.
        options["check_embedding_ctx_length"] = False
        if settings.embedding_base_url and not key:
            options["api_key"] = "none"  # a server of one's own asks for no key, the client insists on one
    return options


def sentence_transformer(name: str, allow_downloads: bool) -> Source:
    """A sentence-transformers model, with the prompts it has for questions and for passages."""
    model = _load_library_model(name, allow_downloads)
    folder = Path(name)
    lock = threading.Lock()  # its tokenizer changes its own settings while it works

    def passages(texts: list[str]) -> ArrayLike:
        with lock:
            return model.encode_document(texts, batch_size=8, show_progress_bar=False)

    def question(text: str) -> ArrayLike:
        with lock:
            return model.encode_query(text, show_progress_bar=False)

    return Source(
        name=folder.resolve().name if folder.is_dir() else name,
        revision=_folder_revision(folder) if folder.is_dir() else _commit(model),
        precision=str(next(model.parameters()).dtype).removeprefix("torch.").replace("float", "fp"),
        max_tokens=model.max_seq_length or 512,
        passages=passages,
        question=question,
        tokenizer=lambda: _own_tokenizer(model),
    )


def _load_library_model(name: str, allow_downloads: bool) -> SentenceTransformer:
    try:
        from sentence_transformers import SentenceTransformer
    except ImportError as error:
        raise MissingDependencyError(
            f"RAG_EMBEDDING_MODEL={name} needs a package: pip install sentence-transformers"
        ) from error
    try:
        return SentenceTransformer(name, local_files_only=not allow_downloads)
    except Exception as error:
        remedy = "give a folder" if allow_downloads else "set RAG_ALLOW_DOWNLOADS=true, or give a folder"
        if Path(name).is_dir():
            remedy = f"it is no sentence-transformers folder ({first_line(error)})"
        raise ModelError(f"The embedding model {name} cannot be loaded from this machine: {remedy}.") from error


def _own_tokenizer(model: SentenceTransformer) -> Tokenizer:
    """A copy of the model's fast tokenizer that neither cuts nor pads; the bundled one if it has none."""
    from tokenizers import Tokenizer

    own = getattr(model.tokenizer, "backend_tokenizer", None)
    if not isinstance(own, Tokenizer):
        return _bundled_tokenizer()
    copy: Tokenizer = Tokenizer.from_str(own.to_str())
    copy.no_truncation()
    copy.no_padding()
    return copy


def _bundled_tokenizer() -> Tokenizer:
    from rag import bundled

    return bundled.load_tokenizer(bundled.bundled_folder())


def _folder_revision(folder: Path) -> str:
    """A hash of the model's files: two folders of one name are not one model."""
    digest = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.suffix in _MODEL_FILES):
        digest.update(path.relative_to(folder).as_posix().encode())
        with path.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()[:16]


def _commit(model: SentenceTransformer) -> str:
    """The commit on the hub that the model is from, where the library noted it."""
    config = getattr(getattr(model, "transformers_model", None), "config", None)
    return str(getattr(config, "_commit_hash", None) or "unknown")


def first_line(error: Exception) -> str:
    """The first line of what an error says, or its name."""
    return next(iter(str(error).strip().splitlines()), type(error).__name__)[:300]
