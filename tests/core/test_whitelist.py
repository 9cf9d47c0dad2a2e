"""The whitelist: how it is read, and what it matches."""

from __future__ import annotations

import copy
import dataclasses
import pickle
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from wharfinger import (
    Environment,
    ImageReference,
    InvalidSettings,
    Reason,
    RegistryAddress,
    Settings,
    Whitelist,
    resolve,
)
from wharfinger.testing import strategies as wf

SHA = "sha256:" + "a" * 64
HUB_NAMES = ("docker.io", "index.docker.io", "registry-1.docker.io", "registry.hub.docker.com")


def permits(whitelist: Whitelist, image: ImageReference) -> bool:
    """Whether a whitelist permits an image that names its registry."""
    assert image.registry is not None
    return whitelist.permits(RegistryAddress.parse(image.registry), image.repository)


def allows(entries: str | Iterable[str], reference: str) -> bool:
    """Whether an image that names its registry may be pulled; the three ways to ask agree."""
    whitelist = Whitelist(entries)
    settings = Settings(whitelist=whitelist)
    image = settings.locate(reference)
    assert image.registry is not None
    answer = permits(whitelist, image)
    entry = whitelist.entry_for(RegistryAddress.parse(image.registry), image.repository)
    assert answer == (entry is not None or not whitelist.restricts)
    reason = resolve(reference, Environment("ci"), settings).reason
    assert answer == (reason is not Reason.NOT_WHITELISTED)
    return answer


# --- reading ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given_entries", "entries"),
    [
        ("quay.io", ("quay.io",)),
        (" quay.io , ghcr.io ", ("ghcr.io", "quay.io")),
        ("quay.io,,ghcr.io,", ("ghcr.io", "quay.io")),
        ("\tquay.io\n,\nghcr.io", ("ghcr.io", "quay.io")),
        ("quay.io, QUAY.IO:443, Quay.io:0443", ("quay.io",)),
        (["quay.io", " ghcr.io ", "", " "], ("ghcr.io", "quay.io")),
        (("quay.io",), ("quay.io",)),
        ({"quay.io": 1}, ("quay.io",)),
        (iter(["ghcr.io", "quay.io"]), ("ghcr.io", "quay.io")),
        ([RegistryAddress.parse("Quay.io:443"), "registry:443"], ("quay.io", "registry:443")),
        ("Index.Docker.IO/acme, registry-1.docker.io:443", ("docker.io", "docker.io/acme")),
        ("*.Corp:0443, *.corp:5000/a/b", ("*.corp", "*.corp:5000/a/b")),
        ("[2001:DB8:0:0::1]:5000/x", ("[2001:db8::1]:5000/x",)),
        ("REGISTRY/acme, localhost", ("localhost", "registry:443/acme")),
    ],
    ids=repr,
)
def test_entries_are_read(given_entries: str | Iterable[str], entries: tuple[str, ...]) -> None:
    """R14: blanks are trimmed, empties dropped, addresses canonical."""
    whitelist = Whitelist(given_entries)
    assert whitelist.entries == entries
    assert whitelist.restricts
    assert not whitelist.blank
    assert str(whitelist) == ", ".join(entries)


@pytest.mark.parametrize("text", ["", " ", ",", " , ,, ", "\t\n"], ids=repr)
def test_text_without_an_entry_is_unrestricted(text: str) -> None:
    """R14: text without an entry restricts nothing, as on the page, and is remembered as such."""
    whitelist = Whitelist(text)
    assert (whitelist.restricts, whitelist.blank, whitelist.entries) == (False, True, ())
    assert allows(text, "quay.io/acme/api")
    assert allows(text, "ubuntu")


def test_none_is_unrestricted() -> None:
    """R14: None says that nothing is restricted."""
    whitelist = Whitelist(None)
    assert (whitelist.restricts, whitelist.blank, whitelist.entries) == (False, False, ())
    assert whitelist == Whitelist()
    assert permits(whitelist, ImageReference.parse("quay.io/acme/api"))
    assert whitelist.could_match(RegistryAddress.parse("quay.io"))


@pytest.mark.parametrize("empty", [[], (), set(), {}, [""], [" ", "\t"], iter(())], ids=repr)
def test_empty_iterable_is_refused(empty: Iterable[str]) -> None:
    """R14: a filter that matched nothing must not open the gate."""
    with pytest.raises(InvalidSettings) as caught:
        Whitelist(empty)
    error = caught.value
    assert (error.setting, error.entry, error.rule) == ("registry.whitelist", None, "empty")
    assert (error.text, error.span, error.repair) == ("", (0, 0), None)


