"""Secrets as they are stored, and the one way to store them in plain text.

The first byte of a stored secret tells its form: ``0x00`` is plain text in UTF-8, ``0x01`` is a
sealed one (:mod:`wharfinger.stores.sealing`), and nothing else is a secret.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Final, Protocol, final, runtime_checkable

from wharfinger.core.credential import Secret
from wharfinger.stores.errors import KeyNotFound, SecretTampered

__all__ = [
    "ID_BYTES",
    "PLAIN",
    "SEALED",
    "UNSEALED",
    "Seal",
    "Unsealed",
    "check_seal",
    "key_id_of",
    "tampered",
]

PLAIN: Final = b"\x00"
SEALED: Final = b"\x01"
ID_BYTES: Final = 8


@runtime_checkable
class Seal(Protocol):
    """What secrets are sealed with: :class:`SealingKeys`, or :data:`UNSEALED`."""

    @property
    def ids(self) -> tuple[str, ...]:
        """The ids of the keys, in hexadecimal, the one that seals first."""
        ...

    def seal(self, secret: Secret, bound: str) -> bytes:
        """Seal a secret.

        Args:
            secret: The secret.
            bound: What it belongs to; it opens with the same text only.

        Returns:
            The stored form.
        """
        ...

    def unseal(self, sealed: bytes, bound: str) -> Secret:
        """Open a stored secret.

        Args:
            sealed: What :meth:`seal` returned.
            bound: What it belongs to.

        Returns:
            The secret.

        Raises:
            KeyNotFound: When it was sealed with another key, or not at all.
            SecretTampered: When it was altered, or sealed for something else.
        """
        ...


@final
class Unsealed:
    """Secrets in plain text. :data:`UNSEALED` is the only one."""

    __slots__ = ()

    @property
    def ids(self) -> tuple[str, ...]:
        """No ids."""
        return ()

    def seal(self, secret: Secret, bound: str) -> bytes:  # noqa: ARG002
        """Return the text as it is stored.

        Args:
            secret: The secret.
            bound: Not used.

        Returns:
            The stored form.
        """
        return PLAIN + secret.reveal().encode()

    def unseal(self, sealed: bytes, bound: str) -> Secret:
        """Read the stored form.

        Args:
            sealed: What :meth:`seal` returned.
            bound: What it belongs to, for the error.

        Returns:
            The secret.

        Raises:
            KeyNotFound: When it is sealed.
            SecretTampered: When it is no stored secret.
        """
        if sealed[:1] == SEALED:
            key_id = key_id_of(sealed)
            msg = f"the secret was sealed with key {key_id}, and no key is given; give it"
            raise KeyNotFound(key_id, msg)
        if sealed[:1] == PLAIN:
            with suppress(UnicodeDecodeError):
                return Secret(sealed[1:].decode())
        del sealed  # most of somebody's password
        raise tampered(bound)

    def __repr__(self) -> str:
        return "UNSEALED"


UNSEALED: Final = Unsealed()
"""Says that secrets are to be stored in plain text: for tests, and for disks that are sealed."""


def key_id_of(sealed: bytes) -> str:
    """Return the id of the key that sealed a secret.

    Args:
        sealed: The stored form.

    Returns:
        The id in hexadecimal; empty where it is not sealed.
    """
    return sealed[1 : 1 + ID_BYTES].hex() if sealed[:1] == SEALED else ""


def tampered(bound: str) -> SecretTampered:
    """Make the error for a secret that does not belong where it stands.

    Args:
        bound: Where it stands.

    Returns:
        The error.
    """
    return SecretTampered(
        f"the secret of {bound} does not open: altered, or copied from elsewhere; update the "
        "registry with its credential, or bring back a copy"
    )


def check_seal(seal: object) -> None:
    """Refuse what secrets can't be sealed with.

    Args:
        seal: What a store was given.

    Raises:
        TypeError: When it is neither keys nor :data:`UNSEALED`.
    """
    if not isinstance(seal, Seal):
        msg = f"seal is SealingKeys or UNSEALED, not {type(seal).__name__}"
        raise TypeError(msg)
