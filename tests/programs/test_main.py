"""The command line itself: finding a command, and ending."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from wharfinger import __version__
from wharfinger.__main__ import main
from wharfinger.programs import COMMANDS

MAIN = [sys.executable, "-m", "wharfinger"]


def test_help(capsys: pytest.CaptureFixture[str]) -> None:
    """Help names every command, on standard output."""
    assert main(["--help"]) == 0
    printed = capsys.readouterr()
    assert printed.out.startswith("usage: wharfinger COMMAND")
    width = max(map(len, COMMANDS))
    assert all(f"  {name:<{width}}  {text}\n" in printed.out for name, text in COMMANDS.items())
    assert not printed.err


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    """The version is the package's."""
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"wharfinger {__version__}\n"


@pytest.mark.parametrize(
    ("argv", "problem"),
    [
        ([], "a command is wanted"),
        ([""], "a command is wanted"),
        (["explian", "ubuntu"], "no command 'explian'; the nearest is 'explain'"),
        (["xyzzy"], "no command 'xyzzy'"),
        (["programs.explain"], "no command 'programs.explain'; the nearest is 'explain'"),
        (["_registries_file"], "no command '_registries_file'; the nearest is 'registries'"),
        (["\x1b[31m\udcff"], r"no command '\x1b[31m\udcff'"),
        (["x" * 5000], f"no command '{'x' * 80}'"),
    ],
)
def test_no_such_command(argv: list[str], problem: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Without a command, or with an unknown one, usage goes to standard error."""
    assert main(argv) == 2
    printed = capsys.readouterr()
    assert not printed.out
    assert printed.err.startswith("usage: wharfinger COMMAND")
    assert printed.err.endswith(f"\nwharfinger: error: {problem}\n")


def test_every_command_has_a_program() -> None:
    """Every command in the table has a module with a ``main``, and every module is in the table."""
    folder = Path(import_module("wharfinger.programs").__file__ or "").parent
    modules = {path.stem for path in folder.glob("[!_]*.py")}
    assert modules == {name.replace("-", "_") for name in COMMANDS}
    assert all(callable(import_module(f"wharfinger.programs.{name}").main) for name in modules)


def test_arguments_of_the_process(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without arguments, those of the process are used."""
    monkeypatch.setattr(sys, "argv", ["wharfinger", "--version"])
    assert main() == 0
    assert capsys.readouterr().out


def test_imports_only_the_command() -> None:
    """To print the version imports no command, and nothing a command needs."""
    code = (
        "import sys; from wharfinger.__main__ import main; main(['--version'])\n"
        "print([m for m in sys.modules"
        " if m.startswith('wharfinger.programs.') or m in {'argparse', 'attr', 'tomllib'}])"
    )
    ran = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert ran.stdout == f"wharfinger {__version__}\n[]\n"


def test_interrupt(monkeypatch: pytest.MonkeyPatch) -> None:
    """An interrupt ends with the status a shell gives it."""
    from wharfinger.programs import explain

    def interrupted(_: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(explain, "main", interrupted)
    assert main(["explain", "ubuntu"]) == 130


def test_broken_pipe() -> None:
    """When nobody reads any more, it ends quietly, and not as if all were allowed."""
    with subprocess.Popen(
        [*MAIN, "explain", "-"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdin.write(b"ubuntu\n")
        process.stdin.flush()
        assert process.stdout.readline() == b"ubuntu: allowed (anonymous)\n"
        process.stdout.close()
        process.stdin.write(b"debian\n")
        process.stdin.close()
        assert process.wait(60) == 141
        assert process.stderr.read() == b""


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")
def test_full_disk() -> None:
    """When the answers cannot be written, it says so."""
    with Path("/dev/full").open("wb") as full:
        ran = subprocess.run(
            [*MAIN, "explain", "ubuntu"], check=False, stdout=full, stderr=subprocess.PIPE
        )
    assert ran.returncode == 2
    assert ran.stderr == b"wharfinger: No space left on device\n"


@pytest.mark.parametrize(
    ("stream", "problem"),
    [("stdin", "standard input is closed"), ("stdout", "standard output is closed")],
)
def test_closed_stream(
    stream: str,
    problem: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A stream that was closed before is no traceback."""
    with monkeypatch.context() as patch:
        patch.setattr(sys, stream, None)
        assert main(["explain", "-"]) == 2
    assert capsys.readouterr().err == f"wharfinger: {problem}\n"
