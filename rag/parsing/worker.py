"""The child process: `python -m rag.parsing.worker` reads a request on stdin and writes a reply on stdout.

It imports little, so that it starts fast, and prints nothing else: whatever a library has to say goes to
stderr. It may be killed at any moment and leaves nothing behind.
"""

from __future__ import annotations

import json
import logging
import os
import sys
from pathlib import Path
from typing import Any

from rag.errors import DocumentError, ParseLimitError
from rag.parsing.formats import parse_bytes
from rag.parsing.limits import Limits, confine
from rag.parsing.wire import encode_document, encode_error
from rag.records import ParsedDocument


def main() -> None:
    reply_to = os.dup(1)
    os.dup2(2, 1)
    logging.disable()  # a damaged PDF can make pypdf warn a million times
    request = json.load(sys.stdin)
    limits = Limits(**request["limits"])
    confine(limits)
    reply = answer(request, limits)
    with os.fdopen(reply_to, "wb") as stream:
        stream.write(reply)


def answer(request: dict[str, Any], limits: Limits) -> bytes:
    try:
        return encode_document(parse(request, limits))
    except DocumentError as error:
        return encode_error(error)
    except MemoryError:
        return encode_error(
            ParseLimitError("Reading this file needs too much memory: split it, or raise RAG_PARSE_MEMORY_MB.")
        )


def parse(request: dict[str, Any], limits: Limits) -> ParsedDocument:
    data = Path(request["path"]).read_bytes()
    return parse_bytes(data, request["name"], request["media_type"], limits, request["with_pdfium"])


if __name__ == "__main__":
    main()
