"""Looking at a page: its text, its image, and the boxes round what is quoted from it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cached_property, lru_cache

from rag.errors import NotFoundError
from rag.parsing import character_run, has_image, ocr_boxes
from rag.records import Document, Page, PageView
from rag.workspace.contents import Contents

VIEWS_KEPT = 48
"""Images of pages, about 300 KB each."""


class Viewing(Contents):
    """Pages, one at a time."""

    def page(self, document: Document, number: int) -> Page:
        """A page of a document (from 1). Raises NotFoundError if it has none such."""
        page = self.catalog.page(document, number)
        if page is None:
            raise NotFoundError(f"{document.name} has no page {number}.")
        return page

    def view(self, document: Document, page: Page, start: int = 0, end: int = 0) -> PageView | None:
        """A page as it is seen, with boxes round document_text[start:end] as far as that is on it; None for a document
        that has no pages to be seen. Boxes are missing where it is not known where the text stands.

        Raises NotFoundError if the file is gone, DocumentError if the page cannot be shown.
        """
        if not has_image(document.media_type):
            return None
        path = self.folder.readable(document.id)
        if not path.exists():
            raise NotFoundError(f"{document.name} has been deleted. Upload it again.")
        first, last = max(start - page.start, 0), min(end - page.start, len(page.text))
        run = character_run(page, first, last) if page.ocr is None and first < last else None
        view = self._views(document.id, document.name, page.number, run)
        read = self.catalog.ocr_page(document, page.number) if page.ocr is not None and first < last else None
        return view if read is None else replace(view, boxes=tuple(ocr_boxes(read, first, last)))

    @cached_property
    def _views(self) -> Callable[[str, str, int, tuple[int, int] | None], PageView]:
        @lru_cache(maxsize=VIEWS_KEPT)
        def view(document: str, name: str, number: int, run: tuple[int, int] | None) -> PageView:
            return self.reader.view(self.folder.readable(document), name, number, [run] if run else [])

        return view
