"""Optical character recognition of one page, on this machine: rapidocr's models on ONNX Runtime."""

from __future__ import annotations

import os
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from rag.errors import MissingDependencyError
from rag.parsing.engines import ocr_engine
from rag.parsing.media import PDF
from rag.parsing.ocr import reading_order
from rag.records import OcrLine, OcrPage

DPI = 200
MAX_SIDE = 2000
"""Pixels of the longer side: more costs time and reads no better."""
MAX_THREADS = 4

_MODELS = {"Det": "*_det_*.onnx", "Cls": "*_cls_*.onnx", "Rec": "*_rec_*.onnx"}


def recognise_page(path: Path, media_type: str, number: int, password: str = "") -> OcrPage:
    """Read page `number` (from 1). Raises DocumentErrors, and MissingDependencyError where OCR is not installed."""
    pixels = _pdf_page(path, number - 1, password) if media_type == PDF else _image_page(path, number - 1)
    found = _engine()(pixels)
    lines: Iterable[OcrLine] = ()
    if found.txts is not None:
        height, width = pixels.shape[:2]
        lines = [
            OcrLine(text.strip(), float(confidence), _box(corners, width, height))
            for text, confidence, corners in zip(found.txts, found.scores, found.boxes, strict=True)
            if text.strip()
        ]
    return OcrPage(number, tuple(reading_order(list(lines))), ocr_engine())


def _pdf_page(path: Path, index: int, password: str) -> Any:
    from rag.parsing.pdfium import opened, rendered

    with opened(path, password) as document:
        return rendered(document, index, DPI / 72, MAX_SIDE)


def _image_page(path: Path, index: int) -> Any:
    from rag.parsing.image import load_frame

    return np.asarray(load_frame(path, index, MAX_SIDE))[:, :, ::-1]  # rapidocr wants blue first


def _box(corners: Any, width: int, height: int) -> tuple[float, float, float, float]:
    shares = np.clip(np.asarray(corners, float) / (width, height), 0, 1)
    (left, top), (right, bottom) = shares.min(axis=0).tolist(), shares.max(axis=0).tolist()
    return left, top, right, bottom


@cache
def _engine() -> Any:
    """The models are named by their files: rapidocr would look for those it is told by kind on the internet."""
    try:
        import rapidocr
        from rapidocr import RapidOCR
    except ImportError as error:
        raise _missing() from error
    folder = Path(rapidocr.__file__).parent / "models"
    models = {kind: next(iter(sorted(folder.glob(pattern))), None) for kind, pattern in _MODELS.items()}
    if None in models.values():
        raise _missing()
    threads = min(os.cpu_count() or 1, MAX_THREADS)
    return RapidOCR(
        params={
            "Global.log_level": "critical",
            "Global.max_side_len": MAX_SIDE,
            "EngineConfig.onnxruntime.intra_op_num_threads": threads,
            "EngineConfig.onnxruntime.inter_op_num_threads": 1,
            **{f"{kind}.model_path": str(model) for kind, model in models.items()},
        }
    )


def _missing() -> MissingDependencyError:
    return MissingDependencyError(
        "OCR is not installed whole: run `pip install --force-reinstall rapidocr`, or set RAG_OCR=false."
    )
