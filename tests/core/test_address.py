"""Registry addresses: one value for every spelling, and refusals that say what to type."""

from __future__ import annotations

import copy
import pickle
import sys
from ipaddress import IPv6Address
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wharfinger import ImageReference, InvalidAddress, RegistryAddress
from wharfinger.core import address as module
from wharfinger.testing import strategies as own

ADDRESSES: Final = own.addresses()
HUB_NAMES: Final = (
    "docker.io",
    "index.docker.io",
    "registry-1.docker.io",
    "registry.hub.docker.com",
)

parse = RegistryAddress.parse


def _replace(address: RegistryAddress, **changes: Any) -> RegistryAddress:  # noqa: ANN401
    if sys.version_info >= (3, 13):
        return copy.replace(address, **changes)
    return address.__replace__(**changes)


@pytest.mark.parametrize("name", HUB_NAMES)
@pytest.mark.parametrize("port", ["", ":443", ":0443"])
def test_docker_hub_is_one_registry_under_all_its_names(name: str, port: str) -> None:
    """R2: every name of Docker Hub, in any case, with :443 or without, is docker.io."""
    for spelling in (name, name.upper(), name.title()):
        address = parse(spelling + port)
        assert address == RegistryAddress.DOCKER_HUB
        assert address.is_docker_hub
        assert str(address) == "docker.io"
        assert (address.host, address.port) == ("docker.io", 443)


@pytest.mark.parametrize(
    "text",
    [
        "docker.io:5000",
        "index.docker.io:80",
        "notdocker.io",
        "www.docker.io",
        "docker.io.evil.example",
        "docker.com",
        "hub.docker.com",
        "docker:443",
    ],
)
def test_nothing_else_is_docker_hub(text: str) -> None:
    """R2, R3: another port, a longer or a shorter name is not Docker Hub."""
    address = parse(text)
    assert not address.is_docker_hub
    assert address != RegistryAddress.DOCKER_HUB
    assert str(address) == text


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("quay.io", "quay.io"),
        ("Quay.IO:443", "quay.io"),
        ("quay.io:0443", "quay.io"),
        ("quay.io:" + "0" * 5000 + "443", "quay.io"),
        ("registry.corp:5000", "registry.corp:5000"),
        ("registry.corp:05000", "registry.corp:5000"),
        ("registry.corp:80", "registry.corp:80"),
        ("registry.corp:1", "registry.corp:1"),
        ("registry.corp:65535", "registry.corp:65535"),
        ("localhost", "localhost"),
        ("LOCALHOST:443", "localhost"),
        ("localhost:5000", "localhost:5000"),
        ("10.0.0.5", "10.0.0.5"),
        # One label that R1 would not recognise.
        ("registry", "registry:443"),
        ("Registry", "registry:443"),
        ("registry:443", "registry:443"),
        ("registry:5000", "registry:5000"),
        ("my-registry", "my-registry:443"),
        ("10", "10:443"),
        # Hosts as references carry them, with no DNS limits added.
        ("a--b.c", "a--b.c"),
        ("1.2.3.4.5", "1.2.3.4.5"),
        ("300.300.300.300", "300.300.300.300"),
        ("a" * 64 + ".io", "a" * 64 + ".io"),
        ("a." * 200 + "io", "a." * 200 + "io"),
    ],
)
def test_the_canonical_form(text: str, canonical: str) -> None:
    """R3: the host is lower case, ports are numbers, 443 is none, one label prints its port."""
    address = parse(text)
    assert str(address) == canonical
    assert f"{address}" == canonical
    assert parse(canonical) == address
    assert ImageReference.parse(f"{canonical}/a").registry == canonical


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("[::1]", "[::1]"),
        ("[::]", "[::]"),
        ("[0:0:0:0:0:0:0:1]:443", "[::1]"),
        ("[2001:DB8:0:0:0:0:0:1]:5000", "[2001:db8::1]:5000"),
        ("[2001:db8:0000:0000:0001:0000:0000:0001]", "[2001:db8::1:0:0:1]"),
        ("[2001:0:0:1:0:0:0:1]", "[2001:0:0:1::1]"),
        ("[2001:db8:0:1:1:1:1:1]", "[2001:db8:0:1:1:1:1:1]"),
        ("[2001:db8::1:1:1:1:1]", "[2001:db8:0:1:1:1:1:1]"),
        ("[1::]", "[1::]"),
        ("[1:2:3:4:5:6:7:8]", "[1:2:3:4:5:6:7:8]"),
        ("[1:2:3:4:5:6:0:0]", "[1:2:3:4:5:6::]"),
        ("[0:0:3:4:5:6:7:8]", "[::3:4:5:6:7:8]"),
        # Mapped, compatible and translated IPv4 stay hexadecimal, whatever the Python.
        ("[::ffff:102:304]", "[::ffff:102:304]"),
        ("[::FFFF:C0A8:0001]:5000", "[::ffff:c0a8:1]:5000"),
        ("[0:0:0:0:0:ffff:0:0]", "[::ffff:0:0]"),
        ("[::102:304]", "[::102:304]"),
        ("[64:ff9b::102:304]", "[64:ff9b::102:304]"),
    ],
)
def test_ipv6_is_written_as_rfc_5952_has_it(text: str, canonical: str) -> None:
    """R3: IPv6 is in brackets, in RFC 5952's hexadecimal groups, never with an embedded IPv4."""
    assert str(parse(text)) == canonical
    assert parse(text).is_ip


