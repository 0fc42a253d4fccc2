"""Events from the streams of tables: none lost, none twice, whoever asks next and however shards split."""

import datetime as dt
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chalicelib.domain.errors import Unsupported
from chalicelib.domain.names import NodeName
from chalicelib.domain.times import UTC
from chalicelib.infrastructure import aws
from chalicelib.store import stream_records, streams
from chalicelib.store.events import Event, Forgotten
from chalicelib.store.stream_records import STREAMED, Streamed
from chalicelib.store.streams import Streams
from tests.builders import NODE
from tests.streams import FakeShard, FakeStreams

TABLES = ("tasks", "runs")
OTHER = NodeName("elsewhere")


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> FakeStreams:
    return installed(monkeypatch)


def installed(monkeypatch: pytest.MonkeyPatch) -> FakeStreams:
    """Streams of two tables whose items have a node and a number, each of which is told."""
    fake = FakeStreams()
    fake.shards = {table: [FakeShard(f"{table}-0")] for table in TABLES}
    told = [Streamed(table, STREAMED[0].table, _node_of, _told) for table in TABLES]
    monkeypatch.setattr(aws, "client", lambda service: fake)
    monkeypatch.setattr(stream_records, "STREAMED", told)
    monkeypatch.setattr(Streams, "_stream", lambda self, streamed: streamed.kind)
    return fake


def _node_of(keys: Any) -> str:
    return str(keys["node"])


def _told(old: Any, new: Any) -> Any:
    return {"number": new["number"]} if new["number"] is not None else None


def write(
    fake: FakeStreams,
    number: int | None,
    table: str = "runs",
    shard: int = 0,
    node: str = NODE,
    at: dt.datetime | None = None,
) -> None:
    fake.write(table, shard, {"Keys": {"node": node}, "NewImage": {"number": number}}, at)


def numbers(events: Any) -> list[int]:
    return [event.members["number"] for event in events]


def behind(read: Streams, cursor: str, most: int = 1000) -> tuple[list[int], str]:
    told = read.behind(NODE, cursor, most)
    return numbers(told.events), told.cursor


def hours_ago(hours: float) -> dt.datetime:
    return dt.datetime.now(UTC) - dt.timedelta(hours=hours)


def test_what_came_before_one_began_is_not_told(fake: FakeStreams) -> None:
    write(fake, 1)
    read = Streams()
    cursor = read.begin()
    write(fake, 2)

    assert behind(read, cursor)[0] == [2]


def test_another_process_knows_the_cursor_and_leaves_out_what_came_before(fake: FakeStreams) -> None:
    for number in range(50):
        write(fake, number, at=hours_ago(1))
    fake.page = 20  # so that what came before takes several requests
    cursor = Streams().begin()
    write(fake, 100)

    found, cursor = behind(Streams(), cursor)

    assert found == [100]
    write(fake, 101, "tasks")
    assert behind(Streams(), cursor)[0] == [101]


def test_a_look_by_one_who_looked_before_is_one_request_a_shard(fake: FakeStreams) -> None:
    read = Streams()
    cursor = read.begin()
    write(fake, 1)
    _, cursor = behind(read, cursor)
    fake.asked.clear()

    assert behind(read, cursor)[0] == []

    assert fake.asked == {"get_records": len(TABLES)}


def test_of_other_nodes_and_of_what_tells_nothing_the_cursor_moves_on(fake: FakeStreams) -> None:
    read = Streams()
    began = read.begin()
    write(fake, 1, node=OTHER)
    write(fake, None)

    found, cursor = behind(read, began)

    assert found == []
    assert cursor != began
    assert numbers(Streams().behind(OTHER, began, 10).events) == [1]


def test_an_answer_holds_so_many_and_each_event_a_cursor_of_its_own(fake: FakeStreams) -> None:
    read = Streams()
    cursor = read.begin()
    for number in range(4):
        write(fake, number)

    told = read.behind(NODE, cursor, 3)

    assert numbers(told.events) == [0, 1, 2]
    assert behind(read, told.cursor)[0] == [3]
    assert [behind(Streams(), event.cursor)[0] for event in told.events] == [[1, 2, 3], [2, 3], [3]]


def test_what_came_at_different_times_in_different_tables_is_told_in_that_order(fake: FakeStreams) -> None:
    read = Streams()
    cursor = read.begin()
    now = dt.datetime.now(UTC)
    write(fake, 1, "runs", at=now)
    write(fake, 3, "tasks", at=now + dt.timedelta(seconds=2))
    write(fake, 2, "runs", at=now + dt.timedelta(seconds=1))

    assert behind(read, cursor)[0] == [1, 2, 3]


def test_what_came_in_one_second_is_told_table_by_table(fake: FakeStreams) -> None:
    read = Streams()
    cursor = read.begin()
    now = dt.datetime.now(UTC)
    write(fake, 3, "runs", at=now)
    write(fake, 1, "tasks", at=now)
    write(fake, 2, "tasks", at=now)

    for reader in (read, Streams()):
        assert behind(reader, cursor)[0] == [1, 2, 3]


