"""What is parsed and resolved: real references, their doubles never seen before, environments."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random
from string import ascii_lowercase, ascii_uppercase
from typing import Final

from wharfinger import Environment, ImageReference, Registry, RegistryState, Settings, Whitelist

DATA: Final = Path(__file__).parents[1] / "core" / "data" / "references.jsonl"
RANDOM: Final = Random(20240611)  # noqa: S311 -- the same texts in every run
NONZERO: Final = "123456789"
LONGEST_FREE_PORT: Final = 4

# Which of the real references' hosts have a registry, in environments of every size.
ADDED: Final = {
    "docker.io": RegistryState.ACTIVE,
    "quay.io": RegistryState.ACTIVE,
    "ghcr.io": RegistryState.INACTIVE,
    "nexus3.corp.example.org:10001": RegistryState.ACTIVE,
    "localhost:5000": RegistryState.INACTIVE,
    "myregistry.azurecr.io": RegistryState.ACTIVE,
    "372678215160.dkr.ecr.eu-central-1.amazonaws.com": RegistryState.ACTIVE,
    "us-docker.pkg.dev": RegistryState.INACTIVE,
    "registry.internal": RegistryState.ACTIVE,
    "harbor.example.com:8443": RegistryState.ACTIVE,
}
WHITELISTED: Final = [
    *["quay.io", "ghcr.io", "mcr.microsoft.com", "registry.k8s.io", "localhost:5000", "gcr.io"],
    *["k8s.gcr.io", "eu.gcr.io", "registry.internal", "harbor.example.com:8443", "nvcr.io"],
    *["docker.elastic.co", "icr.io", "registry.gitlab.com", "10.96.14.3:5000", "localhost"],
    *["*.amazonaws.com", "*.azurecr.io", "*.corp.example.com", "*.corp.example.org:10001"],
    *["*.pkg.dev", "*.example.net/team", "public.ecr.aws/docker/library", "cgr.dev/chainguard"],
    *["docker.io/library", "docker.io/nvidia", "docker.io/pytorch", "docker.io/cilium"],
    *["docker.io/jenkins", "docker.io/kindest", "docker.io/sysdig", "docker.io/jupyter"],
    *["docker.io/calico", "docker.io/prom", "docker.io/minio", "docker.io/grafana/grafana"],
]
WHITELIST_ENTRIES: Final = 50


def vectors(kind: str) -> list[tuple[str, bool]]:
    """Read the reference vectors of one kind.

    Args:
        kind: ``real`` or ``edge``.

    Returns:
        The texts, and whether the canonical grammar takes them.
    """
    lines = map(json.loads, DATA.read_text("utf-8").splitlines())
    return [(line["in"], line["ok"]) for line in lines if line["kind"] == kind]


REAL: Final = [text for text, _ in vectors("real")]
PARTS: Final = [ImageReference.parse(text) for text in REAL]


def copies(texts: list[str]) -> list[str]:
    """Copy texts, so that no string remembers its hash.

    Args:
        texts: The texts.

    Returns:
        Equal strings, none of them identical.
    """
    return [f"{text} "[:-1] for text in texts]


def unknown_texts() -> list[str]:
    """Make doubles of the real references that share no host, name, tag or digest with them.

    Every letter is another letter of the same case, every digit another digit, so that lengths and
    shapes stay. ``localhost`` alone has no double.

    Returns:
        The texts.
    """
    return [
        _text(
            None if part.registry is None else _host(part.registry),
            _scrambled(part.repository),
            None if part.tag is None else _scrambled(part.tag),
            part.digest,
        )
        for part in PARTS
    ]


def known_hosts() -> list[str]:
    """Make doubles of the real references with another last path component and another digest.

    Host, first component and tag stay, so what is remembered of them serves, and the whitelist says
    the same.

    Returns:
        The texts.
    """
    texts = []
    for part in PARTS:
        above, slash, last = part.repository.rpartition("/")
        texts.append(_text(part.registry, above + slash + _scrambled(last), part.tag, part.digest))
    return texts


def whole_texts(*, digest: bool, count: int) -> list[str]:
    """Make distinct references that have every part, but for the digest perhaps.

    Args:
        digest: Whether they have a digest.
        count: How many.

    Returns:
        Doubles of the real references that name a registry and a tag.
    """
    whole = [part for part in PARTS if part.registry is not None and part.tag is not None]
    made: dict[str, None] = {}
    while len(made) < count:
        part = whole[len(made) % len(whole)]
        name, tag = _scrambled(part.repository), _scrambled(part.tag or "")
        made[_text(_host(part.registry or ""), name, tag, "sha256:" if digest else None)] = None
    return list(made)


def environment(size: int) -> Environment:
    """Make an environment, with its index built.

    Args:
        size: How many registries; the ten of :data:`ADDED` are spread evenly among them.

    Returns:
        The environment.
    """
    stride = size // len(ADDED)
    added = list(ADDED.items())
    made = Environment("bench", registries=(_registry(n, stride, added) for n in range(size)))
    made.in_force("docker.io")
    return made


def settings() -> Settings:
    """Make settings with a whitelist of fifty entries.

    Returns:
        The settings; under them the real references get every verdict.
    """
    more = [f"registry-{n}.example.org" for n in range(WHITELIST_ENTRIES - len(WHITELISTED))]
    return Settings(whitelist=Whitelist([*WHITELISTED, *more]))


def _registry(number: int, stride: int, added: list[tuple[str, RegistryState]]) -> Registry:
    place, rest = divmod(number, stride)
    address, state = (f"r{number}.example.com:5000", RegistryState.ACTIVE) if rest else added[place]
    return Registry(
        environment="bench", sequence=number + 1, address=address, username="ci", state=state
    )


def _host(host: str) -> str:
    name, colon, port = host.rpartition(":")
    if not colon or port.endswith("]"):
        name, colon, port = host, "", ""
    first = "1" if len(port) > LONGEST_FREE_PORT else port[:1]  # 65535 is the last
    port = first + _scrambled(port[1:])
    if name == "localhost":
        return name + colon + port
    letters = "abcdef" if name.startswith("[") else ascii_lowercase
    return _scrambled(name, letters) + colon + port


def _scrambled(text: str, letters: str = ascii_lowercase) -> str:
    return "".join(
        RANDOM.choice(letters)
        if char in ascii_lowercase
        else RANDOM.choice(NONZERO)
        if char.isdigit()
        else RANDOM.choice(ascii_uppercase)
        if char in ascii_uppercase
        else char
        for char in text
    )


def _text(registry: str | None, repository: str, tag: str | None, digest: str | None) -> str:
    """Put a text together; of a digest the algorithm stays."""
    text = repository if registry is None else f"{registry}/{repository}"
    text = text if tag is None else f"{text}:{tag}"
    if digest is None:
        return text
    algorithm = digest.partition(":")[0]
    digits = {"sha256": 64, "sha384": 96, "sha512": 128}[algorithm]
    return f"{text}@{algorithm}:{RANDOM.getrandbits(digits * 4):0{digits}x}"
