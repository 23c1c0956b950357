"""A language model chosen for a session: its key goes to its server and nowhere else, and what is wrong is said."""

from __future__ import annotations

import logging
import os
import socket
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from pydantic import SecretStr

from rag.errors import ConfigurationError, ModelError, ReadOnlyError
from rag.records import ModelChoice
from rag.settings import NO_KEY, load_settings
from rag.workspace import Workspace
from tests.llm_server import Behaviour, LanguageModelServer, language_model_server

KEY, SET_KEY, FOUND_KEY = "typed-0123456789", "set-0123456789", "found-0123456789"
Make = Callable[..., Workspace]


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    for name in list(os.environ):
        if name.upper().endswith("_PROXY") or name.startswith(("RAG_", "OPENAI_", "OLLAMA_", "LANG")):
            monkeypatch.delenv(name)


@pytest.fixture
def server() -> Iterator[LanguageModelServer]:
    with language_model_server(Behaviour(pieces=("Yes",))) as running:
        yield running


def chosen(server: LanguageModelServer, provider: str = "openai", **given: object) -> ModelChoice:
    url = server.root if provider == "ollama" else server.openai_url
    return replace(ModelChoice(f"{provider}:tried", url, SecretStr(KEY)), **given)


def failure(workspace: Workspace, choice: ModelChoice) -> str:
    """What the test of a model says that is wrong."""
    with pytest.raises(ConfigurationError) as caught:
        workspace.answerer_for(choice).trial()
    message = str(caught.value)
    assert "\n" not in message
    assert "RAG_" not in message  # whoever has chosen it in the page knows no settings
    for key in (KEY, SET_KEY, FOUND_KEY):
        assert key not in message
    return message


# -- who gets which key --------------------------------------------------------------------------


def sent_key(workspace: Workspace, choice: ModelChoice, server: LanguageModelServer) -> str:
    assert workspace.answerer_for(choice).trial() is not None
    return server.requests[-1].headers.get("authorization", "").removeprefix("Bearer ")


