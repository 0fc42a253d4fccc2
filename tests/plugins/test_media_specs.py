"""The specs and results of dhcp, dot1x, wifibssid, disk-to-disk and s3throughput."""

import json
from typing import Any

import pytest

from chalicelib.domain.errors import Invalid
from plugins import sdk
from plugins.sdk.show import HTML, TEXT, render
from plugins.tests import dhcp, disk_to_disk, dot1x, s3throughput, wifibssid

COPY = {"source": "/tmp/a", "dest": "/tmp/b"}
STORE = {"url": "http://192.0.2.1", "bucket": "b", "_access-key": "a", "_secret-key": "s", "object-size": 1}
BSSID = wifibssid.TEST.result_examples[0]["ssid_list"][0]
AVERAGES = {"average_put_time": 1, "average_get_time": 2.0, "average_delete_time": 0.0004}


@pytest.mark.parametrize(
    ("test", "spec", "complaint"),
    [
        (dhcp.TEST, {"host": "a:b"}, '/host: "a:b" is not a host name'),
        (dhcp.TEST, {"timeout": 5}, "/timeout"),
        (dot1x.TEST, {}, '"interface" is a required property'),
        (dot1x.TEST, {"interface": "a", "_password": 5}, "/_password"),
        (wifibssid.TEST, {"interface": "a"}, '"ssid" is a required property'),
        (wifibssid.TEST, {"interface": "a", "ssid": "b", "duration": "P"}, '/duration: "P" is not'),
        (disk_to_disk.TEST, {"source": "a"}, '"dest" is a required property'),
        (disk_to_disk.TEST, {**COPY, "parallel": 0}, "/parallel"),
        (disk_to_disk.TEST, {**COPY, "cleanup": "False"}, "/cleanup"),
        (disk_to_disk.TEST, {**COPY, "host-node": "a"}, "host-node"),  # the one test without
        (s3throughput.TEST, {}, "is a required property"),
        (
            s3throughput.TEST,
            {**STORE, "url": "ftp://192.0.2.1"},
            "/url: must begin with http:// or https://",
        ),
        (
            s3throughput.TEST,
            {**STORE, "url": "192.0.2.1"},
            "/url: must begin with http:// or https://",
        ),
        (s3throughput.TEST, {**STORE, "url": "http://[::1"}, "/url: "),
        (s3throughput.TEST, {**STORE, "object-size": 0}, "/object-size"),
        (s3throughput.TEST, {**STORE, "iterations": 0}, "/iterations"),
    ],
)
def test_a_bad_member_is_named(test: sdk.Test, spec: dict[str, Any], complaint: str) -> None:
    assert complaint in str(test.problem(spec))


@pytest.mark.parametrize("interface", ["eth0", ["eth0", "eth1"], 5, None])
def test_an_interface_to_lease_for_may_be_anything(interface: Any) -> None:
    assert dhcp.TEST.problem({"interface": interface}) is None
    assert dhcp.TEST.arguments({"interface": interface}) == ["--interface", str(interface)]


@pytest.mark.parametrize(
    ("arguments", "members"),
    [
        ([], {"parallel": 1}),
        (["--parallel", "1"], {"parallel": 1}),
        (["--parallel", "3"], {"parallel": 3}),
        (["--cleanup"], {"parallel": 1, "cleanup": False}),  # it always meant the opposite
        (["--do-cleanup"], {"parallel": 1, "cleanup": True}),
    ],
)
def test_the_command_line_of_disk_to_disk(arguments: list[str], members: dict[str, Any]) -> None:
    spec = disk_to_disk.TEST.parse(arguments)

    assert spec == {"schema": 1, **members}
    assert disk_to_disk.TEST.parse(disk_to_disk.TEST.arguments(spec)) == spec


def test_no_less_than_one_transfer_is_made() -> None:
    with pytest.raises(Invalid, match="--parallel: must be at least 1, not 0"):
        disk_to_disk.TEST.parse(["--parallel", "0"])


