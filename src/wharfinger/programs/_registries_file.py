"""The registries file: an environment and its registries, in TOML, without secrets."""

from __future__ import annotations

from enum import StrEnum

import attrs

from wharfinger import (
    Environment,
    InvalidAddress,
    InvalidCredential,
    InvalidEnvironment,
    Orchestration,
    Registry,
    RegistryAddress,
    RegistryState,
)
from wharfinger.core.credential import check_username
from wharfinger.programs._toml_file import (
    Fault,
    TomlFileError,
    check_keys,
    read_text,
    string,
    toml,
    wanted,
)

__all__ = ["parse", "read"]


def read(path: str) -> Environment:
    """Read a registries file.

    Args:
        path: The path of the file.

    Returns:
        The environment it describes.

    Raises:
        TomlFileError: When it cannot be read, or :func:`parse` refuses what it says.

    Example:
        >>> read("no-such.toml")
        Traceback (most recent call last):
        ...
        wharfinger.programs._toml_file.TomlFileError: no-such.toml: No such file or \
directory
    """
    return parse(read_text(path), path)


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
        TomlFileError: When it is no such document, or has a key for a secret.

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
        return _environment(toml(text))
    except Fault as fault:
        error = TomlFileError(source, fault.place, fault.problem)
    # The text, and the errors that hold it, stay out of what is raised: it may have a secret in it.
    text = ""
    raise error


def _environment(document: dict[str, object]) -> Environment:
    check_keys(_Document, document)
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


def _word(key: str, value: object, kind: type[StrEnum]) -> str:
    text = string(key, value)
    if text not in [*kind]:
        raise Fault(key, f"it is {' or '.join(repr(word.value) for word in kind)}")
    return text


# What attrs is given converts and never validates: a validator's error would print the value.


def _to_name(value: object) -> str:
    try:
        return Environment(string("environment", value)).name
    except InvalidEnvironment as error:
        raise Fault("environment", str(error)) from None


def _to_orchestration(value: object) -> Orchestration:
    return Orchestration(_word("orchestration", value, Orchestration))


def _to_address(value: object) -> RegistryAddress:
    try:
        return RegistryAddress.parse(string("address", value))
    except InvalidAddress as error:
        raise Fault("address", str(error)) from None


def _to_username(value: object) -> str:
    text = string("username", value)
    try:
        check_username(text)
    except InvalidCredential as error:
        raise Fault("username", error.problem) from None
    return text


def _to_state(value: object) -> RegistryState:
    return RegistryState(_word("state", value, RegistryState))


def _to_added_by(value: object) -> str | None:
    return None if value is None else string("added_by", value)


@attrs.frozen(kw_only=True)
class _Table:
    """One ``[[registries]]`` table."""

    address: RegistryAddress = attrs.field(converter=_to_address)
    username: str = attrs.field(converter=_to_username)
    state: RegistryState = attrs.field(default=RegistryState.ACTIVE, converter=_to_state)
    added_by: str | None = attrs.field(default=None, converter=_to_added_by)


def _to_tables(value: object) -> tuple[_Table, ...]:
    if not isinstance(value, list):
        raise Fault("registries", wanted("an array of [[registries]] tables", value))
    return tuple(_to_table(position, item) for position, item in enumerate(value, start=1))


def _to_table(position: int, value: object) -> _Table:
    place = f"registries[{position}]"
    if not isinstance(value, dict):
        raise Fault(place, wanted("a table", value))
    try:
        check_keys(_Table, value)
        return _Table(**value)
    except Fault as fault:
        raise Fault(f"{place}.{fault.place}", fault.problem) from None


@attrs.frozen(kw_only=True)
class _Document:
    """The whole file."""

    environment: str = attrs.field(converter=_to_name)
    orchestration: Orchestration = attrs.field(
        default=Orchestration.CATTLE, converter=_to_orchestration
    )
    registries: tuple[_Table, ...] = attrs.field(factory=list, converter=_to_tables)