@pytest.mark.parametrize(
    ("text", "rule", "fault", "repair"),
    [
        ("acme/team", "registry", "acme", "docker.io/acme/team"),
        ("library/ubuntu", "registry", "library", "docker.io/library/ubuntu"),
        ("myhost", "registry", "myhost", "myhost:443"),
        ("quay.io/*", "wildcard", "*", "quay.io"),
        ("quay.io/acme/*", "wildcard", "*", "quay.io/acme"),
        ("*", "wildcard", "*", None),
        ("**", "wildcard", "*", None),
        ("*/acme", "wildcard", "*", None),
        ("*corp", "wildcard", "*", None),
        ("*.*.corp", "wildcard", "*", None),
        ("a.*.corp", "wildcard", "*", None),
        ("*.corp/*", "wildcard", "*", "*.corp"),
        ("*.", "host", "", None),
        ("*.-corp", "host", "-corp", None),
        ("*.[::1]", "ipv6", "[::1]", None),
        ("*.[::1]:5000/acme", "ipv6", "[::1]", None),
        ("*.2001:db8::1", "ipv6-brackets", "2001:db8::1", None),
        ("*.corp.", "trailing-dot", ".", None),
        ("*.corp:0", "port", "0", None),
        ("*.corp:65536", "port", "65536", None),
        ("*.corp:latest", "port", "latest", None),
        ("*.corp/Team", "uppercase", "T", "*.corp/team"),
        ("*.corp/team:1.2", "tag", ":1.2", "*.corp/team"),
        ("https://quay.io", "scheme", "https://", "quay.io"),
        ("https://quay.io/acme/", "scheme", "https://", "quay.io/acme"),
        ("quay.io/", "dangling-separator", "/", "quay.io"),
        ("quay.io/acme:1.2", "tag", ":1.2", "quay.io/acme"),
        (f"quay.io/acme@{SHA}", "tag", f"@{SHA}", "quay.io/acme"),
        ("quay.io/Acme", "uppercase", "A", "quay.io/acme"),
        ("quay.io//acme", "path", "/", None),
        ("quay.io ghcr.io", "character", " ", None),
        ("quay.io;ghcr.io", "character", ";", None),
        ("qu\nay.io", "character", "\n", None),
        ("quay.io.", "trailing-dot", ".", "quay.io"),
        ("quay.io:70000", "port", "70000", None),
        ("::1", "ipv6-brackets", "::1", "[::1]"),
        ("quay.io/" + "a" * 256, "path-length", "a" * 256, None),
        ("*.corp/" + "a" * 256, "path-length", "a" * 256, None),
    ],
    ids=repr,
)
def test_malformed_entry_is_refused(text: str, rule: str, fault: str, repair: str | None) -> None:
    """R14, R20: a malformed entry is refused by its position, with the fault and the repair."""
    with pytest.raises(InvalidSettings) as caught:
        Whitelist(f"ghcr.io,, {text} ,###")
    error = caught.value
    assert (error.setting, error.entry, error.text) == ("registry.whitelist", 3, text)
    start, end = error.span
    assert 0 <= start <= end <= len(text)
    assert (error.rule, text[start:end], error.repair) == (rule, fault, repair)
    assert "registry.whitelist, entry 3" in str(error)
    if repair is not None:
        assert Whitelist(repair).restricts
    with pytest.raises(InvalidSettings) as again:
        Whitelist(["ghcr.io", "", text])
    assert again.value.args == error.args


def test_a_comma_is_no_part_of_an_entry() -> None:
    """R14: in an iterable an entry is one entry."""
    with pytest.raises(InvalidSettings) as caught:
        Whitelist(["quay.io,ghcr.io"])
    assert (caught.value.entry, caught.value.span) == (1, (7, 8))


