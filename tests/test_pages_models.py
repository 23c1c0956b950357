"""The Ask page with language models that are chosen in it, hang, or are stopped, without a browser."""

from __future__ import annotations

import os
import re
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr
from streamlit.runtime.scriptrunner import StopException
from streamlit.testing.v1 import AppTest

from rag.records import FIRST_WORDS, TOTAL
from tests.llm_server import Behaviour, LanguageModelServer, language_model_server
from tests.test_pages import (  # noqa: F401 - fixtures
    DIVIDEND,
    ask,
    healthy,
    indexed,
    indexed_dir,
    labels,
    on_loopback,
    plain,
    press,
    shown,
    start,
)

pytestmark = [pytest.mark.end_to_end, pytest.mark.usefixtures("indexed")]

KEY = "sk-typed-0123456789"
SAID = "The Board proposes a dividend of EUR 0.31 per share [1]."


@pytest.fixture
def server() -> Iterator[LanguageModelServer]:
    with language_model_server(Behaviour(pieces=(SAID,))) as running:
        yield running


def fill(app: AppTest, server: LanguageModelServer, key: str = KEY) -> AppTest:
    """Open the panel and fill it in."""
    healthy(app.button(key="model").click().run())
    healthy(app.segmented_control(key="model-kind").set_value("OpenAI or compatible").run())
    app.text_input(key="model-name-OpenAI or compatible").set_value("tried")
    app.text_input(key="model-address-OpenAI or compatible").set_value(server.openai_url)
    app.text_input(key="model-key-OpenAI or compatible").set_value(key)
    return app


def use(app: AppTest) -> AppTest:
    return healthy(app.button(key="model-use").click().run())


def answerer(app: AppTest) -> str:
    return app.button(key="model").label.replace("\\", "")


def test_a_model_is_tried_and_used_for_the_session_only(server: LanguageModelServer) -> None:
    app = start("2_Ask")
    assert answerer(app) == "Quotes only"
    assert "nothing is sent anywhere" in plain(app)
    fill(app, server)
    healthy(app.button(key="model-test").click().run())
    assert "It answers" in app.success[0].value
    assert "EUR" in app.success[0].value
    assert len(server.requests) == 1
    assert "dividend" not in str(server.requests[0].body)  # nothing of the documents is sent to try it
    use(app)
    assert answerer(app) == "tried"
    assert f"sent to openai:tried at {server.root.removeprefix('http://')}" in plain(app).replace("\u2060", "")
    assert "openai:tried" in plain(ask(app, DIVIDEND)).replace("\u2060", "")
    assert "EUR 0.31" in server.requests[-1].user
    assert server.requests[-1].headers["authorization"] == f"Bearer {KEY}"
    assert answerer(start("2_Ask")) == "Quotes only"

    healthy(app.button(key="model").click().run())
    assert not app.text_input(key="model-key-OpenAI or compatible").value  # it is not sent back to the browser
    healthy(app.segmented_control(key="model-kind").set_value("Quotes only").run())
    healthy(app.button(key="model-quotes").click().run())
    before = len(server.requests)
    assert "word for word" in plain(ask(app, DIVIDEND))
    assert len(server.requests) == before


def test_the_key_stays_out_of_all_that_is_kept_and_shown(
    server: LanguageModelServer, caplog: pytest.LogCaptureFixture
) -> None:
    app = use(fill(start("2_Ask"), server))
    server.behaviour = Behaviour(status=500, error=f"failed with {KEY}, sk-typed-0123456789")
    ask(app, DIVIDEND)
    assert ". This answer quotes the documents instead." in plain(app)
    assert KEY not in shown(app)
    assert KEY not in caplog.text
    assert KEY not in str(app.query_params)
    turns = app.session_state["turns"]
    assert KEY not in repr(turns)
    assert KEY not in repr(app.session_state)
    assert app.session_state["model_choice"].key == SecretStr(KEY)
    folder = Path(os.environ["RAG_DATA_DIR"])
    assert not [path for path in folder.rglob("*") if path.is_file() and KEY.encode() in path.read_bytes()]


def test_a_key_is_kept_for_its_server_and_not_given_to_another(server: LanguageModelServer) -> None:
    app = use(fill(start("2_Ask"), server))
    app = use(fill(app, server, key=""))
    ask(app, DIVIDEND)
    assert server.requests[-1].headers["authorization"] == f"Bearer {KEY}"
    with language_model_server(Behaviour(pieces=(SAID,))) as other:
        ask(use(fill(app, other, key="")), DIVIDEND)
    assert other.requests
    assert KEY not in str(other.requests[-1].headers)


