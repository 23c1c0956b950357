"""The catalog: the truth about which documents exist and in which state, their text and their chunk spans.

SQLite through SQLAlchemy Core. Everything in Chroma and in the lexical index can be rebuilt from here. Safe to use
from threads and, for queueing, from other processes. A schema change adds a migration to `rag.catalog.migrations` and
never edits one.
"""

from __future__ import annotations

from rag.catalog.collections import Collections
from rag.catalog.contents import Contents
from rag.catalog.database import Database
from rag.catalog.looking import Looking
from rag.catalog.migrations import Migrations
from rag.catalog.moving import KEPT_TABLES, OF_DOCUMENTS, Column, Moving, Rows, Whole, columns_of
from rag.catalog.pace import Pace
from rag.catalog.queue import Queue
from rag.catalog.scans import Scans

__all__ = ["KEPT_TABLES", "OF_DOCUMENTS", "Catalog", "Column", "Database", "Migrations", "Rows", "Whole", "columns_of"]


class Catalog(Collections, Looking, Queue, Pace, Contents, Scans, Moving):
    """One catalog file. Build once and share."""
