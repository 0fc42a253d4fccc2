"""Makes Python environments under .local/, and starts programs in them.

    python3 local/bootstrap.py node                     what a node needs
    python3 local/bootstrap.py node -m local.node       ... and start one with it
    python3 local/bootstrap.py                          what the tests need

Needs nothing but Python 3.10 and a package index. An environment is made when there is none for this
Python and these requirements; otherwise this takes a few milliseconds. It is named by both, so making
another never touches one that something runs in: ``.local/venv`` is a link to the one last asked for.
"""

import fcntl
import hashlib
import importlib.util
import os
import pathlib
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from typing import IO

FOLDER = pathlib.Path(__file__).resolve().parent.parent
if __name__ == "__main__":
    sys.path.insert(0, str(FOLDER))

KINDS = {
    "node": "requirements-node.txt",
    "moto": "requirements-moto.txt",
    "deploy": "requirements-deploy.txt",
    "dev": "requirements-dev.txt",
    "ministack": "requirements-ministack.txt",
}
"""What may be asked for, each with what pip is given."""
SERVES = {
    "node": ("node", "moto", "dev"),
    "moto": ("moto", "dev"),
    "deploy": ("deploy", "dev"),
    "dev": ("dev",),
    "ministack": ("ministack",),
}
"""The environments that have all that is asked for; where none is there, the first is made."""
LINKS = {"ministack": "ministack-venv"}
"""Where environments are found by whoever does not come through here, if not at ``venv``."""
USUAL = ("dev", "ministack")
_COMPLETE = "complete"
_IN_USE = "in-use"


class SetupError(Exception):
    """An environment cannot be made; the message is one line."""


def main(words: Sequence[str]) -> int:
    """Make what is asked for, and become the program whose words follow, if any do."""
    command = next((place for place, word in enumerate(words) if word.startswith("-")), len(words))
    kinds = tuple(words[:command]) or USUAL
    try:
        environments = bring_up_to_date(FOLDER / ".local", kinds)
    except SetupError as error:
        print(error, flush=True)
        return 1
    except KeyboardInterrupt:
        print("\nInterrupted: the next start begins again.", flush=True)
        return 130
    if words[command:]:
        _become(environments[0], words[command:])
    return 0


