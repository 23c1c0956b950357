"""Write the bundled model's graph, without its weights, to rag/models/minilm.onnx.

    python scripts/export_model.py            # write the file
    python scripts/export_model.py --check    # compare it with sentence-transformers on the installed weights

all-MiniLM-L6-v2 is a BERT of six layers: few enough operators to write down directly, in ONNX Runtime's fused
form, instead of tracing PyTorch and searching the trace for patterns to fuse. Initializers carry the names that
the weights have in `model.safetensors` (and, for packed attention, in `rag.bundled`); their data is
declared external and handed to ONNX Runtime when the model is loaded.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from onnx import ModelProto, NodeProto, StringStringEntryProto, TensorProto, helper

ROOT = Path(__file__).resolve().parent.parent
GRAPH = ROOT / "rag" / "models" / "minilm.onnx"

LAYERS, HEADS, HIDDEN, INNER = 6, 12, 384, 1536
VOCABULARY, POSITIONS, SEGMENTS = 30522, 512, 2
EPSILON = 1e-12
FUSED = "com.microsoft"
"""Domain of ONNX Runtime's fused operators, which its CPU build has."""


def build_model() -> ModelProto:
    """The whole graph: `input_ids` and `attention_mask` (int32, [batch, sequence], padded on the right) to
    `sentence_embedding` ([batch, 384], unit rows) and `token_embeddings` ([batch, sequence, 384])."""
    nodes = [*_embeddings()]
    hidden = "embeddings"
    for layer in range(LAYERS):
        output = "token_embeddings" if layer == LAYERS - 1 else f"encoder.layer.{layer}"
        nodes += _layer(f"encoder.layer.{layer}", hidden, output)
        hidden = output
    nodes += _pooling(hidden)
    shapes = _weight_shapes()
    graph = helper.make_graph(
        nodes,
        "all-MiniLM-L6-v2",
        [_value(name, TensorProto.INT32, "batch", "sequence") for name in ("input_ids", "attention_mask")],
        [
            _value("sentence_embedding", TensorProto.FLOAT, "batch", HIDDEN),
            _value("token_embeddings", TensorProto.FLOAT, "batch", "sequence", HIDDEN),
        ],
        initializer=[
            helper.make_tensor("axis", TensorProto.INT64, [1], [1]),
            *(_external(name, shape) for name, shape in shapes.items()),
        ],
    )
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid(FUSED, 1)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=8, producer_name="export_model.py")


def _value(name: str, element: int, *shape: int | str) -> object:
    return helper.make_tensor_value_info(name, element, shape)


def _external(name: str, shape: tuple[int, ...]) -> TensorProto:
    """An initializer that has a name and a shape; its data comes from elsewhere."""
    return TensorProto(
        name=name,
        data_type=TensorProto.FLOAT,
        dims=shape,
        data_location=TensorProto.EXTERNAL,
        external_data=[StringStringEntryProto(key="location", value="model.safetensors")],
    )


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
            ["input_ids", "segments", *tables, *scale, "attention_mask"],
            ["embeddings", "lengths"],
            epsilon=EPSILON,
        ),
    ]


def _layer(name: str, hidden: str, output: str) -> list[NodeProto]:
    packed = [f"{name}.attention.qkv.weight", f"{name}.attention.qkv.bias"]
    attended, expanded = f"{name}.attended", f"{name}.expanded"
    return [
        _fused("Attention", [hidden, *packed, "lengths"], [f"{name}.context"], num_heads=HEADS),
        *_dense_and_norm(f"{name}.attention.output", f"{name}.context", hidden, attended),
        _dense(f"{name}.intermediate.dense", attended, expanded),
        _fused("BiasGelu", [expanded, f"{name}.intermediate.dense.bias"], [f"{expanded}.gelu"]),
        *_dense_and_norm(f"{name}.output", f"{expanded}.gelu", attended, output),
    ]


