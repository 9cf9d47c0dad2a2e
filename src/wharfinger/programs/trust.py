"""``wharfinger trust``: what a host's files have to say so that it trusts a registry."""

from __future__ import annotations

import argparse
import sys
from datetime import UTC, datetime
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Final

from wharfinger.core.errors import WharfingerError
from wharfinger.hosts import (
    Distribution,
    FileError,
    ReceiptNotFound,
    Runtime,
    TrustPlan,
    apply,
    plan,
    receipts,
    undo,
)
from wharfinger.hosts.certificates import LONGEST
from wharfinger.programs._terminal import complain, line, show, table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wharfinger.hosts import Receipt

__all__ = ["main"]

_DONE: Final = 0
_REFUSED: Final = 1
_MALFORMED: Final = 2

_STATUS: Final = """\
Without --apply it prints a shell script and changes nothing. Commands that have to run afterwards
are printed and not run.

Exit status: 0 it is printed, applied, undone or listed; 1 the host's files are in the way, or have
no such number to undo; 2 the address, the CA or the command line is malformed.
"""


def main(argv: Sequence[str]) -> int:
    """Plan, apply or undo that a host trusts a registry.

    Args:
        argv: The arguments after the command.

    Returns:
        0 when it is printed or done, 1 when the host's files are in the way or have no such number,
        2 when the address or the CA is malformed.

    Raises:
        SystemExit: When the arguments are malformed, with code 2; or help is asked for.

    Example:
        >>> main(["docker.io", "--runtime", "docker", "--insecure"])
        2
    """
    options = _options(argv)
    try:
        if options.list:
            return _list(options.root)
        if options.undo is not None:
            return _undo(options.undo, options.root)
        made = _plan(options)
        for remark in made.remarks:
            complain(f"note: {remark}")
        if options.apply:
            return _apply(made, options.root)
        if options.root != "/":
            root = quote(str(Path(options.root).absolute()))
            complain(f"note: the script is for this host, unless WHARFINGER_ROOT={root} is set")
        show(str(made).rstrip("\n"))
    except (FileError, ReceiptNotFound) as error:
        complain(f"error: {line(str(error))}")  # a file's name may be anything
        return _REFUSED
    except (WharfingerError, ValueError) as error:
        complain(f"error: {error}")
        return _MALFORMED
    return _DONE


def _options(argv: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="wharfinger trust",
        description="Say what a host's files have to say so that it trusts a registry, or do it.",
        epilog=_STATUS,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("address", metavar="ADDRESS", nargs="?", help="the registry's address, host[:port]")
    add("--runtime", choices=[*map(str, Runtime)], help="what is to trust it")
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--ca", metavar="FILE", help="trust it by this CA, in PEM; '-' reads it")
    how.add_argument("--insecure", action="store_true", help="trust whoever it is")
    add(
        "--distribution",
        choices=[*map(str, Distribution)],
        help="whose bundle of CAs it is (out of the box: what the root's os-release says)",
    )
    add("--root", metavar="DIR", default="/", help="the root of the system (out of the box: /)")
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--apply", action="store_true", help="change the files")
    what.add_argument("--undo", metavar="NUMBER", type=int, help="undo what had this number")
    what.add_argument("--list", action="store_true", help="list what was applied and not undone")
    options = parser.parse_args(argv)
    if options.list or options.undo is not None:
        more = (options.address, options.runtime, options.ca, options.distribution)
        if options.insecure or more != (None,) * len(more):
            parser.error("--list and --undo take --root and nothing else")
    elif not options.address:
        parser.error("which registry? ADDRESS")
    elif not options.runtime:
        parser.error(f"what is to trust it? --runtime {'|'.join(Runtime)}")
    elif not options.insecure and options.ca is None:
        parser.error("how is it trusted? --ca FILE or --insecure")
    elif options.distribution and options.runtime != Runtime.SYSTEM:
        parser.error(f"--distribution is for --runtime {Runtime.SYSTEM} and no other")
    return options


def _plan(options: argparse.Namespace) -> TrustPlan:
    return plan(
        options.address,
        runtime=options.runtime,
        insecure=options.insecure,
        ca=None if options.ca is None else _read(options.ca),
        distribution=_distribution(options),
        now=datetime.now(UTC),
    )


def _read(file: str) -> bytes:
    """Read the CA; of what is too long, enough to be refused."""
    if file == "-" and sys.stdin is None:
        raise ValueError("standard input is closed")
    try:
        if file == "-":
            return sys.stdin.buffer.read(LONGEST + 1)
        with open(file, "rb") as stream:  # noqa: PTH123  # an empty name is no folder
            return stream.read(LONGEST + 1)
    except OSError as error:
        problem = error.strerror or str(error)
    raise ValueError(f"{file or '--ca'}: {problem}")


def _distribution(options: argparse.Namespace) -> Distribution:
    if options.distribution:
        return Distribution(options.distribution)
    if options.runtime != Runtime.SYSTEM:
        return Distribution.DEBIAN  # which no other runtime looks at
    try:
        text = Path(options.root, "etc/os-release").read_text("utf-8", "replace")
    except OSError:
        text = ""
    found = Distribution.of(text)
    if found is None:
        raise ValueError("the distribution can't be told from os-release; name it: --distribution")
    return found


def _apply(made: TrustPlan, root: str) -> int:
    before = receipts(root)
    receipt = apply(made, root)
    if not receipt.number:
        show("it was so already, and nothing is changed")
        return _DONE
    if receipt in before:
        show("it was applied already, and nothing is changed")
    else:
        for change in receipt.changes:
            show(f"{change.path} is {'made' if change.before is None else 'changed'}")
        _then(receipt)
    where = "" if receipt.root == "/" else f" --root {quote(receipt.root)}"
    show(f"to undo it: python -m wharfinger trust --undo {receipt.number}{where}")
    return _DONE


def _undo(number: int, root: str) -> int:
    receipt = next((each for each in receipts(root) if each.number == number), None)
    if receipt is None:
        raise ReceiptNotFound(f"{root} has no receipt {number}; see --list")
    undo(receipt)
    for change in receipt.changes:
        show(f"{change.path} is {'removed' if change.before is None else 'what it was'}")
    _then(receipt)
    return _DONE


def _then(receipt: Receipt) -> None:
    for command in receipt.commands:
        show(f"now run: {command}")


def _list(root: str) -> int:
    rows = [
        [str(each.number), each.title, ", ".join(change.path for change in each.changes)]
        for each in receipts(root)
    ]
    show(table(["NUMBER", "WHAT", "FILES"], rows))
    return _DONE
