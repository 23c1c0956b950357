"""The file of experiments: what is kept comes back, long lists are quick, and writers wait for each other."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from rag.errors import InputError, NotFoundError
from rag.experiments import CHALLENGER, Experiments
from rag.records import Configuration, Found, Gold, QuestionSet, Run, RunState, Scored, Study

QUESTIONS = QuestionSet(
    "Reports",
    (
        Gold(
            "What was the revenue?", ("$ 3 million",), "report.pdf", (3, 4), ("Revenue was\n$ 3 million",), ("money",)
        ),
        Gold("  Who, \ud800 'asks'; DROP TABLE?", answerable=False),
    ),
)


def a_study(number: int = 0, runs: int = 2) -> Study:
    study = f"study-{number}"
    its = tuple(Run(f"{study}-run-{one}", study, Configuration(k=one + 1), RunState.QUEUED, {}) for one in range(runs))
    created = datetime(2026, 1, 1, 12, number, tzinfo=UTC)
    return Study(
        study, f"Study {number}", "default", "Reports", QUESTIONS.version, "data", RunState.QUEUED, created, its,
        total=2 * runs, code_version="1.0", environment={"python": "3.12"},
    )  # fmt: skip


def scored(place: int, recall: float = 1.0) -> Scored:
    found = Found("d" * 32, "report.pdf", 3, 10, 20, 0.75, "ten \ud800 chars")
    return Scored(place, {"recall@5": recall}, (found,), "An answer \ud800", True, 0.25, 12.5, "")


@pytest.fixture
def experiments(tmp_path: Path) -> Iterator[Experiments]:
    opened = Experiments(tmp_path / "experiments.sqlite3")
    yield opened
    opened.close()


def test_a_question_set_comes_back_word_for_word_in_each_version(experiments: Experiments) -> None:
    experiments.keep_set(QUESTIONS)
    other = QuestionSet("Reports", QUESTIONS.questions[:1])
    experiments.keep_set(other)
    assert experiments.question_set("Reports") == other
    assert experiments.question_set("Reports", QUESTIONS.version) == QUESTIONS
    assert experiments.question_set("Reports", QUESTIONS.version).version == QUESTIONS.version
    assert [(one.version, one.questions) for one in experiments.sets()] == [(other.version, 1), (QUESTIONS.version, 2)]


def test_a_version_kept_again_is_the_newest_and_is_there_once(experiments: Experiments) -> None:
    for one in (QUESTIONS, QuestionSet("Reports", QUESTIONS.questions[:1]), QUESTIONS):
        experiments.keep_set(one)
    assert len(experiments.sets()) == 2
    assert experiments.question_set("Reports") == QUESTIONS


def test_the_questions_of_a_study_outlive_their_set(experiments: Experiments) -> None:
    experiments.keep_set(QUESTIONS)
    experiments.keep_set(QuestionSet("Others", QUESTIONS.questions[1:]))
    experiments.add_study(a_study())
    experiments.remove_set("Reports")
    assert [one.name for one in experiments.sets()] == ["Others"]
    assert experiments.questions_of(QUESTIONS.version).questions == QUESTIONS.questions
    with pytest.raises(NotFoundError, match="no question set called 'Reports'"):
        experiments.question_set("Reports")


def test_a_study_and_its_runs_come_back_as_they_were(experiments: Experiments) -> None:
    experiments.add_study(a_study(1))
    experiments.add_study(a_study(2))
    assert experiments.study("study-1") == a_study(1)
    assert [one.id for one in experiments.studies()] == ["study-2", "study-1"]
    assert experiments.runs("study-2") == list(a_study(2).runs)
    assert len(experiments.runs()) == 4
    experiments.delete_study("study-1")
    assert len(experiments.runs()) == 2
    with pytest.raises(NotFoundError):
        experiments.study("study-1")


def test_what_a_run_made_of_each_question_comes_back(experiments: Experiments) -> None:
    experiments.add_study(a_study())
    run = "study-0-run-0"
    experiments.keep_scored({run: [scored(1), scored(0, 0.0)]})
    experiments.keep_scored({run: [scored(1, 0.5)]})  # again, as after an interruption
    whole = experiments.scored(run)
    assert [(one.place, one.metrics["recall@5"]) for one in whole] == [(0, 0.0), (1, 0.5)]
    assert whole[0].found[0] == scored(0).found[0]
    assert whole[0].abstained is True
    assert whole[0].answer.startswith("An answer ")
    assert experiments.places(run) == {0, 1}
    assert experiments.measured(run) == {0: {"recall@5": 0.0}, 1: {"recall@5": 0.5}}
    assert experiments.scored_at([run, "study-0-run-1"], 1)[run].metrics == {"recall@5": 0.5}
    experiments.delete_study("study-0")
    assert experiments.scored(run) == []
    experiments.keep_scored({run: [scored(0)]})  # by a worker that has not noticed yet
    assert experiments.scored(run) == []


def test_studies_are_worked_off_in_turn_and_their_end_is_told(experiments: Experiments) -> None:
    experiments.add_study(a_study(1))
    experiments.add_study(a_study(2))
    first = experiments.next_study()
    assert first is not None
    assert (first.id, first.state) == ("study-1", RunState.RUNNING)
    experiments.begin_run("study-1-run-0")
    experiments.end_run("study-1-run-0", RunState.FINISHED, {"recall@5": 0.5}, 1.5)
    experiments.advance("study-1", 2, 4)
    experiments.end_study("study-1", RunState.FAILED, "The model is gone.")
    ended = experiments.study("study-1")
    assert (ended.state, ended.reason, ended.done) == (RunState.FAILED, "The model is gone.", 2)
    assert [one.state for one in ended.runs] == [RunState.FINISHED, RunState.FAILED]
    assert ended.runs[0].metrics == {"recall@5": 0.5}
    assert ended.runs[0].started_at is not None
    told = [(one.kind, one.key) for one in experiments.to_export()]
    assert told == [("run", "study-1-run-0"), ("run", "study-1-run-1"), ("study", "study-1")]
    second = experiments.next_study()
    assert second is not None
    assert second.id == "study-2"
    assert experiments.next_study() is None


def test_a_study_is_cancelled_at_once_while_it_waits_and_soon_while_it_runs(experiments: Experiments) -> None:
    for number in (1, 2):
        experiments.add_study(a_study(number))
    assert experiments.next_study() is not None
    for number in (1, 2):
        experiments.cancel_study(f"study-{number}")
    assert experiments.study("study-2").state is RunState.CANCELLED
    assert experiments.study("study-1").state is RunState.RUNNING
    assert experiments.is_cancelling("study-1")
    assert experiments.is_cancelling("no such study")


def test_nothing_is_running_for_ever(experiments: Experiments) -> None:
    experiments.add_study(a_study())
    assert experiments.next_study() is not None
    experiments.begin_run("study-0-run-0")
    assert experiments.requeue() == 1
    study = experiments.study("study-0")
    assert {study.state, *(one.state for one in study.runs)} == {RunState.QUEUED}


def test_the_outbox_keeps_what_could_not_be_told(experiments: Experiments) -> None:
    experiments.queue_export("trace", "t-1")
    experiments.queue_export("run", "r-1")
    first, second = experiments.to_export()
    experiments.exported(second)
    for _ in range(20):
        experiments.export_failed(first, "MLflow refuses it")
    assert experiments.to_export() == []
    (failed,) = experiments.unexported()
    assert (failed.kind, failed.key, failed.tries, failed.last_error) == ("trace", "t-1", 20, "MLflow refuses it")
    experiments.queue_export("run", "r-2")
    assert experiments.retry_exports() == 1
    assert [one.key for one in experiments.to_export()] == ["r-2", "t-1"]  # behind what was not refused


def test_a_deleted_study_is_on_the_disk_no_longer_and_gives_its_space_back(tmp_path: Path) -> None:
    kept = Experiments(tmp_path / "e.sqlite3")
    asked = QuestionSet("secret", (Gold("What did the confidential memo say?"),))
    kept.keep_set(asked)
    kept.add_study(a_study())
    [run, *_] = kept.runs("study-0")
    answered = [Scored(place, {}, (), "confidential " * 100) for place in range(2000)]
    kept.keep_scored({run.id: answered})
    kept.remove_set("secret")
    assert _bytes(tmp_path).count(b"confidential memo") == 0
    before = len(_bytes(tmp_path))
    kept.delete_study("study-0")
    assert b"confidential" not in _bytes(tmp_path)
    assert len(_bytes(tmp_path)) < before / 4
    kept.close()


def _bytes(folder: Path) -> bytes:
    return b"".join(one.read_bytes() for one in folder.glob("e.sqlite3*"))


def test_what_changes_while_it_is_told_is_told_again(experiments: Experiments) -> None:
    experiments.queue_export("run", "r-1")
    (one,) = experiments.to_export()
    experiments.queue_export("run", "r-1")
    experiments.exported(one)
    assert [one.key for one in experiments.to_export()] == ["r-1"]


def test_names_in_mlflow_are_kept(experiments: Experiments) -> None:
    experiments.keep_set(QUESTIONS)
    experiments.add_study(a_study())
    promoted = experiments.promote(Configuration(), "Ada")
    experiments.set_mlflow_id("study", "study-0", "m-1")
    experiments.set_mlflow_id("run", "study-0-run-1", "m-2")
    experiments.set_mlflow_id("set", QUESTIONS.version, "m-3")
    experiments.set_mlflow_id("promotion", str(promoted.number), "4")
    study = experiments.study("study-0")
    assert (study.mlflow_id, study.runs[1].mlflow_id, study.runs[0].mlflow_id) == ("m-1", "m-2", "")
    assert experiments.sets()[0].mlflow_id == "m-3"
    found = experiments.promoted()
    assert found is not None
    assert found.mlflow_id == "4"


def test_champions_are_promoted_rolled_back_and_remembered(experiments: Experiments) -> None:
    old, new = Configuration(k=3), Configuration(k=8)
    assert experiments.promoted() is None
    experiments.promote(old, "Ada", run="r-1")
    experiments.promote(new, "Bob", run="r-2")
    experiments.promote(new, "Eve", alias=CHALLENGER)
    experiments.promote(old, "Eve", collection="Filings")
    back = experiments.roll_back("Cy")
    assert (back.configuration, back.run, back.by) == (old, "r-1", "Cy")
    assert [(one.by, one.configuration.k) for one in experiments.history()] == [("Cy", 3), ("Bob", 8), ("Ada", 3)]
    filings, others = experiments.promoted("Filings"), experiments.promoted("Others")
    assert filings is not None
    assert others is not None
    assert (filings.by, others.by) == ("Eve", "Cy")
    experiments.roll_back("Cy", collection="Filings")  # the first one, so that nobody is champion
    with pytest.raises(NotFoundError):
        experiments.roll_back("Cy", collection="Filings")
    with pytest.raises(InputError):
        experiments.promote(old, "Cy", alias="winner")


def test_erasing_leaves_nothing(experiments: Experiments, tmp_path: Path) -> None:
    experiments.keep_set(QUESTIONS)
    experiments.add_study(a_study())
    experiments.promote(Configuration(), "Ada Lovelace")
    experiments.erase()
    assert (experiments.sets(), experiments.studies(), experiments.runs(), experiments.history()) == ([], [], [], [])
    kept = b"".join(one.read_bytes() for one in tmp_path.iterdir())
    assert b"What was the revenue" not in kept
    assert b"Ada Lovelace" not in kept


def test_a_list_of_2000_runs_comes_in_a_moment(experiments: Experiments) -> None:
    metrics = {f"metric {one}": one / 7 for one in range(15)}
    study = a_study(0, 2000)
    experiments.add_study(replace(study, runs=tuple(replace(one, metrics=metrics) for one in study.runs)))
    experiments.runs()
    took = []
    for _ in range(5):
        began = time.perf_counter()
        assert len(experiments.runs()) == 2000
        took.append(time.perf_counter() - began)
    assert min(took) < 0.05, took


def test_two_writers_and_ten_readers_at_once_meet_no_error(experiments: Experiments) -> None:
    errors: list[Exception] = []
    for number in range(2):
        experiments.add_study(a_study(number, 4))
    writing = threading.Event()

    def write(number: int) -> None:
        try:
            for place in range(60):
                run = f"study-{number}-run-{place % 4}"
                experiments.keep_scored({run: [scored(place)]})
                experiments.advance(f"study-{number}", place + 1, 60)
                if place % 10 == 9:
                    experiments.end_run(run, RunState.FINISHED, {"recall@5": 1.0})
        except Exception as error:  # noqa: BLE001 - any at all
            errors.append(error)

    def read() -> None:
        try:
            while not writing.is_set():
                experiments.runs()
                experiments.studies()
                experiments.scored("study-0-run-0")
                experiments.to_export()
        except Exception as error:  # noqa: BLE001 - any at all
            errors.append(error)

    readers = [threading.Thread(target=read) for _ in range(10)]
    writers = [threading.Thread(target=write, args=(number,)) for number in range(2)]
    for thread in (*readers, *writers):
        thread.start()
    for thread in writers:
        thread.join()
    writing.set()
    for thread in readers:
        thread.join()
    assert not errors
    for number in range(2):
        assert experiments.study(f"study-{number}").done == 60
        assert sum(len(experiments.places(f"study-{number}-run-{run}")) for run in range(4)) == 60


def test_a_study_goes_on_in_place_with_what_is_left(experiments: Experiments) -> None:
    experiments.add_study(a_study(runs=3))
    done, failed, waiting = (one.id for one in experiments.study("study-0").runs)
    experiments.next_study()
    experiments.end_run(done, RunState.FINISHED, {"recall@5": 1.0})
    broken = replace(scored(1), error="The model did not answer.")
    experiments.keep_scored({done: [scored(0), broken], failed: [scored(0), broken]})
    experiments.end_run(failed, RunState.FAILED, {}, reason="It was full.")
    experiments.again("study-0")
    assert experiments.study("study-0").state is RunState.RUNNING, "it has not ended yet"
    experiments.cancel_study("study-0")
    experiments.end_study("study-0", RunState.CANCELLED, "It was cancelled.")
    experiments.again("study-0")
    found = experiments.study("study-0")
    assert (found.state, found.reason, experiments.is_cancelling("study-0")) == (RunState.QUEUED, "", False)
    states = [RunState.FINISHED, RunState.QUEUED, RunState.QUEUED]
    assert [(one.state, one.reason) for one in found.runs] == [(one, "") for one in states]
    assert experiments.places(done) == {0, 1}, "what has finished stays as it is"
    assert experiments.places(failed) == {0}, "what failed is asked anew"
    assert experiments.places(waiting) == set()
    with pytest.raises(NotFoundError):
        experiments.again("study-1")
