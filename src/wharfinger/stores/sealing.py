"""Sealing: secrets are encrypted before a database driver sees them.

A sealed secret is ``0x01``, the key's id (8 bytes), a random nonce (12 bytes), and the AES-256-GCM
ciphertext with its tag. Its associated data name the registry it belongs to, so that it opens
nowhere else.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Final, NoReturn, final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from wharfinger.core.credential import Secret
from wharfinger.stores.errors import KeyNotFound, UnsafeKeyFile
from wharfinger.stores.unsealed import ID_BYTES, PLAIN, SEALED, tampered

if TYPE_CHECKING:
    from typing import Self

__all__ = ["SealingKeys"]

_KEY_BYTES: Final = 32
_NONCE_BYTES: Final = 12
_HEAD: Final = 1 + ID_BYTES + _NONCE_BYTES
_PRIVATE: Final = 0o600
_VARIABLE: Final = "WHARFINGER_SEALING_KEYS"


@final
class SealingKeys:
    """The keys that seal secrets and open them again. The first one seals; all of them open.

    Its text shows the ids of the keys only, and it can't be pickled.

    Args:
        keys: One or more keys of 32 random bytes each, the one to seal with first.

    Raises:
        ValueError: When there is none, or one has not 32 bytes.
        TypeError: When one is not bytes.

    Example:
        >>> keys = SealingKeys.from_bytes(bytes(32))
        >>> keys
        <SealingKeys 40a84b81c78ce15e>
        >>> sealed = keys.seal(Secret("hunter2"), "staging/1")
        >>> keys.unseal(sealed, "staging/1").reveal()
        'hunter2'
    """

    __slots__ = ("_ciphers", "_keys")

    def __init__(self, *keys: bytes) -> None:
        problem = _problem(keys)
        if problem is not None:
            del keys  # they may be somebody's, and must not stay in this frame
            raise problem
        self._keys = dict.fromkeys(keys)
        self._ciphers = {_id(key): AESGCM(key) for key in self._keys}

    @classmethod
    def generate(cls) -> Self:
        """Make one new random key.

        Returns:
            The keys; keep them with :meth:`to_file`, for without them every secret is lost.
        """
        return cls(AESGCM.generate_key(bit_length=256))

    @classmethod
    def from_bytes(cls, *keys: bytes) -> Self:
        """Take keys from wherever they are kept, a vault for one.

        Args:
            keys: Keys of 32 bytes each, the one to seal with first.

        Returns:
            The keys.

        Raises:
            ValueError: When there is none, or one has not 32 bytes.
            TypeError: When one is not bytes.
        """
        try:
            return cls(*keys)
        finally:
            del keys

    @classmethod
    def from_file(cls, path: str | os.PathLike[str]) -> Self:
        """Read a key file: one key a line in base64, the one to seal with first.

        Args:
            path: The file. Nobody but its owner may read or write it.

        Returns:
            The keys.

        Raises:
            UnsafeKeyFile: When others may read or write it.
            OSError: When it can't be read.
            ValueError: When it holds no key, or a line that is none.
        """
        with Path(path).open("rb") as file:
            if stat.S_IMODE(os.fstat(file.fileno()).st_mode) & 0o077:
                msg = f"others than its owner can read {os.fspath(path)}: chmod 600 it"
                raise UnsafeKeyFile(msg)
            keys = _decoded(file.read().split())
        if keys is None:
            msg = f"{os.fspath(path)} has no key, or a line that is none: 32 bytes in base64"
            raise ValueError(msg)
        return cls(*keys)

    @classmethod
    def from_environment(cls, variable: str = _VARIABLE) -> Self:
        """Read keys from an environment variable, in base64, with blanks between them.

        Args:
            variable: Its name.

        Returns:
            The keys.

        Raises:
            ValueError: When it is not set, or holds something else.
        """
        keys = _decoded(os.environ.get(variable, "").encode().split())
        if not keys:
            msg = f"the environment variable {variable} holds no keys: 32 bytes in base64 each"
            raise ValueError(msg)
        return cls(*keys)

    def to_file(self, path: str | os.PathLike[str]) -> None:
        """Write a new key file that nobody but its owner may read.

        Args:
            path: The file; it must not be there yet.

        Raises:
            FileExistsError: When it is there: a key that sealed something is not overwritten.
            OSError: When it can't be written.
        """
        lines = b"".join(base64.b64encode(key) + b"\n" for key in self._keys)
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _PRIVATE)
        try:
            with os.fdopen(file, "wb") as stream:
                stream.write(lines)
                stream.flush()
                os.fsync(stream.fileno())
        except BaseException:
            Path(path).unlink()  # half a key file is none
            raise
        finally:
            del lines

    def rotated(self) -> SealingKeys:
        """Return these keys with a new one in front, to seal with from now on.

        Returns:
            The keys. Write them to a new file, open the store with them, and reseal it.
        """
        return SealingKeys(AESGCM.generate_key(bit_length=256), *self._keys)

    def current(self) -> SealingKeys:
        """Return the first key alone, which is enough once everything is resealed.

        Returns:
            The key.
        """
        return SealingKeys(next(iter(self._keys)))

    @property
    def ids(self) -> tuple[str, ...]:
        """The ids of the keys, in hexadecimal, the one that seals first."""
        return tuple(key_id.hex() for key_id in self._ciphers)

    def seal(self, secret: Secret, bound: str) -> bytes:
        """Seal a secret.

        Args:
            secret: The secret.
            bound: What it belongs to; it opens with the same text only.

        Returns:
            The sealed secret.
        """
        key_id, cipher = next(iter(self._ciphers.items()))
        nonce = os.urandom(_NONCE_BYTES)
        bound_to = SEALED + key_id + bound.encode()
        return SEALED + key_id + nonce + cipher.encrypt(nonce, secret.reveal().encode(), bound_to)

    def unseal(self, sealed: bytes, bound: str) -> Secret:
        """Open a sealed secret.

        Args:
            sealed: What :meth:`seal` returned.
            bound: What it belongs to.

        Returns:
            The secret.

        Raises:
            KeyNotFound: When it was sealed with another key, or not at all.
            SecretTampered: When it was altered, or sealed for something else.
        """
        if sealed[:1] == PLAIN:
            msg = "the secret is not sealed; reseal the store"
            raise KeyNotFound("", msg)
        if sealed[:1] != SEALED:
            raise tampered(bound)
        start = 1 + ID_BYTES
        key_id, nonce, rest = sealed[1:start], sealed[start:][:_NONCE_BYTES], sealed[_HEAD:]
        cipher = self._ciphers.get(key_id)
        if cipher is None:
            given = ", ".join(self.ids)
            msg = (
                f"the secret was sealed with key {key_id.hex()}, and {given} is given; add that key"
            )
            raise KeyNotFound(key_id.hex(), msg)
        try:
            return Secret(cipher.decrypt(nonce, rest, SEALED + key_id + bound.encode()).decode())
        except (InvalidTag, ValueError):
            problem = tampered(bound)
        raise problem

    def __repr__(self) -> str:
        return f"<SealingKeys {', '.join(self.ids)}>"

    def __getstate__(self) -> NoReturn:
        msg = "SealingKeys are not pickled; keep them in a key file"
        raise TypeError(msg)

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        self.__getstate__()


def _problem(keys: tuple[bytes, ...]) -> Exception | None:
    if not all(isinstance(key, bytes) for key in keys):
        return TypeError(f"a sealing key is {_KEY_BYTES} bytes")
    if not keys or any(len(key) != _KEY_BYTES for key in keys):
        return ValueError(f"sealing takes one or more keys of {_KEY_BYTES} bytes each")
    return None


def _id(key: bytes) -> bytes:
    return hashlib.sha256(b"wharfinger sealing key id\0" + key).digest()[:ID_BYTES]


def _decoded(texts: list[bytes]) -> list[bytes] | None:
    try:
        keys = [base64.b64decode(text, validate=True) for text in texts]
    except binascii.Error:
        return None
    return keys if keys and all(len(key) == _KEY_BYTES for key in keys) else None
