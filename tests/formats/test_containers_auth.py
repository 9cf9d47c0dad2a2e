"""``auth.json``: what podman, skopeo and CRI-O read."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.formats.secrecy import MARK, assert_error_silent, assert_silent
from wharfinger import Credential, CredentialKind, ImageReference, RegistryAddress, Secret
from wharfinger.formats.containers_auth import ContainersAuth, find, key, merge, parse, render
from wharfinger.formats.document import DocumentError
from wharfinger.testing.strategies import addresses, secrets, spellings, usernames

HUB = RegistryAddress.DOCKER_HUB
QUAY = RegistryAddress.parse("quay.io")
CI = Credential("ci", Secret("hunter2"))
GOOD = {"auth": base64.b64encode(b"ci:hunter2").decode()}

TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1)
KINDS = st.sampled_from([CredentialKind.PASSWORD, CredentialKind.IDENTITY_TOKEN])
CREDENTIALS = st.builds(Credential, usernames(), secrets(TEXTS), st.none(), KINDS)
MANY = st.dictionaries(addresses(), CREDENTIALS, max_size=4)


def document(auths: object = None, **more: object) -> str:
    return json.dumps({"auths": auths or {}, **more})


def codes(text: str) -> list[tuple[str, str]]:
    return [(remark.code, remark.place) for remark in parse(text).diagnostics]


@given(MANY)
def test_what_is_rendered_is_read(credentials: dict[RegistryAddress, Credential]) -> None:
    """R18: the same credentials, under canonical addresses, and the same text again."""
    text = render(credentials)
    read = parse(text)
    assert read.diagnostics == ()
    assert read.credentials() == credentials
    assert [entry.key for entry in read.entries] == [str(one) for one in sorted(credentials)]
    assert render(read.credentials()) == text
    for address in credentials:
        found = find(read.entries, ImageReference.parse(f"{address}/acme/api"))
        assert found is not None
        assert found.address == address


@given(st.data(), MANY, MANY)
def test_a_merge_is_an_update(
    data: st.DataObject,
    before: dict[RegistryAddress, Credential],
    new: dict[RegistryAddress, Credential],
) -> None:
    """R8: under every spelling; namespaces stay, to the byte."""
    auths = {
        data.draw(spellings(address)): json.loads(render({address: one}))["auths"][key(address)]
        for address, one in before.items()
    }
    namespaces = {f"{address}/team": GOOD for address in before}
    text = document(namespaces | auths, x=1.50)
    gone = data.draw(st.sets(st.sampled_from(sorted(before)))) if before else set()
    after = merge(text, new, remove=gone)
    kept = {address: before[address] for address in before if address not in gone}
    assert parse(after).credentials() == kept | new
    assert json.loads(after)["auths"].items() >= namespaces.items()
    assert merge(after, new, remove=gone - {*new}) == after
    assert '"x": 1.5' in after


def test_small_merges() -> None:
    assert merge("", {HUB: CI}) == render({HUB: CI})
    assert merge(document({"https://index.docker.io/v1/": {}}), {HUB: CI}) == document(
        {"docker.io": GOOD}
    )
    assert merge(document({"quay.io/a": {}, "quay.io": {}}), {}, remove=[QUAY]) == document(
        {"quay.io/a": {}}
    )


@pytest.mark.parametrize("change", [render, lambda new: merge("{}", new)], ids=["render", "merge"])
def test_a_registry_token_is_refused(
    change: Callable[[dict[RegistryAddress, Credential]], str],
) -> None:
    """R18: podman would take no notice of it, and pull with an empty password."""
    token = Credential("ci", Secret("t"), kind=CredentialKind.REGISTRY_TOKEN)
    with pytest.raises(DocumentError, match="no registry token") as caught:
        change({QUAY: CI, HUB: token})
    assert caught.value.place == 'auths["docker.io"]'


def auths(*names: str) -> ContainersAuth:
    return parse(document(dict.fromkeys(names, GOOD)))


@pytest.mark.parametrize(
    ("names", "image", "found"),
    [
        # The repository, its parents, the registry; whole segments only.
        (["quay.io", "quay.io/acme", "quay.io/acme/api"], "quay.io/acme/api:1", "quay.io/acme/api"),
        (["quay.io", "quay.io/acme"], "quay.io/acme/web", "quay.io/acme"),
        (["quay.io", "quay.io/acme"], "quay.io/acmeister/api", "quay.io"),
        (["quay.io/acme"], "quay.io/other/api", None),
        (["quay.io/acme/api/x"], "quay.io/acme/api", None),
        # Letter by letter.
        (["quay.io"], "Quay.io/acme/api", None),
        (["Quay.io"], "Quay.io/acme/api", "Quay.io"),
        (["quay.io:443"], "quay.io/acme/api", None),
        (["quay.io:443"], "quay.io:443/acme/api", "quay.io:443"),
        (["quay.io/acme/"], "quay.io/acme/api", None),
        # URLs, cut at the host, where no key is found.
        (["https://quay.io/v2/"], "quay.io/acme/api", "https://quay.io/v2/"),
        (["https://quay.io/acme"], "quay.io/other/api", "https://quay.io/acme"),
        (["https://quay.io", "quay.io"], "quay.io/acme/api", "quay.io"),
        (["https://Quay.io"], "quay.io/acme/api", None),
        # Docker Hub.
        (["docker.io"], "alpine", "docker.io"),
        (["docker.io/library"], "alpine", "docker.io/library"),
        (["docker.io/library/alpine"], "index.docker.io/alpine", "docker.io/library/alpine"),
        (["index.docker.io"], "alpine", "index.docker.io"),
        (["registry-1.docker.io"], "alpine", "registry-1.docker.io"),
        (["https://index.docker.io/v1/"], "alpine", "https://index.docker.io/v1/"),
        (["registry.hub.docker.com"], "alpine", None),
        (["registry:443"], "registry:443/api", "registry:443"),
        (["localhost:5000/a"], "localhost:5000/a/b", "localhost:5000/a"),
    ],
)
def test_an_image_finds_its_entry_as_in_podman(
    names: list[str], image: str, found: str | None
) -> None:
    entry = find(auths(*names).entries, ImageReference.parse(image))
    assert (entry and entry.key) == found


@pytest.mark.parametrize(
    ("names", "wanted"),
    [
        (
            ["quay.io", "quay.io/acme", "docker.io", "index.docker.io/acme"],
            [("key-not-looked-up", 3)],
        ),
        (["quay.io", "https://quay.io"], [("key-repeated", 1)]),
        (["docker.io", "https://index.docker.io/v1/"], [("key-repeated", 1)]),
        (["https://index.docker.io/v1/"], []),
        (["registry-1.docker.io"], []),
        (["Quay.io"], [("key-not-looked-up", 0)]),
        (["quay.io:443/acme"], [("key-not-looked-up", 0)]),
        (["quay.io/acme", "Quay.io/acme"], [("key-repeated", 1)]),
        (["quay.io/acme/"], [("key-not-looked-up", 0)]),
        (["https://quay.io/v1/acme"], [("key-namespaced", 0)]),
    ],
)
def test_a_key_that_podman_finds_otherwise_is_told(
    names: list[str], wanted: list[tuple[str, int]]
) -> None:
    """R3, R19: namespaces are kept apart here, and registries compared as text."""
    read = auths(*names)
    assert [entry.key for entry in read.entries] == names
    assert [(remark.code, remark.place) for remark in read.diagnostics] == [
        (code, f'auths["{names[number]}"]') for code, number in wanted
    ]


@pytest.mark.parametrize(
    ("text", "code", "place"),
    [
        (document(credsStore="pass"), "member-not-read", "credsStore"),
        (document(credHelpers={"quay.io": ""}), "helper-empty", 'credHelpers["quay.io"]'),
        (document(credHelpers={"quay.io": 1}), "member-malformed", 'credHelpers["quay.io"]'),
        (
            document(credHelpers={"quay.io/acme": "x"}),
            "key-not-looked-up",
            'credHelpers["quay.io/acme"]',
        ),
        (
            document(credHelpers={"https://index.docker.io/v1/": "x"}),
            "key-not-looked-up",
            'credHelpers["https://index.docker.io/v1/"]',
        ),
        (
            document({"quay.io/a": GOOD}, credHelpers={"quay.io": "x"}),
            "hidden-by-helper",
            'auths["quay.io/a"]',
        ),
        # What docker reads, and podman does not.
        (
            document({"quay.io": {"username": "ci", "password": "hunter2"}}),
            "member-not-read",
            'auths["quay.io"]',
        ),
        (document({"quay.io": {"identitytoken": "t"}}), "member-not-read", 'auths["quay.io"]'),
        (
            document({"quay.io": {"auth": "Y2k6", "registrytoken": "t"}}),
            "member-not-read",
            'auths["quay.io"]',
        ),
        ('{"auths": {"a.b": {}, "a.b": {}}}', "name-repeated", 'auths["a.b"]'),
        ('{"auths": {}, "auths": {}}', "name-repeated", "auths"),
        ('{"credHelpers": {"a.b": "x", "a.b": "x"}}', "name-repeated", 'credHelpers["a.b"]'),
        (document({"quay.io": 1}), "entry-malformed", 'auths["quay.io"]'),
    ],
)
def test_what_is_odd_is_told(text: str, code: str, place: str) -> None:
    """R20: by its place, and nothing else is."""
    assert codes(text) == [(code, place)]


def test_names_are_read_in_any_case() -> None:
    read = parse(json.dumps({"Auths": {"quay.io": {"Auth": GOOD["auth"]}}}))
    assert read.credentials() == {QUAY: CI}
    assert [remark.code for remark in read.diagnostics] == ["member-misspelt"]


def test_helpers_are_read() -> None:
    read = parse(document({"quay.io": {}}, credHelpers={"docker.io": "secretservice"}))
    assert read.cred_helpers == {"docker.io": "secretservice"}
    assert read.diagnostics == ()


@pytest.mark.parametrize("text", ["", " ", "[]", '{"auths": 1}', "nope"])
def test_what_cannot_be_read_is_refused(text: str) -> None:
    """R20: an empty file is none for podman."""
    with pytest.raises(DocumentError):
        parse(text)


@pytest.mark.parametrize("text", ["{}", '{"auths": null}'])
def test_a_document_may_say_nothing(text: str) -> None:
    assert parse(text) == ContainersAuth(())


@pytest.mark.parametrize("wrong", [None, 1, "quay.io", [QUAY], {None: CI}, {QUAY: None}])
def test_a_wrong_type_is_a_type_error(wrong: Any) -> None:  # noqa: ANN401  # it is the point
    """R20: and nothing else, of whatever type."""
    with pytest.raises(TypeError):
        render(wrong)
    with pytest.raises(TypeError):
        merge("{}", wrong)


SECRET = base64.b64encode(f"ci:{MARK}".encode()).decode()


FAILURES: list[Callable[[], object]] = [
    lambda: parse(f'{{"auths": ["{MARK}"]}}'),
    lambda: parse(f'{{"auths": "{SECRET}'),
    lambda: render({QUAY: Credential("", Secret(MARK))}),
    lambda: render({QUAY: Credential("a", Secret(MARK), kind=CredentialKind.REGISTRY_TOKEN)}),
    lambda: render({QUAY: f"ci:{MARK}"}),  # type: ignore[dict-item]
    lambda: merge(f'["{MARK}"]', {}),
]


@pytest.mark.parametrize("number", range(len(FAILURES)))
def test_no_error_tells_a_secret(number: int) -> None:
    """R9: neither text, causes nor frames."""
    with pytest.raises((DocumentError, TypeError)) as caught:
        FAILURES[number]()
    assert_error_silent(caught.value)


def test_nothing_that_was_read_shows_a_secret() -> None:
    """R9: with a secret in every field there is."""
    entry = {"auth": SECRET, "registrytoken": MARK, "identitytoken": MARK, "password": MARK}
    read = parse(
        document(
            {"quay.io/a": entry, "Quay.io/a": entry, f"ci:{MARK}@quay.io/a": entry},
            credsStore=MARK,
            credHelpers={"quay.io": [MARK]},
        )
    )
    assert len(read.diagnostics) > 5
    assert_silent(read)
    assert_silent([str(remark) for remark in read.diagnostics])
