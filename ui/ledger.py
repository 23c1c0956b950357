"""The claim ledger on the Ask page: doubtful sentences marked where they stand, and what each sentence rests on."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

import streamlit as st

from rag.records import DOUBTFUL, Answer, Claim, Verdict
from ui.labels import label
from ui.passages import cited
from ui.text import CODE, answer_markdown, counted, escape_markdown
from ui.viewer import open_viewer

# Where a mark begins and ends while the answer becomes Markdown: characters of no meaning, which no answer keeps.
_BEGINS = {Verdict.PARTLY: "\ue000", Verdict.UNSUPPORTED: "\ue001"}
_ENDS = "\ue002"
_ANY = re.compile("[\ue000-\ue002]")
_MARKED = re.compile("([\ue000\ue001])([^\ue000-\ue002]*)\ue002")
_FOOTNOTE = re.compile(r":blue\[\*\*\\\[\d+\\\]\*\*\]")
_COLOURS = {Verdict.PARTLY: "orange", Verdict.UNSUPPORTED: "red"}
_ICONS = {
    Verdict.VERBATIM: ":green[:material/format_quote:]",
    Verdict.SUPPORTED: ":green[:material/check:]",
    Verdict.EDITED: ":orange[:material/edit:]",
    Verdict.PARTLY: ":orange[:material/help:]",
    Verdict.UNSUPPORTED: ":red[:material/error:]",
}
_WORDS = {
    Verdict.VERBATIM: "Word for word in the passage",
    Verdict.SUPPORTED: "Borne out by the passage",
    Verdict.EDITED: "Rests on an edited passage",
    Verdict.PARTLY: "Only partly in the passages",
    Verdict.UNSUPPORTED: "Not in the passages",
}


def draw_checked(answer: Answer, numbers: set[int]) -> None:
    """A language model's answer, its doubtful sentences marked, and what the marks mean."""
    doubtful = [one for one in answer.ledger if one.verdict in DOUBTFUL]
    st.markdown(marked_markdown(answer.text, doubtful, numbers))
    if doubtful:
        kinds = [one for one in _COLOURS if any(claim.verdict is one for claim in doubtful)]
        shown = " · ".join(f"{_ICONS[one]} :{_COLOURS[one]}-background[{_WORDS[one]}]" for one in kinds)
        st.caption(f"{shown} · Check what is marked before you rely on it.")


def marked_markdown(text: str, doubtful: Sequence[Claim], numbers: set[int]) -> str:
    """An answer's Markdown with a sign after each doubtful sentence, and the sentence coloured where that can be."""
    text = _ANY.sub("\N{REPLACEMENT CHARACTER}", text)
    for claim in sorted(doubtful, key=lambda one: -one.start):
        within = text[claim.start : claim.end]
        text = f"{text[: claim.start]}{_BEGINS[claim.verdict]}{within}{_ENDS}{text[claim.end :]}"
    parts = CODE.split(answer_markdown(text, numbers))
    whole = "".join(_ANY.sub("", part) if index % 2 else part for index, part in enumerate(parts))
    return _ANY.sub("", _MARKED.sub(_mark, whole))


def _mark(found: re.Match[str]) -> str:
    verdict = next(one for one, sign in _BEGINS.items() if sign == found[1])
    inner = found[2]
    # Colour ends at a bracket, and cannot reach out of emphasis or of a table's cell.
    inside = _FOOTNOTE.sub("", inner)
    plain = not re.search(r"[\[\]`|~]", inside) and len(re.findall(r"\*+|_+", inside)) % 2 == 0
    coloured = f":{_COLOURS[verdict]}-background[{inner}]" if plain else inner
    return f"{coloured}\u00a0{_ICONS[verdict]}"  # which never stands alone on a line


def draw_ledger(answer: Answer, collection: str, key: str) -> None:
    """Every sentence that claims something, its verdict, and the passage it rests on; folded away."""
    if not answer.ledger:
        return
    with st.expander(_summary(answer.ledger), icon=":material/fact_check:"):
        st.caption("Each sentence was held against the passages it cites: its words, figures, names, and meaning.")
        for index, claim in enumerate(answer.ledger):
            with st.container(gap="xxsmall"):
                said = re.sub(r"[*_`|]", "", answer.text[claim.start : claim.end])
                st.markdown(f"{_ICONS[claim.verdict]} {escape_markdown(said)}")
                st.caption(
                    escape_markdown(". ".join([_WORDS[claim.verdict], " ".join(claim.reasons)]).rstrip(" .") + ".")
                )
                if claim.rests_on is not None:
                    st.button(
                        f"{'Nearest' if claim.verdict in DOUBTFUL else 'Rests on'}: "
                        f"{label(claim.rests_on.name, claim.rests_on.page, 28)}",
                        key=f"claim-{key}-{index}",
                        type="tertiary",
                        wrap=True,
                        icon=":material/article:",
                        on_click=open_viewer,
                        args=([cited(claim.rests_on, collection)],),
                    )


def _summary(ledger: Sequence[Claim]) -> str:
    times = Counter(one.verdict for one in ledger)
    counts = (
        (times[Verdict.VERBATIM] + times[Verdict.SUPPORTED], "borne out"),
        (times[Verdict.EDITED], "on edited passages"),
        (times[Verdict.PARTLY], "partly"),
        (times[Verdict.UNSUPPORTED], "not in the passages"),
    )
    told = " · ".join(f"{number} {what}" for number, what in counts if number)
    return f"{counted(len(ledger), 'sentence')} checked: {told}"
