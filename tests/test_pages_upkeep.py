"""Collections as a whole on their page: made, renamed, checked, mapped."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from streamlit.testing.v1 import AppTest

from rag.settings import load_settings
from rag.workspace import Workspace, open_workspace
from tests.foreign import Strange, by_langchain
from tests.test_pages import ask, close, data_dir, healthy, labels, on_loopback, plain, press, shown, start  # noqa: F401
from ui.collections.vectors import COLOURS, OTHERS, _groups

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


def test_an_empty_collection_has_no_map_and_leads_to_its_upload(workspace: Workspace) -> None:
    workspace.create_collection("a new one")
    app = view(start("3_Collections"), "Map")
    healthy(app.selectbox(key="shown_collection").set_value("a new one").run())
    assert "nothing to map yet" in shown(app)
    for name in ("Map", "Passages", "Documents"):
        view(app, name)
        assert "filter" not in shown(app)
        [link] = [one.proto for one in app.get("page_link") if one.proto.label == "Upload documents"]
        assert link.query_string == "collection=a+new+one"
    upload = start("1_Upload")
    assert upload.selectbox(key="upload_collection").value == "documents"
    upload.query_params["collection"] = "a new one"
    assert healthy(upload.run()).selectbox(key="upload_collection").value == "a new one"
    healthy(upload.selectbox(key="upload_collection").set_value("documents").run())
    assert healthy(upload.run()).selectbox(key="upload_collection").value == "documents", "the reader chooses"


def test_what_was_read_from_elsewhere_offers_no_changes(workspace: Workspace, tmp_path: Path) -> None:
    workspace.link(str(by_langchain(tmp_path / "theirs", Strange(), "strange")), name="theirs")
    app = start("3_Collections")
    healthy(app.selectbox(key="shown_collection").set_value("theirs").run())
    app.session_state["open-theirs"] = workspace.documents("theirs")[0].id
    app.session_state["marked-theirs"] = {workspace.documents("theirs")[0].id}
    for name, read_only in (("Documents", True), ("Passages", True), ("Map", False)):
        view(app, name)
        assert ("Read-only: it was read from" in shown(app)) == read_only
        assert "Searched by words only: its embedding model is unknown" in shown(app)
        changing = {"Edit", "Delete", "Read anew", "Replace", "Move or copy", "Tags", "Hide", "As it was read"}
        boxes = {one.proto.popover.label for one in app.get("popover")}
        assert not changing & {*labels(app), *boxes}
    assert "Index anew" not in labels(view(app, "Upkeep"))
    asked = healthy(app.switch_page("pages/2_Ask.py").run())
    assert "by words only" not in shown(asked)
    healthy(asked.selectbox(key="scope_collection").set_value("theirs").run())
    assert "Searched by words only: its embedding model is unknown" in shown(asked)


def test_what_goes_wrong_in_a_dialog_is_said_in_it(workspace: Workspace) -> None:
    workspace.create_collection("a new one")
    app = view(start("3_Collections"), "Upkeep")
    healthy(app.selectbox(key="shown_collection").set_value("a new one").run())
    press(app, "Index anew")
    workspace.delete_collection("a new one")
    submit(app, "Index anew")
    assert "no collection named" in app.error[0].value
    assert "really-rebuild" in [one.key for one in app.button], "the dialog is still there"


def test_sizes_say_what_they_are_of(workspace: Workspace) -> None:
    app = view(start("3_Collections"), "Upkeep")
    assert " of files · since" in shown(app)
    assert "with its index: files " in app.table[0].value.to_string()
    assert any("on the disk for all that is kept here" in one.label for one in app.expander)


def test_what_the_last_question_found_has_a_colour_of_its_own() -> None:
    names = {f"d{number}": f"{number:02}.txt" for number in range(12)}
    documents = {one: SimpleNamespace(name=name, tags=(), media_type="text/plain") for one, name in names.items()}
    points = [
        SimpleNamespace(chunk=SimpleNamespace(document_id=one)) for one in names for _ in range(20 - int(one[1:]))
    ]
    assert _groups(points, (), documents, "Document")["d11"] == OTHERS  # type: ignore[arg-type]
    groups = _groups(points, points[-1:], documents, "Document")  # type: ignore[arg-type]
    assert groups["d11"] == "11.txt"
    assert len(set(groups.values())) == len(COLOURS) + 1
