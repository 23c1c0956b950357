"""Re-embedding: a collection is made anew in another way, beside the one that is searched, and takes its place."""

from __future__ import annotations

from dataclasses import replace

from rag.errors import InputError, NotFoundError, RagError
from rag.progress import SECONDS_A_DOCUMENT
from rag.recipes import checked_recipe, cuts_alike, is_known, vectors_alike
from rag.records import Collection, Document, Recipe, Reembedding, ReembeddingPlan, ShadowCounts
from rag.store import store_name
from rag.workspace.upkeep import Upkeep

SAMPLED = 16
"""Passages embedded to learn how fast a model is."""
FAILURES = 20
"""Documents that are named."""


class Reembeddings(Upkeep):
    """Collections in the making. A collection is named by its name; without one it is the default one."""

    def recipe_now(self, collection: str | None = None) -> Recipe:
        """How a collection is to be made as things are: its recipe if it has one, else what is set. Raises
        NotFoundError."""
        found = self.collection(collection)
        return self.recipes.recipe_of(found if is_known(found) else None)

    def refusal(self, collection: Collection) -> str:
        """Why a collection cannot be searched as it is made; empty if it can. Loads its model."""
        if not is_known(collection):
            return ""
        try:
            self.recipes.check(collection)
        except RagError as error:
            return str(error)
        return ""

    def plan_reembedding(self, collection: str | None, recipe: Recipe) -> ReembeddingPlan:
        """What it takes to make a collection with a recipe. Loads its model, and measures it if it has not worked here
        yet. Raises InputError, ConfigurationError if the recipe cannot be used, NotFoundError."""
        found = self.collection(collection)
        made = self._as_made(found, recipe)
        alike = cuts_alike(found, made)
        tokens = found.fingerprint.get("chunk_tokens", "")
        before = int(tokens) if tokens.isdecimal() and not alike else recipe.chunk_tokens
        passages = -(-found.chunks * before // recipe.chunk_tokens)
        reused = alike and vectors_alike(found, made)
        with self._gate.shared():
            embedding = 0.0 if reused else self.ingestion.checks.seconds(made, passages, 0, self._sample(found))
        seconds = None if embedding is None else embedding + found.documents * SECONDS_A_DOCUMENT
        lost = 0 if alike else self.catalog.overlays_of(found)
        same = is_known(found) and made.fingerprint == found.fingerprint
        return ReembeddingPlan(checked_recipe(recipe), found.documents, passages, seconds, not alike, lost, same)

    def reembed(self, collection: str | None, recipe: Recipe) -> Collection:
        """Begin to make a collection with another recipe, in the background; returns what is in the making, which can
        be searched by its name already. The collection is searched, added to and deleted from as before meanwhile.

        Raises InputError if that has begun already, and what `plan_reembedding` raises.
        """
        self._require_writable()
        found = self.collection(collection)
        if found.shadow_of:
            raise InputError("That is a collection in the making. Name the one that it is made from.")
        made = self._as_made(found, recipe)
        if is_known(found) and made.fingerprint == found.fingerprint:
            raise InputError(f"{found.name!r} is made in that way already. Choose another way.")
        shadow = self.catalog.create_shadow(found, made.store_name, made.fingerprint, checked_recipe(recipe))
        self.worker.start()
        return shadow

    def reembedding(self, collection: str | None = None) -> Reembedding | None:
        """What is in the making of a collection, and how far it is; None if nothing is. Raises NotFoundError."""
        found = self.collection(collection)
        shadow = self.catalog.shadow(found)
        if shadow is None or shadow.recipe is None:
            return None
        counts, behind = self.catalog.count_shadow(shadow), self.catalog.behind(shadow)
        failures = self.catalog.shadow_failures(shadow, FAILURES) if counts.failed else []
        lost = 0 if cuts_alike(found, shadow) else self.catalog.overlays_of(found)
        done = counts.ready == counts.documents
        return Reembedding(
            shadow=shadow,
            recipe=shadow.recipe,
            counts=counts,
            fraction=1.0 if done else min(0.99, counts.embedded / counts.passages if counts.passages else 0.0),
            seconds_left=self._seconds_left(shadow, counts),
            failures=tuple(failures),
            behind=len(behind),
            edits_lost=lost,
        )

    def swap(self, collection: str | None = None, without_failed: bool = False) -> Collection:
        """Put what is in the making in the collection's place, at once for whoever searches; returns the collection.

        What was added, changed or deleted meanwhile is seen to first. Raises InputError as long as anything is not
        ready, or, unless `without_failed`, has failed; NotFoundError.
        """
        self._require_writable()
        self._owns()
        found, shadow = self._in_the_making(collection)
        with self._gate.shared():
            behind = self.ingestion.follow_shadow(shadow)
        self.worker.start()
        if behind and self.catalog.count_shadow(shadow).unread:
            some = "1 document has" if behind == 1 else f"{behind:,} documents have"
            raise InputError(
                f"{some} come or changed in {found.name!r} meanwhile, and are seen to first. Swap when they are ready."
            )
        self.catalog.swap(shadow, without_failed)
        return self.collection(found.name)

    def discard_reembedding(self, collection: str | None = None) -> None:
        """Give up what is in the making; the collection stays as it is. Raises NotFoundError if there is nothing."""
        self._require_writable()
        _, shadow = self._in_the_making(collection)
        self.catalog.abandon(shadow)
        self.worker.start()  # which clears it

    def retry_reembedding(self, collection: str | None = None) -> int:
        """Try those documents once more that failed in what is in the making; returns how many."""
        self._require_writable()
        _, shadow = self._in_the_making(collection)
        queued = self.catalog.requeue_shadow(shadow)
        self.worker.start()
        return queued

    def _in_the_making(self, collection: str | None) -> tuple[Collection, Collection]:
        found = self.collection(collection)
        shadow = self.catalog.shadow(found)
        if shadow is None:
            raise NotFoundError(f"{found.name!r} is not being re-embedded.")
        return found, shadow

    def _as_made(self, found: Collection, recipe: Recipe) -> Collection:
        """The collection as it would be with a recipe, kept elsewhere. Raises InputError, ConfigurationError."""
        recipe = checked_recipe(recipe)
        made = self.recipes.fingerprint_with(recipe)
        return replace(found, store_name=store_name(found.name), fingerprint=made, recipe=recipe)

    def _sample(self, found: Collection) -> list[str]:
        """Some of its passages, as they are embedded."""
        documents: list[Document] = [one for one in self.catalog.shown(found.name).values() if one.chunks][:SAMPLED]
        each = -(-SAMPLED // max(1, len(documents)))
        return [one.embedded for document in documents for one in self.catalog.chunks(document)[:each]][:SAMPLED]

    def _seconds_left(self, shadow: Collection, counts: ShadowCounts) -> float | None:
        speed = self.catalog.speeds().get(self.recipes.pace(shadow))
        left = max(0, counts.passages - counts.embedded)
        if left and not speed:
            return None
        return (left / speed if speed else 0.0) + counts.unread * SECONDS_A_DOCUMENT
