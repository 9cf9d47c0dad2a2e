"""The two calls that return a secret: when they do, and how they fail (R15, R17, R18, R19)."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Final, cast

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from wharfinger import (
    Credential,
    Environment,
    EnvironmentNotFound,
    ImageReference,
    MemoryStore,
    Orchestration,
    PullDenied,
    Reason,
    Registry,
    RegistryAddress,
    RegistryNotFound,
    RegistryState,
    Resolution,
    Secret,
    Settings,
    StaleResolution,
    Whitelist,
    resolve,
)
from wharfinger.core.store import deliverable, entitled
from wharfinger.testing import strategies

if TYPE_CHECKING:
    from collections.abc import Callable

# Each example is a whole environment; how many of them goes with the profile.
SOME: Final = hypothesis_settings(max_examples=max(20, hypothesis_settings().max_examples // 3))
QUAY: Final = RegistryAddress.parse("quay.io")
GHCR: Final = RegistryAddress.parse("ghcr.io")
EVIL: Final = RegistryAddress.parse("evil.example")
IMAGE: Final = "quay.io/acme/api:1.2"


def papers(name: str) -> Credential:
    """A credential whose secret tells whose it is."""
    return Credential(name, Secret(f"secret of {name}"))


def filled() -> MemoryStore:
    """Two registries of one address and one of another in `ci`, and two in `cd`."""
    store = MemoryStore()
    store.add("ci", "quay.io", papers("old"))
    store.add("ci", "ghcr.io", papers("hub"))
    store.add("ci", "quay.io", papers("new"))
    for name in ("a", "b", "c", "d"):
        store.add("cd", "quay.io", papers(name))
    return store


def asked(store: MemoryStore, image: str = IMAGE, environment: str = "ci") -> Resolution:
    return resolve(image, store.environment(environment), store.settings())


def revealed(credential: Credential | None) -> str | None:
    return None if credential is None else credential.secret.reveal()


# What is given


@pytest.mark.parametrize(
    ("image", "environment", "secret"),
    [
        (IMAGE, "ci", "secret of new"),
        ("QUAY.io:443/acme/api@sha256:" + "0" * 64, "ci", "secret of new"),
        ("ghcr.io/acme/api", "ci", "secret of hub"),
        (IMAGE, "cd", "secret of d"),
    ],
)
def test_the_credential_in_force(image: str, environment: str, secret: str) -> None:
    """R6, R17: the secret is that of the registry in force in the environment that asked."""
    store = filled()
    credential = store.credential(environment, asked(store, image, environment))
    assert revealed(credential) == secret


@pytest.mark.parametrize("image", ["ubuntu", "quay.io:5000/a", "sub.quay.io/a", "xquay.io/a"])
def test_an_anonymous_answer_that_holds(image: str) -> None:
    """R10, R19: an address nobody added has no credential, however alike it looks."""
    store = filled()
    answer = asked(store, image)
    assert answer.reason is Reason.ANONYMOUS
    assert store.credential("ci", answer) is None


def test_an_image_on_the_host() -> None:
    """R16: an image that is on the host needs no credential, whatever was added since."""
    store = filled()
    answer = resolve(IMAGE, store.environment("ci"), on_host=True)
    assert answer.reason is Reason.ALREADY_ON_HOST
    assert store.credential("ci", answer) is None
    store.deactivate("ci", "ci/3")
    assert store.credential("ci", answer) is None


def test_an_old_answer_that_holds() -> None:
    """R5: an answer from before other changes still names the registry in force."""
    store = filled()
    answer = asked(store)
    store.remove("ci", "ci/1")
    store.deactivate("ci", "ci/2")
    store.add("ci", "docker.io", papers("u"))
    store.save_settings(Settings(whitelist="ghcr.io"))
    assert revealed(store.credential("ci", answer)) == "secret of new"


def test_updated_since() -> None:
    """R9: an answer from before an update gets the credential of now."""
    store = filled()
    answer = asked(store)
    store.update("ci", "ci/3", papers("newer"))
    credential = store.credential("ci", answer)
    assert credential is not None
    assert (credential.username, revealed(credential)) == ("newer", "secret of newer")


def test_deactivated_and_activated_since() -> None:
    """R7: an answer holds again when its registry is active again."""
    store = filled()
    answer = asked(store)
    store.deactivate("ci", "ci/3")
    with pytest.raises(StaleResolution):
        store.credential("ci", answer)
    store.activate("ci", "ci/3")
    assert revealed(store.credential("ci", answer)) == "secret of new"


# Denied


def test_a_denied_answer() -> None:
    """R7, R15: a denied answer raises itself, from whatever rule the denial came."""
    store = filled()
    store.deactivate("ci", "ci/3")
    inactive = asked(store)
    unlisted = resolve(IMAGE, store.environment("ci"), Settings(whitelist="ghcr.io"))
    assert inactive.reason is Reason.REGISTRY_INACTIVE
    assert unlisted.reason is Reason.NOT_WHITELISTED
    for answer in (inactive, unlisted):
        with pytest.raises(PullDenied) as caught:
            store.credential("ci", answer)
        assert caught.value.answer is answer
    store.activate("ci", "ci/3")
    with pytest.raises(PullDenied):
        store.credential("ci", inactive)


def test_what_a_denial_advises() -> None:
    """R7, R15: a denial names the image, the reason and what would help."""
    store = filled()
    store.deactivate("ci", "ci/3")
    with pytest.raises(PullDenied, match="registry-inactive; activate registry ci/3"):
        store.credential("ci", asked(store))
    store.save_settings(Settings(whitelist="ghcr.io"))
    with pytest.raises(PullDenied, match=r"not-whitelisted; an admin can add quay\.io"):
        store.credential("ci", asked(store))


@pytest.mark.parametrize("answer", [None, "quay.io/acme/api", True, Environment("ci"), QUAY])
def test_what_is_no_answer(answer: object) -> None:
    """R15: a credential is given for an answer, and for nothing else."""
    with pytest.raises(TypeError, match=rf"with a Resolution, not {type(answer).__name__}"):
        filled().credential("ci", cast("Resolution", answer))


# Another environment's, another address's


@pytest.mark.parametrize("image", [IMAGE, "ubuntu", "ghcr.io/acme/api"])
def test_another_environments_answer(image: str) -> None:
    """R17: an answer for one environment gets nothing from another."""
    store = filled()
    for on_host in (False, True):
        answer = resolve(image, store.environment("ci"), on_host=on_host)
        with pytest.raises(RegistryNotFound) as caught:
            store.credential("cd", answer)
        assert caught.value.environment == "cd"


def evil(answer: Resolution) -> ImageReference:
    assert answer.image.registry == "quay.io"
    return ImageReference.parse("evil.example/acme/api:1.2")


def registry(environment: str, sequence: int, address: RegistryAddress = QUAY) -> Registry:
    return Registry(environment=environment, sequence=sequence, address=address, username="u")


FORGERIES: Final[dict[str, Callable[[Resolution], Resolution]]] = {
    "address of another host": lambda a: a.__replace__(address=EVIL),
    "address of another registry": lambda a: a.__replace__(address=GHCR),
    "address on another port": lambda a: a.__replace__(address=RegistryAddress("quay.io", 5000)),
    "image of another host": lambda a: a.__replace__(image=evil(a)),
    "image without a host": lambda a: a.__replace__(image=ImageReference.parse("acme/api")),
    "image on another port": lambda a: a.__replace__(
        image=ImageReference.parse("quay.io:5000/acme/api")
    ),
    "image and address of another host": lambda a: a.__replace__(image=evil(a), address=EVIL),
    "all of another host": lambda a: a.__replace__(
        image=evil(a), address=EVIL, registry=registry("ci", 3, EVIL)
    ),
    "registry of another address": lambda a: a.__replace__(registry=registry("ci", 2, GHCR)),
    "registry that lies of its address": lambda a: a.__replace__(registry=registry("ci", 2)),
    "registry of another environment": lambda a: a.__replace__(registry=registry("cd", 3)),
    "registry of another environment alone": lambda a: a.__replace__(registry=registry("cd", 4)),
    "registry never added": lambda a: a.__replace__(registry=registry("ci", 4)),
    "registry number without end": lambda a: a.__replace__(registry=registry("ci", 10**18)),
    "no registry": lambda a: a.__replace__(registry=None),
    "environment": lambda a: a.__replace__(environment="cd"),
    "environment and registry": lambda a: a.__replace__(
        environment="cd", registry=registry("cd", 4)
    ),
}


@pytest.mark.parametrize("forge", FORGERIES.values(), ids=list(FORGERIES))
def test_forged_answers(forge: Callable[[Resolution], Resolution]) -> None:
    """R19: an answer whose parts do not belong together gets no secret, and no anonymous pull."""
    store = filled()
    answer = asked(store)
    assert revealed(store.credential("ci", answer)) == "secret of new"
    with pytest.raises(RegistryNotFound) as caught:
        store.credential("ci", forge(answer))
    assert caught.value.environment == "ci"
    assert "secret of" not in str(caught.value)
    with pytest.raises(RegistryNotFound):
        entitled(store.environment("ci"), forge(answer))


@pytest.mark.parametrize("reason", [Reason.ANONYMOUS, Reason.ALREADY_ON_HOST])
@pytest.mark.parametrize(
    "forge",
    [name for name in FORGERIES if name.startswith(("address", "image of", "image on"))],
)
def test_forged_answers_without_a_credential(reason: Reason, forge: str) -> None:
    """R19: where image and address differ, not even the answer that none is needed is given."""
    store = filled()
    answer = FORGERIES[forge](asked(store)).__replace__(reason=reason)
    with pytest.raises(RegistryNotFound):
        store.credential("ci", answer)


def test_an_answer_that_calls_itself_anonymous() -> None:
    """R10: an answer does not become anonymous by saying so, where a registry is in force."""
    store = filled()
    answer = asked(store).__replace__(reason=Reason.ANONYMOUS, registry=None)
    with pytest.raises(StaleResolution, match=r"registry ci/3 was added for quay\.io"):
        store.credential("ci", answer)


def test_an_answer_that_calls_itself_allowed() -> None:
    """R7: a denial forged into an allowance gets no secret of an inactive registry."""
    store = filled()
    store.deactivate("ci", "ci/3")
    answer = asked(store).__replace__(reason=Reason.CREDENTIAL)
    assert answer.allowed
    with pytest.raises(StaleResolution, match="was deactivated"):
        store.credential("ci", answer)


def test_an_answer_that_calls_for_an_older_registry() -> None:
    """R6: an overridden registry's secret is not to be had by asking for it."""
    store = filled()
    answer = asked(store).__replace__(registry=store.environment("ci").registry("ci/1"))
    with pytest.raises(StaleResolution, match="registry ci/1 was overridden by ci/3"):
        store.credential("ci", answer)


