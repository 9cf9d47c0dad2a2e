"""Entries of ``auths``: what each says, and what is said of those that say it badly."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.formats.secrecy import MARK, assert_silent
from wharfinger import Credential, CredentialKind, Diagnostic, RegistryAddress, Secret
from wharfinger.formats._auths import AuthEntry, counting, key, read_auths, read_key, wire
from wharfinger.formats.document import DocumentError
from wharfinger.testing.strategies import addresses, credentials, repositories, spellings

HUB = "https://index.docker.io/v1/"
GOOD = {"auth": base64.b64encode(b"ci:hunter2").decode()}


def auth(text: str | bytes) -> str:
    return base64.b64encode(text.encode() if isinstance(text, str) else text).decode()


def read_one(entry: object) -> tuple[Credential | None, list[Diagnostic]]:
    """What one entry says, beside a good one that it must not hide."""
    entries, remarks = read_auths({"a.example": GOOD, "quay.io": entry, "z.example": GOOD}, "auths")
    found = {entry.key: entry for entry in entries}
    assert found["a.example"].credential == Credential("ci", Secret("hunter2"))
    assert found["z.example"].credential == Credential("ci", Secret("hunter2"))
    for remark in remarks:
        assert remark.place.startswith('auths["quay.io"]')
    if "quay.io" not in found:
        assert remarks
        return None, remarks
    return found["quay.io"].credential, remarks


def codes(remarks: list[Diagnostic]) -> list[tuple[str, str]]:
    return [(remark.code, remark.place.removeprefix('auths["quay.io"]')) for remark in remarks]


@pytest.mark.parametrize(
    ("entry", "username", "secret", "kind"),
    [
        ({"auth": auth("ci:hunter2")}, "ci", "hunter2", "password"),
        # The first colon cuts.
        ({"auth": auth("ci:a:b:")}, "ci", "a:b:", "password"),
        ({"auth": auth("ci:é ü")}, "ci", "é ü", "password"),
        # Go's decoder passes over line ends, and docker and podman cut NULs off.
        ({"auth": auth("ci:hunter2")[:5] + "\r\n" + auth("ci:hunter2")[5:]}, "ci", "hunter2", ""),
        ({"auth": auth("ci:\0a\0b\0\0")}, "ci", "a\0b", "password"),
        ({"username": "ci", "password": "hunter2"}, "ci", "hunter2", "password"),
        ({"auth": "", "username": "ci", "password": "hunter2"}, "ci", "hunter2", "password"),
        ({"auth": None, "username": "ci", "password": "hunter2"}, "ci", "hunter2", "password"),
        ({**GOOD, "username": "ci", "password": "hunter2"}, "ci", "hunter2", "password"),
        ({**GOOD, "username": "", "password": ""}, "ci", "hunter2", "password"),
        # An empty identitytoken is none.
        ({**GOOD, "identitytoken": ""}, "ci", "hunter2", "password"),
        ({**GOOD, "identitytoken": None, "registrytoken": ""}, "ci", "hunter2", "password"),
        ({"identitytoken": "t"}, "<token>", "t", "identity-token"),
        ({"auth": auth("ci:"), "identitytoken": "t"}, "ci", "t", "identity-token"),
        ({"username": "ci", "identitytoken": "t"}, "ci", "t", "identity-token"),
        ({"registrytoken": "t"}, "<token>", "t", "registry-token"),
        ({"auth": auth("ci:"), "registrytoken": "t"}, "ci", "t", "registry-token"),
        ({**GOOD, "serveraddress": "quay.io", "more": [1]}, "ci", "hunter2", "password"),
    ],
)
def test_an_entry_says_one_credential(
    entry: dict[str, Any], username: str, secret: str, kind: str
) -> None:
    credential, remarks = read_one(entry)
    wanted = Credential(username, Secret(secret), None, CredentialKind(kind or "password"))
    assert credential == wanted
    assert remarks == []


def test_an_entry_may_have_an_email() -> None:
    credential, remarks = read_one({**GOOD, "email": "ci@acme.example"})
    assert credential is not None
    assert credential.email == "ci@acme.example"
    assert remarks == []


@pytest.mark.parametrize("entry", [{}, {"auth": ""}, {"email": "ci@acme.example"}, {"auth": None}])
def test_an_empty_entry_says_that_a_helper_has_it(entry: dict[str, Any]) -> None:
    entries, remarks = read_auths({"quay.io": entry}, "auths")
    assert [(entry.key, entry.credential) for entry in entries] == [("quay.io", None)]
    assert remarks == []


@pytest.mark.parametrize(
    ("entry", "code", "member"),
    [
        (None, "entry-malformed", ""),
        ([], "entry-malformed", ""),
        ("ci:hunter2", "entry-malformed", ""),
        ({"auth": 1}, "entry-malformed", ".auth"),
        ({"auth": ["x"]}, "entry-malformed", ".auth"),
        ({"username": "ci", "password": 12345}, "entry-malformed", ".password"),
        ({**GOOD, "identitytoken": {}}, "entry-malformed", ".identitytoken"),
        ({"auth": "?"}, "auth-malformed", ".auth"),
        ({"auth": "a"}, "auth-malformed", ".auth"),
        ({"auth": "YTpi\u00e9"}, "auth-malformed", ".auth"),
        ({"auth": "-_-_"}, "auth-malformed", ".auth"),
        ({"auth": "YT piYg=="}, "auth-malformed", ".auth"),
        ({"auth": auth("no colon")}, "auth-malformed", ".auth"),
        ({"auth": auth("no colon"), "username": "ci", "password": "x"}, "auth-malformed", ".auth"),
        ({"auth": auth(":hunter2")}, "credential-refused", ".auth"),
        ({"auth": auth("ci:")}, "credential-refused", ".auth"),
        ({"auth": auth("ci:\0")}, "credential-refused", ".auth"),
        ({"auth": auth("c\x1bi:x")}, "credential-refused", ".auth"),
        ({"auth": auth("_json_key:key.json")}, "credential-refused", ".auth"),
        ({"username": "ci"}, "credential-refused", ".password"),
        ({"password": "x"}, "credential-refused", ".username"),
        ({"username": "a:b", "password": "x"}, "credential-refused", ".username"),
        ({"username": "ci", "password": "\ud800"}, "credential-refused", ".password"),
        ({"identitytoken": "\ud800"}, "credential-refused", ".identitytoken"),
        ({"AUTH": 1, "auth": GOOD["auth"]}, "entry-malformed", ".AUTH"),
    ],
)
def test_a_bad_entry_is_told_and_hides_no_other(entry: object, code: str, member: str) -> None:
    """R9, R20: by the place of its fault."""
    credential, remarks = read_one(entry)
    assert credential is None
    assert codes(remarks) == [(code, member)]


@pytest.mark.parametrize(
    ("entry", "code", "member", "secret"),
    [
        ({"auth": auth(b"ci:gr\xfc\xdf")}, "auth-latin-1", ".auth", "grüß"),
        ({"auth": auth("ci:hunter2").rstrip("=")}, "auth-padding", ".auth", "hunter2"),
        ({"auth": auth("ci:hunter22") + "="}, "auth-padding", ".auth", "hunter22"),
        ({**GOOD, "username": "bot"}, "entry-contradicts-itself", "", "hunter2"),
        ({**GOOD, "password": "other"}, "entry-contradicts-itself", "", "hunter2"),
        ({**GOOD, "identitytoken": "t"}, "entry-has-several-secrets", "", "t"),
        ({"identitytoken": "t", "registrytoken": "r"}, "entry-has-several-secrets", "", "r"),
        ({**GOOD, "email": 1}, "entry-malformed", ".email", "hunter2"),
        ({"AUTH": GOOD["auth"]}, "member-misspelt", ".AUTH", "hunter2"),
        ({"identityToken": "t"}, "member-misspelt", ".identityToken", "t"),
        # Of several spellings Go takes the last one that is not null.
        ({"auth": auth("a:b"), "Auth": GOOD["auth"]}, "name-repeated", ".Auth", "hunter2"),
        ({"Auth": auth("a:b"), "auth": GOOD["auth"]}, "name-repeated", ".auth", "hunter2"),
        ({"auth": GOOD["auth"], "AUTH": None}, "name-repeated", ".AUTH", "hunter2"),
        ({"identityto\u212aen": "t"}, "member-misspelt", '["identityto\\u212aen"]', "t"),
        ({"u\u017fername": "ci", "password": "x"}, "member-misspelt", '["u\\u017fername"]', "x"),
        (
            {**GOOD, "IdentityToken": "t", "identitytoken": ""},
            "name-repeated",
            ".identitytoken",
            "hunter2",
        ),
    ],
)
def test_an_odd_entry_is_read_and_told(
    entry: dict[str, Any], code: str, member: str, secret: str
) -> None:
    credential, remarks = read_one(entry)
    assert credential is not None
    assert credential.secret.reveal() == secret
    assert codes(remarks) == [(code, member)]


@pytest.mark.parametrize(("value", "told"), [(1, True), (None, False)])
def test_what_costs_other_entries_is_told(value: object, told: bool) -> None:  # noqa: FBT001  # a column
    """Docker reads no entry beside one of the wrong type, and takes null for an empty one."""
    _, (remark,) = read_auths({"quay.io": value}, "auths")
    assert ("docker then reads no entry at all" in remark.message) is told


@pytest.mark.parametrize(
    ("name", "address", "path"),
    [
        ("quay.io", "quay.io", ""),
        ("Quay.io:0443", "quay.io", ""),
        ("registry:443", "registry:443", ""),
        ("registry", "registry:443", ""),
        ("[::1]:5000", "[::1]:5000", ""),
        ("https://quay.io", "quay.io", ""),
        ("http://quay.io:5000/", "quay.io:5000", ""),
        ("https://quay.io/v1/", "quay.io", ""),
        ("https://quay.io/v2", "quay.io", ""),
        ("quay.io/v2/", "quay.io", ""),
        (HUB, "docker.io", ""),
        ("registry-1.docker.io", "docker.io", ""),
        ("quay.io/acme", "quay.io", "acme"),
        ("quay.io/acme/api/", "quay.io", "acme/api"),
        ("quay.io/v2", "quay.io", "v2"),
        ("quay.io/v1/acme", "quay.io", "v1/acme"),
        ("https://quay.io/v2/acme", "quay.io", "acme"),
        ("https://quay.io/v10", "quay.io", "v10"),
        ("https://quay.io/acme/v1/", "quay.io", "acme/v1"),
        ("https://quay.io/v1/v2/", "quay.io", "v2"),
    ],
)
def test_a_key_names_a_registry(name: str, address: str, path: str) -> None:
    """R2, R3: in every form that clients have written."""
    entries, _ = read_auths({name: GOOD}, "auths")
    assert [(entry.key, str(entry.address), entry.path) for entry in entries] == [
        (name, address, path)
    ]
    assert read_key(name, "") == (RegistryAddress.parse(address), path)


@pytest.mark.parametrize(
    ("name", "code", "repair"),
    [
        ("", "key-malformed", "host[:port]"),
        ("quay.io.", "key-malformed", "write quay.io"),
        ("quay.io:99999", "key-malformed", "host[:port]"),
        ("quay io", "key-malformed", "host[:port]"),
        ("ftp://quay.io", "key-malformed", "host[:port]"),
        ("::1", "key-malformed", "write [::1]"),
        ("quay.io/Acme", "key-malformed", "without a tag"),
        ("quay.io/acme:latest", "key-malformed", "without a tag"),
        ("quay.io//acme", "key-malformed", "without a tag"),
        ("*.azurecr.io", "key-wildcard", "an entry for each"),
        ("https://*.azurecr.io", "key-wildcard", "an entry for each"),
        (f"https://ci:{MARK}@quay.io", "key-user-information", "the registry alone"),
        (f"ci:123/{MARK}@quay.io", "key-user-information", "the registry alone"),
        ("https://index.docker.io/v1/access-token", "desktop-leftover", HUB),
        ("https://index.docker.io/v1/refresh-token", "desktop-leftover", HUB),
        ("index.docker.io/access-token", "desktop-leftover", HUB),
    ],
)
def test_a_key_that_names_none_is_told(name: str, code: str, repair: str) -> None:
    """R4: and its entry is not taken for another's."""
    entries, remarks = read_auths({name: GOOD, "quay.io": GOOD}, "auths")
    assert [entry.key for entry in entries] == ["quay.io"]
    assert [remark.code for remark in remarks] == [code]
    assert repair in remarks[0].repair
    assert_silent(remarks)


