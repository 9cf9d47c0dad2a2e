"""The command line: ``python -m wharfinger COMMAND …``."""

from __future__ import annotations

import os
import sys
from importlib import import_module
from typing import TYPE_CHECKING, Final

from wharfinger.programs import COMMANDS

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["main"]

_USAGE: Final = 2
# What a shell reports of a program that the signal ended: 128 and its number.
_INTERRUPTED: Final = 130
_BROKEN_PIPE: Final = 141


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command.

    Args:
        argv: The arguments, the command first; those of the process where None.

    Returns:
        The exit status: the command's, or 2 where there is no such command or standard input or
        output fails, 130 when interrupted, 141 when nobody reads the output any more.

    Example:
        >>> main(["--version"])
        wharfinger 0.1.0
        0
    """
    if sys.stdout is None:
        print("wharfinger: standard output is closed", file=sys.stderr)
        return _USAGE
    try:
        status = _status(sys.argv[1:] if argv is None else list(argv))
        sys.stdout.flush()
    except KeyboardInterrupt:
        return _INTERRUPTED
    except OSError as error:
        _flush_or_abandon()
        if isinstance(error, BrokenPipeError):
            return _BROKEN_PIPE
        print(f"wharfinger: {error.strerror or error}", file=sys.stderr)
        return _USAGE
    return status


def _status(argv: list[str]) -> int:
    try:
        return _run(argv)
    except SystemExit as stop:  # how argparse ends
        if isinstance(stop.code, str):
            print(f"wharfinger: {stop.code}", file=sys.stderr)
            return 1
        return stop.code or 0


def _run(argv: list[str]) -> int:
    command, *rest = argv or [""]
    if command in {"-h", "--help"}:
        print(_usage())
        return 0
    if command == "--version":
        from wharfinger import __version__

        print(f"wharfinger {__version__}")
        return 0
    if command in COMMANDS:
        module = import_module(f"wharfinger.programs.{command.replace('-', '_')}")
        status: int = module.main(rest)
        return status
    print(_usage(), file=sys.stderr)
    print(f"wharfinger: error: {_problem(command)}", file=sys.stderr)
    return _USAGE


def _usage() -> str:
    width = max(map(len, COMMANDS))
    lines = [
        "usage: wharfinger COMMAND ...",
        "       wharfinger --help | --version",
        "",
        "commands:",
    ]
    lines += [f"  {name:<{width}}  {help_line}" for name, help_line in COMMANDS.items()]
    return "\n".join(lines)


def _problem(command: str) -> str:
    from wharfinger.core.errors import nearest

    if not command:
        return "a command is wanted"
    near = nearest(command, COMMANDS)
    return f"no command {command[:80]!a}" + (f"; the nearest is {near!r}" if near else "")


def _flush_or_abandon() -> None:
    """Throw away what cannot be written, so that the interpreter's end does not try it again."""
    try:
        sys.stdout.flush()
    except OSError:
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, sys.stdout.fileno())
        os.close(null)


if __name__ == "__main__":
    sys.exit(main())
