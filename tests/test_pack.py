"""Evidence packs: everything that proves an answer in one file, and nothing in it that does anything."""

from __future__ import annotations

import base64
import hashlib
import io
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from lxml import html
from PIL import Image
from playwright.sync_api import Browser, sync_playwright

from rag.evidence import evidence_html, evidence_markdown, small_image
from rag.records import (
    Answer,
    Asked,
    Citation,
    Claim,
    Evidence,
    Exhibit,
    Original,
    Proof,
    Search,
    Verdict,
)
from rag.workspace import Workspace
from tests.browser import launch
from tests.pdfs import text_pdf

FEE = "The yearly fee is 42,000 euros."
RENT = "The monthly rent is 7,000 euros."
WHEN = datetime(2026, 3, 1, 12, 30, tzinfo=UTC)


@pytest.fixture
def filled(make_workspace: Callable[..., Workspace], tmp_path: Path) -> Workspace:
    """A PDF with two quotable sentences on its second page and a text with one."""
    (tmp_path / "lease.pdf").write_bytes(text_pdf(["The first page says nothing.", f"{FEE}\n\n{RENT}"]))
    (tmp_path / "note.txt").write_text(f"Dear all,\n\n{FEE}\n\nYours")
    workspace = make_workspace(llm_api_key="sk-secret-key", llm_base_url="http://user:pass@model.test/v1")
    list(workspace.ingest([tmp_path / "lease.pdf", tmp_path / "note.txt"]))
    workspace.drain()
    return workspace


def citation(workspace: Workspace, number: int, name: str, quote: str) -> Citation:
    document = workspace.document(name)
    start = workspace.text(name).index(quote)
    page = next(one.number for one in reversed(workspace.pages(document)) if one.start <= start)
    return Citation(number, document.id, name, page, quote, start, start + len(quote))


def asked(question: str, text: str, citations: Sequence[Citation], model: str = "extractive") -> Asked:
    return Asked(question, Search("documents"), Answer(question, text, tuple(citations), (), False, model))


def two_on_one_page(workspace: Workspace) -> Asked:
    quotes = [citation(workspace, number, "lease.pdf", one) for number, one in ((1, FEE), (2, RENT))]
    return asked("What is to be paid?", f"{FEE} [1]\n\n{RENT} [2]", quotes)


def tree(pack: str) -> html.HtmlElement:
    return html.document_fromstring(pack)


def words(element: html.HtmlElement) -> str:
    return " ".join(element.text_content().split())


def test_a_pack_has_what_proves_the_answer(filled: Workspace, tmp_path: Path) -> None:
    page = tree(filled.evidence([two_on_one_page(filled)]))
    for number, quote in (("1", FEE), ("2", RENT)):
        (link,) = page.xpath(f"//a[@class='footnote' and @href='#q1-{number}']")
        card = page.get_element_by_id(f"q1-{number}")
        assert link.text == f"[{number}]"
        assert words(card.find(".//blockquote")) == quote
        assert "lease.pdf, page 2" in words(card)
    assert hashlib.sha256((tmp_path / "lease.pdf").read_bytes()).hexdigest() in words(page)
    assert filled.document("lease.pdf").id in words(page)
    for said in ("What is to be paid?", "bundled, int8", "Tokens in a passage200", "Footnote 0.1.0", "chromadb 1."):
        assert said in words(page)


def test_it_names_the_model_of_its_answers_and_says_of_when_the_settings_are(filled: Workspace) -> None:
    quotes = [citation(filled, 1, "lease.pdf", FEE)]
    written = replace(asked("The fee?", f"{FEE} [1]", quotes, "openai:gpt-9"), at=WHEN)
    page, text = words(tree(filled.evidence([written]))), filled.evidence_markdown([written]).replace("\\", "")
    for told in (page, text):
        made = told.partition("How this was made")[2]
        assert "Written by openai:gpt-9" in told
        assert re.match(r"\W*Language model(: )?openai:gpt-9\W*Settings and versions", made)
        assert re.search("(?i)as Footnote is set when this file is made.*Embedding model", " ".join(made.split()))
        assert re.search(f"Asked(: )?{WHEN.astimezone():%d %B %Y at %H:%M}", told)
    mixed = filled.evidence_markdown([written, two_on_one_page(filled)]).replace("\\", "")
    assert "Language model: openai:gpt-9; other answers are quoted word for word" in mixed
    assert "Language model: none: answers are quoted" in filled.evidence_markdown([two_on_one_page(filled)])


