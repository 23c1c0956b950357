"""What int8 does to retrieval and to speed, beside fp32 and sentence-transformers, on the same chunks in one run.

    python benchmarks/precision.py --data PATH [--timed 64] [--rounds 3]

PATH holds `chunking` (Chroma's chunking evaluation: corpora and questions with character spans) and `financebench`
(filings as PDF and questions with 0-based pages). Retrieval is the cosine over all chunks in
memory, so only the vectors differ. Prints recall, precision and IoU over characters of the best 5 chunks, or page
hits at 1, 5 and 10, for each precision of documents and questions, the paired bootstrap interval of the difference
to fp32, the cosines between the two, and chunks/s in turns.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import question_sets
from question_sets import Question, QuestionSet, interval, overlap

from rag.bundled import MiniLM, bundled_folder
from rag.chunking import chunk
from rag.parsing import Reader
from rag.records import Chunk
from rag.settings import load_settings

Vectors = NDArray[np.float32]
BEST = 5
"""Chunks retrieved, as in Chroma's report."""
PAIRINGS = (("fp32", "fp32"), ("int8", "int8"), ("int8", "fp32"))
"""Precision of documents, precision of questions; the first is what the others are compared with."""

Score = Callable[[Question, list[tuple[str, Chunk]]], list[float]]


@dataclass
class Task:
    """Questions over the chunks of all sources together; `score` judges the ranked chunks of one question."""

    name: str
    columns: list[str]
    chunks: list[tuple[str, Chunk]]
    questions: list[Question]
    score: Score


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--timed", type=int, default=64, help="chunks in a timed round")
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    models = {precision: MiniLM(precision) for precision in ("fp32", "int8")}
    tasks = [load(given.data, models["fp32"]) for load in (spans_task, pages_task)]
    timed = [one.text for task in tasks for _, one in task.chunks[:: max(1, len(task.chunks) // given.timed)]]
    compare_speed(models, timed[:: len(tasks)], tasks[0].questions[:20], given.rounds)
    for task in tasks:
        compare_quality(models, task)


def spans_task(data: Path, model: MiniLM) -> Task:
    """Chroma's chunking evaluation: five corpora in one collection."""
    return task("chunking", ["recall", "precision", "IoU"], question_sets.chunking(data), model, score_spans)


def pages_task(data: Path, model: MiniLM) -> Task:
    """FinanceBench: all filings in one collection."""
    return task("financebench", ["hit@1", "hit@5", "hit@10"], question_sets.financebench(data), model, score_pages)


def task(name: str, columns: list[str], given: QuestionSet, model: MiniLM, score: Score) -> Task:
    return Task(name, columns, cut(given.files, model), given.questions, score)


def cut(paths: Iterable[Path], model: MiniLM) -> list[tuple[str, Chunk]]:
    settings = load_settings()
    reader, found = Reader(settings), []
    for path in paths:
        parsed = reader.parse(path, path.name)
        found += [(path.name, one) for one in chunk(parsed, path.stem, settings.chunk_tokens, model.token_offsets)]
    reader.close()
    return found


def score_spans(question: Question, ranked: list[tuple[str, Chunk]]) -> list[float]:
    """Recall, precision and IoU over characters."""
    return list(overlap(question, [(source, one.start, one.end) for source, one in ranked[:BEST]]))


def score_pages(question: Question, ranked: list[tuple[str, Chunk]]) -> list[float]:
    """Whether a page with the answer is among the first 1, 5, 10 pages."""
    pages = list(dict.fromkeys((source, one.page) for source, one in ranked))
    wanted = {(question.source, page) for page in question.pages}
    return [float(bool(wanted & set(pages[:first]))) for first in (1, 5, 10)]


def compare_quality(models: dict[str, MiniLM], task: Task) -> None:
    documents, questions = {}, {}
    for precision, model in models.items():
        documents[precision] = model.encode([one.text for _, one in task.chunks])
        questions[precision] = model.encode([one.text for one in task.questions])
    print(f"\n{task.name}: {len(task.chunks)} chunks, {len(task.questions)} questions")
    for what, vectors in (("chunks", documents), ("questions", questions)):
        cosines = (vectors["fp32"] * vectors["int8"]).sum(axis=1)
        print(
            f"  cosine int8 to fp32, {what}: mean {cosines.mean():.4f}, 1st percentile "
            f"{np.percentile(cosines, 1):.4f}, lowest {cosines.min():.4f}"
        )
    print(f"  {'documents':12}{'questions':12}" + "".join(f"{name:>28}" for name in task.columns))
    base = None
    for of_documents, of_questions in PAIRINGS:
        scores = rank_and_score(task, documents[of_documents], questions[of_questions])
        base = scores if base is None else base
        cells = [shown(scores[:, at], base[:, at]) for at in range(len(task.columns))]
        print(f"  {of_documents:12}{of_questions:12}" + "".join(f"{cell:>28}" for cell in cells))


def rank_and_score(task: Task, documents: Vectors, questions: Vectors) -> Vectors:
    """(questions, columns), in percent."""
    ranking = np.argsort(-(questions @ documents.T), axis=1)[:, :50]
    scores = [
        task.score(one, [task.chunks[at] for at in row]) for one, row in zip(task.questions, ranking, strict=True)
    ]
    return 100 * np.array(scores, np.float32)


def shown(scores: Vectors, base: Vectors) -> str:
    """The mean and, where it is another's, its difference with its interval."""
    same = scores is base or np.array_equal(scores, base)
    return f"{scores.mean():.1f}" + ("" if same else f", {interval(scores, base)}")


def compare_speed(models: dict[str, MiniLM], texts: list[str], questions: list[Question], rounds: int) -> None:
    """Chunks/s of each way and ms for a question, the ways in turns, so that a busy machine is busy for all."""
    from sentence_transformers import SentenceTransformer

    peer = SentenceTransformer(str(bundled_folder()), device="cpu", local_files_only=True)
    peer.max_seq_length = MiniLM.max_tokens
    ways: dict[str, Callable[[list[str]], object]] = {
        "sentence-transformers, batch 32": lambda some: peer.encode(some, batch_size=32),
        "sentence-transformers, batch 8": lambda some: peer.encode(some, batch_size=8),
        **{f"ours, {precision}": model.encode for precision, model in models.items()},
    }
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    waits: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, encode in ways.items():
            seconds[name].append(elapsed(encode, texts))
            waits[name] += [elapsed(encode, [one.text]) for one in questions]
    print(f"\nspeed: {len(texts)} chunks, {rounds} rounds in turns; ratio: median over rounds, to the first")
    print(f"  {'':34}{'chunks/s':>10}{'best':>8}{'ratio':>8}{'ms a question':>15}")
    first = next(iter(ways))
    for name in ways:
        middle, best = len(texts) / median(seconds[name]), len(texts) / min(seconds[name])
        ratio = median(peers / own for peers, own in zip(seconds[first], seconds[name], strict=True))
        print(f"  {name:34}{middle:10.1f}{best:8.1f}{ratio:7.2f}x{1000 * median(waits[name]):15.1f}")


def elapsed(call: Callable[[list[str]], object], texts: list[str]) -> float:
    started = time.perf_counter()
    call(texts)
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
