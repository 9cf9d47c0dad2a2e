"""Which registry a short name is pulled from, and which key a client looks a credential up by."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Final

import attrs
import pytest

from tests.integration.clients import Clients, Outcome
from tests.integration.deliveries import DELIVERIES, PODMAN, Delivery, Order
from tests.integration.registries import OFFICIAL, PASSWORD, PRIVATE, RIGHT, USERNAME, Kind, Place
from tests.integration.situations import ENVIRONMENT
from tests.integration.table import Row
from wharfinger import MemoryStore, Reason, RegistryAddress, Settings
from wharfinger.formats import containers_auth, docker_config, registries_conf

SHORT: Final = f"{PRIVATE}:v1"
OFFICIAL_AS_TYPED: Final = "hello:v1"
HUB_AS_TYPED: Final = "Registry-1.Docker.IO:443"


@pytest.mark.parametrize("kind", [Kind.HTTP, Kind.TLS, Kind.TOKEN])
@pytest.mark.parametrize(
    ("delivery", "as_typed"),
    [*((delivery, False) for delivery in DELIVERIES), (PODMAN, True)],
    ids=str,
)
def test_default_registry(
    delivery: Delivery, kind: Kind, *, as_typed: bool, running_clients: Clients, rows: list[Row]
) -> None:
    """R1, R11: a short name is pulled from the default registry.

    It is what the library makes of the name that clients are given, for they know no such setting;
    podman has it from registries.conf, so it makes the same of the name as typed.
    """
    place = running_clients.registries.places[kind]
    store = MemoryStore()
    store.add(ENVIRONMENT, place.address, RIGHT)
    store.save_settings(Settings(default_registry=place.address))
    order = Order(store, place, SHORT, as_typed)
    assert order.lands == place.image()
    assert order.answer.reason is Reason.CREDENTIAL
    assert delivery.pull(running_clients, order) is Outcome.PULLED

    # As out of the box, it is Docker Hub's, where this credential is not sent.
    store.save_settings(Settings())
    hub = running_clients.registries.places[Kind.HUB]
    control = Order(store, hub, SHORT, as_typed)
    assert control.lands == hub.image()
    assert control.answer.reason is Reason.ANONYMOUS
    assert delivery.pull(running_clients, control) is Outcome.UNAUTHORIZED
    given = f"`{SHORT}`" if as_typed else f"what `{SHORT}` resolves to"
    rows.append(
        Row(
            delivery.documents,
            delivery.client,
            kind,
            f"the default registry, given {given}",
            f"{order.answer.verdict}: {order.answer.reason}",
            Outcome.PULLED,
            f"Docker Hub is the default: {Outcome.UNAUTHORIZED}",
        )
    )


@pytest.mark.parametrize("delivery", DELIVERIES, ids=str)
def test_official_images(delivery: Delivery, running_clients: Clients, rows: list[Row]) -> None:
    """R2, R13: a name of one component is Docker Hub's ``library``, whatever the Hub was added as.

    Clients that take a short name make the same of it.
    """
    hub = running_clients.registries.places[Kind.HUB]
    store = MemoryStore()
    registry = store.add(ENVIRONMENT, HUB_AS_TYPED, RIGHT)
    order = Order(store, hub, OFFICIAL_AS_TYPED, delivery.short)
    assert order.lands == hub.image(OFFICIAL)
    assert delivery.pull(running_clients, order) is Outcome.PULLED
    store.deactivate(ENVIRONMENT, registry.id)
    denied = Order(store, hub, OFFICIAL_AS_TYPED, delivery.short)
    assert denied.answer.reason is Reason.REGISTRY_INACTIVE
    outcome = delivery.foreseen(denied)
    assert outcome is not Outcome.PULLED
    assert delivery.pull(running_clients, denied) is outcome
    given = f"`{order.image}`, " if delivery.short else ""
    rows.append(
        Row(
            delivery.documents,
            delivery.client,
            Kind.HUB,
            f"{given}added as `{HUB_AS_TYPED}`",
            f"{order.answer.verdict}: {order.answer.reason}",
            Outcome.PULLED,
            f"deactivated: {outcome}",
        )
    )


@pytest.mark.parametrize(
    ("path", "namespace", "what"),
    [("/team", None, "the path `team`"), ("", "library", "the official namespace `library`")],
)
def test_aliases(
    path: str,
    namespace: str | None,
    what: str,
    running_clients: Clients,
    rows: list[Row],
) -> None:
    """R11: what registries.conf can't say of a default registry, it says of names it is given."""
    place = running_clients.registries.places[Kind.HTTP]
    store = MemoryStore()
    store.add(ENVIRONMENT, place.address, RIGHT)
    settings = Settings(default_registry=f"{place.address}{path}", official_namespace=namespace)
    store.save_settings(settings)
    order = Order(store, place, OFFICIAL_AS_TYPED, as_typed=True)
    assert order.answer.reason is Reason.CREDENTIAL
    auth = containers_auth.render(order.credentials)

    def pull(short_names: list[str], lands: str) -> Outcome:
        conf = registries_conf.render(settings, short_names=short_names)
        return running_clients.podman(
            place, OFFICIAL_AS_TYPED, auth=auth, registries_conf=conf, lands=lands
        )

    assert pull(["hello"], order.lands) is Outcome.PULLED
    if namespace:
        control = pull([], order.lands)
        assert control is Outcome.UNRESOLVED
    else:  # pulled all the same, under a name that `limits` tells of
        control = pull([], f"default-registry.invalid/{OFFICIAL_AS_TYPED}")
        assert control is Outcome.PULLED
    rows.append(
        Row(
            "auth.json, registries.conf with an alias",
            "podman",
            place.kind,
            f"the default registry with {what}, given `{OFFICIAL_AS_TYPED}`",
            f"{order.answer.verdict}: {order.answer.reason}",
            Outcome.PULLED,
            f"without the alias: {control}" + ("" if namespace else ", under a stand-in's name"),
        )
    )


