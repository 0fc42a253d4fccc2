"""Any policy in force, and any proposal asked about or posted: an answer, never a 5xx."""

import functools
import json
from random import Random

from hypothesis import settings

from tests.api.conftest import IDLE, Api, query
from tests.chance import by_chance
from tests.domain.limits.test_any_policy import POLICIES, TASKS, an_object, much_changed
from tests.plugins.garbage import text
from tests.policies import Install
from tests.policies import installed as installed

seldom = functools.partial(by_chance, times=settings().max_examples // 2)
LOCAL = [one for one in POLICIES if "http" not in json.dumps(one) and "cymru" not in json.dumps(one)]
"""Those that ask nobody elsewhere."""


@seldom
def test_any_policy_and_any_proposal_have_an_answer(api: Api, installed: Install, chance: Random) -> None:
    installed(json.dumps(much_changed(chance, LOCAL)))
    proposal = an_object(chance, TASKS)

    asked, found = api.ask("GET", query("/limits", proposal=json.dumps(proposal)))
    posted, _ = api.ask("POST", "/tasks", proposal)
    idle, said = api.ask("POST", "/tasks", IDLE)
    _, shown = api.ask("GET", "/status")

    assert asked in (200, 400, 422), found
    assert posted < 500
    assert idle in (200, 403, 422), said
    assert shown["limits"]["ok"] or shown["limits"]["error"], "the last good one may be in force"


@seldom
def test_any_time_of_a_run_is_judged(api: Api, installed: Install, chance: Random) -> None:
    start = chance.choice([text(chance, 12), chance.randint(-(10**20), 10**20), chance.randint(-9, 9), None])
    installed(json.dumps(chance.choice(LOCAL)))
    proposal = {**IDLE, "run_schedule": {"start": start, "duration": "PT1S"}}

    status, found = api.ask("GET", query("/limits", proposal=json.dumps(proposal)))

    assert status == 200
    assert found["passed"] in (True, False)
