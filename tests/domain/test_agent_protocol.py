"""The protocol between a coordinator and agents: its numbers, its forms, and what becomes of results."""

import uuid
from typing import Any

import pytest

from chalicelib.domain import agent_protocol
from chalicelib.domain.agent_protocol import CLAIMS, CONTACT, REFUSALS, RESULT
from chalicelib.domain.errors import Invalid, PSchedulerError, TooOld
from chalicelib.domain.names import RunId
from chalicelib.domain.run import CODES
from chalicelib.domain.run_states import State, may_become

ONE, OTHER = (RunId(str(uuid.UUID(int=number))) for number in (1, 2))


@pytest.mark.parametrize(
    ("spoken", "text", "error"),
    [
        ((1,), "1", None),
        ((1, 2), "1", None),  # the one before
        ((1, 2), "2", None),
        ((2, 3), "1", TooOld),
        ((1,), "2", TooOld),  # the coordinator is older than its agent
        ((1,), "", TooOld),
        ((1,), "1.0", Invalid),
        ((1,), "\u0661", Invalid),
        ((1,), "1" * 400, Invalid),
    ],
)
def test_the_current_number_and_the_one_before_are_spoken(
    spoken: tuple[int, ...], text: str, error: type[PSchedulerError] | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(agent_protocol, "SPOKEN", spoken)

    if error is None:
        agent_protocol.require_spoken(text)
    else:
        with pytest.raises(error):
            agent_protocol.require_spoken(text)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "X-Agent-Protocol: must be the agent's protocol version; this coordinator speaks 1 and 2"),
        ("3", "The agent speaks protocol 3, this coordinator 1 and 2: they do not match"),
        ("x" * 300, f'X-Agent-Protocol: "{"x" * 200}"... is not a version of the protocol'),
    ],
)
def test_what_is_not_spoken_is_told_what_is(
    text: str, sentence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(agent_protocol, "SPOKEN", (1, 2))

    with pytest.raises(PSchedulerError) as refused:
        agent_protocol.require_spoken(text)

    assert sentence in refused.value.message


def test_no_more_than_two_numbers_are_spoken_and_the_current_one_is() -> None:
    assert agent_protocol.NUMBER in agent_protocol.SPOKEN
    assert set(agent_protocol.SPOKEN) <= {agent_protocol.NUMBER, agent_protocol.NUMBER - 1}


def test_a_streamed_result_is_the_same_run_however_often_it_is_handed_over() -> None:
    found = [agent_protocol.streamed(run, number) for run in (ONE, OTHER) for number in (1, 2, 1)]

    assert found[0] == found[2]
    assert len(set(found)) == 4
    assert all(uuid.UUID(run).version == 5 for run in found)


@pytest.mark.parametrize(("code", "state"), REFUSALS.items())
def test_what_an_agent_refuses_has_a_reason_and_a_way_there(code: str, state: State) -> None:
    assert code in CODES
    assert may_become(State.PENDING, state)
    assert may_become(State.RUNNING, State.MISSED)


HELD = {"task": ONE, "run": OTHER, "start": "2026-11-23T12:00:00+00:00"}
SAID: dict[str, Any] = {"instance": ONE, "version": "1", "held": [HELD]}
REFUSED = {**HELD, "code": "agent-tool"}
TOLD = {"instance": ONE, **HELD, "number": 1, "at": HELD["start"], "local": {}, "final": True}


@pytest.mark.parametrize(
    ("form", "document", "pointer"),
    [
        (CONTACT, {**SAID, "colour": "red"}, None),  # of a later version
        (CONTACT, {**SAID, "held": [HELD] * 1000}, None),
        (CONTACT, {**SAID, "held": [HELD] * 1001}, "/held"),
        (CONTACT, {**SAID, "clock": {"time": "noon"}}, "/clock/time"),
        (CONTACT, {**SAID, "clock": {"time": HELD["start"], "offset": "1"}}, "/clock/offset"),
        (CLAIMS, {"instance": ONE, "refuse": [REFUSED]}, None),
        (CLAIMS, {"instance": ONE, "refuse": [{**REFUSED, "code": "canceled"}]}, "/refuse/0/code"),
        (CLAIMS, {"instance": ONE, "refuse": [{**REFUSED, "message": "x" * 1001}]}, "/refuse/0/message"),
        (RESULT, TOLD, None),
        (RESULT, {**TOLD, "number": 0}, "/number"),
        (RESULT, {**TOLD, "number": True}, "/number"),
        (RESULT, {**TOLD, "final": 1}, "/final"),
    ],
)
def test_forms_are_bounded_and_let_through_what_they_do_not_know(
    form: Any, document: Any, pointer: str | None
) -> None:
    fault = form.fault(document)

    assert (fault and fault.pointer) == pointer


HELD = {"task": ONE, "run": OTHER, "start": "2026-11-26T12:00:00+00:00"}
SAID = {"instance": ONE, "version": "1.0", "held": [HELD]}


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({}, None),
        ({"held": []}, None),
        ({"held": [HELD] * 1000}, None),
        ({"held": [{**HELD, "later": 1}]}, None),  # of a later version: passed over
        ({"held": [{"task": ONE, "run": OTHER}]}, None),
        ({"held": [HELD] * 1001}, "/held"),
        ({"held": {}}, "/held"),
        ({"held": [HELD, {**HELD, "run": "one"}]}, "/held/1/run"),
        ({"held": [HELD, {**HELD, "run": OTHER + "\n"}]}, "/held/1/run"),
        ({"held": [{**HELD, "task": None}]}, "/held/0/task"),
        ({"held": [{**HELD, "start": "noon"}]}, "/held/0/start"),
        ({"held": [7]}, "/held/0"),
        ({"instance": "one"}, "/instance"),
        ({"waiting": -1}, "/waiting"),
        ({"waiting": 1e300}, "/waiting"),
    ],
)
def test_a_contact_is_held_to_its_form_however_much_is_held(
    changes: dict[str, Any], pointer: str | None
) -> None:
    said = {**SAID, **changes}

    if pointer is None:
        assert agent_protocol.require_contact(said) == said
    else:
        with pytest.raises(Invalid) as refused:
            agent_protocol.require_contact(said)
        assert refused.value.pointer == pointer


@pytest.mark.parametrize("said", [None, [], "contact", {}, {"held": [HELD]}])
def test_what_is_no_contact_is_refused(said: Any) -> None:
    with pytest.raises(Invalid):
        agent_protocol.require_contact(said)
