"""The child processes: reused, replaced when they die, ended when idle or orphaned, and kept apart from us."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
from PIL import Image, ImageDraw

from rag.errors import DamagedError, ParseLimitError, StoppedError
from rag.parsing import Reader, child
from tests import bombs
from tests.reading import reader

ROOT = Path(__file__).resolve().parent.parent


def workers(parent: int | None = None) -> list[psutil.Process]:
    """The children of a process that run our worker."""
    found = []
    for one in psutil.Process(parent).children():
        with suppress(psutil.NoSuchProcess):
            if "rag.parsing.worker" in one.cmdline():
                found.append(one)
    return found


def wait_for(condition: Callable[[], object], seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.02)


@pytest.fixture
def warm() -> Iterator[Reader]:
    with reader() as one:
        yield one


@pytest.fixture
def note(tmp_path: Path) -> Path:
    path = tmp_path / "note"
    path.write_text("The fee is 12 euros.", encoding="utf-8")
    return path


@pytest.fixture
def slow(tmp_path: Path) -> Path:
    """Takes a minute to read."""
    path = tmp_path / "slow"
    path.write_bytes(bombs.flate_bomb_pdf(20))
    return path


def test_one_child_reads_file_after_file(warm: Reader, note: Path) -> None:
    assert workers() == []
    warm.parse(note, "a.txt")
    first = workers()
    warm.parse(note, "b.txt")
    assert len(first) == 1
    assert workers() == first
    warm.close()
    assert workers() == []
    with pytest.raises(StoppedError):
        warm.parse(note, "c.txt")
    assert workers() == []


def test_a_refused_file_leaves_the_child_at_work(warm: Reader, note: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    broken.write_bytes(b"no PDF")
    warm.parse(note, "a.txt")
    before = workers()
    with pytest.raises(DamagedError):
        warm.parse(broken, "a.pdf")
    assert workers() == before


def test_a_child_that_died_while_waiting_is_not_the_next_files_fault(warm: Reader, note: Path) -> None:
    warm.parse(note, "a.txt")
    (old,) = workers()
    old.kill()
    assert warm.parse(note, "a.txt").text == "The fee is 12 euros."


def test_a_child_that_dies_over_the_next_file_gives_way_to_a_fresh_one(warm: Reader, note: Path, slow: Path) -> None:
    warm.parse(note, "a.txt")
    (old,) = workers()
    caught: list[BaseException] = []

    def read() -> None:
        try:
            warm.parse(slow, "slow.pdf", cancelled=lambda: bool(caught))
        except StoppedError as error:
            caught.append(error)

    thread = threading.Thread(target=read)
    thread.start()
    time.sleep(0.3)
    old.kill()
    wait_for(lambda: workers() and old not in workers())
    caught.append(KeyboardInterrupt())  # enough
    thread.join(timeout=10)
    assert isinstance(caught[-1], StoppedError)


def test_stopping_ends_the_child_at_once(warm: Reader, note: Path, slow: Path) -> None:
    started = time.monotonic()
    with pytest.raises(StoppedError):
        warm.parse(slow, "slow.pdf", cancelled=lambda: time.monotonic() > started + 0.3)
    assert time.monotonic() - started < 2
    assert workers() == []
    assert warm.parse(note, "a.txt").text == "The fee is 12 euros."


def test_who_waits_for_the_child_can_stop_waiting(warm: Reader, note: Path, slow: Path) -> None:
    done = threading.Event()

    def read() -> None:
        with pytest.raises(StoppedError):
            warm.parse(slow, "slow.pdf", cancelled=done.is_set)

    thread = threading.Thread(target=read)
    thread.start()
    wait_for(workers)
    with pytest.raises(StoppedError):
        warm.parse(note, "a.txt", cancelled=lambda: True)
    done.set()
    thread.join(timeout=10)


def test_closing_ends_what_is_being_read_and_what_waits_for_it(warm: Reader, note: Path, slow: Path) -> None:
    ended: list[str] = []

    def read(path: Path, name: str) -> None:
        with pytest.raises(StoppedError):
            warm.parse(path, name)
        ended.append(name)

    reading = threading.Thread(target=read, args=(slow, "slow.pdf"))
    reading.start()
    wait_for(workers)
    waiting = threading.Thread(target=read, args=(note, "a.txt"))
    waiting.start()
    warm.close()
    reading.join(timeout=10)
    waiting.join(timeout=10)
    assert sorted(ended) == ["a.txt", "slow.pdf"]
    assert workers() == []


def test_threads_share_a_reader(warm: Reader, tmp_path: Path) -> None:
    found: dict[int, str] = {}

    def read(number: int) -> None:
        path = tmp_path / str(number)
        path.write_text(f"note {number}")
        found[number] = warm.parse(path, "a.txt").text

    threads = [threading.Thread(target=read, args=(number,)) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    assert found == {number: f"note {number}" for number in range(12)}
    assert len(workers()) == 1


@pytest.mark.skipif(sys.platform == "win32", reason="Windows does not bound processor time")
def test_processor_time_is_limited_for_each_file_anew(tmp_path: Path, slow: Path) -> None:
    long = tmp_path / "long"
    long.write_text("Ein schöner Tag. " * 200_000, encoding="cp1252")
    with reader(parse_cpu_seconds=1) as one:
        spent = 0.0
        while spent < 2:  # together more than the limit
            one.parse(long, "long.txt")
            times = workers()[0].cpu_times()
            spent = times.user + times.system
        with pytest.raises(ParseLimitError, match="RAG_PARSE_CPU_SECONDS"):
            one.parse(slow, "slow.pdf")


@pytest.mark.end_to_end
def test_the_parent_watches_memory_where_the_system_does_not(note: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rag.parsing.sandbox.OCR_MEMORY_MB", 0)
    page = Image.new("RGB", (2000, 2000), "white")
    ImageDraw.Draw(page).text((100, 100), "\n".join(["Total revenue of the year before"] * 30), "black", font_size=40)
    page.save(note, "PNG")
    with reader(parse_memory_mb=256) as one, pytest.raises(ParseLimitError, match="RAG_PARSE_MEMORY_MB"):
        one.recognise(note, "a.png", [1])  # the models take more


def test_an_idle_child_ends_and_comes_back(warm: Reader, note: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(child, "IDLE_SECONDS", 0.2)
    warm.parse(note, "a.txt")
    wait_for(lambda: not workers())
    assert warm.parse(note, "a.txt").text == "The fee is 12 euros."


def test_a_child_that_has_grown_is_replaced(note: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rag.parsing.sandbox.KEPT_MB", 1)
    with reader() as one:
        one.parse(note, "a.txt")
        assert workers() == []


def test_a_child_that_has_served_long_is_replaced(warm: Reader, note: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(child, "MAX_REQUESTS", 2)
    warm.parse(note, "a.txt")
    assert len(workers()) == 1
    warm.parse(note, "a.txt")
    assert workers() == []


def test_it_leaves_no_files(note: Path, slow: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    with reader(parse_seconds=0.5) as one:
        one.parse(note, "a.txt")
        with pytest.raises(ParseLimitError):
            one.parse(slow, "slow.pdf")
    assert list((tmp_path / "temporary").iterdir()) == []


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_a_child_inherits_no_secret_no_file_and_no_terminal(
    warm: Reader, note: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAG_LLM_API_KEY", "sk-of-ours")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "of others")
    with (tmp_path / "open").open("w") as file:
        os.set_inheritable(file.fileno(), True)
        warm.parse(note, "a.txt", password="in nobody's list of processes")
        (one,) = workers()
        assert not {"RAG_LLM_API_KEY", "AWS_SECRET_ACCESS_KEY"} & set(one.environ())
        assert "nobody" not in " ".join(one.cmdline())
        assert str(tmp_path / "open") not in {str(link.readlink()) for link in Path(f"/proc/{one.pid}/fd").iterdir()}
        assert os.getsid(one.pid) == one.pid


def test_what_a_library_prints_reaches_nobody(
    note: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "sitecustomize.py").write_text(
        "import os, sys\n"
        "def chatter(event, arguments):\n"
        "    if event == 'open' and str(arguments[0]).endswith('note'):\n"
        "        os.write(1, b'done\\n')\n"
        "        os.write(2, b'a warning\\n')\n"
        "        print('done', flush=True)\n"
        "        assert sys.stdin.read() == ''\n"
        "sys.addaudithook(chatter)\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with reader() as one:
        assert [one.parse(note, "a.txt").text for _ in range(3)] == ["The fee is 12 euros."] * 3
    assert capfd.readouterr() == ("", "")


FORK = """
import os, sys, time
def fork(event, arguments):
    if event != "open" or not str(arguments[0]).endswith("note"):
        return
    if os.fork() == 0:
        {first}
        with open({pid!r} + ".part", "w") as file:
            file.write(str(os.getpid()))
        os.rename({pid!r} + ".part", {pid!r})
        time.sleep(300)
    while not os.path.exists({pid!r}):
        time.sleep(0.01)
