"""Conversations as they are kept: what comes back, who sees it, what is found, and what is left when it is deleted."""

from __future__ import annotations

import csv
import io
import json
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rag.conversations import Conversations, as_csv, as_jsonl
from rag.conversations.chat_history import to_messages, to_turns
from rag.errors import FolderError, InputError, NotFoundError
from rag.records import (
    Abstention,
    Answer,
    Chunk,
    Citation,
    Claim,
    EvaluationRow,
    Feedback,
    Hit,
    KeptTurn,
    Overview,
    Passage,
    Search,
    Section,
    Verdict,
)

SEARCH = Search("documents", ("d1",), ("tag",), ("application/pdf",), 20240101, 0, 7)
CITED = Citation(1, "d1", "a.pdf", 3, "It was 7 million.", 10, 27, "A > B", ((17, 26),))
FOUND = Hit(
    Chunk("d1-200-000000", "d1", 3, 0, 40, "A > B", "Revenue rose. It was 7 million.", "Annual report"),
    "a.pdf",
    0.9,
    {"dense": 1, "lexical": 2},
    {"dense": 0.7, "lexical": 11.5},
    Passage(0, 60, "Revenue rose. It was 7 million. And more."),
)
ANSWER = Answer(
    "What was it?",
    "It was 7 million. [1]",
    (CITED,),
    (FOUND,),
    False,
    "openai:some-model",
    notice="Look out.",
    timings={"search": 0.1, "answer": 0.2},
    confidence=0.8,
    ledger=(Claim(0, 17, Verdict.PARTLY, (1,), ("it says so",), CITED),),
    searched="What was the revenue?",
    unknown=((3, 9),),
)


def turn(number: int = 1, question: str = "What was it?", answer: Answer | None = ANSWER, **more: object) -> KeptTurn:
    return KeptTurn(f"t{number}", question, SEARCH, datetime(2026, 1, number, tzinfo=UTC), answer, **more)  # type: ignore[arg-type]


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[Conversations]:
    made = Conversations(tmp_path / "conversations.sqlite3")
    yield made
    made.close()


def on_disk(kept: Conversations) -> bytes:
    return b"".join(path.read_bytes() for path in kept._path.parent.glob("conversations.sqlite3*"))


# -- what comes back -------------------------------------------------------------------------------

texts = st.text(max_size=20)
numbers = st.integers(0, 10**9)
spans = st.tuples(numbers, numbers)
floats = st.floats(allow_nan=False)
citations = st.builds(
    Citation, numbers, texts, texts, numbers, texts, numbers, numbers, texts,
    st.lists(spans, max_size=2).map(tuple),
)  # fmt: skip
chunks = st.builds(Chunk, texts, texts, numbers, numbers, numbers, texts, texts, texts)
passages = st.none() | st.builds(Passage, numbers, numbers, texts)
hits = st.builds(
    Hit, chunks, texts, floats, st.dictionaries(texts, numbers, max_size=2), st.dictionaries(texts, floats, max_size=2),
    passages,
)  # fmt: skip
claims = st.builds(
    Claim, numbers, numbers, st.sampled_from(Verdict), st.lists(numbers, max_size=2).map(tuple),
    st.lists(texts, max_size=2).map(tuple), st.none() | citations,
)  # fmt: skip


def answers(overview: st.SearchStrategy[Overview | None]) -> st.SearchStrategy[Answer]:
    return st.builds(
        Answer,
        texts,
        texts,
        st.lists(citations, max_size=2).map(tuple),
        st.lists(hits, max_size=2).map(tuple),
        st.booleans(),
        texts,
        texts,
        st.dictionaries(texts, floats, max_size=2),
        st.none() | st.sampled_from(Abstention),
        st.none() | floats,
        st.lists(claims, max_size=2).map(tuple),
        texts,
        overview,
        st.lists(spans, max_size=2).map(tuple),
    )


