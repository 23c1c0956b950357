"""Studies in MLflow: a parent run for each, a child run for each of its configurations."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from rag.errors import NotFoundError
from rag.experiments import Experiments, storable
from rag.records import Configuration, Gold, QuestionSet, Run, RunState, Scored, Study
from rag.tracking.opening import STUDIES, Opened
from rag.tracking.plots import plots_of

LONGEST_PARAMETER = 6000
LONGEST_TAG = 5000
TABLE = "questions.json"
"""The table of questions of a run, as MLflow shows tables."""
_STATUS = {
    RunState.FINISHED: "FINISHED",
    RunState.FAILED: "FAILED",
    RunState.CANCELLED: "KILLED",
    RunState.RUNNING: "RUNNING",
    RunState.QUEUED: "SCHEDULED",
}


def metric_name(name: str) -> str:
    """A metric's name as MLflow takes it: `recall@5` is `recall_at_5`."""
    return re.sub(r"[^\w./ -]", "_", name.replace("@", "_at_"))


def send_run(mlflow: Opened, experiments: Experiments, run: Run) -> str:
    """Tell MLflow of a run, with its study above it; what is there already becomes as it is now."""
    study = experiments.study(run.study)
    asked = experiments.questions_of(study.set_version, study.set_name)
    above = study.mlflow_id or _run(mlflow, study.id) or _begin_study(mlflow, experiments, study)
    tags = _tags(study) | {"footnote.id": run.id, "footnote.study": study.id, "mlflow.parentRunId": above}
    tags |= {"footnote.in_memory": "true"} if run.in_memory else {}
    there = run.mlflow_id or _run(mlflow, run.id)
    began = run.started_at or study.created_at
    if not there:
        there = _create(mlflow, _called(run.configuration), began, tags)
    _log(mlflow, there, asdict(run.configuration), run.metrics, began, run.seconds)
    _log_table(mlflow, there, asked, experiments.scored(run.id))
    _log_questions(mlflow, there, asked)
    _end(mlflow, there, run.state, began, run.seconds, run.reason)
    return there


def send_study(mlflow: Opened, experiments: Experiments, study: Study) -> str:
    """Tell MLflow of a study itself, when it has ended."""
    there = study.mlflow_id or _run(mlflow, study.id) or _begin_study(mlflow, experiments, study)
    rows = [{"run": one.id, **asdict(one.configuration), **one.metrics, "seconds": one.seconds} for one in study.runs]
    _write_table(mlflow, there, "leaderboard.json", rows)
    for name, plot in plots_of(study.runs, experiments.measured_by).items():
        mlflow.client.log_text(there, plot, name)
    ends = [one.started_at.timestamp() + one.seconds for one in study.runs if one.started_at]
    seconds = max(0.0, max(ends, default=0.0) - study.created_at.timestamp())
    asked = f"the questions of {study.set_name} ({study.set_version})"
    about = f"{len(study.runs)} ways of asking {asked} on the collection {study.collection}. {study.reason}"
    _end(mlflow, there, study.state, study.created_at, seconds, about.strip())
    return there


def _begin_study(mlflow: Opened, experiments: Experiments, study: Study) -> str:
    asked = experiments.questions_of(study.set_version, study.set_name)
    there = _create(mlflow, study.name, study.created_at, _tags(study) | {"footnote.id": study.id})
    facts = {"collection": study.collection, "questions": study.set_name, "questions_version": study.set_version}
    _log(mlflow, there, facts | {"data_version": study.data_version, "runs": len(study.runs)}, {}, study.created_at, 0)
    _log_questions(mlflow, there, asked)
    mlflow.client.log_text(there, "\n".join(json.dumps(asdict(one)) for one in asked.questions), "questions.jsonl")
    experiments.set_mlflow_id("study", study.id, there)
    return there


def _create(mlflow: Opened, name: str, began: datetime, tags: Mapping[str, str]) -> str:
    short = {key: value[:LONGEST_TAG] for key, value in tags.items() if value}
    made = mlflow.client.create_run(mlflow.experiment(STUDIES), _ms(began), short, name[:250] or None)
    return str(made.info.run_id)


def _run(mlflow: Opened, ours: str) -> str:
    """The run of MLflow's that has one of our ids; empty if there is none."""
    wanted = f"tags.`footnote.id` = '{_plain(ours)}'"
    found = mlflow.client.search_runs([mlflow.experiment(STUDIES)], wanted, max_results=1)
    return str(found[0].info.run_id) if found else ""


def _plain(ours: str) -> str:
    return re.sub(r"[^\w-]", "", ours)


