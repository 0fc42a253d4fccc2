"""Any spec at all, posted as a task or asked about: a task, or what is wrong with it; never a 5xx."""

import json
import urllib.parse

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.api.conftest import Api
from tests.plugins.everything import TESTS
from tests.plugins.test_fuzzing import specs

ANY = settings(max_examples=settings().max_examples // 4, suppress_health_check=list(HealthCheck))


@pytest.mark.parametrize("name", TESTS)
@ANY
@given(data=st.data())
def test_any_task_is_taken_or_refused(api: Api, name: str, data: st.DataObject) -> None:
    spec = data.draw(specs(TESTS[name]))

    status, answer = api.ask(
        "POST", "/tasks", {"schema": 1, "test": {"type": name, "spec": spec}, "schedule": {}}
    )

    assert status < 500
    assert answer


@pytest.mark.parametrize("name", TESTS)
@ANY
@given(data=st.data())
def test_any_question_is_answered(api: Api, name: str, data: st.DataObject) -> None:
    spec = urllib.parse.quote(json.dumps(data.draw(specs(TESTS[name]))))

    for page in ("spec/is-valid", "participants", "tools"):
        status, _ = api.ask("GET", f"/tests/{name}/{page}?spec={spec}")
        assert status < 500
