"""Sealing: keys, where they are kept, and what does not open."""

from __future__ import annotations

import base64
import copy
import os
import pickle
import stat
from typing import TYPE_CHECKING, Final, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.stores.secrecy import MARK, assert_silent
from wharfinger import Secret
from wharfinger.stores import (
    UNSEALED,
    KeyNotFound,
    SealingKeys,
    SecretTampered,
    UnsafeKeyFile,
)
from wharfinger.stores.unsealed import Seal, key_id_of
from wharfinger.testing import strategies

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

KEY: Final = bytes(range(32))
OTHER: Final = bytes(range(1, 33))
KEYS: Final = SealingKeys.from_bytes(KEY)
# The form byte, the key's id, the nonce, the ciphertext and the tag, each at both ends.
LENGTH: Final = 1 + 8 + 12 + len(MARK) + 16
REGIONS: Final = (0, 1, 8, 9, 20, 21, 21 + len(MARK) - 1, 21 + len(MARK), LENGTH - 1)


def test_both_are_seals() -> None:
    assert isinstance(KEYS, Seal)
    assert isinstance(UNSEALED, Seal)
    assert not isinstance(None, Seal)
    assert repr(UNSEALED) == "UNSEALED"
    assert UNSEALED.ids == ()


@given(strategies.secrets(), st.text(st.characters(exclude_categories=["Cs"])))
def test_what_is_sealed_opens(secret: Secret, bound: str) -> None:
    for seal in (KEYS, UNSEALED):
        assert seal.unseal(seal.seal(secret, bound), bound) == secret


def test_the_form_of_a_sealed_secret() -> None:
    """The form is documented: others may have to read it in ten years."""
    sealed = KEYS.seal(Secret(MARK), "ci/1")
    assert len(sealed) == LENGTH
    assert sealed[:1] == b"\x01"
    assert sealed[1:9].hex() == KEYS.ids[0] == key_id_of(sealed)
    assert MARK.encode() not in sealed
    assert key_id_of(UNSEALED.seal(Secret(MARK), "ci/1")) == ""


def test_no_nonce_is_used_twice() -> None:
    assert len({KEYS.seal(Secret("s"), "ci/1")[9:21] for _ in range(1000)}) == 1000


@pytest.mark.parametrize("place", range(LENGTH))
def test_every_altered_byte_shows(place: int) -> None:
    """R19: no byte can be altered, wherever it stands."""
    sealed = bytearray(KEYS.seal(Secret(MARK), "ci/1"))
    for flip in (0x01, 0x80, 0xFF):
        altered = bytes([*sealed[:place], sealed[place] ^ flip, *sealed[place + 1 :]])
        with pytest.raises((SecretTampered, KeyNotFound)) as caught:
            KEYS.unseal(altered, "ci/1")
        assert caught.value.__context__ is None
        key_or_form = 1 <= place <= 8 or altered[:1] == b"\0"
        assert isinstance(caught.value, KeyNotFound) is key_or_form


@pytest.mark.parametrize("length", range(LENGTH))
def test_every_cut_shows(length: int) -> None:
    sealed = KEYS.seal(Secret(MARK), "ci/1")
    with pytest.raises((SecretTampered, KeyNotFound)):
        KEYS.unseal(sealed[:length], "ci/1")
    with pytest.raises(SecretTampered):
        KEYS.unseal(sealed + b"\0", "ci/1")


def test_it_opens_nowhere_else() -> None:
    """R17, R19: what belongs to one registry does not open as another's."""
    sealed = KEYS.seal(Secret(MARK), "ci/1")
    for bound in ("ci/2", "cd/1", "", "ci/1 "):
        with pytest.raises(SecretTampered, match="altered, or copied from elsewhere"):
            KEYS.unseal(sealed, bound)


def test_other_keys() -> None:
    """A missing key is named by its id; with it among the keys, the secret opens."""
    sealed = KEYS.seal(Secret(MARK), "ci/1")
    with pytest.raises(KeyNotFound, match=KEYS.ids[0]) as caught:
        SealingKeys.from_bytes(OTHER).unseal(sealed, "ci/1")
    assert caught.value.key_id == KEYS.ids[0]
    assert pickle.loads(pickle.dumps(caught.value)).key_id == KEYS.ids[0]  # noqa: S301
    assert SealingKeys.from_bytes(OTHER, KEY).unseal(sealed, "ci/1") == Secret(MARK)


def test_sealed_and_unsealed_do_not_mix() -> None:
    with pytest.raises(KeyNotFound, match="no key is given") as caught:
        UNSEALED.unseal(KEYS.seal(Secret(MARK), "ci/1"), "ci/1")
    assert caught.value.key_id == KEYS.ids[0]
    with pytest.raises(KeyNotFound, match="reseal the store") as caught:
        KEYS.unseal(UNSEALED.seal(Secret(MARK), "ci/1"), "ci/1")
    assert caught.value.key_id == ""


@pytest.mark.parametrize("stored", [b"", b"\x02x", b"x", b"\x00\xff" + MARK.encode()])
def test_what_is_no_stored_secret(stored: bytes) -> None:
    with pytest.raises(SecretTampered) as caught:
        UNSEALED.unseal(stored, "ci/1")
    assert_silent(caught.value)


