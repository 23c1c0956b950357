"""Studies: what they find is what a search finds, they end whatever happens, and their figures can be made again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from rag.embedding import Embedder
from rag.errors import InputError, NotFoundError, ReadOnlyError
from rag.evaluation.grid import grid
from rag.evaluation.indexes import KEPT
from rag.evaluation.scoring import of_run
from rag.records import QUOTING, Configuration, Gold, QuestionSet, Run, RunState
from rag.workspace import Workspace, standings
from tests.llm_server import Behaviour, language_model_server
from tests.studying import ended, fill, questions

pytestmark = pytest.mark.end_to_end
ROOT = Path(__file__).resolve().parent.parent
ENDED = (RunState.FINISHED, RunState.FAILED, RunState.CANCELLED)


@pytest.fixture
def filled(workspace: Workspace, tmp_path: Path) -> Workspace:
    fill(workspace, tmp_path)
    return workspace


def found(workspace: Workspace, question: str, configuration: Configuration) -> list[tuple[str, int, int, float]]:
    hits = workspace.search(question, configuration=configuration)
    return [(hit.chunk.document_id, hit.chunk.start, hit.chunk.end, hit.score) for hit in hits]


def studied(workspace: Workspace, run: Run) -> list[list[tuple[str, int, int, float]]]:
    rows = workspace.experiments.scored(run.id)
    return [[(one.document, one.start, one.end, one.score) for one in row.found] for row in rows]


# -- the same as searching -----------------------------------------------------------------------------------------


def test_a_study_finds_what_a_search_finds_with_the_same_scores(filled: Workspace) -> None:
    chosen = grid({"k": [2, 20], "late": [0, 2], "routed": [0, 0.7]}) + grid({"lexical": 0}) + grid({"dense": [0, 3]})
    study = ended(filled, filled.start_study("all", questions(), None, chosen))
    assert study.state is RunState.FINISHED
    for run in study.runs:
        expected = [found(filled, one.question, run.configuration) for one in questions().questions]
        assert studied(filled, run) == expected, run.configuration


def test_so_it_does_with_a_reranker_which_reads_no_passage_twice(
    filled: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[tuple[str, str]] = []

    def shortest(question: str, passages: Sequence[str]) -> list[float]:
        read.extend((question, one) for one in passages)
        return [1 / len(one) for one in passages]

    scores_of: Mapping[str, Any] = {"": None, "shortest": shortest}
    monkeypatch.setattr(filled.rerankers, "scores_of", scores_of.get)
    chosen = grid({"reranker": "shortest", "k": [1, 3, 5], "dense": [0.5, 2]})
    study = ended(filled, filled.start_study("read", questions(1), None, chosen))
    assert len(read) == len(set(read)) > 0
    for run in study.runs:
        assert studied(filled, run) == [
            found(filled, one.question, run.configuration) for one in questions(1).questions
        ]


def test_other_passages_are_those_of_a_collection_made_so(
    filled: Workspace, make_workspace: Callable[..., Workspace], tmp_path: Path
) -> None:
    other = Configuration(chunk_tokens=80, overlap=20, headers=False, k=4)
    study = ended(filled, filled.start_study("cut", questions(), None, [other, replace(other, late=0)]))
    (tmp_path / "files").mkdir()
    made = make_workspace(data_dir=tmp_path / "other", chunk_tokens=80, chunk_overlap=20, chunk_headers=False)
    fill(made, tmp_path / "files")
    for run in study.runs:
        assert run.state is RunState.FINISHED, run.reason
        expected = [found(made, one.question, run.configuration) for one in questions().questions]
        assert [[one[:3] for one in row] for row in studied(filled, run)] == [
            [one[:3] for one in row] for row in expected
        ]
        scores = [one[3] for row in studied(filled, run) for one in row]
        assert scores == pytest.approx([one[3] for row in expected for one in row], abs=1e-5)


def test_answers_are_those_of_asking(filled: Workspace) -> None:
    chosen = grid({"answerer": QUOTING, "abstain_below": [0.0, 0.23, 1.0]})
    study = ended(filled, filled.start_study("answers", questions(2), None, chosen))
    for run in study.runs:
        rows = filled.experiments.scored(run.id)
        for one, gold in zip(rows, questions(2).questions, strict=True):
            *_, answer = filled.ask_stream(gold.question, configuration=run.configuration)
            assert (one.answer, one.abstained, one.confidence) == (answer.text, answer.abstained, answer.confidence)
    usual, silent = study.runs[1].metrics, study.runs[2].metrics
    assert usual["F1"] > 0.2
    assert usual["verbatim quotes"] == usual["abstention recall"] == 1.0
    assert (silent["abstained"], silent["F1"]) == (1.0, 0.0)


# -- what is not done again ----------------------------------------------------------------------------------------


def test_each_question_is_encoded_once_for_a_model_and_passages_are_embedded_once(
    filled: Workspace, embedder: Embedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    embedded: list[str] = []
    encode_question, encode_passages = embedder.encode_question, embedder.encode_passages

    def question(text: str) -> Any:
        asked.append(text)
        return encode_question(text)

    def passages(texts: Sequence[str]) -> Any:
        embedded.extend(texts)
        return encode_passages(texts)

    monkeypatch.setattr(embedder, "encode_question", question)
    monkeypatch.setattr(embedder, "encode_passages", passages)
    chosen = grid({"chunk_tokens": [100, 200], "k": [3, 5, 20], "late": [0, 2]})
    for name in ("once", "twice"):
        asked.clear()
        study = ended(filled, filled.start_study(name, questions(), None, chosen))
        assert study.state is RunState.FINISHED
        assert sorted(asked) == sorted({one.question for one in questions().questions})
    assert len(embedded) == len(set(embedded)) > 0


def test_old_indexes_of_studies_are_swept(filled: Workspace) -> None:
    sizes = range(60, 60 + 5 * (KEPT + 3), 5)
    study = ended(filled, filled.start_study("many", questions(1), None, grid({"chunk_tokens": list(sizes)})))
    assert all(one.state is RunState.FINISHED for one in study.runs)
    assert len(list(filled.folder.study_indexes.iterdir())) <= KEPT + 1


# -- figures -------------------------------------------------------------------------------------------------------


def test_every_figure_of_a_run_can_be_made_again_from_its_questions(filled: Workspace) -> None:
    study = ended(filled, filled.start_study("figures", questions(), None, grid({"k": [1, 3], "answerer": QUOTING})))
    asked = filled.experiments.questions_of(study.set_version).questions
    for run in study.runs:
        assert of_run(asked, filled.experiments.scored(run.id), answers=True) == pytest.approx(dict(run.metrics))
        assert run.metrics["recall@1"] == 1.0
        assert (run.metrics["questions"], run.metrics["located"]) == (19, 18)
        assert 0 < run.metrics["latency p50"] <= run.metrics["latency p99"]


def test_a_study_remembers_what_it_was_of(filled: Workspace) -> None:
    study = ended(filled, filled.start_study("  what it was  of ", questions(), None, [Configuration()]))
    assert (study.name, study.collection, study.set_version) == ("what it was of", "documents", questions().version)
    assert (study.done, study.total) == (19, 19)
    assert study.data_version
    assert {"python", "chromadb", "numpy"} <= set(study.environment)
    assert filled.experiments.question_set("Towns") == questions()


def test_a_leaderboard_says_what_is_better_and_what_is_chance(filled: Workspace) -> None:
    chosen = grid({"k": 5, "answerer": QUOTING, "abstain_below": [0.23, 0.2, 1.0]})
    study = ended(filled, filled.start_study("board", questions(), None, chosen))
    measured = {run.id: filled.experiments.measured(run.id) for run in study.runs}
    board = standings(study.runs, measured, "F1", study.runs[0].id)
    verdicts = {one.run.configuration.abstain_below: one.verdict for one in board}
    assert verdicts == {0.23: "baseline", 0.2: "no real difference", 1.0: "worse"}
    assert board[-1].run.configuration.abstain_below == 1.0
    assert all(one.low <= one.mean <= one.high for one in board)


# -- ending, whatever happens --------------------------------------------------------------------------------------


def test_an_error_of_one_question_does_not_end_a_run(filled: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    bad = "How many people lived in Borlo?"
    search = filled.lexical.search

    def failing(name: str, question: str, *given: Any, **named: Any) -> Any:
        if question == bad:
            raise ValueError("no <b>luck</b>")
        return search(name, question, *given, **named)

    monkeypatch.setattr(filled.lexical, "search", failing)
    study = ended(filled, filled.start_study("errors", questions(), None, [Configuration()]))
    (run,) = study.runs
    assert (study.state, run.state, run.metrics["errors"]) == (RunState.FINISHED, RunState.FINISHED, 1)
    assert run.reason.startswith("1 of 19 questions failed: Unexpected ValueError")
    errors = {one.place: one.error for one in filled.experiments.scored(run.id) if one.error}
    assert list(errors) == [[one.question for one in questions().questions].index(bad)]


def test_a_model_that_is_not_there_fails_its_runs_and_no_others(filled: Workspace) -> None:
    chosen = [Configuration(model="nobody/nothing"), Configuration(chunk_tokens=1000), Configuration()]
    study = ended(filled, filled.start_study("models", questions(1), None, chosen))
    assert [one.state for one in study.runs] == [RunState.FAILED, RunState.FAILED, RunState.FINISHED]
    assert "RAG_ALLOW_DOWNLOADS" in study.runs[0].reason
    assert "too long" in study.runs[1].reason
    assert (study.state, study.reason) == (RunState.FINISHED, "2 of 3 runs failed.")


def test_a_language_model_that_fails_is_not_scored_as_if_it_had_answered(
    filled: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-none")
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/v1")
    study = ended(filled, filled.start_study("llm", questions(1), None, [Configuration(answerer="openai:gone")]))
    assert study.state is RunState.FAILED
    assert "7 of 7 questions failed" in study.runs[0].reason
    assert "F1" not in study.runs[0].metrics


def test_a_language_model_answers_each_question_once_for_equal_passages(
    make_workspace: Callable[..., Workspace], tmp_path: Path
) -> None:
    with language_model_server(Behaviour(("It earned 117 thousand crowns [1].",))) as server:
        workspace = make_workspace(llm="openai:fake", llm_base_url=server.openai_url, llm_api_key="k")
        fill(workspace, tmp_path)
        chosen = grid({"answerer": "openai:fake", "abstain_below": [0.2, 0.3], "late": [2.0, 2.001]})
        study = ended(workspace, workspace.start_study("llm", questions(1), None, chosen))
    assert study.state is RunState.FINISHED, study.runs[0].reason
    assert study.runs[0].metrics["F1"] > 0
    assert len(server.requests) == len(questions(1).questions)


def test_a_cancelled_study_ends_soon_and_keeps_what_it_has(filled: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    search = filled.lexical.search

    def slowly(*given: Any, **named: Any) -> Any:
        time.sleep(0.05)
        return search(*given, **named)

    monkeypatch.setattr(filled.lexical, "search", slowly)
    many = QuestionSet("Many", questions().questions * 20)
    study = filled.start_study("long", many, None, grid({"k": [1, 2, 3]}))
    waiting = filled.start_study("waiting", questions(), None, [Configuration()])
    deadline = time.monotonic() + 30
    while not filled.experiments.study(study.id).done and time.monotonic() < deadline:
        time.sleep(0.05)
    filled.cancel_study(waiting.id)
    assert filled.experiments.study(waiting.id).state is RunState.CANCELLED
    began = time.monotonic()
    filled.cancel_study(study.id)
    study = ended(filled, study)
    assert time.monotonic() - began < 5
    assert {one.state for one in (study, *study.runs)} == {RunState.CANCELLED}
    assert 0 < len(filled.experiments.scored(study.runs[0].id)) < len(many.questions)


def test_a_deleted_study_leaves_nothing_and_the_next_one_begins(filled: Workspace) -> None:
    study = filled.start_study("gone", QuestionSet("Many", questions().questions * 30), None, grid({"k": [1, 2, 3]}))
    filled.delete_study(study.id)
    after = ended(filled, filled.start_study("after", questions(), None, [Configuration()]))
    assert after.state is RunState.FINISHED
    assert [one.name for one in filled.experiments.studies()] == ["after"]
    told = {one.key for one in filled.experiments.unexported()}
    assert told <= {
        study.id,
        after.id,
        *(one.id for one in after.runs),
    }  # that the study is gone, and nothing of its runs


def test_documents_that_change_meanwhile_end_a_study(filled: Workspace) -> None:
    study = filled.start_study(
        "changing", QuestionSet("Many", questions().questions * 30), None, grid({"k": [1, 2, 3]})
    )
    filled.delete("borlo.md")
    study = ended(filled, study)
    assert study.state is RunState.FAILED
    assert "have changed" in study.reason


def test_what_cannot_be_studied_is_said_at_once(
    workspace: Workspace, make_workspace: Callable[..., Workspace], tmp_path: Path
) -> None:
    with pytest.raises(NotFoundError):
        workspace.start_study("none", questions(), None, [Configuration()])
    workspace.create_collection("documents")
    with pytest.raises(InputError, match="is ready yet"):
        workspace.start_study("none", questions(), None, [Configuration()])
    fill(workspace, tmp_path)
    for name, asked, chosen, said in (
        ("", questions(), [Configuration()], "name of a study"),
        ("a", QuestionSet("", questions().questions), [Configuration()], "name of a question set"),
        ("a", QuestionSet("empty", ()), [Configuration()], "at least one question"),
        ("a", questions(), [], "no configuration"),
    ):
        with pytest.raises(InputError, match=said):
            workspace.start_study(name, asked, None, chosen)
    assert workspace.experiments.studies() == []
    demo = make_workspace(data_dir=tmp_path / "demo", demo=True)
    with pytest.raises(ReadOnlyError):
        demo.start_study("a", questions(), None, [Configuration()])


# -- interrupted ---------------------------------------------------------------------------------------------------


def test_a_closed_workspace_goes_on_where_it_was(make_workspace: Callable[..., Workspace], tmp_path: Path) -> None:
    first = make_workspace()
    fill(first, tmp_path)
    many = QuestionSet("Many", questions().questions * 20)
    study = first.start_study("long", many, None, grid({"k": [1, 2, 3], "chunk_tokens": [100, 200]}))
    while not first.experiments.study(study.id).done:
        time.sleep(0.02)
    first.close()
    second = make_workspace()
    half = second.experiments.study(study.id)
    assert half.state is RunState.QUEUED
    before = {one.id: second.experiments.places(one.id) for one in half.runs}
    assert second.resume_studies()
    study = ended(second, study)
    assert study.state is RunState.FINISHED
    assert any(before.values())
    for run in study.runs:
        assert [one.place for one in second.experiments.scored(run.id)] == list(range(len(many.questions)))


CHILD = """
import sys
from pathlib import Path
from rag.evaluation.grid import grid
from rag.records import QuestionSet
from rag.settings import load_settings
from rag.workspace import Workspace
from tests.studying import questions
if __name__ == "__main__":
    with Workspace(load_settings(data_dir=Path(sys.argv[1]))) as workspace:
        if not workspace.experiments.studies():
            many = QuestionSet("Many", questions().questions * 10)
            chosen = grid({"k": [1, 2, 3], "chunk_tokens": [60, 100, 200]})
            workspace.start_study("killed", many, None, chosen)
        workspace.resume_studies()
        while True:
            sys.stdin.readline()
