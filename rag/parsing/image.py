"""Images: PNG, JPEG and TIFF -> pages without text, each to be read by OCR."""

from __future__ import annotations

import struct
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path

from PIL import Image, ImageOps

from rag.errors import DamagedError, TooLargeError
from rag.parsing.limits import Limits
from rag.parsing.media import TIFF, title_from_name
from rag.parsing.raw import check_pages
from rag.parsing.wire import PAGE_BREAK, page_starts
from rag.records import Page, ParsedDocument

PARSER = "image 1"
MAX_PIXELS = 100_000_000
"""300 MB in memory, more than a scan of A1 at 300 dpi."""

_FORMATS = ("PNG", "JPEG", "TIFF")
"""Whatever the extension says, but nothing that Pillow would hand to another program."""
_FAILURES = (OSError, SyntaxError, ValueError, OverflowError, EOFError, struct.error)
"""What Pillow raises for one damaged file or another."""


def parse_image(data: bytes, name: str, media_type: str, limits: Limits) -> ParsedDocument:
    """Each frame of a TIFF is a page, any other image one. Raises DamagedError or TooLargeError."""
    with _opened(BytesIO(data)) as image:
        count = getattr(image, "n_frames", 1) if media_type == TIFF else 1
        check_pages(count, limits)
        for frame in range(count):
            _load(image, frame)
    texts = [""] * count
    return ParsedDocument(
        title=title_from_name(name),
        media_type=media_type,
        text=PAGE_BREAK.join(texts),
        pages=tuple(Page(number, "", start) for number, start in enumerate(page_starts(texts), start=1)),
        headings=(),
        parser=PARSER,
        needs_ocr=tuple(range(1, count + 1)),
    )


def load_frame(path: Path, frame: int, max_side: int) -> Image.Image:
    """A frame (from 0) upright, in RGB on white, its longer side at most `max_side` pixels. Raises as parse_image."""
    with _opened(path) as image:
        _load(image, frame)
        upright = ImageOps.exif_transpose(image)
        upright.thumbnail((max_side, max_side))
        return _on_white(upright)


@contextmanager
def _opened(source: BytesIO | Path) -> Iterator[Image.Image]:
    Image.MAX_IMAGE_PIXELS = MAX_PIXELS
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            warnings.filterwarnings("ignore", module="PIL")  # of odd metadata
            with Image.open(source, formats=_FORMATS) as image:
                yield image
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise TooLargeError(
            f"The image has more than {MAX_PIXELS // 10**6} megapixels: save it smaller and upload that."
        ) from error
    except _FAILURES as error:
        raise DamagedError("The image is damaged: download or export it again.") from error


def _load(image: Image.Image, frame: int) -> None:
    if frame:
        image.seek(frame)
    if image.width * image.height > MAX_PIXELS:  # of a later frame; Pillow looks at the first
        raise Image.DecompressionBombError
    image.load()


def _on_white(image: Image.Image) -> Image.Image:
    if image.mode.startswith(("I", "F")):
        image = _in_8_bits(image)
    if image.has_transparency_data:
        ground = Image.new("RGBA", image.size, "white")
        ground.alpha_composite(image.convert("RGBA"))
        image = ground
    return image.convert("RGB")


def _in_8_bits(image: Image.Image) -> Image.Image:
    """16 bits and more, spread from black to white: Pillow itself would cut them off."""
    import numpy as np

    values = np.asarray(image, np.float32)
    low, high = float(values.min()), float(values.max())
    return Image.fromarray(((values - low) * (255 / max(high - low, 1))).astype(np.uint8))
