"""Where the system's SQLite is too old for Chroma, the packaged one takes its place before anything imports it."""

from __future__ import annotations

import platform
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


def sqlite_module(version: str) -> str:
    pretend = f"import sqlite3; sqlite3.sqlite_version_info = {version}"
    code = f"{pretend}; import rag; import sqlite3; print(sqlite3.__name__)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.mark.skipif(
    sys.platform != "linux" or platform.machine() != "x86_64", reason="the packaged SQLite is for Linux on x86-64"
)
def test_an_old_sqlite_is_replaced() -> None:
    assert sqlite_module("(3, 34, 1)") == "pysqlite3"


def test_a_new_enough_sqlite_is_kept() -> None:
    assert sqlite_module("(3, 35, 0)") == "sqlite3"
