"""What an environment can be like, and what the library then says: the rows of the cells."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import attrs

from tests.integration.registries import PRIVATE, RIGHT, WRONG, Place
from tests.integration.token_server import PUBLIC
from wharfinger import CredentialKind, MemoryStore, Reason, RegistryAddress, Settings
from wharfinger.stores import SQLStore

Store = MemoryStore | SQLStore
Change = Callable[[Store, Place], None]
ENVIRONMENT: Final = "harbour"


@attrs.frozen
class Moment:
    """A store at some moment, and what is to be seen then.

    Args:
        name: What was done, in a few words.
        change: Does it.
        reason: What the library says of the image.
        pulls: Whether the client pulls it.
    """

    name: str
    change: Change
    reason: Reason
    pulls: bool


@attrs.frozen
class Situation:
    """What is tested, and its control, which goes on with the same store and ends the other way.

    Args:
        tested: What is tested.
        control: Shows that nothing but the change made the difference.
        repository: What is pulled.
    """

    tested: Moment
    control: Moment
    repository: str = PRIVATE

    def __str__(self) -> str:
        return self.tested.name


def _add(store: Store, place: Place) -> None:
    store.add(ENVIRONMENT, place.address, RIGHT)


def _add_wrong(store: Store, place: Place) -> None:
    store.add(ENVIRONMENT, place.address, WRONG)


def _newest(store: Store) -> str:
    return store.environment(ENVIRONMENT).registries[-1].id


def _remove(store: Store, _place: Place) -> None:
    store.remove(ENVIRONMENT, _newest(store))


def _deactivate(store: Store, _place: Place) -> None:
    store.deactivate(ENVIRONMENT, _newest(store))


def _activate(store: Store, _place: Place) -> None:
    store.activate(ENVIRONMENT, _newest(store))


def _whitelist_another(store: Store, _place: Place) -> None:
    store.save_settings(Settings(whitelist="quay.io"))


def _whitelist(store: Store, place: Place) -> None:
    store.save_settings(Settings(whitelist=f"quay.io, {place.address}"))


def _whitelist_path(path: str) -> Change:
    def change(store: Store, place: Place) -> None:
        store.save_settings(Settings(whitelist=f"quay.io, {place.address}/{path}"))

    return change


def _add_elsewhere(store: Store, place: Place) -> None:
    store.create(ENVIRONMENT)
    store.add("another harbour", place.address, RIGHT)


def _add_neighbour(store: Store, place: Place) -> None:
    """The same host, and another port."""
    address = RegistryAddress.parse(place.address)
    port = 1 + (address.port or 443) % 65535
    store.add(ENVIRONMENT, str(RegistryAddress(address.host, port)), RIGHT)


def _add_token(kind: CredentialKind) -> Change:
    def change(store: Store, place: Place) -> None:
        store.add(ENVIRONMENT, place.address, place.tokens[kind])

    return change


def _of(*changes: Change) -> Change:
    def change(store: Store, place: Place) -> None:
        for one in changes:
            one(store, place)

    return change


_PULLS: Final = (Reason.CREDENTIAL, True)

# Those that every document and client is tried in.
SITUATIONS: Final = (
    Situation(
        Moment("active", _add, *_PULLS),
        Moment("removed", _remove, Reason.ANONYMOUS, pulls=False),
    ),
    Situation(
        Moment("deactivated", _of(_add, _deactivate), Reason.REGISTRY_INACTIVE, pulls=False),
        Moment("activated again", _activate, *_PULLS),
    ),
    Situation(
        Moment("overridden by a wrong one", _of(_add, _add_wrong), Reason.CREDENTIAL, pulls=False),
        Moment("the wrong one removed", _remove, *_PULLS),
    ),
    Situation(
        Moment("removed", _of(_add, _remove), Reason.ANONYMOUS, pulls=False),
        Moment("added again", _add, *_PULLS),
    ),
    Situation(
        Moment(
            "not whitelisted", _of(_add, _whitelist_another), Reason.NOT_WHITELISTED, pulls=False
        ),
        Moment("whitelisted", _whitelist, *_PULLS),
    ),
)

# Those that one registry is enough for.
FURTHER: Final = (
    Situation(
        Moment(
            "deactivated, an older one active",
            _of(_add, _add, _deactivate),
            Reason.REGISTRY_INACTIVE,
            pulls=False,
        ),
        Moment("the newer one removed", _remove, *_PULLS),
    ),
    Situation(
        Moment("added in another environment", _add_elsewhere, Reason.ANONYMOUS, pulls=False),
        Moment("added in its own too", _add, *_PULLS),
    ),
    Situation(
        Moment("added for another port", _add_neighbour, Reason.ANONYMOUS, pulls=False),
        Moment("added for its own too", _add, *_PULLS),
    ),
)

# Those that a delivery for one image can tell.
BY_IMAGE: Final = (
    Situation(
        Moment(
            "another path whitelisted",
            _of(_add, _whitelist_path("team-2")),
            Reason.NOT_WHITELISTED,
            pulls=False,
        ),
        Moment("its path whitelisted", _whitelist_path("team"), *_PULLS),
    ),
)

# Those that only the registry with tokens can be in.
PUBLIC_IMAGE: Final = Situation(
    Moment("public image, nothing added", _of(_add, _remove), Reason.ANONYMOUS, pulls=True),
    Moment("a wrong one added", _add_wrong, Reason.CREDENTIAL, pulls=False),
    f"{PUBLIC}hello",
)
TOKENS: Final = {
    kind: Situation(
        Moment(kind.replace("-", " "), _add_token(kind), *_PULLS),
        Moment("removed", _remove, Reason.ANONYMOUS, pulls=False),
    )
    for kind in (CredentialKind.IDENTITY_TOKEN, CredentialKind.REGISTRY_TOKEN)
}
