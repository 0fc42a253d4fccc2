"""Where tasks must not reach: every archiver and every tool, by one table that a new plugin has to be in."""

import ast
import contextlib
import datetime as dt
import pathlib
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from chalicelib.domain.errors import PluginFailed
from plugins.archivers import http as http_archiver
from plugins.sdk.jobs import Outcome, Parcel
from plugins.support import guarded_connections, web_posts
from tests.builders import at
from tests.plugins.everything import ARCHIVERS, TOOLS
from tests.plugins.jobs import FakeHost, job
from tests.plugins.results import DOCUMENT
from tests.plugins.web import serving

METADATA = "169.254.169.254"
REFUSED = "may not be (reached|probed) by tasks: "
REFUSED_BY = re.compile(REFUSED)
COPY = "/tmp/pscheduler-egress-test"
PLUGINS = pathlib.Path(__file__).resolve().parent.parent.parent / "plugins"


@pytest.fixture(autouse=True)
def _copies(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PSCHEDULER_COPY_TO", "/tmp")


class Engine:
    """Stands for the node's engine: listens, and knows whether anybody came."""

    def __init__(self, listener: socket.socket, datagrams: socket.socket):
        self._listener, self._datagrams = listener, datagrams
        self.port: int = listener.getsockname()[1]

    def was_reached(self) -> bool:
        for end in (self._listener, self._datagrams):
            end.settimeout(0.05)
        with contextlib.suppress(TimeoutError):
            self._listener.accept()[0].close()
            return True
        with contextlib.suppress(TimeoutError):
            self._datagrams.recv(1)
            return True
        return False


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:
    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        socket.socket(type=socket.SOCK_DGRAM) as datagrams,
    ):
        datagrams.bind(listener.getsockname())
        found = Engine(listener, datagrams)
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{found.port}")
        yield found


Make = Callable[[int], dict[str, Any]]

AWS = {"region": "eu-west-1", "_access-key": "k", "_secret-key": "s"}
INWARD: dict[str, Make | None] = {
    "bitbucket": None,  # sends nothing anywhere
    "failer": None,
    "syslog": None,  # writes to /dev/log, whatever it is told
    **dict.fromkeys(
        ("eventbridge", "s3", "sqs"),
        lambda port: {
            **AWS,
            "endpoint": f"http://127.0.0.1:{port}",
            "bucket": "results",
            "queue-url": f"http://127.0.0.1:{port}/1/results",
        },
    ),
    "otlp": lambda port: {"_url": f"http://127.0.0.1:{port}/v1/metrics"},
    "opensearch": lambda port: {"_url": f"http://127.0.0.1:{port}/", "index": "results"},
    "prometheus": lambda port: {"_url": f"http://127.0.0.1:{port}/api/v1/write"},
    "http": lambda port: {"schema": 2, "_url": f"http://127.0.0.1:{port}/", "_headers": {"X-A": "b"}},
    "kafka": lambda port: {
        "schema": 2,
        "topic": "t",
        "server": f"127.0.0.1:{port}",
        "security-protocol": "SSL",
    },
    "postgresql": lambda port: {"_dsn": f"host=127.0.0.1 port={port} dbname=x", "table": "t", "column": "c"},
    "rabbitmq": lambda port: {"_url": f"amqp://guest:guest@127.0.0.1:{port}/"},
    "snmptrap": lambda port: {"dest": METADATA, "_community": "public", "trap-oid": "1.3.6.1.6.3.1.1.5.3"},
    "smtp": lambda port: {"host": "127.0.0.1", "port": port, "from": "a@b.example", "_to": ["c@d.example"]},
    "tcp": lambda port: {"host": "127.0.0.1", "port": port},
    "udp": lambda port: {"host": "127.0.0.1", "port": port},
}
"""Settings of every archiver that lead to where it must not reach; None where it reaches nowhere."""


def test_every_archiver_is_in_the_table() -> None:
    assert set(INWARD) == set(ARCHIVERS)


@pytest.mark.parametrize("name", [name for name, make in INWARD.items() if make])
def test_no_archiver_reaches_the_engine_and_its_failure_is_for_good(name: str, engine: Engine) -> None:
    make = INWARD[name]
    assert make is not None
    policy = {} if name == "snmptrap" else {"retry-policy": [{"attempts": 9, "wait": "PT1M"}]}
    parcel = Parcel({**make(engine.port), **policy}, DOCUMENT)

    outcome = delivered(name, parcel)

    assert (outcome.succeeded, outcome.retry) == (False, None)
    assert REFUSED_BY.search(outcome.error or ""), outcome.error
    assert not engine.was_reached()


