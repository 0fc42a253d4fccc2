"""On which processors the throughput tools run their programs."""

import json
import pathlib
from typing import Any

import pytest

from plugins.sdk.jobs import Completed, PluginFailed
from plugins.tools.throughput import affinity
from tests.plugins.two_ends import Programs


@pytest.fixture
def numa(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> pathlib.Path:
    """A machine with interfaces eth0, next to node 1, and eth1, which is next to none."""
    for name, node in (("eth0", "1\n"), ("eth1", "-1\n"), ("eth2", "what\n")):
        (tmp_path / name / "device").mkdir(parents=True)
        (tmp_path / name / "device" / "numa_node").write_text(node)
    monkeypatch.setattr(affinity, "INTERFACES", tmp_path)
    monkeypatch.setattr("shutil.which", lambda name: f"/usr/bin/{name}")
    return tmp_path


def says(answer: Any) -> Completed:
    return Completed(0, json.dumps(answer), "")


@pytest.mark.usefixtures("numa")
@pytest.mark.parametrize(
    ("address", "answer", "words"),
    [
        ("192.0.2.1", [{}, {"ifname": "eth0"}], ["numactl", "-N", "1"]),
        (None, [{"dst": "192.0.2.9", "dev": "eth0"}], ["numactl", "-N", "1"]),
        (None, [{"dev": "eth1"}], []),
        (None, [{"dev": "eth2"}], []),
        (None, [{"dev": "lo"}], []),
        (None, [{"dev": "../../eth0"}], []),
        (None, [], []),
        (None, {"dev": "eth0"}, []),
        (None, [5], []),
    ],
)
def test_a_program_runs_next_to_its_interface(address: str | None, answer: Any, words: list[str]) -> None:
    host = Programs(ip=says(answer), numactl=Completed(0, "", ""))

    assert affinity.pin(host, None, address, "192.0.2.9") == (words, "")
    question = f"address show to {address}" if address else "route get 192.0.2.9"
    assert host.executed[0] == ["ip", "-json", *question.split()]


@pytest.mark.usefixtures("numa")
def test_a_processor_asked_for_is_used() -> None:
    host = Programs(numactl=Completed(0, "", ""))

    assert affinity.pin(host, 0.0, None, "192.0.2.9") == (["numactl", "-C", "0"], "")
    assert host.executed == [["numactl", "-C", "0", "true"]]


@pytest.mark.usefixtures("numa")
@pytest.mark.parametrize("numactl", [Completed(1, "", "libnuma: Error"), PluginFailed("took too long")])
def test_a_processor_that_cannot_be_had_is_noted(numactl: Any) -> None:
    words, note = affinity.pin(Programs(numactl=numactl), 99, None, "192.0.2.9")

    assert words == []
    assert "numactl -C 99 does not work here" in note


def test_a_machine_without_the_programs_binds_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda name: None)

    assert affinity.pin(Programs(), None, None, "192.0.2.9") == ([], "")
    assert affinity.pin(Programs(), 3, None, "192.0.2.9")[0] == []