def test_rotation() -> None:
    """A rotated key seals; the one before still opens; the current one alone is enough after."""
    before = KEYS.seal(Secret(MARK), "ci/1")
    rotated = KEYS.rotated()
    assert rotated.ids[1:] == KEYS.ids
    after = rotated.seal(Secret(MARK), "ci/1")
    assert key_id_of(after) == rotated.ids[0] == rotated.current().ids[0]
    assert rotated.unseal(before, "ci/1") == rotated.unseal(after, "ci/1")
    assert rotated.current().ids == rotated.ids[:1]
    assert rotated.current().unseal(after, "ci/1") == Secret(MARK)
    with pytest.raises(KeyNotFound):
        rotated.current().unseal(before, "ci/1")


def test_every_key_is_new() -> None:
    assert len({SealingKeys.generate().ids for _ in range(100)}) == 100


@pytest.mark.parametrize("keys", [(), (b"",), (bytes(31),), (bytes(33),), (KEY, bytes(16))])
def test_keys_of_other_lengths(keys: tuple[bytes, ...]) -> None:
    with pytest.raises(ValueError, match="keys of 32 bytes each"):
        SealingKeys.from_bytes(*keys)


def test_keys_that_are_none() -> None:
    """What is no key, and may be a password, is neither told nor left in a frame."""
    for wrong in (MARK.ljust(32), [MARK]):
        with pytest.raises(TypeError) as caught:
            SealingKeys.from_bytes(cast("bytes", wrong))
        assert_silent(caught.value)
    with pytest.raises(ValueError, match="32 bytes") as raised:
        SealingKeys.from_bytes(MARK.encode())
    assert_silent(raised.value)


# Key files


def test_a_key_file(tmp_path: Path) -> None:
    """A key file is its owner's alone, is never overwritten, and gives the same keys back."""
    path = tmp_path / "wharfinger.key"
    keys = KEYS.rotated()
    before = os.umask(0)
    try:
        keys.to_file(path)
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert SealingKeys.from_file(path).ids == SealingKeys.from_file(str(path)).ids == keys.ids
    with pytest.raises(FileExistsError):
        KEYS.to_file(path)
    assert SealingKeys.from_file(path).ids == keys.ids
    link = tmp_path / "link.key"
    link.symlink_to(tmp_path / "elsewhere.key")
    with pytest.raises(FileExistsError):
        KEYS.to_file(link)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o620, 0o602, 0o610, 0o644, 0o777])
def test_a_key_file_that_others_can_read(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "wharfinger.key"
    KEYS.to_file(path)
    path.chmod(mode)
    with pytest.raises(UnsafeKeyFile, match="chmod 600") as caught:
        SealingKeys.from_file(path)
    assert isinstance(caught.value, PermissionError)
    path.chmod(0o400)
    assert SealingKeys.from_file(path).ids == KEYS.ids


@pytest.mark.parametrize("text", ["", "\n", MARK, "é", base64.b64encode(bytes(31)).decode()])
def test_a_key_file_of_something_else(tmp_path: Path, text: str) -> None:
    path = tmp_path / "wharfinger.key"
    path.touch(mode=0o600)
    path.write_text(text)
    with pytest.raises(ValueError, match=r"wharfinger\.key .*32 bytes in base64") as caught:
        SealingKeys.from_file(path)
    assert_silent(caught.value)


def test_no_key_file(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        SealingKeys.from_file(tmp_path / "wharfinger.key")


def test_half_a_key_file_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A key file that could not be written whole is not there to be used."""

    def full(_file: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    path = tmp_path / "wharfinger.key"
    with pytest.raises(OSError, match="No space"):
        KEYS.to_file(path)
    assert not path.exists()


def test_keys_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    coded = [base64.b64encode(key).decode() for key in (KEY, OTHER)]
    monkeypatch.setenv("WHARFINGER_SEALING_KEYS", " ".join(coded))
    assert SealingKeys.from_environment().ids == SealingKeys.from_bytes(KEY, OTHER).ids
    monkeypatch.setenv("MINE", coded[1])
    assert SealingKeys.from_environment("MINE").ids == SealingKeys.from_bytes(OTHER).ids
    for text in ("", MARK):
        monkeypatch.setenv("MINE", text)
        with pytest.raises(ValueError, match="MINE") as caught:
            SealingKeys.from_environment("MINE")
        assert_silent(caught.value)
    with pytest.raises(ValueError, match="YOURS"):
        SealingKeys.from_environment("YOURS")


# Secrecy


COPIES: Final[tuple[Callable[[SealingKeys], object], ...]] = (
    pickle.dumps,
    copy.copy,
    copy.deepcopy,
    lambda keys: keys.__getstate__(),
)


@pytest.mark.parametrize("attempt", COPIES, ids=range(len(COPIES)))
def test_keys_are_not_pickled(attempt: Callable[[SealingKeys], object]) -> None:
    with pytest.raises(TypeError, match="not pickled"):
        attempt(KEYS)


def test_keys_do_not_show() -> None:
    keys = SealingKeys.from_bytes(KEY, OTHER)
    shown = f"{keys!r} {keys} {keys:}"
    assert shown == " ".join([f"<SealingKeys {', '.join(keys.ids)}>"] * 3)
    for key in (KEY, OTHER):
        assert key.hex()[:16] not in shown
    assert not hasattr(keys, "__dict__")
