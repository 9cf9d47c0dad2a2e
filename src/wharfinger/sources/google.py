"""Access tokens for Google's registries (R22), which live for an hour or so."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterable
from datetime import UTC
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from wharfinger._extras import MissingExtra
from wharfinger.core.credential import Credential, Secret
from wharfinger.core.errors import InvalidCredential
from wharfinger.formats.document import forgetful
from wharfinger.sources._google_hosts import is_google
from wharfinger.sources._quiet import discreet, quiet
from wharfinger.sources.source import Issued, SourceError

if TYPE_CHECKING:
    from typing import TypeAlias

    from wharfinger.core.address import RegistryAddress

    # google-auth has types for a part of what is used here.
    _Untyped: TypeAlias = Any

__all__ = ["GoogleSource"]

_USERNAME: Final = "oauth2accesstoken"
_KEY_USERNAME: Final = "_json_key"
_SCOPES: Final = ("https://www.googleapis.com/auth/cloud-platform",)
_SECONDS: Final = 10
_BOM: Final = "\ufeff"
_MOST: Final = 1 << 20  # bytes of a key file, which has some 2,400
# What a key's text begins with, and a path does not.
_TEXTS: Final = ("{", "-----BEGIN")


class GoogleSource:
    """Makes access tokens for Google's registries: gcr.io and its regions, and pkg.dev's (R22).

    One token is for all of them; what it opens is said by the rights of the account.

    A registry whose credential is a service account's key itself needs no source: its username is
    ``_json_key``, and it does not end.

    Args:
        key: The text of a service account's key file.
        key_file: The path of one, a regular file of a megabyte at most, read anew for every token;
            without it and ``key`` it is Google's application default credentials.
        scopes: What the token is limited to.

    Raises:
        MissingExtra: When google-auth or requests is not installed.
        InvalidCredential: When ``key`` is no service account's key file.
        TypeError: When ``key`` is no :class:`~wharfinger.Secret`, or ``key_file`` no path.
        ValueError: When ``key`` and ``key_file`` are given both, or ``key_file`` is a key's text or
            has a character that no path has.

    Example:
        >>> from wharfinger import RegistryAddress
        >>> source = GoogleSource(key_file="/etc/wharfinger/pull.json")
        >>> source.token(RegistryAddress.parse("europe-west1-docker.pkg.dev"))
        'google /etc/wharfinger/pull.json'
        >>> source.token(RegistryAddress.parse("quay.io"))
    """

    @discreet
    def __init__(
        self,
        key: Secret | None = None,
        *,
        key_file: str | os.PathLike[str] | None = None,
        scopes: Iterable[str] = _SCOPES,
    ) -> None:
        try:
            import google.auth.transport.requests
            import google.oauth2.service_account  # noqa: F401  # better missed now than in a night
        except ImportError:
            raise MissingExtra(
                "GoogleSource needs google-auth and requests: pip install 'wharfinger[google]'"
            ) from None
        if key is not None and key_file is not None:
            raise ValueError("a key is given as text or as a file, not both")
        if key is not None:
            if not isinstance(key, Secret):
                raise TypeError(
                    f"a key is a Secret, not {type(key).__name__}: GoogleSource(Secret(text)), or "
                    "GoogleSource(key_file=path)"
                )
            Credential(_KEY_USERNAME, key).check()
        self._key = key
        self._key_file = None if key_file is None else _path(key_file)
        self._scopes = (scopes,) if isinstance(scopes, str) else tuple(scopes)
        self._name = _name(key, self._key_file)

    def token(self, address: RegistryAddress) -> str | None:
        """Name the token, which is one for all of Google's registries.

        Args:
            address: A registry's address.

        Returns:
            The token's name; None where the registry is not Google's.
        """
        return self._name if is_google(address) else None

    @forgetful
    def issue(self, address: RegistryAddress) -> Issued:
        """Ask Google for an access token.

        Args:
            address: The address of one of Google's registries.

        Returns:
            The username ``oauth2accesstoken`` and the token, and when it ends.

        Raises:
            SourceError: When there is none. It is passing where Google is not to be reached, or
                says that it is busy.
        """
        if not is_google(address):
            raise SourceError(f"{address} is no registry of Google's")
        what = f"no token for {address}"
        key = self._read_key(what)
        try:
            with quiet():
                credentials = _credentials(key, self._scopes, what)
                token, expiry = credentials.token, credentials.expiry
        except SourceError:
            raise
        except Exception as error:  # noqa: BLE001  # each of google-auth's is told in our words
            raise _explained(error, what) from None
        if not isinstance(token, str):
            raise SourceError(f"{what}: Google's answer has none", passing=True)
        credential = Credential(_USERNAME, Secret(token))
        try:
            credential.check()
        except InvalidCredential as error:
            raise SourceError(f"{what}: Google's answer can't be used: {error}") from None
        # google-auth's times are in UTC, and don't say so.
        return Issued(credential, None if expiry is None else expiry.replace(tzinfo=UTC))

    def _read_key(self, what: str) -> Secret | None:
        if self._key_file is None:
            return self._key
        try:
            key = Secret(_content(self._key_file, what).decode("utf-8-sig"))
        except OSError as error:
            reason = os.strerror(error.errno or 0)
            raise SourceError(f"{what}: the key file can't be read: {reason}") from None
        except UnicodeDecodeError:
            raise SourceError(f"{what}: the key file is not UTF-8") from None
        try:
            Credential(_KEY_USERNAME, key).check()
        except InvalidCredential:
            raise SourceError(
                f"{what}: {str(self._key_file)!a} is no service account's key file"
            ) from None
        return key


def _path(key_file: str | os.PathLike[str]) -> Path:
    """The path of a key file, which the names of tokens show."""
    text = os.fspath(key_file)
    if not isinstance(text, str):
        raise TypeError(f"the path of a key file is a str, not {type(text).__name__}")
    if text.lstrip().removeprefix(_BOM).lstrip().startswith(_TEXTS):
        raise ValueError(
            "key_file is a path, and this begins as a key's text does, which goes into "
            "GoogleSource(Secret(text))"
        )
    try:
        encoded = os.fsencode(text)
    except UnicodeEncodeError:
        encoded = b"\0"
    if b"\0" in encoded:
        raise ValueError(
            "the path of a key file has U+0000, or another character that no path has here"
        )
    return Path(text)


def _content(path: Path, what: str) -> bytes:
    """What is in a key file, if that ends."""
    with open(path, "rb", opener=_without_waiting) as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise SourceError(f"{what}: the key file is no regular file; name one that is")
        content = file.read(_MOST + 1)
    if len(content) > _MOST:
        raise SourceError(f"{what}: the key file has more than {_MOST} bytes, so is none")
    return content


def _without_waiting(path: str, flags: int) -> int:
    """Open a file, and a pipe too that nobody writes to; Windows has none of these."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def _name(key: Secret | None, key_file: Path | None) -> str:
    if key is not None:
        return f"google {ascii(json.loads(key.reveal().lstrip(_BOM))['client_email'])[1:-1]}"
    return "google" if key_file is None else f"google {ascii(str(key_file))[1:-1]}"


