"""Write the bundled model's graphs, without their weights, to rag/models/.

    python scripts/export_model.py            # write the files
    python scripts/export_model.py --check    # compare them with sentence-transformers on the installed weights

all-MiniLM-L6-v2 is a BERT of six layers: few enough operators to write down directly, in ONNX Runtime's fused
form, instead of tracing PyTorch and searching the trace for patterns to fuse. Initializers carry the names that
the weights have in `model.safetensors` (and, for packed attention and int8, in `rag.bundled`); their data is
declared external and handed to ONNX Runtime when the model is loaded.

A graph reads one text: no padding, no mask, activations that stay in the processor's cache, and a vector that
depends on no other text. `Add` and `LayerNormalization` take a third of the time of `SkipLayerNormalization`.

In int8 the products of matrices are of 8-bit integers, everything between them is fp32. Weights have a scale for
each output, activations one for each text or, in the feed-forward part, where single tokens are far larger than the
others, one for each token.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
from onnx import ModelProto, NodeProto, StringStringEntryProto, TensorProto, helper, numpy_helper

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "rag" / "models"
LOWEST_COSINE = {"fp32": 0.9999, "int8": 0.96}
"""The precisions, and how close to sentence-transformers each must be: int8 has 0.997 on passages of documents, and
least, 0.97, on a sentence that is repeated over and over."""

LAYERS, HEADS, HIDDEN, INNER = 6, 12, 384, 1536
VOCABULARY, POSITIONS, SEGMENTS = 30522, 512, 2
EPSILON = 1e-12
FUSED = "com.microsoft"
"""Domain of ONNX Runtime's fused operators, which its CPU build has."""

MATRICES = {
    "attention.qkv": (HIDDEN, 3 * HIDDEN),
    "attention.output.dense": (HIDDEN, HIDDEN),
    "intermediate.dense": (HIDDEN, INNER),
    "output.dense": (INNER, HIDDEN),
}
"""Of a layer, as (inputs, outputs)."""

CONSTANTS = {
    "signed.step": np.float32(1 / 127),
    "signed.zero": np.uint8(128),
    "gelu.step": np.float32(1 / 240),
    "gelu.zero": np.uint8(15),
    "gelu.least": np.float32(0.17 * 240 / 15),  # for GELU's lowest value, -0.17, to be 15 steps below zero at most
    "weight.zero": np.int8(0),
}


def build_model(precision: str) -> ModelProto:
    """The whole graph in `fp32` or `int8`: `input_ids` (int32, [1, tokens]) to `sentence_embedding` ([1, 384], a
    unit row) and `token_embeddings` ([1, tokens, 384])."""
    build_layer = {"fp32": _layer, "int8": _int8_layer}[precision]
    nodes, hidden = _embeddings(), "embeddings"
    for layer in range(LAYERS):
        output = "token_embeddings" if layer == LAYERS - 1 else f"encoder.layer.{layer}"
        nodes += build_layer(f"encoder.layer.{layer}", hidden, output)
        hidden = output
    nodes += _pooling(hidden)
    used = {name for node in nodes for name in node.input}
    graph = helper.make_graph(
        nodes,
        f"all-MiniLM-L6-v2 {precision}",
        [helper.make_tensor_value_info("input_ids", TensorProto.INT32, (1, "tokens"))],
        [
            helper.make_tensor_value_info("sentence_embedding", TensorProto.FLOAT, (1, HIDDEN)),
            helper.make_tensor_value_info("token_embeddings", TensorProto.FLOAT, (1, "tokens", HIDDEN)),
        ],
        initializer=[
            *(numpy_helper.from_array(np.asarray(value), name) for name, value in CONSTANTS.items() if name in used),
            *_external_weights(precision),
        ],
    )
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid(FUSED, 1)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=8, producer_name="export_model.py")


def _fused(operator: str, inputs: list[str], outputs: list[str], **attributes: object) -> NodeProto:
    return helper.make_node(operator, inputs, outputs, name=outputs[0], domain=FUSED, **attributes)


def _plain(operator: str, inputs: list[str], output: str, **attributes: object) -> NodeProto:
    return helper.make_node(operator, inputs, [output], name=output, **attributes)