def delivered(name: str, parcel: Parcel) -> Outcome:
    """As the node has it: what a plugin raises on purpose is a failure for good."""
    try:
        outcome: Outcome = ARCHIVERS[name].deliver(parcel)
    except PluginFailed as error:
        return Outcome(False, error.message)
    return outcome


LOCAL = "127.0.0.1"
SNMP = {"version": "2c", "_community": "public"}
S3 = {"bucket": "b", "_access-key": "k", "_secret-key": "s", "object-size": 1, "duration": "PT1S"}
NET = {"network": f"{METADATA}/32"}

OUTWARD: dict[str, Make | None] = {
    # These reach nowhere, or where this machine's own set-up says.
    **dict.fromkeys(("bssidscanner", "dhclient", "umichwpa", "passthrough", "sleep", "sleepbgm", "snooze")),
    "curl": lambda port: {"url": f"http://{LOCAL}:{port}/"},
    "curl-d2d": lambda port: {"source": f"http://{LOCAL}:{port}/", "dest": COPY},
    "globus": lambda port: {"source": f"http://{LOCAL}:{port}/", "dest": COPY},
    "dnspy": lambda port: {"query": "example.org", "record": "a", "nameserver": METADATA},
    "pydns64": lambda port: {"query": "example.org", "nameserver": METADATA},
    "fwmtu": lambda port: {"dest": LOCAL, "port": port},
    "pysnmp": lambda port: {"dest": METADATA, "oid": ["1.3.6.1.2.1.1.1.0"], "polls": 1, **SNMP},
    "net-snmp-set": lambda port: {
        "dest": METADATA,
        "oidargs": [{"oid": "1.3.6.1.2.1.1.6.0", "type": "s", "value": "x"}],
        **SNMP,
    },
    "psclock": lambda port: {"dest": f"{LOCAL}:{port}"},
    "pstimer": lambda port: {"dest": METADATA},
    "s3-benchmark": lambda port: {"url": f"http://{LOCAL}:{port}", **S3},
    "simplestreamer": lambda port: {"dest": LOCAL},
    "stamp": lambda port: {"dest": LOCAL, "ctrl-port": port, "packet-count": 1},
    "tcpping": lambda port: {"dest": LOCAL, "port": port, "count": 1},
    "tcpscan": lambda port: {"network": LOCAL, "ports": str(port)},
    "tlspy": lambda port: {"dest": LOCAL, "port": port},
    # Programs of others: the address is checked, and they are handed it instead of the name.
    **dict.fromkeys(
        ("ping", "traceroute", "tracepath", "tracemtu", "paris-traceroute", "dublin-traceroute", "powstream"),
        lambda port: {"dest": METADATA},
    ),
    **dict.fromkeys(("owping", "twping", "halfping"), lambda port: {"dest": METADATA}),
    **dict.fromkeys(
        ("iperf2", "iperf3", "nuttcp", "ethr", "qperf"),
        lambda port: {"dest": LOCAL, "single-ended": True, "single-ended-port": port},
    ),
    "ib-write-bw": lambda port: {"dest": LOCAL},
    "nmapscan": lambda port: NET,
    **dict.fromkeys(("nmapreach", "fpingreach"), lambda port: {"network": "169.254.169.0/24"}),
}
"""The same for every tool."""


def test_every_tool_is_in_the_table() -> None:
    assert set(OUTWARD) == set(TOOLS)


@pytest.mark.parametrize("name", [name for name, make in OUTWARD.items() if make])
def test_no_tool_reaches_where_it_must_not(name: str, engine: Engine) -> None:
    make, tool = OUTWARD[name], TOOLS[name]
    assert make is not None
    port = engine.port
    told = (
        ({}, {"listen-port": port, "server_port": port}) if name in ("simplestreamer", "ib-write-bw") else ()
    )
    one = job(
        tool,
        make(port),
        FakeHost(),
        duration=dt.timedelta(seconds=5),
        participant_data=told,
        test=tool.tests[0],
    )

    said = failure_of(tool, one)

    assert REFUSED_BY.search(said), said
    assert not engine.was_reached()


