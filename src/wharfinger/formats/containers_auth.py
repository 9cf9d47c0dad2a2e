"""``auth.json``: the credentials of podman, skopeo, buildah and CRI-O.

What they do with it was read in containers/image's ``pkg/docker/config``, release 5.36, and in
``containers-auth.json(5)``.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

import attrs

from wharfinger.core.credential import CredentialKind
from wharfinger.core.diagnose import Diagnostic
from wharfinger.formats import _json_text
from wharfinger.formats._auth_helpers import hidden, read_helpers
from wharfinger.formats._auth_keys import checked, host_of, is_url
from wharfinger.formats._auths import (
    AuthEntry,
    Lookup,
    counting,
    load,
    merge_auths,
    read_auths,
    wire_auths,
)
from wharfinger.formats.document import DocumentError, Parsed, forgetful, place

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from wharfinger.core.address import RegistryAddress
    from wharfinger.core.credential import Credential
    from wharfinger.core.reference import ImageReference

__all__ = ["PODMAN", "ContainersAuth", "find", "key", "merge", "parse", "render"]

_KNOWN: Final = ("auths", "credHelpers")
_HUB_HOSTS: Final = frozenset({"docker.io", "index.docker.io", "registry-1.docker.io"})


def key(address: RegistryAddress) -> str:
    """Return the key that podman looks up for images of a registry, after their namespaces.

    Args:
        address: The registry's address.

    Returns:
        The canonical address, for Docker Hub as for any other.

    Example:
        >>> from wharfinger import RegistryAddress
        >>> from wharfinger.formats import containers_auth
        >>> containers_auth.key(RegistryAddress.parse("index.docker.io"))
        'docker.io'
    """
    return str(address)


def _wanted(entry: AuthEntry) -> str:
    return f"{entry.address}/{entry.path}" if entry.path else key(entry.address)


def _finds(entry: AuthEntry) -> bool:
    return _whole_registry(entry.key) == _folded(key(entry.address))


def _whole_registry(name: str) -> str:
    """What podman compares with a registry, where it has found no key as it is."""
    return _folded(host_of(name) if is_url(name) else name)


def _folded(host: str) -> str:
    return "docker.io" if host in _HUB_HOSTS else host


PODMAN: Final = Lookup(
    "podman", _wanted, _finds, lambda entry: "" if is_url(entry.key) else entry.path
)
"""How podman finds an entry."""


@attrs.frozen
class ContainersAuth(Parsed[AuthEntry]):
    """What an ``auth.json`` says.

    Args:
        entries: The entries of ``auths`` that can be used.
        diagnostics: What is wrong or surprising in the document.
        cred_helpers: The credential helpers of registries, which are asked first, by :func:`key`.
    """

    cred_helpers: Mapping[str, str] = attrs.field(factory=dict)

    def credentials(self) -> dict[RegistryAddress, Credential]:
        """Return the credentials of whole registries that stand in the document.

        Returns:
            Of the entries of each registry the one that podman takes, or the last one where podman
            finds none. Entries of namespaces and of helpers are left out.

        Example:
            >>> from wharfinger.formats import containers_auth
            >>> read = containers_auth.parse('{"auths": {"quay.io": {"auth": "Y2k6aHVudGVyMg=="}}}')
            >>> list(read.credentials())
            [RegistryAddress.parse('quay.io')]
        """
        return counting(self.entries, PODMAN)


@forgetful
def parse(text: str) -> ContainersAuth:
    """Read an ``auth.json``.

    Args:
        text: The document.

    Returns:
        What it says. The codes of its diagnostics are in the reference.

    Raises:
        DocumentError: When it is not valid JSON, no object, or its ``auths`` is none.

    Example:
        >>> from wharfinger.formats import containers_auth
        >>> read = containers_auth.parse(
        ...     '{"auths": {"quay.io/acme": {"auth": "Y2k6aHVudGVyMg=="}}}'
        ... )
        >>> read.entries[0].path, read.entries[0].credential.username
        ('acme', 'ci')
    """
    document, remarks = load(text, _KNOWN)
    name = _json_text.named(document, "auths")
    auths = document.get(name)
    entries, found = read_auths(auths, name, lookup=PODMAN)
    if document.get("credsStore"):
        remarks.append(
            Diagnostic(
                "member-not-read",
                "R20",
                "podman reads no credsStore, and takes what stands in auths",
                "name a helper for each registry in credHelpers",
                "credsStore",
            )
        )
    remarks += found
    helpers = read_helpers(document, "podman", key, remarks)
    remarks += [
        Diagnostic(
            "helper-empty",
            "R20",
            "it names no helper, and podman fails for this registry",
            "remove it",
            place("credHelpers", name),
        )
        for name, helper in helpers.items()
        if not helper
    ]
    written = auths if isinstance(auths, dict) else {}
    for entry in entries:
        if key(entry.address) in helpers:
            remarks += hidden(entry, "podman", place("credHelpers", key(entry.address)))
        if entry.credential is not None and not _reads(entry.credential, written[entry.key]):
            remarks.append(
                Diagnostic(
                    "member-not-read",
                    "R20",
                    "podman reads auth, and identitytoken beside it, and nothing else",
                    "log in again",
                    entry.place,
                )
            )
    return ContainersAuth(tuple(entries), tuple(remarks), helpers)


def _reads(credential: Credential, members: Mapping[str, object]) -> bool:
    return (
        bool(members.get(_json_text.named(members, "auth")))
        and credential.kind is not CredentialKind.REGISTRY_TOKEN
    )


@forgetful
def render(credentials: Mapping[RegistryAddress, Credential]) -> str:
    """Write an ``auth.json`` with the credentials of an environment.

    Args:
        credentials: What ``store.credentials(environment, settings)`` returns (R18).

    Returns:
        The document, in the order of the addresses.

    Raises:
        DocumentError: When it could not say a credential; a registry token it never can.

    Example:
        >>> from wharfinger import Credential, RegistryAddress, Secret
        >>> from wharfinger.formats import containers_auth
        >>> hub = {RegistryAddress.DOCKER_HUB: Credential("ci", Secret("hunter2"))}
        >>> print(containers_auth.render(hub).expandtabs(4), end="")
        {
            "auths": {
                "docker.io": {
                    "auth": "Y2k6aHVudGVyMg=="
                }
            }
        }
    """
    _check(credentials)
    return json.dumps({"auths": wire_auths(credentials, key)}, indent="\t") + "\n"


@forgetful
def merge(
    text: str,
    credentials: Mapping[RegistryAddress, Credential],
    *,
    remove: Iterable[RegistryAddress] = (),
) -> str:
    """Set and remove registries' entries in an ``auth.json``, and leave every other byte alone.

    Args:
        text: The document; blank text is an empty one.
        credentials: The entries to be set. What an entry has beside its credential stays.
        remove: The registries whose entries go; one that ``credentials`` has is set all the same.

    Returns:
        The changed document. Of these registries other spellings of the key go; keys for a
        namespace stay.

    Raises:
        DocumentError: When the document can't be read, or could not say a credential.

    Example:
        >>> from wharfinger import Credential, RegistryAddress, Secret
        >>> from wharfinger.formats import containers_auth
        >>> quay = RegistryAddress.parse("quay.io")
        >>> containers_auth.merge(
        ...     '{"auths": {"quay.io/acme": {}, "Quay.io": {}}}',
        ...     {quay: Credential("ci", Secret("hunter2"))},
        ... )
        '{"auths": {"quay.io/acme": {}, "quay.io": {"auth": "Y2k6aHVudGVyMg=="}}}'
    """
    _check(credentials)
    return merge_auths(text, credentials, remove, key)


def find(entries: Iterable[AuthEntry], image: ImageReference) -> AuthEntry | None:
    """Find the entry that podman takes for an image, if no helper is named for its registry.

    Args:
        entries: The entries of one document.
        image: The image reference, as it is pulled: podman compares a host letter by letter.

    Returns:
        The entry whose key is the repository, or the longest of its parents, down to the registry;
        else one that names the registry by a URL or another name of Docker Hub; else None.

    Example:
        >>> from wharfinger import ImageReference
        >>> from wharfinger.formats import containers_auth
        >>> read = containers_auth.parse('{"auths": {"quay.io": {}, "quay.io/acme": {}}}')
        >>> containers_auth.find(read.entries, ImageReference.parse("quay.io/acme/api")).key
        'quay.io/acme'
        >>> containers_auth.find(read.entries, ImageReference.parse("quay.io/acmeister/api")).key
        'quay.io'
    """
    name = image.qualified()
    by_key = {entry.key: entry for entry in entries}
    wanted = f"{name.registry}/{name.repository}"
    while wanted:
        if wanted in by_key:
            return by_key[wanted]
        wanted = wanted.rpartition("/")[0]
    registry = _folded(name.registry or "")
    return next((by_key[given] for given in by_key if _whole_registry(given) == registry), None)


def _check(credentials: Mapping[RegistryAddress, Credential]) -> None:
    for address in map(checked, credentials):
        if getattr(credentials[address], "kind", None) is CredentialKind.REGISTRY_TOKEN:
            problem = "podman takes no registry token; only the Engine API and docker do"
            raise DocumentError(place("auths", str(address)), problem)
