"""Registries: what was added to an environment."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from wharfinger.core.address import RegistryAddress
from wharfinger.core.errors import InvalidAddress

__all__ = ["Registry", "RegistryState"]


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
            except InvalidAddress as error:
                address = error.text
                raise
        object.__setattr__(self, "environment", environment)
        object.__setattr__(self, "sequence", sequence)
        object.__setattr__(self, "address", address)
        object.__setattr__(self, "username", username)
        object.__setattr__(self, "state", RegistryState(state))
        object.__setattr__(self, "added_by", added_by)

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
