"""How long a question takes to be searched for: ours beside the tutorials' retriever, on the same store.

    python benchmarks/latency.py [--chunks 1000 15000 100000] [--questions 100] [--threads 1 4 16 64] [--no-peer]

Each collection is made of synthetic passages. `ours` is the whole search, by words, meaning and late interaction, with
what is shown of a hit; `tutorial` is langchain_chroma's similarity_search with sentence-transformers on the bundled
model's weights; `same model` is that with our embedder. They take turns, some questions each. Latencies are of one
process, after a warm-up; a ratio is theirs over ours, or filtered over unfiltered.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

from measuring import ROOT, say_how, table

sys.path.insert(0, str(ROOT))

from synthetic import TAGGED, Writer

from rag.filters import DOCUMENT, PAGE, TAG, Filter, to_chroma
from rag.settings import load_settings
from rag.workspace import Workspace

K = 5
WARM_UP = 10
COLUMNS = ("chunks", "filter", "who", "p10 ms", "p50 ms", "p95 ms", "theirs/ours", "filtered/not")

Ask = Callable[[str], object]


def main() -> None:
    given = _arguments()
    warnings.simplefilter("ignore", DeprecationWarning)
    say_how()
    p50: dict[tuple[int, str, str], float] = {}
    for chunks in given.chunks:
        with tempfile.TemporaryDirectory() as scratch:
            measure(given.data or Path(scratch) / "data", chunks, given, p50)
    for small, large in zip(given.chunks, given.chunks[1:], strict=False):
        ratio = p50[large, "none", "ours"] / p50[small, "none", "ours"]
        print(f"ours, {large:,} chunks over {small:,}: {ratio:.2f}")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--chunks", nargs="+", type=int, default=[1_000, 15_000, 100_000], metavar="N")
    parser.add_argument("--questions", type=int, default=100)
    parser.add_argument("--threads", nargs="+", type=int, default=[1, 4, 16, 64], metavar="N")
    parser.add_argument("--peer", action=argparse.BooleanOptionalAction, default=True)
    parser.add_argument("--data", type=Path, help="data folder to keep, for one size; used again if it is there")
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


def measure(data: Path, chunks: int, given: argparse.Namespace, p50: dict[tuple[int, str, str], float]) -> None:
    """Fill a data folder, then show what questions take."""
    writer = Writer(given.seed)
    with Workspace(load_settings(data_dir=data)) as workspace:
        started = time.monotonic()
        documents = workspace.documents() or writer.fill(workspace, chunks)
        print(f"\n{chunks:,} chunks of {len(documents)} documents, made in {time.monotonic() - started:.0f} s")
        questions = writer.questions(given.questions + WARM_UP)
        filters = {
            "none": None,
            "one document": DOCUMENT.equals(documents[0].id),
            "half, by a tag": TAG.equals(TAGGED),
            "pages 1 to 5": PAGE.between(1, 5),
        }
        rows = []
        for name, clause in filters.items():
            took = in_turns(searchers(workspace, clause, given.peer), questions)
            rows += _rows(chunks, name, took, p50)
        table(COLUMNS, rows)
        in_threads(searchers(workspace, None, given.peer), questions, given.threads)


def searchers(workspace: Workspace, clause: Filter | None, peer: bool) -> dict[str, Ask]:
    """Who is asked, by name."""
    found: dict[str, Ask] = {"ours": lambda question: workspace.search(question, K, clause)}
    if not peer:
        return found
    where = None if clause is None else to_chroma(clause, ())
    return found | {
        name: _similarity_search(workspace, embedder, where)
        for name, embedder in (("same model", workspace.embedder), ("tutorial", tutorials_model()))
    }


def _similarity_search(workspace: Workspace, embedder: Any, where: Mapping[str, Any] | None) -> Ask:
    from langchain_chroma import Chroma

    name = workspace.collection().store_name
    store = Chroma(collection_name=name, embedding_function=embedder, client=workspace.store.client)
    return lambda question: store.similarity_search(question, K, filter=where)


def tutorials_model(made: list[Any] = []) -> Any:  # noqa: B006 - loaded once
    """Sentence-transformers on the bundled model's weights."""
    if not made:
        from tutorial import Weights

        made.append(Weights())
    return made[0]


def in_turns(asked: Mapping[str, Ask], questions: Sequence[str]) -> dict[str, list[float]]:
    """Seconds for each question, by who was asked."""
    took: dict[str, list[float]] = {who: [] for who in asked}
    for first in range(0, len(questions), WARM_UP):
        for who, ask in asked.items():
            ask(questions[first])  # and wakes the threads that the one before has put to sleep
            took[who] += [_seconds(ask, question) for question in questions[first : first + WARM_UP]]
    return {who: seconds[WARM_UP:] for who, seconds in took.items()}


def _seconds(ask: Ask, question: str) -> float:
    started = time.perf_counter()
    ask(question)
    return time.perf_counter() - started


def _rows(
    chunks: int, name: str, took: Mapping[str, list[float]], p50: dict[tuple[int, str, str], float]
) -> list[list[object]]:
    rows: list[list[object]] = []
    for who, seconds in took.items():
        p50[chunks, name, who] = statistics.median(seconds)
        ratio = "" if who == "ours" else p50[chunks, name, who] / p50[chunks, name, "ours"]
        filtered = "" if name == "none" else p50[chunks, name, who] / p50[chunks, "none", who]
        rows.append([chunks, name, who, *_spread(seconds), ratio, filtered])
    return rows


def _spread(seconds: Sequence[float]) -> list[float]:
    """Milliseconds: p10, which says most where others use the machine as well, p50 and p95."""
    cuts = statistics.quantiles(seconds, n=20)
    return [1000 * cuts[1], 1000 * statistics.median(seconds), 1000 * cuts[-1]]


def in_threads(asked: Mapping[str, Ask], questions: Sequence[str], counts: Sequence[int]) -> None:
    """Show what questions take that come from several threads at once."""
    rows: list[list[object]] = []
    for threads in counts:
        for who, ask in asked.items():
            seconds, wall = _together(ask, questions, threads)
            rows.append([threads, who, *_spread(seconds), len(seconds) / wall])
    print()
    table(("threads", "who", "p10 ms", "p50 ms", "p95 ms", "questions/s"), rows)


def _together(ask: Ask, questions: Sequence[str], threads: int) -> tuple[list[float], float]:
    started = time.perf_counter()
    with ThreadPoolExecutor(threads) as pool:
        seconds = list(pool.map(partial(_seconds, ask), questions))
    return seconds, time.perf_counter() - started


if __name__ == "__main__":
    main()
