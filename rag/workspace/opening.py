"""The one workspace of a data folder in this process."""

from __future__ import annotations

import atexit
import sys
import threading
from typing import Any

from rag.settings import Settings
from rag.workspace.asking import Workspace

# Streamlit loads our modules again when a file changes, while an older workspace may still own the folder. The register
# outlives that, because the `sys` module does.
_register: dict[str, Any] = sys.__dict__.setdefault("_footnote_workspaces", {"lock": threading.RLock(), "open": {}})


def _close_all() -> None:
    for workspace in list(_register["open"].values()):
        workspace.close()


atexit.register(_close_all)


def open_workspace(settings: Settings, role: str = "a Python program") -> Workspace:
    """The one workspace of a data folder in this process: the open one if it has the same settings, else a new one."""
    with _register["lock"]:
        key = str(settings.data_dir.expanduser().resolve())
        there = _register["open"].get(key)
        if there is not None and type(there) is Workspace and there.settings == settings and not there.closed:
            return there
        if there is not None:
            there.close()
        workspace = Workspace(settings, role)
        _register["open"][key] = workspace
        return workspace
