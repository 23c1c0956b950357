"""An answer as plain text, for letters and spreadsheets."""

from __future__ import annotations

from rag.evidence import words
from rag.parsing import page_noun
from rag.records import Answer, Citation

PRINTED = 300
"""Characters shown of what a page says where its passage was edited."""


def answer_text(answer: Answer) -> str:
    """An answer with its footnotes' documents and pages below it, nothing escaped."""
    notes = [f"[{one.number}] {one.name}, {page_noun(one.name)} {one.page}{_edited(one)}" for one in answer.citations]
    return "\n".join([answer.text, *(["", *notes] if notes else [])]) + "\n"


def _edited(one: Citation) -> str:
    return f" ({words.edited_in_full(one, PRINTED)})" if one.edited else ""