sections = st.builds(Section, texts, numbers, numbers, st.lists(citations, max_size=1).map(tuple))
overviews = st.builds(
    Overview, texts, texts, texts, numbers, st.lists(st.tuples(numbers, texts, numbers), max_size=2).map(tuple),
    st.lists(sections, max_size=2).map(tuple), answers(st.none()),
)  # fmt: skip
searches = st.builds(
    Search, texts, st.lists(texts, max_size=2).map(tuple), st.lists(texts, max_size=2).map(tuple),
    st.lists(texts, max_size=2).map(tuple), numbers, numbers, numbers,
)  # fmt: skip
turns = st.builds(
    KeptTurn, texts, texts, searches, st.datetimes(timezones=st.just(UTC)), st.none() | answers(st.none() | overviews),
    texts, texts, st.booleans(),
)  # fmt: skip


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(turns)
def test_any_turn_comes_back_from_its_messages_as_it_was(one: KeptTurn) -> None:
    assert to_turns(to_messages(one)) == [one]


def test_turns_come_back_whole_and_in_order_after_a_restart(kept: Conversations) -> None:
    said = [
        turn(1),
        turn(2, "And then?", None, error="The model is away."),
        turn(3, "Half a character \ud83d", None, partial="It was"),
        turn(4, "…", replace(ANSWER, abstention=Abstention.NEAR_MISS, abstained=True), literally=True),
    ]
    for one in said:
        kept.keep("", "c", one)
    kept.close()
    again = Conversations(kept._path)
    assert again.turns("c") == said
    assert [one.title for one in again.listed("")] == ["What was it?"]
    again.close()


def test_a_turn_that_is_asked_again_keeps_its_place(kept: Conversations) -> None:
    kept.keep("", "c", turn(1, answer=None, partial="It"))
    kept.keep("", "c", turn(2))
    kept.keep("", "c", turn(1))
    assert kept.turns("c") == [turn(1), turn(2)]


def test_langchains_own_chat_history_reads_and_continues_the_table(kept: Conversations) -> None:
    from langchain_community.chat_message_histories import SQLChatMessageHistory

    kept.keep("", "c", turn())
    with kept.engine() as engine:
        plain = SQLChatMessageHistory("c", table_name="messages", connection=engine)
        assert [(one.type, one.content) for one in plain.messages] == [
            ("human", "What was it?"),
            ("ai", "It was 7 million. [1]"),
        ]


# -- the list --------------------------------------------------------------------------------------


def test_the_one_that_was_continued_last_comes_first(kept: Conversations) -> None:
    for one in ("a", "b", "c"):
        kept.keep("", one, turn(ord(one) - 96, f"Question {one}"))
    kept.keep("", "a", turn(4))
    assert [one.id for one in kept.listed("")] == ["a", "c", "b"]
    assert [one.id for one in kept.listed("", limit=1, offset=1)] == ["c"]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("REVENUE", ["a"]),
        ("grössE", ["b"]),
        ("7 question", ["a"]),
        ("fees 7", []),
        ("100%", ["b"]),
        ("1%0", []),
        ("_", []),
        ("renamed", ["a"]),
        ("ﬁle", ["b"]),
        ("", ["b", "a"]),
    ],
)
def test_words_are_found_in_titles_questions_and_answers(kept: Conversations, text: str, found: list[str]) -> None:
    kept.keep("", "a", turn(1, "A question about revenue"))
    kept.rename("", "a", "Renamed")
    kept.keep("", "b", turn(2, "Welche GRÖSSE?", replace(ANSWER, text="100% of the fees in the FILE")))
    assert [one.id for one in kept.listed("", text)] == found


def test_each_owner_sees_their_own_only(kept: Conversations) -> None:
    kept.keep("ann@example.com", "a", turn())
    assert kept.listed("bob@example.com") == kept.listed("") == []
    for attempt in (
        lambda: kept.one("bob@example.com", "a"),
        lambda: kept.keep("bob@example.com", "a", turn(2)),
        lambda: kept.rename("bob@example.com", "a", "Mine"),
        lambda: kept.remove("bob@example.com", "a"),
        lambda: kept.drop("bob@example.com", "a", "t1"),
    ):
        with pytest.raises(NotFoundError):
            attempt()
    assert kept.turns("a") == [turn()]


@pytest.mark.parametrize("title", ["", " \n ", "x" * 101, "evil\u202e"])
def test_titles_can_be_seen(kept: Conversations, title: str) -> None:
    kept.keep("", "c", turn())
    with pytest.raises(InputError, match="visible"):
        kept.rename("", "c", title)
    assert kept.rename("", "c", " The  year ").title == "The year"