def bring_up_to_date(folder: pathlib.Path, kinds: Sequence[str]) -> list[pathlib.Path]:
    """Make the environments that are missing. Where they are, in the order asked for; raises SetupError."""
    check_python()
    for kind in kinds:
        if kind not in KINDS:
            raise SetupError(f"There is no environment {kind}: there are {', '.join(KINDS)}")
    (folder / "environments").mkdir(parents=True, exist_ok=True)
    with (folder / "bootstrap.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two first starts at a time: the second finds it all made
        found = [_serving(folder, kind) for kind in kinds]
        _make_all([where for where in found if not is_complete(where)])
        for kind, where in zip(kinds, found, strict=True):
            _link(folder, kind, where)
    return found


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


def _serving(folder: pathlib.Path, kind: str) -> pathlib.Path:
    """The environment there is that has what is asked for, or the one to make."""
    able = [folder / "environments" / name(one) for one in SERVES[kind]]
    return next((where for where in able if is_complete(where)), able[0])


def name(kind: str) -> str:
    """What an environment is called: the kind, the interpreter, and a digest of all it is made from."""
    digest = hashlib.sha256(f"{sys.version_info[:3]} {sys.prefix}".encode())
    for file in files(KINDS[kind]):
        digest.update((FOLDER / file).read_bytes())
    return f"{kind}-{_python()}-{digest.hexdigest()[:10]}"


def _python() -> str:
    return f"{sys.version_info[0]}.{sys.version_info[1]}"


def files(first: str) -> list[str]:
    """A file of requirements and those it includes."""
    lines = (FOLDER / first).read_text().splitlines()
    included = [line.partition(" ")[2].strip() for line in lines if line.startswith("-r ")]
    return [first, *(file for one in included for file in files(one))]


def is_complete(environment: pathlib.Path) -> bool:
    """Whether an environment was finished, and still has its Python."""
    return (environment / _COMPLETE).exists() and (environment / "bin/python").exists()


def _link(folder: pathlib.Path, kind: str, to: pathlib.Path) -> None:
    """Point ``.local/venv`` at an environment, in one step."""
    link, new = folder / LINKS.get(kind, "venv"), folder / f"link-{os.getpid()}"
    if link.is_dir() and not link.is_symlink():
        link.rename(folder / "environments" / f"earlier-{int(time.time())}")  # from before there were links
    target = pathlib.Path("environments") / to.name
    if link.is_symlink() and link.readlink() == target:
        return
    new.unlink(missing_ok=True)
    new.symlink_to(target)
    new.replace(link)
    _remove_superseded(folder, to)


def _remove_superseded(folder: pathlib.Path, by: pathlib.Path) -> None:
    """Remove environments of the same kind and Python that were made from other requirements.

    What was started through here keeps its environment; so does what another kind of link leads to.
    """
    alike = by.name.rpartition("-")[0]
    for old in (folder / "environments").glob(f"{alike}-*"):
        if old.name != by.name and not _is_in_use(old):
            shutil.rmtree(old, ignore_errors=True)


def _is_in_use(environment: pathlib.Path) -> bool:
    with (environment / _IN_USE).open("a") as mark:
        try:
            fcntl.flock(mark, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return True
    return False


def _become(environment: pathlib.Path, words: Sequence[str]) -> None:
    """Be the environment's Python from here on, by its own path: the link may lead elsewhere tomorrow."""
    mark = os.open(environment / _IN_USE, os.O_RDWR | os.O_CREAT, 0o644)
    fcntl.flock(mark, fcntl.LOCK_SH)
    os.set_inheritable(mark, True)  # so the mark goes with the program, however that ends
    python = str(environment / "bin/python")
    os.execv(python, [python, *words])


def _make_all(environments: Sequence[pathlib.Path]) -> None:
    """Make environments side by side, with a line of progress until all are done."""
    if not environments:
        return
    print("Setting up Python environments (once, about a minute) ...", flush=True)
    makers = [_Maker(where) for where in dict.fromkeys(environments)]
    for maker in makers:
        maker.start()
    while any(maker.is_alive() for maker in makers):
        time.sleep(0.1)
    failed = [maker.error for maker in makers if maker.error]
    if failed:
        raise SetupError(failed[0])


class _Maker(threading.Thread):
    """Makes one environment; ``error`` is why it could not."""

    def __init__(self, environment: pathlib.Path):
        super().__init__(daemon=True)
        self._environment = environment
        self._kind = environment.name.partition("-")[0]
        self._log = environment.parent / f"{self._kind}.log"
        self.error = ""

    def run(self) -> None:
        began = time.monotonic()
        python = str(self._environment / "bin/python")
        requirements = str(FOLDER / KINDS[self._kind])
        try:
            shutil.rmtree(self._environment, ignore_errors=True)
            self._log.unlink(missing_ok=True)
            self._do("making it", [sys.executable, "-m", "venv", str(self._environment)])
            pip = [python, "-m", "pip", "--disable-pip-version-check", "--no-input", "install"]
            self._do("installing packages", [*pip, "--progress-bar", "off", "-r", requirements])
            (self._environment / _COMPLETE).touch()
        except (SetupError, OSError) as error:
            self.error = str(error)
            return
        print(f"  {self._kind}: done in {time.monotonic() - began:.0f} s", flush=True)

    def _do(self, what: str, command: list[str]) -> None:
        print(f"  {self._kind}: {what} ...", flush=True)
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        assert process.stdout is not None
        with self._log.open("a") as log, process.stdout as lines:
            self._follow(lines, log)
        if process.wait() != 0:
            from local import setup_failures

            reason = setup_failures.reason(self._log.read_text(errors="replace"))
            raise SetupError(
                f"The environment {self._kind} cannot be created: {reason} (pip's output: {self._log})"
            )

    def _follow(self, lines: IO[str], log: IO[str]) -> None:
        count, said = 0, time.monotonic()
        for line in lines:
            log.write(line)
            count += line.startswith("Collecting ")
            if time.monotonic() - said > 5:
                said = time.monotonic()
                print(f"  {self._kind}: {count} packages so far ...", flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
