"""Keys of ``auths``: the registry that one names, and the key that docker looks up."""

from __future__ import annotations

import re
from typing import Final

from wharfinger.core._grammar import PATH
from wharfinger.core.address import RegistryAddress, read_address
from wharfinger.core.diagnose import Diagnostic
from wharfinger.core.errors import InvalidAddress
from wharfinger.formats.document import has_user_information

__all__ = ["checked", "host_of", "is_url", "key", "read_key"]

_HUB_KEY: Final = "https://index.docker.io/v1/"
_SCHEME: Final = re.compile("https?://")
_API: Final = re.compile(r"v[12](?:/|\Z)")
_LEFTOVERS: Final = frozenset({"access-token", "refresh-token"})


def key(address: RegistryAddress) -> str:
    """Return the key that docker looks up for images of a registry.

    Args:
        address: The registry's address.

    Returns:
        ``https://index.docker.io/v1/`` for Docker Hub, the canonical address for any other.

    Example:
        >>> from wharfinger import RegistryAddress
        >>> from wharfinger.formats import docker_config
        >>> docker_config.key(RegistryAddress.DOCKER_HUB)
        'https://index.docker.io/v1/'
        >>> docker_config.key(RegistryAddress.parse("Quay.io:443"))
        'quay.io'
    """
    return _HUB_KEY if address.is_docker_hub else str(address)


def checked(address: object) -> RegistryAddress:
    """Refuse what is no registry address.

    Args:
        address: What was given for one.

    Returns:
        The address itself.

    Raises:
        TypeError: When it is none.
    """
    if not isinstance(address, RegistryAddress):
        given = type(address).__name__
        del address  # it may hold user information
        msg = f"a registry is named by a RegistryAddress, not {given}"
        raise TypeError(msg)
    return address


def host_of(name: str) -> str:
    """Return what a key has before its first ``/``, without a scheme.

    Args:
        name: The key.

    Returns:
        The text, which need not be a host.
    """
    return name[_scheme(name) :].partition("/")[0]


def is_url(name: str) -> bool:
    """Say whether a key has a scheme.

    Args:
        name: The key.

    Returns:
        True iff it has.
    """
    return _scheme(name) > 0


def _scheme(name: str) -> int:
    """The length of a key's scheme."""
    found = _SCHEME.match(name)
    return found.end() if found else 0


def read_key(name: str, where: str) -> tuple[RegistryAddress, str] | Diagnostic:
    """Read the key of an entry.

    Args:
        name: The key.
        where: The entry's place.

    Returns:
        The registry's address, and the path below it that the key is limited to; or what is wrong.
    """
    if has_user_information(name):
        return Diagnostic(
            "key-user-information",
            "R4",
            "a key holds no user name or password (shown as ***)",
            "name the registry alone, and give the credential inside the entry",
            where,
        )
    host, _, rest = name[_scheme(name) :].partition("/")
    address = read_address(host)
    if address is None:
        return _bad_host(host, where)
    if (is_url(name) or rest in {"v1/", "v2/"}) and (api := _API.match(rest)):
        rest = rest[api.end() :]
    if address.is_docker_hub and rest in _LEFTOVERS:
        return Diagnostic(
            "desktop-leftover",
            "R2",
            "Docker Desktop left this; it is no credential for Docker Hub, though some clients "
            "take it for one",
            f"remove it; Docker Hub's key is {_HUB_KEY}",
            where,
        )
    below = rest.removesuffix("/")
    if below and not PATH.fullmatch(below):
        return Diagnostic(
            "key-malformed",
            "R4",
            "what follows the registry is no repository, so no image is below it",
            "name a namespace or a repository, without a tag",
            where,
        )
    return address, below


def _bad_host(host: str, where: str) -> Diagnostic:
    if host.startswith("*."):
        return Diagnostic(
            "key-wildcard",
            "R3",
            "the key has a wildcard, which the kubelet alone understands",
            "write an entry for each registry",
            where,
        )
    problem = repair = ""
    try:
        RegistryAddress.parse(host)
    except InvalidAddress as error:
        problem, repair = error.problem, error.repair or "host[:port]"
    return Diagnostic(
        "key-malformed", "R4", f"the key names no registry: {problem}", f"write {repair}", where
    )
