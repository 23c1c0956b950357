"""The command line as other programs see it: a process, its exit code, its JSON lines."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageDraw, ImageFont

from rag import __version__
from rag.passwords import verify_password
from rag.records import KeptTurn, Search
from rag.settings import load_settings
from rag.workspace import Workspace
from tests import pdfs
from tests.conftest import NOTES
from tests.llm_server import Behaviour, language_model_server

pytestmark = pytest.mark.end_to_end

ROOT = Path(__file__).resolve().parent.parent
INGESTED = {
    "path",
    "document",
    "name",
    "state",
    "reason",
    "pages",
    "chunks",
    "seconds",
    "ocr_pages",
    "unread_pages",
    "timings",
}
HIT = {"rank", "score", "document", "name", "page", "heading", "start", "end", "text", "edited", "ranks", "scores"}
ANSWER = {
    "id",
    "question",
    "answer",
    "abstained",
    "abstention",
    "closest",
    "citations",
    "model",
    "ledger",
    "searched",
    "timings",
}
ANSWER |= {"confidence", "seconds"}
CITATION = {"number", "document", "name", "page", "heading", "quote", "start", "end", "highlights", "edited", "printed"}


def run(*arguments: str | Path, typed: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "rag", *map(str, arguments)],
        cwd=ROOT,
        env=os.environ | environment,
        input=typed,
        capture_output=True,
        encoding="utf-8",
        timeout=120,
    )


def rows(done: subprocess.CompletedProcess[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with the notes indexed, and beside it the files it was made from."""
    home = tmp_path_factory.mktemp("cli")
    (home / "files" / "sub").mkdir(parents=True)
    (home / "files" / "lease.md").write_text(NOTES, encoding="utf-8")
    (home / "files" / "sub" / "bread.txt").write_text("Rye bread needs sourdough.\r\n", encoding="utf-8", newline="")
    (home / "files" / "table.xyz").write_text("1,2", encoding="utf-8")
    (home / "files" / ".hidden.txt").write_text("hidden", encoding="utf-8")
    done = run("--data-dir", home / "data", "ingest", home / "files", "--json")
    assert done.returncode == 0, done.stderr
    assert [(row["name"], row["state"]) for row in rows(done)] == [("lease.md", "ready"), ("bread.txt", "ready")]
    assert all(set(row) == INGESTED for row in rows(done))
    assert "table.xyz" in done.stderr
    return home


def test_ingesting_again_finds_duplicates_and_failures_make_exit_code_1(folder: Path) -> None:
    (folder / "empty.txt").touch()
    done = run("ingest", folder / "files" / "lease.md", folder / "empty.txt", "--json", "--data-dir", folder / "data")
    assert [(row["name"], row["state"]) for row in rows(done)] == [("lease.md", "duplicate"), ("empty.txt", "failed")]
    assert "empty" in rows(done)[1]["reason"]
    assert done.returncode == 1


def test_search(folder: Path) -> None:
    done = run("--data-dir", folder / "data", "search", "How high is the rent?", "-k", "2", "--json")
    (row,) = rows(done)
    assert set(row) == {"id", "question", "hits", "seconds"}
    assert row["id"] is None
    assert [hit["rank"] for hit in row["hits"]] == [1, 2]
    first = row["hits"][0]
    assert set(first) == HIT
    assert first["ranks"] == {"lexical": 1, "dense": 1, "late": 1}
    assert first["scores"].keys() == first["ranks"].keys()
    assert 0 <= first["score"] <= 1
    text = run("--data-dir", folder / "data", "text", first["document"]).stdout
    assert text[first["start"] : first["end"]] == first["text"]
    assert "84,000" in first["text"]


def test_explain(folder: Path) -> None:
    data, asked = ("--data-dir", folder / "data"), "How high is the rent?"
    (found,) = rows(run(*data, "search", asked, "-k", "1", "--json"))
    best = found["hits"][0]
    page = ("--document", best["document"][:8], "--page", best["page"])
    (row,) = rows(run(*data, "explain", asked, *page, "--json"))
    assert (row["rank"], row["removed"], row["text"]) == (1, "", best["text"])
    assert (row["ranks"], row["scores"]) == (best["ranks"], best["scores"])
    said = run(*data, "explain", asked, *page).stdout
    assert "lease.md, section 1" in said
    assert "is found, as number 1" in said
    assert "number 1 by its words" in said
    left_out = run(*data, "explain", asked, *page, "--where", '{"type": "txt"}').stdout
    assert "is not found: the filter leaves it out" in left_out
    wrong = run(*data, "explain", asked, *page[:-1], "9")
    assert (wrong.returncode, "Section 9 of lease.md has no text" in wrong.stderr) == (2, True)


