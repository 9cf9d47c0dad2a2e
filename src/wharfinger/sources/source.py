"""What makes credentials that expire: the protocol, and what it hands out."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol, runtime_checkable

import attrs

from wharfinger.core.address import RegistryAddress
from wharfinger.core.credential import Credential
from wharfinger.core.errors import WharfingerError

__all__ = ["CredentialSource", "Issued", "SourceError"]


def _shown(credential: object) -> str:
    """A credential hides its secret; what a source hands out by mistake may be one."""
    return repr(credential) if isinstance(credential, Credential) else type(credential).__name__


@attrs.frozen
class Issued:
    """A credential that a source has made.

    Args:
        credential: The credential, with its secret.
        expires_at: When it ends, in UTC; None where it does not, or nobody can know.
    """

    credential: Credential = attrs.field(repr=_shown)
    expires_at: datetime | None


@runtime_checkable
class CredentialSource(Protocol):
    """Makes credentials for some registries (R21). Threads may share it."""

    def token(self, address: RegistryAddress) -> str | None:
        """Say which token a registry's credential is: registries of one token share it.

        It does no I/O, so that it can be asked for every registry of a store.

        Args:
            address: A registry's address, matched whole (R3).

        Returns:
            The token's name, ``ecr 123456789012 us-east-1`` for one, which is shown in logs and
            status; None where the source can't serve the registry.
        """
        ...

    def issue(self, address: RegistryAddress) -> Issued:
        """Make a credential for a registry, and so for all of the same token.

        Args:
            address: The address of a registry that :meth:`token` names a token for.

        Returns:
            The credential, and when it ends.

        Raises:
            SourceError: When it can't; what to do stands in the message, and never a secret.
        """
        ...


def is_source(value: object) -> bool:
    """Whether a value has a source's methods; a class of sources is none itself."""
    return not isinstance(value, type) and isinstance(value, CredentialSource)


class SourceError(WharfingerError):
    """A source made no credential.

    Args:
        message: What happened and what to do, without anything the other side said that may hold a
            secret.
        passing: Whether it may be over in a moment, so that trying again is worth it.

    Attributes:
        passing: As given.

    Example:
        >>> print(SourceError("the helper was not found: install docker-credential-pass"))
        the helper was not found: install docker-credential-pass
    """

    # A class of somebody's own may not call this __init__.
    passing: bool = False

    def __init__(self, message: str, *, passing: bool = False) -> None:
        super().__init__(message, passing)
        self.passing = passing

    def __str__(self) -> str:
        return str(self.args[0]) if self.args else type(self).__name__

    def __reduce__(self) -> tuple[object, ...]:
        return _source_error, (str(self), self.passing)


def _source_error(message: str, passing: bool) -> SourceError:  # noqa: FBT001  # as it was pickled
    return SourceError(message, passing=passing)
