"""What an http archive whose URL ends in /logstash gets, held against what perfSONAR's filters read of it.

``logstash.json`` has the names they read, and what each becomes; ``stored`` does to a document what they do.
"""

import json
import pathlib
import re
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from chalicelib.domain.run_states import State
from chalicelib.domain.task import Task
from chalicelib.domain.times import parse_timestamp
from chalicelib.service.archiving import attempt
from plugins import registry
from plugins.sdk.jobs import Outcome, Parcel
from tests.builders import NODE, NOON, run, task
from tests.plugins.everything import ARCHIVERS, RESULTS, TESTS
from tests.plugins.web import serving

FACTS = json.loads((pathlib.Path(__file__).parent / "logstash.json").read_text())
COMMON = FACTS["every test"]
OF_TESTS = {
    name: FACTS[facts["as"]] if "as" in facts else facts for name, facts in FACTS.items() if name in TESTS
}
DURATION = re.compile(r"P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?)?")
SECONDS = (86400, 3600, 60, 1)
"""What the filters read as a duration; all else stays text, which an index of numbers refuses."""
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def is_time(value: Any) -> bool:
    parse_timestamp(value)
    return True


KINDS = {
    "number": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
    "text": lambda value: isinstance(value, str) and value != "",
    "flag": lambda value: isinstance(value, bool),
    "list": lambda value: isinstance(value, list),
    "object": lambda value: isinstance(value, dict),
    "time": is_time,
    "histogram": lambda value: all(
        float(bucket) == float(bucket) and isinstance(count, int) for bucket, count in value.items()
    ),
    "paths": lambda value: all(isinstance(hop, dict) for path in value for hop in path),
}


def found(document: Any, path: str) -> Any:
    for name in path.split("."):
        document = document.get(name) if isinstance(document, dict) else None
    return document


def put(document: dict[str, Any], path: str, value: Any) -> None:
    *outer, last = path.split(".")
    for name in outer:
        document = document.setdefault(name, {})
    document[last] = value


def in_seconds(value: Any) -> Any:
    match = DURATION.fullmatch(value) if isinstance(value, str) else None
    if not match:
        return value
    return sum(float(part) * unit for part, unit in zip(match.groups(), SECONDS, strict=True) if part)


def moved(
    document: Mapping[str, Any], names: Mapping[str, Any], at: str = ""
) -> Iterator[tuple[str, str, Any]]:
    """(path, kind, value) of all that is there under one name and gets another."""
    for source, (target, kind) in names.items():
        value = found(document, at + source)
        if value is not None:
            yield target, kind, value


def stored(document: dict[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    """What the filters make of a document, and of which kind each part has to be."""
    given = json.loads(json.dumps(document))
    facts = OF_TESTS.get(given["test"]["type"], {})
    kinds: dict[str, str] = {}
    made: dict[str, Any] = {"test": given["test"]}
    for target, kind, value in moved(given, COMMON["renamed"]):
        put(made, target, value)
        kinds[target] = kind
    for source, (mark, target) in COMMON["cut out of"].items():
        put(made, target, found(made, source).partition(mark)[2])
    for path in (*COMMON["durations"], *facts.get("durations", ())):
        whole = given if path.startswith("result.") else made
        if found(whole, path) is not None:
            put(whole, path, in_seconds(found(whole, path)))
            if whole is made:
                kinds[path] = "number"
    for target, kind, value in moved(given, names_of(facts, given), "result."):
        put(made, f"result.{target}", value)
        kinds[f"result.{target}"] = kind
    if "result" not in facts:
        made["result"] = given["result"]
        kinds |= {path: "number" for path in facts.get("durations", ()) if found(made, path) is not None}
    return made, kinds


def names_of(facts: Mapping[str, Any], document: Mapping[str, Any]) -> dict[str, Any]:
    parallel = found(document, "test.spec.parallel") or 1
    return {**facts.get("result", {}), **(facts.get("if parallel", {}) if parallel > 1 else {})}


def documents(name: str) -> Iterator[dict[str, Any]]:
    """What is archived of every example of a test: each result, with each spec."""
    tool = registry.tools_for(name)[0].name
    for spec in TESTS[name].examples:
        for result in TESTS[name].result_examples:
            owner = task(
                document={
                    "schema": 1,
                    "test": {"type": name, "spec": spec},
                    "tool": tool,
                    "schedule": {"repeat": "PT1H", "slip": "PT5M"},
                },
                url="https://node.example.org/pscheduler",
            )
            yield document_of(owner, result)


def document_of(owner: Task, result: Any) -> dict[str, Any]:
    state = State.FINISHED if result.get("succeeded", True) else State.FAILED
    one = run(owner, state=state).with_documents(result_merged=result)
    return attempt.document(delivery(one.uuid), owner, one)


def delivery(run_id: str) -> Any:
    from chalicelib.domain.delivery import Delivery

    return Delivery(NODE, run_id, 0, "task", {"archiver": "http", "data": {}, "runs": "all"}, NOON)


@pytest.mark.parametrize("name", sorted(TESTS))
def test_all_that_the_filters_read_is_there_and_is_what_they_take_it_for(name: str) -> None:
    for document in documents(name):
        made, kinds = stored(document)

        assert [path for path in COMMON["always"] if found(made, path) is None] == []
        assert UUID.fullmatch(made["pscheduler"]["task_id"])
        assert UUID.fullmatch(made["pscheduler"]["run_id"])
        wrong = {
            path: found(made, path) for path, kind in kinds.items() if not KINDS[kind](found(made, path))
        }
        assert wrong == {}


@pytest.mark.parametrize("name", sorted(OF_TESTS))
def test_every_field_of_a_result_that_the_filters_keep_comes_with_some_result(name: str) -> None:
    facts = OF_TESTS[name]
    kept = {**facts.get("result", {}), **facts.get("if parallel", {})}
    results = [result for test, result in RESULTS if test.name == name]

    missing = {path for path in kept if all(found(result, path) is None for result in results)}

    assert missing == set()
    for path in facts.get("never found", ()):
        assert all(found(result, path) is None for result in results)


def test_a_measurement_becomes_the_record_that_dashboards_read() -> None:
    test = TESTS["rtt"]
    spec = {"dest": "www.example.org", "interval": "PT0.5S"}
    owner = task(document={**task().document, "test": {"type": "rtt", "spec": spec}, "tool": "ping"})

    made, _ = stored(document_of(owner, test.result_examples[0]))

    assert made["result"]["packets"]["loss"] == 0.5
    assert made["result"]["rtt"] == {"min": 0.0123, "max": 0.0125, "mean": 0.0124, "stddev": 0.0001}
    assert made["pscheduler"]["duration"] == 3
    assert (made["pscheduler"]["tool"], made["test"]["spec"]["interval"]) == ("ping", 0.5)


def test_the_archive_gets_the_document_and_nothing_else() -> None:
    owner = task()
    document = document_of(owner, {"succeeded": True})
    with serving({"/logstash": (200, {}, b"ok")}) as server:
        data = {
            "schema": 3,
            "_url": f"{server.url}/logstash",
            "op": "put",
            "verify-ssl": False,
            "_headers": {"x-ps-observer": "192.0.2.1", "content-type": "application/json"},
        }
        outcome = ARCHIVERS["http"].deliver(Parcel(data, document))

    assert outcome == Outcome(True)
    ((method, path, headers, body),) = server.asked
    names = {name.lower(): value for name, value in headers.items()}
    assert (method, path) == ("PUT", "/logstash")
    assert (names["x-ps-observer"], names["content-type"]) == ("192.0.2.1", "application/json")
    assert json.loads(body) == document
