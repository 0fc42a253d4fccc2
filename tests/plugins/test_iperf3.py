"""The iperf3 tool: its arguments, what it makes of the program's output, and the program itself."""

import concurrent.futures
import hashlib
import json
import pathlib
import re
import stat
from typing import Any

import pytest

from chalicelib.infrastructure.machine import Machine
from plugins.sdk.jobs import Completed, PluginFailed
from plugins.support.host_lookup import Ends
from plugins.tests.throughput import TEST
from plugins.tools.throughput import iperf3, iperf3_keys, iperf3_output, two_ended
from tests.builders import at, seconds
from tests.plugins import two_ends
from tests.plugins.programs import needs
from tests.plugins.two_ends import GENTLE, SHORT, Programs, checked

HERE = pathlib.Path(__file__).with_name("iperf3")
TCP = (HERE / "tcp.out").read_text()
ENDS = Ends("198.51.100.1", "192.0.2.1", 4)
VERSION = "iperf 3.12 (cJSON 1.7.15)\nLinux\nOptional features available: IPv6 flow label, {}\n"
AUTH = {"public": "PUB", "private": "PRIV", "username": "u", "password": "p", "credentials": "u,0\n"}


# --- output ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", two_ends.captured("iperf3"))
def test_reads_what_the_program_printed(path: pathlib.Path) -> None:
    parsed = iperf3_output.parse(path.with_suffix(".out").read_text())

    assert parsed == json.loads(path.read_text())
    assert TEST.result_versions.problem({"succeeded": True, "diags": "", **parsed}) is None


@pytest.mark.parametrize("number", ["nan", "-nan", "NaN", "inf", "-Infinity"])
def test_one_number_that_is_none_is_left_out_alone(number: str) -> None:
    text = TCP.replace('"bits_per_second":', f'"lost_percent":\t{number}, "bits_per_second":')
    first = re.sub(r'("bits_per_second":\s*)[0-9.]+', rf"\g<1>{number}", TCP, count=1)

    assert iperf3_output.parse(text) == iperf3_output.parse(TCP)
    assert iperf3_output.parse(first)["summary"] == iperf3_output.parse(TCP)["summary"]


def test_there_is_captured_output() -> None:
    assert len(list(HERE.glob("*.out"))) == 12
    assert len(list(HERE.glob("*.json"))) == 10  # two are of failures


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("refused", "unable to connect to server: Connection refused"),
        ("unauthorized", "test authorization failed"),
    ],
)
def test_an_error_in_the_output_is_a_failure(name: str, error: str) -> None:
    with pytest.raises(PluginFailed, match=error):
        iperf3_output.parse((HERE / f"{name}.out").read_text())


def test_warnings_before_the_output_are_passed_over() -> None:
    assert iperf3_output.parse(f"warning: {{old kernel}}\n{TCP}") == iperf3_output.parse(TCP)


def test_a_client_that_was_refused_before_is_passed_over() -> None:
    parsed = iperf3_output.parse((HERE / "stranger_first_server.out").read_text())

    assert parsed["summary"]["summary"]["receiver-throughput-bits"] > 0


@pytest.mark.parametrize("output", ["", "{", "[]", "{}", '{"end": {}}', '{"end": {"sum": 5}}', "{" * 9000])
def test_output_without_a_summary_is_a_failure(output: str) -> None:
    with pytest.raises(PluginFailed, match="iperf3's output"):
        iperf3_output.parse(output)


def test_numbers_that_are_none_are_left_out() -> None:
    block = {"bytes": None, "packets": 1.5, "start": True, "lost_packets": 3.0, "socket": [], "omitted": 1}

    assert iperf3_output.entry(block) == {"lost": 3}


def test_datagrams_that_got_lost_are_in_the_summary() -> None:
    # "sum_sent", which comes first with TCP, says that none did.
    total = {"packets": 100, "lost_packets": 7, "jitter_ms": 0.5, "bits_per_second": 5}
    end = {"sum": total, "sum_sent": {"packets": 100, "lost_packets": 0, "jitter_ms": 0}}

    found = iperf3_output.parse(json.dumps({"end": end}))["summary"]["summary"]

    assert found == {"sent": 100, "lost": 7, "jitter": 0.5, "throughput-bits": 5}


def test_what_the_output_tells_of_the_machine_is_removed() -> None:
    assert "Linux node" in TCP

    assert "Linux node" not in iperf3_output.redacted(TCP)
    assert json.loads(iperf3_output.redacted(TCP))["start"]["system_info"] == "(removed)"


