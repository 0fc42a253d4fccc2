"""What a plugin declares. Four kinds: Test, Tool, Archiver, Context.

A plugin is one module with one constant (TEST, TOOL, ARCHIVER or CONTEXT) built from a class here,
and the functions it names. Nothing in a plugin knows of storage, queues or HTTP routes: what it
needs while it works is handed to it, as a Job or a Parcel (``plugins/sdk/jobs.py``).
"""

import dataclasses
import datetime as dt
import functools
import shutil
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager

from chalicelib.domain.errors import Invalid
from chalicelib.domain.metrics import Metric
from chalicelib.domain.schemas import JSON, closed
from chalicelib.domain.schemas import Versions as Versions
from chalicelib.domain.schemas import version_of as version_of
from chalicelib.domain.times import LONGEST_DURATION, ZERO
from plugins.sdk.fields import Field as Field
from plugins.sdk.fields import Spec as Spec
from plugins.sdk.fields import format_arguments, parse_arguments
from plugins.sdk.host_names import in_ascii, names_hosts
from plugins.sdk.jobs import Cancelled as Cancelled
from plugins.sdk.jobs import Completed as Completed
from plugins.sdk.jobs import Host as Host
from plugins.sdk.jobs import Job as Job
from plugins.sdk.jobs import Outcome as Outcome
from plugins.sdk.jobs import Parcel as Parcel
from plugins.sdk.jobs import PluginFailed as PluginFailed
from plugins.sdk.jobs import retry_after as retry_after
from plugins.sdk.jobs import wrapped as wrapped
from plugins.sdk.show import HIDDEN as HIDDEN
from plugins.sdk.show import UNSPECIFIED as UNSPECIFIED
from plugins.sdk.show import Block as Block
from plugins.sdk.show import Lines as Lines
from plugins.sdk.show import Preformatted as Preformatted
from plugins.sdk.show import Rows as Rows
from plugins.sdk.show import Table as Table

NO_EMAIL, NO_HREF = "nobody@none.invalid", "https://none.invalid/"
"""What clients see where there are none: they print both members, whose types take no empty text, and what is
in ``.invalid`` is nobody's (RFC 2606 section 2)."""


@dataclasses.dataclass(frozen=True)
class Maintainer:
    """Who looks after a plugin; ``email`` and ``href`` are empty where there are none."""

    name: str
    email: str = ""
    href: str = ""

    def describe(self) -> dict[str, JSON]:
        """The maintainer as clients see it (docs/contract/types.md section 3)."""
        return {"name": self.name, "email": self.email or NO_EMAIL, "href": self.href or NO_HREF}


PROJECT = Maintainer("A pScheduler node without servers")
"""Who looks after the plugins that come with the node: the project, as its README calls it."""

Result = dict[str, JSON]

_TOO_LONG = "Would take longer than a century"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Plugin:
    """What every kind has: the members of its enumeration.

    ``maintainer`` has to be named by those that do not come with the node; ``label`` is what people call it,
    made of the name where there is none.
    """

    name: str
    description: str
    version: str = "1.0"
    maintainer: Maintainer | None = None
    label: str = ""

    def enumeration(self) -> dict[str, JSON]:
        """The plugin as clients see it (docs/contract/api.md, Plugins), without what API level 7 adds."""
        return {
            "schema": 1,
            "name": self.name,
            "description": self.description,
            "version": self.version,
            "maintainer": (self.maintainer or PROJECT).describe(),
        }

    @property
    def called(self) -> str:
        """Its label, or its name with the words set apart and in capitals."""
        return self.label or " ".join(word[:1].upper() + word[1:] for word in self.name.split("-"))