def test_a_file_of_questions_is_answered_in_order(folder: Path) -> None:
    queries = folder / "queries.jsonl"
    lines = [{"id": "b", "question": "How high is the rent?"}, {"question": "  "}, {"id": 3, "question": "Sourdough?"}]
    queries.write_text("\n".join(map(json.dumps, lines)) + "\n", encoding="utf-8")
    done = run("--data-dir", folder / "data", "search", "--queries", queries, "--json", "-k", "1")
    found = rows(done)
    assert [row["id"] for row in found] == ["b", None, 3]
    assert found[0]["hits"][0]["name"] == "lease.md"
    assert found[1]["hits"] == []
    assert "empty" in found[1]["error"]
    assert found[2]["hits"][0]["name"] == "bread.txt"
    assert done.returncode == 1


def test_a_malformed_line_stops_no_other(folder: Path) -> None:
    queries = folder / "queries.jsonl"
    lines = ['{"id": 1, "question": "How high is the rent?"}', "not JSON", '{"id": 7}', "[1]", "[" * 100_000]
    lines += ['{"id": 8, "question": 5}', '{"id": 9, "question": "Sourdough?"}']
    queries.write_text("\n".join(lines), encoding="utf-8")
    for command in ("search", "ask"):
        done = run("--data-dir", folder / "data", command, "--queries", queries, "--json")
        found = rows(done)
        assert [row["id"] for row in found] == [1, None, 7, None, None, 8, 9]
        assert [int(row["error"].split("line ")[1][0]) for row in found if "error" in row] == [2, 3, 4, 5, 6]
        assert (found[1]["question"], done.returncode, done.stderr) == ("", 1, "")
    shown = run("--data-dir", folder / "data", "ask", "--queries", queries)
    assert "line 2: not an object" in shown.stdout + shown.stderr
    assert "84,000" in shown.stdout


def test_a_document_is_given_by_its_name(folder: Path) -> None:
    overview = run("--data-dir", folder / "data", "overview", "lease.md", "--json")
    assert rows(overview)[0]["name"] == "lease.md"
    asked = ("explain", "How high is the rent?", "--document", "lease.md", "--page", "1", "--json")
    assert rows(run("--data-dir", folder / "data", *asked))[0]["name"] == "lease.md"
    missing = run("--data-dir", folder / "data", "text", "leas.md")
    assert (missing.returncode, "no document's name" in missing.stderr) == (2, True)
    missing = run("--data-dir", folder / "data", "text", "another-lease.md")
    assert (missing.returncode, "id or the name" in missing.stderr) == (2, True)


def test_answers_are_written_with_their_evidence(folder: Path, tmp_path: Path) -> None:
    ask = ("--data-dir", folder / "data", "ask", "How high is the rent?", "--where", '{"page": 1}', "--evidence")
    for name in ("proof.html", "proof.md"):
        done = run(*ask, tmp_path / name)
        assert done.returncode == 0, done.stderr
        assert name in done.stderr
        made = (tmp_path / name).read_text(encoding="utf-8")
        assert "84,000 euros" in made
        assert "lease.md, section 1" in made
        assert "page" in made.partition("Filter")[2][:60]
    done = run(*ask, tmp_path / "missing" / "proof.html")
    assert done.returncode == 2
    assert "Name another file" in done.stderr


def test_ask(folder: Path) -> None:
    (row,) = rows(run("--data-dir", folder / "data", "ask", "How high is the rent?", "--json"))
    assert set(row) == ANSWER
    assert "84,000 euros" in row["answer"]
    assert row["ledger"] == []
    assert (row["abstained"], row["model"]) == (False, "extractive")
    assert set(row["citations"][0]) == CITATION
    (row,) = rows(run("--data-dir", folder / "data", "ask", "Which vaccine for yellow fever?", "--json"))
    assert (row["abstained"], row["abstention"], row["citations"]) == (True, "in no document", [])
    assert {"name", "page", "text"} <= set(row["closest"][0])
    shown = run("--data-dir", folder / "data", "ask", "Which vaccine for yellow fever?").stdout
    assert "do not answer" in shown
    assert "Close to it: lease.md" in shown or "Close to it: bread.txt" in shown


