"""A cross-encoder, if one is set: it reads a question and a passage together, and ranks the best passages anew."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from rag.errors import MissingDependencyError, ModelError
from rag.model_sources import first_line
from rag.settings import Settings

if TYPE_CHECKING:
    from sentence_transformers import CrossEncoder

BATCH = 8


class Rerankers:
    """The cross-encoders by their names, each made once. Safe to use from threads."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._made: dict[str, Reranker] = {}

    def scores_of(self, name: str) -> Callable[[str, Sequence[str]], list[float]] | None:
        """`Reranker.scores` of the one of that name; None for an empty name."""
        if not name:
            return None
        made = self._made.setdefault(name, Reranker(self._settings.model_copy(update={"reranker": name})))
        return made.scores


class Reranker:
    """The cross-encoder that `settings.reranker` names, loaded when it is first asked. Safe to use from threads."""

    def __init__(self, settings: Settings) -> None:
        self._name = settings.reranker
        self._allow_downloads = settings.allow_downloads
        self._lock = threading.Lock()  # its tokenizer changes its own settings while it works

    def scores(self, question: str, passages: Sequence[str]) -> list[float]:
        """How well each passage answers the question, in [0, 1].

        Raises ModelError if there is no such model on this machine or it fails, MissingDependencyError.
        """
        with self._lock:
            model = self._model
            try:
                logits = model.predict(
                    [(question, one) for one in passages],
                    batch_size=BATCH,
                    show_progress_bar=False,
                    activation_fn=_as_is,
                )
                raw = np.asarray(logits, np.float64).reshape(len(passages))
            except Exception as error:  # whatever the library raises
                raise ModelError(f"The reranker {self._name} failed: {first_line(error)}") from error
        return [float(one) for one in 1.0 / (1.0 + np.exp(-raw))]

    @cached_property
    def _model(self) -> CrossEncoder:
        try:
            from sentence_transformers import CrossEncoder
        except ImportError as error:
            raise MissingDependencyError(
                f"RAG_RERANKER={self._name} needs a package: pip install sentence-transformers"
            ) from error
        try:
            model: CrossEncoder = CrossEncoder(self._name, device="cpu", local_files_only=not self._allow_downloads)
            return model
        except Exception as error:
            remedy = "give a folder" if self._allow_downloads else "set RAG_ALLOW_DOWNLOADS=true, or give a folder"
            if Path(self._name).is_dir():
                remedy = f"it is no cross-encoder's folder ({first_line(error)})"
            raise ModelError(f"The reranker {self._name} cannot be loaded from this machine: {remedy}.") from error


def _as_is(logits: object) -> object:
    return logits
