"""Programs run to their end, and servers started and stopped by their process ids."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import attrs

# Debian keeps daemons where a user's PATH may not look, and pip this project's own programs beside
# the interpreter.
_ALSO: Final = ("/usr/sbin", "/sbin", str(Path(sys.executable).parent))
_POLL: Final = 0.05


@attrs.frozen
class Ran:
    """A program that came to its end.

    Args:
        command: What was run.
        status: Its exit status.
        out: Its standard output.
        errors: Its standard error.
    """

    command: tuple[str, ...]
    status: int
    out: str
    errors: str

    @property
    def said(self) -> str:
        """All that it printed."""
        return self.out + self.errors

    def expect(self) -> Ran:
        """Return itself, or fail with what it printed."""
        assert self.status == 0, f"{' '.join(self.command)}\nended with {self.status}\n{self.said}"
        return self


def find(program: str) -> str | None:
    """Return the path of a program."""
    return shutil.which(program, path=_path())


def _path() -> str:
    return os.pathsep.join((os.environ["PATH"], *_ALSO))


def surroundings(home: Path, **more: str) -> dict[str, str]:
    """Return environment variables with nothing of the user's: no proxy, no configuration."""
    return {
        "HOME": str(home),
        "LANG": "C.UTF-8",
        "PATH": _path(),
        "TMPDIR": str(home),
        "XDG_CONFIG_HOME": str(home / ".config"),
        "XDG_RUNTIME_DIR": str(home / ".run"),
        **more,
    }


def run(
    *command: str,
    env: Mapping[str, str],
    stdin: str = "",
    timeout: float = 60,
    cwd: Path | None = None,
) -> Ran:
    """Run a program to its end, which must come within a minute."""
    ended = subprocess.run(
        command,
        capture_output=True,
        check=False,
        cwd=cwd,
        encoding="utf-8",
        env=env,
        errors="replace",
        input=stdin,
        timeout=timeout,
    )
    return Ran(command, ended.returncode, ended.stdout, ended.stderr)


@attrs.frozen
class Server:
    """A running server.

    Args:
        name: What it is.
        process: Its process.
        log: Where it writes what it has to say.
    """

    name: str
    process: subprocess.Popen[bytes]
    log: Path

    def until(self, ready: Callable[[], object], timeout: float = 60) -> None:
        """Wait until it is ready; fail with its log if it ends before, or time runs out."""
        end = time.monotonic() + timeout
        while not ready():
            ended = self.process.poll() is not None
            if ended or time.monotonic() > end:
                problem = "ended" if ended else f"was not ready in {timeout:.0f} s"
                tail = self.log.read_text("utf-8", "replace")[-3000:]
                msg = f"{self.name} {problem}; its log ends with\n{tail}"
                raise AssertionError(msg)
            time.sleep(_POLL)


@contextmanager
def serving(name: str, *command: str, env: Mapping[str, str], folder: Path) -> Iterator[Server]:
    """Run a server, and stop it in the end whatever happened; it dies with the session, too."""
    command = ("setpriv", "--pdeathsig", "TERM", *command)
    log = folder / f"{name}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, cwd=folder, env=env, stdin=subprocess.DEVNULL, stdout=output, stderr=output
        )
    try:
        yield Server(name, process, log)
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def unmount(folder: Path) -> list[str]:
    """Unmount all that is mounted below a folder, and return what it was."""
    mounted = [line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    below = [point for point in mounted if point.startswith(f"{folder}/")]
    for point in sorted(below, reverse=True):
        run("umount", "--lazy", point, env=surroundings(folder)).expect()
    return below
