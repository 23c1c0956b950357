"""One document: its facts, its state, and what can be done with it."""

from __future__ import annotations

import tempfile
from pathlib import Path, PurePath

import streamlit as st

from rag.records import UNFINISHED, Census, Document, Failure, State
from rag.workspace import NOT_ANEW, Workspace, language_name, language_notice
from ui.collections.acting import delete, done, form_key, reread, transfer_popover
from ui.collections.table import as_day, open_next
from ui.collections.versions import draw_versions
from ui.errors import friendly_errors
from ui.originals import download_button
from ui.overviews import overview_button
from ui.passages import Passage
from ui.retrying import cancel_button, retry_button
from ui.search import FIRST_DAY, LAST_DAY
from ui.stages import extent, ocr_notice, stage, unread_notice
from ui.text import bytes_as_text, day, escape_markdown, message_markdown
from ui.viewer import open_viewer


def draw_details(workspace: Workspace, document: Document, census: Census, editable: bool) -> None:
    """Draw a document, and what can be done with it: less if it is not `editable`."""
    describe(workspace, document)
    with st.container(horizontal=True):
        if document.visible:
            first = Passage(document.collection, document.id, document.name, 1, 0, 0, "")
            st.button("Open", key="open", icon=":material/visibility:", on_click=open_viewer, args=([first],))
            overview_button(workspace, document)
            st.button(
                "Passages",
                key="passages",
                icon=":material/segment:",
                help="The pieces that are searched and quoted: read, find and correct them",
                on_click=_show_passages,
                args=(document,),
            )
        download_button(workspace, document, "collection")
    if editable:
        with st.container(horizontal=True):
            _change(workspace, document, census)
    draw_versions(workspace, document)


def describe(workspace: Workspace, document: Document) -> None:
    """A document's facts on a few lines, and what can be done about its state."""
    st.subheader(escape_markdown(document.name), anchor=False)
    if document.title not in ("", document.name, PurePath(document.name).stem):
        st.markdown(escape_markdown(document.title))
    facts = [bytes_as_text(document.bytes), f"added {day(document.added_at)}"]
    if document.pages:
        facts.insert(0, extent(document))
    if (dated := as_day(document.date)) and dated != document.added_at.date():
        facts.append(f"dated {day(dated)}")
    if document.language:
        facts.append(language_name(document.language))
    st.caption(" · ".join(facts))
    if document.tags:
        st.markdown(" ".join(f":gray-badge[{escape_markdown(tag)}]" for tag in document.tags))
    _notices(workspace, document)
    if document.state is State.FAILED:
        if document.failure is Failure.CANCELLED:
            st.info(message_markdown(document.reason), icon=":material/cancel:")
        else:
            st.error(message_markdown(document.reason), icon=":material/error:")
        retry_button(workspace, document, "details")
    elif document.state in UNFINISHED:
        held_back = (document.collection, document.id) in workspace.held_back()
        st.caption(f"{'Being read anew' if document.served else 'Not ready yet'}: {stage(document, held_back)}.")
        cancel_button(workspace, document, "details")


def _notices(workspace: Workspace, document: Document) -> None:
    foreign = language_notice([(document.name, document.language)], workspace.settings.embedding_model)
    if foreign and not workspace.settings.demo:  # it is about settings, which readers of a demo do not have
        st.info(message_markdown(foreign), icon=":material/translate:")
    if document.ocr_pages:
        st.info(f"{ocr_notice(document)}: check what you quote.", icon=":material/document_scanner:")
    if document.state is State.READY and document.unread_pages:
        st.warning(f"{unread_notice(document)}.", icon=":material/visibility_off:")
    if document.state is State.READY and document.reason:
        st.warning(f"{NOT_ANEW} {message_markdown(document.reason)}", icon=":material/history:")
    if document.state is State.READY and (document.reason or (document.unread_pages and workspace.settings.ocr)):
        retry_button(workspace, document, "details")


def _show_passages(document: Document) -> None:
    st.session_state["collections_view"] = "Passages"
    st.session_state[f"passages-document-{document.collection}"] = document.id


def _change(workspace: Workspace, document: Document, census: Census) -> None:
    _edit(workspace, document, census)
    transfer_popover(workspace, document.collection, [document.id], "details")
    _replace(workspace, document)
    one = (workspace, document.collection, [document.id])
    if document.state is State.READY:
        about = "From the kept file, with the readers and settings as they are now"
        st.button("Read anew", key="reread", icon=":material/refresh:", help=about, on_click=reread, args=one)
    st.button("Delete", key="delete", icon=":material/delete:", on_click=delete, args=one)


def _edit(workspace: Workspace, document: Document, census: Census) -> None:
    now = (document.name, document.title, document.date, document.tags)
    key = form_key(f"edit-{document.id}-{hash(now)}", document.collection)
    with st.popover("Edit", icon=":material/edit:", key=f"{key}-box"):
        with st.form(key, border=False):
            name = st.text_input("Name", document.name, key=f"{key}-name")
            title = st.text_input(
                "Title",
                document.title,
                key=f"{key}-title",
                help="What the document is called in answers. Another title is searched by meaning after a moment: its "
                "passages are embedded anew.",
            )
            when = st.date_input(
                "Date", as_day(document.date), FIRST_DAY, LAST_DAY, key=f"{key}-date", format="YYYY-MM-DD"
            )
            tags = st.multiselect(
                "Tags",
                list(dict.fromkeys((*document.tags, *census.tags))),
                list(document.tags),
                key=f"{key}-tags",
                accept_new_options=True,
                placeholder="Choose or type",
            )
            pressed = st.form_submit_button("Save", icon=":material/check:")
        if pressed:
            with friendly_errors():
                edited = workspace.edit(document, name or "", title or "", when, tags)
                anew = document.state is State.READY and edited.state is not State.READY
                done("Saved. Its passages are embedded anew under the new title." if anew else "Saved.")


def _replace(workspace: Workspace, document: Document) -> None:
    key = form_key(f"replace-{document.id}", document.collection)
    with st.popover("Replace", icon=":material/upload_file:", key=f"{key}-box"):
        file = st.file_uploader(
            "The new version, called anything",
            type=PurePath(document.name).suffix,
            key=key,
            max_upload_size=workspace.settings.max_file_mb,
            help="The present one is searched until the new one is ready, and is kept as an earlier version.",
        )
        if file is not None and st.button("Replace with it", key=f"{key}-go", type="primary"):
            with friendly_errors(), tempfile.TemporaryDirectory() as folder:
                path = Path(folder) / "new"
                path.write_bytes(file.getbuffer())
                new = workspace.replace(document, path, file.name)
                open_next(document.collection, new.id)
                done("The new version is being read. The present one is searched until it is ready.")
