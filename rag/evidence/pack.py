"""Evidence as one HTML file: it opens without a network, runs nothing, and can be read on paper and on a phone."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from rag.evidence import words
from rag.evidence.prose import answer_html, quote_html
from rag.records import Box, Evidence, Exhibit, Proof

if TYPE_CHECKING:
    from jinja2 import Template

MARGIN = 0.02
"""Of the page's height, shown above and below a quote; of its width at its sides."""
LEAST = 0.5
"""Of the page's width, shown of it at least: one word alone would be shown very large."""
LABEL = 0.022
"""Of the page's height that a number beside the boxes takes."""


def evidence_html(evidence: Evidence) -> str:
    """The file's text, to be written as UTF-8."""
    exhibits = [_Shown(one, _proofs_on(one, evidence)) for one in evidence.exhibits]
    by_page = {(one.exhibit.document, one.exhibit.page): one for one in exhibits}
    proofs = {(one.asked, one.citation.number): one for one in evidence.proofs}
    text = _template().render(
        evidence=evidence,
        exhibits=exhibits,
        by_page=by_page,
        proofs=proofs,
        several=len(evidence.asked) > 1,
        answer_html=answer_html,
        quote_html=quote_html,
        words=words,
    )
    return text.encode(errors="replace").decode()  # half a character of a damaged document cannot be written


@dataclass(frozen=True, slots=True)
class _Shown:
    """A page's image with what is boxed on it; all sizes in its pixels."""

    exhibit: Exhibit
    proofs: Sequence[Proof]

    @property
    def id(self) -> str:
        return f"page-{self.exhibit.document[:12]}-{self.exhibit.page}"

    @property
    def answers(self) -> list[Box]:
        """The boxes of what answers in all that is quoted from it."""
        return [box for proof in self.proofs for box in proof.answers]

    @property
    def source(self) -> str:
        return f"data:{self.exhibit.media_type};base64,{base64.b64encode(self.exhibit.image).decode()}"

    def rectangles(self, boxes: Sequence[Box]) -> Iterator[tuple[float, float, float, float]]:
        """x, y, width, height of each box."""
        wide, high = self.exhibit.width, self.exhibit.height
        for left, top, right, bottom in boxes:
            sides = left * wide, top * high, (right - left) * wide, (bottom - top) * high
            yield round(sides[0], 1), round(sides[1], 1), round(sides[2], 1), round(sides[3], 1)

    def cut(self, proof: Proof) -> tuple[float, float, float, float]:
        """x, y, width, height of the part of the page that has the boxes of a proof."""
        left, top, right, bottom = _around(proof.boxes)
        left, right = _at_least(max(left - MARGIN, 0), min(right + MARGIN, 1))
        top, bottom = max(top - MARGIN, 0), min(bottom + MARGIN, 1)
        wide, high = self.exhibit.width, self.exhibit.height
        return round(left * wide), round(top * high), round((right - left) * wide), round((bottom - top) * high)

    def labels(self) -> list[tuple[Proof, int, int]]:
        """The proofs with where their numbers stand, x and y: at the left of all boxes, none over another."""
        boxed = sorted((one for one in self.proofs if one.boxes), key=lambda one: one.boxes[0][1])
        left = min((box[0] for one in boxed for box in one.boxes), default=0.0)
        found, free = [], 0.0
        for one in boxed:
            y = max(one.boxes[0][1], free)
            free = y + LABEL
            found.append((one, max(round(left * self.exhibit.width) - 12, 40), round(y * self.exhibit.height)))
        return found


def _proofs_on(exhibit: Exhibit, evidence: Evidence) -> list[Proof]:
    where = (exhibit.document, exhibit.page)
    return [one for one in evidence.proofs if (one.citation.document, one.citation.page) == where]


def _around(boxes: Sequence[Box]) -> Box:
    lefts, tops, rights, bottoms = zip(*boxes, strict=True)
    return min(lefts), min(tops), max(rights), max(bottoms)


def _at_least(left: float, right: float) -> tuple[float, float]:
    """A stretch of a line within [0, 1] that has at least LEAST of it."""
    missing = max(LEAST - (right - left), 0)
    left = min(max(left - missing / 2, 0), 1 - max(right - left, LEAST))
    return left, max(right, left + LEAST)


@lru_cache(maxsize=1)
def _template() -> Template:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    loader = FileSystemLoader(Path(__file__).parent)
    made = Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    return made.get_template("pack.html.jinja")
