"""The registry's lists against the folders, and against what the contract wants there to be."""

import dataclasses
import pathlib
import re
from collections.abc import Iterator
from typing import Any

import pytest

import plugins.archivers
import plugins.contexts
import plugins.tests
import plugins.tools
from chalicelib.domain.schemas import Checker
from chalicelib.domain.types import TYPES
from plugins import registry
from plugins.sdk.plugin import PROJECT, Maintainer, Plugin
from plugins.shipped import archivers, contexts, tests, tools
from tests.plugins.everything import ARCHIVERS, CONTEXTS, TESTS, TOOLS, label, module_name, modules

_TESTS = """clock dhcp disk-to-disk dns dot1x http idle idlebgm idleex latency latencybg mtu netreach noop
    openports psresponse rtt s3throughput simplestream snmpget snmpgetbgm snmpset throughput trace
    wifibssid"""
_TOOLS = """bssidscanner curl curl-d2d dhclient dnspy dublin-traceroute ethr fpingreach fwmtu globus halfping
    iperf2 iperf3 net-snmp-set nmapreach nmapscan nuttcp owping paris-traceroute passthrough ping powstream
    psclock pstimer pysnmp s3-benchmark simplestreamer sleep sleepbgm snooze tcpping tracemtu tracepath
    traceroute twping umichwpa"""
_CONTEXTS = "changefail changenothing linuxnns linuxvrf"
CONTRACT_TESTS, CONTRACT_TOOLS, CONTRACT_CONTEXTS = (
    frozenset(names.split()) for names in (_TESTS, _TOOLS, _CONTEXTS)
)


@pytest.mark.parametrize(
    ("listed", "found"),
    [
        (tests.TESTS, TESTS),
        (tools.TOOLS, TOOLS),
        (archivers.ARCHIVERS, ARCHIVERS),
        (contexts.CONTEXTS, CONTEXTS),
    ],
    ids=["tests", "tools", "archivers", "contexts"],
)
def test_the_registry_lists_what_is_in_the_folder(
    listed: tuple[Plugin, ...], found: dict[str, Plugin]
) -> None:
    assert {plugin.name: plugin for plugin in listed} == found
    assert len(listed) == len(found)


@pytest.mark.parametrize(
    ("package", "found"),
    [
        (plugins.tests, TESTS),
        (plugins.tools, TOOLS),
        (plugins.archivers, ARCHIVERS),
        (plugins.contexts, CONTEXTS),
    ],
    ids=["tests", "tools", "archivers", "contexts"],
)
def test_a_module_is_called_as_its_plugin(package: object, found: dict[str, Plugin]) -> None:
    assert {module_name(plugin) for plugin in found.values()} == set(modules(package))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "known",
    [registry.tests(), registry.tools(), registry.archivers(), registry.contexts()],
    ids=["tests", "tools", "archivers", "contexts"],
)
def test_plugins_are_listed_in_order_of_their_names(known: dict[str, Plugin]) -> None:
    assert list(known) == sorted(known)
    assert all(plugin.name == name for name, plugin in known.items())


@pytest.mark.parametrize("plugin", [*TESTS.values(), *TOOLS.values(), *CONTEXTS.values()], ids=label)
def test_nothing_the_contract_names_is_described_as_something_else(plugin: Plugin) -> None:
    shown = plugin.enumeration()

    assert shown["schema"] == 1
    assert shown["maintainer"] == {
        "name": "A pScheduler node without servers",
        "email": "nobody@none.invalid",
        "href": "https://none.invalid/",
    }
    assert Checker(TYPES["Maintainer"]).problem(shown["maintainer"]) is None
    assert all(shown[member] for member in ("name", "description", "version"))


def test_every_test_has_a_tool_and_every_tool_a_test() -> None:
    performed = {test for tool in TOOLS.values() for test in tool.tests}

    assert performed == set(TESTS)
    assert all(tool.tests for tool in TOOLS.values())


@pytest.mark.parametrize(
    ("test", "order"),
    [
        ("idle", ["sleep", "snooze"]),
        ("rtt", ["ping", "tcpping", "twping"]),
        ("latency", ["owping", "twping", "halfping"]),
        ("throughput", ["iperf3", "nuttcp", "iperf2", "ethr"]),
        ("trace", ["traceroute", "paris-traceroute", "tracepath", "dublin-traceroute"]),
        ("mtu", ["fwmtu", "tracemtu"]),
        ("netreach", ["fpingreach", "nmapreach"]),
        ("disk-to-disk", ["curl-d2d", "globus"]),
    ],
)
def test_tools_are_offered_in_the_order_of_the_contract(test: str, order: list[str]) -> None:
    offered = [tool.name for tool in registry.tools_for(test) if tool.name in CONTRACT_TOOLS]

    assert offered == [name for name in order if name in TOOLS]


@pytest.mark.parametrize(
    ("wanted", "found"),
    [(CONTRACT_TESTS, TESTS), (CONTRACT_TOOLS, TOOLS), (CONTRACT_CONTEXTS, CONTEXTS)],
    ids=["tests", "tools", "contexts"],
)
def test_everything_the_contract_names_is_there(wanted: frozenset[str], found: dict[str, Plugin]) -> None:
    assert wanted - set(found) == set()


