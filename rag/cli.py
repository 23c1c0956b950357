"""The command line. Other programs read it: with `--json`, one JSON object a line on stdout, progress on stderr.

Exit codes: 0 all well, 1 something failed, 2 wrong usage. Errors are one line with the remedy.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from getpass import getpass
from pathlib import Path
from typing import Any

from rag import __version__
from rag.cli_output import Output
from rag.errors import InputError, NotFoundError, RagError
from rag.records import Answer, Hit
from rag.settings import load_settings

EXIT_FAILED = 1
EXIT_USAGE = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    given = _parser().parse_args(arguments)
    logging.basicConfig(level=logging.ERROR, stream=sys.stderr, format="%(message)s")
    output = Output(given.json)
    try:
        return int(given.run(given, output))
    except InputError as error:
        output.error(error)
        return EXIT_USAGE
    except RagError as error:
        output.error(error)
        return EXIT_FAILED
    except KeyboardInterrupt:
        output.say("Stopped. Unfinished documents go on with the next `ingest`.")
        return 130
    except BrokenPipeError:  # the reader, `head` say, has had enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_FAILED
    except OSError as error:  # the disk or the device that the output goes to
        output.error(f"The output could not be written ({error.strerror}). Free some space, or write it elsewhere.")
        return EXIT_FAILED


def _parser() -> argparse.ArgumentParser:
    shared = _shared_options(data_dir=argparse.SUPPRESS, as_json=argparse.SUPPRESS)
    named = argparse.ArgumentParser(add_help=False)
    named.add_argument("--collection", metavar="NAME", help="the collection (default: documents)")
    asking = argparse.ArgumentParser(add_help=False)
    asking.add_argument("question", nargs="?", metavar="QUESTION")
    asking.add_argument(
        "--queries", type=Path, metavar="FILE.jsonl", help="questions, one JSON object a line; - for standard input"
    )
    asking.add_argument("-k", type=int, default=None, help="passages to find, up to 1000 (default: 5)")
    asking.add_argument("--where", metavar="JSON", help='filter, for example {"page": {"$lte": 10}}')

    parser = argparse.ArgumentParser(
        "python -m rag", description="Ask your documents.", parents=[_shared_options(None, False)]
    )
    parser.add_argument("--version", action="version", version=f"footnote {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def command(name: str, run: Any, about: str, *parents: argparse.ArgumentParser) -> argparse.ArgumentParser:
        made = commands.add_parser(name, help=about, description=about, parents=[shared, *parents])
        made.set_defaults(run=run)
        return made

    ingest = command("ingest", _ingest, "index files and folders", named)
    ingest.add_argument("paths", nargs="+", type=Path, metavar="PATH")
    ingest.add_argument("--replace", action="store_true", help="replace documents of the same name")
    ingest.add_argument("--tag", action="append", default=[], metavar="TAG", help="tag the documents; may be repeated")
    ingest.add_argument("--ask-password", action="store_true", help="ask for the password of PDFs that need one")
    cancel = command("cancel", _cancel, "stop a document that is not ready yet", named)
    cancel.add_argument("document", metavar="DOCUMENT", help="its id, or the beginning of it")
    retry = command("retry", _retry, "index failed documents once more", named)
    retry.add_argument("document", nargs="?", metavar="DOCUMENT", help="its id, or the beginning of it; default: all")
    check = command("check", _check, "check that everything stored agrees; exit code 1 if not")
    check.add_argument("--repair", action="store_true", help="mend what is found")
    command("search", _search, "find the passages nearest to a question", named, asking)
    command("ask", _ask, "answer a question with footnotes", named, asking)
    command("documents", _documents, "list documents", named)
    command("collections", _collections, "list collections")
    delete = command("delete", _delete, "delete a document everywhere", named)
    delete.add_argument("document", metavar="DOCUMENT", help="its id, or the beginning of it")
    text = command("text", _text, "print the extracted text, to which offsets refer", named)
    text.add_argument("document", metavar="DOCUMENT", help="its id, or the beginning of it")
    command("rebuild", _rebuild, "index everything anew from the kept originals", named)
    command("hash-password", _hash_password, "hash the dashboard's shared password")
    return parser


def _shared_options(data_dir: Any, as_json: Any) -> argparse.ArgumentParser:
    """Options that may stand before the command or after it; there, without a default that would undo the first."""
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument("--data-dir", type=Path, default=data_dir, help="data folder (RAG_DATA_DIR, else ./data)")
    shared.add_argument("--json", action="store_true", default=as_json, help="one JSON object a line")
    return shared


def _workspace(given: argparse.Namespace, share: bool = False) -> Any:
    settings = load_settings(data_dir=given.data_dir)
    from rag.folder import Folder

    if settings.chroma_mode == "persistent" and not share:
        # Before the heavy imports: who may not come in hears so at once.
        folder = Folder(settings.data_dir)
        folder.own(_role())
        folder.release()
    from rag.workspace import Workspace

    return Workspace(settings, _role(), share=share)


def _role() -> str:
    return "python -m rag"


def _ingest(given: argparse.Namespace, output: Output) -> int:
    paths, skipped = _walk(given.paths)
    for path in skipped:
        output.say(f"Skipped {path}: not a file here of a kind that can be read.")
    if not paths:
        raise NotFoundError(
            "There is no file to index there. Name files, or a folder that has some of a readable kind."
        )
    password = _password() if given.ask_password else ""
    with _workspace(given, share=True) as workspace, output.progress(workspace.progress) as show:
        events = workspace.ingest(paths, given.collection, given.replace, given.tag, password)
        states = [show(event) for event in events]
        workspace.drain()
    return EXIT_FAILED if "failed" in states else 0


def _walk(paths: Sequence[Path]) -> tuple[list[Path], list[Path]]:
    """Files as named; folders' files in order, without hidden ones and those of a kind that is not read."""
    from rag.archive import is_archive
    from rag.parsing import media_type

    found: list[Path] = []
    skipped: list[Path] = []
    for path in paths:
        if not path.is_dir():
            found.append(path)
            continue
        for one in sorted(path.rglob("*")):
            if not one.is_dir() and not any(part.startswith(".") for part in one.relative_to(path).parts):
                inside = one.is_file() and one.resolve().is_relative_to(path.resolve())  # a link may lead anywhere
                (found if inside and (media_type(one.name) or is_archive(one.name)) else skipped).append(one)
    return found, skipped


