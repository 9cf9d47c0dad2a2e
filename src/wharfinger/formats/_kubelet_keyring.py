"""Which entries of a document the kubelet tries for an image.

Read in Kubernetes' ``pkg/credentialprovider/keyring.go``; compared with no kubelet.
"""

from __future__ import annotations

import re
from itertools import islice
from typing import TYPE_CHECKING, ClassVar, Final

from wharfinger.formats._clients import (
    HUB,
    HUB_INDEX,
    NOTHING,
    TOLD,
    Document,
    Found,
    Image,
    groups,
    none,
)
from wharfinger.formats.document import DocumentError

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Kubelet"]

_WILDCARDS: Final = 100  # keys
_LONGEST_HOST: Final = 255  # that a wildcard is tried with; no DNS name is longer


class Kubelet:
    """The kubelet: every key that starts as the image does, in falling order of their text."""

    name: ClassVar[str] = "kubelet"

    def __init__(self, document: Document) -> None:
        self._keys = groups(self.name, document.entries, _kubelet_key, _spelling)
        self._paths: dict[str, dict[str, str]] = {}  # host -> path -> key
        self._wild: list[tuple[str, re.Pattern[str], str]] = []
        for key in self._keys:
            host, slash, path = key.partition("/")
            if "*" not in host:
                self._paths.setdefault(host, {})[slash + path] = key
            elif len(host) <= _LONGEST_HOST:
                self._wild.append((slash + path, _glob(host), key))
        if len(self._wild) > _WILDCARDS:  # the kubelet tries each with each image (R20)
            raise DocumentError("auths", f"more than {_WILDCARDS} of its keys have a wildcard")
        self._lengths = {
            host: sorted({len(path) for path in paths}) for host, paths in self._paths.items()
        }

    def pick(self, image: Image) -> Found:
        matched = sorted(self._matched(image), reverse=True)
        # Its rule for "no registry was named", which a host without dot and port passes, too.
        is_default = image.host == HUB or not re.search("[.:]", image.host)
        if not matched and is_default and HUB_INDEX in self._keys:
            return self._keys[HUB_INDEX].found("another name of Docker Hub", "hub-name")
        if not matched and image.host.endswith("]"):
            return none("it takes brackets without a port for a set of characters", "ipv6")
        if not matched:
            return none("no key starts as the image does")
        found = [self._keys[key] for key in matched]
        shown = dict.fromkeys(one for group in found for one in group.shown if one != NOTHING)
        causes = {cause for key in matched for cause in self._causes(key, image)}
        reason = "the image starts with its key"
        if len(shown) > 1:
            causes.add("several")
            reason += ", and with those of others, which are tried in turn"
        entries = islice((entry for group in found for entry in group.entries), TOLD)
        return Found(tuple(islice(shown, TOLD)), frozenset(causes), reason, tuple(entries))

    def _matched(self, image: Image) -> Iterator[str]:
        path = f"/{image.path}"
        if not image.host.endswith("]"):  # it takes the brackets for a set of characters
            paths = self._paths.get(image.host, {})
            for length in self._lengths.get(image.host, ()):
                if length > len(path):
                    break
                if path[:length] in paths:
                    yield paths[path[:length]]
        if len(image.host) <= _LONGEST_HOST:
            for start, glob, key in self._wild:
                if path.startswith(start) and glob.fullmatch(image.host):
                    yield key

    def _causes(self, key: str, image: Image) -> Iterator[str]:
        host, slash, path = key.partition("/")
        if "*" in host:
            yield "wildcard"
        if slash:
            whole = f"{image.path}/".startswith(f"{path.removesuffix('/')}/")
            yield "namespace" if whole else "prefix-without-boundary"
        yield from self._keys[key].causes


def _spelling(key: str) -> str | None:
    """Why others may not find a key that the kubelet reads as another."""
    if _kubelet_key(key) == key:
        return None
    return "hub-name" if HUB_INDEX in key else "scheme"


# What Go's net/url takes for a host, names and addresses alike, but for what nobody writes.
_GO_HOST: Final = re.compile(r"(?:\[[0-9A-Fa-f:.]++\]|[A-Za-z0-9*._~!$&'()+,;=-]++)(?::[0-9]*+)?")


def _kubelet_key(key: str) -> str | None:
    bare = key.removeprefix("https://")
    bare = bare if bare != key else key.removeprefix("http://")
    before = re.split("[?#]", bare, maxsplit=1)[0]
    authority, slash, path = before.partition("/")
    host = authority.rpartition("@")[2]
    if not _GO_HOST.fullmatch(host) or not path.isprintable():
        return None
    path = slash + path
    if path.startswith(("/v1/", "/v2/")):
        path = path[3:]
    return host if path == "/" else host + path


def _glob(host: str) -> re.Pattern[str]:
    """A host with wildcards, each of them inside one label."""
    # Possessive between the stars, so that no host costs more than one pass (R20).
    pieces = [re.escape(piece) for piece in host.split("*")]
    middle = "".join(f"(?>[^.:]*?{piece})" for piece in pieces[1:-1])
    return re.compile(f"{pieces[0]}{middle}[^.:]*{pieces[-1]}")
