"""``wharfinger trust``: it prints unless it is told to do it, and undoes what it did."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.hosts.authority import DAY, NOW, Wanted
from wharfinger.__main__ import main
from wharfinger.hosts import plan, receipts

Capture = pytest.CaptureFixture[str]
INSECURE = ("m.corp:5000", "--runtime", "docker", "--insecure")


def trust(*argv: str) -> int:
    return main(["trust", *argv])


def names(root: Path) -> list[str]:
    return sorted(str(path.relative_to(root)) for path in root.rglob("*"))


def test_it_prints(tmp_path: Path, capsys: Capture) -> None:
    """Without --apply it prints the script, and remarks beside it, and changes nothing."""
    assert trust(*INSECURE, "--root", str(tmp_path)) == 0
    printed = capsys.readouterr()
    assert printed.out == str(plan("m.corp:5000", runtime="docker", insecure=True))
    first, root = printed.err.splitlines()
    assert first.startswith("note: insecure (R23): ")
    assert root == f"note: the script is for this host, unless WHARFINGER_ROOT={tmp_path} is set"
    assert not names(tmp_path)


def test_apply_list_undo(tmp_path: Path, capsys: Capture) -> None:
    """What is applied is listed with a number, and that undoes it to the byte."""
    path = tmp_path / "etc/docker/daemon.json"
    path.parent.mkdir(parents=True)
    path.write_text('{"debug": true}')
    before = names(tmp_path)
    root = ("--root", str(tmp_path))
    assert trust(*INSECURE, "--apply", *root) == 0
    assert capsys.readouterr().out.splitlines() == [
        "/etc/docker/daemon.json is changed",
        "now run: systemctl reload docker",
        f"to undo it: python -m wharfinger trust --undo 1 --root {tmp_path}",
    ]
    assert json.loads(path.read_text()) == {"debug": True, "insecure-registries": ["m.corp:5000"]}
    [receipt] = receipts(tmp_path)
    assert receipt.number == 1
    assert trust("--list", *root) == 0
    assert re.search(
        r"^1 +trust m.corp:5000 in docker +/etc", capsys.readouterr().out, re.MULTILINE
    )
    assert trust("--undo", "1", *root) == 0
    assert capsys.readouterr().out.splitlines() == [
        "/etc/docker/daemon.json is what it was",
        "now run: systemctl reload docker",
    ]
    assert path.read_text() == '{"debug": true}'
    assert names(tmp_path) == before


def test_apply_twice(tmp_path: Path, capsys: Capture) -> None:
    """R23: applying again is applying once."""
    root = ("--root", str(tmp_path))
    assert trust(*INSECURE, "--apply", *root) == 0
    before = names(tmp_path)
    capsys.readouterr()
    assert trust(*INSECURE, "--apply", *root) == 0
    assert capsys.readouterr().out.splitlines() == [
        "it was applied already, and nothing is changed",
        f"to undo it: python -m wharfinger trust --undo 1 --root {tmp_path}",
    ]
    assert names(tmp_path) == before
    assert trust("--undo", "1", *root) == 0
    assert "/etc/docker/daemon.json is removed" in capsys.readouterr().out
    assert not names(tmp_path)


def test_what_is_so_already(tmp_path: Path, capsys: Capture) -> None:
    path = tmp_path / "etc/docker/daemon.json"
    path.parent.mkdir(parents=True)
    path.write_text('{"insecure-registries": ["m.corp:5000"]}')
    assert trust(*INSECURE, "--apply", "--root", str(tmp_path)) == 0
    assert capsys.readouterr().out == "it was so already, and nothing is changed\n"


@pytest.mark.parametrize(
    ("argv", "status", "says"),
    [
        (("m.corp",), 2, "--runtime docker|docker-opts|containers|containerd|system"),
        ((), 2, "which registry?"),
        (("m.corp", "--runtime", "docker"), 2, "--ca FILE or --insecure"),
        (("m.corp", "--runtime", "docker", "--insecure", "--ca", "x"), 2, "not allowed with"),
        (("m.corp", "--runtime", "rkt", "--insecure"), 2, "invalid choice"),
        (("https://m.corp", "--runtime", "docker", "--insecure"), 2, "write m.corp"),
        (("docker.io", "--runtime", "docker", "--insecure"), 2, "Docker Hub"),
        (("m.corp", "--runtime", "system", "--insecure", "--distribution", "suse"), 2, "bundle"),
        (("m.corp", "--runtime", "docker", "--ca", "/nowhere"), 2, "No such file"),
        (("m.corp", "--runtime", "docker", "--ca", "/"), 2, "error: /: Is a directory"),
        (("m.corp", "--runtime", "docker", "--ca", ""), 2, "error: --ca: No such file"),
        ((*INSECURE, "--distribution", "suse"), 2, "for --runtime system and no other"),
        (("m.corp", "--undo", "1"), 2, "nothing else"),
        (("--list", "--ca", ""), 2, "nothing else"),
        (("--list", "--distribution", "suse"), 2, "nothing else"),
        (("--undo", "-1"), 1, "has no receipt -1"),
        (("--undo", "x"), 2, "invalid int"),
        (("--undo", "7"), 1, "has no receipt 7"),
        ((*INSECURE, "--apply", "--list"), 2, "not allowed with"),
    ],
)
def test_refused(
    argv: tuple[str, ...], status: int, says: str, tmp_path: Path, capsys: Capture
) -> None:
    """What is malformed ends with 2, what the host has in the way with 1."""
    assert trust(*argv, "--root", str(tmp_path)) == status
    printed = capsys.readouterr()
    assert says in printed.err
    assert not printed.out
    assert not names(tmp_path)


def test_the_line_that_undoes_it_can_be_pasted(tmp_path: Path, capsys: Capture) -> None:
    """A root's name is quoted for a shell."""
    root = tmp_path / "$(touch x); it's"
    root.mkdir()
    assert trust(*INSECURE, "--apply", "--root", str(root)) == 0
    command = capsys.readouterr().out.splitlines()[-1].partition("python -m wharfinger ")[2]
    assert main(shlex.split(command)) == 0
    assert not names(root)


