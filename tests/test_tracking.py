"""MLflow is told of studies and traces: all of it, once, whatever happens on the way; and nobody waits for it."""

from __future__ import annotations

import json
import signal
import socket
import sqlite3
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock, Timeout

from rag.errors import RagError
from rag.records import Configuration, Gold, QuestionSet, Run, RunState, Study
from rag.settings import load_settings
from rag.traces import NewTrace
from rag.tracking.opening import ANSWERS, STUDIES
from rag.tracking.process import Exporting
from rag.tracking.studies import TABLE, metric_name
from rag.tracking.traces import mlflow_id
from rag.workspace import Workspace
from tests.conftest import outcomes
from tests.mlflow_store import (
    EXPORTER,
    QUESTIONS,
    ROOT,
    client,
    experiment,
    make_study,
    outside,
    table,
    tell,
    with_database,
)
from tests.test_traces import FLIGHT, RENT, a_trace, ask, keep

pytestmark = [
    pytest.mark.end_to_end,
    pytest.mark.timeout(400),
    pytest.mark.filterwarnings("ignore"),  # MLflow's own, of which each version has others
]


def tell_all(workspace: Workspace) -> int:
    """Tell MLflow what waits, and what is still being written; the exit code."""
    workspace.recorder.settle()
    return tell(workspace.folder.path)


def told_traces(workspace: Workspace) -> list[Any]:
    """What MLflow has of traces, the first first."""
    of = client(workspace.folder.path)
    found = of.search_traces(locations=[experiment(of, ANSWERS)], order_by=["timestamp_ms ASC"])
    return list(found)


def told_runs(workspace: Workspace) -> dict[str, Any]:
    """What MLflow has of studies and runs, by our ids."""
    of = client(workspace.folder.path)
    return {one.data.tags["footnote.id"]: one for one in of.search_runs([experiment(of, STUDIES)])}


# -- traces ------------------------------------------------------------------------------------------------------


def test_a_trace_is_told_with_its_spans_at_their_times(tracked: Workspace) -> None:
    ask(tracked, RENT)
    [trace] = tracked.traces()
    assert tell_all(tracked) == 0
    [told] = told_traces(tracked)
    assert told.info.trace_id == mlflow_id(trace.id)
    assert told.info.request_time == int(trace.at.timestamp() * 1000)
    assert told.info.execution_duration == max(1, round(trace.seconds * 1000))
    names = [one.name for one in told.data.spans]
    assert names == ["ask", "retrieve", "lexical", "dense", "late", "fuse", "context", "generate", "verify"]
    by_name = {one.name: one for one in told.data.spans}
    assert by_name["lexical"].parent_id == by_name["retrieve"].span_id
    assert by_name["generate"].parent_id == by_name["ask"].span_id
    assert by_name["ask"].inputs["question"] == RENT
    assert by_name["ask"].outputs["answer"] == trace.answer
    assert by_name["retrieve"].outputs[0]["metadata"]["doc_uri"] == "lease.md"
    assert by_name["generate"].inputs["passages"] == by_name["retrieve"].outputs
    assert by_name["generate"].outputs == {"answer": trace.answer}
    assert by_name["verify"].outputs == {"abstained": False, "confidence": pytest.approx(trace.confidence)}
    assert (told.info.request_preview, told.info.response_preview) == (RENT, trace.answer)
    for one in trace.spans:
        shown = by_name[{"check": "verify"}.get(one.name, one.name)]
        assert (shown.end_time_ns - shown.start_time_ns) / 1e9 == pytest.approx(one.seconds, abs=1e-6)
        assert shown.start_time_ns / 1e9 == pytest.approx(trace.at.timestamp() + one.start, abs=1e-3)
    assert tracked.trace(trace.id).mlflow_id == told.info.trace_id
    assert not tracked.tracking_state().waiting


def test_what_a_reader_thinks_becomes_an_assessment_and_follows_them(tracked: Workspace) -> None:
    keep(tracked, RENT, "one")
    tell_all(tracked)
    turn = tracked.conversation("talk").turns[0]
    for value, note in ((1, "just so"), (-1, "too long"), (0, "")):
        tracked.judge("talk", turn, value, note)
        tracked.recorder.settle()
        assert tracked.tracking_state().waiting == {"trace": 1}
        assert tell_all(tracked) == 0
        [told] = told_traces(tracked)
        thought = [(one.feedback.value, one.rationale) for one in told.info.assessments]
        assert thought == ([(value > 0, note)] if value else [])


