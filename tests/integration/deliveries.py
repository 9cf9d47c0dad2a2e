"""How a decision reaches a client: the documents that are rendered, and who pulls with them."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Callable, Mapping
from typing import Any, Final

import attrs
from ruamel.yaml import YAML

from tests.integration import kubelet
from tests.integration.clients import Clients, Outcome
from tests.integration.kubelet import Login
from tests.integration.registries import WRONG, Place
from tests.integration.situations import ENVIRONMENT, Moment, Situation, Store
from tests.integration.table import Row
from wharfinger import (
    Credential,
    CredentialKind,
    PullDenied,
    Reason,
    RegistryAddress,
    Resolution,
    Settings,
    resolve,
)
from wharfinger.formats import (
    containers_auth,
    docker_config,
    engine_api,
    policy_json,
    pull_secret,
    registries_conf,
)


@attrs.frozen
class Order:
    """An image wanted of a store, and what the library says of it now.

    Args:
        store: The store.
        place: The registry that has the image.
        reference: The image, as typed.
        as_typed: Whether the client is given the image as typed, and not the library's.
    """

    store: Store
    place: Place
    reference: str
    as_typed: bool = False
    settings: Settings = attrs.field(init=False)
    answer: Resolution = attrs.field(init=False)

    @settings.default
    def _settings(self) -> Settings:
        return self.store.settings()

    @answer.default
    def _answer(self) -> Resolution:
        return resolve(self.reference, self.store.environment(ENVIRONMENT), self.settings)

    @property
    def image(self) -> str:
        """The image as the client is given it."""
        return self.reference if self.as_typed else self.lands

    @property
    def lands(self) -> str:
        """The image that it then must have."""
        return str(self.answer.image)

    @property
    def credential(self) -> Credential | None:
        """What Cattle delivers: the credential of this image, or nothing (R18)."""
        try:
            return self.store.credential(ENVIRONMENT, self.answer)
        except PullDenied:
            assert not self.answer.allowed
            return None

    @property
    def credentials(self) -> Mapping[RegistryAddress, Credential]:
        """What Kubernetes delivers: all that some image may be pulled with (R18)."""
        return self.store.credentials(ENVIRONMENT, self.settings)

    @property
    def unfiltered(self) -> Mapping[RegistryAddress, Credential]:
        """All that is in force and active: then a policy alone keeps an image from being pulled."""
        return self.store.credentials(ENVIRONMENT)


@attrs.frozen
class Delivery:
    """Documents, and a client that pulls with them.

    Args:
        documents: What is rendered.
        client: Who reads it.
        pull: Renders and pulls.
        refusals: What keeps the client from pulling, where that is not the registry's 401.
        tokens: Which kinds of tokens can be delivered so.
        short: Whether the client takes a name without a registry.
        by_image: Whether it is delivered for one image; a credential for a registry opens all of
            its images, whatever path the whitelist wants.
    """

    documents: str
    client: str
    pull: Callable[[Clients, Order], Outcome]
    refusals: Mapping[Reason, Outcome] = attrs.field(factory=dict)
    tokens: tuple[CredentialKind, ...] = (CredentialKind.IDENTITY_TOKEN,)
    short: bool = True
    by_image: bool = False

    def foreseen(self, order: Order) -> Outcome:
        """What the client must do, by what the library says and hands out."""
        answer = order.answer
        if not answer.allowed:
            return self.refusals.get(answer.reason, Outcome.UNAUTHORIZED)
        lets_in = order.place.lets_in(order.credential, answer.image.repository)
        return Outcome.PULLED if lets_in else Outcome.UNAUTHORIZED

    def __str__(self) -> str:
        return f"{self.documents}-{self.client}"


def _skopeo(clients: Clients, order: Order) -> Outcome:
    return clients.skopeo(order.place, order.image, auth=containers_auth.render(order.credentials))


def _registries(order: Order) -> dict[str, str]:
    return {
        "auth": containers_auth.render(order.unfiltered),
        "registries_conf": registries_conf.render(
            order.settings, order.store.environment(ENVIRONMENT)
        ),
    }


def _policy(order: Order) -> dict[str, str]:
    return {
        "auth": containers_auth.render(order.unfiltered),
        "policy": policy_json.render(order.settings),
    }


def _skopeo_with_registries(clients: Clients, order: Order) -> Outcome:
    return clients.skopeo(order.place, order.image, **_registries(order))


def _podman_with_registries(clients: Clients, order: Order) -> Outcome:
    return clients.podman(order.place, order.image, lands=order.lands, **_registries(order))


def _skopeo_with_policy(clients: Clients, order: Order) -> Outcome:
    return clients.skopeo(order.place, order.image, **_policy(order))


def _podman_with_policy(clients: Clients, order: Order) -> Outcome:
    return clients.podman(order.place, order.image, lands=order.lands, **_policy(order))


def _podman_with_dockers(clients: Clients, order: Order) -> Outcome:
    config = docker_config.render(order.credentials)
    return clients.podman(order.place, order.image, lands=order.lands, docker_config=config)


def _docker(clients: Clients, order: Order) -> Outcome:
    config = docker_config.render(order.credentials)
    return clients.docker(order.image, config, lands=order.lands)


def _engine(clients: Clients, order: Order) -> Outcome:
    credential = order.credential
    header = engine_api.render(credential, order.answer.address) if credential else None
    return clients.engine(order.image, header, lands=order.lands)


def _kubelet(clients: Clients, order: Order) -> Outcome:
    secret = read_yaml(pull_secret.render(order.credentials, name="registries"))
    logins = kubelet.lookup(secret, order.image)
    return clients.kubelet(order.image, logins, lands=order.lands)


def _ctr(clients: Clients, order: Order) -> Outcome:
    credential = order.credential
    login = Login(credential.username, credential.secret.reveal()) if credential else None
    return clients.ctr(order.image, login)


def see(
    clients: Clients, delivery: Delivery, place: Place, situation: Situation, store: Store
) -> Row:
    """Bring a store into a situation, and see a client do what the library says; so the control."""

    def outcome(moment: Moment) -> tuple[Outcome, Order]:
        moment.change(store, place)
        order = Order(store, place, place.image(situation.repository))
        assert order.answer.reason is moment.reason, order.answer.explain()
        foreseen = delivery.foreseen(order)
        assert (foreseen is Outcome.PULLED) is moment.pulls, foreseen
        did = delivery.pull(clients, order)
        assert did is foreseen, f"{moment.name}: {did}; foreseen was: {foreseen}"
        return did, order

    tested, control = situation.tested, situation.control
    assert tested.pulls is not control.pulls
    did, order = outcome(tested)
    other, _ = outcome(control)
    said = f"{order.answer.verdict}: {order.answer.reason}"
    return Row(
        delivery.documents,
        delivery.client,
        place.kind,
        tested.name,
        said,
        did,
        f"{control.name}: {other}",
    )


def read_yaml(text: str) -> dict[str, Any]:
    """Read a YAML document."""
    document: dict[str, Any] = YAML(typ="safe").load(text)
    return document


_REGISTRIES: Final = "auth.json, registries.conf"
_BLOCKED: Final = {
    Reason.REGISTRY_INACTIVE: Outcome.BLOCKED,
    Reason.NOT_WHITELISTED: Outcome.BLOCKED,
}
_POLICY: Final = "auth.json, policy.json"
_REJECTED: Final = {Reason.NOT_WHITELISTED: Outcome.REJECTED}

_TOKENS: Final = (CredentialKind.IDENTITY_TOKEN, CredentialKind.REGISTRY_TOKEN)

SKOPEO: Final = Delivery("auth.json", "skopeo", _skopeo)
PODMAN: Final = Delivery(_REGISTRIES, "podman", _podman_with_registries, _BLOCKED)
DELIVERIES: Final = (
    SKOPEO,
    Delivery(_REGISTRIES, "skopeo", _skopeo_with_registries, _BLOCKED),
    Delivery(_POLICY, "skopeo", _skopeo_with_policy, _REJECTED, by_image=True),
    PODMAN,
    Delivery(_POLICY, "podman", _podman_with_policy, _REJECTED, short=False, by_image=True),
    Delivery("config.json", "podman", _podman_with_dockers, short=False),
    Delivery("config.json", "docker", _docker, tokens=_TOKENS),
    Delivery("X-Registry-Auth", "dockerd", _engine, tokens=_TOKENS, by_image=True),
    Delivery("pull secret", "containerd (CRI)", _kubelet, tokens=()),
    Delivery("ctr --user", "containerd (ctr)", _ctr, tokens=(), short=False, by_image=True),
)


# The same documents, merged into what somebody else wrote.
_STALE: Final = {"auth": b64encode(b"somebody:somewhat older").decode()}


def _docker_merged(clients: Clients, order: Order) -> Outcome:
    stale = {f"http://{order.place.address}/v1/": _STALE, "other.example": _STALE}
    text = json.dumps({"psFormat": "table", "auths": stale}, indent=4)
    config = docker_config.merge(text, order.credentials, remove=[order.answer.address])
    assert "psFormat" in config
    assert "other.example" in config
    return clients.docker(order.image, config, lands=order.lands)


def _skopeo_merged(clients: Clients, order: Order) -> Outcome:
    stale = {order.place.address: _STALE, "other.example/team": _STALE}
    text = json.dumps({"auths": stale}, indent=4)
    auth = containers_auth.merge(text, order.credentials, remove=[order.answer.address])
    assert "other.example/team" in auth
    return clients.skopeo(order.place, order.image, auth=auth)


def _podman_with_registries_merged(clients: Clients, order: Order) -> Outcome:
    text = f"""\
