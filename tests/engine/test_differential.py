"""The same requests to the engine and to an emulator: the same answers, errors and stored items.

``ENGINE_STEPS`` is how many requests are compared: 2,000 where it is not set, the same every time, since what
nobody has met yet is for ``make soak`` to meet. Where one differs for a reason that is known
(known_differences.py), both go on from what the engine has.
"""

import os
import pathlib
from collections import Counter
from collections.abc import Iterator
from typing import Any

import botocore.session
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from local import engine_moto, node_engines
from local import ministack as ministack_module
from local.engine import Engine
from local.start_checks import CannotStart
from tests.engine.answers import UNSIGNED, ask, comparable, contents, make_same, tables_written
from tests.engine.known_differences import Known, known
from tests.engine.requests import PLAIN, TABLES, Request, steps

pytestmark = [pytest.mark.slow, pytest.mark.timeout(7200)]

STEPS = int(os.environ.get("ENGINE_STEPS", "2000"))
SAME_ALWAYS = "ENGINE_STEPS" not in os.environ
_LONGEST = 25


class Pair:
    """The engine and an emulator, asked one after the other."""

    def __init__(self, emulator: str, theirs: Any, folder: pathlib.Path):
        self.emulator = emulator
        self.theirs = theirs
        self.ours = botocore.session.get_session().create_client("dynamodb")
        self.folder = folder
        self.asked = 0
        self.differences: Counter[Known] = Counter()
        self.failure: str | None = None
        self._number = 0

    def start_over(self) -> None:
        """Empty tables in both."""
        self._number += 1
        self.engine = Engine(self.folder / f"{self._number}.sqlite", synchronous="OFF")
        for table in TABLES:
            if self._number > 1:
                self.theirs.delete_table(TableName=table["TableName"])
            self.theirs.create_table(**table)
            self.engine.call("dynamodb", "CreateTable", table)

    def close(self) -> None:
        self.engine.close()
        (self.folder / f"{self._number}.sqlite").unlink()

    def compare(self, request: Request) -> None:
        self.asked += 1
        written = tables_written(request)
        self.engine.install()
        try:
            ours = ask(self.ours, request)
            stored = contents(self.ours, written)
        finally:
            self.engine.uninstall()
        theirs, there = ask(self.theirs, request), contents(self.theirs, written)
        if comparable(ours) == comparable(theirs) and stored == there:
            return
        row = known(self.emulator, request, ours, theirs)
        if row is not None and row.members and stored != there:
            row = None  # it excuses what is answered of a change, not another change
        if row is None and self.failure is None:
            self.failure = f"{request}\nours   {ours}\ntheirs {theirs}\nours   {stored}\ntheirs {there}"
        elif row is not None:
            self.differences[row] += 1
        make_same(self.theirs, stored, there)


@pytest.fixture(scope="module", params=["moto", "ministack"])
def pair(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    folder = tmp_path_factory.mktemp("differential")
    if request.param == "moto":
        with engine_moto.mocked():
            session = botocore.session.get_session()
            yield Pair("moto", session.create_client("dynamodb", config=UNSIGNED), folder)
        return
    try:
        python = node_engines.ministack_python()
    except CannotStart as error:
        pytest.skip(str(error))
    running, _ = ministack_module.start(python, folder / "ministack")
    try:
        session = botocore.session.get_session()
        client = session.create_client("dynamodb", endpoint_url=running.endpoint, config=UNSIGNED)
        yield Pair("ministack", client, folder)
    finally:
        running.stop()


def test_neither_the_order_of_items_in_a_batch_nor_that_of_their_members_makes_a_difference() -> None:
    one = {"k": {"S": "a"}, "n": {"N": "1"}}
    other = {"k": {"S": "b"}, "n": {"N": "2"}}
    turned = {name: one[name] for name in ("n", "k")}

    assert comparable({"Responses": {PLAIN: [one, other]}}) == comparable(
        {"Responses": {PLAIN: [other, turned]}}
    )


def test_answers_errors_and_items_are_those_of_an_emulator(pair: Pair) -> None:
    @settings(
        max_examples=max(1, STEPS * 2 // _LONGEST),
        deadline=None,
        database=None,
        derandomize=SAME_ALWAYS,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate],
    )
    @given(st.lists(steps, min_size=10, max_size=_LONGEST))
    def compare(requests: list[Request]) -> None:
        if pair.asked >= STEPS or pair.failure:
            return
        pair.start_over()
        try:
            for request in requests:
                pair.compare(request)
        finally:
            pair.close()

    compare()

    if pair.failure is not None:
        pytest.fail(pair.failure)
    assert pair.asked >= STEPS
    for row, times in pair.differences.most_common():
        print(f"{times:6}  {row.emulator}: {row.why}")
