"""The registries file: an environment and its registries, in TOML, without secrets."""

from __future__ import annotations

import re
import tomllib
from enum import StrEnum
from pathlib import Path
from typing import Final

import attrs
from typing_extensions import override

from wharfinger import (
    Environment,
    InvalidAddress,
    InvalidCredential,
    InvalidEnvironment,
    Orchestration,
    Registry,
    RegistryAddress,
    RegistryState,
    WharfingerError,
)
from wharfinger.core.credential import check_username
from wharfinger.core.errors import nearest

__all__ = ["RegistriesFileError", "parse", "read"]


class RegistriesFileError(WharfingerError, ValueError):
    """A registries file that cannot be read, or says what it must not.

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
        >>> print(RegistriesFileError("team.toml", "registries[2].username", "it is missing"))
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


def read(path: str) -> Environment:
    """Read a registries file.

    Args:
        path: The path of the file.

    Returns:
        The environment it describes.

    Raises:
        RegistriesFileError: When it cannot be read, or :func:`parse` refuses what it says.

    Example:
        >>> read("no-such.toml")
        Traceback (most recent call last):
        ...
        wharfinger.programs._registries_file.RegistriesFileError: no-such.toml: No such file or \
directory
    """
    return parse(_content(path), path)


def _content(path: str) -> str:
    problem = place = ""
    content = b""
    try:
        content = Path(path).read_bytes()
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        place = _line(content.count(b"\n", 0, error.start))
        problem = "it is not UTF-8"
    except OSError as error:
        problem = error.strerror or type(error).__name__
    except ValueError:
        problem = "this is no path"
    content = b""  # it may have a secret in it
    raise RegistriesFileError(path, place, problem)


def parse(text: str, source: str = "registries.toml") -> Environment:
    """Read the text of a registries file.

    Args:
        text: A TOML document: ``environment``, perhaps ``orchestration``, and a ``[[registries]]``
            table for each registry in the order of adding, with ``address`` and ``username``, and
            perhaps ``state`` and ``added_by``.
        source: The name of the file, for errors.

    Returns:
        The environment it describes.

    Raises:
        RegistriesFileError: When it is no such document, or has a key for a secret.

    Example:
        >>> env = parse('''
        ... environment = "staging"
        ...
        ... [[registries]]
        ... address = "quay.io"
        ... username = "ci"
        ... state = "inactive"
        ... ''')
        >>> env.in_force("quay.io").state
        RegistryState.INACTIVE
    """
    try:
        return _environment(_toml(text))
    except _Fault as fault:
        error = RegistriesFileError(source, fault.place, fault.problem)
    # The text, and the errors that hold it, stay out of what is raised: it may have a secret in it.
    text = ""
    raise error


class _Fault(Exception):
    """A fault at a place in the document."""

    def __init__(self, place: str, problem: str) -> None:
        super().__init__(place, problem)
        self.place = place
        self.problem = problem


# The start of a line, table or value, and a key of more parts than any key of this file has.
_PART: Final = r"""(?:[A-Za-z0-9_-]++|"[^"\n]*+"|'[^'\n]*+')[ \t]*+"""
_DEEP: Final = re.compile(rf"(?:^|[\[{{,])[ \t]*+(?:{_PART}\.[ \t]*+){{8}}", re.MULTILINE)


def _toml(text: str) -> dict[str, object]:
    if deep := _DEEP.search(text):  # its time is quadratic in the parts of a key (R20)
        place = _line(text.count("\n", 0, deep.start()))
        raise _Fault(place, "a key has too many parts")
    place = ""
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        # Of its message only the place is taken: the rest may quote the document.
        found = re.search(r"\(at (line \d+, column \d+)\)$", str(error))
        place = found[1] if found else _line(text.count("\n"))
    except (ValueError, RecursionError):  # a number too long, or a nesting too deep, to be read
        pass
    raise _Fault(place, "it is not valid TOML")


def _line(newlines_before: int) -> str:
    return f"line {newlines_before + 1}"


def _environment(document: dict[str, object]) -> Environment:
    _check_keys(_Document, document)
    read = _Document(**document)
    return Environment(
        read.environment,
        read.orchestration,
        [
            Registry(
                environment=read.environment,
                sequence=sequence,
                address=table.address,
                username=table.username,
                state=table.state,
                added_by=table.added_by,
            )
            for sequence, table in enumerate(read.registries, start=1)
        ],
    )