def test_sentences_that_the_passages_do_not_bear_out_are_named(folder: Path) -> None:
    said = ("The yearly rent is 84,000 euros [1]. ", "The rent [is] 99,000 dollars [1].")
    with language_model_server(Behaviour(pieces=said)) as server:
        model = {"RAG_LLM": "openai:test", "RAG_LLM_BASE_URL": server.openai_url}
        asked = ("--data-dir", folder / "data", "ask", "How high is the rent?")
        (row,) = rows(run(*asked, "--json", **model))
        shown = run(*asked, **model).stdout
    assert [one["verdict"] for one in row["ledger"]] == ["verbatim", "unsupported"]
    doubtful = row["ledger"][1]
    assert row["answer"][doubtful["start"] : doubtful["end"]] == doubtful["text"] == "The rent [is] 99,000 dollars [1]."
    assert set(doubtful["rests_on"]) == CITATION
    assert "Not in the passages: “The rent [is] 99,000 dollars [1].” Not found there: 99,000 dollars." in shown
    assert shown.count("in the passages: ") == 1


def test_a_follow_up_question_is_completed_from_the_one_before(folder: Path) -> None:
    asked = (
        "--data-dir",
        folder / "data",
        "ask",
        "What is its rent?",
        "--after",
        "How long is the lease of Harbour Street?",
    )
    (row,) = rows(run(*asked, "--json"))
    assert (row["question"], row["searched"]) == ("What is its rent?", "What is Harbour Street’s rent?")
    assert "84,000" in row["answer"]
    assert "Searched for: What is Harbour Street’s rent?" in run(*asked).stdout


def test_overview(folder: Path) -> None:
    asked = ("--data-dir", folder / "data", "search", "rent", "-k", "1", "--json")
    document = rows(run(*asked))[0]["hits"][0]["document"]
    done = run("--data-dir", folder / "data", "overview", document[:10], "--json")
    (row,) = rows(done)
    assert (row["document"], row["name"], row["model"]) == (document, "lease.md", "extractive")
    assert {"level": 2, "title": "Repairs", "page": 1} in row["outline"]
    quotes = [one for section in row["sections"] for one in section["citations"]]
    assert quotes == row["citations"]
    assert all(set(one) == CITATION for one in quotes)
    assert "[^1]: lease.md, section 1 · Lease of the Harbour Street office" in row["markdown"]
    assert "Choosing the sentences" in done.stderr
    plain = run("--data-dir", folder / "data", "overview", document)
    shown = plain.stdout
    assert (plain.returncode, "Traceback" in plain.stderr) == (0, False)
    assert "  Lease of the Harbour Street office section 1\n    Repairs section 1" in shown
    assert "[1] lease.md, section 1" in shown
    missing = run("--data-dir", folder / "data", "overview", "0" * 12)
    assert (missing.returncode, missing.stdout) == (2, "")
    assert "no document with the id" in missing.stderr


def test_an_overview_of_several_documents_says_how_to_have_one(folder: Path) -> None:
    done = run("--data-dir", folder / "data", "ask", "Summarise this document", "--json")
    (row,) = rows(done)
    assert (row["abstained"], row["abstention"], set(row)) == (True, "several documents", ANSWER)
    assert "Summarise " in row["answer"]
    assert "python -m rag overview DOCUMENT" in done.stderr
    asked = run("--data-dir", folder / "data", "ask", "Summarise lease.md", "--json")
    assert {one["name"] for one in rows(asked)[0]["citations"]} == {"lease.md"}


def test_people_get_readable_output(folder: Path) -> None:
    asked = run("--data-dir", folder / "data", "ask", "How high is the rent?").stdout
    assert "84,000" in asked
    assert "lease.md, section 1" in asked
    assert "lease.md" in run("--data-dir", folder / "data", "search", "rent").stdout
    assert "bread.txt" in run("--data-dir", folder / "data", "documents").stdout
    assert "documents" in run("--data-dir", folder / "data", "collections").stdout


def test_filters(folder: Path) -> None:
    where = '{"name": "bread.txt"}'
    (row,) = rows(run("--data-dir", folder / "data", "search", "rent", "--where", where, "--json"))
    assert {hit["name"] for hit in row["hits"]} == {"bread.txt"}


def test_text_is_the_exact_text(folder: Path) -> None:
    (document,) = [row for row in rows(run("--data-dir", folder / "data", "documents", "--json")) if row["pages"] == 1][
        :1
    ]
    done = subprocess.run(
        [sys.executable, "-m", "rag", "--data-dir", folder / "data", "text", document["id"]],
        cwd=ROOT,
        capture_output=True,
    )
    assert done.stdout == b"Rye bread needs sourdough.\r\n"


