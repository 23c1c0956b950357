"""The child process: `python -m rag.parsing.worker FOLDER` serves requests, one JSON line on stdin each.

It writes each reply to FOLDER/reply and then a line on what was its stdout. Nothing else can: whatever a library
prints goes to stderr. It imports little, so that it starts fast, may be killed at any moment, and ends when its
stdin does, which is when its parent has died.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
import sys
import threading
from pathlib import Path
from queue import SimpleQueue
from typing import Any, BinaryIO

from rag.errors import DocumentError, MissingDependencyError, ParseLimitError
from rag.parsing import wire
from rag.parsing.limits import BYTES_PER_CHARACTER, Limits, confined

_ROOM = 2**20


def main() -> None:
    folder = Path(sys.argv[1])
    given, done = _private_pipes()
    logging.disable()  # a damaged PDF can make pypdf warn a million times
    requests: SimpleQueue[bytes] = SimpleQueue()
    threading.Thread(target=_listen, args=(given, requests, folder), daemon=True).start()
    while True:
        request = json.loads(requests.get())
        os.ftruncate(2, 0)  # the last words are those of this request
        done.write(_serve(request, folder / "reply"))


def _private_pipes() -> tuple[BinaryIO, BinaryIO]:
    """The parent's pipes under numbers that no library knows; reading stdin gives nothing, stdout is stderr."""
    given, done = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    return os.fdopen(given, "rb"), os.fdopen(done, "wb", buffering=0)


def _listen(given: BinaryIO, requests: SimpleQueue[bytes], folder: Path) -> None:
    """Ends the process with the parent, even in the middle of a request."""
    for line in given:
        requests.put(line)
    shutil.rmtree(folder, ignore_errors=True)
    os._exit(0)


def _serve(request: dict[str, Any], reply: Path) -> bytes:
    """Handle one request within its limits. Returns the line for the parent: how it ended."""
    limits = Limits(**request["limits"])
    written = limits.max_chars * BYTES_PER_CHARACTER + _ROOM
    if request["task"] == "decrypt":
        written += 2 * Path(request["path"]).stat().st_size
    with confined(limits, written):
        content = answer(request, limits)
        try:
            reply.write_bytes(content)
        except OSError as error:
            return f"{error.strerror}\n".encode()
    return wire.DONE


def answer(request: dict[str, Any], limits: Limits) -> bytes:
    try:
        return _TASKS[request["task"]](request, limits)
    except (DocumentError, MissingDependencyError) as error:
        return wire.encode_error(error)
    except MemoryError:
        return wire.encode_error(
            ParseLimitError("Reading this file needs too much memory: split it, or raise RAG_PARSE_MEMORY_MB.")
        )


def _parse(request: dict[str, Any], limits: Limits) -> bytes:
    from rag.parsing.formats import parse_bytes

    data = Path(request["path"]).read_bytes()
    document = parse_bytes(
        data, request["name"], request["media_type"], limits, request["with_pdfium"], request["password"]
    )
    return wire.encode_document(document)


def _recognise(request: dict[str, Any], _limits: Limits) -> bytes:
    from rag.parsing.recogniser import recognise_page

    page = recognise_page(Path(request["path"]), request["media_type"], request["page"], request["password"])
    return wire.encode_ocr(page)


def _view(request: dict[str, Any], _limits: Limits) -> bytes:
    from rag.parsing.viewing import view_page

    page = view_page(Path(request["path"]), request["media_type"], request["page"], request["password"])
    return wire.encode_view(page)


def _boxes(request: dict[str, Any], _limits: Limits) -> bytes:
    from rag.parsing.viewing import boxes_on

    return wire.encode_boxes(boxes_on(Path(request["path"]), request["page"], request["runs"], request["password"]))


def _decrypt(request: dict[str, Any], _limits: Limits) -> bytes:
    from rag.parsing.pdfium import decrypt

    decrypt(Path(request["path"]), request["password"], Path(request["target"]))
    return b"{}"


_TASKS = {"parse": _parse, "recognise": _recognise, "view": _view, "boxes": _boxes, "decrypt": _decrypt}

if __name__ == "__main__":
    main()
