"""Stores with one fault each, and the conformance test that has to notice it.

A fault is one method of a store gone wrong: a function of the store, of the method as it should be,
and of the method's arguments. The rest is :class:`~wharfinger.MemoryStore`.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from wharfinger import MemoryStore, Settings

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Faulty", "SharedStore", "fault"]


class Faulty(NamedTuple):
    """A store with a fault, and the name of the test that notices."""

    store: type[MemoryStore]
    noticed_by: str


class SharedStore(MemoryStore):
    """A store that can be opened twice. It has no fault."""

    def __init__(self, data: MemoryStore | None = None) -> None:
        super().__init__()
        self.data = data or self
        self._tenants, self._lock = self.data._tenants, self.data._lock

    def settings(self) -> Settings:
        return self.data._settings

    def save_settings(self, settings: Settings) -> None:
        MemoryStore.save_settings(self.data, settings)


def fault(
    method: str, noticed_by: str, base: type[MemoryStore] = MemoryStore
) -> Callable[[Callable[..., object]], Faulty]:
    """Make of a function the store whose method it is."""
    real = getattr(base, method)

    def made(wrong: Callable[..., object]) -> Faulty:
        def faulty(self: MemoryStore, *args: object, **kwargs: object) -> object:
            return wrong(self, partial(real, self), *args, **kwargs)

        return Faulty(type(wrong.__name__, (base,), {method: faulty}), noticed_by)

    return made
