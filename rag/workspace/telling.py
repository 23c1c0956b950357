"""What MLflow is told: studies, traces and champions, each with what it takes along."""

from __future__ import annotations

import json
import logging
import threading
from functools import cached_property
from typing import Any

from rag.errors import InputError, NotFoundError, RagError
from rag.records import Outgoing, Promotion, TrackingState
from rag.tracking import ANSWERS, SERVER, STUDIES, Exporting, Pages, Place, is_ready, place_of
from rag.workspace.evaluating import Evaluating
from rag.workspace.moving import Moving
from rag.workspace.tracing import Tracing

log = logging.getLogger(__name__)

_ELSEWHERE = ("server", "cloud")
"""Where Chroma is for others as well: a champion refers to its collection there, and answers from it as it is then."""


_IN_MLFLOW = {"runs": (STUDIES, "runs"), "traces": (ANSWERS, "traces")}
"""The experiment, and which of its views."""


class Telling(Tracing, Moving, Evaluating):
    """MLflow. Our own files say what there is; it follows."""

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

    @property
    def mlflow_elsewhere(self) -> str:
        """Where MLflow is if it is not in the data folder, for readers; empty if it is there."""
        return "" if self._mlflow_place.ours else self.settings.redacted(self._mlflow_place.uri)

    def track(self) -> None:
        """Begin to tell MLflow what waits and what comes, in the background, by a process that comes and goes."""
        if self.tracks:
            self.experiments.retry_exports()  # another MLflow, or a newer one, may take what was refused
            self._exporting.start()
            self._pack_later()

    def track_now(self) -> None:
        """After a failure, try again at once."""
        self.experiments.retry_exports()
        self._pack_later()
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

    def mlflow_address(self, what: str) -> str:
        """Where MLflow's pages, which have to be there, show our `runs` or `traces`; its first page if it has none."""
        return self._pages.address_of(*_IN_MLFLOW[what])

    def wait_for_mlflow(self) -> None:
        """Until MLflow's pages, that this workspace has started, have ended."""
        self._pages.wait()

    def _ready_to_tell(self) -> int:
        """How much of what waits can be told now."""
        try:
            ready = sum(self._is_ready(one) for one in self.experiments.to_export())
            return ready + (self.recorder.store.due() if self._has_traces else 0)
        except RagError as error:
            log.warning("What MLflow is to be told could not be read: %s", error)
            return 0

    def _is_ready(self, one: Outgoing) -> bool:
        return is_ready(self.experiments, self._mlflow_place, one)

    # -- a champion takes its collection along -------------------------------------------------------------------

    def _pack_later(self) -> None:
        self._to_pack.set()
        if self.tracks and self._packing.acquire(blocking=False):
            threading.Thread(target=self._pack, name="footnote-packing", daemon=True).start()

    @cached_property
    def _packing(self) -> threading.Semaphore:
        return threading.Semaphore()

    @cached_property
    def _to_pack(self) -> threading.Event:
        return threading.Event()

    def _pack(self) -> None:
        """Save the collections of those champions that MLflow has not been told of."""
        try:
            while self._to_pack.is_set() and not self.closed:
                self._to_pack.clear()
                for one in self.experiments.to_export():
                    if one.kind == "promotion" and not self._is_ready(one):
                        promotion = self.experiments.promotion(int(one.key))
                        if promotion is not None and self._fits(promotion) and not self._packed(promotion):
                            self.experiments.export_failed(one, "Its collection could not be saved.")
                self._sweep_bundles()
        except RagError as error:
            log.warning("A champion's collection could not be saved: %s", error)
        finally:
            self._packing.release()
        if self._to_pack.is_set() and not self.closed:
            self._pack_later()  # somebody was promoted just before this let go

    def _fits(self, promotion: Promotion) -> bool:
        """Whether the collection is made as the champion wants it; if not, it waits for being re-embedded so."""
        try:
            return promotion.configuration.index == self.configuration(promotion.collection).index
        except NotFoundError:
            return True  # it is gone, which is said when it is to be saved

    def _packed(self, promotion: Promotion) -> bool:
        """Save what a champion takes along; False if that cannot be."""
        place, number = self._mlflow_place, promotion.number
        place.bundles.mkdir(parents=True, exist_ok=True)
        part = place.bundle(number).with_suffix(".part")
        part.unlink(missing_ok=True)
        try:
            if self.settings.chroma_mode in _ELSEWHERE:
                part.write_text(json.dumps(self._where_it_is(promotion.collection)), encoding="utf-8")
                part.replace(place.reference(number))
            else:
                self.export(promotion.collection, part)
                part.replace(place.bundle(number))
        except (NotFoundError, InputError) as error:
            log.warning("The collection of a champion could not be saved: %s", error)
            return False
        return True

    def _sweep_bundles(self) -> None:
        """Remove what was saved for decisions that are not remembered any more: their collection was deleted."""
        for one in self._mlflow_place.bundles.glob("*.*"):
            if not one.stem.isdecimal() or self.experiments.promotion(int(one.stem)) is None:
                one.unlink(missing_ok=True)

    def _where_it_is(self, collection: str) -> dict[str, Any]:
        """All that finds a collection on a server again, but no key: whoever serves the model sets those. The texts
        that answers quote, and the lexical index, are in the data folder, which has to be there as well."""
        settings, found = self.settings, self.collection(collection)
        given = {name: getattr(settings, f"chroma_{name}") for name in ("mode", "host", "port", "ssl")}
        given |= {"tenant": settings.chroma_tenant, "database": settings.chroma_database}
        there = {"collection": found.name, "store_name": found.store_name, "data_dir": str(self.folder.path.resolve())}
        return {"kind": SERVER, **given, **there}

    # -- the end -------------------------------------------------------------------------------------------------

    @property
    def _told_elsewhere(self) -> bool:
        return not self._mlflow_place.ours

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
                self.recorder.settle(1.0)  # what is written later is told later; closing it waits once more
            if "_exporting" in self.__dict__:
                self._exporting.close()
            if "_pages" in self.__dict__:
                self._pages.close()
        super().close()
