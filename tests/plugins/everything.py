"""Every test plugin there is a module for, whether or not the registry lists it."""

import importlib
import pkgutil

import plugins.tests
from plugins.base import Test

TESTS: dict[str, Test] = {
    module.name.replace("_", "-"): importlib.import_module(f"plugins.tests.{module.name}").TEST
    for module in pkgutil.iter_modules(plugins.tests.__path__)
    if not module.name.startswith("_")  # what tests share
}
EXAMPLES = [(test, spec) for test in TESTS.values() for spec in test.examples]
RESULTS = [(test, result) for test in TESTS.values() for result in test.result_examples]
SUCCESSES = [(test, result) for test, result in RESULTS if result["succeeded"]]


def label(value: object) -> str:
    return value.name if isinstance(value, Test) else ""
