"""Kept conversations on the Ask page where another window deletes, erases or has another version."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from rag.records import AnswerPiece
from rag.workspace import LONGEST_SEARCH, Workspace
from tests.test_pages import ask, healthy, plain, press, shown, start
from tests.test_pages_conversations import (  # noqa: F401 - fixtures
    BEFORE,
    DIVIDEND,
    NONSENSE,
    address,
    change,
    folder,
    listed,
    on_loopback,
    open_feedback,
    reload,
    workspace,
)
from ui import sharing

pytestmark = pytest.mark.end_to_end
# ruff: noqa: F811 - fixtures


def warnings(app: AppTest) -> list[str]:
    return [one.value.replace("\\", "") for one in app.warning]


def test_what_another_window_deleted_does_not_come_back_cut(workspace: Workspace) -> None:
    app = ask(start("2_Ask"), DIVIDEND)
    there = address(app)
    other = reload(app)
    change(other, DIVIDEND, "Delete")
    ask(app, NONSENSE)
    (told,) = warnings(app)
    assert "could not be kept. It was deleted meanwhile, in another window" in told
    assert "EUR 0.31" in shown(app)
    assert workspace.conversations() == []
    press(other, "Undo")
    ask(app, BEFORE)
    assert warnings(app) == []
    assert [one.question for one in workspace.conversation(there).turns] == [DIVIDEND, NONSENSE, BEFORE]


def test_what_was_erased_in_another_window_is_gone_here_too(workspace: Workspace) -> None:
    app, deleted = ask(start("2_Ask"), DIVIDEND), ask(start("2_Ask"), NONSENSE)
    change(deleted, NONSENSE, "Delete")
    workspace.talks.erase()
    ask(app, NONSENSE)
    assert "Everything was erased meanwhile" in app.info[0].value
    assert "EUR 0.31" not in shown(app)
    assert [one.title for one in workspace.conversations()] == [NONSENSE]
    assert address(app) == workspace.conversations()[0].id
    press(deleted, "Undo")
    assert "this conversation cannot be brought back" in deleted.error[0].value
    assert len(workspace.conversations()) == 1


def test_an_answer_on_its_way_while_everything_is_erased_is_not_kept(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def erased_meanwhile(*_: object) -> Iterator[AnswerPiece]:
        yield AnswerPiece("The dividend")
        workspace.talks.erase()

    with monkeypatch.context() as patched:
        patched.setattr(Workspace, "ask_stream", erased_meanwhile)
        app = ask(start("2_Ask"), DIVIDEND)
    assert "Everything was erased meanwhile" in warnings(app)[0]
    assert workspace.conversations() == []
    ask(app, NONSENSE)
    assert warnings(app) == []
    assert [one.title for one in workspace.conversations()] == [NONSENSE]


def test_an_answer_of_another_version_hides_no_other(workspace: Workspace) -> None:
    app = ask(ask(start("2_Ask"), DIVIDEND), NONSENSE)
    with workspace.talks.write() as connection:
        last = "FROM messages WHERE role = 'ai' ORDER BY id DESC LIMIT 1"
        row, message = connection.exec_driver_sql(f"SELECT id, message {last}").one()
        told = json.loads(message)
        told["data"]["additional_kwargs"]["answer"]["abstention"] = "a later reason"
        connection.exec_driver_sql("UPDATE messages SET message = ? WHERE id = ?", (json.dumps(told), row))
    again = reload(app)
    assert "EUR 0.31" in shown(again)
    assert NONSENSE in [one.value for one in again.text]
    assert "written by another version of Footnote" in again.error[0].value
    assert told["data"]["content"] in plain(again).replace("\\", "")
    ask(again, DIVIDEND)
    with workspace.talks.read() as connection:
        kept = connection.exec_driver_sql("SELECT message FROM messages WHERE id = ?", (row,)).scalar_one()
    assert json.loads(kept) == told, "an old turn was written anew"
    press(again, "Ask again")
    assert not again.error


def test_a_completed_question_is_what_goes_into_the_set_and_names_the_file(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    names: list[str] = []
    button = sharing.st.download_button

    def noted(label: str, **given: Any) -> bool:
        names.append(given["file_name"])
        return button(label, **given)

    monkeypatch.setattr(sharing.st, "download_button", noted)
    app = ask(ask(start("2_Ask"), DIVIDEND), BEFORE)
    completed = workspace.conversation(address(app)).turns[1].answer.searched  # type: ignore[union-attr]
    assert completed not in ("", BEFORE)
    assert names[-1] == f"evidence-{'-'.join(completed.lower().strip('?').split())}.md"
    key = list(app.get("feedback"))[1].key.replace("thumbs", "feedback")
    app.session_state[key] = True
    press(healthy(app.run()), "Add to the set")
    assert completed in [one.value for one in app.text]
    press(app, "Save")
    assert workspace.evaluation_rows()[0].question == completed


def test_menus_say_of_which_conversation_they_are_and_searches_are_short(workspace: Workspace) -> None:
    app = ask(start("2_Ask"), "Is *it* ![x](http://x.test)?")
    (menu,) = (one for one in app.get("menu_button") if (one.key or "").startswith("change-talk"))
    assert menu.label.startswith("Rename or delete “Is \\*it\\*")
    assert app.sidebar.text_input(key="search-talks").proto.max_chars == LONGEST_SEARCH
