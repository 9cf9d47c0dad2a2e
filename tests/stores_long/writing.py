"""What the process writes that :mod:`tests.stores_long.kills` kills, and what must be there."""

from __future__ import annotations

import random
from collections.abc import Iterator
from multiprocessing.connection import Connection
from typing import Final

import attrs

from wharfinger import Credential, Environment, Orchestration, Secret
from wharfinger.stores import SealingKeys, SQLStore

__all__ = ["Change", "Model", "write"]

Change = tuple[str, ...]
"""What, which environment, and its arguments."""
Logged = tuple[str, str, str | None, str | None]
"""An event: what, which environment, registry and address."""

NAMES_OF_ENVIRONMENTS: Final = ("acme", "globex", "initech")
ADDRESSES: Final = ("quay.io", "ghcr.io", "docker.io", "registry.corp:5000")


@attrs.frozen
class Model:
    """What a store has to hold: the environments, the secrets and the events."""

    environments: dict[str, Environment] = attrs.field(factory=dict)
    secrets: dict[str, str] = attrs.field(factory=dict)
    events: tuple[Logged, ...] = ()

    def after(self, change: Change) -> Model:
        """The model after a change."""
        action, name, *rest = change
        if action == "create":
            return self._created(name, Orchestration(rest[0]))
        if action == "destroy":
            return self._destroyed(name)
        if action == "add":
            there = self if name in self.environments else self._created(name, Orchestration.CATTLE)
            return there._added(name, *rest)
        return self._changed(action, name, *rest)

    def _created(self, name: str, orchestration: Orchestration) -> Model:
        return attrs.evolve(
            self,
            environments=self.environments | {name: Environment(name, orchestration)},
            events=(*self.events, ("created", name, None, None)),
        )

    def _destroyed(self, name: str) -> Model:
        mine = {registry.id for registry in self.environments[name].registries}
        return Model(
            {other: env for other, env in self.environments.items() if other != name},
            {other: secret for other, secret in self.secrets.items() if other not in mine},
            (*self.events, ("destroyed", name, None, None)),
        )

    def _added(self, name: str, address: str, username: str, secret: str) -> Model:
        after = self.environments[name].added(address, username=username)
        return self._with(after, "added", after.registries[-1].id, address, secret)

    def _changed(self, action: str, name: str, registry_id: str, *rest: str) -> Model:
        before = self.environments[name]
        registry = before.registry(registry_id)
        address = str(registry.address)
        if action == "update":
            after = before.updated(registry_id, username=rest[0])
            return self._with(after, "updated", registry_id, address, rest[1])
        if action == "remove":
            gone = self._with(before.removed(registry_id), "removed", registry_id, address, "")
            del gone.secrets[registry_id]
            return gone
        after = getattr(before, f"{action}d")(registry_id)
        if after.registry(registry_id).state is registry.state:
            return self
        secret = self.secrets[registry_id]
        return self._with(after, f"{action}d", registry_id, address, secret)

    def _with(
        self, after: Environment, event: str, registry_id: str, address: str, secret: str
    ) -> Model:
        name = after.name
        return Model(
            self.environments | {name: after},
            self.secrets | {registry_id: secret},
            (*self.events, (event, name, registry_id, address)),
        )


def changes(model: Model, draw: random.Random) -> Iterator[Change]:
    """Changes without end, each one possible after those before it."""
    while True:
        change = _change(model, draw)
        yield change
        model = model.after(change)


def _change(model: Model, draw: random.Random) -> Change:
    name = draw.choice(NAMES_OF_ENVIRONMENTS)
    secret = draw.randbytes(8).hex()
    environment = model.environments.get(name)
    if environment is None and draw.random() < 0.5:
        return ("create", name, draw.choice([*Orchestration]).value)
    if environment is None or not environment.registries or draw.random() < 0.35:
        return ("add", name, draw.choice(ADDRESSES), f"user-{secret}", secret)
    registry = draw.choice(environment.registries).id
    actions = ["update", "activate", "deactivate", "remove", "destroy"]
    action = draw.choices(actions, [4, 3, 3, 5, 1])[0]
    if action == "update":
        return (action, name, registry, f"user-{secret}", secret)
    return (action, name) if action == "destroy" else (action, name, registry)


def make(store: SQLStore, change: Change) -> None:
    """Make a change in a store."""
    action, name, *rest = change
    if action == "create":
        store.create(name, Orchestration(rest[0]))
    elif action in {"add", "update"}:
        getattr(store, action)(name, rest[0], Credential(rest[1], Secret(rest[2])))
    else:
        getattr(store, action)(name, *rest)


def write(url: str, key_file: str, model: Model, seed: str, pipe: Connection) -> None:
    """What the process does that is killed: tell, change, tell, and so on."""
    store = SQLStore.open(url, seal=SealingKeys.from_file(key_file))
    pipe.send(None)
    for change in changes(model, random.Random(seed)):  # noqa: S311
        pipe.send(("begun", change))
        make(store, change)
        pipe.send(("done", change))
