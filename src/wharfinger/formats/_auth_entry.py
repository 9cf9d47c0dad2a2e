"""One entry of ``auths``: the credential that its members say, and how they are written."""

from __future__ import annotations

import binascii
from base64 import b64decode, b64encode
from typing import TYPE_CHECKING, Final

from wharfinger.core.credential import Credential, CredentialKind, Secret, check_credential
from wharfinger.core.diagnose import Diagnostic
from wharfinger.core.errors import InvalidCredential
from wharfinger.formats._json_text import kind
from wharfinger.formats.document import DocumentError, place

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["MEMBERS", "TOKENS", "TOKEN_USERNAME", "EntryReader", "wire"]

TOKEN_USERNAME: Final = "<token>"  # noqa: S105  # docker's word where there is no username
MEMBERS: Final = ("auth", "username", "password", "email", "identitytoken", "registrytoken")
"""The members of an entry that say its credential."""

TOKENS: Final = {
    CredentialKind.IDENTITY_TOKEN: "identitytoken",
    CredentialKind.REGISTRY_TOKEN: "registrytoken",
}
"""The members of the secrets that are no password."""


def wire(credential: Credential, *path: str) -> dict[str, str]:
    """Write one entry of ``auths``, as docker writes it.

    Args:
        credential: The credential.
        path: Where the entry will stand, for the error.

    Returns:
        The members of the entry: ``auth``, perhaps ``identitytoken`` or ``registrytoken``, perhaps
        ``email``.

    Raises:
        DocumentError: When the entry could not say the credential.
        TypeError: When it is no credential, or its e-mail address is no text.

    Example:
        >>> wire(Credential("ci", Secret("hunter2")))
        {'auth': 'Y2k6aHVudGVyMg=='}
        >>> wire(Credential("<token>", Secret("t0ken"), kind=CredentialKind.IDENTITY_TOKEN))
        {'auth': 'PHRva2VuPjo=', 'identitytoken': 't0ken'}
    """
    problem = _unwritable(credential)
    if problem:
        raise DocumentError(place(*path), problem)
    token = TOKENS.get(credential.kind)
    # A token has its auth too: podman reads no entry without, and where a client knows no tokens,
    # an empty password fails, and nothing is pulled anonymously.
    shown = f"{credential.username}:{'' if token else credential.secret.reveal()}"
    members = {"auth": b64encode(shown.encode()).decode()}
    if token:
        members[token] = credential.secret.reveal()
    if credential.email:
        members["email"] = credential.email
    return members


def _unwritable(credential: Credential) -> str:
    try:
        check_credential(credential)
    except InvalidCredential as error:
        return f"the credential is refused: {error}"
    if not isinstance(credential.email, str | None):
        given = type(credential.email).__name__
        msg = f"an e-mail address is a str, not {given}"
        raise TypeError(msg)
    text = credential.secret.reveal()
    if credential.kind is CredentialKind.PASSWORD and text != text.strip("\0"):
        return "a password that starts or ends with NUL would be cut by docker and podman"
    return ""


