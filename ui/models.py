"""The panel where a reader sees who writes the answers, and chooses a language model for the session."""

from __future__ import annotations

import time
from contextlib import closing
from dataclasses import replace

import streamlit as st
from pydantic import SecretStr

from rag.errors import RagError
from rag.records import ModelChoice, Trial
from rag.workspace import Answerer, Workspace, live
from ui.answerers import CHOICE, answerer_of, choice_of, sent_to, what_leaves
from ui.dialogs import close_dialog, give_way, open_dialog
from ui.errors import friendly_errors
from ui.text import escape_markdown, message_markdown, shortened

QUOTES, OPENAI, OLLAMA, OTHER = "Quotes only", "OpenAI or compatible", "Ollama", "Other"
_KINDS = {
    QUOTES: "No language model: sentences of your documents, word for word. Nothing is sent anywhere.",
    OPENAI: "OpenAI, or any server that speaks its protocol: vLLM, llama.cpp, LM Studio and many services.",
    OLLAMA: "Models that Ollama runs, on the machine where Footnote runs or on another.",
    OTHER: "Another provider that LangChain knows. Its package must be installed; the test names it if it is not.",
}
_EXAMPLES = {OPENAI: "gpt-4o-mini", OLLAMA: "llama3.2", OTHER: "claude-sonnet-4-5"}
_ADDRESSES = {OPENAI: "Empty: OpenAI’s own. Or http://localhost:8080/v1", OLLAMA: "Empty: http://localhost:11434"}
_KEY_HELP = (
    "Kept in this session only: it is not stored, not logged, and forgotten when you close the page. It is sent to "
    "this server and to no other."
)
_TEMPERATURE_HELP = "How freely the model words things. 0: least, and nearly the same words each time."
_SENT = (
    "Once you use it, each question, the passages found for it and the last questions and answers of the conversation "
    "are sent to that server. The test sends one short sentence, and nothing of yours."
)
_TRIAL_SECONDS = 30.0
_LABEL_CHARS = 24


def model_button(workspace: Workspace, collection: str) -> None:
    """Shows who writes the answers on a collection; opens the panel."""
    model = answerer_of(workspace, collection).settings.model
    st.button(
        escape_markdown(shortened(model.model, _LABEL_CHARS)) if model.name else QUOTES,
        icon=":material/neurology:" if model.name else ":material/format_quote:",
        help="Who writes the answers",
        key="model",
        on_click=_open,
        args=(workspace, collection),
    )


def _open(workspace: Workspace, collection: str) -> None:
    for key in [one for one in st.session_state if str(one).startswith("model-")]:
        del st.session_state[key]
    st.session_state["model-kind"] = _kind(answerer_of(workspace, collection).settings.model)
    open_dialog(choose_model, workspace, collection)


def _kind(model: ModelChoice) -> str:
    return {"": QUOTES, "openai": OPENAI, "ollama": OLLAMA}.get(model.provider, OTHER)


@st.dialog("Who writes the answers", width="medium", icon=":material/neurology:", on_dismiss=close_dialog)
def choose_model(workspace: Workspace, collection: str) -> None:
    """The panel: who it is and, where readers may choose, somebody else for this session."""
    give_way(choose_model)
    with friendly_errors():
        if not workspace.settings.model_may_be_chosen:
            st.markdown(what_leaves(answerer_of(workspace, collection).settings))
            st.caption("Whoever runs Footnote has set this, for everybody.")
            return
        kind = st.segmented_control("Kind", list(_KINDS), key="model-kind", required=True, label_visibility="collapsed")
        st.caption(_KINDS[kind or QUOTES])
        if kind in (None, QUOTES):
            if st.button("Use quotes only", type="primary", key="model-quotes"):
                _use(workspace, collection, ModelChoice())
            return
        _choose(workspace, collection, kind)