@pytest.mark.parametrize(
    ("text", "shown", "rule", "repair"),
    [
        ("https://ci:hunter2@quay.io/acme", "https://***@quay.io/acme", "scheme", "quay.io/acme"),
        ("ci:hunter2@quay.io", "***@quay.io", "userinfo", "quay.io"),
    ],
)
def test_no_user_information_is_shown(text: str, shown: str, rule: str, repair: str) -> None:
    """R14: user information in a refused entry is hidden, and what hides it is not the fault."""
    with pytest.raises(InvalidSettings) as caught:
        Whitelist(["ghcr.io", text])
    error = caught.value
    assert "hunter2" not in f"{error}{error!r}{error.args}"
    assert (error.text, error.repair, error.entry) == (shown, repair, 2)
    assert error.rule == rule


@pytest.mark.parametrize("entries", [5, b"quay.io", [5], [None], ["quay.io", b"ghcr.io"]], ids=repr)
def test_entries_of_another_type(entries: object) -> None:
    with pytest.raises(TypeError):
        Whitelist(entries)  # type: ignore[arg-type]


@given(st.text("*aZ0.:/-_@[] é\t", max_size=24) | st.text(max_size=24))
@example("*.")
@example("*./x")
def test_any_entry_is_read_or_refused(text: str) -> None:
    """R14, R20: any entry is read, or refused with the fault's place and a valid repair."""
    try:
        whitelist = Whitelist(["quay.io", text])
    except InvalidSettings as error:
        refused = error
    else:
        assert Whitelist(str(whitelist)) == whitelist
        return
    start, end = refused.span
    assert refused.entry == 2
    assert 0 <= start <= end <= len(refused.text)
    assert refused.repair is None or Whitelist([refused.repair]).restricts


# --- matching --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("entry", "reference", "matches"),
    [
        ("quay.io", "quay.io/acme/api", True),
        ("quay.io", "QUAY.io:443/acme/api:1", True),
        ("quay.io:0443", "quay.io/acme/api", True),
        ("quay.io", "quay.io:5000/acme/api", False),
        ("registry.corp:5000", "registry.corp/acme/api", False),
        ("registry.corp:05000", "Registry.Corp:5000/acme/api", True),
        ("registry:443", "REGISTRY/api", True),
        ("[::1]", "[0:0:0:0:0:0:0:1]:443/api", True),
        ("127.0.0.1:5000", "127.0.0.1:5000/api", True),
        ("127.1", "127.1/api", True),
        ("quay.io", "ubuntu", False),
        ("docker.io", "ubuntu", True),
        ("index.docker.io", "docker.io/acme/api", True),
        ("docker.io", "registry-1.docker.io/ubuntu", True),
        ("registry.hub.docker.com:443", "ubuntu", True),
        ("docker.io", "docker.io:5000/ubuntu", False),
        # Paths: on segment boundaries.
        ("quay.io/acme", "quay.io/acme/api", True),
        ("quay.io/acme", "quay.io/acme", True),
        ("quay.io/acme", "quay.io/acme/team/api", True),
        ("quay.io/acme", "quay.io/acme-evil/api", False),
        ("quay.io/acme", "quay.io/acme.evil/api", False),
        ("quay.io/acme", "quay.io/acme_evil", False),
        ("quay.io/acme", "quay.io/acmeevil", False),
        ("quay.io/acme", "quay.io/acm", False),
        ("quay.io/acme", "quay.io/x/acme", False),
        ("quay.io/acme/api", "quay.io/acme", False),
        ("quay.io/acme", "quay.io/acme:1.2", True),
        ("quay.io/acme", f"quay.io/acme@{SHA}", True),
        # No `library/` is put into entries.
        ("docker.io/ubuntu", "ubuntu", False),
        ("docker.io/ubuntu", "docker.io/ubuntu/x", True),
        ("docker.io/library", "ubuntu", True),
        ("docker.io/library/ubuntu", "ubuntu:24.04", True),
        ("docker.io/library/ubuntu", "ubuntu/x", False),
        # Wildcards: one or more whole labels, ports equal.
        ("*.corp", "a.corp/api", True),
        ("*.corp", "a.b.corp/api", True),
        ("*.corp", "A.B.CORP:443/api", True),
        ("*.corp", "corp:443/api", False),
        ("*.example.com", "example.com/api", False),
        ("*.example.com", "evilexample.com/api", False),
        ("*.example.com", "evil-example.com/api", False),
        ("*.example.com", "a.example.com.evil/api", False),
        ("*.example.com", "a.example.com:5000/api", False),
        ("*.example.com:5000", "a.example.com:5000/api", True),
        ("*.example.com:5000", "a.example.com/api", False),
        ("*.example.com:443", "a.example.com/api", True),
        ("*.localhost", "a.localhost/api", True),
        ("*.localhost", "localhost/api", False),
        ("*.example.com/acme", "a.example.com/acme/api", True),
        ("*.example.com/acme", "a.example.com/acme-evil/api", False),
        ("*.example.com/acme", "a.example.com/api", False),
        ("*.dkr.ecr.eu-west-1.amazonaws.com", "1.dkr.ecr.eu-west-1.amazonaws.com/a", True),
        ("*.dkr.ecr.eu-west-1.amazonaws.com", "1.dkr.ecr.us-east-1.amazonaws.com/a", False),
        # Never Docker Hub, but what is only named alike.
        ("*.io", "quay.io/acme/api", True),
        ("*.io", "ubuntu", False),
        ("*.docker.io", "index.docker.io/acme/api", False),
        ("*.docker.io", "registry-1.docker.io/acme/api", False),
        ("*.docker.io", "mirror.docker.io/acme/api", True),
        ("*.docker.io:5000", "index.docker.io:5000/acme/api", True),
        ("*.hub.docker.com", "registry.hub.docker.com/acme/api", False),
        ("*.com", "Registry.Hub.Docker.Com:0443/acme/api", False),
        # Never an IP address.
        ("*.0.0.1", "127.0.0.1/api", False),
        ("*.1", "127.0.0.1/api", False),
        ("*.1", "127.1/api", False),
        ("*.1:5000", "10.0.0.1:5000/api", False),
        ("*.1", "evil.1/api", False),
        ("*.0x7f", "127.0x7f/api", False),
        ("*.1", "0x7f.1/api", False),
        ("*.1", "0X7F.1/api", False),
        ("*.0x1", "127.0.0x1/api", False),
    ],
)
def test_matching(entry: str, reference: str, matches: object) -> None:
    """R14: an entry matches whole labels and whole segments of the canonical image only."""
    assert allows(entry, reference) is matches
    assert allows(["ghcr.io/some/thing", entry], reference) is matches


