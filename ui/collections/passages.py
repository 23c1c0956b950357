"""The passages of a collection: read in order, found, corrected, put away."""

from __future__ import annotations

from rag.records import Collection
from rag.workspace import Workspace


def draw_passages(workspace: Workspace, collection: Collection) -> None:
    """Draw the view."""
