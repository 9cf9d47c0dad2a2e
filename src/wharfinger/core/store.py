"""What keeps credentials, and settings: the protocols, and the rules every store shares.

A store keeps the secrets and hands out environments. Two of its methods return a secret,
``credential`` and ``credentials``; both decide by :func:`entitled` and :func:`deliverable`, so that
no store has rules of its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

from wharfinger.core.address import RegistryAddress
from wharfinger.core.environment import Environment, Orchestration, sequence_of
from wharfinger.core.errors import RegistryNotFound, StaleResolution
from wharfinger.core.resolver import Reason, Resolution
from wharfinger.core.settings import Settings

if TYPE_CHECKING:
    from wharfinger.core.credential import Credential
    from wharfinger.core.registry import Registry

__all__ = ["CredentialStore", "SettingsStore", "deliverable", "entitled"]


@runtime_checkable
class CredentialStore(Protocol):
    """Keeps the credentials of environments, and hands out environments without secrets.

    An operation that fails changes nothing. :class:`~wharfinger.MemoryStore` is the reference.
    """

    def create(
        self, environment: str, orchestration: Orchestration = Orchestration.CATTLE
    ) -> Environment:
        """Create an environment.

        Args:
            environment: Its name.
            orchestration: What launches its containers.

        Returns:
            The empty environment.

        Raises:
            EnvironmentExists: When there is one of this name.
            InvalidEnvironment: When the name is malformed.
        """
        ...

    def destroy(self, environment: str) -> None:
        """Destroy an environment, its registries and their secrets.

        Args:
            environment: Its name.

        Raises:
            EnvironmentNotFound: When there is none of this name.
        """
        ...

    def environments(self) -> tuple[str, ...]:
        """Return the names of all environments, sorted."""
        ...

    def environment(self, name: str) -> Environment:
        """Return an environment as it is now; the same object until something changes.

        Args:
            name: Its name.

        Returns:
            The environment; it holds no secret.

        Raises:
            EnvironmentNotFound: When there is none of this name.
        """
        ...

    def add(
        self,
        environment: str,
        address: RegistryAddress | str,
        credential: Credential,
        *,
        added_by: str | None = None,
    ) -> Registry:
        """Add a registry; from now on it is the one in force for its address (R6).

        Args:
            environment: The environment's name; a missing one is created as Cattle.
            address: The registry's address.
            credential: The credential to use there.
            added_by: Who adds it, if the application says.

        Returns:
            The registry.

        Raises:
            InvalidAddress: When the address is none (R4).
            InvalidCredential: When the credential is refused (R9, R22).
            InvalidEnvironment: When the name is malformed.
        """
        ...

    def update(self, environment: str, registry_id: str, credential: Credential) -> Registry:
        """Replace the credential of a registry; its address and its place stay (R9).

        Args:
            environment: The environment's name.
            registry_id: Which registry.
            credential: The whole new credential.

        Returns:
            The registry as it is now.

        Raises:
            EnvironmentNotFound: When there is no such environment.
            RegistryNotFound: When there is no such registry.
            InvalidCredential: When the credential is refused.
        """
        ...

    def activate(self, environment: str, registry_id: str) -> Registry:
        """Let a registry be pulled from again; of an active one, change nothing (R7, R9).

        Args:
            environment: The environment's name.
            registry_id: Which registry.

        Returns:
            The registry as it is now.

        Raises:
            EnvironmentNotFound: When there is no such environment.
            RegistryNotFound: When there is no such registry.
        """
        ...

    def deactivate(self, environment: str, registry_id: str) -> Registry:
        """Let nothing be pulled from a registry; its secret stays (R7).

        Args:
            environment: The environment's name.
            registry_id: Which registry.

        Returns:
            The registry as it is now.

        Raises:
            EnvironmentNotFound: When there is no such environment.
            RegistryNotFound: When there is no such registry.
        """
        ...

    def remove(self, environment: str, registry_id: str) -> None:
        """Remove a registry and destroy its secret (R8).

        Args:
            environment: The environment's name.
            registry_id: Which registry.

        Raises:
            EnvironmentNotFound: When there is no such environment.
            RegistryNotFound: When there is no such registry.
        """
        ...

    def credential(self, environment: str, answer: Resolution) -> Credential | None:
        """Return the credential to pull an answer's image with. It holds a secret.

        Of the answer only the question is trusted; the registry is looked up again.

        Args:
            environment: The environment's name.
            answer: What :func:`~wharfinger.resolve` said.

        Returns:
            The credential; None for an anonymous answer that still holds, which is to pull without
            one, and for an already-on-host answer, which is to pull nothing (R16).

        Raises:
            PullDenied: When the answer is a denial.
            EnvironmentNotFound: When there is no such environment.
            RegistryNotFound: When the answer's registry is not this environment's, or not one for
                the image's address (R19).
            StaleResolution: When the store has changed since: resolve again.
        """
        ...

    def credentials(
        self, environment: str, settings: Settings | None = None
    ) -> dict[RegistryAddress, Credential]:
        """Return what Kubernetes needs: the credentials in force and active, with secrets (R18).

        Args:
            environment: The environment's name.
            settings: When given, only addresses that some whitelist entry could match.

        Returns:
            One credential per address.

        Raises:
            EnvironmentNotFound: When there is no such environment.
            TypeError: When the settings are something else.
        """
        ...


@runtime_checkable
class SettingsStore(Protocol):
    """Keeps the admin's settings."""

    def settings(self) -> Settings:
        """Return the settings as they are now; those out of the box until some are saved."""
        ...

    def save_settings(self, settings: Settings) -> None:
        """Replace the settings.

        Args:
            settings: The new settings.
        """
        ...