@pytest.mark.parametrize("name", HUB_NAMES)
def test_no_wildcard_is_docker_hub(name: str) -> None:
    """R2, R14: a wildcard never matches Docker Hub under any of its names, in any case."""
    labels = name.split(".")
    for start in range(1, len(labels)):
        entry = "*." + ".".join(labels[start:])
        for written in (name, name.upper(), f"{name}:443", f"{name}:0443"):
            assert not allows(entry, f"{written}/acme/api")
            assert not allows(f"{entry}:443", f"{written}/ubuntu")
        assert not Whitelist(entry).could_match(RegistryAddress.parse(name))


@pytest.mark.parametrize(
    ("entry", "reference"),
    [
        ("quay.io", "quay.io.evil.com/acme/api"),
        ("quay.io/acme", "quay.io.evil.com/acme/api"),
        ("quay.io", "evilquay.io/acme/api"),
        ("quay.io", "evil.com/quay.io/acme/api"),
        ("docker.io/mycompany", "docker.io/mycompanyevil/api"),
        ("docker.io/mycompany", "mycompanyevil/api"),
        ("docker.io/mycompany", "evil/mycompany"),
        ("*.azurecr.io", "acme.azurecr.io.attacker.test/api"),
        ("*.azurecr.io", "attacker-azurecr.io/api"),
        ("*.azurecr.io", "azurecr.io.attacker/api"),
        ("gcr.io/ns/foo", "gcr.io/ns/foo-suffix"),
        ("gcr.io/ns/foo", "gcr.io/ns/foo-suffix/api"),
        ("registry.corp", "registry.corp:5000/api"),
    ],
)
def test_incidents(entry: str, reference: str) -> None:
    """R3, R14: what slipped through matching by prefix or substring elsewhere does not here."""
    assert not allows(entry, reference)


@pytest.mark.parametrize("reference", ["EVIL.test/x", "evil.test:443/x", "Evil.Test:0443/x"])
def test_spelling_is_no_way_around(reference: str) -> None:
    """R3, R14: however a host is spelt, it is matched as one host."""
    assert allows("evil.test", reference)
    assert not allows("good.test", reference)


