"""The Collections page: how a collection is made, and making it with another model or passage size."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from rag.records import Recipe, State
from rag.settings import load_settings
from rag.workspace import Workspace, open_workspace
from tests.test_pages import close, healthy, labels, on_loopback, plain, press, start, until  # noqa: F401 - fixture
from tests.test_recipes import set_recipe

pytestmark = pytest.mark.end_to_end

HOSTILE = "![x](http://evil.example/a) **b** $c$.txt"


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, notes: Path) -> Iterator[Workspace]:
    """The one that the pages open, with a document."""
    monkeypatch.setenv("RAG_DATA_DIR", str(tmp_path / "data"))
    made = open_workspace(load_settings(), "the dashboard")
    list(made.ingest([notes]))
    yield made
    close(tmp_path / "data")


def upkeep() -> AppTest:
    app = start("3_Collections")
    app.button_group(key="collections_view").set_value("Upkeep")
    return healthy(app.run())


def radio(app: AppTest, choice: str) -> AppTest:
    [kind] = [one for one in app.radio if one.label == "Embedding model"]
    return healthy(kind.set_value(choice).run())


def test_another_precision_is_planned_made_and_swapped_in(workspace: Workspace) -> None:
    app = upkeep()
    assert "all-MiniLM-L6-v2 int8" in plain(app)
    assert "As Footnote's settings say" in plain(app)
    app = press(radio(app, "Built in, exact"), "See what it takes")
    assert "taken over as they are" in plain(app)
    app = press(app, "Start")
    assert "A new version is" in plain(app)
    assert "See what it takes" not in labels(app)
    app = until(app, lambda one: "Swap in" in labels(one))
    assert "It is ready: 1 document" in app.success[0].value
    app = press(app, "Swap in")
    rows = app.table[-1].value
    assert [one.replace("\\", "") for one in rows["Now"]][1:3] == [
        str(workspace.collection().chunks),
        "all-MiniLM-L6-v2 int8",
    ]
    assert "fp32" in list(rows["Then"])[2]
    assert "This cannot be undone" in plain(app)
    assert workspace.reembedding() is not None, "nothing has happened yet"
    app = press(app, "Swap it in")
    assert "all-MiniLM-L6-v2 fp32" in plain(app)
    assert "Set for this collection" in plain(app)
    assert workspace.collection().recipe == Recipe("bundled", "fp32", 200)


def test_what_it_is_already_is_not_made_again(workspace: Workspace) -> None:
    app = press(upkeep(), "See what it takes")
    assert "made in that way already" in plain(app)
    assert "Start" not in labels(app)


def test_a_model_that_is_not_there_is_said_before_anything_begins(workspace: Workspace) -> None:
    app = radio(upkeep(), "Another model")
    assert "each question about it, is sent there" in plain(app)
    [name] = [one for one in app.text_input if one.label == "Model"]
    app = press(healthy(name.set_value("nobody/no-such-model").run()), "See what it takes")
    assert any("nobody/no-such-model" in one.value.replace("\\", "") for one in app.error)
    assert "Start" not in labels(app)
    assert workspace.reembedding() is None


def test_it_can_be_discarded_after_a_question(workspace: Workspace) -> None:
    workspace.reembed(None, Recipe("bundled", "int8", 40))
    app = until(upkeep(), lambda one: "Swap in" in labels(one))
    app = press(app, "Discard")
    assert "stays as it is" in plain(app)
    healthy(app.button(key="really-discard").click().run())
    assert workspace.reembedding() is None
    assert workspace.collection().recipe is None


def test_what_failed_is_named_with_what_can_be_done(workspace: Workspace, tmp_path: Path) -> None:
    odd = tmp_path / "odd.txt"
    odd.write_text("The deposit is 900 euros.", encoding="utf-8")
    list(workspace.ingest([odd]))
    document = workspace.document("odd.txt")
    with workspace.catalog.write() as connection:
        connection.exec_driver_sql("UPDATE documents SET name = ? WHERE id = ?", (HOSTILE, document.id))
    workspace.folder.original(document.id).rename(tmp_path / "away")
    workspace.reembed(None, Recipe("bundled", "int8", 40))
    app = until(upkeep(), lambda one: "Retry" in labels(one))
    assert "1 document could not be made anew" in plain(app)
    [named] = [one.value for one in app.markdown if "evil" in one.value]
    assert "upload it again" in named  # the reason
    assert "![x]" not in named
    assert "$c$" not in named
    assert "Swap in" not in labels(app)
    press(press(app, "Swap in without it"), "Swap it in")
    assert workspace.reembedding() is None
    assert [one.state for one in workspace.documents()].count(State.FAILED) == 1


def test_a_collection_of_an_unknown_model_says_what_that_means(workspace: Workspace) -> None:
    set_recipe(workspace, Recipe("", "", 200))
    app = upkeep()
    assert "by words only" in plain(app)
    app = press(app, "See what it takes")
    assert "1 document" in plain(app)
    assert "Start" in labels(app)


def test_changed_settings_are_told_with_the_way_out(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAG_CHUNK_TOKENS", "100")
    app = upkeep()
    assert any("made in another way" in one.value for one in app.warning)
    app = press(press(app, "See what it takes"), "Start")
    app = press(until(app, lambda one: "Swap in" in labels(one)), "Swap in")
    app = press(app, "Swap it in")
    assert not app.warning
    assert "about 100 tokens" in plain(app)


def test_a_demo_shows_how_it_is_made_and_nothing_to_press(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAG_DEMO", "true")
    app = upkeep()
    assert "all-MiniLM-L6-v2 int8" in plain(app)
    assert not {"See what it takes", "Start", "Swap in", "Discard"} & set(labels(app))