def test_a_long_question_makes_a_short_title(kept: Conversations) -> None:
    assert kept.keep("", "c", turn(1, "word " * 100)).title == f"{('word ' * 14).strip()}…"
    assert len(kept.keep("", "d", turn(2, "x" * 500)).title) == 71
    assert kept.keep("", "e", turn(3, "a\u202eb\x1b")).title == "a b"


# -- deleting --------------------------------------------------------------------------------------


def test_nothing_is_left_on_the_disk_of_what_is_deleted_and_it_can_be_brought_back(kept: Conversations) -> None:
    secret = turn(1, "Where is the marmalade?", replace(ANSWER, text="In the cupboard. " * 2000))
    kept.keep("", "c", secret)
    kept.keep("", "other", turn(2))
    kept.judge("c", Feedback("t1", 1, "Excellent preserves"))
    assert b"marmalade" in on_disk(kept)
    removed = kept.remove("", "c")
    for word in (b"marmalade", b"cupboard", b"preserves"):
        assert word not in on_disk(kept)
    assert [one.id for one in kept.listed("")] == ["other"]
    with pytest.raises(NotFoundError, match="deleted"):
        kept.one("", "c")
    kept.restore(removed)
    assert kept.turns("c") == [secret]
    assert kept.one("", "c") == removed.conversation
    assert [one.note for one in kept.feedback()] == ["Excellent preserves"]


def test_bringing_back_loses_nothing_that_came_meanwhile(kept: Conversations) -> None:
    kept.keep("", "c", turn(1))
    removed = kept.remove("", "c")
    kept.keep("", "c", turn(2))
    kept.restore(removed)
    kept.restore(removed)
    assert kept.turns("c") == [turn(1), turn(2)]


def test_a_turn_can_be_removed(kept: Conversations) -> None:
    kept.keep("", "c", turn(1))
    kept.keep("", "c", turn(2))
    kept.judge("c", Feedback("t1", 1))
    kept.drop("", "c", "t1")
    assert kept.turns("c") == [turn(2)]
    assert kept.feedback() == []


def test_erasing_leaves_nothing(kept: Conversations) -> None:
    kept.keep("", "c", turn(1, "Where is the marmalade?"))
    kept.judge("c", Feedback("t1", 1))
    kept.add_row(EvaluationRow("t1", "Where is the marmalade?", "There."))
    kept.erase()
    assert (kept.listed(""), kept.feedback(), kept.rows()) == ([], [], [])
    assert b"marmalade" not in on_disk(kept)


# -- many at once ----------------------------------------------------------------------------------