def _search(given: argparse.Namespace, output: Output) -> int:
    with _workspace(given) as workspace:

        def answer(question: str) -> dict[str, Any]:
            hits = workspace.search(question, given.k, given.where, given.collection)
            if not hits and given.where:
                output.say("Nothing that is indexed matches the filter.")
            return {"hits": [_hit(rank, hit) for rank, hit in enumerate(hits, start=1)]}

        return _each_question(given, answer, {"hits": []}, output.hits)


def _ask(given: argparse.Namespace, output: Output) -> int:
    with _workspace(given) as workspace:

        def answer(question: str) -> dict[str, Any]:
            found: Answer = workspace.ask(question, given.k, given.where, given.collection)
            if found.notice:
                output.say(found.notice)
            return {
                "answer": found.text,
                "abstained": found.abstained,
                "citations": [_without(asdict(one), "boxes") for one in found.citations],
                "model": found.model,
            }

        empty = {"answer": "", "abstained": True, "citations": [], "model": ""}
        return _each_question(given, answer, empty, output.answer)


def _each_question(given: argparse.Namespace, answer: Any, empty: dict[str, Any], show: Any) -> int:
    """Answer the question, or each of a file's in its order; a wrong one of a file does not stop the others."""
    if (given.question is None) == (given.queries is None):
        raise InputError("Give one question, or a file of them with --queries.")
    if given.question is not None:
        show(_timed(None, given.question, answer))
        return 0
    failed = False
    for query_id, question in list(_queries(given.queries)):
        try:
            show(_timed(query_id, question, answer))
        except InputError as error:
            failed = True
            show({"id": query_id, "question": question, **empty, "seconds": 0.0, "error": str(error)})
    return EXIT_FAILED if failed else 0