def _tags(study: Study) -> dict[str, str]:
    about = {"collection": study.collection, "data": study.data_version, "code": study.code_version}
    about |= {"questions": f"{study.set_name} {study.set_version}"}
    named = {f"footnote.{name}": value for name, value in about.items()}
    for name, value in study.environment.items():
        named[f"footnote.environment.{re.sub('[^A-Za-z0-9_.-]', '_', name)}"] = value
    commit = re.fullmatch("[0-9a-f]{40}", study.code_version)
    named |= {"mlflow.source.git.commit": study.code_version} if commit else {}
    return named | {"mlflow.source.name": "footnote", "mlflow.source.type": "LOCAL"}


def _called(configuration: Configuration) -> str:
    """What differs from what is usual, for people."""
    usual = asdict(Configuration())
    differs = [f"{name} {value}" for name, value in asdict(configuration).items() if value != usual[name]]
    return ", ".join(differs) or "as usual"


def _log(
    mlflow: Opened,
    there: str,
    parameters: Mapping[str, Any],
    metrics: Mapping[str, float],
    began: datetime,
    seconds: float,
) -> None:
    from mlflow.entities import Metric, Param

    given = {name: str(value) for name, value in parameters.items()}
    for name, value in given.items():
        if len(value) > LONGEST_PARAMETER:
            mlflow.client.log_text(there, value, f"parameters/{name}.txt")
            given[name] = f"see parameters/{name}.txt"
    at = _ms(began) + round(seconds * 1000)
    measured = [Metric(metric_name(name), value, at, 0) for name, value in metrics.items()]
    measured += [Metric("seconds", seconds, at, 0)] if seconds else []
    mlflow.client.log_batch(there, measured, [Param(name, value) for name, value in given.items()])


def _end(mlflow: Opened, there: str, state: RunState, began: datetime, seconds: float, reason: str) -> None:
    if reason:
        mlflow.client.set_tag(there, "mlflow.note.content", reason[:LONGEST_TAG])
    mlflow.client.set_terminated(there, _STATUS[state], _ms(began) + round(seconds * 1000))


def _log_questions(mlflow: Opened, there: str, asked: QuestionSet) -> None:
    """Note which questions were asked, as a dataset; once more is once."""
    import pandas  # type: ignore[import-untyped]  # its types are a package of their own
    from mlflow.data.pandas_dataset import from_pandas
    from mlflow.entities import DatasetInput, InputTag

    rows = pandas.DataFrame([_gold(one) for one in asked.questions])
    made = from_pandas(rows, name=asked.name[:500] or "questions", digest=asked.version)
    given = DatasetInput(made._to_mlflow_entity(), [InputTag("mlflow.data.context", "evaluation")])
    mlflow.client.log_inputs(there, [given])


def _gold(one: Gold) -> dict[str, Any]:
    return {
        "question": storable(one.question),  # MLflow keeps halves of characters no more than SQLite does
        "answers": json.dumps(one.answers),
        "document": storable(one.document),
        "pages": json.dumps(one.pages),
        "quotes": json.dumps(one.quotes),
        "tags": json.dumps(one.tags),
        "answerable": one.answerable,
    }


def _log_table(mlflow: Opened, there: str, asked: QuestionSet, scored: Iterable[Scored]) -> None:
    """Each question with what the run made of it, and all that its numbers can be calculated from."""
    rows = []
    for one in scored:
        made = asdict(one)
        metrics, found = made.pop("metrics"), made.pop("found")
        rows.append(_gold(asked.questions[one.place]) | made | {"found": json.dumps(found)} | metrics)
    _write_table(mlflow, there, TABLE, rows)


def _write_table(mlflow: Opened, there: str, name: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """In the form in which MLflow keeps tables, whole: its own way adds to one that is there."""
    columns = list(dict.fromkeys(column for row in rows for column in row))
    data = [[row.get(column) for column in columns] for row in rows]
    mlflow.client.log_text(there, json.dumps({"columns": columns, "data": data}), name)
    mlflow.client.set_tag(there, "mlflow.loggedArtifacts", json.dumps([{"path": name, "type": "table"}]))


def _ms(at: datetime) -> int:
    return round(at.timestamp() * 1000)


def run_or_none(experiments: Experiments, run: str) -> Run | None:
    """A run, if its study was not deleted."""
    try:
        return experiments.run(run)
    except NotFoundError:
        return None


def study_or_none(experiments: Experiments, study: str) -> Study | None:
    """A study, if it was not deleted."""
    try:
        return experiments.study(study)
    except NotFoundError:
        return None
