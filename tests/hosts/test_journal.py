"""Taking back what failed on disks that are full or read-only, and hostile journals."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest

from tests.hosts.trees import JOURNAL, fill, planned, tree
from wharfinger.hosts import (
    FileError,
    HostChanged,
    ReceiptNotFound,
    Runtime,
    apply,
    files,
    receipts,
    undo,
)

INSECURE: Final = (Runtime.DOCKER, True)
CONTAINERD: Final = (Runtime.CONTAINERD, False)
PRESENT: Final = {
    "/etc/containerd/config.toml": f"version = 2\n#{'x' * 9000}\n",
    "/etc/containerd/certs.d/quay.io/ca.crt": "another\n",
    "/etc/containerd/certs.d/quay.io/hosts.toml": f"#{'y' * 3000}\n",
}
# The first of three files that are changed was as large as the last one becomes, and none is added:
# to take back the first one first, room would be wanted that the others have taken.
TIGHT: Final = {
    "/etc/containerd/config.toml": "version = 2\n",
    "/etc/containerd/certs.d/m:5/ca.crt": "z"
    * len(planned("m:5", CONTAINERD).steps[-1].result("version = 2\n")),
    "/etc/containerd/certs.d/m:5/hosts.toml": "# another's\n",
}


@pytest.mark.parametrize(("address", "present"), [("quay.io", PRESENT), ("m:5", TIGHT)])
def test_a_disk_that_is_full(
    address: str, present: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """R23: a disk with room for the beginning has room to take it back, to the byte."""
    real = files.write
    root, limit, wanted = tmp_path, 1 << 30, list[int]()

    def write(path: Path, content: str | bytes, **kwargs: Any) -> None:  # noqa: ANN401
        used = sum(each.stat().st_size for each in root.rglob("*") if each.is_file())
        wanted.append(used + len(content))  # the new file stands beside the old one
        if wanted[-1] > limit:
            raise FileError(str(path), os.strerror(errno.ENOSPC))
        real(path, content, **kwargs)

    monkeypatch.setattr(files, "write", write)
    made = planned(address, CONTAINERD)
    root = tmp_path / "enough"
    fill(root, present)
    apply(made, root)
    for limit in [each - 1 for each in wanted]:
        root = tmp_path / f"{limit:06}"  # receipts have its name, which is as long as the first
        fill(root, present)
        before = tree(root)
        with pytest.raises(FileError, match="No space left"):
            apply(made, root)
        assert tree(root) == before
        assert receipts(root) == ()


@pytest.mark.parametrize("way", [INSECURE, CONTAINERD])
@pytest.mark.parametrize("present", [{}, {"/etc/docker/daemon.json": "{}"} | PRESENT])
def test_a_folder_that_is_read_only(
    way: tuple[Runtime, bool],
    present: dict[str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """R23: where the journal can be written and the files can't, nothing is left of it."""
    fill(tmp_path, present)
    (tmp_path / "etc/docker").mkdir(parents=True, exist_ok=True)
    (tmp_path / "etc/containerd/certs.d/quay.io").mkdir(parents=True, exist_ok=True)
    before = tree(tmp_path)
    reals = {name: getattr(os, name) for name in ("open", "unlink")}

    def refusing(name: str) -> Callable[..., object]:
        def call(path: Any, *args: Any, dir_fd: int | None = None, **kwargs: Any) -> object:  # noqa: ANN401
            writes = name != "open" or args[0] & os.O_CREAT
            if writes and dir_fd is not None and _below_etc(dir_fd):
                raise OSError(errno.EROFS, os.strerror(errno.EROFS))  # whatever is there
            also = {"dir_fd": dir_fd} if dir_fd is not None else {}
            return reals[name](path, *args, **also, **kwargs)

        return call

    def _below_etc(folder: int) -> bool:
        found = os.fstat(folder)
        etc = [tmp_path / "etc", *(tmp_path / "etc").rglob("*")]
        return any(os.path.samestat(found, each.stat()) for each in etc)

    for name in reals:
        monkeypatch.setattr(os, name, refusing(name))
    with pytest.raises(FileError, match="read-only file system; choose"):
        apply(planned("quay.io", way), tmp_path)
    assert receipts(tmp_path) == ()
    monkeypatch.undo()
    assert tree(tmp_path) == before