# --- arguments -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({}, "-t 10"),
        ({"duration": "PT2.5S", "interval": "PT0.5S", "omit": "PT1S"}, "-t 3 -i 0.5 -O 1"),
        ({"omit": "P0D"}, "-t 10"),
        ({"parallel": 4, "window-size": 1e6, "mss": 1400}, "-t 10 -P 4 -w 1000000 -M 1400"),
        ({"udp": True, "bandwidth": 5, "buffer-length": 1400}, "-t 10 -b 5 -u -l 1400"),
        ({"udp": False, "zero-copy": False, "reverse": False}, "-t 10"),
        ({"fq-rate": 9, "ip-tos": 0, "congestion": "bbr"}, "-t 10 --fq-rate 9 -S 0 -C bbr"),
        ({"zero-copy": True, "flow-label": 7, "reverse": True}, "-t 10 -Z -L 7 -R"),
    ],
)
def test_the_clients_arguments_follow_the_spec(spec: dict[str, Any], expected: str) -> None:
    arguments = iperf3.client_argv(spec, ENDS, 5201)

    assert arguments == [
        *["iperf3", "--json", "-p", "5201", "-4", "-B", "198.51.100.1", "-c", "192.0.2.1"],
        *expected.split(),
    ]


def test_a_client_without_a_source_binds_nothing() -> None:
    assert " ".join(iperf3.client_argv({}, Ends(None, "::1", 6), 1)) == "iperf3 --json -p 1 -6 -c ::1 -t 10"


@pytest.mark.parametrize(("spec", "patience"), [({}, 7), ({"link-rtt": "PT0.01S"}, 4)])
def test_the_server_waits_for_one_client_a_while(spec: dict[str, Any], patience: int) -> None:
    arguments = iperf3.server_argv(spec, ENDS, 5201)

    assert " ".join(arguments) == f"iperf3 --json -p 5201 -4 -s -1 --idle-timeout {patience} -B 192.0.2.1"


@pytest.mark.parametrize(
    ("own", "others", "padded"),
    [
        ("3.17", "3.16", True),
        ("3.17.1", "3.9", True),
        ("4", None, True),  # one that tells none is old
        ("3.18", "3.17", False),
        ("3.16", "3.9", False),
        (None, "3.9", False),
        ("3.17", "three", True),
        ("3.17", 3.2, True),
    ],
)
def test_the_newer_end_pads_as_the_older_one_does(own: Any, others: Any, padded: bool) -> None:
    found = iperf3.old_padding({"iperf3-version": own}, {"iperf3-version": others})

    assert found == (["--use-pkcs1-padding"] if padded else [])


def test_bandwidth_and_pacing_do_not_go_together() -> None:
    (reason,) = iperf3.declines("throughput", {"bandwidth": 1, "fq-rate": 1})

    assert "fq-rate" in reason
    assert iperf3.declines("throughput", {"bandwidth": 1}) == []


@pytest.mark.parametrize("extra", [{"no-delay": True}, {"burst-size": 1}, {"reverse-connections": True}])
def test_declines_what_it_cannot_do(extra: dict[str, Any]) -> None:
    reasons = iperf3.TOOL.reasons_against("throughput", {"schema": 7, "dest": "a", **extra})

    assert f"Does not support {next(iter(extra))}" in reasons


@pytest.mark.parametrize(
    ("spec", "planned"),
    [
        ({}, 4 + 10 + 5),
        ({"duration": "PT3S"}, 12),
        ({"duration": "PT30S", "omit": "PT5S", "link-rtt": "PT0.01S"}, 1 + 35 + 5),
    ],
)
def test_plans_for_as_long_as_it_may_take(spec: dict[str, Any], planned: int) -> None:
    assert iperf3.duration("throughput", spec) == seconds(planned)


# --- what participants tell each other ------------------------------------------------------------


def test_the_client_tells_its_version() -> None:
    host = Programs(iperf3=Completed(0, VERSION.format("authentication"), ""))

    assert iperf3.participant_data(0, {}, host) == {"schema": 3, "iperf3-version": "3.12"}


def test_the_server_tells_its_port_and_keys_that_nobody_else_is_shown() -> None:
    host = Programs(iperf3=Completed(0, VERSION.format("authentication"), ""))

    told = iperf3.participant_data(1, {}, host)

    auth = told.pop("_auth")
    assert told == {"schema": 3, "iperf3-version": "3.12", "server_port": 5201}
    assert auth["private"].startswith("-----BEGIN RSA PRIVATE KEY-----")
    assert auth["public"].startswith("-----BEGIN PUBLIC KEY-----")
    assert len(auth["username"]) == len(auth["password"]) == 20
    digest = hashlib.sha256(f"{{{auth['username']}}}{auth['password']}".encode()).hexdigest()
    assert auth["credentials"] == f"{auth['username']},{digest}\n"


def test_no_two_runs_have_the_same_keys() -> None:
    first, second = iperf3_keys.make(), iperf3_keys.make()

    assert first is not None
    assert second is not None
    assert all(first[name] != second[name] for name in first)


