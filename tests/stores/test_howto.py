"""The how-to on stores does what it says, on SQLite and, by another URL, on PostgreSQL."""

from __future__ import annotations

import doctest
import os
import pty
import re
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

import wharfinger
from wharfinger.stores.database import Database

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wharfinger.stores.urls import Target

HOWTO: Final = Path(__file__, "../../../docs/howto/stores.md").resolve().read_text("utf-8")
ITS_URL: Final = "sqlite:///registries.db"
TIME: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00")
KEY_ID: Final = re.compile(r"\b[0-9a-f]{16}\b")
PROMPT: Final = "Password for ci:"
PASSWORD: Final = "hunter2"


def section(title: str) -> str:
    """What stands under a heading."""
    return HOWTO.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def blocks(text: str, kind: str) -> Iterator[str]:
    """The blocks of a kind."""
    yield from re.findall(rf"^```{re.escape(kind)}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def test_two_processes(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two processes share a database, by the how-to's own lines with another URL in one of them."""
    monkeypatch.chdir(tmp_path)
    text = "\n".join(
        block
        for title in ("Two processes, one file", "Keys", "asyncio", "Events")
        for block in blocks(section(title), "{doctest}")
    )
    assert text.count(ITS_URL) == 1
    text = text.replace(ITS_URL, url)
    names = {name: getattr(wharfinger, name) for name in wharfinger.__all__}
    names |= {"subprocess": subprocess, "sys": sys}
    test = doctest.DocTestParser().get_doctest(text, names, "howto", None, 0)
    assert len(test.examples) > 20
    with closing_what_it_opens(monkeypatch):
        assert_runs(test)


@contextmanager
def closing_what_it_opens(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Close the stores that a reader leaves open until the process ends."""
    opened: list[Database] = []
    connect = Database.connect

    def noting(target: Target) -> Database:
        opened.append(connect(target))
        return opened[-1]

    monkeypatch.setattr(Database, "connect", noting)
    try:
        yield
    finally:
        for database in opened:
            database.close()


def assert_runs(test: doctest.DocTest) -> None:
    """Every example prints what stands there."""
    said: list[str] = []
    runner = doctest.DocTestRunner(optionflags=doctest.IGNORE_EXCEPTION_DETAIL)
    runner.run(test, out=said.append)
    assert runner.summarize(verbose=False).failed == 0, "".join(said)


def script(session: str) -> str:
    """A shell session's commands, each printed before it is run."""
    commands = re.findall(r"^\$ (.*(?:\n> .*)*)", session, re.MULTILINE)
    lines = []
    for command in commands:
        quoted = f"$ {command}".replace("'", "'\\''")
        lines += [f"printf '%s\\n' '{quoted}'", command.replace("\n> ", "\n")]
    return "\n".join(lines)


def in_terminal(commands: str, folder: Path, environment: dict[str, str]) -> str:
    """Run a script in a terminal of its own, and type the password where it is asked for."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        ["sh", "-c", commands],  # noqa: S607
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
        cwd=folder,
        env=environment,
    ):
        os.close(theirs)
        printed, typed = b"", False
        while True:
            try:
                printed += os.read(ours, 10_000)
            except OSError:  # what Linux says when nobody is left on the other side
                break
            if not typed and PROMPT.encode() in printed:
                os.write(ours, f"{PASSWORD}\n".encode())
                typed = True
    os.close(ours)
    return printed.decode().replace("\r\n", "\n")


def alike(printed: str) -> list[str]:
    """What is the same in every run: neither times nor keys, and no blanks at a line's end."""
    told = TIME.sub("TIME", KEY_ID.sub("KEY", printed))
    return [line.rstrip() for line in told.splitlines() if line.strip()]


@pytest.mark.skipif(sys.platform != "linux", reason="it types into a terminal as Linux has it")
@pytest.mark.parametrize("by", ["variable", "option"])
def test_the_command_line(url: str, by: str, tmp_path: Path) -> None:
    """The whole session of the how-to prints what stands there, on both databases."""
    (session,) = blocks(section("On the command line"), "console")
    assert session.count(ITS_URL) == 1
    if by == "option":
        session = session.replace(f"$ export WHARFINGER_STORE={ITS_URL}\n", "")
        session = session.replace("--environment", f"--store '{url}' --environment")
    session = session.replace(ITS_URL, f"'{url}'")
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "vault").write_text("#!/bin/sh\necho hunter3\n")
    (programs / "vault").chmod(0o755)
    (programs / "python").write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    (programs / "python").chmod(0o755)
    path = os.pathsep.join((str(programs), os.environ["PATH"]))
    without = {name: value for name, value in os.environ.items() if "WHARFINGER" not in name}
    printed = in_terminal(script(session), tmp_path, without | {"PATH": path})
    assert alike(printed) == alike(session)
    assert PASSWORD not in printed
