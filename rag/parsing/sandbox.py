"""The parent's side: one child process per parse, which may crash, hang or eat its memory without harm to us.

`subprocess`, never `multiprocessing`: a spawned child of a Streamlit app would run the app's script again.
"""

from __future__ import annotations

import json
import logging
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rag.errors import (
    DamagedError,
    DocumentError,
    NoTextError,
    ParseLimitError,
    TooLargeError,
    UnsupportedTypeError,
)
from rag.parsing.media import PDF, READABLE, media_type
from rag.parsing.wire import decode
from rag.records import ParsedDocument

if TYPE_CHECKING:  # the child imports this package too, and pydantic would double its start-up time
    from rag.settings import Settings

_PROJECT = Path(__file__).resolve().parents[2]
_LIMIT_SIGNALS = {-getattr(signal, name) for name in ("SIGXCPU", "SIGALRM", "SIGXFSZ") if hasattr(signal, name)}
_KILLED = -getattr(signal, "SIGKILL", 9)  # by the system, which ran out of memory, or at the processor limit
# In a session of its own: Ctrl-C in the terminal is meant for the parent, who then lets the file go on later.
_APART: dict[str, Any] = (
    {"creationflags": getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0)}
    if sys.platform == "win32"
    else {"start_new_session": True}
)
_KEPT_STDERR = 2000
_logger = logging.getLogger(__name__)


class _CrashError(Exception):
    """The child died without a reply."""


def parse_file(path: Path, name: str, settings: Settings) -> ParsedDocument:
    """Read the file at `path`, whose kind is told by the extension of `name` (which is never used as a path).

    Takes at most `settings.parse_seconds` and raises a DocumentError for whatever is wrong with the file.
    """
    kind = media_type(name)
    if kind is None:
        raise UnsupportedTypeError(f"Files of this type cannot be read: use one of {READABLE}.")
    _check_size(path, settings.max_file_mb)
    deadline = time.monotonic() + settings.parse_seconds
    try:
        return _run(_request(path, name, kind, settings), deadline)
    except _CrashError as crash:
        _logger.warning("The parser of a file crashed: %s", crash)
        if kind == PDF:
            return _run_carefully(_request(path, name, kind, settings, with_pdfium=False), deadline)
        raise _crashes() from crash


def _run_carefully(request: dict[str, Any], deadline: float) -> ParsedDocument:
    """What made PDFium crash, once more with pypdf alone."""
    try:
        return _run(request, deadline)
    except (_CrashError, NoTextError) as error:  # after a crash, "no text" is no finding
        raise _crashes() from error


def _crashes() -> DamagedError:
    return DamagedError("The file makes its reader crash: open it elsewhere, save or print it anew, and upload that.")


def _check_size(path: Path, max_file_mb: int) -> None:
    try:
        size = path.stat().st_size
    except OSError as error:
        raise DamagedError("The stored file cannot be opened: upload it again.") from error
    if size > max_file_mb * 1_000_000:
        raise TooLargeError(f"The file is larger than {max_file_mb} MB: split it, or raise RAG_MAX_FILE_MB.")


def _request(path: Path, name: str, kind: str, settings: Settings, with_pdfium: bool = True) -> dict[str, Any]:
    return {
        "path": str(path.resolve()),
        "name": name,
        "media_type": kind,
        "with_pdfium": with_pdfium,
        "limits": {
            "max_pages": settings.max_pages,
            "max_chars": settings.max_chars,
            "seconds": settings.parse_seconds,
            "memory_mb": settings.parse_memory_mb,
        },
    }


def _run(request: dict[str, Any], deadline: float) -> ParsedDocument:
    """Run one child. Files instead of pipes: the child's own limit bounds them, and none of ours can fill up."""
    too_slow = ParseLimitError("Reading this file takes longer than allowed: split it, or raise RAG_PARSE_SECONDS.")
    seconds = max(deadline - time.monotonic(), 0.01)
    request["limits"]["seconds"] = seconds
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as complaints:
        try:
            child = subprocess.run(
                [sys.executable, "-m", "rag.parsing.worker"],
                cwd=_PROJECT,
                input=json.dumps(request).encode(),
                stdout=output,
                stderr=complaints,
                timeout=seconds,
                check=False,
                env=_environment(),
                **_APART,
            )
        except subprocess.TimeoutExpired as error:
            raise too_slow from error
        if child.returncode in _LIMIT_SIGNALS:
            raise too_slow
        if child.returncode == _KILLED:
            raise ParseLimitError(
                "Reading this file takes more memory or time than there is: split it, or raise RAG_PARSE_MEMORY_MB "
                "and RAG_PARSE_SECONDS."
            )
        output.seek(0)
        return _read(output.read(), child.returncode, _last_words(complaints))


def _environment() -> dict[str, str]:
    from rag.settings import child_environment

    return child_environment()


def _read(reply: bytes, code: int, last_words: str) -> ParsedDocument:
    if code != 0:
        _logger.debug("Last words of the parser: %s", last_words)
        raise _CrashError(f"exit status {code}")
    try:
        return decode(reply)
    except DocumentError:
        raise
    except (ValueError, KeyError, TypeError) as error:
        raise _CrashError("unreadable reply") from error


def _last_words(complaints: Any) -> str:
    size = complaints.seek(0, 2)
    complaints.seek(max(size - _KEPT_STDERR, 0))
    return str(complaints.read().decode(errors="replace"))
