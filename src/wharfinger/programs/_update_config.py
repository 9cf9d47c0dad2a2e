"""What ``wharfinger update`` is told by its file: a store, environments and sources, in TOML."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

import attrs

from wharfinger.programs._store_options import told
from wharfinger.programs._toml_file import (
    Fault,
    TomlFileError,
    check_keys,
    read_text,
    string,
    toml,
    wanted,
)

if TYPE_CHECKING:
    from wharfinger.sources import CredentialSource

__all__ = ["Config", "parse", "read"]

_READ: Final = "read"  # what reads a field's value, and says what is wrong with it
_YEAR: Final = 366 * 24 * 3600


def _to_bool(key: str, value: object) -> bool:
    if not isinstance(value, bool):
        raise Fault(key, wanted("a boolean", value))
    return value


def _to_seconds(key: str, value: object) -> timedelta:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Fault(key, wanted("a number of seconds", value))
    if not 0 < value <= _YEAR:
        raise Fault(key, "it is above zero and at most a year, in seconds")
    return timedelta(seconds=value)


def _to_texts(key: str, value: object) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise Fault(key, wanted("an array of strings", value))
    if not value:
        raise Fault(key, "it is empty; leave it out, or name one")
    return tuple(string(f"{key}[{at}]", item) for at, item in enumerate(value, start=1))


@attrs.frozen(kw_only=True)
class _Identity:
    """By whose right Amazon is asked."""

    profile: str | None = attrs.field(default=None, metadata={_READ: string})
    role: str | None = attrs.field(default=None, metadata={_READ: string})


def _to_identities(key: str, value: object) -> dict[str, _Identity]:
    if not isinstance(value, dict):
        raise Fault(key, wanted("a table", value))
    return {name: _made(_Identity, f"{key}.{name[:80]}", item) for name, item in value.items()}


@attrs.frozen(kw_only=True)
class _ECR:
    """A source of kind ``ecr``."""

    profile: str | None = attrs.field(default=None, metadata={_READ: string})
    role: str | None = attrs.field(default=None, metadata={_READ: string})
    identities: dict[str, _Identity] = attrs.field(factory=dict, metadata={_READ: _to_identities})
    others: bool = attrs.field(default=True, metadata={_READ: _to_bool})
    endpoint_url: str | None = attrs.field(default=None, metadata={_READ: string})

    def source(self) -> CredentialSource:
        from wharfinger.sources import AWSIdentity, ECRSource

        return ECRSource(
            {key: AWSIdentity(each.profile, each.role) for key, each in self.identities.items()},
            default=AWSIdentity(self.profile, self.role) if self.others else None,
            endpoint_url=self.endpoint_url,
        )


@attrs.frozen(kw_only=True)
class _Google:
    """A source of kind ``google``."""

    key_file: str | None = attrs.field(default=None, metadata={_READ: string})

    def source(self) -> CredentialSource:
        from wharfinger.sources import GoogleSource

        return GoogleSource(key_file=self.key_file)


@attrs.frozen(kw_only=True)
class _Helper:
    """A source of kind ``helper``."""

    program: str = attrs.field(metadata={_READ: string})
    addresses: tuple[str, ...] = attrs.field(metadata={_READ: _to_texts})
    variables: tuple[str, ...] = attrs.field(default=(), metadata={_READ: _to_texts})
    lifetime: timedelta | None = attrs.field(default=None, metadata={_READ: _to_seconds})

    def source(self) -> CredentialSource:
        from wharfinger.sources import HelperSource

        return HelperSource(
            self.program, self.addresses, variables=self.variables, lifetime=self.lifetime
        )


_KINDS: Final[Mapping[str, type[_ECR | _Google | _Helper]]] = {
    "ecr": _ECR,
    "google": _Google,
    "helper": _Helper,
}


def _read(cls: type[Any], table: dict[str, object]) -> Any:  # noqa: ANN401  # an instance of cls
    check_keys(cls, table)
    fields = attrs.fields_dict(cls)
    return cls(**{key: fields[key].metadata[_READ](key, value) for key, value in table.items()})


def _made(cls: type[Any], place: str, value: object) -> Any:  # noqa: ANN401  # an instance of cls
    if not isinstance(value, dict):
        raise Fault(place, wanted("a table", value))
    try:
        return _read(cls, value)
    except Fault as fault:
        raise Fault(f"{place}.{fault.place}", fault.problem) from None


def _to_sources(key: str, value: object) -> tuple[_ECR | _Google | _Helper, ...]:
    if not isinstance(value, list) or not value:
        raise Fault(key, "an array of [[sources]] tables is wanted, one at least")
    made = []
    for at, item in enumerate(value, start=1):
        place = f"{key}[{at}]"
        if not isinstance(item, dict):
            raise Fault(place, wanted("a table", item))
        kind = item.get("kind")
        if not isinstance(kind, str) or kind not in _KINDS:
            raise Fault(f"{place}.kind", f"it is {' or '.join(map(repr, _KINDS))}")
        rest = {key: each for key, each in item.items() if key != "kind"}
        made.append(_made(_KINDS[kind], place, rest))
    return tuple(made)


@attrs.frozen(kw_only=True)
class Config:
    """What an updater's file says.

    Args:
        store: The URL of the store; None for what the environment variable says.
        key_file: The file of its keys; None for what the environment variables say.
        unsealed: Whether it has no keys.
        environments: The environments to mind; None for all.
        status_file: Where the status is written; None for nowhere.
        look_every: How often the environments are looked at.
        assumed_life: How long a credential is taken to live whose source does not know.
        sources: The sources, first come first served.
    """

    store: str | None = attrs.field(default=None, metadata={_READ: string})
    key_file: str | None = attrs.field(default=None, metadata={_READ: string})
    unsealed: bool = attrs.field(default=False, metadata={_READ: _to_bool})
    environments: tuple[str, ...] | None = attrs.field(default=None, metadata={_READ: _to_texts})
    status_file: str | None = attrs.field(default=None, metadata={_READ: string})
    look_every: timedelta | None = attrs.field(default=None, metadata={_READ: _to_seconds})
    assumed_life: timedelta | None = attrs.field(default=None, metadata={_READ: _to_seconds})
    sources: tuple[_ECR | _Google | _Helper, ...] = attrs.field(metadata={_READ: _to_sources})

    def made(self, path: str) -> list[CredentialSource]:
        """Make the sources; each tries again at once what is passing.

        Args:
            path: The name of the file, for errors.

        Returns:
            The sources.

        Raises:
            TomlFileError: When what is said of one is refused.
            MissingExtra: When one needs a package that is not installed.
        """
        from wharfinger.sources import retrying

        sources = []
        for at, each in enumerate(self.sources, start=1):
            try:
                sources.append(retrying(each.source()))
            except ValueError as error:
                problem = told(error)
            else:
                continue
            raise TomlFileError(path, f"sources[{at}]", problem)
        return sources


def read(path: str) -> Config:
    """Read an updater's file.

    Args:
        path: Its path.

    Returns:
        What it says.

    Raises:
        TomlFileError: When it can't be read, or :func:`parse` refuses what it says.
    """
    return parse(read_text(path), path)


def parse(text: str, source: str = "wharfinger.toml") -> Config:
    """Read the text of an updater's file.

    Args:
        text: A TOML document.
        source: The name of the file, for errors.

    Returns:
        What it says.

    Raises:
        TomlFileError: When it is no such document, or has a key for a secret.

    Example:
        >>> config = parse('''
        ... store = "sqlite:///registries.db"
        ... environments = ["staging"]
        ...
        ... [[sources]]
        ... kind = "helper"
        ... program = "pass"
        ... addresses = ["quay.io"]
        ... ''')
        >>> config.environments, config.sources[0].program
        (('staging',), 'pass')
    """
    try:
        config: Config = _read(Config, toml(text))
    except Fault as fault:
        error = TomlFileError(source, fault.place, fault.problem)
    else:
        return config
    # The text, and the errors that hold it, stay out of what is raised: it may have a secret in it.
    text = ""
    raise error
