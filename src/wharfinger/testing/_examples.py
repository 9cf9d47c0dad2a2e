"""What the conformance suite puts into a store, and what every store refuses."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, TypeVar, cast

import pytest

from wharfinger.core.address import RegistryAddress
from wharfinger.core.credential import Credential, Secret
from wharfinger.core.environment import Orchestration
from wharfinger.core.reference import ImageReference
from wharfinger.core.registry import Registry
from wharfinger.core.resolver import Resolution, resolve
from wharfinger.core.store import CredentialStore, SettingsStore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_Error = TypeVar("_Error", bound=Exception)

QUAY: Final = RegistryAddress.parse("quay.io")
GHCR: Final = RegistryAddress.parse("ghcr.io")
EVIL: Final = RegistryAddress.parse("evil.example")
IMAGE: Final = "quay.io/acme/api:1.2"

BAD_NAMES: Final = ("", " ci", "c\ni", "c\0i", "\ud800", "x" * 256)
BAD_ADDRESSES: Final = ("https://quay.io", "quay.io/acme", "", "quay.io:0", "::1", "u:p@quay.io")
# What a secret's text begins with; no error and no repr may have it.
MARK: Final = "secret of"
SECRET: Final = Secret(f"{MARK} u")
BAD_CREDENTIALS: Final = (
    *(Credential(name, SECRET) for name in ("", "u:v", "u\n", "\ud800")),
    *(Credential("u", Secret(text)) for text in ("", f"{MARK} \ud800")),
    *(Credential(name, SECRET) for name in ("_json_key", "_json_key_base64", "oauth2accesstoken")),
    *(Credential("u", SECRET, f"ci@acme.example{odd}") for odd in ("\n", "\0", "\ud800")),
)
NO_CREDENTIALS: Final = (
    *(SECRET.reveal(), SECRET.reveal().encode(), None, ("u", SECRET.reveal()), SECRET),
    Credential(cast("str", b"u"), SECRET),
    *(Credential("u", SECRET, cast("str", email)) for email in (b"ci@acme.example", ["ci"])),
)
NO_SETTINGS: Final = ("", "quay.io", ("quay.io",), {"registry.whitelist": "quay.io"}, QUAY, False)
UNKNOWN: Final = ("cii", "CI", "production", "", "c\0i", "\ud800", "x" * 1000, "c%", "ci/1")
UNKNOWN_IDS: Final = (
    *("ci/4", "ci/0", "ci/01", "ci/-1", "ci/ 1", "ci/+1", "ci/1/1", "ci/", "ci", "1", "/1", ""),
    *("cd/1", "k8s/1", "CI/1", "ci/\u0661", "ci/" + "9" * 19, "ci/" + "9" * 40, "ci/1\0", "\ud800"),
)


def papers(name: str) -> Credential:
    """A credential whose secret tells whose it is."""
    return Credential(name, Secret(f"{MARK} {name}"))


def fill(store: CredentialStore) -> None:
    """Two registries of one address and one of another in `ci`, two in `cd`, and an empty `k8s`."""
    store.add("ci", "quay.io", papers("old"), added_by="alice")
    store.add("ci", "ghcr.io", papers("hub"))
    store.add("ci", "Quay.io:0443", papers("new"))
    for name in ("a", "b", "c", "d"):
        store.add("cd", "quay.io", papers(name))
    store.create("k8s", Orchestration.KUBERNETES)


def told(error: BaseException) -> str:
    """All that an error says, and those behind it."""
    links: list[BaseException] = []
    link: BaseException | None = error
    while link is not None and link not in links:
        links.append(link)
        link = link.__cause__ or link.__context__
    return " ".join(f"{link} {link!r} {vars(link)}" for link in links)


@contextmanager
def refused(kind: type[_Error]) -> Iterator[pytest.ExceptionInfo[_Error]]:
    """Expect a refusal that tells no secret."""
    with pytest.raises(kind) as caught:
        yield caught
    assert MARK not in told(caught.value)


def everything(store: CredentialStore) -> object:
    """All that a store shows, secrets included."""
    return (
        store.settings() if isinstance(store, SettingsStore) else None,
        [(store.environment(name), store.credentials(name)) for name in store.environments()],
    )


def asked(store: CredentialStore, image: str = IMAGE, environment: str = "ci") -> Resolution:
    return resolve(image, store.environment(environment))


def revealed(credential: Credential | None) -> str | None:
    return None if credential is None else credential.secret.reveal()


def given(store: CredentialStore, environment: str = "ci", image: str = IMAGE) -> str | None:
    """The secret that an image of an environment is pulled with."""
    return revealed(store.credential(environment, asked(store, image, environment)))


def registry(environment: str, sequence: int, address: RegistryAddress = QUAY) -> Registry:
    return Registry(environment=environment, sequence=sequence, address=address, username="u")


def evil(_answer: Resolution) -> ImageReference:
    return ImageReference.parse("evil.example/acme/api:1.2")


# Of an answer for `ci` whose secret is that of ci/3.
FORGERIES: Final[dict[str, Callable[[Resolution], Resolution]]] = {
    "address of another host": lambda a: a.__replace__(address=EVIL),
    "address of another registry": lambda a: a.__replace__(address=GHCR),
    "address on another port": lambda a: a.__replace__(address=RegistryAddress("quay.io", 5000)),
    "image of another host": lambda a: a.__replace__(image=evil(a)),
    "image without a host": lambda a: a.__replace__(image=ImageReference.parse("acme/api")),
    "image and address of another host": lambda a: a.__replace__(image=evil(a), address=EVIL),
    "all of another host": lambda a: a.__replace__(
        image=evil(a), address=EVIL, registry=registry("ci", 3, EVIL)
    ),
    "registry of another address": lambda a: a.__replace__(registry=registry("ci", 2, GHCR)),
    "registry that lies of its address": lambda a: a.__replace__(registry=registry("ci", 2)),
    "registry of another environment": lambda a: a.__replace__(registry=registry("cd", 4)),
    "registry never added": lambda a: a.__replace__(registry=registry("ci", 4)),
    "registry number without end": lambda a: a.__replace__(registry=registry("ci", 2**63 - 1)),
    "no registry": lambda a: a.__replace__(registry=None),
    "environment": lambda a: a.__replace__(environment="cd"),
    "environment and registry": lambda a: a.__replace__(
        environment="cd", registry=registry("cd", 4)
    ),
}
