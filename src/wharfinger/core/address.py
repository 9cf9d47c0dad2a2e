"""Registry addresses, and the names of Docker Hub."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, Final

from wharfinger.core import _grammar
from wharfinger.core.errors import InvalidAddress

__all__ = ["RegistryAddress"]

HTTPS: Final = 443
_MAX_PORT: Final = 65535
_HUB: Final = "docker.io"
_HUB_NAMES: Final = frozenset(
    {_HUB, "index.docker.io", "registry-1.docker.io", "registry.hub.docker.com"}
)
_GROUPS: Final = 8
_GROUP_DIGITS: Final = 4
_LONGEST_IPV6: Final = 39
_IPV6: Final = frozenset("0123456789abcdef:")


@dataclass(frozen=True, slots=True, order=True, init=False, repr=False)
class RegistryAddress:
    """The address of a registry server, ``host[:port]``, in canonical form (R3).

    Two spellings of one address are one value: the host is in ASCII lower case, port 443 is the
    same as none, IPv6 is written as RFC 5952 has it in hexadecimal groups, and Docker Hub is
    ``docker.io`` under all its names (R2).

    Args:
        host: A host as image references have it, in any case; IPv6 in brackets.
        port: The TCP port, 1 to 65535.

    Attributes:
        host: The canonical host.
        port: The port, 443 where none was written.
        is_docker_hub: Whether this is Docker Hub, under whichever name it was written (R2).
        is_ip: Whether the host is an IP address: in brackets, or with a number as last label, which
            is how URLs tell (WHATWG URL, "ends in a number").
        DOCKER_HUB: Docker Hub's address.

    Raises:
        InvalidAddress: When either part is not what R4 says.

    Example:
        >>> RegistryAddress("Registry.Corp", 5000)
        RegistryAddress.parse('registry.corp:5000')
        >>> RegistryAddress.parse("registry-1.docker.io:443").is_docker_hub
        True
        >>> RegistryAddress.parse("10.0.0.5:5000").is_ip
        True
    """

    DOCKER_HUB: ClassVar[RegistryAddress]

    host: str
    port: int
    is_docker_hub: bool = field(init=False, compare=False)
    is_ip: bool = field(init=False, compare=False)
    _text: str = field(init=False, compare=False)

    def __init__(self, host: str, port: int = HTTPS) -> None:
        canonical = _canonical_host(host)
        if canonical is None or not 1 <= port <= _MAX_PORT:
            error = _error(host if canonical is None else f"{host}:{port}")
            host = error.text
            raise error
        _fill(self, canonical, port)

    @classmethod
    def parse(cls, text: str) -> RegistryAddress:
        """Read an address as people type it.

        Args:
            text: ``host[:port]``, without scheme, path or user information.

        Returns:
            The canonical address.

        Raises:
            InvalidAddress: When the text is none (R4); the error says what to type instead.

        Example:
            >>> str(RegistryAddress.parse("Quay.IO:0443"))
            'quay.io'
            >>> RegistryAddress.parse("index.docker.io") == RegistryAddress.DOCKER_HUB
            True
            >>> str(RegistryAddress.parse("[2001:DB8:0:0:0:0:0:1]:5000"))
            '[2001:db8::1]:5000'
            >>> str(RegistryAddress.parse("registry"))
            'registry:443'
        """
        if not isinstance(text, str):
            msg = f"a registry address is a str, not {type(text).__name__}"
            raise TypeError(msg)
        address = read_address(text)
        if address is None:
            error = _error(text)
            text = error.text  # user information must not stay in this frame
            raise error
        return address

    def __str__(self) -> str:
        return self._text

    def __repr__(self) -> str:
        return f"RegistryAddress.parse({self._text!r})"


# Spelling -> address. Bounded in entries and in text, so that no tenant can fill the memory.
_KNOWN: Final[dict[str, RegistryAddress]] = {}
_KNOWN_ENTRIES: Final = 4096
_KNOWN_LENGTH: Final = 255


def read_address(text: str) -> RegistryAddress | None:
    """Read an address, or say None where the text is none.

    Spellings are remembered, at most 4,096 of at most 255 characters each.

    Args:
        text: What was typed.

    Returns:
        The address, or None.
    """
    address = _KNOWN.get(text)
    if address is None and (parts := split_address(text)) is not None:
        address = object.__new__(RegistryAddress)
        _fill(address, *parts)
        if len(text) <= _KNOWN_LENGTH:
            if len(_KNOWN) >= _KNOWN_ENTRIES:
                _KNOWN.clear()
            _KNOWN[text] = address
    return address


def _fill(address: RegistryAddress, host: str, port: int) -> None:
    """Write the parts of a new address; the host is canonical but for Docker Hub's names (R2)."""
    host = _HUB if port == HTTPS and host in _HUB_NAMES else host
    object.__setattr__(address, "host", host)
    object.__setattr__(address, "port", port)
    # A one-label host keeps its port: without, R1 would read it as a path (R3).
    bare = port == HTTPS and _grammar.is_registry(host)
    object.__setattr__(address, "_text", host if bare else f"{host}:{port}")
    object.__setattr__(address, "is_docker_hub", host == _HUB and port == HTTPS)
    last = host.rpartition(".")[2]
    is_number = last.isdigit() or (last.startswith("0x") and _IPV6.issuperset(last[2:]))
    object.__setattr__(address, "is_ip", is_number or host.startswith("["))


