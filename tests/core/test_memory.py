"""The store in memory, method by method (R5 to R9, R17, R18, R22)."""

from __future__ import annotations

import gc
import json
from types import FunctionType, ModuleType
from typing import TYPE_CHECKING, Final, cast

import pytest

from wharfinger import (
    Credential,
    CredentialStore,
    Environment,
    EnvironmentExists,
    EnvironmentNotFound,
    InvalidAddress,
    InvalidCredential,
    InvalidEnvironment,
    MemoryStore,
    Orchestration,
    Registry,
    RegistryAddress,
    RegistryNotFound,
    RegistryState,
    Secret,
    Settings,
    SettingsStore,
    resolve,
)

if TYPE_CHECKING:
    from collections.abc import Callable

QUAY: Final = RegistryAddress.parse("quay.io")
GHCR: Final = RegistryAddress.parse("ghcr.io")


def papers(name: str) -> Credential:
    """A credential whose secret tells whose it is."""
    return Credential(name, Secret(f"secret of {name}"))


def filled() -> MemoryStore:
    """Two registries of one address and one of another in `ci`, one in `cd`, and an empty `k8s`."""
    store = MemoryStore()
    store.add("ci", "quay.io", papers("old"), added_by="alice")
    store.add("ci", "ghcr.io", papers("hub"))
    store.add("ci", "Quay.io:0443", papers("new"))
    store.add("cd", "quay.io", papers("other"))
    store.create("k8s", Orchestration.KUBERNETES)
    return store


def everything(store: MemoryStore) -> object:
    """All a store knows, secrets included."""
    return (
        store.settings(),
        [store.environment(name) for name in store.environments()],
        {
            name: {n: kept.secret.reveal() for n, kept in tenant.credentials.items()}
            for name, tenant in store._tenants.items()
        },
    )


def living() -> list[str]:
    """The text of every secret that some object still holds."""
    gc.collect()
    return [found.reveal() for found in gc.get_objects() if type(found) is Secret]


def texts_within(start: object) -> set[str]:
    """Every text that can be reached from an object."""
    seen: dict[int, object] = {}
    waiting = [start]
    while waiting:
        found = waiting.pop()
        if id(found) in seen or isinstance(found, (type, ModuleType, FunctionType)):
            continue
        seen[id(found)] = found
        waiting += gc.get_referents(found)
    return {found for found in seen.values() if isinstance(found, str)}


def given(store: MemoryStore, environment: str, image: str) -> str | None:
    """The secret that an image of an environment is pulled with."""
    answer = resolve(image, store.environment(environment))
    credential = store.credential(environment, answer)
    return None if credential is None else credential.secret.reveal()


# Environments


def test_it_is_both_stores() -> None:
    """A memory store implements both protocols."""
    store = MemoryStore()
    assert isinstance(store, CredentialStore)
    assert isinstance(store, SettingsStore)
    assert not isinstance(object(), CredentialStore)
    assert not isinstance(object(), SettingsStore)


def test_a_new_store_is_empty() -> None:
    """A new store has no environment, and the settings out of the box."""
    assert MemoryStore().environments() == ()
    assert MemoryStore().settings() == Settings()


@pytest.mark.parametrize("orchestration", Orchestration)
def test_create(orchestration: Orchestration) -> None:
    """A created environment is empty and has the orchestration it was given."""
    store = MemoryStore()
    made = store.create("staging", orchestration)
    assert made == Environment("staging", orchestration)
    assert store.environment("staging") is made
    assert MemoryStore().create("staging").orchestration is Orchestration.CATTLE


def test_create_what_is_there() -> None:
    """An environment is created once, and a second time is refused."""
    store = filled()
    before = everything(store)
    with pytest.raises(EnvironmentExists, match="environment 'ci' is there already") as caught:
        store.create("ci", Orchestration.KUBERNETES)
    assert caught.value.name == "ci"
    assert isinstance(caught.value, ValueError)
    assert everything(store) == before


def test_names_are_sorted() -> None:
    """The names of all environments come sorted."""
    assert filled().environments() == ("cd", "ci", "k8s")


def test_destroy() -> None:
    """R5: a destroyed environment is gone, and one of its name starts anew."""
    store = filled()
    store.destroy("ci")
    assert store.environments() == ("cd", "k8s")
    with pytest.raises(EnvironmentNotFound):
        store.environment("ci")
    assert store.add("ci", "quay.io", papers("again")).id == "ci/1"
    assert store.environment("ci").orchestration is Orchestration.CATTLE