_SECRET: Final = re.compile(r"pass|pwd|secret|token|auth|cred|apikey|privatekey|jsonkey")


def _check_keys(cls: type[attrs.AttrsInstance], table: dict[str, object]) -> None:
    """Refuse a key for a secret, then a key nobody knows, then a key that is missing."""
    known = {field.name: field.default is attrs.NOTHING for field in attrs.fields(cls)}
    for key in table:
        if key not in known and _SECRET.search(re.sub(r"[\W_]", "", key.casefold())):
            raise _Fault(_key(key), "a secret has no place in this file; take it out")
    for key in table:
        if key not in known:
            near = nearest(key.casefold(), known)
            told = f"; the nearest is {near!r}" if near else f"; known are {', '.join(known)}"
            raise _Fault(_key(key), f"no such key{told}")
    for key, required in known.items():
        if required and key not in table:
            raise _Fault(key, "it is missing")


def _key(key: str) -> str:
    return key if re.fullmatch(r"[A-Za-z0-9_-]{1,80}", key) else f"{key[:80]!a}"


_TYPES: Final = {
    bool: "a boolean",
    int: "an integer",
    float: "a float",
    str: "a string",
    list: "an array",
    dict: "a table",
}


def _wanted(wanted: str, value: object) -> str:
    return f"{wanted} is wanted, and this is {_TYPES.get(type(value), 'a date or a time')}"


def _text(key: str, value: object) -> str:
    if not isinstance(value, str):
        raise _Fault(key, _wanted("a string", value))
    return value


def _word(key: str, value: object, kind: type[StrEnum]) -> str:
    text = _text(key, value)
    if text not in [*kind]:
        raise _Fault(key, f"it is {' or '.join(repr(word.value) for word in kind)}")
    return text


# What attrs is given converts and never validates: a validator's error would print the value.


def _to_name(value: object) -> str:
    try:
        return Environment(_text("environment", value)).name
    except InvalidEnvironment as error:
        raise _Fault("environment", str(error)) from None


def _to_orchestration(value: object) -> Orchestration:
    return Orchestration(_word("orchestration", value, Orchestration))


def _to_address(value: object) -> RegistryAddress:
    try:
        return RegistryAddress.parse(_text("address", value))
    except InvalidAddress as error:
        raise _Fault("address", str(error)) from None


def _to_username(value: object) -> str:
    text = _text("username", value)
    try:
        check_username(text)
    except InvalidCredential as error:
        raise _Fault("username", error.problem) from None
    return text


def _to_state(value: object) -> RegistryState:
    return RegistryState(_word("state", value, RegistryState))


def _to_added_by(value: object) -> str | None:
    return None if value is None else _text("added_by", value)


@attrs.frozen(kw_only=True)
class _Table:
    """One ``[[registries]]`` table."""

    address: RegistryAddress = attrs.field(converter=_to_address)
    username: str = attrs.field(converter=_to_username)
    state: RegistryState = attrs.field(default=RegistryState.ACTIVE, converter=_to_state)
    added_by: str | None = attrs.field(default=None, converter=_to_added_by)


def _to_tables(value: object) -> tuple[_Table, ...]:
    if not isinstance(value, list):
        raise _Fault("registries", _wanted("an array of [[registries]] tables", value))
    return tuple(_to_table(position, item) for position, item in enumerate(value, start=1))


def _to_table(position: int, value: object) -> _Table:
    place = f"registries[{position}]"
    if not isinstance(value, dict):
        raise _Fault(place, _wanted("a table", value))
    try:
        _check_keys(_Table, value)
        return _Table(**value)
    except _Fault as fault:
        raise _Fault(f"{place}.{fault.place}", fault.problem) from None


@attrs.frozen(kw_only=True)
class _Document:
    """The whole file."""

    environment: str = attrs.field(converter=_to_name)
    orchestration: Orchestration = attrs.field(
        default=Orchestration.CATTLE, converter=_to_orchestration
    )
    registries: tuple[_Table, ...] = attrs.field(factory=list, converter=_to_tables)
