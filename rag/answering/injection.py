"""Passages that speak to a language model instead of to their reader: what they say there proves nothing.

This is no defence, for it can be got around: what defends is that sources are fenced, that replies are cleaned, and
that claims are checked. It keeps the ledger from taking the order to say something for evidence of it.
"""

from __future__ import annotations

import re

_MODEL = r"(?:AI|A\.I\.|assistants?|(?:large )?language models?|LLMs?|chat ?bots?|GPT\S*|Claude|Gemini|Copilot)"
_ORDERS = re.compile(
    r"\b(?:ignore|disregard|forget|override|bypass|skip|do not follow)\b[^.\n]{0,40}"
    r"\b(?:instructions?|rules?|prompts?|directions?|guidelines?|(?:other|all) (?:sources?|documents?)|"
    r"said (?:above|before))\b"
    r"|\b(?:new|updated|real|actual|hidden|secret|special)\s+(?:system\s+)?(?:instructions?|prompt)\b"
    r"|^\W*(?:system|developer|assistant)\s*(?:message|prompt|note|override)?\s*[:>\]]"
    r"|\b(?:your|the|this)\s+(?:system|hidden|initial)\s+(?:prompt|message|instructions?)\b"
    rf"|\b(?:you are|you're|act as|pretend|as)\s+(?:now\s+)?(?:an?|the)\s+{_MODEL}\b"
    rf"|\b(?:note|message|instructions?|attention|dear|to|for|if you are)\W+(?:to |for |an? |all |any |the )*{_MODEL}\b"
    r"|(?:^|[.!?]\s)\W*(?:please|now|then|instead|always|you must|you should|you will|and|just|only)?[\s,]*"
    r"(?:say|reply|respond|answer|print|output|write|repeat|state|tell (?:the )?(?:user|reader)|include in your answer)"
    r"\b[^.\n]{0,60}:"
    r"|\b(?:in|with|at the end of|begin|start|end)\s+your\s+(?:answer|reply|response|summary|output)\b"
    r"|</?\s*(?:source|system|instructions?|assistant|user|human)[\w-]*\b[^>\n]*>"
    r"|\[/?INST\]|<\|[\w ]+\|>|^\s*#{2,}\s*(?:instructions?|system|response)\b",
    re.IGNORECASE | re.MULTILINE,
)
_SENTENCE_END = re.compile(r"\n|[.!?]\s")
_PARAGRAPH_END = re.compile(r"\n[^\S\n]*\n|\Z")


def without_orders(text: str) -> str:
    """A passage with blanks, as many as there were characters, for what speaks to a language model: from the line or
    sentence that does to the end of its paragraph."""
    kept, at = [], 0
    while found := _ORDERS.search(text, at):
        word = found.start() + len(found[0]) - len(found[0].lstrip(" \n\t.!?"))
        begun = [one.end() for one in _SENTENCE_END.finditer(text, at, word)]
        start = begun[-1] if begun else at
        end = _PARAGRAPH_END.search(text, found.end())
        stop = end.start() if end else len(text)
        kept += [text[at:start], re.sub(r"\S", " ", text[start:stop])]
        at = stop
    return "".join([*kept, text[at:]])