def entitled(environment: Environment, answer: Resolution) -> Registry | None:
    """Say whose secret an answer may have: the decision behind ``CredentialStore.credential``.

    Args:
        environment: The environment by the store's own records, with its true ``additions``. The
            registries of the answer's address, and the one of the id it names, are enough.
        answer: What :func:`~wharfinger.resolve` said; perhaps long ago, perhaps tampered with.

    Returns:
        The registry whose credential to hand out; None where the answer needs none.

    Raises:
        PullDenied: When the answer is a denial.
        RegistryNotFound: When the answer's registry is not this environment's, or not one for the
            image's address (R19).
        StaleResolution: When the environment has changed since.

    Example:
        >>> from wharfinger import resolve
        >>> env = Environment("ci").added("quay.io", username="bot")
        >>> entitled(env, resolve("quay.io/acme/api", env)).id
        'ci/1'
    """
    _check_question(environment, answer)
    if answer.reason is Reason.ALREADY_ON_HOST:
        return None
    current = environment.in_force(answer.address)
    if answer.reason is Reason.ANONYMOUS:
        if current is not None:
            raise StaleResolution(answer, f"registry {current.id} was added for {answer.address}")
        return None
    claimed = _claimed(answer)
    if not 1 <= sequence_of(environment.name, claimed) <= environment.additions:
        raise RegistryNotFound(claimed, environment.name)
    registry = _find(environment, claimed)
    if registry is None:
        raise StaleResolution(answer, f"registry {claimed} was removed")
    if registry.address != answer.address:
        raise RegistryNotFound(claimed, environment.name)
    if current is not None and current is not registry:
        raise StaleResolution(answer, f"registry {claimed} was overridden by {current.id}")
    if not registry.is_active:
        raise StaleResolution(answer, f"registry {claimed} was deactivated")
    return registry


def _check_question(environment: Environment, answer: Resolution) -> None:
    """Refuse an answer that is a denial, another environment's, or about another host's image."""
    if not isinstance(answer, Resolution):
        msg = f"a credential is asked for with a Resolution, not {type(answer).__name__}"
        raise TypeError(msg)
    answer.require()
    if answer.environment != environment.name:
        problem = f"the answer is for environment {answer.environment!a}, not {environment.name!a}"
        raise RegistryNotFound(_claimed(answer), environment.name, problem=problem)
    named = answer.image.registry
    if named is None or RegistryAddress.parse(named) != answer.address:
        problem = f"the answer's image, {answer.image}, is not at its address, {answer.address}"
        raise RegistryNotFound(_claimed(answer), environment.name, problem=problem)


def _find(environment: Environment, registry_id: str) -> Registry | None:
    try:
        return environment.registry(registry_id)
    except RegistryNotFound:
        return None


def deliverable(environment: Environment, settings: Settings | None = None) -> tuple[Registry, ...]:
    """Say which registries Kubernetes is given: the decision behind ``credentials`` (R18).

    Args:
        environment: The environment.
        settings: When given, only addresses that some whitelist entry could match.

    Returns:
        The registries in force and active, one per address, in the order they were added.

    Raises:
        TypeError: When the settings are something else: a whitelist's text, an address.

    Example:
        >>> env = Environment("ci").added("quay.io", username="a").added("quay.io", username="b")
        >>> [registry.id for registry in deliverable(env)]
        ['ci/2']
    """
    if settings is not None and not isinstance(settings, Settings):
        msg = f"settings are a Settings, not {type(settings).__name__}: Settings(whitelist=text)"
        raise TypeError(msg)
    return tuple(
        registry
        for registry in environment.registries
        if registry.is_active
        and environment.in_force(registry.address) is registry
        and (settings is None or settings.whitelist.could_match(registry.address))
    )


def _claimed(answer: Resolution) -> str:
    return "" if answer.registry is None else answer.registry.id