@pytest.mark.parametrize(
    ("reference", "default", "whitelist", "image"),
    [
        ("ubuntu", None, None, "docker.io/library/ubuntu"),
        ("ubuntu", "reg.corp:5000", None, "reg.corp:5000/ubuntu"),
        ("library/ubuntu:16.04", "reg.corp:5000", None, "reg.corp:5000/library/ubuntu:16.04"),
        ("docker.io/library/ubuntu", "reg.corp:5000", None, "docker.io/library/ubuntu"),
        ("index.docker.io/ubuntu", "reg.corp:5000", None, "docker.io/library/ubuntu"),
        ("ubuntu", None, "docker.io", "docker.io/library/ubuntu"),
        ("ubuntu", None, " index.docker.io , quay.io,", "docker.io/library/ubuntu"),
        ("docker.io/ubuntu", None, "index.docker.io", "docker.io/library/ubuntu"),
        (
            "registry-1.docker.io/library/ubuntu",
            None,
            "index.docker.io",
            "docker.io/library/ubuntu",
        ),
        ("ubuntu", "reg.corp:5000", "index.docker.io", None),
        ("ubuntu", "reg.corp:5000", "reg.corp:5000", "reg.corp:5000/ubuntu"),
        ("ubuntu", "reg.corp/team", "reg.corp", "reg.corp/team/ubuntu"),
        ("ubuntu", "reg.corp/team", "reg.corp/team", "reg.corp/team/ubuntu"),
        ("Quay.io/a/b", None, "quay.io", "quay.io/a/b"),
        ("quay.io:443/a/b", None, "quay.io", "quay.io/a/b"),
        # A host is parsed, it is not what the rest starts with.
        ("reg.corp/reg.corp.evil.com/x", None, "reg.corp", "reg.corp/reg.corp.evil.com/x"),
        ("reg.corp.evil.com/x", None, "reg.corp", None),
        ("localhost/localhost-app", None, None, "localhost/localhost-app"),
        ("quay.io/quay.io/a", None, None, "quay.io/quay.io/a"),
        # Nor is it what the text contains somewhere.
        ("ubuntu:index.docker.io", "reg.corp", "index.docker.io", None),
        ("ubuntu:index.docker.io", "reg.corp", "reg.corp", "reg.corp/ubuntu:index.docker.io"),
        ("me/index.docker.io", "reg.corp", "reg.corp", "reg.corp/me/index.docker.io"),
    ],
)
def test_rancher_vectors(
    reference: str, default: str | None, whitelist: str | None, image: str | None
) -> None:
    """R1, R11, R14: Rancher's own vectors, as its page has them where its code did otherwise."""
    settings = Settings(default_registry=default, whitelist=whitelist)
    answer = resolve(reference, Environment("ci"), settings)
    assert answer.allowed == (image is not None)
    if image is not None:
        assert str(answer.image) == image


@pytest.mark.parametrize("default", ["https://reg.corp", "reg.corp/", "docker:reg.corp"])
def test_rancher_accepted_garbage(default: str) -> None:
    """R11: a default registry that Rancher pasted in front of every image is refused."""
    with pytest.raises(InvalidSettings):
        Settings(default_registry=default)


def test_entry_for_names_the_entry() -> None:
    """R14: the entry that matches is told: of an address, then of wildcards, the longest path's."""
    whitelist = Whitelist(
        "quay.io, quay.io/acme, quay.io/acme/api, *.io, *.io/acme, *.corp, *.b.corp"
    )
    quay = RegistryAddress.parse("quay.io")
    assert whitelist.entry_for(quay, "acme/api/x") == "quay.io/acme/api"
    assert whitelist.entry_for(quay, "acme/web") == "quay.io/acme"
    assert whitelist.entry_for(quay, "other") == "quay.io"
    assert whitelist.entry_for(RegistryAddress.parse("ghcr.io"), "acme/x") == "*.io/acme"
    assert whitelist.entry_for(RegistryAddress.parse("ghcr.io"), "x") == "*.io"
    assert whitelist.entry_for(RegistryAddress.parse("a.b.corp"), "x") == "*.b.corp"
    assert whitelist.entry_for(RegistryAddress.parse("a.c.corp"), "x") == "*.corp"
    assert whitelist.entry_for(RegistryAddress.parse("ghcr.dev"), "x") is None
    assert Whitelist("quay.io/acme, *.io").entry_for(quay, "other") == "*.io"


