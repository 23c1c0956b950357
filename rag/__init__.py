"""Footnote's engine: documents in, pages, chunks and vectors; a question in, hits, an answer and its footnotes.

Nothing in this package imports Streamlit. The door is `rag.workspace.Workspace`.
"""

import sqlite3
import sys

__version__ = "0.1.0"

CHROMA_NEEDS_SQLITE = (3, 35, 0)

# Some hosts (Debian's older images, Community Cloud among them) have an SQLite too old for Chroma. Here, because it
# must come before anything imports sqlite3 for itself.
if sqlite3.sqlite_version_info < CHROMA_NEEDS_SQLITE:
    sys.modules["sqlite3"] = __import__("pysqlite3")