def test_what_else_an_answer_says_of_its_registry_is_ignored() -> None:
    """R19: username and state are looked up in the store, whatever the answer says of them."""
    store = filled()
    answer = asked(store)
    assert answer.registry is not None
    told = dataclasses.replace(answer.registry, username="root", state=RegistryState.INACTIVE)
    credential = store.credential("ci", answer.__replace__(registry=told))
    assert credential is not None
    assert credential.username == "new"


# Stale


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda store: store.remove("ci", "ci/3"), "registry ci/3 was removed"),
        (lambda store: store.deactivate("ci", "ci/3"), "registry ci/3 was deactivated"),
        (
            lambda store: store.add("ci", "QUAY.io:443", papers("u")),
            "registry ci/3 was overridden by ci/4",
        ),
        (
            lambda store: store.deactivate("ci", store.add("ci", QUAY, papers("u")).id),
            "registry ci/3 was overridden by ci/4",
        ),
    ],
    ids=["gone", "inactive", "overridden", "overridden by an inactive one"],
)
def test_a_stale_answer(change: Callable[[MemoryStore], object], told: str) -> None:
    """R6, R7, R8: an answer that no longer holds gets no secret, neither the old nor the new."""
    store = filled()
    answer = asked(store)
    change(store)
    with pytest.raises(StaleResolution) as caught:
        store.credential("ci", answer)
    assert caught.value.answer is answer
    assert caught.value.change == told
    assert str(caught.value) == f"quay.io/acme/api:1.2 in 'ci': {told}; resolve again"


