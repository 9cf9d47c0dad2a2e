"""``config.json``: docker's own configuration, as far as it says credentials."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

import attrs

from wharfinger.core.address import RegistryAddress
from wharfinger.formats import _json_text
from wharfinger.formats._auths import (
    AuthEntry,
    counting,
    key,
    read_auths,
    wire,
)
from wharfinger.formats.document import Parsed, forgetful

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wharfinger.core.credential import Credential

__all__ = ["DockerConfig", "key", "parse", "render"]

_KNOWN: Final = ("auths", "credsStore", "credHelpers")
_MEMBERS_LOOKED_AT: Final = 100  # a misspelt name is looked for among these


@attrs.frozen
class DockerConfig(Parsed[AuthEntry]):
    """What a ``config.json`` says of credentials.

    Args:
        entries: The entries of ``auths`` that can be used.
        diagnostics: What is wrong or surprising in the document.
        creds_store: The credential helper of all registries; None for none.
        cred_helpers: The credential helpers of single registries by docker's key for them; one
            that is empty says that the entry in ``auths`` counts all the same.
    """

    creds_store: str | None = None
    cred_helpers: Mapping[str, str] = attrs.field(factory=dict)

    def helper(self, address: RegistryAddress) -> str | None:
        """Say which credential helper docker asks for a registry's credential.

        Args:
            address: The registry's address.

        Returns:
            The name behind ``docker-credential-``; None where docker reads ``auths``.
        """
        return self.cred_helpers.get(key(address), self.creds_store) or None

    def credentials(self) -> dict[RegistryAddress, Credential]:
        """Return the credentials that stand in the document, one a registry.

        Returns:
            The credential of each registry whose entry has one: the entry that docker takes, or
            where it finds none the last one. What a helper would say instead is not looked at.
        """
        return counting(self.entries)


@forgetful
def parse(text: str) -> DockerConfig:
    """Read a ``config.json``.

    Args:
        text: The document; blank text is an empty one, as for docker.

    Returns:
        What it says of credentials. Other keys are passed over.

    Raises:
        DocumentError: When it is not valid JSON, or ``auths``, ``credsStore`` or ``credHelpers``
            is of the wrong type.

    Example:
        >>> read = parse('{"auths": {"quay.io": {"auth": "Y2k6aHVudGVyMg=="}}}')
        >>> read.entries[0].credential
        Credential(username='ci', secret=Secret('***'), email=None, kind=CredentialKind.PASSWORD)
        >>> print(parse('{"auths": {"quay.io": {"auth": "eA=="}}}').diagnostics[0].place)
        auths["quay.io"].auth
    """
    plain = _json_text.without_bom(text)
    document = _json_text.load(plain) if plain.strip() else {}
    entries, remarks = read_auths(document.get("auths"), "auths")
    return DockerConfig(tuple(entries), tuple(remarks))


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
        >>> hub = {RegistryAddress.DOCKER_HUB: Credential("ci", Secret("hunter2"))}
        >>> print(render(hub).expandtabs(4), end="")
        {
            "auths": {
                "https://index.docker.io/v1/": {
                    "auth": "Y2k6aHVudGVyMg=="
                }
            }
        }
    """
    auths = {
        key(address): wire(credentials[address], "auths", key(address))
        for address in sorted(credentials)
    }
    return json.dumps({"auths": auths}, indent="\t") + "\n"
