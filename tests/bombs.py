"""Small files that grow when they are read, or make their reader crash."""

from __future__ import annotations

import io
import zlib

from PIL import Image

from tests.pdfs import assemble, one_page, stream


def nested_forms_pdf(depth: int = 8, fan: int = 8) -> bytes:
    """About 2 KB: each form draws the next one `fan` times, which makes PDFium end its process."""
    forms = [
        stream(
            b"/X Do " * fan,
            b"/Type/XObject/Subtype/Form/BBox[0 0 99 99]/Resources<</XObject<</X %d 0 R>>>>" % (number + 6),
        )
        for number in range(depth)
    ]
    return assemble(
        [
            b"<</Type/Catalog/Pages 2 0 R>>",
            b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
            b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 99 99]/Contents 4 0 R/Resources<</XObject<</X 5 0 R>>>>>>",
            stream(b"/X Do"),
            *forms,
            stream(b"", b"/Type/XObject/Subtype/Form/BBox[0 0 99 99]"),
        ]
    )


def flate_bomb_pdf(text_megabytes: int = 60) -> bytes:
    """Some hundred KB that inflate to `text_megabytes` MB of text on one page."""
    squeezer = zlib.compressobj(9)
    block = b"(hello hello hello) Tj " * 45_590
    packed = squeezer.compress(b"BT /F 12 Tf ")
    packed += b"".join(squeezer.compress(block) for _ in range(text_megabytes))
    packed += squeezer.compress(b" ET") + squeezer.flush()
    return assemble([b"<</Type/Catalog/Pages 2 0 R>>", *one_page(packed, b"/Filter/FlateDecode")])


def many_pages_pdf(pages: int = 200_000) -> bytes:
    """Two objects that are `pages` pages: the list of pages has the same one again and again."""
    kids = b" ".join([b"3 0 R"] * pages)
    return assemble(
        [
            b"<</Type/Catalog/Pages 2 0 R>>",
            b"<</Type/Pages/Kids[%s]/Count %d>>" % (kids, pages),
            b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 99 99]>>",
        ]
    )


def image_bomb_png(side: int = 30_000) -> bytes:
    """A hundred KB that are `side` x `side` white pixels."""
    stored = io.BytesIO()
    Image.new("1", (side, side), 1).save(stored, "PNG", optimize=True)
    return stored.getvalue()
