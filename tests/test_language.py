"""Languages: what a document is in, and what is said where that is not English."""

from __future__ import annotations

from pathlib import Path

import pytest

from rag.language import language_name, language_notice, language_of
from rag.workspace import Workspace
from tests.conftest import NOTES

TEXTS = {
    "en": NOTES,
    "fr": "Le bail commence le 1er mars 2024 et dure sept ans. Chaque partie peut y mettre fin après cinq ans, avec un "
    "préavis de neuf mois. Le loyer annuel est de 84 000 euros, payable par trimestre et d'avance.",
    "de": "Der Mietvertrag beginnt am 1. März 2024 und läuft sieben Jahre. Jede Seite kann ihn nach fünf Jahren mit "
    "einer Frist von neun Monaten beenden. Die jährliche Miete beträgt 84.000 Euro.",
    "ja": "賃貸借契約は2024年3月1日に始まり、七年間続きます。いずれの当事者も五年後に九か月前の予告をもって終了する"
    "ことができます。年間賃料は84,000ユーロで、四半期ごとに前払いします。",
    "ru": "Договор аренды начинается 1 марта 2024 года и действует семь лет. Каждая сторона может расторгнуть его "
    "через пять лет, предупредив за девять месяцев. Годовая плата составляет 84 000 евро.",
}


@pytest.mark.parametrize("code", TEXTS)
def test_the_language_of_a_text_is_told(code: str) -> None:
    assert language_of(TEXTS[code]) == code


@pytest.mark.parametrize(
    "text", ["", "Revenue 2024", "Le bail commence.", "12.5 | 13.6 | 14.7\n" * 200, "\u0000" * 500]
)
def test_of_a_text_with_few_words_it_is_not_told(text: str) -> None:
    assert language_of(text) == ""


def test_one_page_in_another_language_does_not_decide() -> None:
    assert language_of((NOTES * 20)[:9000] + TEXTS["fr"]) == "en"


def test_the_notice_names_the_language_and_the_remedy() -> None:
    notice = language_notice([("bail.txt", "fr"), ("lease.txt", "en"), ("short.txt", "")], "bundled")
    assert notice.startswith("bail.txt is in French")
    assert "RAG_EMBEDDING_MODEL=" in notice
    assert "RAG_LANGUAGE=french" in notice
    assert "rebuild" in notice


def test_there_is_none_for_english_or_where_another_model_was_chosen() -> None:
    assert language_notice([("lease.txt", "en"), ("short.txt", "")], "bundled") == ""
    assert language_notice([("bail.txt", "fr")], "sentence-transformers/some-model") == ""


def test_a_document_keeps_its_language_and_an_answer_says_so(workspace: Workspace, tmp_path: Path) -> None:
    for code in ("en", "fr"):
        (tmp_path / f"{code}.txt").write_text(TEXTS[code], encoding="utf-8")
    list(workspace.ingest([tmp_path / "en.txt", tmp_path / "fr.txt"]))
    assert {one.name: language_name(one.language) for one in workspace.documents()} == {
        "en.txt": "English",
        "fr.txt": "French",
    }
    french = {"document": next(one.id for one in workspace.documents() if one.name == "fr.txt")}
    assert "is in French" in workspace.ask("Quel est le loyer annuel ?", where=french).notice
    assert workspace.ask("How much is the yearly rent of the office?", k=1).notice == ""
