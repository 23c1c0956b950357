"""Who may open MLflow's pages, which show everybody's questions and ask nobody who they are."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from streamlit import config

from rag.errors import ReadOnlyError
from rag.passwords import hash_password
from rag.records import TrackingState
from rag.settings import load_settings
from rag.tracking import Pages, place_of
from rag.workspace import Workspace, open_workspace
from tests.test_pages import close, data_dir, healthy, labels, on_loopback, plain, start  # noqa: F401 - fixtures
from tests.test_pages_experiments import view

# ruff: noqa: F811 - fixtures
BUTTON = "Start MLflow’s pages"


@pytest.fixture
def tracking(data_dir: Path, monkeypatch: pytest.MonkeyPatch, notes: Path) -> Workspace:
    """A workspace that tells MLflow, without its process."""
    monkeypatch.setenv("RAG_MLFLOW", "true")
    monkeypatch.setattr("rag.tracking.process.Exporting.start", lambda _: None)
    workspace = open_workspace(load_settings(), "the dashboard")
    list(workspace.ingest([notes]))
    return workspace


@pytest.mark.end_to_end
def test_they_are_started_by_who_sits_at_the_machine(tracking: Workspace) -> None:
    assert BUTTON in labels(view(start("4_Experiments"), "Traces"))


@pytest.mark.end_to_end
def test_nobody_from_elsewhere_starts_or_is_sent_to_them(tracking: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAG_PASSWORD_HASH", hash_password("open sesame"))
    config.set_option("server.address", "0.0.0.0")
    monkeypatch.setattr(Pages, "address", property(lambda _: "http://127.0.0.1:5000"))
    app = start("4_Experiments")
    app.text_input[0].set_value("open sesame")
    healthy(app.button[0].click().run())
    app = view(app, "Traces")
    assert BUTTON not in labels(app)
    assert "Its pages open where Footnote runs" in plain(app)
    assert not app.get("link_button")


def test_a_demo_has_none(make_workspace: Callable[..., Workspace]) -> None:
    with pytest.raises(ReadOnlyError):
        make_workspace(demo=True).open_mlflow()


def test_the_address_that_readers_see_has_no_password(make_workspace: Callable[..., Workspace]) -> None:
    uri = "https://user:secret@mlflow.example.org:8443/path"
    workspace = make_workspace(mlflow=True, mlflow_tracking_uri=uri)
    state: TrackingState = workspace.tracking_state()
    assert state.address == "https://mlflow.example.org:8443/path"
    assert not state.is_local
    assert "secret" not in f"{state} {workspace.mlflow_elsewhere}"


def test_our_own_database_is_ours_by_whatever_name_it_is_given(make_workspace: Callable[..., Workspace]) -> None:
    workspace = make_workspace()
    own = place_of(workspace.settings, workspace.folder)
    named = place_of(workspace.settings.model_copy(update={"mlflow_tracking_uri": own.uri}), workspace.folder)
    assert named == own
    assert own.ours