@pytest.mark.parametrize(
    ("text", "rule", "fault", "repair"),
    [
        ("", "empty", "", None),
        # Schemes.
        ("https://quay.io", "scheme", "https://", "quay.io"),
        ("HTTP://quay.io:5000", "scheme", "HTTP://", "quay.io:5000"),
        ("https://quay.io/v2/", "scheme", "https://", "quay.io"),
        ("docker://registry.corp", "scheme", "docker://", "registry.corp"),
        ("https://Registry.Corp", "scheme", "https://", "Registry.Corp"),
        ("https://[::1]:5000/", "scheme", "https://", "[::1]:5000"),
        ("https://-", "scheme", "https://", None),
        # Paths.
        ("quay.io/", "path", "/", "quay.io"),
        ("quay.io/acme", "path", "/acme", "quay.io"),
        ("quay.io:5000/acme/api", "path", "/acme/api", "quay.io:5000"),
        ("//quay.io", "path", "//quay.io", "quay.io"),
        ("quay.io?x=1", "character", "?", "quay.io"),
        ("quay.io#x", "character", "#", "quay.io"),
        # Userinfo.
        ("ci:hunter2@quay.io", "userinfo", "***@", "quay.io"),
        ("ci@quay.io:5000", "userinfo", "***@", "quay.io:5000"),
        ("https://ci:hunter2@quay.io", "scheme", "https://", "quay.io"),
        # Spaces.
        (" quay.io", "character", " ", "quay.io"),
        ("quay.io:5000 ", "character", " ", "quay.io:5000"),
        ("quay. io", "character", " ", None),
        # Control characters.
        ("quay.io\n", "character", "\n", "quay.io"),
        ("\tquay.io", "character", "\t", "quay.io"),
        ("quay\x00.io", "character", "\x00", None),
        ("quay\x7f.io", "character", "\x7f", None),
        ("quay\x9b.io", "character", "\x9b", None),
        # Look-alikes.
        ("qu\u0430y.io", "character", "\u0430", None),
        ("quay\uff0eio", "character", "\uff0e", None),
        ("quay.io:\uff14\uff14\uff13", "character", "\uff14", None),
        ("quay\ud800.io", "character", "\ud800", None),
        # Trailing dots.
        ("quay.io.", "trailing-dot", ".", "quay.io"),
        ("quay.io.:5000", "trailing-dot", ".", "quay.io:5000"),
        # IPv6 without its brackets, with a zone, malformed.
        ("::1", "ipv6-brackets", "::1", "[::1]"),
        ("2001:DB8::1", "ipv6-brackets", "2001:DB8::1", "[2001:DB8::1]"),
        ("1:2:3", "ipv6-brackets", "1:2:3", None),
        ("[fe80::1%eth0]", "zone-id", "%", "[fe80::1]"),
        ("[fe80::1%25eth0]:5000", "zone-id", "%", "[fe80::1]:5000"),
        ("fe80::1%eth0", "zone-id", "%", "[fe80::1]"),
        ("quay%2eio", "character", "%", None),
        ("[]", "ipv6", "[]", None),
        ("[1:2:3]", "ipv6", "[1:2:3]", None),
        ("[:::]", "ipv6", "[:::]", None),
        ("[1::2::3]", "ipv6", "[1::2::3]", None),
        ("[12345::]", "ipv6", "[12345::]", None),
        ("[::g]", "ipv6", "[::g]", None),
        ("[1:2:3:4:5:6:7:8::]", "ipv6", "[1:2:3:4:5:6:7:8::]", None),
        ("[1:2:3:4:5:6:7:8:9]", "ipv6", "[1:2:3:4:5:6:7:8:9]", None),
        ("[::ffff:1.2.3.4]", "ipv6", "[::ffff:1.2.3.4]", None),
        ("[::1]x", "ipv6", "[::1]x", None),
        # Ports.
        ("quay.io:0", "port", "0", None),
        ("quay.io:00000", "port", "00000", None),
        ("quay.io:65536", "port", "65536", None),
        ("quay.io:99999999999999999999", "port", "9" * 20, None),
        ("quay.io:https", "port", "https", None),
        ("quay.io:-1", "port", "-1", None),
        ("[::1]:0", "port", "0", None),
        ("quay.io:443.", "port", "443.", None),
        # Hosts.
        ("quay..io", "host", ".", None),
        ("quay_io.com", "host", "_", None),
        ("quay-.io", "host", "-", None),
        ("*.corp", "character", "*", None),
    ],
)
def test_what_is_no_address_is_refused(
    text: str, rule: str, fault: str, repair: str | None
) -> None:
    """R4: a refusal names the rule, points at the fault and says what to type instead."""
    with pytest.raises(InvalidAddress) as caught:
        parse(text)
    error = caught.value
    assert error.rule == rule
    assert error.text[slice(*error.span)] == fault
    assert error.repair == repair


