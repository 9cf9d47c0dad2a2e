"""Roots: where a system is, and what is no system."""

from __future__ import annotations

import multiprocessing
import os
from pathlib import Path
from typing import Any, Final

import pytest

from tests.hosts.trees import planned, tree
from wharfinger.hosts import FileError, Runtime, apply, receipts

INSECURE: Final = (Runtime.DOCKER, True)


@pytest.mark.parametrize(
    "root", ["", "a\0b", "\ud800", "nowhere", "file", "file/below", "a" * 5000]
)
def test_what_is_no_root(root: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """R23: what is no folder is told as that; an empty path least of all is the current folder."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").touch()
    before = tree(tmp_path)
    for act in (lambda: apply(planned("m:5", INSECURE), root), lambda: receipts(root)):
        with pytest.raises(FileError):
            act()
    assert tree(tmp_path) == before


def test_relative(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A receipt has the root's real path, whatever folder is the current one later."""
    (tmp_path / "image").mkdir()
    (tmp_path / "link").symlink_to("image")
    monkeypatch.chdir(tmp_path)
    assert apply(planned("m:5", INSECURE), "link").root == str(tmp_path / "image")


def test_folders_are_for_everybody(tmp_path: Path) -> None:
    """Clients that run as anybody find the files, whatever the umask of who applies."""
    old = os.umask(0o077)
    try:
        apply(planned("m:5", INSECURE), tmp_path)
    finally:
        os.umask(old)
    modes = {name: mode & 0o777 for name, (mode, _) in tree(tmp_path).items()}
    assert modes["etc"] == modes["etc/docker"] == modes["var/lib"] == 0o755
    assert modes["etc/docker/daemon.json"] == 0o644
    assert modes["var/lib/wharfinger"] == modes["var/lib/wharfinger/hosts"] == 0o700


def _looks(root: str, told: Any) -> None:  # noqa: ANN401  # a connection
    os.setgid(65534)
    os.setuid(65534)
    try:
        receipts(root)
    except FileError as error:
        told.send(str(error))
    told.close()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_a_root_behind_a_closed_door(tmp_path: Path) -> None:
    (tmp_path / "closed/root").mkdir(parents=True)
    (tmp_path / "closed").chmod(0o700)
    here, there = multiprocessing.Pipe(duplex=False)
    process = multiprocessing.get_context("fork").Process(
        target=_looks, args=(str(tmp_path / "closed/root"), there)
    )
    process.start()
    there.close()
    assert "permission denied" in here.recv()
    process.join()
