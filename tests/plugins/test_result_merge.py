"""What is made of the results of the two ends of a throughput test."""

import copy
from random import Random
from typing import Any

import pytest

from plugins.support import result_merge
from tests.chance import by_chance
from tests.plugins.garbage import changed, value

MEASURED = {"intervals": [], "summary": {"streams": [], "summary": {"throughput-bits": 5, "sent": 9}}}
GOOD = {"schema": 1, "succeeded": True, "diags": "client said", **MEASURED}
SERVED = {"schema": 1, "succeeded": True, "diags": "server said"}
BROKEN = {"succeeded": False, "result": None, "error": "Address already in use", "diags": "bind"}


def test_the_clients_measurement_is_the_result() -> None:
    merged = result_merge.merge({}, [{**GOOD, "mss": 1448, "strange": 1}, SERVED])

    assert merged == {
        **GOOD,
        "mss": 1448,
        "diags": "Participant 0:\nclient said\n\nParticipant 1:\nserver said",
    }


@pytest.mark.parametrize(
    ("results", "error"),
    [
        ([GOOD, BROKEN], "Participant 1: Address already in use"),  # measured to somebody else's server
        ([BROKEN, SERVED], "Participant 0: Address already in use"),
        ([None, SERVED], "Participant 0: there is no measurement"),
        ([SERVED, SERVED], "Participant 0: there is no measurement"),
        ([{**GOOD, "intervals": 5}, SERVED], "Participant 0: there is no measurement"),
        ([{**GOOD, "summary": [1]}], "Participant 0: there is no measurement"),
        ([{"succeeded": "yes"}], "Participant 0: failed without saying why"),
        ([{"succeeded": False, "error": 5, "diags": 5}], "Participant 0: failed without saying why"),
    ],
)
@pytest.mark.parametrize("merge", [result_merge.merge, result_merge.merge_by_sender])
def test_a_failure_of_either_end_is_one_of_the_test(merge: Any, results: list[Any], error: str) -> None:
    merged = merge({}, results)

    assert (merged["succeeded"], merged["error"]) == (False, error)
    assert isinstance(merged["diags"], str)


def test_a_server_nobody_could_ask_does_no_harm_to_what_the_client_measured() -> None:
    merged = result_merge.merge({}, [GOOD, None])

    assert merged["succeeded"]
    assert merged["diags"].endswith("Participant 1:\n")


def test_in_reverse_the_result_is_the_senders_with_what_arrived() -> None:
    total = {"receiver-throughput-bits": 4, "lost": 2, "jitter": 0.5, "throughput-bits": 1}
    client = {**GOOD, "summary": {"streams": [], "summary": total}}
    server = {
        **GOOD,
        "summary": {"streams": [{"stream-id": 5}], "summary": {"throughput-bits": 5, "lost": 0}},
    }

    merged = result_merge.merge_by_sender({"reverse": True}, [client, server])

    assert merged["summary"] == {
        "streams": [{"stream-id": 5}],
        "summary": {"throughput-bits": 5, "receiver-throughput-bits": 4, "lost": 2, "jitter": 0.5},
    }
    assert server["summary"]["summary"] == {"throughput-bits": 5, "lost": 0}  # which is kept as it is


@pytest.mark.parametrize("server", [None, SERVED, BROKEN])
def test_in_reverse_a_sender_without_a_measurement_is_a_failure(server: Any) -> None:
    merged = result_merge.merge_by_sender({"reverse": True}, [GOOD, server])

    assert not merged["succeeded"]
    assert merged["error"].startswith("Participant 1: ")


def test_in_reverse_one_end_alone_has_the_whole_result() -> None:
    assert result_merge.merge_by_sender({"reverse": True}, [GOOD])["summary"] == MEASURED["summary"]


@by_chance
def test_whatever_other_nodes_say_there_is_a_result(chance: Random) -> None:
    results = [
        changed(chance, chance.choice([GOOD, SERVED, BROKEN])) if chance.randrange(3) else value(chance)
        for _ in range(chance.randint(1, 3))
    ]
    for merge in (result_merge.merge, result_merge.merge_by_sender):
        merged = merge({"reverse": bool(chance.randrange(2))}, copy.deepcopy(results))

        assert isinstance(merged["diags"], str)
        assert merged["succeeded"] is True or isinstance(merged["error"], str)