@pytest.mark.parametrize(
    "text", ["quay.io:", "localhost:", "[::1]:", ":5000", ":", "-quay.io", "[::1"]
)
def test_what_is_half_an_address_is_refused(text: str) -> None:
    """R4: an address has a host, a port after a colon, and whole brackets."""
    with pytest.raises(InvalidAddress) as caught:
        parse(text)
    start, end = caught.value.span
    assert 0 <= start < end <= len(text)


@pytest.mark.parametrize("port", ["0", "65536", "123456789"])
def test_a_refused_port_is_told_what_ports_there_are(port: str) -> None:
    """R4: where no repair can be known, the message says what a port is."""
    with pytest.raises(InvalidAddress, match="from 1 to 65535"):
        parse(f"quay.io:{port}")


@pytest.mark.parametrize("given_", [None, 5, b"quay.io", ["quay.io"]])
def test_only_a_str_is_parsed(given_: Any) -> None:  # noqa: ANN401  # what types forbid
    """R20: what is no text is a TypeError."""
    with pytest.raises(TypeError):
        parse(given_)


@pytest.mark.parametrize(
    ("text", "is_ip"),
    [
        ("10.0.0.5:5000", True),
        ("127.1", True),
        ("0x7f.1", True),
        ("127.0.0.0x1", True),
        ("a.0x", True),
        ("registry.5", True),
        ("10", True),
        ("[::1]", True),
        ("quay.io", False),
        ("10.corp", False),
        ("localhost", False),
        ("a.0xg", False),
        ("a.1b", False),
        ("a.1-2", False),
    ],
)
def test_is_ip(text: str, is_ip: bool) -> None:  # noqa: FBT001
    """R14: what is in brackets or ends in a number is an IP address."""
    assert parse(text).is_ip is is_ip


def test_the_constructor() -> None:
    """R3: an address made of host and port is the one that is parsed."""
    assert RegistryAddress("Registry.Corp", 5000) == parse("registry.corp:5000")
    assert RegistryAddress("QUAY.io") == parse("quay.io")
    assert RegistryAddress("quay.io", port=443) == parse("quay.io")
    assert RegistryAddress("index.docker.io") == RegistryAddress.DOCKER_HUB
    assert RegistryAddress("index.docker.io", 5000).host == "index.docker.io"
    assert str(RegistryAddress("[::0]", 5000)) == "[::]:5000"
    assert str(RegistryAddress("registry")) == "registry:443"


