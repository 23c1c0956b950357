"""What was deleted here is deleted in MLflow: studies with what was asked and answered, models with their documents.

Where MLflow's database and files are ours, they are gone afterwards. A server only marks what it is told to delete: its
files stay until whoever runs it clears them with `mlflow gc`.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

from rag.experiments import Experiments
from rag.tracking.opening import STUDIES, Opened
from rag.tracking.registry import model_name

_LOGGED = re.compile("m-[0-9a-f]{32}")
"""The id of what a version was registered from, in its source."""
KEPT_VERSIONS = 5
"""Versions of a model that are kept, the newest, beside those that have an alias or would have it after going back."""


def forget_study(mlflow: Opened, study: str) -> None:
    """Remove a study with its runs, if it is there."""
    experiment = [mlflow.experiment(STUDIES)]
    ours = re.sub(r"[^\w-]", "", study)
    for tag in ("footnote.study", "footnote.id"):
        while found := mlflow.client.search_runs(experiment, f"tags.`{tag}` = '{ours}'", max_results=100):
            for one in found:
                mlflow.client.delete_run(one.info.run_id)
                _clear(mlflow, one.info.artifact_uri)
                if mlflow.place.ours:
                    _store(mlflow)._hard_delete_run(one.info.run_id)


def forget_model(mlflow: Opened, experiments: Experiments, collection: str) -> None:
    """Remove the versions of a collection's model that nobody decided on who is still remembered, and the model itself
    if that were all: a collection of the same name may have been made and promoted meanwhile."""
    name = model_name(collection)
    versions = mlflow.client.search_model_versions(f"name = '{name}'")
    gone = [one for one in versions if not _is_remembered(experiments, one.tags, collection)]
    if len(gone) == len(versions):
        with _gone_is_gone():
            mlflow.client.delete_registered_model(name)
    for one in gone:
        if len(gone) < len(versions):
            mlflow.client.delete_model_version(name, str(one.version))
        if logged := _LOGGED.search(one.source or ""):
            _forget_logged(mlflow, logged[0])


def forget_old_versions(mlflow: Opened, experiments: Experiments, collection: str) -> None:
    """Remove the versions of a collection's model that are of no use any more: each has the whole collection in it. Who
    goes back to one of them all the same has it registered anew."""
    name = model_name(collection)
    there = mlflow.client.search_model_versions(f"name = '{name}'")
    ours = sorted((one for one in there if "footnote.promotion" in one.tags), key=lambda one: -int(one.version))
    used = {str(one) for one in mlflow.client.get_registered_model(name).aliases.values()}
    used |= {str(one.version) for one in ours[:KEPT_VERSIONS]} | experiments.versions_in_use(collection)
    for one in ours:
        if str(one.version) not in used:
            experiments.forget_version(collection, str(one.version))
            mlflow.client.delete_model_version(name, str(one.version))
            if logged := _LOGGED.search(one.source or ""):
                _forget_logged(mlflow, logged[0])


def _forget_logged(mlflow: Opened, model: str) -> None:
    with _gone_is_gone():
        location = mlflow.client.get_logged_model(model).artifact_location
        mlflow.client.delete_logged_model(model)
        _clear(mlflow, location)
        if mlflow.place.ours:
            _store(mlflow)._hard_delete_logged_model(model)


def _is_remembered(experiments: Experiments, tags: Any, collection: str) -> bool:
    number = str(tags.get("footnote.promotion", ""))
    promotion = experiments.promotion(int(number)) if number.isdecimal() else None
    return promotion is not None and promotion.collection == collection


@contextmanager
def _gone_is_gone() -> Iterator[None]:
    """Whoever deleted it before."""
    from mlflow.exceptions import MlflowException

    try:
        yield
    except MlflowException as error:
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise


def _clear(mlflow: Opened, location: str) -> None:
    """Remove files, if they are in our folder of artifacts: what a database says is no reason to remove others."""
    if not mlflow.place.ours or urlsplit(location).scheme != "file":
        return
    path = Path(url2pathname(urlsplit(location).path)).resolve()
    root = (mlflow.place.folder / "artifacts").resolve()
    if root in path.parents:
        shutil.rmtree(path, ignore_errors=True)
        if path.parent != root and path.parent.exists() and not any(path.parent.iterdir()):
            path.parent.rmdir()  # of this run or model alone


def _store(mlflow: Opened) -> Any:
    """MLflow's database itself: its client only marks as deleted, as its `gc` would clear away."""
    return mlflow.client._tracking_client.store
