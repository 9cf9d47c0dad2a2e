"""What each client reads in an entry of ``auths``, without keeping its secret."""

from __future__ import annotations

import binascii
import re
from base64 import b64decode
from hashlib import blake2b
from secrets import token_bytes
from typing import TYPE_CHECKING, Any, Final

from wharfinger.core._faults import redact
from wharfinger.core.credential import Credential, CredentialKind
from wharfinger.core.diagnose import Diagnostic
from wharfinger.formats._auth_keys import read_key
from wharfinger.formats._clients import BESIDE_HELPER, FAILED, NOTHING, Document, Entry, Shown
from wharfinger.formats._json_text import named
from wharfinger.formats.document import place

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["OWN", "Views"]

OWN: Final = "wharfinger"

# Go reads these in any case, docker-py as they stand here.
_MEMBERS: Final = ("auths", "credsStore", "credHelpers")
_GO: Final = {  # what each client in Go reads of an entry, and nothing but strings
    "docker": ("auth", "username", "password", "email", "identitytoken", "registrytoken"),
    "containers": ("auth", "identitytoken"),
    "kubelet": ("auth", "username", "password", "email"),
}


class Views:
    """Reads documents as clients do. Credentials get numbers, equal ones the same."""

    def __init__(self) -> None:
        self._key = token_bytes()
        self._numbers: dict[bytes, int] = {}
        self._refused: dict[str, str] = {}

    def document(
        self, document: Mapping[str, Any], own: Mapping[str, Credential | None]
    ) -> Document:
        """Read a document.

        Args:
            document: The document.
            own: What this library reads, by key.

        Returns:
            The document as clients see it.
        """
        auths, store, by_registry = (named(document, known) for known in _MEMBERS)
        entries: list[Entry] = []
        for key, members in (document.get(auths) or {}).items():
            where = place(auths, key)
            shown = dict(self._entry(members, where))
            if auths != "auths":
                shown["docker-py"] = self._unread("docker-py")
            credential = own.get(key)
            own_view = NOTHING if credential is None else self._own(credential)
            # A key that this library does not read tells nothing of its entry.
            is_read = not isinstance(read_key(key, where), Diagnostic)
            views = {*shown.values(), *([own_view] if is_read else [])}
            causes = frozenset(_causes(members)) if len(views) > 1 else frozenset()
            shown[OWN] = own_view
            shown[BESIDE_HELPER] = self._kept(members)
            told = redact(key, digests=False, words=False)
            entries.append(Entry(key, told, where, shown, causes))
        creds_store = document.get(store)
        if not isinstance(creds_store, str | None):
            self._refuse(store, "docker")
        found = document.get(by_registry) or {}
        helpers = found if isinstance(found, dict) else {}
        good = {name: helper for name, helper in helpers.items() if isinstance(helper, str)}
        if helpers is not found or len(good) < len(helpers):
            self._refuse(by_registry, "docker", "containers")
        creds_store = creds_store if isinstance(creds_store, str) else ""
        return Document(
            tuple(entries),
            creds_store,
            good,
            (
                creds_store if store == "credsStore" else "",
                good if by_registry == "credHelpers" else {},
            ),
            self._refused,
        )

    def _unread(self, client: str) -> Shown:
        self._refused.pop(client, None)
        return NOTHING

    def _refuse(self, where: str, *clients: str) -> Shown:
        for client in clients:
            self._refused.setdefault(client, where)
        return NOTHING

    def _number(self, kind: str, username: bytes, secret: bytes) -> Shown:
        if not username and not secret:
            return NOTHING
        digest = blake2b(key=self._key)
        for part in (kind.encode(), username, secret):
            digest.update(len(part).to_bytes(8))
            digest.update(part)
        number = self._numbers.setdefault(digest.digest(), len(self._numbers))
        return kind, str(number)

    def _token(self, kind: CredentialKind, token: str) -> Shown:
        return self._number(kind, b"", token.encode("utf-8", "surrogatepass"))

    def _own(self, credential: Credential) -> Shown:
        if credential.kind is not CredentialKind.PASSWORD:
            return self._token(credential.kind, credential.secret.reveal())
        secret = credential.secret.reveal()
        return self._number(
            credential.kind,
            credential.username.encode("utf-8", "surrogatepass"),
            secret.encode("utf-8", "surrogatepass"),
        )

    def _entry(self, members: object, where: str) -> Iterator[tuple[str, Shown]]:
        if not isinstance(members, dict):
            clients = (*_GO, "docker-py") if members is not None else ("docker-py",)
            nothing = self._refuse(where, *clients)
            yield from ((client, nothing) for client in (*_GO, "docker-py"))
            return
        folded = {name.lower(): value for name, value in members.items()}
        for client, names in _GO.items():
            values = {name: folded.get(name) for name in names}
            texts = {name: value for name, value in values.items() if isinstance(value, str)}
            wrong = [name for name, value in values.items() if not isinstance(value, str | None)]
            if wrong:
                yield client, self._refuse(f"{where}.{wrong[0]}", client)
            else:
                yield client, getattr(self, f"_{client}")(texts, f"{where}.auth")
        yield "docker-py", self._docker_py(members, f"{where}.auth")

    def _kept(self, members: object) -> Shown:
        token = members.get("registrytoken") if isinstance(members, dict) else None
        return self._token(CredentialKind.REGISTRY_TOKEN, token) if isinstance(token, str) else ()

    def _docker(self, texts: Mapping[str, str], where: str) -> Shown:
        pair = _plain(texts)
        if texts.get("auth"):
            decoded = _standard(texts["auth"])
            username, colon, password = (decoded or b"").partition(b":")
            if not colon or not username:
                return self._refuse(where, "docker")
            pair = username, password.strip(b"\0")
        # The daemon's order.
        if texts.get("registrytoken"):
            return self._token(CredentialKind.REGISTRY_TOKEN, texts["registrytoken"])
        if texts.get("identitytoken"):
            return self._token(CredentialKind.IDENTITY_TOKEN, texts["identitytoken"])
        return self._number(CredentialKind.PASSWORD, *pair)

    def _containers(self, texts: Mapping[str, str], _where: str) -> Shown:
        decoded = _standard(texts.get("auth", ""))
        if decoded is None:
            return FAILED
        username, colon, password = decoded.partition(b":")
        if not colon:
            return NOTHING
        if texts.get("identitytoken"):
            return self._token(CredentialKind.IDENTITY_TOKEN, texts["identitytoken"])
        return self._number(CredentialKind.PASSWORD, username, password.strip(b"\0"))

    def _kubelet(self, texts: Mapping[str, str], where: str) -> Shown:
        if not texts.get("auth"):
            return self._number(CredentialKind.PASSWORD, *_plain(texts))
        auth = texts["auth"]
        if not auth.strip().endswith("="):
            auth = re.sub("[\r\n]", "", auth)
            auth += "=" * (-len(auth) % 4)
        username, colon, password = (_standard(auth) or b"").partition(b":")
        if not colon:
            return self._refuse(where, "kubelet")
        return self._number(CredentialKind.PASSWORD, username, password)

    def _docker_py(self, members: Mapping[str, Any], where: str) -> Shown:
        if "identitytoken" in members:
            token = members["identitytoken"]
            text = token if isinstance(token, str) else ""
            return self._token(CredentialKind.IDENTITY_TOKEN, text)
        if "auth" not in members:
            return NOTHING
        try:
            decoded = b64decode(members["auth"])
            decoded.decode()
        except (TypeError, ValueError):  # which UnicodeDecodeError and binascii.Error are
            decoded = b""
        username, colon, password = decoded.partition(b":")
        if not colon:
            return self._refuse(where, "docker-py")
        return self._number(CredentialKind.PASSWORD, username, password)


def _plain(texts: Mapping[str, str]) -> tuple[bytes, bytes]:
    username, password = texts.get("username", ""), texts.get("password", "")
    return username.encode("utf-8", "surrogatepass"), password.encode("utf-8", "surrogatepass")


def _standard(auth: str) -> bytes | None:
    """Base64 as Go's strict decoder has it, which passes over line breaks."""
    try:
        return b64decode(re.sub("[\r\n]", "", auth), validate=True)
    except (binascii.Error, ValueError):
        return None


def _causes(members: object) -> Iterator[str]:
    """Why clients read an entry differently."""
    if not isinstance(members, dict):
        yield "malformed"
        return
    if any(members.get(name) for name in ("identitytoken", "registrytoken")):
        yield "token-kind"
    yield "incomplete"
