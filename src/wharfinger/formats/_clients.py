"""Which entry of a document docker, podman and docker-py pick for an image: a class for each.

Read in docker/cli's ``cli/config``, containers/image's ``pkg/docker/config`` (podman, skopeo,
CRI-O) and docker-py's ``auth.py``, and compared with docker 28.2, podman 4.3, skopeo 1.9 and
docker-py 7.2.

Every index is made once, so that an image costs the same however many entries there are.
"""

from __future__ import annotations

import re
from itertools import islice
from typing import TYPE_CHECKING, ClassVar, Final, NamedTuple, Protocol

import attrs

from wharfinger.formats.document import place

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from wharfinger.core.address import RegistryAddress

__all__ = [
    "BESIDE_HELPER",
    "FAILED",
    "HUB",
    "HUB_INDEX",
    "NOTHING",
    "TOLD",
    "Client",
    "Containers",
    "Docker",
    "DockerPy",
    "Document",
    "Entry",
    "Found",
    "Group",
    "Image",
    "Shown",
    "groups",
    "none",
]

HUB: Final = "docker.io"
HUB_INDEX: Final = "index.docker.io"
HUB_KEY: Final = "https://index.docker.io/v1/"
TOLD: Final = 8  # entries of one registry

Shown = tuple[str, ...]
"""What a registry is shown: a credential's kind and number, a helper, or why there is nothing."""

NOTHING: Final[Shown] = ()
FAILED: Final[Shown] = ("the pull fails",)
BESIDE_HELPER: Final = "docker beside a helper"
"""What docker shows of an entry before it asks a helper: a registry's token."""


@attrs.frozen
class Entry:
    """One entry of ``auths``, without its secret.

    Args:
        key: Its key, as written.
        told: Its key, without user information.
        place: Where it stands.
        shown: What each client shows a registry of it.
        causes: Why that differs; empty where it does not.
    """

    key: str
    told: str
    place: str
    shown: Mapping[str, Shown]
    causes: frozenset[str] = frozenset()


@attrs.frozen
class Document:
    """A document as clients see it.

    Args:
        entries: The entries of ``auths``, in their order.
        creds_store: The credential helper of all registries; empty for none.
        cred_helpers: Those of single registries, by their keys as written.
        docker_py: The same two for docker-py, which knows the names of members in one case alone.
        refused: Of each client that reads none of it, the place of what it refuses.
    """

    entries: tuple[Entry, ...]
    creds_store: str
    cred_helpers: Mapping[str, str]
    docker_py: tuple[str, Mapping[str, str]]
    refused: Mapping[str, str]


class Image(NamedTuple):
    """An image as clients see it: in the canonical grammar's normal form, but for docker-py.

    Args:
        host: The registry, in its own spelling.
        path: The repository.
        first: The first piece as typed, or empty where there is one piece alone.
        address: Where this library pulls it from.
        repository: The repository there.
    """

    host: str
    path: str
    first: str
    address: RegistryAddress
    repository: str


class Found(NamedTuple):
    """What a client found for an image.

    Args:
        shown: What the registry is shown; of several that are tried, all in turn.
        causes: Why another client might find something else.
        reason: How it was found, as a clause for people.
        entries: The entries it was found in, the first one tried first.
        helper: The credential helper that is asked; empty for none.
    """

    shown: tuple[Shown, ...]
    causes: frozenset[str]
    reason: str
    entries: tuple[Entry, ...] = ()
    helper: str = ""


class Client(Protocol):
    """How one client picks."""

    name: ClassVar[str]

    def __init__(self, document: Document) -> None: ...

    def pick(self, image: Image) -> Found:
        """Pick an entry for an image."""
        ...


def none(reason: str = "no entry is found", *causes: str) -> Found:
    return Found((), frozenset(causes), reason)


def _asked(helper: str, server: str, where: str) -> Found:
    causes = {"helper"} | ({"hub-name"} if server in {HUB, HUB_KEY} else set())
    reason = f"{where} names the helper {helper}, which is asked for {server}"
    return Found((("helper", helper, server),), frozenset(causes), reason, (), helper)


class Group(NamedTuple):
    """Entries that a client can't tell apart, or does not want to; the first few of them."""

    shown: tuple[Shown, ...]  # each once, and nothing among them where it is
    entries: tuple[Entry, ...]
    causes: frozenset[str]

    def found(self, reason: str, *causes: str) -> Found:
        """What a client finds that takes one of them."""
        shown, more = self.shown, self.causes.union(causes)
        if len(shown) > 1:
            shown, more = (("any", *map(str, shown)),), more | {"several"}
            reason += ", and it is one of several, in no fixed order"
        return Found(tuple(one for one in shown if one != NOTHING), more, reason, self.entries)


def groups(
    client: str,
    entries: Iterable[Entry],
    name: Callable[[str], str | None],
    cause: Callable[[str], str | None] = lambda _: None,
) -> dict[str, Group]:
    """Group entries by what a client makes of their keys; None is nothing it can use."""
    shown: dict[str, dict[Shown, None]] = {}
    members: dict[str, list[Entry]] = {}
    causes: dict[str, set[str]] = {}
    for entry in entries:
        group = name(entry.key)
        if group is None:
            continue
        members.setdefault(group, []).append(entry)
        shown.setdefault(group, {})[entry.shown[client]] = None
        causes.setdefault(group, set()).update(filter(None, [cause(entry.key), *entry.causes]))
    return {
        group: Group(
            tuple(islice(shown[group], TOLD)), tuple(found[:TOLD]), frozenset(causes[group])
        )
        for group, found in members.items()
    }


