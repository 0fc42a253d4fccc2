"""Several nodes in one deployment: who acts, by whom a request is addressed, from whom a message is."""

import contextvars
import threading
from collections.abc import Iterator

import pytest

from chalicelib.settings import (
    Identity,
    acting_as,
    addressed_by,
    forget_settings,
    handling,
    served,
    settings,
)
from chalicelib.store.models import key

SECOND, THIRD = Identity("second", "b.example:8443"), Identity("third", "2001:db8::3")


@pytest.fixture(autouse=True)
def _three(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("PSCHEDULER_NODE", "first")
    monkeypatch.setenv("PSCHEDULER_HOSTNAME", "a.example")
    monkeypatch.setenv("PSCHEDULER_URL", "https://www.example/pscheduler")
    monkeypatch.setenv("PSCHEDULER_NODES", "second=b.example:8443, third=2001:db8::3,")
    forget_settings()
    yield
    monkeypatch.undo()
    forget_settings()


def test_clocks_tick_for_every_node_or_for_the_one_that_acts() -> None:
    assert served() == (Identity("first", "a.example"), SECOND, THIRD)
    with acting_as(SECOND):
        assert served() == (SECOND,)


def test_whoever_acts_has_its_own_name_and_keys() -> None:
    assert (key("x"), settings().base_url) == ("first#x", "https://www.example/pscheduler")
    with acting_as(SECOND):
        assert (key("x"), settings().hostname) == ("second#x", "b.example:8443")
        assert settings().base_url == "https://b.example:8443/pscheduler"
    assert key("x") == "first#x"


@pytest.mark.parametrize(
    ("host", "node"),
    [
        ("a.example", "first"),
        ("b.example", "second"),
        ("B.Example:443", "second"),
        ("[2001:DB8::3]:8443", "third"),
        ("2001:db8::3", "third"),
        ("who.example", "first"),
        ("", "first"),
    ],
)
def test_a_request_is_for_the_node_it_is_addressed_to(host: str, node: str) -> None:
    with addressed_by(host):
        assert settings().node == node


def test_a_message_is_handled_by_the_node_that_sent_it() -> None:
    assert settings().addressed == {}
    with acting_as(THIRD):
        message = settings().addressed
    assert message == {"node": "third"}
    with handling({"task": "t", **message}):
        assert settings().hostname == "2001:db8::3"
    with handling({"task": "t"}):
        assert settings().node == "first"
    with handling({"node": "one that was"}):
        assert key("x") == "one that was#x"


def test_a_thread_is_another_node_only_where_it_is_told_so() -> None:
    seen: list[str] = []

    def look() -> None:
        seen.append(settings().node)

    with acting_as(SECOND):
        threads = [
            threading.Thread(target=look),
            threading.Thread(target=contextvars.copy_context().run, args=(look,)),
        ]
        for thread in threads:
            thread.start()
            thread.join()

    assert seen == ["first", "second"]