@dataclasses.dataclass(frozen=True, kw_only=True)
class Test(Plugin):
    """A kind of measurement: its spec, who takes part, and what its result looks like.

    participants  spec -> hosts taking part, None being this one, in first place only
    null_reason   why the first participant is this host, where ``participants`` says None;
                  reported under ``null_key``
    rules         keywords of JSON Schema about several members, added to the schema of every version
    check         a rule no schema can hold: raises Invalid
    amend         members as the command line gave them -> those of the spec, where they depend on
                  each other
    results       {schema version: schema} of the merged result
    show          (spec, result) -> blocks for a person to read
    metrics       (spec, result that succeeded) -> the numbers in it that are worth keeping
    open          whether unknown members of a spec are let through
    early         whether who takes part is told of a spec that still lacks members
    """

    scheduling_class: str
    fields: Sequence[Field]
    participants: Callable[[Spec], Sequence[str | None]]
    results: Mapping[int, dict[str, JSON]]
    show: Callable[[Spec, Result], Sequence[Block]]
    null_reason: str = "No source specified"
    null_key: str = "null-reason"
    rules: Mapping[str, JSON] = dataclasses.field(default_factory=dict)
    check: Callable[[Spec], None] | None = None
    amend: Callable[[Spec], Spec] = lambda given: given
    open: bool = False
    early: bool = False
    metrics: Callable[[Spec, Result], Sequence[Metric]] = lambda spec, result: ()
    examples: Sequence[Spec] = ()
    result_examples: Sequence[Result] = ()

    def enumeration(self) -> dict[str, JSON]:
        return {**super().enumeration(), "scheduling-class": self.scheduling_class}

    @functools.cached_property
    def spec_versions(self) -> Versions:
        newest = max(max([field.since, *field.retyped]) for field in self.fields)
        return Versions({version: self.spec_schema(version) for version in range(1, newest + 1)})

    @functools.cached_property
    def participant_versions(self) -> Versions:
        """The form a spec must have for telling who takes part."""
        if not self.early:
            return self.spec_versions
        checkers = self.spec_versions.checkers
        return Versions({version: {**checkers[version].schema, "required": []} for version in checkers})

    @functools.cached_property
    def result_versions(self) -> Versions:
        return Versions(self.results)

    def spec_schema(self, version: int) -> dict[str, JSON]:
        """The JSON Schema of a spec at a schema version."""
        there = [field for field in self.fields if field.exists_in(version)]
        members = {field.name: field.schema(version) for field in there}
        required = tuple(field.name for field in there if field.required)
        schema = closed({"schema": {"type": "integer"}, **members}, required)
        return {**schema, "additionalProperties": self.open, **self.rules}

    def in_ascii(self, spec: Spec) -> dict[str, JSON]:
        """A spec of the right form, its host names in ASCII. Raises Invalid for one that has no such form."""
        found = dict(spec)
        for field in self.fields:
            if field.name in spec and names_hosts(field.schema(version_of(spec))):
                try:
                    found[field.name] = in_ascii(spec[field.name])
                except Invalid as error:
                    raise error.inside(f"/{field.name}") from error
        return found

    def problem(self, spec: JSON) -> str | None:
        """What is wrong with a spec, as a sentence; None when it is valid."""
        found = self.fault(spec)
        return None if found is None else found.message

    def fault(self, spec: JSON) -> Invalid | None:
        """What is wrong with a spec, with the member's pointer; None when it is valid."""
        found = self.spec_versions.fault(spec)
        if found:
            return found
        try:
            known = self.in_ascii(spec)
            if self.check:
                self.check(known)
        except Invalid as error:
            return error
        return None

    def measured(self, spec: Spec, result: Result) -> list[Metric]:
        """The numbers of a result that are worth keeping: none where it failed."""
        return list(self.metrics(spec, result)) if result.get("succeeded", True) else []

    def parse(self, arguments: Sequence[str]) -> dict[str, JSON]:
        """Command-line arguments -> spec. Raises Invalid with the complaint or the help asked for."""
        return parse_arguments(self.name, self.fields, arguments, self.amend)

    def arguments(self, spec: Spec) -> list[str]:
        """A valid spec -> the command-line arguments that make it."""
        return format_arguments(self.fields, spec)

    def show_spec(self, spec: Spec) -> Sequence[Block]:
        """A valid spec as blocks: a row per field of its version, those that are private hidden."""
        return [
            Rows(
                [
                    (field.label or field.name, _shown(field.name, spec))
                    for field in self.fields
                    if field.exists_in(version_of(spec))
                ]
            )
        ]


def _shown(name: str, spec: Spec) -> JSON:
    if name not in spec:
        return UNSPECIFIED
    return HIDDEN if name.startswith("_") else spec[name]


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
        missing = (f"The program {name} is missing" for name in self.programs if not shutil.which(name))
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


@dataclasses.dataclass(frozen=True, kw_only=True)
class Archiver(Plugin):
    """A place to send results: ``data`` {schema version: schema} of its settings, ``deliver`` does it.

    ``check`` is a rule no schema can hold: raises Invalid, naming the member and not its value.
    ``for_operators``: not for tasks, which anybody posts, but for default archives and alert rules alone.
    """

    data: Mapping[int, dict[str, JSON]]
    deliver: Callable[[Parcel], Outcome]
    check: Callable[[Mapping[str, JSON]], None] | None = None
    for_operators: bool = False

    @functools.cached_property
    def data_versions(self) -> Versions:
        return Versions(self.data)

    def problem(self, data: JSON) -> str | None:
        """What is wrong with settings, as a sentence; None when they are valid."""
        found = self.fault(data)
        return None if found is None else found.message

    def fault(self, data: JSON) -> Invalid | None:
        """What is wrong with settings, with the member's pointer; None when they are valid."""
        found = self.data_versions.fault(data)
        if found or not self.check:
            return found
        try:
            self.check(data)
        except Invalid as error:
            return error
        return None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Context(Plugin):
    """A change of environment around a tool; ``enter`` raises PluginFailed where it cannot be made.

    The environment must hold for the calling thread and the processes it starts.
    """

    data: Mapping[int, dict[str, JSON]]
    enter: Callable[[JSON], AbstractContextManager[None]]

    @functools.cached_property
    def data_versions(self) -> Versions:
        return Versions(self.data)