def failure_of(tool: Any, one: Any) -> str:
    """Why a measurement failed, be it as an error or as a result without a time."""
    try:
        result = tool.run(one)
    except PluginFailed as error:
        return error.message
    return str(result.get("reason"))


MAKERS = (
    "create_connection",
    "getaddrinfo",
    "HTTPConnectionPool",
    "HTTPSConnectionPool",
    "PoolManager",
    "urlopen",
)
LIBRARIES = ("BlockingConnection", "create_client", "Resolver", "SnmpEngine", "create_datagram_endpoint")


GUARD = ("support/deadline.py", "support/guarded_connections.py")


def _said(source: str) -> set[str]:
    """The ways out that a module names; of ``x.connect`` and its like all but ``guarded_connections``'."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            continue
        owner, name = ast.unparse(node.func.value), node.func.attr
        if owner == "guarded_connections":
            continue
        dials = name in ("connect", "connect_ex", "sendto", "sendmsg")
        if dials or (owner, name) == ("socket", "socket") or name in (*MAKERS, *LIBRARIES):
            found.add(f"{owner}.{name}")
    return found


ALLOWED = {
    "support/sockets.py": {"socket.socket"},
    "support/web_posts.py": {"urllib3.PoolManager"},
    "archivers/postgresql.py": {"pg8000.dbapi.connect"},
    "archivers/rabbitmq.py": {"pika.BlockingConnection"},
    "archivers/snmptrap.py": {"snmp.SnmpEngine"},
    "archivers/syslog.py": {"socket.socket", "end.connect"},
    "contexts/linuxvrf.py": {"socket.socket"},
    "tools/web/fetch.py": {"urllib3.HTTPConnectionPool", "urllib3.HTTPSConnectionPool", "pool.urlopen"},
    "support/host_lookup.py": {"socket.getaddrinfo", "socket.socket"},  # which is bound and sends nothing
    "support/aws_client.py": {"session.create_client"},
    "tools/web/phases.py": {"super().connect"},
    "tools/one_way/stamp_sockets.py": {"socket.socket"},
    "tools/snmp/snmp_session.py": {"snmp.SnmpEngine"},
    "tools/web/dnspy.py": {"dns.resolver.Resolver"},
    "tools/route/fwmtu.py": {"socket.socket"},
    "tools/host/psclock.py": {"urllib3.PoolManager"},
    "tools/transfer/simplestreamer.py": {"socket.socket"},
    "tools/reach/tcpping.py": {"socket.socket"},
    "tools/reach/tcpscan.py": {"socket.socket"},
}
"""The ways out that modules of plugins name besides the guard's: each made to go through it, which the tables
above show by being refused."""


def test_no_module_of_plugins_has_a_way_out_that_nobody_looked_at() -> None:
    sources = {str(path.relative_to(PLUGINS)): path.read_text() for path in PLUGINS.rglob("*.py")}

    found = {where: _said(source) for where, source in sources.items() if where not in GUARD}

    assert {where: ways for where, ways in found.items() if ways} == ALLOWED


@pytest.mark.parametrize(
    "source", ["socket.create_connection(a)", "end.connect(a)", "urllib3.PoolManager()", "end.sendto(b, a)"]
)
def test_a_new_way_out_is_noticed(source: str) -> None:
    assert _said(source)
    assert not _said("guarded_connections.connect(end, a)\nguarded_connections.create_connection(a, 1)")


# --- what changes between looking up and connecting -------------------------------------------------


def test_a_redirection_of_an_archive_is_not_followed_to_the_engine(engine: Engine) -> None:
    with serving({"/": (307, {"Location": f"http://127.0.0.1:{engine.port}/"}, b"")}) as server:
        outcome = http_archiver.deliver(Parcel({"_url": server.url + "/"}, {}))

    assert outcome.error == "POST failed with status 307: "
    assert not engine.was_reached()


def test_a_redirection_of_a_test_to_the_engine_is_refused(engine: Engine) -> None:
    with serving({"/": (302, {"Location": f"http://127.0.0.1:{engine.port}/"}, b"")}) as server:
        one = job(TOOLS["curl"], {"url": server.url + "/"}, FakeHost(), start=at(0))

        with pytest.raises(PluginFailed, match=REFUSED):
            TOOLS["curl"].run(one)

    assert not engine.was_reached()


@pytest.fixture
def rebinding(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A name server whose answers are the addresses of this list, one after the other, the last for ever."""
    answers: list[str] = []
    real = socket.getaddrinfo

    def answer(host: Any, *more: Any, **named: Any) -> Any:
        if host == "rebinding.example":
            host = answers.pop(0) if len(answers) > 1 else answers[0]
        return real(host, *more, **named)

    monkeypatch.setattr(socket, "getaddrinfo", answer)
    return answers


