"""The command line's `mlflow`: MLflow's own pages on the store that studies, traces and champions are in."""

from __future__ import annotations

import argparse
import signal
from collections.abc import Callable
from typing import Any

from rag.cli_output import Output

Command = Callable[..., argparse.ArgumentParser]


def add_mlflow(command: Command, workspace: Callable[..., Any]) -> None:
    """Add the command to a parser; `workspace` opens the one that is given."""

    def run(given: argparse.Namespace, output: Output) -> int:
        with workspace(given, share=True) as there:
            return mlflow(there, given, output)

    pages = command("mlflow", run, "open MLflow's own pages on studies, traces and champions, on this machine alone")
    pages.add_argument("--port", type=int, default=0, metavar="N", help="port of this machine (default: a free one)")


def mlflow(workspace: Any, given: argparse.Namespace, output: Output) -> int:
    """Start the pages, say where they are, and go on until they end or Ctrl-C comes; what waits is told meanwhile."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # whoever ends this ends MLflow as well
    output.say("Starting MLflow; this takes some seconds.")
    address = workspace.open_mlflow(given.port)
    workspace.track()
    output.line({"address": address}, f"MLflow is at {address}. Ctrl-C ends it.")
    try:
        workspace.wait_for_mlflow()
    except KeyboardInterrupt:
        output.say("MLflow has ended.")
    return 0
