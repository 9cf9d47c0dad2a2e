"""``DOCKER_AUTH_CONFIG``: an environment variable that docker reads before its ``config.json``.

Docker has it since 28.3, some CI systems have had it before. Docker reads it strictly
(``parseEnvConfig`` in its command line's ``cli/config/configfile``): a fault anywhere, and it says
so, forgets the whole of it, and goes on with ``config.json``.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from wharfinger.core.credential import CredentialKind
from wharfinger.formats import _json_text
from wharfinger.formats._auths import (
    DOCKER,
    AuthEntry,
    byte_order_mark,
    key,
    load,
    read_auths,
    wire_auths,
)
from wharfinger.formats._json_text import kind
from wharfinger.formats.document import DocumentError, Parsed, forgetful, place

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wharfinger.core.address import RegistryAddress
    from wharfinger.core.credential import Credential

__all__ = ["parse", "render"]

_LOOKUP: Final = DOCKER._replace(also=lambda _: False)  # no other spelling is tried here
_FATAL: Final = frozenset({"auth-malformed", "auth-padding"})


@forgetful
def parse(text: str) -> Parsed[AuthEntry]:
    """Read ``DOCKER_AUTH_CONFIG`` as strictly as docker does.

    Args:
        text: The value of the variable; blank text is an empty one.

    Returns:
        Its entries.

    Raises:
        DocumentError: When docker would forget the whole of it: it is not valid JSON, has another
            member than ``auths``, or an entry has another than ``auth``, or no good one.

    Example:
        >>> from wharfinger.formats import docker_auth_config
        >>> read = docker_auth_config.parse('{"auths": {"quay.io": {"auth": "YTpi"}}}')
        >>> [entry.key for entry in read.entries]
        ['quay.io']
        >>> docker_auth_config.parse('{"auths": {"quay.io": {"auth": "YTpi", "email": "a@b"}}}')
        Traceback (most recent call last):
        ...
        wharfinger.formats.document.DocumentError: auths["quay.io"].email: an entry has auth and \
nothing else, or docker takes no notice of the whole variable
    """
    if byte_order_mark(text):
        problem = "it starts with a byte order mark, and docker takes no notice of the variable"
        raise DocumentError("", problem)
    if not text.strip():
        return Parsed(())
    document, repeated = load(text, ["auths"])
    _check_names(document, "the variable", "auths")
    path = _json_text.named(document, "auths")
    auths = document.get(path)
    if isinstance(auths, dict):
        for name, members in auths.items():
            _check_entry(members, path, name)
    entries, found = read_auths(auths, path, lookup=_LOOKUP)
    for remark in found:
        if remark.code in _FATAL:
            raise DocumentError(remark.place, remark.message)
    return Parsed(tuple(entries), (*repeated, *found))


def _check_entry(members: object, *path: str) -> None:
    if not isinstance(members, dict):
        problem = f"an object is wanted, and this is {kind(members)}"
        raise DocumentError(place(*path), problem)
    _check_names(members, "an entry", "auth", *path)
    auth = members.get(_json_text.named(members, "auth"))
    if not isinstance(auth, str) or not auth:
        problem = "an entry has auth, or docker takes no notice of the whole variable"
        raise DocumentError(place(*path), problem)


def _check_names(members: Mapping[str, object], what: str, known: str, *path: str) -> None:
    for name in members:
        if name.lower() != known:
            problem = (
                f"{what} has {known} and nothing else, or docker takes no notice of the whole "
                "variable"
            )
            raise DocumentError(place(*path, name), problem)


@forgetful
def render(credentials: Mapping[RegistryAddress, Credential]) -> str:
    """Write ``DOCKER_AUTH_CONFIG`` with the credentials of an environment.

    Args:
        credentials: What ``store.credentials(environment, settings)`` returns (R18). E-mail
            addresses are left out; the variable can't say them.

    Returns:
        The value of the variable, in one line.

    Raises:
        DocumentError: When it could not say a credential; a token it never can.

    Example:
        >>> from wharfinger import Credential, RegistryAddress, Secret
        >>> from wharfinger.formats import docker_auth_config
        >>> quay = RegistryAddress.parse("quay.io")
        >>> docker_auth_config.render({quay: Credential("ci", Secret("hunter2"))})
        '{"auths": {"quay.io": {"auth": "Y2k6aHVudGVyMg=="}}}'
    """
    auths = wire_auths(credentials)
    for address, credential in credentials.items():
        if credential.kind is not CredentialKind.PASSWORD:
            problem = "DOCKER_AUTH_CONFIG holds passwords, and no tokens"
            raise DocumentError(place("auths", key(address)), problem)
    return json.dumps({"auths": {name: {"auth": auths[name]["auth"]} for name in auths}})
