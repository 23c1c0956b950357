"""Which documents a question for an overview means: those whose name or title has all that it calls them by."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import PurePath

from rag.records import QUOTING, Abstention, Answer, Document, document_label

Terms = Callable[[str], list[str]]
"""The words of a text that say something, as the index knows them."""

_ANY = "document file pdf text doc"
_KINDS = "report agreement contract letter presentation book article paper policy handbook manual minutes memo"
_SHOWN = 3


def meant(what: str, among: Sequence[Document], terms: Terms) -> list[Document]:
    """The documents that `what`, as "the lease agreement", may mean. One that is called just so is it; else it takes
    two words of a name, or one that is a kind of document, for "the risks" are no document."""
    words = set(terms(what)) - set(terms(_ANY))
    if not words:
        return []
    exact, found = [], []
    for one in among:
        path = PurePath(one.name)
        names = [set(terms(label)) for label in (path.stem, one.name, one.title)]
        if words in names:
            exact.append(one)
        if words <= set(terms(f"{document_label(one.name, one.title)} {one.name}")) and (
            len(words) > 1 or words in names or words & set(terms(_KINDS))
        ):
            found.append(one)
    return exact if len(exact) == 1 else found


def of_one_document(question: str, documents: Sequence[Document]) -> Answer:
    """What is answered where an overview is asked for, and it may be of several documents."""
    names = [one.name for one in documents[:_SHOWN]]
    more = f" and {len(documents) - _SHOWN} more" if len(documents) > _SHOWN else ""
    text = (
        f"An overview is of one document, and there are {len(documents)} that may be meant: {', '.join(names)}{more}. "
        f"Name the one in the question, as in: Summarise {names[0]}."
    )
    why = Abstention.SEVERAL_DOCUMENTS
    return Answer(question, text, (), (), abstained=True, model=QUOTING, abstention=why, searched=question)
