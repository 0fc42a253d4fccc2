"""API keys: what they are, for how long they are good, and that nobody else's change is lost."""

import pathlib
from concurrent.futures import ThreadPoolExecutor

import pytest

from chalicelib.domain.errors import Conflict, Forbidden, Invalid, NotFound
from chalicelib.service.node import api_keys, turns_to_change
from chalicelib.service.node.api_keys import ApiKey
from chalicelib.settings import forget_settings
from chalicelib.store import node_table
from tests.builders import NODE, NOON, at, seconds

pytestmark = pytest.mark.usefixtures("empty_aws")
EVERYTHING = ("read", "measure", "administer")


@pytest.mark.parametrize(
    ("scope", "scopes"),
    [("read", ("read",)), ("measure", ("read", "measure")), ("administer", EVERYTHING)],
)
def test_a_key_is_for_its_scope_and_those_before_it(scope: str, scopes: tuple[str, ...]) -> None:
    text = api_keys.add(NODE, "probe", scope, NOON, expires=at(60))

    found = api_keys.presented(NODE, text, at(59))

    assert found == ApiKey("probe", scopes, NOON, at(60))
    assert api_keys.named(NODE, "probe", at(59)) == found
    assert api_keys.known(NODE) == [found]


def test_a_key_is_its_name_and_32_bytes_of_which_a_hash_is_kept() -> None:
    text = api_keys.add(NODE, "probe", "read", NOON)

    start, name, secret = text.split(".")

    assert (start, name, len(secret)) == ("psk", "probe", 44)
    assert secret not in str(node_table.read(NODE, "api-keys"))
    assert api_keys.add(NODE, "other", "read", NOON).split(".")[2] != secret


def test_a_key_is_good_until_its_end() -> None:
    text = api_keys.add(NODE, "probe", "read", NOON, expires=at(60))
    forever = api_keys.add(NODE, "forever", "read", NOON)

    with pytest.raises(Forbidden) as failed:
        api_keys.presented(NODE, text, at(60))
    assert failed.value.message == "The API key probe has expired"
    assert api_keys.named(NODE, "probe", at(60)) is None
    assert api_keys.presented(NODE, forever, at(10**9)).name == "forever"
    assert [key.name for key in api_keys.known(NODE)] == ["forever", "probe"]  # those that are over too


@pytest.mark.parametrize("change", ["name", "secret", "none", "short"])
def test_another_text_is_no_key(change: str) -> None:
    _, name, secret = api_keys.add(NODE, "probe", "read", NOON).split(".")
    text = {
        "name": f"psk.other.{secret}",
        "secret": f"psk.{name}.{'A' * 43}",
        "none": f"psk.{name}.",
        "short": f"psk.{name}.{secret[:-1]}",
    }[change]

    with pytest.raises(Forbidden) as failed:
        api_keys.presented(NODE, text, NOON)

    assert failed.value.message == "The API key is unknown here"


def test_a_key_may_come_without_what_it_begins_with() -> None:
    text = api_keys.add(NODE, "probe", "read", NOON)

    assert api_keys.presented(NODE, text.removeprefix("psk."), NOON).name == "probe"


@pytest.mark.parametrize(
    ("name", "scope", "end", "complaint"),
    [
        ("", "read", 60, "A name must have 1 to 40 lower-case letters, digits and hyphens"),
        ("-a", "read", 60, "A name must have 1 to 40 lower-case letters, digits and hyphens"),
        ("A", "read", 60, "A name must have 1 to 40 lower-case letters, digits and hyphens"),
        ("a" * 41, "read", 60, "A name must have 1 to 40 lower-case letters, digits and hyphens"),
        ("a", "all", 60, "A scope must be one of read, measure, administer"),
        ("a", "read", 0, "The end of a key must be in the future"),
    ],
)
def test_a_key_that_nobody_could_use_is_refused(name: str, scope: str, end: float, complaint: str) -> None:
    with pytest.raises(Invalid) as failed:
        api_keys.add(NODE, name, scope, NOON, expires=at(end))

    assert failed.value.message == complaint
    assert api_keys.known(NODE) == []


def test_there_is_one_key_of_a_name_and_an_end_to_their_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api_keys, "MOST_KEYS", 2)
    first = api_keys.add(NODE, "a", "read", NOON)

    with pytest.raises(Conflict) as failed:
        api_keys.add(NODE, "a", "measure", NOON)
    assert failed.value.message == "There is already a key a: revoke it first"
    api_keys.add(NODE, "b", "read", NOON)
    with pytest.raises(Invalid) as full:
        api_keys.add(NODE, "c", "read", NOON)
    assert full.value.message == "There are 2 keys: revoke some first"
    assert api_keys.presented(NODE, first, NOON).scopes == ("read",)


