"""The package of a deployment: what Chalice makes, made small and quick to start.

    python -m local.package OUT

writes ``OUT/deployment.zip`` and ``OUT/sam.json``. Chalice packs the libraries whole and uncompiled. A
function pays for that at each cold start, so here

- every module has its bytecode beside it, checked against nothing when it is loaded: a function cannot write
  it down, and would compile everything anew each time;
- of botocore's descriptions of services, 27 MB, those that something here talks to are kept, without their
  prose, which is most of what a client has to read as it is made;
- libraries come without their tests and examples, and as bytecode alone, without docstrings: of what goes
  wrong in them a traceback has the lines' numbers, not the lines.
"""

import argparse
import ast
import gzip
import hashlib
import importlib._bootstrap_external as bytecode  # what py_compile writes files with, without its files
import importlib.util
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator, Mapping, Sequence

from chalicelib.domain.schemas import JSON

HERE = pathlib.Path(__file__).resolve().parent.parent
PARTS = ("app.py", "chalicelib", "plugins", "vendor", ".chalice", "requirements.txt")
"""What goes to Chalice. It takes nothing else, but for files that happen to lie beside these."""
STAGE = "pscheduler"
SERVICES = frozenset({"dynamodb", "dynamodbstreams", "events", "s3", "sqs"})
"""The services of AWS that the node, its archivers and its tools talk to."""
OWN = ("app.py", "chalicelib/", "plugins/")
"""Where the product's own files lie in the package: plugins/tests/ are no tests of a library."""
LARGEST = 9_000_000
"""Bytes that a package may have."""

_DATA = "botocore/data/"
_LEFT_OUT = ("tests", "test", "testing", "benchmarks", "examples")
_LEFT_OUT_FILES = ("RECORD", "INSTALLER", "py.typed")
_LEFT_OUT_ENDINGS = (".pyi", ".pxd", ".h", ".c", ".tar.gz")  # the last: time zones, for systems without
_FRAMEWORKS = ("gevent", "tornado", "twisted")
"""What pika can be driven by besides itself, and nobody here does."""
_TOLD_BY_DOCSTRINGS = ("dns/",)
"""Libraries whose errors say what stands in their docstrings."""
_READS_ITSELF = ("pysnmp/",)
"""Libraries that look for source files, and run what is in them."""
_BLOCKS = ("body", "orelse", "finalbody", "handlers", "cases")
"""Where Python's syntax tree has the statements in a statement."""
_PROSE = ("documentation", "documentationUrl")
_WHEN = (1980, 1, 1, 0, 0, 0)


class PackagingError(Exception):
    """The package cannot be made; the message is for the operator."""


def package(out: pathlib.Path, stage: str = STAGE) -> pathlib.Path:
    """Make the package in a folder. Where its zip file is; raises PackagingError."""
    with tempfile.TemporaryDirectory(prefix="package-") as folder:
        source = pathlib.Path(folder) / "source"
        _copy(source)
        _chalice(source, out.resolve(), stage)
    template = out / "sam.json"
    template.write_text(
        json.dumps(json.loads(template.read_text()), separators=(",", ":"))
    )  # 1 MB is the most
    made = out / "deployment.zip"
    whole = made.rename(out / "whole.zip")
    slim(whole, made)
    whole.unlink()
    if made.stat().st_size > LARGEST:
        raise PackagingError(f"{made} has {made.stat().st_size} bytes: more than {LARGEST}")
    return made


def _copy(to: pathlib.Path) -> None:
    to.mkdir()
    ignore = shutil.ignore_patterns("__pycache__", "deployments", "deployed", "venv")
    for part in PARTS:
        if (HERE / part).is_dir():
            shutil.copytree(HERE / part, to / part, symlinks=True, ignore=ignore)
        else:
            shutil.copy(HERE / part, to / part)


