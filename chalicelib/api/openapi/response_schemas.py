"""The JSON that pages answer, as schemas (docs/contract/api.md). Members may be added, none goes away.

What stands in COMPONENTS is shown once, under its name, however often it is used.
"""

from collections.abc import Mapping

from chalicelib.api.http.problems import NAMES
from chalicelib.domain.delivery_states import DeliveryState
from chalicelib.domain.run import CODES
from chalicelib.domain.run_states import State
from chalicelib.domain.schemas import JSON, closed
from chalicelib.domain.types import TYPES

Schema = dict[str, JSON]

STRING, BOOLEAN, ANY = {"type": "string"}, {"type": "boolean"}, TYPES["AnyJSON"]
COUNT, TIME, DURATION = TYPES["CardinalZero"], TYPES["Timestamp"], TYPES["Duration"]
HREF: Schema = {"type": "string", "format": "uri"}
OBJECT: Schema = {"type": "object"}


def nullable(schema: Schema) -> Schema:
    return {"anyOf": [schema, {"type": "null"}]}


def array(items: Schema) -> Schema:
    return {"type": "array", "items": items}


def shape(always: Mapping[str, Schema], sometimes: Mapping[str, Schema] | None = None) -> Schema:
    """An object that always has some members and sometimes others."""
    return {"type": "object", "properties": {**always, **(sometimes or {})}, "required": list(always)}


def _plugin(since_level_7: Mapping[str, Schema] | None = None, **own: Schema) -> Schema:
    maintainer = {"type": "object", "properties": dict.fromkeys(("name", "email", "href"), STRING)}
    common = {
        "schema": COUNT,
        **dict.fromkeys(("name", "description", "version"), STRING),
        "maintainer": maintainer,
    }
    return shape({**common, **own}, {"href": HREF, "label": STRING, **(since_level_7 or {})})


def _or_gone(plugin: Schema) -> Schema:
    """A plugin that a task outlived is but a name."""
    return {"anyOf": [plugin, closed({"name": STRING}, ("name",))]}


_VERSIONS = shape({"versions": array(nullable(OBJECT))})
_SPEC = shape({"jsonschema": _VERSIONS, "uischema": _VERSIONS})
TEST = _plugin({"spec": _SPEC, "result": shape({"jsonschema": _VERSIONS})}, **{"scheduling-class": STRING})
TOOL = _plugin(tests=array(STRING), preference={"type": "integer"})
ARCHIVER = _plugin({"spec": _SPEC})
CONTEXT = _plugin({"spec": _SPEC})
TOOL_VERDICT = shape(
    {"tool": TOOL, "can-run": shape({"can-run": BOOLEAN}, {"reasons": array(STRING)})},
)
VERDICT = shape({"valid": BOOLEAN}, {"error": STRING})
PARTICIPANTS = shape(
    {"participants": array(nullable(STRING))},
    {"null-reason": STRING, "reason": STRING},
)
SCHEMAS_BY_VERSION: Schema = {
    "type": "object",
    "patternProperties": {"^[1-9][0-9]*$": {**OBJECT, "description": "A JSON Schema"}},
    "additionalProperties": False,
}
TEST_SCHEMA = closed({"spec": SCHEMAS_BY_VERSION, "result": SCHEMAS_BY_VERSION}, ("spec", "result"))
TOOL_SCHEMA = closed({"tests": {"type": "object", "additionalProperties": TEST_SCHEMA}}, ("tests",))
DATA_SCHEMA = closed({"data": SCHEMAS_BY_VERSION}, ("data",))

STATE: Schema = {"enum": [state.value for state in State]}
REASON: Schema = {
    **shape({"code": {"enum": list(CODES)}, "message": STRING}, {"blocking-run": TYPES["UUID"]}),
    "description": "Why a run did not start, or did not end.\n\n"
    + "".join(f"- `{code}`: {meaning}\n" for code, meaning in CODES.items()),
}
RANGE = shape({"lower": nullable(TIME), "upper": nullable(TIME)})

DETAIL = shape(
    {
        "added": TIME,
        **dict.fromkeys(("anytime", "enabled", "exclusive", "multi-result"), BOOLEAN),
        "cli": array(STRING),
        "diags": STRING,
        **dict.fromkeys(("duration", "post", "slip"), DURATION),
        "hints": OBJECT,
        **dict.fromkeys(("participant", "runs", "runs-started"), COUNT),
        "participants": array(STRING),
        "start": nullable(TIME),
        **dict.fromkeys(("href", "runs-href", "first-run-href", "next-run-href"), HREF),
    },
    {"next-planning": nullable(TIME), "next-planning-reason": nullable(STRING)},
)
TASK_SECTIONS: dict[str, Schema] = {
    "schema": COUNT,
    "lead-bind": STRING,
    "tools": array(STRING),
    "archives": array(OBJECT),
    "reference": ANY,
    "_key": {"type": ["string", "null"]},
    "contexts": OBJECT,
    "priority": {"type": "integer"},
    "debug": BOOLEAN,
    "keep-after-archive": DURATION,
}
TASK = {
    **shape(
        {
            "test": shape({"type": STRING, "spec": OBJECT}),
            "tool": STRING,
            "schedule": OBJECT,
            "href": HREF,
        },
        {**TASK_SECTIONS, "detail": DETAIL},
    ),
    "description": "A task as stored; members with an underscore are null without its key",
}
PROPOSAL = shape(
    {
        "task": shape(
            {"test": OBJECT, "tool": STRING, "schedule": OBJECT},
            {**TASK_SECTIONS, "detail": {**DETAIL, "required": []}},
        ),
        "start": nullable(TIME),
        "end": nullable(TIME),
    },
    {"reason": REASON},
)

