"""What a tool declares: the tests it performs and how, and where it cannot."""

import dataclasses
import datetime as dt
from collections.abc import Callable, Sequence

from chalicelib.domain.errors import Invalid
from chalicelib.domain.schemas import JSON, version_of
from chalicelib.domain.times import LONGEST_DURATION, ZERO
from plugins.sdk.fields import Spec
from plugins.sdk.jobs import Host, Job
from plugins.sdk.plugin import Plugin
from plugins.sdk.programs import is_installed
from plugins.sdk.test import Result

_TOO_LONG = "Would take longer than a century"


def pick(results: Sequence[JSON]) -> Result | None:
    """The usual merge: what the first participant wrapped as its result, None where it failed."""
    first = results[0]
    return first.get("result") if isinstance(first, dict) else None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Tool(Plugin):
    """A way of performing tests.

    tests        names of the tests it performs; ``preference``, the higher the sooner chosen
    duration     (test type, spec) -> time a run needs, before rounding up to the second
    run          Job -> local result; raises PluginFailed
    merge        (spec, results) -> the test's result, from one local result or None a participant
    declines     (test type, spec) -> reasons not to, besides those below; wherever it is to run, so it
                 looks at the spec alone
    needs        () -> why this host cannot perform it, whatever the spec
    here         (test type, spec) -> reasons that depend on the spec and on this host
    max_schema   the highest schema version of a spec it understands
    keys         the only members of a spec it understands, where it is that strict
    programs     programs it needs on the path
    participant_data  (participant, spec, host) -> what it must tell the others before the run; what it says
                 of programs and settings is asked of the host, which may be another than this
    idle         spec -> (time, local result), where all that the tool does is wait: nobody waits with it
                 then, and ``run`` is for contexts, in which it is performed as any other
    resumes      whether, in a test that streams results, it can begin in the middle of a run and emit what
                 is left: so it is started again after a crash, and may take longer than a Lambda lives
    """

    tests: Sequence[str]
    duration: Callable[[str, Spec], dt.timedelta]
    run: Callable[[Job], JSON]
    merge: Callable[[Spec, Sequence[JSON]], Result | None] = lambda spec, results: pick(results)
    declines: Callable[[str, Spec], list[str]] = lambda test, spec: []
    needs: Callable[[], list[str]] = list
    here: Callable[[str, Spec], list[str]] = lambda test, spec: []
    preference: int = 0
    max_schema: int | None = None
    keys: frozenset[str] | None = None
    programs: Sequence[str] = ()
    participant_data: Callable[[int, Spec, Host], dict[str, JSON]] = lambda participant, spec, host: {}
    post: dt.timedelta = ZERO
    idle: Callable[[Spec], tuple[dt.timedelta, JSON]] | None = None
    resumes: bool = False

    def enumeration(self) -> dict[str, JSON]:
        own = {"tests": list(self.tests), "preference": self.preference}
        return {**super().enumeration(), **own}

    def unmet(self) -> list[str]:
        """What this host lacks for the tool, whatever the spec; an empty list when it has all."""
        missing = (f"The program {name} is missing" for name in self.programs if not is_installed(name))
        return [*missing, *self.needs()]

    def reasons_against(self, test: str, spec: Spec) -> list[str]:
        """Why this tool will not perform the test here; an empty list when it will."""
        return self._reasons(test, spec, self.unmet, self.here)

    def reasons(self, test: str, spec: Spec, unmet: Sequence[str]) -> list[str]:
        """The same for another host, which lacks what ``unmet`` says.

        What only that host can tell of a spec, it tells itself (``here``).
        """
        return self._reasons(test, spec, lambda: unmet, lambda test, spec: [])

    def _reasons(
        self,
        test: str,
        spec: Spec,
        unmet: Callable[[], Sequence[str]],
        here: Callable[[str, Spec], list[str]],
    ) -> list[str]:
        if test not in self.tests:
            return [f"Does not perform {test} tests"]
        if self.max_schema and version_of(spec) > self.max_schema:
            return [f"Specs of schema {version_of(spec)} are newer than {self.max_schema}"]
        strange = sorted(set(spec) - self.keys) if self.keys else []
        try:
            return [
                *(f"Does not support {name}" for name in strange),
                *unmet(),
                *self.declines(test, spec),
                *here(test, spec),
            ] or self._reasons_of_length(test, spec)
        except Invalid as error:  # a duration that its type lets through, but nobody can reckon with
            return [error.message]
        except OverflowError:
            return [_TOO_LONG]

    def _reasons_of_length(self, test: str, spec: Spec) -> list[str]:
        return [_TOO_LONG] if self.duration(test, spec) > LONGEST_DURATION else []
