"""Requests made up from the OpenAPI document: a small slice of what ``make soak`` does at length."""

import functools
import json
import random
import urllib.parse
import warnings
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings

from tests.api.conftest import Api

pytestmark = pytest.mark.slow(0.1)

EACH = min(4, settings().max_examples // 15)
"""Requests made up for each page: fewer in ``make quick``."""
METHODS = ("delete", "get", "patch", "post", "put")
LEFT_OUT = ("/exception", "/mtu", "/mtu-safe")
"""Pages that are there to break, or that start programs which send packets to whatever host is named."""


def pages() -> list[str]:
    """Methods and paths, from the document itself: not all that collect tests need load schemathesis."""
    paths = _document()["paths"].items()
    return [
        f"{method.upper()} {path}"
        for path, methods in paths
        if path not in LEFT_OUT
        for method in methods
        if method in METHODS
    ]


def _document() -> dict[str, Any]:
    import app  # noqa: F401 - fills the table of pages
    from chalicelib.api.openapi.openapi_document import document

    return {**document(), "servers": [{"url": "http://node.test"}]}


@functools.cache
def operations() -> dict[str, Any]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import schemathesis

    loaded = schemathesis.openapi.from_dict(_document())
    found = (result.ok() for result in loaded.get_all_operations())
    return {f"{one.method.upper()} {one.path}": one for one in found}


@pytest.mark.parametrize("page", pages())
def test_no_answer_is_a_5xx_or_contradicts_the_document(api: Api, page: str) -> None:
    operation = operations()[page]

    @seed(random.Random(operation.path).randrange(2**32))  # the same requests every time
    @settings(
        max_examples=EACH,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy())
    def ask(case: Any) -> None:
        status, answer = api.ask(case.method, _target(case), _body(case), **_headers(case))

        assert status < 500 or status == 501, answer

    ask()


def _target(case: Any) -> str:
    path = case.formatted_path
    arguments = {name: _text(value) for name, value in (case.query or {}).items()}
    arguments |= {"wait": "0"} if path.endswith(("/first", "/next")) else {}
    return f"{path}?{urllib.parse.urlencode(arguments)}" if arguments else str(path)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _body(case: Any) -> bytes | None:
    from schemathesis.core import NotSet

    return None if isinstance(case.body, NotSet) else json.dumps(case.body).encode()


def _headers(case: Any) -> dict[str, str]:
    return {name: str(value) for name, value in (case.headers or {}).items()}
