"""The evidence of a conversation, gathered from what is kept: pages, boxes, the hashes of the files."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version

from rag import __version__
from rag.errors import NotFoundError, RagError
from rag.evidence import evidence_html, evidence_markdown, small_image
from rag.records import Asked, Citation, Evidence, Exhibit, Original, Page, Proof, Recipe
from rag.workspace.viewing import Viewing

AROUND = 700
"""Characters before a quote and after it, where its page has no image."""
_LIBRARIES = ("pypdfium2", "pypdf", "rapidocr", "onnxruntime", "chromadb", "tantivy", "langchain-core")


class Proving(Viewing):
    """Evidence."""

    def evidence(self, asked: Sequence[Asked]) -> str:
        """One HTML file that proves answers without Footnote, and without a network: each footnote's quote on the image
        of its page, the hashes of the documents, settings and versions.

        What cannot be shown, a document that was deleted since say, is told there.
        """
        return evidence_html(self._evidence(asked, with_images=True))

    def evidence_markdown(self, asked: Sequence[Asked]) -> str:
        """The same as Markdown, without the images."""
        return evidence_markdown(self._evidence(asked, with_images=False))

    def _evidence(self, asked: Sequence[Asked], with_images: bool) -> Evidence:
        exhibits: dict[tuple[str, int], Exhibit] = {}
        proofs = [
            self._proof(number, one, each.search.collection, exhibits if with_images else None)
            for number, each in enumerate(asked, start=1)
            for one in (each.answer.citations if each.answer else ())
        ]
        quoted = {one.citation.document: (one.citation, asked[one.asked - 1].search.collection) for one in proofs}
        return Evidence(
            tuple(asked),
            tuple(proofs),
            tuple(exhibits.values()),
            tuple(self._original(*one) for one in quoted.values()),
            dict(self._chosen(asked)),
            self._told_settings({each.search.collection for each in asked}),
            dict(_versions()),
            datetime.now().astimezone(),
        )

    def _proof(
        self, number: int, citation: Citation, collection: str, exhibits: dict[tuple[str, int], Exhibit] | None
    ) -> Proof:
        try:
            document = self.document(citation.document, collection)
            page = self.page(document, citation.page)
            where = (citation.start, citation.end, citation.highlights)
            view = self.view(document, page, *where) if exhibits is not None else None
        except NotFoundError:
            return Proof(number, citation, problem="The document has been deleted since. This is what was quoted.")
        except RagError as error:
            return Proof(number, citation, problem=f"Its page could not be shown. {error}")
        if view is not None and exhibits is not None:
            key = (citation.document, citation.page)
            if key not in exhibits:
                image, media_type = small_image(view.image)
                exhibits[key] = Exhibit(
                    document.id, document.name, page.number, image, media_type, view.width, view.height
                )
            if view.boxes:
                return Proof(number, citation, boxes=view.boxes, answers=view.answers)
        before, after = _around(page, citation)
        return Proof(number, citation, before=before, after=after)

    def _original(self, citation: Citation, collection: str) -> Original:
        """What is known of a document that is quoted; its hash is of the bytes as they are now."""
        try:
            found = self.document(citation.document, collection)
            with self.folder.original(found.id).open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
        except (NotFoundError, FileNotFoundError):
            return Original(citation.document, citation.name, problem="It has been deleted since.")
        except (RagError, OSError) as error:
            return Original(citation.document, citation.name, problem=f"Its file could not be read: {error}")
        changed = "" if digest.startswith(found.id) else "The stored file is not the one that was read: it has changed."
        return Original(
            found.id, found.name, digest, found.bytes, found.pages, found.added_at, found.engines, problem=changed
        )

    def _chosen(self, asked: Sequence[Asked]) -> Iterator[tuple[str, str]]:
        for each in asked:
            for one in each.search.documents:
                try:
                    yield one, self.document(one, each.search.collection).name
                except NotFoundError:
                    yield one, "a document that was deleted"

    def _told_settings(self, collections: Collection[str]) -> Mapping[str, str]:
        """What answers depend on, as it is now. Never a key, nor an address, which may have one in it."""
        given = self.settings
        made = [self.recipes.recipe_of(one) for one in self.catalog.collections() if one.name in collections]
        made = made or [self.recipes.recipe_of(None)]
        told = {
            "Embedding model": " · ".join(dict.fromkeys(map(_model, made))),
            "Tokens in a passage": " · ".join(dict.fromkeys(f"{one.chunk_tokens}" for one in made)),
            "Passages found for a question": f"{given.top_k}",
            "Reranker": given.reranker or "none",
            "Not answered below a probability of": f"{given.abstain_below:g}",
            "Language of word forms": given.language,
            "Pages without text read by OCR": "yes" if given.ocr else "no",
        }
        return {name: given.redacted(value) for name, value in told.items()}


def _model(recipe: Recipe) -> str:
    if not recipe.model:
        return "not known"
    return f"{recipe.model}, {recipe.precision}" if recipe.model == "bundled" else recipe.model


def _around(page: Page, citation: Citation) -> tuple[str, str]:
    """What stands on the page before a quote and after it, as far as a reader needs it."""
    first = max(0, min(citation.start - page.start, len(page.text)))
    last = max(first, min(citation.end - page.start, len(page.text)))
    before, after = page.text[max(first - AROUND, 0) : first], page.text[last : last + AROUND]
    if first > AROUND:
        before = f"… {before.partition(' ')[2]}"
    if last + AROUND < len(page.text):
        after = f"{after.rpartition(' ')[0]} …"
    return before, after


def _versions() -> Iterator[tuple[str, str]]:
    yield "Footnote", __version__
    yield "Python", platform.python_version()
    for library in _LIBRARIES:
        try:
            yield library, version(library)
        except PackageNotFoundError:  # an optional one
            continue
