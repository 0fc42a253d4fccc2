"""Pages about tests, tools, archivers and contexts (contract/api.md, Plugins)."""

from collections.abc import Callable, Iterable, Mapping, Sequence

from chalicelib.api import shapes
from chalicelib.api.http import Answer, Request, as_json
from chalicelib.api.operations import EXPANDED, document, operation
from chalicelib.domain.errors import Invalid, NotFound
from chalicelib.domain.schemas import JSON
from chalicelib.domain.tool_choice import Offer
from chalicelib.service.tasking import offers
from plugins import registry
from plugins.base import Archiver, Context, Plugin, Test


def _list(plugin: dict[str, JSON]) -> dict[str, JSON]:
    return shapes.array({"anyOf": [shapes.HREF, plugin]})


SPEC = document("spec", "A spec of the test", required=True)
DATA = document("data", "The plugin's settings", required=True)
ARGUMENTS = document(
    "args",
    "Command-line arguments",
    shapes.array({"type": ["string", "number"]}),
    required=True,
)
TEST_TO_PERFORM = document(
    "test",
    "What each tool says of performing this: its type and spec",
    shapes.shape({"type": shapes.STRING}, {"spec": shapes.ANY}),
)
TOOLS = shapes.array({"anyOf": [shapes.HREF, shapes.TOOL, shapes.TOOL_VERDICT]})


def _listing(request: Request, kind: str, plugins: Iterable[Plugin]) -> Answer:
    """Hrefs, or with ``expanded`` the plugins themselves."""
    if request.flag("expanded"):
        return as_json(request, [_expanded(request, kind, plugin) for plugin in plugins])
    return as_json(request, [f"{request.base}/{kind}/{plugin.name}" for plugin in plugins])


def _expanded(request: Request, kind: str, plugin: Plugin) -> dict[str, JSON]:
    return {**plugin.enumeration(), "href": f"{request.base}/{kind}/{plugin.name}"}


def _one(request: Request, kind: str, plugins: Mapping[str, Plugin], name: str) -> Answer:
    if name not in plugins:
        raise NotFound(f"There is no {kind.removesuffix('s')} {name} here")
    return as_json(request, _expanded(request, kind, plugins[name]))


@operation("Plugins", arguments=[EXPANDED], answer=_list(shapes.TEST), conditional=True)
def tests(request: Request) -> Answer:
    """All tests."""
    return _listing(request, "tests", registry.tests().values())


@operation("Plugins", answer=shapes.TEST, conditional=True)
def test(request: Request, name: str) -> Answer:
    """One test."""
    return _one(request, "tests", registry.tests(), name)


def _test(name: str) -> Test:
    if name not in registry.tests():
        raise NotFound(f"There is no test {name} here")
    return registry.tests()[name]


@operation("Plugins", arguments=[ARGUMENTS], answer=shapes.OBJECT)
def test_spec(request: Request, name: str) -> Answer:
    """Make a spec of command-line arguments.

    Help and complaints travel as the text of a 400.
    """
    plugin, arguments = _test(name), request.document("args")
    if not isinstance(arguments, list) or not all(map(_is_argument, arguments)):
        raise Invalid("args: must be an array of strings and numbers")
    return as_json(request, plugin.parse([str(argument) for argument in arguments]))


def _is_argument(value: JSON) -> bool:
    return isinstance(value, str | int | float) and not isinstance(value, bool)


@operation("Plugins", arguments=[SPEC], answer=shapes.VERDICT)
def spec_is_valid(request: Request, name: str) -> Answer:
    """Whether a spec is valid, and if not, why."""
    return as_json(request, _verdict(request, "spec", _test(name).problem))


def _verdict(request: Request, name: str, check: Callable[[JSON], str | None]) -> dict[str, JSON]:
    """What a check says of an argument; one that is no JSON is not valid either."""
    if name not in request.args:
        raise Invalid(f"The argument {name} is missing")
    try:
        problem = check(request.document(name))
    except Invalid as trouble:
        problem = trouble.message
    return {"valid": False, "error": problem} if problem else {"valid": True}


@operation("Plugins", arguments=[SPEC], answer=shapes.PARTICIPANTS)
def participants(request: Request, name: str) -> Answer:
    """The hosts that would take part in a test, null being this one.

    A spec must have the right form for that, and need not make sense in all else.
    """
    plugin, spec = _test(name), request.document("spec")
    _require(plugin.spec_versions.problem(spec))
    hosts = list(plugin.participants(spec))
    reason = {plugin.null_key: plugin.null_reason} if None in hosts else {}
    return as_json(request, {"participants": hosts, **reason})