def _url_host(text: str) -> str:
    """The host of a URL, as Go's net/url has it: user information and brackets gone."""
    authority = re.split("[/?#]", text, maxsplit=1)[0].rpartition("@")[2]
    host, colon, port = authority.rpartition(":")
    if not colon or "]" in port:
        host, colon, port = authority, "", ""
    if not port:
        return host.removeprefix("[").removesuffix("]")
    return authority


class Docker:
    """docker: the very key, and where it is missing the host of any other."""

    name: ClassVar[str] = "docker"

    def __init__(self, document: Document) -> None:
        self._document = document
        self._in_file = _DockerFile(self.name, document)
        self._beside = _DockerFile(BESIDE_HELPER, document)

    def pick(self, image: Image) -> Found:
        key = HUB_KEY if image.host == HUB else image.host
        helpers = self._document.cred_helpers
        helper = helpers.get(key, self._document.creds_store)
        if not helper:
            return self._in_file.pick(key)
        kept = self._beside.pick(key)
        if kept.shown:
            return kept._replace(causes=kept.causes | {"helper"}, helper=helper)
        where = place("credHelpers", key) if key in helpers else "credsStore"
        return _asked(helper, key, where)


class _DockerFile:
    """docker's file store, of which it also keeps a registry's token where it asks a helper."""

    def __init__(self, name: str, document: Document) -> None:
        self._exact = groups(name, document.entries, str)
        self._hosts = groups(name, document.entries, _docker_host, _key_cause)

    def pick(self, key: str) -> Found:
        if key in self._exact:
            return self._exact[key].found("its very key", *["hub-name"] * (key == HUB_KEY))
        if key in self._hosts:
            return self._hosts[key].found("the host of its key, cut from what follows")
        return none(f"no key is {key}, and no key's host is")


def _docker_host(key: str) -> str:
    scheme, found, rest = key.partition("://")
    host = _url_host(rest) if found and re.fullmatch("[A-Za-z][A-Za-z0-9+.-]*+", scheme) else ""
    return host or key.partition("/")[0]


def _key_cause(key: str) -> str:
    """Why a key that is no plain host is found by some and not by others."""
    bare = re.sub("^https?://", "", key)
    path = bare.partition("/")[2]
    if bare != key or path in {"v1/", "v2/"}:
        path = re.sub(r"^v[12](?:/|\Z)", "", path)
    return "host-cut" if path.strip("/") else "scheme"


class Containers:
    """containers/image: the longest key of whole segments, then URLs and Docker Hub's names."""

    name: ClassVar[str] = "containers"

    def __init__(self, document: Document) -> None:
        self._document = document
        self._exact = groups(self.name, document.entries, str)
        self._normal = groups(self.name, document.entries, _containers_key)

    def pick(self, image: Image) -> Found:
        helper = self._document.cred_helpers.get(image.host)
        where = place("credHelpers", image.host)
        if helper == "":
            return Found((FAILED,), frozenset({"helper"}), f"{where} names a helper without a name")
        if helper is not None:
            return _asked(helper, image.host, where)
        name = f"{image.host}/{image.path}"
        while name:
            if name in self._exact:
                return self._exact[name].found("its very key", *["namespace"] * ("/" in name))
            name = name.rpartition("/")[0]
        host = _containers_host(image.host)
        if host not in self._normal:
            return none(f"no key is {image.host}, or a namespace in it that holds the image")
        if host == HUB_INDEX:
            return self._normal[host].found("another name of Docker Hub", "hub-name")
        return self._normal[host].found("the host of its URL", "scheme")


def _containers_key(key: str) -> str:
    bare = key.removeprefix("http://").removeprefix("https://")
    return _containers_host(bare if bare == key else bare.partition("/")[0])


def _containers_host(host: str) -> str:
    return HUB_INDEX if host in {HUB, "registry-1.docker.io"} else host


class DockerPy:
    """docker-py: the very host, and where it is missing the first key that has it."""

    name: ClassVar[str] = "docker-py"

    def __init__(self, document: Document) -> None:
        self._document = document
        self._exact = groups(self.name, document.entries, str)
        first = {_docker_py_host(entry.key): entry for entry in reversed(document.entries)}
        self._hosts = groups(self.name, first.values(), _docker_py_host, _key_cause)

    def pick(self, image: Image) -> Found:
        first = image.first
        named = "." in first or ":" in first or first == "localhost"
        host = _docker_py_host(first) if named else HUB
        server = HUB_KEY if host == HUB else host
        # It reads auths where the helper has none, which only the helper knows.
        store, helpers = self._document.docker_py
        own = helpers.get(server)
        helper = own or store
        if helper:
            return _asked(helper, server, place("credHelpers", server) if own else "credsStore")
        hub = ["hub-name"] * (host == HUB)
        if host in self._exact:
            return self._exact[host].found("its very key", *hub)
        if host in self._hosts:
            return self._hosts[host].found("the first key with its host", *hub)
        return none(f"no key is {host}, and no key's host is")


def _docker_py_host(key: str) -> str:
    host = key.replace("http://", "").replace("https://", "").partition("/")[0]
    return HUB if host == HUB_INDEX else host
