"""Stores that change something else, or something more, than they should."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from tests.testing.faults import fault
from wharfinger import (
    Credential,
    EnvironmentExists,
    InvalidCredential,
    MemoryStore,
    Orchestration,
    Registry,
    RegistryAddress,
    RegistryNotFound,
    Resolution,
    Secret,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    Real = Callable[..., Registry]
    Given = Callable[..., Credential | None]
    All = dict[RegistryAddress, Credential]

# Updating


@fault("update", "test_update")
def updated_is_most_recent(store: MemoryStore, real: Real, environment: str, *of: object) -> object:
    """R6."""
    registry = real(environment, *of)
    registries = store._tenant(environment).registries
    registries[registry.sequence] = registries.pop(registry.sequence)
    return registry


@fault("update", "test_update")
def updated_is_active(store: MemoryStore, real: Real, environment: str, *of: object) -> object:
    """R6."""
    return store.activate(environment, real(environment, *of).id)


@fault("update", "test_update")
def updated_username_alone(store: MemoryStore, real: Real, environment: str, *of: object) -> object:
    """R9: the secret stays."""
    credentials = store._tenant(environment).credentials
    before = dict(credentials)
    registry = real(environment, *of)
    old = before[registry.sequence]
    credentials[registry.sequence] = replace(old, username=registry.username)
    return registry


@fault("update", "test_update")
def updated_by_nobody(store: MemoryStore, real: Real, environment: str, *of: object) -> object:
    """R9: who added it is forgotten."""
    registry = replace(real(environment, *of), added_by=None)
    store._tenant(environment).registries[registry.sequence] = registry
    return registry


@fault("update", "test_a_change_makes_a_new_environment")
def updated_secret_alone(store: MemoryStore, real: Real, environment: str, *of: object) -> object:
    """R9: the environment goes on showing the old username."""
    registries = store._tenant(environment).registries
    before = dict(registries)
    registry = real(environment, *of)
    registries[registry.sequence] = before[registry.sequence]
    return registry


# Activating, deactivating, removing


@fault("deactivate", "test_activate_and_deactivate")
def deactivated_is_removed(store: MemoryStore, real: Real, *of: str) -> object:
    """R7."""
    registry = real(*of)
    store.remove(*of)
    return registry


@fault("deactivate", "test_activate_and_deactivate")
def deactivated_has_no_secret(store: MemoryStore, real: Real, environment: str, of: str) -> object:
    """R9: activating would take the password."""
    registry = real(environment, of)
    store._tenant(environment).credentials[registry.sequence] = Credential("", Secret(""))
    return registry


@fault("deactivate", "test_activate_and_deactivate")
def deactivated_twice_is_an_error(store: MemoryStore, real: Real, name: str, of: str) -> object:
    """R6."""
    if not store.environment(name).registry(of).is_active:
        raise RegistryNotFound(of, name)
    return real(name, of)


@fault("activate", "test_activating_leaves_the_order")
def activated_is_most_recent(store: MemoryStore, real: Real, environment: str, of: str) -> object:
    """R6."""
    before = store.environment(environment)
    registry = real(environment, of)
    if store.environment(environment) is not before:
        tenant = store._tenant(environment)
        tenant.registries[registry.sequence] = tenant.registries.pop(registry.sequence)
        tenant._environment = None
    return registry


@fault("remove", "test_remove")
def removed_with_all_of_its_address(store: MemoryStore, real: Real, name: str, of: str) -> None:
    """R8."""
    address = store.environment(name).registry(of).address
    for registry in store.environment(name).registries:
        if registry.address == address:
            real(name, registry.id)


@fault("remove", "test_unknown_registries")
def removed_though_unknown(_store: MemoryStore, real: Real, *of: str) -> None:
    """R6."""
    with suppress(RegistryNotFound):
        real(*of)


@fault("remove", "test_unknown_registries")
def removed_by_number_alone(store: MemoryStore, real: Real, name: str, of: str) -> None:
    """R17: the name in an id is not looked at."""
    store.environment(name)
    real(name, f"{name}/{of.rpartition('/')[2]}")


@fault("remove", "test_numbers_are_never_used_again")
def removed_number_is_free(store: MemoryStore, real: Real, environment: str, of: str) -> None:
    """R5."""
    real(environment, of)
    tenant = store._tenant(environment)
    tenant.additions = max(tenant.registries, default=0)


@fault("remove", "test_a_stale_answer")
def removed_secret_is_kept(store: MemoryStore, real: Real, environment: str, of: str) -> None:
    """R8: an old answer gets it still."""
    tenant = store._tenant(environment)
    registry = tenant.registry(of)
    credential = tenant.credentials[registry.sequence]
    real(environment, of)

    def given(environment: str, answer: Resolution) -> Credential | None:
        if answer.registry == registry:
            return credential
        return MemoryStore.credential(store, environment, answer)

    vars(store)["credential"] = given


@fault("destroy", "test_destroy")
def destroyed_is_emptied_alone(store: MemoryStore, real: Real, environment: str) -> None:
    """R5: an environment of the same name goes on counting."""
    additions = store._tenant(environment).additions
    real(environment)

    def add(name: str, *of: object, **more: object) -> object:
        if name == environment and name not in store.environments():
            store.create(name)
            store._tenant(name).additions = additions
        return MemoryStore.add(store, name, *of, **more)  # type: ignore[arg-type]  # as they came

    vars(store)["add"] = add


# Adding


@fault("add", "test_refused_changes_change_nothing")
def refused_takes_a_number(
    store: MemoryStore, real: Real, name: str, *of: object, **more: str
) -> object:
    """R5."""
    try:
        return real(name, *of, **more)
    except InvalidCredential:
        if name in store.environments():
            store._tenant(name).additions += 1
        raise


@fault("add", "test_refused_changes_change_nothing")
def refused_creates(store: MemoryStore, real: Real, name: str, *of: object, **more: str) -> object:
    """R9: an environment is left, and empty."""
    with suppress(EnvironmentExists):
        store.create(name)
    return real(name, *of, **more)


@fault("update", "test_refused_changes_change_nothing")
def refused_deactivates(store: MemoryStore, real: Real, *of: str) -> object:
    """R9: an update is refused when half of it is done."""
    try:
        return real(*of)
    except InvalidCredential:
        store.deactivate(*of[:2])
        raise


@fault("add", "test_refused_changes_change_nothing")
def refused_with_the_secret(
    _store: MemoryStore, real: Real, name: str, address: str, of: Credential, **more: str
) -> object:
    """R9: the error tells it."""
    try:
        return real(name, address, of, **more)
    except InvalidCredential as error:
        raise InvalidCredential(error.part, f"not {of.secret.reveal()}") from None


@fault("add", "test_refused_changes_change_nothing")
def refused_because_of_the_secret(
    _store: MemoryStore, real: Real, name: str, address: str, of: Credential, **more: str
) -> object:
    """R9: the error behind the error tells it."""
    try:
        return real(name, address, of, **more)
    except InvalidCredential as error:
        raise error from ValueError(of.secret.reveal())


@fault("add", "test_refused_changes_change_nothing")
def email_is_dropped(
    _store: MemoryStore, real: Real, name: str, address: str, of: Credential, **more: str
) -> object:
    """R9: one that can't be kept is not refused."""
    try:
        return real(name, address, of, **more)
    except InvalidCredential as error:
        if error.part == "email":
            return real(name, address, replace(of, email=None), **more)
        raise


