"""Threads that share one store (R5, R6, R17)."""

from __future__ import annotations

import random
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import TYPE_CHECKING, Final

import pytest

from wharfinger import (
    Credential,
    Environment,
    EnvironmentExists,
    EnvironmentNotFound,
    MemoryStore,
    PullDenied,
    RegistryNotFound,
    Secret,
    StaleResolution,
    resolve,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

THREADS: Final = 8
STEPS: Final = 400
ADDRESSES: Final = ("quay.io", "ghcr.io:443", "docker.io")
# What a thread may meet because another was faster.
RACES: Final = (RegistryNotFound, EnvironmentNotFound, StaleResolution, PullDenied)


@pytest.fixture(autouse=True)
def _switching_often() -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


def together(work: Callable[[int], list[str]]) -> list[str]:
    """Let all threads start at once, and return what they tell; an exception in one is raised."""
    barrier = Barrier(THREADS)

    def start(number: int) -> list[str]:
        barrier.wait()
        return work(number)

    with ThreadPoolExecutor(THREADS) as pool:
        return [told for found in pool.map(start, range(THREADS)) for told in found]


def papers(environment: str, name: str) -> Credential:
    """A credential whose secret tells whose it is."""
    return Credential(name, Secret(f"{environment}: {name}"))


def assert_consistent(snapshot: Environment) -> None:
    """What can be made by the public constructor is consistent: it checks order, name and count."""
    again = Environment(
        snapshot.name, snapshot.orchestration, snapshot.registries, snapshot.additions
    )
    assert again == snapshot
    last = {registry.address: registry for registry in snapshot.registries}
    for address, registry in last.items():
        assert snapshot.in_force(address) is registry


def assert_own(environment: str, credential: Credential | None) -> None:
    if credential is not None:
        assert credential.secret.reveal() == f"{environment}: {credential.username}"


def step(store: MemoryStore, environment: str, dice: random.Random, name: str) -> list[str]:
    """One operation, and what was added by it."""
    snapshot = store.environment(environment)
    assert_consistent(snapshot)
    address = dice.choice(ADDRESSES)
    chosen = dice.choice(snapshot.registries).id if snapshot.registries else f"{environment}/1"
    match dice.randrange(8):
        case 0 | 1:
            added = store.add(environment, address, papers(environment, name), added_by=name)
            assert (added.username, added.added_by) == (name, name)
            return [added.id]
        case 2:
            answer = resolve(f"{address}/acme/api", snapshot)
            assert_own(environment, store.credential(environment, answer))
        case 3:
            updated = store.update(environment, chosen, papers(environment, f"{name}'"))
            assert (updated.id, updated.username) == (chosen, f"{name}'")
        case 4:
            assert not store.deactivate(environment, chosen).is_active
        case 5:
            assert store.activate(environment, chosen).is_active
        case 6:
            for credential in store.credentials(environment).values():
                assert_own(environment, credential)
        case _:
            store.remove(environment, chosen)
    return []


def test_threads_share_an_environment() -> None:
    """R5, R6: whatever threads do at once, snapshots are consistent and no number is used twice."""
    store = MemoryStore()
    store.create("ci")

    def work(number: int) -> list[str]:
        dice = random.Random(number)  # noqa: S311  # a choice of operations
        added: list[str] = []
        for turn in range(STEPS):
            try:
                added += step(store, "ci", dice, f"{number}-{turn}")
            except RACES:
                continue
        return added

    added = together(work)
    assert len(added) > STEPS
    assert Counter(added).most_common(1)[0][1] == 1
    last = store.environment("ci")
    assert_consistent(last)
    assert last.additions == len(added)
    assert {registry.id for registry in last.registries} <= set(added)
    assert set(added) == {f"ci/{number}" for number in range(1, len(added) + 1)}


def test_threads_create_and_destroy() -> None:
    """R5, R17: environments that come and go leave no number twice and no stranger's registry."""
    store = MemoryStore()
    names = ("staging", "staging/1", "production")

    def work(number: int) -> list[str]:
        dice = random.Random(number)  # noqa: S311  # a choice of operations
        made: list[str] = []
        for turn in range(STEPS):
            name = dice.choice(names)
            try:
                if not dice.randrange(12):
                    store.destroy(name)
                    made.append(f"-{name}")
                elif not dice.randrange(6):
                    assert store.create(name).registries == ()
                    made.append(f"+{name}")
                elif not dice.randrange(6):
                    added = store.add(name, "quay.io", papers(name, f"{turn}"))
                    assert added.environment == name
                else:
                    step(store, name, dice, f"{number}-{turn}")
            except (*RACES, EnvironmentExists):
                continue
            assert set(store.environments()) <= set(names)
            assert repr(store).startswith("<MemoryStore: ")
        return made

    count = Counter(together(work))
    for name in store.environments():
        assert_consistent(store.environment(name))
    for name in names:
        # add() creates what is missing; nothing else makes more than was destroyed.
        assert count[f"+{name}"] <= count[f"-{name}"] + 1


def test_one_thread_creates() -> None:
    """Of threads that create the same environment at once, exactly one does."""
    store = MemoryStore()

    def work(number: int) -> list[str]:
        made: list[str] = []
        for turn in range(50):
            try:
                store.create(f"e{turn}")
            except EnvironmentExists:
                continue
            made.append(f"e{turn}")
        assert number < THREADS
        return made

    made = together(work)
    assert sorted(made) == sorted(store.environments()) == sorted(f"e{turn}" for turn in range(50))


def test_threads_ask_one_environment() -> None:
    """R6, R24: threads that ask one fresh environment at once get the same answer."""
    fresh = [Environment("ci") for _ in range(50)]
    for username in ("old", "new"):
        for address in ADDRESSES:
            fresh = [made.added(address, username=username) for made in fresh]

    def work(number: int) -> list[str]:
        address = ADDRESSES[number % len(ADDRESSES)]
        return [str(made.in_force(address)) for made in fresh]

    assert set(together(work)) == {str(registry) for registry in fresh[0].registries[3:]}
