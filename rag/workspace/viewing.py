"""Looking at a page: its text, its image, and the boxes round what is quoted from it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import cached_property, lru_cache

from rag.errors import NotFoundError
from rag.parsing import character_run, has_image, ocr_boxes
from rag.records import Box, Document, Page, PageView
from rag.workspace.contents import Contents

VIEWS_KEPT = 48
"""Images of pages, about 300 KB each."""
BOXES_KEPT = 512
"""What is boxed on pages, about 1 KB each."""


class Viewing(Contents):
    """Pages, one at a time."""

    def page(self, document: Document, number: int) -> Page:
        """A page of a document (from 1). Raises NotFoundError if it has none such."""
        page = self.catalog.page(document, number)
        if page is None:
            raise NotFoundError(f"{document.name} has no page {number}.")
        return page

    def view(
        self,
        document: Document,
        page: Page,
        start: int = 0,
        end: int = 0,
        highlights: Sequence[tuple[int, int]] = (),
    ) -> PageView | None:
        """A page as it is seen, with boxes round document_text[start:end] as far as that is on it, and round each
        (start, end) of `highlights`; None for a document that has no pages to be seen. Boxes are missing where it is
        not known where the text stands.

        Raises NotFoundError if the file is gone, DocumentError if the page cannot be shown.
        """
        if not has_image(document.media_type):
            return None
        if not self.folder.readable(document.id).exists():
            raise NotFoundError(f"{document.name} has been deleted. Upload it again.")
        quote, *answers = self._boxes(document, page, [(start, end), *highlights])
        seen = self._views(document.id, document.name, page.number)
        return replace(seen, boxes=quote, answers=tuple(box for boxes in answers for box in boxes))

    def _boxes(self, document: Document, page: Page, spans: Iterable[tuple[int, int]]) -> list[tuple[Box, ...]]:
        """The boxes of each part of a document's text, as far as it is on a page."""
        length = len(page.text)
        parts = [(max(start - page.start, 0), min(end - page.start, length)) for start, end in spans]
        if page.ocr is not None:
            read = self.catalog.ocr_page(document, page.number) if any(first < last for first, last in parts) else None
            return [tuple(ocr_boxes(read, *one)) if read else () for one in parts]
        runs = [character_run(page, first, last) if first < last else None for first, last in parts]
        asked = tuple(one for one in runs if one)
        found = iter(self._runs(document.id, document.name, page.number, asked) if asked else ())
        return [next(found) if run else () for run in runs]

    # Apart from each other: the image of a page is the same for all that is quoted from it.

    @cached_property
    def _views(self) -> Callable[[str, str, int], PageView]:
        @lru_cache(maxsize=VIEWS_KEPT)
        def view(document: str, name: str, number: int) -> PageView:
            return self.reader.view(self.folder.readable(document), name, number)

        return view

    @cached_property
    def _runs(self) -> Callable[[str, str, int, tuple[tuple[int, int], ...]], list[tuple[Box, ...]]]:
        @lru_cache(maxsize=BOXES_KEPT)
        def boxes(document: str, name: str, number: int, runs: tuple[tuple[int, int], ...]) -> list[tuple[Box, ...]]:
            return self.reader.boxes(self.folder.readable(document), name, number, runs)

        return boxes
