"""Environments: registries in the order they were added, and which one is in force (R5 to R9)."""

from __future__ import annotations

import copy
import dataclasses
import pickle
import sys
from typing import TYPE_CHECKING, Any, Final, cast

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from wharfinger import (
    Environment,
    InvalidAddress,
    InvalidCredential,
    InvalidEnvironment,
    Orchestration,
    Registry,
    RegistryAddress,
    RegistryNotFound,
    RegistryState,
)
from wharfinger.core.environment import sequence_of
from wharfinger.core.registry import check_name
from wharfinger.testing import strategies

if TYPE_CHECKING:
    from collections.abc import Iterator

# Each example is a whole environment; how many of them goes with the profile.
SOME: Final = hypothesis_settings(max_examples=max(20, hypothesis_settings().max_examples // 3))
USUAL: Final = ("docker.io", "quay.io", "registry.corp:5000", "localhost:5000", "[::1]:5000")


def replaced(environment: Environment, **changes: Any) -> Environment:  # noqa: ANN401  # any field
    if sys.version_info >= (3, 13):
        return copy.replace(environment, **changes)
    return dataclasses.replace(environment, **changes)


def pickled(environment: Environment, protocol: int) -> Environment:
    dumped = pickle.dumps(environment, protocol)
    return cast("Environment", pickle.loads(dumped))  # noqa: S301  # made one line above


def row(sequence: int, address: str = "quay.io", environment: str = "ci") -> Registry:
    return Registry(
        environment=environment, sequence=sequence, address=address, username=f"u{sequence}"
    )


def with_three() -> Environment:
    """Two of one address, spelt differently, and one between them."""
    environment = Environment("ci").added("quay.io", username="old")
    return environment.added("ghcr.io", username="hub").added("QUAY.IO:0443", username="new")


def model(environment: Environment, address: RegistryAddress) -> Registry | None:
    found = None
    for registry in environment.registries:
        if registry.address == address:
            found = registry
    return found


# The value


def test_an_environment_has_its_parts() -> None:
    """An environment is a name, an orchestration, and its registries."""
    environment = Environment("ci")
    assert environment.name == "ci"
    assert environment.orchestration is Orchestration.CATTLE
    assert environment.registries == ()
    assert environment.additions == 0


@pytest.mark.parametrize("orchestration", Orchestration)
def test_an_orchestration_is_read_from_text(orchestration: Orchestration) -> None:
    """R18: the orchestration may be given as its word."""
    given_as_text = Environment("ci", cast("Orchestration", orchestration.value))
    assert given_as_text.orchestration is orchestration
    assert repr(orchestration) == f"Orchestration.{orchestration.name}"


def test_an_unknown_orchestration_is_refused() -> None:
    """The orchestrations are two."""
    assert [known.value for known in Orchestration] == ["cattle", "kubernetes"]
    with pytest.raises(ValueError, match="swarm"):
        Environment("ci", cast("Orchestration", "swarm"))


@pytest.mark.parametrize("name", ["name", "orchestration", "registries", "additions", "_in_force"])
def test_an_environment_is_immutable(name: str) -> None:
    """No part of an environment can be changed or deleted."""
    environment = with_three()
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(environment, name, "other")
    with pytest.raises(dataclasses.FrozenInstanceError):
        delattr(environment, name)
    assert not hasattr(environment, "__dict__")


def test_an_environment_is_as_its_parts() -> None:
    """R5: every part counts in equality and in the hash, the count of additions among them."""
    environment = Environment("ci", registries=[row(1)])
    others = [
        Environment("cd", registries=[row(1, environment="cd")]),
        Environment("ci", Orchestration.KUBERNETES, [row(1)]),
        Environment("ci", registries=[row(2)]),
        Environment("ci", registries=[row(1)], additions=2),
        Environment("ci"),
    ]
    assert len({environment, *others}) == 6
    assert environment == Environment("ci", Orchestration.CATTLE, (row(1),), 1)
    assert hash(environment) == hash(Environment("ci", registries=iter([row(1)])))
    assert environment != cast("object", "ci")


def test_asking_changes_nothing() -> None:
    """R24: an environment that was asked is equal to one that was not."""
    asked, fresh = with_three(), with_three()
    assert asked.in_force("quay.io") is not None
    assert asked == fresh
    assert hash(asked) == hash(fresh)
    assert repr(asked) == repr(fresh)
    assert pickle.dumps(asked) == pickle.dumps(fresh)


@SOME
@given(strategies.environments())
def test_an_environment_survives_pickling_and_copying(environment: Environment) -> None:
    """A pickled, copied or replaced environment is equal, with an equal hash."""
    copies = [pickled(environment, n) for n in range(2, pickle.HIGHEST_PROTOCOL + 1)]
    copies += [copy.copy(environment), copy.deepcopy(environment), replaced(environment)]
    for copied in copies:
        assert copied == environment
        assert hash(copied) == hash(environment)
        assert copied.additions == environment.additions


def test_a_replaced_environment_is_checked() -> None:
    """R17: a replaced environment does not keep registries of another name."""
    assert replaced(with_three(), orchestration="kubernetes").orchestration == "kubernetes"
    with pytest.raises(InvalidEnvironment, match="ci/1 is not of environment 'cd'"):
        replaced(with_three(), name="cd")


def test_a_replaced_environment_forgets_its_index() -> None:
    """R6: which registry is in force follows from the registries of the replaced environment."""
    environment = with_three()
    assert environment.in_force("quay.io") is not None
    assert replaced(environment, registries=()).in_force("quay.io") is None


@pytest.mark.parametrize(
    ("environment", "shown"),
    [
        (Environment("ci"), "<Environment 'ci' (cattle): 0 registries>"),
        (
            Environment("ärger", Orchestration.KUBERNETES).added("quay.io", username="u"),
            "<Environment 'ärger' (kubernetes): 1 registry>",
        ),
        (with_three(), "<Environment 'ci' (cattle): 3 registries>"),
    ],
)
def test_the_repr_of_an_environment(environment: Environment, shown: str) -> None:
    """An environment's repr is a summary on one line."""
    assert repr(environment) == shown


# Names


@SOME
@given(strategies.environment_names())
def test_good_names(name: str) -> None:
    """Every printable text without blanks at its ends is a name."""
    assert Environment(name).name == name
    check_name(name)


@pytest.mark.parametrize("name", ["a b", "x" * 255, "team/a", "7", "ci/1", "日本", "'\"\\"])
def test_unusual_names(name: str) -> None:
    """A blank inside, slashes, quotes and letters of every script are no reason to refuse."""
    environment = Environment(name).added("quay.io", username="u")
    assert environment.registry(f"{name}/1") == environment.registries[0]


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("", "is not empty"),
        ("x" * 256, "has at most 255 characters, and this has 256"),
        ("x" * 1_000_000, "has at most 255 characters, and this has 1000000"),
        (" ci", "printable, without blanks around it: ' ci'"),
        ("ci ", "without blanks"),
        (" ", "without blanks"),
        ("\u00a0ci", "without blanks"),
        ("c\ni", r"'c\ni'"),
        ("c\x00i", r"'c\x00i'"),
        ("c\x1b[31mi", r"\x1b"),
        ("c\u202ei", r"\u202e"),
        ("c\u200bi", r"\u200b"),
        ("c\ud800i", r"\ud800"),
    ],
)
def test_bad_names(name: str, told: str) -> None:
    """R20: a name that is empty, long, not printable or has blanks around it is refused."""
    with pytest.raises(InvalidEnvironment) as caught:
        Environment(name)
    assert told in str(caught.value)
    assert str(caught.value).isascii()
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize("name", [None, 7, b"ci", ["ci"]])
def test_a_name_is_text(name: object) -> None:
    """A name of anything but text is refused by its type."""
    with pytest.raises(TypeError, match=rf"is a str, not {type(name).__name__}$"):
        Environment(cast("str", name))