def _chalice(source: pathlib.Path, out: pathlib.Path, stage: str) -> None:
    command = [
        *(sys.executable, "-c", "from chalice.cli import main; main()", "package", "--stage", stage),
        *("--merge-template", ".chalice/resources.json", str(out)),
    ]
    environment = {
        "AWS_DEFAULT_REGION": "us-east-1",  # it goes nowhere: Chalice wants one, and the template has none
        **os.environ,
        "PYTHONPATH": str(source / "vendor"),
    }
    done = subprocess.run(command, cwd=source, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise PackagingError(f"chalice package failed:\n{done.stdout}{done.stderr}")


def slim(whole: pathlib.Path, made: pathlib.Path) -> None:
    """A package anew, with what is described above."""
    with zipfile.ZipFile(whole) as before, zipfile.ZipFile(made, "w") as after:
        for name in sorted(before.namelist()):
            if not name.endswith("/") and is_wanted(name):
                for path, content in _files(name, before.read(name)):
                    _write(after, path, content)


def digest(made: pathlib.Path) -> str:
    """What tells a package from one of other sources.

    Bytecode is left out: Python does not write it twice alike. Which libraries it is of, their metadata say.
    """
    told = hashlib.sha256(sys.version.encode())
    with zipfile.ZipFile(made) as archive:
        for entry in sorted(archive.infolist(), key=lambda entry: entry.filename):
            if not entry.filename.endswith(".pyc"):
                told.update(f"{entry.filename} {entry.CRC:08x} {entry.file_size}\n".encode())
    return told.hexdigest()[:32]


def is_wanted(name: str) -> bool:
    """Whether a file of Chalice's package goes into ours."""
    if "__pycache__" in name:
        return False
    if name.startswith(OWN):
        return True
    parts = name.split("/")
    if name.startswith(_DATA) and len(parts) > 3:
        return parts[2] in SERVICES and not parts[-1].startswith("examples-")
    if name.startswith(tuple(f"pika/adapters/{one}_connection" for one in _FRAMEWORKS)):
        return False
    if parts[-1] in _LEFT_OUT_FILES or parts[-1].endswith(_LEFT_OUT_ENDINGS):
        return False
    return not any(part in _LEFT_OUT for part in parts[1:-1])


def _files(name: str, content: bytes) -> Iterator[tuple[str, bytes]]:
    """What becomes of one file."""
    if name == f"{_DATA}endpoints.json":
        content = _json(_endpoints(json.loads(content)))
    elif name.startswith(_DATA) and name.endswith(".json.gz"):
        # The zip file compresses it all the same, and a start need not.
        name, content = name.removesuffix(".gz"), _json(_without_prose(json.loads(gzip.decompress(content))))
    elif name.endswith(".dist-info/METADATA"):
        content = content.partition(b"\n\n")[0].rstrip() + b"\n"  # what follows is the README
    compiled = _compiled(name, content) if name.endswith(".py") else None
    if compiled is None or name.startswith((*OWN, *_READS_ITSELF)):
        yield name, content
        if compiled is not None:
            yield importlib.util.cache_from_source(name), compiled
    else:
        yield f"{name}c", compiled


def _compiled(name: str, source: bytes) -> bytes | None:
    """A module's bytecode, or None for what is no Python of this version, and is never imported."""
    try:
        tree = ast.parse(source)
        if not name.startswith((*OWN, *_TOLD_BY_DOCSTRINGS)):
            _forget_docstrings(tree)
        code = compile(tree, f"/var/task/{name}", "exec", dont_inherit=True)
    except (SyntaxError, ValueError):
        return None
    return bytes(bytecode._code_to_hash_pyc(code, importlib.util.source_hash(source), False))  # type: ignore[attr-defined]


def _forget_docstrings(tree: ast.AST) -> None:
    """Leave nothing in docstrings: nobody reads them there, and a start reads half a megabyte less."""
    found = [tree]
    while found:
        node = found.pop()
        for blocks in _BLOCKS:  # no expression has a docstring in it, and most of a tree is expressions
            found.extend(getattr(node, blocks, ()))
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and node.body:
            first = node.body[0]
            if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
                first.value.value = "" if isinstance(first.value.value, str) else first.value.value


def _endpoints(document: JSON) -> JSON:
    """Where services are, of those that are used."""
    for partition in document["partitions"]:
        kept = {name: one for name, one in partition["services"].items() if name in SERVICES}
        partition["services"] = kept
    return document


def _without_prose(model: JSON) -> JSON:
    if isinstance(model, list):
        return [_without_prose(each) for each in model]
    if not isinstance(model, Mapping):
        return model
    return {
        name: _without_prose(each)
        for name, each in model.items()
        if not (name in _PROSE and isinstance(each, str))
    }


def _json(document: JSON) -> bytes:
    return json.dumps(document, separators=(",", ":")).encode()


def _write(archive: zipfile.ZipFile, name: str, content: bytes) -> None:
    entry = zipfile.ZipInfo(name, _WHEN)
    entry.external_attr = 0o644 << 16
    entry.compress_type = zipfile.ZIP_DEFLATED
    archive.writestr(entry, content, compresslevel=6)  # the best takes thrice as long for 1 % less


def main(words: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="local.package", description="The package of a deployment.")
    parser.add_argument("out", type=pathlib.Path, help="the folder it is written to")
    parser.add_argument("--stage", default=STAGE, help=f"of .chalice/config.json; {STAGE} if absent")
    given = parser.parse_args(words)
    try:
        made = package(given.out, given.stage)
    except PackagingError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{made}: {made.stat().st_size / 1e6:.1f} MB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
