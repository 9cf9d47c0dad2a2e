"""Which store a command uses, and with which keys."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from wharfinger import MalformedInput, WharfingerError
from wharfinger.programs._terminal import line

if TYPE_CHECKING:
    import argparse

    from wharfinger import CredentialStore
    from wharfinger.stores.unsealed import Seal

__all__ = [
    "ENVIRONMENT_VARIABLE",
    "KEY_FILE_VARIABLE",
    "STORE_VARIABLE",
    "UNSEALED_VARIABLE",
    "add_store_options",
    "chosen_environment",
    "chosen_url",
    "open_chosen",
    "told",
]

STORE_VARIABLE: Final = "WHARFINGER_STORE"
ENVIRONMENT_VARIABLE: Final = "WHARFINGER_ENVIRONMENT"
KEY_FILE_VARIABLE: Final = "WHARFINGER_KEY_FILE"
UNSEALED_VARIABLE: Final = "WHARFINGER_UNSEALED"
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
        help=f"the keys that secrets are sealed with; if left out, {KEY_FILE_VARIABLE} names it, "
        f"or {_KEYS_VARIABLE} has them",
    )
    keys.add_argument(
        "--unsealed",
        action="store_true",
        help=f"the store keeps secrets in plain text; {UNSEALED_VARIABLE}=1 says the same",
    )


def chosen_url(url: str | None) -> str:
    """Return the URL of the store that is meant.

    Args:
        url: What the option says; None for what the environment variable does.

    Returns:
        The URL.

    Raises:
        ValueError: When there is none.
    """
    if url is None:
        url = os.environ.get(STORE_VARIABLE)
    if not url:
        msg = f"which store? give its URL with --store, or in {STORE_VARIABLE}"
        raise ValueError(msg)
    return url


def chosen_environment(name: str | None) -> str:
    """Return the name of the environment that is meant, for a command that can't do without one.

    Args:
        name: What the option says; None for what the environment variable does.

    Returns:
        The name.

    Raises:
        ValueError: When there is none.
    """
    if name is None:  # one that is empty by mistake must not mean another environment
        name = os.environ.get(ENVIRONMENT_VARIABLE)
    if not name:
        msg = f"which environment? give its name with --environment, or in {ENVIRONMENT_VARIABLE}"
        raise ValueError(msg)
    return name


def open_chosen(
    url: str | None, key_file: str | None, *, unsealed: bool, create: bool = False
) -> CredentialStore:
    """Open the store that the options name, or the environment variables where they do not.

    Args:
        url: The store's URL; None for the one that the environment variable names.
        key_file: The file of its keys; None for what the environment variables say.
        unsealed: Whether it has no keys.
        create: Whether to make a store where there is none.

    Returns:
        The store.

    Raises:
        WharfingerError: When it can't be opened.
        ValueError: When there is no URL, or there are no keys, or more than one variable has some.
        OSError: When the key file can't be read.
    """
    import logging

    url = chosen_url(url)
    from wharfinger.stores import open_store

    # A store that is busy is tried again, and its name alone would be a line of standard error.
    logging.getLogger("stamina").addHandler(logging.NullHandler())
    return open_store(url, seal=_seal(key_file, unsealed=unsealed), create=create)


def _seal(key_file: str | None, *, unsealed: bool) -> Seal:
    given = []
    if key_file is None and not unsealed:
        known = (KEY_FILE_VARIABLE, _KEYS_VARIABLE, UNSEALED_VARIABLE)
        given = [variable for variable in known if os.environ.get(variable)]
        if len(given) > 1:
            msg = f"with which keys? {' and '.join(given)} are set; leave one"
            raise ValueError(msg)
        key_file = os.environ.get(KEY_FILE_VARIABLE) or None
        unsealed = os.environ.get(UNSEALED_VARIABLE) == "1"
    if unsealed:
        from wharfinger.stores import UNSEALED

        return UNSEALED
    if key_file is None and given != [_KEYS_VARIABLE]:
        msg = f"with which keys? give --key-file FILE, {KEY_FILE_VARIABLE} or --unsealed"
        raise ValueError(msg)
    from wharfinger.stores import SealingKeys

    if key_file is not None:
        return SealingKeys.from_file(key_file)
    return SealingKeys.from_environment(_KEYS_VARIABLE)


def told(error: Exception) -> str:
    """Tell an error in one line.

    Args:
        error: What was raised; another's store may raise anything, with anything in its message.

    Returns:
        The line.
    """
    if not isinstance(error, WharfingerError | OSError | ValueError):
        return f"the store failed: {type(error).__name__}"
    if isinstance(error, MalformedInput):
        text = f"{error.text[:80]}: " if error.text else ""
        repair = "" if error.repair is None else f"; write {error.repair}"
        return line(f"{text}{error.problem}{repair}")
    if isinstance(error, OSError) and error.strerror:
        return line(f"{error.filename}: {error.strerror}" if error.filename else error.strerror)
    return line(str(error))
