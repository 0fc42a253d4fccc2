"""The repository stands alone: whatever its files point at is inside it and is there."""

import pathlib
import re
import urllib.parse
from collections import Counter
from collections.abc import Iterator

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
_SKIPPED = {"vendor", "assets", "__pycache__"}
"""What others wrote and this repository only carries, and what is made from it."""
_KINDS = {".cfg", ".ini", ".json", ".jsonl", ".md", ".mk", ".py", ".sh", ".toml", ".txt", ".yaml", ".yml"}
_BARE = {"Makefile", "LICENSE", ".gitignore"}

_CONTRACT = re.compile(
    r"""(?<!\]\()(?P<folder>docs/)?contract/(?P<page>[a-z-]+)\.md
    (?:,?\ sections?\ (?P<sections>\d+(?:(?:,\ |\ and\ |,\ and\ )\d+)*))?
    (?:,\ (?P<name>"[^"]+"|``[^`]+``|(?!docs/|step|so\ that)[^).;:`]+))?""",
    re.VERBOSE,
)
_HEADING = re.compile(r"^#+ (?:(\d+)\. )?(.+)$", re.MULTILINE)
_LINK = re.compile(r"\]\(([^()\s]+)\)")
_OUTSIDE = re.compile(r"\.\./(?:\.\./)*shared\b|(?<![\w.-])/work/|\b(?:HERE|ROOT)\.parent\b")
_MODULE = re.compile(r"`((?:\w+/)*\w+\.py)(?:::\w+)?`")
_OF_EXAMPLES = "pscheduler_banner/"
"""What docs/plugins.md has its reader write."""
_UPWARDS = re.compile(
    r"__file__\)(?:\.resolve\(\))?(?:(?P<chain>(?:\.parent\b)+)|\.parents\[(?P<index>\d+)\])"
)


def _files(*kinds: str) -> Iterator[pathlib.Path]:
    """The repository's own text files; ``.ci`` is among them, other hidden folders are not."""
    folders = [path for path in ROOT.iterdir() if path.name == ".ci" or path.name[0] != "."]
    for path in sorted(folders):
        for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
            known = file.suffix in (kinds or _KINDS) or (
                not kinds and (file.name in _BARE or ".ci" in file.parts)
            )
            if file.is_file() and known and not _SKIPPED & set(file.relative_to(ROOT).parts):
                yield file


def _flowing(path: pathlib.Path) -> str:
    """The text with line ends, and the marks of comments after them, read as spaces."""
    return re.sub(r"\s*\n\s*(?:# ?)?", " ", path.read_text())


def _headings(page: str) -> set[str]:
    """The sections of a page: numbers, and names without code quotes."""
    found = _HEADING.findall((ROOT / "docs" / "contract" / f"{page}.md").read_text())
    return {number for number, _ in found} | {name.replace("`", "") for _, name in found}


def _complaint(pointer: "re.Match[str]") -> str | None:
    page, sections, name = pointer["page"], pointer["sections"] or "", (pointer["name"] or "").strip()
    if not pointer["folder"]:
        return "is not under docs/"
    if not (ROOT / "docs" / "contract" / f"{page}.md").exists():
        return "is no page"
    missing = set(re.findall(r"\d+", sections)) - _headings(page)
    if missing:
        return f"has no section {sorted(missing)}"
    if name and name.strip('`" ') not in _headings(page):
        return f"has no heading {name}"
    return None


def test_every_pointer_to_the_contract_leads_to_a_section_that_is_there() -> None:
    found = [(path, pointer) for path in _files() for pointer in _CONTRACT.finditer(_flowing(path))]

    wrong = [
        f"{path.relative_to(ROOT)}: {pointer[0]!r} {complaint}"
        for path, pointer in found
        if path != pathlib.Path(__file__) and (complaint := _complaint(pointer))
    ]
    assert len(found) > 150
    assert wrong == []


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("docs/contract/tools.md section 4", None),
        ("docs/contract/types.md sections 2, 6 and 7", None),
        ("docs/contract/tests.md, dns)", None),
        ("docs/contract/api.md, ``GET /tasks``; more", None),
        ('docs/contract/scheduler.md section 2, "Legal transitions"', None),
        ("contract/tools.md section 4", "is not under docs/"),
        ("docs/contract/nothing.md", "is no page"),
        ("docs/contract/tools.md section 44", "has no section ['44']"),
        ("docs/contract/types.md sections 2 and 66", "has no section ['66']"),
        ("docs/contract/tests.md, nothing)", "has no heading nothing"),
    ],
)
def test_a_pointer_is_read_with_its_sections_and_its_heading(text: str, complaint: str | None) -> None:
    pointer = _CONTRACT.search(text)

    assert pointer
    assert _complaint(pointer) == complaint


def test_every_link_in_a_document_leads_to_a_file_in_the_repository() -> None:
    wrong = []
    for path in _files(".md"):
        for link in _LINK.findall(path.read_text()):
            target, _, anchor = urllib.parse.unquote(link).partition("#")
            if "://" in target or target.startswith("mailto:"):
                continue
            there = (path.parent / target).resolve() if target else path
            if not there.is_relative_to(ROOT) or not there.exists() or not _has_anchor(there, anchor):
                wrong.append(f"{path.relative_to(ROOT)}: {link}")

    assert wrong == []


def _has_anchor(path: pathlib.Path, anchor: str) -> bool:
    if not anchor or path.suffix != ".md":
        return True
    names = [name for _, name in re.findall(r"^(#+) (.+)$", path.read_text(), re.MULTILINE)]
    return anchor in {re.sub(r"[^\w\- ]", "", name.lower()).replace(" ", "-") for name in names}


def test_every_module_that_is_named_is_there() -> None:
    there = [f"/{path.relative_to(ROOT)}" for path in _files(".py")]
    wrong = [
        f"{path.relative_to(ROOT)}: {module}"
        for path in _files(".md", ".py", ".toml")
        if path.name != "CHANGELOG.md"  # which tells what modules were once called
        for module in _MODULE.findall(path.read_text())
        if not module.startswith(_OF_EXAMPLES) and not any(one.endswith(f"/{module}") for one in there)
    ]

    assert wrong == []


def test_no_two_modules_have_one_name() -> None:
    modules = [
        path
        for folder in ("chalicelib", "plugins", "agent", "local", "bench")
        for path in (ROOT / folder).rglob("*.py")
        if path.stem not in ("__init__", "__main__") and "__pycache__" not in path.parts
    ]
    names = Counter(path.stem for path in modules)

    assert len(modules) > 600
    assert [name for name, count in names.items() if count > 1] == ["http"]  # a test, and an archiver


def test_nothing_names_a_folder_outside_the_repository() -> None:
    wrong = [
        f"{path.relative_to(ROOT)}: {found[0]!r}"
        for path in _files()
        if path != pathlib.Path(__file__)
        for found in _OUTSIDE.finditer(path.read_text())
    ]

    assert wrong == []


def test_no_module_climbs_out_of_the_repository() -> None:
    wrong = []
    for path in _files(".py"):
        depth = len(path.relative_to(ROOT).parts)
        for climb in _UPWARDS.finditer(path.read_text()):
            steps = climb["chain"].count(".parent") if climb["chain"] else int(climb["index"]) + 1
            if steps > depth:
                wrong.append(f"{path.relative_to(ROOT)}: {climb[0]}")

    assert wrong == []
