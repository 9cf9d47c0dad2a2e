"""``docker-credential-pass`` from Debian, with a throw-away key: a source and an import."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import attrs
import pytest

from tests.integration.processes import Ran, find, run, surroundings
from wharfinger import (
    Credential,
    CredentialKind,
    InvalidAddress,
    MemoryStore,
    RegistryAddress,
    Secret,
)
from wharfinger.sources import HelperSource, Issued, SourceError

PROGRAM: Final = "docker-credential-pass"
QUAY: Final = RegistryAddress.parse("quay.io")
HUB: Final = RegistryAddress.DOCKER_HUB
HUB_KEY: Final = "https://index.docker.io/v1/"
KEY: Final = """\
%no-protection
Key-Type: EDDSA
Key-Curve: ed25519
Subkey-Type: ECDH
Subkey-Curve: cv25519
Name-Real: throw-away
Name-Email: throw-away@acme.example
Expire-Date: 0
%commit
"""


@attrs.frozen
class Pass:
    """A password store of its own.

    Args:
        env: The environment variables it is found by.
    """

    env: dict[str, str]

    def raw(self, action: str, given: str = "") -> Ran:
        """Call the helper as others do: whatever is given goes to it."""
        return run(PROGRAM, action, env=self.env, stdin=given)

    def keep(self, server: str, username: str, secret: str) -> None:
        entry = {"ServerURL": server, "Username": username, "Secret": secret}
        self.raw("store", json.dumps(entry)).expect()


@pytest.fixture(scope="module")
def home() -> Iterator[Path]:
    """A short path, for the agent's socket is in it."""
    with tempfile.TemporaryDirectory(prefix="wharf-pass-") as name:
        yield Path(name)


@pytest.fixture(scope="module")
def keys(home: Path) -> Iterator[dict[str, str]]:
    absent = [name for name in (PROGRAM, "pass", "gpg", "gpgconf") if find(name) is None]
    assert not absent, (
        f"not installed: {absent}; `apt-get install --no-install-recommends "
        "golang-docker-credential-helpers pass gnupg` has them"
    )
    (home / ".gnupg").mkdir(0o700)
    env = surroundings(home)
    run("gpg", "--batch", "--gen-key", env=env, stdin=KEY).expect()
    yield env
    run("gpgconf", "--kill", "all", env=env).expect()


@pytest.fixture
def kept(keys: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Pass:
    """A store with quay.io and Docker Hub, which this process's own variables name, too."""
    env = {**keys, "PASSWORD_STORE_DIR": str(tmp_path / "store")}
    run("pass", "init", "throw-away@acme.example", env=env).expect()
    for name in ("HOME", "PASSWORD_STORE_DIR"):
        monkeypatch.setenv(name, env[name])
    monkeypatch.delenv("GNUPGHOME", raising=False)
    store = Pass(env)
    store.keep("quay.io", "ci", "quay-secret")
    store.keep(HUB_KEY, "<token>", "hub-token")
    return store


@pytest.mark.usefixtures("kept")
def test_what_docker_stored_is_issued() -> None:
    """R2: for Docker Hub by the name that docker gives it; an identity token is kept as such."""
    source = HelperSource("pass", ["quay.io", "docker.io"], timeout=60)
    assert source.issue(QUAY) == Issued(Credential("ci", Secret("quay-secret")), None)
    assert source.issue(HUB).credential == Credential(
        "<token>", Secret("hub-token"), kind=CredentialKind.IDENTITY_TOKEN
    )


def test_a_helper_is_found_by_its_path(kept: Pass) -> None:
    path = find(PROGRAM)
    assert path is not None
    source = HelperSource(path, ["quay.io"], timeout=60)
    assert source.issue(QUAY).credential.username == "ci"
    kept.raw("erase", "quay.io").expect()
    with pytest.raises(SourceError, match=r"has no credential for quay\.io"):
        source.issue(QUAY)


def test_a_newline_gets_another_server_s_secret_from_the_real_helper(kept: Pass) -> None:
    """R19: the control shows the leak; the library refuses to ask, so there is nothing to leak."""
    leaked = kept.raw("get", "qu\nay.io").expect()
    assert json.loads(leaked.out)["Secret"] == "quay-secret"

    with pytest.raises(InvalidAddress, match="control characters"):
        HelperSource("pass", ["qu\nay.io"])


def test_one_that_it_has_not_is_not_found(kept: Pass) -> None:
    """It ends well, with an empty credential: no failure, and no credential, either."""
    unknown = kept.raw("get", "ghcr.io").expect()
    assert json.loads(unknown.out)["Secret"] == ""

    source = HelperSource("pass", ["ghcr.io"], timeout=60)
    with pytest.raises(SourceError, match=r"has no credential for ghcr\.io") as caught:
        source.issue(RegistryAddress.parse("ghcr.io"))
    assert not caught.value.passing


def test_all_that_it_lists_is_imported(kept: Pass) -> None:
    """R20: a part of a registry, and a name that is none, are told and left out."""
    kept.keep("registry.corp:5000", "bot", "corp-secret")
    kept.keep("ghcr.io/acme", "part", "part-secret")
    kept.keep("a b", "blank", "blank-secret")
    assert json.loads(kept.raw("list").expect().out) == {
        "quay.io": "ci",
        HUB_KEY: "<token>",
        "registry.corp:5000": "bot",
        "ghcr.io/acme": "part",
        "a b": "blank",
    }

    imported = HelperSource("pass", timeout=60).import_all()
    assert {remark.code for remark in imported.diagnostics} == {"server-part", "server-refused"}
    store = MemoryStore()
    for address, credential in imported.credentials.items():
        store.add("staging", address, credential)
    held = store.credentials("staging")
    assert {str(address): held[address].secret.reveal() for address in held} == {
        "quay.io": "quay-secret",
        "docker.io": "hub-token",
        "registry.corp:5000": "corp-secret",
    }


def test_one_that_fails_is_told_and_what_it_said_is_not(kept: Pass) -> None:
    """R9: it tells of paths and of keys."""
    for path in Path(kept.env["PASSWORD_STORE_DIR"]).rglob("*.gpg"):
        path.write_bytes(b"no ciphertext")
    raw = kept.raw("get", "quay.io")
    assert raw.status == 1
    assert raw.out.strip()

    with pytest.raises(SourceError, match="ended with 1") as caught:
        HelperSource("pass", ["quay.io"], timeout=60).issue(QUAY)
    assert raw.out.strip() not in str(caught.value)
