"""Traces: what was done for a question is noted as it was, kept, looked at, and gone with what it was about."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from rag.errors import NotFoundError, QuestionError
from rag.records import PARTS, TOTAL, Answer, KeptTurn, Search, Span, Step, Trace, TracedAs
from rag.traces import NewTrace, Traces
from rag.workspace import Workspace
from rag.workspace.live import Stopwatch
from rag.workspace.tracing import STOPPED
from tests.conftest import outcomes

RENT = "How high is the yearly rent?"
FLIGHT = "Who piloted the first flight across the Atlantic?"


@pytest.fixture
def asked(workspace: Workspace, notes: Path) -> Workspace:
    """A workspace with a document, of which nothing was asked yet."""
    assert outcomes(workspace.ingest([notes])) == {"lease.md": "ready"}
    return workspace


def ask(workspace: Workspace, question: str, turn: str = "", owner: str = "") -> Answer:
    *_, answer = workspace.ask_stream(question, traced=TracedAs(turn, owner))
    assert isinstance(answer, Answer)
    return answer


def keep(workspace: Workspace, question: str, turn: str, owner: str = "", conversation: str = "talk") -> KeptTurn:
    """Ask as the dashboard does: a turn of a conversation."""
    answer = ask(workspace, question, turn, owner)
    kept = KeptTurn(turn, question, Search(collection="documents"), datetime.now(UTC), answer)
    workspace.keep_turn(conversation, kept, owner)
    return kept


def bytes_of(workspace: Workspace) -> bytes:
    """All that the disk has of traces."""
    return b"".join(path.read_bytes() for path in workspace.folder.path.glob("traces.sqlite3*"))


def test_a_trace_has_each_step_of_an_answer_with_its_time(asked: Workspace) -> None:
    before = datetime.now(UTC)
    answer = ask(asked, RENT)
    [trace] = asked.traces()
    assert (trace.question, trace.answer, trace.abstained, trace.error) == (RENT, answer.text, False, "")
    assert before <= trace.at <= datetime.now(UTC)
    assert [one.name for one in trace.spans if not one.within] == ["retrieve", "generate", "check"]
    within = [one.name for one in trace.spans if one.within == "retrieve"]
    assert within == ["lexical", "dense", "late", "fuse", "context"]
    assert trace.found[0].name == "lease.md"
    assert trace.found[0].text == ""
    assert asked.trace(trace.id) == trace


def test_steps_follow_each_other_and_parts_lie_within_theirs(asked: Workspace) -> None:
    answer = ask(asked, RENT)
    [trace] = asked.traces()
    steps = [one for one in trace.spans if not one.within]
    assert sum(one.seconds for one in steps) == pytest.approx(trace.seconds, abs=0.005)
    assert trace.seconds == pytest.approx(answer.timings[TOTAL])
    for before, after in pairwise(steps):
        assert before.start + before.seconds == pytest.approx(after.start)
    retrieve = steps[0]
    for one in trace.spans:
        if one.within:
            assert retrieve.start <= one.start
            assert one.start + one.seconds <= retrieve.start + retrieve.seconds + 1e-6


def test_parts_are_in_traces_alone(asked: Workspace) -> None:
    told: list[Step] = []
    *_, answer = asked.ask_stream(RENT, told=told.append)
    assert told == [Step.RETRIEVE, Step.GENERATE, Step.CHECK]
    assert isinstance(answer, Answer)
    assert not set(answer.timings) & {one.value for one in PARTS}


def test_a_stopwatch_without_steps_has_no_spans() -> None:
    watch = Stopwatch(lambda _: None)
    assert watch.spans(watch.elapsed()) == ()
    assert set(watch.timings()) == {TOTAL}


def test_traces_are_filtered_by_what_a_reader_would_ask(asked: Workspace) -> None:
    keep(asked, RENT, "one")
    keep(asked, FLIGHT, "two")
    rented = asked.conversation("talk").turns[0]
    asked.judge("talk", rented, 1, "just so")
    with pytest.raises(QuestionError):
        asked.ask("   ")
    assert [one.question for one in asked.traces(abstained=True)] == [FLIGHT]
    assert [one.question for one in asked.traces(abstained=False, failed=False)] == [RENT]
    assert [one.note for one in asked.traces(value=1)] == ["just so"]
    assert [one.error for one in asked.traces(failed=True)] == ["The question is empty. Type what you want to know."]
    slowest = max(one.seconds for one in asked.traces())
    assert len(asked.traces(at_least=slowest)) == 1
    assert not asked.traces(at_least=slowest + 1)
    assert [one.question for one in asked.traces(limit=1, offset=1)] == [FLIGHT]


def test_an_answer_that_is_stopped_leaves_a_trace_that_says_so(asked: Workspace) -> None:
    stream = asked.ask_stream(RENT)
    next(iter(stream))
    stream.close()  # type: ignore[attr-defined]
    [trace] = asked.traces()
    assert trace.error == STOPPED
    assert trace.answer == ""
    assert trace.spans[0].name == "retrieve"


def test_a_turn_that_is_asked_again_has_the_last_trace(asked: Workspace) -> None:
    ask(asked, RENT, "turn")
    ask(asked, FLIGHT, "turn")
    assert [one.question for one in asked.traces()] == [FLIGHT]


def test_what_is_deleted_goes_from_traces_too_and_from_the_disk(asked: Workspace) -> None:
    keep(asked, RENT, "one")
    keep(asked, FLIGHT, "two")
    keep(asked, RENT, "three", conversation="other")
    asked.drop_turn("talk", "one")
    assert [one.question for one in asked.traces()] == [RENT, FLIGHT]
    asked.delete_conversation("talk")
    assert [one.question for one in asked.traces()] == [RENT]
    assert FLIGHT.encode() not in bytes_of(asked)
    asked.erase()
    assert asked.traces() == []
    assert b"rent" not in bytes_of(asked)


def test_readers_have_their_own(asked: Workspace) -> None:
    ask(asked, RENT, "one", "ann@example.org")
    ask(asked, FLIGHT, "one", "bob@example.org")
    assert [one.question for one in asked.traces("ann@example.org")] == [RENT]
    assert len(asked.traces()) == 2


def test_texts_can_be_left_out(make_workspace: Callable[..., Workspace], notes: Path) -> None:
    workspace = make_workspace(trace_texts=False)
    outcomes(workspace.ingest([notes]))
    keep(workspace, RENT, "one")
    workspace.judge("talk", workspace.conversation("talk").turns[0], -1, "a secret thought")
    with pytest.raises(QuestionError):
        workspace.ask(" ")
    failed, trace = workspace.traces()
    assert (trace.question, trace.answer, trace.note, trace.searched) == ("", "", "", "")
    assert trace.value == -1
    assert trace.found
    assert trace.found[0].page == 1
    assert failed.error == "It failed."
    kept = bytes_of(workspace)
    for text in (RENT, "84,000", "lease.md", "secret", "Type what"):
        assert text.encode() not in kept


def test_so_many_are_kept_as_the_settings_say(make_workspace: Callable[..., Workspace], notes: Path) -> None:
    workspace = make_workspace(traces_kept=2)
    outcomes(workspace.ingest([notes]))
    for number in range(4):
        ask(workspace, f"How high is the rent in year {number}?")
    assert [one.question[-2] for one in workspace.traces()] == ["3", "2"]


@pytest.mark.parametrize("settings", [{"demo": True}, {"traces_kept": 0}])
def test_none_are_made_where_nothing_is_to_be_kept(
    make_workspace: Callable[..., Workspace], notes: Path, settings: dict[str, object]
) -> None:
    first = make_workspace()
    outcomes(first.ingest([notes]))
    first.close()
    workspace = make_workspace(**settings)
    ask(workspace, RENT)
    assert workspace.traces() == []
    assert RENT.encode() not in bytes_of(workspace)


def test_a_trace_that_is_not_there_is_said_to_be_gone(asked: Workspace) -> None:
    with pytest.raises(NotFoundError, match="not kept any more"):
        asked.trace("no-such-trace")


def test_an_answer_does_not_wait_for_a_file_of_traces_that_is_locked(asked: Workspace) -> None:
    ask(asked, RENT)
    assert len(asked.traces()) == 1
    locking = sqlite3.connect(asked.folder.traces, isolation_level=None)
    locking.execute("BEGIN EXCLUSIVE")
    began = time.monotonic()
    answer = ask(asked, FLIGHT)
    took = time.monotonic() - began
    locking.rollback()
    locking.close()
    assert answer.abstained
    assert took < 5  # the file is waited for 30 seconds
    assert [one.question for one in asked.traces()] == [FLIGHT, RENT]


def test_hostile_text_is_kept_as_it_is(asked: Workspace) -> None:
    hostile = "rent <script>alert(1)</script> ' OR 1=1; -- \x00 half \udc80"
    ask(asked, hostile)
    [trace] = asked.traces()
    assert "<script>" in trace.question


# -- what MLflow is to be told ---------------------------------------------------------------------------------


@pytest.fixture
def store(tmp_path: Path) -> Traces:
    return Traces(tmp_path / "traces.sqlite3")


def a_trace(number: int, owner: str = "") -> Trace:
    at = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=number)
    return Trace(f"{number:032x}", at, 1.0, (Span("retrieve", 0.0, 1.0),), "documents", owner, question=f"q{number}")


def test_what_waits_is_told_in_its_order_and_once(store: Traces) -> None:
    for number in (2, 1):
        store.add([NewTrace(a_trace(number), "", True)], kept=10)
    store.add([NewTrace(a_trace(3), "", False)], kept=10)
    assert store.waiting() == store.due() == 2
    told = []
    while (one := store.next_unsent()) is not None:
        assert one.trace is not None
        told.append(one.trace.question)
        store.sent(one, f"tr-{one.id}")
    assert told == ["q1", "q2"]
    assert store.waiting() == 0
    assert len(store.listed()) == 3


def test_what_fails_waits_and_says_why(store: Traces) -> None:
    store.add([NewTrace(a_trace(1), "", True)], kept=10)
    one = store.next_unsent()
    assert one is not None
    store.failed(one, "MLflow is away", 60.0)
    assert store.next_unsent() is None
    assert (store.waiting(), store.due(), store.problem()) == (1, 0, "MLflow is away")


def test_a_thought_on_what_was_told_is_told_too(store: Traces) -> None:
    store.add([NewTrace(a_trace(1), "turn", True)], kept=10)
    one = store.next_unsent()
    assert one is not None
    store.judge("turn", "", -1, "not this")  # while it is being told
    store.sent(one, "tr-1")
    again = store.next_unsent()
    assert again is not None
    assert again.trace is not None
    assert (again.mlflow_id, again.trace.value, again.trace.note) == ("tr-1", -1, "not this")
    store.sent(again, "tr-1")
    assert store.waiting() == 0


def test_what_was_told_and_then_deleted_is_to_be_forgotten_there(store: Traces) -> None:
    store.add([NewTrace(a_trace(1), "told", True)], kept=10)
    one = store.next_unsent()
    assert one is not None
    store.sent(one, "tr-1")
    store.add([NewTrace(a_trace(2), "never told", True)], kept=10)
    store.forget("", ["told", "never told"])
    assert store.listed() == []
    gone = store.next_unsent()
    assert gone is not None
    assert gone.forgotten
    assert gone.id == one.id
    store.sent(gone, "")
    assert store.waiting() == 0


def test_what_is_deleted_while_it_is_being_told_is_to_be_forgotten(store: Traces) -> None:
    store.add([NewTrace(a_trace(1), "turn", True)], kept=10)
    one = store.next_unsent()
    assert one is not None
    store.forget("", ["turn"])
    store.sent(one, "tr-1")
    gone = store.next_unsent()
    assert gone is not None
    assert gone.forgotten


def test_what_was_told_and_is_not_kept_any_more_is_to_be_forgotten_there(store: Traces) -> None:
    for number in range(5):
        store.add([NewTrace(a_trace(number), f"turn {number}", number != 1)], kept=2)
        while (one := store.next_unsent()) is not None:
            store.sent(one, f"tr-{one.id}" if one.trace else "")
    assert store.waiting() == 0
    store.add([NewTrace(a_trace(5), "turn 5", False)], kept=2)
    assert store.waiting() == 1
    gone = store.next_unsent()
    assert gone is not None
    assert gone.forgotten
    assert gone.id == a_trace(3).id  # the others had been forgotten before, or were never told
    assert [one.question for one in store.listed()] == ["q5", "q4"]


def test_what_may_have_been_told_before_a_reader_judged_it_is_to_be_forgotten_there(store: Traces) -> None:
    store.add([NewTrace(a_trace(1), "turn", True)], kept=10)
    assert store.next_unsent() is not None  # and whoever told it was killed before that was noted
    store.judge("turn", "", 1, "")
    store.forget("", ["turn"])
    gone = store.next_unsent()
    assert gone is not None
    assert gone.forgotten


def test_one_that_cannot_be_written_takes_no_other_along(asked: Workspace) -> None:
    for turn, owner in (("\ud800", "ann"), ("turn", "\ud800")):
        ask(asked, FLIGHT, turn, owner)
        ask(asked, RENT, "good", "ann")
        assert [one.question for one in asked.traces()] == [RENT]
    asked.recorder._later(lambda: 1 / 0)  # type: ignore[arg-type]
    ask(asked, FLIGHT, "after", "ann")
    began = time.monotonic()
    assert [one.question for one in asked.traces()] == [FLIGHT, RENT]
    assert time.monotonic() - began < 4


def test_a_locked_file_does_not_hold_up_closing_twice(make_workspace: Callable[..., Workspace], notes: Path) -> None:
    workspace = make_workspace(mlflow=True)
    outcomes(workspace.ingest([notes]))
    ask(workspace, RENT)
    workspace.recorder.settle()
    locking = sqlite3.connect(workspace.folder.traces, isolation_level=None)
    locking.execute("BEGIN IMMEDIATE")
    ask(workspace, FLIGHT)
    began = time.monotonic()
    workspace.close()
    assert time.monotonic() - began < 9
    locking.rollback()
    locking.close()


def test_what_waits_outlives_the_number_that_is_kept(store: Traces) -> None:
    for number in range(5):
        store.add([NewTrace(a_trace(number), "", True)], kept=2)
    assert store.waiting() == 5


def test_a_share_of_traces_goes_to_mlflow(make_workspace: Callable[..., Workspace], notes: Path) -> None:
    workspace = make_workspace(mlflow=True, trace_sample=0.5)
    chosen = [workspace._is_sampled(f"{number:032x}") for number in range(400)]
    assert 150 < sum(chosen) < 250
    assert chosen == [workspace._is_sampled(f"{number:032x}") for number in range(400)]
    workspace.close()
    none = make_workspace(mlflow=True, trace_sample=0.0)
    assert not any(none._is_sampled(str(one)) for one in range(50))
