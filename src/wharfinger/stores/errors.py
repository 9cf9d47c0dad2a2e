"""What can go wrong with a store that lasts: one error for each thing to do about it."""

from __future__ import annotations

from wharfinger.core.errors import WharfingerError

__all__ = [
    "KeyNotFound",
    "SchemaTooNew",
    "SecretTampered",
    "StoreCorrupt",
    "StoreError",
    "StoreFull",
    "StoreNotFound",
    "StoreNotWritable",
    "StoreUnavailable",
    "UnknownStore",
    "UnsafeKeyFile",
    "WrongKey",
]


class StoreError(WharfingerError):
    """The root of what goes wrong in a store. The operation changed nothing."""


class StoreUnavailable(StoreError):
    """The database can't be reached, or stayed locked: try again later.

    Args:
        message: What happened.
        uncertain: Whether the connection was lost while a change was being committed, so that it
            may or may not have been made: look before doing it again.

    Attributes:
        uncertain: As given.
    """

    uncertain: bool

    def __init__(self, message: str, uncertain: bool = False) -> None:  # noqa: FBT001, FBT002
        super().__init__(message, uncertain)
        self.uncertain = uncertain

    def __str__(self) -> str:
        return str(self.args[0])


class StoreFull(StoreError):
    """There is no room left on the disk: make some, and do it again."""


class StoreNotFound(StoreError, LookupError):
    """There is no store at a URL, or its file is gone: look at the URL, or bring the file back."""


class StoreNotWritable(StoreError, PermissionError):
    """The database may not be written to: mend the rights of the file, its folder or the role."""


class StoreCorrupt(StoreError):
    """The file is no database, or a damaged one: bring back a copy."""


class SchemaTooNew(StoreError):
    """A newer version of the library has migrated the database: upgrade this one."""


class UnknownStore(StoreError, LookupError):
    """No store is known for a URL's scheme."""


class KeyNotFound(StoreError, LookupError):
    """A secret was sealed with a key that is not among those given.

    Args:
        key_id: The id of the missing key; empty where the secret is not sealed at all.
        message: What to do.

    Attributes:
        key_id: As given.
    """

    key_id: str

    def __init__(self, key_id: str, message: str) -> None:
        super().__init__(key_id, message)
        self.key_id = key_id

    def __str__(self) -> str:
        return str(self.args[1])


class WrongKey(StoreError):
    """None of the keys given has ever sealed a secret in this store."""


class SecretTampered(StoreError):
    """A sealed secret does not belong where it stands: altered, or copied from another registry."""


class UnsafeKeyFile(StoreError, PermissionError):
    """Others can read the key file: ``chmod 600`` it, and think of the keys as known."""
