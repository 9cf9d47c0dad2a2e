"""Finding a store by its URL."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from wharfinger.core.errors import nearest
from wharfinger.core.memory import MemoryStore
from wharfinger.stores.errors import UnknownStore

if TYPE_CHECKING:
    from wharfinger.core.store import CredentialStore
    from wharfinger.stores.unsealed import Seal

__all__ = ["open_store"]

GROUP: Final = "wharfinger.stores"
_SQL: Final = ("sqlite", "postgresql")
_MEMORY: Final = "memory"


def open_store(url: str, *, seal: Seal, create: bool = True) -> CredentialStore:
    """Open the store that a URL names.

    ``memory:`` is a new :class:`wharfinger.MemoryStore`; ``sqlite:`` and ``postgresql:`` are an
    :class:`SQLStore`. Any other scheme is looked up in the entry-point group ``wharfinger.stores``,
    whose entries are callables of ``url`` and ``seal``; packages that are not asked for are not
    imported.

    Args:
        url: The URL.
        seal: The keys that secrets are sealed with, or :data:`wharfinger.stores.UNSEALED`.
        create: Whether a SQL database in which there is no store is made one; stores of other
            schemes are not told.

    Returns:
        The store.

    Raises:
        StoreNotFound: When there is no store, and none is to be made.
        UnknownStore: When nobody knows the scheme.
        StoreError: When the store can't be opened.
    """
    scheme = url.partition(":")[0].partition("+")[0]
    if scheme == _MEMORY:
        return MemoryStore()
    if scheme in _SQL:
        from wharfinger.stores import SQLStore

        try:
            return SQLStore.open(url, seal=seal, create=create)
        finally:
            del url  # it may hold a password, which must not stay in this frame
    from importlib.metadata import entry_points

    found = entry_points(group=GROUP)
    for entry in found:
        if entry.name == scheme:
            store: CredentialStore = entry.load()(url, seal=seal)
            return store
    known = sorted({_MEMORY, *_SQL, *(entry.name for entry in found)})
    near = nearest(scheme, known)
    hint = "" if near is None else f"; did you mean {near}"
    msg = f"no store is known for {scheme[:40]!r}; there are {', '.join(known)}{hint}"
    raise UnknownStore(msg)
