"""Credentials that expire: where new ones come from, and the updater that renews them in time.

Nothing here is imported before it is used, and what needs a package that is not installed says how
to install it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from wharfinger._lazy import attribute
from wharfinger.sources.source import CredentialSource, Issued, SourceError

if TYPE_CHECKING:
    from wharfinger.sources.ecr import AWSIdentity, ECRSource
    from wharfinger.sources.google import GoogleSource
    from wharfinger.sources.helper import HelperEntry, HelperSource, Imported
    from wharfinger.sources.retries import retrying
    from wharfinger.sources.status import Status, TokenStatus
    from wharfinger.sources.updater import Updater

__all__ = [
    "AWSIdentity",
    "CredentialSource",
    "ECRSource",
    "GoogleSource",
    "HelperEntry",
    "HelperSource",
    "Imported",
    "Issued",
    "SourceError",
    "Status",
    "TokenStatus",
    "Updater",
    "retrying",
]

_HOMES = {
    "AWSIdentity": "ecr",
    "ECRSource": "ecr",
    "GoogleSource": "google",
    "HelperEntry": "helper",
    "HelperSource": "helper",
    "Imported": "helper",
    "Status": "status",
    "TokenStatus": "status",
    "Updater": "updater",
    "retrying": "retries",
}


def __getattr__(name: str) -> object:
    return attribute(__name__, _HOMES, name)


def __dir__() -> list[str]:
    return sorted(__all__)
