"""The conversation that is read in this session: kept with every turn, and found again by its id in the page's address.

In a read-only demo it lives in the session only.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import streamlit as st

from rag.errors import NotFoundError, RagError
from rag.records import EvaluationRow, Feedback, KeptTurn
from rag.workspace import Workspace
from ui.door import reader
from ui.search import choose
from ui.text import message_markdown
from ui.told import tells_address
from ui.turns import Turn, turn_of

ADDRESS = "conversation"
"""Its id's name in the page's address."""
log = logging.getLogger(__name__)


@dataclass(slots=True, eq=False)
class Talk:
    """A conversation: which turns of it are kept, as they are kept, and what was thought of them."""

    owner: str
    id: str = field(default_factory=lambda: uuid.uuid4().hex)
    kept: dict[str, KeptTurn] = field(default_factory=dict)
    feedback: dict[tuple[str, str], Feedback] = field(default_factory=dict)
    evaluation: dict[str, EvaluationRow] = field(default_factory=dict)
    notice: str = ""
    """What to know of how it came about; until a turn is kept after it was `noticed`."""
    noticed: bool = False
    trouble: str = ""
    """Why something of it could not be kept."""
    erasures: int | None = None
    """How often everything had been erased when it began, or was opened: what was asked before is not kept after."""

    def keep(self, workspace: Workspace, turn: Turn) -> None:
        """Keep a turn, if it is not kept as it is. It draws nothing, as a run that is being stopped must not."""
        now = turn.kept
        if self.kept.get(turn.id) == now:
            return
        try:
            if self.erasures is None:
                self.erasures = workspace.erasures()
            workspace.keep_turn(self.id, now, self.owner, goes_on=bool(self.kept), since=self.erasures)
        except RagError as error:
            log.warning("A turn could not be kept: %s", error)
            self.trouble = str(error)
        else:
            self.kept[turn.id], self.trouble = now, ""
            self.notice = "" if self.noticed else self.notice


def talk() -> Talk:
    """The session's conversation."""
    here = st.session_state.get("talk")
    if not isinstance(here, Talk) or here.owner != reader():
        here = Talk(reader())
        st.session_state["talk"] = here
        st.session_state["turns"] = []
    return here


def resume(workspace: Workspace) -> list[Turn]:
    """The turns of the conversation that the address names, else of the session's own, whose id then goes there."""
    here = talk()
    turns: list[Turn] = st.session_state.setdefault("turns", [])
    if workspace.settings.demo:
        return turns
    wanted = st.query_params.get(ADDRESS, "")
    if wanted and wanted != here.id:
        open_talk(workspace, wanted)
    elif here.erasures is not None and here.erasures != workspace.erasures():
        new_talk()
        talk().notice = "Everything was erased meanwhile, the conversation that was here too."
    elif here.kept and not wanted:
        st.query_params[ADDRESS] = here.id
    elif wanted and not here.kept:
        st.query_params.pop(ADDRESS)
    return turns


def open_talk(workspace: Workspace, conversation: str) -> None:
    """Go on with a conversation that is kept; without one of that id, with a new one."""
    new_talk()
    erasures = workspace.erasures()
    try:
        found = workspace.conversation(conversation, reader())
    except NotFoundError:
        talk().notice = "This conversation is not there any more. Your next question begins a new one."
        return
    st.session_state["talk"] = Talk(
        reader(),
        conversation,
        {one.id: one for one in found.turns},
        dict(found.feedback),
        dict(found.evaluation),
        erasures=erasures,
    )
    turns = st.session_state["turns"]
    turns[:] = [turn_of(one) for one in found.turns]
    if turns:
        choose(turns[-1].search)  # the next question is asked where the last one was
    st.query_params[ADDRESS] = conversation
    tells_address()


def new_talk() -> None:
    """Begin another conversation. The one before stays where it is kept."""
    st.session_state["talk"] = Talk(reader())
    st.session_state["turns"].clear()
    st.query_params.pop(ADDRESS, None)
    tells_address()


def keep(workspace: Workspace) -> None:
    """Keep the turns of the session's conversation: the new one, and those that could not be kept before."""
    if workspace.settings.demo:
        return
    here = talk()
    for turn in st.session_state["turns"]:
        here.keep(workspace, turn)
    if here.kept and st.query_params.get(ADDRESS) != here.id:
        st.query_params[ADDRESS] = here.id


@contextmanager
def keeping(workspace: Workspace, turn: Turn) -> Iterator[None]:
    """Keep a turn as it is after what is done to it inside, even if that is stopped or goes wrong."""
    here = talk()
    try:
        yield
    finally:
        if not workspace.settings.demo:
            here.keep(workspace, turn)


def drop(workspace: Workspace, turn: Turn) -> None:
    """Take a turn out of the session's conversation."""
    st.session_state["turns"].remove(turn)
    if talk().kept.pop(turn.id, None) is not None:
        workspace.drop_turn(talk().id, turn.id, talk().owner)


def draw_notice() -> None:
    """What to know of the session's conversation, above it."""
    here = talk()
    if here.notice:
        st.info(message_markdown(here.notice), icon=":material/info:")
        here.noticed = True


def draw_trouble() -> None:
    """Why something could not be kept, if so: below the conversation, where the last answer is read."""
    if trouble := talk().trouble:
        st.warning(f"This conversation could not be kept. {message_markdown(trouble)}", icon=":material/warning:")