def test_what_is_wrong_is_said_before_it_is_used(server: LanguageModelServer) -> None:
    app = fill(start("2_Ask"), server)
    app.text_input(key="model-address-OpenAI or compatible").set_value("localhost:1")
    use(app)
    assert "an address begins with http" in app.error[0].value.replace("\\", "")
    app.text_input(key="model-name-OpenAI or compatible").set_value("")
    use(app)
    assert "Type the model’s name first" in app.warning[0].value
    assert answerer(app) == "Quotes only"


def test_in_the_demo_it_is_shown_and_not_chosen(server: LanguageModelServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAG_DEMO", "true")
    monkeypatch.setenv("RAG_LLM", "openai:theirs")
    monkeypatch.setenv("RAG_LLM_BASE_URL", server.openai_url)
    app = start("2_Ask")
    app.session_state["model_choice"] = "anything"
    assert answerer(healthy(app.run())) == "theirs"
    healthy(app.button(key="model").click().run())
    assert "Whoever runs Footnote has set this" in plain(app)
    assert not app.text_input
    assert not app.segmented_control


def test_where_the_time_went_is_told(server: LanguageModelServer) -> None:
    app = ask(start("2_Ask"), DIVIDEND)
    told = plain(app)
    for step in ("Find passages", "Choose the quotes", "Check the quotes", "First words after"):
        assert re.search(rf"{step} · \*\*[\d.]+ m?s\*\*", told)
    timings = app.session_state["turns"][0].answer.timings
    assert 0 < timings[FIRST_WORDS] <= timings[TOTAL] < 5
    ask(use(fill(app, server)), DIVIDEND)
    assert "Write the answer" in plain(app)
    assert "Check the sentences" in plain(app)


@pytest.mark.parametrize("behaviour", [Behaviour(hang_after=0), Behaviour(pieces=(SAID, " And"), hang_after=1)])
def test_a_stop_while_the_model_is_silent_ends_everything_and_the_next_question_works(
    server: LanguageModelServer, behaviour: Behaviour, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = use(fill(start("2_Ask"), server))
    server.behaviour = behaviour
    beats: list[float] = []

    def stop(self: object, writing: bool) -> None:
        """Stands in for Streamlit, which raises this where the page next draws something."""
        ready = server.requests and (writing or not behaviour.hang_after)
        if ready:
            beats.append(time.monotonic())
        if len(beats) == 5:
            raise StopException

    with monkeypatch.context() as patch:
        patch.setattr("ui.waiting.Waiting.draw", stop)
        app.chat_input[0].set_value(DIVIDEND).run()
    assert beats[-1] - beats[0] < 1  # it looks for a stop several times a second
    assert server.requests[-1].gone.wait(0.5)
    assert quiet(within=1)
    healthy(app.run())
    assert "Stopped before the answer was complete." in shown(app)
    assert ("EUR 0.31 per share" in shown(app)) == bool(behaviour.hang_after)
    server.behaviour = Behaviour(pieces=(SAID,))
    press(app, "Ask again")
    assert "EUR 0.31 per share" in shown(app)
    assert "Stopped" not in shown(app)


def test_an_overview_is_by_the_sessions_model(server: LanguageModelServer) -> None:
    app = use(fill(start("2_Ask"), server))
    before = len(server.requests)
    ask(app, "Summarise tarnholt-annual-report-2025.pdf")
    assert len(server.requests) > before
    assert "Overview" in labels(app) or "dividend" in plain(app)


def test_an_answer_that_takes_too_long_is_given_up_with_what_to_do(
    server: LanguageModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = use(fill(start("2_Ask"), server))
    server.behaviour = Behaviour(hang_after=0)
    monkeypatch.setenv("RAG_ASK_TIMEOUT", "0.5")
    ask(app, DIVIDEND)
    assert "was given up" in app.error[0].value.replace("\\", "")
    assert "Ask again" in labels(app)
    assert quiet(within=1)


def quiet(within: float) -> bool:
    """Whether no thread is left that works on an answer."""
    deadline = time.monotonic() + within
    while any(one.name in ("footnote-answer", "language-model") for one in threading.enumerate()):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True
