"""Passages that speak to a language model instead of to their reader: what they say there proves nothing.

This is no defence, for it can be got around: what defends is that sources are fenced, that replies are cleaned, and
that claims are checked. It keeps the ledger from taking the order to say something for evidence of it.

Documents have orders and labels of their own ("Answer: 24 months", "Print speed: 40 pages"), so that an order counts
only where something in its paragraph tells that a model is meant. No repeat here is next to another that takes the
same characters, unless both are bounded: a page of newlines must not take longer than a page of words.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator

_AI = r"(?:AIs?|(?:large\s+)?language\s+models?|LLMs?|chat\s?bots?|GPT[\w.-]{0,12})\b"
_MODEL = rf"(?:{_AI}|assistants?\b|Claude\b|Gemini\b|Copilot\b)"
_BEGINS = (
    r"(?:^|[.!?,;:]\s|\b(?:please|now|then|instead|always|must|should|will|and|just|only)\s)[^\w\n]{0,9}"
    r"(?:please\s)?"
)
_RULES = (
    r"(?:instructions?|rules?|prompts?|directions?|guidelines?|(?:other|all) (?:sources?|documents?)|"
    r"said (?:above|before))\b"
)
_IGNORE = r"(?:ignore|disregard|forget|override|bypass|skip|do not follow)\b"
_ALL = r"(?:all|any|every|your|the|these|those|previous|prior|earlier|above|other|what|everything)\b"
_FLAGS = re.IGNORECASE | re.MULTILINE

# What nobody writes to a human reader.
_TO_A_MODEL = re.compile(
    rf"{_BEGINS}{_IGNORE}\s+{_ALL}[^.\n]{{0,40}}\b{_RULES}"
    rf"|{_BEGINS}(?:answer|reply|respond)\s+with\s+(?:exactly|only|this|these|the\s+following)\b"
    r"|\b(?:new|updated|real|actual|hidden|secret|special)\s+system\s+(?:instructions?|prompt)\b"
    r"|\byour\s+(?:system|hidden|initial)\s+(?:prompt|instructions?)\b"
    r"|^[^\w\n]{0,9}(?:system|developer|assistant)\s(?:message|prompt|note|override)[ \t]?[:>\]]"
    rf"|\b(?:you\s+are|you['’]re|act\s+as|pretend\s+to\s+be)\s+(?:now\s+)?(?:an?|the)\s+{_AI}"
    rf"|\b(?:note|message|instructions?|attention)\s+(?:to|for)\s+(?:an?\s+|all\s+|any\s+|the\s+)?{_AI}|\bdear\s+{_AI}"
    r"|\[/?INST\]|<\|[\w ]{1,40}\|>",
    _FLAGS,
)
# What may be meant for a model: with an order, it is.
_SIGN = re.compile(
    rf"\b{_IGNORE}[^.\n]{{0,40}}\b{_RULES}"
    r"|\b(?:new|updated|real|actual|hidden|secret|special)\s+(?:instructions?|prompt)\b"
    r"|\b(?:the|this)\s+(?:system|hidden|initial)\s+(?:prompt|message|instructions?)\b"
    r"|^[^\w\n]{0,9}(?:system|developer|assistant)[ \t]?[:>\]]"
    rf"|\b(?:you\s+are|you['’]re|act\s+as|pretend\s+to\s+be)\s+(?:now\s+)?(?:an?|the)\s+{_MODEL}"
    rf"|\b(?:note|message|instructions?|attention)\s+(?:to|for)\s+(?:an?\s+|all\s+|any\s+|the\s+)?{_MODEL}"
    rf"|{_BEGINS}(?:dear\s|hey\s)?{_MODEL}[ \t]?[:,]"
    r"|\byour\s+(?:answer|reply|response|summary|output)\b"
    r"|</?\s?(?:source|system|instructions?|assistant|user|human)(?![a-z])[^>\n]{0,200}>"
    r"|^[ \t]{0,3}#{2,6}[ \t]{1,3}(?:instructions?|system|response)[ \t]?:?$",
    _FLAGS,
)
_VERB = r"(?:say|reply|respond|answer|print|output|write|repeat|state|tell\s+(?:the\s+)?(?:users?|readers?)|include)\b"
_ORDER = re.compile(
    rf"{_BEGINS}(?:(?:say|reply|respond|print|write|repeat)\s?:|tell\s+(?:the\s+)?(?:users?|readers?)\b"
    rf"|{_VERB}\s+(?:that\b|(?:with|at|in|this|these|exactly|only|back|as|the\s+following)\b[^.\n]{{0,60}}:))",
    _FLAGS,
)
# "Answer:", "Output power:": most often a label, and an order beside what is written to a model for sure.
_LABEL = re.compile(rf"{_BEGINS}{_VERB}[^.\n]{{0,60}}:", _FLAGS)

_PARAGRAPH_END = re.compile(r"\n[^\S\n]*\n|\Z")
_SENTENCE_BEGIN = re.compile(r"\n|[.!?]\s")
# A colon leads on to what it announces, be it in a paragraph of its own.
_SENTENCE_END = re.compile(r"[.!?][^\w\s]{0,3}(?=\s)|(?<!:)\n[^\S\n]*\n|\Z")


def without_orders(text: str) -> str:
    """A passage with blanks, as many as there were characters, for each sentence that speaks to a language model."""
    begins = [0, *(one.end() for one in _SENTENCE_BEGIN.finditer(text))]
    kept, at = [], 0
    for found in sorted(_orders(text), key=lambda one: one.start()):
        word = found.end() - len(found[0].lstrip(" \n\t.!?,;:"))
        if word < at:
            continue
        start = max(at, begins[bisect_right(begins, word) - 1])
        end = _SENTENCE_END.search(text, found.end())
        stop = end.end() if end else len(text)
        kept += [text[at:start], re.sub(r"\S", " ", text[start:stop])]
        at = stop
    return "".join([*kept, text[at:]])


def _orders(text: str) -> Iterator[re.Match[str]]:
    """What speaks to a language model, paragraph by paragraph."""
    start = 0
    for paragraph in _PARAGRAPH_END.finditer(text):
        end = paragraph.start()
        sure = list(_TO_A_MODEL.finditer(text, start, end))
        yield from sure
        if sure or _SIGN.search(text, start, end):
            yield from _ORDER.finditer(text, start, end)
        if sure:
            yield from _LABEL.finditer(text, start, end)
        start = end
