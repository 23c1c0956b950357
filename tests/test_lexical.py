"""The lexical index: what words find, whole documents at a time, beside other threads, other processes and kills."""

from __future__ import annotations

import random
import resource
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.errors import FolderInUseError, StorageError, StoreDamagedError
from rag.lexical import Lexical
from rag.lexical.words import terms
from rag.records import Chunk, Document, State, chunk_id

ROOT = Path(__file__).resolve().parent.parent
NAME = "reports-1a2b"


def document(number: int, name: str = "report.pdf", title: str = "") -> Document:
    return Document(f"{number:032x}", name, "reports", State.INDEXING, datetime(2026, 1, 1, tzinfo=UTC), title=title)


def chunks(owner: Document, texts: Iterable[str], heading: str = "") -> list[Chunk]:
    return [
        Chunk(chunk_id(owner.id, 256, at), owner.id, 1, 0, len(text), heading, text) for at, text in enumerate(texts)
    ]


def put(lexical: Lexical, number: int, *texts: str, heading: str = "", **about: str) -> list[str]:
    """Index the texts as a document; the ids of its chunks."""
    owner = document(number, **about)
    made = chunks(owner, texts, heading)
    lexical.replace(NAME, owner, made)
    return [one.id for one in made]


def found(lexical: Lexical, question: str, documents: list[str] | None = None) -> list[str]:
    return [one for one, _ in lexical.search(NAME, question, 10, documents)]


@pytest.fixture
def lexical(tmp_path: Path) -> Lexical:
    return Lexical(tmp_path / "lexical")


# -- words -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "asked"),
    [
        ("The companies increased their dividends.", "Did the company increase the dividend?"),
        ("as filed on Form 10-K", "10-k"),
        ("as filed on Form 10-K", "the 10K"),
        ("Additions to PP&E, net", "pp&e"),
        ("Net income was $1,577 million", "1577"),
        ("Net income was 1577", "1,577"),
        ("results for FY2018", "fy2018"),
        ("margin rose by 3.5%", "3.5"),
        ("sold in the U.S. and abroad", "US"),
        ("sold in the US and abroad", "U.S."),
        ("Die Zürcher Filiale", "zurcher"),
        ("the nai\u0308ve approach", "naïve"),
        ("the proﬁt of the year", "profit"),
        ("the company’s brokers", "company's broker"),
        ("capital-intensive industries", "capital intensive"),
        ("売上高は増加した", "売上"),
    ],
)
def test_a_word_is_found_however_it_is_written(lexical: Lexical, written: str, asked: str) -> None:
    wanted, _, _ = put(lexical, 1, written, "something else entirely", "and nothing of the kind")
    assert found(lexical, asked)[:1] == [wanted]


@pytest.mark.parametrize(
    ("whole", "parts"),
    [("10-K", "10 k"), ("PP&E", "pp e"), ("1,577", "1 577"), ("3.5%", "3 5"), ("FY2018", "2018"), ("U.S.", "u s")],
)
def test_numbers_and_codes_are_not_found_by_their_parts(lexical: Lexical, whole: str, parts: str) -> None:
    put(lexical, 1, f"about {whole} in general")
    assert not found(lexical, parts)


def test_lists_and_sentences_do_not_run_together() -> None:
    assert terms("in 2018,2019,2020. Next: J.P. Morgan") == ["in", "2018", "2019", "2020", "next", "jp", "morgan"]


def test_rare_words_weigh_more_and_the_best_comes_first(lexical: Lexical) -> None:
    ids = put(lexical, 1, "the rent and the term", "the rent of the harbour office", "the term", "the rent")
    hits = lexical.search(NAME, "rent of the harbour office", 3)
    assert hits[0][0] == ids[1]
    assert len(hits) == 3
    assert [score for _, score in hits] == sorted((score for _, score in hits), reverse=True)
    assert hits[-1][1] > 0


def test_headings_and_titles_help_but_count_less_than_the_text(lexical: Lexical) -> None:
    (titled,) = put(lexical, 3, "it was written down", title="Goodwill of the group")
    (named,) = put(lexical, 4, "it was written down", name="goodwill_2023.pdf")
    (headed,) = put(lexical, 2, "it was written down", heading="Notes > Goodwill")
    (said,) = put(lexical, 1, "goodwill was written down in the long and the short run, and then once more")
    put(lexical, 5, "it was written down")
    assert found(lexical, "goodwill")[0] == said
    assert sorted(found(lexical, "goodwill")[1:]) == sorted([headed, titled, named])


