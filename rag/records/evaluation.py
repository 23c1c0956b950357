"""Question sets: what is asked to find out which configuration is better."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Gold:
    """A question and what is known of its answer; what is not known is empty, and measures nothing.

    `answers` are wordings of the answer, any of which will do. `document` is the name or the id of the one that has it,
    `pages` are 1-based, `quotes` are passages of it word for word. `answerable` is False where no document has the
    answer.
    """

    question: str
    answers: tuple[str, ...] = ()
    document: str = ""
    pages: tuple[int, ...] = ()
    quotes: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    answerable: bool = True

    @property
    def located(self) -> bool:
        """Whether it is known where the answer stands."""
        return self.answerable and bool(self.document or self.quotes)


@dataclass(frozen=True, slots=True)
class QuestionSet:
    """Questions under a name. Two of the same `version` are equal, whatever they are called and whoever made them."""

    name: str
    questions: tuple[Gold, ...]

    @property
    def version(self) -> str:
        """A hash of what is in it: 12 hexadecimal digits."""
        return version_of(self.questions)


def version_of(questions: Sequence[Gold]) -> str:
    """Of questions in their order, however they were written down."""
    rows = [asdict(one) for one in questions]
    text = json.dumps(rows, ensure_ascii=True, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:12]


@dataclass(frozen=True, slots=True)
class KeptSet:
    """A version of a question set that is kept, without its `questions`, of which this is the number."""

    name: str
    version: str
    questions: int
    created_at: datetime
    mlflow_id: str = ""
    """Of the dataset in MLflow, once it is there."""
