"""Stores that hand out what they should not, or show what is not so."""

from __future__ import annotations

from contextlib import suppress
from copy import deepcopy
from dataclasses import replace
from typing import TYPE_CHECKING

from tests.testing.faults import SharedStore, fault
from wharfinger import (
    Credential,
    Environment,
    EnvironmentExists,
    MemoryStore,
    Orchestration,
    PullDenied,
    Reason,
    Registry,
    RegistryAddress,
    RegistryNotFound,
    Resolution,
    Settings,
    StaleResolution,
    Whitelist,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    Real = Callable[..., Registry]
    Given = Callable[..., Credential | None]
    All = dict[RegistryAddress, Credential]

# Handing out one secret


@fault("credential", "test_the_credential_in_force")
def the_oldest_wins(
    store: MemoryStore, real: Given, environment: str, answer: Resolution
) -> object:
    """R6."""
    if real(environment, answer) is None:
        return None
    tenant = store._tenant(environment)
    of = (n for n, registry in tenant.registries.items() if registry.address == answer.address)
    return tenant.credentials[min(of)]


@fault("credential", "test_the_credential_in_force")
def any_environments_number(
    store: MemoryStore, real: Given, environment: str, answer: Resolution
) -> object:
    """R17: the secret is looked up by the registry's number alone, in the newest environment."""
    if real(environment, answer) is None or answer.registry is None:
        return None
    number = answer.registry.sequence
    tenants = reversed(store._tenants.values())
    return next(t.credentials[number] for t in tenants if number in t.credentials)


@fault("credential", "test_a_stale_answer")
def inactive_is_given(
    store: MemoryStore, real: Given, environment: str, answer: Resolution
) -> object:
    """R7: to an answer from before the deactivation."""
    try:
        return real(environment, answer)
    except StaleResolution:
        registry = store.environment(environment).in_force(answer.address)
        if registry is None or answer.registry is None or registry.id != answer.registry.id:
            raise
        return store._tenant(environment).credentials[registry.sequence]


@fault("credential", "test_a_stale_answer")
def anonymous_when_stale(_store: MemoryStore, real: Given, *of: object) -> object:
    """R6: a failure turns into an anonymous pull."""
    with suppress(StaleResolution):
        return real(*of)
    return None


@fault("credential", "test_a_denied_answer")
def anonymous_when_denied(_store: MemoryStore, real: Given, *of: object) -> object:
    """R7: a failure turns into an anonymous pull."""
    with suppress(PullDenied):
        return real(*of)
    return None


@fault("credential", "test_forged_answers")
def the_answer_is_trusted(
    store: MemoryStore, real: Given, environment: str, answer: Resolution
) -> object:
    """R19: whoever names a registry gets its secret, for any address."""
    try:
        return real(environment, answer)
    except RegistryNotFound:
        credentials = store._tenant(environment).credentials
        if answer.registry is None or answer.registry.sequence not in credentials:
            raise
        return credentials[answer.registry.sequence]


@fault("credential", "test_another_environments_answer")
def the_answers_environment(
    _store: MemoryStore, real: Given, environment: str, answer: Resolution
) -> object:
    """R17: not the one that asks, but the one that the answer names."""
    try:
        return real(environment, answer)
    except RegistryNotFound:
        return real(answer.environment, answer)


@fault("credential", "test_an_anonymous_answer")
def any_port_of_the_host(
    store: MemoryStore, real: Given, environment: str, answer: Resolution
) -> object:
    """R3, R19."""
    found = real(environment, answer)
    tenant = store._tenant(environment)
    hosts = {registry.address.host: n for n, registry in tenant.registries.items()}
    if answer.reason is Reason.ANONYMOUS and answer.address.host in hosts:
        return tenant.credentials[hosts[answer.address.host]]
    return found


@fault("credential", "test_an_image_on_the_host")
def given_for_no_pull(
    store: MemoryStore, real: Given, environment: str, answer: Resolution
) -> object:
    """R16: an image that is on the host gets a secret."""
    found = real(environment, answer)
    if answer.reason is Reason.ALREADY_ON_HOST:
        return store.credentials(environment).get(answer.address)
    return found


# Handing out all secrets


def delivered(store: MemoryStore, environment: str, *, active: bool) -> All:
    """The newest of each address that is active, or is not."""
    tenant = store._tenant(environment)
    return {
        registry.address: tenant.credentials[number]
        for number, registry in tenant.registries.items()
        if registry.is_active is active
    }


@fault("credentials", "test_credentials")
def inactive_are_delivered(
    store: MemoryStore, real: Callable[..., All], environment: str, *of: Settings
) -> object:
    """R7, R18."""
    return delivered(store, environment, active=False) | real(environment, *of)


@fault("credentials", "test_credentials")
def older_are_delivered(
    store: MemoryStore, real: Callable[..., All], environment: str, *of: Settings
) -> object:
    """R7: where the one in force is inactive."""
    return real(environment, *of) if of else delivered(store, environment, active=True)


@fault("credentials", "test_environments_do_not_see_each_other")
def all_environments_are_delivered(
    store: MemoryStore, real: Callable[..., All], environment: str, *of: Settings
) -> object:
    """R17."""
    found = real(environment, *of)
    for other in store.environments():
        found = real(other, *of) | found
    return found


@fault("credentials", "test_credentials")
def deliveries_are_shared(
    store: MemoryStore, real: Callable[..., All], environment: str, *of: Settings
) -> object:
    """R18: what a caller does to one shows in the next."""
    found = real(environment, *of)
    return vars(store).setdefault(f"shared {environment}", found)


@fault("credentials", "test_credentials")
def whitelist_is_ignored(
    _store: MemoryStore, real: Callable[..., All], environment: str, *of: Settings
) -> object:
    """R18."""
    real(environment, *of)
    return real(environment)


@fault("credentials", "test_credentials_for_what_is_no_settings")
def anything_limits_nothing(
    _store: MemoryStore, real: Callable[..., All], environment: str, *of: object
) -> object:
    """R18: a text, taken for settings without a whitelist."""
    return real(environment, *(settings for settings in of if isinstance(settings, Settings)))


@fault("credentials", "test_saved_settings_are_not_applied_unasked")
def saved_settings_limit(
    store: MemoryStore, real: Callable[..., All], environment: str, *of: Settings
) -> object:
    """R18."""
    return real(environment, *(of or [store.settings()]))


# Environments


@fault("environment", "test_a_change_makes_a_new_environment")
def snapshots_change(store: MemoryStore, real: Callable[..., Environment], name: str) -> object:
    """R24: an environment that was handed out is changed in place."""
    now = real(name)
    kept = vars(store).setdefault(f"kept {name}", now)
    for field in ("orchestration", "registries", "additions", "_in_force"):
        object.__setattr__(kept, field, getattr(now, field))
    return kept


@fault("environment", "test_a_change_makes_a_new_environment")
def snapshots_stay(store: MemoryStore, real: Callable[..., Environment], name: str) -> object:
    """R24: an environment is for ever what it was when it was first asked for."""
    return vars(store).setdefault(f"kept {name}", real(name))


@fault("environment", "test_the_same_until_something_changes")
def snapshots_are_copies(
    _store: MemoryStore, real: Callable[..., Environment], name: str
) -> object:
    """R24: nobody can tell by an environment that nothing has changed."""
    return replace(real(name))


@fault("environments", "test_create")
def names_are_unsorted(store: MemoryStore, _real: object) -> object:
    """They are listed as they were made."""
    return tuple(store._tenants)


@fault("create", "test_create_what_is_there")
def created_twice(
    store: MemoryStore, real: Callable[..., Environment], name: str, *of: Orchestration
) -> object:
    """What is there is taken for what was to be made."""
    with suppress(EnvironmentExists):
        return real(name, *of)
    return store.environment(name)


@fault("create", "test_create_what_is_there")
def created_anew(
    store: MemoryStore, real: Callable[..., Environment], name: str, *of: Orchestration
) -> object:
    """What is there is refused, and emptied."""
    try:
        return real(name, *of)
    except EnvironmentExists:
        store.destroy(name)
        real(name, *of)
        raise


# Settings, and what a store shows


@fault("save_settings", "test_settings_are_kept")
def settings_are_merged(
    store: MemoryStore, real: Callable[[Settings], None], settings: Settings
) -> None:
    """A whitelist stays when settings without one are saved."""
    before = store.settings().whitelist
    real(settings)
    if not settings.whitelist.restricts:
        real(replace(settings, whitelist=before))


@fault("save_settings", "test_settings_are_kept")
def a_blank_whitelist_is_none(
    _store: MemoryStore, real: Callable[[Settings], None], settings: Settings
) -> None:
    """R12: it can't be told any more that a text was given."""
    real(settings)
    if settings.whitelist.blank:
        real(replace(settings, whitelist=Whitelist(None)))


@fault("save_settings", "test_two_stores_share_nothing")
def settings_of_all_stores(
    store: MemoryStore, real: Callable[[Settings], None], settings: Settings
) -> None:
    """What one is given, all have."""
    real(settings)
    setattr(type(store), "settings", lambda _store: settings)  # noqa: B010  # mypy would not have it


@fault("save_settings", "test_what_is_no_settings")
def settings_are_anything(store: MemoryStore, _real: object, settings: Settings) -> None:
    """A whitelist's text, for one."""
    store._settings = settings


@fault("__repr__", "test_a_store_shows_no_secret")
def repr_tells_the_secrets(store: MemoryStore, _real: object) -> object:
    """R9."""
    tenants = store._tenants.values()
    return f"{[c.secret.reveal() for tenant in tenants for c in tenant.credentials.values()]}"


# Two handles


@fault("deactivate", "test_another_handle", SharedStore)
def handles_part(store: MemoryStore, real: Real, *of: str) -> object:
    """What this handle changes from now on, no other sees."""
    store._tenants = deepcopy(store._tenants)
    return real(*of)


@fault("save_settings", "test_another_handle", SharedStore)
def handles_keep_settings(
    store: SharedStore, real: Callable[[Settings], None], of: Settings
) -> None:
    """What this handle saves, no other sees."""
    store.data = MemoryStore()
    real(of)
