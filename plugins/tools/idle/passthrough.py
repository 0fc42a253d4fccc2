"""passthrough: performs noop by handing back the data it was given (docs/contract/tools.md section 8)."""

import random
from collections.abc import Callable, Sequence

from chalicelib.domain.schemas import JSON
from chalicelib.domain.times import SECOND
from plugins.sdk.fields import Spec
from plugins.sdk.jobs import Job, PluginFailed, wrapped
from plugins.sdk.test import Result
from plugins.sdk.tool import Tool


def run(job: Job, chance: Callable[[], float] = random.random) -> JSON:
    """The spec's ``data``, at once: there is nothing to wait for the start with.

    Raises PluginFailed with the probability ``fail``; ``chance`` draws from [0, 1).
    """
    if chance() < job.spec.get("fail", 0):
        raise PluginFailed("Induced failure")
    return wrapped(job.spec.get("data"), error="")


def merge(spec: Spec, results: Sequence[JSON]) -> Result | None:
    first = results[0]
    if not isinstance(first, dict) or not first["succeeded"]:
        return {"succeeded": False}
    return {"schema": 1, "succeeded": True, "data": first["result"]}  # which may well be null


TOOL = Tool(
    name="passthrough",
    description="Pass data through to the result",
    tests=("noop",),
    max_schema=1,
    duration=lambda test, spec: SECOND,
    run=run,
    merge=merge,
)
