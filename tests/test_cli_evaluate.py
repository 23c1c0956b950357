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
    assert second.startswith("2. abstain_below=1.0: F1 0.000 [0.000, 0.000] of 18 questions, -0.")
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
    assert done.stdout.startswith("1. as it is set: nDCG@5 1.000 [1.000, 1.000] of 18 questions, baseline")
    missed = evaluate(folder, "--threshold", "recall@5=0.8", "--threshold", "precision@5=0.9")
    assert missed.returncode == 1
    assert "Missed: precision@5 is 0.2 over 18 questions, and should be at least 0.9." in missed.stderr
    slow = evaluate(folder, "--threshold", "latency p50=0.001")
    assert slow.returncode == 1
    assert "should be at most 0.001" in slow.stderr


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--threshold", "recall@5"], "write a metric and a number"),
        (["--threshold", "MRR=nan"], "write a metric and a number"),
        (["--threshold", "latency p50=inf"], "write a metric and a number"),
        (["--threshold", "recall@7=0.5"], "'recall@7' would not be measured. Did you mean recall@"),
        (["--threshold", "recall_at_5=0.5"], "Did you mean recall@5?"),
        (["--threshold", "abstained=0"], "'abstained' would not be measured. There are"),
        (["--metric", "BLEU"], "'BLEU' would not be measured. There are"),
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


def test_a_threshold_is_missed_if_it_rests_on_a_part_of_the_questions(folder: Path, tmp_path: Path) -> None:
    bad = tmp_path / "bad.jsonl"
    lines = (folder / "towns.jsonl").read_text(encoding="utf-8").replace("arvika.md", "arvica.md")
    bad.write_text(lines, encoding="utf-8")
    asked = ["--data-dir", folder / "data", "evaluate", "--set", bad, "--threshold", "hit@5=0.9"]
    missed = run(*asked)
    assert missed.returncode == 1
    assert "Missed: for 2 of 19 questions, the document or quote that is named is not in" in missed.stderr
    assert "'arvica.md', 'arvica.md'." in missed.stderr
    allowed = run(*asked, "--threshold", "located=16")
    assert allowed.returncode == 0, allowed.stderr


def test_what_is_no_mean_over_questions_is_printed_plainly_the_best_first(folder: Path) -> None:
    done = evaluate(folder, "--grid", folder / "grid.json", "--metric", "abstained")
    assert done.returncode == 0, done.stderr
    first, second = done.stdout.splitlines()
    assert first.startswith("1. abstain_below=1.0: abstained 1.000, ")
    assert second.startswith("2. abstain_below=0.23: abstained 0.")
    assert "[" not in done.stdout


def test_it_does_not_wait_for_ever_beside_an_owner_that_works_off_no_studies(folder: Path) -> None:
    owner = (
        "import sys; from pathlib import Path; from rag.settings import load_settings; from rag.workspace import "
        "Workspace\nwith Workspace(load_settings(data_dir=Path(sys.argv[1]))) as w:\n"
        "    w.worker.start(); print('ready', flush=True); sys.stdin.readline()\n"
    )
    asking = (
        "import sys; from rag import cli, cli_evaluate; cli_evaluate.IDLE_SECONDS = 1.0\n"
        "sys.exit(cli.main(sys.argv[1:]))"
    )
    command = [sys.executable, "-c", owner, str(folder / "data")]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline().strip() == "ready"
        asked = ["--data-dir", folder / "data", "evaluate", "--set", folder / "towns.jsonl"]
        done = subprocess.run(
            [sys.executable, "-c", asking, *map(str, asked)], cwd=ROOT, capture_output=True, text=True, timeout=60
        )
        process.communicate("\n")
    assert done.returncode == 1
    assert "has begun no study in 1 seconds" in done.stderr


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
