"""Chroma's client, opened on first use, with its errors in words."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import httpx

from rag.errors import FolderInUseError, RagError, StorageError
from rag.settings import Settings
from rag.store.companion import Companion
from rag.store.connect import DIRTY, connect, disconnect, unreachable

if TYPE_CHECKING:
    from chromadb.api import ClientAPI
    from chromadb.api.models.Collection import Collection as ChromaCollection

COMPANION = "companion"
"""Folder of what lies beside Chroma."""


class Opened:
    """Chroma as settings describe it. Opens on first use, so that a wrong question costs nothing, and `folder` only if
    this process owns it by then."""

    def __init__(self, settings: Settings, folder: Path, owned: Callable[[], bool] = lambda: True) -> None:
        self._settings = settings
        self._folder = folder
        self._owned = owned
        self.companion = Companion(folder / COMPANION)
        self._lock = threading.Lock()
        self._client: ClientAPI | None = None
        self._closed = False
        self._handles: dict[str, ChromaCollection] = {}

    @property
    def client(self) -> ClientAPI:
        """Chroma's client, built once. Raises StoreUnavailableError, StoreDamagedError, FolderInUseError."""
        with self._lock:  # constructing Chroma's clients in parallel fails
            if self._closed:
                raise StorageError("The workspace is being closed. Try again in a moment.")
            if self._client is None:
                self._require_ownership()
                self._client = connect(self._settings, self._folder)
            return self._client

    def close(self) -> None:
        """Close the client for good and note that the folder was left in order."""
        self.companion.close()
        with self._lock:
            self._closed = True
            if self._client is not None:
                self._handles.clear()
                disconnect(self._client)
                (self._folder / DIRTY).unlink(missing_ok=True)
                self._client = None

    def _require_ownership(self) -> None:
        # Two processes on one folder lose vectors, and the one that closes first takes away the other's mark of use.
        if self._settings.chroma_is_ours and not self._owned():
            raise FolderInUseError(
                f"The index in {self._folder} belongs to the process that works on the data folder. Close that and try "
                "again, or let both use a Chroma server (`chroma run`) with RAG_CHROMA_MODE=server."
            )

    def _collection(self, name: str) -> ChromaCollection:
        # Fetched anew: a handle goes stale when its collection is deleted and made again.
        with self._guard():
            return self.client.get_collection(name, embedding_function=None)

    @contextmanager
    def _guard(self) -> Iterator[None]:
        """Chroma's errors in words."""
        try:
            yield
        except RagError:
            raise
        except httpx.TransportError as error:
            raise unreachable(self._settings, error) from error
        except Exception as error:  # Chroma raises its own kinds, and bare Exceptions for what a proxy answers
            why = " ".join(str(error).split())[:200]
            raise StorageError(
                f"Chroma failed: {why or type(error).__name__}. Try again; if it stays so, run `python -m rag rebuild`."
            ) from error
