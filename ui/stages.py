"""How far documents are, in words."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from rag.records import Document, Failure, Progress, State
from rag.workspace import page_noun
from ui.text import about, counted, settled

_STAGES = {
    "queued": "waiting its turn",
    "reading": "reading",
    "ocr": "reading by OCR",
    "splitting": "splitting into passages",
    "indexing": "indexing its words",
    "storing": "saving",
}


def failed(documents: Sequence[Document]) -> list[Document]:
    """Those that could not be indexed, without those that somebody stopped."""
    return [one for one in documents if one.state is State.FAILED and one.failure is not Failure.CANCELLED]


def stage(document: Document, held_back: bool = False) -> str:
    """What is being done with an unfinished document, for people. `held_back`: its older version is searched so far."""
    counts = f"{document.done:,} of {document.total:,}" if document.total else ""
    if document.state is State.SEARCHABLE:
        already = "its old version is searched until it is ready" if held_back else "searchable by words already"
        return f"{already} · by meaning: {counts} passages" if document.stage == "embedding" and counts else already
    if document.stage == "waiting" and document.total:
        return f"waiting for OCR of {counted(document.total, 'page')}"
    what = _STAGES.get(document.stage or document.state.value, "starting")
    what += f": {document.done:,} of {counted(document.total, 'page')}" if document.stage == "ocr" else ""
    return f"{what} · searched as it was read before until then" if document.served else what


def fraction(document: Document) -> float:
    """About how much of the work on a document is done, in [0, 1]. Nearly all of it is embedding, or OCR."""
    share = min(1.0, document.done / document.total) if document.total else 0.0
    if document.stage == "ocr":
        return 0.04 + 0.5 * share
    if document.state is State.SEARCHABLE:
        return 0.97 if document.stage == "storing" else 0.1 + 0.85 * share * (document.stage == "embedding")
    return {"reading": 0.04, "splitting": 0.06, "indexing": 0.08}.get(document.stage, 0.0)


def outcome(document: Document) -> str:
    """What became of a finished document, for people."""
    took = f"{document.seconds:.1f} s" if document.seconds < 100 else f"{document.seconds / 60:.0f} min"
    ocr = f" · {ocr_notice(document)}" if document.ocr_pages else ""
    unread = f" · {unread_notice(document)}" if document.unread_pages else ""
    return f"Ready · {extent(document)} · {took}{ocr}{unread}"


def extent(document: Document) -> str:
    """`14 pages · 120 passages`; without the pages where a file has none, as a plain text."""
    passages = counted(document.chunks, "passage")
    noun = page_noun(document.name)
    whole = document.pages == 1 and noun == "section"
    return passages if whole else f"{counted(document.pages, noun)} · {passages}"


def unread_notice(document: Document) -> str:
    """`2 of 14 pages could not be read`."""
    return f"{document.unread_pages:,} of {counted(document.pages, page_noun(document.name))} could not be read"


def ocr_notice(document: Document) -> str:
    """`12 of 14 pages read by OCR, confidence 93%`."""
    return (
        f"{document.ocr_pages:,} of {counted(document.pages, 'page')} read by OCR, "
        f"confidence {document.ocr_confidence:.0%}"
    )


def how_many(progress: Progress) -> str:
    """`3 of 14 documents`, and how many of them failed or were cancelled."""
    others = f", {progress.failed:,} failed" if progress.failed else ""
    others += f", {progress.cancelled:,} cancelled" if progress.cancelled else ""
    return f"{progress.finished:,} of {counted(progress.documents, 'document')}{others}"


def how_fast(progress: Progress) -> str:
    """`120 passages a second · about 2 min left`."""
    rate = progress.chunks_per_second
    if progress.seconds_left is None:
        left = "measuring the speed of OCR…" if rate else "measuring the speed…"
    else:
        left = time_left("all", progress.seconds_left)
    return f"{rate:,.0f} passages a second · {left}" if rate >= 1 else left


def time_left(what: str, seconds: float) -> str:
    """`about 2 min left`, settled."""
    shown = st.session_state.setdefault("times_left", {})
    shown[what] = settled(seconds, shown.get(what))
    return f"{about(shown[what])} left" if shown[what] >= 1 else "nearly done"
