"""rsyslog: what the archivers syslog, tcp and udp write, as it understands it."""

import json
import pathlib
from collections.abc import Iterator
from typing import NamedTuple

import pytest

from plugins.archivers import syslog, tcp, udp
from plugins.sdk.jobs import Outcome, Parcel
from tests.acceptance.nodes import free_port
from tests.receivers.documents import RESULT
from tests.receivers.processes import folder, lines, listens, needed, running

CONFIGURATION = """
global(workDirectory="{where}" maxMessageSize="64k")
module(load="imuxsock" SysSock.Use="off")
module(load="imtcp")
module(load="imudp")
template(name="fields" type="list" option.jsonf="on") {{
    property(outname="tag" name="syslogtag" format="jsonf")
    property(outname="program" name="programname" format="jsonf")
    property(outname="facility" name="syslogfacility-text" format="jsonf")
    property(outname="severity" name="syslogseverity-text" format="jsonf")
    property(outname="message" name="msg" format="jsonf")
}}
template(name="raw" type="list") {{ property(name="rawmsg-after-pri") constant(value="\\n") }}
ruleset(name="local") {{ action(type="omfile" file="{where}/fields" template="fields") }}
ruleset(name="plain") {{ action(type="omfile" file="{where}/raw" template="raw") }}
input(type="imuxsock" Socket="{where}/log" RateLimit.Interval="0" Ruleset="local")
input(type="imtcp" Address="127.0.0.1" Port="{port}" Ruleset="plain")
input(type="imudp" Address="127.0.0.1" Port="{port}" Ruleset="plain")
"""


class Log(NamedTuple):
    socket: pathlib.Path
    fields: pathlib.Path
    raw: pathlib.Path
    port: int


@pytest.fixture
def log() -> Iterator[Log]:
    program, port = needed("rsyslogd"), free_port()
    with folder() as where:
        configuration = where / "rsyslog.conf"
        configuration.write_text(CONFIGURATION.format(where=where, port=port))
        found = Log(where / "log", where / "fields", where / "raw", port)
        with running(
            [program, "-n", "-iNONE", "-f", str(configuration)],
            where,
            lambda: listens(port) and found.socket.exists(),
        ):
            yield found


def test_a_result_is_in_the_log_as_it_was_sent_with_who_says_it_and_how_urgently(log: Log) -> None:
    chosen = {"ident": "measurements", "facility": "local3", "priority": "warning"}

    outcomes = [
        syslog.deliver(Parcel({}, RESULT), log.socket),
        syslog.deliver(Parcel(chosen, "a text, as it is: café"), log.socket),
    ]

    assert outcomes == [Outcome(True), Outcome(True)]
    plain, told = (json.loads(line) for line in lines(log.fields, 2))
    assert json.loads(plain.pop("message")) == RESULT
    assert plain == {"tag": "pScheduler:", "program": "pScheduler", "facility": "user", "severity": "info"}
    assert told == {
        "tag": "measurements:",
        "program": "measurements",
        "facility": "local3",
        "severity": "warning",
        "message": " a text, as it is: café",
    }


def test_tcp_and_udp_carry_a_result_whole(log: Log) -> None:
    where = {"host": "127.0.0.1", "port": log.port}

    outcomes = [
        tcp.deliver(Parcel(where, RESULT)),
        udp.deliver(Parcel({**where, "payload-size": 9000}, RESULT)),
    ]

    assert outcomes == [Outcome(True), Outcome(True)]
    assert [json.loads(line) for line in lines(log.raw, 2)] == [RESULT, RESULT]
