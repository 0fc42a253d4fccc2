"""What policies look up: how long answers are kept, how many, and when there is an end to looking up."""

import dataclasses
import datetime as dt
import ipaddress
import pathlib
import threading
import types
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest

from chalicelib.domain.errors import Invalid, Unavailable
from chalicelib.domain.limits.networks import Networks
from chalicelib.domain.limits.surroundings import ListSource, Query
from chalicelib.infrastructure import web
from chalicelib.infrastructure.web import Want
from chalicelib.service.limits import lookups
from chalicelib.service.limits.lookups import Kept, KeptLists, KeptNames
from tests.builders import seconds
from tests.domain.limits.world import InProcessJq

TEN, TWENTY = ipaddress.ip_address("10.0.0.1"), ipaddress.ip_address("20.0.0.1")


@dataclasses.dataclass
class Seconds:
    """A clock that is set."""

    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


# --- answers, kept -------------------------------------------------------------------------------


@pytest.mark.parametrize(("later", "found"), [(0, "one"), (4.9, "one"), (5, None), (6, None)])
def test_an_answer_is_kept_for_its_time(later: float, found: str | None) -> None:
    clock = Seconds()
    kept: Kept[str] = Kept(clock=clock)
    kept.keep("a", "one", 5.0)

    clock.now += later

    assert kept.find("a") == found
    assert kept.find("b") is None


def test_where_there_are_too_many_the_oldest_goes() -> None:
    kept: Kept[int] = Kept(most=2, clock=Seconds())
    for name, number in (("a", 1), ("b", 2), ("a", 3), ("c", 4)):  # what was kept anew is not the oldest
        kept.keep(name, number, 5.0)

    assert [kept.find(name) for name in "abc"] == [3, None, 4]


class Server:
    """A name server that answers with what it is asked, or not at all, and counts."""

    def __init__(self) -> None:
        self.asked: list[Any] = []
        self.is_up = True

    def _answer(self, *asked: Any) -> Sequence[str]:
        self.asked.append(asked)
        if not self.is_up:
            raise Unavailable(f"No answer about {asked[1]}")
        return [str(asked)]

    def texts(self, name: str, timeout: dt.timedelta) -> Sequence[str]:
        return self._answer("texts", name, timeout)

    def addresses(self, name: str, timeout: dt.timedelta, version: int | None = None) -> Sequence[str]:
        return self._answer("addresses", name, timeout, version)

    def names(self, address: str, timeout: dt.timedelta) -> Sequence[str]:
        return self._answer("names", address, timeout)


QUESTIONS: Sequence[Callable[[Any], Sequence[str]]] = (
    lambda names: names.texts("a", seconds(1)),
    lambda names: names.addresses("a", seconds(2)),
    lambda names: names.addresses("a", seconds(2), 4),
    lambda names: names.addresses("a", seconds(2), 6),
    lambda names: names.names("a", seconds(3)),
    lambda names: names.names("b", seconds(3)),
)
ASKED = [
    ("texts", "a", seconds(1)),
    ("addresses", "a", seconds(2), None),
    ("addresses", "a", seconds(2), 4),
    ("addresses", "a", seconds(2), 6),
    ("names", "a", seconds(3)),
    ("names", "b", seconds(3)),
]


def test_each_question_is_asked_once_in_five_minutes_and_has_its_own_answer() -> None:
    server, clock = Server(), Seconds()
    names = KeptNames(server, clock)

    for _ in range(2):
        assert [ask(names) for ask in QUESTIONS] == [[str(asked)] for asked in ASKED]
        clock.now += 299
    assert server.asked == ASKED

    clock.now += 1
    QUESTIONS[0](names)
    assert server.asked == [*ASKED, ASKED[0]]


def test_a_server_that_gives_no_answer_is_not_asked_again_for_half_a_minute() -> None:
    server, clock = Server(), Seconds()
    names = KeptNames(server, clock)
    server.is_up = False

    for later in (0, 29.9):
        clock.now = 1000 + later
        with pytest.raises(Unavailable, match="No answer about a"):
            names.texts("a", seconds(1))
    assert len(server.asked) == 1

    clock.now, server.is_up = 1030.0, True
    assert names.texts("a", seconds(1)) == [str(ASKED[0])]


