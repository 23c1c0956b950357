"""Collections as a whole: made, renamed, measured, looked after."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime

from rag.errors import InputError, StoreDamagedError
from rag.folder import size_of
from rag.health import compare
from rag.records import Collection, Document, Finding, Health, Room
from rag.store import store_name
from rag.workspace.upkeep import Upkeep

ROOM_SECONDS = 60.0
"""How long sizes are taken to be as they were measured: in some folders there are thousands of files."""


class Shelves(Upkeep):
    """What is done with a collection, not with its documents."""

    def create_collection(self, name: str) -> Collection:
        """An empty one, made as the settings are now. Raises InputError if there is one of that name."""
        self._require_writable()
        name = self._name(name)
        self._require_unused(name)
        return self.catalog.create_collection(name, store_name(name), self.recipes.fingerprint_of(None))

    def copy_collection(self, name: str, new: str) -> int:
        """Copy a collection, which is made in the same way, with its documents, texts, corrections and vectors: nothing
        is read or embedded again. Returns how many documents are being copied, in the background.

        Raises NotFoundError, InputError if there is one of that name, FingerprintError if it is not known how it was
        made, or it was made in another way than is set now.
        """
        self._require_writable()
        source, new = self.collection(name), self._name(new)
        self._require_made(source)
        self._require_unused(new)
        self.recipes.check(source)
        self.catalog.create_collection(new, store_name(new), source.fingerprint, source.recipe)
        queued, _ = self.catalog.transfer(source.name, [one.id for one in self.documents(source.name)], new, False)
        self.worker.start()
        return queued

    def rename_collection(self, name: str, new: str) -> Collection:
        """Call a collection something else. Links, conversations and whatever else names it by its old name lead to it
        still, until another one is called that. Inside Chroma its name stays.

        While an index is repaired it waits for that. Raises NotFoundError, and InputError if there is one of that name.
        """
        self._require_writable()
        with self._gate.shared():
            found = self.collection(name)
            self._require_made(found)
            return self.catalog.rename_collection(found.name, self._name(new))

    def _require_unused(self, name: str) -> None:
        if any(one.name == name for one in self.catalog.collections(hidden=True)):
            raise InputError(f"There is a collection named {name!r} already. Choose another name.")

    def room(self, name: str) -> Room:
        """What a collection takes on the disk, as it was at most a minute ago. Raises NotFoundError."""
        found = self.collection(name)
        measured, room = self._rooms.get(found.store_name, (-ROOM_SECONDS, None))
        if room is None or time.monotonic() - measured > ROOM_SECONDS:
            room = self._measured(found)
            self._rooms[found.store_name] = time.monotonic(), room
        return room

    def _measured(self, found: Collection) -> Room:
        every = self.catalog.collections(hidden=True)  # what is in the making takes its room, too
        share = found.chunks / (sum(one.chunks for one in every) or 1)
        of_vectors = _numbers(found) / (sum(map(_numbers, every)) or 1)
        chroma = sum(size_of(one) for one in self.folder.chroma.rglob("*") if one.parent != self.store.companion.folder)
        beside = sum(size_of(one) for one in self.store.companion.folder.glob(f"{found.store_name}.*"))
        words = sum(size_of(one) for one in (self.folder.lexical / found.store_name).rglob("*"))
        return Room(
            found.bytes, round(share * size_of(self.folder.catalog)), round(of_vectors * chroma) + beside, words
        )

    def examine(
        self, name: str, thorough: bool = False, repair: bool = False, told: Callable[[float], None] = lambda _: None
    ) -> Health:
        """Whether Chroma, the lexical index and the kept files have what the catalog has of a collection.

        A `repair` is thorough, and mends what it finds: what has to be embedded again is queued. Nobody searches
        meanwhile. `told` hears the share of the work that is done, and may raise to end it. Raises NotFoundError,
        FolderInUseError if another process works on the folder.
        """
        self._require_ownership()
        if repair:
            self._require_writable()
        with self._alone() if repair else self._gate.shared():
            found = self.collection(name)
            findings = self._thorough(found, told, repair) if thorough or repair else self._compared(found)
        if self.catalog.current_name(found.name) != found.name:  # it was looked for under its old name
            return self.examine(name, thorough, repair, told)
        passages = self.collection(found.name).chunks
        health = Health(datetime.now(UTC), passages, tuple(findings), thorough or repair)
        self._examined[found.store_name] = health
        return health

    def health(self, collection: Collection) -> Health | None:
        """What the last look at a collection found; None if nobody has looked since this process began."""
        return self._examined.get(collection.store_name)

    def _compared(self, found: Collection) -> list[Finding]:
        try:
            return list(compare(found, self.catalog, self.store, self.lexical))
        except StoreDamagedError as error:
            return [Finding(found.name, "index", str(error))]

    def _thorough(self, found: Collection, told: Callable[[float], None], repair: bool = False) -> list[Finding]:
        before = self._incarnations(found)
        try:
            findings = list(self._checker(repair, told).run_one(found))
        except StoreDamagedError as error:
            return [Finding(found.name, "index", str(error))]
        changed = {name for name, _ in before ^ self._incarnations(found)}
        return findings if repair else [one for one in findings if one.what not in changed]

    def _incarnations(self, found: Collection) -> set[tuple[str, tuple[object, ...]]]:
        """The collection's documents as they are: of one with which something happens meanwhile nothing can be said."""
        return {(one.name, (one.id, one.added_at, one.state)) for one in self.catalog.documents(found.name)}

    def begin_rebuild(self, name: str) -> list[Document]:
        """Queue all of a collection to be read and embedded anew; nobody finds it until that is done. Returns what is
        queued. Raises NotFoundError, FolderInUseError."""
        self._require_writable()
        self._require_ownership()
        self._requeue([self.collection(name)])
        return [one for one in self.unfinished() if one.collection == name]


def _numbers(found: Collection) -> int:
    """In the vectors of a collection."""
    dimension = found.fingerprint.get("dimension", "")
    return found.chunks * (int(dimension) if dimension.isdecimal() else 1)