@given(addresses(), st.data())
def test_every_spelling_of_a_key_is_one_registry(
    address: RegistryAddress, data: st.DataObject
) -> None:
    """R3: with a scheme, with the API's path, or with neither."""
    spelt = data.draw(spellings(address))
    before = data.draw(st.sampled_from(["", "http://", "https://"]))
    after = data.draw(st.sampled_from(["", "/v1/", "/v2/"] + (["/", "/v1"] if before else [])))
    assert read_key(before + spelt + after, "") == (address, "")
    below = data.draw(repositories(2))
    if not address.is_docker_hub:
        assert read_key(f"{spelt}/{below}", "") == (address, below)


def overlap(*names: str) -> list[str]:
    _, remarks = read_auths(dict.fromkeys(names, GOOD), "auths")
    assert {remark.code for remark in remarks} <= {
        "key-repeated",
        "key-not-looked-up",
        "key-namespaced",
    }
    return [f"{remark.place[7:-2]}: {remark.message}" for remark in remarks]


def test_entries_of_one_registry_are_told_with_both_places() -> None:
    """R3: and which of them docker takes."""
    same = 'it names the same registry as auths["{}"]; docker '
    assert overlap("quay.io", "Quay.io:443", "https://quay.io/v1/") == [
        "Quay.io:443: " + same.format("quay.io") + "takes that one",
        "https://quay.io/v1/: " + same.format("quay.io") + "takes that one",
    ]
    assert overlap("docker.io", HUB, "index.docker.io") == [
        "docker.io: " + same.format(HUB) + "takes that one",
        "index.docker.io: " + same.format(HUB) + "takes that one",
    ]
    assert overlap("https://quay.io", "http://quay.io", "QUAY.IO") == [
        "https://quay.io: "
        + same.format("http://quay.io")
        + "takes any of them, in no fixed order",
        "QUAY.IO: " + same.format("http://quay.io") + "takes any of them, in no fixed order",
    ]
    assert overlap("https://quay.io", "QUAY.IO") == [
        "QUAY.IO: " + same.format("https://quay.io") + "takes that one",
    ]
    assert overlap("QUAY.IO", "quay.io:443") == [
        "QUAY.IO: " + same.format("quay.io:443") + "finds neither",
        "quay.io:443: docker never finds it by this key",
    ]


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("quay.io", True),
        ("https://quay.io/v1/", True),
        ("http://quay.io", True),
        ("Quay.io", False),
        ("quay.io:443", False),
        ("https://quay.io:443", False),
        ("registry:443", True),
        ("https://registry:443/v2/", True),
        ("registry", False),
        (HUB, True),
        ("docker.io", False),
        ("index.docker.io", False),
        ("https://docker.io", False),
        ("[::1]:5000", True),
        ("https://[::1]:5000/", True),
        ("[::1]", True),
        ("https://[::1]/", False),
    ],
)
def test_a_key_that_docker_never_looks_up_is_told(name: str, found: bool) -> None:  # noqa: FBT001  # a column
    """R3: docker compares keys as text, and has one for Docker Hub."""
    _, remarks = read_auths({name: GOOD}, "auths")
    if found:
        assert remarks == []
    else:
        assert [remark.code for remark in remarks] == ["key-not-looked-up"]
        address = read_key(name, "")
        assert isinstance(address, tuple)
        assert remarks[0].repair == f"write {key(address[0])!r}"


