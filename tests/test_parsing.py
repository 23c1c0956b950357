"""The child process and its limits: whatever a file does, the parent gets a document or a reason."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

import rag.parsing.sandbox as sandbox
from rag.errors import DamagedError, DocumentError, ParseLimitError, UnsupportedTypeError
from rag.parsing import READABLE, media_type, parse_file
from rag.settings import Settings
from tests import pdfs


def settings(**given: object) -> Settings:
    return Settings(_env_file=None, **given)


def stored(tmp_path: Path, data: bytes) -> Path:
    path = tmp_path / "stored"
    path.write_bytes(data)
    return path


def children() -> set[str]:
    """The processes of this one that still run our worker (Linux)."""
    found = set()
    for task in Path("/proc/self/task").iterdir():
        for child in (task / "children").read_text().split():
            if b"rag.parsing.worker" in Path(f"/proc/{child}/cmdline").read_bytes():
                found.add(child)
    return found


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
        ("table.xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
        ("song.mp3", None),
        ("pdf", None),
        ("a.pdf/evil.exe", None),
        ("", None),
    ],
)
def test_the_extension_decides(name: str, expected: str | None) -> None:
    assert media_type(name) == expected


def test_an_unknown_type_is_refused_with_what_can_be_read(tmp_path: Path) -> None:
    with pytest.raises(UnsupportedTypeError, match=r"\.pdf, \.txt") as caught:
        parse_file(stored(tmp_path, b"text"), "song.mp3\nline two", settings())
    assert READABLE in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_pdf_that_crashes_pdfium_is_a_reason_not_a_crash(tmp_path: Path) -> None:
    bomb = pdfs.nested_forms_pdf()
    assert len(bomb) < 3000
    with pytest.raises((DamagedError, ParseLimitError), match=r"crash|RAG_PARSE_SECONDS"):
        parse_file(stored(tmp_path, bomb), "bomb.pdf", settings(parse_memory_mb=400, parse_seconds=30))


def test_what_crashes_pdfium_is_read_by_pypdf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    request = sandbox._request

    def crash_at_first(*arguments: object, **given: object) -> dict[str, object]:
        asked = request(*arguments, **given)
        if asked["with_pdfium"]:
            asked["limits"] = {"unknown": 1}  # ends the child with a traceback
        return asked

    monkeypatch.setattr(sandbox, "_request", crash_at_first)
    data = pdfs.text_pdf(["Plain text.", "More."], title="A Title", outline=[(1, "More", 1)])
    document = parse_file(stored(tmp_path, data), "a.pdf", settings())
    assert document.parser.startswith("pypdf ")
    assert document.text.split() == ["Plain", "text.", "More."]
    assert {page.char_map for page in document.pages} == {()}
    assert (document.title, document.headings[0].title) == ("A Title", "More")
    assert document.text[document.headings[0].offset :] == "More."


def test_a_small_file_that_inflates_stays_within_its_memory(tmp_path: Path) -> None:
    bomb = pdfs.flate_bomb_pdf(20)
    assert len(bomb) < 500_000
    with pytest.raises(DocumentError):
        parse_file(stored(tmp_path, bomb), "bomb.pdf", settings(parse_memory_mb=256, parse_seconds=4))


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux bounds memory")
def test_a_text_that_does_not_fit_in_memory_is_a_limit(tmp_path: Path) -> None:
    path = stored(tmp_path, ("é" * 60_000_000).encode())
    with pytest.raises(ParseLimitError, match="RAG_PARSE_MEMORY_MB"):
        parse_file(path, "big.txt", settings(parse_memory_mb=256, max_chars=10**9))


def test_the_wall_limit_kills_the_child(tmp_path: Path) -> None:
    data = pdfs.text_pdf(["a page of text"])
    started = time.monotonic()
    with pytest.raises(ParseLimitError, match="RAG_PARSE_SECONDS"):
        parse_file(stored(tmp_path, data), "a.pdf", settings(parse_seconds=0.02))
    assert time.monotonic() - started < 2
    assert sys.platform != "linux" or children() == set()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no alarm")
def test_a_child_whose_parent_is_gone_ends_by_itself() -> None:
    stuck = (
        "from rag.parsing.limits import Limits, confine\nconfine(Limits(1, 1, 0.2, 4000))\nimport time; time.sleep(30)"
    )
    started = time.monotonic()
    child = subprocess.run([sys.executable, "-c", stuck], cwd=Path(__file__).parents[1], timeout=10)
    assert child.returncode < 0
    assert time.monotonic() - started < 5


def test_a_vanished_file_is_a_reason(tmp_path: Path) -> None:
    with pytest.raises(DamagedError, match="upload it again"):
        parse_file(tmp_path / "gone", "a.pdf", settings())


def test_the_child_imports_little() -> None:
    code = (
        "import sys, rag.parsing.worker, rag.parsing.pdf, rag.parsing.pdfium, rag.parsing.text\n"
        "heavy = {'pydantic', 'pypdf', 'numpy', 'streamlit', 'chromadb', 'onnxruntime', 'langchain'}\n"
        "print(*sorted(heavy & set(sys.modules)))"
    )
    child = subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[1], capture_output=True, text=True)
    assert (child.stdout.strip(), child.stderr) == ("", "")
