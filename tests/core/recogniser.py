"""A recogniser of image references that is slow and obviously right.

It is written from the grammar's text, character by character, and shares nothing with the parser:
no regular expression, no memo, no import of wharfinger.
"""

from __future__ import annotations

import ipaddress
from typing import NamedTuple

LOWER = frozenset("abcdefghijklmnopqrstuvwxyz")
UPPER = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
DIGITS = frozenset("0123456789")
HEX = DIGITS | frozenset("abcdef")
PATH_SEPARATORS = frozenset({".", "_", "__"})
DIGEST_LENGTHS = {"sha256": 64, "sha384": 96, "sha512": 128}


class Parts(NamedTuple):
    """What a reference consists of."""

    registry: str | None
    repository: str
    tag: str | None
    digest: str | None


def recognise(text: str) -> Parts | None:
    """Return the parts of a reference, or None where the text is none."""
    first, slash, after = text.partition("/")
    if slash and names_a_registry(first):
        parts = Parts(first, *cut(after))
    else:
        parts = Parts(None, *cut(text))
    valid = (
        (parts.registry is None or is_host(parts.registry))
        and is_path(parts.repository)
        and (parts.tag is None or is_tag(parts.tag))
        and (parts.digest is None or is_digest(parts.digest))
        and counted_length(parts) <= 255
        and not is_hex(text, 64)
    )
    return parts if valid else None


def cut(text: str) -> tuple[str, str | None, str | None]:
    """Repository, tag and digest; neither sign can stand in the one before it."""
    name, at, digest = text.partition("@")
    repository, colon, tag = name.partition(":")
    return repository, tag if colon else None, digest if at else None


def counted_length(parts: Parts) -> int:
    """The length of the path, with the ``library/`` of Docker Hub's one-word names."""
    on_hub = parts.registry in {None, "docker.io", "index.docker.io"}
    implied = "library/" if on_hub and "/" not in parts.repository else ""
    return len(implied + parts.repository)


def names_a_registry(piece: str) -> bool:
    """R1: a dot, a colon, ``localhost``, or an upper-case letter."""
    return "." in piece or ":" in piece or piece == "localhost" or piece.lower() != piece


def is_host(text: str) -> bool:
    """A name or an IPv6 address in brackets, with or without a port."""
    if text.startswith("["):
        address, bracket, port = text[1:].partition("]")
        if not bracket or not is_ipv6(address):
            return False
    else:
        address, colon, port = text.partition(":")
        port = colon + port
        if not is_name(address):
            return False
    return port == "" or (port[0] == ":" and is_port(port[1:]))


def is_ipv6(text: str) -> bool:
    """Groups of hexadecimal digits alone: no zone, no embedded IPv4."""
    if not set(text) <= HEX | frozenset("ABCDEF:"):
        return False
    try:
        ipaddress.IPv6Address(text)
    except ValueError:
        return False
    return True


def is_port(text: str) -> bool:
    """A number from 1 to 65535, in as many digits as one likes."""
    if not text or not set(text) <= DIGITS:
        return False
    value = 0
    for digit in text:
        value = min(value * 10 + "0123456789".index(digit), 65536)
    return 1 <= value <= 65535


def is_name(text: str) -> bool:
    """Labels of letters and digits, joined by one dot or by hyphens."""
    return are_words(text, LOWER | UPPER | DIGITS, frozenset({"."}))


def is_path(text: str) -> bool:
    """Components of lower-case words, joined by one dot, one or two underscores, or hyphens."""
    return all(
        are_words(component, LOWER | DIGITS, PATH_SEPARATORS) for component in text.split("/")
    )


def are_words(text: str, letters: frozenset[str], separators: frozenset[str]) -> bool:
    """Words of these letters, one at each end, with a separator or hyphens between any two."""
    if not text or text[0] not in letters or text[-1] not in letters:
        return False
    between = ""
    for character in text:
        if character in letters:
            if between and between not in separators and set(between) != {"-"}:
                return False
            between = ""
        else:
            between += character
    return True


def is_tag(text: str) -> bool:
    """One to 128 letters, digits, underscores, dots and hyphens; no dot or hyphen first."""
    first = LOWER | UPPER | DIGITS | {"_"}
    return 1 <= len(text) <= 128 and text[0] in first and set(text) <= first | {".", "-"}


def is_digest(text: str) -> bool:
    """An algorithm and as many hexadecimal digits as it has."""
    algorithm, _, digits = text.partition(":")
    return algorithm in DIGEST_LENGTHS and is_hex(digits, DIGEST_LENGTHS[algorithm])


def is_hex(text: str, length: int) -> bool:
    """So many hexadecimal digits in lower case."""
    return len(text) == length and set(text) <= HEX
