"""registries.conf and policy.json together decide as `resolve` does, wherever clients follow."""

from __future__ import annotations

from typing import NamedTuple

import pytest
from hypothesis import assume, event, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from tests.formats.containers_model import pull
from wharfinger import (
    DefaultRegistry,
    Environment,
    ImageReference,
    InvalidReference,
    Reason,
    RegistryAddress,
    Settings,
    Whitelist,
    resolve,
)
from wharfinger.core._grammar import HUB_NAMES
from wharfinger.formats import DocumentError, policy_json, registries_conf
from wharfinger.formats._containers import PLACEHOLDER, spellings
from wharfinger.testing import strategies

# Hosts that meet again and again, close enough to be taken for one another.
ADDRESSES = st.sampled_from(
    [
        *("docker.io", "quay.io", "quay.io:5000", "a.corp", "a.corp:5000", "b.a.corp", "corp:443"),
        *("xquay.io", "localhost", "localhost:5000", "10.0.0.5", "10.0.0.5:80", "docker.io:5000"),
        *(
            "[::1]:5000",
            "harbor.corp",
            "registry:443",
            "quay.io.evil.test",
            "registry-1.docker.io:80",
        ),
    ]
).map(RegistryAddress.parse)
PATHS = ["acme", "acme/api", "acmeevil", "library", "library/ubuntu", "proxy", "proxy/acme"]


class World(NamedTuple):
    """Settings, an environment and an image that are about the same few registries."""

    settings: Settings
    environment: Environment
    image: str


@st.composite
def worlds(draw: st.DrawFn) -> World:
    chosen = draw(st.lists(ADDRESSES, min_size=1, max_size=3))
    address = st.sampled_from(chosen)
    path = st.none() | st.sampled_from(PATHS)
    wildcard = address.filter(lambda each: "." in str(each)).map(
        lambda each: f"*.{str(each).partition('.')[2]}"
    )
    entry = wildcard | st.builds(
        lambda host, below: f"{host}/{below}" if below else str(host), address, path
    )
    default = st.builds(DefaultRegistry, address, st.none() | st.just("proxy"))
    spelt = address.flatmap(lambda each: st.sampled_from(spellings(each)))
    registry = st.none() | spelt | address.flatmap(strategies.spellings)
    host, below = draw(registry), draw(st.sampled_from(PATHS))
    tail = draw(st.sampled_from(["", ":1.2", f"@sha256:{'a' * 64}"]))
    return World(
        Settings(
            default_registry=draw(default),
            whitelist=Whitelist(draw(st.none() | st.lists(entry, min_size=1, max_size=4))),
            official_namespace=draw(st.none() | st.none() | st.just("library")),
        ),
        draw(strategies.environments(address=address)),
        f"{below}{tail}" if host is None else f"{host}/{below}{tail}",
    )


@hypothesis_settings(max_examples=300)
@given(worlds())
def test_the_documents_decide_as_resolve_does(world: World) -> None:
    """R7, R11, R13, R14: what the documents allow is allowed, and pulled from the same place."""
    settings, environment, image = world
    answer = resolve(image, environment, settings)
    entries = {*settings.whitelist.entries}
    wildcards = {entry.partition(":")[0] for entry in entries}
    if wildcards & {"*.io", "*.docker.io"} and "docker.io" not in entries:
        with pytest.raises(DocumentError, match="Docker Hub as well"):
            policy_json.render(settings, any_port=True)
        return
    conf = registries_conf.render(settings, environment)
    done = pull(conf, policy_json.render(settings, any_port=True), image)
    event("refused" if done is None else f"{done.allowed} {answer.allowed} {answer.reason}")
    if done is None:
        assert _is_refused(settings, answer.reference)
        return
    canonical = _is_canonical(answer.reference.registry, answer.address)
    if done.allowed:
        source = ImageReference.parse(done.source)
        assert settings.locate(source) == answer.image
        if answer.reason is Reason.REGISTRY_INACTIVE:
            assert not canonical  # block-by-spelling
            assert _tells(registries_conf.limits(settings, environment), "block-by-spelling")
        elif not answer.allowed:
            assert _by_wildcard_on_another_port(settings, answer.address)
    elif answer.allowed:
        if canonical:  # block-of-every-port
            assert (answer.reason, answer.address.port == 443) == (Reason.ANONYMOUS, False)
            assert answer.address != settings.default_registry.address
            assert _tells(registries_conf.limits(settings, environment), "block-of-every-port")
        else:
            refused = policy_json.limits(settings)
            if answer.address.port != 443:  # its own table is not for this spelling
                refused += registries_conf.limits(settings, environment)
            told = ("spelling-refused", "hub-name-refused", "block-of-every-port")
            assert any(_tells(refused, code) for code in told)