@attrs.frozen
class Asker:
    """A client that asks a credential helper.

    Args:
        client: Its name.
        keys: Which keys the library writes for a registry.
        pull: Pulls with a helper named ``spy`` and no other credential.
    """

    client: str
    keys: Callable[[RegistryAddress], list[str]]
    pull: Callable[[Clients, Place, dict[str, str]], Outcome]

    def __str__(self) -> str:
        return self.client


_SPY_IN_REGISTRIES: Final = 'credential-helpers = ["spy"]\n'


def _docker(clients: Clients, place: Place, env: dict[str, str]) -> Outcome:
    return clients.docker(place.image(), '{"credsStore": "spy"}', **env)


def _skopeo(clients: Clients, place: Place, env: dict[str, str]) -> Outcome:
    return clients.skopeo(place, place.image(), registries_conf=_SPY_IN_REGISTRIES, **env)


def _podman(clients: Clients, place: Place, env: dict[str, str]) -> Outcome:
    return clients.podman(place, place.image(), registries_conf=_SPY_IN_REGISTRIES, **env)


def _keys_of_docker(address: RegistryAddress) -> list[str]:
    return [*json.loads(docker_config.render({address: RIGHT}))["auths"]]


def _keys_of_containers(address: RegistryAddress) -> list[str]:
    return [*json.loads(containers_auth.render({address: RIGHT}))["auths"]]


ASKERS: Final = (
    Asker("docker", _keys_of_docker, _docker),
    Asker("skopeo", _keys_of_containers, _skopeo),
    Asker("podman", _keys_of_containers, _podman),
)
_SPY: Final = """\
#!/bin/sh
# Notes what it is asked for, and knows one key.
[ "$1" = get ] || exit 1
key=$(cat)
echo "$key" >>"$SPY_LOG"
[ "$key" = "$SPY_KEY" ] || { echo "credentials not found in native keychain"; exit 1; }
cat "$SPY_ANSWER"
"""


@pytest.fixture
def spy(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> dict[str, str]:
    """A credential helper, found on the PATH; its environment variables."""
    folder = tmp_path_factory.mktemp("spy")
    program = folder / "docker-credential-spy"
    program.write_text(_SPY)
    program.chmod(0o755)
    answer = folder / "answer.json"
    answer.write_text(json.dumps({"Username": USERNAME, "Secret": PASSWORD}))
    monkeypatch.setenv("PATH", str(folder), prepend=":")
    return {"SPY_LOG": str(folder / "log"), "SPY_ANSWER": str(answer)}


@pytest.mark.parametrize("kind", Kind)
@pytest.mark.parametrize("asker", ASKERS, ids=str)
def test_keys(
    asker: Asker, kind: Kind, running_clients: Clients, spy: dict[str, str], rows: list[Row]
) -> None:
    """R3: the key that the library writes is the one that the client asks its helper for."""
    place = running_clients.registries.places[kind]
    [written] = asker.keys(RegistryAddress.parse(place.address))
    assert asker.pull(running_clients, place, {**spy, "SPY_KEY": written}) is Outcome.PULLED
    assert set(Path(spy["SPY_LOG"]).read_text("utf-8").split()) == {written}
    refused = asker.pull(running_clients, place, {**spy, "SPY_KEY": f"{written}."})
    assert refused is Outcome.UNAUTHORIZED
    rows.append(
        Row(
            "key of a credential",
            asker.client,
            kind,
            "a helper has it",
            "the key is the address" if written == place.address else f"the key is `{written}`",
            f"asks for it, {Outcome.PULLED}",
            f"the helper has another key: {refused}",
        )
    )


@pytest.mark.parametrize("asker", ASKERS[1:], ids=str)
def test_rewritten(asker: Asker, running_clients: Clients, rows: list[Row]) -> None:
    """R19: where registries.conf leads a name elsewhere, the credential is the one for there."""
    place = running_clients.registries.places[Kind.HTTP]
    name = "corp.example"
    conf = f'[[registry]]\nprefix = "{name}"\nlocation = "{place.address}"\n'
    pulls = {"skopeo": running_clients.skopeo, "podman": running_clients.podman}

    def pull(added: str) -> Outcome:
        store = MemoryStore()
        store.add(ENVIRONMENT, added, RIGHT)
        auth = containers_auth.render(store.credentials(ENVIRONMENT))
        image = f"{name}/{SHORT}"
        return pulls[asker.client](place, image, auth=auth, registries_conf=conf)

    assert pull(place.address) is Outcome.PULLED
    assert pull(name) is Outcome.UNAUTHORIZED
    rows.append(
        Row(
            "auth.json",
            asker.client,
            Kind.HTTP,
            f"`{name}` rewritten to this address, which was added",
            "the key is the address",
            Outcome.PULLED,
            f"`{name}` was added instead: {Outcome.UNAUTHORIZED}",
        )
    )