@pytest.mark.parametrize("provider", ["openai", "ollama"])
def test_a_typed_key_goes_to_the_typed_server_and_is_never_logged(
    make_workspace: Make, server: LanguageModelServer, provider: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    choice = chosen(server, provider)
    assert sent_key(make_workspace(), choice, server) == KEY
    assert KEY not in caplog.text
    assert KEY not in repr(choice)


@pytest.mark.parametrize("provider", ["openai", "ollama"])
def test_the_key_that_is_set_goes_to_no_other_server_than_the_one_set_with_it(
    make_workspace: Make, server: LanguageModelServer, provider: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("OPENAI_API_KEY", "OLLAMA_API_KEY", "OPENAI_ADMIN_KEY", "AZURE_OPENAI_API_KEY"):
        monkeypatch.setenv(name, FOUND_KEY)
    with language_model_server(Behaviour(pieces=("Yes",))) as other:
        url = other.root if provider == "ollama" else other.openai_url
        workspace = make_workspace(llm=f"{provider}:tried", llm_base_url=url, llm_api_key=SET_KEY)
        without = chosen(server, provider, key=SecretStr(""))
        assert sent_key(workspace, without, server) == NO_KEY
        assert SET_KEY not in str(server.requests[-1].headers)
        assert FOUND_KEY not in str(server.requests[-1].headers)
        assert sent_key(workspace, replace(without, name=f"{provider}:another", base_url=url), other) == SET_KEY
        assert sent_key(workspace, replace(without, base_url=url, key=SecretStr(KEY)), other) == KEY


def test_the_key_that_is_set_goes_to_no_other_provider() -> None:
    settings = load_settings(llm="openai:a", llm_api_key=SET_KEY)
    assert settings.choosing(ModelChoice("openai:b")).llm_api_key.get_secret_value() == SET_KEY
    for other in (ModelChoice("anthropic:b"), ModelChoice("openai:b", "http://elsewhere.test/v1"), ModelChoice()):
        assert settings.choosing(other).llm_api_key.get_secret_value() != SET_KEY


def test_other_providers_packages_get_no_address_of_a_readers(make_workspace: Make) -> None:
    with pytest.raises(ModelError, match="Leave it out"):
        make_workspace().answerer_for(ModelChoice("bedrock:x", "http://elsewhere.test"))


@pytest.mark.parametrize("given", [{"demo": True}, {"choose_model": False}])
def test_where_it_is_not_the_readers_to_choose_it_is_refused(make_workspace: Make, given: dict[str, bool]) -> None:
    workspace = make_workspace(**given)
    assert workspace.answerer_for(None) is workspace.answerer
    with pytest.raises(ReadOnlyError, match="cannot be chosen here"):
        workspace.answerer_for(ModelChoice("openai:x"))


# -- what is sent, and what came of it -----------------------------------------------------------


@pytest.mark.parametrize("provider", ["openai", "ollama"])
def test_a_trial_says_what_the_model_said_and_how_long_it_took(
    make_workspace: Make, server: LanguageModelServer, provider: str
) -> None:
    server.behaviour = Behaviour(pieces=("Ye", "s."), delay=0.1)
    trial = make_workspace().answerer_for(chosen(server, provider)).trial()
    assert trial is not None
    assert trial.said == "Yes."
    assert 0.1 < trial.first_words < trial.total


@pytest.mark.parametrize(("provider", "usual"), [("openai", None), ("ollama", 0)])
def test_the_temperature_is_the_providers_own_unless_one_is_given(
    make_workspace: Make, server: LanguageModelServer, provider: str, usual: float | None
) -> None:
    workspace = make_workspace()
    for given, expected in ((None, usual), (0.7, 0.7), (0.0, 0.0)):
        workspace.answerer_for(chosen(server, provider, temperature=given)).trial()
        body = server.requests[-1].body
        assert body.get("options", body).get("temperature") == expected


# -- what is wrong -------------------------------------------------------------------------------


@pytest.mark.parametrize("provider", ["openai", "ollama"])
@pytest.mark.parametrize(
    ("status", "said", "expected"),
    [
        (401, f"Incorrect API key provided: {KEY}", "refused the key (HTTP 401); check the key."),
        (429, "You exceeded your quota", "no capacity or quota left (HTTP 429)"),
        (500, f"broken, with {KEY} in it", "failed (HTTP 500): broken, with *** in it."),
        (404, "nothing here", "check the model’s name and the server’s address"),
    ],
)
def test_a_refusal_is_told_in_the_words_of_the_panel(
    make_workspace: Make, server: LanguageModelServer, provider: str, status: int, said: str, expected: str
) -> None:
    server.behaviour = Behaviour(status=status, error=said)
    message = failure(make_workspace(), chosen(server, provider))
    assert message.startswith(f"The language model {provider}:tried ")
    assert expected in message


def test_a_server_that_wants_a_key_and_got_none_says_so(make_workspace: Make, server: LanguageModelServer) -> None:
    server.behaviour = Behaviour(status=401)
    message = failure(make_workspace(), chosen(server, key=SecretStr("")))
    assert "needs a key (HTTP 401); give it as the key" in message


def test_a_model_that_ollama_lacks_is_to_be_fetched(make_workspace: Make, server: LanguageModelServer) -> None:
    server.behaviour = Behaviour(status=404, error="model 'tried' not found")
    assert "`ollama pull tried`" in failure(make_workspace(), chosen(server, "ollama"))


def test_an_unknown_model_of_openais_is_its_name_and_a_missing_v1_the_address(
    make_workspace: Make, server: LanguageModelServer
) -> None:
    workspace = make_workspace()
    assert "mostly ends in /v1" in failure(workspace, chosen(server, base_url=server.root))
    server.behaviour = Behaviour(status=404, error="The model `tried` does not exist")
    assert "check the model’s name: The model" in failure(workspace, chosen(server))


@pytest.mark.parametrize("provider", ["openai", "ollama"])
def test_a_server_that_is_not_there_is_named(make_workspace: Make, provider: str) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        place = f"127.0.0.1:{closed.getsockname()[1]}"
    choice = ModelChoice(f"{provider}:tried", f"http://me:{KEY}@{place}/v1")
    assert f"cannot be reached at {place}; check the server’s address" in failure(make_workspace(), choice)


def test_a_silent_server_is_given_up(
    make_workspace: Make, server: LanguageModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rag.answering.TRIAL_SECONDS", 0.4)
    server.behaviour = Behaviour(hang_after=0)
    assert "did not finish within 0.4 seconds" in failure(make_workspace(), chosen(server))
    assert server.requests[0].gone.wait(1)


@contextmanager
def web_server(kind: str, body: bytes, wrap: Callable[[socket.socket], socket.socket] | None = None) -> Iterator[int]:
    """Answers everything with the same; gives its port."""

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            """Keep quiet."""

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(200)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        http.daemon_threads = True
        http.handle_error = lambda *_: None  # type: ignore[method-assign]
        if wrap:
            http.socket = wrap(http.socket)
        thread = threading.Thread(target=http.serve_forever, args=(0.02,))
        thread.start()
        yield http.server_address[1]
        http.shutdown()
        thread.join()


@pytest.mark.parametrize(("provider", "protocol"), [("openai", "OpenAI’s"), ("ollama", "Ollama’s")])
@pytest.mark.parametrize(
    ("kind", "body"), [("text/html; charset=utf-8", b"<!doctype html><p>Hi"), ("application/json", b'{"ok": [1]}')]
)
def test_a_server_of_something_else_is_told_from_one_of_models(
    make_workspace: Make, provider: str, protocol: str, kind: str, body: bytes
) -> None:
    with web_server(kind, body) as port:
        message = failure(make_workspace(), ModelChoice(f"{provider}:tried", f"http://127.0.0.1:{port}/v1"))
    assert f"at 127.0.0.1:{port} does not speak {protocol} protocol" in message


def test_a_certificate_that_is_not_trusted_and_a_server_without_tls_are_told(
    make_workspace: Make, tmp_path: Path, server: LanguageModelServer
) -> None:
    workspace = make_workspace()
    name = ["-subj", "/CN=localhost", "-days", "1", "-nodes", "-newkey", "rsa:2048"]
    made = ["openssl", "req", "-x509", *name, "-keyout", tmp_path / "key.pem", "-out", tmp_path / "cert.pem"]
    subprocess.run(made, check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "cert.pem", tmp_path / "key.pem")
    wrap = lambda one: context.wrap_socket(one, server_side=True)  # noqa: E731
    with web_server("text/plain", b"", wrap) as port:
        message = failure(workspace, ModelChoice("openai:tried", f"https://127.0.0.1:{port}/v1"))
    assert "its certificate is not trusted" in message
    message = failure(workspace, chosen(server, base_url=server.openai_url.replace("http:", "https:")))
    assert "should begin with http://" in message


@pytest.mark.parametrize("address", ["localhost:11434", "ftp://here", "http://", "http://a:port/v1", "http://a b/v1"])
def test_an_address_that_is_none_is_told_before_anything_is_sent(make_workspace: Make, address: str) -> None:
    message = failure(make_workspace(), ModelChoice("openai:tried", address))
    assert "an address begins with http:// or https://" in message


def test_a_machine_that_nobody_knows_is_told(make_workspace: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    message = failure(make_workspace(), ModelChoice("openai:tried", "http://nowhere.test/v1"))
    assert "cannot be reached at nowhere.test: no machine of that name is known" in message


def test_what_is_missing_is_named(make_workspace: Make) -> None:
    workspace = make_workspace()
    missing = failure(workspace, ModelChoice("anthropic:tried", key=SecretStr(KEY)))
    assert "needs another package on the machine where Footnote runs: `pip install langchain-anthropic`" in missing
    assert "needs a key; give it as the key" in failure(workspace, ModelChoice("openai:gpt-4o-mini"))
    assert "characters that no key has" in failure(workspace, ModelChoice("openai:x", key=SecretStr("clé\n1")))
    assert "names no language model" in failure(workspace, ModelChoice("openai:two words"))
    assert "cannot be used" in failure(workspace, ModelChoice("nobody:tried"))
