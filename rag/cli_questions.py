"""The commands that take questions: `search` and `ask`, one question or a file of them, and `explain`."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rag.cli_output import Output
from rag.errors import InputError, NotFoundError
from rag.records import Abstention, Answer, Asked, Claim, Exchange, Hit, Search, Section

if TYPE_CHECKING:  # it is imported late, for it takes a while
    from rag.workspace import Workspace

CLOSEST = 3
"""Passages shown of a question that is not answered."""


def search(workspace: Workspace, given: argparse.Namespace, output: Output) -> bool:
    """Show the passages for each question; whether all could be searched for."""

    def answer(question: str) -> dict[str, Any]:
        hits = workspace.search(question, given.k, given.where, given.collection)
        if not hits and given.where:
            output.say("Nothing that is indexed matches the filter.")
        return {"hits": [_hit(rank, hit) for rank, hit in enumerate(hits, start=1)]}

    return _each_question(given, answer, {"hits": []}, output.hits)


def ask(workspace: Workspace, given: argparse.Namespace, output: Output) -> bool:
    """Show the answer to each question, and write their evidence if that is wanted; whether all could be asked."""
    asked: list[Asked] = []

    def answer(question: str) -> dict[str, Any]:
        conversation = [Exchange(one) for one in given.after]
        found = workspace.ask(question, given.k, given.where, given.collection, conversation)
        asked.append(_asked(workspace, given, found))
        if found.notice:
            output.say(found.notice)
        if found.abstention is Abstention.SEVERAL_DOCUMENTS:
            output.say("`python -m rag overview DOCUMENT` shows what a document is about.")
        return {
            "answer": found.text,
            "abstained": found.abstained,
            "abstention": found.abstention,
            "confidence": found.confidence,
            "closest": [_closest(hit) for hit in found.hits[:CLOSEST]] if found.abstained else [],
            "citations": [asdict(one) for one in found.citations],
            "model": found.model,
            "ledger": [_claim(found, one) for one in found.ledger],
            "searched": found.searched,
            "timings": {step: round(took, 4) for step, took in found.timings.items()},
        }

    empty = {
        "answer": "",
        "abstained": True,
        "abstention": None,
        "confidence": None,
        "closest": [],
        "citations": [],
        "model": "",
    }
    empty |= {"ledger": [], "searched": "", "timings": {}}
    well = _each_question(given, answer, empty, output.answer)
    if given.evidence is not None:
        _write_evidence(workspace, asked, given.evidence, output)
    return well


def _asked(workspace: Workspace, given: argparse.Namespace, answer: Answer) -> Asked:
    passages = workspace.settings.top_k if given.k is None else given.k
    search = Search(workspace.collection(given.collection).name, passages=passages)
    return Asked(answer.question, search, answer, given.where or "", datetime.now(UTC))


def _write_evidence(workspace: Workspace, asked: Sequence[Asked], path: Path, output: Output) -> None:
    as_markdown = path.suffix.lower() in (".md", ".markdown")
    made = workspace.evidence_markdown(asked) if as_markdown else workspace.evidence(asked)
    try:
        path.write_text(made, encoding="utf-8")
    except OSError as error:
        raise InputError(f"The evidence cannot be written to {path} ({error.strerror}). Name another file.") from error
    output.say(f"The evidence is in {path}.")


def explain(workspace: Workspace, given: argparse.Namespace, output: Output) -> bool:
    """Show where a page stands in each list for a question, and what removed it."""
    document = workspace.document(given.document, given.collection)
    told = workspace.explain(given.question, document.id, given.page, given.k, given.where, document.collection)
    row = {
        "question": given.question,
        "document": document.id,
        "name": document.name,
        "page": given.page,
        "heading": told.chunk.heading,
        "start": told.chunk.start,
        "end": told.chunk.end,
        "text": told.chunk.text,
        "rank": told.rank,
        "removed": told.removed,
        "ranks": dict(told.ranks),
        "scores": dict(told.scores),
    }
    output.explanation(row)
    return True


def overview(workspace: Workspace, given: argparse.Namespace, output: Output) -> bool:
    """Show what a document is about."""
    from rag.workspace import answer_markdown

    started = time.monotonic()
    found = workspace.overview(given.document, given.collection, progress=lambda step: output.say(f"{step}…"))
    answer = found.answer
    output.overview(
        {
            **_without(asdict(found), "answer"),
            "outline": [dict(zip(("level", "title", "page"), one, strict=True)) for one in found.outline],
            "sections": [_section(one) for one in found.sections],
            "answer": answer.text,
            "citations": [asdict(one) for one in answer.citations],
            "model": answer.model,
            "notice": answer.notice,
            "closest": [],
            "ledger": [_claim(answer, one) for one in answer.ledger],
            "markdown": answer_markdown(replace(answer, overview=found)),
            "seconds": round(time.monotonic() - started, 4),
        }
    )
    return True


def _section(section: Section) -> dict[str, Any]:
    return {**asdict(section), "citations": [asdict(one) for one in section.citations]}


def _each_question(given: argparse.Namespace, answer: Any, empty: dict[str, Any], show: Any) -> bool:
    """Answer the question, or each of a file's in its order; a wrong one of a file does not stop the others."""
    if (given.question is None) == (given.queries is None):
        raise InputError("Give one question, or a file of them with --queries.")
    if given.question is not None:
        show(_timed(None, given.question, answer))
        return True
    failed = False
    for query_id, question, problem in list(_queries(given.queries)):
        try:
            if problem:
                raise InputError(problem)
            show(_timed(query_id, question, answer))
        except InputError as error:
            failed = True
            show({"id": query_id, "question": question, **empty, "seconds": 0.0, "error": str(error)})
    return not failed


