"""Which configuration answers, who decided that, and what MLflow is told of all this."""

from __future__ import annotations

import logging
import threading
from contextlib import suppress
from functools import cached_property

from rag.errors import InputError, NotFoundError, RagError
from rag.experiments import CHAMPION
from rag.records import Collection, Configuration, Promotion, RunState, TrackingState
from rag.tracking import Exporting, Pages, Place, place_of
from rag.workspace.evaluating import Evaluating
from rag.workspace.moving import Moving
from rag.workspace.tracing import Tracing

log = logging.getLogger(__name__)


class Promoting(Tracing, Moving, Evaluating):
    """Champions and MLflow. Our own files say who is champion; MLflow's registry follows."""

    # -- champions -------------------------------------------------------------------------------------------

    def champion(self, collection: str | None = None, alias: str = CHAMPION) -> Promotion | None:
        """The configuration that has an alias for a collection; None if none was given it. Raises NotFoundError."""
        return self.experiments.promoted(self.collection(collection).name, alias)

    def promotions(self, collection: str | None = None, alias: str = CHAMPION) -> list[Promotion]:
        """Who had an alias, the last first. Raises NotFoundError."""
        return self.experiments.history(self.collection(collection).name, alias)

    def promote(self, run: str, alias: str = CHAMPION, by: str = "") -> Promotion:
        """Give a finished run's configuration an alias for the collection that it was measured on; `by` is who decided.
        MLflow's registry gets a model of it with the collection as it is now, in the background. Raises NotFoundError,
        InputError for a run that has not finished, or an alias that there is not."""
        self._require_writable()
        found = self.experiments.run(run)
        if found.state is not RunState.FINISHED:
            raise InputError(f"This run {_STATES[found.state]}: only one that has finished can be promoted.")
        collection = self.collection(self.experiments.study(found.study).collection)
        made = self.experiments.promote(found.configuration, by, run, collection.name, alias)
        self._pack_later()
        return made

    def roll_back(self, by: str = "", collection: str | None = None, alias: str = CHAMPION) -> Promotion:
        """Give an alias back to the configuration that had it before. Raises NotFoundError if none had."""
        self._require_writable()
        name = self.collection(collection).name
        before = self.experiments.history(name, alias)
        made = self.experiments.roll_back(by, name, alias)
        same = (one for one in before if one.configuration == made.configuration and one.mlflow_id)
        if (registered := next(same, None)) is not None:  # its model is there, with the collection as it was then
            self.experiments.set_mlflow_id("promotion", str(made.number), registered.mlflow_id)
        self._pack_later()
        return made

    def answers_with(self, collection: str | None = None) -> tuple[Configuration | None, str]:
        """The champion's configuration, if a collection can be asked with it, else why not; neither without one, or for
        a collection that is not there."""
        found = self._there(collection)
        promotion = self.experiments.promoted(found.name) if found else None
        if found is None or promotion is None:
            return None, ""
        if promotion.configuration.index == self.configuration(found.name).index:
            return promotion.configuration, ""
        return None, (
            f"The champion of {found.name} wants its passages made in another way, so it does not answer. Re-embed the "
            "collection as the champion wants it, or promote another run."
        )

    def usual_passages(self, collection: str | None = None) -> int:
        """How many passages are found for a question where nothing else is said: as many as the champion finds."""
        configuration, _ = self.answers_with(collection)
        return configuration.k if configuration else self.settings.top_k

    def _there(self, collection: str | None) -> Collection | None:
        with suppress(NotFoundError):
            return self.collection(collection)
        return None

    # -- what MLflow is told -----------------------------------------------------------------------------------

    @cached_property
    def _mlflow_place(self) -> Place:
        return place_of(self.settings, self.folder)

    @cached_property
    def _exporting(self) -> Exporting:
        return Exporting(self.settings, self.folder.path, self._ready_to_tell)

    @cached_property
    def _pages(self) -> Pages:
        return Pages(self.settings, self._mlflow_place)

    @property
    def tracks(self) -> bool:
        """Whether anything is told to MLflow. What is kept in memory only is not told to files beside it."""
        somewhere = self.settings.chroma_mode != "memory" or bool(self.settings.mlflow_tracking_uri)
        return self.settings.mlflow and somewhere and not self.settings.demo

    def track(self) -> None:
        """Begin to tell MLflow what waits and what comes, in the background, by a process that comes and goes."""
        if self.tracks:
            self._exporting.start()
            self._pack_later()

    def track_now(self) -> None:
        """After a failure, try again at once."""
        self.experiments.retry_exports()
        self._exporting.try_now()

    def tracking_state(self) -> TrackingState:
        """How far MLflow is."""
        waiting: dict[str, int] = {}
        errors = [self._mlflow_place.trouble.read_text(encoding="utf-8")] if self._mlflow_place.trouble.exists() else []
        for one in self.experiments.unexported():
            waiting[one.kind] = waiting.get(one.kind, 0) + 1
            errors += [one.last_error] if one.last_error else []
        if self._has_traces and (count := self.recorder.store.waiting()):
            waiting["trace"] = count
            errors.append(self.recorder.store.problem())
        error = next((one for one in errors if one), "") if waiting else ""
        shown = self.settings.redacted(self._mlflow_place.uri)
        place = self._mlflow_place
        return TrackingState(shown, waiting, error, self._exporting.running, self._pages.address, not place.is_server)

    def open_mlflow(self, port: int = 0) -> str:
        """Have MLflow's own pages on this machine, if they are not there, and return their address: it takes some
        seconds. They ask nobody who they are and show what everybody asked, so they listen to this machine alone, and a
        demo has none. Raises ConfigurationError, ReadOnlyError."""
        self._require_writable()
        return self._pages.start(port)

    def wait_for_mlflow(self) -> None:
        """Until MLflow's pages, that this workspace has started, have ended."""
        self._pages.wait()

    def _ready_to_tell(self) -> int:
        """How much of what waits can be told now."""
        try:
            ready = sum(self._is_ready(one.kind, one.key) for one in self.experiments.to_export())
            return ready + (self.recorder.store.due() if self._has_traces else 0)
        except RagError as error:
            log.warning("What MLflow is to be told could not be read: %s", error)
            return 0

    def _is_ready(self, kind: str, key: str) -> bool:
        if kind != "promotion":
            return True
        promotion = self.experiments.promotion(int(key))
        return promotion is None or bool(promotion.mlflow_id) or self._mlflow_place.bundle(promotion.number).exists()

    # -- a champion takes its collection along -------------------------------------------------------------------

    def _pack_later(self) -> None:
        if self.tracks and self._packing.acquire(blocking=False):
            threading.Thread(target=self._pack, name="footnote-packing", daemon=True).start()

    @cached_property
    def _packing(self) -> threading.Semaphore:
        return threading.Semaphore()

    def _pack(self) -> None:
        """Save the collections of those champions that MLflow has not been told of."""
        try:
            packed = True
            while packed and not self.closed:
                packed = False
                for one in self.experiments.to_export():
                    if one.kind == "promotion" and not self._is_ready(one.kind, one.key):
                        promotion = self.experiments.promotion(int(one.key))
                        packed = promotion is not None and self._packed(promotion)
                        if not packed:
                            self.experiments.export_failed(one, "Its collection could not be saved.")
        except RagError as error:
            log.warning("A champion's collection could not be saved: %s", error)
        finally:
            self._packing.release()

    def _packed(self, promotion: Promotion) -> bool:
        bundle = self._mlflow_place.bundle(promotion.number)
        self._mlflow_place.bundles.mkdir(parents=True, exist_ok=True)
        part = bundle.with_suffix(".part")
        part.unlink(missing_ok=True)
        try:
            self.export(promotion.collection, part)
        except (NotFoundError, InputError) as error:
            log.warning("The collection of a champion could not be saved: %s", error)
            return False
        part.replace(bundle)
        return True

    # -- the end -------------------------------------------------------------------------------------------------

    def erase(self) -> None:
        """Delete everything that is stored, so that it cannot be read from the disk's files either; what MLflow keeps
        elsewhere is deleted there once it can be reached."""
        self._exporting.stop()
        self._pages.close()
        super().erase()
        if self._mlflow_place.ours:
            self.folder.empty_mlflow()
            if self._has_traces:
                self.recorder.store.forgotten()

    def close(self) -> None:
        """Stop work at the next batch and let go of the folder. What MLflow has not been told it is told next time."""
        if not self.closed:
            if self._recorder is not None:
                self.recorder.settle()
            if "_exporting" in self.__dict__:
                self._exporting.close()
            if "_pages" in self.__dict__:
                self._pages.close()
        super().close()


_STATES = {
    RunState.QUEUED: "has not begun",
    RunState.RUNNING: "is still going on",
    RunState.FAILED: "has failed",
    RunState.CANCELLED: "was cancelled",
}