def test_a_namespace_that_docker_widens_is_told() -> None:
    """R19: docker cuts a key at its first slash."""
    (first, second) = overlap("quay.io/acme", "quay.io")
    assert first.startswith('quay.io/acme: it names the same registry as auths["quay.io"]')
    assert second == "quay.io/acme: it is for one namespace, and docker takes it for all of quay.io"


def entries(*names: str) -> list[AuthEntry]:
    return read_auths({name: {"auth": auth(f"ci:{name}")} for name in names}, "auths")[0]


@pytest.mark.parametrize(
    ("names", "counts"),
    [
        (["quay.io", "https://quay.io"], "quay.io"),
        (["https://quay.io", "quay.io"], "quay.io"),
        (["https://quay.io", "QUAY.IO"], "https://quay.io"),
        (["https://quay.io", "http://quay.io"], "http://quay.io"),
        (["QUAY.IO", "quay.io:443"], "quay.io:443"),
        (["quay.io/acme"], None),
        (["quay.io", "quay.io/acme"], "quay.io"),
    ],
)
def test_the_entry_that_counts_is_the_one_docker_takes(
    names: list[str], counts: str | None
) -> None:
    """R19: an entry for a namespace never speaks for its registry."""
    found = counting(entries(*names))
    wanted = {} if counts is None else {RegistryAddress.parse("quay.io"): counts}
    assert {address: found[address].secret.reveal() for address in found} == wanted


