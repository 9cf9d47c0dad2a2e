"""Secrets, and the credentials that hold them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, ClassVar, NoReturn, final

from wharfinger.core.errors import InvalidCredential, member, plain

if TYPE_CHECKING:
    from typing import Self

__all__ = ["Credential", "CredentialKind", "Secret"]

_HIDDEN = "***"


@final
class Secret:
    """A text that is shown to nobody: not by repr, format, pickle, hash or an error.

    Args:
        text: The secret.

    Raises:
        TypeError: When ``text`` is not a string.

    Example:
        >>> token = Secret("hunter2")
        >>> token
        Secret('***')
        >>> f"{token}"
        '***'
        >>> token.reveal() == "hunter2", token == Secret("hunter2")
        (True, True)
    """

    __slots__ = ("_text",)

    _text: str
    __hash__: ClassVar[None] = None  # type: ignore[assignment]  # a hash of a secret would be a way to guess it

    def __init__(self, text: str) -> None:
        exact = plain(text)
        if exact is None:
            given = type(text).__name__
            del text  # a password in bytes, perhaps
            msg = f"a secret is a str, not {given}"
            raise TypeError(msg)
        object.__setattr__(self, "_text", exact)

    def reveal(self) -> str:
        """Return the secret itself. Call it where the secret is used, and keep no copy.

        Returns:
            The text.

        Example:
            >>> Secret("hunter2").reveal()
            'hunter2'
        """
        return self._text

    def __eq__(self, other: object) -> bool:
        """Compare in a time that depends on the lengths alone."""
        if not isinstance(other, Secret):
            return NotImplemented
        from hmac import compare_digest  # costs more than the rest of the core to import

        return compare_digest(
            self._text.encode("utf-8", "surrogatepass"),
            other._text.encode("utf-8", "surrogatepass"),
        )

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise _refusal("changed")

    def __delattr__(self, name: str) -> NoReturn:
        raise _refusal("changed")

    def __repr__(self) -> str:
        return f"Secret({_HIDDEN!r})"

    def __str__(self) -> str:
        return _HIDDEN

    def __format__(self, spec: str) -> str:
        return format(_HIDDEN, spec)

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: object) -> Self:
        return self

    def __getstate__(self) -> NoReturn:
        raise _refusal("pickled")

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise _refusal("pickled")


class CredentialKind(StrEnum):
    """What a credential's secret is."""

    PASSWORD = "password"  # noqa: S105  # a word, not a password
    IDENTITY_TOKEN = "identity-token"  # noqa: S105
    REGISTRY_TOKEN = "registry-token"  # noqa: S105

    def __repr__(self) -> str:
        return f"CredentialKind.{self.name}"


@dataclass(frozen=True, slots=True, init=False)
class Credential:
    """What a registry wants to be shown: a username and a secret.

    Any credential can be made; :meth:`check` says whether a store takes it. It is unhashable, as
    its secret is, and can't be pickled.

    Args:
        username: The username; it also shows on the registry.
        secret: The password or token.
        email: The e-mail address, which old registries want; optional (R9). It is shown, as the
            username is.
        kind: What the secret is.

    Example:
        >>> Credential("ci", Secret("hunter2"), email="ci@acme.example")
        Credential(username='ci', secret=Secret('***'), email='ci@acme.example', \
kind=CredentialKind.PASSWORD)
    """

    username: str
    secret: Secret
    email: str | None = None
    kind: CredentialKind = CredentialKind.PASSWORD

    __hash__: ClassVar[None] = None  # type: ignore[assignment]  # as its secret's

    def __init__(
        self,
        username: str,
        secret: Secret,
        email: str | None = None,
        kind: CredentialKind = CredentialKind.PASSWORD,
    ) -> None:
        if not isinstance(secret, Secret):
            del secret  # it must not stay in this frame
            msg = "a credential's secret is a Secret: Secret(text)"
            raise TypeError(msg)
        known = member(CredentialKind, kind)
        if known is None:
            raise InvalidCredential("kind", f"it is one of {', '.join(CredentialKind)}")
        object.__setattr__(self, "username", username)
        object.__setattr__(self, "secret", secret)
        object.__setattr__(self, "email", email)
        object.__setattr__(self, "kind", known)

    def check(self) -> Self:
        """Refuse a credential that no registry can take; every store calls it (R9, R22).

        Returns:
            The credential itself.

        Raises:
            InvalidCredential: When the username or the secret is empty or cannot be sent, when a
                Google username's secret has the wrong shape, or when the e-mail address can't be
                printed.
            TypeError: When the username or the e-mail address is no str.

        Example:
            >>> Credential("_json_key", Secret("key.json")).check()
            Traceback (most recent call last):
            ...
            wharfinger.core.errors.InvalidCredential: secret: '_json_key' takes the whole text of \
a service account's key file, not its path
        """
        check_username(self.username)
        problem = _secret_problem(self.username, self.secret)
        if problem is not None:
            raise InvalidCredential("secret", problem)
        _check_email(self.email)
        return self


