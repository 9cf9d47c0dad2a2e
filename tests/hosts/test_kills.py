"""Killed at any moment, a host is what it was or what it was to be, and no file is half of each.

``WHARFINGER_KILLS=1000 pytest tests/hosts/test_kills.py`` kills so many at times that are drawn;
25 out of the box. Between any two operations on files a process is killed in every run.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import random
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.hosts.trees import JOURNAL, fill, planned, tree
from wharfinger.hosts import HostChanged, Receipt, Runtime, apply, receipts, undo

KILLS: Final = int(os.environ.get("WHARFINGER_KILLS", "25"))
PLAN: Final = planned("quay.io", (Runtime.CONTAINERD, False))
# Two files are changed and three are made, in folders that are there and in one that is not.
PRESENT: Final = {
    "/etc/containerd/config.toml": "version = 2 # ours\n",
    "/etc/containerd/certs.d/quay.io/ca.crt": "another\n",
    "/etc/containerd/certs.d/other/hosts.toml": "# another's\n",
}
OPERATIONS: Final = ("open", "os.", "shutil.")
FORK: Final = multiprocessing.get_context("fork")
# Where there is one, a disk that costs nothing: what a power cut does is another matter.
MEMORY: Final = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # noqa: S108

State = dict[str, tuple[int, bytes]]


@contextlib.contextmanager
def host() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(dir=MEMORY) as folder:
        fill(Path(folder), PRESENT)
        yield Path(folder)


def etc(root: Path) -> State:
    return {name: found for name, found in tree(root).items() if name.startswith("etc")}


def killed_at(number: int, work: Callable[[], object]) -> bool:
    """Kill a process before its nth operation on files; False where it has fewer."""

    def doomed() -> None:
        left = [number]

        def count(event: str, _arguments: object) -> None:
            if event.startswith(OPERATIONS):
                left[0] -= 1
                if left[0] == -1:  # to kill is an event, too
                    os.kill(os.getpid(), signal.SIGKILL)

        sys.addaudithook(count)
        work()
        os._exit(0)

    process = FORK.Process(target=doomed)
    process.start()
    process.join()
    assert process.exitcode in {0, -signal.SIGKILL}
    return process.exitcode != 0


def whole(root: Path, old: State, new: State) -> None:
    """Each file is what it was or what it was to be; what is left beside them is nobody's."""
    for name, found in etc(root).items():
        if name.rpartition("/")[2].startswith("."):
            continue
        assert found in (old.get(name), new.get(name)), name
    assert {*old} & {*new} <= {*etc(root)}


def states(root: Path) -> tuple[State, State]:
    old = etc(root)
    receipt = apply(PLAN, root)
    new = etc(root)
    undo(receipt)
    assert etc(root) == old
    assert old != new
    return old, new


def check(root: Path, old: State, new: State) -> None:
    """What a killed process left is taken back, or stands, as a whole; and it can be undone."""
    whole(root, old, new)
    stands = receipts(root)
    assert etc(root) == (new if stands else old)
    assert apply(PLAN, root) == (stands or receipts(root))[0]
    assert etc(root) == new
    [receipt] = receipts(root)
    undo(receipt)
    assert etc(root) == old
    assert not (root / JOURNAL).exists()


def test_killed_while_applying() -> None:
    """R23: killed before any operation, all of the plan is done or none of it."""
    ends = set()
    for number in range(1000):
        with host() as root:
            old, new = states(root)
            if not killed_at(number, lambda root=root: apply(PLAN, root)):  # type: ignore[misc]
                break
            ends.add(len(receipts(root)))
            check(root, old, new)
    assert number > 60
    assert ends == {0, 1}


def test_killed_while_undoing() -> None:
    """R23: killed before any operation, all of it is undone or none."""
    ends = set()
    for number in range(1000):
        with host() as root:
            old, new = states(root)
            receipt = apply(PLAN, root)
            if not killed_at(number, lambda receipt=receipt: undo(receipt)):  # type: ignore[misc]
                break
            ends.add(len(receipts(root)))
            check(root, old, new)
    assert number > 40
    assert ends == {0, 1}


def test_killed_while_taking_back() -> None:
    """R23: who takes back what another did not finish may be killed, too."""
    for number in range(0, 1000, 5):
        with host() as root:
            old, new = states(root)
            assert killed_at(70, lambda root=root: apply(PLAN, root))  # type: ignore[misc]
            assert [*(root / JOURNAL).glob("*/applying.json")], "it was killed in the middle"
            more = killed_at(number, lambda root=root: receipts(root))  # type: ignore[misc]
            check(root, old, new)
            if not more:
                break
    assert number > 20


def _forever(root: str) -> None:
    while True:
        undo(apply(PLAN, root))


def test_killed_at_any_time() -> None:
    """R23: killed at times that are drawn, again and again on one host."""
    draw = random.Random(20261124)  # noqa: S311  # times, not secrets
    begun = 0
    with host() as root:
        old, new = states(root)
        for _ in range(KILLS):
            process = FORK.Process(target=_forever, args=(str(root),))
            process.start()
            time.sleep(draw.uniform(0, 0.1))
            assert process.is_alive(), "it ended by itself"
            process.kill()
            process.join()
            begun += any((root / JOURNAL).glob("*/*ing.json"))
            check(root, old, new)
    assert begun, "some were killed in the middle"


def test_changed_after_a_kill() -> None:
    """What somebody wrote to a file that was half way is not written over."""
    with host() as root:
        _, new = states(root)
        number = 0
        while etc(root) != new:  # killed when all files are written, and nothing is acknowledged
            number += 1
            receipts(root)
            assert killed_at(number, lambda: apply(PLAN, root))
        config = root / "etc/containerd/config.toml"
        config.write_text("version = 2 # theirs\n")
        for act in (lambda: apply(PLAN, root), lambda: receipts(root)):
            with pytest.raises(HostChanged, match=r"config\.toml: it was changed since"):
                act()
        assert config.read_text() == "version = 2 # theirs\n"
        [begun] = (root / JOURNAL).glob("*/applying.json")
        kept = Receipt.from_json(begun.read_text())
        texts = [path.read_text() for path in begun.parent.iterdir() if path.name.isdecimal()]
        assert sorted(texts) == sorted(
            text for name, text in PRESENT.items() if "other" not in name
        )
        assert len(kept.changes) == 5
