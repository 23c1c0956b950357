"""Collections made elsewhere: a Chroma that another program filled, read into a read-only collection."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from rag.embedding import Embedder, load_embedder
from rag.errors import InputError, NotFoundError
from rag.language import language_of
from rag.recipes import AS_IT_WAS
from rag.records import Collection, Errand, Far, Foreign, Linked, Move, Recipe, unheard
from rag.store.elsewhere import DATABASE, Elsewhere, elsewhere, is_address
from rag.workspace.moving import Moving

if TYPE_CHECKING:  # it takes a while to import
    from rag.backup import Facts
    from rag.linking import Candidate, Group, Measured

READING, RESTORING = 0.5, 0.5
"""Their shares of the time."""


@dataclass(frozen=True, slots=True)
class _Source:
    place: str
    collection: str
    model: str


class Linking(Moving):
    """What was made elsewhere."""

    def foreign(self, place: str) -> list[Foreign]:
        """The collections in a Chroma that is not ours: a folder or the address of a server. They are only read.

        Raises InputError, NotFoundError for what is no Chroma, StorageError for one that cannot be read.
        """
        self._require_writable()
        with elsewhere(self._place(place), self.settings, self._scratch()) as there:
            return self._theirs(there)

    def link(self, place: str, source: str = "", name: str = "", model: str = "", far: Far = unheard) -> Collection:
        """Read a collection of a Chroma that is not ours into a read-only one called `name`, by default as it is called
        there. `source` names it where there are several. Its vectors are taken over if it is found out which model made
        them: `model`, if given as the setting `embedding_model` is, or one that is named there or comes with Footnote;
        else it is searched by words only.

        Raises InputError if there are several or the name is taken, or `model` made other vectors, NotFoundError,
        EmptyDocumentError if there is no text in it, StorageError.
        """
        self._require_writable()
        self._require_ownership()
        wanted = self._name(name or source or self._only(place))
        self._require_free(wanted)
        return self._link(_Source(self._place(place), source, model), wanted, None, far)

    def read_again(self, name: str, model: str = "", far: Far = unheard, place: str = "") -> Collection:
        """Read a linked collection again from where it came from, or from `place` if that has moved. It is searched as
        it was until all of it has been read. Raises what `link` raises; then it stays as it was."""
        self._require_writable()
        self._require_ownership()
        found = self.collection(name)
        if found.linked is None:
            raise InputError(f"{found.name} was not read from elsewhere, so there is nothing to read again.")
        known = found.recipe.model if found.recipe else self.settings.embedding_model
        source = _Source(self._place(place or found.linked.place), found.linked.name, model or "")
        return self._link(source, found.name, found, far, known)

    def begin_link(self, place: str, source: str, name: str, model: str = "") -> Move:
        """As `link`, in the background."""
        self._require_writable()
        self._require_ownership()
        wanted = self._name(name)
        self._require_free(wanted)
        return self._in_background(Errand.LINK, wanted, lambda far: self.link(place, source, wanted, model, far))

    def begin_read_again(self, name: str, model: str = "") -> Move:
        """As `read_again`, in the background."""
        self._require_writable()
        self._require_ownership()
        return self._in_background(Errand.AGAIN, name, lambda far: self.read_again(name, model, far))

    def _in_background(self, errand: Errand, name: str, read: Callable[[Far], Collection]) -> Move:
        def work(far: Far, move: Move) -> Move:
            return replace(move, collection=read(far).name)

        for one in self.moves(errand, name):
            if one.over:
                self.errands.stop(one.id)
        return self.errands.start(errand, name, work)

    def _link(self, source: _Source, name: str, replacing: Collection | None, far: Far, known: str = "") -> Collection:
        from rag.backup import write_safely
        from rag.linking import groups, write_backup

        target = self._scratch().with_suffix(".zip")
        try:
            with elsewhere(source.place, self.settings, self._scratch()) as there:
                chosen = self._pick(there, source)
                grouped = groups(there.metadata(chosen.name), chosen.name)
                measured, dimension = self._model_of(there, chosen, grouped, source.model, known)
                facts = self._facts(name, source, chosen, measured, dimension, replacing)
                with write_safely(target) as writing:
                    write_backup(
                        there,
                        chosen.name,
                        grouped,
                        facts,
                        self._scratch(),
                        writing,
                        language_of,
                        lambda done, what: far(READING * done, what),
                    )
            backup = self._backup(target, chosen.name)
            return self._restore(
                backup, name, lambda done, what: far(READING + RESTORING * done, what), replacing, facts.recipe
            )
        finally:
            target.unlink(missing_ok=True)

    def _facts(
        self,
        name: str,
        source: _Source,
        chosen: Foreign,
        measured: Measured | None,
        dimension: int,
        replacing: Collection | None,
    ) -> Facts:
        from rag.backup import Facts

        made = dict(measured.fingerprint) if measured else {"model": "unknown", "dimension": str(dimension)}
        now = datetime.now(UTC)
        return Facts(
            name,
            replacing.created_at if replacing else now,
            self.catalog.schema,
            made | {"distance": "cosine", "chunking": AS_IT_WAS},
            measured.recipe if measured else replace(self._recipe_set, model=""),
            Linked(source.place, chosen.name, now),
        )

    # -- which model made it -----------------------------------------------------------------------

    def _model_of(
        self, there: Elsewhere, chosen: Foreign, grouped: Sequence[Group], model: str, known: str
    ) -> tuple[Measured | None, int]:
        """The model that made the vectors, None if nobody can say; and their dimension."""
        from rag.linking import measure
        from rag.linking.measuring import SAMPLE

        ids = [one for group in grouped for one in group.ids]
        rows = [one for one in there.rows(chosen.name, ids[:: max(1, len(ids) // SAMPLE)]) if one.text.strip()]
        if not rows:
            return None, 0
        dimension = len(rows[0].vector)
        found, likeness = measure(rows, self._candidates(chosen.named, model, known))
        if model and found is None:
            raise InputError(
                f"{model} does not make the vectors that are in {chosen.name} (they are alike by {likeness:.2f}, where "
                "1 is equal). Name another model, or none: then it is searched by words only."
            )
        return found, dimension

    def _candidates(self, named: str, model: str, known: str) -> list[Candidate]:
        """The models that may have made vectors. One that texts would be sent to is tried only if the reader named it,
        or it is set."""
        from rag.linking import Candidate

        if model:
            names = [model]
        else:
            is_set = self.settings.embedding_model
            safe = [one for one in (named, known) if one and (one == is_set or self._is_harmless(one))]
            names = list(dict.fromkeys(["bundled", *safe, is_set]))
        recipes = [
            replace(self._recipe_set, model=one, precision=precision)
            for one in names
            for precision in (("int8", "fp32") if one == "bundled" else (self.settings.embedding_precision,))
        ]
        return [Candidate(one, partial(self._load, one)) for one in recipes]

    def _load(self, recipe: Recipe) -> Embedder:
        """A model to be tried; it is not kept."""
        wanted = self.recipes.with_recipe(recipe)
        return self.embedder if wanted == self.settings else load_embedder(wanted)

    # -- where it is -------------------------------------------------------------------------------

    def _place(self, place: str) -> str:
        """A place as it is kept. Raises InputError for our own."""
        place = place.strip()
        if not place or not place.isprintable():
            raise InputError("Give the folder of a Chroma, or the address of its server, like http://localhost:8000.")
        if is_address(place):
            return place if place.endswith("//") else place.rstrip("/")
        folder = Path(place).expanduser().resolve()
        ours = folder in (self.folder.path, self.folder.chroma)
        if ours or (folder.parent / "catalog.sqlite3").exists() or (folder / "catalog.sqlite3").exists():
            raise InputError(
                f"{place} is a data folder of Footnote's. Open it with --data-dir or RAG_DATA_DIR; to bring a "
                "collection from it here, save it there (`python -m rag export`) and restore it here (`python -m rag "
                "import`)."
            )
        if folder.name == DATABASE:
            folder = folder.parent
        return str(folder)

    def _theirs(self, there: Elsewhere) -> list[Foreign]:
        """Those that are not ours: a server may be the one that ours are on."""
        ours = {one.store_name for one in self.collections()}
        return [one for one in there.collections() if one.name not in ours]

    def _pick(self, there: Elsewhere, source: _Source) -> Foreign:
        found = self._theirs(there)
        listed = ", ".join(f"{one.name} ({one.rows:,} rows)" for one in found[:20])
        if not found:
            raise NotFoundError(f"There is no collection in {source.place}.")
        if not source.collection and len(found) > 1:
            raise InputError(f"There are several collections in {source.place}: {listed}. Name one (--from).")
        for one in found:
            if source.collection in ("", one.name):
                return one
        raise NotFoundError(f"There is no collection {source.collection!r} in {source.place}. There are: {listed}.")

    def _only(self, place: str) -> str:
        """The name of the only collection there. Raises InputError."""
        with elsewhere(self._place(place), self.settings, self._scratch()) as there:
            return self._pick(there, _Source(place, "", "")).name

    def _scratch(self) -> Path:
        self.folder.transit.mkdir(exist_ok=True)
        return self.folder.transit / f"link-{uuid.uuid4().hex}"
