"""The vectors of a collection as a map."""

from __future__ import annotations

from rag.records import Collection
from rag.workspace import Workspace


def draw_map(workspace: Workspace, collection: Collection) -> None:
    """Draw the view."""
