"""Question sets from files that people have: CSV, JSON lines, JSON, XLSX; and as rows of a table, and back.

Columns are known by the names that data sets give them, in any case and order; those that are missing are missing, and
unknown ones are left alone.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from rag.errors import InputError
from rag.evaluation.paging import pages_of
from rag.parsing.container import open_office
from rag.records import Gold

COLUMNS: Mapping[str, tuple[str, ...]] = {
    "question": ("question", "query", "prompt", "user_input", "input"),
    "answers": ("expected_answer", "expected_answers", "answer", "answers", "ground_truth", "reference", "expected"),
    "document": ("document", "file", "filename", "file_name", "source", "doc", "doc_name", "document_name"),
    "pages": ("page", "pages", "page_number", "page_numbers", "evidence_page"),
    "quotes": ("quote", "quotes", "evidence", "context", "contexts", "passage", "reference_contexts"),
    "tags": ("tags", "tag", "labels", "category", "question_type"),
    "answerable": ("answerable", "is_answerable"),
    "impossible": ("is_impossible", "unanswerable"),
}
WRITTEN = ("question", "expected_answer", "document", "page", "quote", "tags", "answerable")
"""The columns that sets are written with."""
MOST_QUESTIONS = 20_000
MOST_BYTES = 50_000_000
LONGEST = 4000
"""Characters of a question."""
_YES, _NO = ("true", "yes", "y", "1"), ("false", "no", "n", "0")
_SURROGATE = re.compile("[\ud800-\udfff]")


def read_set(data: bytes, name: str) -> list[Gold]:
    """The questions in a file of that name. Raises InputError, which says in which line something is wrong."""
    return from_rows(rows_of(data, name), name)


def rows_of(data: bytes, name: str) -> Iterable[Mapping[str, Any]]:
    """The rows of a file of that name, by its own columns. Raises InputError, also while they are read."""
    if len(data) > MOST_BYTES:
        raise InputError(f"{name} has more than {MOST_BYTES // 1_000_000} MB. Divide it into several sets.")
    kind = name.rpartition(".")[2].lower()
    readers = {"csv": _csv, "tsv": _tsv, "jsonl": _jsonl, "ndjson": _jsonl, "json": _json, "xlsx": _xlsx}
    if kind not in readers:
        raise InputError(f"{name} is no question set that can be read: save it as CSV, JSONL or XLSX.")
    return readers[kind](data, name)


def is_known_column(name: str) -> bool:
    """Whether a column of that name is understood."""
    return any(_plain(name) in theirs for theirs in COLUMNS.values())


def from_rows(rows: Iterable[Mapping[str, Any]], name: str = "the table") -> list[Gold]:
    """The questions of rows; rows without one are left out. Raises InputError."""
    found: list[Gold] = []
    any_row = seen_column = False
    for number, row in enumerate(rows, start=1):
        known = _known(row)
        any_row, seen_column = True, seen_column or "question" in known
        question = " ".join(str(known.get("question") or "").split())
        if not question:
            continue
        if len(question) > LONGEST:
            raise InputError(f"Question {number} of {name} has {len(question):,} characters; {LONGEST:,} are allowed.")
        gold = _gold(question, known, number, name)
        require_text(gold, f"Row {number} of {name}")
        found.append(gold)
        if len(found) > MOST_QUESTIONS:
            raise InputError(f"{name} has more than {MOST_QUESTIONS:,} questions. Divide it into several sets.")
    if not found and not seen_column and any_row:
        *some, last = COLUMNS["question"][:3]
        raise InputError(f"{name} has no column of questions. Call one of its columns {', '.join(some)} or {last}.")
    if not found:
        raise InputError(f"{name} has no question in it.")
    return found


def require_text(gold: Gold, where: str) -> None:
    """Raises InputError for half of a character (a lone surrogate), which no file can be written with."""
    if _SURROGATE.search("".join((gold.question, *gold.answers, gold.document, *gold.quotes, *gold.tags))):
        raise InputError(f"{where} has half of a character, which is no text. Write it anew.")


def to_rows(questions: Iterable[Gold]) -> list[dict[str, Any]]:
    """Questions as rows with the columns WRITTEN; `from_rows` makes the same of them."""
    return [
        {
            "question": one.question,
            "expected_answer": list(one.answers),
            "document": one.document,
            "page": list(one.pages),
            "quote": list(one.quotes),
            "tags": list(one.tags),
            "answerable": one.answerable,
        }
        for one in questions
    ]


def as_jsonl(questions: Iterable[Gold]) -> str:
    """One JSON object a line."""
    return "".join(f"{json.dumps(row, ensure_ascii=False)}\n" for row in to_rows(questions))


def _known(row: Mapping[str, Any]) -> dict[str, Any]:
    """The values by our names; of several columns with one meaning the first that has something."""
    given = {_plain(str(key)): value for key, value in row.items() if key}
    known: dict[str, Any] = {}
    for ours, theirs in COLUMNS.items():
        values = [given[one] for one in theirs if one in given]
        if values:
            known[ours] = next((one for one in values if one not in (None, "", [])), values[0])
    return known


def _plain(name: str) -> str:
    """A column's name without case and signs."""
    return re.sub(r"\W+", "_", name.strip().lower()).strip("_")