@pytest.mark.parametrize(
    ("entries", "address", "prefix", "could"),
    [
        ("quay.io", "quay.io", None, True),
        ("quay.io", "QUAY.IO:443", "acme", True),
        ("quay.io", "quay.io:5000", None, False),
        ("quay.io", "docker.io", None, False),
        ("docker.io/acme", "index.docker.io", None, True),
        ("quay.io/acme", "quay.io", "acme", True),
        ("quay.io/acme", "quay.io", "acme/team", True),
        ("quay.io/acme/team", "quay.io", "acme", True),
        ("quay.io/acme", "quay.io", "acme-evil", False),
        ("quay.io/acme-evil", "quay.io", "acme", False),
        ("quay.io/acme", "quay.io", "ac", False),
        ("quay.io/acme, quay.io/other", "quay.io", "other", True),
        ("*.corp", "a.corp", None, True),
        ("*.corp/acme", "a.corp", "other", False),
        ("*.corp", "corp:443", None, False),
        ("*.io", "docker.io", None, False),
        ("*.1", "127.0.0.1", None, False),
        (" , ", "quay.io", "acme", True),
    ],
)
def test_could_match(entries: str, address: str, prefix: str | None, could: object) -> None:
    """R12, R18: whether some image of a registry could be allowed at all."""
    assert Whitelist(entries).could_match(RegistryAddress.parse(address), prefix) is could


# --- against a slow model --------------------------------------------------------------------


def model_canonical(registry: str) -> tuple[list[str], int]:
    """A registry's labels and port; an IPv6 address is one label."""
    address = RegistryAddress.parse(registry)
    return (
        [address.host] if address.host.startswith("[") else address.host.split(".")
    ), address.port


def model_number(label: str) -> bool:
    if label[:2] == "0x":
        return all(digit in "0123456789abcdef" for digit in label[2:])
    return all(digit in "0123456789" for digit in label)


def model_matches(entry: str, image: ImageReference) -> bool:
    """R14, sentence by sentence."""
    assert image.registry is not None
    labels, port = model_canonical(image.registry)
    segments = image.repository.split("/")
    registry, _, path = entry.strip().partition("/")
    if path and segments[: path.count("/") + 1] != path.split("/"):
        return False
    if not registry.startswith("*."):
        return model_canonical(registry) == (labels, port)
    if (labels, port) == (["docker", "io"], 443):
        return False
    if labels[-1].startswith("[") or model_number(labels[-1]):
        return False
    host, _, digits = registry.removeprefix("*.").lower().partition(":")
    suffix = host.split(".")
    if port != int(digits or "443"):
        return False
    return len(labels) > len(suffix) and labels[-len(suffix) :] == suffix


CLOSE_HOSTS = (
    *HUB_NAMES,
    "quay.io",
    "Quay.IO:443",
    "quay.io:5000",
    "a.quay.io",
    "b.a.quay.io",
    "evilquay.io",
    "quay.io.evil.com",
    "docker.io:5000",
    "mirror.docker.io",
    "localhost",
    "a.localhost",
    "registry:443",
    "REGISTRY",
    "127.0.0.1",
    "127.1",
    "0x7f.1",
    "127.0x1",
    "[::1]",
    "[::1]:5000",
)
CLOSE_PATHS = (
    "acme",
    "acme/api",
    "acme-evil",
    "acme/api/x",
    "library",
    "api",
    "library/api",
    "a.io/x",
)
CLOSE_ENTRIES = (
    *CLOSE_HOSTS,
    *("*.io", "*.quay.io", "*.QUAY.io:0443", "*.quay.io:5000", "*.com", "*.docker.io", "*.1"),
    *("*.0x1", "*.localhost", "*.a.quay.io", "*.hub.docker.com", "*.docker.io:5000", "*.0.0.1"),
)


@st.composite
def close_entries(draw: st.DrawFn) -> str:
    registry = draw(st.sampled_from(CLOSE_ENTRIES))
    path = draw(st.none() | st.sampled_from(CLOSE_PATHS))
    return registry if path is None else f"{registry}/{path}"


ENTRIES = st.lists(close_entries() | wf.whitelist_entries(), min_size=1, max_size=5)
HOSTS = st.none() | st.sampled_from(CLOSE_HOSTS)
REFERENCES = (
    st.builds("{}/{}".format, st.sampled_from(CLOSE_HOSTS), st.sampled_from(CLOSE_PATHS))
    | st.sampled_from(CLOSE_PATHS)
    | wf.references()
)