@pytest.fixture(scope="module")
def rent(tmp_path_factory: pytest.TempPathFactory) -> Lexical:
    lexical = Lexical(tmp_path_factory.mktemp("rent"))
    put(lexical, 1, "the rent and the term")
    return lexical


@given(asked=st.text(st.characters(), max_size=200))
def test_any_question_is_answered(rent: Lexical, asked: str) -> None:
    rent.search(NAME, asked, 5)


@pytest.mark.parametrize(
    "asked",
    [
        "",
        "😀 ?!",
        "AND OR NOT",
        'title:"unclosed',
        "rent^",
        "((((rent",
        "chunk:* -rent +term",
        "rent~2 [a TO b}",
        "/re(gex/",
        "\0\ud800rent",
        "rent " * 800,
        "".join(f"word{n} " for n in range(4000)) + "rent",
        "x" * 100_000,
    ],
)
def test_operators_and_noise_are_only_words(rent: Lexical, asked: str) -> None:
    known = {"rent", "term"} & set(terms(asked)[:128])
    assert bool(found(rent, asked)) == bool(known)


def test_words_that_every_question_has_are_left_out_unless_there_are_no_others(lexical: Lexical) -> None:
    ids = put(lexical, 1, "what is it that they have and that we do not have", "rent", "a roof")
    assert found(lexical, "What is the rent that we have?") == [ids[1]]
    assert found(lexical, "What is it that they have?") == [ids[0]]


# -- documents -------------------------------------------------------------------------------------


def test_nothing_is_made_by_looking(lexical: Lexical, tmp_path: Path) -> None:
    assert lexical.search(NAME, "rent", 5) == []
    assert lexical.chunk_ids(NAME) == set()
    assert lexical.size(NAME) == 0
    assert lexical.names() == []
    lexical.remove(NAME, ["1"])
    lexical.drop(NAME)
    assert list(tmp_path.iterdir()) == []


def test_replacing_takes_away_what_the_document_had(lexical: Lexical) -> None:
    other = put(lexical, 2, "the rent")
    put(lexical, 1, "the lease", "the rent", "the roof")
    kept = put(lexical, 1, "the lease anew", "the rent")
    assert lexical.chunk_ids(NAME, document(1).id) == set(kept)
    assert lexical.chunk_ids(NAME) == {*kept, *other}
    assert lexical.size(NAME) == 3
    assert not found(lexical, "roof")
    assert found(lexical, "anew") == kept[:1]


def test_replacing_twice_changes_nothing(lexical: Lexical) -> None:
    put(lexical, 2, "the rent and the roof")
    put(lexical, 1, "the lease", "the rent")
    once = lexical.search(NAME, "the rent of the roof", 10)
    put(lexical, 1, "the lease", "the rent")
    assert lexical.search(NAME, "the rent of the roof", 10) == once


def test_a_document_without_chunks_is_gone(lexical: Lexical) -> None:
    put(lexical, 1, "the rent")
    put(lexical, 1)
    assert lexical.size(NAME) == 0
    assert found(lexical, "rent") == []


def test_remove_takes_only_those_documents(lexical: Lexical) -> None:
    kept = [one for number in range(5) for one in put(lexical, number, "the rent", "the roof")][-2:]
    lexical.remove(NAME, [document(number).id for number in range(4)] + ["unknown"])
    assert lexical.chunk_ids(NAME) == set(kept)
    assert found(lexical, "rent") == kept[:1]


def test_search_within_documents(lexical: Lexical) -> None:
    ids = [put(lexical, number, "the rent " + "and more " * number)[0] for number in range(20)]
    everything = dict(lexical.search(NAME, "rent", 20))
    some = [document(number).id for number in (3, 17)]
    hits = lexical.search(NAME, "rent", 20, some)
    assert hits == [(ids[3], everything[ids[3]]), (ids[17], everything[ids[17]])]
    assert found(lexical, "roof", some) == []
    assert found(lexical, "rent", []) == []
    assert len(found(lexical, "rent", some + [f"unknown {number}" for number in range(3000)])) == 2


def test_collections_are_apart_and_dropped_apart(lexical: Lexical) -> None:
    owner = document(1)
    for name in ("a", "b"):
        lexical.replace(name, owner, chunks(owner, [f"the rent of {name}"]))
    assert lexical.names() == ["a", "b"]
    lexical.drop("a")
    assert lexical.names() == ["b"]
    assert lexical.search("a", "rent", 5) == []
    assert len(lexical.search("b", "rent", 5)) == 1


@pytest.mark.parametrize("n", [-1, 0, 1, 2, 3, 10**9])
def test_no_more_than_asked_for(lexical: Lexical, n: int) -> None:
    put(lexical, 1, "the rent", "the rent")
    assert len(lexical.search(NAME, "rent", n)) == min(2, max(0, n))