def _embeddings() -> list[NodeProto]:
    tables = [f"embeddings.{kind}_embeddings.weight" for kind in ("word", "position", "token_type")]
    scale = ["embeddings.LayerNorm.weight", "embeddings.LayerNorm.bias"]
    return [
        _plain("Sub", ["input_ids", "input_ids"], "segments"),  # one segment: always the first
        _fused(
            "EmbedLayerNormalization",
            ["input_ids", "segments", *tables, *scale],
            ["embeddings", "no_mask"],
            epsilon=EPSILON,
        ),
    ]


def _layer(name: str, hidden: str, output: str) -> list[NodeProto]:
    context, attended, active = _inner_names(name)
    packed = [f"{name}.attention.qkv.weight", f"{name}.attention.qkv.bias"]
    return [
        _fused("Attention", [hidden, *packed], [context], num_heads=HEADS),
        _product(f"{name}.attention.output.dense", context),
        *_add_and_norm(f"{name}.attention.output", context, hidden, attended),
        _product(f"{name}.intermediate.dense", attended),
        _fused("BiasGelu", [f"{attended}.product", f"{name}.intermediate.dense.bias"], [active]),
        _product(f"{name}.output.dense", active),
        *_add_and_norm(f"{name}.output", active, attended, output),
    ]


def _int8_layer(name: str, hidden: str, output: str) -> list[NodeProto]:
    context, attended, active = _inner_names(name)
    return [
        *_int8_attention(f"{name}.attention.qkv", hidden, context),
        *_int8_product(f"{name}.attention.output.dense", context),
        *_add_and_norm(f"{name}.attention.output", context, hidden, attended),
        _plain("Abs", [attended], f"{attended}.sizes"),
        _plain("ReduceMax", [f"{attended}.sizes"], f"{attended}.peaks", axes=[-1]),
        *_int8_product_by_token(f"{name}.intermediate.dense", attended, "signed"),
        _fused("FastGelu", [f"{attended}.product", f"{name}.intermediate.dense.bias"], [active]),
        _plain("ReduceMax", [active], f"{active}.largest", axes=[-1]),
        _plain("Max", [f"{active}.largest", "gelu.least"], f"{active}.peaks"),
        *_int8_product_by_token(f"{name}.output.dense", active, "gelu"),
        *_add_and_norm(f"{name}.output", active, attended, output),
    ]


def _product(name: str, source: str) -> NodeProto:
    """PyTorch keeps weights as (outputs, inputs)."""
    return _fused("FusedMatMul", [source, f"{name}.weight"], [f"{source}.product"], transB=1)


def _int8_attention(name: str, source: str, output: str) -> list[NodeProto]:
    row, scale, zero = quantised = _quantised_names(source)
    weights = [f"{name}.weight", f"{name}.bias", scale, f"{name}.scale"]
    return [
        helper.make_node("DynamicQuantizeLinear", [source], quantised, name=row),
        _fused("QAttention", [row, *weights, "", zero, "weight.zero"], [output], num_heads=HEADS),
    ]


def _int8_product(name: str, source: str) -> list[NodeProto]:
    """With one scale for all tokens."""
    row, scale, zero = quantised = _quantised_names(source)
    return [
        helper.make_node("DynamicQuantizeLinear", [source], quantised, name=row),
        _fused(
            "MatMulIntegerToFloat",
            [row, f"{name}.weight", scale, f"{name}.scale", zero],
            [f"{source}.product"],
        ),
    ]


def _int8_product_by_token(name: str, source: str, kind: str) -> list[NodeProto]:
    """With one scale for each token: it is divided by its peak before and multiplied by it after."""
    step, zero = f"{kind}.step", f"{kind}.zero"
    row, unit = _quantised_names(source)[0], f"{source}.unit"
    return [
        _plain("Div", [source, f"{source}.peaks"], unit),
        _plain("QuantizeLinear", [unit, step, zero], row),
        _fused("MatMulIntegerToFloat", [row, f"{name}.weight", step, f"{name}.scale", zero], [f"{unit}.product"]),
        _plain("Mul", [f"{unit}.product", f"{source}.peaks"], f"{source}.product"),
    ]


def _inner_names(layer: str) -> list[str]:
    return [f"{layer}.{part}" for part in ("context", "attended", "active")]


