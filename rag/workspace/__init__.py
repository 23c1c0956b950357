"""The workspace: builds the parts from settings, and is what the dashboard, the command line and notebooks use.

    workspace = open_workspace(load_settings())
    for event in workspace.ingest([Path("report.pdf")]):
        print(event)
    print(workspace.ask("What was the revenue?").text)

Thread-safe. One per data folder and process (`open_workspace`).
"""

from __future__ import annotations

from rag.answering import Answerer
from rag.archive import Unpacked
from rag.conversations import LONGEST_SEARCH, Removed, as_csv, as_jsonl, as_row
from rag.evaluation.comparing import LATENCY, Contest, changes, is_expected, matched, pareto, why
from rag.evaluation.estimating import Estimate
from rag.evaluation.grid import grid, read_grid
from rag.evaluation.intervals import FEWEST
from rag.evaluation.leaderboard import (
    BETTER,
    SAME,
    TOO_FEW,
    WORSE,
    Measured,
    Standing,
    lower_is_better,
    standings,
    usual_metric,
    varied,
)
from rag.evaluation.locating import is_missing
from rag.evaluation.scoring import names_of
from rag.evaluation.sets import as_jsonl as set_as_jsonl
from rag.evaluation.sets import from_rows, read_set, to_rows
from rag.evaluation.tidying import tidied
from rag.evaluation.understanding import Understood, understood
from rag.evidence import answer_markdown, answer_text, inert_markdown
from rag.evidence.words import beside
from rag.filters import where_of
from rag.following import NOT_ANEW
from rag.ingestion import Upload, as_uploads, distinct_names, is_archive
from rag.language import language_name, language_notice
from rag.parsing import READABLE, extension_of, has_image, is_media_type, media_type_called, page_noun, type_name
from rag.workspace.asking import Workspace
from rag.workspace.comparing import OneQuestion
from rag.workspace.conversing import LONGEST_NOTE, expected_of
from rag.workspace.live import live
from rag.workspace.moving import default_name
from rag.workspace.opening import open_workspace

__all__ = [
    "BETTER",
    "FEWEST",
    "LATENCY",
    "LONGEST_NOTE",
    "LONGEST_SEARCH",
    "NOT_ANEW",
    "READABLE",
    "SAME",
    "TOO_FEW",
    "WORSE",
    "Answerer",
    "Contest",
    "Estimate",
    "Measured",
    "OneQuestion",
    "Removed",
    "Standing",
    "Understood",
    "Unpacked",
    "Upload",
    "Workspace",
    "answer_markdown",
    "answer_text",
    "as_csv",
    "as_jsonl",
    "as_row",
    "as_uploads",
    "beside",
    "changes",
    "default_name",
    "distinct_names",
    "expected_of",
    "extension_of",
    "from_rows",
    "grid",
    "has_image",
    "inert_markdown",
    "is_archive",
    "is_expected",
    "is_media_type",
    "is_missing",
    "language_name",
    "language_notice",
    "live",
    "lower_is_better",
    "matched",
    "media_type_called",
    "names_of",
    "open_workspace",
    "page_noun",
    "pareto",
    "read_grid",
    "read_set",
    "set_as_jsonl",
    "standings",
    "tidied",
    "to_rows",
    "type_name",
    "understood",
    "usual_metric",
    "varied",
    "where_of",
    "why",
]