def test_a_program_without_authentication_gets_no_keys() -> None:
    host = Programs(iperf3=Completed(0, VERSION.format("SCTP"), ""))

    assert "_auth" not in iperf3.participant_data(1, {}, host)


def test_a_program_that_does_not_say_its_version_tells_none() -> None:
    assert iperf3.participant_data(0, {}, Programs()) == {"schema": 3}


# --- both ends, on programs that only seem to run ---------------------------------------------------


@pytest.mark.parametrize(("length", "begins"), [("PT1S", 2.5), ("PT3S", 3.5), ("PT6S", 5), ("PT1H", 5)])
def test_the_client_comes_while_the_server_of_a_short_test_still_waits(length: str, begins: float) -> None:
    host = Programs(iperf3=Completed(0, TCP, ""))

    two_ends.end(iperf3.TOOL, {"dest": "127.0.0.1", "duration": length}, host)

    assert host.slept_until == [at(2), at(begins)]


def test_the_client_tries_again_while_the_server_may_still_be_starting() -> None:
    host = Programs(iperf3=Completed(1, (HERE / "refused.out").read_text(), ""))

    with pytest.raises(PluginFailed, match="unable to connect"):
        two_ends.end(iperf3.TOOL, {"dest": "127.0.0.1", "duration": "PT4S"}, host)

    assert host.slept_until == [at(2), at(4), at(4.25), at(4.5), at(4.75), at(5)]
    assert len([argv for argv in host.executed if "-c" in argv]) == 5


def test_the_client_waits_for_the_server_and_proves_who_it_is() -> None:
    host = Programs(iperf3=Completed(0, TCP, ""))

    local = two_ends.end(iperf3.TOOL, {"dest": "127.0.0.1"}, host, _auth=AUTH)

    assert local["summary"] == json.loads((HERE / "tcp.json").read_text())["summary"]
    assert host.slept_until == [at(2), at(5)]
    assert host.env == {"IPERF3_PASSWORD": "p"}
    assert host.timeouts[-1] == 14
    assert host.executed[-1][-4:-2] == ["--rsa-public-key-path", host.executed[-1][-3]]
    assert host.executed[-1][-2:] == ["--username", "u"]
    assert "p" not in host.executed[-1]
    assert not pathlib.Path(host.executed[-1][-3]).exists()


def test_a_client_of_a_server_without_keys_proves_nothing() -> None:
    host = Programs(iperf3=Completed(0, TCP, ""))

    two_ends.end(iperf3.TOOL, {"dest": "127.0.0.1"}, host)

    assert host.env == {}
    assert "--username" not in host.executed[-1]


def test_keys_are_in_files_of_their_own_while_they_are_needed() -> None:
    with iperf3_keys.server_files(AUTH) as arguments:
        users, private = (pathlib.Path(arguments[at]) for at in (1, 3))
        assert (users.read_text(), private.read_text()) == ("u,0\n", "PRIV")
        assert stat.S_IMODE(users.parent.stat().st_mode) == 0o700

    assert arguments[0::2] == ["--authorized-users-path", "--rsa-private-key-path"]
    assert not users.parent.exists()


@pytest.mark.parametrize("auth", [{}, [], {**AUTH, "public": 5}, "keys"])
def test_keys_that_are_none_are_a_failure(auth: Any) -> None:
    with pytest.raises(PluginFailed, match="did not report what clients need"):
        two_ends.end(iperf3.TOOL, {"dest": "127.0.0.1"}, Programs(iperf3=Completed(0, TCP, "")), _auth=auth)


@pytest.mark.parametrize(("client", "guarded"), [({"schema": 2}, True), ({"schema": 1}, False), ({}, False)])
def test_a_server_guards_itself_from_clients_that_know_how(client: dict[str, Any], guarded: bool) -> None:
    host = Programs(iperf3=Completed(0, TCP, ""))
    data = [client, {"server_port": 5999, "_auth": AUTH}]
    own = two_ends.job(iperf3.TOOL, {"dest": "127.0.0.1"}, host, participant=1, participant_data=data)

    iperf3.run(own)

    assert ("--authorized-users-path" in host.executed[-1]) is guarded
    assert host.slept_until == [at(2)]
    assert host.timeouts[-1] == 17


@pytest.mark.parametrize(
    ("completed", "error"),
    [
        (Completed(1, "", "iperf3: error - bad option\nusage"), "iperf3: error - bad option"),
        (Completed(1, "iperf3: parameter error\n", ""), "iperf3: parameter error"),
        (Completed(-9, "", ""), "iperf3 ended with status -9"),
        (Completed(0, (HERE / "refused.out").read_text(), ""), "unable to connect"),
        (Completed(0, TCP[:900], ""), "not valid JSON"),
    ],
)
def test_a_program_that_could_not_measure_is_a_failure(completed: Completed, error: str) -> None:
    with pytest.raises(PluginFailed, match=error) as failed:
        two_ends.end(iperf3.TOOL, {"dest": "127.0.0.1"}, Programs(iperf3=completed))

    assert failed.value.diags.startswith("iperf3 --json -p 5999 -4 -c 127.0.0.1")
    assert "Linux node" not in failed.value.diags


