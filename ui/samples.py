"""The sample documents that come with Footnote, and questions about them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from rag.records import Document

FOLDER = Path(__file__).parent.parent / "samples"


def sample_files() -> list[Path]:
    """The sample documents, none if the folder is not there."""
    return sorted(path for path in FOLDER.glob("*") if path.suffix in (".pdf", ".md", ".txt"))


def example_questions(documents: Iterable[Document]) -> list[str]:
    """A question for each sample document that can be searched, and one that none of them answers."""
    there = {one.name for one in documents if one.visible}
    source = FOLDER / "questions.jsonl"
    if not source.is_file() or not there:
        return []
    lines = [json.loads(line) for line in source.read_text(encoding="utf-8").splitlines() if line.strip()]
    first: dict[str, str] = {}
    for one in lines:
        if one["document"] in there:
            first.setdefault(one["document"], one["question"])
    unanswered = [one["question"] for one in lines if not one["answerable"]]
    return [*first.values(), *unanswered[-1:]] if first else []
