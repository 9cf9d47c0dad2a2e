"""``docker-credential-wharfinger`` asked by real clients, over a store in SQLite."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import attrs
import pytest

from tests.integration import clients
from tests.integration.clients import Clients, Outcome
from tests.integration.deliveries import Delivery, Order, see
from tests.integration.processes import Ran, find, run
from tests.integration.registries import PASSWORD, USERNAME, Kind
from tests.integration.situations import ENVIRONMENT, SITUATIONS, TOKENS, Situation
from tests.integration.table import Row
from wharfinger import CredentialKind, Reason
from wharfinger.formats import docker_config
from wharfinger.stores import SealingKeys, SQLStore

PROGRAM: Final = "docker-credential-wharfinger"
# The one line that a client's configuration needs.
OF_DOCKER: Final = '{"credsStore": "wharfinger"}'
OF_CONTAINERS: Final = 'credential-helpers = ["wharfinger"]\n'


@attrs.frozen
class Helper:
    """A store, and the environment variables by which the helper finds it."""

    store: SQLStore
    env: dict[str, str]


@pytest.fixture
def helper(tmp_path: Path) -> Iterator[Helper]:
    assert find(PROGRAM), f"{PROGRAM} is not installed: pip installs it with this project"
    keys, url = SealingKeys.generate(), f"sqlite:///{tmp_path / 'registries.db'}"
    keys.to_file(tmp_path / "keys")
    store = SQLStore.open(url, seal=keys)
    store.create(ENVIRONMENT)
    yield Helper(
        store,
        {
            "WHARFINGER_STORE": url,
            "WHARFINGER_ENVIRONMENT": ENVIRONMENT,
            "WHARFINGER_KEY_FILE": str(tmp_path / "keys"),
        },
    )
    store.close()


def _named(order: Order) -> str:
    """Name the helper for the one registry, by the key that is looked up there."""
    address = order.answer.address
    return json.dumps({"credHelpers": {docker_config.key(address): "wharfinger"}})


@attrs.frozen
class Asker:
    """A client that asks the helper.

    Args:
        document: What names the helper.
        client: Its name.
        pull: Pulls.
    """

    document: str
    client: str
    pull: Callable[[Clients, Order, dict[str, str]], Outcome]

    def __str__(self) -> str:
        return f"{self.document}-{self.client}"


def _docker(clients: Clients, order: Order, env: dict[str, str]) -> Outcome:
    return clients.docker(order.image, OF_DOCKER, lands=order.lands, **env)


def _docker_named(clients: Clients, order: Order, env: dict[str, str]) -> Outcome:
    return clients.docker(order.image, _named(order), lands=order.lands, **env)


def _podman(clients: Clients, order: Order, env: dict[str, str]) -> Outcome:
    return clients.podman(order.place, order.image, registries_conf=OF_CONTAINERS, **env)


def _podman_named(clients: Clients, order: Order, env: dict[str, str]) -> Outcome:
    auth = json.dumps({"credHelpers": {str(order.answer.address): "wharfinger"}})
    return clients.podman(order.place, order.image, auth=auth, **env)


def _skopeo(clients: Clients, order: Order, env: dict[str, str]) -> Outcome:
    return clients.skopeo(order.place, order.image, registries_conf=OF_CONTAINERS, **env)


ASKERS: Final = (
    Asker("config.json, credsStore", "docker", _docker),
    Asker("registries.conf, credential-helpers", "podman", _podman),
    Asker("registries.conf, credential-helpers", "skopeo", _skopeo),
)
NAMED: Final = (
    Asker("config.json, credHelpers", "docker", _docker_named),
    Asker("auth.json, credHelpers", "podman", _podman_named),
)
CELLS: Final = [
    *((asker, Kind.HTTP, situation) for asker in ASKERS for situation in SITUATIONS),
    *((asker, Kind.HTTP, SITUATIONS[0]) for asker in NAMED),
    *((asker, Kind.HUB, SITUATIONS[0]) for asker in ASKERS),
    *((asker, Kind.TOKEN, TOKENS[CredentialKind.IDENTITY_TOKEN]) for asker in ASKERS),
]


@pytest.mark.parametrize(("asker", "kind", "situation"), CELLS, ids=str)
def test_helper(
    asker: Asker,
    kind: Kind,
    situation: Situation,
    helper: Helper,
    running_clients: Clients,
    rows: list[Row],
) -> None:
    """R6, R7, R8, R18: what the helper answers is what the library hands out, at that moment."""
    delivery = Delivery(
        f"credential helper ({asker.document})",
        asker.client,
        lambda clients, order: asker.pull(clients, order, helper.env),
    )
    place = running_clients.registries.places[kind]
    rows.append(see(running_clients, delivery, place, situation, helper.store))


def _command(client: str, running_clients: Clients, home: Path) -> tuple[str, ...]:
    """A client's command, with a configuration in which one line names the helper."""
    if client == "docker":
        config = Path(clients.write(home, ".docker/config.json", OF_DOCKER)).parent
        socket = f"unix://{running_clients.daemons.docker}"
        return ("docker", "--config", str(config), "--host", socket)
    conf = clients.write(home, "registries.conf", OF_CONTAINERS)
    return ("podman",) if client == "podman" else ("skopeo", "--registries-conf", conf)


@pytest.mark.parametrize("client", ["docker", "podman", "skopeo"])
def test_login(client: str, helper: Helper, running_clients: Clients, rows: list[Row]) -> None:
    """R6, R7, R9: a login adds a registry, its secret in the store alone; a logout denies it."""
    place = running_clients.registries.places[Kind.HTTP]
    pull = next(asker for asker in ASKERS if asker.client == client).pull

    with running_clients.home() as home:
        env = running_clients.env(home, **clients.of_podman(home, OF_CONTAINERS), **helper.env)
        command = _command(client, running_clients, home)
        insecure = () if client == "docker" else ("--tls-verify=false",)

        def log_in(password: str) -> Ran:
            options = ("--username", USERNAME, "--password-stdin", *insecure)
            return run(*command, "login", *options, place.address, env=env, stdin=password)

        assert log_in("wrong").status != 0
        assert not helper.store.environment(ENVIRONMENT).registries
        log_in(PASSWORD).expect()
        order = Order(helper.store, place, place.image())
        assert order.answer.reason is Reason.CREDENTIAL
        assert order.credential is not None
        assert order.credential.secret.reveal() == PASSWORD
        assert not [*_with_the_secret(home)]
        outcome = pull(running_clients, order, helper.env)
        assert outcome is Outcome.PULLED

        run(*command, "logout", place.address, env=env).expect()
        denied = Order(helper.store, place, place.image())
        assert denied.answer.reason is Reason.REGISTRY_INACTIVE
        control = pull(running_clients, denied, helper.env)
        assert control is Outcome.UNAUTHORIZED
    rows.append(
        Row(
            "credential helper",
            client,
            place.kind,
            f"`{client} login`",
            f"{order.answer.verdict}: {order.answer.reason}",
            outcome,
            f"`{client} logout`: {control}",
        )
    )


def _with_the_secret(home: Path) -> Iterator[Path]:
    """The files that have the password, or the login in base64."""
    encoded = base64.b64encode(f"{USERNAME}:{PASSWORD}".encode())
    for path in filter(Path.is_file, home.rglob("*")):
        content = path.read_bytes()
        if PASSWORD.encode() in content or encoded in content:
            yield path
