"""Registries: what was added to an environment."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from wharfinger.core.address import RegistryAddress
from wharfinger.core.credential import check_username
from wharfinger.core.errors import InvalidAddress, InvalidEnvironment, member, plain

__all__ = ["Registry", "RegistryState"]

MAX_SEQUENCE: Final = 2**63 - 1  # what databases count to
_MAX_NAME: Final = 255


class RegistryState(StrEnum):
    """Whether a registry may be pulled from (R7).

    There is no third state: *overridden* is not stored, it follows from what was added later (R6).
    """

    ACTIVE = "active"
    INACTIVE = "inactive"

    def __repr__(self) -> str:
        return f"RegistryState.{self.name}"


@dataclass(frozen=True, slots=True, kw_only=True, init=False)
class Registry:
    """One added registry. Its secret is not here: only a credential store has it.

    Args:
        environment: The name of the environment it was added to.
        sequence: Its place in the order of adding, counted from 1 (R5).
        address: Its address; text is read as one.
        username: The username of its credential.
        state: Whether it is active.
        added_by: Who added it, if the application says.

    Raises:
        InvalidAddress: When the address is none.
        InvalidCredential: When the username is empty or cannot be sent (R9).
        InvalidEnvironment: When the name, the sequence or the state is none.

    Example:
        >>> registry = Registry(environment="ci", sequence=1, address="Quay.io:443", username="bot")
        >>> registry.id, str(registry.address), registry.state
        ('ci/1', 'quay.io', RegistryState.ACTIVE)
    """

    environment: str
    sequence: int
    address: RegistryAddress
    username: str
    state: RegistryState = RegistryState.ACTIVE
    added_by: str | None = None

    def __init__(
        self,
        *,
        environment: str,
        sequence: int,
        address: RegistryAddress | str,
        username: str,
        state: RegistryState = RegistryState.ACTIVE,
        added_by: str | None = None,
    ) -> None:
        if not isinstance(address, RegistryAddress):
            try:
                address = RegistryAddress.parse(address)
            except (InvalidAddress, TypeError):
                del address  # user information must not stay in this frame
                raise
        check_number(sequence)
        known = member(RegistryState, state)
        if known is None:
            msg = f"a state is one of {', '.join(RegistryState)}, not {str(state)[:40]!a}"
            raise InvalidEnvironment(msg)
        if not isinstance(added_by, str | None):
            msg = f"added_by is a str, not {type(added_by).__name__}"
            raise TypeError(msg)
        object.__setattr__(self, "environment", check_name(environment))
        object.__setattr__(self, "sequence", sequence)
        object.__setattr__(self, "address", address)
        object.__setattr__(self, "username", check_username(username))
        object.__setattr__(self, "state", known)
        object.__setattr__(self, "added_by", plain(added_by))

    @property
    def id(self) -> str:
        """The id, ``<environment>/<sequence>``: the same in every store (R5).

        Example:
            >>> Registry(environment="ci", sequence=7, address="quay.io", username="bot").id
            'ci/7'
        """
        return f"{self.environment}/{self.sequence}"

    @property
    def is_active(self) -> bool:
        """Whether it may be pulled from (R7)."""
        return self.state is RegistryState.ACTIVE


def check_number(number: int) -> None:
    """Refuse what is no place in the order of adding (R5).

    Args:
        number: A sequence, or a count of additions.

    Raises:
        InvalidEnvironment: When it is no whole number from 1 to 2**63 - 1.
    """
    if type(number) is not int or not 1 <= number <= MAX_SEQUENCE:
        msg = f"additions are counted from 1, to {MAX_SEQUENCE} at most"
        raise InvalidEnvironment(msg)


def check_name(name: str) -> str:
    """Refuse what is no environment's name.

    Args:
        name: The name.

    Returns:
        The name, as a plain str.

    Raises:
        InvalidEnvironment: When it is empty, longer than 255 characters, has a blank at an end or
            a character that can't be printed.
    """
    if not isinstance(name, str):
        msg = f"an environment's name is a str, not {type(name).__name__}"
        raise TypeError(msg)
    if not name:
        msg = "an environment's name is not empty"
        raise InvalidEnvironment(msg)
    if len(name) > _MAX_NAME:
        msg = f"an environment's name has at most {_MAX_NAME} characters, and this has {len(name)}"
        raise InvalidEnvironment(msg)
    if name != name.strip() or not name.isprintable():
        msg = f"an environment's name is printable, without blanks around it: {name!a}"
        raise InvalidEnvironment(msg)
    return str.__str__(name)
