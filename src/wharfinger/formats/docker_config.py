"""``config.json``: docker's own configuration, as far as it says credentials.

What docker does with it was read in its command line's ``cli/config``, release 29.
"""

from __future__ import annotations

import json
from itertools import islice
from typing import TYPE_CHECKING, Final

import attrs

from wharfinger.core.address import RegistryAddress
from wharfinger.core.credential import CredentialKind
from wharfinger.core.diagnose import Diagnostic
from wharfinger.core.errors import nearest
from wharfinger.formats import _json_text
from wharfinger.formats._auth_helpers import hidden, malformed, read_helpers
from wharfinger.formats._auths import (
    AuthEntry,
    byte_order_mark,
    counting,
    key,
    load,
    merge_auths,
    read_auths,
    wire_auths,
)
from wharfinger.formats.document import Parsed, forgetful, place

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from wharfinger.core.credential import Credential

__all__ = ["DockerConfig", "key", "merge", "parse", "render"]

_KNOWN: Final = ("auths", "credsStore", "credHelpers")
_LOOKED_AT: Final = 100  # names among which a misspelt one is looked for


@attrs.frozen
class DockerConfig(Parsed[AuthEntry]):
    """What a ``config.json`` says of credentials.

    Args:
        entries: The entries of ``auths`` that can be used.
        diagnostics: What is wrong or surprising in the document.
        creds_store: The credential helper of all registries; None for none.
        cred_helpers: The credential helpers of single registries, by docker's :func:`key`; an
            empty one says that ``auths`` counts, whatever ``creds_store`` is.
    """

    creds_store: str | None = None
    cred_helpers: Mapping[str, str] = attrs.field(factory=dict)

    def helper(self, address: RegistryAddress) -> str | None:
        """Say which credential helper docker asks for a registry's credential.

        Args:
            address: The registry's address.

        Returns:
            What follows ``docker-credential-`` in its name; None where docker reads ``auths``.

        Example:
            >>> from wharfinger import RegistryAddress
            >>> from wharfinger.formats import docker_config
            >>> read = docker_config.parse('{"credsStore": "pass", "credHelpers": {"quay.io": ""}}')
            >>> read.helper(RegistryAddress.parse("ghcr.io"))
            'pass'
            >>> read.helper(RegistryAddress.parse("quay.io")) is None
            True
        """
        return self.cred_helpers.get(key(address), self.creds_store) or None

    def credentials(self) -> dict[RegistryAddress, Credential]:
        """Return the credentials that stand in the document, one a registry.

        Returns:
            Of the entries of each registry the one that docker takes, or the last one where docker
            finds none. Entries of namespaces and of helpers are left out.

        Example:
            >>> from wharfinger.formats import docker_config
            >>> read = docker_config.parse('{"auths": {"quay.io": {"auth": "Y2k6aHVudGVyMg=="}}}')
            >>> list(read.credentials())
            [RegistryAddress.parse('quay.io')]
        """
        return counting(self.entries)


@forgetful
def parse(text: str) -> DockerConfig:
    """Read a ``config.json``.

    Args:
        text: The document; blank text is an empty one, as for docker.

    Returns:
        What it says of credentials; other members are passed over. The codes of its diagnostics are
        in the reference.

    Raises:
        DocumentError: When it is not valid JSON, no object, or its ``auths`` is none.

    Example:
        >>> from wharfinger.formats import docker_config
        >>> read = docker_config.parse(
        ...     '{"auths": {"quay.io": {"auth": "Y2k6aHVudGVyMg=="}, "docker.io": {}}}'
        ... )
        >>> read.entries[0].credential
        Credential(username='ci', secret=Secret('***'), email=None, kind=CredentialKind.PASSWORD)
        >>> print(read.diagnostics[0])
        auths["docker.io"]: key-not-looked-up (R3): docker never finds it by this key; write \
'https://index.docker.io/v1/'
    """
    if not _json_text.without_bom(text).strip():
        return DockerConfig((), tuple(byte_order_mark(text)))
    document, told = load(text, _KNOWN)
    auths, store, by_registry = (_json_text.named(document, known) for known in _KNOWN)
    entries, found = read_auths(document.get(auths), auths)
    remarks = [*told, *_misspelt(document), *found]
    creds_store = document.get(store)
    if not isinstance(creds_store, str | None):
        remarks.append(malformed("a string", creds_store, store))
        creds_store = None
    helpers = read_helpers(document, "docker", key, remarks)
    for entry in entries:
        name = key(entry.address)
        # A registry's token is kept beside what a helper says.
        if helpers.get(name, creds_store) and not _is_registry_token(entry):
            where = place(by_registry, name) if name in helpers else store
            remarks += hidden(entry, "docker", where)
    return DockerConfig(tuple(entries), tuple(remarks), creds_store or None, helpers)


