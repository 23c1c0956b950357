"""What passages are looked for: of which document, by what, under which filter."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

import streamlit as st

from rag.records import By, ChunkSearch, Facets, Search, Which
from rag.workspace import Workspace, type_name
from ui.labels import distinguished
from ui.search import FEW, FIRST_DAY, LAST_DAY, OFFERED
from ui.text import counted, escape_markdown

HOW = {By.ORDER: "In order", By.WORDS: "Words", By.REGEX: "Pattern", By.LIKE: "Like a text", By.ID: "Id"}
_HINTS = {
    By.WORDS: "rent 2024",
    By.REGEX: r"EUR \d+(,\d{3})*",
    By.LIKE: "A sentence, or a passage from elsewhere",
    By.ID: "The beginning of a passage's id, or of its document's",
}
_HELP = {
    By.WORDS: "Passages that have one of the words or more, in any form, best first. Those that are hidden are in no "
    "index of words.",
    By.REGEX: "A regular expression, as Python writes them. All passages are looked through, for some seconds at most.",
    By.LIKE: "Passages most alike to a text in meaning, by their vectors: numbers that stand for meaning.",
    By.ID: "As the command line and exports name passages.",
}
WHICH = {
    Which.SHOWN: "Those that are searched",
    Which.WITH_HIDDEN: "With those hidden",
    Which.CHANGED: "Changed by hand only",
}


def choose_wanted(workspace: Workspace, collection: str) -> ChunkSearch:
    """Widgets for what is looked for; they are kept in the session."""
    document = _choose_document(workspace, collection)
    by = st.segmented_control(
        "Find by",
        list(HOW),
        default=By.ORDER,
        required=True,
        format_func=HOW.__getitem__,
        key=f"passages-by-{collection}",
        persist_state="session",
    )
    text, any_case = "", True
    if by is not By.ORDER:
        text, any_case = _choose_text(by, collection)
    with st.container(horizontal=True, vertical_alignment="center"):
        which = st.selectbox(
            "Which passages",
            list(WHICH),
            format_func=WHICH.__getitem__,
            key=f"passages-which-{collection}",
            label_visibility="collapsed",
            width=230,
            persist_state="session",
        )
        with st.popover("Filter", icon=":material/filter_alt:"):
            where = _choose_filter(workspace.facets(collection), collection)
        if where:
            st.caption(":orange[:material/filter_alt: A filter is set.]", width="content")
    return ChunkSearch(collection, by, text, document, where, which, any_case)


def _choose_document(workspace: Workspace, collection: str) -> str:
    key = f"passages-document-{collection}"
    many = workspace.facets(collection).documents > FEW
    part = ""
    if many:
        part = st.text_input("Find a document by name", placeholder="A part of the name", key=f"{key}-named").strip()
    count, there = workspace.matching(Search(collection), OFFERED if many else FEW, part)
    chosen = str(st.session_state.get(key) or "")
    mine = workspace.matching(Search(collection, (chosen,)), 1)[1] if chosen else []
    if chosen and not mine:  # gone: what took its place is chosen, or all there is
        chosen = st.session_state[key] = workspace.successor(collection, chosen)
        mine = workspace.matching(Search(collection, (chosen,)), 1)[1] if chosen else []
    called = distinguished(list({one.id: one for one in (*mine, *there)}.values()))
    found = st.selectbox(
        "Document",
        ["", *called],
        format_func=lambda one: called.get(one, one) if one else "All documents",
        key=key,
        persist_state="session",
    )
    if many and count > len(there):
        st.caption(f"{len(there)} of {counted(count, 'document')} are listed: type a part of the name to find others.")
    return found or ""


def _choose_text(by: By, collection: str) -> tuple[str, bool]:
    key = f"passages-text-{by}-{collection}"
    label, hint, about = f"What to find by: {HOW[by]}", _HINTS[by], _HELP[by]
    if by is By.LIKE:
        return st.text_area(label, key=key, placeholder=hint, help=about, height=90, persist_state="session"), True
    text = st.text_input(label, key=key, placeholder=hint, help=about, persist_state="session")
    if by is not By.REGEX:
        return text, True
    return text, not st.checkbox("Capitals count", key=f"passages-case-{collection}", persist_state="session")


def _choose_filter(facets: Facets, collection: str) -> str:
    """A filter as JSON; empty for none."""

    def key(part: str) -> str:
        return f"passages-{part}-{collection}"

    with st.container(horizontal=True):
        first = st.number_input("Pages from", 1, None, None, key=key("first"), width=130, persist_state="session")
        last = st.number_input("to", 1, None, None, key=key("last"), width=130, persist_state="session")
    tags, types = list[str](), list[str]()
    if facets.tags:
        tags = st.multiselect("Tags", list(facets.tags), key=key("tags"), persist_state="session")
    if len(facets.types) > 1:
        types = st.pills(
            "Types",
            list(facets.types),
            selection_mode="multi",
            format_func=lambda one: escape_markdown(type_name(one)),
            key=key("types"),
            persist_state="session",
        )
    days = [_day(words, key(part)) for words, part in (("Dated from", "since"), ("Dated until", "until"))]
    written = st.text_area(
        "Or as JSON",
        key=key("where"),
        placeholder='{"name": {"$contains": "report"}}',
        help="As `--where` on the command line takes it: document, name, page, tag, type and date.",
        height=80,
        persist_state="session",
    ).strip()
    return _where(first, last, tags, types, days, written)


def _day(words: str, key: str) -> date | None:
    return st.date_input(
        words,
        None,
        min_value=FIRST_DAY,
        max_value=LAST_DAY,
        format="YYYY-MM-DD",
        key=key,
        persist_state="session",
    )


def _where(
    first: int | None, last: int | None, tags: list[str], types: list[str], days: list[date | None], written: str
) -> str:
    parts: list[Any] = [{"page": {"$gte": first}}] if first else []
    parts += [{"page": {"$lte": last}}] if last else []
    parts += [{"tag": {"$in": tags}}] if tags else []
    parts += [{"type": {"$in": types}}] if types else []
    parts += [{"date": {how: f"{day}"}} for how, day in zip(("$gte", "$lte"), days, strict=True) if day]
    if not written:
        return json.dumps({"$and": parts}) if parts else ""
    # What is no JSON is refused, in words, by whoever reads the filter.
    return f'{{"$and": [{", ".join([*map(json.dumps, parts), written])}]}}' if parts else written
