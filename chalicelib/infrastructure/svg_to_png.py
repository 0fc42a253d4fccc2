"""SVG rendered as PNG, where the renderer is installed: on one machine, not on Lambda."""

import pathlib

from chalicelib.domain.errors import Unsupported

_FONT = pathlib.Path(__file__).parent / "fonts" / "DejaVuSans-latin.ttf"
"""Ships with the node, so that a picture has its words on machines without fonts, too."""


def png(svg: str) -> bytes:
    """The picture as PNG. Raises Unsupported where nothing can render it."""
    try:
        from resvg_py import svg_to_bytes  # three megabytes that few ask for
    except ImportError as error:
        raise Unsupported("format: this node cannot draw png; ask for svg") from error
    return bytes(
        svg_to_bytes(
            svg_string=svg,
            skip_system_fonts=True,
            font_files=[str(_FONT)],
            sans_serif_family="DejaVu Sans",
        )
    )
