"""The passages view of the Collections page, run in this process without a browser, on a real workspace."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from streamlit import config
from streamlit.testing.v1 import AppTest

from rag.records import Page
from rag.settings import load_settings
from rag.workspace import Workspace, open_workspace
from tests.pdfs import text_pdf
from tests.test_arranging import settled
from ui.passages import page_html, plain_html

pytestmark = pytest.mark.end_to_end

ROOT = Path(__file__).parent.parent
HERE = "documents"
PAGES = [f"Page {n} of the handbook. Valve number {n} is checked every {n + 1} weeks." for n in range(1, 24)]
HOSTILE = "![x](http://evil.example.test/x.png) :red[x] <script>alert(1)</script> $a$"


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workspace]:
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("RAG_DATA_DIR", str(tmp_path / "data"))
    before = config.get_option("server.address")
    config.set_option("server.address", "localhost")
    one = open_workspace(load_settings(), "the dashboard")
    handbook, strange = tmp_path / "handbook.pdf", tmp_path / "strange [b].txt"
    handbook.write_bytes(text_pdf(PAGES))
    strange.write_text(f"The tap is blue. {HOSTILE}", encoding="utf-8")
    assert [event.outcome for event in one.ingest([handbook, strange])].count("ready") == 2
    yield one
    one.close()
    config.set_option("server.address", before)


def opened() -> AppTest:
    app = AppTest.from_file(str(ROOT / "streamlit_app.py"), default_timeout=60)
    app.switch_page("pages/3_Collections.py")
    app.session_state["collections_view"] = "Passages"
    return healthy(app.run())


def healthy(app: AppTest) -> AppTest:
    assert not app.exception
    assert not app.error, app.error[0].value
    return app


def press(app: AppTest, key: str) -> AppTest:
    return app.button(key=next(one.key for one in app.button if (one.key or "").startswith(key))).click().run()


def captions(app: AppTest) -> str:
    return "\n".join(one.value.replace("\\", "") for one in app.caption)


def texts(app: AppTest) -> str:
    return "\n".join(one.proto.body for one in app.get("html"))


def find(app: AppTest, by: str, text: str) -> AppTest:
    app.segmented_control(key=f"passages-by-{HERE}").set_value(by).run()
    boxes = [*app.text_input, *app.text_area]
    return next(one for one in boxes if (one.key or "").startswith("passages-text-")).set_value(text).run()


def test_passages_are_read_in_order_ten_at_a_time(workspace: Workspace) -> None:
    app = opened()
    assert "24 passages, in the order they are read." in captions(app)
    assert "Valve number 10 " in texts(app)
    assert "Valve number 11 " not in texts(app)
    app = healthy(app)


def test_a_document_is_chosen_and_hostile_text_is_only_text(workspace: Workspace) -> None:
    app = opened()
    strange = workspace.document("strange [b].txt").id
    healthy(app.selectbox(key=f"passages-document-{HERE}").select(strange).run())
    assert "1 passage, in the order" in captions(app)
    assert "&lt;script&gt;" in texts(app)
    assert "<script>alert" not in texts(app)
    assert "![x](http" in texts(app)


def test_a_pattern_that_is_none_is_refused_and_stays_to_be_mended(workspace: Workspace) -> None:
    app = find(opened(), "regex", "(")
    assert "no pattern" in app.error[0].value
    assert not app.exception
    app = healthy(find(app, "regex", r"number 1\d"))
    assert "10 passages found in 24." in captions(app)
    assert "It has “number 10”" in captions(app)


def test_each_way_to_find_says_why(workspace: Workspace) -> None:
    app = healthy(find(opened(), "words", "taps (kettle)"))
    assert "It has 1 of 2 words (not “(kettle)”)" in captions(app)
    assert ">tap</mark> is blue" in texts(app), "in another form than it was asked for"
    assert re.search(r"\d+% alike", captions(healthy(find(opened(), "like", "the colour of the faucet"))))
    one = workspace.chunks(workspace.document("handbook.pdf"))[4]
    app = healthy(find(opened(), "id", one.id))
    assert "1 passage found." in captions(app)
    assert "Valve number 5 " in texts(app)


def test_a_filter_of_widgets_and_json_narrows(workspace: Workspace) -> None:
    app = opened()
    app.number_input(key=f"passages-first-{HERE}").set_value(20).run()
    assert "4 passages, in the order" in captions(healthy(app))
    assert "A filter is set." in captions(app)
    app.text_area(key=f"passages-where-{HERE}").set_value('{"page": {"$lte": 21}}').run()
    assert "2 passages, in the order" in captions(healthy(app))
    app.text_area(key=f"passages-where-{HERE}").set_value('{"colour": 1}').run()
    assert "There is no field" in app.error[0].value.replace("\\", "")


def test_what_takes_the_place_of_a_document_is_read_on_and_what_was_done_before_is_not_undone(
    workspace: Workspace, tmp_path: Path
) -> None:
    app, old = opened(), workspace.document("strange [b].txt")
    healthy(app.selectbox(key=f"passages-document-{HERE}").select(old.id).run())
    press(app, "passage-hide-")
    assert "passages-undo-it" in [one.key for one in app.button]
    (tmp_path / "new").write_text("The tap is red.")
    new = workspace.replace(old, tmp_path / "new", "new.txt")
    settled(workspace)
    healthy(app.run())
    assert app.selectbox(key=f"passages-document-{HERE}").value == new.id
    assert "The tap is red." in texts(app)
    assert "passages-undo-it" not in [one.key for one in app.button]
    workspace.delete(new.id)
    healthy(app.run())
    assert not app.selectbox(key=f"passages-document-{HERE}").value
    assert "23 passages, in the order" in captions(app)


def test_lines_break_between_words_where_all_spaces_are_non_breaking_ones() -> None:
    shown = plain_html("of\N{NO-BREAK SPACE}deriving\N{NO-BREAK SPACE}revenue", [(3, 11)])
    assert "of <mark" in shown
    assert ">deriving</mark> revenue" in shown
    assert "anywhere" not in shown
    page = Page(1, "of\N{NO-BREAK SPACE}deriving", 0)
    assert "\N{NO-BREAK SPACE}" not in page_html(page, 0, 5)


def test_a_passage_is_put_away_undone_deleted_and_restored(workspace: Workspace) -> None:
    app = find(opened(), "regex", "number 7 ")
    press(app, "passage-hide-")
    assert "Hidden" in captions(healthy(app))
    assert "number 7 " not in "".join(hit.text for hit in workspace.search("valve number 7", k=20))
    press(app, "passages-undo-it")
    assert "Hidden" not in captions(healthy(app))
    assert "number 7 " in "".join(hit.text for hit in workspace.search("valve number 7", k=20))
    press(app, "passage-delete-")
    assert "Deleted" in captions(healthy(app))
    press(app, "passage-as-it-was-read-")
    assert "Deleted" not in captions(healthy(app))
    assert workspace.check() == []


def test_a_passage_is_corrected_in_a_dialog(workspace: Workspace) -> None:
    app = find(opened(), "regex", "number 3 ")
    press(app, "passage-edit-")
    box = next(one for one in app.text_area if (one.key or "").startswith("edit-text-"))
    assert "Valve number 3" in box.value
    box.set_value("   ").run()
    press(app, "edit-save")
    assert "without text cannot be found" in app.error[0].value
    box = next(one for one in app.text_area if (one.key or "").startswith("edit-text-"))
    box.set_value(f"Valve number three is checked daily. {HOSTILE}").run()
    press(app, "edit-save")
    healthy(app.run())
    assert "Edited by hand" in captions(app)
    assert "The page says: “" in captions(app)
    assert "checked daily" in texts(app)
    assert "checked daily" in workspace.ask("How often is valve number three checked?").text


def test_what_no_longer_fits_is_told_and_can_be_forgotten(workspace: Workspace) -> None:
    chunk = workspace.chunks(workspace.document("handbook.pdf"))[2].id
    workspace.edit_chunk(HERE, chunk, "Valve number three is checked daily.")
    with workspace.catalog.write() as connection:  # as after another cut
        connection.exec_driver_sql('UPDATE overlays SET "end" = "end" - 1')
    app = opened()
    assert "1 correction without a passage" in [one.label for one in app.expander]
    press(app, "loose-")
    assert not healthy(app).expander
    assert workspace.unapplied(HERE) == []


def test_in_a_demo_nothing_can_be_changed(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    workspace.close()
    monkeypatch.setenv("RAG_DEMO", "true")
    app = opened()
    assert "24 passages" in captions(app)
    assert not [one for one in app.button if (one.key or "").startswith("passage-edit")]
    open_workspace(load_settings()).close()


def test_of_many_documents_some_are_listed(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ui.collections.passage_search.FEW", 1)
    monkeypatch.setattr("ui.collections.passage_search.OFFERED", 1)
    app = opened()
    assert "1 of 2 documents are listed" in captions(app)
    healthy(app.text_input(key=f"passages-document-{HERE}-named").set_value("strange").run())
    assert app.selectbox(key=f"passages-document-{HERE}").options == ["All documents", "strange [b].txt"]
