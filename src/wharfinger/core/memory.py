"""A store in memory: the reference for all others, and enough for a test, a notebook or a job."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from wharfinger.core.address import RegistryAddress
from wharfinger.core.credential import Credential, check_credential
from wharfinger.core.environment import Environment, Orchestration, sequence_of, snapshot
from wharfinger.core.errors import (
    EnvironmentExists,
    EnvironmentNotFound,
    InvalidAddress,
    RegistryNotFound,
    nearest,
)
from wharfinger.core.registry import Registry, RegistryState, check_name
from wharfinger.core.settings import Settings
from wharfinger.core.store import deliverable, entitled

if TYPE_CHECKING:
    from typing import Self

    from wharfinger.core.resolver import Resolution

__all__ = ["MemoryStore"]


class MemoryStore:
    """Keeps credentials and settings in this process, and loses them with it.

    It implements :class:`~wharfinger.CredentialStore` and :class:`~wharfinger.SettingsStore`, and
    threads may share it. Adding costs the same however many registries there are.

    Example:
        >>> from wharfinger import resolve
        >>> from wharfinger.core.credential import Secret
        >>> store = MemoryStore()
        >>> registry = store.add("staging", "quay.io", Credential("ci", Secret("hunter2")))
        >>> answer = resolve("quay.io/acme/api:1.2", store.environment("staging"))
        >>> store.credential("staging", answer)
        Credential(username='ci', secret=Secret('***'), email=None, kind=CredentialKind.PASSWORD)
    """

    def __init__(self) -> None:
        from threading import RLock  # only a store needs it

        self._lock = RLock()
        self._tenants: dict[str, _Tenant] = {}
        self._settings = Settings()

    def create(
        self, environment: str, orchestration: Orchestration = Orchestration.CATTLE
    ) -> Environment:
        """Create an environment. See :meth:`wharfinger.CredentialStore.create`."""
        made = Environment(environment, orchestration)
        with self._lock:
            if made.name in self._tenants:
                raise EnvironmentExists(made.name)
            self._tenants[made.name] = _Tenant(made)
            return made

    def destroy(self, environment: str) -> None:
        """Destroy an environment, its count too. See :meth:`wharfinger.CredentialStore.destroy`."""
        with self._lock:
            self._tenant(environment)
            del self._tenants[environment]

    def environments(self) -> tuple[str, ...]:
        """Return all names. See :meth:`wharfinger.CredentialStore.environments`."""
        with self._lock:
            return tuple(sorted(self._tenants))

    def environment(self, name: str) -> Environment:
        """Return an environment. See :meth:`wharfinger.CredentialStore.environment`."""
        with self._lock:
            return self._tenant(name).environment()

    def add(
        self,
        environment: str,
        address: RegistryAddress | str,
        credential: Credential,
        *,
        added_by: str | None = None,
    ) -> Registry:
        """Add a registry. See :meth:`wharfinger.CredentialStore.add`."""
        try:
            check_credential(credential)
        except TypeError:
            del credential  # somebody's password, perhaps
            raise
        environment = check_name(environment)
        if not isinstance(address, RegistryAddress):
            try:
                address = RegistryAddress.parse(address)
            except (InvalidAddress, TypeError):
                del address  # user information must not stay in this frame
                raise
        with self._lock:
            tenant = self._tenants.get(environment) or _Tenant(Environment(environment))
            registry = Registry(
                environment=environment,
                sequence=tenant.additions + 1,
                address=address,
                username=credential.username,
                added_by=added_by,
            )
            # Nothing can fail any more.
            tenant.additions += 1
            tenant.put(registry, credential)
            self._tenants[environment] = tenant
            return registry

    def update(self, environment: str, registry_id: str, credential: Credential) -> Registry:
        """Replace a credential. See :meth:`wharfinger.CredentialStore.update`."""
        try:
            check_credential(credential)
        except TypeError:
            del credential  # somebody's password, perhaps
            raise
        with self._lock:
            tenant = self._tenant(environment)
            registry = replace(tenant.registry(registry_id), username=credential.username)
            tenant.put(registry, credential)
            return registry

    def activate(self, environment: str, registry_id: str) -> Registry:
        """Activate a registry. See :meth:`wharfinger.CredentialStore.activate`."""
        return self._set_state(environment, registry_id, RegistryState.ACTIVE)

    def deactivate(self, environment: str, registry_id: str) -> Registry:
        """Deactivate a registry. See :meth:`wharfinger.CredentialStore.deactivate`."""
        return self._set_state(environment, registry_id, RegistryState.INACTIVE)

    def remove(self, environment: str, registry_id: str) -> None:
        """Remove a registry. See :meth:`wharfinger.CredentialStore.remove`."""
        with self._lock:
            tenant = self._tenant(environment)
            tenant.drop(tenant.registry(registry_id))

    def credential(self, environment: str, answer: Resolution) -> Credential | None:
        """Return a secret. See :meth:`wharfinger.CredentialStore.credential`."""
        with self._lock:
            tenant = self._tenant(environment)
            registry = entitled(tenant.environment(), answer)
            return None if registry is None else tenant.credentials[registry.sequence]

    def credentials(
        self, environment: str, settings: Settings | None = None
    ) -> dict[RegistryAddress, Credential]:
        """Return secrets. See :meth:`wharfinger.CredentialStore.credentials`."""
        with self._lock:
            tenant = self._tenant(environment)
            return {
                registry.address: tenant.credentials[registry.sequence]
                for registry in deliverable(tenant.environment(), settings)
            }

    def settings(self) -> Settings:
        """Return the settings. See :meth:`wharfinger.SettingsStore.settings`."""
        return self._settings

    def save_settings(self, settings: Settings) -> None:
        """Replace the settings. See :meth:`wharfinger.SettingsStore.save_settings`."""
        if not isinstance(settings, Settings):
            msg = f"settings are a Settings, not {type(settings).__name__}"
            raise TypeError(msg)
        self._settings = settings

    def _set_state(self, environment: str, registry_id: str, state: RegistryState) -> Registry:
        with self._lock:
            tenant = self._tenant(environment)
            registry = tenant.registry(registry_id)
            if registry.state is not state:
                registry = replace(registry, state=state)
                tenant.put(registry, tenant.credentials[registry.sequence])
            return registry

    def _tenant(self, name: str) -> _Tenant:
        if not isinstance(name, str):
            msg = f"an environment's name is a str, not {type(name).__name__}"
            raise TypeError(msg)
        try:
            return self._tenants[name]
        except KeyError:
            raise EnvironmentNotFound(name, nearest(name, self._tenants)) from None

    def __copy__(self) -> Self:
        return self

    def __repr__(self) -> str:
        with self._lock:
            registries = sum(len(tenant.registries) for tenant in self._tenants.values())
            return f"<MemoryStore: {len(self._tenants)} environments, {registries} registries>"


class _Tenant:
    """One environment's records, and the environment made of them until they change."""

    __slots__ = (
        "_environment",
        "_name",
        "_orchestration",
        "additions",
        "credentials",
        "registries",
    )

    def __init__(self, environment: Environment) -> None:
        self._name = environment.name
        self._orchestration = environment.orchestration
        self._environment: Environment | None = environment
        self.additions = 0
        self.registries: dict[int, Registry] = {}
        self.credentials: dict[int, Credential] = {}

    def environment(self) -> Environment:
        if self._environment is None:
            registries = tuple(self.registries.values())
            self._environment = snapshot(
                self._name, self._orchestration, registries, self.additions
            )
        return self._environment

    def registry(self, registry_id: str) -> Registry:
        try:
            return self.registries[sequence_of(self._name, registry_id)]
        except KeyError:
            near = nearest(registry_id, (r.id for r in self.registries.values()))
            raise RegistryNotFound(registry_id, self._name, near) from None

    def put(self, registry: Registry, credential: Credential) -> None:
        """Add a registry, or replace it where it stands in the order of adding."""
        self.registries[registry.sequence] = registry
        self.credentials[registry.sequence] = credential
        self._environment = None

    def drop(self, registry: Registry) -> None:
        del self.registries[registry.sequence], self.credentials[registry.sequence]
        self._environment = None
