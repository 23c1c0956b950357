"""Champions: promoted, rolled back, answering; and in MLflow's registry, where they are served."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from rag.errors import InputError, NotFoundError
from rag.records import Configuration, RunState
from rag.tracking.registry import model_name
from rag.workspace import Workspace
from tests.conftest import outcomes
from tests.mlflow_store import client, make_study, outside, packed, tell, with_database

RENT = "How high is the yearly rent?"
FLIGHT = "Who piloted the first flight across the Atlantic?"
pytestmark = [pytest.mark.timeout(400), pytest.mark.filterwarnings("ignore")]


@pytest.fixture
def ready(make_workspace: Callable[..., Workspace], notes: Path, recipe: Path) -> Workspace:
    workspace = make_workspace(mlflow=True)
    assert set(outcomes(workspace.ingest([notes, recipe])).values()) == {"ready"}
    return workspace


# -- who answers -------------------------------------------------------------------------------------------------


def test_without_a_champion_it_is_asked_as_it_is_set(ready: Workspace) -> None:
    assert ready.champion() is None
    assert ready.answers_with() == (None, "")
    assert ready.usual_passages() == ready.settings.top_k
    assert ready.answers_with("no such collection") == (None, "")


def test_a_promoted_run_answers_and_can_be_rolled_back(ready: Workspace) -> None:
    three, one = make_study(ready, ks=(3, 1))
    ready.promote(three.id, by="ann")
    ready.promote(one.id, by="bob")
    assert ready.usual_passages() == 1
    assert len(ready.ask(RENT).hits) == 1
    back = ready.roll_back(by="eve")
    assert (back.configuration.k, back.run, back.by) == (3, three.id, "eve")
    assert len(ready.ask("What must the tenant do with flour and walls?").hits) == len(
        ready.ask("What must the tenant do with flour and walls?", configuration=Configuration(k=3)).hits
    )
    history = [(one.configuration.k, one.by) for one in ready.promotions()]
    assert history == [(3, "eve"), (1, "bob"), (3, "ann")]
    assert ready.champion() == back


def test_a_challenger_does_not_answer(ready: Workspace) -> None:
    [run] = make_study(ready, ks=(1,))
    ready.promote(run.id, "challenger", "ann")
    assert ready.champion() is None
    assert ready.champion(alias="challenger") is not None
    assert ready.usual_passages() == ready.settings.top_k


def test_a_champion_for_passages_made_otherwise_says_so_and_does_not_answer(ready: Workspace) -> None:
    [run] = make_study(ready, ks=(1,))
    ready.experiments.promote(Configuration(chunk_tokens=64, k=1), "ann", run.id, "documents")
    configuration, why_not = ready.answers_with()
    assert configuration is None
    assert "made in another way" in why_not
    assert ready.ask(RENT).citations


def test_only_what_there_is_and_has_finished_can_be_promoted(ready: Workspace) -> None:
    [run] = make_study(ready, ks=(1,))
    with pytest.raises(NotFoundError):
        ready.promote("no such run")
    with pytest.raises(InputError, match="no alias"):
        ready.promote(run.id, "emperor")
    with pytest.raises(NotFoundError, match="none to go back to"):
        ready.roll_back()
    ready.experiments.end_run(run.id, RunState.FAILED, {}, 1.0, "away")
    with pytest.raises(InputError, match="has failed: only one that has finished"):
        ready.promote(run.id)
    assert ready.promotions() == []


def test_names_of_models_are_plain_and_tell_collections_apart() -> None:
    names = ["documents", "Berichte 2025", "Berichte/2025", "🦄", "a" * 200, "../../etc", "x:y"]
    made = [model_name(one) for one in names]
    assert made[0] == "footnote-documents"
    assert len(set(made)) == len(names)
    assert all(set(one) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") for one in made)


# -- in the registry -----------------------------------------------------------------------------------------------


def told(workspace: Workspace) -> Any:
    """Pack and tell as the dashboard does, without its process; MLflow's client."""
    packed(workspace)
    assert tell(workspace.folder.path) == 0
    assert not workspace.tracking_state().waiting
    return client(workspace.folder.path)