def test_many_uploads_do_not_pile_up(lexical: Lexical) -> None:
    for number in range(40):
        put(lexical, number, "the rent", "the roof")
    files = len(list((lexical._folder / NAME).iterdir()))
    assert lexical.size(NAME) == 80
    assert files < 100, "segments are merged, and what they were made from is deleted"


# -- other threads and processes -------------------------------------------------------------------


@contextmanager
def looking_on(lexical: Lexical, allowed: set[int]) -> Iterator[None]:
    """Eight threads that search for "rent" all the while, and find one of these numbers of chunks each time."""
    problems: list[object] = []
    done = threading.Event()

    def look() -> None:
        try:
            while not done.is_set():
                hits = len(lexical.search(NAME, "rent", 100))
                if hits not in allowed:
                    problems.append(hits)
        except Exception as error:  # noqa: BLE001 - reported below
            problems.append(error)

    threads = [threading.Thread(target=look) for _ in range(8)]
    for thread in threads:
        thread.start()
    yield
    done.set()
    for thread in threads:
        thread.join()
    assert not problems


def test_searching_threads_see_the_document_before_or_after_a_write(lexical: Lexical) -> None:
    put(lexical, 1, *["version zero rent"] * 20)
    with looking_on(lexical, {20}):
        for number in range(10):
            put(lexical, 1, *[f"version {number} rent"] * 20)
    assert len(lexical.search(NAME, "9", 100)) == 20


def test_an_index_may_be_dropped_and_made_again_beside_searches(lexical: Lexical) -> None:
    with looking_on(lexical, {0, 1}):
        for _ in range(10):
            put(lexical, 1, "the rent")
            lexical.drop(NAME)
    assert lexical.names() == []


def test_many_threads_may_open_and_write_at_once(lexical: Lexical) -> None:
    barrier = threading.Barrier(16)
    problems: list[Exception] = []

    def work(number: int) -> None:
        barrier.wait()
        try:
            put(lexical, number, f"the rent of {number}")
            found(lexical, "rent")
        except Exception as error:  # noqa: BLE001 - reported below
            problems.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not problems
    assert lexical.size(NAME) == 16


def test_another_reader_sees_what_was_written_dropped_and_made_again(lexical: Lexical) -> None:
    reader = Lexical(lexical._folder)
    put(lexical, 1, "the rent")
    assert len(found(reader, "rent")) == 1
    put(lexical, 2, "the rent")
    assert len(found(reader, "rent")) == 2
    lexical.drop(NAME)
    assert found(reader, "rent") == []
    put(lexical, 3, "the rent")
    assert reader.chunk_ids(NAME) == lexical.chunk_ids(NAME) != set()


def test_closed_files_are_opened_again_when_asked_for(lexical: Lexical) -> None:
    put(lexical, 1, "the rent")
    lexical.close()
    assert len(found(lexical, "rent")) == 1


def start(folder: Path, program: str) -> subprocess.Popen[str]:
    code = f"import sys; from tests.test_lexical import *; lexical = Lexical(Path(sys.argv[1]))\n{program}"
    command = [sys.executable, "-c", code, str(folder)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_a_second_writer_is_refused_and_a_second_reader_is_not(lexical: Lexical, tmp_path: Path) -> None:
    put(lexical, 1, "the rent")
    folder = tmp_path / "lexical"
    other = start(folder, "with lexical._writer(NAME): print('writing', flush=True); sys.stdin.read()")
    assert other.stdout
    assert other.stdout.readline() == "writing\n"
    with pytest.raises(FolderInUseError, match="Another process is writing"):
        put(lexical, 2, "the roof")
    assert len(found(lexical, "rent")) == 1
    other.kill()
    other.communicate()
    put(lexical, 2, "the roof")
    assert len(found(lexical, "roof")) == 1


def test_killed_at_random_moments_leaves_the_old_or_the_new(lexical: Lexical, tmp_path: Path) -> None:
    moments = random.Random(20261122)  # noqa: S311 - for repeating, not for secrets
    put(lexical, 0, "the roof")
    program = (
        "n = lexical.size(NAME)\n"
        "while True:\n"
        "    n += 1; put(lexical, 1, *[f'version{n} rent'] * 300); print(n, flush=True)"
    )
    for _ in range(6):
        process = start(tmp_path / "lexical", program)
        assert process.stdout
        process.stdout.readline()
        time.sleep(moments.uniform(0.0, 0.3))
        process.kill()
        said, _ = process.communicate()
        acknowledged = int(said.split("\n")[-2]) if "\n" in said else 0
        hits = [one for one, _ in lexical.search(NAME, "rent", 1000)]
        assert len(hits) == len(set(hits)) == 300
        assert lexical.size(NAME) == 301
        if acknowledged:
            newest = [n for n in (acknowledged, acknowledged + 1) if len(lexical.search(NAME, f"version{n}", 1000))]
            assert len(newest) == 1
    put(lexical, 1, "the rent")
    assert lexical.size(NAME) == 2


# -- what can go wrong -----------------------------------------------------------------------------


def test_a_chunk_source_that_fails_leaves_the_document_as_it_was(lexical: Lexical) -> None:
    kept = put(lexical, 1, "the rent")

    def failing() -> Iterable[Chunk]:
        yield from chunks(document(1), ["the roof"])
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        lexical.replace(NAME, document(1), failing())
    assert found(lexical, "rent") == kept
    put(lexical, 1, "the roof")
    assert len(found(lexical, "roof")) == 1


@pytest.mark.skipif(sys.platform == "win32", reason="limits the size of a file")
def test_a_full_disk_leaves_the_document_as_it_was(lexical: Lexical) -> None:
    kept = put(lexical, 1, "the rent")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, hard))
    try:
        with pytest.raises(StorageError, match=r"cannot be opened or written .*Make room"):
            put(lexical, 1, *[f"the roof {number}" for number in range(3000)])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert found(lexical, "rent") == kept
    put(lexical, 1, "the roof")
    assert len(found(lexical, "roof")) == 1


