"""Conversations and feedback on the Ask page, run in this process without a browser, on a real workspace."""

from __future__ import annotations

import csv
import io
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from streamlit import config
from streamlit.testing.v1 import AppTest

from rag.errors import StorageError
from rag.records import AnswerPiece, Conversation, KeptTurn, Search
from rag.settings import load_settings
from rag.workspace import Workspace, as_csv, open_workspace
from tests.test_pages import ROOT, ask, close, footnotes, healthy, labels, plain, press, shown, start, unfold
from ui import history, talk
from ui.history import age, period

pytestmark = pytest.mark.end_to_end

REPORT = "tarnholt-annual-report-2025.pdf"
DIVIDEND = "What dividend per share does the Board propose for 2025?"
BEFORE = "And what was it in 2024?"
NONSENSE = "Which vaccines are recommended for travellers to Brazil?"


@pytest.fixture(autouse=True)
def on_loopback(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.chdir(ROOT)
    before = config.get_option("server.address")
    config.set_option("server.address", "localhost")
    yield
    config.set_option("server.address", before)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    made = tmp_path_factory.mktemp("talks") / "data"
    list(open_workspace(load_settings(data_dir=made)).ingest([ROOT / "samples" / REPORT]))
    yield made
    close(made)


@pytest.fixture
def workspace(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """The pages' workspace with a report, and without any conversation."""
    monkeypatch.setenv("RAG_DATA_DIR", str(folder))
    made = open_workspace(load_settings(), "the dashboard")
    made.talks.erase()
    return made


def reload(app: AppTest, page: str = "2_Ask") -> AppTest:
    """A session of its own at the address where `app` is."""
    fresh = AppTest.from_file(str(ROOT / "streamlit_app.py"), default_timeout=30)
    fresh.switch_page(f"pages/{page}.py")
    for key, values in app.query_params.items():
        fresh.query_params[key] = values
    return healthy(fresh.run())


def listed(app: AppTest) -> list[str]:
    """The titles in the sidebar; the one that is read is in bold."""
    return [one.label.replace("\\", "") for one in app.sidebar.button if (one.key or "").startswith("open-talk")]


def address(app: AppTest) -> str:
    return "".join(app.query_params.get("conversation", []))


def change(app: AppTest, title: str, what: str) -> AppTest:
    """Choose in the menu of a conversation."""
    opens = next(one for one in app.sidebar.button if title in one.label.replace("\\", ""))
    key = str(opens.key).replace("open", "change")
    menu = next(one for one in app.get("menu_button") if one.key == key)
    return healthy(menu.set_value(what).run())


def open_feedback(app: AppTest) -> AppTest:
    """Open what is behind `Feedback` at the first answer."""
    key = next(one.key for one in app.get("feedback")).replace("thumbs", "feedback")
    app.session_state[key] = True
    return healthy(app.run())


# -- going on --------------------------------------------------------------------------------------


def test_a_conversation_goes_on_after_a_reload(workspace: Workspace) -> None:
    app = ask(start("2_Ask"), DIVIDEND)
    there = address(app)
    assert there
    assert listed(app) == [f"**{DIVIDEND}**"]
    again = reload(app)
    assert plain(again) == plain(app)
    assert footnotes(again) == footnotes(app) == [f"**[1]** {REPORT} · p. 3"]
    press(again, "[1]")
    assert "page 3 of 14" in plain(again)
    press(again, "Close")
    ask(again, BEFORE)
    assert "Searched for:" in plain(again)
    assert address(again) == there
    assert [one.question for one in workspace.conversation(there).turns] == [DIVIDEND, BEFORE]


def test_the_address_comes_back_with_the_page(workspace: Workspace) -> None:
    app = ask(start("2_Ask"), DIVIDEND)
    there = address(app)
    app.switch_page("pages/3_Collections.py").run()
    app.query_params.clear()
    app.switch_page("pages/2_Ask.py")
    assert address(healthy(app.run())) == there
    assert "EUR 0.31" in shown(app)


def test_a_new_conversation_deletes_nothing(workspace: Workspace) -> None:
    app = ask(start("2_Ask"), DIVIDEND)
    press(app, "New conversation")
    assert address(app) == ""
    assert "EUR 0.31" not in shown(app)
    assert listed(app) == [DIVIDEND]
    ask(app, NONSENSE)
    assert listed(app) == [f"**{NONSENSE}**", DIVIDEND]
    press(app, DIVIDEND)
    assert "EUR 0.31" in shown(app)
    assert listed(app) == [NONSENSE, f"**{DIVIDEND}**"]
    assert len(workspace.conversations()) == 2


def test_an_address_of_nothing_is_told_kindly_and_begins_anew(workspace: Workspace) -> None:
    app = AppTest.from_file(str(ROOT / "streamlit_app.py"), default_timeout=30)
    app.switch_page("pages/2_Ask.py")
    app.query_params["conversation"] = "nothing"
    app.query_params["k"] = "7"
    healthy(app.run())
    assert "not there any more" in app.info[0].value
    assert address(app) == ""
    assert "k" in app.query_params
    ask(app, DIVIDEND)
    assert "not there any more" not in shown(app)
    assert address(app)


def test_what_was_stopped_or_failed_is_kept_as_well(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> Iterator[AnswerPiece]:
        yield AnswerPiece("The dividend")
        raise StorageError("The disk is full. Free some space.")

    with monkeypatch.context() as patched:
        patched.setattr(Workspace, "ask_stream", broken)
        app = ask(start("2_Ask"), DIVIDEND)
    again = reload(app)
    assert "The disk is full" in again.error[0].value
    press(again, "Ask again")
    assert "EUR 0.31" in shown(again)
    assert [one.error for one in workspace.conversation(address(again)).turns] == [""]


def test_a_question_that_is_edited_is_kept_once(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(Workspace, "ask_stream", lambda *_: iter([AnswerPiece("It")]))
        app = ask(start("2_Ask"), DIVIDEND)
    (turn,) = workspace.conversation(address(app)).turns
    assert (turn.answer, turn.partial) == (None, "It")
    press(app, "Edit the question")
    assert (workspace.conversations(), address(app)) == ([], "")
    ask(app, NONSENSE)
    assert listed(app) == [f"**{NONSENSE}**"]


def test_what_cannot_be_kept_is_answered_all_the_same(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> Conversation:
        raise StorageError("The disk is full. Free some space.")

    with monkeypatch.context() as patched:
        patched.setattr(Workspace, "keep_turn", full)
        app = ask(start("2_Ask"), DIVIDEND)
        assert "could not be kept. The disk is full" in app.warning[0].value
        assert "EUR 0.31" in shown(app)
    ask(app, NONSENSE)
    assert not app.warning
    assert [one.question for one in workspace.conversation(address(app)).turns] == [DIVIDEND, NONSENSE]


# -- the list --------------------------------------------------------------------------------------


def test_conversations_are_found_renamed_deleted_and_brought_back(workspace: Workspace) -> None:
    app = ask(start("2_Ask"), DIVIDEND)
    press(app, "New conversation")
    ask(app, NONSENSE)
    find = app.sidebar.text_input(key="search-talks")
    healthy(find.set_value("eur 0.31").run())
    assert listed(app) == [DIVIDEND]
    healthy(app.sidebar.text_input(key="search-talks").set_value("xylophone").run())
    assert "No conversation has these words" in plain(app)
    healthy(app.sidebar.text_input(key="search-talks").set_value("").run())

    change(app, DIVIDEND, "Rename")
    title = next(one for one in app.text_input if one.label == "Title")
    title.set_value("**Dividends**")
    press(app, "Rename")
    assert listed(app) == [f"**{NONSENSE}**", "**Dividends**"]
    assert workspace.conversations(text="dividends")[0].title == "**Dividends**"

    change(app, NONSENSE, "Delete")  # the one that is read
    assert listed(app) == ["**Dividends**"]
    assert "is deleted" in plain(app)
    assert address(app) == ""
    press(app, "Undo")
    assert listed(app)[0] == f"**{NONSENSE}**"
    assert NONSENSE in [one.value for one in app.text]


def test_a_long_list_is_shown_some_at_a_time(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history, "AT_ONCE", 3)
    for number in range(5):
        turn = KeptTurn(f"t{number}", f"Question {number}", Search("documents"), history.datetime.now(history.UTC))
        workspace.keep_turn(f"c{number}", turn)
    app = start("2_Ask")
    assert listed(app) == ["Question 4", "Question 3", "Question 2"]
    press(app, "Show more")
    assert len(listed(app)) == 5
    assert "Show more" not in labels(app)


def test_readers_who_sign_in_see_their_own_only(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    def is_reading(name: str) -> None:
        for module in (talk, history):
            monkeypatch.setattr(module, "reader", lambda: name)

    is_reading("ann@example.com")
    app = ask(start("2_Ask"), DIVIDEND)
    is_reading("bob@example.com")
    assert listed(start("2_Ask")) == []
    assert "not there any more" in reload(app).info[0].value
    healthy(app.run())  # another reader in the same session
    assert "EUR 0.31" not in shown(app)
    is_reading("ann@example.com")
    assert listed(start("2_Ask")) == [DIVIDEND]


def test_ages_are_told_as_people_tell_them() -> None:
    now = history.datetime(2026, 3, 20, 12, tzinfo=history.UTC)
    ago = [now - history.timedelta(seconds=one) for one in (5, 300, 7200, 90_000, 86_400 * 6, 86_400 * 60)]
    assert [age(one, now) for one in ago[:3]] == ["just now", "5 min ago", "2 h ago"]
    assert age(ago[5], now) == "19 Jan 2026"
    assert [period(one, now) for one in (ago[0], *ago[3:])] == ["Today", "Yesterday", "Last 7 days", "Earlier"]


# -- the demo, and erasing -------------------------------------------------------------------------


def test_a_demo_keeps_nothing_and_asks_for_no_feedback(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    ask(start("2_Ask"), NONSENSE)
    monkeypatch.setenv("RAG_DEMO", "true")
    app = ask(start("2_Ask"), DIVIDEND)
    assert "EUR 0.31" in shown(app)
    assert (listed(app), address(app), list(app.get("feedback")), list(app.get("button_group"))) == ([], "", [], [])
    demo = open_workspace(load_settings())
    assert (demo.conversations(), demo.feedback(), demo.evaluation_rows()) == ([], [], [])
    assert len(demo.talks.listed("")) == 1


def test_erasing_takes_conversations_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAG_DATA_DIR", str(tmp_path / "data"))
    own = open_workspace(load_settings(), "the dashboard")
    list(own.ingest([ROOT / "samples" / REPORT]))
    ask(start("2_Ask"), DIVIDEND)
    assert len(own.conversations()) == 1
    own.erase()
    assert own.conversations() == []
    close(tmp_path / "data")


# -- feedback --------------------------------------------------------------------------------------


def test_thumbs_and_a_note_are_there_after_a_reload_and_can_be_taken_back(workspace: Workspace) -> None:
    app = ask(start("2_Ask"), DIVIDEND)
    healthy(app.get("feedback")[0].set_value(0).run())
    open_feedback(app)
    note = next(one for one in app.text_area if "right or wrong" in one.label)
    note.set_value("The wrong year. <b>")
    press(app, "Save the note")
    (given,) = workspace.feedback()
    assert (given.value, given.note, given.question, given.collection) == (
        -1,
        "The wrong year. <b>",
        DIVIDEND,
        "documents",
    )
    again = reload(app)
    assert again.get("feedback")[0].value == 0
    open_feedback(again)
    assert next(one for one in again.text_area if "right or wrong" in one.label).value == "The wrong year. <b>"
    healthy(again.get("feedback")[0].set_value(None).run())
    assert workspace.feedback() == []
    assert reload(app).get("feedback")[0].value is None


def test_sources_are_called_relevant_or_not(workspace: Workspace) -> None:
    app = unfold(ask(start("2_Ask"), DIVIDEND))
    pills = app.get("button_group")
    healthy(pills[0].set_value(":material/check: Relevant").run())
    healthy(app.get("button_group")[2].set_value(":material/close: Not relevant").run())
    hits = workspace.conversation(address(app)).turns[0].answer.hits  # type: ignore[union-attr]
    assert {one.chunk: (one.value, one.name, one.page) for one in workspace.feedback()} == {
        hits[0].chunk.id: (1, REPORT, hits[0].chunk.page),
        hits[2].chunk.id: (-1, REPORT, hits[2].chunk.page),
    }
    again = unfold(reload(app))
    values = [one.value for one in again.get("button_group")[:3]]
    assert values == [":material/check: Relevant", None, ":material/close: Not relevant"]
    healthy(again.get("button_group")[0].set_value(None).run())
    assert [one.value for one in workspace.feedback()] == [-1]


def test_an_answer_becomes_a_row_of_the_evaluation_set_on_request(workspace: Workspace) -> None:
    app = ask(start("2_Ask"), DIVIDEND)
    healthy(app.get("feedback")[0].set_value(1).run())
    assert workspace.evaluation_rows() == []
    open_feedback(app)
    press(app, "Add to the set")
    expected = next(one for one in app.text_area if one.label == "Expected answer")
    assert "EUR 0.31" in expected.value
    assert "[1]" not in expected.value
    expected.set_value("EUR 0.31")
    next(one for one in app.text_input if one.label == "Tags").set_value("dividend, easy")
    press(app, "Save")
    (row,) = workspace.evaluation_rows()
    assert (row.question, row.expected_answer, row.document, row.page) == (DIVIDEND, "EUR 0.31", REPORT, 3)
    assert "The Board proposes a dividend of EUR 0.31" in row.quote
    assert (row.tags, row.verdict) == (("dividend", "easy"), 1)
    (line,) = csv.DictReader(io.StringIO(as_csv([row])))
    assert (line["expected_answer"], line["page"], line["tags"]) == ("EUR 0.31", "3", "dividend; easy")

    again = open_feedback(reload(app))
    assert [one.label for one in again.get("download_button")][-2:] == ["CSV", "JSONL"]
    press(again, "Change its row")
    assert next(one for one in again.text_area if one.label == "Expected answer").value == "EUR 0.31"
    press(again, "Remove from the set")
    assert workspace.evaluation_rows() == []


def test_a_question_without_an_answer_is_a_row_as_well(workspace: Workspace) -> None:
    app = open_feedback(ask(start("2_Ask"), NONSENSE))
    press(app, "Add to the set")
    press(app, "Save")
    (row,) = workspace.evaluation_rows()
    assert (row.question, row.expected_answer, row.document, row.page) == (NONSENSE, "", "", 0)


def test_a_place_without_an_answer_is_refused_in_words(workspace: Workspace) -> None:
    app = open_feedback(ask(start("2_Ask"), DIVIDEND))
    press(app, "Add to the set")
    next(one for one in app.text_area if one.label == "Expected answer").set_value(" ")
    press(app, "Save")
    assert "Write the answer that is expected" in app.error[0].value
    assert workspace.evaluation_rows() == []


def test_a_long_conversation_is_drawn_in_an_instant(workspace: Workspace) -> None:
    app = ask(start("2_Ask"), DIVIDEND)
    (turn,) = workspace.conversation(address(app)).turns
    for number in range(49):
        workspace.keep_turn(address(app), KeptTurn(f"{number:08}", DIVIDEND, turn.search, turn.at, turn.answer))
    again = reload(app)
    assert len(again.get("feedback")) == 50
    started = time.perf_counter()
    healthy(again.run())
    assert time.perf_counter() - started < 5
