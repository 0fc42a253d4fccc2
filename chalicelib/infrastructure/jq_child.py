"""The process that jq scripts run in: no environment, no files, bounded processor time and memory.

Started by ``jq_sandbox`` as ``python -I -S jq_child.py FOLDER``, the folder being the one jq is in. It reads
requests from its standard input and answers on its standard output, each a JSON text behind its length in
four bytes: ``{"script", "args", "document"?}`` -> ``{"outputs"}`` or ``{"error"}``, and
``{"scripts", "document"}`` -> ``{"answers"}``, one such answer each, or ``{"error"}``. It imports next to
nothing: each import is time until the first answer.
"""

import json
import math
import os
import resource
import struct
import sys

_LENGTH = struct.Struct(">I")
MEMORY = 512 * 2**20
"""Bytes of address space, Python and jq themselves included."""
CPU_SECONDS = 2
"""Processor time of one script; the kernel ends the process after that."""
MOST_OUTPUT = 8 * 2**20
"""Bytes of all outputs of a script, as JSON."""
MOST_OUTPUTS = 100_000
MOST_PROGRAMS = 256
"""Scripts that are kept compiled."""


def main() -> None:
    requests, answers = sys.stdin.buffer, sys.stdout.buffer
    sys.path.append(sys.argv[1])
    import jq  # before files can no longer be opened

    sys.path.clear()
    os.environ.clear()  # jq's own $ENV and env read it
    _confine()
    programs: dict[str, object] = {}
    while head := requests.read(_LENGTH.size):
        asked = json.loads(requests.read(*_LENGTH.unpack(head)))
        _allow_cpu()
        answer = _answers if "scripts" in asked else _answer
        body = json.dumps(answer(jq, programs, asked)).encode()
        answers.write(_LENGTH.pack(len(body)) + body)
        answers.flush()


def _confine() -> None:
    limits = {
        resource.RLIMIT_AS: MEMORY,
        resource.RLIMIT_NOFILE: 3,  # nothing more can be opened: no file, no socket
        resource.RLIMIT_FSIZE: 0,
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_NPROC: 0,
    }
    for limit, value in limits.items():
        resource.setrlimit(limit, (value, value))


def _allow_cpu() -> None:
    used = resource.getrusage(resource.RUSAGE_SELF)
    until = math.ceil(used.ru_utime + used.ru_stime) + CPU_SECONDS
    resource.setrlimit(resource.RLIMIT_CPU, (until, resource.RLIM_INFINITY))


def _answers(jq: object, programs: dict[str, object], asked: dict[str, object]) -> dict[str, object]:
    text, answers, left = json.dumps(asked["document"]), [], MOST_OUTPUT
    for one in asked["scripts"]:  # type: ignore[attr-defined]
        answer, size = _made(jq, programs, one, text)
        left -= size
        if left < 0:
            return {"error": "together they make too much"}
        answers.append(answer)
    return {"answers": answers}


def _answer(jq: object, programs: dict[str, object], asked: dict[str, object]) -> dict[str, object]:
    text = json.dumps(asked["document"]) if "document" in asked else None
    return _made(jq, programs, asked, text)[0]


def _made(
    jq: object, programs: dict[str, object], asked: dict[str, object], text: "str | None"
) -> tuple[dict[str, object], int]:
    """The answer to one script, and the bytes of its outputs; without a document it is compiled only."""
    try:
        program = _program(jq, programs, asked)
        if text is None:
            return {"outputs": []}, 0
        outputs, size = _outputs(iter(program.input_text(text)))  # type: ignore[attr-defined]
        return {"outputs": outputs}, size
    except (ValueError, RecursionError, MemoryError, OverflowError) as error:
        return {"error": str(error)[:2000] or type(error).__name__}, 0


def _program(jq: object, programs: dict[str, object], asked: dict[str, object]) -> object:
    key = f"{json.dumps(asked['args']) if asked['args'] else ''} {asked['script']}"
    if key not in programs:
        if len(programs) >= MOST_PROGRAMS:
            programs.clear()
        programs[key] = jq.compile(asked["script"], args=asked["args"])  # type: ignore[attr-defined]
    return programs[key]


def _outputs(found: object) -> tuple[list[object], int]:
    outputs, size = [], 0
    for output in found:  # type: ignore[attr-defined]
        size += len(json.dumps(output))
        outputs.append(output)
        if size > MOST_OUTPUT or len(outputs) > MOST_OUTPUTS:
            raise ValueError(f"its output is larger than {MOST_OUTPUT} bytes or {MOST_OUTPUTS} values")
    return outputs, size


if __name__ == "__main__":
    main()
