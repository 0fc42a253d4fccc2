"""Who may use a node for which nobody has said it."""

from typing import Any

import pytest

from chalicelib.service.limits.safe_start import HOW, complaint
from tests.policies import Install, use

OWN = "This node has no policy, and so it accepts tasks from its own machine only."
NOBODY = f"This node has no policy, and so it accepts tasks from nobody. {HOW}"
KEY = "The API key lacks the scope measure."


@pytest.mark.parametrize(
    ("listens", "hints", "why"),
    [
        ("127.0.0.1", {"requester": "127.0.0.1"}, None),
        ("127.0.0.1", {"requester": "::1"}, None),
        ("127.0.0.1", {"requester": "192.0.2.7"}, f"{OWN} {HOW}"),
        ("127.0.0.1", {}, f"{OWN} {HOW}"),
        (
            "127.0.0.1",
            {"requester": "127.0.0.1", "requester-proxied-by": "127.0.0.1"},
            f"{OWN} A request through a proxy is not from there. {HOW}",
        ),
        ("192.0.2.1", {"requester": "127.0.0.1"}, NOBODY),
        ("", {"requester": "127.0.0.1"}, NOBODY),
        ("192.0.2.1", {"api-key": "a", "api-key-scopes": ["read", "measure"]}, None),
        ("192.0.2.1", {"api-key": "a", "api-key-scopes": ("read", "measure")}, None),
        ("127.0.0.1", {"requester": "127.0.0.1", "api-key": "a", "api-key-scopes": ["read"]}, KEY),
        ("127.0.0.1", {"requester": "127.0.0.1", "api-key": "a"}, KEY),
        ("127.0.0.1", {"requester": "127.0.0.1", "api-key": "a", "api-key-scopes": "measure"}, KEY),
    ],
)
def test_its_own_machine_and_keys_for_measuring_are_let_in(
    installed: Install, monkeypatch: pytest.MonkeyPatch, listens: str, hints: dict[str, Any], why: str | None
) -> None:
    use(monkeypatch, "", listens)

    assert complaint(hints) == why
