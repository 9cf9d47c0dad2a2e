"""The store in memory keeps the protocols, under any sequence of changes (R5 to R19, R22)."""

from __future__ import annotations

from wharfinger import Credential, MemoryStore
from wharfinger.testing.conformance import StoreConformance


class TestMemoryStore(StoreConformance):
    """It hands out the very credentials it was given."""

    def open_store(self) -> MemoryStore:
        return MemoryStore()

    def same(self, found: object, expected: Credential) -> bool:
        return found is expected
