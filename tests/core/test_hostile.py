"""What a caller may hand over by mistake or malice: subclasses of str, wrong types, bytes."""

from __future__ import annotations

import copy
import traceback
from enum import Enum
from typing import TYPE_CHECKING, Any

import pytest

from wharfinger import (
    Credential,
    DefaultRegistry,
    Environment,
    ImageReference,
    InvalidEnvironment,
    InvalidSettings,
    MemoryStore,
    Registry,
    RegistryAddress,
    RegistryNotFound,
    Secret,
    Settings,
    Whitelist,
    resolve,
)

if TYPE_CHECKING:
    from collections.abc import Callable

ENVIRONMENT = Environment("ci")
NUMBERED = map(str, range(1000))
USERINFO = b"https://ci:hunter2@quay.io"


class Folded(str):
    """A text that equals any other of the same letters, whatever their case."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, str) and str.lower(self) == str.lower(other)

    def __hash__(self) -> int:
        return hash(str.lower(self))


class Word(str, Enum):  # noqa: UP042  # this very idiom
    """The idiom from before StrEnum: ``str()`` of a member is not its value."""

    QUAY = "quay.io"
    STAGING = "staging"


def test_nobodys_text_answers_for_anothers() -> None:
    """R24: what is remembered of a text compares as a str, whoever's text it was."""
    resolve(Folded("ghcr.io/acme/memo:V1"), ENVIRONMENT)
    assert str(resolve("ghcr.io/acme/memo:v1", ENVIRONMENT).image) == "ghcr.io/acme/memo:v1"
    RegistryAddress.parse(Folded("MEMO-host"))
    assert str(RegistryAddress.parse("memo-host")) == "memo-host:443"
    assert type(str(ImageReference.parse(Folded("quay.io/a")))) is str


def test_a_word_of_an_enumeration_is_its_value() -> None:
    """R5, R14: a member of a (str, Enum) is read as its value everywhere."""
    assert Whitelist([Word.QUAY]).entries == ("quay.io",)
    assert str(Settings(default_registry=Word.QUAY).default_registry) == "quay.io"
    store = MemoryStore()
    registry = store.add(Word.STAGING, Word.QUAY, Credential("ci", Secret("x")))
    assert registry.id == "staging/1"
    answer = resolve("quay.io/a", store.environment("staging"))
    assert store.credential("staging", answer) == Credential("ci", Secret("x"))
    assert store.deactivate("staging", registry.id).environment == "staging"


@pytest.mark.parametrize(
    "call",
    [
        lambda: Settings(host_images="never"),  # type: ignore[arg-type]
        lambda: Environment("ci", "swarm"),  # type: ignore[arg-type]
        lambda: MemoryStore().create("ci", "swarm"),  # type: ignore[arg-type]
        lambda: Registry(
            environment="ci",
            sequence=1,
            address="quay.io",
            username="u",
            state="overridden",  # type: ignore[arg-type]
        ),
    ],
    ids=NUMBERED,
)
def test_an_unknown_word_is_a_typed_error(call: Callable[[], object]) -> None:
    """R20: a word that is none of an enumeration's is refused with those that are."""
    with pytest.raises((InvalidSettings, InvalidEnvironment), match="one of"):
        call()


WRONG: Any = USERINFO


@pytest.mark.parametrize(
    "call",
    [
        lambda: ImageReference.parse(WRONG),
        lambda: RegistryAddress.parse(WRONG),
        lambda: RegistryAddress(WRONG),
        lambda: RegistryAddress("quay.io", WRONG),
        lambda: DefaultRegistry.parse(WRONG),
        lambda: DefaultRegistry(WRONG),
        lambda: DefaultRegistry(RegistryAddress.DOCKER_HUB, WRONG),
        lambda: Settings(default_registry=WRONG),
        lambda: Settings(official_namespace=WRONG),
        lambda: Settings(official_namespace=WRONG, default_registry=USERINFO.decode()),
        lambda: Settings(whitelist=[5, USERINFO.decode()]),  # type: ignore[list-item]
        lambda: Settings.from_mapping({"registry.default": WRONG}),
        lambda: resolve(WRONG, ENVIRONMENT),
        lambda: resolve(ENVIRONMENT, USERINFO.decode()),  # type: ignore[arg-type]
        lambda: resolve([USERINFO.decode()], ENVIRONMENT),  # type: ignore[arg-type]
        lambda: MemoryStore().add("ci", WRONG, Credential("u", Secret("s"))),
        lambda: ENVIRONMENT.in_force(WRONG),
        lambda: ENVIRONMENT.added(WRONG, username="u"),
        lambda: Secret(WRONG),
    ],
    ids=NUMBERED,
)
def test_a_wrong_type_is_told_and_forgotten(call: Callable[[], object]) -> None:
    """R20: what is no text is a TypeError, and no frame keeps what it held."""
    with pytest.raises(TypeError) as caught:
        call()
    assert "hunter2" not in str(caught.value)
    for frame, _ in traceback.walk_tb(caught.value.__traceback__):
        if frame.f_globals.get("__name__", "").startswith("wharfinger"):
            kept = {name: kept for name, kept in frame.f_locals.items() if name != "self"}
            assert "hunter2" not in repr(kept)


@pytest.mark.parametrize(
    "call",
    [
        lambda: ENVIRONMENT.registry(1),  # type: ignore[arg-type]
        lambda: MemoryStore().environment(None),  # type: ignore[arg-type]
        lambda: ENVIRONMENT.added("quay.io", username="u", added_by=["x"]),  # type: ignore[arg-type]
        lambda: Environment("ci", registries=[1]),  # type: ignore[list-item]
    ],
    ids=NUMBERED,
)
def test_other_wrong_types_are_type_errors(call: Callable[[], object]) -> None:
    """R20: every wrong type is a TypeError that says what is wanted."""
    with pytest.raises(TypeError, match=r" (str|Registry), not "):
        call()


def test_an_answer_for_another_environment_says_so() -> None:
    """R17: an answer that is asked about elsewhere is told whose it is."""
    store = MemoryStore()
    store.create("staging")
    store.create("prod")
    answer = resolve("quay.io/a", store.environment("staging"))
    with pytest.raises(RegistryNotFound, match="is for environment 'staging', not 'prod'"):
        store.credential("prod", answer)


def test_half_a_password_is_none() -> None:
    """R14, R20: a whitelist cut at its commas beforehand shows no half of a password."""
    with pytest.raises(InvalidSettings) as caught:
        Whitelist(["https://ci:hunter2", "rest@quay.io"])
    assert "hunter2" not in str(caught.value)
    with pytest.raises(InvalidSettings) as caught:
        Settings.from_mapping({"registry.defaul": "ci:hunter2@quay.io"})
    assert "hunter2" not in repr([f.f_locals for f, _ in traceback.walk_tb(caught.tb)][1:])


def test_a_copied_store_is_the_store() -> None:
    """A store is a thing with state, and has no copies."""
    store = MemoryStore()
    assert copy.copy(store) is store
