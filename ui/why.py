"""Why these passages were found, and why a page that was expected was not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from rag.records import Answer, Document, Explanation, Hit, Search
from rag.workspace import Workspace, page_noun, where_of
from ui.dialogs import close_dialog, give_way, open_dialog
from ui.errors import friendly_errors
from ui.labels import distinguished, place
from ui.passages import of_chunk
from ui.text import counted, escape_markdown
from ui.turns import Turn
from ui.viewer import open_viewer

OFFERED = 50
"""Documents to choose from at a time."""
LISTS = {
    "lexical": ("Words", "By the words that the question and the passage share, rare ones counting more (BM25)."),
    "dense": ("Meaning", "By how alike question and passage are as vectors, which stand for what they mean (cosine)."),
    "late": ("Word by word", "By how well each word of the question is met by some word of the passage (MaxSim)."),
    "reread": ("Read again", "By a cross-encoder, which reads the question and each of the best passages together."),
}
_NAMED = "routed "
ALIKE = "How alike question and passage are as vectors, which stand for what they mean (cosine)."
FUSION = (
    "Each list ranks the passages in its own way. A passage is worth more the higher it stands in each; the sum orders "
    "them (reciprocal rank fusion), and no more than two come from one page."
)


def why_button(workspace: Workspace, turn: Turn, answer: Answer) -> None:
    """Opens what is known of how the sources of an answer were found."""
    st.button(
        "Why these?",
        key=f"why-{turn.key}",
        type="tertiary",
        icon=":material/account_tree:",
        help="Where each source stands in each list, and why another page is not among them",
        on_click=open_dialog,
        args=(show_why, workspace, answer.searched or turn.question, turn.search, answer.hits),
    )


@st.dialog("Why these sources?", width=880, icon=":material/account_tree:", on_dismiss=close_dialog)
def show_why(workspace: Workspace, question: str, search: Search, hits: Sequence[Hit]) -> None:
    """Where each source stands in each list, and a page of the reader's choice."""
    give_way(show_why)
    with friendly_errors():
        st.caption(f"Searched for: **{escape_markdown(question)}**")
        if hits:
            _table(hits)
            with st.popover("How are they ranked?", type="tertiary", icon=":material/help:"):
                st.markdown(FUSION)
                st.markdown("\n".join(f"- **{name}**: {words}" for name, words in LISTS.values()))
        st.subheader("Why not this page?", anchor=False)
        st.caption("Choose a page that you expected among the sources.")
        _choose_page(workspace, question, search)


def _table(hits: Sequence[Hit]) -> None:
    shown = [one for one in LISTS if any(_stands(hit.ranks, one) for hit in hits)]
    rows: list[dict[str, Any]] = []
    for number, hit in enumerate(hits, start=1):
        ranks = {LISTS[one][0]: _standing(hit.ranks, one) for one in shown}
        alike = {"Alike": f"{hit.scores['dense']:.0%}"} if "dense" in hit.scores else {}
        where = f"{place(hit.name, hit.chunk.page)} · {hit.name}"
        rows.append({"": number, "Source": where, **ranks, **alike})
    columns: dict[str, Any] = {
        "": st.column_config.NumberColumn(width=30),
        "Source": st.column_config.TextColumn(width=170),
        "Alike": st.column_config.TextColumn(width=60, help=ALIKE),
    }
    columns |= {name: st.column_config.TextColumn(width=110, help=words) for name, words in LISTS.values()}
    st.dataframe(rows, hide_index=True, column_config=columns, placeholder="–", alt="Rank of each source in each list")
    if any(name.startswith(_NAMED) for hit in hits for name in hit.ranks):
        st.caption("The question names a document: “of it” is the rank among that one's passages.")


def _standing(ranks: Mapping[str, int], name: str) -> str:
    """`3rd`, and where the question names the document and that differs, how it stands among that one's."""
    whole, within = ranks.get(name), ranks.get(f"{_NAMED}{name}")
    there = [_nth(whole)] if whole else []
    return ", ".join(there + ([f"{_nth(within)} of it"] if within and within != whole else [])) or "not listed"


def _nth(rank: int) -> str:
    ending = "th" if rank % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(rank % 10, "th")
    return f"{rank:,}{ending}"


def _choose_page(workspace: Workspace, question: str, search: Search) -> None:
    everything = Search(search.collection)
    part = ""
    if workspace.matching(everything, 0)[0] > OFFERED:
        part = st.text_input("Find documents by name", placeholder="A part of the name", key="why_named").strip()
    offered = workspace.matching(everything, OFFERED, part)[1]
    called, found = distinguished(offered), {one.id: one for one in offered}
    with st.container(horizontal=True, vertical_alignment="bottom"):
        chosen = st.selectbox(
            "Document",
            list(called),
            index=None,
            format_func=lambda one: called.get(one, one),
            key="why_document",
            placeholder="Choose a document",
        )
        document = found.get(chosen) if chosen else None
        noun = page_noun(document.name) if document else "page"
        page = st.number_input(
            noun.capitalize(), 1, max(document.pages, 1) if document else 1, key=f"why_page-{chosen}", width=140
        )
    if document is None:
        return
    given = (search.passages, where_of(search), search.collection)
    with st.spinner("Looking for it…", show_time=False):
        _show(workspace.explain(question, document.id, int(page), *given), document, search)


def _show(told: Explanation, document: Document, search: Search) -> None:
    where = f"{place(document.name, told.chunk.page).capitalize()} of {escape_markdown(document.name)}"
    if told.removed:
        st.warning(
            f"**{where} is not among the sources: {escape_markdown(told.removed)}.**", icon=":material/search_off:"
        )
    else:
        st.success(f"**{where} is among the {counted(search.passages, 'source')}.**", icon=":material/check:")
    places = [f"{name}: {_standing(told.ranks, one)}" for one, (name, _) in LISTS.items() if _stands(told.ranks, one)]
    if told.rank is not None:
        places.append(f"all lists together: {_nth(told.rank)}")
    if places:
        st.markdown(" · ".join(places))
    st.caption("Its passage that comes nearest to the question:")
    with st.container(border=True):
        st.text(told.chunk.text)
    st.button(
        "See it on its page",
        key="why-see",
        icon=":material/article:",
        on_click=open_viewer,
        args=([of_chunk(told.chunk, document.name, search.collection)],),
    )


def _stands(ranks: Mapping[str, int], name: str) -> bool:
    return name in ranks or f"{_NAMED}{name}" in ranks
