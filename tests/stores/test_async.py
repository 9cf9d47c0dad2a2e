"""The asyncio face: the same answers, side by side, and nothing half done when cancelled."""

from __future__ import annotations

import asyncio
import inspect
import threading
import time
from typing import TYPE_CHECKING

import pytest

from tests.stores.conftest import papers
from wharfinger import (
    CredentialStore,
    EnvironmentNotFound,
    MemoryStore,
    Orchestration,
    Registry,
    RegistryAddress,
    Settings,
    SettingsStore,
    resolve,
)
from wharfinger.stores import AsyncStore, SQLStore

if TYPE_CHECKING:
    from wharfinger import Credential


def test_it_has_every_method() -> None:
    """The face of a store has its methods, with the same parameters."""
    for protocol in (CredentialStore, SettingsStore):
        for name, method in vars(protocol).items():
            if not name.startswith("_"):
                face = getattr(AsyncStore, name)
                assert inspect.iscoroutinefunction(face)
                assert inspect.signature(face) == inspect.signature(method)


def test_the_same_answers(store: SQLStore) -> None:
    async def use() -> None:
        face = AsyncStore(store)
        await face.create("ci", Orchestration.KUBERNETES)
        registry = await face.add("ci", "quay.io", papers("a"), added_by="alice")
        assert await face.environments() == ("ci",)
        environment = await face.environment("ci")
        assert environment is store.environment("ci")
        assert environment.registries == (registry,)
        answer = resolve("quay.io/acme/api", environment)
        assert await face.credential("ci", answer) == papers("a")
        assert await face.credentials("ci") == {RegistryAddress("quay.io"): papers("a")}
        assert await face.credentials("ci", Settings(whitelist="ghcr.io")) == {}
        assert (await face.deactivate("ci", "ci/1")).is_active is False
        assert (await face.activate("ci", "ci/1")).is_active is True
        assert (await face.update("ci", "ci/1", papers("b"))).username == "b"
        await face.remove("ci", "ci/1")
        await face.save_settings(Settings(whitelist="quay.io"))
        assert await face.settings() == Settings(whitelist="quay.io")
        await face.destroy("ci")
        with pytest.raises(EnvironmentNotFound):
            await face.environment("ci")

    asyncio.run(use())


def test_side_by_side(store: SQLStore) -> None:
    """R5: additions made at once each get a number of their own, and none is lost."""

    async def use() -> list[Registry]:
        face = AsyncStore(store)
        return await asyncio.gather(
            *(face.add("ci", "quay.io", papers(f"u{number}")) for number in range(40))
        )

    registries = asyncio.run(use())
    assert sorted(registry.sequence for registry in registries) == list(range(1, 41))
    assert set(store.environment("ci").registries) == set(registries)


class SlowStore(MemoryStore):
    """A store whose additions begin and end when the test says."""

    def __init__(self) -> None:
        super().__init__()
        self.begun, self.go_on, self.ended = (threading.Event() for _ in range(3))
        self.error: Exception | None = None

    def add(
        self,
        environment: str,
        address: RegistryAddress | str,
        credential: Credential,
        *,
        added_by: str | None = None,
    ) -> Registry:
        self.begun.set()
        assert self.go_on.wait(10)
        if self.error is not None:
            self.ended.set()
            raise self.error
        registry = super().add(environment, address, credential, added_by=added_by)
        self.ended.set()
        return registry


@pytest.mark.parametrize("error", [None, RuntimeError("no")])
@pytest.mark.parametrize("times", [1, 3])
def test_a_cancelled_addition_is_over(error: Exception | None, times: int) -> None:
    """When a cancellation is delivered the change is whole or refused, and nothing goes on."""
    store = SlowStore()
    store.error = error

    async def use() -> None:
        task = asyncio.create_task(AsyncStore(store).add("ci", "quay.io", papers("u")))
        assert await asyncio.to_thread(store.begun.wait, 10)
        for _ in range(times):
            task.cancel("enough")
            await asyncio.sleep(0.01)
            assert not task.done()
        store.go_on.set()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert task.cancelled()
        assert store.ended.is_set()
        assert store.environments() == (("ci",) if error is None else ())

    asyncio.run(use())


def test_a_timeout(store: SQLStore) -> None:
    """A timeout is a cancellation: what it cut off is there, or is not, and stays so."""
    slow = SlowStore()

    async def use() -> None:
        threading.Timer(0.1, slow.go_on.set).start()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.02):
                await AsyncStore(slow).add("ci", "quay.io", papers("u"))
        assert slow.environment("ci").additions == 1
        face = AsyncStore(store)
        for number in range(15):
            task = asyncio.create_task(face.add("ci", "quay.io", papers("u")))
            await asyncio.sleep(number / 1000)
            task.cancel()
            await asyncio.wait([task])
        names = await face.environments()
        before = [await face.environment(name) for name in names]
        await asyncio.sleep(0.1)
        assert [await face.environment(name) for name in names] == before

    asyncio.run(use())
    additions = [event.registry for event in store.events() if event.action == "added"]
    assert additions == [f"ci/{number}" for number in range(1, len(additions) + 1)]


def test_the_loop_goes_on() -> None:
    """While a store works the loop does something else."""
    store = SlowStore()

    async def use() -> None:
        task = asyncio.create_task(AsyncStore(store).add("ci", "quay.io", papers("u")))
        await asyncio.to_thread(store.begun.wait, 10)
        began = time.perf_counter()
        await asyncio.sleep(0)
        assert time.perf_counter() - began < 1
        store.go_on.set()
        await task

    asyncio.run(use())


def test_a_store_without_settings() -> None:
    class Bare:
        """It keeps no settings."""

    async def use() -> None:
        with pytest.raises(TypeError, match="Bare keeps no settings"):
            await AsyncStore(Bare()).settings()  # type: ignore[arg-type]  # enough for this

    asyncio.run(use())
