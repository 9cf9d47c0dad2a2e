"""What a host keeps in its files: whom it trusts, planned, applied and undone.

``plan`` is a pure function; ``apply`` and ``undo`` change files, and nothing here runs a command.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from wharfinger._lazy import attribute
from wharfinger.hosts.files import FileError, update, write

if TYPE_CHECKING:
    from wharfinger.hosts.applying import apply, receipts, undo
    from wharfinger.hosts.distributions import Distribution
    from wharfinger.hosts.errors import (
        CertificateRefused,
        HostChanged,
        HostConflict,
        ReceiptNotFound,
        TrustRefused,
    )
    from wharfinger.hosts.merges import Document
    from wharfinger.hosts.planning import plan
    from wharfinger.hosts.receipt import Change, Receipt
    from wharfinger.hosts.steps import Command, Condition, Merge, Write
    from wharfinger.hosts.trustplan import Runtime, TrustPlan

__all__ = [
    "CertificateRefused",
    "Change",
    "Command",
    "Condition",
    "Distribution",
    "Document",
    "FileError",
    "HostChanged",
    "HostConflict",
    "Merge",
    "Receipt",
    "ReceiptNotFound",
    "Runtime",
    "TrustPlan",
    "TrustRefused",
    "Write",
    "apply",
    "plan",
    "receipts",
    "undo",
    "update",
    "write",
]

_HOMES = {
    "CertificateRefused": "errors",
    "Change": "receipt",
    "Command": "steps",
    "Condition": "steps",
    "Distribution": "distributions",
    "Document": "merges",
    "HostChanged": "errors",
    "HostConflict": "errors",
    "Merge": "steps",
    "Receipt": "receipt",
    "ReceiptNotFound": "errors",
    "Runtime": "trustplan",
    "TrustPlan": "trustplan",
    "TrustRefused": "errors",
    "Write": "steps",
    "apply": "applying",
    "plan": "planning",
    "receipts": "applying",
    "undo": "applying",
}


def __getattr__(name: str) -> object:
    return attribute(__name__, _HOMES, name)


def __dir__() -> list[str]:
    return sorted(__all__)