# Building


def test_registries_of_another_environment_are_refused() -> None:
    """R17: an environment is made of its own registries alone."""
    with pytest.raises(InvalidEnvironment, match="registry cd/1 is not of environment 'ci'"):
        Environment("ci", registries=[row(1, environment="cd")])


@pytest.mark.parametrize(
    ("sequences", "told"),
    [
        ((2, 2), "ci/2 does not follow ci/2"),
        ((1, 3, 2), "ci/2 does not follow ci/3"),
    ],
)
def test_registries_out_of_order_are_refused(sequences: tuple[int, ...], told: str) -> None:
    """R5: registries come by ascending number, counted from 1."""
    with pytest.raises(InvalidEnvironment, match=rf"{told} \(R5\)"):
        Environment("ci", registries=map(row, sequences))


@pytest.mark.parametrize("additions", [-1, 0, 4])
def test_too_few_additions_are_refused(additions: int) -> None:
    """R5: the count of additions covers every registry there is."""
    told = "counted from 1" if additions < 0 else f"{additions} additions are fewer"
    with pytest.raises(InvalidEnvironment, match=told):
        Environment("ci", registries=[row(2), row(5)], additions=additions)
    for number in (-1, 1.5, 10**19):
        with pytest.raises(InvalidEnvironment, match="counted from 1"):
            Environment("ci", additions=cast("int", number))


