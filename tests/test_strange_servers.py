"""Servers of language models whose address a reader typed: what of this machine reaches them, and where they lead."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from pydantic import SecretStr

from rag.records import ModelChoice
from rag.workspace import Workspace
from tests.llm_server import LanguageModelServer
from tests.test_models import KEY, NO_KEY, SET_KEY, _bare_environment, chosen, failure, server  # noqa: F401 - fixtures

Make = Callable[..., Workspace]
FOUND = "of-this-machine"
ENVIRONMENT = {
    "OPENAI_API_KEY": FOUND,
    "OPENAI_ADMIN_KEY": FOUND,
    "OPENAI_ORG_ID": FOUND,
    "OPENAI_ORGANIZATION": FOUND,
    "OPENAI_PROJECT_ID": FOUND,
    "OLLAMA_API_KEY": FOUND,
    "OPENAI_CUSTOM_HEADERS": "\n".join(
        f"{name}: {FOUND}" for name in ("X-Gateway", "Authorization", "User-Agent", "Accept", "Host", "Cookie")
    ),
}


@pytest.fixture
def _found(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)


def headers_sent(workspace: Workspace, choice: ModelChoice, to: LanguageModelServer) -> dict[str, str]:
    trial = workspace.answerer_for(choice).trial()
    assert trial is not None
    assert trial.said
    return to.requests[-1].headers


@pytest.mark.usefixtures("_found")
@pytest.mark.parametrize("provider", ["openai", "ollama"])
@pytest.mark.parametrize(("typed", "sent"), [(KEY, KEY), ("", NO_KEY)])
@pytest.mark.parametrize("set_for_all", [{}, {"llm": "openai:a", "llm_base_url": "http://127.0.0.1:9/v1"}])
def test_nothing_of_the_environment_reaches_a_typed_address(
    make_workspace: Make,
    server: LanguageModelServer,  # noqa: F811
    provider: str,
    typed: str,
    sent: str,
    set_for_all: dict[str, str],
) -> None:
    choice = chosen(server, provider, key=SecretStr(typed))
    headers = headers_sent(make_workspace(**set_for_all), choice, server)
    assert FOUND not in str(headers)
    assert headers["authorization"] == f"Bearer {sent}"
    assert headers["host"] == server.root.removeprefix("http://")


@pytest.mark.usefixtures("_found")
@pytest.mark.parametrize("provider", ["openai", "ollama"])
def test_a_typed_name_and_password_reach_it(
    make_workspace: Make,
    server: LanguageModelServer,  # noqa: F811
    provider: str,
) -> None:
    choice = chosen(server, provider)
    there = choice.base_url.replace("//", "//me:mine@")
    headers = headers_sent(make_workspace(), replace(choice, base_url=there, key=SecretStr("")), server)
    assert headers["authorization"] == "Basic bWU6bWluZQ=="
    assert FOUND not in str(headers)


@pytest.mark.usefixtures("_found")
def test_the_address_that_is_set_gets_what_its_gateway_needs(
    make_workspace: Make,
    server: LanguageModelServer,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OPENAI_CUSTOM_HEADERS", f"X-Gateway: {FOUND}")
    workspace = make_workspace(llm="openai:a", llm_base_url=server.openai_url, llm_api_key=SET_KEY)
    assert headers_sent(workspace, chosen(server, key=SecretStr("")), server)["x-gateway"] == FOUND


# -- where they lead ------------------------------------------------------------------------------


@contextmanager
def redirecting(status: int, location: str) -> Iterator[str]:
    """A server that sends everybody elsewhere; gives its address."""

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            """Keep quiet."""

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(status)
            self.send_header("Location", location)
            self.send_header("Content-Length", "0")
            self.end_headers()

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        http.daemon_threads = True
        thread = threading.Thread(target=http.serve_forever, args=(0.02,))
        thread.start()
        yield f"http://127.0.0.1:{http.server_address[1]}"
        http.shutdown()
        thread.join()


@pytest.mark.parametrize("status", [301, 302, 307, 308])
@pytest.mark.parametrize(("provider", "path"), [("openai", "/v1"), ("ollama", "")])
def test_a_prompt_is_not_sent_on_to_another_server(
    make_workspace: Make,
    server: LanguageModelServer,  # noqa: F811
    provider: str,
    path: str,
    status: int,
) -> None:
    endpoint = "/api/chat" if provider == "ollama" else "/v1/chat/completions"
    with redirecting(status, f"{server.root.replace('//', '//x:y@')}{endpoint}?a=b") as root:
        said = failure(make_workspace(), ModelChoice(f"{provider}:x", root + path, SecretStr(KEY)))
    assert f"answered with a redirect to {server.root}{path}; give that address if you trust it." in said
    assert not server.requests


def test_a_redirect_on_the_same_server_is_told_whole(make_workspace: Make) -> None:
    with redirecting(308, "/api/v1/chat/completions") as root:
        said = failure(make_workspace(), ModelChoice("openai:x", f"http://me:{KEY}@{root[7:]}/v1"))
    assert f"a redirect to {root}/api/v1; give that address" in said


@pytest.mark.parametrize(
    "location", ["javascript:alert(1)", "http://[", "http://a b/[x](y)", "//evil.test:x/", "mailto:a@b"]
)
def test_a_strange_redirect_is_not_repeated(make_workspace: Make, location: str) -> None:
    with redirecting(307, location) as root:
        said = failure(make_workspace(), ModelChoice("openai:x", f"{root}/v1"))
    assert f"a redirect to another address at {root[7:]}; check the server’s address" in said


# -- where they are not ---------------------------------------------------------------------------


@pytest.fixture
def unreachable() -> Iterator[str]:
    """The place of a server that takes no connection and refuses none: as many wait as it lets wait."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        waiting = [socket.socket() for _ in range(4)]
        for one in waiting:
            one.setblocking(False)
            one.connect_ex(listener.getsockname())
        yield f"127.0.0.1:{listener.getsockname()[1]}"
        for one in waiting:
            one.close()


@pytest.mark.parametrize("provider", ["openai", "ollama"])
def test_a_connection_that_is_not_made_is_soon_given_up(
    make_workspace: Make, unreachable: str, provider: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rag.answering.models.CONNECT_SECONDS", 0.4)
    started = time.monotonic()
    said = failure(make_workspace(), ModelChoice(f"{provider}:x", f"http://{unreachable}/v1"))
    assert f"cannot be reached at {unreachable}; check the server’s address" in said
    assert time.monotonic() - started < 10
    assert not [one for one in threading.enumerate() if one.name == "language-model"]
