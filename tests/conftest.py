"""Fixtures: workspaces on temporary folders with the real bundled model, loaded once."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings as hypothesis_settings

from rag.embedding import Embedder, load_embedder
from rag.settings import Settings, load_settings
from rag.workspace import Workspace

# The same examples each time and no clock, so that a red run is about the change at hand; to have new examples drawn,
# run with `--hypothesis-profile default`.
hypothesis_settings.register_profile("repeatable", derandomize=True, deadline=None)
hypothesis_settings.load_profile("repeatable")

NOTES = """# Lease of the Harbour Street office

## Term
The lease begins on 1 March 2024 and runs for seven years. Either side may end it after five years with nine
months' notice.

## Rent
The yearly rent is 84,000 euros, payable quarterly in advance. It rises with the consumer price index each March.

## Repairs
The landlord repairs the roof, the lifts and the outer walls. The tenant repaints every fourth year.
"""
RECIPE = "To bake rye bread, mix the flour with warm water and sourdough, let it rest overnight, and bake it hot.\n"


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in [name for name in os.environ if name.startswith(("RAG_", "MLFLOW_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("RAG_DATA_DIR", str(tmp_path / "default-data"))
    monkeypatch.setenv("RAG_MLFLOW", "false")  # a process for each dashboard would take a while


@pytest.fixture(scope="session")
def embedder() -> Embedder:
    return load_embedder(load_settings())


@pytest.fixture
def make_workspace(
    tmp_path: Path, embedder: Embedder, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., Workspace]]:
    """Builds workspaces on `tmp_path / "data"` unless told otherwise, and closes them."""
    made: list[Workspace] = []

    def bundled_once(settings: Settings) -> Embedder:
        usual = (settings.embedding_model, settings.embedding_precision) == ("bundled", "int8")
        return embedder if usual else load_embedder(settings)

    monkeypatch.setattr("rag.recipes.load_embedder", bundled_once)

    def make(share: bool = False, **settings: Any) -> Workspace:
        given = {"data_dir": tmp_path / "data"} | settings
        made.append(Workspace(load_settings(**given), "the tests", share=share))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture
def workspace(make_workspace: Callable[..., Workspace]) -> Workspace:
    return make_workspace()


@pytest.fixture
def notes(tmp_path: Path) -> Path:
    path = tmp_path / "lease.md"
    path.write_text(NOTES, encoding="utf-8")
    return path


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    path = tmp_path / "bread.txt"
    path.write_text(RECIPE, encoding="utf-8")
    return path


def outcomes(events: Any) -> dict[str, str]:
    """Name -> outcome of an ingestion that is followed to its end."""
    return {event.name: event.outcome for event in events if event.outcome}


@pytest.fixture(scope="session")
def mlflow_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with a database of MLflow's, which takes long to make."""
    from tests.mlflow_store import new_database

    folder = tmp_path_factory.mktemp("mlflow")
    new_database(folder)
    return folder


@pytest.fixture
def tracked(make_workspace: Callable[..., Workspace], notes: Path, mlflow_folder: Path) -> Workspace:
    """A workspace with a document that tells MLflow, of which the database is there."""
    from tests.mlflow_store import with_database

    workspace = make_workspace(mlflow=True)
    assert outcomes(workspace.ingest([notes])) == {"lease.md": "ready"}
    with_database(workspace.folder.path, mlflow_folder)
    return workspace