@fault("add", "test_add_leaves_the_orchestration")
def added_makes_cattle(
    store: MemoryStore, real: Real, name: str, *of: object, **more: str
) -> object:
    """R18."""
    registry = real(name, *of, **more)
    store._tenant(name)._orchestration = Orchestration.CATTLE
    return registry


@fault("add", "test_names_of_every_script")
def added_in_lower_case(
    _store: MemoryStore, real: Real, name: str, *of: object, **more: str
) -> object:
    """R17: two environments are one."""
    return real(name.lower(), *of, **more)


@fault("add", "test_names_of_every_script")
def added_to_one_count(
    store: MemoryStore, real: Real, name: str, *of: object, **more: str
) -> object:
    """R5: all environments count together."""
    with suppress(EnvironmentExists):
        store.create(name)
    store._tenant(name).additions = max(tenant.additions for tenant in store._tenants.values())
    return real(name, *of, **more)


@fault("add", "test_a_credential_comes_back_whole")
def secret_is_trimmed(
    store: MemoryStore, real: Real, name: str, *of: object, **more: str
) -> object:
    """R9: the blanks around it are taken for a slip."""
    registry = real(name, *of, **more)
    credentials = store._tenant(name).credentials
    one = credentials[registry.sequence]
    credentials[registry.sequence] = replace(one, secret=Secret(one.secret.reveal().strip()))
    return registry


@fault("add", "test_a_credential_comes_back_whole")
def kind_is_forgotten(
    store: MemoryStore, real: Real, name: str, *of: object, **more: str
) -> object:
    """R9: every secret is a password."""
    registry = real(name, *of, **more)
    credentials = store._tenant(name).credentials
    one = credentials[registry.sequence]
    credentials[registry.sequence] = Credential(one.username, one.secret, one.email)
    return registry