def test_a_page_is_in_it_once_with_all_its_boxes_on_the_words(filled: Workspace) -> None:
    page = tree(filled.evidence([two_on_one_page(filled)]))
    (image,) = page.xpath("//image")
    picture = Image.open(io.BytesIO(base64.b64decode(image.get("href").partition(",")[2]))).convert("L")
    whole = image.getparent()
    boxes = [[float(one.get(key)) for key in ("x", "y", "width", "height")] for one in whole.findall("rect")]
    assert len(boxes) == 2
    for x, y, width, height in boxes:
        assert picture.crop((int(x), int(y), int(x + width), int(y + height))).getextrema()[0] < 100, "words in it"
    assert [one.text for one in whole.findall("text")] == ["1", "2"]
    assert len(page.xpath("//use")) == 2


def test_what_answers_is_boxed_and_the_rest_of_the_quote_only_tinted(filled: Workspace) -> None:
    quote = citation(filled, 1, "lease.pdf", FEE)
    at = quote.start + FEE.index("42,000")
    marked = replace(quote, highlights=((at, at + len("42,000 euros")),))
    page = tree(filled.evidence([asked("What is the fee?", f"{FEE} [1]", [marked])]))
    for picture in page.xpath("//svg"):
        around, box = picture.findall("rect")
        assert (around.get("class"), box.get("class")) == ("around", "box")
        assert float(around.get("x")) < float(box.get("x"))
        assert float(box.get("width")) < float(around.get("width")) / 2
        assert "tinted, and what answers in them boxed" in picture.get("aria-label")
    assert page.find(".//blockquote/b").text == "42,000 euros"


def test_what_has_no_pages_is_shown_with_the_text_around(filled: Workspace) -> None:
    page = tree(filled.evidence([asked("Fee?", f"{FEE} [1]", [citation(filled, 1, "note.txt", FEE)])]))
    (context,) = page.xpath("//div[@class='context']")
    assert words(context) == f"Dear all, {FEE} Yours"
    assert context.find("mark").text == FEE
    assert not page.xpath("//image")
    assert "note.txt, section 1" in words(page)


def test_the_questions_of_a_conversation_are_told_apart(filled: Workspace) -> None:
    follow_up = asked("And the rent?", f"{RENT} [1]", [citation(filled, 1, "lease.pdf", RENT)])
    pack = tree(filled.evidence([two_on_one_page(filled), follow_up, Asked("Unanswered?", Search("documents"))]))
    (image,) = pack.xpath("//image")
    assert sorted(one.text for one in image.getparent().findall("text")) == ["1.1", "1.2", "2.1"]
    for link in pack.xpath("//a[@href]"):
        assert pack.get_element_by_id(link.get("href").removeprefix("#")) is not None
    assert len(pack.xpath("//*[@id]")) == len({one.get("id") for one in pack.xpath("//*[@id]")})
    assert "It was not answered" in words(pack)


def test_a_document_that_was_deleted_is_said_to_be(filled: Workspace) -> None:
    one = two_on_one_page(filled)
    filled.delete("lease.pdf")
    page = tree(filled.evidence([one]))
    assert "has been deleted since" in words(page)
    assert words(page.find(".//blockquote")) == FEE
    assert "SHA-256 " not in words(page.get_element_by_id("documents").getnext())
    assert "deleted since" in filled.evidence_markdown([one])


def test_a_stored_file_that_was_changed_is_said_to_be(filled: Workspace) -> None:
    document = filled.document("note.txt")
    one = asked("Fee?", f"{FEE} [1]", [citation(filled, 1, "note.txt", FEE)])
    filled.folder.original(document.id).write_text(f"{FEE} Or more.")
    assert "it has changed" in filled.evidence([one])