class EntryReader:
    """Reads one entry, and remarks on it.

    Args:
        where: The entry's place.

    Attributes:
        credential: What was read; None before, and where the entry is empty.
        diagnostics: The remarks.
    """

    credential: Credential | None
    diagnostics: list[Diagnostic]

    def __init__(self, where: str) -> None:
        self._where = where
        self.credential = None
        self.diagnostics = []

    def read(self, members: object) -> bool:
        """Read the entry.

        Args:
            members: The entry.

        Returns:
            Whether it can be used.
        """
        if not isinstance(members, dict):
            self._malformed("an object", members)
            return False
        spelt: dict[str, list[str]] = {}
        for name in members:
            spelt.setdefault(name.casefold(), []).append(name)
        texts: dict[str, str] = {}
        for known in MEMBERS:
            names = spelt.get(known, [])
            for name in names:
                value = members[name]
                if isinstance(value, str):
                    texts[known] = value  # of several the last one counts, as for Go
                elif value is not None:
                    self._malformed("a string", value, name)
                    if known != "email":  # nobody's pull depends on it
                        return False
            if len(names) > 1:
                self._remark(
                    "name-repeated",
                    "R20",
                    f"{known} stands there in {len(names)} spellings; docker and podman take the "
                    "last one, and others do not",
                    "keep one of them",
                    names[-1],
                )
            elif names and names != [known]:
                self._remark(
                    "member-misspelt",
                    "R20",
                    "docker and podman read it in any case, and others do not",
                    f"write {known!r}",
                    *names,
                )
        texts = {known: text for known, text in texts.items() if text}
        return self._read_texts(texts)

    def _read_texts(self, texts: Mapping[str, str]) -> bool:
        username, password = texts.get("username", ""), Secret(texts.get("password", ""))
        if "auth" in texts:
            decoded = self._decode(texts["auth"])
            if decoded is None:
                return False
            if (username and username != decoded[0]) or (
                password.reveal() and password != decoded[1]
            ):
                self._remark(
                    "entry-contradicts-itself",
                    "R20",
                    "username and password say something else than auth, which docker, podman and "
                    "the kubelet go by",
                    "remove username and password",
                )
            username, password = decoded
        # In docker's order: a registry's token, then one for its token server, then a password.
        secrets = [
            (kind, Secret(texts[member]))
            for kind, member in reversed(TOKENS.items())
            if member in texts
        ]
        if password.reveal():
            secrets.append((CredentialKind.PASSWORD, password))
        if not secrets and not username and "auth" not in texts:
            return True
        if len(secrets) > 1:
            self._remark(
                "entry-has-several-secrets",
                "R20",
                "of a registrytoken, an identitytoken and a password the first of those that are "
                "there is read; docker shows some registries another",
                "keep one",
            )
        chosen, secret = secrets[0] if secrets else (CredentialKind.PASSWORD, password)
        if chosen in TOKENS and not username:
            username = TOKEN_USERNAME
        return self._take(Credential(username, secret, texts.get("email"), chosen), texts)

    def _take(self, credential: Credential, texts: Mapping[str, str]) -> bool:
        """Refuse what no store takes (R9)."""
        try:
            credential.check()
        except InvalidCredential as error:
            part, problem = error.part, error.problem
        else:
            self.credential = credential
            return True
        member = "auth" if "auth" in texts else "username" if part == "username" else "password"
        if part == "email":
            member = part
        elif part == "secret":
            member = TOKENS.get(credential.kind, member)
        self._remark(
            "credential-refused",
            "R9",
            f"the {part} can't be used: {problem}",
            "log in again",
            member,
        )
        return False

    def _decode(self, auth: str) -> tuple[str, Secret] | None:
        """The username and the password of ``auth``."""
        auth = auth.replace("\n", "").replace("\r", "")  # Go's decoder passes over them
        bare = auth.rstrip("=")
        padded = bare + "=" * (-len(bare) % 4)
        try:
            raw = b64decode(padded, validate=True)
        except (binascii.Error, ValueError):
            raw = None
        if raw is None:
            self._refuse_auth("it is no base64")
            return None
        if padded != auth:
            self._remark(
                "auth-padding",
                "R20",
                "its base64 has the wrong padding: the kubelet reads it, docker stops there, and "
                "may lose any other entry",
                "log in again",
                "auth",
            )
        try:
            text = raw.decode()
        except UnicodeDecodeError:
            text = raw.decode("latin-1")
            self._remark(
                "auth-latin-1",
                "R20",
                "its text is not UTF-8, and is read as Latin-1",
                "log in again if the registry expects UTF-8",
                "auth",
            )
        username, colon, password = text.partition(":")
        if not colon:
            self._refuse_auth("its text has no ':' between a username and a password")
            return None
        return username, Secret(password.strip("\0"))  # as docker and podman do

    def _refuse_auth(self, problem: str) -> None:
        self._remark(
            "auth-malformed",
            "R20",
            f"{problem}; docker stops there, and may lose any other entry",
            "write base64 of user:password",
            "auth",
        )

    def _malformed(self, wanted: str, value: object, *member: str) -> None:
        lost = "" if value is None or "email" in member else "; docker then reads no entry at all"
        self._remark(
            "entry-malformed",
            "R20",
            f"{wanted} is wanted, and this is {kind(value)}{lost}",
            "log in again",
            *member,
        )

    def _remark(self, code: str, rule: str, message: str, repair: str, *member: str) -> None:
        # Behind the entry's place: .auth, or ["odd name"].
        where = self._where + place("", *member).removeprefix('[""]')
        self.diagnostics.append(Diagnostic(code, rule, message, repair, where))
