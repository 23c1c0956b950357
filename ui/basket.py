"""The files that were chosen but not added yet, and what checking them in the background has found.

Checking may take minutes, so a thread does it and the page only looks at the results. The thread calls nothing of
Streamlit, and ends when the session that holds the basket is gone.
"""

from __future__ import annotations

import logging
import shutil
import tempfile
import threading
import weakref
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from rag.errors import RagError
from rag.records import Preflight
from rag.workspace import Upload, Workspace

log = logging.getLogger(__name__)

ARCHIVE = ".zip"


@dataclass(slots=True)
class Item:
    """A chosen file: where its bytes are, and what was found when it was checked for a collection.

    `unknown` says that the check itself failed, so that nothing is known of the file; `tried` that a password was
    given for it.
    """

    upload: Upload
    bytes: int
    found: Preflight | None = None
    collection: str = ""
    password: str = ""
    tried: bool = False
    unknown: bool = False

    @property
    def name(self) -> str:
        return self.upload.name

    @property
    def is_archive(self) -> bool:
        """Archives are unpacked when they are added, and not looked into before."""
        return self.name.lower().endswith(ARCHIVE)

    def checked(self, collection: str) -> Preflight | None:
        """What was found for this collection; None if it was not checked for it yet."""
        return self.found if self.collection == collection else None

    def pending(self, collection: str) -> bool:
        """Whether it has still to be checked."""
        return not self.is_archive and self.collection != collection


class Basket:
    """Chosen files in the order they were chosen. Their bytes lie in a folder that goes with the basket."""

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="footnote-"))
        self._lock = threading.Lock()
        self._items: list[Item] = []
        self._collection = ""
        self._taken = 0
        self._checking = False
        weakref.finalize(self, shutil.rmtree, self._folder, ignore_errors=True)

    @property
    def items(self) -> list[Item]:
        with self._lock:
            return list(self._items)

    def take(self, named: Iterable[tuple[str, BinaryIO]]) -> None:
        """Copy files into the basket under their names."""
        for name, file in named:
            path = self._folder / str(self._taken)
            self._taken += 1
            with path.open("wb") as target:
                shutil.copyfileobj(file, target)
            with self._lock:
                self._items.append(Item(Upload(path, name), path.stat().st_size))

    def remove(self, items: Iterable[Item]) -> None:
        """Take files out."""
        gone = [id(one) for one in items]
        with self._lock:
            out = [one for one in self._items if id(one) in gone]
            self._items = [one for one in self._items if id(one) not in gone]
        for one in out:
            self._discard_copy(one.upload.path)

    def repeated_names(self) -> set[str]:
        """Names that several of the files have: none of these may replace another."""
        return {name for name, times in Counter(one.name for one in self.items).items() if times > 1}

    def check(self, workspace: Workspace, collection: str) -> None:
        """Check, in the background, what was not checked for this collection yet."""
        with self._lock:
            self._collection = collection
            if self._checking or not any(one.pending(collection) for one in self._items):
                return
            self._checking = True
        threading.Thread(
            target=_check_all, args=(weakref.ref(self), workspace), name="footnote-check", daemon=True
        ).start()

    def unlock(self, item: Item, password: str) -> None:
        """Have an encrypted file checked again with a password, which is forgotten as soon as that is done."""
        with self._lock:
            item.password, item.tried, item.collection = password, True, ""

    def next_unchecked(self) -> tuple[Item, str] | None:
        """A file to be checked and for which collection; after None nobody is checking any more."""
        with self._lock:
            for one in self._items:
                if one.pending(self._collection):
                    return one, self._collection
            self._checking = False
            return None

    def note(self, item: Item, collection: str, found: Preflight | None, kept: Upload | None) -> None:
        """Keep what was found of a file. The workspace has its bytes now, so the copy here goes."""
        with self._lock:
            copy = item.upload.path
            item.found, item.collection, item.unknown = found, collection, found is None
            item.password = ""
            if kept is not None:
                item.upload = Upload(kept.path, item.name)
        if kept is not None:
            self._discard_copy(copy)

    def _discard_copy(self, path: Path) -> None:
        if path.parent == self._folder:  # else it is the workspace's own
            path.unlink(missing_ok=True)


def _check_all(basket: weakref.ref[Basket], workspace: Workspace) -> None:
    """Holds no basket while it checks, so that one whose session has ended can go."""
    while (holder := basket()) is not None and (job := holder.next_unchecked()) is not None:
        del holder
        item, collection = job
        found, kept = _checked(workspace, item, collection)
        if (holder := basket()) is not None:
            holder.note(item, collection, found, kept)


def _checked(workspace: Workspace, item: Item, collection: str) -> tuple[Preflight | None, Upload | None]:
    """Never raises, for then the files after it would wait for ever."""
    try:
        found = workspace.preflight(item.upload, collection, item.password)
        return found, workspace.kept(found) if found.document else None
    except RagError as error:
        return Preflight(item.name, problem=str(error)), None
    except Exception:
        log.exception("Checking %s failed", item.name)
        return None, None
