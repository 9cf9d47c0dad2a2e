"""What containers' documents have to say for settings to hold, and what they cannot say.

The semantics are those of containers/image 5.22 to 5.36, which podman, skopeo, buildah and CRI-O
share: a ``[[registry]]`` prefix is compared as text, its case included, and stops at ``/``, ``:``
or ``@``; a scope of ``policy.json`` is compared as text as well, and stops at ``/`` only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import attrs

from wharfinger.core._grammar import HUB_NAMES, is_registry
from wharfinger.core.address import HTTPS, RegistryAddress, read_address
from wharfinger.core.diagnose import Diagnostic
from wharfinger.core.environment import Environment
from wharfinger.core.reference import ImageReference
from wharfinger.core.settings import Settings
from wharfinger.formats.document import DocumentError, place

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = [
    "PLACEHOLDER",
    "Plan",
    "Rule",
    "check_types",
    "plan",
    "search_registries",
    "spellings",
]

PLACEHOLDER: Final = "default-registry.invalid"
"""The host that stands for a default registry with a path: a search registry is a host alone."""


@attrs.frozen
class Rule:
    """One ``[[registry]]`` table.

    Args:
        prefix: Which references it is about.
        location: Where they are pulled from.
        blocked: Whether they are refused.
        why: The number of the rule of this library it follows from.
        insecure: Whether TLS is not asked for; taken over from a table about the same location.
    """

    prefix: str
    location: str
    blocked: bool
    why: str
    insecure: bool = False


@attrs.frozen
class Plan:
    """What a ``registries.conf`` says.

    Args:
        search: The search registries: one, or none where short names are refused.
        rules: The tables, by prefix.
        aliases: Short names, each with the image it is pulled from.
        limits: What the document cannot say.
    """

    search: tuple[str, ...]
    rules: tuple[Rule, ...]
    aliases: dict[str, str]
    limits: tuple[Diagnostic, ...]


def check_types(settings: object, environment: object = None) -> None:
    """Refuse what are no settings and no environment.

    Args:
        settings: What was given as settings.
        environment: What was given as an environment.

    Raises:
        TypeError: When one of them is something else.
    """
    if not isinstance(settings, Settings) or not isinstance(environment, Environment | None):
        given = f"{type(settings).__name__} and {type(environment).__name__}"
        msg = f"Settings are wanted, and perhaps an Environment, not {given}"
        raise TypeError(msg)


def spellings(address: RegistryAddress) -> tuple[str, ...]:
    """Return the hosts that containers keep apart and this library does not (R2, R3).

    Args:
        address: An address.

    Returns:
        Its spellings in lower case, the port without leading zeros. ``index.docker.io`` is missing,
        as containers read it as ``docker.io`` themselves.

    Example:
        >>> spellings(RegistryAddress.parse("quay.io"))
        ('quay.io', 'quay.io:443')
    """
    if address.port != HTTPS:
        return (str(address),)
    hosts = HUB_NAMES if address.is_docker_hub else (address.host,)
    bare = [host for host in hosts if is_registry(host) and host != "index.docker.io"]
    return tuple(sorted([*bare, *(f"{host}:{HTTPS}" for host in hosts)]))


def plan(
    settings: Settings, environment: Environment | None, short_names: Iterable[str] = ()
) -> Plan:
    """Work out what a ``registries.conf`` has to say.

    Args:
        settings: The admin's settings.
        environment: Whose inactive registries are blocked; None for nobody's.
        short_names: Names without a registry that get an alias.

    Returns:
        The plan.

    Raises:
        DocumentError: When a short name is none.
    """
    default = settings.default_registry
    search = search_registries(settings)
    known = {RegistryAddress.DOCKER_HUB, default.address}
    if environment is not None:
        known |= {registry.address for registry in environment.registries}
    rules: dict[str, Rule] = {}
    for address in sorted(known):
        if why := _denied(address, None, settings, environment):
            for prefix in _blocks(address):
                rules[prefix] = Rule(prefix, prefix, blocked=True, why=why)
    _open(rules, known, settings, environment)
    if search == (PLACEHOLDER,):
        why = _denied(default.address, default.prefix, settings, environment)
        rules[PLACEHOLDER] = Rule(PLACEHOLDER, str(default), bool(why), why or "R11")
    return Plan(
        search,
        tuple(rules[prefix] for prefix in sorted(rules)),
        _aliases(settings, short_names),
        tuple(_limits(settings, search, rules)),
    )


def search_registries(settings: Settings) -> tuple[str, ...]:
    """Return the search registries by which short names are pulled from the default registry.

    Args:
        settings: The admin's settings.

    Returns:
        One; or none where containers can't put together what R11 says.
    """
    default = settings.default_registry
    if settings.official_namespace and not default.address.is_docker_hub:
        return ()
    if default.prefix is not None:
        return (PLACEHOLDER,)
    return () if default.address.host.startswith("[") else (str(default.address),)


def _denied(
    address: RegistryAddress,
    prefix: str | None,
    settings: Settings,
    environment: Environment | None,
) -> str | None:
    """The rule by which everything at an address, below a prefix, is denied."""
    if not settings.whitelist.could_match(address, prefix):
        return "R14"
    registry = None if environment is None else environment.in_force(address)
    return "R7" if registry is not None and not registry.is_active else None


def _blocks(address: RegistryAddress) -> list[str]:
    """The prefixes that block an address; one without a port is about every port."""
    if not address.is_docker_hub:
        return [str(address)]
    # Containers read index.docker.io as docker.io themselves, but not with a port.
    return [f"{name}:443" if name == "index.docker.io" else name for name in HUB_NAMES]


def _open(
    rules: dict[str, Rule],
    known: set[RegistryAddress],
    settings: Settings,
    environment: Environment | None,
) -> None:
    """Take out of the blocks the other ports that are known to be allowed."""
    hosts = {prefix for prefix in rules if ":" not in prefix}
    others = {address for address in known if address.host in hosts}
    for entry in settings.whitelist.entries:
        registry, _, _ = entry.partition("/")
        address = RegistryAddress.parse(registry.removeprefix("*."))
        if not registry.startswith("*."):
            others |= {address} if address.host in hosts else set()
        elif address.port != HTTPS:
            others |= {
                RegistryAddress(host, address.port)
                for host in hosts
                if host.endswith(f".{address.host}")
            }
    for address in others:
        prefix = str(address)
        if prefix not in rules and address.port != HTTPS:
            why = _denied(address, None, settings, environment)
            rules[prefix] = Rule(prefix, prefix, blocked=bool(why), why=why or "R3")


def _aliases(settings: Settings, short_names: Iterable[str]) -> dict[str, str]:
    if isinstance(short_names, str):
        msg = "short_names is an iterable of names, not a str"
        raise TypeError(msg)
    aliases: dict[str, str] = {}
    for position, name in enumerate(short_names):
        reference = ImageReference.parse(name)
        if reference.registry or reference.tag or reference.digest:
            raise DocumentError(
                place("short_names", position),
                "a short name is a repository alone, without registry, tag and digest",
            )
        image = str(settings.locate(reference))
        if image.startswith("["):
            problem = "containers take no IPv6 address in an alias, and refuse the file"
            raise DocumentError(place("short_names", position), problem)
        aliases[str(reference)] = image
    return dict(sorted(aliases.items()))


def _limits(
    settings: Settings, search: tuple[str, ...], rules: dict[str, Rule]
) -> Iterator[Diagnostic]:
    default = settings.default_registry
    yield Diagnostic(
        "short-names-by-client",
        "R11",
        "podman takes a short name for any image on the host whose name ends alike, and skopeo "
        "takes it for Docker Hub's",
        "hand the clients canonical images",
    )
    if not search:
        why = (
            f"containers put no {settings.official_namespace!r} before one-word names alone"
            if settings.official_namespace
            else "containers take no IPv6 address for a search registry"
        )
        yield Diagnostic(
            "short-names-refused",
            "R11",
            f"{why}, so short names are refused, but for those that have an alias",
            "write the registry out, or give the names as short_names",
        )
    elif search == (PLACEHOLDER,):
        yield Diagnostic(
            "default-registry-renamed",
            "R13",
            f"short names are pulled from {default}, and are named {PLACEHOLDER}/... on the host",
            "pull the canonical image where its name matters, or give the names as short_names",
        )
    if settings.whitelist.restricts:
        yield Diagnostic(
            "whitelist-elsewhere",
            "R14",
            "this file can refuse registries it names and no others",
            "write policy.json from the same settings beside it",
        )
    inactive = sorted(rule.prefix for rule in rules.values() if rule.blocked and rule.why == "R7")
    if not inactive:
        return
    yield Diagnostic(
        "block-by-spelling",
        "R3",
        "a host in capital letters, or a port with zeros before it, passes a block",
        "hand the clients canonical images",
    )
    bare = [prefix for prefix in inactive if read_address(prefix) and ":" not in prefix]
    if bare and not settings.whitelist.restricts:
        yield Diagnostic(
            "block-of-every-port",
            "R7",
            f"{', '.join(bare)}: blocked on every port that has no table of its own",
            "add the registry on the other port to the environment",
        )
