"""A stop takes effect at once: the language model's connection is cut, and no thread is left."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from rag.answering.deadline import AbandonedError, stream_alive, stream_within
from rag.errors import StoppedError
from rag.records import Answer, AnswerPiece, Exchange, Step
from rag.workspace import Workspace, live
from tests.llm_server import Behaviour, LanguageModelServer, language_model_server

RENT = "How much is the yearly rent?"
AT_ONCE = 0.3
"""Seconds."""
Make = Callable[..., Workspace]


@pytest.fixture
def server() -> Iterator[LanguageModelServer]:
    with language_model_server() as running:
        yield running


@pytest.fixture
def workspace(make_workspace: Make, server: LanguageModelServer, tmp_path: Path) -> Workspace:
    (tmp_path / "lease.md").write_text("# Lease\n\nThe yearly rent is 84,000 euros. Staff: 48.\n")
    made = make_workspace(llm="openai:test", llm_base_url=server.openai_url, llm_timeout=60)
    list(made.ingest([tmp_path / "lease.md"]))
    made.answerer.load()
    return made


def until(condition: Callable[[], Any], within: float = 5.0) -> bool:
    deadline = time.monotonic() + within
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.005)
    return True


def working() -> list[str]:
    """The threads that work on an answer."""
    return [one.name for one in threading.enumerate() if one.name in ("footnote-answer", "language-model")]


def stop_when(stream: Any, condition: Callable[[], Any]) -> float:
    """Read a stream until it is so, then close it; how many seconds closing took."""
    deadline = time.monotonic() + 10
    for _ in stream:
        if condition():
            break
        assert time.monotonic() < deadline
    began = time.monotonic()
    stream.close()
    return time.monotonic() - began


@pytest.mark.parametrize("provider", ["openai", "ollama"])
@pytest.mark.parametrize(
    "behaviour",
    [Behaviour(hang_after=0), Behaviour(pieces=("The rent ", "is "), hang_after=1)],
    ids=["before the first word", "midway"],
)
def test_a_stopped_answer_cuts_the_connection_at_once(
    workspace: Workspace, server: LanguageModelServer, provider: str, behaviour: Behaviour
) -> None:
    server.behaviour = behaviour
    url = server.root if provider == "ollama" else server.openai_url
    settings = workspace.settings.model_copy(update={"llm": f"{provider}:test", "llm_base_url": url})
    workspace.answerer = type(workspace.answerer)(settings, lambda: workspace.embedder)
    workspace.answerer.load()
    seen: list[str] = []

    def asked() -> Iterator[Any]:
        for one in workspace.ask_stream(RENT):
            seen.append(one.text)
            yield one

    wanted = 0 if behaviour.hang_after == 0 else 1
    stream = live(60, asked)
    assert stop_when(stream, lambda: server.requests and len(seen) >= wanted) < AT_ONCE
    assert server.requests[0].gone.wait(AT_ONCE)
    assert until(lambda: not working(), AT_ONCE)


def test_a_follow_up_that_is_being_completed_is_stopped_and_the_model_not_asked_again(
    workspace: Workspace, server: LanguageModelServer
) -> None:
    server.behaviour = Behaviour(hang_after=0)
    conversation = [Exchange(RENT, "84,000 euros [1].")]
    stream = live(60, lambda: workspace.ask_stream("And for the staff?", conversation=conversation))
    assert stop_when(stream, lambda: server.requests) < AT_ONCE
    assert server.requests[0].gone.wait(AT_ONCE)
    assert until(lambda: not working(), AT_ONCE)
    time.sleep(0.1)
    assert len(server.requests) == 1


def test_an_overview_is_stopped(workspace: Workspace, server: LanguageModelServer) -> None:
    server.behaviour = Behaviour(hang_after=0)
    stream = live(60, lambda: workspace.overview_steps(workspace.documents()[0].id))
    assert stop_when(stream, lambda: server.requests) < AT_ONCE
    assert server.requests[0].gone.wait(AT_ONCE)
    assert until(lambda: not working(), AT_ONCE)


def test_while_sentences_are_checked_a_stop_waits_for_nothing(
    workspace: Workspace, server: LanguageModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.behaviour = Behaviour(pieces=("The yearly rent is 84,000 euros [1].",))
    checking, release = threading.Event(), threading.Event()

    def slow(*_: object) -> tuple[()]:
        checking.set()
        release.wait(10)
        return ()

    monkeypatch.setattr("rag.answering.make_ledger", slow)
    stream = live(60, lambda: workspace.ask_stream(RENT))
    assert stop_when(stream, checking.is_set) < AT_ONCE
    assert until(lambda: "language-model" not in working(), AT_ONCE)
    release.set()
    assert until(lambda: not working(), AT_ONCE)


def test_the_whole_of_it_has_a_deadline(workspace: Workspace, server: LanguageModelServer) -> None:
    server.behaviour = Behaviour(hang_after=0)
    began = time.monotonic()
    with pytest.raises(StoppedError, match=r"more than 0\.5 seconds.*RAG_ASK_TIMEOUT"):
        list(live(0.5, lambda: workspace.ask_stream(RENT)))
    assert time.monotonic() - began < 5  # the server would never end
    assert until(lambda: not working(), AT_ONCE)


def test_what_is_done_is_told_and_timed_while_it_is_done(workspace: Workspace, server: LanguageModelServer) -> None:
    server.behaviour = Behaviour(pieces=("The yearly rent ", "is 84,000 euros [1]."), delay=0.3)
    steps: list[Step] = []
    given = list(live(60, lambda: workspace.ask_stream(RENT, told=steps.append)))
    assert steps == [Step.RETRIEVE, Step.GENERATE, Step.CHECK]
    assert given.count(None) >= 3  # a beat every tenth of a second, while the model is silent
    answer = given[-1]
    assert isinstance(answer, Answer)
    took = answer.timings
    assert 0.3 < took["first_words"] < took["total"]
    assert 0.6 <= took["generate"] < took["total"]
    assert sum(took[one] for one in steps) == pytest.approx(took["total"], abs=0.2)


def test_completing_a_follow_up_and_reranking_have_times_of_their_own(
    workspace: Workspace, server: LanguageModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slowly(_: str, passages: list[str]) -> list[float]:
        time.sleep(0.2)
        return [0.5] * len(passages)

    monkeypatch.setattr(workspace.retriever, "_rerank", slowly)
    server.behaviour = Behaviour(pieces=("How many staff are there?",), delay=0.1)
    steps: list[Step] = []
    conversation = [Exchange(RENT, "84,000 euros [1].")]
    *_, answer = workspace.ask_stream("And the staff?", conversation=conversation, told=steps.append)
    assert steps == [Step.REWRITE, Step.RETRIEVE, Step.RERANK, Step.RETRIEVE, Step.GENERATE, Step.CHECK]
    assert isinstance(answer, Answer)
    assert answer.timings["rerank"] == pytest.approx(0.2, abs=0.1)
    assert 0.1 < answer.timings["rewrite"] < answer.timings["total"]


def test_what_the_work_raises_reaches_who_waits(workspace: Workspace) -> None:
    with pytest.raises(Exception, match="question is empty"):
        list(live(5, lambda: workspace.ask_stream(" ")))


def test_pieces_and_beats_come_as_they_do() -> None:
    def slowly() -> Iterator[AnswerPiece]:
        yield AnswerPiece("one")
        time.sleep(0.25)
        yield AnswerPiece("two")

    given = list(live(5, slowly))
    assert [one.text for one in given if one] == ["one", "two"]
    assert given.count(None) in (1, 2, 3)


def test_what_is_read_for_an_abandoned_stream_is_abandoned_wherever_it_is() -> None:
    inner: list[BaseException] = []
    begun = threading.Event()

    def silent() -> Iterator[str]:
        begun.set()
        time.sleep(0.3)
        yield "too late"

    def outer() -> Iterator[str]:
        try:
            yield from stream_within(60, silent)
        except AbandonedError as error:
            inner.append(error)
            with pytest.raises(AbandonedError):  # nothing can be begun for it any more
                list(stream_within(60, silent))
            raise

    stream = stream_alive(60, outer, 0.01, "footnote-answer")
    stop_when(stream, begun.is_set)
    assert until(lambda: inner, 0.1)
    assert until(lambda: not working(), 1)
