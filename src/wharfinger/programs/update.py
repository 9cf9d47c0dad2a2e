"""``wharfinger update``: keeps the credentials of a store from lapsing (R21)."""

from __future__ import annotations

import argparse
import json
import logging
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import attrs
from typing_extensions import override

from wharfinger import WharfingerError
from wharfinger.programs import _update_config
from wharfinger.programs._store_options import open_chosen, told
from wharfinger.programs._terminal import complain, show

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wharfinger.sources import Status, Updater

__all__ = ["main"]

_DONE: Final = 0
_UNHEALTHY: Final = 1
_MOST: Final = 1 << 26  # bytes of a status file
_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)

_HELP: Final = """\
  # wharfinger.toml
  store = "sqlite:///registries.db"
  key_file = "wharfinger.key"
  environments = ["staging"]
  status_file = "status.json"

  [[sources]]
  kind = "ecr"

Exit status: 0 it was told to stop, or with --once and --check all is well; 1 the file, the store or
a source can't be used, or with --once and --check some credential is about to lapse; 2 the command
line is malformed.
"""


def main(argv: Sequence[str]) -> int:
    """Run an updater, or say how one is doing.

    Args:
        argv: The arguments after the command.

    Returns:
        0 when it was stopped or all is well, else 1; what is wrong goes to standard error.

    Raises:
        SystemExit: When the arguments are malformed, with code 2; or help is asked for.
    """
    options = _options(argv)
    try:
        config = _update_config.read(options.config)
        if options.check:
            return _check(config.status_file)
        updater = _updater(config, options.config)
        reporter = _Reporter(config.status_file)
        with _logging():
            return _once(updater, reporter) if options.once else _run(updater, reporter)
    except (WharfingerError, OSError, ValueError) as error:
        if isinstance(error, BrokenPipeError):
            raise
        complain(f"error: {told(error)}")
        return _UNHEALTHY


def _options(argv: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="wharfinger update",
        description="Keep the credentials of a store from lapsing.",
        epilog=_HELP,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--config", metavar="FILE", default="wharfinger.toml", help="what to do")
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--once", action="store_true", help="do what is due now, and end")
    how.add_argument("--check", action="store_true", help="say how the one that runs is doing")
    return parser.parse_args(argv)


def _updater(config: _update_config.Config, path: str) -> Updater:
    from wharfinger.sources import Updater

    store = open_chosen(config.store, config.key_file, unsealed=config.unsealed)
    times = {"look_every": config.look_every, "assumed_life": config.assumed_life}
    given: dict[str, Any] = {name: each for name, each in times.items() if each is not None}
    return Updater(store, config.environments, config.made(path), **given)


def _run(updater: Updater, reporter: _Reporter) -> int:
    def stop(number: int, _frame: object) -> None:
        # A second one ends it at once; a KeyboardInterrupt would wait for sources that hang.
        signal.signal(number, signal.SIG_DFL)
        updater.stop()

    before = {each: signal.signal(each, stop) for each in _SIGNALS}
    try:
        updater.run(reporter.report)
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
    reporter.report(updater.status())
    return _DONE


def _once(updater: Updater, reporter: _Reporter) -> int:
    updater.run_due(datetime.now(UTC))
    status = updater.status()
    reporter.report(status)
    return _DONE if status.healthy else _UNHEALTHY


@attrs.define(eq=False, repr=False)
class _Reporter:
    """Writes the status; where it can't, the updater goes on."""

    _path: str | None

    def report(self, status: Status) -> None:
        """Write it."""
        if self._path is None:
            return
        from wharfinger.hosts import FileError, write

        try:
            write(self._path, f"{json.dumps(status.as_dict(), indent=2)}\n", mode=0o644)
        except FileError as error:
            fields = {"error": str(error)}
            log = logging.getLogger("wharfinger.sources")
            log.warning("status not written", extra={"wharfinger": fields})


def _check(path: str | None) -> int:
    """Say whether an updater is alive and well, by the status it has written."""
    if path is None:
        raise ValueError("the file names no status_file, so nothing says how the updater is doing")
    problem = _problem(path)
    show("healthy" if problem is None else f"unhealthy: {problem}")
    return _DONE if problem is None else _UNHEALTHY


def _problem(path: str) -> str | None:
    with Path(path).open("rb") as file:
        text = file.read(_MOST)
    try:
        status = json.loads(text)
        good_until = datetime.fromisoformat(status["good_until"])
        is_over = good_until <= datetime.now(UTC)
        healthy = status["healthy"] is True
        tokens, missing = len(status["tokens"]), len(status["missing"])
        bad = sum(token["healthy"] is not True for token in status["tokens"])
    except (ValueError, TypeError, KeyError, RecursionError):
        return f"{path} is no status; run `wharfinger update`, which writes one"
    if healthy:
        return f"nothing is known since {good_until.isoformat()}" if is_over else None
    what = [f"{bad} of {tokens} tokens"] if bad else []
    what += [f"environments missing: {missing}"] if missing else []
    reason = ", ".join(what) or "the store can't be looked at"
    return f"{reason}; {path} says why"


class _Lines(logging.Formatter):
    """One JSON object a line; nothing but what the library says of itself is in it."""

    @override
    def format(self, record: logging.LogRecord) -> str:
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        line = {"at": at, "level": record.levelname.lower(), "event": record.getMessage()}
        return json.dumps(line | getattr(record, "wharfinger", {}))


@contextmanager
def _logging() -> Iterator[None]:
    """Log to standard error, and what was set before is set again."""
    log = logging.getLogger("wharfinger.sources")
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Lines())
    before = log.level, log.propagate
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    log.propagate = False
    try:
        yield
    finally:
        log.removeHandler(handler)
        log.level, log.propagate = before
