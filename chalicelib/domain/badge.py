"""A badge: two words side by side, as SVG."""

import html

_HEIGHT, _LETTER, _ROOM = 20, 6.6, 12
"""Pixels: how high, how wide a letter is about, and what is left beside the words of each half."""
COLORS = {"ok": "#1a7f37", "warning": "#8a6100", "critical": "#b3261e", "no-data": "#55616d"}
"""Dark enough for white letters."""


def svg(label: str, state: str) -> str:
    """A label and the state beside it, in the colour that stands for it."""
    left, right = (round(len(text) * _LETTER) + _ROOM for text in (label, state))
    said = html.escape(f"{label}: {state}", quote=True)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{left + right}" height="{_HEIGHT}" role="img"'
        f' aria-label="{said}"><title>{said}</title>'
        f'<rect width="{left}" height="{_HEIGHT}" fill="#3b4752"/>'
        f'<rect x="{left}" width="{right}" height="{_HEIGHT}" fill="{COLORS[state]}"/>'
        '<g fill="#fff" font-family="Verdana,DejaVu Sans,sans-serif" font-size="11" text-anchor="middle">'
        f'<text x="{left / 2:g}" y="14">{html.escape(label)}</text>'
        f'<text x="{left + right / 2:g}" y="14">{html.escape(state)}</text></g></svg>'
    )