def test_gaps_are_kept() -> None:
    """R5: numbers of removed registries leave gaps, and the count is the last number at least."""
    environment = Environment("ci", registries=[row(2), row(5)])
    assert environment.additions == 5
    assert Environment("ci", registries=[row(2), row(5)], additions=9).additions == 9
    assert environment.added("quay.io", username="u").registries[-1].id == "ci/6"


@pytest.mark.parametrize("username", ["", "a:b", "a\n", "\ud800"])
def test_bad_usernames_are_refused(username: str) -> None:
    """R9: no way of making an environment takes a username that a store would refuse."""
    environment = with_three()
    with pytest.raises(InvalidCredential, match="username"):
        dataclasses.replace(row(1), username=username)
    with pytest.raises(InvalidCredential, match="username"):
        environment.added("quay.io", username=username)
    with pytest.raises(InvalidCredential, match="username"):
        environment.updated("ci/1", username=username)


def test_building_reads_every_registry_once() -> None:
    """An environment is built in one pass over its registries, and the index waits."""
    read: list[int] = []

    def rows() -> Iterator[Registry]:
        for sequence in range(1, 1001):
            read.append(sequence)
            yield row(sequence)

    environment = Environment("ci", registries=rows())
    assert read == list(range(1, 1001))
    assert environment._in_force is None


def test_the_registry_in_force_is_looked_up() -> None:
    """R6: after the first question the answer comes from an index, not from the registries."""
    environment = Environment("ci", registries=[row(n, f"r{n % 9}.example") for n in range(1, 99)])
    expected = {f"r{n}.example": environment.in_force(f"r{n}.example") for n in range(9)}
    object.__setattr__(environment, "registries", None)
    for address, registry in expected.items():
        assert environment.in_force(address) is registry
        assert registry is not None
    assert environment.in_force("elsewhere.example") is None


# In force


def test_the_most_recently_added_is_in_force() -> None:
    """R6: of all registries of an address the last one added is in force."""
    environment = with_three()
    assert environment.in_force("quay.io") is environment.registries[2]
    assert environment.in_force("ghcr.io") is environment.registries[1]
    assert environment.overridden() == (environment.registries[0],)


def test_nobody_added_it() -> None:
    """R10: no registry is in force for an address nobody added, however alike it looks."""
    environment = with_three()
    for address in ("quay.io:5000", "xquay.io", "quay.iox", "sub.quay.io", "docker.io", "io"):
        assert environment.in_force(address) is None


@SOME
@given(strategies.environments(), st.data())
def test_in_force_equals_the_model(environment: Environment, data: st.DataObject) -> None:
    """R3, R6: by every spelling of an address, the last registry of that address is in force."""
    own = [registry.address for registry in environment.registries]
    address = data.draw(st.sampled_from([*own, *map(RegistryAddress.parse, USUAL)]))
    expected = model(environment, address)
    assert environment.in_force(address) is expected
    assert environment.in_force(data.draw(strategies.spellings(address))) is expected
    for registry in environment.registries:
        overridden = model(environment, registry.address) is not registry
        assert (registry in environment.overridden()) is overridden


