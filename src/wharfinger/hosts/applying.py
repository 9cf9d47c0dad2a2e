"""Doing what a plan says, and undoing it: all of its files or none."""

from __future__ import annotations

import fnmatch
import json
import os
import stat
from typing import TYPE_CHECKING, Final

import attrs

from wharfinger.formats.document import DocumentError, forgetful
from wharfinger.hosts import files
from wharfinger.hosts.errors import FileError, HostChanged, HostConflict, ReceiptNotFound
from wharfinger.hosts.journal import FOLDER, Journal, journal
from wharfinger.hosts.receipt import Change, Receipt, digest
from wharfinger.hosts.roots import Root

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wharfinger.hosts.steps import Condition, Step
    from wharfinger.hosts.trustplan import TrustPlan

__all__ = ["apply", "receipts", "undo"]

_MODE: Final = 0o644


@forgetful
def apply(plan: TrustPlan, root: str | os.PathLike[str] = "/") -> Receipt:
    """Do what a plan says: all of its files or none, each at once.

    What the files are is kept on the host first, below ``/var/lib/wharfinger/hosts``, so that it
    can be undone; a process that is killed meanwhile leaves a beginning that whoever comes next
    takes back. Files keep their modes and owners. No command is run, and no link is followed. What
    a file says already is not added again, and a plan that was applied gives its receipt again.

    Args:
        plan: The plan.
        root: The root of the system.

    Returns:
        What was done.

    Raises:
        HostConflict: When what a file says contradicts the plan, or can't be added to.
        HostChanged: When what somebody else did not finish can't be taken back.
        FileError: When a file can't be read or written, or is no regular file.

    Example:
        >>> import tempfile
        >>> from wharfinger.hosts import plan
        >>> root = tempfile.mkdtemp()
        >>> receipt = apply(plan("registry.corp:5000", runtime="docker", insecure=True), root)
        >>> [change.path for change in receipt.changes], receipt.commands
        (['/etc/docker/daemon.json'], ('systemctl reload docker',))
        >>> undo(receipt)
        >>> os.listdir(root)
        []
    """
    where = Root.of(root)
    with journal(where) as log:
        for condition in plan.conditions:
            _check(where, condition, {step.path for step in plan.steps})
        # What is added comes first: taking that back needs no room on the disk.
        found = sorted(
            (_Prepared.of(where, step) for step in plan.steps),
            key=lambda each: each.before is not None,
        )
        receipt = _receipt(plan, log, found)
        if not receipt.changes:
            known = [each for each in log.receipts() if each.plan == receipt.plan]
            return attrs.evolve(known[-1], root=where.path) if known else receipt
        changed = [each for each in found if each.change]
        receipt = log.begin(receipt, [each.before for each in changed])
        try:
            for folder in receipt.folders:
                where.make(folder)
            for each in changed:
                each.write(where)
            log.done(receipt)
        except BaseException:
            log.recover()
            raise
    return receipt


@forgetful
def undo(receipt: Receipt) -> None:
    """Put back what was there before a plan was applied, to the byte.

    Args:
        receipt: What was done.

    Raises:
        ReceiptNotFound: When it was undone already, or is no receipt of that host.
        HostChanged: When a file was changed since, or a plan applied since relies on it; nothing
            is undone.
        FileError: When a file can't be read or written; where one of several could not, whoever
            comes next goes on with it.
    """
    if not receipt.number:
        return
    where = Root.of(receipt.root)
    if where.look(FOLDER) is None:
        raise _not_found(receipt)
    with journal(where) as log:
        all_receipts = log.receipts()
        stored = next((each for each in all_receipts if each.number == receipt.number), None)
        if stored is None or attrs.evolve(stored, root=receipt.root) != receipt:
            raise _not_found(receipt)
        changed = {change.path for change in receipt.changes}
        for later in all_receipts:
            used = changed & {*later.relies, *(change.path for change in later.changes)}
            if later.number > receipt.number and used:
                raise HostChanged(
                    str(where / min(used)),
                    f"receipt {later.number} ({later.title}) needs it; undo that first",
                )
        log.undo(stored)