def test_a_page_that_cannot_be_shown_leaves_its_text(filled: Workspace) -> None:
    one = two_on_one_page(filled)
    filled.folder.original(filled.document("lease.pdf").id).write_bytes(b"%PDF-1.4 nothing more")
    page = tree(filled.evidence([one]))
    assert "could not be shown" in words(page.get_element_by_id("q1-1"))
    assert words(page.get_element_by_id("q1-1").find(".//blockquote")) == FEE


def test_neither_keys_nor_addresses_are_in_it(filled: Workspace) -> None:
    one = two_on_one_page(filled)
    for made in (filled.evidence([one]), filled.evidence_markdown([one])):
        assert not re.search("sk-secret|user:pass|model.test", made)


def test_as_markdown_footnotes_of_several_answers_differ(filled: Workspace) -> None:
    follow_up = asked("And the rent?", f"{RENT} [1]", [citation(filled, 1, "lease.pdf", RENT)])
    made = filled.evidence_markdown([two_on_one_page(filled), follow_up])
    assert "## 2. And the rent?\n\nThe monthly rent is 7,000 euros.[^2-1]" in made
    assert re.search(
        r"^\[\^2-1\]: lease.pdf, page 2 · characters \d+–\d+: “The monthly rent is 7,000 euros.”$", made, re.M
    )
    assert made.count("SHA-256 `") == 1


def test_a_language_models_answer_is_formatted_and_its_ledger_is_there() -> None:
    text = "The fee is **42** [1].\n\n- one\n- two\n\nIt rains."
    ledger = (
        Claim(0, 22, Verdict.SUPPORTED, (1,), (), quoted()),
        Claim(37, 46, Verdict.UNSUPPORTED, (), ("No passage speaks of rain.",)),
    )
    answer = Answer("Q?", text, (quoted(),), (), False, "openai:test", ledger=ledger)
    page = tree(evidence_html(evidence([Asked("Q?", Search("documents"), answer)])))
    (said,) = page.find_class("answer")
    assert said.find(".//strong").text == "42"
    assert [words(one) for one in said.findall(".//li")] == ["one", "two"]
    assert said.find(".//a").get("href") == "#q1-1"
    assert "It rains. (not in the passages)" in words(said)
    told = words(page)
    assert "Borne out by the passage." in told
    assert "Not in the passages. No passage speaks of rain." in told
    assert "Written by openai:test" in told


def test_a_scan_is_kept_small_as_jpeg_and_a_text_as_png() -> None:
    noise, text = Image.effect_noise((800, 800), 60), Image.new("RGB", (800, 800), "white")
    kinds = []
    for image in (noise, text):
        written = io.BytesIO()
        image.save(written, "PNG")
        small, kind = small_image(written.getvalue())
        assert len(small) < len(written.getvalue())
        kinds.append(kind)
    assert kinds == ["image/jpeg", "image/png"]


# -- hostile text ----------------------------------------------------------------------------------

PAYLOADS = (
    "<script>alert(1)</script>",
    "<img src=http://evil.test/a onerror=alert(1)>",
    '"><svg onload=alert(1)><use href="http://evil.test/b#x"/>',
    "'\"--><iframe srcdoc='<script>alert(1)</script>'></iframe>",
    "</style><style>@import 'http://evil.test/c';*{background:url(http://evil.test/d)}</style>",
    "</title><meta http-equiv=refresh content='0;url=http://evil.test/e'>",
    "</blockquote></article></main><base href=http://evil.test/><form action=http://evil.test/f><button autofocus>",
    "[click](javascript:alert(1)) ![x](http://evil.test/g) <http://evil.test/h>",
    "```[1]onmouseover=alert(1)\ncode\n```",
    "{{ 7 * 7 }} {% include '/etc/passwd' %} ${7*7}",
    "\u202egnp.exe\u202c \u2066\u2067 \x1b[31mred\x07 \ud800 \x00",
    "a" * 5000,
    "[r]: http://evil.test/i\n\n[r] ![r]",
    "&lt;img src=x onerror=alert(1)&gt; &#60;script&#62;",
    "x [1] [2] [999] [1](http://evil.test/j)",
)


