"""The evaluation set as text, to be kept elsewhere or opened in a spreadsheet."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping
from typing import Any

from rag.records import EvaluationRow

VERDICTS = {1: "good", -1: "bad", 0: ""}
_FORMULAS = ("=", "+", "-", "@", "\t", "\r", "\n")
"""What a spreadsheet takes a cell for a formula by, or hides one behind."""


def as_row(one: EvaluationRow) -> dict[str, Any]:
    """A row with the columns that question sets have first: question, expected answer, document, page, quote, tags."""
    return {
        "question": one.question,
        "expected_answer": one.expected_answer,
        "document": one.document,
        "page": one.page or None,
        "quote": one.quote,
        "tags": list(one.tags),
        "collection": one.collection,
        "document_id": one.document_id,
        "verdict": VERDICTS[one.verdict],
        "note": one.note,
        "relevant": list(one.relevant),
        "not_relevant": list(one.not_relevant),
        "turn": one.turn,
        "added_at": one.added_at.isoformat() if one.added_at else "",
    }


def as_jsonl(rows: Iterable[EvaluationRow]) -> str:
    """One JSON object a line."""
    return "".join(f"{json.dumps(as_row(one), ensure_ascii=False)}\n" for one in rows)


def as_csv(rows: Iterable[EvaluationRow]) -> str:
    """With a line of headings; lists are joined by semicolons. No cell can be taken for a formula."""
    written = io.StringIO()
    headings = list(as_row(EvaluationRow("", "", "")))
    table = csv.DictWriter(written, headings)
    table.writeheader()
    table.writerows(_cells(as_row(one)) for one in rows)
    return written.getvalue()


def _cells(row: Mapping[str, Any]) -> dict[str, str]:
    told = {name: "; ".join(value) if isinstance(value, list) else str(value or "") for name, value in row.items()}
    return {name: f"'{text}" if text.startswith(_FORMULAS) else text for name, text in told.items()}
