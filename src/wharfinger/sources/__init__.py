"""Credentials that expire: where new ones come from, and the updater that renews them in time.

Nothing here is imported before it is used, and what needs a package that is not installed says how
to install it.
"""

from __future__ import annotations

from wharfinger.sources.source import CredentialSource, Issued, SourceError

__all__ = ["CredentialSource", "Issued", "SourceError"]
