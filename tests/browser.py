"""A real Footnote server in a process of its own, and a real Chromium, for the browser tests."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Error, Page, Playwright

ROOT = Path(__file__).parent.parent
GUARD = Path(__file__).parent / "guard"
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "msedge")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
START_SECONDS = 60
PATIENCE = 30_000
"""Milliseconds that a page is waited for."""


def chromium_path(playwright: Playwright) -> str:
    """An installed Chromium; without one the tests are skipped, or fail where FOOTNOTE_REQUIRE_BROWSER is set."""
    own = playwright.chromium.executable_path
    found = next((path for name in NAMES if (path := shutil.which(name))), own if Path(own).is_file() else None)
    if found is None:
        reason = f"no Chromium is installed (looked for {', '.join(NAMES)} and Playwright's own)"
        if os.environ.get("FOOTNOTE_REQUIRE_BROWSER") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    return found


def launch(playwright: Playwright, *flags: str) -> Browser:
    """Start Chromium. Raises Playwright's Error if it is there but does not start."""
    path = chromium_path(playwright)
    try:
        return playwright.chromium.launch(executable_path=path, args=[*FLAGS, *flags])
    except Error as error:
        raise Error(f"{path} is installed but does not start: {error}") from error


@contextmanager
def watched_page(browser: Browser, *hosts: str, width: int = 1280) -> Iterator[Page]:
    """A fresh page. Fails at the end if it asked any machine but this one (`hosts` are other names of it), or if a
    dialog of the browser's or another window was opened."""
    context = browser.new_context(viewport={"width": width, "height": 900})
    page = context.new_page()
    page.set_default_timeout(PATIENCE)
    asked: list[str] = []
    opened: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("websocket", lambda socket: asked.append(socket.url))
    page.on("popup", lambda other: opened.append(other.url))
    page.on("dialog", lambda dialog: (opened.append(dialog.message), dialog.dismiss()))
    yield page
    context.close()
    reached = {urlsplit(url).hostname for url in asked if urlsplit(url).scheme not in ("data", "blob")}
    assert reached <= {"localhost", "127.0.0.1", *hosts}
    assert opened == []


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def guarded(log: Path, settings: Mapping[str, str] = {}) -> dict[str, str]:
    """An environment without our settings or anybody's privacy switches, where sockets reach this machine only."""
    ours = ("RAG_", "STREAMLIT_", "HF_", "ANONYMIZED_", "DO_NOT_TRACK", "PYTHONPATH")
    kept = {key: value for key, value in os.environ.items() if not key.startswith(ours)}
    return {**kept, "PYTHONPATH": str(GUARD), "FOOTNOTE_GUARD_LOG": str(log), **settings}


@contextmanager
def footnote_server(data_dir: Path, settings: Mapping[str, str] = {}) -> Iterator[str]:
    """Run `streamlit run` as a user would, in a fresh home folder; gives its address.

    Fails at the end if the process tried to reach anything beyond this machine.
    """
    port = free_port()
    home = data_dir.parent / f"home-{port}"
    home.mkdir()
    reached = home / "reached.txt"
    environment = guarded(reached, {"HOME": str(home), "RAG_DATA_DIR": str(data_dir), **settings})
    command = [sys.executable, "-m", "streamlit", "run", "streamlit_app.py", "--server.port", str(port)]
    log = home / "log.txt"
    with log.open("w") as output:
        server = subprocess.Popen(
            [*command, "--server.headless", "true", "--server.fileWatcherType", "none"],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        address = f"http://localhost:{port}"
        _wait_until_up(address, server, log)
        yield address
    finally:
        server.terminate()
        try:
            server.wait(20)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()
    assert not reached.exists(), reached.read_text()


def _wait_until_up(address: str, server: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and server.poll() is None:
        try:
            with urllib.request.urlopen(f"{address}/_stcore/health", timeout=2) as answer:  # noqa: S310 - loopback
                if answer.status == 200:
                    return
        except OSError:
            time.sleep(0.1)
    raise RuntimeError(f"The server did not start:\n{log.read_text()}")


def at_rest(page: Page) -> None:
    """Wait until the page's script has ended, and a moment longer: nobody clicks so fast."""
    page.locator("[data-test-script-state=notRunning]").wait_for()
    page.wait_for_timeout(500)
