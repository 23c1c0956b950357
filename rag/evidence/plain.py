"""An answer as plain text, for letters and spreadsheets."""

from __future__ import annotations

from rag.parsing import page_noun
from rag.records import Answer


def answer_text(answer: Answer) -> str:
    """An answer with its footnotes' documents and pages below it, nothing escaped."""
    notes = [f"[{one.number}] {one.name}, {page_noun(one.name)} {one.page}" for one in answer.citations]
    return "\n".join([answer.text, *(["", *notes] if notes else [])]) + "\n"