ARCHIVING = shape(
    {
        **dict.fromkeys(("spec", "archiver"), OBJECT),
        "archiver_data": ANY,
        "completed": BOOLEAN,
        "archived": BOOLEAN,
        "last_attempt": nullable(TIME),
        "diags": array(shape({"time": TIME})),
        "id": STRING,
        "state": {"enum": [state.value for state in DeliveryState]},
        "attempts": COUNT,
        "next_attempt": nullable(TIME),
        "last_error": nullable(STRING),
    }
)
RUN = shape(
    {
        **dict.fromkeys(("start-time", "end-time", "added"), TIME),
        "duration": DURATION,
        "participant": COUNT,
        "participants": array(STRING),
        **dict.fromkeys(("participant-data", "result", "result-merged"), ANY),
        **dict.fromkeys(("participant-data-full", "result-full"), nullable(array(ANY))),
        "state": STATE,
        "state-display": STRING,
        **dict.fromkeys(("errors", "limit-diags"), nullable(STRING)),
        "priority": {"type": ["integer", "null"]},
        **dict.fromkeys(("href", "task-href", "result-href"), HREF),
    },
    {"clock-survey": array(ANY), "archivings": array(ARCHIVING), "reason": REASON},
)
SCHEDULED = shape(
    {
        **dict.fromkeys(("start-time", "end-time"), TIME),
        **dict.fromkeys(("href", "result-href"), HREF),
        "state": STATE,
        "state-display": STRING,
        "task": OBJECT,
        "cli": array(STRING),
        "priority": {"type": ["integer", "null"]},
    },
    {
        "test": _or_gone(TEST),
        "tool": _or_gone(TOOL),
        "errors": nullable(STRING),
        "ppf": {"enum": [-1, 0, 1]},
        "reason": REASON,
    },
)

CLOCK = shape(
    {"time": TIME, "synchronized": BOOLEAN, "source": STRING},
    {"reference": STRING, "offset": {"type": "number"}},
)
_SERVICE = shape(
    {
        **dict.fromkeys(("uptime", "next_time", "overdue"), nullable(DURATION)),
        "updates": nullable(COUNT),
        **dict.fromkeys(("last", "expected"), nullable(TIME)),
    }
)
_QUEUE = shape({**dict.fromkeys(("waiting", "delayed", "under-way"), COUNT), "last": nullable(TIME)})
AGENT = shape(
    {
        "version": nullable(STRING),
        "protocol": {"type": ["integer", "null"]},
        "outdated": BOOLEAN,
        "last-contact": nullable(TIME),
        "clock": nullable(OBJECT),
        "tools": nullable(array(STRING)),
        "runs-held": COUNT,
        "results-waiting": COUNT,
    }
)
STATUS = shape(
    {
        "time": TIME,
        "limits": shape({"ok": BOOLEAN}, {"error": STRING}),
        "services": shape(dict.fromkeys(("ticker", "scheduler", "runner", "archiver"), _SERVICE)),
        "queues": {"type": "object", "additionalProperties": _QUEUE},
        "dead-letters": {"type": "integer", "minimum": 0},
        "runs": shape(dict.fromkeys(("last-finished", "last-scheduled"), nullable(TIME))),
    },
    {"agents": array(AGENT)},
)
SERVED_NODE = shape(
    {
        **dict.fromkeys(("node", "hostname", "url"), STRING),
        "tools-at": {"enum": ["here", "agent"]},
        "suspended": BOOLEAN,
        "added": nullable(TIME),
        "joined": BOOLEAN,
        "agent": nullable(AGENT),
    },
    {"facts": nullable(OBJECT), "token": STRING, "expires": TIME},
)
PROBLEM = shape(
    {"type": {"enum": list(NAMES)}, "title": STRING, "status": {"type": "integer"}, "detail": STRING},
    {"pointer": STRING, "blocking-run": TYPES["UUID"], "participant": STRING},
)

COMPONENTS: dict[str, Schema] = {
    "Agent": AGENT,
    "Archiver": ARCHIVER,
    "Archiving": ARCHIVING,
    "Clock": CLOCK,
    "Context": CONTEXT,
    "Problem": PROBLEM,
    "Proposal": PROPOSAL,
    "Reason": REASON,
    "Run": RUN,
    "ScheduledRun": SCHEDULED,
    "ServedNode": SERVED_NODE,
    "SchemasByVersion": SCHEMAS_BY_VERSION,
    "State": STATE,
    "Status": STATUS,
    "Task": TASK,
    "TaskDetail": DETAIL,
    "Test": TEST,
    "Tool": TOOL,
    "Verdict": VERDICT,
}
