"""Do the boxes round a quote cover the quoted words and nothing else? Held against poppler, which we do not use.

    python benchmarks/boxes.py FOLDER [--quotes 200] [--scanned 30] [--seed 1] [--data-dir PATH] [--show]

FOLDER has PDFs. They are indexed in a temporary data folder, or read from PATH if they are indexed there already.
`pdftotext -bbox` (Debian's poppler-utils) says where each word of a page stands. Which of its words are quoted is found
by aligning its text with ours, so that our positions are not needed for it. Quotes are sentences of random passages of
random documents, on pages with text of their own. For `--scanned` quotes random pages are made pictures of by
`pdftoppm`, which are read by OCR; poppler knows where the words were.

A quote passes if each of its words has its centre and 80 % of its area within the boxes, and no other word has its
centre there. What fails is counted by kind; `--show` prints each failure.
"""

from __future__ import annotations

import argparse
import html
import random
import re
import subprocess
import sys
import tempfile
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import lru_cache
from pathlib import Path

from measuring import ROOT

sys.path.insert(0, str(ROOT))

from rag.chunking import sentence_spans
from rag.records import Box, Document, Page
from rag.settings import load_settings
from rag.workspace import Workspace

SHORTEST = 20
"""Characters of a quote."""
COVERED = 0.8
FOUND = 0.95
"""Of a quote's signs; with fewer, which words are quoted is not known well enough."""
DPI = 150
SCANNED_PAGES = 20
_WORD = re.compile(r'<word xMin="([\d.-]+)" yMin="([\d.-]+)" xMax="([\d.-]+)" yMax="([\d.-]+)">(.*?)</word>')
_PAGE = re.compile(r'<page width="([\d.]+)" height="([\d.]+)">')
_IGNORED = re.compile(r"[\s\u00ad\ufffd-]+")
"""Signs by which the two texts may differ: hyphens at a line's end, spaces, what cannot be read."""


@dataclass(frozen=True)
class Word:
    """A word as poppler has it, and where it stands, in shares of the page."""

    text: str
    box: Box


