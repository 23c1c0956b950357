"""Traces of answers: kept here in a database file of their own, and waiting there to be told to MLflow.

Of their own because one is written with every answer, and because what a reader deletes must go from here as well, at
once and from the disk. Nobody waits for a trace: they are written in the background.
"""

from __future__ import annotations

from rag.traces.recorder import Recorder
from rag.traces.store import NewTrace, Traces, Unsent

__all__ = ["NewTrace", "Recorder", "Traces", "Unsent"]