# --- lists of networks ---------------------------------------------------------------------------


def source(path: pathlib.Path, update: float = 60, retry: float = 10, **more: Any) -> ListSource:
    return ListSource(path.as_uri(), seconds(update), seconds(retry), **more)


def test_a_list_is_read_again_when_it_is_time(tmp_path: pathlib.Path) -> None:
    clock, path = Seconds(), tmp_path / "a list"
    lists, one = KeptLists(InProcessJq(), clock), source(path)
    path.write_text("10.0.0.0/8  # ours\n")
    assert TEN in (lists.networks(one) or ())
    path.write_text("20.0.0.0/8\n")

    clock.now += 59.9
    assert TEN in (lists.networks(one) or ())
    clock.now += 0.1
    assert TWENTY in (lists.networks(one) or ())


def test_a_list_that_cannot_be_read_stays_as_it_was_and_is_tried_sooner(tmp_path: pathlib.Path) -> None:
    clock, path = Seconds(), tmp_path / "list"
    lists, one = KeptLists(InProcessJq(), clock), source(path)
    assert lists.networks(one) is None
    path.write_text("10.0.0.0/8\n")

    clock.now += 9.9
    assert lists.networks(one) is None
    clock.now += 0.1
    assert TEN in (lists.networks(one) or ())

    path.unlink()
    clock.now += 60
    assert TEN in (lists.networks(one) or ())


def test_a_list_is_read_no_more_than_once_a_second_whatever_a_policy_says(tmp_path: pathlib.Path) -> None:
    clock, path = Seconds(), tmp_path / "list"
    lists, one = KeptLists(InProcessJq(), clock), source(path, update=0)
    path.write_text("10.0.0.0/8\n")
    lists.networks(one)
    path.write_text("20.0.0.0/8\n")

    clock.now += 0.9
    assert TEN in (lists.networks(one) or ())
    clock.now += 0.1
    assert TWENTY in (lists.networks(one) or ())


def test_of_too_many_lists_the_first_is_let_go(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lookups, "MOST_LISTS", 2)
    lists, path = KeptLists(InProcessJq(), Seconds()), tmp_path / "list"
    path.write_text("10.0.0.0/8\n")
    first, second, third = (source(path, update=number) for number in (60, 61, 62))

    for one in (first, second, second, third):
        lists.networks(one)

    assert list(lists._lists) == [second, third]