def test_gone_with_all_of_its_address() -> None:
    """R8: when the last registry of an address is gone its answers do not become anonymous."""
    store = filled()
    answer = asked(store)
    store.remove("ci", "ci/3")
    store.remove("ci", "ci/1")
    with pytest.raises(StaleResolution, match="was removed"):
        store.credential("ci", answer)
    assert store.credential("ci", asked(store)) is None


@pytest.mark.parametrize("state", ["active", "inactive"])
def test_added_since(state: str) -> None:
    """R10: an anonymous answer goes stale when a registry of its address is added."""
    store = filled()
    answer = asked(store, "ubuntu")
    added = store.add("ci", "index.docker.io", papers("u"))
    if state == "inactive":
        store.deactivate("ci", added.id)
    with pytest.raises(StaleResolution, match=r"registry ci/4 was added for docker\.io"):
        store.credential("ci", answer)
    store.remove("ci", added.id)
    assert store.credential("ci", answer) is None


def test_destroyed_since() -> None:
    """R17: the answers of a destroyed environment find no environment."""
    store = filled()
    answers = [asked(store), asked(store, "ubuntu"), asked(store).__replace__(address=EVIL)]
    store.destroy("ci")
    for answer in answers:
        with pytest.raises(EnvironmentNotFound):
            store.credential("ci", answer)


