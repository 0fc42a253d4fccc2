"""passthrough: performs noop by handing back the data it was given (contract/tools.md section 8)."""

import random
from collections.abc import Callable, Sequence

from chalicelib.domain.schemas import JSON
from chalicelib.domain.times import SECOND
from plugins.base import Job, PluginFailed, Result, Spec, Tool, pick, wrapped


def run(job: Job, chance: Callable[[], float] = random.random) -> JSON:
    """The spec's ``data``, at once: there is nothing to wait for the start with.

    Raises PluginFailed with the probability ``fail``; ``chance`` draws from [0, 1).
    """
    if chance() < job.spec.get("fail", 0):
        raise PluginFailed("Induced failure")
    return wrapped({"schema": 1, "data": job.spec.get("data")})


def merge(spec: Spec, results: Sequence[JSON]) -> Result | None:
    passed = pick(results)
    if passed is None:
        return {"succeeded": False}
    return {"schema": 1, "succeeded": True, "data": passed["data"]}


TOOL = Tool(
    name="passthrough",
    description="Pass data through to the result",
    tests=("noop",),
    max_schema=1,
    duration=lambda test, spec: SECOND,
    run=run,
    merge=merge,
)
