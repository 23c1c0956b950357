"""MLflow's own pages, on the same store: a server of MLflow's on this machine alone."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit, urlunsplit

from rag.errors import ConfigurationError
from rag.settings import Settings, tracking_environment
from rag.tracking.place import Place

START_SECONDS = 120.0
LAST_SECONDS = 8.0
HERE = "127.0.0.1"
_KEEPER = Path(__file__).with_name("keeping.py")
_APART: dict[str, Any] = (
    {"creationflags": getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0)}
    if sys.platform == "win32"
    else {"start_new_session": True}
)


class Pages:
    """At most one server. Thread-safe. Close it."""

    def __init__(self, settings: Settings, place: Place) -> None:
        self._settings, self._place = settings, place
        self._lock = threading.Lock()
        self._server: subprocess.Popen[bytes] | None = None
        self._address = ""
        self._ids: dict[tuple[str, str], str] = {}

    @property
    def address(self) -> str:
        """Where they are, if they are there: for readers, so without a name and a password that get in there."""
        if self._place.is_server:
            parts = urlsplit(self._place.uri)
            return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
        return self._address if self._server is not None and self._server.poll() is None else ""

    def address_of(self, experiment: str, view: str) -> str:
        """Where one of the views of an experiment is, by its name; their first page where that is not known: it is not
        there yet, or MLflow is a server, which is not asked for this."""
        address = self.address
        if self._place.is_server or not address:
            return address
        if (address, experiment) not in self._ids:
            found = _experiment(address, experiment)
            if not found:
                return address
            self._ids[address, experiment] = found
        return f"{address}/#/experiments/{self._ids[address, experiment]}/{view}"

    def start(self, port: int = 0) -> str:
        """Have the pages on a port of this machine, a free one if none is given; returns their address once they are
        there. An MLflow that is a server has them already. Raises ConfigurationError."""
        with self._lock:
            if self.address:
                return self.address
            port = port or _free_port()
            self._server = self._serve(port)
            address = f"http://{HERE}:{port}"
            until = time.monotonic() + START_SECONDS
            while not _answers(address):
                if self._server.poll() is not None or time.monotonic() > until:
                    self._end()
                    raise ConfigurationError(
                        f"MLflow's pages could not be started on port {port}. Choose another port, or look at what "
                        f"`mlflow ui --backend-store-uri {self._settings.redacted(self._place.uri)}` says."
                    )
                time.sleep(0.2)
            self._address = address
            return address

    def wait(self) -> None:
        """Until the server ends."""
        if self._server is not None:
            self._server.wait()

    def close(self) -> None:
        with self._lock:
            self._end()

    def _serve(self, port: int) -> subprocess.Popen[bytes]:
        from rag.tracking.migrating import migrate

        migrate(self._settings, self._place)
        command = [
            sys.executable,
            str(_KEEPER),
            sys.executable,
            "-m",
            "mlflow",
            "ui",
            "--host",
            HERE,
            "--port",
            str(port),
            "--workers",
            "1",
        ]
        if self._place.artifacts:
            command += ["--default-artifact-root", self._place.artifacts]
        # By the environment: an address may have a password in it, and anybody may list commands.
        environment = tracking_environment(self._settings) | {
            "MLFLOW_BACKEND_STORE_URI": self._place.uri,
            "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",  # eight processes for what nobody asks for here
        }
        self._place.folder.mkdir(parents=True, exist_ok=True)
        return subprocess.Popen(  # noqa: S603 - MLflow itself
            command,
            cwd=self._place.folder,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            **_APART,
        )

    def _end(self) -> None:
        server, self._server, self._address = self._server, None, ""
        if server is None or server.poll() is not None:
            return
        if server.stdin is not None:
            server.stdin.close()
        try:
            server.wait(LAST_SECONDS)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def _free_port() -> int:
    with socket.socket() as listening:
        listening.bind((HERE, 0))
        return int(listening.getsockname()[1])


def _experiment(address: str, name: str) -> str:
    """The id of an experiment in MLflow on this machine; empty if it has none of that name, or does not say."""
    asked = f"{address}/api/2.0/mlflow/experiments/get-by-name?{urlencode({'experiment_name': name})}"
    try:
        with urllib.request.urlopen(asked, timeout=2) as answer:  # noqa: S310 - on this machine
            return str(json.load(answer)["experiment"]["experiment_id"])
    except (OSError, ValueError, KeyError):
        return ""


def _answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(f"{address}/health", timeout=2):  # noqa: S310 - on this machine
            return True
    except (urllib.error.URLError, OSError):
        return False