def _choose(workspace: Workspace, collection: str, kind: str) -> None:
    with st.form("model-form", border=False):
        choice = _fields(workspace, collection, kind)
        st.caption(_SENT)
        with st.container(horizontal=True, horizontal_alignment="right"):
            test = st.form_submit_button("Test", icon=":material/network_check:", key="model-test")
            use = st.form_submit_button("Use for this session", type="primary", key="model-use")
    if (test or use) and not (choice.model and choice.provider):
        st.warning("Type the model’s name first." if choice.provider else "Type the provider first.")
    elif test:
        _try(workspace.answerer_for(choice))
    elif use:
        with st.spinner("Getting ready…"):
            workspace.answerer_for(choice).load()  # a missing package or a wrong address is told here
        _use(workspace, collection, choice)


def _fields(workspace: Workspace, collection: str, kind: str) -> ModelChoice:
    """What is typed. An empty key stands for the one that this session, or whoever runs Footnote, has given for the
    same provider at the same address, and for no other."""
    held, now = choice_of(workspace), answerer_of(workspace, collection).settings.model
    now = now if _kind(now) == kind else ModelChoice()
    provider = {OPENAI: "openai", OLLAMA: "ollama"}.get(kind, "")
    if kind == OTHER:
        provider = st.text_input("Provider", now.provider, key="model-provider", placeholder="anthropic").strip()
    model = st.text_input("Model’s name", now.model, key=f"model-name-{kind}", placeholder=f"as {_EXAMPLES[kind]}")
    address = workspace.settings.llm_base_url if provider == workspace.settings.model.provider else ""
    if kind != OTHER:
        address = st.text_input(
            "Server’s address", now.base_url, key=f"model-address-{kind}", placeholder=_ADDRESSES[kind]
        ).strip()
    there = ModelChoice(f"{provider}:{model.strip()}", address)
    known = workspace.settings.llm_api_key.get_secret_value() or (held and held.key.get_secret_value())
    with st.container(horizontal=True, vertical_alignment="bottom"):
        key = st.text_input(
            "Key",
            type="password",
            key=f"model-key-{kind}",
            autocomplete="new-password",
            placeholder="Empty: the one given before, for the same server" if known else "",
            help=_KEY_HELP,
        ).strip()
        temperature = st.number_input(
            "Temperature",
            0.0,
            2.0,
            now.temperature,
            0.1,
            key=f"model-temperature-{kind}",
            placeholder="its own",
            help=_TEMPERATURE_HELP,
            width=170,
        )
    secret = SecretStr(key)
    if not key and held and (held.provider, held.base_url) == (there.provider, there.base_url):
        secret = held.key
    return replace(there, key=secret, temperature=temperature)


def _use(workspace: Workspace, collection: str, choice: ModelChoice) -> None:
    if choice == workspace.answered_by(collection)[0].settings.model:
        st.session_state.pop(CHOICE, None)
    else:
        st.session_state[CHOICE] = choice
    st.session_state.pop("answerer", None)
    close_dialog()
    st.rerun()


def _try(answerer: Answerer) -> None:
    """Ask the model for a word; say what came of it."""
    place, began, shown = st.empty(), time.monotonic(), -1
    name = escape_markdown(sent_to(answerer.settings))
    trial: Trial | None = None
    try:
        with closing(live(_TRIAL_SECONDS, lambda: iter([answerer.trial()]))) as stream:
            for one in stream:
                trial = one or trial
                if (seconds := int(time.monotonic() - began)) != shown:
                    shown = seconds
                    place.markdown(f":shimmer[Asking {name}…]" + (f" {seconds} s" if seconds else ""))
                else:
                    _ = "turns" in st.session_state  # looks for a click elsewhere, which ends this
    except RagError as error:
        place.error(message_markdown(str(error)), icon=":material/error:")
        return
    if trial is not None:
        place.success(
            f"It answers: the first word came after {trial.first_words:.2f} s, all of it after {trial.total:.2f} s. It "
            f"said: “{escape_markdown(trial.said)}”",
            icon=":material/check_circle:",
        )