def test_delete(folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "short-lived.txt"
    path.write_text("Soon to be gone.", encoding="utf-8")
    (row,) = rows(run("--data-dir", folder / "data", "ingest", path, "--collection", "other", "--json"))
    assert [one["name"] for one in rows(run("--data-dir", folder / "data", "collections", "--json"))] == [
        "documents",
        "other",
    ]
    done = run("--data-dir", folder / "data", "delete", row["document"], "--collection", "other", "--json")
    assert rows(done)[0]["state"] == "deleted"
    assert run("--data-dir", folder / "data", "text", row["document"]).returncode == 2


def test_a_table_s_columns_are_named_with_each_passage(tmp_path: Path) -> None:
    table = tmp_path / "suppliers.csv"
    table.write_text("Supplier,Payment days\n" + "".join(f"Firm {n},{n + 10}\n" for n in range(40)), encoding="utf-8")
    run("--data-dir", tmp_path / "data", "ingest", table)
    (found,) = rows(run("--data-dir", tmp_path / "data", "search", "Firm 12", "--json"))
    assert "Payment days" in found["hits"][0]["heading"]
    assert "Payment days" in run("--data-dir", tmp_path / "data", "search", "Firm 12").stdout
    (asked,) = rows(run("--data-dir", tmp_path / "data", "ask", "How many payment days has Firm 12?", "--json"))
    assert "Payment days" in asked["citations"][0]["heading"]


def test_files_of_one_name_in_subfolders_are_all_kept_under_names_that_tell_them_apart(tmp_path: Path) -> None:
    for year in ("2023", "2024"):
        (tmp_path / "post" / year).mkdir(parents=True)
        (tmp_path / "post" / year / "letter.txt").write_text(f"The letter of {year}.", encoding="utf-8")
    for _ in range(2):
        done = run("--data-dir", tmp_path / "data", "ingest", "--replace", tmp_path / "post")
        assert done.returncode == 0, done.stdout
    names = [row["name"] for row in rows(run("--data-dir", tmp_path / "data", "documents", "--json"))]
    assert names == ["post - 2023 - letter.txt", "post - 2024 - letter.txt"]


def test_a_terminal_shows_in_the_end_what_became_of_all_and_pages_read_by_ocr_say_so(tmp_path: Path) -> None:
    scan, notes, broken = tmp_path / "scan.png", tmp_path / "lease.md", tmp_path / "broken.pdf"
    picture = Image.new("L", (1200, 300), 255)
    ImageDraw.Draw(picture).text((60, 100), "THE DEPOSIT IS 4200 EUROS", fill=0, font=ImageFont.load_default(56))
    picture.save(scan)
    notes.write_text(NOTES, encoding="utf-8")
    broken.write_bytes(b"%PDF-1.7 no more")
    data = tmp_path / "data"
    done = run("--data-dir", data, "ingest", scan, notes, broken, FORCE_COLOR="1", COLUMNS="120")
    shown = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", done.stderr)
    last = [line for line in re.split(r"[\r\n]", shown) if line.strip()][-1]
    assert "3 files: 2 ready, 1 failed" in last, shown
    assert "pages: 1 (1 read by OCR)" in done.stdout
    assert "sections: 1, chunks" in done.stdout
    assert done.returncode == 1
    deleted = run("--data-dir", data, "delete", "--failed", "--json")
    assert [row["name"] for row in rows(deleted)] == ["broken.pdf"]
    left = rows(run("--data-dir", data, "documents", "--json"))
    assert [row["name"] for row in left] == ["lease.md", "scan.png"]
    assert left[1]["timings"]["ocr"] > 0
    assert left[1]["seconds"] >= left[1]["timings"]["ocr"]


def test_a_password_can_be_given_later(tmp_path: Path) -> None:
    locked, data = tmp_path / "locked.pdf", tmp_path / "data"
    locked.write_bytes(pdfs.encrypted_pdf(pdfs.text_pdf(["The vault opens at nine."]), "sesame"))
    (row,) = rows(run("--data-dir", data, "ingest", locked, "--json"))
    assert (row["state"], "--ask-password" in row["reason"]) == ("failed", True)
    retry = ("--data-dir", data, "retry", row["document"], "--ask-password", "--json")
    wrong = run(*retry, typed="open\n")
    assert (wrong.returncode, wrong.stdout) == (1, "")
    assert "password does not open" in wrong.stderr
    assert [one["state"] for one in rows(run(*retry, typed="sesame\n"))] == ["ready"]


def test_what_is_ready_cannot_be_cancelled_and_that_is_said(folder: Path) -> None:
    (document, *_) = rows(run("--data-dir", folder / "data", "documents", "--json"))
    done = run("--data-dir", folder / "data", "cancel", document["id"])
    assert done.returncode == 2
    assert f"{document['name']} is ready already, so nothing was cancelled" in done.stderr


def test_the_version() -> None:
    assert run("--version").stdout == f"footnote {__version__}\n"


def test_a_password_is_hashed() -> None:
    done = run("hash-password", typed="correct horse\n")
    assert verify_password("correct horse", done.stdout.strip())
    assert not verify_password("wrong horse", done.stdout.strip())


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["search", ""], 2, "The question is empty"),
        (["search", "rent", "-k", "0"], 2, "k is 0"),
        (["search", "rent", "-k", "many"], 2, "invalid int value"),
        (["search", "rent", "--where", "{page: 1}"], 2, "not JSON"),
        (["search", "rent", "--where", '{"author": "x"}'], 2, "no field 'author'"),
        (["search", "rent", "--collection", "missing"], 2, "no collection named 'missing'"),
        (["search"], 2, "one question, or a file of them"),
        (["search", "--queries", "missing.jsonl"], 2, "cannot be read"),
        (["ask", "x" * 10_000], 2, "10,000 characters"),
        (["delete", "0123456789"], 2, "no document with the id"),
        (["delete", "e"], 2, "too short"),
        (["delete"], 2, "--failed"),
        (["text", ""], 2, "too short"),
        (["documents", "--collection", "missing"], 2, "no collection named 'missing'"),
        (["ingest", "x", "--collection", ""], 2, "collection's name"),
        (["fly"], 2, "invalid choice"),
        ([], 2, "required"),
    ],
)
def test_wrong_usage_is_one_line_with_the_remedy(folder: Path, arguments: list[str], code: int, says: str) -> None:
    done = run("--data-dir", folder / "data", *arguments)
    assert done.returncode == code
    assert says in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
    if says not in ("invalid choice", "required", "invalid int value"):  # argparse adds the usage
        assert len(done.stderr.splitlines()) == 1


