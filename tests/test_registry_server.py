"""A champion whose collection is on a Chroma server: the model refers to it there, and has no key with it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from rag.tracking.registry import model_name
from rag.workspace import Workspace
from tests.chroma_server import ChromaServer
from tests.conftest import outcomes
from tests.mlflow_store import client, make_study, new_database, outside, packed, tell, with_database

pytestmark = [
    pytest.mark.end_to_end,
    pytest.mark.timeout(400),
    pytest.mark.filterwarnings("ignore"),  # MLflow's own, of which each version has others
]
RENT, FLIGHT = "How high is the yearly rent?", "Who piloted the first flight across the Atlantic?"
SECRET = "token-0123456789"
PREDICT = """
import json, sys, warnings
import mlflow
mlflow.set_tracking_uri(sys.argv[1])
model = mlflow.pyfunc.load_model("models:/footnote-documents@champion")
assert "chromadb" not in sys.modules
import pandas
try:
    print(json.dumps(model.predict(pandas.DataFrame({"question": sys.argv[2:]}))))
except Exception as error:
    print(json.dumps(str(error)))
"""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ChromaServer]:
    made = ChromaServer(tmp_path / "server")
    made.start()
    yield made
    made.stop()


@pytest.fixture
def on_server(make_workspace: Callable[..., Workspace], server: ChromaServer, notes: Path, tmp_path: Path) -> Workspace:
    where = {"chroma_mode": "server", "chroma_host": "127.0.0.1", "chroma_port": server.port}
    workspace = make_workspace(**where, chroma_headers={"X-Token": SECRET}, mlflow=True)
    assert outcomes(workspace.ingest([notes])) == {"lease.md": "ready"}
    new_database(tmp_path / "made")
    with_database(workspace.folder.path, tmp_path / "made")
    return workspace


def promoted(workspace: Workspace) -> Path:
    """Promote a run and tell MLflow, as the dashboard does; the folder of what was registered."""
    import mlflow

    [run] = make_study(workspace, ks=(3,))
    workspace.promote(run.id, by="ann")
    packed(workspace)
    assert tell(workspace.folder.path) == 0
    assert not workspace.tracking_state().waiting
    of = client(workspace.folder.path)
    version = of.get_model_version_by_alias(model_name("documents"), "champion")
    uri = of.get_model_version_download_uri(version.name, version.version)
    return Path(mlflow.artifacts.download_artifacts(artifact_uri=uri, dst_path=str(workspace.folder.path.parent)))


def predicted(workspace: Workspace, folder: Path, *questions: str) -> Any:
    """What the model answers in a process that knows nothing of this one."""
    uri = f"sqlite:///{workspace.folder.mlflow / 'mlflow.db'}"
    command = [sys.executable, "-c", PREDICT, uri, *questions]
    done = subprocess.run(command, cwd=folder, env=outside(), capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    assert "type hints" not in done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_it_answers_from_the_collection_as_it_is_then(
    on_server: Workspace, server: ChromaServer, tmp_path: Path
) -> None:
    folder = promoted(on_server)
    place = json.loads((folder / "artifacts" / "place.json").read_text(encoding="utf-8"))
    assert (place["kind"], place["host"], place["port"]) == ("server", "127.0.0.1", server.port)
    assert place["store_name"] == on_server.collection().store_name
    assert not list(folder.rglob("*.zip"))
    assert not [one for one in folder.rglob("*") if one.is_file() and SECRET.encode() in one.read_bytes()]
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    rent, flight = predicted(on_server, elsewhere, RENT, FLIGHT)
    expected = on_server.ask(RENT)
    assert (rent["answer"], rent["model"], rent["notice"]) == (expected.text, "extractive", "")
    assert rent["citations"][0]["document"] == "lease.md"
    assert flight["abstained"]

    changed = tmp_path / "lease.md"
    changed.write_text(changed.read_text(encoding="utf-8").replace("84,000", "96,000"), encoding="utf-8")
    assert outcomes(on_server.ingest([changed], replace_namesakes=True)) == {"lease.md": "ready"}
    [rent] = predicted(on_server, elsewhere, RENT)
    assert "96,000" in rent["answer"]


def test_a_server_that_is_away_and_a_collection_that_is_gone_say_so(
    on_server: Workspace, server: ChromaServer, tmp_path: Path
) -> None:
    promoted(on_server)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    server.stop()
    said = predicted(on_server, elsewhere, RENT)
    assert "Chroma" in said
    on_server.close()
    moved = on_server.folder.path.rename(tmp_path / "moved")
    (moved / "mlflow").rename(tmp_path / "mlflow")
    on_server.folder.path.mkdir()
    (tmp_path / "mlflow").rename(on_server.folder.mlflow)
    said = predicted(on_server, elsewhere, RENT)
    assert "documents" in str(said)
