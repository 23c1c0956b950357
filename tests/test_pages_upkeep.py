"""Collections as a whole on their page: made, renamed, checked, mapped."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from rag.settings import load_settings
from rag.workspace import Workspace, open_workspace
from tests.test_pages import ask, close, data_dir, healthy, on_loopback, plain, press, shown, start  # noqa: F401 - fixtures

pytestmark = pytest.mark.end_to_end
# ruff: noqa: F811 - fixtures


@pytest.fixture
def workspace(data_dir: Path, notes: Path, recipe: Path) -> Iterator[Workspace]:
    workspace = open_workspace(load_settings(data_dir=data_dir), "the dashboard")
    list(workspace.ingest([notes, recipe]))
    yield workspace
    close(data_dir)


def view(app: AppTest, name: str) -> AppTest:
    return healthy(app.button_group(key="collections_view").set_value(name).run())


def submit(app: AppTest, label: str) -> None:
    """Press the last button of that name: that of the dialog."""
    healthy(next(one for one in reversed(app.button) if one.label == label).click().run())


def test_a_collection_is_made_and_renamed(workspace: Workspace) -> None:
    app = press(start("3_Collections"), "Empty collection")
    app.text_input[-1].set_value("Leases *2026*")
    press(app, "Create")
    assert app.selectbox(key="shown_collection").value == "Leases *2026*"
    assert "This collection is empty." in shown(app)
    press(view(app, "Upkeep"), "Rename")
    app.text_input[-1].set_value("documents")
    submit(app, "Rename")
    assert "already" in shown(app), "a name that is taken is refused, and the dialog stays"
    app.text_input[-1].set_value("Leases")
    submit(app, "Rename")
    assert app.selectbox(key="shown_collection").value == "Leases"
    assert [one.name for one in workspace.collections()] == ["Leases", "documents"]


def test_the_facts_of_a_collection(workspace: Workspace) -> None:
    app = view(start("3_Collections"), "Upkeep")
    facts = dict(app.table[0].value.itertuples(index=False))
    assert facts["Documents"] == "2"
    assert facts["Embedding model"].replace("\\", "") == "all-MiniLM-L6-v2 · int8"
    assert facts["Name inside Chroma"] == f"`{workspace.collection().store_name}`"
    assert facts["On the disk"].startswith("about ")


def test_a_check_finds_what_is_lost_and_a_repair_mends_it(workspace: Workspace) -> None:
    app = view(start("3_Collections"), "Upkeep")
    assert "Repair" not in [one.label for one in app.button]
    workspace.lexical.remove(workspace.collection().store_name, [workspace.document("lease.md").id])
    press(app, "Check")
    assert "1 problem found" in app.warning[-1].value
    assert "not in the lexical index" in shown(app)
    press(app, "Repair")
    assert "1 problem repaired" in app.success[-1].value
    press(app, "Check thoroughly")
    assert "All is well" in app.success[-1].value


def test_a_link_by_an_old_name_opens_the_collection(workspace: Workspace) -> None:
    workspace.rename_collection("documents", "Leases")
    app = start("3_Collections")
    app.query_params["collection"] = "documents"
    app.query_params["document"] = workspace.document("lease.md").id
    healthy(app.run())
    assert app.selectbox(key="shown_collection").value == "Leases"
    assert "lease.md" in plain(app)


def test_the_map_tells_what_it_shows_and_where_the_question_fell(workspace: Workspace) -> None:
    app = view(start("3_Collections"), "Map")
    assert f"one of {workspace.collection().chunks} passages" in shown(app)
    assert "red cross" not in shown(app)
    ask(healthy(app.switch_page("pages/2_Ask.py").run()), "How high is the rent?")
    app = view(healthy(app.switch_page("pages/3_Collections.py").run()), "Map")
    assert "The red cross is your last question, “How high is the rent?”" in plain(app)


def test_an_empty_collection_has_no_map(workspace: Workspace) -> None:
    workspace.create_collection("a new one")
    app = view(start("3_Collections"), "Map")
    healthy(app.selectbox(key="shown_collection").set_value("a new one").run())
    assert "nothing to map yet" in shown(app)
