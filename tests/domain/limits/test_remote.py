"""What a server that judges tasks says, and what is made of it."""

from typing import Any

import pytest

from chalicelib.domain.limits.remote import MOST_REASON, judge
from tests.domain.limits.world import InProcessJq

DATA = {"url": "https://judge.example/"}


@pytest.mark.parametrize(
    ("more", "status", "text", "passed", "why"),
    [
        ({}, 200, '{"passed": true}', True, ()),
        ({}, 200, '{"passed": true, "message": "welcome"}', True, ("welcome",)),
        ({}, 200, '{"passed": false, "message": 5}', False, ("5",)),
        ({}, 200, '{"passed": false}', False, ()),
        ({}, 200, "[]", False, ("The server's answer is not an object",)),
        ({}, 200, "{", False, ("The server's answer is not JSON",)),
        ({}, 200, '{"passed": 1}', False, ("The server's answer has no boolean passed",)),
        ({}, 404, "", False, ("The server answered with status 404",)),
        ({"fail-result": True}, 500, "", True, ("The server answered with status 500",)),
        ({"fail-result": True}, 200, "{", True, ("The server's answer is not JSON",)),
        (
            {"fail-result": True},
            200,
            "[]",
            False,
            ("The server's answer is not an object",),
        ),  # it is an answer
        ({"success-only": True}, 200, "anything", True, ()),
        ({"success-only": True}, 404, "", False, ("The server does not have it",)),
        ({"success-only": True}, 500, "", False, ("The server answered with status 500",)),
        (
            {"success-only": True, "fail-result": True},
            500,
            "",
            True,
            ("The server answered with status 500",),
        ),
    ],
)
def test_an_answer_is_a_verdict_with_its_reason(
    more: dict[str, Any], status: int, text: str, passed: bool, why: tuple[str, ...]
) -> None:
    found = judge({**DATA, **more}, "", InProcessJq())._read(status, text)

    assert (found.passed, tuple(found.reasons)) == (passed, why)


def test_a_reason_is_cut() -> None:
    found = judge(DATA, "", InProcessJq())._read(200, '{"passed": false, "message": "' + "x" * 100_000 + '"}')

    assert found.reasons == ("x" * MOST_REASON,)
