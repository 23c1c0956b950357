"""Files of every kind and their limits: whatever a file does, the parent gets a document or a reason."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from rag.errors import DamagedError, DocumentError, ParseLimitError, TooLargeError, UnsupportedTypeError
from rag.parsing import READABLE, engines, media_type, ocr_engine, page_noun
from rag.parsing.child import Worker
from tests import bombs, pdfs
from tests.reading import parse


def stored(tmp_path: Path, data: bytes) -> Path:
    path = tmp_path / "stored"
    path.write_bytes(data)
    return path


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a.pdf", "application/pdf"),
        ("A.PDF", "application/pdf"),
        ("../../etc/x.Md", "text/markdown"),
        ("..\\a b\\😀.markdown", "text/markdown"),
        ("server.log", "text/plain"),
        ("notes.text", "text/plain"),
        ("photo.JPG", "image/jpeg"),
        ("scan.tif", "image/tiff"),
        ("table.xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
        ("song.mp3", None),
        ("pdf", None),
        ("a.pdf/evil.exe", None),
        ("", None),
    ],
)
def test_the_extension_decides(name: str, expected: str | None) -> None:
    assert media_type(name) == expected


@pytest.mark.parametrize(
    ("name", "noun"),
    [
        ("a.pdf", "page"),
        ("a.PNG", "page"),
        ("a.docx", "section"),
        ("a.pptx", "slide"),
        ("a.xlsx", "sheet"),
        ("", "section"),
    ],
)
def test_pages_are_called_what_their_readers_call_them(name: str, noun: str) -> None:
    assert page_noun(name) == noun


def test_an_unknown_type_is_refused_with_what_can_be_read(tmp_path: Path) -> None:
    with pytest.raises(UnsupportedTypeError, match=r"\.pdf, \.txt") as caught:
        parse(stored(tmp_path, b"text"), "song.mp3\nline two")
    assert READABLE in str(caught.value)
    assert "\n" not in str(caught.value)


BOMBS: dict[str, tuple[Callable[[], bytes], type[DocumentError], str]] = {
    "forms.pdf": (bombs.nested_forms_pdf, DocumentError, "crash|RAG_PARSE_"),
    "flate.pdf": (bombs.flate_bomb_pdf, DocumentError, "crash|RAG_PARSE_|RAG_MAX_CHARS"),
    "pages.pdf": (bombs.many_pages_pdf, TooLargeError, "RAG_MAX_PAGES"),
    "white.png": (bombs.image_bomb_png, TooLargeError, "megapixels"),
}


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_ends_within_its_limits_and_the_parent_does_not_grow(tmp_path: Path, name: str) -> None:
    make, error, says = BOMBS[name]
    bomb = make()
    assert len(bomb) < 2_000_000
    path = stored(tmp_path, bomb)
    before, started = psutil.Process().memory_info().rss, time.monotonic()
    with pytest.raises(error, match=says):
        parse(path, name, parse_memory_mb=400, parse_seconds=5, max_chars=1_000_000)
    assert time.monotonic() - started < 6.5
    assert psutil.Process().memory_info().rss - before < 20_000_000


def test_many_pages_that_are_allowed_end_in_time_too(tmp_path: Path) -> None:
    with pytest.raises(DocumentError, match=r"blank|RAG_PARSE_SECONDS"):
        parse(stored(tmp_path, bombs.many_pages_pdf()), "pages.pdf", max_pages=200_000, parse_seconds=20)


def test_what_crashes_pdfium_is_read_by_pypdf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ask = Worker.ask

    def crash_at_first(worker: Worker, request: dict[str, object], *more: object) -> bytes:
        broken = {"task": "nothing that it knows"} if request["with_pdfium"] else {}
        return ask(worker, request | broken, *more)  # which ends the child with a traceback

    monkeypatch.setattr(Worker, "ask", crash_at_first)
    data = pdfs.text_pdf(["Plain text.", "More."], title="A Title", outline=[(1, "More", 1)])
    document = parse(stored(tmp_path, data), "a.pdf")
    assert document.parser.startswith("pypdf ")
    assert document.text.split() == ["Plain", "text.", "More."]
    assert {page.char_map for page in document.pages} == {()}
    assert (document.title, document.headings[0].title) == ("A Title", "More")
    assert document.text[document.headings[0].offset :] == "More."


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux bounds memory")
def test_a_text_that_does_not_fit_in_memory_is_a_limit(tmp_path: Path) -> None:
    path = stored(tmp_path, ("é" * 60_000_000).encode())
    with pytest.raises(ParseLimitError, match="RAG_PARSE_MEMORY_MB"):
        parse(path, "big.txt", parse_memory_mb=256, max_chars=10**9)


def test_the_wall_limit_kills_the_child(tmp_path: Path) -> None:
    data = pdfs.text_pdf(["a page of text"])
    started = time.monotonic()
    with pytest.raises(ParseLimitError, match="RAG_PARSE_SECONDS"):
        parse(stored(tmp_path, data), "a.pdf", parse_seconds=0.02)
    assert time.monotonic() - started < 2


def test_a_vanished_file_is_a_reason(tmp_path: Path) -> None:
    with pytest.raises(DamagedError, match="upload it again"):
        parse(tmp_path / "gone", "a.pdf")


def test_engines_are_named_with_their_versions() -> None:
    import pypdf

    assert f"pypdf {pypdf.__version__}" in engines("application/pdf")
    assert "pypdf" not in engines("text/plain")
    assert "rapidocr 3" in ocr_engine()


def test_the_child_imports_little() -> None:
    code = (
        "import sys, rag.parsing.worker, rag.parsing.pdf, rag.parsing.pdfium, rag.parsing.text\n"
        "heavy = {'pydantic', 'pypdf', 'numpy', 'streamlit', 'chromadb', 'onnxruntime', 'langchain', 'PIL', 'psutil'}\n"
        "print(*sorted(heavy & set(sys.modules)))"
    )
    child = subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[1], capture_output=True, text=True)
    assert (child.stdout.strip(), child.stderr) == ("", "")
