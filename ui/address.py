"""Where to look, in the page's address: a link to it looks in the same place."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from datetime import date

import streamlit as st

from rag.errors import NotFoundError
from rag.records import Search
from rag.workspace import Workspace, extension_of, is_media_type, media_type_called
from ui.search import FIRST_DAY, LAST_DAY, MOST_PASSAGES, choose, usual_search
from ui.text import counted, escape_markdown

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
    st.session_state["scope_missing"] = (search, missing)


def read_address(
    address: Mapping[str, Sequence[str]], workspace: Workspace, names: Collection[str]
) -> tuple[Search, str]:
    """The search that an address tells, and in words what of it is no longer there."""
    usual = usual_search(workspace, names)
    name = workspace.current_name(address.get("collection", [usual.collection])[0])
    if name not in names:
        return usual, f"There is no collection “{name}” any more. This is “{usual.collection}”, all of it."
    documents = tuple(dict.fromkeys(_whole(one, name, workspace) for one in address.get("document", ())))
    types = tuple(dict.fromkeys(media_type_called(one) for one in address.get("type", ())))
    passages = next((one for one in address.get("k", ()) if one.isdecimal() and len(one) < 4), "")
    since, until = (_day("".join(address.get(part, ())[:1])) for part in ("since", "until"))
    search = Search(
        name,
        documents,
        tuple(dict.fromkeys(address.get("tag", ()))),
        tuple(one for one in types if is_media_type(one)),
        since,
        until,
        min(max(int(passages), 1), MOST_PASSAGES) if passages else usual.passages,
    )
    gone = len(documents) - workspace.matching(Search(name, documents), 0)[0] if documents else 0
    wrong = [
        *(f"{counted(gone, 'document')} that the link names cannot be found here." for _ in range(gone > 0)),
        *(f"“{one}” is no type of file." for one in types if not is_media_type(one)),
        *(
            f"“{address[part][0]}” is no date that can be chosen."
            for part, day in (("since", since), ("until", until))
            if address.get(part) and not day
        ),
    ]
    return search, " ".join(wrong)


def _whole(prefix: str, collection: str, workspace: Workspace) -> str:
    """The id that begins so; as it is where there is none, so that nothing else is searched instead."""
    with suppress(NotFoundError):
        return workspace.document(prefix, collection).id
    return prefix


def _day(text: str) -> int:
    """An ISO date as yyyymmdd, 0 for anything else."""
    with suppress(ValueError):
        day = date.fromisoformat(text)
        return int(f"{day:%Y%m%d}") if FIRST_DAY <= day <= LAST_DAY else 0
    return 0


def tell_address(search: Search, usual: Search) -> None:
    """Write where to look into the address, as far as it is not what is usual. Says what it cannot tell, and what a
    link did not find."""
    told = address_of(search, usual)
    st.session_state["scope_address"] = told
    for key in _OURS:
        if key not in told and key in st.query_params:
            del st.query_params[key]
        elif key in told and st.query_params.get_all(key) != told[key]:
            st.query_params[key] = told[key]
    of, missing = st.session_state.get("scope_missing", (search, ""))
    if of != search:
        st.session_state.pop("scope_missing")  # something else has been chosen since
    elif missing:
        st.warning(escape_markdown(missing), icon=":material/link_off:")
    if len(search.documents) > MOST_DOCUMENTS:
        st.caption(
            f":material/link_off: The page's address does not tell these {len(search.documents):,} documents: it names "
            f"{MOST_DOCUMENTS} at most. Tag them to share them."
        )


def address_of(search: Search, usual: Search) -> dict[str, list[str]]:
    """A search as the parameters of an address; nothing for what is usual."""
    if search == usual or len(search.documents) > MOST_DOCUMENTS:
        return {}
    days = {part: f"{number:08d}" for part, number in (("since", search.since), ("until", search.until)) if number}
    parts = {
        "collection": [search.collection],
        "document": [one[:SHORT_ID] for one in search.documents],
        "tag": list(search.tags),
        "type": [extension_of(one) for one in search.types],
        **{part: [f"{text[:4]}-{text[4:6]}-{text[6:]}"] for part, text in days.items()},
        "k": [str(search.passages)] if search.passages != usual.passages else [],
    }
    return {key: values for key, values in parts.items() if values}
