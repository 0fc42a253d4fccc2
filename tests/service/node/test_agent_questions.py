"""What is asked of the hosts of agents: for how long, how much at a time, and what counts as an answer."""

from typing import Any

import pytest

from chalicelib.domain.errors import Conflict, Overtaken, TooMany, Unavailable
from chalicelib.domain.names import NodeName
from chalicelib.domain.times import format_timestamp
from chalicelib.service.node import agent_questions, registration
from chalicelib.service.node.agent_questions import answer_to, ask, identifier, last_clock, take_answer
from chalicelib.store import agent_bells, changes, node_registry, node_table
from tests.builders import NOON, at, seconds

AMS = NodeName("ams.example")


@pytest.fixture(autouse=True)
def _registered(empty_aws: None) -> None:
    registration.add(AMS, "agent", NOON)


def known() -> list[Any]:
    return node_registry.questions(AMS)[0]


def test_a_question_is_kept_for_five_seconds_and_its_agent_is_called() -> None:
    question = ask(AMS, "mtu", {"dest": "a"}, NOON, at(1))

    whole = {"id": question, "what": "mtu", "argument": {"dest": "a"}, "until": format_timestamp(at(5))}
    assert known() == [whole]
    assert agent_questions.still_open(known(), at(4.9)) == [whole]
    assert agent_questions.still_open(known(), at(5)) == []
    assert agent_bells.read(AMS) == (1, 0, at(1))


def test_asked_again_it_is_the_same_question() -> None:
    asked = [ask(AMS, "clock", None, NOON, at(later)) for later in (0, 1, 2)]

    assert len(set(asked)) == len(known()) == 1
    assert agent_bells.read(AMS).number == 1


@pytest.mark.parametrize(
    "other",
    [
        (NodeName("bru.example"), "clock", 1, NOON),
        (AMS, "mtu", 1, NOON),
        (AMS, "clock", 2, NOON),
        (AMS, "clock", 1, at(1)),
    ],
)
def test_what_is_asked_when_and_of_whom_tells_questions_apart(other: Any) -> None:
    assert identifier(*other) != identifier(AMS, "clock", 1, NOON)


def test_so_many_may_be_open_at_a_time() -> None:
    for number in range(20):
        ask(AMS, "clock", number, NOON, NOON)

    with pytest.raises(TooMany) as failed:
        ask(AMS, "clock", 20, NOON, at(4))
    assert failed.value.message == "20 questions to this node's agent are still open: try again"
    ask(AMS, "clock", 20, at(5), at(5))

    assert [each["argument"] for each in known()] == [20]  # those that nobody listens for are let go


@pytest.mark.parametrize(("times", "is_kept"), [(4, True), (5, False)])
def test_a_question_is_asked_though_others_ask_meanwhile(
    monkeypatch: pytest.MonkeyPatch, times: int, is_kept: bool
) -> None:
    write, left = node_registry.write_questions, [times]

    def overtaken(*arguments: Any) -> None:
        if left[0]:
            left[0] -= 1
            raise Overtaken("Somebody else asked meanwhile")
        write(*arguments)

    monkeypatch.setattr(node_registry, "write_questions", overtaken)

    if is_kept:
        ask(AMS, "clock", None, NOON, NOON)
    else:
        with pytest.raises(Conflict):
            ask(AMS, "clock", None, NOON, NOON)

    assert len(known()) == agent_bells.read(AMS).number == is_kept


