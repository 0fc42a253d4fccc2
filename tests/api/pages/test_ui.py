"""The files of the page people look at, and what the browser is told to let them do."""

import gzip
import re

import pytest

from chalicelib.api.pages import ui
from tests.api.conftest import Api

LARGEST = 250_000
"""Bytes of the whole page, compressed."""


def test_the_page_is_at_its_own_folder(api: Api) -> None:
    status, _ = api.ask("GET", "/ui")

    assert (status, api.headers["Location"]) == (301, "http://node.test/ui/")


@pytest.mark.parametrize("name", sorted(ui.FILES))
def test_its_files_are_served_with_the_policy(api: Api, name: str) -> None:
    status, _ = api.ask("GET", f"/ui/{name}")

    assert status == 200
    assert api.headers["Content-Type"].startswith(ui.FILES[name])
    assert "script-src 'self';" in api.headers["Content-Security-Policy"]
    assert "unsafe" not in api.headers["Content-Security-Policy"]


def test_there_are_no_others(api: Api) -> None:
    assert api.ask("GET", "/ui/..%2Fdocs.html")[0] == 404


def test_nothing_is_inline_and_nothing_comes_from_elsewhere() -> None:
    page = (ui.HERE / "index.html").read_text()
    scripts = [
        file.read_text() for file in ui.HERE.glob("*.js") if file.name not in ("uplot.js", "preact.js")
    ]

    assert not re.search(r"<script(?![^>]*src=)|\sstyle=|\son\w+=", page)
    assert all("innerHTML" not in text and "dangerouslySet" not in text for text in scripts)
    assert not any(re.search(r"https?://", text) for text in (page, *scripts))


def test_every_file_that_is_asked_for_is_there() -> None:
    texts = [file.read_text() for file in ui.HERE.iterdir() if file.suffix in (".js", ".html")]
    asked = {
        name
        for text in texts
        for name in re.findall(r'(?:from|src=|href=) ?"(?:\./)?([\w.]+\.(?:js|css))"', text)
    }

    assert asked == set(ui.FILES) - {"index.html"}


def test_the_whole_of_it_is_small() -> None:
    whole = b"".join((ui.HERE / name).read_bytes() for name in ui.FILES)

    assert len(gzip.compress(whole)) < LARGEST
