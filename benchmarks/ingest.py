"""How fast documents are indexed, and in how much memory: ours beside the tutorials' pipeline, on the same PDFs.

    python benchmarks/ingest.py FOLDER [--pages 50 200 800 all] [--no-peer] [--rest 60]
    python benchmarks/ingest.py FOLDER --synthetic 20000

Each run is a new process on a new data folder, `python -m rag ingest` in turns with benchmarks/tutorial.py; its time
counts from start to exit. The first form takes the shortest PDFs of FOLDER up to each number of pages, then says when
a document can be searched by its words, and what happens to memory. The second writes PDFs of up to that many pages
from FOLDER's vocabulary and says what a page costs as they become more. Memory is that of a process and its children.
"""

from __future__ import annotations

import argparse
import sqlite3
import sys
import tempfile
from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise
from pathlib import Path

from measuring import RAG, ROOT, Run, run, say_how, table
from pdf_sets import Author, PdfSet, each_pdf, nearest, subsets

SIZES = (200, 2_000, 20_000)
ONE_FILE_PAGES = 2_000
SEARCHED_PAGES = 100
WHO = ("ours", "tutorial")
COLUMNS = ("pages", "files", "who", "chunks", "seconds", "CPU s", "pages/s", "chunks/s", "peak MB")


def main() -> None:
    given = _arguments()
    say_how()
    pdfs = each_pdf(given.folder.rglob("*.pdf"))
    if given.synthetic:
        with tempfile.TemporaryDirectory() as scratch:
            growth(Author(pdfs, given.seed), Path(scratch), given.synthetic, given.limit)
        return
    sets = subsets(pdfs, given.pages)
    largest = speed(sets, given.peer, given.limit)
    first_words(nearest(pdfs, SEARCHED_PAGES), given.limit)
    memory(sets[-1], largest.peak_mb, given.rest, given.limit)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--pages", nargs="+", default=["50", "200", "800", "all"], metavar="N")
    parser.add_argument("--peer", action=argparse.BooleanOptionalAction, default=True)
    parser.add_argument("--rest", type=float, default=60, help="seconds of rest after which memory is looked at")
    parser.add_argument("--synthetic", type=int, metavar="N", help="write up to N pages instead, and show growth")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--limit", type=float, default=7200, help="seconds that one run may take")
    return parser.parse_args()


def ours(pdfs: PdfSet, limit: float, watch: Callable[[Path, float], None] | None = None) -> Run:
    """`python -m rag ingest` on a new data folder; SystemExit if a file was not indexed."""
    with tempfile.TemporaryDirectory() as data:
        command = [*RAG, "--data-dir", data, "--json", "ingest", *map(str, pdfs.paths)]
        done = run(command, limit, watch=partial(watch, Path(data)) if watch else None)
    if [row["state"] for row in done.rows] != ["ready"] * len(pdfs.paths):
        raise SystemExit(f"Not every file was indexed:\n{done.rows}")
    return done


def tutorial(pdfs: PdfSet, limit: float) -> Run:
    """The tutorials' pipeline, with an index on disk as well."""
    with tempfile.TemporaryDirectory() as data:
        script = str(ROOT / "benchmarks" / "tutorial.py")
        return run([sys.executable, script, data, *map(str, pdfs.paths)], limit)


def speed(sets: Sequence[PdfSet], peer: bool, limit: float) -> Run:
    """Both ways on each set, and the ratios; returns our run on the last, which is the largest."""
    measured = {pdfs: _both(pdfs, peer, limit) for pdfs in sets}
    print()
    table(COLUMNS, [line for pdfs, runs in measured.items() for line in _lines(pdfs, runs)])
    for (small, before), (large, after) in pairwise(measured.items()):
        _further_page(large.pages - small.pages, before, after, f"from {small.pages} to {large.pages} pages")
    return measured[sets[-1]][0]


def _both(pdfs: PdfSet, peer: bool, limit: float) -> list[Run]:
    runs = [ours(pdfs, limit), *([tutorial(pdfs, limit)] if peer else [])]
    for who, done in zip(WHO, runs, strict=False):
        print(f"{pdfs.pages} pages, {who}: {done.seconds:.1f} s; by stage: {_stages(done)}")
    return runs


def _further_page(pages: int, before: Sequence[Run], after: Sequence[Run], where: str) -> None:
    """What more pages cost: the start of the process is in both and falls out."""
    rates = [pages / (larger.seconds - smaller.seconds) for smaller, larger in zip(before, after, strict=True)]
    told = ", ".join(f"{who} {rate:.1f}" for who, rate in zip(WHO, rates, strict=False))
    ratio = f", ratio {rates[0] / rates[1]:.2f}" if len(rates) > 1 else ""
    print(f"pages/s {where}: {told}{ratio}")


