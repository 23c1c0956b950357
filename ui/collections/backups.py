"""A collection as a file, and back."""

from __future__ import annotations

from rag.records import Collection
from rag.workspace import Workspace


def draw_backup(workspace: Workspace, collection: Collection) -> None:
    """What makes a collection into a file to be downloaded."""


def offer_import(workspace: Workspace) -> None:
    """What makes such a file into a collection; for the popover in which collections are made."""
