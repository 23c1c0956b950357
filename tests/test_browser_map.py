"""The map of a collection in a real browser: a pointer shows a passage, a click opens it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from rag.settings import load_settings
from rag.workspace import open_workspace
from tests.browser import PATIENCE, footnote_server, launch, watched_page

pytestmark = pytest.mark.end_to_end

HOSTILE = "<img src=x onerror=alert(1)> **The rent** of flat 3 is 900 euros. ![x](http://example.com/a.png)"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        yield launch(playwright)


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("map")
    (folder / "hostile.txt").write_text(HOSTILE, encoding="utf-8")
    (folder / "bread.txt").write_text("Bake the rye bread for an hour in a hot oven.", encoding="utf-8")
    with open_workspace(load_settings(data_dir=folder / "data")) as workspace:
        list(workspace.ingest(sorted(folder.glob("*.txt"))))
        (folder / "long").mkdir()
        for number in range(12):
            name = f"{number} of the companies that report in the year 2022.txt"
            (folder / "long" / name).write_text(f"Company {number} made {number * 7} engines.", encoding="utf-8")
        list(workspace.ingest(sorted((folder / "long").glob("*.txt")), collection="long"))
    with footnote_server(folder / "data") as address:
        yield address


def open_map(page: Page, address: str) -> None:
    page.goto(f"{address}/Collections")
    page.get_by_role("radio", name="Map").click()
    expect(page.locator(".mark-symbol path").first).to_be_visible(timeout=PATIENCE)


@pytest.mark.parametrize("width", [1280, 390])
def test_a_point_shows_its_passage_and_opens_it(browser: Browser, address: str, width: int) -> None:
    with watched_page(browser, width=width) as page:
        open_map(page, address)
        points = page.locator(".mark-symbol.role-mark path")
        expect(points).to_have_count(2)
        texts = []
        for number in range(2):
            points.nth(number).hover(force=True)
            expect(page.locator("#vg-tooltip-element")).to_contain_text("txt")
            texts.append(page.locator("#vg-tooltip-element").inner_text())
        assert any("<img src=x onerror=alert(1)> **The rent**" in text for text in texts), "as it is written"
        rent = next(number for number, text in enumerate(texts) if "rent" in text)
        points.nth(rent).click(force=True)
        viewer = page.locator(".st-key-viewer")
        expect(viewer).to_contain_text("of flat 3 is 900 euros", timeout=PATIENCE)
        expect(viewer).to_contain_text("hostile.txt")


@pytest.mark.parametrize("width", [1280, 390])
def test_the_legend_is_within_the_screen(browser: Browser, address: str, width: int) -> None:
    with watched_page(browser, width=width) as page:
        open_map(page, address)
        page.get_by_role("combobox", name="Collection").click()
        page.get_by_role("option", name="long").click()
        labels = page.locator(".role-legend-label text")
        expect(labels).to_have_count(10, timeout=PATIENCE)
        boxes = [one.bounding_box() for one in labels.all()]
        assert all(box and box["x"] >= 0 and box["x"] + box["width"] <= width for box in boxes)
