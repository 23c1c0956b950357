"""The documents of a collection on its page: found, marked, edited, moved, replaced, and what they were before."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from rag.records import Standing, State
from rag.settings import load_settings
from rag.workspace import Workspace, open_workspace
from tests.test_arranging import settled
from tests.test_pages import close, data_dir, healthy, labels, on_loopback, plain, press, shown, start  # noqa: F401

pytestmark = pytest.mark.end_to_end
# ruff: noqa: F811 - fixtures
HOSTILE = "<b>x</b> ![i](http://evil.test/i) :red[n].txt"


@pytest.fixture
def workspace(data_dir: Path, tmp_path: Path) -> Iterator[Workspace]:
    """A collection of 60 documents, more than there are on a page of the table."""
    opened = open_workspace(load_settings(), "the dashboard")
    files = [tmp_path / f"report {number:02}.txt" for number in range(60)]
    for number, path in enumerate(files):
        path.write_text(f"Report {number} tells of quay {number}." + " It was closed." * number)
    assert {one.outcome for one in opened.ingest(files, tags=["report"]) if one.outcome} == {"ready"}
    yield opened
    close(data_dir)


def rows(app: AppTest) -> list[str]:
    return list(app.dataframe[0].value["Document"])


def named(workspace: Workspace, name: str) -> Any:
    return next(one for one in workspace.documents("documents") if one.name == name)


def opened(workspace: Workspace, name: str) -> AppTest:
    app = start("3_Collections")
    app.session_state["open-documents"] = named(workspace, name).id
    return healthy(app.run())


def field(app: AppTest, kind: str, label: str) -> Any:
    return next(one for one in app.get(kind) if one.label == label)


def saved(app: AppTest, label: str = "Save") -> AppTest:
    return healthy(next(one for one in app.button if one.label == label).click().run())


def test_thousands_would_come_by_the_page_in_the_order_that_is_chosen(workspace: Workspace) -> None:
    app = start("3_Collections")
    assert rows(app) == [f"report {number:02}.txt" for number in range(50)]
    order = field(app, "selectbox", "Sorted by")
    healthy(order.select("Size, largest first").run())
    assert rows(app)[:2] == ["report 59.txt", "report 58.txt"]
    assert len(rows(app)) == 50


def test_documents_are_found_and_what_is_open_stays_open(workspace: Workspace) -> None:
    app = opened(workspace, "report 59.txt")
    assert "report 59.txt" in [one.value.replace("\\", "") for one in app.subheader]
    healthy(app.text_input(key="list-words-documents").set_value("14 REP").run())
    assert rows(app) == ["report 14.txt"]
    assert "1 of 60 documents" in plain(app)
    assert "report 59.txt" in [one.value.replace("\\", "") for one in app.subheader]
    healthy(app.text_input(key="list-words-documents").set_value("nothing of the kind").run())
    assert not app.dataframe
    assert "No document is like that" in plain(app)


def test_a_state_that_nothing_is_in_any_more_is_not_looked_for(workspace: Workspace) -> None:
    document = named(workspace, "report 07.txt")
    workspace.worker.stop(None)
    workspace.catalog.retry([document], anew=True)
    with workspace.catalog.write() as connection:
        connection.exec_driver_sql("UPDATE documents SET served = 0 WHERE id = ?", (document.id,))
    workspace.catalog.fail(workspace.catalog.document("documents", document.id), "It is damaged.")
    app = start("3_Collections")
    healthy(field(app, "selectbox", "State").select_index(list(Standing).index(Standing.UNFINISHED)).run())
    assert rows(app) == ["report 07.txt"]
    workspace.delete(document.id)
    assert len(rows(healthy(app.run()))) == 50


def test_what_is_marked_is_tagged_moved_and_deleted_together(workspace: Workspace) -> None:
    app = start("3_Collections")
    assert "marked" not in plain(app)
    ids = {named(workspace, f"report {number:02}.txt").id for number in (3, 55)}
    app.session_state["marked-documents"] = set(ids)
    healthy(app.run())
    assert "**2 documents** marked" in plain(app)
    field(app, "multiselect", "Add").set_value(["harbour"])
    field(app, "multiselect", "Take away").set_value(["report"])
    saved(app)
    assert {one.tags for one in workspace.documents() if one.id in ids} == {("harbour",)}
    press(app, "Mark all 60 that are found")
    assert "**60 documents** marked" in plain(app)
    press(app, "Clear")
    app.session_state["marked-documents"] = set(ids)
    healthy(app.run())
    press(app, "Delete")
    assert len(workspace.documents()) == 58
    assert "Deleted 2 documents" in plain(app)
    assert "marked" not in plain(app)
    app = start("3_Collections")
    press(app, "Undo")
    assert len(workspace.documents()) == 60
    assert "Undo" not in labels(app)


def test_a_document_is_edited_in_place_and_errors_say_what_to_do(workspace: Workspace) -> None:
    app = opened(workspace, "report 05.txt")
    field(app, "text_input", "Name").set_value(" ")
    saved(app)
    assert "between 1 and 255 characters" in plain(app)
    field(app, "text_input", "Name").set_value("quay five.txt")
    field(app, "date_input", "Date").set_value(date(2021, 3, 4))
    next(one for one in app.multiselect if one.label == "Tags").set_value(["quays", "*new*"])
    saved(app)
    edited = named(workspace, "quay five.txt")
    assert (edited.date, edited.tags) == (20210304, ("quays", "*new*"))
    assert "dated 4 Mar 2021" in plain(app)
    assert "quay five.txt" in [one.value.replace("\\", "") for one in app.subheader]
    field(app, "text_input", "Title").set_value("The fifth quay")
    saved(app)
    settled(workspace)
    assert named(workspace, "quay five.txt").title == "The fifth quay"
    assert workspace.check() == []


def test_a_document_is_copied_to_a_new_collection(workspace: Workspace) -> None:
    app = opened(workspace, "report 05.txt")
    saved(app, "Go")
    assert "Choose a collection" in plain(app)
    target = field(app, "selectbox", "To the collection")
    target.options.append("quays")  # as one types it
    target.set_value("quays")
    saved(app, "Go")
    settled(workspace)
    assert [one.name for one in workspace.documents("quays")] == ["report 05.txt"]
    assert len(workspace.documents("documents")) == 60


def test_versions_tell_what_changed_and_come_back(workspace: Workspace, tmp_path: Path) -> None:
    before = named(workspace, "report 00.txt")
    (tmp_path / "new").write_text("Report 0 tells of <script>alert(1)</script> quay 7.")
    workspace.replace(before, tmp_path / "new", "anything.txt")
    settled(workspace)
    app = opened(workspace, "report 00.txt")
    assert "1 earlier version" in [one.label for one in app.expander]
    press(app, "What changed then")
    told = next(one.proto.body for one in app.get("html") if "<ins" in one.proto.body)
    assert "&lt;script&gt;" in told
    assert "<script" not in told
    assert re.search(r"</(del|ins)> <(del|ins) ", told), "what was removed and what was added are two words"
    press(app, "Bring this version back")
    assert not app.error
    settled(workspace)
    assert named(workspace, "report 00.txt").id == before.id


def test_a_new_version_is_marked_in_the_table_until_it_is_ready(workspace: Workspace, tmp_path: Path) -> None:
    workspace.worker.stop(None)
    (tmp_path / "new").write_text("Report 0 tells of quay 7.")
    workspace.replace(named(workspace, "report 00.txt"), tmp_path / "new", "anything.txt")
    shown_ones = start("3_Collections").dataframe[0].value
    states = shown_ones[shown_ones["Document"] == "report 00.txt"]["State"]
    assert sorted(states) == ["New version", "Ready"]
    assert "25 bytes" in set(shown_ones["Size"]), "as in the details"


def test_a_document_is_read_anew(workspace: Workspace) -> None:
    workspace.worker.stop(None)
    app = press(opened(workspace, "report 01.txt"), "Read anew")
    assert named(workspace, "report 01.txt").state is State.QUEUED
    assert "Being read anew" in plain(app)


def test_names_that_would_be_markdown_are_shown_as_they_are(workspace: Workspace, tmp_path: Path) -> None:
    workspace.edit(named(workspace, "report 02.txt"), HOSTILE.replace("/", "-"), "$x$ **t**", None, [":red[tag]"])
    settled(workspace)
    app = opened(workspace, HOSTILE.replace("/", "-"))
    assert HOSTILE.replace("/", "-") in [re.sub(r"\\|⁠", "", one.value) for one in app.subheader]
    assert r"\*\*t\*\*" in shown(app)
    press(app, "Delete")
    assert r"\!\[i\]" in shown(app)


def test_a_demo_shows_documents_and_changes_none(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAG_DEMO", "true")
    demo = open_workspace(load_settings(), "the dashboard")
    list(demo.seed([Path(__file__).parent.parent / "samples" / "tarnholt-q1-2026-earnings-call.txt"]))
    app = start("3_Collections")
    app.session_state["open-documents"] = demo.documents()[0].id
    app.session_state["marked-documents"] = {demo.documents()[0].id}
    healthy(app.run())
    assert {"Open", "Overview", "Passages"} <= set(labels(app))
    table = app.dataframe[0].proto
    assert table.SelectionMode.Value("MULTI_ROW") not in table.selection_mode, "rows are marked to change them"
    assert not {"Delete", "Read anew", "Save", "Go"} & set(labels(app))
    close(data_dir)