def quoted(text: str = FEE, number: int = 1, name: str = "a.txt") -> Citation:
    return Citation(number, "0123456789abcdef" * 2, name, 1, text, 0, len(text), heading=text, highlights=((0, 3),))


def evidence(asked: Sequence[Asked], **more: object) -> Evidence:
    proofs = [
        Proof(number, one, before="before ", after=" after")
        for number, each in enumerate(asked, start=1)
        for one in (each.answer.citations if each.answer else ())
    ]
    given = {"exhibits": (), "originals": (), "chosen": {}, "settings": {}, "versions": {}} | more
    return Evidence(asked=tuple(asked), proofs=tuple(proofs), made_at=WHEN, **given)  # type: ignore[arg-type]


def hostile(payload: str) -> Evidence:
    """A pack in which everything that somebody else wrote is the payload."""
    name = f"{payload}.pdf"
    ledger = (Claim(0, 5, Verdict.PARTLY, (1,), (payload,), quoted(payload, name=name)),)
    search = Search(payload, (payload,), (payload,), (payload,))
    answers = [
        Answer(payload, f"{payload} [1]", (quoted(payload, name=name),), (), False, "extractive", notice=payload),
        Answer(payload, f"{payload} [1]", (quoted(payload, name=name),), (), False, payload, ledger=ledger),
    ]
    picture = io.BytesIO()
    Image.new("RGB", (60, 80), "white").save(picture, "PNG")
    exhibit = Exhibit(quoted().document, name, 1, picture.getvalue(), "image/png", 60, 80)
    made = evidence(
        [Asked(payload, search, one, where=payload) for one in answers],
        originals=(Original(payload, name, "ab" * 32, 5, 1, WHEN, payload, payload),),
        exhibits=(exhibit,),
        chosen={payload: payload},
        settings={"Model": payload},
        versions={"x": payload},
    )
    boxed = Proof(1, quoted(payload, name=name), boxes=((0.1, 0.1, 0.5, 0.2),))
    return Evidence(**{key: getattr(made, key) for key in made.__slots__} | {"proofs": (boxed, made.proofs[1])})


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        yield launch(playwright)


@pytest.mark.end_to_end
def test_hostile_text_does_nothing_in_a_browser(browser: Browser, tmp_path: Path) -> None:
    page = browser.new_page(viewport={"width": 390, "height": 844})
    asked_for: list[str] = []
    dialogs: list[str] = []
    page.on("request", lambda request: asked_for.append(request.url))
    page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
    for number, payload in enumerate(PAYLOADS):
        path = tmp_path / f"{number}.html"
        path.write_text(evidence_html(hostile(payload)), encoding="utf-8")
        page.goto(path.as_uri())
        page.mouse.move(200, 300)
        counts = page.evaluate(
            """() => {
                const all = names => [...document.querySelectorAll(names)];
                const leads = one => !one.getAttribute('href').startsWith('#');
                const acts = one => [...one.attributes].some(each => each.name.startsWith('on'));
                return {
                    bad: all('script, iframe, img, form, base, object, embed, button, link').length,
                    leading: all('a, use').filter(leads).length,
                    acting: all('*').filter(acts).length,
                    metas: all('meta').length,
                    styles: all('style').length,
                    sections: all('main > section.question').length,
                    wide: document.documentElement.scrollWidth > window.innerWidth,
                };
            }"""
        )
        expected = {"bad": 0, "leading": 0, "acting": 0, "metas": 5, "styles": 1, "sections": 2, "wide": False}
        assert counts == expected, payload
    page.close()
    assert dialogs == []
    assert [one for one in asked_for if not one.startswith(("file:", "data:"))] == []


@pytest.mark.parametrize("payload", PAYLOADS)
def test_hostile_text_in_markdown_starts_nothing(payload: str) -> None:
    from markdown_it import MarkdownIt

    made = evidence_markdown(hostile(payload.replace("\ud800", "")))
    quotes = "\n".join(line for line in made.splitlines() if line.startswith(("[^1-1]", "## ", "*Coll", "- ")))
    shown = MarkdownIt("commonmark").render(quotes)
    assert not re.search(r"<(?:script|img|iframe|svg|a|form|base|meta|style)\b", shown)
