"""A page's image with boxes over it, how it lies in the viewer, and what the viewer's script does."""

from __future__ import annotations

import base64
import html

from rag.records import Box, PageView

STYLE = """<style>
.st-key-viewer { position: fixed; inset: 0 0 0 auto; width: min(46rem, 100%); padding: 0 1.25rem 2rem; overflow: auto;
  overscroll-behavior: contain; background: GROUND; border-left: 1px solid rgba(128,128,128,.35); z-index: 999995;
  box-shadow: -1rem 0 2rem rgba(0,0,0,.12); flex-wrap: nowrap; }
.st-key-viewer > :not(:has(.footnote-page)) { position: sticky; left: 0; }
.st-key-viewer > :has(> .st-key-viewer-bar) { top: 0; z-index: 2; }
.st-key-viewer-bar { padding: .75rem 0 .5rem; background: GROUND; box-shadow: -1.25rem 0 GROUND, 1.25rem 0 GROUND; }
.footnote-page { position: relative; background: #fff; border: 1px solid rgba(128,128,128,.35); }
.footnote-page img { display: block; width: 100%; }
.footnote-page > div { position: absolute; background: rgba(242,182,50,.38); mix-blend-mode: multiply;
  border-radius: 2px; outline: 1.5px solid rgba(176,112,0,.9); }
.footnote-page > .around { background: rgba(242,182,50,.2); outline: none; }
@media (max-width: 40rem), (hover: none) { .st-key-viewer [aria-label^="Shortcut"] { display: none; } }
@media (max-width: 40rem) { .st-key-viewer { padding: 0 .75rem 2rem; }
  .footnote-page { min-width: calc(46rem * var(--share)); } }
@media (min-width: 1240px) {
  .st-key-viewer { top: 3.75rem; width: 46vw; box-shadow: none; z-index: 100; }
  .stApp:has(.st-key-viewer) :is([data-testid=stMainBlockContainer], [data-testid=stBottomBlockContainer]) {
    margin: 0; max-width: none; padding-right: calc(46vw + 2rem); padding-left: 2rem; }
}
</style>"""
"""A page is at least as wide as its words can be read: where the window is not, it is moved sideways in the viewer."""

TO_THE_QUOTE = """<script>
{ const viewer = document.querySelector('.st-key-viewer');
  const move = patience => {
    if (patience && viewer && !viewer.querySelector('[data-shown="SHOWN"]'))
      return requestAnimationFrame(() => move(patience - 1));
    const words = viewer?.querySelector('[data-answer]') ?? viewer?.querySelector('[data-quote], mark');
    if (!words) return viewer?.scrollTo(0, 0);
    const box = words.getBoundingClientRect(), frame = viewer.getBoundingClientRect();
    viewer.scrollTop += box.top - viewer.clientHeight / 2;
    const wide = box.width > frame.width - 48;
    viewer.scrollLeft += wide ? box.left - frame.left - 24 : (box.left + box.right - frame.left - frame.right) / 2; };
  move(60);
  const active = document.activeElement;
  if (viewer && !viewer.contains(active) && !active?.matches('input, textarea')) {
    const opener = active?.matches('button') && active.closest('[class*="st-key-"]');
    if (opener) window.footnoteOpener = [...opener.classList].find(one => one.startsWith('st-key-'));
    Object.assign(viewer, {tabIndex: -1, role: 'region', ariaLabel: 'The page that is quoted'});
    viewer.focus({preventScroll: true}); }
  window.footnoteKeeps ??= document.body.addEventListener('keydown', event => {
    const typed = event.target.matches?.('input, textarea') && event.target.value;
    if (event.key === 'Escape' && typed && document.querySelector('.st-key-viewer')) event.stopPropagation();
  }) ?? true; }
</script>"""
"""Once the page that is SHOWN is there, moves to what answers, else to the quote, else to where the page begins. Puts
the keyboard in the viewer, unless somebody types; who types something does not close the viewer by Escape."""

BACK = """<script>
if (window.footnoteOpener) document.querySelector(`.${CSS.escape(window.footnoteOpener)} button`)?.focus();
window.footnoteOpener = undefined;
</script>"""
"""Puts the keyboard back on the button that the viewer was opened by."""


def image_html(view: PageView, alt: str, width: int) -> str:
    """A page's image with its boxes drawn over it, `width` percent of what is around it. Where what answers is known,
    that is boxed and the rest of the quote only tinted."""
    around = ' class="around"' if view.answers else ""
    boxes = [f"<div data-quote{around} {_place(one)}></div>" for one in view.boxes]
    boxes += [f"<div data-answer {_place(one)}></div>" for one in view.answers]
    marked = "tinted, and what answers in them boxed" if view.answers else "boxed"
    words = f"{alt}, with the quoted words {marked}" if view.boxes else alt
    image = base64.b64encode(view.image).decode()
    return (
        f'<div class="footnote-page" style="--share:{width / 100:.2f};width:{width}%">'
        f'<img alt="{html.escape(words)}" src="data:image/png;base64,{image}" '
        f'style="aspect-ratio:{view.width}/{view.height}">{"".join(boxes)}</div>'
    )


def _place(box: Box) -> str:
    left, top, right, bottom = box
    return f'style="left:{left:.3%};top:{top:.3%};width:{right - left:.3%};height:{bottom - top:.3%}"'