@forgetful
def render(credentials: Mapping[RegistryAddress, Credential]) -> str:
    """Write a ``config.json`` with the credentials of an environment.

    Args:
        credentials: What ``store.credentials(environment, settings)`` returns (R18).

    Returns:
        The document, its keys the ones that docker looks up, in the order of the addresses.

    Raises:
        DocumentError: When it could not say a credential.

    Example:
        >>> from wharfinger import Credential, RegistryAddress, Secret
        >>> from wharfinger.formats import docker_config
        >>> hub = {RegistryAddress.DOCKER_HUB: Credential("ci", Secret("hunter2"))}
        >>> print(docker_config.render(hub).expandtabs(4), end="")
        {
            "auths": {
                "https://index.docker.io/v1/": {
                    "auth": "Y2k6aHVudGVyMg=="
                }
            }
        }
    """
    return json.dumps({"auths": wire_auths(credentials)}, indent="\t") + "\n"


@forgetful
def merge(
    text: str,
    credentials: Mapping[RegistryAddress, Credential],
    *,
    remove: Iterable[RegistryAddress] = (),
) -> str:
    """Set and remove registries' entries in a ``config.json``, and leave every other byte alone.

    Where a credential helper is named for a registry, docker asks that and no entry; the
    diagnostics of the result, parsed, say so.

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
        >>> from wharfinger.formats import docker_config
        >>> quay = RegistryAddress.parse("quay.io")
        >>> docker_config.merge(
        ...     '{"psFormat": "x", "auths": {"https://quay.io/v1/": {}}}',
        ...     {quay: Credential("ci", Secret("hunter2"))},
        ... )
        '{"psFormat": "x", "auths": {"quay.io": {"auth": "Y2k6aHVudGVyMg=="}}}'
        >>> docker_config.merge('{"auths": {"quay.io": {}, "ghcr.io": {}}}', {}, remove=[quay])
        '{"auths": {"ghcr.io": {}}}'
    """
    return merge_auths(text, credentials, remove)


def _is_registry_token(entry: AuthEntry) -> bool:
    credential = entry.credential
    return credential is not None and credential.kind is CredentialKind.REGISTRY_TOKEN


def _misspelt(document: dict[str, object]) -> Iterator[Diagnostic]:
    """Remark on names that are nearly those of credentials."""
    by_case = {known.casefold(): known for known in _KNOWN}
    for name in islice(document, _LOOKED_AT):
        if name in _KNOWN:
            continue
        if same := by_case.get(name.casefold()):
            problem, near = "docker and podman read it in any case, and others do not", same
        elif found := nearest(name, _KNOWN):
            problem, near = "nothing reads it", found
        else:
            continue
        yield Diagnostic("member-misspelt", "R20", problem, f"write {near!r}", place(name))
    if _json_text.named(document, "auths") not in document and any(
        isinstance(value, dict) and "auth" in value
        for value in islice(document.values(), _LOOKED_AT)
    ):
        yield Diagnostic(
            "auths-missing",
            "R20",
            "its entries stand outside of auths, as in a .dockercfg; docker reads none of them",
            "put them into auths, or read it with dockercfg.parse",
        )