def test_an_empty_entry_that_counts_leaves_no_credential() -> None:
    read, _ = read_auths({"quay.io": {}, "https://quay.io": GOOD}, "auths")
    assert counting(read) == {}


@given(addresses(), credentials())
def test_what_is_written_is_read(address: RegistryAddress, credential: Credential) -> None:
    """R18: whatever a store can hold; a password that clients would cut is refused."""
    text = credential.secret.reveal()
    if credential.kind is CredentialKind.PASSWORD and text.strip("\0") != text:
        with pytest.raises(DocumentError, match="NUL"):
            wire(credential, "auths", key(address))
        return
    members = json.loads(json.dumps(wire(credential)))
    read, remarks = read_auths({key(address): members}, "auths")
    assert remarks == []
    assert [(entry.address, entry.path) for entry in read] == [(address, "")]
    assert read[0].credential == credential
    assert wire(credential) == members


def test_a_token_is_written_as_docker_writes_it() -> None:
    token = Credential("ci", Secret("t0ken"), kind=CredentialKind.IDENTITY_TOKEN)
    assert wire(token) == {"auth": auth("ci:"), "identitytoken": "t0ken"}
    token = Credential("ci", Secret("t0ken"), "ci@acme.example", CredentialKind.REGISTRY_TOKEN)
    assert wire(token) == {
        "auth": auth("ci:"),
        "registrytoken": "t0ken",
        "email": "ci@acme.example",
    }


