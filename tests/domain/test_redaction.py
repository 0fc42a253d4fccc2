"""What is private does not come up in what is told."""

import base64
import json
import string
import urllib.parse
from collections.abc import Callable
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.redaction import _WORDS, Redactor, without_credentials
from chalicelib.domain.schemas import Checker, Versions, closed, pattern
from tests.chance import by_chance
from tests.plugins.garbage import document

SECRETS = st.text(string.ascii_letters + string.digits, min_size=10, max_size=30).filter(
    lambda text: text.lower() not in _WORDS
)


@pytest.mark.parametrize(
    ("data", "text", "shown"),
    [
        ({"_community": "s3cr3t"}, "community s3cr3t refused", "community ... refused"),
        ({"_headers": {"Authorization": "Bearer abc.def"}}, "no abc.def here", "no ... here"),
        ({"_headers": {"Authorization": "Bearer abcdefgh"}}, "Bearer abcdefgh: who?", "...: who?"),
        (
            {"_headers": {"X": "Basic dXNlcm5hOnBhc3MxMjM="}},
            "pass123 is wrong for userna",
            "... is wrong for ...",
        ),
        ({"_url": "amqp://joe:p%40ss@db/vh0st"}, "joe may not p@ss at vh0st", "... may not ... at ..."),
        ({"_dsn": "host=db.example user=joe password='it is'"}, "db.example: joe: it is", "...: ...: ..."),
        ({"_url": "http://h/?key=K3Y"}, "asked K3Y", "asked ..."),
        ({"url": "http://h.example/?key=K3YK3Y"}, "asked K3YK3Y of h.example", "asked ... of h.example"),
        ({"url": "http://joe:s3cr3t@h.example/p@q/r"}, "s3cr3t at h.example", "... at h.example"),
        ({"list": [{"deep": {"_x": "qwe"}}]}, "qwe", "..."),
        ({"_x": 12345}, "of 12345", "of ..."),
        ({"public": "visible"}, "visible", "visible"),
        ({"_url": "http://localhost/"}, "the json of localhost", "the json of localhost"),
        ({"_x": "abc"}, "abcd xabc", "abcd xabc"),  # short ones are hidden as words only
        ({"_x": ""}, "nothing", "nothing"),
        ({"_x": None, "_y": True}, "None True", "None True"),
        ({"url": "ftp://u:pw123@h/"}, "pw123 and u:pw123", "... and ..."),
        # Where a query ends only a space tells: a comma may be part of it.
        ({}, "see http://me:mine@h/x?y=z, please", "see http://...@h/x?... please"),
    ],
)
def test_private_members_and_credentials_are_hidden(data: object, text: str, shown: str) -> None:
    assert Redactor(data).text(text) == shown


@given(SECRETS, st.sampled_from(["{}", "x{}y", "'{}'", "no: {}\n{}", "http://h/?a={}", "http://{}@h/"]))
def test_a_secret_is_hidden_wherever_it_stands(secret: str, sentence: str) -> None:
    written = (
        secret,
        repr(secret),
        json.dumps(secret),
        urllib.parse.quote(secret, safe=""),
        secret.encode().hex(),
        base64.b64encode(secret.encode()).decode(),
    )
    for data in (
        {"_a": secret},
        {"_url": f"https://user:{secret}@host/path"},
        {"_h": {"X": f"Bearer {secret}"}},
    ):
        for form in written:
            assert secret not in Redactor(data).text(sentence.format(form, form))
            assert form.strip("'\"=") not in Redactor(data).text(sentence.format(form, form))


@by_chance
def test_any_data_can_be_redacted(chance: Random) -> None:
    data = document(chance)
    redactor = Redactor({"_x": data}, data)

    assert isinstance(redactor.text("text"), str)
    redactor.value(data)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("http://h/p", "http://h/p"),
        ("http://u:p@h:1/p?q=r", "http://...@h:1/p?..."),
        ("http://h/a@b", "http://h/a@b"),
        ("http://u:p@h/http://v:q@i", "http://...@h/http://v:q@i"),
    ],
)
def test_a_url_without_credentials(url: str, shown: str) -> None:
    assert without_credentials(url) == shown


PRIVATE = closed(
    {
        "_url": pattern("amqp://.*", "{value!r} is not a URL of amqp"),
        "_number": {"type": "integer", "minimum": 5},
        "_word": {"enum": ["a", "b"]},
        "_object": closed({"x": {"type": "string"}}),
        "open": {"type": "string"},
    }
)


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        ({"_url": "canary"}, "/_url: the value is not a URL of amqp"),
        ({"_url": {"canary": 1}}, "/_url: the value"),
        ({"_number": "canary"}, "/_number: the value must be of type integer"),
        ({"_word": "canary"}, '/_word: the value is not one of ["a", "b"]'),
        ({"_object": {"x": ["canary"]}}, "/_object/x: the value must be of type string"),
        ({"_object": {"canary": "canary"}}, "/_object: "),
        ({"open": {"_x": "canary"}}, "/open: "),
        ({"open": 7}, '/open: 7 is not of type "string"'),
    ],
)
def test_a_complaint_about_a_private_member_does_not_show_it(data: dict[str, object], problem: str) -> None:
    found = Checker(PRIVATE).problem(data) or ""

    assert found.startswith(problem), found
    assert "canary" not in found.replace('"canary" was unexpected', "")


def test_neither_does_one_about_what_it_is_in() -> None:
    either = {"anyOf": [closed({"_a": {"type": "string"}, "b": {}}, ("b",)), {"type": "null"}]}

    found = Versions({1: closed({"x": either})}).problem({"x": {"_a": "canary"}}) or ""

    assert found
    assert "canary" not in found


@pytest.mark.parametrize("said", [repr, json.dumps, str], ids=["as Python", "as JSON", "as it is"])
def test_a_secret_is_hidden_however_it_is_written(said: Callable[[str], str]) -> None:
    secret = "pass\x01word'n\"quotes"

    shown = Redactor({"_password": secret}).text(f"login with {said(secret)} failed")

    assert "word" not in shown
    assert "failed" in shown