def test_while_a_list_is_read_again_others_get_the_one_before(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock, path = Seconds(), tmp_path / "list"
    lists, one = KeptLists(InProcessJq(), clock), source(path)
    path.write_text("10.0.0.0/8\n")
    lists.networks(one)
    clock.now += 60
    meanwhile: list[Networks | None] = []

    def read(again: ListSource, jq: Any) -> Networks:
        other = threading.Thread(target=lambda: meanwhile.append(lists.networks(one)))
        other.start()
        other.join(5)
        return Networks()

    monkeypatch.setattr(lookups, "read_list", read)

    assert not lists.networks(one)
    assert [TEN in (found or ()) for found in meanwhile] == [True]


def test_a_script_makes_lines_of_json(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "list"
    path.write_text('{"nets": ["10.0.0.0/8", "11.0.0.0/8"], "more": ["20.0.0.0/8"]}')

    found = lookups.read_list(source(path, script=".[$which][]", args='{"which": "nets"}'), InProcessJq())

    assert TEN in found
    assert ipaddress.ip_address("11.2.3.4") in found
    assert TWENTY not in found


@pytest.mark.parametrize(
    ("text", "args", "complaint"),
    [("no JSON", "{}", "The list: not valid JSON"), ("{}", "no JSON", "args: not valid JSON")],
)
def test_what_is_no_json_is_no_list(tmp_path: pathlib.Path, text: str, args: str, complaint: str) -> None:
    path = tmp_path / "list"
    path.write_text(text)

    with pytest.raises(Invalid, match=complaint):
        lookups.read_list(source(path, script=".", args=args), InProcessJq())


def test_a_list_from_a_file_has_an_end_and_its_bytes_may_be_any(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lookups, "LARGEST_LIST", 16)
    path = tmp_path / "a list"
    path.write_bytes(b"10.0.0.0/8\n\xff\xff\n\n\n20.0.0.0/8\n")

    found = lookups.read_list(source(path), InProcessJq())

    assert TEN in found
    assert TWENTY not in found


def test_a_file_that_is_not_there_is_said(tmp_path: pathlib.Path) -> None:
    one = source(tmp_path / "none")

    with pytest.raises(Unavailable) as failed:
        lookups.read_list(one, InProcessJq())

    assert failed.value.message == f"{one.url} cannot be read: No such file or directory"


@pytest.fixture
def wanted(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The web: ``answer`` is what it answers, ``asked`` what it was asked."""
    told: dict[str, Any] = {"answer": (200, "10.0.0.0/8\n"), "asked": []}

    def get(want: Want) -> tuple[int, str]:
        told["asked"].append(want)
        return told["answer"]

    monkeypatch.setattr(web, "get", get)
    return told


def test_a_list_from_the_web_is_asked_for_as_its_policy_says(wanted: dict[str, Any]) -> None:
    one = ListSource(
        "http://lists.test/a", seconds(60), seconds(10), bind="192.0.2.9", proxy="http://proxy.test"
    )

    assert TEN in lookups.read_list(one, InProcessJq())
    assert wanted["asked"] == [
        Want("http://lists.test/a", 5.0, 8_388_608, bind="192.0.2.9", proxy="http://proxy.test")
    ]

    wanted["answer"] = (404, "10.0.0.0/8\n")
    with pytest.raises(Unavailable, match="A list's URL answered with status 404"):
        lookups.read_list(one, InProcessJq())


# --- one judgement -------------------------------------------------------------------------------


@dataclasses.dataclass
class World:
    """A judgement that began at 1000 on a clock that is set."""

    clock: Seconds
    names: Any
    pages: Any


@pytest.fixture
def judging(monkeypatch: pytest.MonkeyPatch) -> World:
    clock = Seconds()
    monkeypatch.setattr(lookups, "time", types.SimpleNamespace(monotonic=clock))
    monkeypatch.setattr(lookups, "_NAMES", Server())
    around = lookups.surroundings()
    return World(clock, around.names, around.pages)


@pytest.mark.parametrize(("spent", "left"), [(0, 3), (5, 3), (5.5, 2.5), (7.5, 0.5)])
def test_a_question_has_its_own_time_or_what_a_judgement_has_left(
    judging: World, spent: float, left: float
) -> None:
    judging.clock.now += spent

    assert judging.names.texts("a", seconds(3)) == [str(("texts", "a", seconds(left)))]
    assert judging.names.names("a", seconds(3)) == [str(("names", "a", seconds(left)))]
    assert judging.names.addresses("a", seconds(3)) == [str(("addresses", "a", seconds(left), None))]
    assert judging.names.addresses("a", seconds(3), 6) == [str(("addresses", "a", seconds(left), 6))]


def test_a_judgement_looks_things_up_for_eight_seconds(judging: World, wanted: dict[str, Any]) -> None:
    judging.clock.now += 8

    with pytest.raises(Unavailable, match="More than 8 seconds were spent looking things up"):
        judging.names.texts("a", seconds(3))
    with pytest.raises(Unavailable):
        judging.pages.get(QUERY)
    assert wanted["asked"] == []


HEADERS: Mapping[str, str] = {"X": "1"}
QUERY = Query(
    "http://judge.test/",
    HEADERS,
    {"who": "me"},
    seconds(3),
    bind="192.0.2.9",
    verify=False,
    follow=False,
    proxy="http://proxy.test",
)


def test_a_page_is_asked_for_as_its_policy_says_in_what_time_is_left(
    judging: World, wanted: dict[str, Any]
) -> None:
    wanted["answer"] = (403, "no")
    judging.clock.now += 6

    assert judging.pages.get(QUERY) == (403, "no")
    assert wanted["asked"] == [
        Want(
            "http://judge.test/",
            2.0,
            1_048_576,
            headers=HEADERS,
            params={"who": "me"},
            bind="192.0.2.9",
            verify=False,
            follow=False,
            proxy="http://proxy.test",
        )
    ]
