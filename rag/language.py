"""Which language a text is in, by py3langid: offline, with its model in its wheel."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, get_args

from rag.settings import Language

if TYPE_CHECKING:
    from py3langid.langid import LanguageIdentifier

ENGLISH = "en"
MULTILINGUAL = "sentence-transformers/paraphrase-multilingual-MiniLM-L12-v2"
LANGUAGES = {
    "ar": "Arabic",
    "bg": "Bulgarian",
    "bn": "Bengali",
    "ca": "Catalan",
    "cs": "Czech",
    "da": "Danish",
    "de": "German",
    "el": "Greek",
    "en": "English",
    "es": "Spanish",
    "et": "Estonian",
    "fa": "Persian",
    "fi": "Finnish",
    "fr": "French",
    "he": "Hebrew",
    "hi": "Hindi",
    "hr": "Croatian",
    "hu": "Hungarian",
    "id": "Indonesian",
    "it": "Italian",
    "ja": "Japanese",
    "ko": "Korean",
    "lt": "Lithuanian",
    "lv": "Latvian",
    "nl": "Dutch",
    "no": "Norwegian",
    "pl": "Polish",
    "pt": "Portuguese",
    "ro": "Romanian",
    "ru": "Russian",
    "sk": "Slovak",
    "sl": "Slovenian",
    "sr": "Serbian",
    "sv": "Swedish",
    "th": "Thai",
    "tr": "Turkish",
    "uk": "Ukrainian",
    "vi": "Vietnamese",
    "zh": "Chinese",
}
"""Code (ISO 639-1) -> name, of those that are told apart."""
STOP_WORDS = frozenset(
    {"a", "an", "and", "are", "as", "at", "be", "been", "being", "by", "can", "could", "did", "do"}
    | {"does", "for", "from", "had", "has", "have", "having", "how", "i", "if", "in", "into", "is", "it"}
    | {"its", "may", "me", "might", "my", "of", "on", "or", "our", "shall", "should", "so", "than"}
    | {"that", "the", "their", "them", "then", "there", "these", "they", "this", "those", "to", "was"}
    | {"we", "were", "what", "when", "where", "which", "who", "whom", "whose", "why", "will", "with"}
    | {"would", "you", "your", "about"}
)
"""English words that every question has and that say nothing about what it asks for."""
BUNDLED = "bundled"
REMEDY = (
    "the bundled model is made for English, so that less is found. Set {settings}, then run `python -m rag rebuild`."
)
SAMPLES = 5
SAMPLE = 1000  # code points
SHORTEST = 120
"""Letters that it takes to tell; of scripts that write syllables or words in one, a quarter."""
_DENSE = ("\u3040", "\u9fff"), ("\uac00", "\ud7a3")

_loading = threading.Lock()


def language_of(text: str) -> str:
    """The code of the language that most of a text is in; empty if it is too short or too mixed to tell.

    Looked at are SAMPLES pieces, spread evenly, each by its letters alone.
    """
    step = max(SAMPLE, len(text) // SAMPLES)
    pieces = [_letters(text[start : start + SAMPLE]) for start in range(0, len(text), step)][:SAMPLES]
    found: Counter[str] = Counter()
    for piece in pieces:
        if _weight(piece) >= SHORTEST / SAMPLES:
            found[_identifier().classify(piece)[0]] += _weight(piece)
    total = sum(_weight(piece) for piece in pieces)
    if total < SHORTEST or not found:
        return ""
    (best, votes), *_ = found.most_common(1)
    return best if votes >= 0.6 * total else ""


def language_name(code: str) -> str:
    """`French` for `fr`; empty if it is not known."""
    return LANGUAGES.get(code, "")


def language_notice(documents: Sequence[tuple[str, str]], embedding_model: str) -> str:
    """What to know about documents, given as (name, language), that are not in English; empty if there is nothing.

    Another model than the bundled one was chosen for the languages at hand.
    """
    foreign = {name: language_name(code) for name, code in documents if code != ENGLISH and language_name(code)}
    if not foreign or embedding_model != BUNDLED:
        return ""
    name, language = next(iter(foreign.items()))
    who = f"{name} is in {language}" if len(foreign) == 1 else f"{name} and {len(foreign) - 1} more are not in English"
    settings = [f"`RAG_EMBEDDING_MODEL={MULTILINGUAL}`", "`RAG_ALLOW_DOWNLOADS=true`"]
    if language.lower() in get_args(Language):
        settings.append(f"`RAG_LANGUAGE={language.lower()}`")
    return f"{who}: {REMEDY.format(settings=', '.join(settings))}"


def _letters(piece: str) -> str:
    """Without what looks alike in every language: numbers, marks, addresses."""
    words = (word for word in piece.split() if not any(mark in word for mark in "@/\\_") and word.isprintable())
    return " ".join("".join(filter(_is_letter, word)) for word in words)


def _is_letter(character: str) -> bool:
    # Vowel signs of Indian scripts and of Thai are no letters to Unicode.
    return character.isalpha() or character in "'’-" or (not character.isascii() and character.isprintable())


def _weight(piece: str) -> int:
    return sum(4 if any(low <= one <= high for low, high in _DENSE) else 1 for one in piece if one.isalpha())


@cache
def _loaded() -> LanguageIdentifier:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    identifier = LanguageIdentifier.from_pickled_model(MODEL_FILE)
    identifier.set_languages(list(LANGUAGES))
    return identifier


def _identifier() -> LanguageIdentifier:
    with _loading:
        return _loaded()
