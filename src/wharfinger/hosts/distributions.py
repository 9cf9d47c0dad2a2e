"""Where a distribution keeps the CAs that its programs trust."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Final

__all__ = ["ANCHORS", "Distribution"]


class Distribution(StrEnum):
    """Whose way of keeping the system's bundle of CAs it is."""

    DEBIAN = "debian"
    FEDORA = "fedora"
    SUSE = "suse"
    ARCH = "arch"

    @classmethod
    def of(cls, os_release: str) -> Distribution | None:
        r"""Tell the distribution of a system.

        Args:
            os_release: Its ``/etc/os-release``.

        Returns:
            The one it is, or is like; None where it is like none of them.

        Example:
            >>> Distribution.of('ID=rocky\nID_LIKE="rhel centos fedora"\n').value
            'fedora'
        """
        found = re.findall(r"""^(?:ID|ID_LIKE)=["']?([a-z0-9 ._-]*)""", os_release, re.MULTILINE)
        return next(
            (_FAMILIES[name] for name in " ".join(found).split() if name in _FAMILIES), None
        )


_FAMILIES: Final = {
    **dict.fromkeys(("debian", "ubuntu", "alpine"), Distribution.DEBIAN),
    **dict.fromkeys(("fedora", "rhel", "centos"), Distribution.FEDORA),
    **dict.fromkeys(("suse", "opensuse", "sles"), Distribution.SUSE),
    "arch": Distribution.ARCH,
}
# Where anchors are kept, and what makes the bundle of them.
ANCHORS: Final = {
    Distribution.DEBIAN: ("/usr/local/share/ca-certificates", "update-ca-certificates --fresh"),
    Distribution.FEDORA: ("/etc/pki/ca-trust/source/anchors", "update-ca-trust extract"),
    Distribution.SUSE: ("/etc/pki/trust/anchors", "update-ca-certificates"),
    Distribution.ARCH: ("/etc/ca-certificates/trust-source/anchors", "update-ca-trust extract"),
}