class PanicException(BaseException):
    """As tantivy's own, which nobody can import."""


def test_a_panic_while_writing_is_damage(lexical: Lexical) -> None:
    kept = put(lexical, 1, "the rent")

    def panicking() -> Iterator[str]:
        yield document(1).id
        raise PanicException("called `Option::unwrap()` on a `None` value")

    with pytest.raises(StoreDamagedError, match=r"`python -m rag check --repair`"):
        lexical.remove(NAME, panicking())  # type: ignore[arg-type]
    assert found(lexical, "rent") == kept


def cut_short(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def scramble(path: Path) -> None:
    path.write_bytes(bytes(255 - one for one in path.read_bytes()))


@pytest.mark.parametrize("harm", [cut_short, scramble, Path.unlink])
@pytest.mark.parametrize("kind", ["*.idx", "*.term", "*.store", "*.fieldnorm", "meta.json", "version"])
def test_a_damaged_index_says_so_and_can_be_made_again(tmp_path: Path, kind: str, harm: Callable[[Path], None]) -> None:
    put(Lexical(tmp_path), 1, "the rent", "the roof")
    harm(next((tmp_path / NAME).glob(kind)))
    lexical = Lexical(tmp_path)
    if (tmp_path / NAME / "meta.json").exists():  # without it nothing was ever committed
        for use in (lambda: found(lexical, "rent"), lambda: lexical.chunk_ids(NAME), lambda: put(lexical, 2, "rent")):
            with pytest.raises(StoreDamagedError, match=r"`python -m rag check --repair`"):
                use()
    assert lexical.names() == [NAME]
    lexical.drop(NAME)
    put(lexical, 1, "the rent")
    assert len(found(lexical, "rent")) == 1


def test_an_index_of_another_version_is_refused(lexical: Lexical, tmp_path: Path) -> None:
    put(lexical, 1, "the rent")
    (tmp_path / "lexical" / NAME / "version").write_text("0", encoding="utf-8")
    with pytest.raises(StoreDamagedError, match=r"another version.*check --repair"):
        found(Lexical(tmp_path / "lexical"), "rent")


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="cannot be opened or written"):
        put(Lexical(tmp_path / "file"), 1, "the rent")


def test_words_of_another_language_are_found_in_their_forms(tmp_path: Path) -> None:
    german = Lexical(tmp_path / "german", "german")
    rent, _ = put(german, 1, "Die Mieten werden jährlich erhöht.", "Die Gärten sind groß.")
    assert found(german, "Wann wird die Miete erhöht?") == [rent]  # "die" finds nothing
    english = Lexical(tmp_path / "english")
    put(english, 1, "Die Mieten werden jährlich erhöht.", "Die Gärten sind groß.")
    assert found(english, "Miete") == []


def test_an_index_of_another_language_says_how_to_make_it_anew(tmp_path: Path) -> None:
    put(Lexical(tmp_path), 1, "the rent")
    with pytest.raises(StoreDamagedError, match=r"RAG_LANGUAGE.*--repair"):
        found(Lexical(tmp_path, "french"), "rent")
