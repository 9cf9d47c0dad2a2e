"""Finding a store by its URL."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from wharfinger.core.errors import nearest
from wharfinger.core.memory import MemoryStore
from wharfinger.core.store import CredentialStore
from wharfinger.stores.errors import StoreError, UnknownStore
from wharfinger.stores.unsealed import check_seal

if TYPE_CHECKING:
    from collections.abc import Callable

    from wharfinger.stores.unsealed import Seal

__all__ = ["open_store"]

GROUP: Final = "wharfinger.stores"
_SQL: Final = ("sqlite", "postgresql")
_MEMORY: Final = "memory"
# RFC 3986, section 3.1; what follows a plus is the driver's name.
_SCHEME: Final = re.compile(r"([A-Za-z][A-Za-z0-9.-]*)(?:\+[A-Za-z0-9+.-]*)?:")


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
        StoreError: When the store can't be opened, or what is registered for the scheme opens none.
        TypeError: When ``url`` is no str, or ``seal`` something else.
    """
    check_seal(seal)
    if not isinstance(url, str):
        msg = f"a store's URL is a str, not {type(url).__name__}"
        raise TypeError(msg)
    try:
        found = _SCHEME.match(url)
        scheme = "" if found is None else found[1]
        del found
        if scheme == _MEMORY:
            return MemoryStore()
        if scheme in _SQL:
            from wharfinger.stores import SQLStore

            return SQLStore.open(url, seal=seal, create=create)
        store = _third_party(scheme)(url, seal=seal)
    finally:
        del url  # it may hold a password, which must not stay in this frame
    if not isinstance(store, CredentialStore):
        msg = f"what opens {scheme}: returned a {type(store).__name__}, which is no CredentialStore"
        raise StoreError(msg)
    return store


def _third_party(scheme: str) -> Callable[..., object]:
    """What a package has registered for a scheme."""
    from importlib.metadata import entry_points

    found = entry_points(group=GROUP)
    for entry in found:
        if entry.name == scheme:
            try:
                opener: Callable[..., object] = entry.load()
            except Exception as error:
                msg = f"what opens {scheme}: can't be loaded, {entry.value}; mend or remove it"
                raise StoreError(msg) from error
            return opener
    known = sorted({_MEMORY, *_SQL, *(entry.name for entry in found)})
    near = nearest(scheme.casefold(), known)
    hint = "" if near is None else f"; did you mean {near}"
    # Without a scheme it may be anything, a password too.
    wanted = f"no store is known for {scheme[:40]!r}" if scheme else "a URL begins with a scheme"
    msg = f"{wanted}; there are {', '.join(known)}{hint}"
    raise UnknownStore(msg)
