"""Kills an ingestion at random moments and looks, from outside, for what was lost, doubled or shown by half.

Everything goes through the command line, as a user would, except the comparison of the catalog with Chroma.
"""

from __future__ import annotations

import json
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from rag.records import VISIBLE, State
from rag.settings import load_settings
from rag.workspace import Workspace

ROOT = Path(__file__).resolve().parent.parent
LEGAL = {state.value for state in State} - {State.DELETING.value}
COMMAND_SECONDS = 120
OUTLIVE_SECONDS = 15.0
"""How long the children of a killed process may take to end."""
PROBLEMS = (
    "lost",
    "duplicate",
    "half-visible",
    "went back",
    "not ready at the end",
    "illegal state",
    "stray chunks",
    "command failed",
    "check disagrees",
    "quote not verbatim",
    "process left running",
)

Key = tuple[str, str]  # collection, document id


@dataclass
class Findings:
    """What the kills did. `stages` counts at which stage they hit; `problems` and `said` are empty if all is well."""

    kills: int = 0
    rounds: int = 0
    documents: int = 0
    questions: int = 0
    stages: Counter[str] = field(default_factory=Counter)
    problems: Counter[str] = field(default_factory=Counter)
    said: list[str] = field(default_factory=list)

    def report(self, problem: str, what: object) -> None:
        """Count one problem of PROBLEMS."""
        self.problems[problem] += 1
        self.said.append(f"round {self.rounds}, after {self.kills} kills: {problem}: {what}")


@dataclass(frozen=True)
class Job:
    """Files to ingest, and the seconds that a run lives at most until it is killed, and may take to finish."""

    paths: Sequence[Path]
    longest_life: float
    finish_seconds: float


def kill_often(job: Job, kills: int, seed: int, deadline: float = float("inf")) -> Findings:
    """Kill the job so often, each run after a time drawn with `seed`. All files must be readable and different.

    A job that is done before its kill is verified, and another begun on a new data folder unless `deadline`
    (in the time of `time.monotonic`) is past.
    """
    findings, moments = Findings(), random.Random(seed)  # noqa: S311 - for repeating, not for secrets
    while findings.kills < kills and time.monotonic() < deadline:
        findings.rounds += 1
        with tempfile.TemporaryDirectory() as folder:
            _Round(job, Path(folder) / "data", findings).play(kills, moments)
    return findings


