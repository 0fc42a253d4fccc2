"""What is asked of a test: its fields, schemas, examples, command line, and how it shows things."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from chalicelib.domain.errors import Invalid
from chalicelib.domain.schemas import version_of
from local.plugin_check.of_all import Check, sound
from plugins.sdk.show import HTML, TEXT, Block, render
from plugins.sdk.test import Test

HOSTILE = "<script>alert(1)</script>"


def its_fields(test: Test) -> Iterator[str]:
    names = [field.name for field in test.fields]
    flags = [flag for field in test.fields for flag in field.flags.split()]
    for what, given in (("member", names), ("option", flags)):
        yield from (f"the {what} {one} is there twice" for one in sorted(set(given)) if given.count(one) > 1)
    for field in test.fields:
        if not field.label or not field.help:
            yield f"the member {field.name} has no label or no help"
        if field.flags and not any(flag.startswith("--") for flag in field.flags.split()):
            yield f"the member {field.name} has no long option"


def its_schemas(test: Test) -> Iterator[str]:
    yield from sound("spec", {number: checker.schema for number, checker in _spec_checkers(test).items()})
    yield from sound("result", test.results)


def _spec_checkers(test: Test) -> Mapping[int, Any]:
    return test.spec_versions.checkers


def its_examples(test: Test) -> Iterator[str]:
    for number, spec in enumerate(test.examples):
        problem = test.problem(spec)
        if problem:
            yield f"spec example {number} is not valid: {problem}"
    for number, result in enumerate(test.result_examples):
        problem = test.result_versions.problem(result)
        if problem:
            yield f"result example {number} is not valid: {problem}"


def its_examples_are_enough(test: Test) -> Iterator[str]:
    shown = {version_of(spec) for spec in test.examples}
    for version in sorted(set(_spec_checkers(test)) - shown):
        yield f"there is no example of a spec of schema {version}"
    succeeded = [result for result in test.result_examples if result.get("succeeded", True)]
    for version in sorted(set(test.results) - {version_of(result) for result in succeeded}):
        yield f"there is no example of a result of schema {version}"
    if len(succeeded) == len(test.result_examples):
        yield "there is no example of a failed result"


def its_participants(test: Test) -> Iterator[str]:
    for number, spec in enumerate(test.examples):
        found = list(test.participants(spec))
        if not found:
            yield f"nobody takes part in spec example {number}"
        if None in found[1:]:
            yield f"in spec example {number} this host is not the first of the participants"


def its_command_line(test: Test) -> Iterator[str]:
    for number, spec in enumerate(test.examples):
        arguments = test.arguments(spec)
        try:
            again = test.parse(arguments)
        except Invalid as error:
            yield f"the arguments made of spec example {number} are refused: {error.message}"
            continue
        if {**again, "schema": None} != {**spec, "schema": None}:
            yield f"the arguments made of spec example {number} make another: {again}"
        elif version_of(again) > version_of(spec):
            yield f"the arguments of spec example {number} make one of schema {again['schema']}"


def its_older_versions(test: Test) -> Iterator[str]:
    if test.open:  # it takes them for members it does not know
        return
    for number, spec in enumerate(test.examples):
        given = [field for field in test.fields if field.name in spec]
        needed = max([1, *(field.version_needed(spec[field.name]) for field in given)])
        for version in range(1, needed):
            if test.problem({**spec, "schema": version}) is None:
                yield f"spec example {number} has members of schema {needed}, and is valid as {version}"


def what_it_shows(test: Test) -> Iterator[str]:
    successes = [result for result in test.result_examples if result.get("succeeded", True)]
    for number, spec in enumerate(test.examples):
        yield from _shown(f"spec example {number}", test.show_spec(spec))
        yield from _shown(f"spec example {number}", test.show_spec(hostile(test.spec_versions, spec)))
        for place, result in enumerate(successes):
            for each in (result, hostile(test.result_versions, result)):
                yield from _shown(f"successful result example {place}", test.show(spec, each))


def _shown(what: str, blocks: Sequence[Block]) -> Iterator[str]:
    wrong = [block for block in blocks if not isinstance(block, Block)]
    if wrong:
        yield f"it shows {what} with {wrong[0]!r}, which is not a block"
        return
    if not render(blocks, TEXT).strip():
        yield f"it shows nothing of {what}"
    if "<script" in render(blocks, HTML):
        yield f"it lets markup in {what} become part of the page"


def hostile(versions: Any, document: Any) -> Any:
    """A valid document with markup in the place of every text that may be any text."""

    def changed(value: Any, put: Any) -> Any:
        if isinstance(value, dict):
            items = value.items()
            return {key: changed(item, lambda new, key=key: put({**value, key: new})) for key, item in items}
        if isinstance(value, str) and versions.problem(put(HOSTILE)) is None:
            return HOSTILE
        return value

    return changed(document, lambda new: new)


CHECKS: Sequence[Check] = (
    its_fields,
    its_schemas,
    its_examples,
    its_examples_are_enough,
    its_participants,
    its_command_line,
    its_older_versions,
    what_it_shows,
)