sys.addaudithook(fork)
"""


@pytest.fixture
def forking(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    """Lets the child start a process that does what is given, and keeps the child's pipes, as it reads a note."""

    def forking(first: str) -> None:
        (tmp_path / "sitecustomize.py").write_text(FORK.format(first=first, pid=str(tmp_path / "pid")))
        monkeypatch.setenv("PYTHONPATH", str(tmp_path))

    yield forking
    with suppress(FileNotFoundError, psutil.NoSuchProcess):
        forked(tmp_path).kill()


def forked(tmp_path: Path) -> psutil.Process:
    return psutil.Process(int((tmp_path / "pid").read_text()))


def ended(process: psutil.Process) -> bool:
    return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE


@pytest.mark.skipif(sys.platform == "win32", reason="forks")
def test_what_a_child_has_started_ends_with_it(
    warm: Reader, note: Path, tmp_path: Path, forking: Callable[[str], None]
) -> None:
    forking("pass")
    warm.parse(note, "a.txt")
    started = forked(tmp_path)
    assert not ended(started)
    warm.close()
    wait_for(lambda: ended(started))


@pytest.mark.skipif(sys.platform == "win32", reason="forks")
def test_what_has_left_the_childs_group_keeps_nobody_waiting(
    warm: Reader, note: Path, forking: Callable[[str], None]
) -> None:
    forking("os.setsid()")
    warm.parse(note, "a.txt")
    closing = threading.Thread(target=warm.close, daemon=True)
    closing.start()
    closing.join(30)
    assert not closing.is_alive()


@pytest.mark.skipif(sys.platform == "win32", reason="forks")
def test_the_memory_of_what_a_child_has_started_counts(
    note: Path, forking: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rag.parsing.sandbox.KEPT_MB", 300)
    forking("global held; held = b'x' * 300_000_000")
    with reader() as one:
        one.parse(note, "a.txt")
        assert workers() == []


@pytest.mark.end_to_end
def test_a_child_ends_with_its_parent_even_in_the_middle_of_a_file(slow: Path, tmp_path: Path) -> None:
    code = f"""
        from pathlib import Path
        from rag.parsing import Reader
        from rag.settings import Settings
        Reader(Settings(_env_file=None)).parse(Path({str(slow)!r}), "slow.pdf")
    """
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    environment = os.environ | {"TMPDIR": str(temporary), "TEMP": str(temporary), "TMP": str(temporary)}
    parent = subprocess.Popen([sys.executable, "-c", textwrap.dedent(code)], cwd=ROOT, env=environment)
    try:
        wait_for(lambda: workers(parent.pid))
        (orphan,) = workers(parent.pid)
        time.sleep(0.5)
    finally:
        parent.kill()
        parent.wait()
    wait_for(lambda: ended(orphan), seconds=5)
    assert list(temporary.iterdir()) == []
