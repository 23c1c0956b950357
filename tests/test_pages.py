"""The dashboard's pages, run in this process without a browser, on real workspaces."""

from __future__ import annotations

import re
import sys
import time
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from streamlit import config
from streamlit.runtime.scriptrunner import StopException
from streamlit.testing.v1 import AppTest

from rag.errors import StoreUnavailableError
from rag.folder import Folder
from rag.passwords import hash_password
from rag.records import AnswerPiece
from rag.settings import load_settings
from rag.workspace import Workspace, open_workspace
from ui import door

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
    return "\n".join(str(one.value if kind != "html" else one.proto.body) for kind in kinds for one in app.get(kind))


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


def test_after_an_error_the_same_files_can_be_added_again(data_dir: Path) -> None:
    app = start("1_Upload")
    app.file_uploader[0].upload("lighthouse.txt", b"The lighthouse was built in 1861 by Ada Kern.\n" * 4)
    app.selectbox(key="upload_collection").select("New collection…").run()
    app.text_input[0].input("evil\u202e").run()
    app = press(app, "Add 1 file")
    assert "all of them visible" in plain(app)
    app.text_input[0].input("Harbour").run()
    app = press(app, "Add 1 file")
    until(app, lambda app: "Clear this list" in labels(app))
    assert [one.collection for one in open_workspace(load_settings()).documents()] == ["Harbour"]


def test_uploads_go_to_a_new_collection_and_each_outcome_is_told(data_dir: Path) -> None:
    app = start("1_Upload")
    app.file_uploader[0].upload("lighthouse.txt", b"The lighthouse was built in 1861 by Ada Kern.\n" * 4)
    app.file_uploader[0].upload("broken.pdf", b"%PDF-1.4 nothing")
    healthy(app.selectbox(key="upload_collection").select("New collection…").run())
    assert "Add 2 files" not in labels(app)
    healthy(app.text_input[0].set_value("Coast").run())
    press(app, "Add 2 files")
    until(app, lambda app: "Clear this list" in labels(app))
    assert re.search(r"lighthouse.txt.*\n.*Ready · 1 page · 1 passage", plain(app))
    assert re.search(r"broken.pdf.*\n.*damaged", plain(app))
    assert app.file_uploader[0].value == []
    assert [(one.name, one.collection) for one in open_workspace(load_settings()).documents()] == [
        ("broken.pdf", "Coast"),
        ("lighthouse.txt", "Coast"),
    ]


def test_reruns_ingest_nothing_again(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []
    ingest = Workspace.ingest
    monkeypatch.setattr(Workspace, "ingest", lambda self, *given: (calls.append(1), ingest(self, *given))[1])
    app = start("1_Upload")
    app.file_uploader[0].upload("note.txt", b"A note about nothing in particular, kept for a test.")
    press(app.run(), "Add 1 file")
    until(app, lambda app: "Clear this list" in labels(app))
    for _ in range(3):
        healthy(app.run())
    assert len(calls) == 1


def test_a_duplicate_is_called_one(indexed: Path) -> None:
    app = start("1_Upload")
    app.file_uploader[0].upload("again.pdf", (ROOT / "samples" / REPORT).read_bytes())
    press(app.run(), "Add 1 file")
    assert f"Already in 'documents' as {REPORT}" in plain(app)


def test_unfinished_documents_are_shown_in_a_session_that_did_not_hand_them_in(data_dir: Path) -> None:
    workspace = open_workspace(load_settings(), "the dashboard")
    workspace.worker.stop()
    next(workspace.ingest([ROOT / "samples" / REPORT]))
    app = start("1_Upload")
    assert f"**{REPORT}** – waiting its turn" in [one.proto.text.replace("\\", "") for one in app.get("progress")]


# -- ask -------------------------------------------------------------------------------------------


def test_an_answer_has_a_footnote_that_opens_the_passage_also_later(indexed: Path) -> None:
    app = ask(start("2_Ask"), DIVIDEND)
    assert "EUR 0.31 per share" in shown(app)
    assert footnotes(app)[0] == f"**[1]** {REPORT} · p. 3"
    ask(app, NONSENSE)
    press(app, "**[1]**")
    passage = [one.proto.body for one in app.get("html") if "<mark" in one.proto.body]
    assert re.search(r"<mark[^>]*>The Board proposes a dividend of EUR 0.31", passage[0])
    assert f"**{REPORT}** · page 3" in plain(app)
    assert "Letter from the Chair › Dividend" in plain(app)


def test_an_abstention_looks_different_and_offers_the_nearest_passages(indexed: Path) -> None:
    app = ask(start("2_Ask"), NONSENSE)
    assert "do not answer" in app.info[0].value
    assert footnotes(app) == []
    assert app.expander[0].label.startswith("5 nearest passages")


def test_examples_are_offered_and_asked(indexed: Path) -> None:
    app = press(start("2_Ask"), DIVIDEND)
    assert "EUR 0.31 per share" in shown(app)
    assert not [one for one in labels(app) if one.endswith("?")]


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
    ask(healthy(options.select(supply).run()), "How much notice ends the agreement?")
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


# -- collections -----------------------------------------------------------------------------------


def test_a_document_is_shown_down_to_its_chunks(indexed: Path) -> None:
    app = start("3_Collections")
    table = app.dataframe[0].value
    assert list(table["Document"]) == sorted(table["Document"])
    assert table.set_index("Document").loc[REPORT, "State"] == "Ready"
    document = next(one.id for one in open_workspace(load_settings()).documents() if one.name == REPORT)
    healthy(app.selectbox(key="document-documents").select(document).run())
    assert "14 pages" in shown(app)
    assert re.search(r"Chunk 1 · page 1 · characters 0–\d+", shown(app))
    assert len([one for one in app.caption if one.value.startswith("Chunk ")]) == 10
    assert not [label for label in labels(app) if label == "Delete"]


def test_deleting_asks_first(data_dir: Path) -> None:
    workspace = open_workspace(load_settings(), "the dashboard")
    for name in ("keep.txt", "drop.txt"):
        data_dir.with_name(name).write_text(f"This is the file that is called {name}, and it says little.")
    list(workspace.ingest([data_dir.with_name(name) for name in ("keep.txt", "drop.txt")]))
    drop = next(one for one in workspace.documents() if one.name == "drop.txt")
    app = start("3_Collections")
    healthy(app.selectbox(key="document-documents").select(drop.id).run())
    press(app, "Delete this document")
    assert "cannot be undone" in shown(app)
    assert len(workspace.documents()) == 2
    healthy(app.button(key="really-delete").click().run())
    assert [one.name for one in workspace.documents()] == ["keep.txt"]
    press(app, "Delete this collection")
    healthy(app.button(key="really-delete").click().run())
    assert workspace.collections() == []
    assert "no documents yet" in shown(app)


def test_erasing_everything_needs_the_word(data_dir: Path) -> None:
    workspace = open_workspace(load_settings(), "the dashboard")
    list(workspace.ingest([ROOT / "samples" / "tarnholt-q1-2026-earnings-call.txt"]))
    app = start("3_Collections")
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


# -- the door --------------------------------------------------------------------------------------


@pytest.mark.parametrize("page", ["", "1_Upload", "2_Ask", "3_Collections"])
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
