"""What can go wrong with telling a host whom to trust.

Whatever is raised, nothing was changed; but an undoing that is stopped halfway by a disk goes on as
soon as somebody comes next.
"""

from __future__ import annotations

from typing_extensions import override

from wharfinger.core.errors import WharfingerError
from wharfinger.hosts.files import FileError

__all__ = [
    "CertificateRefused",
    "FileError",
    "HostChanged",
    "HostConflict",
    "ReceiptNotFound",
    "TrustRefused",
]


class TrustRefused(WharfingerError, ValueError):
    """A host can't be told to trust this registry so.

    Its codes are ``insecure-or-ca``, ``insecure-system``, ``docker-hub``, ``no-runtime`` and
    ``no-distribution``, and those of :exc:`CertificateRefused`.

    Args:
        code: Why, as a short stable word such as ``"docker-hub"``.
        problem: Why, as a clause for people.
        repair: What to do instead.

    Attributes:
        code: As given.
        problem: As given.
        repair: As given.

    Example:
        >>> print(TrustRefused("docker-hub", "everybody trusts Docker Hub", "leave it"))
        everybody trusts Docker Hub; leave it
    """

    code: str
    problem: str
    repair: str

    def __init__(self, code: str, problem: str, repair: str) -> None:
        super().__init__(code, problem, repair)
        self.code = code
        self.problem = problem
        self.repair = repair

    @override
    def __str__(self) -> str:
        return f"{self.problem}; {self.repair}"


class CertificateRefused(TrustRefused):
    """What was given as a CA is none to trust this registry by.

    Its codes are ``no-certificate``, ``not-pem``, ``not-a-certificate``, ``private-key``,
    ``malformed``, ``expired``, ``other-host`` and ``several-certificates``. It never quotes what
    was given.
    """


class HostConflict(FileError):
    """What a file says contradicts the plan, or can't be read well enough to add to it."""


class HostChanged(FileError):
    """A file is no longer what was left there, so what it was before can't be put back."""


class ReceiptNotFound(WharfingerError, LookupError):
    """Nothing of what a receipt tells is there to undo: it was undone, or is another host's."""