def _timed(query_id: Any, question: str, answer: Any) -> dict[str, Any]:
    started = time.monotonic()
    result = answer(question)
    return {"id": query_id, "question": question, **result, "seconds": round(time.monotonic() - started, 4)}


def _queries(path: Path) -> Iterator[tuple[Any, str, str]]:
    """The lines of a file as (id, question, what is wrong with the line)."""
    try:
        text = sys.stdin.read() if str(path) == "-" else path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise NotFoundError(f"The questions in {path} cannot be read ({error.strerror}). Check the path.") from error
    except UnicodeDecodeError as error:
        raise InputError(f"The questions in {path} are not UTF-8. Save the file as UTF-8.") from error
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
            query_id, question = row.get("id"), row.get("question")
        except (ValueError, AttributeError, RecursionError):
            query_id, question = None, None
        if isinstance(question, str):
            yield query_id, question, ""
        else:
            yield query_id, "", f'{path}, line {number}: not an object with a "question" that is a text.'


def _hit(rank: int, hit: Hit) -> dict[str, Any]:
    chunk = hit.chunk
    return {
        "rank": rank,
        "score": hit.score,
        "document": chunk.document_id,
        "name": hit.name,
        "page": chunk.page,
        "heading": chunk.heading,
        "start": hit.span[0],
        "end": hit.span[1],
        "text": hit.text,
        "edited": chunk.edited,
        "ranks": dict(hit.ranks),
        "scores": dict(hit.scores),
    }


def _closest(hit: Hit) -> dict[str, Any]:
    """A passage near to a question that is not answered."""
    kept = ("score", "document", "name", "page", "heading", "start", "end", "text", "edited")
    return {key: value for key, value in _hit(0, hit).items() if key in kept}


def _claim(answer: Answer, claim: Claim) -> dict[str, Any]:
    rests_on = asdict(claim.rests_on) if claim.rests_on else None
    return {"text": answer.text[claim.start : claim.end], **asdict(claim), "rests_on": rests_on}


def _without(row: dict[str, Any], *keys: str) -> dict[str, Any]:
    return {key: value for key, value in row.items() if key not in keys}