@operation(
    "Plugins",
    arguments=[EXPANDED, document("spec", "Only tools that would perform this")],
    answer=_list(shapes.TOOL),
)
def test_tools(request: Request, name: str) -> Answer:
    """The tools of a test, the preferred first."""
    tools = registry.tools_for(name)
    if "spec" in request.args and tools:
        spec = request.document("spec")
        _require(_test(name).problem(spec))
        willing = {offer.tool for offer in offers(name, spec) if offer.willing}
        tools = [tool for tool in tools if tool.name in willing]
    return _listing(request, "tools", tools)


def _require(problem: str | None) -> None:
    if problem:
        raise Invalid(f"spec{problem}")


@operation("Plugins", arguments=[EXPANDED, TEST_TO_PERFORM], answer=TOOLS, conditional=True)
def tools(request: Request) -> Answer:
    """All tools, or with `test` what each says of performing it.

    The answer has the form of the API level asked for: up to 5 the tools that would, from 6 on each
    with its verdict.
    """
    if "test" not in request.args:
        return _listing(request, "tools", registry.tools().values())
    wanted = request.document("test")
    if not isinstance(wanted, dict) or not isinstance(wanted.get("type"), str):
        raise Invalid("test: must be an object with a type and a spec")
    return as_json(request, _verdicts(request, wanted))


def _verdicts(request: Request, wanted: Mapping[str, JSON]) -> Sequence[JSON]:
    name, spec = wanted["type"], wanted.get("spec", {})
    plugin = registry.tests().get(name)
    if plugin is None:
        return []
    problem = plugin.problem(spec)
    known = registry.tools()
    found = _unwilling(name, problem) if problem else offers(name, spec)
    if request.api_level < 6:
        return [known[offer.tool].enumeration() for offer in found if offer.willing]
    return [
        {
            "tool": known[offer.tool].enumeration(),
            "can-run": {
                "can-run": offer.willing,
                **({} if offer.willing else {"reasons": list(offer.reasons)}),
            },
        }
        for offer in found
    ]


def _unwilling(test: str, problem: str) -> list[Offer]:
    return [Offer(tool.name, [problem]) for tool in registry.tools_for(test)]


@operation("Plugins", answer=shapes.TOOL, conditional=True)
def tool(request: Request, name: str) -> Answer:
    """One tool."""
    return _one(request, "tools", registry.tools(), name)


@operation("Plugins", arguments=[EXPANDED], answer=_list(shapes.ARCHIVER), conditional=True)
def archivers(request: Request) -> Answer:
    """All archivers."""
    return _listing(request, "archivers", registry.archivers().values())


@operation("Plugins", answer=shapes.ARCHIVER, conditional=True)
def archiver(request: Request, name: str) -> Answer:
    """One archiver."""
    return _one(request, "archivers", registry.archivers(), name)


@operation("Plugins", arguments=[DATA], answer=shapes.VERDICT)
def archiver_data_is_valid(request: Request, name: str) -> Answer:
    """Whether an archiver's settings are valid, and if not, why."""
    return _data_is_valid(request, "archiver", registry.archivers(), name)


@operation("Plugins", arguments=[EXPANDED], answer=_list(shapes.CONTEXT), conditional=True)
def contexts(request: Request) -> Answer:
    """All contexts."""
    return _listing(request, "contexts", registry.contexts().values())


@operation("Plugins", answer=shapes.CONTEXT, conditional=True)
def context(request: Request, name: str) -> Answer:
    """One context."""
    return _one(request, "contexts", registry.contexts(), name)


@operation("Plugins", arguments=[DATA], answer=shapes.VERDICT)
def context_data_is_valid(request: Request, name: str) -> Answer:
    """Whether a context's settings are valid, and if not, why."""
    return _data_is_valid(request, "context", registry.contexts(), name)


def _data_is_valid(
    request: Request, kind: str, plugins: Mapping[str, Archiver] | Mapping[str, Context], name: str
) -> Answer:
    if name not in plugins:
        raise NotFound(f"There is no {kind} {name} here")
    return as_json(request, _verdict(request, "data", plugins[name].data_versions.problem))