@pytest.mark.parametrize(
    ("host", "port", "rule"),
    [
        ("quay.io", 0, "port"),
        ("quay.io", 65536, "port"),
        ("quay.io", -1, "port"),
        ("[::1]", 0, "port"),
        ("https://quay.io", 443, "scheme"),
        ("quay.io/a", 443, "path"),
        ("::1", 443, "ipv6-brackets"),
        ("quay.io.", 443, "trailing-dot"),
        ("", 443, "empty"),
    ],
)
def test_the_constructor_refuses_what_parse_refuses(host: str, port: int, rule: str) -> None:
    """R4: neither part of an address may be malformed."""
    with pytest.raises(InvalidAddress) as caught:
        RegistryAddress(host, port)
    assert caught.value.rule == rule


def test_a_host_with_a_port_is_no_host() -> None:
    """R4: the host of an address holds no port."""
    with pytest.raises(InvalidAddress):
        RegistryAddress("quay.io:5000")


def test_equality_hash_and_order() -> None:
    """R3: addresses are equal by value, hashable, and ordered by host and then by port."""
    a, b, c = parse("a.corp"), parse("a.corp:5000"), parse("b.corp:80")
    assert sorted([c, b, a]) == [a, b, c]
    assert parse("a.corp:90") < parse("a.corp:100")
    assert a < b < c
    assert a <= parse("A.corp") <= b
    assert c >= parse("b.corp:080") > b
    assert hash(a) == hash(parse("A.CORP:443"))
    assert len({a, parse("A.corp"), b}) == 2
    assert a != b
    assert a != "a.corp"
    with pytest.raises(TypeError):
        assert a < "b"  # type: ignore[operator]


def test_an_address_never_changes() -> None:
    """R24: no part of an address can be set, and none can be added."""
    address = parse("quay.io")
    for name in ("host", "port", "is_ip", "other"):
        with pytest.raises((AttributeError, TypeError)):
            setattr(address, name, "x")
    assert str(address) == "quay.io"


def test_replace() -> None:
    """R3: a copy with another host or port is canonical too."""
    address = parse("registry.corp:5000")
    assert str(_replace(address, host="Quay.IO")) == "quay.io:5000"
    assert str(_replace(address, port=443)) == "registry.corp"
    assert _replace(address) == address
    with pytest.raises(InvalidAddress):
        _replace(address, port=0)


def test_the_repr_can_be_pasted_back() -> None:
    """R3: the repr is the expression that makes the address."""
    assert repr(parse("Quay.IO:443")) == "RegistryAddress.parse('quay.io')"
    assert eval(repr(parse("registry:5000"))) == parse("registry:5000")  # noqa: S307  # the promise
    assert repr(parse("registry")) == "RegistryAddress.parse('registry:443')"


def test_the_memory_of_spellings_is_bounded() -> None:
    """R20: no tenant fills the memory with spellings, many or long."""
    for number in range(4200):
        parse(f"r{number}.example")
        assert len(module._KNOWN) <= 4096
    assert module._KNOWN
    for text in ("a" * 253 + ".io", "a.io:" + "0" * 300 + "5000"):
        assert parse(text) == parse(text)
        assert text not in module._KNOWN
    assert max(map(len, module._KNOWN)) <= 255
    assert parse("r0.example") == parse("R0.example")


def test_a_forgotten_address_is_read_again() -> None:
    """R3: what the memory of spellings has dropped is the same address when it is met again."""
    address = module.known_address("quay.io")
    module._KNOWN.clear()
    assert module.known_address("quay.io") == address
    assert module.known_address("quay.io") is module.known_address("quay.io")


@given(ADDRESSES)
def test_an_address_is_read_back_from_its_text(address: RegistryAddress) -> None:
    """R3: the text of an address is its own canonical spelling."""
    assert parse(str(address)) == address
    assert str(parse(str(address))) == str(address)
    assert RegistryAddress(address.host, address.port) == address
    assert str(address) == str(address).lower()


@given(st.data())
def test_every_spelling_is_one_address(data: st.DataObject) -> None:
    """R2, R3: every spelling of an address is one value with one text."""
    address = data.draw(ADDRESSES)
    spelling = data.draw(own.spellings(address))
    assert parse(spelling) == address
    assert hash(parse(spelling)) == hash(address)
    assert str(parse(spelling)) == str(address)


