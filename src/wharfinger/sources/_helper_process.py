"""Running a credential helper: not for longer, and with no more to say, than it may."""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
from contextlib import suppress
from time import monotonic
from typing import TYPE_CHECKING, Final

from wharfinger.sources.source import SourceError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["run"]

_MOST: Final = 1 << 20  # bytes of an answer; a key file of Google's has some 2,400
_CHUNK: Final = 1 << 16
_LONGEST_WAIT: Final = 5.0  # for one that was killed


def run(
    program: str, action: str, given: str, environment: Mapping[str, str], seconds: float
) -> tuple[int, bytes]:
    """Run a helper to its end, in a process group of its own.

    Its standard error is not looked at: it may hold what the helper knows.

    Args:
        program: The path of the helper.
        action: Its only argument.
        given: Its standard input, less than a pipe holds.
        environment: All of its environment variables.
        seconds: How long it may take. Then it is killed, with all that it has started, save what
            has left the group.

    Returns:
        Its exit status, negative where a signal ended it, and its standard output.

    Raises:
        SourceError: When it can't be started, takes too long, or says more than a megabyte.
    """
    end = monotonic() + seconds
    name = os.path.basename(program)  # noqa: PTH119  # the name of a text that may be no path here
    try:
        process = subprocess.Popen(  # noqa: S603  # what is run is the caller's choice
            [program, action],
            bufsize=0,
            cwd=os.sep,
            env=environment,
            start_new_session=True,
            stderr=subprocess.DEVNULL,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
    except OSError as error:
        reason = os.strerror(error.errno or 0)
        raise SourceError(f"{name} could not be started: {reason}") from None
    try:
        output = _talk(process, given.encode(), end)
        if output is None:
            raise SourceError(f"{name} said more than {_MOST} bytes, and was stopped")
        status = process.wait(max(0.0, end - monotonic()))
    except subprocess.TimeoutExpired:
        raise SourceError(
            f"{name} took longer than {seconds:g} s, and was stopped; it may wait for somebody to "
            "answer it, or have left something running that holds its output",
            passing=True,
        ) from None
    finally:
        _stop(process)
    return status, output


def _talk(process: subprocess.Popen[bytes], given: bytes, end: float) -> bytes | None:
    """What it says until it closes its output; None where that is too much."""
    if process.stdin is None or process.stdout is None:
        raise AssertionError
    with suppress(BrokenPipeError), process.stdin:  # some don't listen
        process.stdin.write(given)
    output = bytearray()
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        while (left := end - monotonic()) > 0:
            if not selector.select(left):
                continue
            chunk = os.read(process.stdout.fileno(), _CHUNK)
            if not chunk:
                return bytes(output)
            output += chunk
            if len(output) > _MOST:
                return None
    raise subprocess.TimeoutExpired("", 0)


def _stop(process: subprocess.Popen[bytes]) -> None:
    """Kill it if it runs, and all of its group; its number is its own until it is waited for."""
    if process.returncode is None:
        with suppress(OSError):
            os.killpg(process.pid, signal.SIGKILL)
        with suppress(subprocess.TimeoutExpired):
            process.wait(_LONGEST_WAIT)
    for stream in (process.stdin, process.stdout):
        if stream is not None:
            stream.close()
