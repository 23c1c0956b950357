"""Which configuration answers, and who decided that."""

from __future__ import annotations

from contextlib import suppress
from functools import cached_property

from rag.answering import Answerer
from rag.errors import InputError, NotFoundError
from rag.experiments import CHAMPION
from rag.records import QUOTING, Collection, Configuration, ModelChoice, Promotion, RunState, Study
from rag.workspace.evaluating import made_at
from rag.workspace.telling import Telling

HERE = "ollama"
"""The provider whose models run on this machine where no address is set."""


class Promoting(Telling):
    """Champions. Our own files say who is champion; MLflow's registry follows."""

    def champion(self, collection: str | None = None, alias: str = CHAMPION) -> Promotion | None:
        """The configuration that has an alias for a collection; None if none was given it. Raises NotFoundError."""
        return self.experiments.promoted(self.collection(collection).name, alias)

    def promotions(self, collection: str | None = None, alias: str = CHAMPION) -> list[Promotion]:
        """Who had an alias, the last first. Raises NotFoundError."""
        return self.experiments.history(self.collection(collection).name, alias)

    def promote(self, run: str, alias: str = CHAMPION, by: str = "") -> Promotion:
        """Give a finished run's configuration an alias for the collection that it was measured on; `by` is who decided.
        MLflow's registry gets a model of it with the collection as it is now, in the background. Raises NotFoundError,
        also if the collection has been deleted, InputError for a run that has not finished, or an alias that there is
        not."""
        self._require_writable()
        found = self.experiments.run(run)
        if found.state is not RunState.FINISHED:
            raise InputError(f"This run {_STATES[found.state]}: only one that has finished can be promoted.")
        collection = self.measured_on(self.experiments.study(found.study))
        made = self.experiments.promote(found.configuration, by, run, collection.name, alias)
        self._pack_later()
        return made

    def measured_on(self, study: Study) -> Collection:
        """The collection that a study asked, whatever it is called by now. Raises NotFoundError if it has been deleted,
        even if there is another one of its name."""
        if not study.collection_made:
            return self.collection(study.collection)
        name = self.current_name(study.collection)
        mine = [one for one in self.collections() if made_at(one) == study.collection_made]
        # One that was restored from a backup beside itself is as old: of those it is the one of that name.
        for one in sorted(mine, key=lambda each: each.name != name):
            return one
        raise NotFoundError(
            f"The collection {study.collection!r} that this was measured on has been deleted. For another one, start a "
            "study there and promote a run of that."
        )

    def has_changed(self, study: Study) -> bool:
        """Whether the collection that a study asked has other documents by now, or other corrections. Raises
        NotFoundError."""
        found = self.measured_on(study)
        return self.data_version(found, self.ready(found.name)) != study.data_version

    def before(self, collection: str | None = None, alias: str = CHAMPION) -> Promotion | None:
        """The promotion that rolling back leads to; None if then nobody has the alias. Raises NotFoundError."""
        return self.experiments.before(self.collection(collection).name, alias)

    def roll_back(self, by: str = "", collection: str | None = None, alias: str = CHAMPION) -> Promotion:
        """Give an alias back to the configuration that had it before, and to nobody if none had; done again, to the one
        before that. Raises NotFoundError if nobody has it."""
        self._require_writable()
        name = self.collection(collection).name
        before = self.experiments.history(name, alias)
        made = self.experiments.roll_back(by, name, alias)
        same = (one for one in before if one.configuration == made.configuration and one.mlflow_id)
        if (registered := next(same, None)) is not None:  # its model is there, with the collection as it was then
            self.experiments.set_mlflow_id("promotion", str(made.number), registered.mlflow_id)
        self._pack_later()
        return made

    def rename_collection(self, name: str, new: str) -> Collection:
        before = self.collection(name).name
        renamed = super().rename_collection(name, new)
        self.experiments.rename_promotions(before, renamed.name, made_at(renamed))
        self._pack_later()
        return renamed

    def delete_collection(self, name: str) -> None:
        """Delete a collection, all its documents, and who was champion of it. It has to be named as it is now, not as
        it was before. Raises NotFoundError."""
        # Before it goes: what ends this in between leaves no champion to another collection of its name.
        self.experiments.forget_promotions(self._to_delete(name).name)
        super().delete_collection(name)
        self._sweep_bundles()

    def answers_with(self, collection: str | None = None) -> tuple[Configuration | None, str]:
        """The configuration that a collection is asked with, if somebody chose one, and why that is not the champion's,
        if it is not; neither without a champion, or for a collection that is not there."""
        promotion, why_not = self.answering(collection)
        return promotion.configuration if promotion else None, why_not

    def answering(self, collection: str | None = None) -> tuple[Promotion | None, str]:
        """Who decided with what a collection is asked; and why that is not the champion, if it is not.

        A champion that wants passages made in another way waits until they are: until then the one before it answers
        that takes them as they are, if there is one."""
        found = self._there(collection)
        left = self.experiments.standing(found.name) if found else []
        if found is None or not left:
            return None, ""
        index = self.configuration(found.name).index
        fits = next((one for one in left if one.configuration.index == index), None)
        if fits is left[0]:
            return self.experiments.promoted(found.name), ""
        who = "the champion before it answers" if fits else "questions are answered as it is set"
        return fits, (
            f"The champion of {found.name} wants its passages made in another way. Until the collection is re-embedded "
            f"so, {who}."
        )

    def answered_by(self, collection: str | None = None) -> tuple[Answerer, str]:
        """Who answers a reader who has chosen nobody: whom the champion names, else who answers everybody; and why it
        is not whom the champion names, if it is not."""
        configuration, _ = self.answers_with(collection)
        return self.answerer_named(configuration)

    def answerer_named(self, configuration: Configuration | None) -> tuple[Answerer, str]:
        """Whom a configuration names, if that one is set up here, else who answers everybody, and why.

        Documents go to no server that whoever runs Footnote has not set: a language model must be of the provider of
        `RAG_LLM`, whose address and key it then has, or run on this machine.
        """
        if configuration is None or not configuration.answerer:
            return self.answerer, ""
        name = configuration.answerer
        provider = ModelChoice(name).provider
        if name != QUOTING and provider not in (self.settings.model.provider, HERE):
            return self.answerer, (
                f"{name} was chosen to write the answers, and is not set up here, so that nothing is sent to it. Set "
                f"RAG_LLM to a model of {provider}, or promote another run."
            )
        key = name, configuration.abstain_below
        if key not in self._answerers:
            self._answerers[key] = self.answerer_of(configuration)
        return self._answerers[key], ""

    @cached_property
    def _answerers(self) -> dict[tuple[str, float], Answerer]:
        """Made once each, as each keeps its connection."""
        return {}

    def usual_passages(self, collection: str | None = None) -> int:
        """How many passages are found for a question where nothing else is said: as many as the champion finds."""
        configuration, _ = self.answers_with(collection)
        return configuration.k if configuration else self.settings.top_k

    def _there(self, collection: str | None) -> Collection | None:
        with suppress(NotFoundError):
            return self.collection(collection)
        return None


_STATES = {
    RunState.QUEUED: "has not begun",
    RunState.RUNNING: "is still going on",
    RunState.FAILED: "has failed",
    RunState.CANCELLED: "was cancelled",
}
