"""The command line's `feedback`: what readers thought of answers and sources, or the evaluation set made of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rag.cli_output import Output
from rag.records import EvaluationRow, Feedback

if TYPE_CHECKING:  # it is imported late, for it takes a while
    from rag.workspace import Workspace


def feedback(workspace: Workspace, evaluation: bool, output: Output) -> None:
    """Print it, oldest first."""
    from rag.workspace import as_row

    if evaluation:
        for row in workspace.evaluation_rows():
            output.line(as_row(row), _row(row))
    else:
        for one in workspace.feedback():
            output.line(_told(one), _thought(one))


def _told(one: Feedback) -> dict[str, Any]:
    return {
        "question": one.question,
        "collection": one.collection,
        "about": "source" if one.chunk else "answer",
        "verdict": _verdict(one),
        "note": one.note,
        "document": one.document or None,
        "name": one.name or None,
        "page": one.page or None,
        "chunk": one.chunk or None,
        "turn": one.turn,
        "at": one.at,
    }


def _verdict(one: Feedback) -> str:
    if one.chunk:
        return "relevant" if one.value > 0 else "not relevant"
    return "good" if one.value > 0 else "bad"


def _thought(one: Feedback) -> str:
    where = f"{one.name}, page {one.page}: " if one.chunk else ""
    note = f" ({' '.join(one.note.split())})" if one.note else ""
    return f"{one.question}: {where}{_verdict(one)}{note}"


def _row(one: EvaluationRow) -> str:
    where = f"{one.document}, page {one.page}" if one.document else "in no document"
    return f"{one.question}: {' '.join(one.expected_answer.split()) or 'no answer'} ({where})"