def _gold(question: str, known: Mapping[str, Any], number: int, name: str) -> Gold:
    where = f"Row {number} of {name}"
    answerable = _truth(known.get("answerable"), True, where)
    answerable = answerable and not _truth(known.get("impossible"), False, where)
    return Gold(
        question,
        answers=_texts(known.get("answers")),
        document=str(known.get("document") or "").strip(),
        pages=pages_of(known.get("pages"), where),
        quotes=_texts(known.get("quotes")),
        tags=_texts(known.get("tags"), divide=True),
        answerable=answerable,
    )


def _texts(value: Any, divide: bool = False) -> tuple[str, ...]:
    """One text or several: a list, JSON of one, SQuAD's `{"text": [...]}`; with `divide` parts between semicolons."""
    if isinstance(value, str):
        value = _maybe_json(value)
    if isinstance(value, Mapping):
        value = value.get("text", list(value.values()))
    parts = list(value) if isinstance(value, list | tuple) else [] if value is None else [value]
    inner = [part.get("text", "") if isinstance(part, Mapping) else part for part in parts]
    flat = [one for one in inner if one is not None and one == one]
    texts = [piece for one in flat for piece in (re.split(r"[;,]", str(one)) if divide else [str(one)])]
    return tuple(dict.fromkeys(text.strip() for text in texts if text and text.strip()))


def _maybe_json(value: str) -> Any:
    if value.lstrip()[:1] in ("[", "{"):
        try:
            return json.loads(value)
        except (ValueError, RecursionError):  # a text that begins so
            return value
    return value


def _truth(value: Any, usual: bool, where: str) -> bool:
    if value is None or str(value).strip() == "":
        return usual
    text = str(value).strip().lower()
    if text not in (*_YES, *_NO):
        raise InputError(f"{where} says {str(value)[:40]!r} where it should say true or false.")
    return text in _YES


# -- files ----------------------------------------------------------------------------------------------------------


def _text(data: bytes, name: str) -> str:
    for encoding in ("utf-8-sig", "cp1252"):
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise InputError(f"{name} is not text in UTF-8. Save it as CSV in UTF-8.")


def _csv(data: bytes, name: str) -> Iterator[Mapping[str, Any]]:
    text = _text(data, name)
    first = text.partition("\n")[0]
    # Spreadsheets divide by semicolons where the comma is for decimals.
    return _delimited(text, max(",;\t", key=first.count), name)


def _tsv(data: bytes, name: str) -> Iterator[Mapping[str, Any]]:
    return _delimited(_text(data, name), "\t", name)


def _delimited(text: str, delimiter: str, name: str) -> Iterator[Mapping[str, Any]]:
    csv.field_size_limit(1_000_000)
    try:
        for row in csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter):
            yield {key: _bare(value) for key, value in row.items() if isinstance(value, str)}
    except csv.Error as error:
        raise InputError(f"{name} is no table that can be read ({error}). Save it as CSV in UTF-8.") from error


def _bare(cell: str) -> str:
    """Without the apostrophe by which an export keeps a spreadsheet from taking a cell for a formula."""
    return cell[1:] if cell[:1] == "'" and cell[1:2] in ("=", "+", "-", "@") else cell


def _jsonl(data: bytes, name: str) -> Iterator[Mapping[str, Any]]:
    for number, line in enumerate(io.StringIO(_text(data, name)), start=1):  # whose lines end as JSON's do
        if line.strip():
            yield _object(line, f"Line {number} of {name}")


def _json(data: bytes, name: str) -> Sequence[Mapping[str, Any]]:
    try:
        whole = json.loads(_text(data, name))
    except (ValueError, RecursionError) as error:
        raise InputError(f"{name} is no JSON ({error}).") from error
    inside = list(whole.values()) if isinstance(whole, Mapping) else []
    rows = whole if isinstance(whole, list) else next((one for one in inside if isinstance(one, list)), [])
    if not rows or not all(isinstance(one, Mapping) for one in rows):
        raise InputError(f"{name} should be a list of objects, each with a question.")
    return rows


def _object(line: str, where: str) -> Mapping[str, Any]:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{where} is no JSON ({error}).") from error
    if not isinstance(row, Mapping):
        raise InputError(f"{where} is no JSON object with a question.")
    return row


def _xlsx(data: bytes, name: str) -> Iterator[Mapping[str, Any]]:
    import openpyxl

    open_office(data, "xlsx")  # which refuses what would unpack to too much
    try:
        values, formulas = (
            openpyxl.load_workbook(io.BytesIO(data), read_only=True, data_only=stored, keep_links=False).worksheets[0]
            for stored in (True, False)
        )
        both = zip(values.iter_rows(values_only=True), formulas.iter_rows(values_only=True), strict=True)
        headings = [str(one) if one is not None else "" for one in next(both, ((), ()))[0]]
        for number, (row, written) in enumerate(both):
            if any(one is None and other is not None for one, other in zip(row, written, strict=True)):
                raise InputError(
                    f"Row {number + 1} of {name} has a formula without its result. Save it in a spreadsheet."
                )
            if number > MOST_QUESTIONS:
                raise InputError(f"{name} has more than {MOST_QUESTIONS:,} rows. Divide it into several sets.")
            yield dict(zip(headings, row, strict=False))
    except InputError:
        raise
    except Exception as error:  # openpyxl has no error of its own for most that can be wrong with a file
        raise InputError(f"{name} is no workbook that can be read. Save it as XLSX or CSV again.") from error
