"""What is private in a spec stays out of what is told of a run."""

import pytest

from plugins.support.secrets import without_secrets

SPEC = {"_key": "pass\nword", "_longer": "pass\nword again", "_number": 5, "_empty": "", "open": "shown"}


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("nothing private, but 5 and shown", "nothing private, but 5 and shown"),
        ("bad key 'pass\nword'", "bad key '...'"),
        ("bad key 'pass\\nword'", "bad key '...'"),  # as repr writes it
        (f"password={SPEC['_key'].encode().hex()}", "password=..."),  # type: ignore[attr-defined]
        ("pass\nword again", "..."),
    ],
)
def test_private_members_are_replaced(text: str, wanted: str) -> None:
    assert without_secrets(text, SPEC) == wanted
