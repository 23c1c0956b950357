"""Fits the logistic models by which an answer is withheld, and writes rag/answering/calibration.json.

    python scripts/fit_abstaining.py --data FOLDER [--work FOLDER] [--out FILE]

FOLDER has `squad2/dev-v2.0.json` (SQuAD 2.0, development set) and `chunking` (Chroma's chunking evaluation). Each set
is indexed into a workspace of its own, an article a document, and every question that has an answer is searched for
twice: as it is, and with its own document left out ("removed"). SQuAD's articles are divided into two parts by a hash
of their titles. The models are fitted on one part and on the chunking set, measured on the other part, and written as
they are, so that the other part remains unseen. The figures of the other way round are printed beside.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import json
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from rag.answering.calibration import FILE
from rag.answering.choosing import rank
from rag.answering.evidence import features
from rag.answering.reading import read
from rag.embedding import Embedder
from rag.records import Hit
from rag.settings import load_settings
from rag.workspace import Workspace

HITS = 5
REMOVED_COUNTS = 0.3
"""What a removed question counts beside one whose document is there."""
PENALTY = 0.3  # LogisticRegression's C
KEPT = 0.95
"""The share of the questions with an answer that the threshold lets be answered."""

ABOUT = (
    "Logistic models of the probability that passages answer a question, and that they are near to it at all, written "
    "by scripts/fit_abstaining.py. A feature counts as weight * (value - mean) / scale. `tokens` is for embedding "
    "models with vectors of tokens, `words` for those without."
)
Floats = NDArray[np.float64]


class Asked(NamedTuple):
    """A question of a set, the file it is about, and whether that answers it."""

    text: str
    file: str
    answerable: bool


@dataclass(frozen=True)
class Rows:
    """Evidence, (questions, features), and of each question its file, whether it is answered, whether removed."""

    evidence: Floats
    files: NDArray[np.str_]
    answered: NDArray[np.bool_]
    removed: NDArray[np.bool_]

    def of(self, chosen: NDArray[np.bool_]) -> Rows:
        return Rows(self.evidence[chosen], self.files[chosen], self.answered[chosen], self.removed[chosen])


class Known:
    """An embedder of questions that encodes each once; passages' tokens are stored."""

    has_tokens = True

    def __init__(self, embedder: Embedder) -> None:
        self.encode_question = cache(embedder.encode_question)
        self.token_spans = cache(embedder.token_spans)


class WithoutTokens:
    """An embedder of which nothing is used: only words can be compared."""

    has_tokens = False


def main() -> None:
    given = _arguments()
    with tempfile.TemporaryDirectory() as scratch:
        work = given.work or Path(scratch)
        sets = {"squad": squad(given.data, work / "articles"), "chunking": chunking(given.data)}
        rows = {name: gather(*files_and_questions, work / name) for name, files_and_questions in sets.items()}
    fitted: dict[str, Any] = {
        "about": ABOUT,
        "fitted on": {
            "SQuAD 2.0 dev": "the articles of whose titles the first byte of the SHA-256 is odd",
            "Chroma's chunking evaluation": "all questions",
            "passages of a question": HITS,
            "weight of a removed question": REMOVED_COUNTS,
            "C of the logistic regression": PENALTY,
            "share of answered questions that the threshold keeps": KEPT,
        },
    }
    for kind in ("tokens", "words"):
        names, all_of_squad = rows["squad"][kind]
        mine, other = divided(all_of_squad)
        more = rows["chunking"][kind][1]
        print(f"{kind}, the other way round: {figures(fit(names, joined(other, more)), names, mine)}")
        fitted[kind] = fit(names, joined(mine, more))
        fitted[kind]["measured on the other part"] = figures(fitted[kind], names, other)
        print(f"{kind}, as written: {fitted[kind]['measured on the other part']}")
    given.out.write_text(json.dumps(fitted, indent=1) + "\n", encoding="utf-8")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--work", type=Path, help="where indexes are kept for the next run, else nowhere")
    parser.add_argument("--out", type=Path, default=FILE)
    return parser.parse_args()


def squad(data: Path, scratch: Path) -> tuple[list[Path], list[Asked]]:
    """SQuAD 2.0, an article a text file written to `scratch`."""
    articles = json.loads((data / "squad2" / "dev-v2.0.json").read_text(encoding="utf-8"))["data"]
    scratch.mkdir(parents=True, exist_ok=True)
    files, questions = [], []
    for article in articles:
        path = scratch / f"{article['title'].replace('/', '_')}.txt"
        path.write_text("\n\n".join(one["context"] for one in article["paragraphs"]), encoding="utf-8")
        files.append(path)
        rows = [row for paragraph in article["paragraphs"] for row in paragraph["qas"]]
        questions += [Asked(row["question"], path.name, not row["is_impossible"]) for row in rows]
    return files, questions


def chunking(data: Path) -> tuple[list[Path], list[Asked]]:
    """Chroma's chunking evaluation, all of whose questions have an answer."""
    folder = data / "chunking"
    with (folder / "questions.csv").open(encoding="utf-8", newline="") as file:
        questions = [Asked(row["question"], f"{row['corpus_id']}.md", True) for row in csv.DictReader(file)]
    return sorted(folder.glob("*.md")), questions