def _credentials(key: Secret | None, scopes: tuple[str, ...], what: str) -> _Untyped:
    """Google's credentials, with a new token."""
    import google.auth
    from google.auth.transport.requests import Request
    from google.oauth2.service_account import Credentials

    request: _Untyped = partial(Request(), timeout=_SECONDS)
    credentials: _Untyped
    if key is None:
        credentials, _ = google.auth.default(scopes=scopes, request=request)
    else:
        read: _Untyped = Credentials.from_service_account_info
        try:
            credentials = read(json.loads(key.reveal().lstrip(_BOM)), scopes=scopes)
        except ValueError:  # of what cryptography says too
            raise SourceError(
                f"{what}: the private key can't be read; download the key file again"
            ) from None
    credentials.refresh(request)
    return credentials


def _explained(error: Exception, what: str) -> SourceError:
    """Tell what google-auth raised; its message may quote what came back."""
    from google.auth import exceptions

    if isinstance(error, exceptions.TransportError):
        return SourceError(f"{what}: Google could not be reached, or took too long", passing=True)
    if isinstance(error, exceptions.RefreshError):
        if error.retryable:
            return SourceError(f"{what}: Google put it off; it is busy or failing", passing=True)
        return SourceError(
            f"{what}: Google refused it; see whether the account and its key are there and "
            "enabled, and whether the clock of this machine is right"
        )
    if isinstance(error, exceptions.DefaultCredentialsError):
        return SourceError(
            f"{what}: there are no application default credentials; set "
            "GOOGLE_APPLICATION_CREDENTIALS, or run `gcloud auth application-default login`"
        )
    return SourceError(
        f"{what}: google-auth raised {type(error).__name__}, and what it says is not repeated here"
    )