@dataclass(frozen=True)
class Result:
    """What came of a quote: of its words those `missed`, and of the others those that are `boxed` too."""

    where: str
    quote: str
    words: int
    missed: list[str]
    boxed: list[str]
    unknown: str = ""

    @property
    def kind(self) -> str:
        """Why it failed, empty if it passed."""
        if self.unknown:
            return self.unknown
        parts = ["words are missed"] * bool(self.missed) + ["other words are boxed"] * bool(self.boxed)
        return " and ".join(parts)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--quotes", type=int, default=200)
    parser.add_argument("--scanned", type=int, default=0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--data-dir", type=Path)
    parser.add_argument("--show", action="store_true", help="print each failure")
    given = parser.parse_args()
    paths = {path.name: path for path in sorted(given.folder.glob("*.pdf"))}
    if not paths:
        raise SystemExit(f"There is no PDF in {given.folder}.")
    chance = random.Random(given.seed)  # noqa: S311 - for repeating
    with tempfile.TemporaryDirectory() as temporary:
        with Workspace(load_settings(data_dir=given.data_dir or Path(temporary) / "data")) as workspace:
            if given.data_dir is None:
                for event in workspace.ingest(list(paths.values())):
                    if event.outcome:
                        print(f"{event.outcome}: {event.name}", file=sys.stderr)
            there = [one for one in workspace.documents() if one.name in paths and one.visible]
            quotes = drawn(workspace, there, given.quotes, chance)
            if given.quotes:
                told([measured(workspace, *one, paths) for one in quotes], given.show)
        if given.scanned:
            told(scanned(there, paths, Path(temporary), given.scanned, chance), given.show, "scanned ")


def drawn(
    workspace: Workspace, documents: Sequence[Document], count: int, chance: random.Random, by_ocr: bool = False
) -> Iterator[tuple[Document, Page, int, int]]:
    """So many quotes, no two from one passage, of pages that were read by OCR or of the others: the document, the page,
    and (start, end) in the document's text."""
    chunks = {one.id: workspace.chunks(one) for one in documents}
    seen: set[str] = set()
    while len(seen) < min(count, sum(map(len, chunks.values())) // 2):
        document = chance.choice(documents)
        chunk = chance.choice(chunks[document.id])
        spans = [one for one in sentence_spans(chunk.text) if one[1] - one[0] >= SHORTEST]
        page = workspace.page(document, chunk.page)
        if chunk.id in seen or not spans or (page.ocr is not None) != by_ocr:
            continue
        seen.add(chunk.id)
        start, end = chance.choice(spans)
        yield document, page, chunk.start + start, chunk.start + end


def measured(
    workspace: Workspace, document: Document, page: Page, start: int, end: int, paths: dict[str, Path], first: int = 0
) -> Result:
    """One quote, held against poppler's words of page `first` of its file, if that is not its own number."""
    where = f"{document.name}, page {page.number}"
    quote = page.text[start - page.start : end - page.start]
    view = workspace.view(document, page, start, end)
    words = words_of(paths[document.name], first or page.number)
    if view is None or not view.boxes:
        return Result(where, quote, 0, [], [], "there is no box")
    texts = [one.text for one in words]
    whole, part, found = quoted(page.text, start - page.start, end - page.start, texts)
    if found < FOUND:
        return Result(where, quote, 0, [], [], "the two have read other words there")
    missed = [words[at].text for at in whole if not covers(view.boxes, words[at].box)]
    others = (one for at, one in enumerate(words) if at not in whole and at not in part)
    boxed = [one.text for one in others if has_centre(view.boxes, one.box)]
    return Result(where, quote, len(whole), missed, boxed)


def covers(boxes: Sequence[Box], word: Box) -> bool:
    """Whether a word has its centre and most of its area within boxes."""
    area = (word[2] - word[0]) * (word[3] - word[1])
    shared = sum(
        max(min(one[2], word[2]) - max(one[0], word[0]), 0) * max(min(one[3], word[3]) - max(one[1], word[1]), 0)
        for one in boxes
    )
    return has_centre(boxes, word) and shared >= COVERED * area


def has_centre(boxes: Iterable[Box], word: Box) -> bool:
    x, y = (word[0] + word[2]) / 2, (word[1] + word[3]) / 2
    return any(left <= x <= right and top <= y <= bottom for left, top, right, bottom in boxes)


# -- which of poppler's words are quoted ---------------------------------------------------------------


def quoted(text: str, start: int, end: int, words: Sequence[str]) -> tuple[set[int], set[int], float]:
    """Which words are text[start:end], by their places: those that are all in it, and those that are in it in part; and
    how much of it is found in them, as a share of its signs."""
    ours = [signs_of(match[0], range(*match.span())) for match in re.finditer(r"\S+", text)]
    theirs = [signs_of(word, [at] * len(word)) for at, word in enumerate(words)]
    inside: dict[int, list[bool]] = {}
    for own, other in aligned(ours, theirs):
        inside.setdefault(other, []).append(start <= own < end)
    whole = {at for at, signs in inside.items() if all(signs) and len(signs) >= len(theirs[at]) * COVERED}
    part = {at for at, signs in inside.items() if any(signs)} - whole
    wanted = sum(start <= at < end for word in ours for _, at in word)
    return whole, part, sum(map(sum, inside.values())) / max(wanted, 1)


Signs = list[tuple[str, int]]


def aligned(ours: list[Signs], theirs: list[Signs]) -> Iterator[tuple[int, int]]:
    """The places of signs that correspond: by whole words, and where those differ sign by sign."""
    one, other = (["".join(sign for sign, _ in word) for word in words] for words in (ours, theirs))
    for tag, i1, i2, j1, j2 in SequenceMatcher(None, one, other, autojunk=False).get_opcodes():
        some, same = [sign for word in ours[i1:i2] for sign in word], [sign for word in theirs[j1:j2] for sign in word]
        if tag == "equal":
            yield from ((a[1], b[1]) for a, b in zip(some, same, strict=True))
        elif tag == "replace":
            signs = SequenceMatcher(None, [sign for sign, _ in some], [sign for sign, _ in same], autojunk=False)
            for block in signs.get_matching_blocks():
                for at in range(block.size):
                    yield some[block.a + at][1], same[block.b + at][1]


def signs_of(word: str, places: Sequence[int]) -> Signs:
    """A word's signs that count, each with its place. A hyphen counts alone: it stands for nothing in a table."""
    signs = [(sign, at) for raw, at in zip(word, places, strict=True) for sign in unicodedata.normalize("NFKC", raw)]
    return [one for one in signs if not _IGNORED.fullmatch(one[0])] or signs


# -- where poppler has words -------------------------------------------------------------------------------


@lru_cache(maxsize=64)
def words_of(path: Path, page: int) -> tuple[Word, ...]:
    """The words of a page in the order of its content."""
    command = ["pdftotext", "-raw", "-cropbox", "-bbox", "-f", str(page), "-l", str(page), str(path), "-"]
    told = subprocess.run(command, capture_output=True, check=True, encoding="utf-8", errors="replace").stdout
    width, height = map(float, _PAGE.search(told).groups())
    places = ((one[5], [float(side) for side in one.groups()[:4]]) for one in _WORD.finditer(told))
    return tuple(
        Word(html.unescape(text), (left / width, top / height, right / width, bottom / height))
        for text, (left, top, right, bottom) in places
    )


def picture(path: Path, page: int) -> bytes:
    """A page as a PNG, as poppler draws it."""
    command = ["pdftoppm", "-png", "-cropbox", "-r", str(DPI), "-f", str(page), "-l", str(page), str(path)]
    return subprocess.run(command, capture_output=True, check=True).stdout


# -- scans, and the table ------------------------------------------------------------------------------------


def scanned(
    documents: Sequence[Document], paths: dict[str, Path], folder: Path, count: int, chance: random.Random
) -> list[Result]:
    """Pages of PDFs as pictures, read by OCR: so many quotes, held against the words of the pages they were."""
    pages = {}
    for number in range(SCANNED_PAGES):
        document = chance.choice(documents)
        page = chance.randint(1, document.pages)
        pages[f"scan-{number}.png"] = (paths[document.name], page)
        (folder / f"scan-{number}.png").write_bytes(picture(paths[document.name], page))
    with Workspace(load_settings(data_dir=folder / "scans")) as workspace:
        for event in workspace.ingest([folder / name for name in pages]):
            if event.outcome:
                print(f"{event.outcome}: {event.name}", file=sys.stderr)
        read = [one for one in workspace.documents() if one.ocr_pages]
        return [
            measured(workspace, *one, {one[0].name: pages[one[0].name][0]}, pages[one[0].name][1])
            for one in drawn(workspace, read, count, chance, by_ocr=True)
        ]


def told(results: Sequence[Result], show: bool, what: str = "") -> None:
    passed = [one for one in results if not one.kind]
    words, missed = sum(one.words for one in results), sum(len(one.missed) for one in results)
    print(f"\n{len(results)} {what}quotes from {len({one.where for one in results})} pages")
    print(f"  boxes cover the quoted words and no other   {len(passed):5} {len(passed) / max(len(results), 1):7.1%}")
    for kind, number in Counter(one.kind for one in results if one.kind).most_common():
        print(f"  {kind:43} {number:5} {number / len(results):7.1%}")
    print(f"  quoted words covered                        {words - missed:5} {1 - missed / max(words, 1):7.1%}")
    print(f"  other words boxed                           {sum(len(one.boxed) for one in results):5}")
    for one in results if show else ():
        if one.kind:
            print(f"\n{one.where}: {one.kind}\n  {' '.join(one.quote.split())}")
            print(f"  missed: {one.missed[:12]}  boxed: {one.boxed[:12]}")


if __name__ == "__main__":
    main()
