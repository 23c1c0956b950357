"""What every page begins with: its title, the door, the menu, the workspace, and errors as people should see them.

Each page is opened cold at its own address too, so nothing here may rely on the home page having run.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from rag.errors import FolderInUseError, RagError
from rag.settings import Settings, load_settings
from rag.workspace import Workspace, open_workspace
from ui.brand import ICON, NAME
from ui.corner import corner
from ui.dialogs import draw_dialog, runs_page
from ui.door import guard, leave_button
from ui.errors import friendly_errors, show_error
from ui.places import ASK, COLLECTIONS, EXPERIMENTS, HOME, UPLOAD
from ui.samples import sample_files
from ui.text import message_markdown
from ui.told import begin_address, end_address
from ui.viewing import draw_viewer

_MENU = (
    (HOME, "Home", ":material/home:"),
    (UPLOAD, "Upload", ":material/upload_file:"),
    (ASK, "Ask", ":material/forum:"),
    (COLLECTIONS, "Collections", ":material/library_books:"),
    (EXPERIMENTS, "Experiments", ":material/science:"),
)

MESSAGE = "message"
"""Where in the session it is what is shown after the next run of the page."""
_STYLE = """<style>
[class*=st-key-footnote-] button p { text-wrap: balance; }
[data-testid=stPopover] button[aria-expanded=true] { color: inherit; }
</style>"""
"""A footnote that takes two lines keeps `p.` and its number together. The words of an open tertiary popover
would be nearly as dark as the ground of the dark theme."""


@contextmanager
def page(title: str) -> Iterator[Workspace]:
    """Begin a page; inside, errors are shown as one friendly line each."""
    st.set_page_config(page_title=NAME if title == NAME else f"{title} · {NAME}", page_icon=ICON, layout="centered")
    st.logo(ICON, size="large")
    st.html(_STYLE)
    runs_page(title)
    try:
        secrets = _secrets()
        settings = load_settings(**_settings_among(secrets))
    except RagError as error:
        heading("Footnote cannot start")
        show_error(error)
        st.stop()
    guard(settings, secrets)
    _menu(settings)
    workspace = _workspace(settings)
    if (message := st.session_state.pop(MESSAGE, None)) is not None:
        st.toast(message, icon=":material/check_circle:")
    if settings.storage_is_ephemeral:
        st.caption(":material/warning: What is stored here may vanish when the app restarts. Keep your originals.")
    corner(workspace)
    begin_address(title)
    try:
        with friendly_errors():
            yield workspace
            draw_viewer(workspace, title)
            draw_dialog(title)
    finally:
        end_address(title)


def heading(title: str) -> DeltaGenerator:
    """The page's title, at the same height on every page, in a row that takes buttons at its right."""
    row = st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="right")
    row.title(title, anchor=False, width="stretch")
    return row


def say(message: str) -> None:
    """Show a short message after the next run of the page. The message is Markdown."""
    st.session_state[MESSAGE] = message


def _secrets() -> Mapping[str, Any]:
    """Streamlit's secrets, empty where there is no file of them."""
    return st.secrets.to_dict() if st.secrets.load_if_toml_exists() else {}


def _settings_among(secrets: Mapping[str, Any]) -> dict[str, Any]:
    named = {key.lower().removeprefix("rag_"): value for key, value in secrets.items() if key.lower()[:4] == "rag_"}
    return {name: value for name, value in named.items() if name in Settings.model_fields}


def _menu(settings: Settings) -> None:
    with st.sidebar:
        for path, label, icon in _MENU:
            if not (settings.demo and path == UPLOAD):
                st.page_link(path, label=label, icon=icon, width="stretch")
        leave_button()
        if settings.demo:
            st.caption("This is a read-only demo: ask as you like.")


def _is_current(workspace: object) -> bool:
    # After a hot reload of our modules the cache still holds a workspace of the classes before.
    return isinstance(workspace, Workspace) and not workspace.closed


@st.cache_resource(show_spinner="Opening your documents…", validate=_is_current)
def _open(_settings: Settings) -> Workspace:
    """The process's one workspace, with Chroma's client and the answer chain. Thread-safe, so all sessions share it."""
    workspace = open_workspace(_settings, "the dashboard")
    workspace.worker.start()
    workspace.resume_studies()
    workspace.warm_up()
    threading.Thread(target=import_module, args=("pandas",), name="footnote-tables", daemon=True).start()
    workspace.track()
    totals = workspace.totals()
    if _settings.demo and not (totals.documents or totals.unfinished or totals.failed):
        for _ in workspace.seed(sample_files()):
            pass
    return workspace


def _workspace(settings: Settings) -> Workspace:
    try:
        workspace = _open(settings)
        if workspace.settings != settings:
            _open.clear()
            workspace = _open(settings)
    except FolderInUseError as error:
        _closed("Footnote is open elsewhere", error)
    except RagError as error:
        _closed("Footnote cannot open its data folder", error)
    return workspace


def _closed(title: str, error: RagError) -> None:
    heading(title)
    st.markdown(message_markdown(str(error)))
    st.button("Try again", type="primary", icon=":material/refresh:")
    st.stop()
