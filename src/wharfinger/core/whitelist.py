"""The whitelist: which registries, and which paths in them, may be pulled from (R14)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from wharfinger.core import _grammar
from wharfinger.core._memo import remember
from wharfinger.core.address import (
    HTTPS,
    RegistryAddress,
    read_address,
    split_address,
)
from wharfinger.core.errors import InvalidSettings, plain

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import TypedDict, Unpack

    class _Parts(TypedDict, total=False):
        entries: str | Iterable[str | RegistryAddress] | None


__all__ = ["Whitelist"]

_SETTING: Final = "registry.whitelist"
_WILDCARD: Final = "*."

# Path -> entry; the empty path is the whole registry.
_Paths = dict[str, str]


@dataclass(frozen=True, slots=True, init=False, repr=False)
class Whitelist:
    """Which registries may be pulled from.

    An entry is an address (``quay.io``, ``registry.corp:5000``) or a wildcard for whole labels in
    front of one (``*.corp``), either with a path (``docker.io/acme``). A path matches the
    repository that equals it and those that continue it after a ``/``. A wildcard never matches
    Docker Hub or an IP address.

    Args:
        entries: Comma-separated text as on the page, where text without an entry restricts nothing;
            or an iterable of entries, of which there must be one; or None for no restriction.

    Attributes:
        entries: The entries in canonical form, sorted, each once; none where nothing is restricted.
        blank: Whether it was given as text without an entry, which lint remarks on (R12).

    Raises:
        InvalidSettings: When an entry is malformed, or an iterable has none; ``entry`` is its
            position.

    Example:
        >>> whitelist = Whitelist("Registry.Corp:5000, quay.io/acme,, *.corp")
        >>> whitelist
        Whitelist('*.corp, quay.io/acme, registry.corp:5000')
        >>> whitelist == Whitelist(["quay.io/acme", "*.CORP:443", "registry.corp:5000"])
        True
    """

    entries: tuple[str, ...]
    blank: bool = field(init=False)
    _exact: dict[str, _Paths] = field(init=False, compare=False)
    _wild: dict[tuple[str, int], _Paths] = field(init=False, compare=False)
    _suffix_lengths: tuple[int, ...] = field(init=False, compare=False)
    _found: dict[str, tuple[_Paths, ...]] = field(init=False, compare=False)

    def __init__(self, entries: str | Iterable[str | RegistryAddress] | None = None) -> None:
        read = _read(entries)
        if isinstance(read, Exception):
            entries = None  # it may hold user information, which must not stay in this frame
            raise read
        exact: dict[str, _Paths] = {}
        wild: dict[tuple[str, int], _Paths] = {}
        for entry in read:
            paths = (
                wild.setdefault((entry.host, entry.port), {})
                if entry.wildcard
                else exact.setdefault(entry.registry, {})
            )
            paths[entry.path] = str(entry)
        object.__setattr__(self, "entries", tuple(sorted({str(entry) for entry in read})))
        object.__setattr__(self, "blank", not read and entries is not None)
        object.__setattr__(self, "_exact", exact)
        object.__setattr__(self, "_wild", wild)
        object.__setattr__(self, "_found", {})
        lengths = {len(host) for host, _ in wild}
        object.__setattr__(self, "_suffix_lengths", tuple(sorted(lengths, reverse=True)))

    @property
    def restricts(self) -> bool:
        """Whether anything is refused.

        Example:
            >>> Whitelist(" , ").restricts, Whitelist("quay.io").restricts
            (False, True)
        """
        return bool(self.entries)

    def permits(self, address: RegistryAddress, repository: str) -> bool:
        """Say whether a canonical repository at an address may be pulled (R15).

        Args:
            address: The address of the registry.
            repository: The canonical repository in it.

        Returns:
            True where nothing is restricted, or some entry matches.

        Example:
            >>> Whitelist("quay.io").permits(RegistryAddress.parse("QUAY.io"), "acme/api")
            True
        """
        return not self.entries or self.entry_for(address, repository) is not None

    def entry_for(self, address: RegistryAddress, repository: str) -> str | None:
        """Find the entry that matches a repository.

        Of several, an address comes before a wildcard, a longer suffix before a shorter one, and
        then a longer path.

        Args:
            address: The address of the registry.
            repository: The canonical repository in it.

        Returns:
            The entry as it stands in :attr:`entries`, or None.

        Example:
            >>> Whitelist("quay.io/acme").entry_for(RegistryAddress.parse("quay.io"), "acme/api")
            'quay.io/acme'
        """
        for paths in self._paths_for(address):
            entry = _covering(paths, repository)
            if entry is not None:
                return entry
        return None

    def could_match(self, address: RegistryAddress, prefix: str | None = None) -> bool:
        """Say whether some entry could match an image of a registry (R12, R18).

        Args:
            address: The address of the registry.
            prefix: What every path there starts with, or None.

        Returns:
            True where nothing is restricted, or there is such an entry.

        Example:
            >>> Whitelist("docker.io/acme").could_match(RegistryAddress.DOCKER_HUB)
            True
            >>> Whitelist("quay.io").could_match(RegistryAddress.DOCKER_HUB)
            False
        """
        if not self.entries:
            return True
        start = f"{prefix}/" if prefix else ""
        return any(
            not path or f"{path}/".startswith(start) or start.startswith(f"{path}/")
            for paths in self._paths_for(address)
            for path in paths
        )

    def _paths_for(self, address: RegistryAddress) -> tuple[_Paths, ...]:
        """The paths of the entries whose first piece matches; an address before wildcards.

        They are remembered, for at most 4,096 addresses of at most 255 characters each.
        """
        found = self._found.get(address._text)
        if found is None:
            found = tuple(self._find(address))
            remember(self._found, address._text, found)
        return found

    def _find(self, address: RegistryAddress) -> Iterator[_Paths]:
        if (paths := self._exact.get(address._text)) is not None:
            yield paths
        if address._is_docker_hub or address._is_ip:
            return
        host, port = address._host, address._port
        for length in self._suffix_lengths:
            # Whole labels stand in front of the suffix iff a dot does.
            if host[-length - 1 : -length] == "." and (host[-length:], port) in self._wild:
                yield self._wild[host[-length:], port]

    def __str__(self) -> str:
        return ", ".join(self.entries)

    def __repr__(self) -> str:
        return f"Whitelist({str(self)!r})" if self.entries or self.blank else "Whitelist(None)"

    def __replace__(self, **changes: Unpack[_Parts]) -> Whitelist:
        try:
            return Whitelist(**changes) if changes else self
        except InvalidSettings:
            changes = {}  # user information must not stay in this frame
            raise

    def __reduce__(self) -> tuple[object, ...]:
        return Whitelist, (str(self) if self.entries or self.blank else None,)


def _covering(paths: _Paths, repository: str) -> str | None:
    """The entry with the longest path that equals the repository or is continued by it."""
    path = repository if len(paths) > 1 or "" not in paths else ""
    while path:
        if path in paths:
            return paths[path]
        path = path.rpartition("/")[0]
    return paths.get("")


class _Entry(NamedTuple):
    wildcard: bool
    host: str
    port: int
    registry: str
    path: str

    def __str__(self) -> str:
        return f"{self.registry}/{self.path}" if self.path else self.registry


def read_location(text: str) -> tuple[RegistryAddress, str | None] | None:
    """Read an address with an optional path, as the settings write them (R11, R14).

    Args:
        text: ``host[:port][/path]``, the first piece one that R1 reads as a registry.

    Returns:
        The address and the path, or None where the text is no such thing.
    """
    head, slash, path = text.partition("/")
    address = read_address(head) if _grammar.is_registry(head) else None
    if address is None or (slash and not is_path(path)):
        return None
    return address, path or None


def _read(
    entries: str | Iterable[str | RegistryAddress] | None,
) -> list[_Entry] | InvalidSettings | TypeError:
    """Every entry, or the error to raise for the first malformed one."""
    given = entries.split(",") if isinstance(entries, str) else list(entries or ())
    read: list[_Entry] = []
    for position, item in enumerate(given, start=1):
        exact = str(item) if isinstance(item, RegistryAddress) else plain(item)
        if exact is None:
            kind = type(item).__name__
            return TypeError(f"{_SETTING}, entry {position}: an entry is a str, not {kind}")
        text = exact.strip()
        if not text:
            continue
        entry = _read_entry(text)
        if entry is None:
            return _error(_whole(text, given[position - 1 :]), position)
        read.append(entry)
    if not read and not isinstance(entries, str | None):
        # A filter that matched nothing must not open the gate (R14).
        problem = "no entry is left of it; None says that nothing is restricted"
        return InvalidSettings("", (0, 0), "empty", problem, None, _SETTING)
    return read


def _read_entry(text: str) -> _Entry | None:
    if text.startswith(_WILDCARD):
        head, slash, path = text.removeprefix(_WILDCARD).partition("/")
        parts = split_address(head)
        if parts is None or parts[0].startswith("[") or (slash and not is_path(path)):
            return None
        host, port = parts
        registry = f"*.{host}" if port == HTTPS else f"*.{host}:{port}"
        return _Entry(wildcard=True, host=host, port=port, registry=registry, path=path)
    location = read_location(text)
    if location is None:
        return None
    address, below = location
    return _Entry(
        wildcard=False,
        host=address.host,
        port=address.port,
        registry=str(address),
        path=below or "",
    )


def is_path(text: str) -> bool:
    """Say whether a text is a path that some repository can have.

    Args:
        text: The text.

    Returns:
        True iff it is a well-formed path of at most 255 characters.
    """
    return len(text) <= _grammar.MAX_PATH and _grammar.PATH.fullmatch(text) is not None


def _whole(text: str, rest: list[Any]) -> str:
    """A refused entry; where a comma cut user information in two, without it."""
    from wharfinger.core._faults import redact  # only errors need it

    joined = ",".join(map(str, rest))
    safe = redact(joined)
    return text if safe == joined else safe.partition(",")[0].strip()


def _error(text: str, position: int) -> InvalidSettings:
    from wharfinger.core._faults import setting_error  # only errors need it

    return setting_error(text, _SETTING, position, lambda repair: _read_entry(repair) is not None)
