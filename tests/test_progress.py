"""How far the queue is said to be, and how long it will take."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from rag.catalog import Catalog
from rag.progress import progress
from rag.records import Document, State
from tests.test_catalog import read


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[Catalog]:
    made = Catalog(tmp_path / "catalog.sqlite3")
    made.create_collection("reports", "reports", {"model": "m"})
    made.note_speed("embedding", 100, 2.0)
    made.note_speed("ocr", 10, 10.0)
    yield made
    made.close()


def queued(catalog: Catalog, name: str, size: int, kind: str = "text/plain") -> Document:
    one = Document(name, name, "reports", State.QUEUED, datetime.now(UTC), media_type=kind, bytes=size)
    catalog.enqueue(one)
    return one


def far(catalog: Catalog) -> tuple[float, float]:
    """(fraction, seconds left)."""
    found = progress(catalog)
    assert found is not None
    assert found.seconds_left is not None
    return found.fraction, found.seconds_left


def test_a_picture_is_a_page_to_read_whatever_its_bytes(catalog: Catalog) -> None:
    queued(catalog, "scan.tif", 8_000_000, "image/tiff")
    assert 1 <= far(catalog)[1] < 3


def test_a_scan_takes_its_pages_by_ocr_and_not_its_bytes(catalog: Catalog) -> None:
    scan = queued(catalog, "scan.pdf", 20_000_000, "application/pdf")
    catalog.progress(scan, "waiting", 0, 30, pages=30)
    first = far(catalog)
    assert 30 <= first[1] < 36
    catalog.progress(scan, "ocr", 20, 30, pages=30)
    second = far(catalog)
    assert 10 <= second[1] < 16
    assert first[0] < 0.05
    assert 0.5 < second[0] < 0.7


def test_what_is_finished_counts_by_the_time_it_took_beside_what_is_left(catalog: Catalog) -> None:
    waiting = queued(catalog, "last.tif", 8_000_000, "image/tiff")
    for number in range(19):
        one = queued(catalog, f"{number}.txt", 2_000)
        read(catalog, one)
        catalog.finish(one, 1.0, {})
    catalog.progress(waiting, "ocr", 0, 1, pages=1)
    fraction, left = far(catalog)
    assert left < 3
    assert fraction > 0.6


def test_how_long_ocr_takes_is_known_before_there_is_much_to_embed(tmp_path: Path) -> None:
    catalog = Catalog(tmp_path / "new.sqlite3")
    catalog.create_collection("reports", "reports", {})
    scan = queued(catalog, "scan.pdf", 20_000_000, "application/pdf")
    catalog.progress(scan, "ocr", 1, 20, pages=20)
    catalog.note_speed("ocr", 1, 2.0)
    assert 38 <= far(catalog)[1] < 45
    queued(catalog, "long.txt", 5_000_000)
    found = progress(catalog)
    assert found is not None
    assert found.seconds_left is None
    catalog.close()


def test_a_scan_that_is_tried_again_is_not_read_again(catalog: Catalog) -> None:
    scan = queued(catalog, "scan.pdf", 20_000_000, "application/pdf")
    catalog.progress(scan, "waiting", 0, 30, pages=30)
    first = far(catalog)[1]
    with catalog.write() as connection:  # as a document that failed after its pages were read
        connection.exec_driver_sql("UPDATE documents SET ocr_pages = 30, state = 'queued', stage = ''")
    assert far(catalog)[1] < first / 5


def test_the_bar_goes_forward_until_all_is_done(catalog: Catalog) -> None:
    one, other = queued(catalog, "a.txt", 4_000), queued(catalog, "b.txt", 4_000)
    shown = [far(catalog)[0]]
    read(catalog, one)
    shown.append(far(catalog)[0])
    for stage, done in (("embedding", 1), ("storing", 2)):
        catalog.progress(one, stage, done, 2)
        shown.append(far(catalog)[0])
    catalog.finish(one, 1.0, {})
    shown.append(far(catalog)[0])
    read(catalog, other)
    shown.append(far(catalog)[0])
    assert shown == sorted(set(shown))
    assert (shown[0], shown[-1] < 1) == (0, True)
    catalog.finish(replace(other), 1.0, {})
    assert progress(catalog) is None
