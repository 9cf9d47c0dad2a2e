"""An asyncio face for any store: the same methods, awaited, run in a thread."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, ParamSpec, TypeVar

import attrs

from wharfinger.core.environment import Environment, Orchestration
from wharfinger.core.store import SettingsStore

if TYPE_CHECKING:
    from collections.abc import Callable

    from wharfinger.core.address import RegistryAddress
    from wharfinger.core.credential import Credential
    from wharfinger.core.registry import Registry
    from wharfinger.core.resolver import Resolution
    from wharfinger.core.settings import Settings
    from wharfinger.core.store import CredentialStore

__all__ = ["AsyncStore"]

_P = ParamSpec("_P")
_T = TypeVar("_T")


@attrs.define(eq=False)
class AsyncStore:
    """Any credential store for asyncio: each call runs in a thread and is awaited.

    A call that is cancelled waits for its thread, so that nothing goes on behind your back: the
    change is made or refused, and whole, when the cancellation is delivered.

    Args:
        store: The store; threads must be able to share it.

    Example:
        >>> import asyncio
        >>> from wharfinger import MemoryStore
        >>> asyncio.run(AsyncStore(MemoryStore()).create("ci"))
        <Environment 'ci' (cattle): 0 registries>
    """

    store: CredentialStore

    async def create(
        self, environment: str, orchestration: Orchestration = Orchestration.CATTLE
    ) -> Environment:
        """Create an environment. See :meth:`wharfinger.CredentialStore.create`."""
        return await _finish(self.store.create, environment, orchestration)

    async def destroy(self, environment: str) -> None:
        """Destroy an environment. See :meth:`wharfinger.CredentialStore.destroy`."""
        await _finish(self.store.destroy, environment)

    async def environments(self) -> tuple[str, ...]:
        """Return all names. See :meth:`wharfinger.CredentialStore.environments`."""
        return await _finish(self.store.environments)

    async def environment(self, name: str) -> Environment:
        """Return an environment. See :meth:`wharfinger.CredentialStore.environment`."""
        return await _finish(self.store.environment, name)

    async def add(
        self,
        environment: str,
        address: RegistryAddress | str,
        credential: Credential,
        *,
        added_by: str | None = None,
    ) -> Registry:
        """Add a registry. See :meth:`wharfinger.CredentialStore.add`."""
        return await _finish(self.store.add, environment, address, credential, added_by=added_by)

    async def update(self, environment: str, registry_id: str, credential: Credential) -> Registry:
        """Replace a credential. See :meth:`wharfinger.CredentialStore.update`."""
        return await _finish(self.store.update, environment, registry_id, credential)

    async def activate(self, environment: str, registry_id: str) -> Registry:
        """Activate a registry. See :meth:`wharfinger.CredentialStore.activate`."""
        return await _finish(self.store.activate, environment, registry_id)

    async def deactivate(self, environment: str, registry_id: str) -> Registry:
        """Deactivate a registry. See :meth:`wharfinger.CredentialStore.deactivate`."""
        return await _finish(self.store.deactivate, environment, registry_id)

    async def remove(self, environment: str, registry_id: str) -> None:
        """Remove a registry. See :meth:`wharfinger.CredentialStore.remove`."""
        await _finish(self.store.remove, environment, registry_id)

    async def credential(self, environment: str, answer: Resolution) -> Credential | None:
        """Return a secret. See :meth:`wharfinger.CredentialStore.credential`."""
        return await _finish(self.store.credential, environment, answer)

    async def credentials(
        self, environment: str, settings: Settings | None = None
    ) -> dict[RegistryAddress, Credential]:
        """Return secrets. See :meth:`wharfinger.CredentialStore.credentials`."""
        return await _finish(self.store.credentials, environment, settings)

    async def settings(self) -> Settings:
        """Return the settings. See :meth:`wharfinger.SettingsStore.settings`."""
        return await _finish(self._settings_store().settings)

    async def save_settings(self, settings: Settings) -> None:
        """Replace the settings. See :meth:`wharfinger.SettingsStore.save_settings`."""
        await _finish(self._settings_store().save_settings, settings)

    def _settings_store(self) -> SettingsStore:
        if not isinstance(self.store, SettingsStore):
            msg = f"{type(self.store).__name__} keeps no settings"
            raise TypeError(msg)
        return self.store


async def _finish(call: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
    """Run a call in a thread, and stay until it is over even when cancelled."""
    running = asyncio.ensure_future(asyncio.to_thread(_called, partial(call, *args, **kwargs)))
    cancelled: asyncio.CancelledError | None = None
    while not running.done():
        try:
            await asyncio.wait([running])
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        running.exception()  # looked at, so that nobody complains it never was
        raise cancelled
    return running.result()


def _called(call: Callable[[], _T]) -> _T:
    """Call; what no future takes becomes what it does in a generator (PEP 479)."""
    try:
        return call()
    except StopIteration as error:
        msg = "the store raised StopIteration"
        raise RuntimeError(msg) from error