@given(ADDRESSES, ADDRESSES)
def test_different_texts_are_different_addresses(a: RegistryAddress, b: RegistryAddress) -> None:
    """R3: two addresses are equal exactly where their canonical texts are."""
    assert (a == b) == (str(a) == str(b))
    assert [a < b, a == b, a > b].count(True) == 1
    assert (a < b) == ((a.host, a.port) < (b.host, b.port))
    assert (a <= b) == (a < b or a == b)
    assert (a >= b) == (a > b or a == b)


@given(ADDRESSES, own.repositories())
def test_an_address_before_a_path_is_read_as_the_registry(
    address: RegistryAddress, path: str
) -> None:
    """R3: whatever path follows it, the text of an address is the registry part of a reference."""
    ref = ImageReference.parse(f"{address}/{path}")
    assert ref.registry == str(address)
    assert ref.repository == path
    assert parse(ref.registry) == address


@given(own.references())
def test_every_host_of_a_reference_is_an_address(text: str) -> None:
    """R4: every host a valid reference carries is a valid address."""
    registry = ImageReference.parse(text).registry
    if registry is not None:
        assert isinstance(parse(registry), RegistryAddress)


@given(own.hosts())
def test_every_host_is_an_address(host: str) -> None:
    """R4: no limit is added to what the grammar has for a host."""
    folded = host.lower() in HUB_NAMES
    assert parse(host).port == 443
    assert parse(host) == parse(host.swapcase())
    assert ImageReference.parse(f"{host}:5000/a").registry == f"{host}:5000"
    assert folded == parse(host).is_docker_hub


@given(
    st.lists(st.sampled_from([0, 0, 0, 1, 0xDB8, 0xFFFF]), min_size=8, max_size=8)
    | st.integers(0, 2**128 - 1).map(
        lambda n: [n >> shift & 0xFFFF for shift in range(112, -1, -16)]
    )
)
def test_ipv6_agrees_with_the_standard_library(groups: list[int]) -> None:
    """R3: every IPv6 address that maps no IPv4 is written as the standard library writes it."""
    spelt = ":".join(f"{group:x}" for group in groups)
    address = IPv6Address(spelt)
    canonical = str(parse(f"[{spelt}]"))
    assert "." not in canonical
    if address.ipv4_mapped is None:
        assert canonical == f"[{address.compressed}]"
        assert canonical == str(parse(f"[{address.compressed.upper()}]"))
    else:
        low = groups[6], groups[7]
        zero = "[::ffff:{:x}:{:x}]"
        assert canonical == zero.format(*low)
    assert canonical == str(parse(f"[{':'.join(f'{group:04X}' for group in groups)}]"))


@given(st.ip_addresses(v=4))
def test_mapped_ipv4_stays_hexadecimal(address: Any) -> None:  # noqa: ANN401
    """R3: an IPv4-mapped address is written in hexadecimal groups on every Python."""
    high, low = divmod(int(address), 1 << 16)
    assert str(parse(f"[::FFFF:{high:04X}:{low:04X}]")) == f"[::ffff:{high:x}:{low:x}]"


@given(st.integers(-70000, 140000), st.integers(0, 8))
def test_a_port_is_a_number_from_1_to_65535(port: int, zeros: int) -> None:
    """R3, R4: ports compare as numbers, and there is none beyond 16 bits."""
    text = f"quay.io:{'-' if port < 0 else ''}{'0' * zeros}{abs(port)}"
    if 1 <= port <= 65535:
        assert parse(text).port == port
        assert parse(text) == RegistryAddress("quay.io", port)
    else:
        with pytest.raises(InvalidAddress):
            parse(text)
        with pytest.raises(InvalidAddress):
            RegistryAddress("quay.io", port)


@given(ADDRESSES)
def test_addresses_survive_pickling_and_copying(address: RegistryAddress) -> None:
    """R24: an address is pickled at every protocol and comes back equal, with its text."""
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        back = pickle.loads(pickle.dumps(address, protocol))  # noqa: S301  # its own bytes
        assert back == address
        assert str(back) == str(address)
        assert hash(back) == hash(address)
    for copied in (copy.copy(address), copy.deepcopy(address)):
        assert copied == address
        assert str(copied) == str(address)
