"""Any spec at all, posted as a task or asked about: a task, or what is wrong with it; never a 5xx."""

import functools
import json
import urllib.parse
from random import Random

import pytest
from hypothesis import settings

from tests.api.conftest import Api
from tests.chance import by_chance
from tests.plugins.everything import TESTS
from tests.plugins.test_fuzzing import any_spec

seldom = functools.partial(by_chance, times=settings().max_examples // 4)


@pytest.mark.parametrize("name", TESTS)
@seldom
def test_any_task_is_taken_or_refused(api: Api, name: str, chance: Random) -> None:
    spec = any_spec(chance, TESTS[name])

    status, answer = api.ask(
        "POST", "/tasks", {"schema": 1, "test": {"type": name, "spec": spec}, "schedule": {}}
    )

    assert status < 500
    assert answer


@pytest.mark.parametrize("name", TESTS)
@seldom
def test_any_question_is_answered(api: Api, name: str, chance: Random) -> None:
    spec = urllib.parse.quote(json.dumps(any_spec(chance, TESTS[name])))

    for page in ("spec/is-valid", "participants", "tools"):
        status, _ = api.ask("GET", f"/tests/{name}/{page}?spec={spec}")
        assert status < 500
