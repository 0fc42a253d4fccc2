"""The process that jq scripts run in: no environment, no files, bounded processor time and memory.

Started by ``jq_sandbox`` as ``python -I -S jq_child.py FOLDER``, the folder being the one jq is in. It reads
requests from its standard input and answers on its standard output, each a JSON text behind its length in
four bytes: ``{"script", "args", "document"?}`` -> ``{"outputs"}`` or ``{"error"}``. It imports next to
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
        body = json.dumps(_answer(jq, programs, asked)).encode()
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


def _answer(jq: object, programs: dict[str, object], asked: dict[str, object]) -> dict[str, object]:
    try:
        key = json.dumps([asked["script"], asked["args"]])
        if key not in programs:
            if len(programs) >= 64:
                programs.clear()
            programs[key] = jq.compile(asked["script"], args=asked["args"])  # type: ignore[attr-defined]
        if "document" not in asked:
            return {"outputs": []}
        return {"outputs": _outputs(iter(programs[key].input_value(asked["document"])))}  # type: ignore[attr-defined]
    except (ValueError, RecursionError, MemoryError, OverflowError) as error:
        return {"error": str(error)[:2000] or type(error).__name__}


def _outputs(found: object) -> list[object]:
    outputs, size = [], 0
    for output in found:  # type: ignore[attr-defined]
        size += len(json.dumps(output))
        outputs.append(output)
        if size > MOST_OUTPUT or len(outputs) > MOST_OUTPUTS:
            raise ValueError(f"its output is larger than {MOST_OUTPUT} bytes or {MOST_OUTPUTS} values")
    return outputs


if __name__ == "__main__":
    main()