def test_what_a_name_server_says_later_changes_nothing(rebinding: list[str]) -> None:
    with serving({"/": (200, {}, b"")}) as server:
        rebinding[:] = ["127.0.0.1", METADATA]
        parcel = Parcel({"_url": f"http://rebinding.example:{server.server_address[1]}/"}, {})

        first = http_archiver.deliver(parcel)  # looked up once: had it been looked up twice, it would fail
        web_posts._made_pools.cache_clear()  # so that no connection is kept
        outcome = delivered("http", parcel)

    assert first == Outcome(True)
    assert REFUSED_BY.search(outcome.error or "")


@pytest.mark.parametrize("name", ["tcp", "udp", "kafka", "postgresql", "rabbitmq", "smtp", "http"])
def test_a_name_that_leads_to_metadata_is_refused(name: str, rebinding: list[str]) -> None:
    rebinding[:] = [METADATA]
    data = {
        "tcp": {"host": "rebinding.example", "port": 80},
        "udp": {"host": "rebinding.example", "port": 80},
        "kafka": {"topic": "t", "server": "rebinding.example"},
        "postgresql": {"_dsn": "host=rebinding.example", "table": "t", "column": "c"},
        "rabbitmq": {"_url": "amqp://rebinding.example/"},
        "smtp": {"host": "rebinding.example", "from": "a@b.example", "_to": ["c@d.example"]},
        "http": {"_url": "http://rebinding.example/"},
    }[name]

    outcome = delivered(name, Parcel(data, {}))

    assert REFUSED_BY.search(outcome.error or ""), outcome.error
    assert outcome.retry is None


def test_of_several_addresses_those_that_must_not_be_reached_are_left_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    real = socket.getaddrinfo
    both = [*real(METADATA, 80, type=socket.SOCK_STREAM), *real("127.0.0.1", 80, type=socket.SOCK_STREAM)]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *given, **named: both)

    found = guarded_connections.places("several.example", 80)

    assert [address for _, (address, _) in found] == ["127.0.0.1"]


@pytest.mark.parametrize("host", ["[::ffff:169.254.169.254]", "[64:ff9b::a9fe:a9fe]", "0.0.0.0", "[::]"])
def test_other_forms_of_an_address_are_the_address(host: str, engine: Engine) -> None:
    outcome = delivered("http", Parcel({"_url": f"http://{host}:{engine.port}/"}, {}))

    assert REFUSED_BY.search(outcome.error or ""), outcome.error
    assert not engine.was_reached()


# --- the end of an exchange ---------------------------------------------------------------------------


def test_what_drips_is_cut_at_the_end() -> None:
    with serving({"/": (200, {}, b"x" * 2400)}) as server:  # two minutes of drops
        server.drips = {"/"}
        begun = time.monotonic()

        outcome = http_archiver.deliver(
            Parcel({"schema": 4, "_url": server.url + "/", "timeout": "PT0.5S"}, {})
        )

    assert outcome.error == "POST failed: no answer in time"
    assert time.monotonic() - begun < 60


PATIENCE = 60.0


def _listen(port: int, seconds: float) -> bytes:
    with (
        guarded_connections.ending(seconds),
        guarded_connections.create_connection("127.0.0.1", port, PATIENCE) as end,
    ):
        return end.recv(1)


def test_what_was_connected_within_is_cut_and_what_comes_after_is_not() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        begun = time.monotonic()

        with pytest.raises(TimeoutError):
            _listen(port, 0.2)

        assert time.monotonic() - begun < PATIENCE / 2
        with (
            guarded_connections.create_connection("127.0.0.1", port, 0.1) as later,
            pytest.raises(TimeoutError),
        ):
            later.recv(1)


def test_an_end_leaves_no_thread_behind() -> None:
    before = threading.active_count()

    with guarded_connections.ending(60):
        pass

    deadline = time.monotonic() + 60
    while threading.active_count() > before and time.monotonic() < deadline:
        time.sleep(0.01)
    assert threading.active_count() <= before
