"""Images of pages, small enough to be sent by mail and still to be read."""

from __future__ import annotations

from io import BytesIO

COLOURS = 32
QUALITY = 75


def small_image(png: bytes) -> tuple[bytes, str]:
    """A page's image with its media type: with few colours as PNG, or as JPEG where that is smaller, as it is for
    photographs and scans. A page of text takes about 100 KB."""
    from PIL import Image

    image = Image.open(BytesIO(png)).convert("RGB")
    few, many = BytesIO(), BytesIO()
    image.quantize(COLOURS).save(few, "PNG", optimize=True)
    image.save(many, "JPEG", quality=QUALITY, optimize=True)
    return min(((few.getvalue(), "image/png"), (many.getvalue(), "image/jpeg")), key=lambda one: len(one[0]))
