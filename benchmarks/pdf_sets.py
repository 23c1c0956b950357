"""Sets of PDFs to measure on: parts of a folder by number of pages, and PDFs written from its vocabulary."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path

import pypdfium2
from fpdf import FPDF

PAGES_A_FILE = 100
WORDS_A_LINE = 14


@dataclass(frozen=True)
class PdfSet:
    """Some PDFs and how many pages they have together."""

    paths: tuple[Path, ...]
    pages: int


def each_pdf(paths: Iterable[Path]) -> list[PdfSet]:
    """Every PDF on its own, the shortest first. SystemExit if there is none."""
    pdfs = [PdfSet((path,), _pages(path)) for path in paths]
    if not pdfs:
        raise SystemExit("There is no PDF in that folder.")
    return sorted(pdfs, key=lambda one: (one.pages, one.paths))


def nearest(pdfs: Sequence[PdfSet], pages: int) -> PdfSet:
    """The one PDF nearest to so many pages."""
    return min(pdfs, key=lambda one: abs(one.pages - pages))


def subsets(pdfs: Sequence[PdfSet], sizes: Sequence[str]) -> list[PdfSet]:
    """For each size the shortest PDFs that together come nearest to so many pages, or "all"; each set once."""
    prefixes = list(accumulate(pdfs, lambda one, other: PdfSet(one.paths + other.paths, one.pages + other.pages)))
    found = [prefixes[-1] if size == "all" else nearest(prefixes, int(size)) for size in sizes]
    return list(dict.fromkeys(found))


def _pages(path: Path) -> int:
    document = pypdfium2.PdfDocument(path)
    try:
        return len(document)
    finally:
        document.close()


class Author:
    """Writes pages as long as the folder's are on average, of its words as often as they occur, from a seed."""

    def __init__(self, pdfs: Sequence[PdfSet], seed: int) -> None:
        texts = [text for one in pdfs for text in _texts(one.paths[0])]
        self._seed = seed
        self._words = [word for text in texts for word in text.encode("latin-1", "ignore").decode("latin-1").split()]
        self._words_a_page = len(self._words) // len(texts)

    def write(self, folder: Path, pages: int, pages_a_file: int = PAGES_A_FILE) -> PdfSet:
        """So many pages as files in the folder, which is made; no two pages are alike, in other folders neither."""
        folder.mkdir()
        paths = []
        for first in range(0, pages, pages_a_file):
            paths.append(folder / f"{first:06}.pdf")
            self._write_file(paths[-1], min(pages_a_file, pages - first))
        return PdfSet(tuple(paths), pages)

    def _write_file(self, path: Path, pages: int) -> None:
        words = random.Random(f"{self._seed} {path.parent.name} {path.name}")  # noqa: S311 - for repeating
        pdf = FPDF()
        pdf.set_font("Helvetica", size=8)
        pdf.set_auto_page_break(False)
        for _ in range(pages):
            pdf.add_page()
            page = words.choices(self._words, k=self._words_a_page)
            for line, first in enumerate(range(0, len(page), WORDS_A_LINE)):
                pdf.text(10, 10 + 4 * line, " ".join(page[first : first + WORDS_A_LINE]))
        pdf.output(str(path))


def _texts(path: Path) -> Iterator[str]:
    document = pypdfium2.PdfDocument(path)
    try:
        for page in document:
            yield page.get_textpage().get_text_range()
    finally:
        document.close()
