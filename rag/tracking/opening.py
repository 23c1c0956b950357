"""Opening MLflow: its database is brought up to date by one process at a time."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from filelock import FileLock

from rag.tracking.place import Place

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.tracing.client import TracingClient

STUDIES, ANSWERS = "Footnote studies", "Footnote answers"
"""What the experiments are called that runs and traces are in."""
_KINDS = {STUDIES: "custom_model_development", ANSWERS: "genai_development"}
"""Which of its views MLflow shows them in."""


@dataclass(slots=True)
class Opened:
    """MLflow, open. `experiment` makes one of MLflow's experiments if it is not there."""

    client: MlflowClient
    tracing: TracingClient
    place: Place
    _experiments: dict[str, str] = field(default_factory=dict)

    def experiment(self, name: str) -> str:
        """The id of an experiment by its name. One that was deleted there comes back."""
        if name not in self._experiments:
            self._experiments[name] = self._found(name) or self._made(name)
        return self._experiments[name]

    def touch(self) -> None:
        """Write something that nobody misses. Raises whatever MLflow raises if it is away, locked or full."""
        self.client.set_experiment_tag(self.experiment(STUDIES), "footnote.touched", str(time.time_ns()))

    def _found(self, name: str) -> str:
        found = self.client.get_experiment_by_name(name)
        if found is None:
            return ""
        if found.lifecycle_stage != "active":
            self.client.restore_experiment(found.experiment_id)
        return str(found.experiment_id)

    def _made(self, name: str) -> str:
        from mlflow.exceptions import MlflowException

        tags = {"mlflow.experimentKind": _KINDS[name]}
        try:
            return str(self.client.create_experiment(name, self.place.artifacts, tags))
        except MlflowException:  # another process made it in between
            if found := self._found(name):
                return found
            raise


def open_mlflow(place: Place) -> Opened:
    """Open it, waiting for whoever is bringing its database up to date. Raises whatever MLflow raises."""
    import mlflow
    from mlflow import MlflowClient
    from mlflow.tracing.client import TracingClient

    place.folder.mkdir(parents=True, exist_ok=True)
    with FileLock(place.folder / "migrating.lock"):
        mlflow.set_tracking_uri(place.uri)
        if place.artifacts:
            _make_store(place)
        client = MlflowClient(place.uri, place.uri)
        client.search_experiments(max_results=1)
        if place.ours:
            client.search_registered_models(max_results=1)  # the registry is opened by a store of its own
    return Opened(client, TracingClient(place.uri), place)


def _make_store(place: Place) -> None:
    """Open MLflow's database and say where its artifacts lie: else that is below the folder this process started in."""
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    SqlAlchemyStore(place.uri, str(place.artifacts))  # type: ignore[no-untyped-call]
