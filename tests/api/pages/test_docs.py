"""The documentation page needs nothing but this node."""

import re
import shutil
import subprocess
from collections.abc import Iterator

import pytest

from chalicelib.api.pages.api_docs import HERE, KINDS
from tests.api.conftest import Api

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


def test_all_that_the_page_asks_for_is_on_this_node(api: Api) -> None:
    page = api.get("/docs")

    asked = re.findall(r'(?:src|href|data-url)="([^"]+)"', page)

    assert len(asked) >= 5
    for where in asked:
        assert where.startswith(("http://node.test/", "data:")), where
        if where.startswith("http"):
            api.get(where.removeprefix("http://node.test"))


def test_a_browser_is_told_to_fetch_nothing_from_elsewhere(api: Api) -> None:
    api.get("/docs")

    policy = api.headers["Content-Security-Policy"]

    assert "default-src 'none'" in policy
    assert not re.search(r"https?:", policy)


@pytest.mark.parametrize("name", ["nothing.js", "README.md", "..", "docs.html", "%2e%2e%2fdocs.py"])
def test_no_other_file_is_served(api: Api, name: str) -> None:
    assert api.ask("GET", f"/docs/{name}")[0] == 404


def test_the_page_is_escaped_where_it_holds_what_the_client_said(api: Api) -> None:
    _, page = api.ask("GET", "/docs", None, Host='x"><script>alert(1)</script>')

    assert "<script>alert" not in page


def test_the_licence_is_beside_what_it_covers() -> None:
    assert "Apache License" in (HERE / "LICENSE").read_text()
    assert "Swagger UI 5" in (HERE / "README.md").read_text()
    assert all((HERE / name).stat().st_size > 0 for name in KINDS)


@pytest.fixture
def front(empty_aws: None) -> Iterator[str]:
    from app import app
    from local.http_server import HttpServer

    served = HttpServer(app, "127.0.0.1", 0)
    port = served.start()
    yield f"http://127.0.0.1:{port}/pscheduler"
    served.stop()


@pytest.mark.skipif(CHROMIUM is None, reason="there is no browser here")
def test_a_browser_shows_the_pages_of_the_api(front: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    profile = tmp_path_factory.mktemp("profile")
    options = (
        "--headless --no-sandbox --disable-gpu --disable-background-networking --disable-sync --dump-dom"
    )
    command = [
        str(CHROMIUM),
        *options.split(),
        f"--user-data-dir={profile}",
        "--virtual-time-budget=8000",
        f"{front}/docs",
    ]

    shown = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout

    assert "/tasks/{task}/runs/{run}" in shown.replace("<wbr>", "").replace("\u200b", "")
    assert "Cancel a task" in shown
