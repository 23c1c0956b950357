"""What of studies, runs and champions is told for an entry that waits."""

from __future__ import annotations

from rag.experiments import Experiments
from rag.records import AS_SET, Outgoing
from rag.tracking.forgetting import forget_model, forget_old_versions, forget_study
from rag.tracking.opening import Opened
from rag.tracking.place import Place
from rag.tracking.registry import send_promotion
from rag.tracking.studies import run_or_none, send_run, send_study, study_or_none


def is_ready(experiments: Experiments, place: Place, one: Outgoing) -> bool:
    """Whether all is there that it is told with: a champion takes its collection along, which is packed first; that
    nobody is champion any more takes nothing."""
    if one.kind != "promotion":
        return True
    promotion = experiments.promotion(int(one.key))
    if promotion is None or promotion.back_to == AS_SET:
        return True
    return bool(promotion.mlflow_id) or place.is_packed(promotion.number)


def send(mlflow: Opened, experiments: Experiments, one: Outgoing) -> None:
    """Tell MLflow, and note what it is called there. What was deleted meanwhile is nothing to tell of, but a deleted
    study is deleted there too, and the model of a collection that is gone. Raises whatever MLflow raises."""
    told = ""
    if one.kind == "run" and (run := run_or_none(experiments, one.key)):
        told = send_run(mlflow, experiments, run)
    elif one.kind == "study":
        study = study_or_none(experiments, one.key)
        if study is None:
            forget_study(mlflow, one.key)
        else:
            told = send_study(mlflow, experiments, study)
    elif one.kind == "promotion" and (promotion := experiments.promotion(int(one.key))):
        told = send_promotion(mlflow, experiments, promotion)
        experiments.set_mlflow_id(one.kind, one.key, told)
        forget_old_versions(mlflow, experiments, promotion.collection)
        return
    elif one.kind == "model":
        forget_model(mlflow, experiments, one.key)
    if told:
        experiments.set_mlflow_id(one.kind, one.key, told)
