"""Makes the wheel of the agent: ``python -m agent.packaging.build [FOLDER]``.

In it is what the agent imports of this repository, and nothing else: no pages, no tables, no archivers.
What it needs of others is named here, at the versions the node is tested with.
"""

import ast
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence

from agent.version import VERSION

ROOT = pathlib.Path(__file__).resolve().parents[2]
OWN = ("agent", "chalicelib", "plugins")
FIRST = ("agent.main",)
WITHOUT = ("plugins.archivers", "plugins.shipped.archivers")
"""What is only ever asked for by a node."""
NEEDED = ("dnspython", "idna", "ifaddr", "isodate", "jsonschema", "pyasn1", "pysnmp", "tomli", "urllib3")
EXTRAS = {"s3": ("botocore",), "snmp-v3": ("cryptography",)}
"""Libraries for one tool each: s3-benchmark, and encryption of SNMP version 3."""

_PYPROJECT = """\
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "pscheduler-agent"
version = "{version}"
description = "Measures on its host for a pScheduler node whose coordinator is elsewhere"
requires-python = ">=3.10"
license = "Apache-2.0"
dependencies = {needed}
optional-dependencies = {{ {extras} }}

[project.scripts]
pscheduler-agent = "agent.main:main"

[tool.hatch.build.targets.wheel]
packages = ["agent", "chalicelib", "plugins"]
"""


def main(folder: str = "dist") -> None:
    """Make the wheel, and print where it is."""
    with tempfile.TemporaryDirectory() as made:
        stage(pathlib.Path(made))
        shutil.copy(ROOT / "LICENSE", made)
        target = pathlib.Path(folder).absolute()
        command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(target)]
        subprocess.run(command, cwd=made, check=True, capture_output=True)  # noqa: S603 - these words
    print(target / f"pscheduler_agent-{VERSION}-py3-none-any.whl")  # noqa: T201


def stage(folder: pathlib.Path) -> None:
    """Put what goes into the wheel into a folder."""
    for module in sorted(closure(FIRST)):
        source = path_of(module)
        assert source is not None  # noqa: S101 - it was found there
        target = folder / source.relative_to(ROOT)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, target)
    versions = pinned()
    extras = (f"{name} = {_listed(versions[one] for one in needed)}" for name, needed in EXTRAS.items())
    text = _PYPROJECT.format(
        version=VERSION,
        needed=_listed(versions[name] for name in NEEDED),
        extras=", ".join(extras),
    )
    (folder / "pyproject.toml").write_text(text)


def _listed(items: Iterable[str]) -> str:
    quoted = (item.replace('"', "'") for item in items)  # as they are in the conditions of requirements
    return "[" + ", ".join(f'"{item}"' for item in quoted) + "]"


def pinned() -> dict[str, str]:
    """The requirements of a node by name: ``idna`` -> ``idna==3.20``."""
    lines = [
        line.split("#")[0].strip()
        for file in ("requirements.txt", "requirements-node.txt")
        for line in (ROOT / file).read_text().splitlines()
    ]
    return {re.split(r"[=<>\[]", line)[0]: line for line in lines if line and not line.startswith("-")}


def closure(first: Sequence[str]) -> set[str]:
    """The modules of this repository that some modules import, themselves and their packages included."""
    found: set[str] = set()
    waiting = list(first)
    while waiting:
        module = waiting.pop()
        if module in found or module.startswith(WITHOUT) or path_of(module) is None:
            continue  # a name in a module is imported like a module
        found.add(module)
        waiting += imported(module)
        waiting += [module.rpartition(".")[0]] if "." in module else []
    return found


def imported(module: str) -> Iterator[str]:
    """What a module imports of this repository, wherever in it, also where it turns out to be no module."""
    path = path_of(module)
    for node in ast.walk(ast.parse(path.read_text() if path else "")):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        else:
            continue
        yield from (name for name in names if name.split(".")[0] in OWN)


def path_of(module: str) -> pathlib.Path | None:
    """The file of a module or a package; None where there is none."""
    at = ROOT.joinpath(*module.split("."))
    return next((path for path in (at / "__init__.py", at.with_suffix(".py")) if path.exists()), None)


if __name__ == "__main__":
    main(*sys.argv[1:])
