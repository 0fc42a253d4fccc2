"""The OpenAPI document says of every page what it takes and gives."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from chalicelib.api.openapi import operations
from tests.api.conftest import Api


@pytest.fixture
def document(api: Api) -> dict[str, Any]:
    found: dict[str, Any] = api.get("/openapi.json")
    return found


def pages() -> list[tuple[str, str]]:
    import app  # noqa: F401 - fills the table of pages

    return [(path, method) for path, methods in operations.PAGES.items() for method in methods]


@pytest.mark.parametrize(("path", "method"), pages())
def test_every_page_declares_what_it_takes_and_gives(path: str, method: str) -> None:
    page = operations.PAGES[path][method]

    declared = operations.of(page)

    where = f"{page.__module__}.{page.__name__}, {method} {path}"
    assert declared is not None, (
        f"{where}: write @operation(...) above it (chalicelib/api/openapi/operations.py)"
    )
    assert page.__doc__, f"{where}: its docstring is its description at /docs"


def test_the_document_follows_openapi(document: dict[str, Any]) -> None:
    from openapi_spec_validator import validate

    validate(document)

    assert document["openapi"].startswith("3.1")


def test_paths_and_methods_are_the_apps(api: Api, document: dict[str, Any]) -> None:
    from app import app

    shown = {path: {method.upper() for method in methods} for path, methods in document["paths"].items()}

    assert set(shown) == set(app.routes)
    for path, methods in shown.items():
        api.ask("OPTIONS", path)
        allowed = set(api.headers["Allow"].split(", "))
        assert methods == allowed - {"HEAD", "OPTIONS"}, path
        assert ("HEAD" in allowed) == ("GET" in methods)


def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    names = set(document["components"]["schemas"])

    for reference in every("$ref", document):
        assert reference.removeprefix("#/components/schemas/") in names


def test_every_named_schema_is_referred_to(document: dict[str, Any]) -> None:
    referred = {reference.removeprefix("#/components/schemas/") for reference in every("$ref", document)}

    assert set(document["components"]["schemas"]) == referred


def test_titles_are_distinct_since_generators_name_types_by_them(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]

    titles = [
        title for schema in schemas.values() for title in every("title", schema) if isinstance(title, str)
    ]

    assert len(titles) > 50
    assert len(titles) == len(set(titles))


def test_values_of_a_choice_make_constants_of_their_own(document: dict[str, Any]) -> None:
    for values, names in choices(document):
        constants = [name.upper() for name in names or values]
        assert len(constants) == len(set(constants)), values


def choices(value: Any) -> Iterator[tuple[list[str], list[str] | None]]:
    """The texts that schemas allow, with the names given to them."""
    if isinstance(value, dict):
        values = value.get("enum")
        if isinstance(values, list) and all(isinstance(one, str) for one in values):
            yield values, value.get("x-enum-varnames")
        value = list(value.values())
    for one in value if isinstance(value, list) else []:
        yield from choices(one)


def test_every_operation_is_described_and_in_a_section_that_is(document: dict[str, Any]) -> None:
    sections = {tag["name"] for tag in document["tags"]}
    operations_of_all = [one for methods in document["paths"].values() for one in methods.values()]

    assert all(one["summary"] and one["description"] for one in operations_of_all)
    assert {one["tags"][0] for one in operations_of_all} == sections


def test_who_asks_may_come_with_a_key_and_need_not(document: dict[str, Any]) -> None:
    assert {} in document["security"]
    assert {name for one in document["security"] for name in one} == set(
        document["components"]["securitySchemes"]
    )


def test_operations_have_names_of_their_own(document: dict[str, Any]) -> None:
    names = [one["operationId"] for methods in document["paths"].values() for one in methods.values()]

    assert len(names) == len(set(names))


def test_the_schemas_of_every_test_are_there(api: Api, document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]

    for test in api.get("/tests?expanded"):
        assert f"{test['name']}-spec" in schemas
        assert f"{test['name']}-result" in schemas


def test_patterns_are_those_of_every_other_language(document: dict[str, Any]) -> None:
    assert not [pattern for pattern in every("pattern", document) if r"\Z" in pattern]
    assert list(every("x-message", document)) == []
    assert r"\Z" not in json.dumps(document).replace("\\\\", "\\")


def every(word: str, value: Any) -> Iterator[Any]:
    """The values of a keyword anywhere in a document, where they are strings."""
    if isinstance(value, dict):
        yield from (found for name, found in value.items() if name == word and isinstance(found, str))
    for one in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from every(word, one)