@pytest.mark.parametrize("way", [(Runtime.CONTAINERS, True), (Runtime.SYSTEM, False), CONTAINERD])
@pytest.mark.parametrize("length", [225, 232, 240, 254, 256, 300])
def test_names_that_are_too_long(length: int, way: tuple[Runtime, bool], tmp_path: Path) -> None:
    """R23: a host whose name no file can have is refused, and the journal is not stuck with it."""
    address = f"{'a' * (length - 4)}.b:5"
    try:
        undo(apply(planned(address, way), tmp_path))
    except FileError as error:
        assert "name too long" in error.problem  # noqa: PT017  # either is right
    assert receipts(tmp_path) == ()
    assert not tree(tmp_path)


def tampered(root: Path, change: Callable[[dict[str, Any]], object]) -> None:
    path = root / JOURNAL / "1/applied.json"
    receipt = json.loads(path.read_text())
    change(receipt)
    path.write_text(json.dumps(receipt))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("number", 2),
        ("number", True),
        ("number", 0),
        ("path", "/etc/../../x"),
        ("path", "/etc/x\n"),
        ("path", "/etc/\ud800"),
        ("mode", 1 << 70),
        ("mode", -1),
        ("owner", [1 << 70, 0]),
        ("owner", [-1, 0]),
    ],
)
def test_receipts_that_were_tampered_with(name: str, value: object, tmp_path: Path) -> None:
    """R20: a receipt on the host that can't be one is told by its place, and nothing is undone."""
    fill(tmp_path, {"/etc/docker/daemon.json": "{}"})
    receipt = apply(planned("m:5", INSECURE), tmp_path)

    def change(stored: dict[str, Any]) -> None:
        (stored if name == "number" else stored["changes"][0])[name] = value

    tampered(tmp_path, change)
    before = tree(tmp_path)
    for act in (lambda: receipts(tmp_path), lambda: undo(receipt)):
        with pytest.raises(HostChanged, match=r"applied\.json: it .*; remove its folder by hand"):
            act()
    assert tree(tmp_path) == before


def test_receipts_of_somebody_else(tmp_path: Path) -> None:
    """A receipt that says something else than the host's own undoes nothing."""
    receipt = apply(planned("m:5", INSECURE), tmp_path)
    tampered(tmp_path, lambda stored: stored.update(title="another"))
    before = tree(tmp_path)
    with pytest.raises(ReceiptNotFound):
        undo(receipt)
    assert tree(tmp_path) == before


def test_a_backup_that_is_damaged(tmp_path: Path) -> None:
    """R23: what can't be put back is found before anything is."""
    fill(tmp_path, PRESENT)
    receipt = apply(planned("quay.io", CONTAINERD), tmp_path)
    last = max((tmp_path / JOURNAL / "1").glob("[0-9]"), key=lambda path: path.name)
    last.write_text("damaged")
    before = tree(tmp_path)
    with pytest.raises(HostChanged, match="it is not what was kept there"):
        undo(receipt)
    assert tree(tmp_path) == before
    assert receipts(tmp_path) == (receipt,)


def a_file(path: Path) -> None:
    path.write_text("no folder")


def a_link(path: Path) -> None:
    path.symlink_to("/proc")


@pytest.mark.parametrize("make", [a_file, a_link])
def test_what_is_no_folder_of_the_journal(make: Callable[[Path], None], tmp_path: Path) -> None:
    """What somebody else put beside the receipts is in nobody's way."""
    receipt = apply(planned("m:5", INSECURE), tmp_path)
    make(tmp_path / JOURNAL / "5")
    assert receipts(tmp_path) == (receipt,)
    other = apply(planned("n:5", INSECURE), tmp_path)
    assert other.number == 6
    undo(other)
    undo(receipt)
    assert [path.name for path in (tmp_path / JOURNAL).iterdir()] == ["5"]


def test_a_state_that_is_a_folder(tmp_path: Path) -> None:
    """R20: what can't be read as a receipt is a typed error."""
    (tmp_path / JOURNAL / "5/applying.json").mkdir(parents=True)
    with pytest.raises(FileError, match=r"applying\.json: it is no regular file"):
        receipts(tmp_path)