def known_address(text: str) -> RegistryAddress:
    """Return the address of a host that was parsed before.

    Args:
        text: The registry part of an image reference.

    Returns:
        The address.
    """
    return _KNOWN.get(text) or RegistryAddress.parse(text)


def split_address(text: str) -> tuple[str, int] | None:
    """Split a well-formed address, Docker Hub's names left as they are.

    Args:
        text: What was typed.

    Returns:
        The host in lower case and the port, or None where the text is no address.
    """
    host, colon, digits = text.rpartition(":")
    if not colon or digits.endswith("]"):
        host, port = text, HTTPS
    elif (
        digits.isascii()
        and digits.isdigit()
        and len(number := digits.lstrip("0")) <= len(str(_MAX_PORT))
    ):
        port = int(number or "0")
    else:
        return None
    canonical = _canonical_host(host)
    return None if canonical is None or not 1 <= port <= _MAX_PORT else (canonical, port)


def _canonical_host(host: str) -> str | None:
    if _grammar.HOST_NAME.fullmatch(host):
        return host.lower()
    if host.startswith("[") and host.endswith("]"):
        address = _canonical_ipv6(host[1:-1].lower())
        return None if address is None else f"[{address}]"
    return None


def _canonical_ipv6(text: str) -> str | None:
    """Write an IPv6 address as RFC 5952 has it, in hexadecimal groups throughout."""
    if len(text) > _LONGEST_IPV6 or not _IPV6.issuperset(text):
        return None
    head, gap, tail = text.partition("::")
    before = head.split(":") if head else []
    after = tail.split(":") if tail else []
    missing = _GROUPS - len(before) - len(after)
    if not all(1 <= len(group) <= _GROUP_DIGITS for group in before + after):
        return None
    if missing < 1 if gap else missing != 0:
        return None
    groups = [f"{int(group, 16):x}" for group in [*before, *["0"] * missing, *after]]
    # Of the runs of two or more zero groups, the longest, and of those the first, becomes "::".
    for length in range(_GROUPS, 1, -1):
        for start in range(_GROUPS - length + 1):
            if all(group == "0" for group in groups[start : start + length]):
                return f"{':'.join(groups[:start])}::{':'.join(groups[start + length :])}"
    return ":".join(groups)


def _error(text: str) -> InvalidAddress:
    from wharfinger.core._faults import address_error  # only errors need it

    return address_error(text)


RegistryAddress.DOCKER_HUB = RegistryAddress(_HUB)