@pytest.mark.parametrize("spelling", ["docker.io", "INDEX.docker.io:443", "registry-1.docker.io"])
def test_docker_hub_is_one_registry(spelling: str) -> None:
    """R2: a registry added under one of Docker Hub's names is in force under all of them."""
    environment = Environment("ci").added(spelling, username="u")
    for name in ("docker.io", "index.docker.io", "registry-1.docker.io", "registry.hub.docker.com"):
        assert environment.in_force(name) is environment.registries[0]
        assert environment.in_force(f"{name.upper()}:443") is environment.registries[0]


@pytest.mark.parametrize("address", ["https://quay.io", "quay.io/acme", "", "quay.io:0", "::1"])
def test_a_bad_address_is_no_answer(address: str) -> None:
    """R4: what is no address is refused, in a question as in an addition."""
    environment = with_three()
    with pytest.raises(InvalidAddress):
        environment.in_force(address)
    with pytest.raises(InvalidAddress):
        environment.added(address, username="u")


# Changes


def test_added() -> None:
    """R5: an added registry is active and has the next number, and the old value stays."""
    before = Environment("ci", Orchestration.KUBERNETES)
    after = before.added("quay.io", username="bot", added_by="alice")
    assert before.registries == ()
    assert after.orchestration is Orchestration.KUBERNETES
    assert after.registries == (
        Registry(environment="ci", sequence=1, address="quay.io", username="bot", added_by="alice"),
    )
    again = after.added(RegistryAddress.parse("quay.io"), username="bot")
    assert [registry.id for registry in again.registries] == ["ci/1", "ci/2"]


def test_numbers_are_never_used_again() -> None:
    """R5: the count survives removal, even of the last and of all registries."""
    environment = with_three().removed("ci/3")
    assert environment.additions == 3
    assert environment.added("quay.io", username="u").registries[-1].id == "ci/4"
    empty = environment.removed("ci/1").removed("ci/2")
    assert (empty.registries, empty.additions) == ((), 3)
    assert empty != Environment("ci")
    assert pickled(empty, 5).added("quay.io", username="u").registries[-1].id == "ci/4"


def test_removing_puts_the_next_most_recent_back() -> None:
    """R8: removing the registry in force puts the next most recent back."""
    environment = with_three()
    back = environment.removed("ci/3").in_force("quay.io")
    assert back is environment.registries[0]
    assert environment.removed("ci/3").removed("ci/1").in_force("quay.io") is None


def test_removing_an_overridden_one() -> None:
    """R6: removing an overridden registry leaves the one in force."""
    environment = with_three().removed("ci/1")
    assert [registry.id for registry in environment.registries] == ["ci/2", "ci/3"]
    assert environment.in_force("quay.io") == with_three().registries[2]


def test_a_removed_id_is_unknown() -> None:
    """R6: a removed registry is absent, and no change finds its id."""
    environment = with_three().removed("ci/2")
    for change in (
        environment.removed,
        environment.activated,
        environment.deactivated,
        environment.registry,
    ):
        with pytest.raises(RegistryNotFound):
            change("ci/2")
    with pytest.raises(RegistryNotFound):
        environment.updated("ci/2", username="u")


def test_an_inactive_one_stays_in_force() -> None:
    """R6, R7: deactivating the registry in force does not put an older one in its place."""
    environment = with_three().deactivated("ci/3")
    in_force = environment.in_force("quay.io")
    assert in_force is not None
    assert (in_force.id, in_force.state) == ("ci/3", RegistryState.INACTIVE)
    assert environment.deactivated("ci/3") == environment
    assert environment.activated("ci/3") == with_three()
    assert with_three().activated("ci/3") == with_three()


def test_updating_keeps_all_but_the_username() -> None:
    """R6, R9: an update changes the username, and neither address, place nor state."""
    environment = with_three().deactivated("ci/1")
    updated = environment.updated("ci/1", username="robot")
    assert updated.registries == (
        dataclasses.replace(environment.registries[0], username="robot"),
        *environment.registries[1:],
    )
    assert updated.in_force("quay.io") is environment.registries[2]
    assert updated.additions == environment.additions


