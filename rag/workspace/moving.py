"""Saving collections to files and restoring them, at once or in the background."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from rag.errands import Errands
from rag.errors import InputError, NotFoundError
from rag.records import Collection, Document, Errand, Far, Manifest, Move, Recipe, unheard
from rag.store import Store, store_name
from rag.workspace.searching import Searching

if TYPE_CHECKING:  # its library takes a while to import
    from rag.backup import Backup

_PLAIN_MODEL = re.compile(r"[\w.-]+(/[\w.-]+)?")
_PIECE = 1 << 20


class Moving(Searching):
    """Backups."""

    @cached_property
    def errands(self) -> Errands:
        """What is being done in the background."""
        return Errands()

    # -- to a file ---------------------------------------------------------------------------------

    def export(self, collection: str, target: Path, far: Far = unheard) -> Manifest:
        """Save a collection to a new file, while it is searched and worked on. `far` hears of it, and may raise.

        Raises NotFoundError, InputError if there is such a file, FolderError if it cannot be written, StorageError.
        """
        from rag.backup import Sources, export

        found = self.collection(collection)
        if target.exists():
            raise InputError(f"{target} is there already. Choose another name, or remove it.")
        if not target.parent.is_dir():
            raise NotFoundError(f"There is no folder {target.parent}. Make it, or choose another.")
        return export(
            Sources(self.folder, self.catalog, self._holding), found, self.recipes.recipe_of(found), target, far
        )

    def begin_export(self, collection: str) -> Move:
        """Save a collection in the background; when it is over, the Move has the file, which is kept for a day."""
        found = self.collection(collection)

        def work(far: Far, move: Move) -> Move:
            self.folder.transit.mkdir(exist_ok=True)
            target = self.folder.transit / f"{move.id}.zip"
            return replace(move, manifest=self.export(found.name, target, far), file=target)

        for one in self.moves(Errand.EXPORT, found.name):
            if one.over:
                self.errands.stop(one.id)
        return self.errands.start(Errand.EXPORT, found.name, work)

    @contextmanager
    def _holding(self, document: Document) -> Iterator[Store]:
        """The store, while nobody changes what it has of a document."""
        with self._gate.shared():
            ingestion = self.ingestion
            with ingestion.busy.hold(document):
                yield self.store
                if self.folder.owned:
                    ingestion.removal.settle(document)  # it may have been deleted meanwhile

    # -- from a file -------------------------------------------------------------------------------

    def manifest(self, source: Path, name: str = "") -> Manifest:
        """What a backup says of itself; the rest of it is not looked at. `name` is what to call it in messages.

        Raises NotFoundError, DamagedError.
        """
        return self._backup(source, name).manifest

    def restore(self, source: Path, name: str = "", far: Far = unheard, called: str = "") -> Collection:
        """Make a collection of a backup, under the name it had or under `name`. All of it is checked before anything is
        written; interrupted, nothing of it is there. `called` is what to call the file in messages.

        Raises NotFoundError, DamagedError, InputError if the name is taken, FolderInUseError, FolderError.
        """
        self._require_writable()
        self._require_ownership()
        backup = self._backup(source, called)
        wanted = self._name(name or backup.manifest.name)
        self._require_free(wanted)
        return self._restore(backup, wanted, far)

    def begin_restore(self, source: Path, name: str, called: str = "") -> Move:
        """Restore a backup in the background. The file goes when it is over."""
        self._require_writable()
        self._require_ownership()
        wanted = self._name(name)
        self._require_free(wanted)

        def work(far: Far, move: Move) -> Move:
            try:
                return replace(move, collection=self.restore(source, wanted, far, called).name)
            finally:
                source.unlink(missing_ok=True)

        return self.errands.start(Errand.IMPORT, wanted, work)

    def receive(self, reading: BinaryIO) -> Path:
        """Keep an uploaded backup until it is restored, a day at most. Raises FolderError."""
        from rag.backup import write_safely

        self._require_writable()
        self.folder.transit.mkdir(exist_ok=True)
        target = self.folder.transit / f"{uuid.uuid4().hex}.zip"
        with write_safely(target) as writing:
            while piece := reading.read(_PIECE):
                writing.write(piece)
        return target

    def free_name(self, name: str) -> str:
        """`name`, or with a number behind it if there is such a collection."""
        taken = {one.name for one in self.collections()}
        number = 2
        found = name
        while found in taken:
            found, number = f"{name[:94]} ({number})", number + 1
        return found

    def recipe_here(self, manifest: Manifest) -> Recipe:
        """How a backup's collection will be made here. A model that questions would be sent to, and that is not the one
        that is set here, is none: a file from elsewhere must not decide where questions go."""
        recipe = manifest.recipe
        keeps = recipe.model == self.settings.embedding_model or self._is_harmless(recipe.model)
        return recipe if keeps else replace(recipe, model="")

    @staticmethod
    def _is_harmless(model: str) -> bool:
        """Whether a model that somebody else named runs on this machine, and is none of its files."""
        return model == "bundled" or bool(_PLAIN_MODEL.fullmatch(model) and not Path(model).exists())

    def _backup(self, source: Path, name: str = "") -> Backup:
        from rag.backup import Backup

        return Backup(source, self.catalog.schema, name)

    def _require_free(self, name: str) -> None:
        if any(one.name == name for one in self.collections()):
            raise InputError(f"There is a collection named {name!r} already. Choose another name.")

    def _restore(
        self,
        backup: Backup,
        name: str,
        far: Far,
        replacing: Collection | None = None,
        recipe: Recipe | None = None,
    ) -> Collection:
        """Check a backup, then make it a collection, in the place of another one if that is given, to be searched with
        `recipe` if that is given, whatever the backup says."""
        from rag.backup import Targets, check, restore

        check(backup, self.catalog, lambda done, what: far(0.4 * done, what))
        manifest = backup.manifest
        recipe = recipe or self.recipe_here(manifest)
        made = Collection(
            name=name,
            store_name=store_name(name),
            fingerprint=manifest.fingerprint,
            created_at=manifest.created_at.astimezone(UTC),
            id=uuid.uuid4().hex,
            recipe=None if recipe == self._recipe_set else recipe,
            linked=manifest.linked,
        )
        targets = Targets(self.folder, self.catalog, self.lexical, self._inside)
        replaced = replacing.id if replacing else None
        gone, unclaimed = restore(targets, backup, made, lambda done, what: far(0.4 + 0.6 * done, what), replaced)
        self._clear(gone, unclaimed)
        self.worker.start()
        return self.collection(name)

    def _clear(self, gone: Collection | None, unclaimed: Sequence[str]) -> None:
        """Remove what is left of a collection that was replaced. What stays, the worker sweeps."""
        if gone is not None:
            with self._gate.shared():
                self.lexical.drop(gone.store_name)
                self.store.drop(gone.store_name)
        for one in unclaimed:
            self.folder.discard(one, lambda one=one: self.catalog.is_claimed(one))  # type: ignore[misc]  # it is bound

    @property
    def _recipe_set(self) -> Recipe:
        return self.recipes.recipe_of(None)

    @contextmanager
    def _inside(self) -> Iterator[Store]:
        with self._gate.shared():
            yield self.store

    # -- in the background -------------------------------------------------------------------------

    def moves(self, errand: Errand, name: str = "") -> list[Move]:
        """What is on its way or over: of one kind, about one collection or all."""
        return [one for one in self.errands.all() if one.errand == errand and name in ("", one.name)]

    def stop_move(self, move_id: str) -> None:
        """End something in the background, or forget it with its file."""
        self.errands.stop(move_id)

    def erase(self) -> None:
        """Delete everything that is stored, so that it cannot be read from the disk's files either."""
        self._require_writable()
        self.errands.stop_all()
        super().erase()

    def close(self) -> None:
        """Stop work at the next batch and let go of the folder."""
        if not self.closed:
            self.errands.stop_all()
        super().close()


def default_name(collection: str, now: datetime | None = None) -> str:
    """What to call a backup's file."""
    plain = re.sub(r"[^\w.-]+", "-", collection).strip("-.")[:60] or "collection"
    return f"{plain}-{now or datetime.now():%Y-%m-%d}.footnote.zip"