@pytest.mark.parametrize(
    ("credential", "problem"),
    [
        (Credential("", Secret(MARK)), "username: it is empty"),
        (Credential("a:b", Secret(MARK)), "username: it has a ':'"),
        (Credential("ci", Secret("")), "secret: it is empty"),
        (Credential("ci", Secret(f"{MARK}\ud800")), "secret: it is not valid Unicode"),
        (Credential("_json_key", Secret(MARK)), "secret: '_json_key'"),
        (Credential("ci", Secret(f"{MARK}\0")), "NUL"),
    ],
)
def test_a_credential_that_cannot_be_said_is_refused(credential: Credential, problem: str) -> None:
    """R9: by its registry, and without its secret."""
    with pytest.raises(DocumentError) as caught:
        wire(credential, "auths", "quay.io")
    assert caught.value.place == 'auths["quay.io"]'
    assert problem in caught.value.problem
    assert_silent(caught.value)


@pytest.mark.parametrize("auths", [[], "x", 1, True])
def test_auths_is_an_object(auths: object) -> None:
    with pytest.raises(DocumentError, match="an object is wanted") as caught:
        read_auths(auths, "auths")
    assert caught.value.place == "auths"
    assert read_auths(None, "auths") == read_auths({}, "auths") == ([], [])


CANARIES: list[dict[str, Any]] = [
    {"auth": auth(f"ci:{MARK}")},
    {"auth": auth(f"{MARK}")},
    {"auth": MARK},
    {"auth": f"{MARK}?"},
    {"auth": auth(f":{MARK}")},
    {"auth": auth(f"c\x1bi:{MARK}")},
    {"auth": auth(b"ci:\xff" + MARK.encode())},
    {"auth": auth(f"ci:{MARK}").rstrip("=") + "====="},
    {"auth": auth(f"_json_key:{MARK}")},
    {**GOOD, "password": MARK},
    {"password": MARK},
    {"username": "ci", "password": MARK},
    {"username": "", "password": f"{MARK}\ud800"},
    {"identitytoken": MARK},
    {"identitytoken": f"{MARK}\ud800"},
    {"registrytoken": MARK, "identitytoken": MARK, "auth": auth(f"ci:{MARK}")},
    {**GOOD, "email": [MARK]},
    {"auth": {MARK: MARK}},
]


@pytest.mark.parametrize("name", ["quay.io", f"https://ci:{MARK}@quay.io", "*.io", "quay..io"])
@pytest.mark.parametrize("entry", [*CANARIES, MARK, [MARK]])
def test_no_entry_and_no_remark_shows_a_secret(name: str, entry: object) -> None:
    """R9: whatever is wrong with them."""
    read, remarks = read_auths({name: entry, "https://quay.io": entry}, "auths")
    assert read or remarks
    assert_silent(read)
    assert_silent(remarks)
    assert_silent(list(map(str, remarks)))