def test_wrong_settings_are_named(tmp_path: Path) -> None:
    done = run("--data-dir", tmp_path, "documents", RAG_TOP_K="many")
    assert done.returncode == 1
    assert "RAG_TOP_K" in done.stderr
    assert "Traceback" not in done.stderr


def test_while_another_process_owns_the_folder(workspace: Workspace, notes: Path) -> None:
    data = workspace.folder.path
    refused = run("--data-dir", data, "search", "rent")
    assert refused.returncode == 1
    assert "RAG_CHROMA_MODE=server" in refused.stderr
    queued = run("--data-dir", data, "ingest", notes, "--json")
    assert rows(queued)[0]["state"] == "queued"
    assert "in use by" in rows(queued)[0]["reason"]
    assert queued.returncode == 0
    assert [one.name for one in workspace.unfinished()] == ["lease.md"]


def test_a_cold_search_imports_no_torch_and_little_else(folder: Path) -> None:
    code = (
        "import sys; from rag.cli import main; "
        f"code = main(['--data-dir', {str(folder / 'data')!r}, '--json', 'ask', 'How high is the rent?']); "
        "print(sorted({'torch', 'transformers', 'sentence_transformers', 'mlflow', 'langchain', 'streamlit', 'pandas'}"
        " & set(sys.modules))); sys.exit(code)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "84,000" in done.stdout
    assert done.stdout.splitlines()[-1] == "[]"


def test_feedback_is_listed_beside_an_open_dashboard(tmp_path: Path) -> None:
    turn = KeptTurn("t1", "What was it?\x1b[2J", Search("documents"), datetime(2026, 1, 1, tzinfo=UTC))
    with Workspace(load_settings(data_dir=tmp_path / "data")) as workspace:
        workspace.keep_turn("c", turn)
        workspace.judge("c", turn, -1, "Wrong year")
        workspace.add_evaluation_row(turn, "", tags=["hard"])
        (row,) = rows(run("--data-dir", tmp_path / "data", "feedback", "--json"))
        assert (row["question"], row["about"], row["verdict"], row["note"]) == (
            turn.question,
            "answer",
            "bad",
            "Wrong year",
        )
        assert (row["collection"], row["turn"], row["page"]) == ("documents", "t1", None)
        told = run("--data-dir", tmp_path / "data", "feedback").stdout
        assert told == "What was it?\N{REPLACEMENT CHARACTER}[2J: bad (Wrong year)\n"
        (row,) = rows(run("--data-dir", tmp_path / "data", "feedback", "--evaluation", "--json"))
        assert (row["question"], row["expected_answer"], row["document"], row["tags"]) == (
            turn.question,
            "",
            "",
            ["hard"],
        )