# mine
unqualified-search-registries = ["other.example"]

[[registry]]
location = "{order.place.address}"  # in the cellar
insecure = {"false" if order.place.secure else "true"}
"""
    conf = registries_conf.merge(text, order.settings, order.store.environment(ENVIRONMENT))
    assert "# in the cellar" in conf
    auth = containers_auth.render(order.unfiltered)
    return clients.podman(
        order.place, order.image, auth=auth, registries_conf=conf, lands=order.lands
    )


def _podman_with_policy_merged(clients: Clients, order: Order) -> Outcome:
    rejected = {"other.example": [{"type": "reject"}]}
    accepted = [{"type": "insecureAcceptAnything"}]
    text = json.dumps({"default": accepted, "transports": {"docker": rejected}}, indent=4)
    policy = policy_json.merge(text, order.settings)
    assert "other.example" in policy
    auth = containers_auth.render(order.unfiltered)
    return clients.podman(order.place, order.image, auth=auth, policy=policy, lands=order.lands)


def _kubelet_merged(clients: Clients, order: Order) -> Outcome:
    wrong = {order.answer.address: WRONG, RegistryAddress.parse("other.example"): WRONG}
    text = pull_secret.render(wrong, name="registries")
    text = text.replace("metadata:\n", "metadata:\n  labels: {of: harbour}  # mine\n")
    merged = pull_secret.merge(text, order.credentials)
    assert "# mine" in merged
    logins = kubelet.lookup(read_yaml(merged), order.image)
    return clients.kubelet(order.image, logins, lands=order.lands)


MERGED: Final = (
    Delivery("config.json, merged", "docker", _docker_merged),
    Delivery("auth.json, merged", "skopeo", _skopeo_merged),
    Delivery(
        "auth.json, registries.conf merged", "podman", _podman_with_registries_merged, _BLOCKED
    ),
    Delivery("auth.json, policy.json merged", "podman", _podman_with_policy_merged, _REJECTED),
    Delivery("pull secret, merged", "containerd (CRI)", _kubelet_merged),
)