"""


@pytest.mark.skipif(os.name != "posix", reason="kills a process")
def test_killed_at_any_moment_a_study_goes_on_and_ends(
    make_workspace: Callable[..., Workspace], tmp_path: Path
) -> None:
    with make_workspace() as first:
        fill(first, tmp_path)
    script = tmp_path / "child.py"
    script.write_text(CHILD, encoding="utf-8")
    for seconds in (2.0, 2.5, 3.5):
        command = [sys.executable, str(script), str(tmp_path / "data")]
        child = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, env={**os.environ, "PYTHONPATH": str(ROOT)})
        time.sleep(seconds)
        assert child.poll() is None
        child.send_signal(signal.SIGKILL)
        child.communicate()
    workspace = make_workspace()
    (study,) = workspace.experiments.studies()
    assert study.state in (RunState.RUNNING, RunState.QUEUED, RunState.FINISHED)
    workspace.resume_studies()
    study = ended(workspace, workspace.experiments.study(study.id))
    assert study.state is RunState.FINISHED, study.reason
    places = list(range(len(questions().questions) * 10))
    for run in study.runs:
        assert run.state is RunState.FINISHED, run.reason
        assert [one.place for one in workspace.experiments.scored(run.id)] == places
    expected = [found(workspace, one.question, study.runs[2].configuration) for one in questions().questions]
    assert studied(workspace, study.runs[2])[: len(expected)] == expected


def test_two_studies_and_ten_who_ask_at_once(filled: Workspace) -> None:
    errors: list[Exception] = []
    stop = threading.Event()

    def ask(number: int) -> None:
        asked = questions().questions
        try:
            while not stop.is_set():
                hits = filled.search(asked[number % len(asked)].question)
                assert hits
                filled.experiments.runs()
        except Exception as error:  # noqa: BLE001 - any at all
            errors.append(error)

    askers = [threading.Thread(target=ask, args=(number,)) for number in range(10)]
    for one in askers:
        one.start()
    studies = [filled.start_study(name, questions(), None, grid({"k": [1, 3], "late": [0, 2]})) for name in "ab"]
    other = threading.Thread(target=lambda: _write_beside(filled, stop, errors))
    other.start()
    done = [ended(filled, one, 120) for one in studies]
    stop.set()
    for one in (*askers, other):
        one.join()
    assert not errors
    assert {run.state for study in done for run in study.runs} == {RunState.FINISHED}
    assert all(run.metrics["errors"] == 0 for study in done for run in study.runs)


def _write_beside(workspace: Workspace, stop: threading.Event, errors: list[Exception]) -> None:
    """As another process would, that evaluates something else over the same file."""
    from rag.experiments import Experiments

    other = Experiments(workspace.folder.experiments)
    try:
        while not stop.is_set():
            other.keep_set(QuestionSet("Other", (Gold("What else?"),)))
            other.queue_export("trace", "t")
    except Exception as error:  # noqa: BLE001 - any at all
        errors.append(error)
    finally:
        other.close()


def test_a_second_process_queues_for_the_owner(filled: Workspace, tmp_path: Path) -> None:
    filled.resume_studies()
    queueing = (
        "import sys; from pathlib import Path; from rag.records import Configuration; from tests.studying import "
        "questions; from rag.settings import load_settings; from rag.workspace import Workspace\n"
        "with Workspace(load_settings(data_dir=Path(sys.argv[1])), share=True) as w:\n"
        "    w.start_study('from afar', questions(1), None, [Configuration()])\n"
        "    assert not w.resume_studies()\n"
    )
    subprocess.run([sys.executable, "-c", queueing, str(tmp_path / "data")], cwd=ROOT, check=True, timeout=120)
    (study,) = filled.experiments.studies()
    assert ended(filled, study).state is RunState.FINISHED
