"""Registries as values (R5, R6, R7)."""

from __future__ import annotations

import copy
import dataclasses
import pickle
import sys
from typing import Any, Final, cast

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from wharfinger import InvalidAddress, Registry, RegistryAddress, RegistryState
from wharfinger.testing import strategies

# The examples are simple; how many there are goes with the profile.
SOME: Final = hypothesis_settings(max_examples=max(20, hypothesis_settings().max_examples // 3))
FIELDS = ("environment", "sequence", "address", "username", "state", "added_by")


def made(**changes: Any) -> Registry:  # noqa: ANN401  # any field
    registry = Registry(environment="ci", sequence=7, address="quay.io", username="bot")
    return replaced(registry, **changes)


def replaced(registry: Registry, **changes: Any) -> Registry:  # noqa: ANN401  # any field
    if sys.version_info >= (3, 13):
        return copy.replace(registry, **changes)
    return dataclasses.replace(registry, **changes)


def pickled(registry: Registry, protocol: int) -> object:
    return pickle.loads(pickle.dumps(registry, protocol))  # noqa: S301  # made one line above


@st.composite
def registries(draw: st.DrawFn) -> Registry:
    return Registry(
        environment=draw(strategies.environment_names()),
        sequence=draw(st.integers(1, 10**6)),
        address=draw(strategies.addresses()),
        username=draw(strategies.usernames()),
        state=draw(st.sampled_from(RegistryState)),
        added_by=draw(st.none() | st.text(max_size=5)),
    )


def test_a_registry_has_its_parts() -> None:
    """R5: a registry's id is its environment and its number in the order of adding."""
    registry = Registry(environment="team/a", sequence=7, address="quay.io", username="bot")
    assert registry.id == "team/a/7"
    assert registry.address == RegistryAddress.parse("quay.io")
    assert (registry.username, registry.added_by) == ("bot", None)
    assert registry.state is RegistryState.ACTIVE
    assert registry.is_active
    assert made(added_by="alice").added_by == "alice"


@SOME
@given(registries(), st.data())
def test_an_address_is_read_in_every_spelling(registry: Registry, data: st.DataObject) -> None:
    """R3: a registry of an address is the same registry however the address was typed."""
    spelling = data.draw(strategies.spellings(registry.address))
    assert replaced(registry, address=spelling) == registry


@pytest.mark.parametrize("address", ["https://quay.io", "quay.io/acme", "", "quay.io:0"])
def test_a_bad_address_is_refused(address: str) -> None:
    """R4: what is no address makes no registry."""
    with pytest.raises(InvalidAddress):
        made(address=address)


def test_the_states() -> None:
    """R6: states are active and inactive; overridden is none of them."""
    assert [state.value for state in RegistryState] == ["active", "inactive"]
    assert [repr(state) for state in RegistryState] == [
        "RegistryState.ACTIVE",
        "RegistryState.INACTIVE",
    ]


@pytest.mark.parametrize("state", RegistryState)
def test_a_state_is_read_from_text(state: RegistryState) -> None:
    """R7: a state may be given as its word."""
    registry = made(state=state.value)
    assert registry.state is state
    assert registry.is_active is (state is RegistryState.ACTIVE)


def test_an_unknown_state_is_refused() -> None:
    """R6: overridden is not a state."""
    with pytest.raises(ValueError, match="overridden"):
        made(state="overridden")


@pytest.mark.parametrize("name", FIELDS)
def test_a_registry_is_immutable(name: str) -> None:
    """No part of a registry can be changed or deleted."""
    registry = made()
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(registry, name, "other")
    with pytest.raises(dataclasses.FrozenInstanceError):
        delattr(registry, name)
    assert not hasattr(registry, "__dict__")


def test_a_registry_takes_keywords_alone() -> None:
    """The arguments of a registry are named, as four of them are texts."""
    with pytest.raises(TypeError):
        cast("type", Registry)("ci", 1, "quay.io", "bot")


def test_a_registry_is_as_its_parts() -> None:
    """Every part counts in equality and in the hash."""
    registry = made()
    others = [
        made(environment="cd"),
        made(sequence=8),
        made(address="ghcr.io"),
        made(username="ci"),
        made(state=RegistryState.INACTIVE),
        made(added_by="alice"),
    ]
    assert len({registry, *others}) == 7
    assert registry == made()
    assert hash(registry) == hash(made())
    assert registry != cast("object", "ci/7")


@SOME
@given(registries())
def test_a_registry_survives_pickling_and_copying(registry: Registry) -> None:
    """A pickled, copied or replaced registry is equal to the registry, with an equal hash."""
    copies = [pickled(registry, protocol) for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1)]
    copies += [copy.copy(registry), copy.deepcopy(registry), replaced(registry)]
    for copied in copies:
        assert copied == registry
        assert hash(copied) == hash(registry)


@SOME
@given(registries())
def test_the_repr_of_a_registry_can_be_pasted_back(registry: Registry) -> None:
    """The repr of a registry is the expression that makes it."""
    names: dict[str, object] = {
        "Registry": Registry,
        "RegistryAddress": RegistryAddress,
        "RegistryState": RegistryState,
    }
    assert eval(repr(registry), names) == registry  # noqa: S307  # that is the promise


def test_the_repr_of_a_registry() -> None:
    """The repr of a registry names every part."""
    assert repr(made()) == (
        "Registry(environment='ci', sequence=7, address=RegistryAddress.parse('quay.io'), "
        "username='bot', state=RegistryState.ACTIVE, added_by=None)"
    )
