"""What of the language model's words is let through, piece by piece while they stream.

A document may have told the model to print an image or a link whose address carries data away, so nothing of
the kind leaves here: no image, link, link definition or HTML tag. Footnotes leave in one form, `[1][2]`, and
only with the numbers of sources that exist.
"""

from __future__ import annotations

import re

_MAX_HELD = 1000
"""Characters held back for the end of a bracket or tag; beyond it they are let through, made harmless."""

# Where the text may be cut without splitting anything that has a meaning: before white space, and after a
# letter of a script that is written without spaces.
_CUT = re.compile(r"(?=\s)|(?<=[^\x00-\x7f【】［］（）＜＞])")
_WHOLE = re.compile(
    r"`[^`\n]+`"
    r"|!?[\[【［](?:(?!\n\s*\n)[^\[\]【】［］]|\[[^\[\]]*\])*[\]】］](?:\([^)\n]{0,500}\)|(?!\())"
    r"|<[A-Za-z/!?][^>]*>"
)
_TAKEN_OUT = "\ue010"
"""Where a footnote was taken out, until that is counted: a character of no meaning."""
_BLANK_LINE = re.compile(r"\n\s*\n")
_TAG_START = re.compile(r"<[A-Za-z/!?]")
_CODE = re.compile(r"(```|`[^`\n]+`)")
_TAG = re.compile(r"<!--.*?-->|<[A-Za-z/!?][^<>]*>", re.DOTALL)
_TITLE = r"(?:\"[^\"\n]*\"|'[^'\n]*'|\([^()\n]*\))"
_LINK = re.compile(rf"!?\[((?:[^\[\]]|\[[^\[\]]*\])*)\]\((?:[^()\s]|\([^()]*\))*(?:\s+{_TITLE})?\s*\)")
_ADDRESS = re.compile(r"(?<![A-Za-z0-9`])(?:[A-Za-z][A-Za-z0-9+.-]*://|www\.)[^\s<>`]*[^\s<>`.,;:!?)\]\"'*_~]")
_NUMBER = r"(?:sources?\s*)?#?\d+"
_NUMBERS = rf"{_NUMBER}(?:\s*(?:[,;，、&–-]|and)\s*{_NUMBER})*"
_FOOTNOTE = re.compile(
    rf"([ \t]*)[\[【［]{{1,2}}\s*\^?({_NUMBERS})(?:†[^\]】］]*)?\s*[\]】］]{{1,2}}",
    re.IGNORECASE,
)
_RANGE = re.compile(r"(\d+)(?:\s*[–-]\s*(\d+))?")
_THINKING = re.compile(r"\s*<think(?:ing)?>.*?(?:</think(?:ing)?>|\Z)", re.DOTALL)