def test_a_single_ended_client_needs_nobody_else() -> None:
    host = Programs(iperf3=Completed(0, TCP, ""))

    merged = two_ends.alone(iperf3.TOOL, {"dest": "127.0.0.1", "single-ended": True}, host)

    assert checked(merged)
    assert host.executed[-1][2:4] == ["-p", "5201"]


# --- the program itself -----------------------------------------------------------------------------


def told() -> list[dict[str, Any]]:
    machine = two_ends.Machine()
    data = [iperf3.participant_data(number, {}, machine) for number in (0, 1)]
    data[1]["server_port"] = two_ended.free_port()
    return data


@needs("iperf3", "--version")
def test_measures_between_two_ends() -> None:
    spec = {"source": "127.0.0.1", "dest": "127.0.0.1", "interval": "PT0.5S", **SHORT}

    results = two_ends.measure(iperf3.TOOL, spec, told())

    merged = checked(iperf3.TOOL.merge(spec, results))
    assert len(merged["intervals"]) >= 2
    assert merged["summary"]["summary"]["receiver-throughput-bits"] > 0
    assert "--username" in merged["diags"]


@needs("iperf3", "--version")
@two_ends.needs_ipv6
def test_measures_datagrams_in_reverse() -> None:
    spec = {"dest": "::1", "udp": True, "bandwidth": 5_000_000, "parallel": 2, "reverse": True, **SHORT}

    results = two_ends.measure(iperf3.TOOL, spec, told())

    merged = checked(iperf3.TOOL.merge(spec, results))
    total = merged["summary"]["summary"]
    assert len(merged["summary"]["streams"]) == 2
    assert total["sent"] > 0
    assert total["receiver-throughput-bits"] > 0  # which the sender does not know by itself
    assert "jitter" in total


@needs("iperf3", "--version")
def test_a_stranger_gets_nothing_out_of_a_server() -> None:
    # The less it may take to connect, the sooner the server leaves.
    spec, data = {"dest": "127.0.0.1", "link-rtt": "PT0.01S", **SHORT}, told()
    data[1]["_auth"] = {**data[1]["_auth"], "password": "guess"}

    results = two_ends.measure(iperf3.TOOL, spec, data)

    assert "authorization failed" in results[0]["error"]
    assert not iperf3.TOOL.merge(spec, results)["succeeded"]


@needs("iperf3", "--version")
def test_a_server_that_cannot_listen_fails_the_test() -> None:
    spec, data = {"dest": "127.0.0.1", **SHORT}, told()

    with two_ends.occupied(data[1]["server_port"]):
        results = two_ends.measure(iperf3.TOOL, spec, data)

    merged = iperf3.TOOL.merge(spec, results)
    assert not merged["succeeded"]
    assert "Address already in use" in results[1]["error"]


@needs("iperf3", "--version")
def test_measures_on_one_machine() -> None:
    spec = {"dest": "127.0.0.1", "loopback": True, "omit": "PT1S", **SHORT, **GENTLE}

    merged = two_ends.alone(iperf3.TOOL, spec)

    assert checked(merged)["intervals"][0]["summary"]["omitted"] is True


@needs("iperf3", "--version")
def test_nobody_at_the_other_end_is_a_failure(closed_port: int) -> None:
    spec = {
        "dest": "127.0.0.1",
        "single-ended": True,
        "single-ended-port": closed_port,
        **SHORT,
    }

    merged = two_ends.alone(iperf3.TOOL, spec)

    assert not merged["succeeded"]
    assert "Connection refused" in merged["error"]


@needs("iperf3", "--idle-timeout", "1", "--version")
def test_three_seconds_are_measured_to_a_server_that_waits_no_longer() -> None:
    """As servers of the reference do: they are gone when nobody came while the test was to last."""
    port = two_ended.free_port()
    argv = ["iperf3", "-s", "-1", "-p", str(port), "--idle-timeout", "3"]
    server = {"single-ended": True, "single-ended-port": port}
    spec = {"dest": "127.0.0.1", "duration": "PT3S", **server, **GENTLE}

    with concurrent.futures.ThreadPoolExecutor(1) as other:
        serving = other.submit(Machine().execute, argv, 30)
        merged = checked(two_ends.alone(iperf3.TOOL, spec))

    assert merged["summary"]["summary"]["end"] == pytest.approx(3, abs=0.5)
    assert serving.result().status == 0