def test_a_key_that_is_revoked_opens_nothing() -> None:
    text = api_keys.add(NODE, "a", "read", NOON)
    api_keys.add(NODE, "b", "read", NOON)

    api_keys.revoke(NODE, "a", NOON)

    assert [key.name for key in api_keys.known(NODE)] == ["b"]
    with pytest.raises(Forbidden):
        api_keys.presented(NODE, text, NOON)
    with pytest.raises(NotFound) as failed:
        api_keys.revoke(NODE, "a", NOON)
    assert failed.value.message == "There is no key a"


@pytest.fixture
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns_to_change, "PATIENCE", 0.02)


@pytest.mark.usefixtures("_impatient")
def test_while_somebody_changes_the_keys_nobody_else_does() -> None:
    node_table.acquire(NODE, "api-keys-changing", NOON, NOON + seconds(10))

    with pytest.raises(Conflict) as failed:
        api_keys.add(NODE, "a", "read", at(9))
    assert failed.value.message == "Somebody else is changing the keys: try again"
    api_keys.add(NODE, "a", "read", at(10))  # whoever it was did not come to the end
    api_keys.add(NODE, "b", "read", at(10))  # and this one did

    assert [key.name for key in api_keys.known(NODE)] == ["a", "b"]


def test_keys_that_are_made_and_revoked_at_once_are_all_changed() -> None:
    for number in range(4):
        api_keys.add(NODE, f"old-{number}", "read", NOON)

    with ThreadPoolExecutor(12) as pool:
        made = [pool.submit(api_keys.add, NODE, f"new-{number}", "read", NOON) for number in range(8)]
        gone = [pool.submit(api_keys.revoke, NODE, f"old-{number}", NOON) for number in range(4)]

    assert [each.exception() for each in gone] == [None] * 4
    keys = [api_keys.presented(NODE, each.result(), NOON).name for each in made]
    assert keys == [key.name for key in api_keys.known(NODE)] == [f"new-{number}" for number in range(8)]


def test_who_took_too_long_changes_nothing_that_another_has_changed_meanwhile() -> None:
    def take_too_long() -> None:
        with turns_to_change.changing(NODE, "api-keys", "the keys", NOON) as keys:
            api_keys.add(NODE, "theirs", "read", at(11))
            keys["ours"] = {}

    with pytest.raises(Conflict, match="api-keys was changed meanwhile"):
        take_too_long()

    assert [key.name for key in api_keys.known(NODE)] == ["theirs"]


def test_the_one_who_waits_has_its_turn_when_the_one_before_is_gone() -> None:
    """The clock goes on while it waits: whoever died long enough ago is not waited for in vain."""
    node_table.acquire(NODE, "api-keys-changing", at(0), at(10))

    assert api_keys.add(NODE, "a", "read", at(9.9))


@pytest.mark.usefixtures("_impatient")
def test_whoever_dies_while_changing_the_keys_is_in_the_way_for_ten_seconds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Died(BaseException):
        """The process is gone."""

    def die(*_: object) -> None:
        raise Died

    with monkeypatch.context() as dying:
        dying.setattr(node_table, "_release", lambda *_: None)
        dying.setattr(node_table, "move", die)
        with pytest.raises(Died):
            api_keys.add(NODE, "a", "read", NOON)

    with pytest.raises(Conflict):
        api_keys.add(NODE, "a", "read", at(9))
    assert api_keys.add(NODE, "a", "read", at(10))


def test_the_operators_token_is_a_key_to_everything(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "token"
    monkeypatch.setenv("PSCHEDULER_OPERATOR_TOKEN", str(file))
    forget_settings()
    try:
        for text in ("a token\n", "", " \n", None):
            if text is None:
                file.unlink()
            else:
                file.write_text(text)
            if text == "a token\n":
                found = api_keys.presented(NODE, "a token", NOON)
                assert found == ApiKey("operator-token", EVERYTHING, NOON, None)
            for wrong in ("another", "", "XXXX"):
                with pytest.raises(Forbidden):
                    api_keys.presented(NODE, wrong, NOON)
    finally:
        monkeypatch.undo()
        forget_settings()
