"""Handing documents in, and watching them become searchable.

Progress is read from the catalog, never from the worker's thread, so it is the same after a reload of the page.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import streamlit as st

from rag.errors import NotFoundError
from rag.records import UNFINISHED, Document, IngestEvent, Progress, State
from rag.workspace import Upload, Workspace
from ui.errors import friendly_errors
from ui.places import link_to_document
from ui.stages import fraction, how_many, outcome, stage, time_left, waiting_to_replace
from ui.text import escape_markdown, message_markdown, shortened

POLL_SECONDS = 1.0
MOST_LINES = 15
"""Documents shown; of more, those that need attention first."""

_IDLE = ("", "queued", "waiting")


@dataclass(frozen=True, slots=True)
class Entry:
    """A line: a document as it is now, what was said of its file when it was handed in, or both."""

    document: Document | None
    event: IngestEvent | None = None
    collection: str = ""

    @property
    def kind(self) -> str:
        """What it is, for people, and by that how much attention it wants (see `_ATTENTION`)."""
        if self.event is not None and self.event.outcome:
            return {"failed": "could not be read", "duplicate": "already there"}.get(self.event.outcome, "left out")
        if self.document is None:
            return "gone"
        if self.document.state in UNFINISHED:
            return "waiting" if self.document.stage in _IDLE else "in progress"
        return "could not be read" if self.document.state is State.FAILED else "ready"


_ATTENTION = ("in progress", "could not be read", "already there", "left out", "waiting", "ready", "gone")


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
    st.session_state.setdefault("handed_in", [])[:0] = [(collection, event) for event in events]


def watch(workspace: Workspace) -> None:
    """Draw a line for each document handed in in this session and each unfinished one, until all are finished."""
    busy = workspace.progress() is not None
    handed_in = tuple(st.session_state.get("handed_in", ()))
    st.fragment(_draw, run_every=POLL_SECONDS if busy else None)(workspace, handed_in)


def _draw(workspace: Workspace, handed_in: Sequence[tuple[str, IngestEvent]]) -> None:
    with friendly_errors():
        documents = workspace.documents()
        progress = workspace.progress()
        entries = _entries(handed_in, documents)
        if progress is not None and progress.documents > 1:
            st.progress(progress.fraction, text=f"**{how_many(progress)}**{_how_fast(progress)}")
        shown = entries if len(entries) <= MOST_LINES else sorted(entries, key=lambda one: _ATTENTION.index(one.kind))
        held_back = waiting_to_replace(documents)
        with st.container(gap="xsmall"):
            for entry in shown[:MOST_LINES]:
                _line(workspace, entry, progress, held_back)
        if rest := Counter(one.kind for one in shown[MOST_LINES:]):
            st.caption(f"And {rest.total():,} more: {', '.join(f'{n:,} {kind}' for kind, n in rest.items())}.")
        _retry_all(workspace, entries)


def _entries(handed_in: Sequence[tuple[str, IngestEvent]], documents: Sequence[Document]) -> list[Entry]:
    there = {(one.collection, one.id): one for one in documents}
    entries = [Entry(there.get((name, event.document or "")), event, name) for name, event in handed_in]
    mine = {(name, event.document) for name, event in handed_in}
    others = [one for one in documents if one.state in UNFINISHED and (one.collection, one.id) not in mine]
    return entries + [Entry(one) for one in sorted(others, key=lambda one: one.added_at)]


def _line(workspace: Workspace, entry: Entry, progress: Progress | None, held_back: set[tuple[str, str]]) -> None:
    document, event = entry.document, entry.event
    name = f":small[**{escape_markdown(shortened(document.name if document else event.name if event else '', 60))}**]"
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
        with _row():
            st.markdown(
                f":red[:material/error:] {name}  \n:small[{message_markdown(document.reason)}]", width="stretch"
            )
            retry_button(workspace, document)
    else:
        st.markdown(f":green[:material/check_circle:] {name}  \n:small[{outcome(document)}]")


def _row() -> Any:
    return st.container(horizontal=True, vertical_alignment="center", wrap=False)


def _left_out(name: str, entry: Entry, event: IngestEvent) -> None:
    icon = ":red[:material/error:]" if event.outcome == "failed" else ":orange[:material/content_copy:]"
    with st.container(gap="xxsmall"):
        st.markdown(f"{icon} {name}  \n:small[{message_markdown(event.reason)}]")
        if event.outcome == "duplicate" and entry.document is not None:
            link_to_document(entry.collection, entry.document.id, "Open the one that is there")


def cancel_button(workspace: Workspace, document: Document, where: str = "list") -> None:
    """Stops an unfinished document. `where` on the page the button is: there may be two."""
    if not workspace.settings.demo and st.button(
        "Cancel",
        key=f"cancel-{where}-{document.collection}-{document.id}",
        type="tertiary",
        icon=":material/close:",
        help="Stop indexing it. You can retry it later.",
    ):
        _do(workspace.cancel, document)
        st.rerun()


def retry_button(workspace: Workspace, document: Document, where: str = "list") -> None:
    """Queues a failed document once more."""
    if not workspace.settings.demo and st.button(
        "Retry", key=f"retry-{where}-{document.collection}-{document.id}", type="tertiary", icon=":material/refresh:"
    ):
        _do(workspace.retry, document)
        st.rerun()


def _retry_all(workspace: Workspace, entries: Sequence[Entry]) -> None:
    failed = [one.document for one in entries if one.document is not None and one.document.state is State.FAILED]
    if len(failed) < 2 or workspace.settings.demo:
        return
    if st.button("Retry all that failed", icon=":material/refresh:", key="retry-all"):
        for one in failed:
            _do(workspace.retry, one)
        st.rerun()


def _do(change: Callable[[str, str], Any], document: Document) -> None:
    with suppress(NotFoundError):  # another session has deleted it meanwhile, as the next run shows
        change(document.id, document.collection)


def _how_fast(progress: Progress) -> str:
    parts = [f"{progress.chunks_per_second:,.0f} passages a second"] if progress.chunks_per_second >= 1 else []
    if left := time_left("all", progress.seconds_left):
        parts.append(left)
    return f"  \n:small[{' · '.join(parts)}]" if parts else ""


def _pace(document: Document, progress: Progress | None) -> str:
    """The reason why it waits, or how long it will still take, if that is known."""
    if document.reason:
        return f" · :orange[{message_markdown(document.reason)}]"
    rate = progress.chunks_per_second if progress is not None else 0.0
    if document.stage != "embedding" or not rate:
        return ""
    left = time_left(document.id, (document.total - document.done) / rate)
    return f" · {rate:,.0f} a second · {left}"