def calls(store: MemoryStore, environment: str, registry_id: str) -> list[Callable[[], object]]:
    """Every call that names an environment which must be there."""
    answer = resolve("quay.io/acme/api", Environment(environment or "x"))
    return [
        lambda: store.environment(environment),
        lambda: store.destroy(environment),
        lambda: store.update(environment, registry_id, papers("u")),
        lambda: store.activate(environment, registry_id),
        lambda: store.deactivate(environment, registry_id),
        lambda: store.remove(environment, registry_id),
        lambda: store.credential(environment, answer),
        lambda: store.credentials(environment),
    ]


@pytest.mark.parametrize(
    ("name", "nearest"),
    [("cii", "ci"), ("CI", None), ("k8", "k8s"), ("production", None), ("", None)],
)
def test_unknown_environments(name: str, nearest: str | None) -> None:
    """An unknown environment is refused by every call alike, and the nearest name is told."""
    store = filled()
    before = everything(store)
    for call in calls(store, name, "ci/1"):
        with pytest.raises(EnvironmentNotFound) as caught:
            call()
        assert (caught.value.name, caught.value.nearest) == (name, nearest)
        assert isinstance(caught.value, LookupError)
        assert caught.value.__suppress_context__
    assert everything(store) == before


def test_the_environment_is_the_same_until_something_changes() -> None:
    """R24: reading, and repeating what is so already, hands out the same object."""
    store = filled()
    environment = store.environment("ci")
    store.activate("ci", "ci/1")
    store.credentials("ci")
    store.credential("ci", resolve("quay.io/a", environment))
    store.save_settings(Settings(whitelist="quay.io"))
    store.add("cd", "ghcr.io", papers("u"))
    with pytest.raises(RegistryNotFound):
        store.remove("ci", "ci/9")
    assert store.environment("ci") is environment


@pytest.mark.parametrize(
    "change",
    [
        lambda store: store.add("ci", "quay.io", papers("u")),
        lambda store: store.update("ci", "ci/1", papers("u")),
        lambda store: store.deactivate("ci", "ci/1"),
        lambda store: store.remove("ci", "ci/1"),
    ],
    ids=["add", "update", "deactivate", "remove"],
)
def test_a_change_makes_a_new_environment(change: Callable[[MemoryStore], object]) -> None:
    """R24: an environment that was handed out never changes; after a change there is another."""
    store = filled()
    environment = store.environment("ci")
    registries = environment.registries
    change(store)
    assert environment.registries == registries == filled().environment("ci").registries
    assert store.environment("ci") != environment
    assert store.environment("ci") is store.environment("ci")


def test_an_environment_holds_no_secret() -> None:
    """R9: no secret can be reached from an environment, a registry or an answer."""
    store = filled()
    environment = store.environment("ci")
    answer = resolve("quay.io/acme/api", environment)
    secrets = {f"secret of {name}" for name in ("old", "hub", "new", "other")}
    assert secrets <= texts_within(store)
    assert not secrets & texts_within([environment, answer, environment.registries, answer.trace])


# Registries


def test_add() -> None:
    """R5, R6: an added registry is returned, is active, and is in force."""
    store = MemoryStore()
    registry = store.add("ci", "QUAY.io:443", papers("bot"), added_by="alice")
    assert registry == Registry(
        environment="ci", sequence=1, address="quay.io", username="bot", added_by="alice"
    )
    assert store.environment("ci") == Environment("ci").added(
        QUAY, username="bot", added_by="alice"
    )
    second = store.add("ci", QUAY, papers("new"))
    assert (second.id, second.added_by) == ("ci/2", None)
    assert store.environment("ci").in_force("quay.io") is second


def test_add_to_an_environment_that_is_there() -> None:
    """R18: adding leaves the orchestration of an environment as it is."""
    store = filled()
    store.add("k8s", "quay.io", papers("u"))
    assert store.environment("k8s").orchestration is Orchestration.KUBERNETES


def test_numbers_are_never_used_again() -> None:
    """R5: the count of additions survives removal, even of all registries."""
    store = filled()
    for registry in store.environment("ci").registries:
        store.remove("ci", registry.id)
    assert store.environment("ci") == Environment("ci", additions=3)
    assert store.add("ci", "quay.io", papers("u")).id == "ci/4"


@pytest.mark.parametrize("environment", ["ci", "new"])
@pytest.mark.parametrize("address", ["https://quay.io", "quay.io/acme", "", "quay.io:0", "::1"])
def test_add_refuses_bad_addresses(environment: str, address: str) -> None:
    """R4: adding what is no address changes nothing and creates no environment."""
    store = filled()
    before = everything(store)
    with pytest.raises(InvalidAddress):
        store.add(environment, address, papers("u"))
    assert everything(store) == before