@given(worlds(), st.sampled_from(PATHS))
def test_short_names_written_out_are_pulled_from_where_resolve_says(
    world: World, image: str
) -> None:
    """R11: an alias says exactly where a short name is pulled from, official_namespace and all."""
    settings = world.settings
    reference = ImageReference.parse(image)
    assume(not settings.default_registry.address.host.startswith("["))
    conf = registries_conf.render(settings, short_names=[reference.repository])
    done = pull(conf, policy_json.render(Settings()), image)
    assert done is not None
    answer = resolve(image, Environment("ci"), settings)
    source = ImageReference.parse(done.source)
    assert source == answer.image
    blocked = not settings.whitelist.could_match(answer.address)
    assert done.allowed is not blocked


@given(strategies.settings(), strategies.environments(), strategies.references())
def test_nothing_passes_that_resolve_denies_whatever_the_settings(
    settings: Settings, environment: Environment, image: str
) -> None:
    """R7, R14: of any settings, environments and references."""
    try:
        answer = resolve(image, environment, settings)
        policy = policy_json.render(settings)
    except InvalidReference:
        return
    except DocumentError:
        assert any(entry.startswith("*.") for entry in settings.whitelist.entries)
        return
    done = pull(registries_conf.render(settings, environment), policy, image)
    if done is not None and done.allowed:
        assert answer.allowed or not _is_canonical(answer.reference.registry, answer.address)
        source = ImageReference.parse(done.source)
        digest = answer.image.digest
        assert settings.locate(source).repository == answer.image.repository
        assert (source.tag, source.digest) == (None if digest else answer.image.tag, digest)


def _is_refused(settings: Settings, reference: ImageReference) -> bool:
    """What podman 4.3 refuses: IPv6, one word in capitals, short names nothing is said about."""
    if reference.registry is not None:
        return reference.registry.startswith("[") or not {".", ":"} & set(reference.registry)
    default = settings.default_registry.address
    return (
        bool(settings.official_namespace) and not default.is_docker_hub
    ) or default.host.startswith("[")


def _is_canonical(registry: str | None, address: RegistryAddress) -> bool:
    return registry is None or (registry in spellings(address) and _hub_path_is_told(registry))


def _hub_path_is_told(registry: str) -> bool:
    return registry.removesuffix(":443") not in HUB_NAMES or registry == "docker.io"


def _tells(limits: tuple[object, ...], code: str) -> bool:
    return any(getattr(limit, "code", "") == code for limit in limits)


def _by_wildcard_on_another_port(settings: Settings, address: RegistryAddress) -> bool:
    """What any_port=True admits."""
    hosts = [e[1:].partition(":")[0] for e in settings.whitelist.entries if e.startswith("*.")]
    return not address.is_ip and any(address.host.endswith(host) for host in hosts)


def test_the_placeholder_is_a_host_that_never_resolves() -> None:
    """RFC 2606: without its table, the host that stands for a default registry leads nowhere."""
    assert PLACEHOLDER.endswith(".invalid")
    assert RegistryAddress.parse(PLACEHOLDER).host == PLACEHOLDER


@pytest.mark.parametrize("name", HUB_NAMES)
def test_every_name_of_docker_hub_is_known(name: str) -> None:
    """R2: the names here are those of the core."""
    assert RegistryAddress.parse(name).is_docker_hub