def _dense(name: str, source: str, output: str) -> NodeProto:
    """Without its bias, which the next fused operator adds. PyTorch keeps weights as [out, in]."""
    return _fused("FusedMatMul", [source, f"{name}.weight"], [output], transB=1)


def _dense_and_norm(name: str, source: str, skip: str, output: str) -> list[NodeProto]:
    scale = [f"{name}.LayerNorm.weight", f"{name}.LayerNorm.bias", f"{name}.dense.bias"]
    dense = f"{output}.dense"
    return [
        _dense(f"{name}.dense", source, dense),
        _fused("SkipLayerNormalization", [dense, skip, *scale], [output], epsilon=EPSILON),
    ]


def _pooling(hidden: str) -> list[NodeProto]:
    """The unit vector along the mean of the unmasked tokens: along their sum, that is."""
    return [
        _plain("Cast", ["attention_mask"], "mask", to=TensorProto.FLOAT),
        _plain("Unsqueeze", ["mask", "axis"], "mask_rows"),
        _plain("MatMul", ["mask_rows", hidden], "sum_rows"),
        _plain("Squeeze", ["sum_rows", "axis"], "sums"),
        _plain("LpNormalization", ["sums"], "sentence_embedding", axis=-1, p=2),
    ]


def _weight_shapes() -> dict[str, tuple[int, ...]]:
    shapes: dict[str, tuple[int, ...]] = {
        "embeddings.word_embeddings.weight": (VOCABULARY, HIDDEN),
        "embeddings.position_embeddings.weight": (POSITIONS, HIDDEN),
        "embeddings.token_type_embeddings.weight": (SEGMENTS, HIDDEN),
        "embeddings.LayerNorm.weight": (HIDDEN,),
        "embeddings.LayerNorm.bias": (HIDDEN,),
    }
    for layer in range(LAYERS):
        shapes |= {f"encoder.layer.{layer}.{name}": shape for name, shape in _layer_shapes().items()}
    return shapes


def _layer_shapes() -> dict[str, tuple[int, ...]]:
    return {
        "attention.qkv.weight": (HIDDEN, 3 * HIDDEN),
        "attention.qkv.bias": (3 * HIDDEN,),
        "attention.output.dense.weight": (HIDDEN, HIDDEN),
        "attention.output.dense.bias": (HIDDEN,),
        "attention.output.LayerNorm.weight": (HIDDEN,),
        "attention.output.LayerNorm.bias": (HIDDEN,),
        "intermediate.dense.weight": (INNER, HIDDEN),
        "intermediate.dense.bias": (INNER,),
        "output.dense.weight": (HIDDEN, INNER),
        "output.dense.bias": (HIDDEN,),
        "output.LayerNorm.weight": (HIDDEN,),
        "output.LayerNorm.bias": (HIDDEN,),
    }


def check() -> float:
    """The lowest cosine between this graph's vectors and those of sentence-transformers."""
    sys.path.insert(0, str(ROOT))
    import numpy
    from sentence_transformers import SentenceTransformer

    from rag.bundled import MiniLM, bundled_folder

    texts = ["A word.", "The quick brown fox jumps over the lazy dog. " * 40, "Ünïcode 漢字 😀", ""]
    reference = SentenceTransformer(str(bundled_folder()), device="cpu", local_files_only=True)
    reference.max_seq_length = 256
    expected = numpy.asarray(reference.encode(texts, normalize_embeddings=True))
    return float((MiniLM().encode(texts) * expected).sum(axis=1).min())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="compare with sentence-transformers; write nothing")
    if parser.parse_args().check:
        lowest = check()
        print(f"lowest cosine to sentence-transformers: {lowest:.6f}")
        sys.exit(lowest < 0.9999)
    GRAPH.parent.mkdir(parents=True, exist_ok=True)
    GRAPH.write_bytes(build_model().SerializeToString(deterministic=True))
    print(f"{GRAPH.relative_to(ROOT)}: {GRAPH.stat().st_size} bytes")


if __name__ == "__main__":
    main()