def test_what_is_deleted_is_deleted_there(tracked: Workspace) -> None:
    keep(tracked, RENT, "one")
    keep(tracked, FLIGHT, "two")
    tell_all(tracked)
    assert len(told_traces(tracked)) == 2
    tracked.drop_turn("talk", "one")
    assert tell_all(tracked) == 0
    assert [one.data.spans[0].inputs["question"] for one in told_traces(tracked)] == [FLIGHT]
    tracked.erase()
    assert not tracked.tracking_state().waiting
    assert not (tracked.folder.mlflow / "mlflow.db").exists()


def test_mlflow_keeps_no_traces_that_are_not_kept_here(
    make_workspace: Callable[..., Workspace], notes: Path, mlflow_folder: Path
) -> None:
    workspace = make_workspace(mlflow=True, traces_kept=2)
    outcomes(workspace.ingest([notes]))
    with_database(workspace.folder.path, mlflow_folder)
    for number in range(4):
        keep(workspace, f"{RENT} {number}", f"turn {number}")
        assert tell_all(workspace) == 0
    asked = [one.info.request_preview for one in told_traces(workspace)]
    assert asked == [f"{RENT} 2", f"{RENT} 3"]
    workspace.delete_conversation("talk")
    assert tell_all(workspace) == 0
    assert told_traces(workspace) == []


def test_texts_that_are_left_out_are_told_nobody(
    make_workspace: Callable[..., Workspace], notes: Path, mlflow_folder: Path
) -> None:
    workspace = make_workspace(mlflow=True, trace_texts=False)
    outcomes(workspace.ingest([notes]))
    with_database(workspace.folder.path, mlflow_folder)
    ask(workspace, RENT)
    workspace.recorder.settle()
    assert tell_all(workspace) == 0
    [told] = told_traces(workspace)
    shown = json.dumps(told.to_dict())
    for text in (RENT, "84,000", "lease.md"):
        assert text not in shown
    assert len(told.data.spans) == 9


def test_an_answer_that_failed_is_told_as_an_error(tracked: Workspace) -> None:
    stream = tracked.ask_stream(RENT)
    next(iter(stream))
    stream.close()  # type: ignore[attr-defined]
    tracked.recorder.settle()
    assert tell_all(tracked) == 0
    [told] = told_traces(tracked)
    assert told.info.state.value == "ERROR"


# -- studies -----------------------------------------------------------------------------------------------------


def test_a_study_is_a_run_with_a_run_for_each_configuration(tracked: Workspace) -> None:
    runs = make_study(tracked)
    assert tell_all(tracked) == 0
    told = told_runs(tracked)
    assert set(told) == {"study1", *(one.id for one in runs)}
    above = told["study1"]
    assert above.info.run_name == "How many passages?"
    assert above.data.tags["footnote.environment.python"] == "3.11"
    assert above.data.tags["mlflow.source.git.commit"] == "f" * 40
    for run in runs:
        one = told[run.id]
        assert one.data.tags["mlflow.parentRunId"] == above.info.run_id
        assert one.data.params["k"] == str(run.configuration.k)
        assert set(one.data.params) == set(Configuration.__dataclass_fields__)
        assert one.data.metrics["recall_at_5"] == 0.5
        assert one.data.metrics["latency p50"] == 12.0
        assert run.started_at is not None
        assert one.info.start_time == round(run.started_at.timestamp() * 1000)
        assert one.info.end_time - one.info.start_time == 3000
        assert one.info.status == "FINISHED"
        [asked] = one.inputs.dataset_inputs
        assert (asked.dataset.name, asked.dataset.digest) == (QUESTIONS.name, QUESTIONS.version)
    assert tracked.experiments.study("study1").mlflow_id == above.info.run_id
    assert tracked.experiments.run(runs[0].id).mlflow_id == told[runs[0].id].info.run_id
    assert not tracked.tracking_state().waiting


