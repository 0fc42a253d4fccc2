"""What a careless client, or a program of another version, might hand us, drawn by chance."""

import copy
import functools
import json
import pathlib
import struct
import sys
from collections.abc import Sequence
from math import isfinite
from random import Random
from typing import Any

HERE = pathlib.Path(__file__).parent

NUMBERS = [0, -1, 1, 5, 2**16, 2**63, 10**40, 10**299, 0.5, 1e300, -0.0, 5.0, 5e-324, 1e-9, -1.5, 2.0**53 + 2]
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

LISTED = [*NUMBERS, *TEXTS, *NESTED, None, True, False]
STRANGE = "٣²½ßİ😀\x85\xa0\u0301\u2028\u200b\u202e\ufeff\uffff"
CHARACTERS = [*map(chr, range(128)), *map(chr, range(32, 127)), *STRANGE]
"""Every character of ASCII, those that can be seen twice, and some that are read as digits, or end lines."""


def text(chance: Random, most: int) -> str:
    """Any characters but halves of pairs, which no file and no request has."""
    return "".join(_character(chance) for _ in range(chance.randint(0, most)))


def _character(chance: Random) -> str:
    if chance.random() < 0.8:
        return chance.choice(CHARACTERS)
    code = chance.randrange(sys.maxunicode + 1 - 0x800)
    return chr(code if code < 0xD800 else code + 0x800)


def value(chance: Random) -> Any:
    """Any JSON, mostly of the listed, which have upset somebody before."""
    match chance.randrange(6):
        case 0:
            return chance.randint(-9, 9)
        case 1:
            return text(chance, 6)
        case 2:
            found: float = struct.unpack("d", chance.randbytes(8))[0]
            return found if isfinite(found) else chance.uniform(-10, 10)
        case _:
            return chance.choice(LISTED)


def document(chance: Random, depth: int = 3, most: int = 3) -> Any:
    """Any JSON, with lists and objects within."""
    if depth == 0 or chance.randrange(2):
        return value(chance)
    inner = [document(chance, depth - 1, most) for _ in range(chance.randint(0, most))]
    return inner if chance.randrange(2) else {text(chance, 5): each for each in inner}


def changed(chance: Random, whole: Any) -> Any:
    """JSON with one place in it replaced, removed, or wrapped."""
    held = [copy.deepcopy(whole)]
    container: Any = held
    key: Any = 0
    while isinstance(container[key], dict | list) and container[key] and chance.randrange(5):
        container = container[key]
        key = chance.choice(list(container) if isinstance(container, dict) else range(len(container)))
    match chance.randrange(4):
        case 0 if container is not held:
            del container[key]
        case 1:
            container[key] = [container[key]]
        case _:
            container[key] = value(chance)
    return held[0]


def garbled(chance: Random, printed: str) -> str:
    """Text with some of its lines gone, doubled, swapped, or with noise in the place of a word."""
    lines = printed.splitlines()[:200]
    for _ in range(chance.randrange(5)):
        if not lines:
            break
        at = chance.randrange(len(lines))
        match chance.randrange(5):
            case 0:
                del lines[at]
            case 1:
                lines.insert(at, lines[-1 - at])
            case 2:
                lines[at] = lines[at][: chance.randint(0, len(lines[at]))]
            case 3:
                lines[at] = text(chance, 60)
            case _:
                words = lines[at].split(" ")
                noise = chance.choice(TOKENS) if chance.randrange(2) else text(chance, 8)
                words[chance.randrange(len(words))] = noise
                lines[at] = " ".join(words)
    return "\n".join(lines)


def output(chance: Random, captured: Sequence[str]) -> str:
    """What a program might print, from what it did print."""
    if not captured or chance.randrange(10) == 0:
        return text(chance, 200)
    seed = chance.choice(captured)
    document = _document(seed)
    if document is None or chance.randrange(4) == 0:
        return garbled(chance, seed)
    return json.dumps(changed(chance, document))


@functools.cache
def _document(printed: str) -> Any:
    try:
        return json.loads(printed)
    except ValueError:
        return None


def lines(chance: Random, printed: Sequence[str], most: int = 12) -> str:
    """Lines that a program printed in any order, some with noise in them, and others that it never did."""
    return "\n".join(_line(chance, printed) for _ in range(chance.randint(0, most)))


def _line(chance: Random, printed: Sequence[str]) -> str:
    line = chance.choice(printed)
    match chance.randrange(3):
        case 0:
            return line
        case 1:
            cut = chance.randint(0, 80)
            return line[:cut] + text(chance, 8) + line[cut:]
        case _:
            return text(chance, 60)


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
