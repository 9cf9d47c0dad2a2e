"""Hypothesis strategies for the core's types, for your tests as for ours.

Every strategy but ``near_misses`` makes valid values by construction, never by filtering what a
parser refuses, so that a test can hold the parser to them. ``hypothesis`` must be installed.

Example:
    >>> from hypothesis import given
    >>> from wharfinger import ImageReference
    >>> @given(references())
    ... def round_trip(text):
    ...     assert str(ImageReference.parse(text)) == text
    >>> round_trip()
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from hypothesis import strategies as st

from wharfinger.core._grammar import is_image_id, is_registry
from wharfinger.core.address import HTTPS, RegistryAddress
from wharfinger.core.credential import Credential, CredentialKind, Secret
from wharfinger.core.environment import Environment, Orchestration
from wharfinger.core.registry import Registry, RegistryState
from wharfinger.core.settings import DefaultRegistry, HostImages, Settings
from wharfinger.core.whitelist import Whitelist

if TYPE_CHECKING:
    from hypothesis.strategies import DrawFn, SearchStrategy

__all__ = [
    "addresses",
    "credentials",
    "default_registries",
    "digests",
    "environment_names",
    "environments",
    "hosts",
    "near_misses",
    "references",
    "repositories",
    "secrets",
    "settings",
    "spellings",
    "tags",
    "usernames",
    "whitelist_entries",
    "whitelists",
]

_LOWER: Final = "abcdefghijklmnopqrstuvwxyz"
_DIGITS: Final = "0123456789"
_ALNUM: Final = _LOWER + _DIGITS
_ANY_CASE: Final = _ALNUM + _LOWER.upper()
_HUB_NAMES: Final = (
    "docker.io",
    "index.docker.io",
    "registry-1.docker.io",
    "registry.hub.docker.com",
)
# A few addresses that meet again and again, so that rules about several of one address apply.
_USUAL: Final = ("docker.io", "quay.io", "registry.corp:5000", "localhost:5000", "[::1]:5000")


def _joined(words: SearchStrategy[str], separators: tuple[str, ...]) -> SearchStrategy[str]:
    """Words with separators between them."""
    more = st.lists(st.tuples(st.sampled_from(separators), words), max_size=3)
    return st.builds(lambda first, rest: first + "".join(s + w for s, w in rest), words, more)


@st.composite
def _ipv6(draw: DrawFn) -> str:
    groups = draw(st.lists(st.integers(0, 0xFFFF) | st.just(0), min_size=8, max_size=8))
    start = draw(st.integers(0, 8))
    length = draw(st.integers(0, 8 - start))
    written = [
        draw(st.sampled_from([f"{group:x}", f"{group:X}", f"{group:04x}"])) for group in groups
    ]
    if not length or any(groups[start : start + length]):
        return f"[{':'.join(written)}]"
    return f"[{':'.join(written[:start])}::{':'.join(written[start + length :])}]"


def hosts() -> SearchStrategy[str]:
    """Hosts as references carry them: names in any case, ``localhost``, IPv4, IPv6 in brackets.

    Returns:
        A strategy for text. Not every host is one that R1 recognises without its port.
    """
    name = _joined(st.text(_ANY_CASE, min_size=1, max_size=8), (".", ".", ".", "-", "--"))
    octet = st.integers(0, 255).map(str)
    ipv4 = st.tuples(octet, octet, octet, octet).map(".".join)
    return name | st.just("localhost") | ipv4 | _ipv6() | st.sampled_from(_HUB_NAMES)


def _ports() -> SearchStrategy[str]:
    number = st.integers(1, 65535).map(str) | st.sampled_from(
        ["443", "0443", "5000", "80", "00005000"]
    )
    return st.just("") | number.map(":{}".format)


def addresses() -> SearchStrategy[RegistryAddress]:
    """Registry addresses; a few usual ones come often.

    Returns:
        A strategy for addresses.
    """
    made = st.builds("{}{}".format, hosts(), _ports())
    usual = st.sampled_from(_USUAL)
    return (usual | usual | made).map(RegistryAddress.parse)


# Made once: making a strategy costs more than drawing from it.
_ADDRESSES: Final = addresses()


@st.composite
def spellings(draw: DrawFn, address: RegistryAddress) -> str:
    """Spellings of one address that R1 reads as a registry (R2, R3).

    They differ in case, ``:443`` or none, leading zeros of the port, and Docker Hub's names.

    Args:
        draw: Given by hypothesis.
        address: The address.

    Returns:
        A strategy for text that parses to the address.
    """
    host = draw(st.sampled_from(_HUB_NAMES)) if address.is_docker_hub else address.host
    upper = draw(st.integers(0, 2 ** len(host) - 1))
    host = "".join(c.upper() if upper >> i & 1 else c for i, c in enumerate(host))
    zeros = "0" * draw(st.integers(0, 3))
    with_port = f"{host}:{zeros}{address.port}"
    return (
        draw(st.sampled_from([with_port, host]))
        if address.port == HTTPS and is_registry(host)
        else with_port
    )


def repositories(max_components: int = 4) -> SearchStrategy[str]:
    """Repositories: one or more components, and every separator the grammar has.

    Args:
        max_components: How many components at most, 1 to 7.

    Returns:
        A strategy for text of at most 255 characters with ``library/`` before it.
    """
    component = _joined(st.text(_ALNUM, min_size=1, max_size=6), (".", "_", "__", "-", "---"))
    return st.lists(component, min_size=1, max_size=max_components).map("/".join)


def tags() -> SearchStrategy[str]:
    """Tags, of 1 to 128 characters.

    Returns:
        A strategy for text.
    """
    rest = st.text(_ANY_CASE + "_.-", max_size=20) | st.just("x" * 127)
    return st.builds("{}{}".format, st.sampled_from(_ANY_CASE + "_"), rest)


def digests() -> SearchStrategy[str]:
    """Digests of every algorithm: sha256, sha384 and sha512.

    Returns:
        A strategy for text.
    """
    lengths = {"sha256": 64, "sha384": 96, "sha512": 128}

    def of(algorithm: str) -> SearchStrategy[str]:
        length = lengths[algorithm]
        digit = st.text(_DIGITS + "abcdef", min_size=4, max_size=4)
        return digit.map(lambda four: f"{algorithm}:{four * (length // 4)}")

    return st.sampled_from(sorted(lengths)).flatmap(of)


_REPOSITORIES: Final = repositories()
_SHORT: Final = st.none() | repositories(2)
_TAGS: Final = st.none() | tags()
_DIGESTS_OR_NONE: Final = st.none() | digests()
_HOSTS_OR_NONE: Final = st.none() | _ADDRESSES.flatmap(spellings)


@st.composite
def references(draw: DrawFn, registry: SearchStrategy[str | None] | None = None) -> str:
    """Valid image references, put together production by production.

    Args:
        draw: Given by hypothesis.
        registry: Where the registry part comes from, None for none; by default any or none.

    Returns:
        A strategy for text.
    """
    host = draw(_HOSTS_OR_NONE if registry is None else registry)
    path = draw(_REPOSITORIES)
    head, slash, _ = path.partition("/")
    if host is None and slash and ("." in head or head == "localhost"):
        path = f"x-{path.replace('.', '-')}"  # R1 would read the first component as a registry
    if host is None and is_image_id(path):
        path = f"{path}/x"
    tag = draw(_TAGS)
    digest = draw(_DIGESTS_OR_NONE)
    text = path if host is None else f"{host}/{path}"
    text = text if tag is None else f"{text}:{tag}"
    return text if digest is None else f"{text}@{digest}"


_REFERENCES: Final = references()
# What the grammar gives a meaning, what it refuses, and what looks like either.
_ODD: Final = st.sampled_from(
    [
        *"/:@.-_[]*%+ \n\t\x00\x7fAZ09az",
        *("__", "___", "--", "..", "//", "::", "@@", ":0", ":65536", "://", "sha256:"),
        *("localhost/", "docker.io/", "\u0430", "\uff0e", "\u0663", "\ud800", "x" * 256),
    ]
)


@st.composite
def near_misses(draw: DrawFn) -> str:
    """Texts that are nearly image references: valid ones with one to three small mutations.

    Some of them are valid all the same.

    Args:
        draw: Given by hypothesis.

    Returns:
        A strategy for text.
    """
    text = draw(_REFERENCES)
    for _ in range(draw(st.integers(1, 3))):
        place = draw(st.integers(0, len(text)))
        cut = draw(st.integers(0, 2))
        text = text[:place] + draw(_ODD | st.just("")) + text[place + cut :]
    return text


_SECRET_TEXTS: Final = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40)


@st.composite
def secrets(draw: DrawFn, text: SearchStrategy[str] | None = None) -> Secret:
    """Secrets; their text never shows in hypothesis' output.

    Args:
        draw: Given by hypothesis.
        text: Where the text comes from; by default any text that is not empty.

    Returns:
        A strategy for secrets.
    """
    return Secret(draw(_SECRET_TEXTS if text is None else text))


def usernames() -> SearchStrategy[str]:
    """Usernames that every registry takes, with any secret.

    Returns:
        A strategy for text.
    """
    return st.text(_ANY_CASE + "_.-@+$", min_size=1, max_size=20).map(_shapeless)


def _shapeless(username: str) -> str:
    """Another username where a secret would have to have a shape (R22)."""
    shaped = {"_json_key", "_json_key_base64", "oauth2accesstoken"}
    return f"{username}x" if username in shaped else username


_USERNAMES: Final = usernames()
_SECRETS: Final = secrets()
_EMAILS: Final = st.none() | st.just("ci@acme.example")
_KINDS: Final = st.sampled_from(CredentialKind)


@st.composite
def credentials(draw: DrawFn, secret: SearchStrategy[Secret] | None = None) -> Credential:
    """Credentials that every store takes.

    Args:
        draw: Given by hypothesis.
        secret: Where the secret comes from.

    Returns:
        A strategy for credentials.
    """
    return Credential(
        draw(_USERNAMES),
        draw(_SECRETS if secret is None else secret),
        email=draw(_EMAILS),
        kind=draw(_KINDS),
    )


def environment_names() -> SearchStrategy[str]:
    """Names of environments: a few usual ones, slashes and letters of every script among them.

    Returns:
        A strategy for text.
    """
    usual = st.sampled_from(["staging", "production", "team/a", "team/a/1", "ärger"])
    return usual | st.text(_ANY_CASE + "_.-/ü", min_size=1, max_size=12)


_NAMES: Final = environment_names()
_SEQUENCES: Final = st.sets(st.integers(1, 12), max_size=8)
_STATES: Final = st.sampled_from(RegistryState)
_ADDERS: Final = st.none() | st.just("alice")
_ORCHESTRATIONS: Final = st.sampled_from(Orchestration)


@st.composite
def environments(
    draw: DrawFn,
    name: SearchStrategy[str] | None = None,
    address: SearchStrategy[RegistryAddress] | None = None,
) -> Environment:
    """Environments: several registries of one address, gaps where some were removed.

    Args:
        draw: Given by hypothesis.
        name: Where the name comes from.
        address: Where the registries' addresses come from.

    Returns:
        A strategy for environments.
    """
    chosen = draw(_NAMES if name is None else name)
    numbers = sorted(draw(_SEQUENCES))
    where = _ADDRESSES if address is None else address
    registries = [
        Registry(
            environment=chosen,
            sequence=number,
            address=draw(where),
            username=draw(_USERNAMES),
            state=draw(_STATES),
            added_by=draw(_ADDERS),
        )
        for number in numbers
    ]
    more = draw(st.integers(0, 3))
    orchestration = draw(_ORCHESTRATIONS)
    return Environment(chosen, orchestration, registries, (numbers or [0])[-1] + more)


def default_registries() -> SearchStrategy[DefaultRegistry]:
    """Default registries, with and without a prefix.

    Returns:
        A strategy for default registries.
    """
    return st.builds(DefaultRegistry, _ADDRESSES, _SHORT)


@st.composite
def whitelist_entries(draw: DrawFn, address: SearchStrategy[RegistryAddress] | None = None) -> str:
    """Entries of a whitelist: addresses and wildcards, with and without a path.

    Args:
        draw: Given by hypothesis.
        address: Where addresses come from.

    Returns:
        A strategy for text.
    """
    place = draw(_ADDRESSES if address is None else address)
    registry = draw(spellings(place))
    if not place.is_ip and draw(st.booleans()):
        _, dot, suffix = registry.partition(".")
        registry = f"*.{suffix if dot else registry}"
    path = draw(_SHORT)
    return registry if path is None else f"{registry}/{path}"


def whitelists() -> SearchStrategy[Whitelist]:
    """Whitelists, among them those that restrict nothing.

    Returns:
        A strategy for whitelists.
    """
    some = st.lists(whitelist_entries(), min_size=1, max_size=4)
    return (st.none() | st.sampled_from(["", " , "]) | some).map(Whitelist)


def settings() -> SearchStrategy[Settings]:
    """Settings of every kind.

    Returns:
        A strategy for settings.
    """
    return st.builds(
        Settings,
        default_registry=default_registries(),
        whitelist=whitelists(),
        official_namespace=st.none() | st.just("library") | repositories(2),
        host_images=st.sampled_from(HostImages),
    )