class ReplyCleaner:
    """Takes the model's words in pieces of any size and gives back those that may be shown.

    `cited` has the numbers, in 1..`sources`, of the footnotes let through so far; `unknown` those of other footnotes,
    which are taken out, each with where it stood in what may be shown.
    """

    def __init__(self, sources: int) -> None:
        self.cited: set[int] = set()
        self.unknown: list[tuple[int, int]] = []
        self._taken_out: list[int] = []
        self._shown = 0
        self._sources = sources
        self._held = ""
        self._started = False
        self._fenced = False
        self._last = ""

    def feed(self, piece: str) -> str:
        """What may be shown now that `piece` has come: everything up to the last place that is surely complete."""
        self._held += piece.replace(_TAKEN_OUT, "")
        if not self._started and not self._begin():
            return ""
        cut = _complete(self._held) if _CUT.search(piece) else 0
        if not cut and len(self._held) > _MAX_HELD:
            cut = len(self._held)
        ready, self._held = self._held[:cut], self._held[cut:]
        return self._clean(ready)

    def finish(self) -> str:
        """What is left when the model has said its last word."""
        rest = self._held if self._started else _THINKING.sub("", self._held, count=1).lstrip()
        self._held = ""
        return self._clean(rest.rstrip()).rstrip()

    def _begin(self) -> bool:
        """Skip white space and a reasoning model's thoughts; True once the answer itself has begun."""
        if "<thinking>".startswith(self._held.strip()):
            return False
        thoughts = _THINKING.match(self._held)
        if thoughts:
            if not thoughts[0].rstrip().endswith(("</think>", "</thinking>")):
                return False
            self._held = self._held[thoughts.end() :]
        self._held = self._held.lstrip()
        self._started = bool(self._held)
        return self._started

    def _clean(self, text: str) -> str:
        parts = []
        for part in _CODE.split(text):
            if part == "```":
                self._fenced = not self._fenced
            is_code = self._fenced or (part.startswith("`") and not _FOOTNOTE.fullmatch(part.strip("`")))
            parts.append(part if is_code else self._plain(part))
        between = "".join(parts).split(_TAKEN_OUT)
        clean = _harmless("".join(between))
        apart = _harmless(self._last + clean[:1]) != self._last + clean[:1]
        for position, number in enumerate(self._taken_out, start=1):
            self.unknown.append((self._shown + apart + len(_harmless("".join(between[:position]))), number))
        self._taken_out.clear()
        clean = " " * apart + clean  # it must not complete a link with what is already shown
        self._last = clean[-1:] or self._last
        self._shown += len(clean)
        return clean

    def _plain(self, text: str) -> str:
        if _FOOTNOTE.fullmatch(text.strip("`")):
            text = text.strip("`")
        before = ""
        while before != text:  # removing one tag or link may complete another
            before, text = text, _LINK.sub(_link_text, _TAG.sub("", text))
        return _ADDRESS.sub(r"`\g<0>`", _FOOTNOTE.sub(self._footnote, text))

    def _footnote(self, match: re.Match[str]) -> str:
        if re.search(r"\d{4}", match[2]):  # a year in brackets
            return match[1] + match[2]
        numbers: list[int] = []
        for first, last in _RANGE.findall(match[2]):
            numbers += range(max(1, int(first)), min(self._sources, int(last or first)) + 1)
        self.cited.update(numbers)
        footnotes = "".join(f"[{number}]" for number in dict.fromkeys(numbers))
        unknown = [int(one) for pair in _RANGE.findall(match[2]) for one in pair if one and not self._has(int(one))]
        self._taken_out += unknown
        return (match[1] + footnotes if footnotes else "") + _TAKEN_OUT * len(unknown)

    def _has(self, number: int) -> bool:
        return 1 <= number <= self._sources


def _complete(text: str) -> int:
    """How many characters of `text` hold no bracket, tag or word that may still go on."""
    masked = _WHOLE.sub(lambda match: "x" * len(match[0]), text)
    return max((match.start() for match in _CUT.finditer(masked, 0, _first_open(masked))), default=0)


def _first_open(text: str) -> int:
    """Where the first code span, bracket, link or tag begins that `text` does not end, or the length of `text`.

    `text` has no complete ones. A blank line ends a bracket, and a line its code spans, as in Markdown.
    """
    paragraph = max((match.end() for match in _BLANK_LINE.finditer(text)), default=0)
    closed = max(text.rfind(end, paragraph) for end in "]】］")
    bracket = re.compile(r"!?[\[【［]").search(text, max(paragraph, closed + 1))
    tag = _TAG_START.search(text, text.rfind(">") + 1)
    starts = [match.start() for match in (bracket, tag) if match]
    link = text.find("](", max(paragraph, text.rfind(")") + 1))
    if link >= 0:
        starts.append(max(0, text.rfind("[", paragraph, link) - 1))
    code = text.find("`", text.rfind("\n") + 1)
    return min([*starts, *([code] if code >= 0 else [])], default=len(text))


def _link_text(match: re.Match[str]) -> str:
    return f"[{match[1]}]" if _FOOTNOTE.fullmatch(f"[{match[1]}]") else match[1]


def _harmless(text: str) -> str:
    """`text` in which nothing is a link, a link definition or a tag, wherever code begins and ends."""
    return re.sub(r"<(?=[A-Za-z/!?])", "‹", re.sub(r"\](?=[(:])", "] ", text))
