"""The workspace: builds the parts from settings, and is what the dashboard, the command line and notebooks use.

    workspace = open_workspace(load_settings())
    for event in workspace.ingest([Path("report.pdf")]):
        print(event)
    print(workspace.ask("What was the revenue?").text)

Thread-safe. One per data folder and process (`open_workspace`).
"""

from __future__ import annotations

from rag.archive import Unpacked
from rag.evidence import answer_markdown
from rag.filters import where_of
from rag.following import NOT_ANEW
from rag.ingestion import Upload, as_uploads, distinct_names, is_archive
from rag.language import language_name, language_notice
from rag.parsing import READABLE, has_image, page_noun
from rag.workspace.asking import Workspace
from rag.workspace.opening import open_workspace

__all__ = [
    "NOT_ANEW",
    "READABLE",
    "Unpacked",
    "Upload",
    "Workspace",
    "answer_markdown",
    "as_uploads",
    "distinct_names",
    "has_image",
    "is_archive",
    "language_name",
    "language_notice",
    "open_workspace",
    "page_noun",
    "where_of",
]