@pytest.mark.end_to_end
def test_a_champion_that_is_taken_back_before_it_was_told_is_nobody_there_either(
    ready: Workspace, mlflow_folder: Path
) -> None:
    with_database(ready.folder.path, mlflow_folder)
    five, _ = make_study(ready)
    ready.promote(five.id, by="ann")
    ready.roll_back("bob")
    (model,) = told(ready).search_registered_models()
    assert not model.aliases


@pytest.mark.end_to_end
def test_aliases_follow_promotions_and_going_back_takes_the_version_that_was(
    ready: Workspace, mlflow_folder: Path
) -> None:
    with_database(ready.folder.path, mlflow_folder)
    five, eight = make_study(ready)
    ready.promote(five.id, by="ann")
    ready.promote(five.id, "challenger", by="ann")
    of = told(ready)
    name = model_name("documents")
    assert str(of.get_model_version_by_alias(name, "champion").version) == "1"
    assert str(of.get_model_version_by_alias(name, "challenger").version) == "2"
    ready.promote(eight.id, by="bob")
    of = told(ready)
    champion = of.get_model_version_by_alias(name, "champion")
    assert str(champion.version) == "3"
    assert champion.run_id == ready.experiments.run(eight.id).mlflow_id
    assert (champion.tags["footnote.by"], champion.tags["footnote.run"]) == ("bob", eight.id)
    ready.roll_back(by="eve")
    of = told(ready)
    assert str(of.get_model_version_by_alias(name, "champion").version) == "1"
    assert len(of.search_model_versions(f"name = '{name}'")) == 3
    assert "by eve" in of.get_model_version(name, "1").tags["footnote.champion"]
    ready.roll_back(by="eve")
    of = told(ready)
    assert of.get_registered_model(name).aliases == {"challenger": 2}, "nobody was champion before"
    assert list((ready.folder.mlflow / "bundles").iterdir()) == []  # nothing is kept twice


@pytest.mark.end_to_end
def test_the_champion_is_served_and_answers_as_the_workspace_does(
    ready: Workspace, mlflow_folder: Path, tmp_path: Path
) -> None:
    with_database(ready.folder.path, mlflow_folder)
    [run] = make_study(ready, ks=(3,))
    ready.promote(run.id, by="ann")
    of = told(ready)
    version = of.get_model_version_by_alias(model_name("documents"), "champion")
    files = _files_of(of, version, tmp_path)
    assert not [one for one in files if one.endswith((".pkl", ".pickle"))]
    expected = {question: ready.ask(question) for question in (RENT, FLIGHT)}
    ready.close()
    port = _free_port()
    command = [sys.executable, "-m", "mlflow", "models", "serve", "--env-manager", "local", "--port", str(port)]
    uri = f"sqlite:///{ready.folder.mlflow / 'mlflow.db'}"
    # From another folder, and without our settings: what is served has all it needs in it.
    server = subprocess.Popen(
        [*command, "-m", "models:/footnote-documents@champion"],
        cwd=tmp_path,
        env=outside(MLFLOW_TRACKING_URI=uri, MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR="false"),
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=120, trust_env=False) as http:
            _until_it_answers(http, server)
            rows = {"columns": ["question"], "data": [[RENT], [FLIGHT]]}
            reply = http.post("/invocations", json={"dataframe_split": rows})
            assert reply.status_code == 200, reply.text
            rent, flight = reply.json()["predictions"]
            wrong = http.post("/invocations", json={"dataframe_split": {"columns": ["q"], "data": [["x"]]}})
            assert wrong.status_code == 400
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait(timeout=30)
    assert rent["answer"] == expected[RENT].text
    assert rent["confidence"] == pytest.approx(expected[RENT].confidence)
    cited = [(one.number, one.name, one.page, one.quote) for one in expected[RENT].citations]
    assert [(one["number"], one["document"], one["page"], one["quote"]) for one in rent["citations"]] == cited
    assert (flight["abstained"], flight["answer"], flight["citations"]) == (True, expected[FLIGHT].text, [])


