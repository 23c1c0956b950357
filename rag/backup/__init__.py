"""Backups: a collection as one file in an open format, checked before anything is restored from it.

The file is a zip of

    manifest.json           what it is, how the collection was made, the SHA-256 and size of all the rest
    tables/NAME.parquet     documents, texts, pages, headings, chunks, overlays, ocr, versions, vectors
    originals/ID            the files as they came in, each under the first 128 bits of its SHA-256
    unlocked/ID             of those PDFs that need a password, a copy that needs none

Nothing in it is packed, neither by the zip nor within the tables, so that it never unfolds to more than its own size,
and is read in place. The documents come in one order in all tables, so that one at a time is in memory.
"""

from __future__ import annotations

from rag.backup.checking import check
from rag.backup.exporting import Sources, export, write_safely
from rag.backup.reading import Backup
from rag.backup.restoring import Targets, restore
from rag.backup.writing import Facts, Packed, Writer

__all__ = [
    "Backup",
    "Facts",
    "Packed",
    "Sources",
    "Targets",
    "Writer",
    "check",
    "export",
    "restore",
    "write_safely",
]
