"""Which sentences of a document tell what it is about, and which only serve to find one's way in it.

Reports and filings are full of the latter: lines of a table of contents, cross-references, what the law has them say.
"""

from __future__ import annotations

import re

_FEWEST, _MOST = 6, 60
_WHOLE = re.compile(r"[.!。！][\"'”’)\]]*$")
_NOT_A_SENTENCE = re.compile(r"^\(\d{1,2}\)\s|\.{4,}|\|.*\||(?:\d[\d.,%]*\W+){4,}|https?://|©|\.\s*\.\s*\.")
_CONTENTS = re.compile(
    r"\b(?:Item|Part|Note|Section|Chapter|Exhibit)\s+[\dIVX]+[A-Z]?\W*$"
    r"|\bItem\s+\d+[A-Z]?\..*\bItem\s+\d+[A-Z]?\b|[^\W\d]\W*\s\d{1,3}\s+(?:Item|Part)\s",
    re.IGNORECASE,
)
_REFERENCE = re.compile(
    r"^\W*(?:see|refer to|please (?:see|refer)|the accompanying"
    r"|as (?:further |also |more fully )?(?:discussed|described|disclosed|explained)"
    r"|for (?:further|more|additional|a (?:further|full|detailed)) \w+)\b"
    r"|\bsee (?:also )?(?:the )?(?:notes?|item|part|section|exhibit|page)\b|\bof the notes to\b"
    r"|\b(?:incorporated|included) (?:herein )?by reference\b|\bin conjunction with\b"
    r"|\b(?:is|are|was|were|summari[sz]ed|described|presented|shown|follows|listed|set forth)"
    r"(?: \w+){0,3} (?:(?:table )?below|above|as follows)\W*$",
    re.IGNORECASE,
)
_FORMAL = re.compile(
    r"\bindicate by check ?mark\b|\bcommission file\b|\bexact name of\b|\bthe registrant\b"
    r"|\bforward-looking statements?\b|\bI have reviewed this\b|\bbased on (?:my|our) knowledge\b"
    r"|\bpursuant to the requirements\b|\btable of contents\b|\ball rights reserved\b"
    r"|\bduly (?:caused|authori[sz]ed)\b",
    re.IGNORECASE,
)
_DATELINE = re.compile(
    r"\([A-Z][A-Z ]*(?:WIRE|NEWSWIRE)\)|/PRNewswire/|GLOBE NEWSWIRE|^[A-Z][A-Z .’'-]{3,},[^.]{0,40}\.?\s?(?:--|—|–)"
    r"|^[A-Z][\w .,’'-]{1,40}(?:--|[–—])\s?\(|^[A-Z][A-Z .,]+(?:\([^)]{1,30}\)\s?)?[–—-]+\s"
)
_VERB = re.compile(
    r"\b(?:is|are|was|were|be|been|has|have|had|will|shall|may|must|can|could|would|should|do|does|did)\b|\w{3}ed\b",
    re.IGNORECASE,
)
_FIGURE = re.compile(r"\d")


def is_dateline(text: str) -> bool:
    """Whether it begins by where and by whom it was sent out."""
    return _DATELINE.search(text) is not None


def tells(text: str) -> bool:
    """Whether it is a whole sentence in running text that says something of its own."""
    one = " ".join(text.split())
    if not (_FEWEST <= len(one.split()) <= _MOST and _WHOLE.search(one)) or one.isupper() or one[0].islower():
        return False
    return not (is_dateline(one) or any(kind.search(one) for kind in (_NOT_A_SENTENCE, _CONTENTS, _REFERENCE, _FORMAL)))


def weight(text: str) -> float:
    """What is added to how central a sentence is: for a verb, as far as its English form shows one, and for figures."""
    return (0.05 if _VERB.search(text) else 0.0) + (0.05 if _FIGURE.search(text) else 0.0)
