"""Any policy in force, and any proposal asked about or posted: an answer, never a 5xx."""

import json
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.api.conftest import IDLE, Api, query
from tests.domain.limits.test_any_policy import POLICIES, TASKS, much_changed, objects
from tests.policies import Install
from tests.policies import installed as installed

ANY = settings(max_examples=settings().max_examples // 2, suppress_health_check=list(HealthCheck))
LOCAL = [one for one in POLICIES if "http" not in json.dumps(one) and "cymru" not in json.dumps(one)]
"""Those that ask nobody elsewhere."""


@ANY
@given(policy=much_changed(LOCAL), proposal=objects(TASKS))
def test_any_policy_and_any_proposal_have_an_answer(
    api: Api, installed: Install, policy: Any, proposal: Any
) -> None:
    installed(json.dumps(policy))

    asked, found = api.ask("GET", query("/limits", proposal=json.dumps(proposal)))
    posted, _ = api.ask("POST", "/tasks", proposal)
    idle, said = api.ask("POST", "/tasks", IDLE)
    _, shown = api.ask("GET", "/status")

    assert asked in (200, 400, 422), found
    assert posted < 500
    assert idle in (200, 403, 422), said
    assert shown["limits"]["ok"] or shown["limits"]["error"], "the last good one may be in force"


@ANY
@given(policy=st.sampled_from(LOCAL), start=st.text(max_size=12) | st.integers() | st.none())
def test_any_time_of_a_run_is_judged(api: Api, installed: Install, policy: Any, start: Any) -> None:
    installed(json.dumps(policy))
    proposal = {**IDLE, "run_schedule": {"start": start, "duration": "PT1S"}}

    status, found = api.ask("GET", query("/limits", proposal=json.dumps(proposal)))

    assert status == 200
    assert found["passed"] in (True, False)