def check_credential(credential: Credential) -> None:
    """Refuse what is no credential, or one that no registry can take (R9, R22).

    Args:
        credential: What a store was given.

    Raises:
        TypeError: When it is no credential, or when one of its texts is no str.
        InvalidCredential: When :meth:`Credential.check` refuses it.
    """
    if not isinstance(credential, Credential):
        given = type(credential).__name__
        del credential  # somebody's password, perhaps
        msg = f"a store takes a Credential(username, Secret(text)), not {given}"
        raise TypeError(msg)
    credential.check()


def _refusal(how: str) -> TypeError:
    return TypeError(f"a Secret is not {how}; reveal() gives its text")


_UNPRINTABLE = "it has a character that can't be printed"


def check_username(username: str) -> str:
    """Refuse a username that no registry can take (R9).

    Args:
        username: The username.

    Returns:
        The username, as a plain str.

    Raises:
        InvalidCredential: When it is empty, or has a colon or what can't be printed.
    """
    if not isinstance(username, str):
        msg = f"a username is a str, not {type(username).__name__}"
        raise TypeError(msg)
    if not username:
        raise InvalidCredential("username", "it is empty")
    # RFC 7617, section 2.
    if ":" in username:
        raise InvalidCredential("username", "it has a ':', where a registry would cut it")
    # Usernames are shown: what can't be printed could steer a terminal.
    if not username.isprintable():
        raise InvalidCredential("username", _UNPRINTABLE)
    return str.__str__(username)


def _check_email(email: str | None) -> None:
    """Refuse an e-mail address that not every store could keep, or that could steer a terminal."""
    if email is None:
        return
    if not isinstance(email, str):
        msg = f"an e-mail address is a str, not {type(email).__name__}"
        raise TypeError(msg)
    if not email.isprintable():
        raise InvalidCredential("email", _UNPRINTABLE)


def _secret_problem(username: str, secret: Secret) -> str | None:
    """What is wrong with a secret, in words that tell nothing of it."""
    if not secret.reveal():
        return "it is empty"
    if not _is_unicode(secret.reveal()):
        return "it is not valid Unicode text"
    if username == "_json_key":
        return _key_file_problem(secret)
    if username == "_json_key_base64":
        return _base64_key_file_problem(secret)
    if username == "oauth2accesstoken" and any(c.isspace() for c in secret.reveal()):
        return "'oauth2accesstoken' takes an access token, which has no blanks"
    return None


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _key_file_problem(secret: Secret) -> str | None:
    """R22: Google's ``_json_key`` takes a service account's key file, whole."""
    wanted = "'_json_key' takes the whole text of a service account's key file"
    if not secret.reveal().lstrip("\ufeff \t\r\n").startswith("{"):
        if _is_key_file(_base64_text(secret)):
            return f"{wanted}; this one is in base64, for which the username is '_json_key_base64'"
        return f"{wanted}, not its path"
    return None if _is_key_file(secret) else f"{wanted}, and this is none"


def _base64_key_file_problem(secret: Secret) -> str | None:
    wanted = "'_json_key_base64' takes a service account's key file in base64"
    if _is_key_file(secret):
        return f"{wanted}; this one is plain, for which the username is '_json_key'"
    return None if _is_key_file(_base64_text(secret)) else f"{wanted}, and this is none"


def _base64_text(secret: Secret) -> Secret:
    """The text in base64, as a secret again; empty where it is no base64 of text."""
    from base64 import b64decode

    try:
        return Secret(b64decode("".join(secret.reveal().split()), validate=True).decode())
    except ValueError:
        return Secret("")


def _is_key_file(secret: Secret) -> bool:
    import json

    try:
        fields = json.loads(secret.reveal())
    except (ValueError, RecursionError):
        return False
    return (
        isinstance(fields, dict)
        and fields.get("type") == "service_account"
        and all(isinstance(fields.get(key), str) and fields[key] for key in _KEY_FILE_TEXTS)
    )


_KEY_FILE_TEXTS = ("private_key", "client_email")
