"""A real HTTP server on loopback that speaks the OpenAI and the Ollama chat protocols and misbehaves on request."""

from __future__ import annotations

import json
import select
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Behaviour:
    """What the server does with a chat request.

    It waits `delay` seconds before each of `pieces`. With `hang_after` it stops for good after that many pieces
    (0: before it answers at all), with `drip` it keeps sending protocol comments then, with `cut_after` it closes
    the connection instead. A `status` other than 200 is answered with `error` as the message.
    """

    pieces: Sequence[str] = ("Hello.",)
    delay: float = 0.0
    status: int = 200
    error: str = "the server is out of order"
    hang_after: int | None = None
    drip: bool = False
    cut_after: int | None = None
    finish_reason: str = "stop"
    reply: Callable[[Request], str] | None = None
    """What it says to a request, instead of `pieces`."""


@dataclass
class Request:
    """A chat request as it came in; `gone` is set once the client has closed the connection."""

    path: str
    headers: dict[str, str]
    body: dict[str, Any]
    gone: threading.Event = field(default_factory=threading.Event)

    @property
    def system(self) -> str:
        return "\n".join(one["content"] for one in self.body["messages"] if one["role"] == "system")

    @property
    def user(self) -> str:
        return "\n".join(one["content"] for one in self.body["messages"] if one["role"] == "user")


class LanguageModelServer:
    """Its addresses, the `behaviour` of the next answers (set it at any time) and the `requests` so far."""

    def __init__(self, behaviour: Behaviour) -> None:
        self.behaviour = behaviour
        self.requests: list[Request] = []
        self.closing = threading.Event()
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._http.daemon_threads = True
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True)

    @property
    def root(self) -> str:
        return f"http://127.0.0.1:{self._http.server_address[1]}"

    @property
    def openai_url(self) -> str:
        return f"{self.root}/v1"

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self.closing.set()
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()


@contextmanager
def language_model_server(behaviour: Behaviour | None = None) -> Iterator[LanguageModelServer]:
    """A running server, stopped at the end."""
    server = LanguageModelServer(behaviour or Behaviour())
    server.start()
    try:
        yield server
    finally:
        server.stop()


def _handler(owner: LanguageModelServer) -> type[BaseHTTPRequestHandler]:
    class Handler(_ChatHandler):
        server_of_models = owner

    return Handler


class _ChatHandler(BaseHTTPRequestHandler):
    server_of_models: LanguageModelServer
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: Any) -> None:
        """Keep quiet: the tests look at `requests`."""

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.request_seen = Request(self.path, headers, body)
        self.behaviour = self.server_of_models.behaviour
        if self.behaviour.reply:
            said = self.behaviour.reply(self.request_seen)
            self.behaviour = replace(self.behaviour, pieces=[said[at : at + 7] for at in range(0, len(said), 7)])
        self.server_of_models.requests.append(self.request_seen)
        try:
            self._answer()
        except ConnectionError:
            self.request_seen.gone.set()

    def _answer(self) -> None:
        behaviour = self.behaviour
        if behaviour.status != 200:
            ollama = self.path == "/api/chat"
            error: Any = behaviour.error if ollama else {"message": behaviour.error, "type": "test"}
            self._send_json({"error": error}, behaviour.status)
        elif behaviour.hang_after == 0:
            self._hang()
        elif self.path == "/v1/chat/completions":
            if self.request_seen.body.get("stream"):
                self._stream("text/event-stream", _openai_chunk, "data: {}\n\n", "data: [DONE]\n\n")
            else:
                self._send_json(_openai_completion(behaviour))
        elif self.path == "/api/chat":
            self._stream("application/x-ndjson", _ollama_chunk, "{}\n", "")
        else:
            self._send_json({"error": {"message": f"no such path: {self.path}"}}, 404)

    def _send_json(self, body: dict[str, Any], status: int = 200) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def _stream(self, media_type: str, chunk: Any, frame: str, end: str) -> None:
        self.send_response(200)
        self.send_header("Content-Type", media_type)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for number, piece in enumerate(self.behaviour.pieces):
            if number == self.behaviour.hang_after:
                return self._hang()
            if number == self.behaviour.cut_after:
                self.close_connection = True
                return None
            time.sleep(self.behaviour.delay)
            self._write(frame.replace("{}", json.dumps(chunk(piece, ""))))
        self._write(frame.replace("{}", json.dumps(chunk("", self.behaviour.finish_reason))) + end)
        self.wfile.write(b"0\r\n\r\n")
        return None

    def _write(self, text: str) -> None:
        data = text.encode()
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))

    def _hang(self) -> None:
        """Say nothing more (or nothing of worth) until the client goes away or the server is stopped."""
        while not self.server_of_models.closing.is_set():
            readable, _, _ = select.select([self.connection], [], [], 0.02)
            if readable and not self.connection.recv(1024):
                self.request_seen.gone.set()
                break
            if self.behaviour.drip:
                self._write(": still here\n\n")
        self.close_connection = True


def _openai_chunk(text: str, finish_reason: str) -> dict[str, Any]:
    choice = {"index": 0, "delta": {"role": "assistant", "content": text}, "finish_reason": finish_reason or None}
    return {"id": "1", "object": "chat.completion.chunk", "created": 0, "model": "test", "choices": [choice]}


def _openai_completion(behaviour: Behaviour) -> dict[str, Any]:
    message = {"role": "assistant", "content": "".join(behaviour.pieces)}
    choice = {"index": 0, "message": message, "finish_reason": behaviour.finish_reason}
    return {"id": "1", "object": "chat.completion", "created": 0, "model": "test", "choices": [choice]}


def _ollama_chunk(text: str, finish_reason: str) -> dict[str, Any]:
    chunk = {"model": "test", "created_at": "2020-01-01T00:00:00Z", "message": {"role": "assistant", "content": text}}
    return chunk | ({"done": True, "done_reason": finish_reason} if finish_reason else {"done": False})