def test_destroyed_and_created_since() -> None:
    """R5: an answer whose number the new environment has not reached finds no registry."""
    store = filled()
    answer = asked(store)
    store.destroy("ci")
    store.add("ci", "quay.io", papers("u"))
    with pytest.raises(RegistryNotFound):
        store.credential("ci", answer)


def test_an_environment_of_parts_is_enough() -> None:
    """R19: the records of the answer's address and of its registry decide as all records do."""
    answer = resolve(IMAGE, Environment("ci").added("quay.io", username="u"))
    only = Environment("ci", registries=[registry("ci", 1)], additions=9)
    assert entitled(only, answer) is only.registries[0]
    with pytest.raises(StaleResolution, match="was removed"):
        entitled(Environment("ci", additions=9), answer)


@SOME
@given(
    st.data(),
    strategies.environments(name=st.just("ci")),
    strategies.environments(name=st.sampled_from(["ci", "cd"])),
)
def test_no_answer_gets_another_hosts_secret(
    data: st.DataObject, environment: Environment, other: Environment
) -> None:
    """R17, R19: an answer gets the registry in force for its image and environment, or fails."""
    address = data.draw(strategies.addresses())
    spelt = strategies.spellings(address).map(str)
    answer = resolve(data.draw(strategies.references(spelt)), other)
    stranger = data.draw(st.sampled_from([None, *environment.registries, *other.registries]))
    if data.draw(st.booleans()):
        answer = answer.__replace__(registry=stranger)
    try:
        found = entitled(environment, answer)
    except (PullDenied, RegistryNotFound, StaleResolution):
        return
    if found is None:
        assert answer.reason is Reason.ANONYMOUS
        assert environment.in_force(address) is None
    else:
        assert found is environment.in_force(str(answer.image.registry))
        assert found.is_active
        assert found.address == address
        assert found.environment == answer.environment


