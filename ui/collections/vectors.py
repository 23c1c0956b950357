"""The vectors of a collection as a map: what is alike lies together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence, Set
from typing import Any

import streamlit as st

from rag.records import Collection, Document, Fallen, MapPoint, VectorMap
from rag.workspace import Workspace, type_name
from ui.collections.elsewhere import tell_kind
from ui.errors import friendly_errors
from ui.labels import place
from ui.passages import of_chunk
from ui.places import offer_upload
from ui.text import counted, escape_markdown, shortened
from ui.turns import Turn
from ui.viewer import open_viewer

COLOURS = ("#4e79a7", "#f28e2b", "#59a14f", "#b07aa1", "#76b7b2", "#edc948", "#9c755f", "#ff9da7", "#6a8d73")
"""For the groups that have most; the smaller ones share GREY. None is like RED."""
GREY, RED = "#9a9a9a", "#d62728"
OTHERS, UNTAGGED = "others", "no tag"
HOVERED = 220
"""Characters of a passage that a pointer shows."""
HEIGHT = 520
LEGEND = 225
"""Pixels of a column of the legend."""
PASSAGE, HIT, QUESTION = "passage", "hit", "the question"


def draw_map(workspace: Workspace, collection: Collection) -> None:
    """Draw the view."""
    tell_kind(collection, contents=False)
    with friendly_errors(), st.spinner("Drawing the map…", show_time=True):
        found = workspace.map(collection.name)
        turn = _last_turn(collection)
        fallen = _fallen(workspace, turn, collection) if turn and found.points else None
    if not found.points:
        st.markdown("There is nothing to map yet: a passage has its place here once its vector is made.")
        if not collection.documents:
            offer_upload(workspace, collection)
        return
    by = st.segmented_control("Colours", ("Document", "Tag", "Type"), default="Document", required=True, key="map_by")
    documents = {one.id: one for one in workspace.mapped_documents(collection.name, found)}
    hits = fallen.hits if fallen else ()
    points = [*found.points, *hits]
    groups = _groups(points, hits, documents, by)
    chart = _chart(points, len(found.points), fallen, groups, documents)
    key = f"map-{collection.name}"
    st.vega_lite_chart(
        chart,
        _spec(str(by), set(chart["group"][: len(points)])),
        key=key,
        on_select=lambda: _open(key, points, documents, collection.name),
        selection_mode="pick",
        height=HEIGHT,
    )
    st.caption(_told(found, turn if fallen else None))


def _last_turn(collection: Collection) -> Turn | None:
    """The last question of this session that was asked in the collection and found something."""
    asked: Sequence[Turn] = st.session_state.get("turns", ())
    return next(
        (one for one in reversed(asked) if one.answer and one.answer.hits and one.search.collection == collection.name),
        None,
    )


def _fallen(workspace: Workspace, turn: Turn, collection: Collection) -> Fallen | None:
    if turn.answer is None:
        return None
    asked = turn.answer.searched or turn.question
    return workspace.fall(asked, [hit.chunk.id for hit in turn.answer.hits], collection.name)


def _groups(
    points: Sequence[MapPoint], hits: Sequence[MapPoint], documents: Mapping[str, Document], by: str | None
) -> dict[str, str]:
    """Document ids to what they are coloured by; the rare ones share a colour, unless the last question found them."""
    named = {one: _group(document, by) for one, document in documents.items()}
    often = Counter(named[one.chunk.document_id] for one in points if one.chunk.document_id in named)
    found = [named[one.chunk.document_id] for one in hits if one.chunk.document_id in named]
    kept = set(list(dict.fromkeys([*found, *(name for name, _ in often.most_common())]))[: len(COLOURS)])
    return {one: name if name in kept else OTHERS for one, name in named.items()}


def _group(document: Document, by: str | None) -> str:
    if by == "Tag":
        return document.tags[0] if document.tags else UNTAGGED
    return type_name(document.media_type) if by == "Type" else shortened(document.name, 32)


def _chart(
    points: Sequence[MapPoint],
    sample: int,
    fallen: Fallen | None,
    groups: Mapping[str, str],
    documents: Mapping[str, Document],
) -> dict[str, list[Any]]:
    """Columns with a row for each point. Cells show their text literally, and so does what a pointer shows."""
    rows: list[dict[str, Any]] = [
        {
            "x": one.x,
            "y": one.y,
            "group": groups.get(one.chunk.document_id, OTHERS),
            "kind": PASSAGE if number < sample else HIT,
            "Passage": shortened(" ".join(one.chunk.text.split()), HOVERED),
            "Where": _where(one, documents),
            "number": number,
        }
        for number, one in enumerate(points)
    ]
    if fallen:
        here = {"x": fallen.x, "y": fallen.y, "group": OTHERS, "kind": QUESTION, "Passage": "Your last question"}
        rows.append(here | {"Where": "", "number": -1})
    return {name: [one[name] for one in rows] for name in rows[0]}


def _where(point: MapPoint, documents: Mapping[str, Document]) -> str:
    document = documents.get(point.chunk.document_id)
    return f"{document.name}, {place(document.name, point.chunk.page)}" if document else ""


def _spec(by: str, groups: Set[str]) -> dict[str, Any]:
    """One layer, because a chart of several tells no clicks. What counts is drawn larger, and on top."""
    kinds = [PASSAGE, HIT, QUESTION]
    names, others = sorted(groups - {OTHERS}), [OTHERS] if OTHERS in groups else []
    colours = {"domain": [*names, *others], "range": [*COLOURS[: len(names)], *([GREY] if others else [])]}
    axis = {"type": "quantitative", "axis": None, "scale": {"zero": False, "nice": False, "padding": 20}}
    question, found = f"datum.kind == '{QUESTION}'", f"datum.kind == '{HIT}'"
    return {
        "mark": {"type": "point", "filled": True, "cursor": "pointer"},
        "params": [
            {"name": "pick", "select": {"type": "point", "fields": ["number"], "toggle": False}},
            {"name": "zoom", "select": "interval", "bind": "scales"},
        ],
        "encoding": {
            "x": {"field": "x", **axis},
            "y": {"field": "y", **axis},
            "color": {
                "field": "group",
                "type": "nominal",
                "title": by,
                "scale": colours,
                "legend": {"columns": {"expr": f"max(1, floor(width / {LEGEND}))"}},  # as many as the screen is wide
                "condition": {"test": question, "value": RED},
            },
            "stroke": {"condition": {"test": found, "value": RED}, "value": None},
            "strokeWidth": {"value": 2},
            "shape": {
                "field": "kind",
                "type": "nominal",
                "scale": {"domain": kinds, "range": ["circle", "diamond", "cross"]},
                "legend": None,
            },
            "size": {
                "field": "kind",
                "type": "nominal",
                "scale": {"domain": kinds, "range": [28, 190, 320]},
                "legend": None,
            },
            "opacity": {
                "field": "kind",
                "type": "nominal",
                "scale": {"domain": kinds, "range": [0.55, 1, 1]},
                "legend": None,
            },
            "tooltip": [{"field": "Passage", "type": "nominal"}, {"field": "Where", "type": "nominal"}],
        },
        "config": {"view": {"stroke": None}, "legend": {"orient": "bottom", "labelLimit": 200}},
    }


def _open(key: str, points: Sequence[MapPoint], documents: Mapping[str, Document], collection: str) -> None:
    picked = st.session_state[key].selection.get("pick") or []
    numbers = [int(one["number"]) for one in picked if 0 <= int(one.get("number", -1)) < len(points)]
    if numbers:
        chunk = points[numbers[0]].chunk
        document = documents.get(chunk.document_id)
        open_viewer([of_chunk(chunk, document.name if document else "", collection)])


def _told(found: VectorMap, turn: Turn | None) -> str:
    what = (
        f"Each point is one of {counted(found.chunks, 'passage')}"
        if len(found.points) == found.chunks
        else f"Each point is one of {len(found.points):,} of the {counted(found.chunks, 'passage')}, taken evenly"
    )
    asked = (
        f" The red cross is your last question, “{escape_markdown(shortened(turn.question, 80))}”, the diamonds with "
        "a red edge are what it found."
        if turn
        else ""
    )
    return (
        f"{what}: what says something alike lies together. A click opens it; drag and scroll to move and zoom.{asked} "
        f"Two dimensions show {found.kept:.0%} of how much the passages differ, so neighbours here need not be alike."
    )
