"""Strategies for what a careless client, or a program of another version, might hand us."""

import copy
import functools
import json
import pathlib
from typing import Any

from hypothesis import strategies as st

HERE = pathlib.Path(__file__).parent

NUMBERS = [0, -1, 1, 5, 2**16, 2**63, 10**40, 0.5, 1e300, -0.0, 5.0]
TEXTS = [
    *("", "PT5S", "P", "PT", "PT0S", "P1Y", "P9999999999W", "PT0.0000001S", "2026-11-23T12:00:00Z"),
    *("192.0.2.1", "::1", "[::1]:80", "a", "a.example.org:443", "http://a/", "file:///tmp/a", "192.0.2.0/24"),
    *("5", "0", "-1", "1.5k", "1Mi", "nan", "inf", "1e999", "٣", "9" * 5000, "0x10", "1-5", "1,2", "5-1"),
    *("{}", "[]", "null", "[" * 5000, "A: b", "A", "icmp", "tcp", "true", "\0", "\ud800", "<b>", "--"),
]
TOKENS = [
    "",
    "-",
    "-1",
    "nan",
    "inf",
    "0",
    "0.0",
    "1e999",
    "9" * 30,
    "٣",
    "*",
    "?",
    "::1",
    "\0",
    "(",
    "%",
    "ms",
]

NESTED = [[], {}, [None], [1, "a"], ["a", "b"], {"a": {"b": []}}, {"": 1}, {"lower": 5, "upper": 1}, [[[{}]]]]

# Drawn from lists where that will do: it costs a tenth of what making values anew does.
VALUES: st.SearchStrategy[Any] = (
    st.sampled_from([*NUMBERS, *TEXTS, *NESTED, None, True, False])
    | st.integers(-9, 9)
    | st.text(max_size=6)
    | st.floats(allow_nan=False, allow_infinity=False)
)


@st.composite
def changed(draw: st.DrawFn, value: Any) -> Any:
    """JSON with one place in it replaced, removed, or wrapped."""
    whole = [copy.deepcopy(value)]
    container: Any = whole
    key: Any = 0
    while isinstance(container[key], dict | list) and container[key] and draw(st.integers(0, 4)):
        container = container[key]
        keys = sorted(container) if isinstance(container, dict) else range(len(container))
        key = draw(st.sampled_from(list(keys)))
    match draw(st.integers(0, 3)):
        case 0 if container is not whole:
            del container[key]
        case 1:
            container[key] = [container[key]]
        case _:
            container[key] = draw(VALUES)
    return whole[0]


@st.composite
def garbled(draw: st.DrawFn, text: str) -> str:
    """Text with some of its lines gone, doubled, swapped, or with noise in the place of a word."""
    lines = text.splitlines()[:200]
    for _ in range(draw(st.integers(0, 4))):
        if not lines:
            break
        at = draw(st.integers(0, len(lines) - 1))
        match draw(st.integers(0, 4)):
            case 0:
                del lines[at]
            case 1:
                lines.insert(at, lines[-1 - at])
            case 2:
                lines[at] = lines[at][: draw(st.integers(0, len(lines[at])))]
            case 3:
                lines[at] = draw(st.text(max_size=60))
            case _:
                words = lines[at].split(" ")
                words[draw(st.integers(0, len(words) - 1))] = draw(
                    st.sampled_from(TOKENS) | st.text(max_size=8)
                )
                lines[at] = " ".join(words)
    return "\n".join(lines)


@st.composite
def outputs(draw: st.DrawFn, captured: list[str]) -> str:
    """What a program might print, from what it did print."""
    if not captured or draw(st.integers(0, 9)) == 0:
        return draw(st.text(max_size=200))
    seed = draw(st.sampled_from(captured))
    try:
        document = json.loads(seed)
    except ValueError:
        return draw(garbled(seed))
    return json.dumps(draw(changed(document))) if draw(st.integers(0, 3)) else draw(garbled(seed))


@functools.cache
def captured(module: str) -> list[str]:
    """The outputs kept for a tool's tests, in a folder called like its module, or part of that; else all."""
    stem = module.strip("_").removesuffix("_output")
    files = [path for path in sorted(HERE.glob("*/**/*")) if path.suffix in (".out", ".txt", ".xml")]
    folders = [path.relative_to(HERE).parts[0].replace("-", "_") for path in files]
    for fits in (lambda folder: folder == stem, lambda folder: folder in module, lambda folder: True):
        found = [path for path, folder in zip(files, folders, strict=True) if fits(folder)]
        if found:
            return [path.read_text(errors="replace") for path in found]
    return []