BAD = [
    Credential("", Secret("s")),
    Credential("u", Secret("")),
    Credential("u:v", Secret("s")),
    Credential("u\n", Secret("s")),
    Credential("\ud800", Secret("s")),
    Credential("u", Secret("\ud800")),
    Credential("_json_key", Secret("key.json")),
    Credential("_json_key_base64", Secret("{}")),
    Credential("oauth2accesstoken", Secret("a b")),
]


@pytest.mark.parametrize("environment", ["ci", "new"])
@pytest.mark.parametrize("credential", BAD, ids=range(len(BAD)))
def test_bad_credentials(environment: str, credential: Credential) -> None:
    """R9, R22: adding and updating refuse the same credentials, and change nothing."""
    store = filled()
    before = everything(store)
    with pytest.raises(InvalidCredential):
        store.add(environment, "quay.io", credential)
    with pytest.raises(InvalidCredential):
        store.update("ci", "ci/3", credential)
    assert everything(store) == before
    assert store.environments() == ("cd", "ci", "k8s")
    assert store.add("ci", "quay.io", papers("u")).sequence == 4


@pytest.mark.parametrize("environment", ["ci", "new"])
@pytest.mark.parametrize("credential", ["s", b"s", None, ("u", "s"), Secret("s")], ids=range(5))
def test_what_is_no_credential(environment: str, credential: object) -> None:
    """R9: what is no credential is refused by its type, and nothing changes."""
    store = filled()
    before = everything(store)
    with pytest.raises(TypeError, match=r"a store takes a Credential\(username, Secret\(text\)\)"):
        store.add(environment, "quay.io", cast("Credential", credential))
    with pytest.raises(TypeError, match=r"a store takes a Credential\(username, Secret\(text\)\)"):
        store.update("ci", "ci/3", cast("Credential", credential))
    assert everything(store) == before


@pytest.mark.parametrize("name", ["", " ci", "c\ni", "x" * 256], ids=range(4))
def test_bad_names(name: str) -> None:
    """A malformed name makes no environment, by creating or by adding."""
    store = filled()
    before = everything(store)
    with pytest.raises(InvalidEnvironment):
        store.create(name)
    with pytest.raises(InvalidEnvironment):
        store.add(name, "quay.io", papers("u"))
    assert everything(store) == before


def test_a_bad_orchestration_is_refused() -> None:
    """An unknown orchestration makes no environment."""
    store = MemoryStore()
    with pytest.raises(ValueError, match="swarm"):
        store.create("ci", cast("Orchestration", "swarm"))
    assert store.environments() == ()


@pytest.mark.parametrize(
    ("registry_id", "nearest"),
    [
        ("ci/4", {"ci/1", "ci/2", "ci/3"}),
        ("ci/33", {"ci/3"}),
        ("cd/1", {"ci/1"}),
        ("ci/01", {"ci/1"}),
        ("", {None}),
        ("1", {None}),
        ("production/7", {None}),
    ],
)
def test_unknown_registries(registry_id: str, nearest: set[str | None]) -> None:
    """R6, R17: an unknown id is refused by every call alike, another environment's included."""
    store = filled()
    before = everything(store)
    for call in calls(store, "ci", registry_id)[2:6]:
        with pytest.raises(RegistryNotFound) as caught:
            call()
        assert (caught.value.registry, caught.value.environment) == (registry_id, "ci")
        assert caught.value.nearest in nearest
        assert isinstance(caught.value, LookupError)
        assert caught.value.__suppress_context__
    assert everything(store) == before


def test_a_removed_id_is_unknown() -> None:
    """R6: of a removed registry nothing can be changed."""
    store = filled()
    store.remove("ci", "ci/2")
    for call in calls(store, "ci", "ci/2")[2:6]:
        with pytest.raises(RegistryNotFound):
            call()


def test_update_replaces_the_credential() -> None:
    """R9: an update replaces the whole credential, and keeps address, place, state and adder."""
    store = filled()
    store.deactivate("ci", "ci/1")
    updated = store.update("ci", "ci/1", papers("robot"))
    assert updated == Registry(
        environment="ci",
        sequence=1,
        address=QUAY,
        username="robot",
        state=RegistryState.INACTIVE,
        added_by="alice",
    )
    assert [r.id for r in store.environment("ci").registries] == ["ci/1", "ci/2", "ci/3"]
    store.update("ci", "ci/3", papers("newer"))
    assert given(store, "ci", "quay.io/a") == "secret of newer"
    store.remove("ci", "ci/3")
    store.activate("ci", "ci/1")
    assert given(store, "ci", "quay.io/a") == "secret of robot"


