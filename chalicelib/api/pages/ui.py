"""The page people look at, at /ui/: static files in this package, which need nothing from elsewhere."""

import functools
import pathlib

from chalicelib.api.http.router import HTML_TYPE, Answer, Request
from chalicelib.api.openapi.operations import operation
from chalicelib.domain import echoes
from chalicelib.domain.errors import NotFound

HERE = pathlib.Path(__file__).parent / "assets" / "ui"
TYPES = {".html": HTML_TYPE, ".js": "text/javascript", ".css": "text/css"}
FILES = {file.name: TYPES[file.suffix] for file in sorted(HERE.iterdir()) if file.suffix in TYPES}
"""The files of the page, and their media types."""

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""What a measurement says is never run, nothing is fetched from elsewhere, and nobody frames the page."""
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}


@operation("Page", kinds=[HTML_TYPE], answers={301: "The page is at the same address with a slash"})
def index(request: Request) -> Answer:
    """Show what this node measures, for people."""
    if not request.path.endswith("/"):  # or the files beside it would be looked for beside the API
        return Answer("", status=301, headers={"Location": f"{request.base}/ui/"})
    return Answer(_text("index.html"), HTML_TYPE, headers=HEADERS)


@operation(
    "Page",
    path={"asset": {"type": "string", "enum": list(FILES)}},
    kinds=sorted(set(FILES.values())),
    conditional=True,
)
def asset(request: Request, asset: str) -> Answer:
    """Get a file of the web page."""
    if asset not in FILES:
        raise NotFound(f"There is no {echoes.name(asset)} here")
    return Answer(_text(asset), FILES[asset], headers=HEADERS)


@functools.cache
def _text(name: str) -> str:
    return (HERE / name).read_text(encoding="utf-8")
