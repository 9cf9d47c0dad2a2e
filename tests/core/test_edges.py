"""The edges that mutants come through: limits, exact words, and what memos keep."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import pytest

from wharfinger import (
    DefaultRegistry,
    Environment,
    HostImages,
    ImageReference,
    InvalidAddress,
    InvalidEnvironment,
    InvalidReference,
    InvalidSettings,
    Registry,
    RegistryAddress,
    RegistryNotFound,
    Settings,
    Whitelist,
    resolve,
)
from wharfinger.core import address, reference, resolver

EMPTY: Final = Environment("ci")
QUAY: Final = EMPTY.added("quay.io", username="bot")
IMAGE: Final = "quay.io/acme/api:1.2"


# --- limits ----------------------------------------------------------------------------------


def test_the_ports_of_an_address() -> None:
    """R4: ports 1 and 65535 are the outermost, as a number as in a text."""
    assert [RegistryAddress("quay.io", port).port for port in (1, 65535)] == [1, 65535]
    for port in (0, 65536):
        with pytest.raises(InvalidAddress):
            RegistryAddress("quay.io", port)


def test_the_longest_id() -> None:
    """R5: a sequence may have 19 digits, those of a 64-bit integer; no id has more."""
    registry = Registry(environment="ci", sequence=10**18, address="quay.io", username="bot")
    environment = Environment("ci", registries=[registry])
    assert environment.registry(f"ci/{10**18}") is registry
    with pytest.raises(RegistryNotFound):
        environment.registry(f"ci/{10**19}")
    for number in (2**63, 0, -1, True, 1.5):
        with pytest.raises(InvalidEnvironment, match="counted from 1"):
            Registry(
                environment="ci",
                sequence=number,  # type: ignore[arg-type]  # refused
                address="quay.io",
                username="bot",
            )


def test_the_memory_of_texts_is_bounded() -> None:
    """R24: texts to 512 characters are remembered, 4,096 of them, each with its reference."""
    memo = resolver._SEEN
    memo.clear()
    longest = f"quay.io/{'a' * 239}:{'t' * 128}@sha512:{'0' * 128}"
    assert len(longest) == 512
    resolve(longest, EMPTY)
    assert memo == {longest: ImageReference.parse(longest)}
    resolve(f"quay.io/{'a' * 240}:{'t' * 128}@sha512:{'0' * 128}", EMPTY)
    assert list(memo) == [longest]
    for number in range(4095):
        resolve(f"x:{number}", EMPTY)
    assert len(memo) == 4096
    resolve("x:last", EMPTY)
    assert memo == {"x:last": ImageReference.parse("x:last")}


def test_the_memory_of_hosts_is_bounded() -> None:
    """R20: hosts and first components to 255 characters are remembered, 4,096 of them."""
    for memo in (address._KNOWN, reference._PIECES):
        memo.clear()
    longest = "a" * 251 + ".com"
    ImageReference.parse(f"{longest}/x")
    ImageReference.parse(f"{longest[1:]}.org/x")
    assert list(address._KNOWN) == list(reference._PIECES) == [longest]
    for number in range(4095):
        ImageReference.parse(f"{number}.com/x")
    assert len(address._KNOWN) == len(reference._PIECES) == 4096
    ImageReference.parse("last.com/x")
    assert list(address._KNOWN) == list(reference._PIECES) == ["last.com"]


def test_the_memory_of_matches_is_bounded() -> None:
    """R14: a whitelist remembers 4,096 addresses to 255 characters, and what matches them."""
    whitelist = Whitelist("*.com")
    longest = RegistryAddress("a" * 251 + ".com")
    for host in (longest, RegistryAddress("a" * 252 + ".com")):
        assert whitelist.permits(host, "x")
    assert list(whitelist._found) == [str(longest)]
    kept = whitelist._found[str(longest)] = (*whitelist._found[str(longest)],) * 2
    assert whitelist._paths_for(longest) is kept
    for number in range(4095):
        assert whitelist.permits(RegistryAddress(f"{number}.com"), "x")
    assert len(whitelist._found) == 4096
    assert not whitelist.permits(RegistryAddress("last.org"), "x")
    assert whitelist._found == {"last.org": ()}


def test_what_is_remembered_is_not_worked_out_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """R20: a text, a first component and a host that were seen are looked up, nothing more."""
    answer = resolve("quay.io/acme/api", EMPTY)

    def fail(*arguments: object) -> None:
        raise AssertionError(arguments)

    monkeypatch.setattr(address, "split_address", fail)
    monkeypatch.setattr(reference, "_learn", fail)
    again = ImageReference.parse("quay.io/acme/web")
    assert RegistryAddress.parse("quay.io") is answer.address
    monkeypatch.setattr(RegistryAddress, "parse", fail)
    assert resolve(again, EMPTY).address is answer.address
    monkeypatch.setattr(ImageReference, "parse", fail)
    assert resolve("quay.io/acme/api", EMPTY) == answer


# --- addresses -------------------------------------------------------------------------------


class Text(str):
    """Text of a type of its own, as templates and frameworks have it."""

    __slots__ = ()


def test_text_of_another_type_is_read() -> None:
    """R3: what is read from a subclass of str is a plain str."""
    made = RegistryAddress.parse(Text("Quay.io:5000"))
    assert (made.host, made.port, type(made.host), type(str(made))) == ("quay.io", 5000, str, str)


@pytest.mark.parametrize("host", ["x::1]", "[::1x", "::1]", "[::1"])
def test_half_a_pair_of_brackets(host: str) -> None:
    """R4: an IPv6 address has a bracket at each end."""
    with pytest.raises(InvalidAddress):
        RegistryAddress.parse(host)
    with pytest.raises(InvalidAddress):
        RegistryAddress(host)
    with pytest.raises(InvalidReference):
        ImageReference.parse(f"{host}/x")


@pytest.mark.parametrize(
    ("typed", "canonical"),
    [
        ("[1:2:3:4:5:6:7:0]", "[1:2:3:4:5:6:7:0]"),
        ("[0:2:3:4:5:6:7:8]", "[0:2:3:4:5:6:7:8]"),
        ("[1:2:3:4:5:6:0:0]", "[1:2:3:4:5:6::]"),
        ("[0:0:3:4:5:6:7:8]", "[::3:4:5:6:7:8]"),
        ("[1:0:0:4:5:0:0:8]", "[1::4:5:0:0:8]"),
        ("[0:0:3:4:0:0:0:8]", "[0:0:3:4::8]"),
        ("[::]", "[::]"),
    ],
)
def test_which_zero_groups_are_left_out(typed: str, canonical: str) -> None:
    """R3: of the runs of two zero groups or more the longest, and of those the first."""
    assert str(RegistryAddress.parse(typed)) == canonical


# --- words -----------------------------------------------------------------------------------


def test_a_reference_is_made_by_parse() -> None:
    with pytest.raises(TypeError, match=r"^an ImageReference is made by ImageReference\.parse\("):
        ImageReference()


def test_parts_that_would_be_others() -> None:
    """R1: parts that would be read as others are refused, and the first of them is named."""
    with pytest.raises(InvalidReference) as caught:
        ImageReference.from_parts("quay.io/acme/api", tag="1.2")
    error = caught.value
    assert (error.text, error.span, error.rule) == ("quay.io/acme/api:1.2", (0, 20), "path")
    assert error.problem == "as one text, its registry is read as 'quay.io' (R1)"


def test_the_words_of_refusals() -> None:
    """R11, R14, R20: what is refused is told in these words."""
    with pytest.raises(InvalidEnvironment, match=r"^an environment's name is not empty$"):
        Environment("")
    unknown: Any = "n" * 41
    words = f"^an orchestration is one of cattle, kubernetes, not '{'n' * 40}'$"
    with pytest.raises(InvalidEnvironment, match=words):
        Environment("ci", unknown)
    with pytest.raises(InvalidSettings) as caught:
        DefaultRegistry(RegistryAddress.DOCKER_HUB, "Acme")
    assert (caught.value.text, caught.value.rule) == ("docker.io/Acme", "uppercase")
    with pytest.raises(InvalidSettings) as caught:
        Whitelist([])
    assert caught.value.problem == "no entry is left of it; None says that nothing is restricted"
    entries: Any = ["quay.io", b"ghcr.io"]
    with pytest.raises(TypeError) as refused:
        Whitelist(entries)
    assert str(refused.value) == "registry.whitelist, entry 2: an entry is a str, not bytes"


@pytest.mark.parametrize(
    ("read", "words"),
    [
        (RegistryAddress.parse, "a registry address is a str, not int"),
        (DefaultRegistry.parse, "a default registry is a str, not int"),
        (
            DefaultRegistry,
            "it takes a RegistryAddress and a str, not int and NoneType; parse() takes text",
        ),
        (
            lambda five: DefaultRegistry(RegistryAddress.DOCKER_HUB, five),
            "it takes a RegistryAddress and a str, not RegistryAddress and int; parse() takes text",
        ),
        (
            lambda five: Settings(official_namespace=five),
            "official_namespace is a str, not int",
        ),
        (
            RegistryAddress,
            "an address has a str for a host and an int for a port, not int and int",
        ),
        (
            lambda five: RegistryAddress("quay.io", str(five)),  # type: ignore[arg-type]
            "an address has a str for a host and an int for a port, not str and str",
        ),
        (
            lambda five: Environment("ci", registries=[five]),
            "an environment's registries are Registry, not int",
        ),
        (EMPTY.registry, "a registry's id is a str, not int"),
    ],
)
def test_the_words_for_another_type(read: Callable[[Any], object], words: str) -> None:
    with pytest.raises(TypeError) as caught:
        read(5)
    assert str(caught.value) == words


@pytest.mark.parametrize(
    ("entries", "text", "position"),
    [
        ("robot:hun,hunter2@quay.io", "***@quay.io", 1),
        ("ghcr.io, robot:a,b,c@quay.io/x, docker.io", "***@quay.io/x", 2),
        ("ghcr.io,, https://robot:a,b@quay.io, x", "***@quay.io", 3),
        (["ghcr.io", "robot:a,b@quay.io"], "***@quay.io", 2),
        ("ghcr.io, ci:a@quay.io, robot:a@quay.io", "***@quay.io", 2),
        ("ghcr.io, acme/team, quay.io", "acme/team", 2),
    ],
)
def test_a_comma_in_user_information(entries: str | list[str], text: str, position: int) -> None:
    """R14, R20: of a refused entry all user information goes, and nothing but it."""
    with pytest.raises(InvalidSettings) as caught:
        Whitelist(entries)
    assert (caught.value.text, caught.value.entry) == (text, position)


def test_what_an_answer_explains() -> None:
    """R14, R15, R16: the words of a trace, for each way it ends."""
    trusted = resolve(IMAGE, QUAY, on_host=True)
    assert trusted.explain().splitlines() == [
        "quay.io/acme/api:1.2: allowed (already-on-host)",
        "  environment  ci",
        "  image        quay.io/acme/api:1.2",
        "  registry     not looked for",
        "  R1   named      the reference names a registry, quay.io",
        "  R13  canonical  quay.io/acme/api:1.2",
        "  R16  trusted    it is on the host, so it runs without any check",
    ]
    strict = Settings(whitelist="ghcr.io", host_images=HostImages.VERIFY)
    assert resolve(IMAGE, QUAY, strict, on_host=True).explain().splitlines()[3:] == [
        "  registry     not looked for",
        "  R1   named      the reference names a registry, quay.io",
        "  R13  canonical  quay.io/acme/api:1.2",
        "  R16  verified   it is on the host, and every rule applies all the same",
        "  R14  no-match   no whitelist entry matches quay.io",
    ]
    assert resolve(IMAGE, EMPTY).explain().splitlines()[3:] == [
        "  registry     none added for quay.io",
        "  R1   named         the reference names a registry, quay.io",
        "  R13  canonical     quay.io/acme/api:1.2",
        "  R14  unrestricted  there is no whitelist",
        "  R6   none          no registry is added for quay.io",
        "  R10  anonymous     it is pulled without a credential",
    ]
    settings = Settings(default_registry="quay.io/acme", whitelist="quay.io/acme")
    assert resolve("api", QUAY.deactivated("ci/1"), settings).explain().splitlines()[3:] == [
        "  registry     ci/1 (inactive), quay.io as bot",
        "  R1   default    the reference names no registry, so the default registry is used",
        "  R11  moved      the default registry is quay.io/acme",
        "  R13  canonical  quay.io/acme/api",
        "  R14  match      whitelist entry quay.io/acme matches",
        "  R6   in-force   ci/1 is the most recently added for quay.io",
        "  R7   inactive   no older registry is used instead",
    ]
    assert resolve(IMAGE, QUAY).explain().splitlines()[-1:] == [
        "  R7   active        it is pulled as bot",
    ]


def test_the_table_of_an_answer() -> None:
    """R15: notebooks show the same as a table."""
    assert resolve(IMAGE, QUAY, on_host=True)._repr_html_() == (
        "<table><caption>quay.io/acme/api:1.2: allowed (already-on-host)</caption><tbody>"
        "<tr><td>environment</td><td></td><td>ci</td></tr>"
        "<tr><td>image</td><td></td><td>quay.io/acme/api:1.2</td></tr>"
        "<tr><td>registry</td><td></td><td>not looked for</td></tr>"
        "<tr><td>R1</td><td>named</td><td>the reference names a registry, quay.io</td></tr>"
        "<tr><td>R13</td><td>canonical</td><td>quay.io/acme/api:1.2</td></tr>"
        "<tr><td>R16</td><td>trusted</td>"
        "<td>it is on the host, so it runs without any check</td></tr>"
        "</tbody></table>"
    )


@pytest.mark.parametrize("rest", ["", ":1", f"@sha256:{'0' * 64}", f":1@sha256:{'0' * 64}"])
def test_what_familiar_text_keeps(rest: str) -> None:
    """R1: where no shorter text reads the same, tag and digest stay with the longer one."""
    for name in ("docker.io/localhost/db", "docker.io/a.b/c", "ubuntu", "quay.io/x"):
        assert ImageReference.parse(name + rest).familiar() == name + rest


# --- values ----------------------------------------------------------------------------------


def test_each_comparison_answers_by_itself() -> None:
    """No comparison of references leaves the answer to the other operand."""
    low, high = map(ImageReference.parse, ("a", "b"))
    assert (low.__lt__(high), high.__lt__(low), low.__lt__(low)) == (True, False, False)
    assert (low.__le__(high), high.__le__(low), low.__le__(low)) == (True, False, True)
    assert (low.__gt__(high), high.__gt__(low), low.__gt__(low)) == (False, True, False)
    assert (low.__ge__(high), high.__ge__(low), low.__ge__(low)) == (False, True, True)


def test_hashes_tell_values_apart() -> None:
    """Of a hundred values hardly two have one hash."""
    texts = [f"quay.io/x:{number}" for number in range(100)]
    assert len({hash(ImageReference.parse(text)) for text in texts}) > 90
    assert len({hash(resolve(text, EMPTY)) for text in texts}) > 90
    assert len({hash(RegistryAddress("quay.io", port)) for port in range(1, 101)}) > 90


def test_an_unknown_policy_is_told_whole() -> None:
    """R16, R20: the refusal of a policy names the setting, the word and those there are."""
    with pytest.raises(InvalidSettings) as caught:
        Settings(host_images="never")  # type: ignore[arg-type]
    error = caught.value
    assert (error.setting, error.text, error.span) == ("host_images", "never", (0, 5))
    assert (error.rule, error.problem) == ("unknown", "it is one of trust, verify")
    assert error.repair is None
