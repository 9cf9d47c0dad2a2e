"""``X-Registry-Auth``: one credential in one header."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable

import pytest
from hypothesis import given

from tests.formats.secrecy import MARK, assert_error_silent, assert_silent
from wharfinger import Credential, CredentialKind, MemoryStore, RegistryAddress, Secret, resolve
from wharfinger.formats.document import DocumentError
from wharfinger.formats.engine_api import RegistryAuth, parse, render
from wharfinger.testing.strategies import addresses, credentials

QUAY = RegistryAddress.parse("quay.io")


def header(members: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(members).encode()).decode()


def said(text: str) -> object:
    return json.loads(base64.urlsafe_b64decode(text))


@given(credentials(), addresses())
def test_what_is_rendered_is_read(credential: Credential, address: RegistryAddress) -> None:
    """R18: whatever a store can hold, NULs included: nothing cuts them here."""
    text = render(credential, address)
    assert parse(text) == RegistryAuth(credential, address)
    assert text.isascii()
    assert not {"+", "/", "\n"} & {*text}


def test_it_says_what_docker_says() -> None:
    """The names of docker's AuthConfig; the server's as docker has it in its config.json."""
    ci = Credential("ci", Secret("hunter2"), "ci@acme.example")
    assert said(render(ci, RegistryAddress.DOCKER_HUB)) == {
        "username": "ci",
        "password": "hunter2",
        "email": "ci@acme.example",
        "serveraddress": "https://index.docker.io/v1/",
    }
    identity = Credential("ci", Secret("t"), kind=CredentialKind.IDENTITY_TOKEN)
    assert said(render(identity, QUAY)) == {
        "username": "ci",
        "identitytoken": "t",
        "serveraddress": "quay.io",
    }
    registry = Credential("ci", Secret("t"), kind=CredentialKind.REGISTRY_TOKEN)
    assert said(render(registry, RegistryAddress.parse("registry:443"))) == {
        "username": "ci",
        "registrytoken": "t",
        "serveraddress": "registry:443",
    }


def test_one_image_has_its_one_header() -> None:
    """R18: the credential of the one image."""
    store = MemoryStore()
    store.add("ci", "quay.io", Credential("old", Secret("1")))
    store.add("ci", "quay.io", Credential("new", Secret("2")))
    answer = resolve("quay.io/acme/api", store.environment("ci"))
    credential = store.credential("ci", answer)
    assert credential is not None
    assert said(render(credential, answer.address)) == {
        "username": "new",
        "password": "2",
        "serveraddress": "quay.io",
    }


@pytest.mark.parametrize(
    ("text", "username", "address"),
    [
        ("", None, None),
        (header({}), None, None),
        (header({"serveraddress": "quay.io"}), None, "quay.io"),
        (header({"username": "ci", "password": "x"}), "ci", None),
        (header({"username": "ci", "password": "x", "serveraddress": ""}), "ci", None),
        (
            header({"username": "ci", "password": "x", "serveraddress": "https://quay.io/v1/"}),
            "ci",
            "quay.io",
        ),
        (
            header({"identitytoken": "t", "serveraddress": "https://index.docker.io/v1/"}),
            "<token>",
            "docker.io",
        ),
        # The daemon reads names in any case, and takes no notice of auth.
        (header({"Username": "ci", "password": "x", "serverAddress": "a.b"}), "ci", "a.b"),
        (header({"username": "ci", "password": "x", "auth": "YTpi"}), "ci", None),
        (header({"username": "ci", "password": "x", "Auth": "?"}), "ci", None),
        (header({"auth": ""}), None, None),
        # As docker-py sends what it has read.
        (
            header({"username": "ci", "password": "x", "email": None, "serveraddress": "a.b"}),
            "ci",
            "a.b",
        ),
    ],
)
def test_what_others_send_is_read(text: str, username: str | None, address: str | None) -> None:
    read = parse(text)
    assert (read.credential and read.credential.username) == username
    assert (read.address and str(read.address)) == address


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("?", ""),
        ("e30", ""),
        ("e30=\n", ""),
        ("+/+/", ""),
        ("_w==", ""),
        (header([]), ""),
        (base64.urlsafe_b64encode(b"{").decode(), "line 1, column 2"),
        (header({"username": "ci", "password": 1}), "header.password"),
        (header({"username": "ci", "password": ""}), "header.password"),
        (header({"username": "", "password": "x"}), "header.username"),
        (header({"auth": "eA=="}), "header.auth"),
        (header({"auth": "YTpi"}), "header.auth"),
        (header({"auth": 1, "username": "ci", "password": "x"}), "header.auth"),
        (
            header({"username": "ci", "password": "x", "serveraddress": "quay io"}),
            "header.serveraddress",
        ),
        (header({"username": "ci", "password": "x", "serveraddress": 1}), "header.serveraddress"),
    ],
)
def test_what_cannot_be_used_is_refused(text: str, place: str) -> None:
    """R19, R20: a header is one credential, so there is nothing to go on with."""
    with pytest.raises(DocumentError) as caught:
        parse(text)
    assert caught.value.place == place


FAILURES: list[Callable[[], object]] = [
    lambda: render(Credential("", Secret(MARK)), QUAY),
    lambda: render(Credential("ci", Secret(f"{MARK}\ud800")), QUAY),
    lambda: render(f"ci:{MARK}", QUAY),  # type: ignore[arg-type]
    lambda: render(Credential("ci", Secret(MARK)), f"ci:{MARK}@quay.io"),  # type: ignore[arg-type]
    lambda: parse(MARK),
    lambda: parse(header(MARK)),
    lambda: parse(header({"username": "ci", "password": [MARK]})),
    lambda: parse(header({"username": "c\x1bi", "password": MARK})),
    lambda: parse(header({"password": MARK, "serveraddress": f"ci:{MARK}@quay.io"})),
    lambda: parse(header({"password": MARK})[:-4] + "????"),
    lambda: parse(MARK.encode()),  # type: ignore[arg-type]
]


@pytest.mark.parametrize("number", range(len(FAILURES)))
def test_no_error_tells_a_secret(number: int) -> None:
    """R9: neither text, causes nor frames."""
    with pytest.raises((DocumentError, TypeError)) as caught:
        FAILURES[number]()
    assert_error_silent(caught.value)


def test_nothing_that_was_read_shows_a_secret() -> None:
    """R9: the header itself is base64, and shows to whoever looks; what is read does not."""
    assert_silent(parse(render(Credential("ci", Secret(MARK)), QUAY)))