def test_sessions_that_write_at_once_lose_nothing(kept: Conversations) -> None:
    other = Conversations(kept._path)  # as another process would
    errors: list[Exception] = []

    def write(who: int) -> None:
        try:
            for number in range(10):
                one = replace(turn(1, f"{who} {number}"), id=f"{who}-{number}")
                (kept if who % 2 else other).keep("", f"c{who % 3}", one)
                kept.listed("", "rev")
        except Exception as error:  # noqa: BLE001 - it is what is asserted
            errors.append(error)

    threads = [threading.Thread(target=write, args=(who,)) for who in range(6)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    other.close()
    assert errors == []
    found = [one.question for number in range(3) for one in kept.turns(f"c{number}")]
    assert sorted(found) == sorted(f"{who} {number}" for who in range(6) for number in range(10))
    for who in range(6):
        mine = [one for one in found if one.startswith(f"{who} ")]
        assert mine == sorted(mine)


def test_a_file_of_a_newer_footnote_is_refused(kept: Conversations) -> None:
    kept.close()
    with sqlite3.connect(kept._path) as connection:
        connection.execute("INSERT INTO schema_version VALUES (99)")
    connection.close()
    with pytest.raises(FolderError, match="newer version"):
        Conversations(kept._path)


def test_thousands_of_conversations_are_listed_and_searched_in_an_instant(kept: Conversations) -> None:
    long = replace(ANSWER, text="A sentence that says something about harbours. " * 30, hits=(FOUND,) * 10)
    from rag.conversations.chat_history import message_row, to_messages
    from rag.conversations.tables import conversations, messages

    at = datetime.now(UTC).isoformat()
    with kept.write() as connection:
        for number in range(2000):
            row = {"id": f"c{number}", "title": f"Talk {number}", "words": f"talk {number}", "owner": ""}
            connection.execute(conversations.insert().values(row | {"created_at": at, "updated_at": at}))
            said = [replace(turn(1, f"Question {number}", long), id=f"{number}-{each}") for each in range(2)]
            rows = [message_row(each) | {"session_id": f"c{number}"} for one in said for each in to_messages(one)]
            connection.execute(messages.insert(), rows)
    for text, found in (("", 30), ("talk 1999", 1), ("harbours", 30), ("nowhere", 0)):
        started = time.perf_counter()
        assert len(kept.listed("", text)) == found
        assert time.perf_counter() - started < 1, text


# -- feedback and the evaluation set ---------------------------------------------------------------


def test_what_is_thought_replaces_what_was_thought_and_can_be_taken_back(kept: Conversations) -> None:
    kept.keep("", "c", turn())
    kept.judge("c", Feedback("t1", 1, question="What was it?", collection="documents"))
    kept.judge("c", Feedback("t1", -1, "Wrong year", question="What was it?", collection="documents"))
    kept.judge("c", Feedback("t1", 1, chunk=FOUND.chunk.id, document="d1", name="a.pdf", page=3))
    about = {one.chunk: (one.value, one.note, one.question, one.name, one.page) for one in kept.feedback("", "c")}
    assert about == {"": (-1, "Wrong year", "What was it?", "", 0), FOUND.chunk.id: (1, "", "", "a.pdf", 3)}
    kept.judge("c", Feedback("t1", 0))
    assert [one.chunk for one in kept.feedback()] == [FOUND.chunk.id]


def test_a_row_says_what_is_thought_now_and_outlives_the_conversation(kept: Conversations) -> None:
    kept.keep("", "c", turn())
    kept.judge("c", Feedback("t1", 1, chunk="x"))
    kept.add_row(EvaluationRow("t1", "What was it?", "7 million.", "a.pdf", 3, "It was 7 million.", ("tag",)))
    kept.judge("c", Feedback("t1", -1, "Hm"))
    kept.judge("c", Feedback("t1", -1, chunk="y"))
    kept.remove("", "c")
    (row,) = kept.rows("")
    assert (row.verdict, row.note, row.relevant, row.not_relevant) == (-1, "Hm", ("x",), ("y",))
    assert (row.expected_answer, row.document, row.page, row.quote, row.tags) == (
        "7 million.",
        "a.pdf",
        3,
        "It was 7 million.",
        ("tag",),
    )
    kept.remove_row("bob", "t1")
    assert kept.rows()
    kept.remove_row("", "t1")
    assert kept.rows() == []


ROW = EvaluationRow("t1", '=HYPERLINK("x")', "+1\n2", "@a.pdf", 3, "-quote", ("\ttag", "b"), note="\rx", verdict=1)


def test_a_spreadsheet_takes_no_cell_for_a_formula() -> None:
    (row,) = csv.DictReader(io.StringIO(as_csv([ROW]), newline=""))
    assert list(row)[:6] == ["question", "expected_answer", "document", "page", "quote", "tags"]
    assert row["question"] == '\'=HYPERLINK("x")'
    assert row["expected_answer"] == "'+1\n2"
    assert (row["document"], row["quote"], row["note"], row["page"]) == ("'@a.pdf", "'-quote", "'\rx", "3")
    assert row["tags"] == "'\ttag; b"
    assert (row["verdict"], row["relevant"]) == ("good", "")


def test_lines_of_json_have_everything_as_it_is() -> None:
    (line,) = as_jsonl([ROW]).splitlines()
    told = json.loads(line)
    assert (told["question"], told["tags"], told["page"]) == (ROW.question, ["\ttag", "b"], 3)


# -- the library -----------------------------------------------------------------------------------


def test_its_one_warning_is_kept_quiet_and_it_is_imported_only_when_needed(tmp_path: Path) -> None:
    program = (
        "import sys, warnings; warnings.simplefilter('error')\n"
        "from pathlib import Path\nfrom rag.workspace import Workspace\nfrom rag.settings import load_settings\n"
        f"workspace = Workspace(load_settings(data_dir=Path({str(tmp_path / 'data')!r})))\n"
        "workspace.conversations(text='x')\n"
        "assert not any(one.startswith('langchain_community') for one in sys.modules)\n"
        "workspace.talks.load()\n"
        "assert 'langchain_community' in sys.modules\nworkspace.close()\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
