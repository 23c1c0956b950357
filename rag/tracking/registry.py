"""Champions in MLflow's registry: a model that MLflow serves, and the aliases that say who is champion."""

from __future__ import annotations

import hashlib
import json
import re
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rag.experiments import Experiments
from rag.records import AS_SET, Promotion
from rag.tracking.opening import STUDIES, Opened
from rag.tracking.place import SNAPSHOT, Place
from rag.tracking.studies import run_or_none, send_run

if TYPE_CHECKING:
    from mlflow.models import ModelSignature

_ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = {"question": ["What was the revenue?"]}


def model_name(collection: str) -> str:
    """What a collection's model is called in the registry."""
    plain = re.sub(r"[^\w-]+", "-", collection, flags=re.ASCII).strip("-")[:60]
    other = "" if plain == collection else f"-{hashlib.sha256(collection.encode()).hexdigest()[:6]}"
    return f"footnote-{plain or 'collection'}{other}"


def send_promotion(mlflow: Opened, experiments: Experiments, promotion: Promotion) -> str:
    """Tell MLflow who has an alias now, having registered its model if it is a new one; returns its version, which is
    empty if nobody has it."""
    name = model_name(promotion.collection)
    if promotion.back_to == AS_SET:
        _take_away(mlflow, experiments, promotion, name)
        return ""
    version = promotion.mlflow_id or _registered(mlflow, name, promotion.number)
    if not version:
        version = _register(mlflow, experiments, promotion, name)
    if _is_latest(experiments, promotion):
        mlflow.client.set_registered_model_alias(name, promotion.alias, version)
        by = f"{promotion.alias} since {promotion.at:%Y-%m-%d %H:%M} UTC, by {promotion.by or 'somebody'}"
        mlflow.client.set_model_version_tag(name, version, f"footnote.{promotion.alias}", by[:5000])
    for one in (mlflow.place.bundle(promotion.number), mlflow.place.reference(promotion.number)):
        one.unlink(missing_ok=True)
    return version


def _is_latest(experiments: Experiments, promotion: Promotion) -> bool:
    latest = experiments.history(promotion.collection, promotion.alias)[:1]
    return bool(latest) and latest[0].number == promotion.number


def _take_away(mlflow: Opened, experiments: Experiments, promotion: Promotion, name: str) -> None:
    from mlflow.exceptions import MlflowException

    if not _is_latest(experiments, promotion):
        return
    try:
        mlflow.client.delete_registered_model_alias(name, promotion.alias)
    except MlflowException as error:
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":  # it was never told of a model
            raise


def _registered(mlflow: Opened, name: str, number: int) -> str:
    """The version that was made for a decision, if its answer got lost."""
    for one in mlflow.client.search_model_versions(f"name = '{name}'"):
        if one.tags.get("footnote.promotion") == str(number):
            return str(one.version)
    return ""


def _register(mlflow: Opened, experiments: Experiments, promotion: Promotion, name: str) -> str:
    from mlflow.exceptions import MlflowException

    run = run_or_none(experiments, promotion.run) if promotion.run else None
    source = (run.mlflow_id or send_run(mlflow, experiments, run)) if run else None
    parameters = {key: str(value) for key, value in asdict(promotion.configuration).items()}
    made = mlflow.client.create_logged_model(mlflow.experiment(STUDIES), name, source, _tags(promotion), parameters)
    with tempfile.TemporaryDirectory() as folder:
        saved = Path(folder) / "model"
        save_model(saved, mlflow.place, promotion)
        mlflow.client.log_model_artifacts(made.model_id, str(saved))
    mlflow.client.finalize_logged_model(made.model_id, "READY")
    try:
        mlflow.client.create_registered_model(name, description=f"Answers from the collection {promotion.collection}.")
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
    version = mlflow.client.create_model_version(
        name, f"models:/{made.model_id}", source, _tags(promotion), model_id=made.model_id
    )
    return str(version.version)


def save_model(target: Path, place: Place, promotion: Promotion) -> None:
    """Write a model's folder: our code as it is, how it is asked, and the collection, or the Chroma server it is on."""
    from mlflow.pyfunc import save_model as save

    bundle, reference = place.bundle(promotion.number), place.reference(promotion.number)
    with tempfile.TemporaryDirectory() as folder:
        described, where = Path(folder) / "configuration.json", Path(folder) / "place.json"
        described.write_text(json.dumps(asdict(promotion.configuration)), encoding="utf-8")
        known = json.loads(reference.read_text(encoding="utf-8")) if reference.exists() else {"kind": SNAPSHOT}
        where.write_text(json.dumps(known), encoding="utf-8")
        artifacts = {"configuration": str(described), "place": str(where)}
        if known["kind"] == SNAPSHOT:
            artifacts["collection"] = str(bundle)
        save(
            path=target,
            python_model=str(_ROOT / "rag" / "served.py"),
            artifacts=artifacts,
            code_paths=[str(_ROOT / "rag")],
            pip_requirements=str(_ROOT / "requirements.txt"),
            signature=_signature(),
            input_example=_example(),
        )


def _signature() -> ModelSignature:
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, DataType, Schema
    from mlflow.types.schema import Array, Object, Property

    cited = Object(
        [
            Property("number", DataType.long),
            Property("document", DataType.string),
            Property("page", DataType.long),
            Property("quote", DataType.string),
        ]
    )
    outputs = Schema(
        [
            ColSpec(DataType.string, "answer"),
            ColSpec(DataType.boolean, "abstained"),
            ColSpec(DataType.double, "confidence"),
            ColSpec(Array(cited), "citations"),
            ColSpec(DataType.string, "model"),
            ColSpec(DataType.string, "notice"),
        ]
    )
    return ModelSignature(Schema([ColSpec(DataType.string, "question")]), outputs)


def _example() -> Any:
    import pandas  # type: ignore[import-untyped]  # its types are a package of their own

    return pandas.DataFrame(EXAMPLE)


def _tags(promotion: Promotion) -> dict[str, str]:
    tags = {
        "promotion": str(promotion.number),
        "run": promotion.run,
        "collection": promotion.collection,
        "by": promotion.by,
        "at": promotion.at.isoformat(timespec="seconds"),
    }
    return {f"footnote.{name}": value[:5000] for name, value in tags.items() if value}