def test_every_number_of_a_run_can_be_calculated_from_what_was_told(tracked: Workspace, tmp_path: Path) -> None:
    [run, _] = make_study(tracked)
    tell_all(tracked)
    told = told_runs(tracked)[run.id]
    rows = table(client(tracked.folder.path), told.info.run_id, TABLE, tmp_path)
    assert [row["question"] for row in rows] == [one.question for one in QUESTIONS.questions]
    again = {name: statistics.mean(row[name] for row in rows if row[name] is not None) for name in ("recall@5", "mrr")}
    again["latency p50"] = statistics.median(row["milliseconds"] for row in rows)
    assert again == dict(run.metrics)
    assert {metric_name(name): value for name, value in again.items()}.items() <= told.data.metrics.items()


def test_telling_twice_is_telling_once(tracked: Workspace) -> None:
    runs = make_study(tracked)
    ask(tracked, RENT)
    tracked.recorder.settle()
    tell_all(tracked)
    before = {ours: one.info.run_id for ours, one in told_runs(tracked).items()}
    with sqlite3.connect(tracked.folder.experiments) as lost:  # as if it had been killed before it could note it
        lost.execute("UPDATE runs SET mlflow_id = ''")
        lost.execute("UPDATE studies SET mlflow_id = ''")
    with sqlite3.connect(tracked.folder.traces) as lost:
        lost.execute("UPDATE traces SET mlflow_id = '', state = 'waiting'")
    for run in runs:
        tracked.experiments.queue_export("run", run.id)
    tracked.experiments.queue_export("study", "study1")
    assert tell_all(tracked) == 0
    assert {ours: one.info.run_id for ours, one in told_runs(tracked).items()} == before
    assert len(told_traces(tracked)) == 1
    assert len(told_traces(tracked)[0].data.spans) == 9
    of = client(tracked.folder.path)
    assert len(of.search_runs([experiment(of, STUDIES)])) == 3


