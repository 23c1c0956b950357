"""How a collection is made, and making it in another way: planned, built beside it, swapped in or discarded."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import streamlit as st

from rag.records import Collection, Recipe, Reembedding, ReembeddingPlan
from rag.workspace import Workspace
from ui.collections.rehearsing import draw_rehearsal
from ui.collections.swapping import BUNDLED, WITHOUT, confirm_discard, confirm_swap, lost, model_of
from ui.dialogs import open_dialog, run_page_if_asked
from ui.errors import friendly_errors
from ui.experiments.words import MADE, apart
from ui.progress import POLL_SECONDS
from ui.stages import time_left
from ui.text import about, counted, escape_markdown, message_markdown, shortened

FAST, EXACT, OTHER = "Built in, fast", "Built in, exact", "Another model"
_MODELS = {
    FAST: "all-MiniLM-L6-v2 with numbers of 8 bits: takes little time and memory, and finds nearly the same.",
    EXACT: "all-MiniLM-L6-v2 as it was published, with numbers of 32 bits: slower, and a little more exact.",
    OTHER: "Runs on this machine, or at a provider that the texts of the documents are then sent to.",
}
_NEEDS = (
    "A model of *sentence-transformers* by its name or as a folder on this machine: needs "
    "`pip install sentence-transformers`, and `RAG_ALLOW_DOWNLOADS=true` to be fetched by its name. Or "
    "`provider:model`, such as `openai:text-embedding-3-small`: needs the provider's package, and its key in "
    "`RAG_EMBEDDING_API_KEY`; **all text of this collection, and each question about it, is sent there**."
)
_TOKENS = (
    "A token is a word or a part of one. Shorter passages are found more precisely, longer ones say more. The built-in "
    "model reads at most 200."
)
_SWAP = "Once it is swapped in, everybody searches the new version. Conversations and links stay as they are."


def draw_reembedding(workspace: Workspace, collection: Collection) -> None:
    """How it is made, and what makes it otherwise, or how far that is."""
    st.subheader("How it is made", anchor=False)
    demo = workspace.settings.demo
    st.markdown(_made(collection, demo))
    if why := workspace.refusal(collection):
        # In a demo nobody who reads this can do what it says.
        said = "It cannot be searched by meaning as this demo is set up." if demo else message_markdown(why)
        st.warning(said, icon=":material/sync_problem:")
    if demo or not collection.documents:
        return
    found = workspace.reembedding(collection.name)
    if found is None:
        _for_champion(workspace, collection)
        with st.expander("Make it with another model or passage size", icon=":material/model_training:"):
            _choose(workspace, collection)
        return
    going_on = found.working or found.counts.busy > 0
    st.fragment(_draw, run_every=POLL_SECONDS if going_on else None)(workspace, collection.name, going_on)
    if not going_on:
        draw_rehearsal(workspace, collection.name)


def _made(collection: Collection, demo: bool) -> str:
    made, recipe = collection.fingerprint, collection.recipe
    if not collection.model_is_known:
        only = "Nobody knows which embedding model its vectors are from, so it is searched **by words only**"
        if demo:
            return f"{only}."
        return (
            f"{only}, and nothing can be added. Make it with a model that is known to have it searched by meaning too."
        )
    model = " ".join(part for part in (made.get("model", ""), made.get("precision", "").partition(" ")[0]) if part)
    size = f", passages of about {escape_markdown(made['chunk_tokens'])} tokens" if "chunk_tokens" in made else ""
    whose = "Set for this collection, whatever Footnote's settings say." if recipe else "As Footnote's settings say."
    return f"**{escape_markdown(model)}**{size}. {whose}"


def _for_champion(workspace: Workspace, collection: Collection) -> None:
    """Where a champion wants its passages made otherwise, what makes them so."""
    champion = workspace.champion(collection.name)
    if champion is None or champion.configuration.recipe == workspace.recipe_now(collection.name):
        return
    recipe, key = champion.configuration.recipe, f"reembed-{collection.id}-champion"
    with st.container(border=True):
        differs = escape_markdown(apart(champion.configuration, workspace.configuration(collection.name), MADE))
        st.markdown(f"**The champion wants its passages made otherwise:** {differs}. Until then it does not answer.")
        if st.session_state.get(f"{key}-planned") == recipe:
            _offer(workspace, collection, recipe, key)
        else:
            st.button(
                "See what that takes",
                key=f"{key}-plan",
                icon=":material/calculate:",
                on_click=st.session_state.update,
                args=({f"{key}-planned": recipe},),
            )


# -- nothing is in the making ----------------------------------------------------------------------------


def _choose(workspace: Workspace, collection: Collection) -> None:
    st.markdown(
        "A new version is made in the background while everybody goes on searching this one; you swap it in when it is "
        "ready, or discard it."
    )
    now, key = workspace.recipe_now(collection.name), f"reembed-{collection.id}"
    usual = OTHER if now.model not in ("", BUNDLED) else EXACT if now.precision == "fp32" else FAST
    kind = st.radio("Embedding model", list(_MODELS), index=list(_MODELS).index(usual), captions=list(_MODELS.values()),
                    key=f"{key}-kind")  # fmt: skip
    name = BUNDLED
    if kind == OTHER:
        name = st.text_input(
            "Model",
            value="" if now.model == BUNDLED else now.model,
            placeholder="sentence-transformers/all-mpnet-base-v2",
            max_chars=200,
            key=f"{key}-model",
        )
        st.caption(_NEEDS)
    tokens = st.number_input(
        "Tokens in a passage",
        min_value=32,
        max_value=200 if kind != OTHER else 2000,
        value=min(now.chunk_tokens, 200) if kind != OTHER else now.chunk_tokens,
        step=10,
        help=_TOKENS,
        width=220,
        key=f"{key}-tokens-{kind == OTHER}",
    )
    recipe = Recipe((name or "").strip(), "fp32" if kind == EXACT else "int8", int(tokens))
    st.button(
        "See what it takes",
        key=f"{key}-plan",
        icon=":material/calculate:",
        disabled=not recipe.model,
        on_click=st.session_state.update,
        args=({f"{key}-planned": recipe},),
    )
    if st.session_state.get(f"{key}-planned") == recipe:
        _offer(workspace, collection, recipe, key)


def _offer(workspace: Workspace, collection: Collection, recipe: Recipe, key: str) -> None:
    with friendly_errors():
        known = f"{key}-plan-of-{recipe}-{collection.chunks}"
        if known not in st.session_state:
            with st.spinner("Loading the model, and trying it on a few passages…"):
                st.session_state[known] = workspace.plan_reembedding(collection.name, recipe)
        plan: ReembeddingPlan = st.session_state[known]
        if plan.same:
            st.info("It is made in that way already.", icon=":material/info:")
            return
        st.markdown(_takes(plan))
        if plan.edits_lost:
            st.warning(lost(plan.edits_lost), icon=":material/edit_off:")
        st.button(
            "Start",
            key=f"{key}-start",
            type="primary",
            icon=":material/play_arrow:",
            on_click=_start,
            args=(workspace, collection, recipe),
        )


def _takes(plan: ReembeddingPlan) -> str:
    took = "" if plan.seconds is None else f" · **{about(plan.seconds)}** on this machine"
    passages = counted(plan.passages, "passage")
    number = f"about {passages}" if plan.read_again else passages
    texts = "read again from the kept files" if plan.read_again else "taken over as they are, not read again"
    return f"{counted(plan.documents, 'document')} · {number}{took}.  \nTheir texts are {texts}."


def _start(workspace: Workspace, collection: Collection, recipe: Recipe) -> None:
    with friendly_errors():
        workspace.reembed(collection.name, recipe)


# -- something is in the making --------------------------------------------------------------------------


def _draw(workspace: Workspace, name: str, going_on: bool) -> None:
    run_page_if_asked()
    with friendly_errors():
        found = workspace.reembedding(name)
        if found is None or going_on != (found.working or found.counts.busy > 0):
            st.rerun()
        with st.container(border=True):
            st.markdown(f"**A new version is {'being made' if going_on else 'made'}:** {_described(found.recipe)}")
            _tell(found)
            _failures(found)
            with st.container(horizontal=True):
                _buttons(workspace, name, found)


def _described(recipe: Recipe) -> str:
    return f"{model_of(recipe)}, passages of about {recipe.chunk_tokens:,} tokens"


def _tell(found: Reembedding) -> None:
    counts = found.counts
    if found.working:
        far = f"{counts.ready:,} of {counted(counts.documents, 'document')} · {counts.embedded:,} of "
        far += f"{'about ' if counts.unread else ''}{counted(counts.passages, 'passage')}"
        left = "measuring the speed…" if found.seconds_left is None else time_left(found.shadow.id, found.seconds_left)
        st.progress(found.fraction, text=f"{far}  \n:small[{left} · the collection is searched as it is meanwhile]")
    if counts.reason:
        st.markdown(f":orange[:material/hourglass_empty: {message_markdown(counts.reason)}]")
    if found.behind:
        verb = "has" if found.behind == 1 else "have"
        st.caption(f"{counted(found.behind, 'document')} {verb} come, changed or gone meanwhile, and will be seen to.")
    elif counts.busy and not found.working:
        st.caption(f"Waiting until {counted(counts.busy, 'document')} of the collection itself can be searched.")
    if found.whole:
        st.success(
            f"It is ready: {counted(counts.documents, 'document')}, {counted(counts.passages, 'passage')}. {_SWAP}",
            icon=":material/check_circle:",
        )
    if found.edits_lost:
        st.warning(lost(found.edits_lost), icon=":material/edit_off:")


def _failures(found: Reembedding) -> None:
    failed = found.counts.failed
    if not failed:
        return
    st.error(
        f"{counted(failed, 'document')} could not be made anew. The collection as it is still has "
        f"{'it' if failed == 1 else 'them'}.",
        icon=":material/error:",
    )
    for one in found.failures:
        st.markdown(f":small[**{escape_markdown(shortened(one.name, 60))}**  \n{message_markdown(one.reason)}]")
    if failed > len(found.failures):
        st.caption(f"And {failed - len(found.failures):,} more.")


def _buttons(workspace: Workspace, name: str, found: Reembedding) -> None:
    key = found.shadow.id
    failed = found.counts.failed
    if found.whole:
        _offer_swap("Swap in", key, workspace, name, False)
    elif failed and not found.working and not found.counts.busy:
        _press("Retry", f"retry-{key}", ":material/refresh:", lambda: workspace.retry_reembedding(name))
        without = f"Swap in without {'it' if failed == 1 else f'these {failed:,}'}"
        _offer_swap(without, key, workspace, name, True)
    st.button(
        "Discard",
        key=f"discard-{key}",
        icon=":material/delete:",
        type="tertiary",
        on_click=open_dialog,
        args=(confirm_discard, workspace, name),
    )


def _offer_swap(words: str, key: str, workspace: Workspace, name: str, without_failed: bool) -> None:
    st.button(
        words,
        key=f"swap-{key}",
        icon=":material/swap_horiz:",
        type="secondary" if without_failed else "primary",
        help=WITHOUT if without_failed else None,
        on_click=open_dialog,
        args=(confirm_swap, workspace, name, without_failed),
    )


def _press(words: str, key: str, icon: str, act: Callable[[], Any]) -> None:
    if st.button(words, key=key, icon=icon, type="primary"):
        act()
        st.rerun()
