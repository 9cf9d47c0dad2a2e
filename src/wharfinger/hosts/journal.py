"""What is being done to a host and what was: written down before, so that it can be taken back.

Below ``/var/lib/wharfinger/hosts`` each receipt has a folder of its number, for root alone: the
receipt, and what the files were. The receipt's name is its state, and a rename changes that:
``applying`` and ``undoing`` are taken back by whoever comes next, ``applied`` stands. A folder
without one is of somebody who was killed before anything was changed.
"""

from __future__ import annotations

import errno
import fcntl
import os
import re
import shutil
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Final

import attrs

from wharfinger.formats.document import DocumentError
from wharfinger.hosts import files
from wharfinger.hosts.errors import FileError, HostChanged
from wharfinger.hosts.receipt import Change, Receipt, digest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from wharfinger.hosts.roots import Root

__all__ = ["FOLDER", "Journal", "journal"]

FOLDER: Final = "/var/lib/wharfinger/hosts"
_OWN: Final = (FOLDER.rpartition("/")[0], FOLDER)
_APPLYING: Final = "applying.json"
_APPLIED: Final = "applied.json"
_UNDOING: Final = "undoing.json"
_NUMBER: Final = re.compile(r"[1-9][0-9]{0,8}")
_PATIENCE: Final = 30.0  # seconds, for another process
_PAUSE: Final = 0.01
_OPEN: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


@attrs.define(eq=False, repr=False)
class Journal:
    """The journal of a root, while no other process has it.

    Args:
        root: The root.
        made: The folders that were made for it, outermost first.
    """

    root: Root
    made: list[str]

    def receipts(self) -> list[Receipt]:
        """Return the receipts of what was done and stands, in the order it was done."""
        return [
            self._receipt(f"{folder}/{_APPLIED}")
            for folder in self._folders()
            if self.root.look(f"{folder}/{_APPLIED}")
        ]

    def begin(self, receipt: Receipt, before: list[bytes | None]) -> Receipt:
        """Write down what is about to be done.

        Args:
            receipt: What it is; its number is given here.
            before: What its files are.

        Returns:
            The receipt with its number.

        Raises:
            FileError: When it can't be written; nothing is left of it.
        """
        numbers = [int(folder.rpartition("/")[2]) for folder in self._folders()]
        receipt = attrs.evolve(receipt, number=max(numbers, default=0) + 1)
        folder = _folder(receipt)
        try:
            self.root.make(folder, 0o700)
            for position, content in enumerate(before):
                if content is not None:
                    files.write(self.root / f"{folder}/{position}", content)
            files.write(self.root / f"{folder}/{_APPLYING}", receipt.to_json())
            _sync(self.root / FOLDER)
        except BaseException:
            self._forget(folder)
            raise
        return receipt

    def done(self, receipt: Receipt) -> None:
        """Let what was written down stand.

        Args:
            receipt: What it is.
        """
        self._rename(receipt, _APPLYING, _APPLIED)

    def undo(self, receipt: Receipt) -> None:
        """Take back what was done and stands.

        Args:
            receipt: What it is.

        Raises:
            HostChanged: When a file is something else by now.
            FileError: When a file can't be written; whoever comes next goes on with it.
        """
        for change in receipt.changes:
            if self._state(change) != change.after:
                raise HostChanged(
                    str(self.root / change.path),
                    "it was changed since, and is left as it is; what it was before is in "
                    f"{self._backup(receipt, change)}",
                )
        for position, change in enumerate(receipt.changes):
            self._kept(_folder(receipt), position, change)
        self._rename(receipt, _APPLIED, _UNDOING)
        self._restore(receipt, _folder(receipt))

    def recover(self) -> None:
        """Take back what was begun and not finished.

        Raises:
            HostChanged: When a file is neither what it was nor what it was to be.
            FileError: When a file can't be written.
        """
        for folder in reversed(self._folders()):
            begun = [name for name in (_APPLYING, _UNDOING) if self.root.look(f"{folder}/{name}")]
            if begun:
                self._restore(self._receipt(f"{folder}/{begun[0]}"), folder)
            elif not self.root.look(f"{folder}/{_APPLIED}"):
                self._forget(folder)

    def _restore(self, receipt: Receipt, folder: str) -> None:
        states = [self._state(change) for change in receipt.changes]
        for change, state in zip(receipt.changes, states, strict=True):
            if state not in {change.before, change.after}:
                raise HostChanged(
                    str(self.root / change.path),
                    "it was changed since somebody began to; make it what it is to be, and remove "
                    f"{self.root / folder}, which has what it was",
                )
        # What was added goes first and what was changed last goes before what was changed first:
        # then a disk that had room to do it has room to take it back.
        for position, change in sorted(
            enumerate(receipt.changes), key=lambda each: (each[1].before is not None, -each[0])
        ):
            path = self.root / change.path
            if self.root.missing(change.path):
                continue
            if states[position] == change.before:
                files.tidy(path)
            elif change.before is None:
                files.remove(path)
            elif (kept := self._kept(folder, position, change)) is not None:
                files.write(path, kept, mode=change.mode, owner=change.owner)
        for folder_made in reversed(receipt.folders):
            if f"{FOLDER}/".startswith(f"{folder_made}/"):
                self.made.insert(0, folder_made)  # the journal's own goes when it is closed
            else:
                self.root.drop(folder_made)
        self._forget(folder)

    def _kept(self, folder: str, position: int, change: Change) -> bytes | None:
        """What a file was; None where it was not there."""
        if change.before is None:
            return None
        kept = self.root.read(f"{folder}/{position}")
        if kept is None or digest(kept[0]) != change.before:
            raise HostChanged(
                str(self.root / f"{folder}/{position}"), "it is not what was kept there"
            )
        return kept[0]

    def _state(self, change: Change) -> str | None:
        found = self.root.read(change.path)
        return None if found is None else digest(found[0])

    def _backup(self, receipt: Receipt, change: Change) -> Path:
        return self.root / f"{_folder(receipt)}/{receipt.changes.index(change)}"

    def _folders(self) -> list[str]:
        names = [each.name for each in (self.root / FOLDER).iterdir()]
        names = [name for name in names if _NUMBER.fullmatch(name)]
        return [f"{FOLDER}/{name}" for name in sorted(names, key=int)]

    def _receipt(self, path: str) -> Receipt:
        found = self.root.read(path)
        problem = "it is not there"
        try:
            if found is not None:
                receipt = Receipt.from_json(found[0].decode())
                if _folder(receipt) == path.rpartition("/")[0]:
                    return receipt
                problem = "it has the number of another one; remove its folder by hand"
        except (DocumentError, UnicodeDecodeError) as error:
            problem = f"it can't be read ({type(error).__name__}); remove its folder by hand"
        raise HostChanged(str(self.root / path), problem)

    def _rename(self, receipt: Receipt, old: str, new: str) -> None:
        folder = self.root / _folder(receipt)
        try:
            (folder / old).rename(folder / new)
            _sync(folder)
        except OSError as error:
            problem = files.told(error)
        else:
            return
        raise FileError(str(folder / old), problem)

    def _forget(self, folder: str) -> None:
        """Remove a receipt's folder; its state first, so that nobody takes it back again."""
        problem = None
        try:
            for name in (_APPLYING, _UNDOING):
                with suppress(FileNotFoundError, NotADirectoryError):
                    (self.root / folder / name).unlink()
        except OSError as error:
            problem = files.told(error)
        if problem is not None:
            raise FileError(str(self.root / folder), problem)
        shutil.rmtree(self.root / folder, ignore_errors=True)


