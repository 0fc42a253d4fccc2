"""Pages on which plugins say what they make of a spec or of settings (docs/contract/api.md, Plugins).

What is asked about stands in an argument, or, for what is too large for a URL, in the body of a POST.
"""

from collections.abc import Callable, Mapping, Sequence

from chalicelib.api.http.router import Answer, Request, as_json
from chalicelib.api.openapi import plugin_schemas, response_schemas
from chalicelib.api.openapi.enumerations import enumeration
from chalicelib.api.openapi.operations import EXPANDED, document, operation
from chalicelib.api.pages import form_spec
from chalicelib.api.pages.plugin_pages import known, list_of, listing
from chalicelib.domain.errors import Invalid
from chalicelib.domain.names import NodeName
from chalicelib.domain.schemas import JSON
from chalicelib.domain.tool_choice import Offer
from chalicelib.service.tasks.create import offers
from plugins import registry
from plugins.sdk.test import Test

WITH_VERDICTS = 6
"""The API level from which on each tool comes with its verdict, willing or not."""
SPEC = document("spec", "A spec of the test", required=True)
DATA = document("data", "The plugin's settings", required=True)
ARGUMENTS = document(
    "args",
    "Command-line arguments",
    response_schemas.array({"type": ["string", "number"]}),
    required=True,
)
PERFORMED = response_schemas.shape({"type": response_schemas.STRING}, {"spec": response_schemas.ANY})
TEST = document("test", "What each tool says of performing this: its type and spec", PERFORMED)
TOOLS = response_schemas.array(
    {"anyOf": [response_schemas.HREF, response_schemas.TOOL, response_schemas.TOOL_VERDICT]}
)


def _test(name: str) -> Test:
    return known("test", registry.tests(), name)


@operation("Plugins", arguments=[ARGUMENTS], answer=response_schemas.OBJECT)
def test_spec(request: Request, name: str) -> Answer:
    """Convert command-line arguments into a spec.

    Help and errors are returned as the text of a 400.
    """
    plugin, arguments = _test(name), request.document("args")
    if not isinstance(arguments, list) or not all(map(_is_argument, arguments)):
        raise Invalid("args: must be an array of strings and numbers")
    return as_json(request, plugin.parse([str(argument) for argument in arguments]))


def _is_argument(value: JSON) -> bool:
    return isinstance(value, str | int | float) and not isinstance(value, bool)


@operation("Plugins", arguments=[SPEC], answer=response_schemas.VERDICT)
def spec_is_valid(request: Request, name: str) -> Answer:
    """Validate a spec."""
    return _verdict(request, _test(name).problem, _argument(request, "spec"))


@operation("Plugins", body=response_schemas.ANY, answer=response_schemas.VERDICT)
def posted_spec_is_valid(request: Request, name: str) -> Answer:
    """Validate a spec in the body."""
    return _verdict(request, _test(name).problem, request.json)


@operation("Plugins", arguments=[DATA], answer=response_schemas.VERDICT)
def archiver_data_is_valid(request: Request, name: str) -> Answer:
    """Validate an archiver's settings."""
    plugin = known("archiver", registry.archivers(), name)
    return _verdict(request, plugin.problem, _argument(request, "data"))


@operation("Plugins", body=response_schemas.ANY, answer=response_schemas.VERDICT)
def posted_archiver_data_is_valid(request: Request, name: str) -> Answer:
    """Validate an archiver's settings in the body."""
    plugin = known("archiver", registry.archivers(), name)
    return _verdict(request, plugin.problem, request.json)


@operation("Plugins", arguments=[DATA], answer=response_schemas.VERDICT)
def context_data_is_valid(request: Request, name: str) -> Answer:
    """Validate a context's settings."""
    plugin = known("context", registry.contexts(), name)
    return _verdict(request, plugin.data_versions.problem, _argument(request, "data"))


@operation("Plugins", body=response_schemas.ANY, answer=response_schemas.VERDICT)
def posted_context_data_is_valid(request: Request, name: str) -> Answer:
    """Validate a context's settings in the body."""
    plugin = known("context", registry.contexts(), name)
    return _verdict(request, plugin.data_versions.problem, request.json)


def _argument(request: Request, name: str) -> Callable[[], JSON]:
    if name not in request.args:
        raise Invalid(f"The argument {name} is missing")
    return lambda: request.document(name)


def _verdict(request: Request, check: Callable[[JSON], str | None], given: Callable[[], JSON]) -> Answer:
    """What a check says of what is given; what is no JSON is not valid either."""
    try:
        problem = check(given())
    except Invalid as error:
        problem = error.message
    return as_json(request, {"valid": False, "error": problem} if problem else {"valid": True})