def receipts(root: str | os.PathLike[str] = "/") -> tuple[Receipt, ...]:
    """Return the receipts of what was done to a host and not undone.

    Args:
        root: The root of the system.

    Returns:
        The receipts, in the order it was done.

    Raises:
        HostChanged: When what somebody did not finish can't be taken back.
        FileError: When the journal can't be read.
    """
    where = Root.of(root)
    if where.look(FOLDER) is None:
        return ()
    with journal(where) as log:
        return tuple(attrs.evolve(each, root=where.path) for each in log.receipts())


def _not_found(receipt: Receipt) -> ReceiptNotFound:
    return ReceiptNotFound(
        f"{receipt.root} has no such receipt {receipt.number}; it was undone, or is another host's"
    )


@attrs.frozen(repr=False)
class _Prepared:
    """A file, what it is and what it is to be. It may hold secrets, so it has no repr."""

    path: str
    before: bytes | None
    after: bytes
    found: os.stat_result | None
    folders: tuple[str, ...]

    @classmethod
    def of(cls, root: Root, step: Step) -> _Prepared:
        folders = root.missing(step.path)
        read = root.read(step.path)
        if read is None:
            return cls(step.path, None, step.result(None).encode(), None, tuple(folders))
        before, found = read
        problem = "it is not UTF-8, and can't be added to"
        try:
            after = step.result(before.decode()).encode()
            return cls(step.path, before, after, found, tuple(folders))
        except DocumentError as error:
            problem = str(error)
        except UnicodeDecodeError:
            pass
        raise HostConflict(str(root / step.path), problem)

    @property
    def change(self) -> Change | None:
        if self.before == self.after:
            return None
        if self.before is None or self.found is None:
            return Change(self.path, None, digest(self.after), _MODE)
        owner = (self.found.st_uid, self.found.st_gid)
        mode = stat.S_IMODE(self.found.st_mode)
        return Change(self.path, digest(self.before), digest(self.after), mode, owner)

    def write(self, root: Root) -> None:
        change = self.change
        if change is not None:
            files.write(root / self.path, self.after, mode=change.mode, owner=change.owner)


def _check(root: Root, condition: Condition, own: set[str]) -> None:
    for path in condition.paths:
        for each in _matching(root, path):
            read = None if each in own else root.read(each)
            if read is not None and not condition.met_by(read[0].decode("utf-8", "replace")):
                raise HostConflict(str(root / each), condition.problem)


def _matching(root: Root, path: str) -> Iterator[str]:
    folder, _, name = path.rpartition("/")
    if "*" not in name:
        yield path
    elif not root.missing(f"{folder}/x"):
        try:
            names = sorted(each.name for each in (root / folder).iterdir())
        except OSError as error:
            raise FileError(str(root / folder), files.told(error)) from None
        yield from (f"{folder}/{each}" for each in names if fnmatch.fnmatchcase(each, name))


def _receipt(plan: TrustPlan, log: Journal, found: list[_Prepared]) -> Receipt:
    made = [change for each in found if (change := each.change)]
    changed = {change.path for change in made}
    relies = tuple(each.path for each in found if each.path not in changed)
    folders = list(log.made)
    for each in found:
        folders += (folder for folder in each.folders if folder not in folders)
    # What is remarked on depends on the day; it is the same plan.
    told = json.dumps(attrs.evolve(plan, remarks=()).as_dict(), sort_keys=True)
    return Receipt(
        0,
        log.root.path,
        f"trust {plan.address} in {plan.runtime}",
        digest(told.encode()),
        tuple(made),
        relies,
        tuple(folders) if made else (),
        tuple(
            command.line
            for command in plan.commands
            if made and (not command.after or changed.intersection(command.after))
        ),
    )
