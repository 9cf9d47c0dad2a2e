"""``docker-credential-wharfinger``: a store as the credential helper of docker, podman and skopeo.

The protocol is that of ``docker-credential-helpers``: an action as the only argument, its input on
standard input, and its answer on standard output, where errors go too, with exit status 1. Which
store and environment is meant stands in environment variables, for a client gives no options.
"""

from __future__ import annotations

import json
import re
import sys
from typing import TYPE_CHECKING, Final

from wharfinger import (
    Credential,
    CredentialKind,
    RegistryAddress,
    Secret,
    Settings,
    SettingsStore,
    resolve,
)
from wharfinger.programs._store_options import chosen_environment, open_chosen, told
from wharfinger.programs._terminal import show

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from wharfinger import CredentialStore

__all__ = ["main", "run"]

_NAME: Final = "docker-credential-wharfinger"
_DONE: Final = 0
_FAILED: Final = 1
_INTERRUPTED: Final = 130

# Clients compare these texts.
_NOT_FOUND: Final = "credentials not found in native keychain"
_NO_SERVER: Final = "no credentials server URL"
_NO_USERNAME: Final = "no credentials username"

# The username that says that the secret is an identity token.
_TOKEN: Final = "<token>"  # noqa: S105  # a word of the protocol

_MOST: Final = 1 << 20  # bytes of input; a key file of Google's has some 2,400
_NEWLINE: Final = re.compile(r"\r?\n\Z")
_SERVER: Final = re.compile(r"[A-Za-z0-9._:/\[\]~-]++")
_WHOLE_REGISTRY: Final = frozenset({"", "v1", "v1/", "v2", "v2/"})


def run() -> int:
    """Run as ``docker-credential-wharfinger``, with the arguments of the process.

    Returns:
        The exit status.
    """
    if sys.stdout is None:  # there is nowhere to answer
        return _FAILED
    try:
        return main(sys.argv[1:])
    except KeyboardInterrupt:
        return _INTERRUPTED
    except OSError:  # nobody reads the answer
        return _FAILED


def main(argv: Sequence[str]) -> int:
    """Do what a client asks of its credential helper, for the registries of an environment.

    ``get`` gives the credential of the registry in force, if it is active and the whitelist could
    match its address (R6, R7, R18). ``store`` updates the registry in force, activating it, or adds
    one where there is none. ``erase`` deactivates it, so that no older one comes into force.
    ``list`` tells what ``get`` would find.

    Args:
        argv: The arguments, of which there is one: the action.

    Returns:
        0 when it is done, else 1; what is wrong is told on standard output.

    Example:
        >>> main(["get", "quay.io"])
        usage: docker-credential-wharfinger get|store|erase|list|version
        1
    """
    try:
        answer, status = _answer(argv), _DONE
    except Exception as error:  # noqa: BLE001  # a store may be another's
        answer, status = told(error), _FAILED
    if answer:
        show(answer)
    return status


class _Refusal(ValueError):
    """What a client is told instead of an answer."""


def _answer(argv: Sequence[str]) -> str:
    action = argv[0] if len(argv) == 1 else ""
    if action in {"version", "--version", "-v"}:
        from wharfinger import __version__

        return f"{_NAME} (wharfinger) {__version__}"
    usage = f"usage: {_NAME} {'|'.join(_ACTIONS)}|version"
    if action in {"--help", "-h"}:
        return usage
    if action not in _ACTIONS:
        raise _Refusal(usage)
    given = "" if action == "list" else _input()
    store = open_chosen(None, None, unsealed=False)
    return _ACTIONS[action](store, chosen_environment(None), given)


def _input() -> str:
    if sys.stdin is None:
        raise _Refusal("standard input is closed")
    given = sys.stdin.buffer.read(_MOST + 1)
    if len(given) > _MOST:
        raise _Refusal(f"there is more than {_MOST} bytes on standard input")
    try:
        return _NEWLINE.sub("", given.decode())
    except UnicodeDecodeError:
        pass  # the error has the text
    raise _Refusal("standard input is not UTF-8")


def _get(store: CredentialStore, environment: str, given: str) -> str:
    address = _address(given)
    known = store.environment(environment)
    registry = None if address is None else known.in_force(address)
    if (
        registry is None
        or not registry.is_active
        or not _settings(store).whitelist.could_match(registry.address)
    ):
        raise _Refusal(_NOT_FOUND)
    credential = store.credential(environment, resolve(f"{registry.address}/any", known))
    if credential is None or credential.kind is CredentialKind.REGISTRY_TOKEN:
        raise _Refusal(f"{registry.id} has a registry token, which no credential helper can tell")
    return json.dumps(
        {
            "ServerURL": given,
            "Username": _username(credential),
            "Secret": credential.secret.reveal(),
        }
    )


def _store(store: CredentialStore, environment: str, given: str) -> str:
    from wharfinger.formats._json_text import load

    document = load(given)
    fields = [document.get(name, "") for name in ("ServerURL", "Username", "Secret")]
    if not all(isinstance(field, str) for field in fields):
        raise _Refusal("ServerURL, Username and Secret are strings")
    server = fields[0]
    address = _address(server)
    if not fields[1]:
        raise _Refusal(_NO_USERNAME)
    if address is None:
        raise _Refusal(
            f"{server[:80]} is a part of a registry, and a store has one credential for all"
        )
    is_token = fields[1] == _TOKEN
    kind = CredentialKind.IDENTITY_TOKEN if is_token else CredentialKind.PASSWORD
    credential = Credential(fields[1], Secret(fields[2]), kind=kind)
    registry = store.environment(environment).in_force(address)
    if registry is None:
        store.add(environment, address, credential)
    else:
        store.update(environment, registry.id, credential)
        store.activate(environment, registry.id)
    return ""


def _erase(store: CredentialStore, environment: str, given: str) -> str:
    address = _address(given)
    known = store.environment(environment)
    registry = None if address is None else known.in_force(address)
    if registry is not None:
        store.deactivate(environment, registry.id)
    return ""


def _list(store: CredentialStore, environment: str, _: str) -> str:
    from wharfinger.formats.docker_config import key

    found = store.credentials(environment, _settings(store))
    return json.dumps(
        {
            key(address): _username(credential)
            for address, credential in found.items()
            if credential.kind is not CredentialKind.REGISTRY_TOKEN
        }
    )


_ACTIONS: Final[dict[str, Callable[[CredentialStore, str, str], str]]] = {
    "get": _get,
    "store": _store,
    "erase": _erase,
    "list": _list,
}


def _address(server: str) -> RegistryAddress | None:
    """The address of a server as clients name it; None where it names a part of a registry.

    A part is a namespace, as podman has it, or a key that docker keeps its own tokens under.
    """
    if not server:
        raise _Refusal(_NO_SERVER)
    if not _SERVER.fullmatch(server):  # once, `qu<newline>ay.io` was answered with quay.io's secret
        raise _Refusal("the server URL has a character that no registry address has")
    scheme, separator, rest = server.rpartition("://")
    if separator and scheme.lower() not in {"http", "https"}:
        raise _Refusal("the server URL is that of no registry; its scheme is not http or https")
    host, _, path = rest.partition("/")
    address = RegistryAddress.parse(host)
    return address if path in _WHOLE_REGISTRY else None


def _settings(store: CredentialStore) -> Settings:
    return store.settings() if isinstance(store, SettingsStore) else Settings()


def _username(credential: Credential) -> str:
    is_token = credential.kind is CredentialKind.IDENTITY_TOKEN
    return _TOKEN if is_token else credential.username
