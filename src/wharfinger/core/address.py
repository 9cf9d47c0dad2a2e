"""Registry addresses, and the names of Docker Hub."""

from __future__ import annotations

from functools import total_ordering
from typing import TYPE_CHECKING, ClassVar, Final, final

from wharfinger.core import _grammar
from wharfinger.core._memo import remember
from wharfinger.core.errors import InvalidAddress, plain

if TYPE_CHECKING:
    from typing import Self, TypedDict, Unpack

    class _Parts(TypedDict, total=False):
        host: str
        port: int


__all__ = ["RegistryAddress"]

HTTPS: Final = 443
_MAX_PORT: Final = 65535
_HUB_NAMES: Final = frozenset(_grammar.HUB_NAMES)
_GROUPS: Final = 8
_GROUP_DIGITS: Final = 4
_LONGEST_IPV6: Final = 39
_IPV6: Final = frozenset("0123456789abcdef:")


@final
@total_ordering
class RegistryAddress:
    """The address of a registry server, ``host[:port]``, in canonical form (R3).

    Two spellings of one address are one value: the host is in ASCII lower case, port 443 is the
    same as none, IPv6 is written as RFC 5952 has it in hexadecimal groups, and Docker Hub is
    ``docker.io`` under all its names (R2).

    Args:
        host: A host as image references have it, in any case; IPv6 in brackets.
        port: The TCP port, 1 to 65535.

    Attributes:
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

    __slots__ = ("_host", "_is_docker_hub", "_is_ip", "_port", "_text")

    DOCKER_HUB: ClassVar[RegistryAddress]

    _host: str
    _port: int
    _is_docker_hub: bool
    _is_ip: bool
    _text: str

    def __init__(self, host: str, port: int = HTTPS) -> None:
        if not isinstance(host, str) or type(port) is not int:
            given = f"{type(host).__name__} and {type(port).__name__}"
            del host, port  # they may hold user information
            msg = f"an address has a str for a host and an int for a port, not {given}"
            raise TypeError(msg)
        canonical = _canonical_host(host)
        if canonical is None or not 1 <= port <= _MAX_PORT:
            error = _error(host if canonical is None else f"{host}:{port}")
            host = error.text
            raise error
        self._fill(canonical, port)

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
        if type(text) is not str:
            exact = plain(text)
            if exact is None:
                given = type(text).__name__
                del text  # it may hold user information
                msg = f"a registry address is a str, not {given}"
                raise TypeError(msg)
            text = exact
        address = read_address(text)
        if address is None:
            error = _error(text)
            text = error.text  # user information must not stay in this frame
            raise error
        return address

    @property
    def host(self) -> str:
        """The canonical host."""
        return self._host

    @property
    def port(self) -> int:
        """The port, 443 where none was written."""
        return self._port

    @property
    def is_docker_hub(self) -> bool:
        """Whether this is Docker Hub, under whichever name it was written (R2)."""
        return self._is_docker_hub

    @property
    def is_ip(self) -> bool:
        """Whether the host is an IP address, that is in brackets or with a number as last label.

        The second is how URLs tell (WHATWG URL, "ends in a number").
        """
        return self._is_ip

    def _fill(self, host: str, port: int) -> None:
        """Write the parts; the host is canonical but for Docker Hub's names (R2)."""
        host = _grammar.HUB if port == HTTPS and host in _HUB_NAMES else host
        # A one-label host keeps its port: without, R1 would read it as a path (R3).
        bare = port == HTTPS and _grammar.is_registry(host)
        last = host.rpartition(".")[2]
        is_number = last.isdigit() or (last.startswith("0x") and _IPV6.issuperset(last[2:]))
        self._host = host
        self._port = port
        self._text = host if bare else f"{host}:{port}"
        self._is_docker_hub = self._text == _grammar.HUB
        self._is_ip = is_number or host.startswith("[")

    def __replace__(self, **changes: Unpack[_Parts]) -> RegistryAddress:
        parts: _Parts = {"host": self._host, "port": self._port}
        try:
            return RegistryAddress(**(parts | changes))
        except InvalidAddress:
            changes = {}  # user information must not stay in this frame
            raise

    def __str__(self) -> str:
        return self._text

    def __eq__(self, other: object) -> bool:
        return self._text == other._text if isinstance(other, RegistryAddress) else NotImplemented

    def __lt__(self, other: RegistryAddress) -> bool:
        if not isinstance(other, RegistryAddress):
            return NotImplemented
        return (self._host, self._port) < (other._host, other._port)

    def __hash__(self) -> int:
        return hash(self._text)

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: object) -> Self:
        return self

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return RegistryAddress.parse, (self._text,)

    def __repr__(self) -> str:
        return f"RegistryAddress.parse({self._text!r})"


# Spelling -> address.
_KNOWN: Final[dict[str, RegistryAddress]] = {}


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
        address._fill(*parts)
        remember(_KNOWN, text, address)
    return address


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


RegistryAddress.DOCKER_HUB = RegistryAddress(_grammar.HUB)