def test_what_belongs_to_a_database_elsewhere_lies_beside_it(
    make_workspace: Callable[..., Workspace], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mlflow import MlflowClient

    monkeypatch.setenv("MLFLOW_TRACKING_URI", "")
    (tmp_path / "there").mkdir()
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    uri = f"sqlite:///{tmp_path / 'there' / 'team.db'}"
    workspace = make_workspace()
    make_study(workspace)
    assert tell(workspace.folder.path, mlflow_tracking_uri=uri) == 0
    client = MlflowClient(uri, uri)
    run = client.get_run(workspace.experiments.study("study1").runs[0].mlflow_id)
    assert run.info.artifact_uri.startswith((tmp_path / "there" / "mlruns").as_uri())
    assert list((tmp_path / "there" / "mlruns").rglob(TABLE))
    assert not list((tmp_path / "here").iterdir())


def test_a_long_parameter_is_told_whole(tracked: Workspace, tmp_path: Path) -> None:
    [run] = make_study(tracked, ks=(5,))
    long = "a-model-" * 1000
    with sqlite3.connect(tracked.folder.experiments) as changing:
        changing.execute("UPDATE runs SET configuration = json_set(configuration, '$.reranker', ?)", (long,))
    tell_all(tracked)
    told = told_runs(tracked)[run.id]
    assert told.data.params["reranker"] == "see parameters/reranker.txt"
    kept = client(tracked.folder.path).download_artifacts(told.info.run_id, "parameters/reranker.txt", str(tmp_path))
    assert Path(kept).read_text(encoding="utf-8") == long


def test_a_run_that_failed_is_told_as_failed_with_the_reason(tracked: Workspace) -> None:
    [run] = make_study(tracked, ks=(5,))
    tracked.experiments.end_run(run.id, RunState.FAILED, {}, 1.0, "The model is away.")
    tell_all(tracked)
    told = told_runs(tracked)[run.id]
    assert told.info.status == "FAILED"
    assert told.data.tags["mlflow.note.content"] == "The model is away."


def test_a_deleted_study_is_deleted_there(tracked: Workspace) -> None:
    make_study(tracked)
    tell_all(tracked)
    tracked.experiments.delete_study("study1")
    assert tell_all(tracked) == 0
    assert told_runs(tracked) == {}


# -- whatever happens ----------------------------------------------------------------------------------------------


def test_two_processes_on_a_fresh_database_both_come_through(tmp_path: Path) -> None:
    folders = tmp_path / "data"
    (folders / "mlflow").mkdir(parents=True)
    command = [sys.executable, "-m", "rag.tracking.migrating", str(folders)]
    both = [
        subprocess.Popen(command, cwd=ROOT, env=outside(), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for _ in range(2)
    ]
    said = [one.communicate(timeout=200)[1].decode() for one in both]
    assert [one.returncode for one in both] == [0, 0], said
    assert client(folders).get_experiment_by_name("Default") is not None


def test_a_locked_database_loses_nothing_and_stops_no_answer(tracked: Workspace) -> None:
    ask(tracked, RENT)
    tracked.recorder.settle()
    locking = sqlite3.connect(tracked.folder.mlflow / "mlflow.db", isolation_level=None)
    locking.execute("BEGIN EXCLUSIVE")
    process = subprocess.Popen(
        [*EXPORTER, str(tracked.folder.path), "0"], cwd=ROOT, env=outside(), stdin=subprocess.PIPE
    )
    began = time.monotonic()
    ask(tracked, FLIGHT)
    assert time.monotonic() - began < 5
    try:
        assert process.wait(timeout=45) == 1
        assert "locked" in tracked.tracking_state().error
    except subprocess.TimeoutExpired:  # MLflow has more patience than we have here
        process.kill()
        process.wait()
    assert process.stdin is not None
    process.stdin.close()
    assert tracked.tracking_state().waiting == {"trace": 2}
    locking.rollback()
    locking.close()
    _until(lambda: tracked.recorder.store.due() == 2, 30)
    assert tell_all(tracked) == 0
    assert len(told_traces(tracked)) == 2


def test_a_server_that_is_away_is_tried_later_and_the_state_says_why(
    make_workspace: Callable[..., Workspace], notes: Path
) -> None:
    workspace = make_workspace(mlflow=True, mlflow_tracking_uri="http://user:secret@127.0.0.1:9")
    outcomes(workspace.ingest([notes]))
    ask(workspace, RENT)
    workspace.recorder.settle()
    done = subprocess.run(
        [*EXPORTER, str(workspace.folder.path), "0"],
        cwd=ROOT,
        env=outside(RAG_MLFLOW_TRACKING_URI="http://user:secret@127.0.0.1:9", MLFLOW_HTTP_REQUEST_MAX_RETRIES="0"),
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
        check=False,
        timeout=120,
    )
    assert done.returncode == 1
    state = workspace.tracking_state()
    assert state.waiting == {"trace": 1}
    assert "127.0.0.1" in state.error
    assert "secret" not in state.error + state.uri


def test_however_long_a_server_is_away_studies_are_told_when_it_is_back(
    tracked: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_study(tracked)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    for _ in range(10):
        assert tell(tracked.folder.path, mlflow_tracking_uri="http://127.0.0.1:9") == 1
    state = tracked.tracking_state()
    assert state.waiting == {"run": 2, "study": 1}
    assert "127.0.0.1" in state.error
    assert tracked._ready_to_tell() == 3
    assert tell_all(tracked) == 0
    assert len(told_runs(tracked)) == 3


def test_what_mlflow_refuses_stands_in_nobodys_way(tracked: Workspace) -> None:
    runs = make_study(tracked, ks=(3, 5, 8, 10))
    tell_all(tracked)
    with sqlite3.connect(tracked.folder.experiments) as changing:  # MLflow lets no parameter become another one
        changing.execute("UPDATE runs SET configuration = json_set(configuration, '$.reranker', 'another')")
    for run in runs:
        tracked.experiments.queue_export("run", run.id)
    make_study(tracked, "study2", ks=(5,))
    ask(tracked, RENT)
    assert tell_all(tracked) == 0
    state = tracked.tracking_state()
    assert state.waiting == {"run": 4}
    assert "param" in state.error
    assert {"study2", "study2run5"} <= set(told_runs(tracked))
    assert len(told_traces(tracked)) == 1
    assert tracked._ready_to_tell() == 0  # the process is not started for them until they are due
    tracked.track_now()
    assert tracked._ready_to_tell() == 4


def test_half_a_character_in_a_question_is_told_as_what_can_be_kept_of_it(tracked: Workspace) -> None:
    kept = tracked.experiments
    asked = QuestionSet("half", (Gold("a \ud800 b", document="\udfff.md"),))
    kept.keep_set(asked)
    run = Run("half-run", "half", Configuration(), RunState.QUEUED)
    at = datetime.now(UTC)
    state = RunState.QUEUED
    kept.add_study(Study("half", "Half", "documents", asked.name, asked.version, "data1", state, at, runs=(run,)))
    kept.end_study("half", RunState.FINISHED)
    assert tell_all(tracked) == 0
    assert not tracked.tracking_state().waiting
    assert set(told_runs(tracked)) == {"half", "half-run"}


def test_kill_9_between_outbox_and_export_loses_nothing_and_doubles_nothing(tracked: Workspace) -> None:
    for number in range(40):
        tracked.recorder.store.add([NewTrace(a_trace(number), "", True)], kept=1000)
    runs = make_study(tracked, ks=(3, 5, 8, 10))
    for pause in (4.0, 5.0, 6.0):
        process = subprocess.Popen(
            [*EXPORTER, str(tracked.folder.path), "0"], cwd=ROOT, env=outside(), stdin=subprocess.PIPE
        )
        time.sleep(pause)
        process.kill()
        process.wait()
        assert process.stdin is not None
        process.stdin.close()
    assert tell_all(tracked) == 0
    told = told_traces(tracked)
    assert sorted(one.info.trace_id for one in told) == [mlflow_id(a_trace(number).id) for number in range(40)]
    assert all(len(one.data.spans) == 2 for one in told)
    of = client(tracked.folder.path)
    found = of.search_runs([experiment(of, STUDIES)])
    assert sorted(one.data.tags["footnote.id"] for one in found) == sorted(["study1", *(run.id for run in runs)])
    assert {one.info.status for one in found} == {"FINISHED"}


def test_ten_ask_while_two_tell(tracked: Workspace) -> None:
    make_study(tracked)
    failures: list[RagError] = []

    def asking(number: int) -> None:
        try:
            for again in range(5):
                ask(tracked, f"How high is the yearly rent, {number} {again}?")
        except RagError as error:
            failures.append(error)

    exporters = [
        subprocess.Popen([*EXPORTER, str(tracked.folder.path), "4"], cwd=ROOT, env=outside(), stdin=subprocess.PIPE)
        for _ in range(2)
    ]
    askers = [threading.Thread(target=asking, args=(number,)) for number in range(10)]
    for one in askers:
        one.start()
    for one in askers:
        one.join()
    tracked.recorder.settle()
    codes = [one.wait(timeout=200) for one in exporters]
    for process in exporters:
        assert process.stdin is not None
        process.stdin.close()
    assert not failures
    assert codes == [0, 0]
    assert tell_all(tracked) == 0
    assert len(told_traces(tracked)) == len(tracked.traces()) == 50
    assert len(told_runs(tracked)) == 3


# -- the process that tells ------------------------------------------------------------------------------------------


def test_a_workspace_that_tracks_tells_in_the_background_and_ends_its_process(tracked: Workspace) -> None:
    ask(tracked, RENT)
    make_study(tracked, ks=(5,))
    tracked.track()
    _until(lambda: not tracked.tracking_state().waiting, 120)
    assert len(told_traces(tracked)) == 1
    assert set(told_runs(tracked)) == {"study1", "study1run5"}
    child = tracked._exporting._child
    assert child is not None
    began = time.monotonic()
    tracked.close()
    assert time.monotonic() - began < 15
    assert child.poll() is not None


def test_a_server_that_hangs_holds_nobody_up_and_the_process_ends_with_its_parent(tracked: Workspace) -> None:
    ask(tracked, RENT)
    tracked.recorder.settle()
    with socket.socket() as hanging:
        hanging.bind(("127.0.0.1", 0))
        hanging.listen(50)
        process = subprocess.Popen(
            [*EXPORTER, str(tracked.folder.path)],
            cwd=ROOT,
            env=outside(RAG_MLFLOW_TRACKING_URI=f"http://127.0.0.1:{hanging.getsockname()[1]}"),
            stdin=subprocess.PIPE,
        )
        hanging.settimeout(60)
        with hanging.accept()[0]:  # it is in the middle of a call
            assert process.stdin is not None
            process.stdin.close()
            began = time.monotonic()
            process.wait(timeout=60)
            assert time.monotonic() - began < 6
    assert tell_all(tracked) == 0
    assert len(told_traces(tracked)) == 1


def test_the_process_ends_at_once_with_its_parent_where_nothing_waits(tracked: Workspace) -> None:
    process = subprocess.Popen([*EXPORTER, str(tracked.folder.path)], cwd=ROOT, env=outside(), stdin=subprocess.PIPE)
    lock = tracked.folder.mlflow / "exporter.lock"
    _until(lambda: lock.exists() and _is_held(lock), 30)
    assert process.stdin is not None
    process.stdin.close()
    began = time.monotonic()
    assert process.wait(timeout=60) == 0
    assert time.monotonic() - began < 2


def _is_held(lock: Path) -> bool:
    try:
        FileLock(lock, timeout=0).acquire().lock.release()
    except Timeout:
        return True
    return False


def test_the_process_is_not_started_for_nothing_and_later_and_later_after_failures(tmp_path: Path) -> None:
    waiting = [0]
    exporting = Exporting(load_settings(data_dir=tmp_path), tmp_path, lambda: waiting[0])
    exporting.start()
    time.sleep(0.5)
    assert not exporting.running
    exporting.close()


def test_neither_answers_nor_the_start_of_anything_import_mlflow(notes: Path, tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from rag.settings import load_settings;"
        "from rag.workspace import Workspace;"
        f"w = Workspace(load_settings(data_dir=Path({str(tmp_path / 'other')!r})));"
        f"list(w.ingest([Path({str(notes)!r})])); w.ask('How high is the rent?'); w.tracking_state();"
        "w.close(); print(*sorted(one for one in sys.modules if one.split('.')[0] in ('mlflow', 'alembic', 'pandas')))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=outside(), capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == ""


def test_mlflows_pages_open_on_the_same_store(tracked: Workspace) -> None:
    import httpx

    make_study(tracked, ks=(5,))
    ask(tracked, RENT)
    tracked.recorder.settle()
    tell_all(tracked)
    address = tracked.open_mlflow()
    assert address.startswith("http://127.0.0.1:")
    assert tracked.open_mlflow() == address == tracked.tracking_state().address
    with httpx.Client(base_url=address, timeout=30, trust_env=False) as http:
        assert "<title>MLflow</title>" in http.get("/").text
        found = http.post("/api/2.0/mlflow/experiments/search", json={"max_results": 10}).json()["experiments"]
        ids = {one["name"]: one["experiment_id"] for one in found}
        assert tracked.mlflow_address("runs") == f"{address}/#/experiments/{ids[STUDIES]}/runs"
        assert tracked.mlflow_address("traces") == f"{address}/#/experiments/{ids[ANSWERS]}/traces"
        run = told_runs(tracked)["study1run5"].info.run_id
        kept = http.get("/get-artifact", params={"path": TABLE, "run_uuid": run})
        assert kept.json()["columns"][0] == "question"
    server = tracked._pages._server
    assert server is not None
    tracked.close()
    assert server.poll() is not None


def test_the_command_opens_mlflows_pages_and_ends_them_with_itself(tracked: Workspace) -> None:
    import httpx
    import psutil

    data_dir = str(tracked.folder.path)
    command = [sys.executable, "-m", "rag", "--data-dir", data_dir, "--json", "mlflow"]
    for stop in (signal.SIGTERM, signal.SIGKILL):
        process = subprocess.Popen(command, cwd=ROOT, env=outside(), stdout=subprocess.PIPE)
        assert process.stdout is not None
        address = json.loads(process.stdout.readline())["address"]
        family = psutil.Process(process.pid).children(recursive=True)
        assert httpx.get(f"{address}/health", timeout=30, trust_env=False).status_code == 200
        process.send_signal(stop)
        process.wait(timeout=60)
        process.stdout.close()
        _until(lambda family=family: not any(one.is_running() for one in family), 30)  # type: ignore[misc]


def _until(done: Callable[[], bool], seconds: float) -> None:
    until = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < until, "it took too long"
        time.sleep(0.2)