@pytest.mark.parametrize("root", ["", "nowhere"])
def test_roots_that_are_none(
    root: str, tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A variable that is not set is no root, and least of all the current folder."""
    monkeypatch.chdir(tmp_path)
    assert trust(*INSECURE, "--apply", "--root", root) == 1
    assert "it is no folder; give the root of a system" in capsys.readouterr().err
    assert not names(tmp_path)


def test_names_that_move_the_cursor(tmp_path: Path, capsys: Capture) -> None:
    """What a host calls a file that is in the way is shown on one line."""
    path = tmp_path / "etc/containers/registries.conf.d/x\n\x1b[2J.conf"
    path.parent.mkdir(parents=True)
    path.write_text('location = "m.corp:5000"')
    argv = ("m.corp:5000", "--runtime", "containers", "--insecure", "--apply")
    assert trust(*argv, "--root", str(tmp_path)) == 1
    [_note, error] = capsys.readouterr().err.splitlines()
    assert r"x\n\x1b[2J.conf: it has a table of its own" in error


def test_an_expired_ca(tmp_path: Path, capsys: Capture) -> None:
    """R23: the command looks at the clock, and refuses a CA that has expired by now."""
    old = Wanted(name="old", start=NOW - 9000 * DAY, end=NOW - 8000 * DAY).pem
    (tmp_path / "ca.crt").write_text(old)
    argv = ("m.corp", "--runtime", "docker", "--ca", str(tmp_path / "ca.crt"), "--apply")
    (tmp_path / "root").mkdir()
    assert trust(*argv, "--root", str(tmp_path / "root")) == 2
    assert "CN=old expired at 2004-12-29" in capsys.readouterr().err
    assert not names(tmp_path / "root")


def test_nobody_reads_the_output() -> None:
    """A pipe that is closed ends it as it ends other commands."""
    reading, writing = os.pipe()
    os.close(reading)
    ran = subprocess.run(
        [sys.executable, "-m", "wharfinger", "trust", *INSECURE],
        check=False,
        stdout=writing,
        stderr=subprocess.PIPE,
    )
    os.close(writing)
    assert ran.returncode == 141
    assert b"error" not in ran.stderr


def test_what_is_in_the_way(tmp_path: Path, capsys: Capture) -> None:
    """A host's file that is in the way is named, and never quoted."""
    path = tmp_path / "etc/docker/daemon.json"
    path.parent.mkdir(parents=True)
    path.write_text('{"token": "XK7canaryXK7"')
    before = names(tmp_path)
    assert trust(*INSECURE, "--apply", "--root", str(tmp_path)) == 1
    printed = capsys.readouterr()
    assert f"error: {path}: line 1, column" in printed.err
    assert "XK7canaryXK7" not in printed.err + printed.out
    assert names(tmp_path) == before


def test_distribution(tmp_path: Path, capsys: Capture) -> None:
    """A root that does not say whose it is has to be told about."""
    argv = ("m.corp", "--runtime", "system", "--ca", os.devnull, "--root", str(tmp_path))
    assert trust(*argv) == 2
    assert "name it: --distribution" in capsys.readouterr().err
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/os-release").write_text("ID=debian\n")
    assert trust(*argv) == 2
    assert "there is no certificate in it" in capsys.readouterr().err


def test_as_it_is_run(tmp_path: Path) -> None:
    """A CA is read from standard input; what is none is refused before anything is written."""
    argv = ["m.corp", "--runtime", "docker", "--ca", "-", "--apply", "--root", str(tmp_path)]
    ran = subprocess.run(
        [sys.executable, "-m", "wharfinger", "trust", *argv],
        check=False,
        capture_output=True,
        input=b"-----BEGIN PRIVATE KEY-----\nXK7canaryXK7\n-----END PRIVATE KEY-----\n",
    )
    assert ran.returncode == 2
    assert b"begins a private key" in ran.stderr
    assert b"XK7canaryXK7" not in ran.stderr + ran.stdout
    assert not names(tmp_path)
