"""Makes the virtual environments under .local/: ``python3 local/bootstrap.py``.

Needs nothing but Python 3.10 and the network. An environment is made when it is missing or when its
requirements have changed since; otherwise this takes a few milliseconds.
"""

import fcntl
import hashlib
import importlib.util
import pathlib
import shutil
import subprocess
import sys
import threading
import time
from typing import IO

FOLDER = pathlib.Path(__file__).resolve().parent.parent
ENVIRONMENTS = {
    "venv": ("requirements.txt", "requirements-dev.txt"),
    "ministack-venv": ("requirements-ministack.txt",),
}
"""The environments, each with the files that decide what is in it; the last is what pip is given."""
_STAMP = "made-from"


class SetupError(Exception):
    """An environment cannot be made; the message is one line."""


def main() -> int:
    try:
        bring_up_to_date(FOLDER / ".local")
    except SetupError as error:
        print(error, flush=True)
        return 1
    except KeyboardInterrupt:
        print("\nInterrupted: the next start begins again.", flush=True)
        return 130
    return 0


def bring_up_to_date(folder: pathlib.Path) -> list[str]:
    """Make what is missing or out of date. The names of the environments made; raises Trouble."""
    check_python()
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "bootstrap.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two first starts at a time: the second finds it all made
        outdated = [name for name in ENVIRONMENTS if not up_to_date(folder / name, fingerprint(name))]
        _make_all(folder, outdated)
    return outdated


def check_python() -> None:
    """The prerequisites, one after the other."""
    if sys.version_info < (3, 10):  # noqa: UP036 - whoever runs this may not have read the README
        raise SetupError(
            f"Python 3.10 or later is needed; this is {sys.version.split()[0]}: use make PYTHON=..."
        )
    for module in ("venv", "ensurepip"):
        if importlib.util.find_spec(module) is None:
            raise SetupError(
                f"Python's module {module} is missing: install it (Debian: apt install python3-venv)"
            )


def fingerprint(name: str) -> str:
    """What an environment is made from: the interpreter and the text of its requirements."""
    digest = hashlib.sha256(f"{sys.version_info[:3]} {sys.prefix}".encode())
    for file in ENVIRONMENTS[name]:
        digest.update((FOLDER / file).read_bytes())
    return digest.hexdigest()


def up_to_date(environment: pathlib.Path, wanted: str) -> bool:
    """Whether an environment is finished, was made from what is wanted, and still has its Python."""
    try:
        stamp = (environment / _STAMP).read_text()
    except OSError:
        return False
    return stamp == wanted and (environment / "bin/python").exists()


def _make_all(folder: pathlib.Path, names: list[str]) -> None:
    """Make environments side by side, with a line of progress until all are done."""
    if not names:
        return
    print("Setting up Python environments (once, about a minute) ...", flush=True)
    makers = [_Maker(folder, name) for name in names]
    for maker in makers:
        maker.start()
    while any(maker.is_alive() for maker in makers):
        time.sleep(0.1)
    failed = [maker.error for maker in makers if maker.error]
    if failed:
        raise SetupError(failed[0])


class _Maker(threading.Thread):
    """Makes one environment; ``trouble`` is why it could not."""

    def __init__(self, folder: pathlib.Path, name: str):
        super().__init__(daemon=True)
        self._name = name
        self._environment = folder / name
        self._log = folder / f"{name}.log"
        self.error = ""

    def run(self) -> None:
        began = time.monotonic()
        python = str(self._environment / "bin/python")
        requirements = str(FOLDER / ENVIRONMENTS[self._name][-1])
        try:
            shutil.rmtree(self._environment, ignore_errors=True)
            self._log.unlink(missing_ok=True)
            self._do("making it", [sys.executable, "-m", "venv", str(self._environment)])
            pip = [python, "-m", "pip", "--disable-pip-version-check", "install", "--progress-bar", "off"]
            self._do("installing packages", [*pip, "-r", requirements])
            (self._environment / _STAMP).write_text(fingerprint(self._name))
        except (SetupError, OSError) as error:
            self.error = str(error)
            return
        print(f"  .local/{self._name}: done in {time.monotonic() - began:.0f} s", flush=True)

    def _do(self, what: str, command: list[str]) -> None:
        print(f"  .local/{self._name}: {what} ...", flush=True)
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        assert process.stdout is not None
        with self._log.open("a") as log, process.stdout as lines:
            self._follow(lines, log)
        if process.wait() != 0:
            raise SetupError(f"{what.capitalize()} for .local/{self._name} failed: {self._reason()}")

    def _follow(self, lines: IO[str], log: IO[str]) -> None:
        count, said = 0, time.monotonic()
        for line in lines:
            log.write(line)
            count += line.startswith("Collecting ")
            if time.monotonic() - said > 5:
                said = time.monotonic()
                print(f"  .local/{self._name}: {count} packages so far ...", flush=True)

    def _reason(self) -> str:
        lines = self._log.read_text(errors="replace").splitlines()
        errors = [line for line in lines if line.startswith("ERROR:")] or lines[-1:] or ["no output"]
        return f"{errors[0][:200]} (is there a network? the whole story: {self._log})"


if __name__ == "__main__":
    sys.exit(main())