def test_the_contract_names_twenty_five_tests() -> None:
    assert len(CONTRACT_TESTS) == 25


def test_the_readme_names_every_plugin() -> None:
    readme = (pathlib.Path(__file__).parents[2] / "README.md").read_text()
    _, _, after = readme.partition("## What it measures")
    words = set(re.findall(r"[a-z0-9][a-z0-9-]*", after.partition("\n## ")[0]))

    for found in (TESTS, TOOLS, ARCHIVERS, CONTEXTS):
        assert set(found) - words == set()


def test_the_readmes_table_says_which_tool_performs_which_test() -> None:
    readme = (pathlib.Path(__file__).parents[2] / "README.md").read_text()
    rows = re.findall(r"^\| ([a-z][^|]*) \| ([^|]*) \|$", readme.partition("## What it measures")[2], re.M)
    said = {test.split()[0]: tools for tests, tools in rows for test in tests.split(", ")}

    for name in TESTS:
        assert all(tool.name in said[name] for tool in registry.tools_for(name)), name


def test_the_maintainer_is_the_project_by_the_name_that_the_readme_has() -> None:
    readme = (pathlib.Path(__file__).parents[2] / "README.md").read_text()

    assert readme.splitlines()[0] == f"# {PROJECT.name}"


@dataclasses.dataclass(frozen=True)
class Entry:
    """Stands for an entry point of an installed package."""

    plugin: Any
    value: str = "elsewhere.test:TEST"
    name: str = "elsewhere"

    def load(self) -> Any:
        if isinstance(self.plugin, Exception):
            raise self.plugin
        return self.plugin


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Entry]]:
    """The entry points of tests that there are; none of another kind."""
    entries: list[Entry] = []

    class Installed:
        def select(self, group: str) -> list[Entry]:
            return entries if group == "pscheduler.tests" else []

    registry.forget()
    monkeypatch.setattr(registry.importlib.metadata, "entry_points", Installed)
    yield entries
    monkeypatch.undo()
    registry.forget()


def test_a_plugin_from_outside_names_who_maintains_it(
    installed: list[Entry], caplog: pytest.LogCaptureFixture
) -> None:
    anonymous = dataclasses.replace(TESTS["noop"], name="anonymous")
    signed = dataclasses.replace(
        TESTS["noop"], name="signed", maintainer=Maintainer("A. Body", "a@example.org")
    )
    installed.extend([Entry(anonymous), Entry(signed)])

    assert {"anonymous", "signed"} & set(registry.tests()) == {"signed"}
    assert registry.tests()["signed"].enumeration()["maintainer"]["name"] == "A. Body"
    assert registry.left_out("anonymous") == ["elsewhere.test:TEST names no maintainer, and is left out"]
    assert registry.left_out("signed") == []
    assert "elsewhere.test:TEST names no maintainer" in caplog.text


def _named(maintainer: Any) -> Plugin:
    return dataclasses.replace(TESTS["noop"], name="elsewhere", maintainer=maintainer)


@pytest.mark.parametrize(
    ("plugin", "why"),
    [
        (_named("A. Body"), "a maintainer that is not a Maintainer"),
        (_named({"name": "A. Body"}), "a maintainer that is not a Maintainer"),
        (_named(Maintainer("")), "an invalid maintainer: /name"),
        (_named(Maintainer(" ")), "an invalid maintainer: /name"),
        (_named(Maintainer(None)), "an invalid maintainer: /name"),  # type: ignore[arg-type]
        (_named(Maintainer("A. Body", "nowhere")), "an invalid maintainer: /email"),
        (_named(Maintainer("A. Body", "a@example.org", 5)), "an invalid maintainer: /href"),  # type: ignore[arg-type]
        (TOOLS["ping"], "is not a Test"),
        (None, "is not a Test"),
        (ImportError("No module named 'elsewhere'"), "cannot be loaded"),
    ],
)
def test_a_plugin_from_outside_that_is_wrong_is_left_out_and_the_others_stay(
    installed: list[Entry], plugin: Any, why: str
) -> None:
    installed.append(Entry(plugin))

    assert set(registry.tests()) == set(TESTS)
    (said,) = registry.left_out("elsewhere")
    assert said.startswith("elsewhere.test:TEST ")
    assert why in said


def test_a_maintainer_without_addresses_is_shown_with_valid_ones_that_are_nobodys(
    installed: list[Entry],
) -> None:
    installed.append(Entry(_named(Maintainer("A. Body"))))

    shown = registry.tests()["elsewhere"].enumeration()["maintainer"]

    assert Checker(TYPES["Maintainer"]).problem(shown) is None
    assert shown["email"].endswith(".invalid")


def test_a_plugin_from_outside_does_not_replace_one_of_the_nodes(installed: list[Entry]) -> None:
    installed.append(Entry(dataclasses.replace(TESTS["noop"], name="rtt", maintainer=Maintainer("A. Body"))))

    assert registry.tests()["rtt"] is TESTS["rtt"]


def test_authors_import_one_module() -> None:
    import plugins.sdk

    needed = (
        "Archiver Context Field Invalid JSON Job Maintainer Outcome Parcel PluginFailed Rows Test Tool TYPES"
    )
    assert set(needed.split()) <= set(dir(plugins.sdk))
