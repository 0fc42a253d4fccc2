"""Requests made up from the OpenAPI document: a small slice of what ``make soak`` does at length."""

import json
import random
import urllib.parse
import warnings
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings

from tests.api.conftest import Api

pytestmark = pytest.mark.slow(0.1)

EACH = 4
"""Requests made up for each page."""
LEFT_OUT = ("/exception", "/mtu", "/mtu-safe")
"""Pages that are there to break, or that start programs which send packets to whatever host is named."""


def operations() -> list[Any]:
    import app  # noqa: F401 - fills the table of pages

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import schemathesis
    from chalicelib.api.openapi.document import document

    document = {**document(), "servers": [{"url": "http://node.test"}]}
    loaded = schemathesis.openapi.from_dict(document)
    found = (result.ok() for result in loaded.get_all_operations())
    return [one for one in found if one.path not in LEFT_OUT]


@pytest.mark.parametrize("operation", operations(), ids=lambda one: f"{one.method.upper()} {one.path}")
def test_no_answer_is_a_5xx_or_contradicts_the_document(api: Api, operation: Any) -> None:
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
