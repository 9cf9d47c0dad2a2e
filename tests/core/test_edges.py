"""The edges that mutants come through: limits, exact words, and what memos keep."""

from __future__ import annotations

from typing import Final

import pytest

from wharfinger import (
    Environment,
    HostImages,
    ImageReference,
    InvalidAddress,
    InvalidReference,
    Registry,
    RegistryAddress,
    RegistryNotFound,
    Settings,
    resolve,
)
from wharfinger.core import resolver

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
    for digits, found in [(19, True), (20, False)]:
        sequence = 10 ** (digits - 1)
        registry = Registry(environment="ci", sequence=sequence, address="quay.io", username="bot")
        environment = Environment("ci", registries=[registry])
        if found:
            assert environment.registry(f"ci/{sequence}") is registry
        else:
            with pytest.raises(RegistryNotFound):
                environment.registry(f"ci/{sequence}")


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


# --- words -----------------------------------------------------------------------------------


def test_a_reference_is_made_by_parse() -> None:
    with pytest.raises(TypeError, match=r"^an ImageReference is made by ImageReference\.parse\("):
        ImageReference()


def test_parts_that_would_be_others() -> None:
    """R1: parts that would be read as others are refused, at the first component."""
    with pytest.raises(InvalidReference) as caught:
        ImageReference.from_parts("quay.io/acme/api", tag="1.2")
    error = caught.value
    assert (error.text, error.span, error.rule) == ("quay.io/acme/api:1.2", (0, 7), "path")
    assert error.problem == "read as one text, its parts are not those given (R1)"


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
