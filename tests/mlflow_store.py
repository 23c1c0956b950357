"""MLflow for tests: a database that is brought up to date once, a small study, and what was told."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
import warnings
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rag.folder import Folder
from rag.records import Configuration, Found, Gold, QuestionSet, Run, RunState, Scored, Study
from rag.settings import load_settings
from rag.tracking import place_of
from rag.tracking.exporter import export
from rag.workspace import Workspace

ROOT = Path(__file__).resolve().parent.parent
EXPORTER = (sys.executable, "-m", "rag.tracking.exporter")
QUESTIONS = QuestionSet(
    "lease",
    (
        Gold("How high is the yearly rent?", ("84,000 euros",), "lease.md", (1,), ("The yearly rent is 84,000 euros",)),
        Gold("Who repairs the roof?", ("the landlord",), "lease.md", (1,)),
        Gold("Who piloted the first flight across the Atlantic?", answerable=False),
    ),
)


def new_database(folder: Path) -> None:
    """Make MLflow's database, which takes some seconds."""
    command = [sys.executable, "-m", "rag.tracking.migrating", str(folder)]
    subprocess.run(command, cwd=ROOT, env=outside(), check=True, capture_output=True, timeout=120)


def outside(**more: str) -> dict[str, str]:
    """The environment of a process without settings of ours."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("RAG_", "MLFLOW_"))}
    return kept | {"MLFLOW_DISABLE_TELEMETRY": "true"} | more


def with_database(data_dir: Path, made: Path) -> None:
    """Put a database that was made before into a data folder that has none."""
    (data_dir / "mlflow").mkdir(parents=True, exist_ok=True)
    shutil.copy(made / "mlflow" / "mlflow.db", data_dir / "mlflow" / "mlflow.db")


def tell(data_dir: Path, **settings: Any) -> int:
    """Tell MLflow what waits, in this process; the exit code."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # MLflow's own
        given = {"mlflow_tracking_uri": "", **settings}  # MLflow puts where it was last into the environment
        return export(load_settings(data_dir=data_dir, mlflow=True, **given), lambda: False, idle_seconds=0)


def packed(workspace: Workspace) -> None:
    """Wait until all is there that champions take along."""
    workspace._pack_later()
    until = time.monotonic() + 60
    while not all(workspace._is_ready(one) for one in workspace.experiments.unexported()):
        assert time.monotonic() < until
        time.sleep(0.1)


def client(data_dir: Path) -> Any:
    """MLflow's client of a data folder."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from mlflow import MlflowClient

        place = place_of(load_settings(data_dir=data_dir, mlflow_tracking_uri=""), Folder(data_dir))
        return MlflowClient(place.uri, place.uri)


def experiment(of: Any, name: str) -> str:
    return str(of.get_experiment_by_name(name).experiment_id)


def table(of: Any, run: str, name: str, folder: Path) -> list[dict[str, Any]]:
    """The rows of a table of a run."""
    kept = json.loads(Path(of.download_artifacts(run, name, str(folder))).read_text(encoding="utf-8"))
    return [dict(zip(kept["columns"], row, strict=True)) for row in kept["data"]]


def scored(place: int, recall: float | None, milliseconds: float) -> Scored:
    metrics = {} if recall is None else {"recall@5": recall, "mrr": recall / 2}
    found = (Found("d1", "lease.md", 1, 10, 60, 0.5),) if recall else ()
    return Scored(place, metrics, found, "84,000 euros" if recall else "", recall is None, 0.7, milliseconds)


def make_study(
    workspace: Workspace, study: str = "study1", ks: Sequence[int] = (5, 8), collection: str = "documents"
) -> list[Run]:
    """A study that has ended, of a run for each k."""
    kept = workspace.experiments
    kept.keep_set(QUESTIONS)
    runs = [Run(f"{study}run{k}", study, Configuration(k=k), RunState.QUEUED) for k in ks]
    kept.add_study(
        Study(
            study,
            "How many passages?",
            collection,
            QUESTIONS.name,
            QUESTIONS.version,
            "data1",
            RunState.QUEUED,
            datetime.now(UTC),
            runs=tuple(runs),
            code_version="f" * 40,
            environment={"python": "3.11", "chromadb": "1.5"},
        )
    )
    kept.next_study()
    for run in runs:
        kept.begin_run(run.id)
        kept.keep_scored({run.id: [scored(0, 1.0, 12.0), scored(1, 0.0, 9.0), scored(2, None, 21.0)]})
        kept.end_run(run.id, RunState.FINISHED, {"recall@5": 0.5, "mrr": 0.25, "latency p50": 12.0}, 3.0)
    kept.end_study(study, RunState.FINISHED)
    return [kept.run(one.id) for one in runs]
