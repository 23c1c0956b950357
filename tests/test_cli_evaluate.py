"""`python -m rag evaluate` as CI sees it: a leaderboard, and an exit code that says whether a threshold is missed."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from rag.settings import load_settings
from rag.workspace import Workspace, set_as_jsonl
from tests.studying import fill, questions
from tests.test_cli import ROOT, rows, run

pytestmark = pytest.mark.end_to_end


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with reports of towns, and beside it questions and a grid."""
    home = tmp_path_factory.mktemp("evaluate")
    with Workspace(load_settings(data_dir=home / "data")) as workspace:
        fill(workspace, home)
    (home / "towns.jsonl").write_text(set_as_jsonl(questions().questions), encoding="utf-8")
    grid = {"answerer": "extractive", "abstain_below": [0.23, 1.0], "k": [5]}
    (home / "grid.json").write_text(json.dumps(grid), encoding="utf-8")
    return home


def evaluate(folder: Path, *more: str | Path) -> subprocess.CompletedProcess[str]:
    return run("--data-dir", folder / "data", "evaluate", "--set", folder / "towns.jsonl", *more)


def test_a_leaderboard_for_people_says_what_differs_and_how_sure_that_is(folder: Path) -> None:
    done = evaluate(folder, "--grid", folder / "grid.json")
    assert done.returncode == 0, done.stderr
    first, second = done.stdout.splitlines()
    assert first.startswith("1. abstain_below=0.23: F1 0.")
    assert "baseline" in first
    assert second.startswith("2. abstain_below=1.0: F1 0.000 [0.000, 0.000], -0.")
    assert "worse" in second


def test_json_has_each_run_with_its_interval_and_its_difference(folder: Path) -> None:
    done = evaluate(folder, "--grid", folder / "grid.json", "--metric", "recall@5", "--json")
    assert done.returncode == 0, done.stderr
    best, other = rows(done)
    assert {best["rank"], other["rank"]} == {1, 2}
    assert best["metric"] == "recall@5"
    assert best["configuration"]["answerer"] == "extractive"
    low, high = best["interval"]
    assert low <= best["mean"] <= high
    assert best["metrics"]["recall@5"] == best["mean"]
    assert (best["verdict"], other["verdict"]) == ("baseline", "no real difference")
    assert other["difference"]["questions"] == 18


def test_without_a_grid_what_is_set_is_held_against_thresholds(folder: Path) -> None:
    done = evaluate(folder, "--threshold", "recall@5=0.8", "--threshold", "latency p50=60000")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("1. as it is set: nDCG@5 1.000")
    missed = evaluate(folder, "--threshold", "recall@5=0.8", "--threshold", "precision@5=0.9")
    assert missed.returncode == 1
    assert "Missed: precision@5 is 0.2, and should be at least 0.9." in missed.stderr
    slow = evaluate(folder, "--threshold", "latency p50=0.001")
    assert slow.returncode == 1
    assert "should be at most 0.001" in slow.stderr


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--threshold", "recall@5"], "write a metric and a number"),
        (["--threshold", "recall@7=0.5"], "'recall@7' was not measured. There are"),
        (["--metric", "BLEU"], "'BLEU' was not measured. There are"),
        (["--grid", "nowhere.json"], "cannot be read"),
        (["--collection", "nowhere"], "nowhere"),
    ],
)
def test_bad_input_is_exit_code_2_and_one_line(folder: Path, more: list[str], said: str) -> None:
    done = evaluate(folder, *more)
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_a_bad_set_or_grid_is_exit_code_2(folder: Path, tmp_path: Path) -> None:
    bad = tmp_path / "bad.json"
    bad.write_text('{"k": [0]}', encoding="utf-8")
    assert evaluate(folder, "--grid", bad).returncode == 2
    done = run("--data-dir", folder / "data", "evaluate", "--set", bad)
    assert (done.returncode, "bad.json" in done.stderr) == (2, True)


def test_it_works_while_another_process_owns_the_folder(folder: Path) -> None:
    owner = (
        "import sys; from pathlib import Path; from rag.settings import load_settings; from rag.workspace import "
        "Workspace\nwith Workspace(load_settings(data_dir=Path(sys.argv[1]))) as w:\n"
        "    w.resume_studies(); print('ready', flush=True); sys.stdin.readline()\n"
    )
    command = [sys.executable, "-c", owner, str(folder / "data")]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline().strip() == "ready"
        done = evaluate(folder, "--threshold", "recall@5=0.8")
        process.communicate("\n")
    assert done.returncode == 0, done.stderr


def test_a_single_way_is_called_by_what_is_other_than_usual(folder: Path) -> None:
    (folder / "one.json").write_text('{"k": [3]}', encoding="utf-8")
    done = evaluate(folder, "--grid", folder / "one.json")
    assert done.stdout.startswith("1. k=3: nDCG@3 "), done.stderr