@given(ENTRIES, REFERENCES)
def test_matching_is_the_models(entries: list[str], reference: str) -> None:
    """R14: what is allowed is what a slow model, written from the rule, allows."""
    image = Settings().locate(reference)
    expected = any(model_matches(entry, image) for entry in entries)
    assert allows(entries, reference) == expected
    assert allows(", ".join(entries), reference) == expected


def test_matching_is_the_models_wherever_it_is_close() -> None:
    """R14: every entry against every image that is nearly one of its own, by the same model."""
    hosts = [RegistryAddress.parse(host) for host in CLOSE_HOSTS]
    images = [Settings().locate(f"{host}/{path}") for host in hosts for path in CLOSE_PATHS]
    for registry in CLOSE_ENTRIES:
        for entry in (registry, *(f"{registry}/{path}" for path in CLOSE_PATHS)):
            whitelist = Whitelist([entry])
            for image in images:
                assert permits(whitelist, image) == model_matches(entry, image), (entry, str(image))


@given(ENTRIES, wf.references())
def test_what_is_allowed_could_match(entries: list[str], reference: str) -> None:
    """R12, R14, R18: where some image is allowed, its address could match."""
    whitelist = Whitelist(entries)
    image = Settings().locate(reference)
    assert image.registry is not None
    address = RegistryAddress.parse(image.registry)
    if permits(whitelist, image):
        assert whitelist.could_match(address)
        parts = image.repository.split("/")
        for count in range(1, len(parts)):
            assert whitelist.could_match(address, "/".join(parts[:count]))
    elif not whitelist.could_match(address):
        assert not whitelist.permits(address, "acme/api")


# --- values ----------------------------------------------------------------------------------


@given(wf.whitelists())
def test_whitelist_survives_repr_and_pickle(whitelist: Whitelist) -> None:
    """R14: a whitelist round trips through its text, its repr, pickle and copies."""
    twins = [
        eval(repr(whitelist), {"Whitelist": Whitelist}),  # noqa: S307  # pasted back
        *(pickle.loads(pickle.dumps(whitelist, p)) for p in range(6)),  # noqa: S301  # our own
        copy.copy(whitelist),
        copy.deepcopy(whitelist),
    ]
    for twin in twins:
        assert twin == whitelist
        assert hash(twin) == hash(whitelist)
        assert (twin.entries, twin.blank) == (whitelist.entries, whitelist.blank)
    if whitelist.restricts:
        assert Whitelist(str(whitelist)) == whitelist == Whitelist(whitelist.entries)


def test_whitelist_repr() -> None:
    assert repr(Whitelist(None)) == "Whitelist(None)"
    assert repr(Whitelist(" ,")) == "Whitelist('')"
    assert repr(Whitelist(["quay.io", "Ghcr.io"])) == "Whitelist('ghcr.io, quay.io')"


def test_whitelist_is_immutable() -> None:
    whitelist = Whitelist("quay.io")
    with pytest.raises(dataclasses.FrozenInstanceError):
        whitelist.entries = ()  # type: ignore[misc]
    with pytest.raises(dataclasses.FrozenInstanceError):
        del whitelist.blank
    assert not hasattr(whitelist, "__dict__")


def test_whitelist_is_equal_by_value() -> None:
    assert Whitelist("quay.io, ghcr.io") == Whitelist(["GHCR.io:443", "quay.io", "quay.io"])
    assert Whitelist("quay.io") != Whitelist("quay.io/acme")
    assert Whitelist("quay.io") != Whitelist("*.quay.io")
    assert Whitelist("") != Whitelist(None)
    assert Whitelist("quay.io") != object()
    assert len({Whitelist("quay.io"), Whitelist(["Quay.io"]), Whitelist(None), Whitelist("")}) == 3


def test_whitelist_can_be_replaced() -> None:
    whitelist = Whitelist("quay.io")
    replaced = dataclasses.replace(whitelist, entries=("ghcr.io",))
    assert (replaced, whitelist) == (Whitelist("ghcr.io"), Whitelist("quay.io"))
    assert whitelist.__replace__(entries=None) == Whitelist(None)
    with pytest.raises(InvalidSettings):
        whitelist.__replace__(entries=[])


@pytest.mark.parametrize("entries", [None, "", "quay.io"])
def test_whitelist_can_be_replaced_by_itself(entries: str | None) -> None:
    whitelist = Whitelist(entries)
    replace: Any = whitelist.__replace__
    assert replace() == whitelist
