"""Every block of code in README.md runs, and prints what the README says it prints."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from sybil import Sybil
from sybil.parsers.markdown import CodeBlockParser, PythonCodeBlockParser

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
INSTALL, TEST = (text.strip() for language, text in BLOCKS if language == "shell")


def commands() -> list[tuple[str, str]]:
    """Return the commands of the console blocks, each with what the README says it prints."""
    text = "".join(block for language, block in BLOCKS if language == "console")
    parts = re.split(r"^\$ (.*)\n", text, flags=re.MULTILINE)
    return list(zip(parts[1::2], parts[2::2], strict=True))


def run(command: str) -> subprocess.CompletedProcess[str]:
    """Run a command of the README, with the Python that runs this test."""
    program, *arguments = shlex.split(command)
    assert program == "python"
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        check=False,
        capture_output=True,
        encoding="utf-8",
        timeout=60,
    )


def test_python_blocks(capsys: pytest.CaptureFixture[str]) -> None:
    """The Python blocks run in order and print the text blocks behind them."""
    printed: list[str] = []
    expected: list[str] = []
    text = CodeBlockParser("text", evaluator=lambda example: expected.append(example.parsed))
    document = Sybil([PythonCodeBlockParser(), text]).parse(ROOT / "README.md")
    for example in document.examples():
        example.evaluate()
        printed.append(capsys.readouterr().out)
    assert len(expected) == 1
    assert "".join(printed) == "".join(expected)


def test_first_block_is_short() -> None:
    """The first block shows the main job in eight lines."""
    language, block = BLOCKS[0]
    assert language == "python"
    assert len([line for line in block.splitlines() if line]) == 8


@pytest.mark.parametrize(("command", "expected"), commands())
def test_console_blocks(command: str, expected: str) -> None:
    """A command prints what stands below it."""
    ran = run(command)
    assert ran.stdout + ran.stderr == expected


def test_every_block_is_tested() -> None:
    """There are no blocks but those the tests of this module run."""
    assert README.count("\n```") == 2 * len(BLOCKS)
    assert {language for language, _ in BLOCKS} == {"python", "text", "console", "shell"}


def test_install_command() -> None:
    """The first command for a fresh machine installs the project, then runs the quickstart."""
    install, quickstart = INSTALL.split(" && ")
    assert install == "python -m pip install ."
    ran = run(quickstart)
    assert (ran.returncode, ran.stderr) == (0, "")


def test_ci_runs_both_commands() -> None:
    """Both commands for a fresh machine are run, as they stand, by what runs on every change."""
    steps = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    for command in (INSTALL, TEST):
        assert f"'{command}'" in steps


def test_rules_are_all_there() -> None:
    """The table has every rule once, in order."""
    assert re.findall(r"^\| (R\d+) \|", README, re.MULTILINE) == [f"R{n}" for n in range(1, 25)]


def test_links_lead_somewhere() -> None:
    """Every link to a file of the project leads to one."""
    for target in re.findall(r"\]\(([^)]+)\)", README):
        assert (ROOT / target).is_file(), target
