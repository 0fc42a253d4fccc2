"""What a test declares: its spec, who takes part, and what its result looks like."""

import dataclasses
import functools
from collections.abc import Callable, Mapping, Sequence

from chalicelib.domain.errors import Invalid
from chalicelib.domain.metrics import Metric
from chalicelib.domain.schemas import JSON, Versions, closed, version_of
from plugins.sdk.fields import Field, Spec, format_arguments, parse_arguments
from plugins.sdk.host_names import in_ascii, names_hosts
from plugins.sdk.plugin import Plugin
from plugins.sdk.show import HIDDEN, UNSPECIFIED, Block, Rows

Result = dict[str, JSON]


def at_host(spec: Spec) -> list[str | None]:
    """Who takes part in what ``host`` performs: that host, under its node's name if it has another."""
    return [spec.get("host-node", spec.get("host"))]


def at_source(spec: Spec) -> list[str | None]:
    """The same of what ``source`` performs."""
    return [spec.get("source-node", spec.get("source"))]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Test(Plugin):
    """A kind of measurement: its spec, who takes part, and what its result looks like.

    participants  spec -> hosts taking part, None being this one, in first place only; ``at_host`` and
                  ``at_source`` where that is one
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
