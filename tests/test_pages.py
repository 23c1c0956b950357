"""The dashboard's pages, run in this process without a browser, on real workspaces."""

from __future__ import annotations

import gc
import io
import re
import sys
import threading
import time
import tomllib
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageDraw, ImageFont
from pypdf import PdfWriter
from streamlit import config
from streamlit.runtime.scriptrunner import StopException
from streamlit.testing.v1 import AppTest

from rag.errors import NotFoundError, StoreUnavailableError
from rag.folder import Folder
from rag.ingestion import Ingestion
from rag.passwords import hash_password
from rag.records import AnswerPiece, Document, Progress, State
from rag.settings import load_settings
from rag.workspace import Workspace, open_workspace
from tests.llm_server import Behaviour, language_model_server
from tests.pdfs import drawing_pdf, encrypted_pdf, text_pdf
from ui import door, stages
from ui.basket import Basket
from ui.progress import Watched

pytestmark = pytest.mark.end_to_end

ROOT = Path(__file__).parent.parent
REPORT = "tarnholt-annual-report-2025.pdf"
DIVIDEND = "What dividend per share does the Board propose for 2025?"
NONSENSE = "Which vaccines are recommended for travellers to Brazil?"
TRACEBACK = re.compile(r"Traceback|File \"|\.py\b")


