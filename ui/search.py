"""Where to look for an answer: the widgets, a chip for each filter, and the address that shares them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date

import streamlit as st

from rag.records import Collection as Stored
from rag.records import Facets, Search
from rag.settings import Settings
from rag.workspace import Workspace, type_name
from ui.answerers import what_leaves
from ui.labels import distinguished
from ui.text import counted, day, escape_markdown, shortened

FEW = 200
"""Documents of a collection from which is chosen in one list; of more, by a part of their names."""
OFFERED = 50
FEW_CHIPS = 6
"""Documents with a chip each."""
NOT_HERE = "a document that is not here"
MOST_PASSAGES = 20
FIRST_DAY, LAST_DAY = date(1800, 1, 1), date(2200, 12, 31)
_DAYS = ("since", "until")


def choose_search(workspace: Workspace, names: Sequence[str]) -> Search:
    """Widgets for where to look, in collections of some `names`, of which the default one comes first.

    What they say is kept in the session, so that chips and addresses change it too (`search_now`).
    """
    st.selectbox("Collection", names, key="scope_collection", persist_state="session")
    now = search_now(workspace, names)
    facets = workspace.facets(now.collection)
    _choose_documents(workspace, now, facets)
    if tags := list(dict.fromkeys((*facets.tags, *now.tags))):
        st.multiselect(
            "Tags",
            tags,
            format_func=lambda one: f"{one} ({facets.tags.get(one, 0):,})",
            key=_key(now.collection, "tags"),
            placeholder="All tags",
            help="Documents that have one of these tags or more.",
            persist_state="session",
        )
    if len(facets.types) > 1 or now.types:
        st.pills(
            "Types",
            list(dict.fromkeys((*facets.types, *now.types))),
            selection_mode="multi",
            format_func=lambda one: escape_markdown(type_name(one)),
            key=_key(now.collection, "types"),
            persist_state="session",
        )
    if facets.last or now.since or now.until:
        _choose_dates(now.collection, facets)
    st.slider("Passages to find", 1, MOST_PASSAGES, key="scope_passages", persist_state="session")
    return search_now(workspace, names)


def search_now(workspace: Workspace, names: Sequence[str]) -> Search:
    """Where to look as it is chosen in this session."""
    state = st.session_state
    usual = usual_search(workspace, names)
    if state.get("scope_collection") not in names:
        state["scope_collection"] = usual.collection
    state.setdefault("scope_passages", usual.passages)
    collection = state["scope_collection"]
    documents, tags, types = (tuple(state.get(_key(collection, one)) or ()) for one in ("documents", "tags", "types"))
    since, until = (state.get(_key(collection, one)) for one in _DAYS)
    return Search(collection, documents, tags, types, _number(since), _number(until), state["scope_passages"])


def _number(when: date | None) -> int:
    return int(f"{when:%Y%m%d}") if when else 0


def usual_search(workspace: Workspace, names: Collection[str]) -> Search:
    """Where is looked before anything is chosen: all of the default collection, or of the first that there is."""
    usual = workspace.settings.collection
    name = usual if usual in names else next(iter(names))
    return Search(name, passages=min(workspace.usual_passages(name), MOST_PASSAGES))


def choose(search: Search) -> None:
    """Choose a search for this session, as its widgets would; before they are drawn, or in callbacks."""
    state = st.session_state
    state["scope_collection"], state["scope_passages"] = search.collection, search.passages
    for part in ("documents", "tags", "types"):
        state[_key(search.collection, part)] = list(getattr(search, part))
    for part in _DAYS:
        state[_key(search.collection, part)] = _day(getattr(search, part))


def _key(collection: str, part: str) -> str:
    return f"scope_{part}-{collection}"


def _choose_documents(workspace: Workspace, now: Search, facets: Facets) -> None:
    part = ""
    if facets.documents > FEW:
        part = st.text_input("Find documents by name", placeholder="A part of the name", key="scope_named").strip()
    most = FEW if facets.documents <= FEW else OFFERED
    count, there = workspace.matching(Search(now.collection), most, part)
    chosen = workspace.matching(Search(now.collection, now.documents), len(now.documents))[1] if now.documents else []
    called = distinguished(list({one.id: one for one in (*there, *chosen)}.values()))
    # What is gone stays chosen: without it more would be searched than was asked for.
    gone = [one for one in now.documents if one not in called]
    st.multiselect(
        "Documents",
        [*called, *gone],
        format_func=lambda one: NOT_HERE if one in gone else called.get(one, one),
        placeholder="All documents",
        key=_key(now.collection, "documents"),
        select_all=False,
        persist_state="session",
    )
    if count > len(there):
        st.caption(f"{len(there)} of {counted(count, 'document')} are listed: type a part of the name to find others.")


def _choose_dates(collection: str, facets: Facets) -> None:
    first, last = (_day(one) for one in (facets.first, facets.last))
    with st.container(horizontal=True):
        for part, words in (("since", "Dated from"), ("until", "Dated until")):
            st.date_input(
                words,
                None,
                min_value=FIRST_DAY,
                max_value=LAST_DAY,
                format="YYYY-MM-DD",
                key=_key(collection, part),
                persist_state="session",
            )
    since, until = (_number(st.session_state.get(_key(collection, part))) for part in _DAYS)
    if since > until > 0:
        st.caption(":orange[The first date is after the last: no document is in between.]")
    if first and last and first != last:
        st.caption(
            f"Dates here go from {day(first)} to {day(last)}. A document that does not tell its own has the day it was "
            "added."
        )


def _day(number: int) -> date | None:
    """A day written as yyyymmdd; None for 0 and for what is no day."""
    try:
        return date(number // 10000, number // 100 % 100, number % 100)
    except ValueError:
        return None


def draw_chips(workspace: Workspace, search: Search) -> None:
    """A chip for each filter, in a row; a click on it takes it away."""
    if search.whole:
        return
    chips: list[tuple[str, str, str | None]] = []
    if search.documents:
        found = workspace.matching(Search(search.collection, search.documents), len(search.documents))[1]
        called = distinguished(found)
        if len(search.documents) > FEW_CHIPS:
            chips.append(("documents", counted(len(search.documents), "document"), None))
        else:
            chips += [("documents", called.get(one, NOT_HERE), one) for one in search.documents]
    chips += [("tags", f"tag {one}", one) for one in search.tags]
    chips += [("types", type_name(one), one) for one in search.types]
    chips += [
        (part, f"{words} {day(when)}", None)
        for part, words, number in (("since", "from", search.since), ("until", "until", search.until))
        if (when := _day(number))
    ]
    st.caption("Only in", width="content")
    for number, (part, words, value) in enumerate(chips):
        st.button(
            escape_markdown(shortened(words, 40)),
            key=f"chip-{number}",
            icon=":material/close:",
            icon_position="right",
            help=f"{escape_markdown(words)}: click to take this filter away",
            on_click=_take_away,
            args=(search.collection, part, value),
        )
    if len(chips) > 1:
        st.button("Clear all", key="chips-clear", type="tertiary", on_click=_clear, args=(search,))


def _take_away(collection: str, part: str, value: str | None) -> None:
    key = _key(collection, part)
    left = [one for one in st.session_state[key] if one != value] if value is not None else []
    st.session_state[key] = None if part in _DAYS else left


def _clear(search: Search) -> None:
    choose(Search(search.collection, passages=search.passages))


def search_in_words(search: Search, documents: int, settings: Settings) -> str:
    """What is searched, which are so many documents, and who writes the answer, in Markdown."""
    what = "every document" if search.whole else counted(documents, "document")
    if not documents:
        return ":orange[No document is in all of these filters.] Take one away, or choose another collection."
    where = f"Searching {what} in the collection “{escape_markdown(search.collection)}”."
    return f"{where} {what_leaves(settings)}"


def only_by_words(facets: Facets, collection: Stored | None) -> str:
    """How many documents are not searched as well as others, in Markdown; empty if all are."""
    if collection is not None and not collection.model_is_known:
        return ":material/warning: Searched by words only: its embedding model is unknown."
    if not facets.by_words:
        return ""
    are = "is searched by its words" if facets.by_words == 1 else "are searched by their words"
    number = counted(facets.by_words, "document")
    return f":material/hourglass_top: {number} {are} only, until the vectors for searching by meaning are made."
