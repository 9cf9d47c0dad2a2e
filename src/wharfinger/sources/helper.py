"""Credential helpers: programs named ``docker-credential-…``, as sources and to import from.

The protocol is that of ``docker-credential-helpers``: an action as the only argument, the name of a
server on standard input, and JSON on standard output, where errors go too, with exit status 1.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import PurePath
from typing import Any, Final

import attrs

from wharfinger.core.address import RegistryAddress
from wharfinger.core.credential import Credential, CredentialKind, Secret
from wharfinger.core.diagnose import Diagnostic
from wharfinger.core.errors import InvalidCredential
from wharfinger.formats import _json_text
from wharfinger.formats._auth_keys import key, read_key
from wharfinger.formats.document import DocumentError, Parsed, forgetful, place
from wharfinger.sources._helper_process import run
from wharfinger.sources._quiet import discreet
from wharfinger.sources.source import Issued, SourceError

__all__ = ["HelperEntry", "HelperSource", "Imported"]

_PREFIX: Final = "docker-credential-"
_NAME: Final = re.compile("[a-z0-9_-]++")
_FOLDERS: Final = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
# What helpers need to find their user's keys and sockets, and no secret among them.
_VARIABLES: Final = (
    "DBUS_SESSION_BUS_ADDRESS",
    "GNUPGHOME",
    "HOME",
    "LANG",
    "LC_ALL",
    "LOGNAME",
    "PASSWORD_STORE_DIR",
    "TMPDIR",
    "USER",
    "XDG_CONFIG_HOME",
    "XDG_DATA_HOME",
    "XDG_RUNTIME_DIR",
)
# Controls, blanks, `%`, `@` and backslashes have made helpers answer for another server.
_SERVER: Final = re.compile(r"[A-Za-z0-9._:/\[\]~-]++")
_LONGEST_SERVER: Final = 2048
_WEB: Final = frozenset({"http", "https"})
_NOT_FOUND: Final = b"credentials not found in native keychain"
_LONGEST_TIMEOUT: Final = 86_400  # seconds
_LONGEST_LIFETIME: Final = timedelta(days=366)
_TOKEN: Final = "<token>"  # noqa: S105  # the username that says that it is an identity token


@attrs.frozen
class HelperEntry:
    """A credential that a helper says it has.

    Args:
        server: The server, as the helper names it.
        address: The registry that this is.
        username: The username that the helper lists.
    """

    server: str
    address: RegistryAddress
    username: str


@attrs.frozen
class Imported:
    """What was got from a helper.

    Args:
        credentials: The credentials by their registries' addresses.
        diagnostics: What was left out, and why.
    """

    credentials: Mapping[RegistryAddress, Credential]
    diagnostics: tuple[Diagnostic, ...] = ()


class HelperSource:
    """Gets credentials from a credential helper, one call a registry.

    A helper does not say when a credential ends. It is found anew for every call, so that it can be
    installed or replaced meanwhile.

    Args:
        program: The helper: its absolute path, or what follows ``docker-credential-`` in its name,
            in lower case, which is looked up in ``path``.
        addresses: The registries to serve; none where it is only imported from.
        path: The folders to look in, absolute and separated by ``:``; it is the helper's ``PATH``,
            too.
        variables: The names of environment variables that the helper gets besides ``HOME``,
            ``USER``, ``GNUPGHOME`` and the like; ``AWS_PROFILE`` for one. It gets no others.
        timeout: How many seconds a call may take: a day at most.
        lifetime: How long its credentials live, 366 days at most; None where nobody knows.
        clock: What says the time, with its time zone.

    Raises:
        InvalidAddress: When an address is none (R4).
        TypeError: When addresses or variables are a single text, a variable's name is no text, or
            a time is no time.
        ValueError: When the program is neither an absolute path nor such a name, when a folder is
            not absolute, or a time is not above zero or too long.

    Example:
        >>> from wharfinger import RegistryAddress
        >>> source = HelperSource("pass", ["quay.io", "docker.io"])
        >>> source.token(RegistryAddress.parse("quay.io"))
        'docker-credential-pass quay.io'
        >>> source.token(RegistryAddress.parse("ghcr.io"))
        >>> HelperSource("./helper", ["quay.io"])
        Traceback (most recent call last):
        ...
        ValueError: a helper is an absolute path, or a name of lower-case letters, digits, - and _
    """

    @discreet
    def __init__(
        self,
        program: str | os.PathLike[str],
        addresses: Iterable[RegistryAddress | str] = (),
        *,
        path: str = _FOLDERS,
        variables: Iterable[str] = (),
        timeout: float = 10.0,
        lifetime: timedelta | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        if isinstance(addresses, str | bytes) or isinstance(variables, str | bytes):
            raise TypeError("addresses and variables are lists, not one text")
        variables = tuple(variables)
        for name in variables:
            if not isinstance(name, str):
                raise TypeError(f"a variable's name is a str, not {type(name).__name__}")
        if not all(map(os.path.isabs, path.split(os.pathsep))):
            raise ValueError("a helper is looked for in absolute folders only")
        _check_times(timeout, lifetime)
        self._program = _program(os.fspath(program))
        self._name = PurePath(self._program).name
        self._addresses = frozenset(
            address if isinstance(address, RegistryAddress) else RegistryAddress.parse(address)
            for address in addresses
        )
        self._path = path
        self._variables = (*_VARIABLES, *variables)
        self._timeout = timeout
        self._lifetime = lifetime
        self._clock = clock

    def token(self, address: RegistryAddress) -> str | None:
        """Name the token of a registry: each has its own.

        Args:
            address: A registry's address.

        Returns:
            The token's name; None where it is not one of those to serve.
        """
        return f"{self._name} {address}" if address in self._addresses else None

    @forgetful
    def issue(self, address: RegistryAddress) -> Issued:
        """Ask the helper for the credential of a registry.

        It is asked for ``https://index.docker.io/v1/`` for Docker Hub, as docker does, and for the
        address of any other. What it answers for another server is refused (R19); an answer that
        names no server is taken, as some helpers give no other.

        Args:
            address: The address of one of the registries to serve.

        Returns:
            The credential, an identity token where the username is ``<token>``; its end is known
            where a lifetime was given.

        Raises:
            SourceError: When the helper is not there, has no credential for the registry, fails or
                gives no answer that can be used. Nothing that it says is in the message.
        """
        if address not in self._addresses:
            raise SourceError(f"{address} is no registry that this source serves")
        credential = self._get(key(address), address)
        life = self._lifetime
        end = None if life is None else (self._clock() + life).astimezone(UTC)
        return Issued(credential, end)

    @forgetful
    def entries(self) -> Parsed[HelperEntry]:
        """List what the helper has, without its secrets.

        Returns:
            One entry a registry, in the helper's order; and what is not one, or is one again. Of
            several names for a registry the one is taken that docker looks up.

        Raises:
            SourceError: When the helper is not there, fails or gives no answer that can be used.
        """
        document = self._ask("list", "", "list")
        found: dict[RegistryAddress, HelperEntry] = {}
        diagnostics = []
        for server, username in document.items():
            where = place(server)
            address = _listed(server, where)
            if isinstance(address, Diagnostic):
                diagnostics.append(address)
                continue
            if not isinstance(username, str):
                diagnostics.append(_remark("username-malformed", "its username is no text", where))
                continue
            entry = HelperEntry(server, address, username)
            other = found.setdefault(address, entry)
            if other is entry:
                continue
            if server == key(address):
                found[address], entry = entry, other
            problem = f"{address} is named twice, and {place(entry.server)} is not used"
            diagnostics.append(_remark("server-repeated", problem, where))
        return Parsed(tuple(found.values()), tuple(diagnostics))

    @forgetful
    def import_all(self) -> Imported:
        """Get every credential that the helper lists, once each.

        Returns:
            The credentials, and what was left out. That is what :meth:`entries` remarks on, and
            what the helper listed and then did not give.

        Raises:
            SourceError: When the helper is not there, fails or takes too long.

        Example:
            >>> def load(source, store, environment):
            ...     imported = source.import_all()
            ...     for address, credential in imported.credentials.items():
            ...         store.add(environment, address, credential)
            ...     return imported.diagnostics
        """
        listed = self.entries()
        credentials, diagnostics = {}, [*listed.diagnostics]
        for entry in listed.entries:
            try:
                credentials[entry.address] = self._get(entry.server, entry.address)
            except SourceError as error:
                if error.passing:
                    raise
                diagnostics.append(_remark("not-given", str(error), place(entry.server)))
        return Imported(credentials, tuple(diagnostics))

    def _get(self, server: str, address: RegistryAddress) -> Credential:
        document = self._ask("get", server, str(address))
        url, username, secret = (
            document.get(name, "") for name in ("ServerURL", "Username", "Secret")
        )
        if not all(isinstance(text, str) for text in (url, username, secret)):
            raise self._unusable(address, "ServerURL, Username and Secret are not all texts")
        if not username and not secret:
            raise self._missing(str(address))
        # Go helpers repeat the question; gcloud's names no server at all.
        if url and _listed(url, "") != address:
            raise self._unusable(address, "it names another server")
        kind = CredentialKind.IDENTITY_TOKEN if username == _TOKEN else CredentialKind.PASSWORD
        try:
            return Credential(username, Secret(secret), kind=kind).check()
        except InvalidCredential as error:
            raise self._unusable(address, str(error)) from None

    def _ask(self, action: str, given: str, what: str) -> dict[str, Any]:
        """What the helper says to one action."""
        program = shutil.which(self._program, path=self._path)
        if program is None:
            raise SourceError(
                f"{self._name} was not found, or is not executable: install it, or say where it is"
            )
        passed = {name: os.environ[name] for name in self._variables if name in os.environ}
        environment = {**passed, "PATH": self._path}
        status, output = run(program, action, given, environment, self._timeout)
        if status == 1 and output.strip() == _NOT_FOUND:
            raise self._missing(what)
        if status:
            how = f"ended with {status}" if status > 0 else f"was ended by signal {-status}"
            raise SourceError(
                f"{self._name} {how} when asked for {what}; what it said is not repeated here, so "
                "run it by hand"
            )
        try:
            return _json_text.load(output.decode())
        except UnicodeDecodeError:
            problem = "it is not UTF-8"
        except DocumentError as error:
            problem = str(error)
        raise self._unusable(what, problem)

    def _missing(self, what: str) -> SourceError:
        return SourceError(
            f"{self._name} has no credential for {what}: log in with it, or see whether it has the "
            "rights that it needs, for some helpers say the same of any failure"
        )

    def _unusable(self, what: object, problem: str) -> SourceError:
        return SourceError(f"{self._name} gave no answer for {what} that can be used: {problem}")


def _check_times(timeout: float, lifetime: timedelta | None) -> None:
    """Refuse times that no clock can count to."""
    if not isinstance(timeout, int | float):
        raise TypeError(f"timeout is a number of seconds, not {type(timeout).__name__}")
    # Not by its opposite: NaN is neither above nor below.
    if not 0 < timeout <= _LONGEST_TIMEOUT:
        raise ValueError("timeout is above zero, and a day at most: 86400 seconds")
    if lifetime is None:
        return
    if not isinstance(lifetime, timedelta):
        raise TypeError(f"lifetime is a timedelta, not {type(lifetime).__name__}")
    if not timedelta() < lifetime <= _LONGEST_LIFETIME:
        raise ValueError("lifetime is above zero, and 366 days at most")


def _program(program: str) -> str:
    """The absolute path of a helper, or the name to look up."""
    if PurePath(program).is_absolute():
        if not program.isprintable():
            raise ValueError("the path of a helper has a character that can't be printed")
        return program
    if program.startswith(_PREFIX):
        raise ValueError(f"a helper is named by what follows {_PREFIX}")
    if not _NAME.fullmatch(program):
        raise ValueError(
            "a helper is an absolute path, or a name of lower-case letters, digits, - and _"
        )
    return _PREFIX + program


def _listed(server: str, where: str) -> RegistryAddress | Diagnostic:
    """The registry that a server's name is; or why a helper is not asked for it."""
    scheme, separator, _ = server.partition("://")
    if len(server) > _LONGEST_SERVER or not _SERVER.fullmatch(server):
        return _remark(
            "server-refused",
            "its name is too long, or has a character that no registry's has, so that the helper "
            "could answer for another",
            where,
        )
    if separator and scheme not in _WEB:
        return _remark("server-other", "it is not a web server's name, so no registry's", where)
    found = read_key(server, where)
    if isinstance(found, Diagnostic):
        return found
    address, below = found
    if below:
        return _remark(
            "server-part",
            "it is a part of a registry, and a store has one credential for all of it",
            where,
        )
    return address


def _remark(code: str, message: str, where: str) -> Diagnostic:
    return Diagnostic(code, "R19", message, "add the registry by hand if it is wanted", where)
