"""Where to look, in the page's address: a link to it looks in the same place."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import date

import streamlit as st

from rag.errors import NotFoundError
from rag.records import Search
from rag.workspace import Workspace, extension_of, media_type_called
from ui.search import MOST_PASSAGES, choose, usual_search

SHORT_ID = 16
"""Characters of a document's id in an address."""
MOST_DOCUMENTS = 50
"""In an address: browsers and chat programs cut very long ones."""
_OURS = ("collection", "document", "tag", "type", "since", "until", "k")


def follow_address(workspace: Workspace, names: Collection[str]) -> None:
    """Choose what the address says, if it is another one than this session wrote last."""
    there = {key: st.query_params.get_all(key) for key in _OURS if key in st.query_params}
    if not there or there == st.session_state.get("scope_address"):
        return
    search, missing = read_address(there, workspace, names)
    choose(search)
    if missing:
        st.session_state["scope_missing"] = missing


def read_address(
    address: Mapping[str, Sequence[str]], workspace: Workspace, names: Collection[str]
) -> tuple[Search, str]:
    """The search that an address tells, and in words what of it is no longer there."""
    usual = usual_search(workspace.settings, names)
    (name,) = address.get("collection", [usual.collection])[:1]
    if name not in names:
        return usual, f"There is no collection “{name}” any more. This is “{usual.collection}”, all of it."
    documents = tuple(dict.fromkeys(_whole(one, name, workspace) for one in address.get("document", ())))
    passages = next((one for one in address.get("k", ()) if one.isdecimal() and len(one) < 4), "")
    since, until = (_day("".join(address.get(part, ())[:1])) for part in ("since", "until"))
    search = Search(
        name,
        documents,
        tuple(dict.fromkeys(address.get("tag", ()))),
        tuple(dict.fromkeys(media_type_called(one) for one in address.get("type", ()))),
        since,
        until,
        min(max(int(passages), 1), MOST_PASSAGES) if passages else usual.passages,
    )
    gone = len(documents) - workspace.matching(Search(name, documents), 0)[0] if documents else 0
    return search, f"{gone} of the documents that the link names are no longer there." if gone else ""


def _whole(prefix: str, collection: str, workspace: Workspace) -> str:
    """The id that begins so; as it is where there is none, so that nothing else is searched instead."""
    with suppress(NotFoundError):
        return workspace.document(prefix, collection).id
    return prefix


def _day(text: str) -> int:
    """An ISO date as yyyymmdd, 0 for anything else."""
    with suppress(ValueError):
        return int(f"{date.fromisoformat(text):%Y%m%d}")
    return 0


def tell_address(search: Search, usual: Search) -> None:
    """Write where to look into the address, as far as it is not what is usual, and say what a link did not find."""
    told = address_of(search, usual)
    st.session_state["scope_address"] = told
    for key in _OURS:
        if key not in told and key in st.query_params:
            del st.query_params[key]
        elif key in told and st.query_params.get_all(key) != told[key]:
            st.query_params[key] = told[key]
    if missing := st.session_state.pop("scope_missing", ""):
        st.toast(missing, icon=":material/link_off:", duration="long")


def address_of(search: Search, usual: Search) -> dict[str, list[str]]:
    """A search as the parameters of an address; nothing for what is usual."""
    if search == replace(usual, passages=search.passages) and search.passages == usual.passages:
        return {}
    days = {part: f"{number:08d}" for part, number in (("since", search.since), ("until", search.until)) if number}
    parts = {
        "collection": [search.collection],
        "document": [one[:SHORT_ID] for one in search.documents[:MOST_DOCUMENTS]],
        "tag": list(search.tags),
        "type": [extension_of(one) for one in search.types],
        **{part: [f"{text[:4]}-{text[4:6]}-{text[6:]}"] for part, text in days.items()},
        "k": [str(search.passages)] if search.passages != usual.passages else [],
    }
    return {key: values for key, values in parts.items() if values}