@SOME
@given(strategies.environments().filter(lambda made: made.registries), st.data())
def test_changes_touch_one_registry(environment: Environment, data: st.DataObject) -> None:
    """R6: no change but adding and removing moves the registry in force, whatever is changed."""
    chosen = data.draw(st.sampled_from(environment.registries))
    before = {r.address: environment.in_force(r.address) for r in environment.registries}
    for changed in (
        environment.activated(chosen.id),
        environment.deactivated(chosen.id),
        environment.updated(chosen.id, username="other"),
    ):
        assert len(changed.registries) == len(environment.registries)
        for old, new in zip(environment.registries, changed.registries, strict=True):
            assert new.id == old.id
            assert new == old or old is chosen
        for address, registry in before.items():
            now = changed.in_force(address)
            assert now is not None
            assert registry is not None
            assert now.id == registry.id
        rebuilt = Environment(
            changed.name, changed.orchestration, changed.registries, changed.additions
        )
        assert changed == rebuilt


@SOME
@given(strategies.environments().filter(lambda made: made.registries), st.data())
def test_removing_touches_one_address(environment: Environment, data: st.DataObject) -> None:
    """R8: after a removal the model's registry is in force, and nothing else has changed."""
    chosen = data.draw(st.sampled_from(environment.registries))
    changed = environment.removed(chosen.id)
    assert changed.registries == tuple(r for r in environment.registries if r is not chosen)
    assert changed.additions == environment.additions
    for registry in environment.registries:
        assert changed.in_force(registry.address) is model(changed, registry.address)


# Ids


@pytest.mark.parametrize(
    "registry_id",
    [
        "",
        "/",
        "ci",
        "ci/",
        "ci/0",
        "ci/4",
        "ci/01",
        "ci/+1",
        "ci/-1",
        "ci/1 ",
        " ci/1",
        "ci/1/",
        "ci//1",
        "ci/ci/1",
        "CI/1",
        "cd/1",
        "1",
        "/1",
        "ci/\N{FULLWIDTH DIGIT ONE}",
        "ci/\N{SUPERSCRIPT ONE}",
        "ci/1.0",
        "ci/1_0",
        "ci/" + "9" * 19,
        "ci/" + "9" * 20,
        "ci/" + "1" * 1_000_000,
    ],
    ids=range(25),
)
def test_unknown_ids(registry_id: str) -> None:
    """R5, R20: an id is the environment and a plain number, and anything else is not found."""
    environment = with_three()
    for change in (environment.registry, environment.removed, environment.activated):
        with pytest.raises(RegistryNotFound) as caught:
            change(registry_id)
        assert caught.value.registry == registry_id
        assert caught.value.environment == "ci"
        assert len(str(caught.value)) < 300


def test_the_nearest_id_is_named() -> None:
    """An unknown id is answered with the one most like it, where one is."""
    with pytest.raises(RegistryNotFound, match="nearest is 'ci/") as caught:
        with_three().registry("ci/33")
    assert caught.value.nearest == "ci/3"
    with pytest.raises(RegistryNotFound) as caught:
        Environment("ci").registry("ci/1")
    assert caught.value.nearest is None
    assert str(caught.value) == "no registry 'ci/1' in environment 'ci'"
    assert isinstance(caught.value, LookupError)


def test_a_slash_in_a_name_does_not_confuse_ids() -> None:
    """R5, R17: the last slash ends the environment's name in an id."""
    team = Environment("team").added("quay.io", username="u")
    team_1 = Environment("team/1").added("quay.io", username="u")
    assert team_1.registry("team/1/1").environment == "team/1"
    with pytest.raises(RegistryNotFound):
        team.registry("team/1/1")
    with pytest.raises(RegistryNotFound):
        team_1.registry("team/1")


@SOME
@given(strategies.environments())
def test_every_registry_is_found_by_its_id(environment: Environment) -> None:
    """R5: every registry is found by its id, and its id holds its number."""
    for registry in environment.registries:
        assert environment.registry(registry.id) is registry
        assert sequence_of(environment.name, registry.id) == registry.sequence
