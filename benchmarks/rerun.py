"""How long the script of each page takes when it is drawn again, with very many documents.

    python benchmarks/rerun.py --documents 10000 --chunks 200000

The catalog has them all; Chroma and the lexical index stay empty, because drawing a page asks neither. Streamlit's own
share is in the figure, the browser's is not. Below the pages stands what it takes to read all documents once, which no
page does.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta

from measuring import ROOT, say_how, table

sys.path.insert(0, str(ROOT))

from rag.records import Chunk, Document, Page, ParsedDocument, State, chunk_id
from rag.settings import load_settings
from rag.store import store_name
from rag.workspace import Workspace, open_workspace

PAGES = {
    "Home": "",
    "Upload": "1_Upload",
    "Ask": "2_Ask",
    "Collections": "3_Collections",
    "Experiments": "4_Experiments",
}
WORDS = "The yearly rent of building {} is {} euros, and it ends in the year {}."
TAGS = ("report", "contract", "letter", "draft")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--documents", type=int, default=10_000)
    parser.add_argument("--chunks", type=int, default=200_000)
    parser.add_argument("--runs", type=int, default=20, help="reruns measured, after two that are not")
    parser.add_argument("--turns", type=int, default=10, help="answers in the conversation on Ask")
    given = parser.parse_args()
    say_how()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["RAG_DATA_DIR"] = folder
        workspace = open_workspace(load_settings(), "the dashboard")
        fill(workspace, given.documents, given.chunks)
        rows = [[name, *_ms(measured(page, given.runs))] for name, page in PAGES.items()]
        rows.append(["Collections, passages", *_ms(measured("3_Collections", given.runs, view="Passages"))])
        rows.append(["Collections, upkeep", *_ms(measured("3_Collections", given.runs, view="Upkeep"))])
        rows.append([f"Ask, {given.turns} answers", *_ms(measured("2_Ask", given.runs, given.turns))])
        rows.append(["reading all documents", *_ms([_timed(workspace.documents) for _ in range(given.runs)])])
        workspace.close()
    print(f"\n{given.documents:,} documents, {given.chunks:,} chunks")
    table(["page", "p50 ms", "p95 ms"], rows)


def fill(workspace: Workspace, documents: int, chunks: int) -> None:
    """Documents that are ready, as far as the catalog knows."""
    made = workspace.recipes.fingerprint_of(None)
    name = workspace.settings.collection
    workspace.catalog.create_collection(name, store_name(name), made)
    start = datetime(2020, 1, 1, tzinfo=UTC)
    share = chunks // documents
    for number in range(documents):
        document = Document(
            f"{number:032x}",
            f"report {number:05d}.pdf",
            name,
            State.QUEUED,
            start + timedelta(minutes=number),
            media_type="application/pdf",
            bytes=100_000,
            tags=(TAGS[number % len(TAGS)],),
        )
        texts = [WORDS.format(number, place * 100, 2000 + place) for place in range(share)]
        parsed = _parsed(f"Report {number}", texts)
        workspace.catalog.enqueue(document)
        workspace.catalog.progress(document, "reading")
        workspace.catalog.save_text(document, parsed, _cut(parsed, document.id, workspace.settings.chunk_tokens))
        workspace.catalog.searchable(document, {})
        workspace.catalog.finish(document, 1.0, {})


def _parsed(title: str, texts: Sequence[str]) -> ParsedDocument:
    pages, start = [], 0
    for number, text in enumerate(texts, start=1):
        pages.append(Page(number, text, start))
        start += len(text) + 2
    return ParsedDocument(title, "application/pdf", "\n\n".join(texts), tuple(pages), (), "synthetic")


def _cut(parsed: ParsedDocument, document: str, tokens: int) -> Iterator[Chunk]:
    for number, page in enumerate(parsed.pages):
        end = page.start + len(page.text)
        yield Chunk(
            chunk_id(document, tokens, number), document, page.number, page.start, end, "", page.text, parsed.title
        )


def measured(page: str, runs: int, turns: int = 0, view: str = "") -> list[float]:
    """Seconds of each rerun of a page."""
    from streamlit.testing.v1 import AppTest

    app = AppTest.from_file(str(ROOT / "streamlit_app.py"), default_timeout=120)
    if page:
        app.switch_page(f"pages/{page}.py")
    if view:
        app.session_state["collections_view"] = view
    if turns:
        app.session_state["talk"] = _talk()
        app.session_state["turns"] = [_turn(number) for number in range(turns)]
    for _ in range(2):
        app.run()
        if app.exception or app.error:
            sys.exit(f"{page or 'Home'} failed: {[one.value for one in (*app.exception, *app.error)]}")
    if turns and len(app.chat_message) != 2 * turns:
        sys.exit(f"{len(app.chat_message)} messages are drawn, not {2 * turns}")
    return [_timed(app.run) for _ in range(runs)]


def _talk() -> object:
    from ui.talk import Talk

    return Talk("")


def _turn(number: int) -> object:
    from rag.records import QUOTING, Answer, Citation, Hit, Search
    from ui.turns import Turn

    text = WORDS.format(number, 300, 2003)
    document = f"{number:032x}"
    chunk = Chunk(chunk_id(document, 200, 3), document, 4, 0, len(text), "", text, f"Report {number}")
    hits = tuple(
        Hit(chunk, f"report {number:05d}.pdf", 0.9, {"dense": 1, "lexical": 1}, {"dense": 0.7}) for _ in range(5)
    )
    cited = Citation(1, document, f"report {number:05d}.pdf", 4, text, 0, len(text))
    answer = Answer("q", f"{text} [1]", (cited,), hits, False, QUOTING, timings={"search": 0.01, "answer": 0.02})
    return Turn(f"What is the rent of building {number}?", Search("documents"), answer)


def _timed(run: Callable[[], object]) -> float:
    started = time.perf_counter()
    run()
    return time.perf_counter() - started


def _ms(seconds: Sequence[float]) -> list[str]:
    ranked = sorted(seconds)
    p95 = ranked[min(len(ranked) - 1, round(0.95 * (len(ranked) - 1)))]
    return [f"{statistics.median(ranked) * 1000:.0f}", f"{p95 * 1000:.0f}"]


if __name__ == "__main__":
    main()