class _Round:
    """One data folder, from the first run to the verification."""

    def __init__(self, job: Job, data: Path, findings: Findings) -> None:
        self._job = job
        self._data = data
        self._findings = findings
        self._seen: dict[Key, str] = {}
        self._children: list[psutil.Process] = []

    def play(self, kills: int, moments: random.Random) -> None:
        while self._findings.kills < kills and self._is_killed(moments.uniform(0.2, self._job.longest_life)):
            self._findings.kills += 1
            self._findings.stages[_stage(self._look())] += 1
            if self._findings.kills % 2:  # not always: to open the store mends what the next run should mend itself
                self._compare()
        self._finish()
        self._ask()
        self._check()
        self._left_running()

    def _is_killed(self, seconds: float) -> bool:
        """Whether a run was still at work after so many seconds, and has been killed."""
        command = self._command("ingest", *map(str, self._job.paths))
        nothing = subprocess.DEVNULL
        process = psutil.Popen(command, cwd=ROOT, stdout=nothing, stderr=nothing, start_new_session=True)
        try:
            process.wait(seconds)
        except psutil.TimeoutExpired:
            self._children += process.children(recursive=True)
            return True
        finally:
            if process.poll() is None:
                _kill_group(process)
        if process.returncode:
            self._findings.report("command failed", f"ingest ended with {process.returncode}")
        return False

    def _look(self) -> list[dict[str, Any]]:
        """What the list of documents says: nothing twice, nothing gone, no step back."""
        rows = self._run("documents")
        now = {(row["collection"], row["id"]): row["state"] for row in rows}
        if len(now) < len(rows):
            self._findings.report("duplicate", f"{len(rows) - len(now)} documents are listed twice")
        for key, state in now.items():
            if state not in LEGAL:
                self._findings.report("illegal state", f"{key} is {state}")
        for key, before in self._seen.items():
            if key not in now:
                self._findings.report("lost", key)
            elif before == State.READY and now[key] != State.READY:
                self._findings.report("went back", f"{key} is {now[key]}")
        self._seen = now
        return rows

    def _compare(self) -> None:
        """A document that is shown is whole: the catalog's chunks are Chroma's, with the same text, once ready."""
        with Workspace(load_settings(data_dir=self._data), "the kill harness") as workspace:
            kept = Counter[str]()
            for document in workspace.documents():
                if document.state in VISIBLE:
                    chunks = {chunk.id: chunk.text for chunk in workspace.chunks(document)}
                    name = workspace.collection(document.collection).store_name
                    kept[name] += len(chunks)
                    # A searchable one may be the first, with nothing in Chroma yet, not even its collection.
                    in_store = document.state is not State.READY or _stored(workspace, name, document.id) == chunks
                    if not in_store or not len(chunks) == document.chunks > 0:
                        self._findings.report("half-visible", f"{document.name} ({document.state})")
            if workspace.unfinished():  # then chunks of what is being written are expected
                return
            counts = {name: workspace.store.count(name) for name in kept}
            if counts != kept:
                self._findings.report("stray chunks", f"{counts} in Chroma, not {dict(kept)}")

    def _finish(self) -> None:
        """One run to the end: then every file is there and ready."""
        rows = self._run("ingest", *map(str, self._job.paths), seconds=self._job.finish_seconds)
        self._look()
        self._compare()
        self._findings.documents += len(self._seen)
        for row in rows:
            if row["state"] not in ("ready", "duplicate"):
                self._findings.report("not ready at the end", f"{row['name']}: {row['state']} {row['reason']}")
        lost = len(self._job.paths) - len(self._seen)
        if lost > 0 or {row["document"] for row in rows} != {document for _, document in self._seen}:
            self._findings.report("lost", f"{lost} of {len(self._job.paths)} files")
        for key, state in self._seen.items():
            if state != State.READY:
                self._findings.report("not ready at the end", f"{key} is {state}")

    def _ask(self) -> None:
        """Three questions in the documents' own words: each quote stands at its offsets."""
        ready = sorted(document for _, document in self._seen)
        asked = [self._text(document) for document in {*ready[:1], *ready[len(ready) // 2 :][:1], *ready[-1:]}]
        for question in filter(None, map(_sentence, asked)):
            self._findings.questions += 1
            (answer,) = self._run("ask", question) or [{"citations": []}]
            quotes = answer["citations"]
            texts = {one["document"]: self._text(one["document"]) for one in quotes}
            if not quotes or any(texts[one["document"]][one["start"] : one["end"]] != one["quote"] for one in quotes):
                self._findings.report("quote not verbatim", question)

    def _text(self, document: str) -> str:
        (row,) = self._run("text", document) or [{"text": ""}]
        return str(row["text"])

    def _check(self) -> None:
        """The program's own check of store, catalog, lexical index and originals."""
        done = self._call("check", seconds=COMMAND_SECONDS)
        if done.returncode:
            self._findings.report("check disagrees", done.stdout or done.stderr)

    def _left_running(self) -> None:
        """No child outlives its killed parent for long."""
        _, alive = psutil.wait_procs(self._children, timeout=OUTLIVE_SECONDS)
        for one in alive:
            self._findings.report("process left running", one)
            one.kill()

    def _run(self, *arguments: str, seconds: float = COMMAND_SECONDS) -> list[dict[str, Any]]:
        """The JSON lines of a command, which must succeed."""
        done = self._call(*arguments, seconds=seconds)
        if done.returncode:
            self._findings.report("command failed", f"{arguments[0]} ended with {done.returncode}: {done.stderr}")
        return [json.loads(line) for line in done.stdout.splitlines()]

    def _call(self, *arguments: str, seconds: float) -> subprocess.CompletedProcess[str]:
        command = self._command(*arguments)
        try:
            return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=seconds, check=False)
        except subprocess.TimeoutExpired:
            return subprocess.CompletedProcess(command, 1, "", f"it took longer than {seconds:.0f} s")

    def _command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "rag", "--data-dir", str(self._data), "--json", *arguments]


def _stored(workspace: Workspace, name: str, document_id: str) -> dict[str, str]:
    chunks = workspace.store.get(name, workspace.store.chunk_ids(name, document_id)).values()
    return {one.id: one.text for one in chunks}


def _kill_group(process: psutil.Popen) -> None:
    if os.name == "posix":
        os.killpg(process.pid, signal.SIGKILL)
    else:
        process.kill()
    process.wait()


def _stage(rows: Sequence[dict[str, Any]]) -> str:
    """At which stage the run was, by what it left in the catalog."""
    if not rows:
        return "starting"
    under_way = [row["stage"] or row["state"] for row in rows if row["state"] in ("indexing", "searchable")]
    return under_way[0] if under_way else "between documents"


def _sentence(text: str) -> str:
    """A sentence from the middle of a text, of some words and no numbers; empty if there is none."""
    plain = re.findall(r"(?<=[.!?]\s)[A-Z][A-Za-z,’' \n-]{60,250}[.!?]", text)
    return " ".join(plain[len(plain) // 2].split()) if plain else ""
