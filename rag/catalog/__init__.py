"""The catalog: the truth about which documents exist and in which state, their text and their chunk spans.

SQLite through SQLAlchemy Core. Everything in Chroma and in the lexical index can be rebuilt from here. Safe to use
from threads and, for queueing, from other processes. A schema change adds a migration to `rag.catalog.migrations` and
never edits one.
"""

from __future__ import annotations

from rag.catalog.collections import Collections
from rag.catalog.database import Database
from rag.catalog.editing import Editing
from rag.catalog.listing import Listings
from rag.catalog.looking import Looking
from rag.catalog.migrations import Migrations
from rag.catalog.moving import KEPT_TABLES, OF_DOCUMENTS, Column, Moving, Rows, Whole, columns_of
from rag.catalog.pace import Pace
from rag.catalog.passages import Passages
from rag.catalog.queue import Queue
from rag.catalog.scans import Scans
from rag.catalog.swapping import Swaps
from rag.catalog.transfers import Transfers
from rag.catalog.trash import Trash
from rag.catalog.versions import Versions

__all__ = ["KEPT_TABLES", "OF_DOCUMENTS", "Catalog", "Column", "Database", "Migrations", "Rows", "Whole", "columns_of"]


class Catalog(
    Collections, Looking, Listings, Queue, Editing, Trash, Transfers, Versions, Pace, Passages, Scans, Swaps, Moving
):
    """One catalog file. Build once and share."""

    wipes = True