@pytest.mark.end_to_end
def test_loading_a_model_opens_nothing(ready: Workspace, mlflow_folder: Path, tmp_path: Path) -> None:
    with_database(ready.folder.path, mlflow_folder)
    [run] = make_study(ready, ks=(3,))
    ready.promote(run.id)
    told(ready)
    code = (
        "import os, sys, mlflow; mlflow.set_tracking_uri(sys.argv[1]);"
        "model = mlflow.pyfunc.load_model('models:/footnote-documents@champion');"
        "heavy = [one for one in ('chromadb', 'tantivy', 'onnxruntime', 'torch') if one in sys.modules];"
        "inputs = model.metadata.get_input_schema().input_names();"
        "print(heavy, inputs, model.metadata.get_output_schema().input_names())"
    )
    uri = f"sqlite:///{ready.folder.mlflow / 'mlflow.db'}"
    done = subprocess.run(
        [sys.executable, "-c", code, uri], cwd=tmp_path, env=outside(), capture_output=True, text=True, check=False
    )
    shown = done.stdout.strip().splitlines()
    assert shown, done.stderr
    assert shown[-1] == "[] ['question'] ['answer', 'abstained', 'confidence', 'citations', 'model', 'notice']"


@pytest.mark.end_to_end
def test_a_champion_that_was_not_packed_when_it_was_killed_is_packed_at_the_next_start(
    make_workspace: Callable[..., Workspace], notes: Path, mlflow_folder: Path
) -> None:
    first = make_workspace(mlflow=False)  # promotes, and packs nothing
    outcomes(first.ingest([notes]))
    [run] = make_study(first, ks=(3,))
    first.promote(run.id, by="ann")
    assert first.tracking_state().waiting["promotion"] == 1
    first.close()
    again = make_workspace(mlflow=True)
    with_database(again.folder.path, mlflow_folder)
    of = told(again)
    assert str(of.get_model_version_by_alias("footnote-documents", "champion").version) == "1"


@pytest.mark.end_to_end
def test_a_champion_of_a_collection_that_is_gone_says_so(ready: Workspace, mlflow_folder: Path) -> None:
    with_database(ready.folder.path, mlflow_folder)
    [run] = make_study(ready, ks=(3,))
    ready.experiments.promote(Configuration(), "ann", run.id, "gone")
    ready._pack_later()
    time.sleep(2)
    tell(ready.folder.path)
    state = ready.tracking_state()
    assert state.waiting == {"promotion": 1}
    assert "could not be saved" in state.error


@pytest.mark.end_to_end
def test_a_champion_for_passages_made_otherwise_is_registered_once_they_are(
    ready: Workspace, mlflow_folder: Path
) -> None:
    with_database(ready.folder.path, mlflow_folder)
    wanted = Configuration(chunk_tokens=64, k=1)
    ready.experiments.promote(wanted, "ann", "", "documents")
    ready._pack_later()
    time.sleep(1)
    assert tell(ready.folder.path) == 0
    assert ready.tracking_state().waiting == {"promotion": 1}
    ready.reembed("documents", wanted.recipe)
    until = time.monotonic() + 60
    while (far := ready.reembedding("documents")) is None or far.fraction < 1:
        assert time.monotonic() < until
        time.sleep(0.1)
    ready.swap("documents")
    of = told(ready)
    assert str(of.get_model_version_by_alias("footnote-documents", "champion").version) == "1"
    assert ready.answers_with() == (wanted, "")


def _files_of(of: Any, version: Any, tmp_path: Path) -> list[str]:
    """The names of all files of a version."""
    import mlflow

    target = tmp_path / "version"
    target.mkdir()
    uri = of.get_model_version_download_uri(version.name, version.version)
    folder = Path(mlflow.artifacts.download_artifacts(artifact_uri=uri, dst_path=str(target)))
    assert json.loads((folder / "artifacts" / "configuration.json").read_text(encoding="utf-8"))["k"] == 3
    assert "mlflow==" in (folder / "requirements.txt").read_text(encoding="utf-8")
    return [str(one.relative_to(folder)) for one in folder.rglob("*")]


def _until_it_answers(http: httpx.Client, server: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + 180
    while True:
        assert server.poll() is None, "the server has ended"
        assert time.monotonic() < until, "the server does not answer"
        try:
            if http.get("/ping").status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.5)


def _free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])
