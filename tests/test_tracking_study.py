"""What MLflow has of a real study is enough to calculate every number anew, and to see it without Footnote."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from defusedxml import ElementTree

from rag.evaluation.intervals import difference, interval
from rag.evaluation.leaderboard import standings
from rag.evaluation.scoring import of_run
from rag.records import Configuration, Found, Gold, RunState, Scored, Study
from rag.settings import load_settings
from rag.tracking.studies import TABLE, metric_name
from rag.workspace import Workspace, grid
from tests.mlflow_store import client, table, tell
from tests.studying import ended, fill, questions

pytestmark = [
    pytest.mark.end_to_end,
    pytest.mark.timeout(400),
    pytest.mark.filterwarnings("ignore"),  # MLflow's own, of which each version has others
]
HOSTILE = "$\\frac{a}{b}$ <script>alert(1)</script> & “Weights” \u202e🦄"


class Told:
    """A study that ran and was told, as it is here and as MLflow has it."""

    def __init__(self, workspace: Workspace, study: Study, folder: Path) -> None:
        self.workspace, self.study = workspace, study
        self.mlflow = client(workspace.folder.path)
        self.folder = folder

    def run(self, ours: str) -> Any:
        found = {one.id: one.mlflow_id for one in self.study.runs} | {self.study.id: self.study.mlflow_id}
        return self.mlflow.get_run(found[ours])

    def rows(self, ours: str) -> list[dict[str, Any]]:
        self.folder.joinpath(ours).mkdir(exist_ok=True)
        return table(self.mlflow, self.run(ours).info.run_id, TABLE, self.folder / ours)

    def text(self, ours: str, name: str) -> str:
        path = self.mlflow.download_artifacts(self.run(ours).info.run_id, name, str(self.folder))
        return Path(path).read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Told]:
    folder = tmp_path_factory.mktemp("study")
    with Workspace(load_settings(data_dir=folder / "data", mlflow=True, mlflow_tracking_uri="")) as workspace:
        fill(workspace, folder)
        tried = grid({"k": [1, 3], "lexical": [0.0, 1.0], "late": [0.0], "answerer": ["extractive"]})
        study = ended(workspace, workspace.start_study(HOSTILE.replace("\u202e", ""), questions(), None, tried), 200)
        assert study.state is RunState.FINISHED, study.reason
        assert tell(workspace.folder.path) == 0
        (folder / "got").mkdir()
        yield Told(workspace, workspace.experiments.study(study.id), folder / "got")


def gold(row: dict[str, Any]) -> Gold:
    listed = {name: tuple(json.loads(row[name])) for name in ("answers", "pages", "quotes", "tags")}
    return Gold(row["question"], document=row["document"], answerable=row["answerable"], **listed)


def scored(row: dict[str, Any]) -> Scored:
    """A row of the table as what was scored; its metrics are all that is nothing else."""
    known = {"question", "answers", "document", "pages", "quotes", "tags", "answerable", "place", "answer", "found"}
    known |= {"abstained", "confidence", "milliseconds", "error"}
    metrics = {name: value for name, value in row.items() if name not in known and value is not None}
    found = tuple(Found(**one) for one in json.loads(row["found"]))
    told = row["answer"], row["abstained"], row["confidence"], row["milliseconds"], row["error"]
    return Scored(row["place"], metrics, found, *told)


def test_every_number_of_a_run_follows_from_its_table(told: Told) -> None:
    for run in told.study.runs:
        rows = told.rows(run.id)
        assert [row["question"] for row in rows] == [one.question for one in questions().questions]
        again = of_run([gold(row) for row in rows], [scored(row) for row in rows], answers=True)
        logged = told.run(run.id).data.metrics
        assert {metric_name(name): value for name, value in again.items()} == pytest.approx(
            {name: value for name, value in logged.items() if name != "seconds"}
        )
        assert again == pytest.approx(dict(run.metrics))
        assert {"F1", "MRR", "latency p50", "latency p95", "latency p99", "abstention recall"} <= set(again)
        assert logged["seconds"] == pytest.approx(sum(row["milliseconds"] for row in rows) / 1000)


def test_ranks_by_hand_agree_with_what_was_logged(told: Told) -> None:
    """Without any code of ours: from the passages that were found, and the document that has the answer."""
    run = told.study.runs[-1]
    ranks = []
    for row in told.rows(run.id):
        if row["answerable"] and row["MRR"] is not None:
            names = [re.sub(r"\.md$", "", one["name"]) for one in json.loads(row["found"])]
            wanted = re.sub(r"\.md$", "", row["document"])
            ranks.append(1 / (names.index(wanted) + 1) if wanted in names else 0.0)
    assert np.mean(ranks) == pytest.approx(told.run(run.id).data.metrics["MRR"])
    times = sorted(row["milliseconds"] for row in told.rows(run.id))
    at = 0.95 * (len(times) - 1)
    low = math.floor(at)
    interpolated = times[low] + (at - low) * (times[min(low + 1, len(times) - 1)] - times[low])
    assert told.run(run.id).data.metrics["latency p95"] == pytest.approx(interpolated)


def test_intervals_and_differences_on_the_leaderboard_follow_from_two_tables(told: Told) -> None:
    first, *_, last = told.study.runs
    kept = told.workspace.experiments
    shown = {
        one.run.id: one
        for one in standings([first, last], {one.id: kept.measured(one.id) for one in (first, last)}, "F1", first.id)
    }
    columns = {}
    for run in (first, last):
        columns[run.id] = [math.nan if row["F1"] is None else row["F1"] for row in told.rows(run.id)]
        assert (shown[run.id].mean, shown[run.id].low, shown[run.id].high) == interval(columns[run.id])
    assert shown[last.id].difference == difference(columns[last.id], columns[first.id])


def test_parent_and_children_say_what_ran_on_what(told: Told) -> None:
    study = told.study
    for ours in (study.id, *(run.id for run in study.runs)):
        run = told.run(ours)
        tags = run.data.tags
        assert tags["footnote.data"] == study.data_version
        assert tags["footnote.questions"] == f"{study.set_name} {study.set_version}"
        assert re.fullmatch(r"[\d.]+\+[0-9a-f]{12}", tags["footnote.code"])
        assert {f"footnote.environment.{name}" for name in ("python", "system", "chromadb", "numpy")} <= set(tags)
        [asked] = run.inputs.dataset_inputs
        assert (asked.dataset.name, asked.dataset.digest) == (study.set_name, study.set_version)
        assert json.loads(asked.dataset.profile)["num_rows"] == len(questions().questions)
        assert {column["name"] for column in json.loads(asked.dataset.schema)["mlflow_colspec"]} >= {"question"}
    assert told.run(study.id).data.params["data_version"] == study.data_version
    asked = [json.loads(line) for line in told.text(study.id, "questions.jsonl").splitlines()]
    assert [one["question"] for one in asked] == [one.question for one in questions().questions]
    rows = table(told.mlflow, study.mlflow_id, "leaderboard.json", told.folder)
    assert {row["run"] for row in rows} == {run.id for run in study.runs}
    assert {row["k"] for row in rows} == {1, 3}


@pytest.mark.parametrize("name", ["quality and time", "parameters", "leaderboard"])
def test_plots_are_pictures_that_fetch_nothing(told: Told, name: str) -> None:
    drawn = told.text(told.study.id, f"plots/{name}.svg")
    root = ElementTree.fromstring(drawn)
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    for one in root.iter():
        assert one.tag.rpartition("}")[2] not in ("script", "image", "foreignObject", "font", "a")
        for attribute, value in one.attrib.items():
            if attribute.endswith("href"):
                assert value.startswith("#")
    assert "@import" not in drawn
    assert "font-family" not in drawn
    assert not re.search(r"url\((?!#)", drawn)


def test_plots_of_runs_that_measured_nothing_or_failed_are_left_out() -> None:
    from rag.records import Run
    from rag.tracking.plots import BOARD, PARAMETERS, TIME, plots_of

    def measured(runs: Any, metric: str) -> Any:
        return {one: {0: 1.0, 1: 0.0} for one in runs}

    failed = Run("a", "s", Configuration(), RunState.FAILED, {"MRR": 1.0})
    assert plots_of([], measured) == plots_of([failed], measured) == {}
    assert plots_of([Run("a", "s", Configuration(), RunState.FINISHED, {"errors": 1.0})], measured) == {}
    alone = Run("a", "s", Configuration(), RunState.FINISHED, {"MRR": 0.5})
    assert set(plots_of([alone], measured)) == {BOARD}
    names = [HOSTILE, "b" * 500, "模型"]
    many = [
        Run(name, "s", Configuration(reranker=name), RunState.FINISHED, {"MRR": 0.5, "latency p50": 3.0})
        for name in names
    ]
    drawn = plots_of(many, measured)
    assert set(drawn) == {BOARD, TIME, PARAMETERS}
    assert drawn == plots_of(many, measured)
    assert "<script" not in "".join(drawn.values())
