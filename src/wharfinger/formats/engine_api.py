"""``X-Registry-Auth``: the credential that the Engine API takes with one pull.

It is base64url, padded, of a JSON object (Docker Engine API, "Authentication").
"""

from __future__ import annotations

import binascii
import json
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import TYPE_CHECKING, Final

import attrs

from wharfinger.core.credential import Credential, check_credential
from wharfinger.core.diagnose import Diagnostic
from wharfinger.core.errors import InvalidCredential
from wharfinger.formats import _json_text
from wharfinger.formats._auth_entry import TOKENS, EntryReader
from wharfinger.formats._auth_keys import checked, key, read_key
from wharfinger.formats._json_text import kind
from wharfinger.formats.document import DocumentError, forgetful

if TYPE_CHECKING:
    from wharfinger.core.address import RegistryAddress

__all__ = ["RegistryAuth", "parse", "render"]

_ALPHABET: Final = re.compile("[A-Za-z0-9_-]*+={0,2}+")


@attrs.frozen
class RegistryAuth:
    """What an ``X-Registry-Auth`` header says.

    Args:
        credential: The credential; None where the pull is anonymous.
        address: The registry it is for; None where it does not say.
    """

    credential: Credential | None
    address: RegistryAddress | None


@forgetful
def render(credential: Credential, address: RegistryAddress) -> str:
    """Write the header for a pull from a registry (R18, Cattle).

    Args:
        credential: What ``store.credential(environment, answer)`` returns.
        address: The registry's address, ``answer.address``.

    Returns:
        The value of ``X-Registry-Auth``.

    Raises:
        DocumentError: When the credential is refused (R9).

    Example:
        >>> from wharfinger import Credential, RegistryAddress, Secret
        >>> from wharfinger.formats import engine_api
        >>> engine_api.render(Credential("ci", Secret("hunter2")), RegistryAddress.parse("quay.io"))
        'eyJ1c2VybmFtZSI6ICJjaSIsICJwYXNzd29yZCI6ICJodW50ZXIyIiwgInNlcnZlcmFkZHJlc3MiOiAicXVheS5pbyJ9'
    """
    problem = ""
    try:
        check_credential(credential)
    except InvalidCredential as error:
        problem = f"the credential is refused: {error}"
    if problem:
        raise DocumentError("", problem)
    member = TOKENS.get(credential.kind, "password")
    members = {"username": credential.username, member: credential.secret.reveal()}
    if credential.email:
        members["email"] = credential.email
    members["serveraddress"] = key(checked(address))
    return urlsafe_b64encode(json.dumps(members).encode()).decode()


@forgetful
def parse(text: str) -> RegistryAuth:
    """Read the header.

    Args:
        text: The value of ``X-Registry-Auth``; an empty one is an anonymous pull.

    Returns:
        What it says.

    Raises:
        DocumentError: When it is not base64url of an object, or its credential can't be used, such
            as one in ``auth``, which the daemon does not read.

    Example:
        >>> from wharfinger import Credential, RegistryAddress, Secret
        >>> from wharfinger.formats import engine_api
        >>> quay = RegistryAddress.parse("quay.io")
        >>> engine_api.parse(engine_api.render(Credential("ci", Secret("hunter2")), quay))
        RegistryAuth(credential=Credential(username='ci', secret=Secret('***'), email=None, \
kind=CredentialKind.PASSWORD), address=RegistryAddress.parse('quay.io'))
    """
    header = _json_text.without_bom(text)
    members = _json_text.load(_decoded(header)) if header else {}
    # The daemon sends what stands in the other members, whatever auth says.
    name = _json_text.named(members, "auth")
    auth = members.pop(name) if isinstance(members.get(name), str) else ""
    reader = EntryReader("header")
    if not reader.read(members):
        raise DocumentError(reader.diagnostics[-1].place, reader.diagnostics[-1].message)
    if auth and reader.credential is None:
        problem = "the daemon takes no notice of auth; a username and a password are wanted"
        raise DocumentError("header.auth", problem)
    server = members.get(_json_text.named(members, "serveraddress"))
    return RegistryAuth(reader.credential, _address(server))


def _address(server: object) -> RegistryAddress | None:
    place = "header.serveraddress"
    if server is None or server == "":
        return None
    if not isinstance(server, str):
        raise DocumentError(place, f"a string is wanted, and this is {kind(server)}")
    read = read_key(server, place)
    if isinstance(read, Diagnostic):
        raise DocumentError(place, read.message)
    return read[0]


def _decoded(text: str) -> str:
    if _ALPHABET.fullmatch(text):
        try:
            return urlsafe_b64decode(text).decode()
        except (binascii.Error, UnicodeDecodeError):
            pass
    raise DocumentError("", "it is not base64url, padded, of UTF-8 text")
