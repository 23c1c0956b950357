"""The parent's side of parsing: files are read in child processes with limits, and it survives whatever they do."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rag.errors import DamagedError, DocumentError, NoTextError, ParseLimitError, TooLargeError, UnsupportedTypeError
from rag.parsing import wire
from rag.parsing.child import Cause, EndedError, Worker
from rag.parsing.media import PDF, READABLE, media_type
from rag.records import Box, OcrPage, PageView, ParsedDocument

if TYPE_CHECKING:  # the child imports this package too, and pydantic would double its start-up time
    from rag.settings import Settings

OCR_MEMORY_MB = 1024
"""OCR may use this much even where parsing may not: its models and one page take about 400 MB."""

VIEW_SECONDS = 20.0
"""Showing a page may take so long: somebody waits for it."""
KEPT_MB = 400
"""A child is replaced when it has this much after a file, one that parses also at half of what it may have."""

_logger = logging.getLogger(__name__)


def never() -> bool:
    return False


class Reader:
    """Reads files in child processes: one for parsing, one for OCR, whose models take memory, one for pages to look at.

    They start when needed, are reused, and end after some idle seconds. Thread-safe; each does one thing at a time.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._parser = Worker(settings.parse_memory_mb, min(KEPT_MB, settings.parse_memory_mb // 2))
        self._ocr = Worker(max(settings.parse_memory_mb, OCR_MEMORY_MB), KEPT_MB)
        self._viewer = Worker(settings.parse_memory_mb, KEPT_MB)

    def close(self) -> None:
        """End the child processes for good, and with StoppedError what they are doing and whatever is asked later."""
        self._parser.close()
        self._ocr.close()
        self._viewer.close()

    def parse(self, path: Path, name: str, password: str = "", cancelled: Callable[[], bool] = never) -> ParsedDocument:
        """Read the file at `path`, whose kind is told by the extension of `name` (which is never used as a path).

        Takes at most `settings.parse_seconds`. Raises a DocumentError for whatever is wrong with the file, and
        StoppedError soon after `cancelled()` turns true.
        """
        request = self._request("parse", path, name, password)
        seconds = self._settings.parse_seconds
        try:
            return wire.decode_document(self._ask(request, seconds, cancelled))
        except EndedError as ended:
            _logger.warning("The parser of a file crashed.")
            if request["media_type"] != PDF:
                raise _crashes() from ended
            seconds = ended.left
        try:  # once more with pypdf alone
            return wire.decode_document(self._ask(request | {"with_pdfium": False}, seconds, cancelled))
        except (EndedError, NoTextError) as error:  # after a crash, "no text" is no finding
            raise _crashes() from error

    def recognise(
        self,
        path: Path,
        name: str,
        pages: Sequence[int],
        password: str = "",
        cancelled: Callable[[], bool] = never,
    ) -> list[OcrPage]:
        """Read `pages` (numbers from 1) of a PDF or image by OCR, each within `settings.ocr_seconds`.

        Raises as `parse`, and MissingDependencyError where OCR is not installed whole. The models stay loaded from one
        call to the next, so that asking for one page at a time costs nothing.
        """
        request = self._request("recognise", path, name, password)
        seconds = self._settings.ocr_seconds
        limits = {"seconds": seconds, "cpu_seconds": seconds * (os.cpu_count() or 1), "memory_mb": None}
        request["limits"] |= limits
        return [self._recognise_page(request | {"page": number}, cancelled) for number in pages]

    def _recognise_page(self, request: dict[str, Any], cancelled: Callable[[], bool]) -> OcrPage:
        number = request["page"]
        try:
            return wire.decode_ocr(self._ocr.ask(request, self._settings.ocr_seconds, cancelled))
        except EndedError as ended:
            if ended.cause is Cause.CRASH:
                raise DamagedError(
                    f"Page {number} makes OCR crash: save or print the file anew, or set RAG_OCR=false."
                ) from ended
            setting = "RAG_PARSE_MEMORY_MB" if ended.cause is Cause.MEMORY else "RAG_OCR_SECONDS"
            raise ParseLimitError(
                f"Reading page {number} by OCR takes more {ended.cause.value} than allowed: raise {setting}, or set "
                "RAG_OCR=false."
            ) from ended

    def view(self, path: Path, name: str, page: int, password: str = "") -> PageView:
        """The image of a page (from 1) of a PDF or image, without boxes. Within VIEW_SECONDS, and never behind a file
        that is being read. Raises DocumentError, StoppedError."""
        request = self._request("view", path, name, password) | {"page": page}
        return wire.decode_view(self._look(request))

    def boxes(
        self, path: Path, name: str, page: int, runs: Sequence[tuple[int, int]], password: str = ""
    ) -> list[tuple[Box, ...]]:
        """The boxes of each of `runs`, PDFium's first character index and how many, on a page (from 1) of a PDF. In the
        time of `view`, and raises as it does."""
        request = self._request("boxes", path, name, password) | {"page": page, "runs": list(runs)}
        return wire.decode_boxes(self._look(request))

    def _look(self, request: dict[str, Any]) -> bytes:
        request["limits"] |= {"seconds": VIEW_SECONDS, "cpu_seconds": VIEW_SECONDS}
        try:
            return self._viewer.ask(request, VIEW_SECONDS, never)
        except EndedError as ended:
            why = (
                "it makes its reader crash" if ended.cause is Cause.CRASH else f"it takes too much {ended.cause.value}"
            )
            raise DamagedError(f"Page {request['page']} cannot be shown: {why}. Open the original.") from ended

    def decrypt(
        self, path: Path, name: str, password: str, target: Path, cancelled: Callable[[], bool] = never
    ) -> None:
        """Write a copy of a PDF to `target` that opens without a password. Raises as `parse`, and then leaves none."""
        request = self._request("decrypt", path, name, password)
        try:
            request["target"] = str(target.resolve())
            wire.decode(self._ask(request, self._settings.parse_seconds, cancelled))
        except BaseException as error:
            target.unlink(missing_ok=True)
            if isinstance(error, EndedError):
                raise _crashes() from error
            raise

    def _ask(self, request: dict[str, Any], seconds: float, cancelled: Callable[[], bool]) -> bytes:
        """Raises EndedError only for a crash."""
        try:
            return self._parser.ask(request, seconds, cancelled)
        except EndedError as ended:
            if ended.cause is Cause.CRASH:
                raise
            raise ParseLimitError(_OVER[ended.cause]) from ended

    def _request(self, task: str, path: Path, name: str, password: str) -> dict[str, Any]:
        kind = media_type(name)
        if kind is None:
            raise UnsupportedTypeError(f"Files of this type cannot be read: use one of {READABLE}.")
        _check_size(path, self._settings.max_file_mb)
        return {
            "task": task,
            "path": str(path.resolve()),
            "name": name,
            "media_type": kind,
            "password": password,
            "with_pdfium": True,
            "limits": {
                "max_pages": self._settings.max_pages,
                "max_chars": self._settings.max_chars,
                "cpu_seconds": self._settings.parse_cpu_seconds,
                "memory_mb": self._settings.parse_memory_mb,
            },
        }


_OVER = {
    Cause.TIME: "Reading this file takes longer than allowed: split it, or raise RAG_PARSE_SECONDS.",
    Cause.CPU: "Reading this file takes more processor time than allowed: split it, or raise RAG_PARSE_CPU_SECONDS.",
    Cause.MEMORY: "Reading this file needs too much memory: split it, or raise RAG_PARSE_MEMORY_MB.",
}


def _crashes() -> DocumentError:
    return DamagedError("The file makes its reader crash: open it elsewhere, save or print it anew, and upload that.")


def _check_size(path: Path, max_file_mb: int) -> None:
    try:
        size = path.stat().st_size
    except OSError as error:
        raise DamagedError("The stored file cannot be opened: upload it again.") from error
    if size > max_file_mb * 1_000_000:
        raise TooLargeError(f"The file is larger than {max_file_mb} MB: split it, or raise RAG_MAX_FILE_MB.")
