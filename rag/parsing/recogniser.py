"""Optical character recognition of one page, on this machine: rapidocr's models on ONNX Runtime."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from rag.errors import MissingDependencyError
from rag.memory import return_memory
from rag.parsing.bands import HEIGHT, bands, joined
from rag.parsing.engines import ocr_engine
from rag.parsing.media import PDF
from rag.parsing.ocr import reading_order
from rag.records import OcrLine, OcrPage

DPI = 200
MAX_SIDE = 2000
"""Pixels of the longer side: more costs time and reads no better."""
LEAST_SIDE = 736
"""Pixels of a picture's shorter side: lines are found better in what is enlarged."""
MAX_THREADS = 4
LEAST_CONTRAST = 16
"""Of 255, between a page's lightest and darkest place: with less it is blank."""
LEAST_CONFIDENCE = 0.5
"""As rapidocr has it: what is below is specks and lines that were drawn."""

_MODELS = {"Det": "*_det_*.onnx", "Cls": "*_cls_*.onnx", "Rec": "*_rec_*.onnx"}


def recognise_page(path: Path, media_type: str, number: int, password: str = "") -> OcrPage:
    """Read page `number` (from 1). Raises DocumentErrors, and MissingDependencyError where OCR is not installed."""
    pixels = _pdf_page(path, number - 1, password) if media_type == PDF else _image_page(path, number - 1)
    return OcrPage(number, tuple(reading_order(_lines(pixels))), ocr_engine())


def _lines(pixels: Any) -> list[OcrLine]:
    """Detected in bands and recognised one by one: whole pages and batches need more memory and no less time."""
    if np.ptp(pixels) < LEAST_CONTRAST:
        return []
    height, width = pixels.shape[:2]
    engine = _engine()
    boxes = joined(((band, _detected(engine, pixels[slice(*band)])) for band in bands(height)), height)
    if not boxes:
        return []
    upright, _ = engine.cls_and_rotate(engine.crop_text_regions(pixels, boxes))
    return [
        OcrLine(text, confidence, _box(corners, width, height))
        for (text, confidence), corners in zip((_read(engine, line) for line in upright), boxes, strict=True)
        if text and confidence >= LEAST_CONFIDENCE
    ]


def _detected(engine: Any, band: Any) -> Any:
    found = engine(band, use_det=True, use_cls=False, use_rec=False).boxes
    return_memory()  # or the next band's is added to what this one left in pieces
    return () if found is None else found


def _read(engine: Any, line: Any) -> tuple[str, float]:
    read = engine.recognize_txt([line])
    return_memory()
    return read.txts[0].strip(), float(read.scores[0])


def _pdf_page(path: Path, index: int, password: str) -> Any:
    from rag.parsing.pdfium import opened, rendered

    with opened(path, password) as document:
        return rendered(document, index, DPI / 72, MAX_SIDE)


def _image_page(path: Path, index: int) -> Any:
    from rag.parsing.image import load_frame

    frame = load_frame(path, index, MAX_SIDE)
    larger = min(LEAST_SIDE / min(frame.size), MAX_SIDE / max(frame.size))
    if larger > 1:
        frame = frame.resize([round(side * larger) for side in frame.size])
    return np.asarray(frame)[:, :, ::-1]  # rapidocr wants blue first


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
            "Det.limit_side_len": HEIGHT,
            "Rec.rec_batch_num": 1,
            "EngineConfig.onnxruntime.intra_op_num_threads": threads,
            "EngineConfig.onnxruntime.inter_op_num_threads": 1,
            **{f"{kind}.model_path": str(model) for kind, model in models.items()},
        }
    )


def _missing() -> MissingDependencyError:
    return MissingDependencyError(
        "OCR is not installed whole: run `pip install --force-reinstall rapidocr`, or set RAG_OCR=false."
    )
