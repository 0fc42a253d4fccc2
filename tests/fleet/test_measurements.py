"""Three hosts behind NAT measure for their nodes, which clients know by their names."""

import contextlib
import datetime as dt
import pathlib
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import pytest

from agent.agent_state import State
from chalicelib.domain.times import SECOND, parse_duration
from tests.fleet import guide
from tests.fleet.fleet import ASKED, CLIENT, Fleet, by_the_guide
from tests.fleet.network import COORDINATOR, DELAY, DOMAIN, PUBLIC, ROUTER

LEAST = 2 * DELAY * SECOND
"""The least time of a round trip between two sites."""


@pytest.mark.slow(60)
@pytest.mark.timeout(600)
def test_three_hosts_behind_nat_measure_for_their_nodes(tmp_path: pathlib.Path) -> None:
    with by_the_guide(tmp_path) as running, _services(running, tmp_path):
        to_ber = {"dest": PUBLIC["ber"]}
        rtt = running.measured("ams", "rtt", {**to_ber, "count": 5, "interval": "PT0.2S"})
        trace = running.measured("cdg", "trace", to_ber)
        latency = running.measured("ams", "latency", {**to_ber, "packet-count": 10})
        web = running.measured("cdg", "http", {"url": f"http://{CLIENT}:8080/page"})
        idle = running.measured("ber", "idle", {"duration": "PT2S"})
        stream = running.measured("ber", "idlebgm", {"duration": "PT6S", "interval": "PT2S"})
        cancelled = running.post("cdg", "idle", {"duration": "PT5M"})
        names = {"query": "www.example.org", "record": "a", "nameserver": COORDINATOR}
        dns = running.measured("ams", "dns", names) if shutil.which("dnsmasq") else None
        throughput = running.measured(
            "ams", "throughput", {**to_ber, "dest-node": f"ber.{DOMAIN}", "duration": "PT4S"}
        )
        _cancelling_reaches_the_host(running, cancelled)
        guide.follow_as_client(running)

        for name in ("ams", "ber", "cdg"):
            assert running.ask(name, "GET", "/hostname")[1].strip() == f'"{name}.{DOMAIN}"'
        roundtrips = rtt.result()
        assert roundtrips["received"] >= 3
        assert min(_times(roundtrips)) >= LEAST
        assert "Packet Loss" in rtt.text()
        hops = [hop.get("ip") for hop in trace.result()["paths"][0]]
        assert ROUTER["cdg"] in hops
        assert hops[-1] == PUBLIC["ber"]
        assert PUBLIC["ber"] in trace.text()
        assert latency.result()["succeeded"]
        assert "Delay" in latency.text()
        assert web.result()["succeeded"]
        assert idle.result()["succeeded"]
        stream.result()
        assert _streamed(running, stream.task) == 3
        if dns is not None:
            assert dns.result()["succeeded"]
            assert "192.0.2.77" in dns.text()
        assert throughput.result()["summary"]["summary"]["throughput-bits"] > 100_000
        assert "Throughput" in throughput.text()


def _times(roundtrips: Any) -> list[dt.timedelta]:
    return [parse_duration(each["rtt"]) for each in roundtrips["roundtrips"] if "rtt" in each]


def _cancelling_reaches_the_host(running: Fleet, task: str) -> None:
    running.until(lambda: running.run(task)["state"] == "running", 40, every=ASKED)
    run = running.run(task)["href"].rpartition("/")[2]
    with contextlib.closing(State(pathlib.Path(running.state("cdg")))) as state:
        assert state.known(run)
        assert running.ask("", "DELETE", task)[0] == 200
        asked = time.monotonic()
        running.until(lambda: not state.known(run), 20)
    print(f"cancelling reached the host after {time.monotonic() - asked:.1f} s")


def _streamed(running: Fleet, task: str) -> int:
    """How many results came one by one, besides the run that brought them."""
    runs = [each for each in running.runs(task) if (each.get("result-merged") or {}).get("time-slept")]
    return len(runs)


@contextlib.contextmanager
def _services(running: Fleet, folder: pathlib.Path) -> Iterator[None]:
    """A web server at the client's; a name server at the coordinator's, where there is a program."""
    pages = folder / "pages"
    pages.mkdir()
    (pages / "page").write_text("a page\n")
    inside = running.net.inside
    web = inside("client", sys.executable, "-m", "http.server", "8080", "--bind", CLIENT, "-d", str(pages))
    servers = [web]
    if shutil.which("dnsmasq"):
        options = ["--no-daemon", "--no-resolv", "--no-hosts", "--address=/www.example.org/192.0.2.77"]
        servers.append(
            inside("coordinator", "dnsmasq", *options, f"--listen-address={COORDINATOR}", "-u", "root")
        )
    with contextlib.ExitStack() as started:
        for command in servers:
            process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            started.callback(process.wait)
            started.callback(process.terminate)
        yield
