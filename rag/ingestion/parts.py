"""What the stages of an ingestion share: the parts they work with, and the job they work on."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from rag.catalog import Catalog
from rag.errors import NotFoundError, StoppedError
from rag.folder import Folder
from rag.ingestion.busy import Busy
from rag.lexical import Lexical
from rag.parsing import Reader, engines, ocr_engine
from rag.recipes import Recipes
from rag.records import UNFINISHED, Chunk, Collection, Document
from rag.settings import Settings
from rag.store import Store

LOOK_SECONDS = 0.2
"""Between two looks of one who works through a long text at whether to go on."""


@dataclass(frozen=True, slots=True)
class Parts:
    """Made once by the workspace. `stop` is set when the work is to end at the next batch."""

    settings: Settings
    folder: Folder
    catalog: Catalog
    store: Store
    lexical: Lexical
    reader: Reader
    recipes: Recipes
    busy: Busy = field(default_factory=Busy)
    stop: threading.Event = field(default_factory=threading.Event)

    def engines(self, media_type: str) -> str:
        """The versions of what reads such a file as the settings are now."""
        return " + ".join((engines(media_type), *((ocr_engine(),) if self.settings.ocr else ())))

    def go_on(self) -> None:
        """Raises StoppedError once the work is to end."""
        if self.stop.is_set():
            raise StoppedError("The workspace is busy with something else, or is being closed. Try again in a moment.")

    def collection(self, document: Document) -> Collection:
        """The document's collection. Raises FingerprintError if it was made in another way than it would be now."""
        found = self.catalog.collection(document.collection)
        self.recipes.check(found)
        return found

    def known(self, collection: str) -> Collection | None:
        """The collection of that name; None if it is yet to be made."""
        try:
            return self.catalog.collection(collection)
        except NotFoundError:
            return None


class Job:
    """One document being worked on: whether it may go on, how far it is, how long each stage took."""

    def __init__(self, parts: Parts, document: Document) -> None:
        self.document = document
        self.timings = dict(document.timings)
        self._parts = parts
        self._look_at = 0.0

    def reach(self, stage: str, done: int = 0, total: int = 0, pages: int = 0) -> None:
        """Note how far it is, and its pages once they are counted. Raises StoppedError if it is to go no further."""
        if self._parts.stop.is_set() or not self._parts.catalog.progress(
            self.document, stage, done, total, self.timings, pages
        ):
            raise self._ended()

    def stopped(self) -> bool:
        """Whether it is to go no further: asked while something else works on it."""
        if self._parts.stop.is_set():
            return True
        found = self._parts.catalog.among([(self.document.collection, self.document.id)])
        return not any(one.added_at == self.document.added_at and one.state in UNFINISHED for one in found)

    def go_on(self) -> None:
        """Raises StoppedError if it is to go no further. Costs next to nothing: it looks a few times a second."""
        now = time.monotonic()
        if not self._parts.stop.is_set() and now < self._look_at:
            return
        if self.stopped():
            raise self._ended()
        self._look_at = now + LOOK_SECONDS

    def each(self, chunks: Iterable[Chunk]) -> Iterator[Chunk]:
        """The chunks one after the other. Raises StoppedError as soon as it is to go no further."""
        for one in chunks:
            self.go_on()
            yield one

    def _ended(self) -> StoppedError:
        return StoppedError(f"{self.document.name} was stopped.")

    @contextmanager
    def timed(self, stage: str) -> Iterator[None]:
        """Add the time inside to a stage's."""
        started = time.monotonic()
        try:
            yield
        finally:
            self.timings[stage] = round(self.timings.get(stage, 0.0) + time.monotonic() - started, 4)
