"""Which store a command uses, and with which keys."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from wharfinger import MalformedInput
from wharfinger.programs._terminal import line

if TYPE_CHECKING:
    import argparse

    from wharfinger import CredentialStore

__all__ = ["STORE_VARIABLE", "add_store_options", "open_chosen", "told"]

STORE_VARIABLE: Final = "WHARFINGER_STORE"
_KEYS_VARIABLE: Final = "WHARFINGER_SEALING_KEYS"


def add_store_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that name a store and its keys.

    Args:
        parser: Where they go.
    """
    add = parser.add_argument
    add("--store", metavar="URL", help=f"the store; if left out, {STORE_VARIABLE} names it")
    add("--environment", metavar="NAME", help="the environment")
    keys = parser.add_mutually_exclusive_group()
    keys.add_argument(
        "--key-file",
        metavar="FILE",
        help=f"the keys that secrets are sealed with; if left out, {_KEYS_VARIABLE} has them",
    )
    keys.add_argument(
        "--unsealed", action="store_true", help="the store keeps secrets in plain text"
    )


def open_chosen(
    url: str | None, key_file: str | None, *, unsealed: bool, create: bool = False
) -> CredentialStore:
    """Open the store that the options name.

    Args:
        url: The store's URL; None for the one that the environment variable names.
        key_file: The file of its keys; None for those in the environment variable.
        unsealed: Whether it has no keys.
        create: Whether to make a store where there is none.

    Returns:
        The store.

    Raises:
        WharfingerError: When it can't be opened.
        ValueError: When there is no URL, or there are no keys.
        OSError: When the key file can't be read.
    """
    url = url or os.environ.get(STORE_VARIABLE)
    if not url:
        msg = f"which store? give its URL with --store, or in {STORE_VARIABLE}"
        raise ValueError(msg)
    from wharfinger.stores import UNSEALED, open_store

    if unsealed:
        return open_store(url, seal=UNSEALED, create=create)
    from wharfinger.stores import SealingKeys

    if key_file is not None:
        return open_store(url, seal=SealingKeys.from_file(key_file), create=create)
    if not os.environ.get(_KEYS_VARIABLE):
        msg = f"with which keys? give --key-file FILE, {_KEYS_VARIABLE} or --unsealed"
        raise ValueError(msg)
    return open_store(url, seal=SealingKeys.from_environment(_KEYS_VARIABLE), create=create)


def told(error: Exception) -> str:
    """Tell an error in one line.

    Args:
        error: What was raised.

    Returns:
        The line.
    """
    if isinstance(error, MalformedInput):
        repair = "" if error.repair is None else f"; write {error.repair}"
        return line(f"{error.text[:80]}: {error.problem}{repair}")
    if isinstance(error, OSError) and error.strerror:
        return line(f"{error.filename}: {error.strerror}" if error.filename else error.strerror)
    return line(str(error))