def test_activate_and_deactivate() -> None:
    """R7, R9: deactivating keeps the secret for activating, and repeating is no error."""
    store = filled()
    for _ in range(2):
        assert store.deactivate("ci", "ci/3").state is RegistryState.INACTIVE
        assert store.environment("ci").registry("ci/3").state is RegistryState.INACTIVE
    assert store.credentials("ci").keys() == {GHCR}
    for _ in range(2):
        assert store.activate("ci", "ci/3").state is RegistryState.ACTIVE
    assert store.environment("ci") == filled().environment("ci")
    assert given(store, "ci", "quay.io/a") == "secret of new"


def test_remove_puts_the_next_most_recent_back() -> None:
    """R8: after a removal the next most recent registry and its secret are in force."""
    store = filled()
    store.remove("ci", "ci/3")
    assert given(store, "ci", "quay.io/a") == "secret of old"
    store.remove("ci", "ci/1")
    assert given(store, "ci", "quay.io/a") is None


@pytest.mark.parametrize(
    ("change", "gone"),
    [
        (lambda store: store.remove("ci", "ci/3"), {"new"}),
        (lambda store: store.remove("ci", "ci/1"), {"old"}),
        (lambda store: store.update("ci", "ci/3", papers("newer")), {"new"}),
        (lambda store: store.destroy("ci"), {"old", "hub", "new"}),
        (lambda store: store.deactivate("ci", "ci/3"), set[str]()),
    ],
    ids=["in force", "overridden", "update", "destroy", "deactivate"],
)
def test_secrets_are_destroyed(change: Callable[[MemoryStore], object], gone: set[str]) -> None:
    """R8: a secret that was removed, replaced or destroyed is held by no object any more."""
    store = filled()
    all_of_them = {"old", "hub", "new", "other"}
    assert {f"secret of {name}" for name in all_of_them} <= set(living())
    answer = resolve("quay.io/a", store.environment("ci"))
    store.credentials("ci")
    store.credential("ci", answer)
    change(store)
    left = {f"secret of {name}" for name in all_of_them - gone}
    secrets = {f"secret of {name}" for name in all_of_them}
    assert set(living()) & secrets == left
    assert texts_within(store) & secrets == left


def test_environments_do_not_see_each_other() -> None:
    """R17: no change in one environment shows in another."""
    store = filled()
    other = store.environment("cd")
    store.deactivate("ci", "ci/3")
    store.remove("ci", "ci/2")
    store.add("ci", "quay.io", papers("u"))
    store.destroy("ci")
    assert store.environment("cd") is other
    assert given(store, "cd", "quay.io/a") == "secret of other"
    assert store.credentials("k8s") == {}


def test_names_with_slashes_keep_apart() -> None:
    """R17: ids of an environment whose name ends like an id are its own."""
    store = MemoryStore()
    store.add("team", "quay.io", papers("outer"))
    store.add("team/1", "quay.io", papers("inner"))
    with pytest.raises(RegistryNotFound):
        store.remove("team", "team/1/1")
    with pytest.raises(RegistryNotFound):
        store.remove("team/1", "team/1")
    store.remove("team", "team/1")
    assert given(store, "team/1", "quay.io/a") == "secret of inner"


# Settings and display


def test_settings_are_kept() -> None:
    """Saved settings replace those before, and are handed out as they are."""
    store = MemoryStore()
    for settings in (Settings(whitelist="quay.io"), Settings(default_registry="quay.io")):
        store.save_settings(settings)
        assert store.settings() is settings


@pytest.mark.parametrize("settings", [None, "quay.io", {"registry.default": "quay.io"}])
def test_what_is_no_settings(settings: object) -> None:
    """Anything but settings is refused, and those before stay."""
    store = MemoryStore()
    with pytest.raises(TypeError, match=type(settings).__name__):
        store.save_settings(cast("Settings", settings))
    assert store.settings() == Settings()


def test_stores_are_separate() -> None:
    """Two stores share nothing."""
    one, other = filled(), MemoryStore()
    one.save_settings(Settings(whitelist="quay.io"))
    assert other.environments() == ()
    assert other.settings() == Settings()


def test_the_repr_of_a_store() -> None:
    """A store's repr counts, and names nobody."""
    assert repr(MemoryStore()) == "<MemoryStore: 0 environments, 0 registries>"
    assert repr(filled()) == "<MemoryStore: 3 environments, 4 registries>"


def test_google_keys_are_taken() -> None:
    """R22: a whole key file is taken at adding and updating."""
    store = MemoryStore()
    key = {"type": "service_account", "private_key": "k", "client_email": "e"}
    credential = Credential("_json_key", Secret(json.dumps(key)))
    registry = store.add("ci", "gcr.io", credential)
    assert store.update("ci", registry.id, credential).username == "_json_key"