# All at once, for Kubernetes


def test_credentials_are_those_in_force_and_active() -> None:
    """R18: Kubernetes is given one credential per address, of the registry in force if active."""
    store = filled()
    delivered = store.credentials("ci")
    assert {a: revealed(c) for a, c in delivered.items()} == {
        GHCR: "secret of hub",
        QUAY: "secret of new",
    }
    store.deactivate("ci", "ci/3")
    assert store.credentials("ci").keys() == {GHCR}
    store.remove("ci", "ci/3")
    assert revealed(store.credentials("ci")[QUAY]) == "secret of old"


@pytest.mark.parametrize("orchestration", Orchestration)
def test_credentials_of_any_orchestration(orchestration: Orchestration) -> None:
    """R18: what is delivered does not depend on the orchestration."""
    store = MemoryStore()
    store.create("x", orchestration)
    assert store.credentials("x") == {}
    store.add("x", "quay.io", papers("u"))
    assert store.credentials("x") == {QUAY: papers("u")}


@pytest.mark.parametrize(
    ("whitelist", "delivered"),
    [
        (None, {QUAY, GHCR}),
        ("", {QUAY, GHCR}),
        ("quay.io", {QUAY}),
        ("quay.io/acme, docker.io", {QUAY}),
        ("quay.io:5000", set[RegistryAddress]()),
        ("*.quay.io", set[RegistryAddress]()),
        ("*.io", {QUAY, GHCR}),
        ("GHCR.io:443, QUAY.io", {QUAY, GHCR}),
    ],
)
def test_credentials_that_settings_allow(
    whitelist: str | None, delivered: set[RegistryAddress]
) -> None:
    """R14, R18: with settings, only what some whitelist entry could match is delivered."""
    store = filled()
    assert store.credentials("ci", Settings(whitelist=whitelist)).keys() == delivered
    assert store.credentials("ci", settings=Settings(whitelist=whitelist)).keys() == delivered


def test_saved_settings_are_not_applied_unasked() -> None:
    """R18: settings limit a delivery when they are given, and not by being saved."""
    store = filled()
    store.save_settings(Settings(whitelist="ghcr.io"))
    assert store.credentials("ci").keys() == {QUAY, GHCR}


def test_what_is_delivered_is_the_callers() -> None:
    """R24: changing what was delivered changes nothing in the store."""
    store = filled()
    store.credentials("ci").clear()
    assert store.credentials("ci").keys() == {QUAY, GHCR}


@SOME
@given(strategies.environments(), st.none() | strategies.settings())
def test_deliverable_equals_the_model(environment: Environment, settings: Settings | None) -> None:
    """R18: delivered are, in order, the last of each address, if active and the whitelist could."""
    last = {registry.address: registry for registry in environment.registries}
    expected = [
        registry
        for registry in environment.registries
        if last[registry.address] is registry
        and registry.state == "active"
        and (settings is None or settings.whitelist.could_match(registry.address))
    ]
    assert list(deliverable(environment, settings)) == expected


@SOME
@given(strategies.environments(), st.data())
def test_what_can_be_pulled_is_delivered(environment: Environment, data: st.DataObject) -> None:
    """R18: whatever `resolve` allows with a credential, the delivery for its settings contains."""
    own = [registry.address for registry in environment.registries] or [QUAY]
    chosen = st.sampled_from(own)
    entries = st.lists(strategies.whitelist_entries(chosen), min_size=1, max_size=3)
    settings = Settings(whitelist=Whitelist(data.draw(entries)))
    address = data.draw(chosen)
    answer = resolve(f"{address}/{data.draw(strategies.repositories())}", environment, settings)
    if answer.reason is Reason.CREDENTIAL:
        assert answer.registry in deliverable(environment, settings)
