"""Kept conversations where something goes wrong: rows of other versions, readers who never end, deletions meanwhile."""

from __future__ import annotations

import json
import logging
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sql

from rag.conversations import Conversations
from rag.conversations.migrations import MIGRATIONS
from rag.conversations.tables import messages
from rag.errors import FolderError, NotFoundError
from rag.records import EvaluationRow, Feedback
from rag.settings import load_settings
from rag.workspace import Workspace
from tests.test_conversations import ANSWER, CITED, on_disk, turn


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[Conversations]:
    made = Conversations(tmp_path / "conversations.sqlite3")
    yield made
    made.close()


# -- what other versions wrote ---------------------------------------------------------------------


def alter(kept: Conversations, change: Callable[[dict[str, Any]], object], role: str = "ai") -> None:
    """Change the second turn's message; what `change` returns, a str, takes its place, else what it has altered."""
    mine = (messages.c.turn_id == "t2", messages.c.role == role)
    with kept.write() as connection:
        told = json.loads(connection.execute(sql.select(messages.c.message).where(*mine)).scalar_one())
        made = change(told)
        connection.execute(
            messages.update().where(*mine).values(message=made if isinstance(made, str) else json.dumps(told))
        )


def told(message: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = message["data"]["additional_kwargs"]
    return found


DAMAGES: dict[str, Callable[[dict[str, Any]], object]] = {
    "an unknown reason": lambda one: told(one)["answer"].update(abstention="a later reason"),
    "a field is missing": lambda one: told(one)["answer"].pop("hits"),
    "cut": lambda _: "{",
    "a list": lambda _: "[]",
    "nothing": lambda _: "",
    "a number for data": lambda one: one.update(data=7),
    "an unknown kind": lambda one: one.update(type="nonsense"),
    "another kind": lambda one: one.update(type="human"),
    "somebody else's": lambda one: one["data"].update(additional_kwargs={}),
    "of another turn": lambda one: told(one).update(turn="t1"),
}
OF_ANSWERS = {"an unknown reason", "a field is missing", "another kind"}


@pytest.mark.parametrize("damage", DAMAGES)
def test_an_answer_that_cannot_be_read_hides_no_other(kept: Conversations, damage: str) -> None:
    for number in (1, 2, 3):
        kept.keep("", "c", turn(number))
    alter(kept, DAMAGES[damage])
    found = kept.turns("c")
    assert (found[0], found[2]) == (turn(1), turn(3))
    assert (found[1].id, found[1].question, found[1].at, found[1].answer) == ("t2", "What was it?", turn(2).at, None)
    assert "written by another version of Footnote" in found[1].error
    assert found[1].partial.lower() == "it was 7 million. [1]"


@pytest.mark.parametrize("damage", [one for one in DAMAGES if one not in OF_ANSWERS])
def test_a_question_that_cannot_be_read_is_shown_with_its_answer(kept: Conversations, damage: str) -> None:
    for number in (1, 2):
        kept.keep("", "c", turn(number))
    alter(kept, DAMAGES[damage], "human")
    found = kept.turns("c")
    assert found[0] == turn(1)
    assert (found[1].id, found[1].question.lower(), found[1].answer) == ("t2", "what was it?", ANSWER)
    assert found[1].error


def test_a_search_of_another_version_keeps_its_collection(kept: Conversations) -> None:
    kept.keep("", "c", turn(2))
    alter(kept, lambda one: told(one)["search"].update(documents=7), "human")
    assert kept.turns("c")[0].search.collection == "documents"


def test_damaged_rows_of_the_list_and_the_set_hide_nothing(kept: Conversations) -> None:
    kept.keep("", "c", turn())
    kept.judge("c", Feedback("t1", 1, "Good"))
    kept.add_row(EvaluationRow("t1", "What was it?", "7 million."))
    with kept.write() as connection:
        connection.exec_driver_sql("UPDATE conversations SET created_at = 'long ago', updated_at = ''")
        connection.exec_driver_sql("UPDATE feedback SET at = 'x'")
        connection.exec_driver_sql("UPDATE evaluation_rows SET tags = '{', relevant = '7', added_at = ''")
    assert [one.title for one in kept.listed("")] == ["What was it?"]
    assert [one.note for one in kept.feedback()] == ["Good"]
    assert [(one.expected_answer, one.tags, one.relevant) for one in kept.rows()] == [("7 million.", (), ())]


def test_what_the_first_version_kept_is_all_there(tmp_path: Path) -> None:
    path = tmp_path / "conversations.sqlite3"
    at = "2026-01-01T00:00:00+00:00"
    with sqlite3.connect(path) as old:
        old.execute("CREATE TABLE schema_version (version INTEGER NOT NULL)")
        old.execute("INSERT INTO schema_version VALUES (1)")
        for statement in MIGRATIONS[0]:
            old.execute(statement)
        old.execute("INSERT INTO conversations VALUES ('c', 'Title', 'title', 'ann', ?, ?)", (at, at))
        old.execute(
            "INSERT INTO feedback VALUES ('t1', 'x', 'c', 'ann', -1, 'Hm', 'd', 'a.pdf', 3, 'Why?', 'documents', ?)",
            (at,),
        )
        old.execute(
            "INSERT INTO evaluation_rows VALUES ('t1', 'ann', 'Why?', 'So.', 'a.pdf', 'd', 3, 'quote', '[\"tag\"]', "
            "'documents', 1, 'note', '[]', '[]', ?)",
            (at,),
        )
    old.close()
    kept = Conversations(path)
    (thought,) = kept.feedback("ann")
    (row,) = kept.rows("ann")
    assert (thought.turn, thought.chunk, thought.value, thought.note, thought.page) == ("t1", "x", -1, "Hm", 3)
    assert (row.expected_answer, row.document_id, row.page, row.tags, row.note) == ("So.", "d", 3, ("tag",), "note")
    kept.rename("ann", "c", "Other")
    kept.remove("ann", "c")
    assert kept.feedback() == []
    kept.close()


# -- deleting --------------------------------------------------------------------------------------


def test_what_is_deleted_is_overwritten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    connect = sqlite3.dbapi2.connect

    def as_most_are_built(*given: Any, **named: Any) -> sqlite3.Connection:
        made = connect(*given, **named)
        made.execute("PRAGMA secure_delete = OFF").fetchall()
        return made

    monkeypatch.setattr(sqlite3.dbapi2, "connect", as_most_are_built)
    kept = Conversations(tmp_path / "conversations.sqlite3")
    with kept.read() as connection:
        assert connection.exec_driver_sql("PRAGMA secure_delete").scalar_one() == 1
    kept.close()


def test_while_somebody_reads_deleting_waits_no_longer_than_a_moment_and_wipes_later(
    kept: Conversations, caplog: pytest.LogCaptureFixture
) -> None:
    kept.keep("", "c", turn(1, "Where is the marmalade?"))
    kept.keep("", "d", turn(2, "Where is the quince jelly?"))
    another = sqlite3.connect(kept._path)  # of another process, which has the file open and reads nothing
    another.execute("SELECT * FROM conversations").fetchall()
    for delete, word, later in (
        ("c", b"marmalade", lambda: kept.keep("", "other", turn(3))),
        ("d", b"quince", kept.close),
    ):
        with kept.read() as reading:
            reading.exec_driver_sql("SELECT * FROM conversations").fetchall()
            started = time.monotonic()
            with caplog.at_level(logging.WARNING):
                kept.remove("", delete)
            assert time.monotonic() - started < 5
            assert "still in its log" in caplog.text
            assert word in on_disk(kept)
        later()
        assert word not in on_disk(kept)
    another.close()


@pytest.mark.parametrize("after", [Feedback("t1", 0), Feedback("t1", 1, "Fine")])
def test_a_note_that_is_taken_back_is_not_on_the_disk_any_more(kept: Conversations, after: Feedback) -> None:
    kept.keep("", "c", turn())
    kept.judge("c", Feedback("t1", -1, "Abominable preserves"))
    kept.add_row(EvaluationRow("t1", "What was it?", "7 million."))
    assert b"Abominable" in on_disk(kept)
    kept.judge("c", after)
    assert b"Abominable" not in on_disk(kept)


def test_what_was_erased_is_not_brought_back(kept: Conversations) -> None:
    kept.keep("", "c", turn(1))
    before = kept.erasures()
    removed = kept.remove("", "c")
    kept.keep("", "d", turn(2))
    kept.erase()
    with pytest.raises(NotFoundError, match="erased meanwhile"):
        kept.restore(removed)
    for late in ({"since": before}, {"goes_on": True}):
        with pytest.raises(NotFoundError, match="meanwhile"):
            kept.keep("", "d", turn(3), **late)  # type: ignore[arg-type]
    assert kept.listed("") == []
    assert kept.keep("", "e", turn(4), since=kept.erasures()).id == "e"


def test_a_conversation_that_goes_on_does_not_come_back_cut(kept: Conversations) -> None:
    kept.keep("", "c", turn(1))
    removed = kept.remove("", "c")
    with pytest.raises(NotFoundError, match="deleted meanwhile"):
        kept.keep("", "c", turn(2), goes_on=True)
    assert kept.listed("") == []
    kept.restore(removed)
    kept.keep("", "c", turn(2), goes_on=True)
    assert kept.turns("c") == [turn(1), turn(2)]


# -- one transaction -------------------------------------------------------------------------------


def test_a_turn_that_cannot_be_written_leaves_nothing_behind(kept: Conversations) -> None:
    with kept.write() as connection:
        connection.exec_driver_sql(
            "CREATE TRIGGER full BEFORE INSERT ON messages BEGIN SELECT RAISE(ABORT, 'disk is full'); END"
        )
    with pytest.raises(FolderError, match="disk is full"):
        kept.keep("", "c", turn(1, "Where is the marmalade?"))
    with kept.read() as connection:
        assert connection.exec_driver_sql("SELECT title FROM conversations").all() == []


def test_deleting_what_is_being_written_fails_for_nobody(kept: Conversations) -> None:
    errors: list[Exception] = []
    done = threading.Event()

    def write(who: int) -> None:
        for number in range(40):
            try:
                kept.keep("", "c", replace(turn(1), id=f"{who}-{number}"))
            except Exception as error:  # noqa: BLE001 - it is what is asserted
                errors.append(error)

    def remove() -> None:
        while not done.is_set():
            try:
                kept.remove("", "c")
            except NotFoundError:
                time.sleep(0.001)

    writers = [threading.Thread(target=write, args=(who,)) for who in range(3)]
    remover = threading.Thread(target=remove)
    for one in (*writers, remover):
        one.start()
    for one in writers:
        one.join()
    done.set()
    remover.join()
    assert errors == []


# -- owners ----------------------------------------------------------------------------------------


def test_nobody_judges_or_replaces_what_is_somebody_elses(kept: Conversations) -> None:
    kept.keep("ann", "a", turn(1))
    kept.keep("bob", "b", turn(2))
    kept.judge("a", Feedback("t1", 1, "Fine", owner="ann"))
    kept.add_row(EvaluationRow("t1", "What was it?", "7 million.", owner="ann"))
    for attempt in (
        lambda: kept.judge("b", Feedback("t1", -1, "Hijacked", owner="bob")),
        lambda: kept.judge("a", Feedback("t1", -1, "Hijacked", owner="bob")),
        lambda: kept.judge("a", Feedback("t2", -1, "Hijacked", owner="ann")),
        lambda: kept.add_row(EvaluationRow("t1", "Mine?", "Mine.", owner="bob")),
        lambda: kept.keep("bob", "b", turn(1)),
    ):
        with pytest.raises(NotFoundError):
            attempt()
    assert [one.note for one in kept.feedback()] == ["Fine"]
    assert [(one.owner, one.expected_answer, one.note) for one in kept.rows()] == [("ann", "7 million.", "Fine")]
    kept.remove("ann", "a")
    assert kept.add_row(EvaluationRow("t1", "What was it?", "8 million.", owner="ann")).expected_answer == "8 million."


def test_each_reader_and_no_demo_sees_feedback_and_rows(tmp_path: Path) -> None:
    with Workspace(load_settings(data_dir=tmp_path / "data")) as workspace:
        for number, owner in ((1, "ann"), (2, "bob")):
            one = turn(number, f"A question of {owner}?", replace(ANSWER, searched=""))
            workspace.keep_turn(owner, one, owner)
            workspace.judge(owner, one, 1, f"Of {owner}", owner=owner)
            workspace.add_evaluation_row(one, "7 million.", CITED, owner=owner)
        for owner in ("ann", "bob"):
            assert [one.note for one in workspace.feedback(owner)] == [f"Of {owner}"]
            assert [one.question for one in workspace.evaluation_rows(owner)] == [f"A question of {owner}?"]
            whole = workspace.conversation(owner, owner)
            assert [one.note for one in whole.feedback.values()] == [f"Of {owner}"]
            assert list(whole.evaluation) == [whole.turns[0].id]
            assert [one.question for one in workspace.questions_from_readers(owner)] == [f"A question of {owner}?"]
        assert len(workspace.feedback()) == len(workspace.evaluation_rows()) == 2
        assert workspace.judged_collections("ann") == [turn(1).search.collection]
        assert not workspace.questions_from_readers("ann", "another"), "it was asked in another collection"
        assert not workspace.questions_from_readers("eve")
    with Workspace(load_settings(data_dir=tmp_path / "data", demo=True)) as demo:
        assert (demo.feedback(), demo.evaluation_rows(), demo.conversations("ann")) == ([], [], [])


# -- searching -------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["x" * 60_000, "ab " * 20_000, "ﷺ" * 60_000])
def test_however_much_is_pasted_searching_goes_well(kept: Conversations, text: str) -> None:
    kept.keep("", "c", turn())
    assert kept.listed("", text) == []