@pytest.mark.parametrize("is_same_process", [True, False])
def test_the_children_of_a_shard_come_after_it(fake: FakeStreams, is_same_process: bool) -> None:
    read = Streams()
    cursor = read.begin()
    write(fake, 1)
    fake.split("runs", 0)
    write(fake, 2, shard=1)
    write(fake, 3, shard=2)
    fake.split("runs", 1)
    write(fake, 4, shard=3)

    reader = read if is_same_process else Streams()
    found: list[int] = []
    for _ in range(4):
        more, cursor = behind(reader, cursor)
        found += more

    assert sorted(found) == [1, 2, 3, 4]
    assert found.index(1) < found.index(2) < found.index(4)


def test_a_shard_whose_children_are_not_known_yet_is_kept(fake: FakeStreams) -> None:
    read = Streams()
    cursor = read.begin()
    write(fake, 1)
    fake.shards["runs"][0].is_open = False

    found, cursor = behind(read, cursor)
    nothing, cursor = behind(read, cursor)
    fake.split("runs", 0)
    write(fake, 2, shard=1)

    assert (found, nothing, behind(read, cursor)[0]) == ([1], [], [2])


def test_an_iterator_that_expired_is_got_anew(fake: FakeStreams) -> None:
    read = Streams()
    cursor = read.begin()
    write(fake, 1)
    _, cursor = behind(read, cursor)
    fake.expired = {held.iterator for held in read._held.values()}
    write(fake, 2)

    assert behind(read, cursor)[0] == [2]


def test_a_shard_that_too_many_read_is_read_later_and_the_others_now(fake: FakeStreams) -> None:
    read = Streams()
    cursor = read.begin()
    write(fake, 1, "runs")
    write(fake, 2, "tasks")
    fake.throttled = {"runs-0"}

    now, cursor = behind(read, cursor)
    fake.throttled.clear()

    assert (now, behind(read, cursor)[0]) == ([2], [1])


def test_what_is_trimmed_is_said_to_be_forgotten(fake: FakeStreams) -> None:
    read = Streams()
    cursor = read.begin()
    write(fake, 1)
    _, cursor = behind(read, cursor)
    for number in range(3):
        write(fake, number)
    fake.shards["runs"][0].trimmed = 2

    with pytest.raises(Forgotten):
        Streams().behind(NODE, cursor, 10)


def test_a_shard_that_is_gone_is_said_to_be_forgotten(fake: FakeStreams) -> None:
    read = Streams()
    cursor = read.begin()
    fake.shards["runs"] = [FakeShard("runs-9")]

    for reader in (read, Streams()):
        with pytest.raises(Forgotten):
            reader.behind(NODE, cursor, 10)
    assert behind(read, read.begin())[0] == []


def test_a_cursor_of_a_day_ago_is_forgotten(fake: FakeStreams, monkeypatch: pytest.MonkeyPatch) -> None:
    read = Streams()
    cursor = read.begin()
    monkeypatch.setattr(streams, "KEPT", dt.timedelta(seconds=-1))

    with pytest.raises(Forgotten):
        read.behind(NODE, cursor, 10)


def test_a_look_ends_in_time_as_far_as_it_came(fake: FakeStreams, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(10):
        write(fake, number, at=hours_ago(1))
    cursor = Streams().begin()
    write(fake, 10)
    fake.page = 1
    monkeypatch.setattr(streams, "SECONDS", 0.0)
    found: list[int] = []
    looks = 0

    while not found:
        found, cursor = behind(Streams(), cursor)
        looks += 1

    assert (found, looks) == ([10], 11)


def test_more_shards_than_a_cursor_can_name_are_refused(fake: FakeStreams) -> None:
    fake.shards["runs"] = [FakeShard(f"runs-{number}") for number in range(70)]

    with pytest.raises(Unsupported, match="more than 64 shards"):
        Streams().begin()


steps = st.lists(
    st.one_of(
        st.tuples(st.just("write"), st.sampled_from(TABLES), st.integers(0, 5)),
        st.tuples(st.just("split"), st.sampled_from(TABLES), st.integers(0, 5)),
        st.tuples(st.just("look"), st.booleans(), st.integers(1, 4)),
    ),
    max_size=40,
)


@given(steps, st.integers(1, 5))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_everything_is_told_once_and_each_shard_in_order(
    monkeypatch: pytest.MonkeyPatch, steps: list[Any], page: int
) -> None:
    fake = installed(monkeypatch)
    fake.page = page
    read = Streams()
    cursor, found, written = read.begin(), [], 0

    def look(reader: Streams, most: int) -> list[Event]:
        nonlocal cursor
        told = reader.behind(NODE, cursor, most)
        cursor = told.cursor
        return list(told.events)

    lineages: dict[int, tuple[str, int]] = {}
    for what, where, number in steps:
        if what == "look":
            found += look(read if where else Streams(), number)
            continue
        is_open = [place for place, shard in enumerate(fake.shards[where]) if shard.is_open]
        shard = is_open[number % len(is_open)]
        if what == "split":
            if len(fake.shards[where]) < 10:
                fake.split(where, shard)
        else:
            write(fake, written, where, shard)
            lineages[written] = (where, shard)
            written += 1
    while more := look(read, 3):
        found += more

    told = numbers(found)
    assert sorted(told) == list(range(written))
    for lineage in set(lineages.values()):
        mine = [number for number in told if lineages[number] == lineage]
        assert mine == sorted(mine)
