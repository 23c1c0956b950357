"""Handing documents in, and watching them become searchable.

Progress is read from the catalog, never from the worker's thread, so it is the same after a reload of the page.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import streamlit as st

from rag.records import UNFINISHED, Document, Failure, IngestEvent, Progress, State
from rag.workspace import Upload, Workspace
from ui.errors import friendly_errors
from ui.places import UPLOAD, link_to_document
from ui.retrying import cancel_button, retry_all_button, retry_button
from ui.stages import failed, fraction, how_fast, how_many, outcome, stage, time_left
from ui.text import escape_markdown, message_markdown, shortened

POLL_SECONDS = 1.0
MOST_LINES = 15
"""Documents shown at a time."""
FEW_LINES = 3
"""Of them where other things matter more."""

_IDLE = ("", "queued", "waiting")


@dataclass(frozen=True, slots=True)
class Watched:
    """A file or document that this session follows: what was said of it when it was handed in here, or None if it was
    met on its way. Files handed in together have the same `batch`, later ones a higher one."""

    batch: int
    collection: str
    document: str
    name: str
    event: IngestEvent | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """A line: what is watched, and the document as it is now, if there is one."""

    watched: Watched
    document: Document | None

    @property
    def kind(self) -> str:
        """What it is, for people, and by that how much attention it wants (see `_ATTENTION`)."""
        event, document = self.watched.event, self.document
        if event is not None and event.outcome:
            return {"failed": "could not be read", "duplicate": "already there"}.get(event.outcome, "left out")
        if document is None:
            return "deleted or replaced"
        if document.state in UNFINISHED:
            return "waiting" if document.stage in _IDLE else "in progress"
        if document.state is State.FAILED:
            return "cancelled" if document.failure is Failure.CANCELLED else "could not be read"
        return "ready"


_ATTENTION = (
    "in progress",
    "could not be read",
    "left out",
    "already there",
    "cancelled",
    "ready",
    "waiting",
    "deleted or replaced",
)


def hand_in(
    workspace: Workspace,
    sources: Sequence[Path | Upload],
    collection: str | None = None,
    replaces: bool = False,
    tags: Sequence[str] = (),
) -> list[IngestEvent]:
    """Give files to the workspace; returns what it says of each at once. Afterwards the files may be removed.

    Calls nothing of Streamlit, so that no click can interrupt it halfway.
    """
    events = list(_at_once(workspace.ingest(sources, collection, replaces, tags))) if sources else []
    workspace.worker.start()
    return events


def _at_once(events: Iterator[IngestEvent]) -> Iterator[IngestEvent]:
    """The first event of each file: those after them, which tell of a file once more, come only as work goes on."""
    seen = set()
    for event in events:
        if event.document in seen and event.outcome != "duplicate":
            return
        if event.document:
            seen.add(event.document)
        yield event


def remember(collection: str, events: Sequence[IngestEvent]) -> None:
    """Keep what was handed in, newest first, so that `watch` goes on showing what became of it in this session."""
    before = watched_here()
    batch = max((one.batch for one in before), default=0) + 1
    new = [Watched(batch, collection, one.document or "", one.name, one) for one in events]
    again = {one.document for one in new if one.event is not None and not one.event.outcome}
    before[:] = [*new, *(one for one in before if one.collection != collection or one.document not in again)]


def watched_here() -> list[Watched]:
    """What this session follows, newest first."""
    watched: list[Watched] = st.session_state.setdefault("watched", [])
    return watched


def watch(workspace: Workspace, briefly: bool = False) -> None:
    """Draw a line for each document that this session follows and each unfinished one, until all are finished.

    `briefly`: the unfinished ones alone, and few of them.
    """
    busy = workspace.progress() is not None
    st.fragment(_draw, run_every=POLL_SECONDS if busy else None)(workspace, briefly)


def _draw(workspace: Workspace, briefly: bool) -> None:
    with friendly_errors():
        progress = workspace.progress()
        entries = _entries(workspace.watched([(one.collection, one.document) for one in watched_here()]))
        if progress is not None and progress.documents > 1:
            st.progress(progress.fraction, text=f"**{how_many(progress)}**  \n:small[{how_fast(progress)}]")
        if briefly:
            entries = [one for one in entries if one.document is not None and one.document.state in UNFINISHED]
        shown, rest = _few(entries) if briefly else _some(entries)
        held_back = workspace.held_back()
        with st.container(gap="xsmall"):
            for entry in shown:
                _line(workspace, entry, progress, held_back)
        if rest and workspace.settings.demo:
            st.caption(f"And {rest:,} more.")
        elif rest:
            st.page_link(UPLOAD, label=f"And {rest:,} more", icon=":material/arrow_forward:")
        unread = failed([one.document for one in entries if one.document is not None])
        if len(unread) > 1 and not workspace.settings.demo:
            retry_all_button(workspace, unread)


def _entries(documents: Sequence[Document]) -> list[Entry]:
    """What is watched as it is now. What is met unfinished is watched from now on, so that its end is told too."""
    watched = watched_here()
    known = {(one.collection, one.document) for one in watched}
    met = [one for one in documents if one.state in UNFINISHED and (one.collection, one.id) not in known]
    watched += [Watched(0, one.collection, one.id, one.name) for one in met]
    there = {(one.collection, one.id): one for one in documents}
    return [Entry(one, there.get((one.collection, one.document))) for one in watched]


def _few(entries: Sequence[Entry]) -> tuple[Sequence[Entry], int]:
    """The first ones, and how many more there are."""
    ordered = sorted(entries, key=lambda one: _ATTENTION.index(one.kind))
    return ordered[:FEW_LINES], max(0, len(entries) - FEW_LINES)


def _some(entries: Sequence[Entry]) -> tuple[Sequence[Entry], int]:
    """All of them if they are not many; else those of the chosen page, what was handed in last before the others."""
    if len(entries) <= MOST_LINES:
        return entries, 0
    kinds = Counter(one.kind for one in entries)
    st.caption(f"{len(entries):,} files: {', '.join(f'{kinds[one]:,} {one}' for one in _ATTENTION if kinds[one])}.")
    ordered = sorted(
        entries, key=lambda one: (one.kind != "in progress", -one.watched.batch, _ATTENTION.index(one.kind))
    )
    number = st.pagination(-(-len(ordered) // MOST_LINES), key="progress-page")
    return ordered[(number - 1) * MOST_LINES : number * MOST_LINES], 0


def _line(workspace: Workspace, entry: Entry, progress: Progress | None, held_back: set[tuple[str, str]]) -> None:
    document, event = entry.document, entry.watched.event
    name = f":small[**{escape_markdown(shortened(entry.watched.name, 60))}**]"
    if event is not None and event.outcome:
        _left_out(name, entry, event)
    elif document is None:
        st.markdown(f":gray[:material/delete:] {name}  \n:small[It has been deleted, or replaced by a newer version.]")
    elif document.state in UNFINISHED:
        doing = stage(document, (document.collection, document.id) in held_back) + _pace(document, progress)
        with _row():
            if entry.kind == "waiting":
                st.markdown(f":gray[:material/hourglass_empty:] {name} :small[{doing}]", width="stretch")
            else:
                st.progress(fraction(document), text=f"{name}  \n:small[{doing}]")
            cancel_button(workspace, document)
    elif document.state is State.FAILED:
        icon = ":gray[:material/cancel:]" if document.failure is Failure.CANCELLED else ":red[:material/error:]"
        with _row():
            st.markdown(f"{icon} {name}  \n:small[{message_markdown(document.reason)}]", width="stretch")
            retry_button(workspace, document)
    else:
        st.markdown(f":green[:material/check_circle:] {name}  \n:small[{outcome(document)}]")


def _row() -> Any:
    return st.container(horizontal=True, vertical_alignment="center", wrap=False)


def _left_out(name: str, entry: Entry, event: IngestEvent) -> None:
    refused, copied = event.outcome == "failed", event.outcome == "duplicate"
    icon = ":red[:material/error:]" if refused else f":orange[:material/{'content_copy' if copied else 'block'}:]"
    with st.container(gap="xxsmall"):
        st.markdown(f"{icon} {name}  \n:small[{message_markdown(event.reason)}]")
        if copied and entry.document is not None:
            link_to_document(entry.document.collection, entry.document.id, "Open the one that is there")


def _pace(document: Document, progress: Progress | None) -> str:
    """The reason why it waits, or how long it will still take, if that is known."""
    if document.reason:
        return f" · :orange[{message_markdown(document.reason)}]"
    rate = progress.chunks_per_second if progress is not None else 0.0
    if document.stage != "embedding" or not rate:
        return ""
    left = time_left(document.id, (document.total - document.done) / rate)
    return f" · {rate:,.0f} a second · {left}"