def _folder(receipt: Receipt) -> str:
    return f"{FOLDER}/{receipt.number}"


def _sync(folder: Path) -> None:
    opened = os.open(folder, _OPEN)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


@contextmanager
def journal(root: Root) -> Iterator[Journal]:
    """Open and lock the journal of a root, and take back what somebody did not finish.

    Args:
        root: The root.

    Yields:
        The journal.

    Raises:
        FileError: When it can't be opened or written.
        HostChanged: When what was not finished can't be taken back.
    """
    found = Journal(root, root.missing(f"{FOLDER}/x"))
    opened = None
    try:
        opened = _opened(root)
        found.recover()
        yield found
    finally:
        for folder in (*reversed(_OWN), *reversed(found.made)):
            root.drop(folder)  # which it does only where no receipt is left
        if opened is not None:
            fcntl.flock(opened, fcntl.LOCK_UN)
            os.close(opened)


def _opened(root: Root) -> int:
    end = time.monotonic() + _PATIENCE
    while True:
        for folder in root.missing(f"{FOLDER}/x"):
            root.make(folder, 0o700 if folder in _OWN else 0o755)
        try:
            opened = os.open(root / FOLDER, _OPEN)
        except FileNotFoundError:
            continue  # its last receipt was undone
        except OSError as error:
            problem = files.told(error)
            break
        try:
            fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.path.samestat(os.fstat(opened), (root / FOLDER).lstat()):
                return opened
        except OSError as error:
            if error.errno not in {errno.EAGAIN, errno.ENOENT}:
                os.close(opened)
                problem = files.told(error)
                break
        os.close(opened)
        if time.monotonic() > end:
            problem = "another process has kept it locked for too long; see who holds it"
            break
        time.sleep(_PAUSE)
    raise FileError(str(root / FOLDER), problem)