def gather(files: Sequence[Path], questions: Sequence[Asked], folder: Path) -> dict[str, tuple[list[str], Rows]]:
    """The evidence for each question over all files, by kind of model: the features' names, and the rows."""
    with Workspace(load_settings(data_dir=folder)) as workspace:
        for event in workspace.ingest(files):
            if event.outcome not in ("", "ready", "duplicate"):
                raise SystemExit(f"{event.name}: {event.outcome} {event.reason}")
        ids = {one.name: one.id for one in workspace.documents()}
        tokens, words = Evidence(Known(workspace.embedder), workspace), Evidence(WithoutTokens(), workspace)
        for asked in questions:
            found = [(workspace.search(asked.text, HITS), False)]
            if asked.answerable:
                where = {"document": {"$ne": ids[asked.file]}}
                found.append((workspace.search(asked.text, HITS, json.dumps(where)), True))
            for hits, removed in found:
                tokens.note(asked, hits, removed)
                words.note(asked, hits, removed)
        return {"tokens": tokens.rows(), "words": words.rows()}


class Evidence:
    """Collects the evidence for questions."""

    def __init__(self, embedder: Any, workspace: Workspace) -> None:
        self._embedder = embedder
        texts = workspace.texts()  # each passage is a hit of many questions
        self._texts = replace(texts, terms=cache(texts.terms), sentences=cache(texts.sentences))
        self._found: list[dict[str, float]] = []
        self._about: list[tuple[str, bool, bool]] = []

    def note(self, asked: Asked, hits: Sequence[Hit], removed: bool) -> None:
        reading = read(asked.text, hits, self._embedder, self._texts)
        if ranked := rank(reading):  # else it is withheld without a model
            self._found.append(features(reading, ranked[0][1]))
            self._about.append((asked.file, asked.answerable and not removed, removed))

    def rows(self) -> tuple[list[str], Rows]:
        # Of a model without vectors of tokens cosines are not comparable: each model has its own.
        names = [name for name in self._found[0] if self._embedder.has_tokens or not name.startswith("cosine")]
        files, answered, removed = (np.array(column) for column in zip(*self._about, strict=True))
        return names, Rows(np.array([[one[name] for name in names] for one in self._found]), files, answered, removed)


def divided(rows: Rows) -> tuple[Rows, Rows]:
    """The part that models are fitted on and the part that is kept apart, by article."""
    titles = [name.removesuffix(".txt") for name in rows.files]
    odd = np.array([hashlib.sha256(title.encode()).digest()[0] % 2 == 1 for title in titles])
    return rows.of(odd), rows.of(~odd)


def joined(one: Rows, other: Rows) -> Rows:
    columns = ("evidence", "files", "answered", "removed")
    return Rows(*(np.concatenate([getattr(one, column), getattr(other, column)]) for column in columns))


def fit(names: Sequence[str], rows: Rows) -> dict[str, Any]:
    """Both models and their thresholds, as they are written."""
    answers = _logistic(names, rows, rows.answered)
    near = _logistic(names, rows, ~rows.removed)
    scores = probabilities(near, names, rows)
    apart = np.median(scores[rows.removed]) / 2 + np.median(scores[~rows.removed & ~rows.answered]) / 2
    keeps = np.quantile(probabilities(answers, names, rows)[rows.answered], 1 - KEPT)
    return {"answers": answers, "near": near, "near_from": round(float(apart), 3), "threshold": round(float(keeps), 3)}


def _logistic(names: Sequence[str], rows: Rows, wanted: NDArray[np.bool_]) -> dict[str, Any]:
    mean, scale = rows.evidence.mean(axis=0), rows.evidence.std(axis=0)
    scale[scale == 0] = 1.0
    model = LogisticRegression(C=PENALTY, max_iter=3000)
    model.fit((rows.evidence - mean) / scale, wanted, sample_weight=np.where(rows.removed, REMOVED_COUNTS, 1.0))
    columns = zip(names, mean, scale, model.coef_[0], strict=True)
    return {
        "bias": round(float(model.intercept_[0]), 4),
        "features": {
            name: {key: round(float(value), 4) for key, value in zip(("mean", "scale", "weight"), numbers, strict=True)}
            for name, *numbers in columns
        },
    }


def probabilities(model: dict[str, Any], names: Sequence[str], rows: Rows) -> Floats:
    mean, scale, weight = (
        np.array([model["features"][name][key] for name in names]) for key in ("mean", "scale", "weight")
    )
    return 1 / (1 + np.exp(-(model["bias"] + (rows.evidence - mean) / scale @ weight)))


def figures(fitted: dict[str, Any], names: Sequence[str], rows: Rows) -> dict[str, float]:
    """How well answered questions are told from near misses and from removed ones (AUROC), and the shares that the
    threshold withholds."""
    scores, near = probabilities(fitted["answers"], names, rows), probabilities(fitted["near"], names, rows)
    missed = ~rows.answered & ~rows.removed
    withheld = scores < fitted["threshold"]
    found = {
        "near miss AUROC": roc_auc_score(rows.answered[~rows.removed], scores[~rows.removed]),
        "removed AUROC": roc_auc_score(rows.answered[~missed], scores[~missed]),
        "answered but withheld": withheld[rows.answered].mean(),
        "near misses withheld": withheld[missed].mean(),
        "removed withheld": withheld[rows.removed].mean(),
        "near misses called so": (near >= fitted["near_from"])[missed & withheld].mean(),
        "removed called in no document": (near < fitted["near_from"])[rows.removed & withheld].mean(),
    }
    return {name: round(float(value), 3) for name, value in found.items()}


if __name__ == "__main__":
    main()