@pytest.fixture(autouse=True)
def on_loopback(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(door, "_throttle", door.Throttle())
    before = config.get_option("server.address")
    config.set_option("server.address", "localhost")
    yield
    config.set_option("server.address", before)


@pytest.fixture
def data_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty data folder; whatever workspace the pages open on it is closed afterwards."""
    monkeypatch.setenv("RAG_DATA_DIR", str(tmp_path / "data"))
    yield tmp_path / "data"
    close(tmp_path / "data")


@pytest.fixture(scope="module")
def indexed_dir(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("indexed") / "data"
    samples = sorted(path for path in (ROOT / "samples").glob("*") if path.suffix in (".pdf", ".md", ".txt"))
    outcomes = [event.outcome for event in open_workspace(load_settings(data_dir=folder)).ingest(samples)]
    assert outcomes.count("ready") == 4
    yield folder
    close(folder)


@pytest.fixture
def indexed(indexed_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data folder with the samples, shared: for tests that change nothing."""
    monkeypatch.setenv("RAG_DATA_DIR", str(indexed_dir))
    return indexed_dir


def close(folder: Path) -> None:
    workspace = sys.__dict__["_footnote_workspaces"]["open"].pop(str(folder.resolve()), None)
    if workspace is not None:
        workspace.close()


def start(page: str = "", **secrets: Any) -> AppTest:
    app = AppTest.from_file(str(ROOT / "streamlit_app.py"), default_timeout=30)
    for key, value in secrets.items():
        app.secrets[key] = value
    if page:
        app.switch_page(f"pages/{page}.py")
    return healthy(app.run())


def healthy(app: AppTest) -> AppTest:
    assert not app.exception
    return app


def shown(app: AppTest) -> str:
    """Everything a reader sees, as it is sent to the page."""
    kinds = ("title", "subheader", "markdown", "caption", "text", "info", "warning", "error", "html", "metric")
    sent = (str(one.value if kind != "html" else one.proto.body) for kind in kinds for one in app.get(kind))
    opened = (one.proto.popover.label for one in app.get("popover"))
    return re.sub(r"</?mark[^>]*>", "", "\n".join([*sent, *opened]))


def plain(app: AppTest) -> str:
    """The same without the backslashes of escaping."""
    return shown(app).replace("\\", "")


def labels(app: AppTest) -> list[str]:
    return [one.label.replace("\\", "") for one in app.button]


def press(app: AppTest, label: str) -> AppTest:
    button = next(one for one in app.button if label in one.label.replace("\\", ""))
    return healthy(button.click().run())


def until(app: AppTest, condition: Callable[[AppTest], bool]) -> AppTest:
    deadline = time.monotonic() + 30
    while not condition(app):
        assert time.monotonic() < deadline, shown(app)
        time.sleep(0.1)
        healthy(app.run())
    return app


def ask(app: AppTest, question: str) -> AppTest:
    return healthy(app.chat_input[0].set_value(question).run())


def unfold(app: AppTest) -> AppTest:
    """Unfold the sources of all answers."""
    for turn in app.session_state["turns"]:
        app.session_state[f"sources-{turn.key}"] = True
    return healthy(app.run())


def copied_from(app: AppTest, how: str = "Markdown") -> str:
    """What the first answer's box has to be copied."""
    key = app.session_state["turns"][0].key
    app.session_state[f"copy-{key}"] = True
    healthy(app.run())
    healthy(app.segmented_control(key=f"copy-as-{key}").set_value(how).run())
    return str(app.code[0].value)


def as_text(app: AppTest) -> AppTest:
    """The page that is open beside the answer, as text."""
    return healthy(app.segmented_control[0].set_value("Text").run())


def footnotes(app: AppTest) -> list[str]:
    return [label for label in labels(app) if label.startswith("**[")]


# -- home ------------------------------------------------------------------------------------------


def test_one_click_indexes_the_samples_and_leads_to_asking(data_dir: Path) -> None:
    app = press(start(), "Try the sample documents")
    until(app, lambda app: "Ask a question" in labels(app) and "In progress" not in shown(app))
    assert app.metric[0].value == "4"
    assert REPORT in plain(app)
    assert "Try the sample documents" not in labels(app)


@pytest.mark.parametrize("page", ["", "1_Upload", "2_Ask", "3_Collections"])
def test_every_page_opens_on_an_empty_workspace_and_says_what_to_do(data_dir: Path, page: str) -> None:
    app = start(page)
    menu = [one.proto.label for one in app.sidebar.get("page_link")]
    assert menu[:4] == ["Home", "Upload", "Ask", "Collections"]
    links = [one.proto.label for one in app.main.get("page_link")]
    assert "Upload documents" in [*links, *labels(app)] or app.file_uploader


# -- upload ----------------------------------------------------------------------------------------

LIGHTHOUSE = b"The lighthouse was built in 1861 by Ada Kern.\n" * 4


def choose(app: AppTest, *files: tuple[str, bytes]) -> AppTest:
    """Choose files on the Upload page."""
    for name, content in files:
        app.file_uploader[0].upload(name, content)
    return healthy(app.run())


def checked(app: AppTest) -> AppTest:
    """Wait until all chosen files are checked."""
    return until(app, lambda app: not [one for one in bars(app) if one.startswith("Checking")])


def bars(app: AppTest) -> list[str]:
    return [one.proto.text.replace("\\", "") for one in app.get("progress")]


def files_table(app: AppTest) -> dict[str, dict[str, Any]]:
    rows = app.dataframe[0].value.to_dict("records")
    return {row["Document"]: row for row in rows}


def finished(app: AppTest) -> AppTest:
    return until(app, lambda app: "Clear this list" in labels(app))


def links(app: AppTest, label: str) -> list[str]:
    """Query strings of the links on the page with that label."""
    shown = [one.proto for one in app.main.get("page_link")]
    return [one.query_string for one in shown if label in one.label.replace("\\", "")]


@pytest.fixture
def idle(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """The pages' workspace, whose worker does not start: what is queued stays so."""
    workspace = open_workspace(load_settings(), "the dashboard")
    monkeypatch.setattr(workspace.worker, "start", lambda: False)
    return workspace


def queue(workspace: Workspace, folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).write_text(f"This is the file {name}, about harbours.")
    next(workspace.ingest([folder / name for name in names]))


def test_a_name_that_cannot_be_seen_is_refused_and_the_files_wait(data_dir: Path) -> None:
    app = choose(start("1_Upload"), ("lighthouse.txt", LIGHTHOUSE))
    app.selectbox(key="upload_collection").select("New collection…").run()
    assert "Add 1 file" not in labels(app)
    app.text_input[0].input("evil\u202e").run()
    assert "can be seen" in plain(app)
    app.text_input[0].input("Harbour").run()
    finished(press(app, "Add 1 file"))
    assert [one.collection for one in open_workspace(load_settings()).documents()] == ["Harbour"]


def test_what_will_happen_is_shown_before_anything_does(data_dir: Path) -> None:
    report = (ROOT / "samples" / REPORT).read_bytes()
    app = start("1_Upload")
    assert app.file_uploader[0].allowed_type[-1] == ".zip"
    app = checked(choose(app, (REPORT, report), ("broken.pdf", b"%PDF-1.4 nothing"), ("scan.pdf", drawing_pdf())))
    rows = files_table(app)
    assert (rows[REPORT]["Pages"], rows[REPORT]["Passages"], rows[REPORT]["What happens"]) == (14, 52, "New")
    assert rows[REPORT]["Time"]
    assert rows["broken.pdf"]["What happens"] == "Left out: cannot be read"
    assert (rows["scan.pdf"]["No text"], rows["scan.pdf"]["Time"]) == (1, "with OCR")
    assert re.search(
        r"3 files · \*\*15 pages\*\* \(1 without text\) · \*\*52 passages\*\*.*plus OCR of 1 page", shown(app)
    )
    assert "damaged" in plain(app)
    assert open_workspace(load_settings()).documents() == []


def test_each_outcome_is_told(data_dir: Path) -> None:
    app = checked(choose(start("1_Upload"), ("lighthouse.txt", LIGHTHOUSE), ("broken.pdf", b"%PDF-1.4 nothing")))
    finished(press(app, "Add 1 file"))
    assert re.search(r"lighthouse.txt.*\n.*Ready · 1 passage", plain(app))
    assert re.search(r"broken.pdf.*\n.*damaged", plain(app))
    assert app.file_uploader[0].value == []
    assert not app.dataframe
    assert [one.name for one in open_workspace(load_settings()).documents()] == ["lighthouse.txt"]


def test_adding_does_not_wait_for_the_check(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    go_on = threading.Event()

    def slow(*_: object) -> None:
        go_on.wait(30)
        raise StoreUnavailableError("Too late.")

    monkeypatch.setattr(Workspace, "preflight", slow)
    app = choose(start("1_Upload"), ("lighthouse.txt", LIGHTHOUSE), ("again.txt", LIGHTHOUSE))
    assert [one for one in bars(app) if one.startswith("Checking 1 of 2")]
    finished(press(app, "Add 2 files"))
    go_on.set()
    assert [one.name for one in open_workspace(load_settings()).documents()] == ["lighthouse.txt"]
    assert re.search(r"again.txt.*\n.*given twice, first as lighthouse.txt", plain(app))


def test_a_check_that_fails_unexpectedly_leaves_nothing_out(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(Workspace, "preflight", broken)
    app = checked(choose(start("1_Upload"), ("lighthouse.txt", LIGHTHOUSE)))
    assert files_table(app)["lighthouse.txt"]["What happens"] == "Could not be checked"
    finished(press(app, "Add 1 file"))
    assert len(open_workspace(load_settings()).documents()) == 1


def test_reruns_ingest_and_check_nothing_again(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []
    for name in ("ingest", "preflight"):
        real = getattr(Workspace, name)

        def counted(self: Workspace, *given: Any, name: str = name, real: Any = real) -> Any:
            calls.append(name)
            return real(self, *given)

        monkeypatch.setattr(Workspace, name, counted)
    app = checked(choose(start("1_Upload"), ("note.txt", b"A note about nothing in particular, kept for a test.")))
    for _ in range(3):
        healthy(app.run())
    finished(press(app, "Add 1 file"))
    for _ in range(3):
        healthy(app.run())
    assert calls == ["preflight", "ingest"]


def test_a_duplicate_is_called_one_and_leads_to_the_one_that_is_there(indexed: Path) -> None:
    app = checked(choose(start("1_Upload"), ("again.pdf", (ROOT / "samples" / REPORT).read_bytes())))
    assert files_table(app)["again.pdf"]["What happens"] == f"Already there as {REPORT}"
    assert "Nothing to add" in labels(app)
    there = next(one for one in open_workspace(load_settings()).documents() if one.name == REPORT)
    assert links(app, f"Open {REPORT}") == [f"collection=documents&document={there.id}"]


@pytest.mark.parametrize(("choice", "kept"), [("Replace the old version", ["nine"]), ("Keep both", ["seven", "nine"])])
def test_a_new_version_replaces_the_old_one_if_wanted(data_dir: Path, choice: str, kept: list[str]) -> None:
    app = checked(choose(start("1_Upload"), ("lease.txt", b"The lease runs for seven years.")))
    finished(press(app, "Add 1 file"))
    press(app, "Clear this list")
    app = checked(choose(app, ("lease.txt", b"The lease runs for nine years.")))
    assert files_table(app)["lease.txt"]["What happens"] == "New version"
    versions = app.get("button_group")[-1] if not app.segmented_control else app.segmented_control(key="versions")
    assert versions.value == "Replace the old version"
    healthy(versions.set_value(choice).run())
    finished(press(app, "Add 1 file"))
    workspace = open_workspace(load_settings())
    texts = [workspace.text(one.id) for one in workspace.documents()]
    assert sorted(re.findall(r"seven|nine", " ".join(texts)), reverse=True) == kept


def test_files_of_one_name_never_replace_each_other(data_dir: Path) -> None:
    app = choose(start("1_Upload"), ("notes.txt", b"The pier is made of oak."))
    app = checked(choose(app, ("notes.txt", b"The pier is made of steel.")))
    finished(press(app, "Add 2 files"))
    assert len(open_workspace(load_settings()).documents()) == 2


def test_a_folder_keeps_files_of_one_name_apart(data_dir: Path) -> None:
    app = start("1_Upload")
    healthy(app.segmented_control(key="upload_what").set_value("Folder").run())
    assert app.file_uploader[0].accept_directory
    app = choose(app, ("logs/2023/notes.txt", b"Oak."), ("logs/2024/notes.txt", b"Steel."), ("logs/index.md", b"# All"))
    finished(press(checked(app), "Add 3 files"))
    names = [one.name for one in open_workspace(load_settings()).documents()]
    assert names == ["index.md", "logs - 2023 - notes.txt", "logs - 2024 - notes.txt"]


def zipped(**files: str | bytes) -> bytes:
    """A zip archive of files in the folder `letters`; in their names `_` stands for a dot."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, content in files.items():
            archive.writestr(f"letters/{name.replace('_', '.')}", content)
    return packed.getvalue()


def test_what_is_in_archives_is_checked_file_by_file(data_dir: Path) -> None:
    alpha = zipped(notes_txt="The pier is made of oak.", tune_mp3="no text", inner_zip=b"PK")
    beta = zipped(notes_txt="The pier is made of steel.", storm_txt="The storm came at night.")
    app = checked(choose(start("1_Upload"), ("alpha.zip", alpha), ("beta.zip", beta), ("bad.zip", b"no archive")))
    rows = files_table(app)
    assert {name: row["What happens"] for name, row in rows.items()} == {
        "alpha.zip - letters - notes.txt": "New",
        "tune.mp3": "Left out: cannot be read",
        "inner.zip": "Left out: cannot be read",
        "beta.zip - letters - notes.txt": "New",
        "storm.txt": "New",
        "bad.zip": "Left out: cannot be read",
    }
    assert rows["storm.txt"]["Passages"] == 1
    assert "an archive within an archive is not opened" in plain(app)
    assert "6 files · **3 pages** · **3 passages**" in shown(app)

    finished(press(app, "Add 3 files"))
    workspace = open_workspace(load_settings())
    texts = [workspace.text(one.id) for one in workspace.documents()]
    assert sorted(re.findall("oak|steel|storm", " ".join(texts))) == ["oak", "steel", "storm"]
    assert re.search(r"bad.zip.*\n.*no ordinary zip", plain(app))


def test_an_archive_that_is_added_before_it_was_opened_is_unpacked_all_the_same(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Basket, "check", lambda *_: None)
    app = choose(start("1_Upload"), ("letters.zip", zipped(one_txt="The first letter.", tune_mp3="no text")))
    assert files_table(app)["letters.zip"]["What happens"] == "Unpacking…"
    finished(press(app, "Add 1 archive"))
    assert [one.name for one in open_workspace(load_settings()).documents()] == ["one.txt"]
    assert re.search(r"tune.mp3.*\n.*of no kind that can be read", plain(app))


def test_a_duplicate_under_another_name_changes_nothing(data_dir: Path) -> None:
    old, new = b"The crane was found safe.", b"The crane was found unsafe."
    app = checked(choose(start("1_Upload"), ("inspection.txt", old)))
    finished(press(app, "Add 1 file"))
    app = checked(choose(app, ("inspection.txt", new), ("other name.txt", old)))
    assert files_table(app)["other name.txt"]["What happens"] == "Already there as inspection.txt"
    app = finished(press(app, "Add 1 file"))
    workspace = open_workspace(load_settings())
    assert [workspace.text(one.id) for one in workspace.documents()] == [new.decode()]
    assert re.search(r"other name.txt.*\n.*Already in 'documents' as inspection.txt", plain(app))


def test_the_same_bytes_chosen_twice_are_added_once(data_dir: Path) -> None:
    app = checked(choose(start("1_Upload"), ("lighthouse.txt", LIGHTHOUSE), ("copy.txt", LIGHTHOUSE)))
    row = files_table(app)["copy.txt"]
    assert row["What happens"] == "The same as lighthouse.txt"
    assert row["Time"] == ""
    finished(press(app, "Add 1 file"))
    assert [one.name for one in open_workspace(load_settings()).documents()] == ["lighthouse.txt"]
    assert re.search(r"copy.txt.*\n.*given twice, first as lighthouse.txt", plain(app))


def test_hidden_files_of_a_folder_are_left_out_and_named(data_dir: Path) -> None:
    app = start("1_Upload")
    healthy(app.segmented_control(key="upload_what").set_value("Folder").run())
    hidden = ((".notes/.hidden.txt", b"Mine."), (".notes/.git/index.md", b"# Mine"))
    app = checked(choose(app, (".notes/pier.txt", b"Oak."), *hidden))
    assert list(files_table(app)) == ["pier.txt"]
    assert "hidden: .notes/.hidden.txt, .notes/.git/index.md." in plain(app)


def test_passages_that_only_ocr_can_find_are_not_counted_as_none(data_dir: Path) -> None:
    app = checked(choose(start("1_Upload"), ("scan.pdf", drawing_pdf())))
    row = app.dataframe[0].value.iloc[0]
    assert row[["Passages", "New"]].isna().all()
    assert "passages are counted after OCR" in shown(app)


def test_nothing_takes_about_under_a_second(data_dir: Path) -> None:
    app = checked(choose(start("1_Upload"), ("lighthouse.txt", LIGHTHOUSE)))
    assert "**under 1 s** on this machine" in shown(app)


def test_an_encrypted_pdf_asks_for_its_password_and_forgets_it(data_dir: Path) -> None:
    pdf = encrypted_pdf(text_pdf(["The budget is 12 million euros."]), "sesame")
    app = checked(choose(start("1_Upload"), ("budget.pdf", pdf)))
    assert files_table(app)["budget.pdf"]["What happens"] == "Needs its password"
    assert "Nothing to add" in labels(app)
    assert app.text_input[0].label == "Password of budget.pdf"
    assert "a copy of the file that opens without it" in app.text_input[0].help

    app.text_input[0].input("wrong")
    checked(press(app, "Unlock"))
    assert "does not open the PDF" in plain(app)
    app.text_input[0].input("sesame")
    checked(press(app, "Unlock"))
    assert files_table(app)["budget.pdf"]["Pages"] == 1
    assert not app.text_input
    assert not [one for one in app.session_state["basket"].items if one.password]
    finished(press(app, "Add 1 file"))
    assert "12 million" in open_workspace(load_settings()).ask("What is the budget?").text


def test_the_passages_are_shown_as_they_will_be_cut(data_dir: Path) -> None:
    app = checked(choose(start("1_Upload"), (REPORT, (ROOT / "samples" / REPORT).read_bytes()), ("b.txt", b"Boats.")))
    healthy(app.selectbox(key="looked_into").select_index(0).run())
    assert len([one for one in app.caption if "Passage " in one.value]) == 10
    assert re.search(r"page \d+ · Passage \d+ · characters \S+ · \w+", plain(app)), "page number and headings"
    press(app, "Take this file out")
    assert list(files_table(app)) == ["b.txt"]
    press(app, "Take all out")
    assert not app.dataframe


def test_another_collection_is_checked_anew(indexed: Path) -> None:
    app = checked(choose(start("1_Upload"), (REPORT, (ROOT / "samples" / REPORT).read_bytes())))
    assert files_table(app)[REPORT]["What happens"] == "Already there"
    app.selectbox(key="upload_collection").select("New collection…").run()
    app = checked(healthy(app.text_input[0].input("Elsewhere").run()))
    assert files_table(app)[REPORT]["What happens"] == "New"


def test_tags_go_in_with_the_files_and_are_offered_again(data_dir: Path) -> None:
    app = choose(start("1_Upload"), ("lighthouse.txt", LIGHTHOUSE))
    healthy(app.multiselect(key="upload_tags").set_value(["*coast*"]).run())
    finished(press(app, "Add 1 file"))
    assert open_workspace(load_settings()).documents()[0].tags == ("*coast*",)
    assert start("1_Upload").multiselect(key="upload_tags").options == ["*coast*"]
    assert list(start("3_Collections").dataframe[0].value["Tags"][0]) == ["*coast*"]


def test_chosen_files_go_with_the_session_that_chose_them(data_dir: Path) -> None:
    basket = Basket()
    basket.take([("one.txt", io.BytesIO(b"one"))])
    path = basket.items[0].upload.path
    assert path.read_bytes() == b"one"
    del basket
    gc.collect()
    assert not path.parent.exists()


# -- progress --------------------------------------------------------------------------------------


def test_unfinished_documents_are_shown_in_a_session_that_did_not_hand_them_in(idle: Workspace) -> None:
    next(idle.ingest([ROOT / "samples" / REPORT]))
    assert re.search(rf"{REPORT}.*waiting its turn", plain(start("1_Upload")))


def test_a_document_is_cancelled_which_is_no_failure_and_retried(idle: Workspace, tmp_path: Path) -> None:
    queue(idle, tmp_path, "a.txt", "b.txt")
    app = press(start("1_Upload"), "Cancel")
    assert [one.state for one in idle.documents()] == [State.FAILED, State.QUEUED]
    assert re.search(r":gray\[:material/cancel:\].*a.txt", plain(app))
    assert "could not be indexed" not in plain(start())
    app = start("3_Collections")
    assert list(app.dataframe[0].value["State"]) == ["Cancelled", "Waiting"]
    assert not [one.label for one in app.expander if "could not be indexed" in one.label]
    healthy(app.selectbox(key="document-documents").select(idle.documents()[0].id).run())
    assert "It was cancelled" in plain(app)
    assert not app.error
    app = press(app, "Retry")
    assert [one.state for one in idle.documents()] == [State.QUEUED, State.QUEUED]
    healthy(app.button(key=f"cancel-details-documents-{idle.documents()[0].id}").click().run())
    assert [one.state for one in idle.documents()] == [State.FAILED, State.QUEUED]


def fail(workspace: Workspace, *names: str) -> None:
    for one in workspace.documents():
        if one.name in names:
            workspace.catalog.fail(one, "It is damaged.")


@pytest.mark.parametrize("page", ["1_Upload", "3_Collections"])
def test_all_that_failed_is_retried_at_once(idle: Workspace, page: str) -> None:
    files = [(name, f"This is {name}.".encode()) for name in ("a.txt", "b.txt", "c.txt")]
    app = press(choose(start("1_Upload"), *files), "Add 3 files")
    fail(idle, "a.txt", "b.txt")
    idle.cancel(idle.documents()[2].id)
    app = healthy(app.switch_page(f"pages/{page}.py").run())
    press(app, "Retry all that failed")
    assert [one.state for one in idle.documents()] == [State.QUEUED, State.QUEUED, State.FAILED]


def test_all_that_failed_is_deleted_at_once_and_comes_back(idle: Workspace, tmp_path: Path) -> None:
    queue(idle, tmp_path, "a.txt", "b.txt", "c.txt", "d.txt")
    fail(idle, "a.txt", "b.txt")
    idle.cancel(idle.documents()[2].id)
    app = press(start("3_Collections"), "Delete all that failed")
    assert [one.name for one in idle.documents()] == ["c.txt", "d.txt"]
    assert "Deleted 2 documents" in plain(app)
    press(app, "Undo")
    assert [one.reason for one in idle.documents()[:2]] == ["It is damaged."] * 2


@pytest.mark.parametrize("page", ["1_Upload", "3_Collections"])
def test_a_password_can_be_given_when_a_document_has_failed_for_want_of_it(
    data_dir: Path, tmp_path: Path, page: str
) -> None:
    (tmp_path / "budget.pdf").write_bytes(encrypted_pdf(text_pdf(["The budget is 12 million euros."]), "sesame"))
    workspace = open_workspace(load_settings(), "the dashboard")
    app = start("1_Upload")
    list(workspace.ingest([tmp_path / "budget.pdf"]))
    document = workspace.documents()[0]
    if page == "1_Upload":
        app.session_state["watched"] = [Watched(1, "documents", document.id, document.name)]
        healthy(app.run())
    else:
        app = start("3_Collections")
        healthy(app.selectbox(key="document-documents").select(document.id).run())
    app.text_input[0].input("wrong")
    healthy(next(one for one in app.button if one.label == "Retry").click().run())
    assert "does not open the PDF" in plain(app)
    app.text_input[0].input("sesame")
    healthy(next(one for one in app.button if one.label == "Retry").click().run())
    until(app, lambda _: workspace.documents()[0].state is State.READY)


def test_a_long_list_has_pages_and_says_what_is_in_it(idle: Workspace, tmp_path: Path) -> None:
    queue(idle, tmp_path, *(f"file-{number:02}.txt" for number in range(40)))
    app = start("1_Upload")
    assert "40 files: 40 waiting." in plain(app)
    assert len([label for label in labels(app) if label == "Cancel"]) == 15
    app.session_state["progress-page"] = 3
    healthy(app.run())
    assert "file-39.txt" in plain(app)
    assert "file-00.txt" not in plain(app)


def test_what_was_handed_in_last_is_shown_before_old_failures(idle: Workspace) -> None:
    old = [(f"old-{number:02}.txt", f"This is file {number}.".encode()) for number in range(16)]
    app = press(choose(start("1_Upload"), *old), "Add 16 files")
    fail(idle, *(name for name, _ in old))
    app = press(choose(app, ("new.txt", b"This one is new.")), "Add 1 file")
    assert "17 files: 16 could not be read, 1 waiting." in plain(app)
    lines = plain(app)
    assert 0 < lines.index("new.txt") < lines.index("old-00.txt")


def test_the_end_of_work_is_told_in_a_session_that_came_later(
    data_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(Ingestion, "embed_next", lambda self: False)
        queue(open_workspace(load_settings(), "the dashboard"), tmp_path, "a.txt")
        app = until(start("1_Upload"), lambda app: "searchable by words" in plain(app))
        assert "Clear this list" not in labels(app)
    finished(app)
    assert re.search(r"a.txt.*\n.*Ready", plain(app))


def test_a_document_handed_in_again_has_one_line(data_dir: Path) -> None:
    app = start("1_Upload")
    for _ in range(2):
        app = choose(app, ("lighthouse.txt", LIGHTHOUSE))
        finished(press(app, "Add 1 file"))
        workspace = open_workspace(load_settings())
        workspace.catalog.fail(workspace.documents()[0], "It is damaged.")
        workspace.delete(workspace.documents()[0].id)
    assert len(re.findall(r"lighthouse", plain(app))) == 1


@pytest.mark.parametrize("page", ["", "3_Collections"])
def test_other_pages_show_few_lines_of_progress(idle: Workspace, tmp_path: Path, page: str) -> None:
    queue(idle, tmp_path, *(f"file-{number:02}.txt" for number in range(10)))
    app = start(page)
    assert len([label for label in labels(app) if label == "Cancel"]) == 3
    assert "And 7 more" in [one.proto.label for one in app.main.get("page_link")]


def test_while_the_speed_of_ocr_is_not_known_that_is_said() -> None:
    known = Progress(documents=2, finished=0, failed=0, searchable=0, fraction=0.1, chunks_per_second=120.0)
    assert stages.how_fast(known) == "120 passages a second · measuring the speed of OCR…"
    assert stages.how_fast(replace(known, chunks_per_second=0.0)) == "measuring the speed…"


@pytest.mark.parametrize("page", ["", "1_Upload", "2_Ask", "3_Collections", "4_Experiments"])
def test_every_page_shows_overall_progress_in_its_sidebar(idle: Workspace, tmp_path: Path, page: str) -> None:
    queue(idle, tmp_path, "a.txt", "b.txt")
    idle.cancel(idle.documents()[0].id)
    app = start(page)
    bar = [one.proto.text for one in app.sidebar.get("progress")]
    assert bar == ["Indexing · 1 of 2 documents, 1 cancelled"]
    idle.cancel(idle.documents()[1].id)
    assert not healthy(app.run()).sidebar.get("progress")


def test_why_everything_waits_is_said_in_the_sidebar(idle: Workspace, tmp_path: Path) -> None:
    queue(idle, tmp_path, "a.txt")
    idle.catalog.wait(idle.documents()[0], "Chroma does not answer. Start it again.")
    assert "Chroma does not answer" in " ".join(one.value for one in start("2_Ask").sidebar.caption)


def test_a_document_that_another_session_deleted_does_not_stop_the_page(idle: Workspace, tmp_path: Path) -> None:
    queue(idle, tmp_path, "a.txt")
    app = start("1_Upload")
    idle.delete(idle.documents()[0].id)
    press(app, "Cancel")
    assert not app.error


@pytest.mark.parametrize(
    ("stage", "state", "words"),
    [
        ("ocr", State.INDEXING, "reading by OCR: 3 of 12 pages"),
        ("waiting", State.INDEXING, "waiting for OCR of 12 pages"),
        ("waiting", State.SEARCHABLE, "searchable by words already"),
        ("embedding", State.SEARCHABLE, "searchable by words already · by meaning: 3 of 12 passages"),
    ],
)
def test_stages_are_told_in_words(stage: str, state: State, words: str) -> None:
    document = Document("0" * 32, "a.pdf", "documents", state, datetime.now(UTC), stage=stage, done=3, total=12)
    assert stages.stage(document) == words
    assert 0 <= stages.fraction(document) < 1


def test_a_new_version_is_not_called_searchable_before_it_is() -> None:
    new = Document("1" * 32, "a.pdf", "documents", State.SEARCHABLE, datetime.now(UTC), replaces=True)
    assert "old version is searched" in stages.stage(new, held_back=True)


# -- ask -------------------------------------------------------------------------------------------


def test_an_answer_has_a_footnote_that_opens_the_passage_also_later(indexed: Path) -> None:
    app = ask(start("2_Ask"), DIVIDEND)
    assert "EUR 0.31 per share" in shown(app)
    assert footnotes(app)[0] == f"**[1]** {REPORT} · p. 3"
    ask(app, NONSENSE)
    press(app, "**[1]**")
    seen = next(one.proto.body for one in app.get("html") if "<img" in one.proto.body)
    assert (
        'alt="Page 3 of tarnholt-annual-report-2025.pdf, with the quoted words tinted, and what answers in them boxed"'
        in seen
    )
    assert 1 <= seen.count("data-quote") <= 3
    assert seen.count("data-answer") == 2, "EUR 0.31 and EUR 0.27"
    as_text(app)
    passage = [one.proto.body for one in app.get("html") if "<mark" in one.proto.body]
    assert any(re.search(r"<mark[^>]*>The Board proposes a dividend of (?:<[^>]*>)?EUR 0.31", one) for one in passage)
    assert f"**[1]** **{REPORT}**" in plain(app)
    assert "page 3 of 14" in plain(app)
    assert "Letter from the Chair › Dividend" in plain(app)


def test_sources_from_a_table_have_its_column_names(data_dir: Path, tmp_path: Path) -> None:
    rows = "".join(f"Supplier {number},Chile,{number * 3}\n" for number in range(200))
    (tmp_path / "suppliers.csv").write_text("Supplier,Country,Orders in 2024\n" + rows)
    list(open_workspace(load_settings(), "the dashboard").ingest([tmp_path / "suppliers.csv"]))
    app = unfold(ask(start("2_Ask"), "How many orders has Supplier 150?"))
    assert "Supplier | Country | Orders in 2024" in [one.value.replace("\\", "").strip("*") for one in app.caption]
    press(app, "**[1]**")
    assert "suppliers.csv**\nsection 1 of 1" in plain(app)
    assert "Supplier | Country | Orders in 2024" in [one.value.replace("\\", "") for one in app.caption]


def test_an_abstention_looks_different_and_offers_the_closest_passages(indexed: Path) -> None:
    app = ask(start("2_Ask"), NONSENSE)
    assert "do not answer" in app.info[0].value
    assert footnotes(app) == []
    assert app.expander[0].label.startswith("5 closest passages")


def test_examples_are_offered_and_asked(indexed: Path) -> None:
    app = press(start("2_Ask"), DIVIDEND)
    assert "EUR 0.31 per share" in shown(app)
    assert not [one for one in app.main.button if one.label.endswith("?")]


def test_a_chosen_document_that_is_deleted_does_not_widen_the_search(indexed: Path) -> None:
    app = start("2_Ask")
    supply = next(one for one in app.multiselect[0].options if one.startswith("orvell"))
    healthy(app.multiselect[0].select(supply).run())
    workspace = open_workspace(load_settings(), "the dashboard")
    workspace.delete(next(one.id for one in workspace.documents() if one.name == supply))
    ask(app, "What dividend per share does the Board propose for 2025?")
    assert "No passage was found" in plain(app)
    assert "0.31" not in plain(app)
    list(workspace.ingest([ROOT / "samples" / supply]))  # the other tests want it


def test_only_the_chosen_documents_are_searched(indexed: Path) -> None:
    app = start("2_Ask")
    options = app.multiselect[0]
    supply = next(one for one in options.options if one.startswith("orvell"))
    unfold(ask(healthy(options.select(supply).run()), "How much notice ends the agreement?"))
    passages = [one.label.replace("\\", "") for one in app.button if str(one.key).startswith("hit-")]
    assert passages
    assert all("orvell-compressor" in one for one in passages)


def test_a_question_that_is_too_long_is_refused_and_can_be_edited(indexed: Path) -> None:
    app = ask(start("2_Ask"), DIVIDEND)
    ask(app, "long " * 1000)
    assert "are allowed" in app.error[0].value
    assert "EUR 0.31 per share" in shown(app)
    press(app, "Edit the question")
    assert not app.error
    assert "EUR 0.31 per share" in shown(app)


def test_a_stopped_answer_leaves_the_history_whole_and_can_be_asked_again(
    indexed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = ask(start("2_Ask"), DIVIDEND)

    def stopped(*_: object) -> Iterator[AnswerPiece]:
        yield AnswerPiece("They reach")
        raise StopException

    with monkeypatch.context() as patch:
        patch.setattr(Workspace, "ask_stream", stopped)
        app.chat_input[0].set_value("How hot do the heat pumps get?").run()
    healthy(app.run())
    assert "They reach" in shown(app)
    assert "Stopped before the answer was complete." in shown(app)
    press(app, "Ask again")
    assert "165" in shown(app)
    assert "EUR 0.31 per share" in shown(app)
    assert "Stopped" not in shown(app)


def test_a_new_conversation_begins_empty(indexed: Path) -> None:
    app = press(ask(start("2_Ask"), DIVIDEND), "New conversation")
    assert "EUR 0.31 per share" not in shown(app)
    assert DIVIDEND in labels(app)


def test_what_the_reader_must_know_is_said_above_the_answer(indexed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stream = Workspace.ask_stream

    def with_notice(self: Workspace, *given: Any) -> Iterator[Any]:
        *pieces, answer = stream(self, *given)
        yield from (*pieces, replace(answer, notice="The language model did not answer. This quotes."))

    monkeypatch.setattr(Workspace, "ask_stream", with_notice)
    app = ask(start("2_Ask"), DIVIDEND)
    assert "did not answer" in app.warning[0].value


def test_what_a_language_model_writes_is_markdown_without_streamlits_own(
    indexed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stream = Workspace.ask_stream

    def written(self: Workspace, *given: Any) -> Iterator[Any]:
        *_, answer = stream(self, *given)
        yield replace(answer, model="openai:test", text="**Up** $5 to $6 [1]. :red[alarm] :material/home: [9]")

    monkeypatch.setattr(Workspace, "ask_stream", written)
    text = shown(ask(start("2_Ask"), DIVIDEND))
    assert r"**Up** \$5 to \$6 :blue[**\[1\]**]." in text
    assert ":red[alarm]" not in text
    assert ":material/home:" not in text
    assert "[9]" in text


def test_doubtful_sentences_are_marked_and_each_opens_the_passage_it_rests_on(
    indexed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = "The Board proposes a dividend of EUR 0.31 per share [1]. It was EUR 0.99 per share in the year before [1]."
    with language_model_server(Behaviour(pieces=(said,))) as server:
        monkeypatch.setenv("RAG_LLM", "openai:test")
        monkeypatch.setenv("RAG_LLM_BASE_URL", server.openai_url)
        app = ask(start("2_Ask"), DIVIDEND)
    text = shown(app)
    assert re.search(r"per share :blue\[\*\*\\\[1\\\]\*\*\]\. :(?:red|orange)-background\[It was EUR 0\.99", text)
    assert "Check what is marked before you rely on it" in plain(app)
    checked = next(one for one in app.expander if "checked" in one.label)
    assert re.fullmatch(r"2 sentences checked: 1 borne out · 1 .*", checked.label)
    assert "Not found there: EUR 0.99." in plain(app)
    as_text(press(app, "Rests on"))
    passage = [one.proto.body for one in app.get("html") if "<mark" in one.proto.body]
    assert "EUR 0.31" in re.search(r"<mark[^>]*>(.*?)</mark>", passage[0], re.DOTALL)[1]


def test_a_follow_up_question_says_what_was_searched_for_and_can_be_taken_literally(indexed: Path) -> None:
    app = ask(start("2_Ask"), "What was the revenue of Thermal Storage in 2025?")
    assert "Searched for" not in plain(app)
    ask(app, "And in 2024?")
    assert "Searched for: What was the revenue of Thermal Storage in 2024?" in plain(app).replace("**", "")
    ask(app, "And in 2023?")
    assert "Searched for: What was the revenue of Thermal Storage in 2023?" in plain(app).replace("**", "")
    healthy([one for one in app.button if str(one.key).startswith("literally-")][-1].click().run())
    assert plain(app).count("Searched for") == 1
    press(app, "New conversation")
    ask(app, "And in 2024?")
    assert "Searched for" not in plain(app)


def test_a_question_follows_up_on_those_of_its_own_collection(data_dir: Path, tmp_path: Path) -> None:
    workspace = open_workspace(load_settings(), "the dashboard")
    for collection in ("documents", "private"):
        (tmp_path / "lease.md").write_text(
            f"# Lease of the {collection}\n\nThe rent of Harbour Street is 84,000 euros.\n"
        )
        list(workspace.ingest([tmp_path / "lease.md"], collection))
    app = start("2_Ask")
    collections = next(one for one in app.selectbox if one.label == "Collection")
    ask(healthy(collections.select("private").run()), "What was the rent of Harbour Street in 2025?")
    collections = next(one for one in app.selectbox if one.label == "Collection")
    ask(healthy(collections.select("documents").run()), "And in 2024?")
    assert "Searched for" not in plain(app)
    collections = next(one for one in app.selectbox if one.label == "Collection")
    ask(healthy(collections.select("private").run()), "And in 2023?")
    assert "Searched for: What was the rent of Harbour Street in 2023?" in plain(app).replace("**", "")


def test_the_one_document_asked_about_has_an_overview_whose_footnotes_open(indexed: Path) -> None:
    app = start("2_Ask")
    assert "Overview" not in labels(app)
    supply = next(one for one in app.multiselect[0].options if one.startswith("orvell"))
    press(healthy(app.multiselect[0].select(supply).run()), "Overview")
    assert "**7. Termination** :small[· section 1]" in plain(app)
    assert "320 compressors in each contract year" in plain(app)
    assert next(one for one in app.expander if one.label.startswith("Outline")).label.endswith("headings")
    copied = copied_from(app)
    assert "### 7\\. Termination" in copied
    assert "[^1]: orvell-compressor-supply-agreement.md, section 1" in copied
    number = re.search(r"320 compressors in each contract year\.\s*\[\^(\d+)\]", copied)[1]
    press(app, f"**[{number}]**")
    passage = [one.proto.body for one in app.get("html") if "<mark" in one.proto.body]
    assert "320 compressors" in re.search(r"<mark[^>]*>(.*?)</mark>", passage[0], re.DOTALL)[1]


def test_an_overview_of_many_documents_says_how_to_choose_one(indexed: Path) -> None:
    app = ask(start("2_Ask"), "Summarise this document")
    assert "An overview is of one document, and there are 4" in plain(app)
    assert "choose it under “Where to look”" in plain(app)
    assert "upload the one" not in plain(app)
    assert "passages" not in " ".join(one.label for one in app.expander)
    ask(app, "Summarise the compressor supply agreement")
    assert "**7. Termination** :small[· section 1]" in plain(app)


def test_a_document_tells_what_it_is_about_and_is_read_once_for_it(
    indexed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[str] = []
    overview = Workspace.overview_steps
    monkeypatch.setattr(
        Workspace,
        "overview_steps",
        lambda self, one, *more, **given: made.append(one) or overview(self, one, *more, **given),
    )
    app = start("3_Collections")
    chosen = next(one for one in app.selectbox if one.label == "Look into a document")
    healthy(chosen.select(next(one for one in chosen.options if one.startswith("orvell"))).run())
    press(app, "Overview")
    healthy(app.run())
    assert "7. Termination" in plain(app)
    assert len(made) == 1


def test_an_answer_is_copied_with_its_footnotes(indexed: Path) -> None:
    app = ask(start("2_Ask"), DIVIDEND)
    copied = copied_from(app)
    assert "EUR 0.31 per share" in copied
    assert f"[^1]: {REPORT}, page 3" in copied
    assert copied_from(app, "Text").endswith(f"for 2024. [1]\n\n[1] {REPORT}, page 3")


def test_answers_and_the_conversation_can_be_saved_abstentions_too(indexed: Path) -> None:
    app = ask(start("2_Ask"), NONSENSE)
    offered = [one.label for one in app.get("download_button")]
    assert offered == ["Evidence pack", "Markdown"]
    ask(app, DIVIDEND)
    assert [one.label for one in app.get("download_button")] == ["Evidence pack", "Markdown"] * 3


def test_what_is_searched_by_words_only_is_said(
    data_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Ingestion, "embed_next", lambda self: False)
    workspace = open_workspace(load_settings(), "the dashboard")
    workspace.worker.start()
    queue(workspace, tmp_path, "pier.txt")
    app = until(start("2_Ask"), lambda app: "searched by its words only" in shown(app))
    unfold(ask(app, "Which file is about harbours?"))
    assert "found by its words" in plain(app)
    monkeypatch.undo()
    monkeypatch.setenv("RAG_DATA_DIR", str(data_dir))
    app = until(app, lambda app: "by its words only" not in shown(app))
    unfold(ask(app, "Which file is about harbours?"))
    last = [one.value for one in app.caption if "alike" in one.value][-1]
    assert re.search(r"\d+% alike", last)
    assert "found by its words" not in last


def test_an_open_passage_stays_open_when_the_page_runs_again(indexed: Path) -> None:
    app = as_text(press(ask(start("2_Ask"), DIVIDEND), "**[1]**"))
    before = press(app, "Previous")
    assert not [one for one in before.get("html") if "What comes before" in one.proto.body], "it has no quote"
    press(app, "Next")
    assert [one for one in healthy(app.run()).get("html") if "<mark" in one.proto.body]
    healthy(app.switch_page("pages/3_Collections.py").run())
    healthy(app.switch_page("pages/2_Ask.py").run())
    assert not [one for one in app.get("html") if re.search("<mark[^>]*>The Board", one.proto.body)]


def test_a_page_can_be_typed_and_there_is_a_way_back_to_the_quote(indexed: Path) -> None:
    app = press(ask(start("2_Ask"), DIVIDEND), "**[1]**")
    assert "Back to the quote" not in labels(app)
    field = next(one for one in app.number_input if one.label == "Go to page")
    healthy(field.set_value(9).run())
    assert "page 9 of 14" in plain(app)
    press(app, "Back to the quote")
    assert "page 3 of 14" in plain(app)
    assert "Back to the quote" not in labels(app)


def test_the_number_that_is_printed_on_a_page_is_told_where_it_is_another(data_dir: Path, tmp_path: Path) -> None:
    writer = PdfWriter(clone_from=io.BytesIO(text_pdf(["Contents", "The yearly fee is 42,000 euros."])))
    writer.set_page_label(0, 0, style="/r")
    writer.set_page_label(1, 1, style="/D", prefix="A-", start=7)
    writer.write(tmp_path / "fees.pdf")
    workspace = open_workspace(load_settings(), "the dashboard")
    list(workspace.ingest([tmp_path / "fees.pdf"]))
    app = press(ask(start("2_Ask"), "What is the yearly fee?"), "**[1]**")
    assert "page 2 of 2 (printed A-7)" in plain(app)


def test_an_overview_is_one_click_from_a_footnote(indexed: Path) -> None:
    app = press(press(ask(start("2_Ask"), DIVIDEND), "**[1]**"), "Overview")
    assert "Its sections and the sentences that say most of them" in plain(app)
    press(app, "**[1]** page 2")
    assert "page 2 of 14" in plain(app)
    assert "Its sections and the sentences" not in plain(app)


# -- collections -----------------------------------------------------------------------------------


def test_a_document_is_told_about_and_leads_to_its_passages(indexed: Path) -> None:
    app = start("3_Collections")
    table = app.dataframe[0].value
    assert list(table["Document"]) == sorted(table["Document"])
    assert table.set_index("Document").loc[REPORT, "State"] == "Ready"
    document = next(one.id for one in open_workspace(load_settings()).documents() if one.name == REPORT)
    healthy(app.selectbox(key="document-documents").select(document).run())
    assert "14 pages" in shown(app)
    press(app, "Passages")
    assert app.session_state["collections_view"] == "Passages"
    assert app.session_state["passages-document-documents"] == document
    assert re.search(r"Passage 1 · characters 0–\d+", shown(app))
    assert len([one for one in app.caption if one.value.startswith("Passage ")]) == 10


def test_a_link_opens_the_document_it_names(indexed: Path) -> None:
    document = next(one for one in open_workspace(load_settings()).documents() if one.name == REPORT)
    app = AppTest.from_file(str(ROOT / "streamlit_app.py"), default_timeout=30)
    app.switch_page("pages/3_Collections.py")
    app.query_params.update(collection="documents", document=document.id)
    healthy(app.run())
    assert REPORT in [one.value.replace("\\", "") for one in app.subheader]
    app.query_params.update(collection="documents", document="0" * 32)
    assert "no longer there" in healthy(app.run()).info[0].value


def test_what_was_read_by_ocr_is_said_of_the_document_and_of_its_page(data_dir: Path) -> None:
    scan = io.BytesIO()
    picture = Image.new("L", (1000, 300), 255)
    ImageDraw.Draw(picture).text((40, 100), "The ferry leaves at noon", font=ImageFont.load_default(60), fill=0)
    picture.save(scan, "PNG")
    app = checked(choose(start("1_Upload"), ("timetable.png", scan.getvalue())))
    assert files_table(app)["timetable.png"]["No text"] == 1
    finished(press(app, "Add 1 file"))
    assert "1 of 1 page read by OCR" in plain(app)
    app = start("3_Collections")
    healthy(app.selectbox(key="document-documents").select(open_workspace(load_settings()).documents()[0].id).run())
    assert re.search(r"1 of 1 page read by OCR, confidence \d+%", app.info[0].value)
    press(app, "Passages")
    assert re.search(r"Passage 1 · .*read by OCR, confidence \d+%", plain(app))
    app = press(ask(start("2_Ask"), "When does the ferry leave?"), "**[1]**")
    assert re.search(r"Read by OCR \(confidence \d+%\): check it against the page", plain(app))


def test_documents_of_one_name_are_told_apart(data_dir: Path, tmp_path: Path) -> None:
    workspace = open_workspace(load_settings(), "the dashboard")
    for text in ("The crane was found safe.", "The crane was found unsafe."):
        (tmp_path / "inspection.txt").write_text(text)
        list(workspace.ingest([tmp_path / "inspection.txt"]))
    ids = [one.id[:8] for one in workspace.documents()]
    for options in (start("3_Collections").selectbox(key="document-documents").options, ask_options()):
        assert all(re.fullmatch(r"inspection.txt · 2\d bytes · added \S+ \S+ · \w{8}", one) for one in options)
        assert sorted(one[-8:] for one in options) == sorted(ids)


def ask_options() -> list[str]:
    return list(start("2_Ask").multiselect[0].options)


def test_the_original_is_read_when_it_is_asked_for_and_not_before(
    data_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace = open_workspace(load_settings(), "the dashboard")
    queue(workspace, tmp_path, "pier.txt")
    until(start(), lambda _: workspace.documents()[0].state is State.READY)
    document = workspace.documents()[0]
    assert workspace.original(document) == (tmp_path / "pier.txt").read_bytes()
    monkeypatch.setattr(Workspace, "original", lambda *_: pytest.fail("read too early"))
    app = start("3_Collections")
    healthy(app.selectbox(key="document-documents").select(document.id).run())
    assert [one.proto.label for one in app.get("download_button")] == ["Download the original"]
    monkeypatch.undo()
    workspace.delete(document.id)
    with pytest.raises(NotFoundError, match="has been deleted"):
        workspace.original(document)


def test_what_can_be_undone_is_deleted_at_once_and_what_cannot_only_after_asking(data_dir: Path) -> None:
    workspace = open_workspace(load_settings(), "the dashboard")
    for name in ("keep.txt", "drop.txt"):
        data_dir.with_name(name).write_text(f"This is the file that is called {name}, and it says little.")
    list(workspace.ingest([data_dir.with_name(name) for name in ("keep.txt", "drop.txt")]))
    drop = next(one for one in workspace.documents() if one.name == "drop.txt")
    app = start("3_Collections")
    healthy(app.selectbox(key="document-documents").select(drop.id).run())
    press(app, "Delete")
    assert [one.name for one in workspace.documents()] == ["keep.txt"]
    assert "Deleted “drop.txt”" in plain(app)
    healthy(app.segmented_control(key="collections_view").set_value("Upkeep").run())
    press(app, "Delete this collection")
    assert "cannot be undone" in shown(app)
    assert "Answers already given keep what they quote until their conversation is deleted" in plain(app)
    assert len(workspace.documents()) == 1
    healthy(app.button(key="really-delete").click().run())
    assert workspace.collections() == []
    assert "no documents yet" in shown(app)


def test_erasing_everything_needs_the_word(data_dir: Path) -> None:
    workspace = open_workspace(load_settings(), "the dashboard")
    list(workspace.ingest([ROOT / "samples" / "tarnholt-q1-2026-earnings-call.txt"]))
    app = start("3_Collections")
    healthy(app.segmented_control(key="collections_view").set_value("Upkeep").run())
    erase = next(one for one in app.button if one.label == "Erase everything")
    assert erase.disabled
    healthy(app.text_input(key="erase-word").set_value("erase").run())
    press(app, "Erase everything")
    assert workspace.documents() == []
    assert str(data_dir) in [one.value for one in app.code]


# -- the demo --------------------------------------------------------------------------------------


def test_the_demo_has_the_samples_and_nothing_that_changes_them(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAG_DEMO", "true")
    config.set_option("server.address", "0.0.0.0")
    app = start()
    assert app.metric[0].value == "4"
    assert [one.proto.label for one in app.sidebar.get("page_link")][:3] == ["Home", "Ask", "Collections"]
    app = start("1_Upload")
    assert not app.file_uploader
    assert "read-only demo" in app.info[0].value
    app = start("3_Collections")
    assert not [label for label in labels(app) if "Delete" in label or "Erase" in label]


def test_the_demo_shows_progress_without_buttons(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAG_DEMO", "true")
    workspace = open_workspace(load_settings(), "the dashboard")
    monkeypatch.setattr(workspace.worker, "start", lambda: False)
    next(workspace.seed([ROOT / "samples" / REPORT]))
    app = start("3_Collections")
    assert [one.proto.text for one in app.sidebar.get("progress")] == ["Indexing · 0 of 1 document"]
    assert "See each document" not in [one.proto.label for one in app.sidebar.get("page_link")]
    assert "Cancel" not in labels(app)


# -- the door --------------------------------------------------------------------------------------


@pytest.mark.parametrize("page", ["", "1_Upload", "2_Ask", "3_Collections", "4_Experiments"])
def test_reachable_from_elsewhere_without_a_password_nothing_is_shown(indexed: Path, page: str) -> None:
    config.set_option("server.address", "0.0.0.0")
    app = start(page)
    assert [one.value for one in app.title] == ["Footnote is not open yet"]
    assert "hash-password" in shown(app)
    assert REPORT not in plain(app)
    assert not app.sidebar.get("page_link")


@pytest.mark.parametrize("address", ["localhost", "0.0.0.0"])
def test_the_password_is_asked_for_wherever_one_is_set(indexed: Path, address: str) -> None:
    config.set_option("server.address", address)
    app = start("3_Collections", RAG_PASSWORD_HASH=hash_password("open sesame"))
    assert REPORT not in plain(app)
    assert not app.dataframe
    app.text_input[0].set_value("let me in")
    press(app, "Open")
    assert "not the password" in app.error[0].value
    app.text_input[0].set_value("open sesame")
    press(app, "Open")
    assert REPORT in list(app.dataframe[0].value["Document"])
    press(app, "Lock")
    assert not app.dataframe


def test_a_changed_password_closes_the_door_again(indexed: Path) -> None:
    app = start("3_Collections", RAG_PASSWORD_HASH=hash_password("open sesame"))
    app.text_input[0].set_value("open sesame")
    assert press(app, "Open").dataframe
    app.secrets["RAG_PASSWORD_HASH"] = hash_password("another")
    assert not healthy(app.run()).dataframe


def test_guessing_is_slowed_for_everybody_together() -> None:
    now = [0.0]
    throttle = door.Throttle(lambda: now[0])
    assert [throttle.attempt(lambda: False) for _ in range(4)] == [False] * 4
    assert throttle.wait() == 0
    throttle.attempt(lambda: False)
    first = throttle.wait()
    assert first > 0
    assert not throttle.attempt(lambda: True), "the right password counts only after the wait"
    now[0] += first
    throttle.attempt(lambda: False)
    assert throttle.wait() > first
    now[0] += 1000
    assert throttle.attempt(lambda: True)
    assert throttle.wait() == 0


@pytest.mark.parametrize(
    ("address", "headers", "here"),
    [
        ("localhost", {}, True),
        ("127.0.0.1", {"Host": "localhost:8501"}, True),
        ("::1", {"Host": "[::1]:8501", "Origin": "http://[::1]:8501"}, True),
        ("localhost", {"Host": "127.0.0.1:8501", "Origin": "http://localhost:8501"}, True),
        ("", {"Host": "localhost:8501"}, False),
        ("0.0.0.0", {"Host": "localhost:8501"}, False),
        ("192.168.1.7", {"Host": "localhost"}, False),
        ("localhost", {"Host": "footnote.example.com"}, False),
        ("localhost", {"Host": "localhost.example.com"}, False),
        ("localhost", {"Host": "localhost:8501", "Origin": "https://footnote.example.com"}, False),
        ("localhost", {"Host": "localhost:8501", "X-Forwarded-For": "203.0.113.9"}, False),
        ("localhost", {"Host": "localhost:8501", "Forwarded": "for=203.0.113.9"}, False),
        ("localhost", {"Host": "[nonsense"}, False),
        ("localhost", {"Host": ""}, False),
    ],
)
def test_who_counts_as_being_on_this_machine(address: str, headers: dict[str, str], here: bool) -> None:
    assert door.on_this_machine(_in_brackets(address), headers) is here


def _in_brackets(address: str) -> str:
    return f"[{address}]" if ":" in address else address


@pytest.mark.parametrize(
    ("user", "allowed", "enters"),
    [
        ({"email": "ada@example.com"}, None, True),
        ({"email": "Ada@Example.com"}, ["ada@example.com"], True),
        ({"email": "eve@example.com"}, ["ada@example.com"], False),
        ({"email": "ada@example.com", "email_verified": False}, ["ada@example.com"], False),
        ({}, ["ada@example.com"], False),
        ({"email": "ada@example.com"}, [], False),
    ],
)
def test_a_list_of_readers_lets_in_who_is_on_it(user: dict[str, Any], allowed: Any, enters: bool) -> None:
    assert door.may_enter(user, allowed) is enters


def test_the_configuration_keeps_to_this_machine() -> None:
    written = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text())
    assert written["server"]["address"] == "localhost"
    assert written["browser"] == {"serverAddress": "localhost", "gatherUsageStats": False}
    assert written["client"]["showErrorDetails"] == "none"
    assert "//" not in str(written["theme"]), "a font from elsewhere"


# -- when something is wrong -----------------------------------------------------------------------


def test_a_folder_that_is_in_use_is_said_with_a_way_to_try_again(data_dir: Path) -> None:
    other = Folder(data_dir)
    other.own("another program")
    app = start("2_Ask")
    assert [one.value for one in app.title] == ["Footnote is open elsewhere"]
    assert "in use by" in plain(app)
    other.release()
    press(app, "Try again")
    assert [one.value for one in app.title] == ["Ask"]


def test_settings_that_are_wrong_are_named(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAG_TOP_K", "many")
    app = start()
    assert "RAG_TOP_K" in plain(app)
    assert not TRACEBACK.search(plain(app))


def test_settings_come_from_secrets_too(data_dir: Path) -> None:
    app = start("1_Upload", RAG_COLLECTION="Law", rag_top_k=7, unrelated="x")
    assert app.selectbox(key="upload_collection").value == "Law"


def test_an_error_is_one_line_with_what_to_do(indexed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def down(*_: object) -> None:
        raise StoreUnavailableError("Chroma does not answer. Start it again.")

    monkeypatch.setattr(Workspace, "search", down)
    app = ask(start("2_Ask"), DIVIDEND)
    assert "Chroma does not answer" in app.error[0].value.replace("\\", "")


def test_an_unexpected_error_shows_a_number_and_logs_the_rest(
    indexed: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("secret detail")

    monkeypatch.setattr(Workspace, "collections", broken)
    app = start("3_Collections")
    number = re.search(r"under ([0-9a-f]{8})", app.error[0].value)
    assert number
    assert number[1] in caplog.text
    assert "secret detail" in caplog.text
    assert "secret detail" not in shown(app)


# -- where to look ---------------------------------------------------------------------------------


@pytest.fixture
def tagged(data_dir: Path, tmp_path: Path) -> Workspace:
    """Leases of two years and a recipe, each with a tag."""
    workspace = open_workspace(load_settings(data_dir=data_dir), "the dashboard")
    for name, tag, text in (
        ("lease-2023.txt", "old", "The yearly rent of the harbour office is 71,000 euros."),
        ("lease-2024.txt", "new", "The yearly rent of the harbour office is 84,000 euros."),
        ("bread.md", "new", "Mix rye flour with warm water."),
    ):
        (tmp_path / name).write_text(text)
        list(workspace.ingest([tmp_path / name], tags=[tag]))
    return workspace


def scope(app: AppTest) -> dict[str, Any]:
    """What the address says beside the conversation."""
    return {key: value for key, value in app.query_params.items() if key != "conversation"}


RENT = "What is the yearly rent of the harbour office?"


def test_the_scope_is_in_chips_and_in_the_address_and_a_chip_takes_it_away(tagged: Workspace) -> None:
    app = start("2_Ask")
    assert "Only in" not in plain(app)
    tags = next(one for one in app.multiselect if one.label == "Tags")
    healthy(tags.set_value(["old"]).run())
    assert "Searching 1 document in the collection" in plain(app)
    ask(app, RENT)
    assert "71,000" in plain(app)
    assert "84,000" not in plain(app)
    address = scope(app)
    assert address == {"collection": "documents", "tag": "old"}

    elsewhere = AppTest.from_file(str(ROOT / "streamlit_app.py"), default_timeout=30).switch_page("pages/2_Ask.py")
    for key, value in address.items():
        elsewhere.query_params[key] = value
    healthy(elsewhere.run())
    assert "Searching 1 document in the collection" in plain(elsewhere)
    press(elsewhere, "tag old")
    assert "Searching every document in the collection" in plain(elsewhere)
    assert not elsewhere.query_params


def test_all_filters_together_can_be_shared_and_cleared(tagged: Workspace) -> None:
    lease = next(one for one in tagged.documents() if one.name == "lease-2024.txt")
    app = AppTest.from_file(str(ROOT / "streamlit_app.py"), default_timeout=30).switch_page("pages/2_Ask.py")
    wanted = {"document": lease.id[:16], "tag": "new", "type": "txt", "since": "2020-01-01", "k": "3"}
    for key, value in wanted.items():
        app.query_params[key] = value
    healthy(app.run())
    chips = [one.label.replace("\\", "") for one in app.button if str(one.key).startswith("chip-")]
    assert chips == ["lease-2024.txt", "tag new", "Text", "from 1 Jan 2020"]
    assert scope(app) == {"collection": "documents", **wanted}
    assert "84,000" in plain(ask(app, RENT))
    press(app, "Clear all")
    assert "Searching every document" in plain(app)
    assert scope(app) == {"collection": "documents", "k": "3"}


def test_a_link_to_what_is_gone_says_so_and_searches_nothing_else(tagged: Workspace) -> None:
    app = AppTest.from_file(str(ROOT / "streamlit_app.py"), default_timeout=30).switch_page("pages/2_Ask.py")
    app.query_params["document"] = "0123456789abcdef"
    healthy(app.run())
    assert "1 document that the link names cannot be found here" in plain(app)
    assert "No document is in all of these filters" in plain(app)
    ask(app, RENT)
    assert "000 euros" not in plain(app)

    app.query_params["collection"] = "never <b>was</b>"
    healthy(app.run())
    assert "There is no collection “never <b>was</b>” any more" in plain(app)
    assert "Searching every document" in plain(app)


@pytest.mark.parametrize(
    "address",
    [
        {"since": "yesterday"},
        {"k": "99999"},
        {"k": "-1"},
        {"until": "2500-01-01"},
        {"type": "![x](http://evil.test/a.png)"},
    ],
)
def test_nonsense_in_the_address_does_no_harm(tagged: Workspace, address: dict[str, str]) -> None:
    app = AppTest.from_file(str(ROOT / "streamlit_app.py"), default_timeout=30).switch_page("pages/2_Ask.py")
    for key, value in address.items():
        app.query_params[key] = value
    healthy(app.run())
    assert not app.error
    assert "000 euros" in plain(ask(app, RENT))


# -- why these, and why not that -------------------------------------------------------------------


def test_why_a_source_was_found_and_another_page_was_not(indexed: Path) -> None:
    app = start("2_Ask")
    next(one for one in app.slider if one.label == "Passages to find").set_value(2)
    ask(healthy(app.run()), DIVIDEND)
    press(unfold(app), "Why these?")
    table = app.dataframe[0].value
    assert f"page 3 · {REPORT}" in list(table["Source"])
    assert len(table) == 2
    assert table["Words"][0] in ("1st", "2nd", "3rd")
    assert table["Meaning"][0].endswith(("st", "nd", "rd", "th"))
    choose = next(one for one in app.selectbox if one.label == "Document")
    healthy(choose.select(REPORT).run())
    page = next(one for one in app.number_input if one.label == "Page")
    healthy(page.set_value(9).run())
    assert f"Page 9 of {REPORT} is not among the sources" in plain(app)
    page = next(one for one in app.number_input if one.label == "Page")
    healthy(page.set_value(3).run())
    assert f"Page 3 of {REPORT} is among the 2 sources" in app.success[0].value.replace("\\", "")
    press(app, "See it on its page")
    assert "page 3 of 14" in plain(app)
