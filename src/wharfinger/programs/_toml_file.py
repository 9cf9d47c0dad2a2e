"""Files in TOML that commands read: where a fault is, and never what stands there."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import attrs
from typing_extensions import override

from wharfinger import WharfingerError
from wharfinger.core.errors import nearest
from wharfinger.formats._toml_text import kind, load
from wharfinger.formats.document import DocumentError

__all__ = ["Fault", "TomlFileError", "check_keys", "read_text", "string", "toml", "wanted"]


class TomlFileError(WharfingerError, ValueError):
    """A file that cannot be read, or says what it must not.

    Of the values in the file it tells a malformed address, without user information, or a malformed
    environment's name, and no other.

    Args:
        source: The name of the file.
        place: Where in it: a dotted name such as ``registries[2].username``, tables counted from 1,
            or a line; empty where it is the file itself.
        problem: What is wrong, as a clause for people.

    Attributes:
        source: As given.
        place: As given.
        problem: As given.

    Example:
        >>> print(TomlFileError("team.toml", "registries[2].username", "it is missing"))
        team.toml: registries[2].username: it is missing
    """

    source: str
    place: str
    problem: str

    def __init__(self, source: str, place: str, problem: str) -> None:
        super().__init__(source, place, problem)
        self.source = source
        self.place = place
        self.problem = problem

    @override
    def __str__(self) -> str:
        return ": ".join(filter(None, (self.source, self.place, self.problem)))


class Fault(Exception):
    """A fault at a place in the document."""

    def __init__(self, place: str, problem: str) -> None:
        super().__init__(place, problem)
        self.place = place
        self.problem = problem


def read_text(path: str) -> str:
    """Read a file; a byte order mark is passed over."""
    problem = place = ""
    content = b""
    try:
        content = Path(path).read_bytes()
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        newlines = content.count(b"\n", 0, error.start)
        place = f"line {newlines + 1}"
        problem = "it is not UTF-8"
    except OSError as error:
        problem = error.strerror or type(error).__name__
    except ValueError:
        problem = "this is no path"
    content = b""  # it may have a secret in it
    raise TomlFileError(path, place, problem)


def toml(text: str) -> dict[str, object]:
    """Read a document."""
    try:
        return load(text)
    except DocumentError as error:
        place, problem = error.place, error.problem
    raise Fault(place, problem)


_SECRET: Final = re.compile(r"pass|pwd|secret|token|auth|cred|apikey|privatekey|jsonkey")


def check_keys(cls: type[attrs.AttrsInstance], table: dict[str, object]) -> None:
    """Refuse a key for a secret, then a key nobody knows, then a key that is missing."""
    known = {field.name: field.default is attrs.NOTHING for field in attrs.fields(cls)}
    for key in table:
        if key not in known and _SECRET.search(re.sub(r"[\W_]", "", key.casefold())):
            raise Fault(_key(key), "a secret has no place in this file; take it out")
    for key in table:
        if key not in known:
            near = nearest(key.casefold(), known)
            told = f"; the nearest is {near!r}" if near else f"; known are {', '.join(known)}"
            raise Fault(_key(key), f"no such key{told}")
    for key, required in known.items():
        if required and key not in table:
            raise Fault(key, "it is missing")


def _key(key: str) -> str:
    return key if re.fullmatch(r"[A-Za-z0-9_-]{1,80}", key) else f"{key[:80]!a}"


def wanted(wanted: str, value: object) -> str:
    """Say what is wanted, and what this is instead."""
    return f"{wanted} is wanted, and this is {kind(value)}"


def string(key: str, value: object) -> str:
    """Refuse what is no string."""
    if not isinstance(value, str):
        raise Fault(key, wanted("a string", value))
    return value
