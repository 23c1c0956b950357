"""Memory that was freed does not stay with the process."""

from __future__ import annotations

import sys

import psutil
import pytest

from rag.memory import return_memory


@pytest.mark.skipif(sys.platform != "linux", reason="glibc keeps what is freed in pieces")
def test_what_was_freed_in_pieces_goes_back_to_the_system() -> None:
    process = psutil.Process()
    pieces = [bytes(1000) for _ in range(200_000)]
    before = process.memory_info().rss
    last = pieces.pop()  # it lies behind all others, which the C library then keeps
    del pieces
    return_memory()
    assert before - process.memory_info().rss > 100 * 2**20
    assert len(last) == 1000
