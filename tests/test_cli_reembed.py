"""The command line's `reembed`, as other programs see it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from rag.records import Recipe
from rag.settings import load_settings
from rag.workspace import Workspace
from tests.test_cli import run

pytestmark = pytest.mark.end_to_end


@pytest.fixture
def data(tmp_path: Path, notes: Path) -> Path:
    with Workspace(load_settings(data_dir=tmp_path / "data")) as workspace:
        list(workspace.ingest([notes]))
    return tmp_path / "data"


def reembed(data: Path, *options: str, **environment: str) -> Any:
    return run("reembed", "documents", *options, "--json", "--data-dir", data, **environment)


def said(result: Any) -> dict[str, Any]:
    assert result.returncode == 0, result.stderr
    row: dict[str, Any] = json.loads(result.stdout)
    return row


def test_a_collection_is_made_searched_and_swapped_in(data: Path) -> None:
    assert said(reembed(data, "--status")) == {"collection": "documents", "state": "none"}
    made = said(reembed(data, "--chunk-tokens", "40"))
    assert (made["state"], made["documents"], made["ready"], made["failures"]) == ("ready", 1, 1, [])
    assert made["recipe"] | {"chunk_tokens": 40} == made["recipe"]
    assert (made["recipe"]["model"], made["recipe"]["precision"]) == ("bundled", "int8")
    found = run("search", "yearly rent", "--collection", made["search_as"], "--json", "--data-dir", data)
    assert "84,000" in found.stdout
    listed = run("collections", "--json", "--data-dir", data)
    assert [json.loads(line)["name"] for line in listed.stdout.splitlines()] == ["documents"]
    assert said(reembed(data, "--status"))["state"] == "ready"
    assert said(reembed(data, "--swap"))["state"] == "swapped"
    assert said(reembed(data, "--status"))["state"] == "none"
    with Workspace(load_settings(data_dir=data)) as workspace:
        assert workspace.collection().recipe == Recipe("bundled", "int8", 40)
        assert "84,000" in workspace.ask("How high is the yearly rent?").text


def test_it_is_made_and_swapped_in_one_go_or_discarded(data: Path) -> None:
    assert said(reembed(data, "--precision", "fp32", "--swap"))["state"] == "swapped"
    said(reembed(data, "--chunk-tokens", "40"))
    assert said(reembed(data, "--discard"))["state"] == "discarded"
    again = reembed(data, "--discard")
    assert again.returncode == 2
    assert "not being re-embedded" in again.stderr


def test_without_options_it_is_made_as_is_set(data: Path) -> None:
    assert "made in that way" in reembed(data).stderr
    refused = run("search", "rent", "--data-dir", data, RAG_CHUNK_TOKENS="100")
    assert "reembed" in refused.stderr
    assert said(reembed(data, "--swap", RAG_CHUNK_TOKENS="100"))["state"] == "swapped"
    assert "84,000" in run("search", "rent", "--data-dir", data, RAG_CHUNK_TOKENS="100").stdout


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--model", "nobody/no-such-model"), "nobody/no-such-model"),
        (("--chunk-tokens", "7"), "between 32"),
        (("--precision", "int4"), "invalid choice"),
    ],
)
def test_what_cannot_be_made_is_said(data: Path, options: tuple[str, ...], says: str) -> None:
    result = reembed(data, *options)
    assert result.returncode != 0
    assert says in result.stderr
    assert said(reembed(data, "--status"))["state"] == "none"


def test_a_document_that_fails_is_named(data: Path, tmp_path: Path) -> None:
    with Workspace(load_settings(data_dir=data)) as workspace:
        workspace.folder.original(workspace.documents()[0].id).rename(tmp_path / "away")
    result = reembed(data, "--chunk-tokens", "40", "--swap")
    assert result.returncode == 1
    assert json.loads(result.stdout)["failures"][0]["name"] == "lease.md"
    assert "--without-failed" in result.stderr
    assert said(reembed(data, "--swap", "--without-failed"))["state"] == "swapped"


def test_what_was_made_is_rehearsed_before_it_is_swapped_in(data: Path, tmp_path: Path) -> None:
    asked = {"question": "How high is the yearly rent?", "document": "lease.md", "quote": "84,000 euros"}
    (tmp_path / "rent.jsonl").write_text(json.dumps(asked), encoding="utf-8")

    def rehearse() -> Any:
        return run("rehearse", "documents", "--set", tmp_path / "rent.jsonl", "--json", "--data-dir", data)

    nothing = rehearse()
    assert nothing.returncode == 2
    assert "not being re-embedded" in nothing.stderr
    said(reembed(data, "--chunk-tokens", "40"))
    done = rehearse()
    assert done.returncode == 0, done.stderr
    *runs, row = [json.loads(line) for line in done.stdout.splitlines()]
    assert {one["configuration"]["chunk_tokens"] for one in runs} == {40, 200}
    assert len(row["won"]) + len(row["lost"]) + row["same"] == 1
    assert row["passages"]["then"] > row["passages"]["now"]
    assert said(reembed(data, "--status"))["state"] == "ready", "nothing was swapped in"
