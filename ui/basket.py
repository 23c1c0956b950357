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
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from rag.errors import RagError
from rag.records import Preflight
from rag.workspace import Unpacked, Upload, Workspace, distinct_names, is_archive

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Item:
    """A chosen file: where its bytes are, and what was found when it was checked for a collection.

    `where` it lay, `folder/2024/letter.txt`, gives it a `name` that no other file has. `unknown` says that the check
    itself failed, so that nothing is known of the file; `tried` that a password was given for it; `hopeless` that it
    can be read for no collection; `settled` that it was checked under its name, which it therefore keeps; `given` that
    it is being handed in, and is to be left as it is.
    """

    path: Path
    where: str
    bytes: int
    name: str = ""
    found: Preflight | None = None
    collection: str = ""
    password: str = ""
    tried: bool = False
    unknown: bool = False
    hopeless: bool = False
    settled: bool = False
    given: bool = False

    @property
    def upload(self) -> Upload:
        return Upload(self.path, self.name)

    @property
    def is_archive(self) -> bool:
        """Whether it has still to be unpacked: what is in it then takes its place."""
        return is_archive(self.where) and not self.hopeless

    def checked(self, collection: str) -> Preflight | None:
        """What was found for this collection; None if it was not checked for it yet."""
        return self.found if self.collection == collection or self.hopeless else None

    def pending(self, collection: str) -> bool:
        """Whether it has still to be checked."""
        return self.collection != collection and not self.hopeless


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

    def take(self, files: Iterable[tuple[str, BinaryIO]]) -> None:
        """Copy files into the basket; each comes with where it lay."""
        taken = []
        for where, file in files:
            path = self._place()
            with path.open("wb") as target:
                shutil.copyfileobj(file, target)
            taken.append(Item(path, where, path.stat().st_size))
        with self._lock:
            self._items += taken
            self._name_them()

    def _place(self) -> Path:
        """Where nothing lies yet."""
        with self._lock:
            self._taken += 1
            return self._folder / str(self._taken)

    def _name_them(self) -> None:
        """Give each file a name of its own."""
        ordered = sorted(self._items, key=lambda one: not one.settled)
        names = distinct_names([one.name if one.settled else one.where for one in ordered])
        for one, name in zip(ordered, names, strict=True):
            one.name = name

    def remove(self, items: Iterable[Item]) -> None:
        """Take files out."""
        gone = [id(one) for one in items]
        with self._lock:
            out = [one for one in self._items if id(one) in gone]
            self._items = [one for one in self._items if id(one) not in gone]
        for one in out:
            self._discard_copy(one.path)

    @contextmanager
    def giving(self, items: Sequence[Item]) -> Iterator[None]:
        """Meanwhile the check, which goes on, moves none of these files."""
        self._give(items, True)
        try:
            yield
        finally:
            self._give(items, False)

    def _give(self, items: Sequence[Item], given: bool) -> None:
        with self._lock:
            for one in items:
                one.given = given

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
        """A file to be checked and for which collection; after None nobody is checking any more.

        Archives come first, for what is in them may have the name of another file.
        """
        with self._lock:
            pending = [one for one in self._items if one.pending(self._collection) and not one.given]
            if not pending:
                self._checking = False
                return None
            chosen = min(pending, key=lambda one: not one.is_archive)
            chosen.settled = True
            return chosen, self._collection

    def note(self, item: Item, collection: str, found: Preflight | None, kept: Upload | None) -> None:
        """Keep what was found of a file. The workspace has its bytes now, so the copy here goes."""
        with self._lock:
            if item.given:
                return
            copy = item.path
            item.found, item.collection, item.unknown = found, collection, found is None
            item.password = ""
            item.hopeless = found is not None and item.is_archive
            if kept is not None:
                item.path = kept.path
                self._discard_copy(copy)

    def unpack(self, archive: Item, inside: Unpacked) -> None:
        """Put what is in an archive in its place. Files that cannot be read are there to be named."""
        members = []
        for upload in inside.uploads:
            path = self._place()
            shutil.move(upload.path, path)
            members.append(Item(path, upload.name, path.stat().st_size))
        for name, why in inside.skipped:
            where = f"{archive.where}/{name}"
            members.append(Item(self._place(), where, 0, found=Preflight(name, problem=why), hopeless=True))
        with self._lock:
            at = next((at for at, one in enumerate(self._items) if one is archive and not one.given), None)
            if at is not None:
                self._items[at : at + 1] = members
                self._name_them()
            # else it was taken out meanwhile, or is being added as it is
            for path in [archive.path] if at is not None else [one.path for one in members]:
                self._discard_copy(path)

    def _discard_copy(self, path: Path) -> None:
        if path.parent == self._folder:  # else it is the workspace's own
            path.unlink(missing_ok=True)


def _check_all(basket: weakref.ref[Basket], workspace: Workspace) -> None:
    """Holds no basket while it checks, so that one whose session has ended can go."""
    while (holder := basket()) is not None and (job := holder.next_unchecked()) is not None:
        del holder
        item, collection = job
        _look_at(basket, workspace, item, collection)


def _look_at(basket: weakref.ref[Basket], workspace: Workspace, item: Item, collection: str) -> None:
    """Check a file, or unpack an archive. Never raises, for then the files after it would wait for ever."""
    found, kept = None, None
    try:
        if item.is_archive:
            with workspace.unpacked(item.upload) as inside:
                if (holder := basket()) is not None:
                    holder.unpack(item, inside)
            return
        found = workspace.preflight(item.upload, collection, item.password)
        kept = workspace.kept(found) if found.document else None
    except RagError as error:
        found = Preflight(item.name, problem=str(error))
    except Exception:
        log.exception("Looking at %s failed", item.name)
    if (holder := basket()) is not None:
        holder.note(item, collection, found, kept)
