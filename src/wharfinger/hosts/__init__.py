"""What a host keeps in its files."""

from __future__ import annotations

from wharfinger.hosts.files import FileError, update, write

__all__ = ["FileError", "update", "write"]