def _quantised_names(source: str) -> list[str]:
    return [f"{source}.{part}" for part in ("uint8", "scale", "zero")]


def _add_and_norm(name: str, source: str, skip: str, output: str) -> list[NodeProto]:
    biased, sum_ = f"{source}.biased", f"{source}.sum"
    return [
        _plain("Add", [f"{source}.product", f"{name}.dense.bias"], biased),
        _plain("Add", [biased, skip], sum_),
        _plain(
            "LayerNormalization",
            [sum_, f"{name}.LayerNorm.weight", f"{name}.LayerNorm.bias"],
            output,
            axis=-1,
            epsilon=EPSILON,
        ),
    ]


def _pooling(hidden: str) -> list[NodeProto]:
    """The unit vector along the mean of the tokens."""
    return [
        _plain("ReduceMean", [hidden], "mean", axes=[1], keepdims=0),
        _plain("LpNormalization", ["mean"], "sentence_embedding", axis=-1, p=2),
    ]


def _external_weights(precision: str) -> list[TensorProto]:
    tables = {
        "embeddings.word_embeddings.weight": (VOCABULARY, HIDDEN),
        "embeddings.position_embeddings.weight": (POSITIONS, HIDDEN),
        "embeddings.token_type_embeddings.weight": (SEGMENTS, HIDDEN),
        "embeddings.LayerNorm.weight": (HIDDEN,),
        "embeddings.LayerNorm.bias": (HIDDEN,),
    }
    return [
        *(_external(name, shape) for name, shape in tables.items()),
        *(weight for layer in range(LAYERS) for weight in _layer_weights(f"encoder.layer.{layer}", precision)),
    ]


def _layer_weights(layer: str, precision: str) -> list[TensorProto]:
    norms = (
        f"{layer}.{part}.LayerNorm.{kind}" for part in ("attention.output", "output") for kind in ("weight", "bias")
    )
    found = [_external(name, (HIDDEN,)) for name in norms]
    for matrix, (inputs, outputs) in MATRICES.items():
        name = f"{layer}.{matrix}"
        found.append(_external(f"{name}.bias", (outputs,)))
        if precision == "int8":
            found.append(_external(f"{name}.scale", (outputs,)))
            found.append(_external(f"{name}.weight", (inputs, outputs), TensorProto.INT8))
        else:
            shape = (inputs, outputs) if matrix == "attention.qkv" else (outputs, inputs)
            found.append(_external(f"{name}.weight", shape))
    return found


def _external(name: str, shape: tuple[int, ...], element: int = TensorProto.FLOAT) -> TensorProto:
    """An initializer that has a name and a shape; its data comes from elsewhere."""
    return TensorProto(
        name=name,
        data_type=element,
        dims=shape,
        data_location=TensorProto.EXTERNAL,
        external_data=[StringStringEntryProto(key="location", value="model.safetensors")],
    )


def check() -> dict[str, float]:
    """For each precision the lowest cosine between its vectors and those of sentence-transformers."""
    sys.path.insert(0, str(ROOT))
    from sentence_transformers import SentenceTransformer

    from rag.bundled import MiniLM, bundled_folder

    texts = ["A word.", "The quick brown fox jumps over the lazy dog. " * 40, "Ünïcode 漢字 😀", ""]
    reference = SentenceTransformer(str(bundled_folder()), device="cpu", local_files_only=True)
    reference.max_seq_length = 256
    expected = np.asarray(reference.encode(texts, normalize_embeddings=True))
    return {one: float((MiniLM(one).encode(texts) * expected).sum(axis=1).min()) for one in LOWEST_COSINE}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="compare with sentence-transformers; write nothing")
    if parser.parse_args().check:
        lowest = check()
        print(f"lowest cosines to sentence-transformers: {lowest}")
        sys.exit(any(lowest[one] < least for one, least in LOWEST_COSINE.items()))
    FOLDER.mkdir(parents=True, exist_ok=True)
    for precision in LOWEST_COSINE:
        path = FOLDER / f"minilm-{precision}.onnx"
        path.write_bytes(build_model(precision).SerializeToString(deterministic=True))
        print(f"{path.relative_to(ROOT)}: {path.stat().st_size} bytes")


if __name__ == "__main__":
    main()
