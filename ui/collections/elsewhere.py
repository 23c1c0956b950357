"""Collections that were made elsewhere: how they come here, and what is to be known of one."""

from __future__ import annotations

from rag.records import Collection
from rag.workspace import Workspace


def draw_link(workspace: Workspace, collection: Collection) -> None:
    """Of a collection that was read from elsewhere: from where, when, and how to read it again."""


def offer_link(workspace: Workspace) -> None:
    """What opens a Chroma that is not ours; for the popover in which collections are made."""