def test_object_sizes_have_suffixes() -> None:
    assert s3throughput.TEST.parse(["--object-size", "1.5k"])["object-size"] == 1500
    with pytest.raises(Invalid, match='--object-size: "1x" is not a number'):
        s3throughput.TEST.parse(["--object-size", "1x"])


def test_the_command_line_of_dot1x_has_all_it_was_given() -> None:
    arguments = dot1x.TEST.arguments({"_username": "u", "_password": "p", "key-management": "WPA-EAP"})

    assert arguments == ["--username", "u", "--password", "p", "--key-management", "WPA-EAP"]


@pytest.mark.parametrize("test", [dot1x.TEST, s3throughput.TEST], ids=lambda test: test.name)
@pytest.mark.parametrize("mime", [TEXT, HTML])
def test_secrets_are_not_shown(test: sdk.Test, mime: str) -> None:
    rendered = render(test.show_spec(test.examples[0]), mime)

    assert rendered.count("(hidden)") == 2


@pytest.mark.parametrize(
    ("test", "members", "participants"),
    [
        (dhcp.TEST, {}, [None]),
        (dhcp.TEST, {"host": "a", "host-node": "b"}, ["b"]),
        (dot1x.TEST, {"host": "a"}, ["a"]),
        (wifibssid.TEST, {"host-node": "b"}, ["b"]),
        (disk_to_disk.TEST, {"host": "a"}, ["a"]),
        (disk_to_disk.TEST, {}, [None]),
        (s3throughput.TEST, {"host": "a", "host-node": "b"}, ["b"]),
    ],
)
def test_one_host_takes_part(test: sdk.Test, members: dict[str, str], participants: list[Any]) -> None:
    assert list(test.participants(members)) == participants
    assert test.null_reason == "No host specified"


def test_a_transfer_is_shown_in_suitable_units() -> None:
    result = {"time": "PT2S", "bytes-sent": 1_500_000, "throughput": 6e6}

    shown = render(disk_to_disk.TEST.show({}, result), TEXT)

    assert shown.splitlines() == ["Time ....... PT2S", "Bytes Sent . 1.5 MB", "Throughput . 6.0 Mb/s"]


def test_an_access_point_is_shown_with_its_rates() -> None:
    shown = render(wifibssid.TEST.show({}, {"ssid_list": [BSSID, BSSID], "time": "PT3S"}), TEXT)

    assert shown.startswith("eduroam  00:00:5E:00:53:01\n    Mode ......... Master\n")
    assert "    Frequency .... 2.4 GHz\n" in shown
    assert "    Rates ........ 1.0 Mb/s, 54.0 Mb/s\neduroam" in shown
    assert shown.endswith("\n\nTime . PT3S")


@pytest.mark.parametrize("name", BSSID)
def test_an_access_point_has_all_of_its_members(name: str) -> None:
    heard = {key: value for key, value in BSSID.items() if key != name}

    problem = wifibssid.TEST.result_versions.problem(
        {"succeeded": True, "time": "PT3S", "ssid_list": [heard]}
    )

    assert f'"{name}" is a required property' in str(problem)


@pytest.mark.parametrize("loops", ["", "no JSON", "[]", '{"1": 5}', "[" * 100_000])
def test_loops_that_are_none_are_left_out(loops: str) -> None:
    shown = render(s3throughput.TEST.show({}, {**AVERAGES, "loops": loops}), TEXT)

    assert shown.splitlines() == [
        "Average PUT Time (s) .... 1.000",
        "Average GET Time (s) .... 2.000",
        "Average DELETE Time (s) . 0.000",
    ]


def test_loops_are_shown_one_by_one() -> None:
    loops = {"1": {"loop_num": 1, "put_time": "10.0 secs", "put_objects": "5", "put_speed": "1.0MB/sec"}}

    shown = render(s3throughput.TEST.show({}, {**AVERAGES, "loops": json.dumps(loops), "time": "PT9S"}), TEXT)

    assert shown.startswith("Time . PT9S\n\nLoop 1: PUT 5 objects in 10.0 secs, 1.0MB/sec, ? operations/s\n")