def _lines(pdfs: PdfSet, runs: Sequence[Run]) -> list[list[object]]:
    lines = [_line(pdfs, who, done) for who, done in zip(WHO, runs, strict=False)]
    return [*lines, _ratio(*runs)] if len(runs) > 1 else lines


def _line(pdfs: PdfSet, who: str, done: Run) -> list[object]:
    chunks = done.sum("chunks")
    rates = (pdfs.pages / done.seconds, chunks / done.seconds)
    return [pdfs.pages, len(pdfs.paths), who, chunks, done.seconds, done.cpu_seconds, *rates, done.peak_mb]


def _ratio(mine: Run, theirs: Run) -> list[object]:
    """Above 1 is better for us: theirs over ours for seconds and memory, ours over theirs for rates."""
    faster = theirs.seconds / mine.seconds
    chunks = mine.sum("chunks") / theirs.sum("chunks") * faster
    cpu, peak = theirs.cpu_seconds / mine.cpu_seconds, theirs.peak_mb / mine.peak_mb
    return ["", "", "ratio", "", faster, cpu, faster, chunks, peak]


def _stages(done: Run) -> str:
    return ", ".join(f"{stage} {seconds:.1f} s" for stage, seconds in done.timings().items()) or "not told"


def first_words(pdf: PdfSet, limit: float) -> None:
    """When a document, on its own, is in the queue, is found by its words, and by meaning."""
    seen: dict[str, float] = {}

    def look(data: Path, seconds: float) -> None:
        for state in _states(data / "catalog.sqlite3"):
            seen.setdefault(state, seconds)

    done = ours(pdf, limit, look)
    seen.setdefault("ready", done.seconds)
    taken_in = min(seen.values())
    print(f"\none PDF of {pdf.pages} pages, seconds from the start of the process (from being queued):")
    for state in ("queued", "indexing", "searchable", "ready"):
        at = f"{seen[state]:.2f} ({seen[state] - taken_in:.2f})" if state in seen else "never seen"
        print(f"  {state:10} {at}")


def _states(catalog: Path) -> list[str]:
    try:
        connection = sqlite3.connect(f"{catalog.as_uri()}?mode=ro", uri=True)
    except sqlite3.OperationalError:  # not made yet
        return []
    try:
        return [state for (state,) in connection.execute("SELECT state FROM documents")]
    except sqlite3.OperationalError:  # being made
        return []
    finally:
        connection.close()


def memory(pdfs: PdfSet, peak: float, rest: float, limit: float) -> None:
    """Whether memory grows with the number of files (all together took `peak` MB), and returns after the job."""
    alone = {one: ours(one, limit).peak_mb for one in each_pdf(pdfs.paths)}
    longest, most = list(alone)[-1], max(alone, key=alone.__getitem__)
    print(f"\npeak memory: {len(pdfs.paths)} files ({pdfs.pages} pages) {peak:.0f} MB; one file alone, the others not:")
    for who, one in (
        ("longest", longest),
        ("which needs most", most),
        ("which needs least", min(alone, key=alone.__getitem__)),
    ):
        print(f"  the one {who} ({one.pages} pages) {alone[one]:.0f} MB, {peak - alone[one]:.0f} MB less than all")
    with tempfile.TemporaryDirectory() as data:
        script = str(ROOT / "benchmarks" / "resting.py")
        done = run([sys.executable, script, data, str(rest), *map(str, pdfs.paths)], limit)
    (row,) = done.rows
    peaks = (max(done.parent_mb), done.peak_mb)
    print(f"a process that stays, MB before, at its peak, and {rest:.0f} s after:")
    for who, before, most, after in zip(("alone", "with children"), row["before"], peaks, row["after"], strict=True):
        print(f"  {who:14}{before:6.0f}{most:6.0f}{after:6.0f}")


def growth(author: Author, scratch: Path, most: int, limit: float) -> None:
    """What a page costs as they become more, and a long file's memory."""
    sizes = sorted({*(size for size in SIZES if size < most), most})
    sets = [author.write(scratch / str(size), size) for size in sizes]
    long = min(most, ONE_FILE_PAGES)
    sets.append(author.write(scratch / "one", long, long))
    runs = [ours(pdfs, limit) for pdfs in sets]
    table(COLUMNS, [_line(pdfs, "ours", done) for pdfs, done in zip(sets, runs, strict=True)])
    for pdfs, done in zip(sets, runs, strict=True):
        print(
            f"{pdfs.pages} pages in {len(pdfs.paths)} files: {1000 * done.seconds / pdfs.pages:.1f} ms a page; ", end=""
        )
        print(_stages(done))
    costs = [done.seconds / pdfs.pages for pdfs, done in zip(sets, runs, strict=True)][: len(sizes)]
    print(f"dearest page over cheapest: {max(costs) / min(costs):.2f}")
    print(f"one file of {long} pages: peak {runs[-1].peak_mb:.0f} MB")


if __name__ == "__main__":
    main()
