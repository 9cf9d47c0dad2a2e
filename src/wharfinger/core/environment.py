"""Environments: a tenant's registries in the order they were added, and which one is in force."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, field, replace
from enum import StrEnum
from operator import attrgetter
from typing import TYPE_CHECKING

from wharfinger.core.address import RegistryAddress
from wharfinger.core.credential import check_username
from wharfinger.core.errors import (
    InvalidAddress,
    InvalidEnvironment,
    RegistryNotFound,
    member,
    nearest,
)
from wharfinger.core.registry import (
    MAX_SEQUENCE,
    Registry,
    RegistryState,
    check_name,
    check_number,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["Environment", "Orchestration"]


class Orchestration(StrEnum):
    """What launches the containers; it decides how credentials are delivered (R18)."""

    CATTLE = "cattle"
    KUBERNETES = "kubernetes"

    def __repr__(self) -> str:
        return f"Orchestration.{self.name}"


@dataclass(frozen=True, slots=True, init=False, repr=False)
class Environment:
    """A tenant: a name, an orchestration, and its registries in the order they were added.

    It holds no secret, and it is a value: every change returns a new one. It is the pure twin of a
    credential store; the same changes make the same environment in both.

    Args:
        name: 1 to 255 printable characters, no blank at either end.
        orchestration: What launches the containers.
        registries: The registries of this environment, by ascending sequence.
        additions: How many were ever added (R5); the last sequence where None.

    Attributes:
        name: As given.
        orchestration: As given.
        registries: As a tuple, in the order they were added.
        additions: The count of all additions; it survives removal, and no number is used again.

    Raises:
        InvalidEnvironment: When the name is malformed, or a registry is not this environment's or
            out of order.

    Example:
        >>> env = Environment("staging").added("quay.io", username="ci")
        >>> env = env.added("quay.io", username="bot")
        >>> env.in_force("quay.io").id
        'staging/2'
        >>> env.removed("staging/2").in_force("quay.io").id
        'staging/1'
        >>> env
        <Environment 'staging' (cattle): 2 registries>
    """

    name: str
    orchestration: Orchestration
    registries: tuple[Registry, ...]
    additions: int
    _in_force: dict[str, Registry] | None = field(init=False, compare=False, default=None)

    def __init__(
        self,
        name: str,
        orchestration: Orchestration = Orchestration.CATTLE,
        registries: Iterable[Registry] = (),
        additions: int | None = None,
    ) -> None:
        ordered = tuple(registries)
        name = check_name(name)
        known = member(Orchestration, orchestration)
        if known is None:
            given = str(orchestration)[:40]
            msg = f"an orchestration is one of {', '.join(Orchestration)}, not {given!a}"
            raise InvalidEnvironment(msg)
        last = 0
        for registry in ordered:
            if not isinstance(registry, Registry):
                msg = f"an environment's registries are Registry, not {type(registry).__name__}"
                raise TypeError(msg)
            if registry.environment != name:
                msg = f"registry {registry.id} is not of environment {name!r}"
                raise InvalidEnvironment(msg)
            if registry.sequence <= last:
                msg = f"registry {registry.id} does not follow {name}/{last} (R5)"
                raise InvalidEnvironment(msg)
            last = registry.sequence
        if additions:
            check_number(additions)
        if additions is not None and additions < last:
            msg = f"{additions} additions are fewer than the last registry's number, {last}"
            raise InvalidEnvironment(msg)
        object.__setattr__(self, "name", name)
        object.__setattr__(self, "orchestration", known)
        object.__setattr__(self, "registries", ordered)
        object.__setattr__(self, "additions", last if additions is None else additions)
        object.__setattr__(self, "_in_force", None)

    def in_force(self, address: RegistryAddress | str) -> Registry | None:
        """Return the registry in force for an address: of all added, the most recent (R6).

        It may be inactive; then nothing is pulled from the address (R7). The first question builds
        an index; from then on the answer costs the same however many registries there are.

        Args:
            address: The address; text is read as one.

        Returns:
            The registry, or None where nobody added the address (R10).

        Raises:
            InvalidAddress: When the text is no address.

        Example:
            >>> Environment("ci").added("quay.io", username="bot").in_force("QUAY.io:443").id
            'ci/1'
            >>> Environment("ci").in_force("quay.io") is None
            True
        """
        if not isinstance(address, RegistryAddress):
            try:
                address = RegistryAddress.parse(address)
            except (InvalidAddress, TypeError):
                del address  # user information must not stay in this frame
                raise
        return (self._in_force or self._index()).get(address._text)

    def registry(self, registry_id: str) -> Registry:
        """Return a registry by its id.

        Args:
            registry_id: The id, ``<environment>/<sequence>``.

        Returns:
            The registry.

        Raises:
            RegistryNotFound: When there is none of this id; the nearest id is named.

        Example:
            >>> Environment("ci").added("quay.io", username="bot").registry("ci/1").username
            'bot'
        """
        return self.registries[self._position(registry_id)]

    def overridden(self) -> tuple[Registry, ...]:
        """Return the registries that a more recent one of the same address overrides (R6).

        Returns:
            The registries, in the order they were added.

        Example:
            >>> env = (
            ...     Environment("ci").added("quay.io", username="a").added("quay.io", username="b")
            ... )
            >>> [registry.username for registry in env.overridden()]
            ['a']
        """
        return tuple(r for r in self.registries if self.in_force(r.address) is not r)

    def added(
        self, address: RegistryAddress | str, *, username: str, added_by: str | None = None
    ) -> Environment:
        """Return the environment with one more registry, the most recent one.

        Args:
            address: Its address; text is read as one.
            username: The username of its credential.
            added_by: Who adds it, if the application says.

        Returns:
            The new environment.

        Raises:
            InvalidAddress: When the text is no address.
            InvalidCredential: When the username is empty or cannot be sent (R9).

        Example:
            >>> Environment("ci").added("quay.io", username="bot").registries[-1].id
            'ci/1'
        """
        check_username(username)
        sequence = self.additions + 1
        try:
            registry = Registry(
                environment=self.name,
                sequence=sequence,
                address=address,
                username=username,
                added_by=added_by,
            )
        except (InvalidAddress, TypeError):
            del address  # user information must not stay in this frame
            raise
        return self._with((*self.registries, registry), sequence)

    def updated(self, registry_id: str, *, username: str) -> Environment:
        """Return the environment with another credential's username on a registry (R9).

        Args:
            registry_id: Which registry; its address and its place in the order stay.
            username: The username of the new credential.

        Returns:
            The new environment.

        Raises:
            RegistryNotFound: When there is none of this id.
            InvalidCredential: When the username is empty or cannot be sent.

        Example:
            >>> env = Environment("ci").added("quay.io", username="bot")
            >>> env.updated("ci/1", username="robot").registry("ci/1").username
            'robot'
        """
        check_username(username)
        position = self._position(registry_id)
        return self._put(position, replace(self.registries[position], username=username))

    def activated(self, registry_id: str) -> Environment:
        """Return the environment with a registry active; of an active one, an equal environment.

        Args:
            registry_id: Which registry.

        Returns:
            The new environment.

        Raises:
            RegistryNotFound: When there is none of this id.

        Example:
            >>> env = Environment("ci").added("quay.io", username="bot")
            >>> env.deactivated("ci/1").activated("ci/1") == env
            True
        """
        return self._in_state(registry_id, RegistryState.ACTIVE)

    def deactivated(self, registry_id: str) -> Environment:
        """Return the environment with a registry inactive: nothing is pulled from it (R7).

        Args:
            registry_id: Which registry.

        Returns:
            The new environment.

        Raises:
            RegistryNotFound: When there is none of this id.

        Example:
            >>> env = Environment("ci").added("quay.io", username="bot").deactivated("ci/1")
            >>> env.in_force("quay.io").state
            RegistryState.INACTIVE
        """
        return self._in_state(registry_id, RegistryState.INACTIVE)

    def removed(self, registry_id: str) -> Environment:
        """Return the environment without a registry; the next most recent is in force again (R8).

        Args:
            registry_id: Which registry.

        Returns:
            The new environment; its count of additions stays (R5).

        Raises:
            RegistryNotFound: When there is none of this id.

        Example:
            >>> env = Environment("ci").added("quay.io", username="bot").removed("ci/1")
            >>> env.registries, env.additions
            ((), 1)
        """
        position = self._position(registry_id)
        kept = self.registries[:position] + self.registries[position + 1 :]
        return self._with(kept, self.additions)

    def _index(self) -> dict[str, Registry]:
        index = {registry.address._text: registry for registry in self.registries}
        object.__setattr__(self, "_in_force", index)
        return index

    def _in_state(self, registry_id: str, state: RegistryState) -> Environment:
        position = self._position(registry_id)
        return self._put(position, replace(self.registries[position], state=state))

    def _put(self, position: int, registry: Registry) -> Environment:
        before, after = self.registries[:position], self.registries[position + 1 :]
        return self._with((*before, registry, *after), self.additions)

    def _with(self, registries: tuple[Registry, ...], additions: int) -> Environment:
        """This environment with registries that are known to be its own and in order."""
        return snapshot(self.name, self.orchestration, registries, additions)

    def _position(self, registry_id: str) -> int:
        sequence = sequence_of(self.name, registry_id)
        found = bisect_left(self.registries, sequence, key=attrgetter("sequence"))
        if found < len(self.registries) and self.registries[found].sequence == sequence:
            return found
        raise RegistryNotFound(
            registry_id, self.name, nearest(registry_id, (r.id for r in self.registries))
        )

    def __repr__(self) -> str:
        count = len(self.registries)
        noun = "registry" if count == 1 else "registries"
        return f"<Environment {self.name!r} ({self.orchestration}): {count} {noun}>"

    def __reduce__(self) -> tuple[object, ...]:
        return Environment, (self.name, self.orchestration, self.registries, self.additions)


def snapshot(
    name: str, orchestration: Orchestration, registries: tuple[Registry, ...], additions: int
) -> Environment:
    """Make an environment of parts that were checked before, at no cost per registry.

    Args:
        name: Its name.
        orchestration: Its orchestration.
        registries: Its own registries, by ascending sequence.
        additions: How many were ever added.

    Returns:
        The environment.
    """
    made = object.__new__(Environment)
    object.__setattr__(made, "name", name)
    object.__setattr__(made, "orchestration", orchestration)
    object.__setattr__(made, "registries", registries)
    object.__setattr__(made, "additions", additions)
    object.__setattr__(made, "_in_force", None)
    return made


def sequence_of(name: str, registry_id: str) -> int:
    """Read the sequence in a registry's id.

    Args:
        name: The environment's name.
        registry_id: The id, ``<environment>/<sequence>``.

    Returns:
        The sequence, or 0 where this is no id of that environment.
    """
    if not isinstance(registry_id, str):
        msg = f"a registry's id is a str, not {type(registry_id).__name__}"
        raise TypeError(msg)
    environment, _, digits = registry_id.rpartition("/")
    canonical = (
        digits.isascii()
        and digits.isdigit()
        and len(digits) <= len(str(MAX_SEQUENCE))
        and digits[0] != "0"
    )
    return int(digits) if canonical and environment == name else 0
