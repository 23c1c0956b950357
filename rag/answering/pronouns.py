"""Pronouns of a follow-up question: "Who owns it?" made "Who owns Acme?", where it is sure what it stands for."""

from __future__ import annotations

import re
from collections.abc import Sequence

from rag.answering.claims import names

_AUXILIARY = r"(?:is|are|was|were|do|does|did|has|have|had|can|could|will|would|should|shall|may|might|must)(?:n['’]t)?"
_QUESTION_WORDS = (
    r"(?:(?:what|which|who|whom|whose|when|where|why|how)(?:\s+(?:many|much|long|often|far|large|high|big)\b)?)"
)
_PRONOUN = re.compile(
    rf"^(?P<before>(?:(?:and|but|so|then|also)\b[\s,]*)?(?:{_QUESTION_WORDS}\s+)?{_AUXILIARY}\s+"
    rf"|(?:(?:and|but|so|then|also)\b[\s,]*)?{_QUESTION_WORDS}\s+[a-z]+(?:ed|s)?\s+(?=\w+\W*$))"
    r"(?P<pronoun>it|its|they|them|their|he|him|his|she|her)\b(?!['’])(?P<after>.*)$",
    re.IGNORECASE | re.DOTALL,
)
# "Is it true that", "How long does it take to", "What does it cost to": this it stands for nothing.
_EMPTY_IT = re.compile(
    r"^\s+(?:true|possible|necessary|allowed|permitted|required|likely|legal|correct|ok|okay|fair|safe|common|usual|"
    r"take|takes|cost|costs|mean|say|says|rain|that|(?:\w+\s+)?(?:to|that|when|if)\b)",
    re.IGNORECASE,
)
_OF_SEVERAL = re.compile(r"^\s+(?:both|all|compare|differ|each|relate)\b", re.IGNORECASE)
_OWN = {"its", "their", "his"}
_OF_A_PERSON = {"he", "him", "his", "she", "her"}
_WHO = re.compile(r"\W*(?:and\s+|but\s+)?who", re.IGNORECASE)
_OFFICE_OF = re.compile(r"\b(?:the|of|at|for|in|by|with|to|from)\s+$", re.IGNORECASE)
_COMPANY = re.compile(
    r"\b(?:Inc|Ltd|Limited|LLC|LLP|plc|PLC|GmbH|AG|SE|SA|NV|BV|Corp|Corporation|Company|Co|Group|Holdings?|Bank|Steel|"
    r"Partners|Industries|Systems|Technologies|Trust|Fund|University|Council|Committee|Board|Street|Road)\b"
)
# What stands behind "the Audit Committee" or "the Harbour Street lease": its verb, or the thing that is so called.
PREPOSITIONS = r"(?:in|for|of|at|on|by|during|under|from|to|as|with|and|or|per)"
_DONE = (
    r"(?:[a-z]+ed|built|sold|made|held|set|bought|given|taken|known|paid|sent|written|drawn|won|lost|left|found|let|"
    r"run|cut|put|spent|shown|chosen)"
)
_ENDS = rf"(?=\W*$|\s+{PREPOSITIONS}\b)"
_ITSELF = re.compile(rf"(?:['’]s?\s|\W*$|\W*\s{PREPOSITIONS}\b|\s+{_DONE}{_ENDS})")
_DOES = re.compile(rf"\s+[a-z]+{_ENDS}")
_THING = re.compile(rf"\s+(?!\w+ly\b|first\b|last\b|ever\b|never\b|also\b|not\b)[a-z-]+(?=\s+{_DONE}{_ENDS})")


def with_name(question: str, before: str, there: Sequence[re.Match[str]]) -> str:
    """`question` with the one name of `there`, those in the question `before`, for its pronoun; empty where that is not
    sure."""
    found = _PRONOUN.match(question)
    distinct = {re.sub(r"['’]s?$", "", one[0]) for one in there}
    if found is None or len(distinct) != 1 or names(question):
        return ""
    pronoun, after = found["pronoun"].lower(), found["after"]
    if (pronoun == "it" and _EMPTY_IT.match(after)) or _OF_SEVERAL.match(after):
        return ""
    [name], first = distinct, there[0]
    if pronoun in _OF_A_PERSON and not _is_person(name, before[: first.start()]):
        return ""
    name = _as_called(name, before[: first.start()], before[first.start() + len(name) :])
    if not name:
        return ""
    owns = pronoun in _OWN or (pronoun == "her" and bool(re.match(r"\s+\w", after)))
    owner = f"{name}’" if name.endswith("s") else f"{name}’s"
    return f"{found['before']}{owner if owns else name}{after}"


def _is_person(name: str, left: str) -> bool:
    """Whether "she" may stand for a name: not for what somebody founded or is the head of, nor for a company."""
    return " " in name and not (_WHO.match(left) or _OFFICE_OF.search(left) or _COMPANY.search(name))


def _as_called(name: str, left: str, right: str) -> str:
    """A name with its article and the noun that it belongs to, if there are any; empty if that is not sure."""
    if not re.search(r"\bthe\s$", left, re.IGNORECASE):
        return name
    if _ITSELF.match(right) or (re.search(r"\b(?:do|does|did)\s+the\s$", left, re.IGNORECASE) and _DOES.match(right)):
        return f"the {name}"
    thing = _THING.match(right)
    return f"the {name}{thing[0]}" if thing else ""
