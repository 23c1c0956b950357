"""The command line. Other programs read it: with `--json`, one JSON object a line on stdout, progress on stderr.

Exit codes: 0 all well, 1 something failed, 2 wrong usage. Errors are one line with the remedy.
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from getpass import getpass
from pathlib import Path
from typing import Any

from rag import __version__
from rag.cli_backup import add_commands
from rag.cli_chunks import chunk_options, chunks
from rag.cli_evaluate import evaluate, evaluate_options
from rag.cli_feedback import feedback
from rag.cli_files import walk
from rag.cli_mlflow import add_mlflow
from rag.cli_output import Output
from rag.cli_progress import progress
from rag.cli_questions import ask, explain, overview, search
from rag.cli_reembed import add_options, reembed
from rag.cli_rehearse import add_rehearse
from rag.errors import InputError, NotFoundError, RagError
from rag.records import Failure, State
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
    named, asking, finding = (argparse.ArgumentParser(add_help=False) for _ in range(3))
    named.add_argument("--collection", metavar="NAME", help="the collection (default: documents)")
    asking.add_argument("question", nargs="?", metavar="QUESTION")
    asking.add_argument(
        "--queries", type=Path, metavar="FILE.jsonl", help="questions, one JSON object a line; - for standard input"
    )
    finding.add_argument("-k", type=int, default=None, help="passages to find, up to 1000 (default: 5)")
    finding.add_argument("--where", metavar="JSON", help='filter, for example {"page": {"$lte": 10}}')

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
    retry = command("retry", _retry, "index failed documents once more", named)
    retry.add_argument(
        "document", nargs="?", metavar="DOCUMENT", help="its id, the beginning of it, or its name; default: all"
    )
    retry.add_argument("--ask-password", action="store_true", help="ask for the password of DOCUMENT, a PDF")
    check = command("check", _check, "check that everything stored agrees; exit code 1 if not")
    check.add_argument("--repair", action="store_true", help="mend what is found")
    command("search", _asking(search), "find the passages that answer a question best", named, asking, finding)
    answer = command("ask", _asking(ask), "answer a question with footnotes", named, asking, finding)
    answer.add_argument(
        "--after", action="append", default=[], metavar="QUESTION", help="asked before; may be repeated"
    )
    proof = "also write the answers with what they rest on: one HTML file, or Markdown if FILE ends in .md"
    answer.add_argument("--evidence", type=Path, metavar="FILE", help=proof)
    about = command("overview", _asking(overview), "what a document is about: its outline and key sentences", named)
    why = command("explain", _asking(explain), "say why a page is or is not found for a question", named, finding)
    why.add_argument("question", metavar="QUESTION")
    why.add_argument("--document", required=True, metavar="DOCUMENT", help="its id, the beginning of it, or its name")
    why.add_argument("--page", required=True, type=int, metavar="N", help="the number of the page")
    chunk_options(
        command("chunks", _asking(chunks), "list passages, or find them by words, a pattern or a text", named)
    )
    command("documents", _documents, "list documents", named)
    command("collections", _collections, "list collections")
    delete = command("delete", _delete, "delete a document everywhere", named)
    delete.add_argument("document", nargs="?", metavar="DOCUMENT", help="its id, the beginning of it, or its name")
    delete.add_argument("--failed", action="store_true", help="delete all that could not be indexed instead")
    text = command("text", _text, "print the extracted text, to which offsets refer", named)
    for one in (cancel, about, text):
        one.add_argument("document", metavar="DOCUMENT", help="its id, the beginning of it, or its name")
    command("rebuild", _rebuild, "index everything anew from the kept originals", named)
    again = command("reembed", _reembed, "make a collection with another model or passage size, and swap it in")
    add_options(again)
    add_commands(command, _workspace)
    add_mlflow(command, _workspace)
    add_rehearse(command, _workspace)
    thought = command("feedback", _feedback, "what readers thought of answers and their sources")
    thought.add_argument("--evaluation", action="store_true", help="the evaluation set that was made of it instead")
    held = command(
        "evaluate", _evaluate, "hold configurations against a question set; exit code 1 below a threshold", named
    )
    evaluate_options(held)
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

    if settings.chroma_is_ours and not share:
        # Before the heavy imports: who may not come in hears so at once.
        folder = Folder(settings.data_dir)
        folder.own(_role())
        folder.release()
    from rag.workspace import Workspace

    return Workspace(settings, _role(), share=share)


def _role() -> str:
    return "python -m rag"


def _ingest(given: argparse.Namespace, output: Output) -> int:
    paths, skipped = walk(given.paths)
    for path in skipped:
        output.say(f"Skipped {path}: not a file here of a kind that can be read.")
    if not paths:
        raise NotFoundError(
            "There is no file to index there. Name files, or a folder that has some of a readable kind."
        )
    password = _password() if given.ask_password else ""
    with _workspace(given, share=True) as workspace, progress(output, workspace.progress) as show:
        events = workspace.ingest(paths, given.collection, given.replace, given.tag, password)
        states = [show(event) for event in events]
        workspace.drain()
    return EXIT_FAILED if "failed" in states else 0


def _asking(answer: Callable[[Any, argparse.Namespace, Output], bool]) -> Callable[[argparse.Namespace, Output], int]:
    def run(given: argparse.Namespace, output: Output) -> int:
        with _workspace(given) as workspace:
            return 0 if answer(workspace, given, output) else EXIT_FAILED

    return run


def _documents(given: argparse.Namespace, output: Output) -> int:
    with _workspace(given) as workspace:
        output.table("documents", [asdict(one) for one in workspace.documents(given.collection)])
    return 0


def _collections(given: argparse.Namespace, output: Output) -> int:
    with _workspace(given) as workspace:
        output.table("collections", [asdict(one) for one in workspace.collections()])
    return 0


def _delete(given: argparse.Namespace, output: Output) -> int:
    if (given.document is None) != given.failed:
        raise InputError("Name one document, or give --failed for all that could not be indexed.")
    with _workspace(given) as workspace:
        if given.failed:
            gone = workspace.delete_failed(given.collection)
        else:
            gone = [workspace.delete(given.document, given.collection)]
    for one in gone:
        row = {"document": one.id, "name": one.name, "collection": one.collection, "state": "deleted"}
        output.line(row, f"Deleted {one.name} from {one.collection}.")
    if not gone:
        output.say("No document has failed.")
    return 0


def _text(given: argparse.Namespace, output: Output) -> int:
    with _workspace(given) as workspace:
        text: str = workspace.text(given.document, given.collection)
    output.text(given.document, text)
    return 0


def _rebuild(given: argparse.Namespace, output: Output) -> int:
    with _workspace(given) as workspace, progress(output, workspace.progress) as show:
        states = [show(event) for event in workspace.rebuild(given.collection)]
    return EXIT_FAILED if "failed" in states else 0


def _reembed(given: argparse.Namespace, output: Output) -> int:
    with _workspace(given, share=True) as workspace:
        return 0 if reembed(workspace, given, output) else EXIT_FAILED


def _cancel(given: argparse.Namespace, output: Output) -> int:
    with _workspace(given, share=True) as workspace:
        document = workspace.cancel(given.document, given.collection)
    if document.failure is not Failure.CANCELLED:
        was = "has failed" if document.state is State.FAILED else f"is {document.state}"
        raise InputError(f"{document.name} {was} already, so nothing was cancelled.")
    row = {"document": document.id, "name": document.name, "collection": document.collection, "state": "cancelled"}
    output.line(row, f"{document.name}: {document.reason}")
    return 0


def _retry(given: argparse.Namespace, output: Output) -> int:
    password = _password() if given.ask_password else ""
    with _workspace(given, share=True) as workspace, progress(output, workspace.progress) as show:
        queued = workspace.retry(given.document, given.collection, password)
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
    counted = f"{len(found)} problem{'s' * (len(found) != 1)} found, {len(found) - left} repaired."
    output.say(counted if found else "Everything agrees.")
    return EXIT_FAILED if left else 0


def _feedback(given: argparse.Namespace, output: Output) -> int:
    with _workspace(given, share=True) as workspace:
        feedback(workspace, given.evaluation, output)
    return 0


def _evaluate(given: argparse.Namespace, output: Output) -> int:
    with _workspace(given, share=True) as workspace:
        return 0 if evaluate(workspace, given, output) else EXIT_FAILED


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
