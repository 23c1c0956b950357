"""The mark: a page with a raised number. Kept as text so that nothing is fetched from anywhere."""

from __future__ import annotations

NAME = "Footnote"
PROMISE = "Ask your documents. Every answer has footnotes that open the very passage they quote."

ICON = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 64 64">'
    '<rect x="6" y="4" width="52" height="56" rx="9" fill="#2b5f8f"/>'
    '<g stroke="#ffffff" stroke-width="4.5" stroke-linecap="round" opacity="0.92">'
    '<path d="M16 22h19M16 32h32M16 42h24"/></g>'
    '<path d="M16 51h10" stroke="#f2b632" stroke-width="4.5" stroke-linecap="round"/>'
    '<path d="M42.5 13.5 47 11v13" fill="none" stroke="#f2b632" stroke-width="4.5" stroke-linecap="round" '
    'stroke-linejoin="round"/></svg>'
)
