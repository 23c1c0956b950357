"""An open data folder: the parts of a workspace, built from settings, and how it is closed."""

from __future__ import annotations

import logging
import tempfile
import threading
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from rag.answering import Answerer
from rag.catalog import Catalog
from rag.conversations import Conversations
from rag.embedding import Embedder
from rag.errors import FolderInUseError, NotFoundError, RagError, ReadOnlyError
from rag.experiments import Experiments
from rag.folder import Folder
from rag.gate import Gate
from rag.ingestion import Ingestion, Parts
from rag.jobs import STOP_SECONDS, Worker
from rag.lexical import Lexical
from rag.parsing import Reader
from rag.recipes import Recipes
from rag.records import Collection, Health, Room
from rag.reranking import Rerankers
from rag.retrieval import Retriever
from rag.settings import Settings
from rag.store import Store

log = logging.getLogger(__name__)


class Opened:
    """Everything a workspace works with. Close it, or use it as a context manager.

    Raises FolderError, and FolderInUseError if another process owns the folder (with `share=True` only when a method
    needs ownership; `ingest` then queues for the owner).
    """

    def __init__(self, settings: Settings, role: str = "a Python program", share: bool = False) -> None:
        self.settings = settings
        self._role = role
        self._closing = threading.Lock()
        self._gate = Gate()
        self._temporary = tempfile.TemporaryDirectory() if settings.chroma_mode == "memory" else None
        self.folder = Folder(Path(self._temporary.name) if self._temporary else settings.data_dir)
        if settings.chroma_is_ours and not share:
            self.folder.own(role)
        self.closed = False
        self.catalog = Catalog(self.folder.catalog)
        self.talks = Conversations(self.folder.conversations)
        self.experiments = Experiments(self.folder.experiments)
        self.lexical = Lexical(self.folder.lexical, self.settings.language)
        self.recipes = Recipes(settings)
        self.rerankers = Rerankers(settings)
        self.reader = Reader(settings)
        self._examined: dict[str, Health] = {}
        self._maps: dict[str, Any] = {}
        self._rooms: dict[str, tuple[float, Room]] = {}
        self.answerer = Answerer(settings, lambda: self.embedder)
        self._open_store()

    def _open_store(self) -> None:
        self.store = Store(self.settings, self.folder.chroma, lambda: self.folder.owned)
        self.retriever = Retriever(self.store, self.lexical, self.rerankers.scores_of(self.settings.reranker))
        self._open_worker()

    def _open_worker(self) -> None:
        self.ingestion = Ingestion(
            Parts(self.settings, self.folder, self.catalog, self.store, self.lexical, self.reader, self.recipes)
        )
        self.worker = Worker(self.ingestion, self.folder, self._gate, self._role)

    @property
    def embedder(self) -> Embedder:
        """The embedding model that is set, which collections without a recipe of their own are made with. Loaded once.
        Raises ModelError, MissingDependencyError."""
        return self.recipes.embedder_of(None)

    def warm_up(self) -> None:
        """Load, in the background, what the first question would otherwise wait for."""
        threading.Thread(target=self._warm_up, name="footnote-warm-up", daemon=True).start()

    def _warm_up(self) -> None:
        try:
            self.recipes.embedder_of(self._usual()).encode_query("warm up")
            with self._gate.shared():
                self.store.names()
            self.answerer.load()
            self.talks.load()
        except RagError as error:  # whoever asks hears it again, with the remedy
            log.warning("Warming up: %s", error)

    def _usual(self) -> Collection | None:
        """The collection that is used when none is named, if there is one."""
        with suppress(NotFoundError):
            return self.catalog.collection(self.settings.collection)
        return None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stop work at the next batch and let go of the folder. Unfinished documents go on at the next start.

        Where a batch takes too long the rest of this happens later, and until then the folder stays in use.
        """
        with self._closing:
            if self.closed:
                return
            self.closed = True
        if self.worker.stop(STOP_SECONDS):
            self._let_go()
        else:
            log.warning("Work on a document goes on; %s stays in use until it has stopped.", self.folder.path)
            threading.Thread(target=self._let_go, name="footnote-closing", daemon=True).start()

    def _let_go(self) -> None:
        self.worker.stop(seconds=None)
        self.reader.close()
        self.store.close()
        self.lexical.close()
        self.catalog.close()
        self.talks.close()
        self.experiments.close()
        self.folder.release()
        if self._temporary:
            self._temporary.cleanup()

    def _owns(self) -> bool:
        """Whether this process owns the folder: from now on, if nobody did."""
        return self.folder.owned or self.worker.start()

    def _require_ownership(self) -> None:
        if not self._owns():
            raise FolderInUseError(
                f"Another process works on this data folder ({self.folder.owner()}). Close it, then try again."
            )

    def _require_writable(self) -> None:
        if self.settings.demo:
            raise ReadOnlyError("This is a read-only demo: ask as you like; uploading and deleting are switched off.")

    def _require_own(self, collection: str | None) -> None:
        """Raises ReadOnlyError for a collection that was read from elsewhere: it is as it is there."""
        name = self._name(collection)
        linked = next((one.linked for one in self.catalog.collections() if one.name == name), None)
        if linked is not None:
            raise ReadOnlyError(
                f"{name} was read from {linked.place} and is as it is there: change it there and read it again, or put "
                "documents into another collection."
            )

    def _name(self, collection: str | None) -> str:
        name = (self.settings.collection if collection is None else collection).strip()
        if not name or len(name) > 100 or not name.isprintable():
            raise NotFoundError("A collection's name has between 1 and 100 characters, all of them visible.")
        return name
