"""Who answers where a champion names somebody: as far as that one is set up here, and never unasked."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from rag.records import QUOTING, Configuration, Run, RunState
from rag.settings import load_settings
from rag.workspace import Workspace, open_workspace
from tests.conftest import outcomes
from tests.llm_server import Behaviour, LanguageModelServer, language_model_server
from tests.mlflow_store import make_study
from tests.test_pages import ask, close, data_dir, healthy, on_loopback, plain, press, shown, start  # noqa: F401 - fixtures
from tests.test_pages_experiments import view

# ruff: noqa: F811 - fixtures

RENT = "How high is the yearly rent?"
SAID = "The yearly rent is 84,000 euros [1]."
FAST, SLOW = "openai:fast", "openai:slow"


@pytest.fixture
def server() -> Iterator[LanguageModelServer]:
    with language_model_server(Behaviour(pieces=(SAID,))) as running:
        yield running


def run_answered_by(workspace: Workspace, answerer: str) -> Run:
    """A run that has finished, which was answered by somebody."""
    made = make_study(workspace, f"study-{answerer}".replace(":", "-"), ks=(4,))[0]
    with workspace.experiments.write() as connection:
        changed = "UPDATE runs SET configuration = json_set(configuration, '$.answerer', ?) WHERE id = ?"
        connection.exec_driver_sql(changed, (answerer, made.id))
    run = workspace.experiments.run(made.id)
    assert (run.configuration.answerer, run.state) == (answerer, RunState.FINISHED)
    return run


def test_the_language_model_that_was_promoted_answers(
    make_workspace: Callable[..., Workspace], notes: Path, server: LanguageModelServer
) -> None:
    workspace = make_workspace(llm=FAST, llm_base_url=server.openai_url, llm_api_key="sk-set-01234567")
    outcomes(workspace.ingest([notes]))
    workspace.promote(run_answered_by(workspace, SLOW).id)
    answer = workspace.ask(RENT)
    assert (answer.model, answer.notice) == (SLOW, "")
    assert server.requests[-1].body["model"] == "slow"
    assert server.requests[-1].headers["authorization"] == "Bearer sk-set-01234567"
    assert workspace.answered_by()[0] is workspace.answered_by()[0]  # and keeps its connection
    # Who was asked for by the reader goes before.
    *_, chosen = workspace.ask_stream(RENT, answerer=workspace.answerer)
    assert getattr(chosen, "model", "") == FAST


def test_quotes_that_were_promoted_send_nothing_to_the_model_that_is_set(
    make_workspace: Callable[..., Workspace], notes: Path, server: LanguageModelServer
) -> None:
    workspace = make_workspace(llm=FAST, llm_base_url=server.openai_url)
    outcomes(workspace.ingest([notes]))
    workspace.promote(run_answered_by(workspace, QUOTING).id)
    assert workspace.ask(RENT).model == QUOTING
    assert server.requests == []


@pytest.mark.parametrize("llm", ["", "ollama:llama"])
def test_a_model_of_a_provider_that_is_not_set_up_is_sent_nothing_and_the_answer_says_so(
    make_workspace: Callable[..., Workspace],
    notes: Path,
    server: LanguageModelServer,
    llm: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-somebody-else")
    monkeypatch.setenv("OPENAI_BASE_URL", server.openai_url)
    workspace = make_workspace(llm=llm, llm_base_url=server.root if llm else "")
    outcomes(workspace.ingest([notes]))
    workspace.promote(run_answered_by(workspace, SLOW).id)
    answer = workspace.ask(RENT)
    assert answer.model == (llm or QUOTING)
    assert "openai:slow was chosen to write the answers, and is not set up here" in answer.notice
    assert [one.body["model"] for one in server.requests] == (["llama"] if llm else [])


def test_a_run_that_only_finds_says_nothing_of_who_answers(
    make_workspace: Callable[..., Workspace], notes: Path
) -> None:
    workspace = make_workspace()
    outcomes(workspace.ingest([notes]))
    assert workspace.answerer_named(Configuration(k=2)) == (workspace.answerer, "")
    assert workspace.answerer_named(None) == (workspace.answerer, "")


def read(app: AppTest) -> str:
    """What is read on a page, without what keeps colons from being taken for Markdown."""
    return plain(app).replace("\u2060", "")


# -- on the pages ------------------------------------------------------------------------------------------------


@pytest.fixture
def there(data_dir: Path, monkeypatch: pytest.MonkeyPatch, notes: Path, server: LanguageModelServer) -> Workspace:
    monkeypatch.setenv("RAG_MLFLOW", "false")
    monkeypatch.setenv("RAG_LLM", FAST)
    monkeypatch.setenv("RAG_LLM_BASE_URL", server.openai_url)
    workspace = open_workspace(load_settings(), "the dashboard")
    list(workspace.ingest([notes]))
    return workspace


@pytest.mark.end_to_end
@pytest.mark.parametrize(
    ("answerer", "said", "then"),
    [
        (SLOW, "openai:slow at 127.0.0.1", "answers written by openai:slow at 127.0.0.1"),
        (QUOTING, "Answers are quoted word for word then: openai:fast", "found and quoted in the way"),
        ("anthropic:tiny", "nothing is sent to it", "anthropic:tiny was chosen to write the answers"),
    ],
)
def test_who_is_sent_what_is_said_before_it_is_promoted_and_where_it_is_asked(
    there: Workspace, answerer: str, said: str, then: str
) -> None:
    run = run_answered_by(there, answerer)
    app = view(start("4_Experiments"), "Leaderboard")
    app.session_state["experiments-run"] = [run.id]
    press(healthy(app.run()), "Promote")
    assert said in read(app)
    if answerer == SLOW:
        assert "are sent there, for everybody who has chosen nobody else" in read(app)
    healthy(next(one for one in reversed(app.button) if one.label == "Promote").click().run())
    app = start("2_Ask")
    assert then in read(app)
    sent = {SLOW: "sent to openai:slow at", QUOTING: "nothing is sent anywhere", "anthropic:tiny": "openai:fast at"}
    assert sent[answerer] in read(app)
    app = ask(app, RENT)
    written = {SLOW: SLOW, QUOTING: QUOTING, "anthropic:tiny": FAST}
    assert [one.model for one in there.traces()] == [written[answerer]]
