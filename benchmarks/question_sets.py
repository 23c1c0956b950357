"""Questions whose answers are known: Chroma's chunking evaluation, FinanceBench and SQuAD 2.0, read from a folder."""

from __future__ import annotations

import csv
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rag.evaluation.intervals import difference
from rag.evaluation.metrics import span_overlap


@dataclass(frozen=True)
class Question:
    """A question and what answers it: in the file called `source`, `spans` of characters or 1-based `pages`.

    For SQuAD each span is one annotator's answer, and any will do; elsewhere all of them are wanted.
    """

    text: str
    source: str
    spans: tuple[tuple[int, int], ...] = ()
    pages: frozenset[int] = frozenset()
    answerable: bool = True


@dataclass(frozen=True)
class QuestionSet:
    """Questions over all of some files together."""

    files: list[Path]
    questions: list[Question]


def chunking(data: Path) -> QuestionSet:
    """Chroma's chunking evaluation: five corpora, spans of characters."""
    folder = data / "chunking"
    with (folder / "questions.csv").open(encoding="utf-8", newline="") as file:
        questions = [
            Question(
                row["question"],
                f"{row['corpus_id']}.md",
                tuple((one["start_index"], one["end_index"]) for one in json.loads(row["references"])),
            )
            for row in csv.DictReader(file)
        ]
    return QuestionSet(sorted(folder.glob("*.md")), questions)


def financebench(data: Path) -> QuestionSet:
    """FinanceBench: company filings as PDF, pages."""
    folder = data / "financebench"
    lines = (folder / "questions.jsonl").read_text(encoding="utf-8").splitlines()
    questions = [
        Question(row["question"], row["document"], pages=frozenset(page + 1 for page in row["pages"]))
        for row in map(json.loads, lines)
    ]
    return QuestionSet(sorted(folder.glob("*.pdf")), questions)


def squad(data: Path, scratch: Path, seed: int = 0) -> QuestionSet:
    """SQuAD 2.0 dev as a corpus, an article a text file written to `scratch`; its questions in an order drawn anew."""
    articles = json.loads((data / "squad2" / "dev-v2.0.json").read_text(encoding="utf-8"))["data"]
    scratch.mkdir(parents=True, exist_ok=True)
    files, questions = [], []
    for article in articles:
        path = scratch / f"{article['title'].replace('/', '_')}.txt"
        text = "\n\n".join(one["context"] for one in article["paragraphs"])
        path.write_text(text, encoding="utf-8")
        files.append(path)
        begin = 0
        for paragraph in article["paragraphs"]:
            questions += [_of_squad(row, path.name, begin) for row in paragraph["qas"]]
            begin += len(paragraph["context"]) + 2
    return QuestionSet(files, [questions[at] for at in np.random.default_rng(seed).permutation(len(questions))])


def _of_squad(row: dict, source: str, begin: int) -> Question:
    spans = {(begin + one["answer_start"], begin + one["answer_start"] + len(one["text"])) for one in row["answers"]}
    return Question(row["question"], source, tuple(sorted(spans)), answerable=not row["is_impossible"])


def fitted_on(title: str) -> bool:
    """Whether scripts/fit_abstaining.py has fitted on an article of SQuAD."""
    return hashlib.sha256(title.encode()).digest()[0] % 2 == 1


def overlap(question: Question, passages: Sequence[tuple[str, int, int]]) -> tuple[float, float, float]:
    """Recall, precision and IoU over characters of passages (source, start, end), as Chroma's report defines them."""
    return span_overlap(passages, [(question.source, *span) for span in question.spans])


def interval(scores: NDArray[np.float32], base: NDArray[np.float32]) -> str:
    """`+3.1 (+0.4..+5.9)`: the difference of two means over the same questions, and its paired bootstrap interval."""
    found = difference(scores, base)
    return f"{found.mean:+.1f} ({found.low:+.1f}..{found.high:+.1f})"