@operation("Plugins", arguments=[SPEC], answer=response_schemas.PARTICIPANTS)
def participants(request: Request, name: str) -> Answer:
    """Get the hosts that would take part in a test, null meaning this one.

    The spec has to be well-formed, but otherwise need not make sense.
    """
    plugin = _test(name)
    if form_spec.is_form(request.args.get("spec", "")):
        return _participants(request, plugin, form_spec.read(plugin, request.args))
    return _participants(request, plugin, request.document("spec"))


@operation("Plugins", body=response_schemas.OBJECT, answer=response_schemas.PARTICIPANTS)
def posted_participants(request: Request, name: str) -> Answer:
    """Get the hosts that would take part in the test whose spec is the body, null meaning this one."""
    return _participants(request, _test(name), request.json(), "")


def _participants(request: Request, plugin: Test, spec: JSON, argument: str = "spec") -> Answer:
    _require(plugin.participant_versions.fault(spec), argument)
    hosts = list(plugin.participants(plugin.in_ascii(spec)))
    reason = {plugin.null_key: plugin.null_reason} if None in hosts else {}
    return as_json(request, {"participants": hosts, **reason})


def _require(fault: Invalid | None, argument: str) -> None:
    """Raise a fault, as one of the argument it is in, or of the body where that has no name."""
    if fault:
        raise Invalid(f"{argument}{fault.message}") if argument else fault


@operation(
    "Plugins",
    arguments=[EXPANDED, document("spec", "Only tools that would perform this")],
    answer=list_of(response_schemas.TOOL),
)
def test_tools(request: Request, name: str) -> Answer:
    """List the tools of a test, the preferred first."""
    if "spec" in request.args and name in registry.tests():
        return _willing(request, name, request.document("spec"), "spec")
    return listing(request, "tools", registry.tools_for(name))


@operation(
    "Plugins", arguments=[EXPANDED], body=response_schemas.OBJECT, answer=list_of(response_schemas.TOOL)
)
def posted_test_tools(request: Request, name: str) -> Answer:
    """List the tools that would perform the test whose spec is the body, the preferred first."""
    return _willing(request, _test(name).name, request.json(), "")


def _willing(request: Request, test: str, spec: JSON, argument: str) -> Answer:
    _require(_test(test).fault(spec), argument)
    willing = [registry.tools()[offer.tool] for offer in offers(request.node, test, spec) if offer.willing]
    return listing(request, "tools", willing)


@operation("Plugins", arguments=[EXPANDED, TEST], answer=TOOLS, conditional=True)
def tools(request: Request) -> Answer:
    """List the tools, or with `test` ask each whether it would perform it.

    The form of the answer depends on the API level: up to 5, only the tools that would, from 6 on, each with
    its verdict.
    """
    if "test" not in request.args:
        return listing(request, "tools", registry.tools().values())
    return as_json(request, _verdicts(request, request.document("test"), "test"))


@operation("Plugins", body=plugin_schemas.any_spec, answer=TOOLS)
def posted_tools(request: Request) -> Answer:
    """Ask each tool whether it would perform the test in the body.

    The form of the answer depends on the API level, as with GET.
    """
    return as_json(request, _verdicts(request, request.json(), ""))


def _verdicts(request: Request, wanted: JSON, argument: str) -> Sequence[JSON]:
    if not isinstance(wanted, dict) or not isinstance(wanted.get("type"), str):
        sentence = "must be an object with a type and a spec"
        raise Invalid(f"{argument}: {sentence}") if argument else Invalid(sentence, "")
    found = _offers(request.node, wanted)
    level = request.api_level
    if level < WITH_VERDICTS:
        return [enumeration(registry.tools()[offer.tool], level) for offer in found if offer.willing]
    return [_verdict_of(offer, level) for offer in found]


def _offers(node: NodeName, wanted: Mapping[str, JSON]) -> list[Offer]:
    name, spec = wanted["type"], wanted.get("spec", {})
    plugin = registry.tests().get(name)
    problem = plugin.problem(spec) if plugin else None
    if problem:
        return [Offer(tool.name, [problem]) for tool in registry.tools_for(name)]
    return offers(node, name, spec) if plugin else []


def _verdict_of(offer: Offer, level: int) -> dict[str, JSON]:
    reasons = {} if offer.willing else {"reasons": list(offer.reasons)}
    tool = enumeration(registry.tools()[offer.tool], level)
    return {"tool": tool, "can-run": {"can-run": offer.willing, **reasons}}
