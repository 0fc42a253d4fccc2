"""The documentation page: Swagger UI over /openapi.json, with all it needs in this package."""

import functools
import html
import pathlib

from chalicelib.api.http.router import HTML_TYPE, Answer, Request
from chalicelib.api.openapi.operations import operation
from chalicelib.domain import echoes
from chalicelib.domain.errors import NotFound

HERE = pathlib.Path(__file__).parent / "assets"
KINDS = {
    "swagger-ui-bundle.js": "text/javascript",
    "swagger-ui.css": "text/css",
    "docs.js": "text/javascript",
    "docs.css": "text/css",
}
"""The files the page asks for, and their media types."""

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""Nothing is fetched from elsewhere: the browser itself sees to it."""


@operation("Documentation", kinds=[HTML_TYPE], conditional=True)
def docs(request: Request) -> Answer:
    """Read and try this API in a browser."""
    page = _text("docs.html").replace("{base}", html.escape(request.base))
    return Answer(page, HTML_TYPE, headers={"Content-Security-Policy": POLICY})


@operation(
    "Documentation",
    path={"asset": {"type": "string", "enum": list(KINDS)}},
    kinds=sorted(set(KINDS.values())),
    conditional=True,
)
def asset(request: Request, asset: str) -> Answer:
    """Get a file that the documentation page needs."""
    if asset not in KINDS:
        raise NotFound(f"There is no {echoes.name(asset)} here")
    return Answer(_text(asset), KINDS[asset], headers={"Cache-Control": "public, max-age=3600"})


@functools.cache
def _text(name: str) -> str:
    return (HERE / name).read_text(encoding="utf-8")