def test_an_answer_is_kept_a_minute_for_whoever_listens(monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[str] = []
    kept: list[Any] = []
    write = node_table.write
    monkeypatch.setattr(changes, "announce", heard.append)
    monkeypatch.setattr(node_table, "write", lambda *told: (kept.append(told), write(*told)))
    question = ask(AMS, "clock", None, NOON, NOON)
    heard.clear()

    take_answer(AMS, "another", 5, at(1))
    assert (heard, kept, answer_to(AMS, "another")) == ([], [], None)
    assert answer_to(AMS, question) is None
    take_answer(AMS, question, {"a": 1}, at(1))

    assert answer_to(AMS, question) == {"answer": {"a": 1}}
    assert heard == [agent_questions.word(question)] == [f"answer:{question}"]
    assert kept == [(AMS, f"agent-answer-{question}", {"answer": {"a": 1}}, at(61))]


def test_an_agent_that_does_not_answer_is_said_to_be_away() -> None:
    assert agent_questions.away(AMS).message == "The agent of ams.example has not been heard from yet"
    node_registry.note_contact(AMS, {"at": "2026-11-23T12:00:00+00:00"})

    assert agent_questions.away(AMS).message == (
        "The agent of ams.example is away: it was last heard from at 2026-11-23T12:00:00+00:00"
    )


CLOCK = {"time": "2026-11-23T12:00:00.5+00:00", "synchronized": True, "source": "ntp"}


@pytest.mark.parametrize("more", [{}, {"offset": 0.5}])
def test_the_clock_of_a_host_is_told_as_any(more: dict[str, Any]) -> None:
    assert agent_questions.clock({**CLOCK, **more, "else": 1}) == {**CLOCK, **more}


@pytest.mark.parametrize(
    "answer",
    [
        None,
        [],
        {},
        *({name: value for name, value in CLOCK.items() if name != missing} for missing in CLOCK),
        {**CLOCK, "time": "soon"},
        {**CLOCK, "synchronized": "yes"},
        {**CLOCK, "source": 5},
        {**CLOCK, "offset": "none"},
    ],
)
def test_what_is_no_clock_is_not_told(answer: Any) -> None:
    with pytest.raises(Unavailable) as failed:
        agent_questions.clock(answer)

    assert failed.value.message == "The node's agent did not report its clock"


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        ({"safe": True, "message": "1500+", "else": 1}, {"safe": True, "message": "1500+"}),
        ({"safe": False}, {"safe": False, "message": ""}),
        ({"safe": False, "message": 5}, {"safe": False, "message": "5"}),
        (None, None),
        ([], None),
        ({}, None),
        ({"safe": 1}, None),
    ],
)
def test_whether_a_path_is_safe_is_told_where_the_agent_says_so(answer: Any, told: Any) -> None:
    if told is not None:
        assert agent_questions.verdict(answer) == told
        return
    with pytest.raises(Unavailable) as failed:
        agent_questions.verdict(answer)
    assert failed.value.message == "The node's agent did not report whether the path is safe"


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ({"synchronized": True, "offset": 0.25}, ("12:01:00.250000", True, "ntp")),
        ({"synchronized": False, "offset": -2}, ("12:00:58.000000", False, "unknown")),
        ({"synchronized": True}, ("12:01:00.000000", True, "ntp")),
        ({"synchronized": True, "offset": None}, ("12:01:00.000000", True, "ntp")),
        ({"offset": 0}, ("12:01:00.000000", False, "unknown")),
    ],
)
def test_a_clock_is_reckoned_from_the_last_contact(
    said: dict[str, Any], shown: tuple[str, bool, str]
) -> None:
    node_registry.note_contact(AMS, {"at": format_timestamp(NOON), "clock": said})

    time, synchronized, source = shown
    assert last_clock(AMS, at(60)) == {
        "time": f"2026-11-23T{time}+00:00",
        "synchronized": synchronized,
        "source": source,
    }


@pytest.mark.parametrize(("offset", "day"), [(1e300, "2026-11-24"), (-1e300, "2026-11-22")])
def test_no_clock_is_off_by_more_than_a_day(offset: float, day: str) -> None:
    said = {"synchronized": True, "offset": offset}
    node_registry.note_contact(AMS, {"at": format_timestamp(NOON), "clock": said})

    assert last_clock(AMS, NOON)["time"] == f"{day}T12:00:00.000000+00:00"


@pytest.mark.parametrize(
    ("contact", "later"),
    [
        (None, 0),
        ({"at": format_timestamp(NOON)}, 0),
        ({"at": format_timestamp(NOON), "clock": None}, 0),
        ({"at": format_timestamp(NOON), "clock": {"synchronized": True}}, 150.1),
    ],
)
def test_a_clock_that_was_not_told_lately_is_not_known(contact: Any, later: float) -> None:
    if contact:
        node_registry.note_contact(AMS, contact)

    assert last_clock(AMS, at(later)) == {"error": agent_questions.away(AMS).message}


def test_a_contact_of_two_and_a_half_minutes_ago_is_recent() -> None:
    node_registry.note_contact(AMS, {"at": format_timestamp(NOON), "clock": {"synchronized": True}})

    assert last_clock(AMS, NOON + seconds(150))["synchronized"] is True