def _timed(query_id: Any, question: str, answer: Any) -> dict[str, Any]:
    started = time.monotonic()
    result = answer(question)
    return {"id": query_id, "question": question, **result, "seconds": round(time.monotonic() - started, 4)}


def _queries(path: Path) -> Iterator[tuple[Any, str]]:
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
            query_id, question = row.get("id"), row["question"]
        except (ValueError, KeyError, AttributeError) as error:
            raise InputError(f'{path}, line {number}: not an object with a "question".') from error
        if not isinstance(question, str):
            raise InputError(f'{path}, line {number}: the "question" is not a text.')
        yield query_id, question


def _documents(given: argparse.Namespace, output: Output) -> int:
    with _workspace(given) as workspace:
        output.table("documents", [asdict(one) for one in workspace.documents(given.collection)])
    return 0


def _collections(given: argparse.Namespace, output: Output) -> int:
    with _workspace(given) as workspace:
        output.table("collections", [asdict(one) for one in workspace.collections()])
    return 0


def _delete(given: argparse.Namespace, output: Output) -> int:
    with _workspace(given) as workspace:
        gone = workspace.delete(given.document, given.collection)
    row = {"document": gone.id, "name": gone.name, "collection": gone.collection, "state": "deleted"}
    output.line(row, f"Deleted {gone.name} from {gone.collection}.")
    return 0


def _text(given: argparse.Namespace, output: Output) -> int:
    with _workspace(given) as workspace:
        text: str = workspace.text(given.document, given.collection)
    output.text(given.document, text)
    return 0


def _rebuild(given: argparse.Namespace, output: Output) -> int:
    with _workspace(given) as workspace, output.progress(workspace.progress) as show:
        states = [show(event) for event in workspace.rebuild(given.collection)]
    return EXIT_FAILED if "failed" in states else 0


def _cancel(given: argparse.Namespace, output: Output) -> int:
    with _workspace(given, share=True) as workspace:
        document = workspace.cancel(given.document, given.collection)
    row = {"document": document.id, "name": document.name, "collection": document.collection, "state": document.state}
    output.line(row, f"{document.name}: {document.state}. {document.reason}".strip())
    return 0


def _retry(given: argparse.Namespace, output: Output) -> int:
    with _workspace(given, share=True) as workspace, output.progress(workspace.progress) as show:
        queued = workspace.retry(given.document, given.collection)
        if not queued:
            output.say("No document has failed, and all pages could be read.")
        states = [show(event) for event in workspace.follow(queued)]
    return EXIT_FAILED if "failed" in states else 0


def _check(given: argparse.Namespace, output: Output) -> int:
    with _workspace(given) as workspace:
        found = workspace.check(given.repair)
        for one in found:
            about = " ".join(part for part in (one.what, f"in {one.collection}" if one.collection else "") if part)
            output.line(asdict(one), f"{about}: {one.problem}{' (repaired)' if one.repaired else ''}")
        if given.repair:
            workspace.drain()
    left = sum(not one.repaired for one in found)
    output.say(f"{len(found)} problems found, {len(found) - left} repaired." if found else "Everything agrees.")
    return EXIT_FAILED if left else 0


def _hash_password(_given: argparse.Namespace, output: Output) -> int:
    from rag.passwords import hash_password

    password = _password()
    if len(password) < 8:
        raise InputError("Choose a password of at least 8 characters.")
    hashed = hash_password(password)
    output.line({"password_hash": hashed}, hashed)
    return 0


def _password() -> str:
    return getpass("Password: ") if sys.stdin.isatty() else sys.stdin.readline().rstrip("\n")


def _hit(rank: int, hit: Hit) -> dict[str, Any]:
    chunk = hit.chunk
    return {
        "rank": rank,
        "score": hit.score,
        "document": chunk.document_id,
        "name": hit.name,
        "page": chunk.page,
        "start": chunk.start,
        "end": chunk.end,
        "text": chunk.text,
        "ranks": dict(hit.ranks),
    }


def _without(row: dict[str, Any], *keys: str) -> dict[str, Any]:
    return {key: value for key, value in row.items() if key not in keys}
