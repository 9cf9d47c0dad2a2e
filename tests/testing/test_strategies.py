"""The strategies keep their word: what they make is valid, by the library's own reading."""

from __future__ import annotations

import copy

from hypothesis import find, given
from hypothesis import strategies as st

from wharfinger import (
    Credential,
    DefaultRegistry,
    Environment,
    ImageReference,
    InvalidReference,
    RegistryAddress,
    Secret,
    Settings,
    Whitelist,
)
from wharfinger.testing import strategies


def is_reference(text: str) -> bool:
    try:
        ImageReference.parse(text)
    except InvalidReference:
        return False
    return True


@given(strategies.references(), strategies.repositories(), strategies.tags(), strategies.digests())
def test_references_and_their_parts_are_valid(text: str, path: str, tag: str, digest: str) -> None:
    """R1: references, repositories, tags and digests are what they say."""
    assert is_reference(text)
    assert is_reference(f"quay.io/{path}:{tag}@{digest}")


@given(strategies.references(registry=st.just("quay.io")))
def test_the_registry_of_references_can_be_chosen(text: str) -> None:
    """R1: the registry part comes from the strategy that was given."""
    assert ImageReference.parse(text).registry == "quay.io"


@given(strategies.hosts(), strategies.addresses().flatmap(strategies.spellings))
def test_hosts_and_spellings_are_addresses(host: str, spelling: str) -> None:
    """R4: every host, and every spelling of an address, is an address."""
    assert str(RegistryAddress.parse(host))
    assert is_reference(f"{spelling}/acme/api")


def test_near_misses_are_on_both_sides() -> None:
    """R20: some near misses are references and some are not."""
    assert is_reference(find(strategies.near_misses(), is_reference))
    assert not is_reference(find(strategies.near_misses(), lambda text: not is_reference(text)))


@given(strategies.credentials(), strategies.credentials(strategies.secrets(st.just("s3cret"))))
def test_credentials_are_taken_by_every_store(made: Credential, chosen: Credential) -> None:
    """R9, R22: credentials pass the check, and their secret can be chosen."""
    assert made.check() is made
    assert chosen.check().secret == Secret("s3cret")


@given(
    strategies.environments(),
    strategies.environments(name=st.just("ci")),
    strategies.environment_names(),
    strategies.usernames(),
)
def test_environments_are_valid(
    environment: Environment, named: Environment, name: str, username: str
) -> None:
    """R5: environments can be made again from their parts, and their names from the strategy."""
    parts = (environment.orchestration, environment.registries, environment.additions)
    assert Environment(environment.name, *parts) == environment
    assert named.name == "ci"
    assert Environment(name).added("quay.io", username=username).additions == 1


@given(
    strategies.settings(),
    strategies.whitelists(),
    strategies.whitelist_entries(),
    strategies.default_registries(),
)
def test_settings_are_valid(
    settings: Settings, whitelist: Whitelist, entry: str, default: DefaultRegistry
) -> None:
    """R11, R14: settings and their parts are read as they are written."""
    assert copy.copy(settings) == settings
    assert Whitelist([entry]).entries
    assert Settings(default_registry=str(default), whitelist=whitelist).default_registry == default


@given(st.data())
def test_every_public_strategy_makes_something(data: st.DataObject) -> None:
    """Every name the module exports is a strategy, or makes one of an address."""
    for name in strategies.__all__:
        if name != "spellings":
            assert data.draw(getattr(strategies, name)()) is not None
