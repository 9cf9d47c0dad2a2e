"""Secrets and credentials: what they show, and what a store refuses (R9, R22)."""

from __future__ import annotations

import base64
import copy
import dataclasses
import hmac
import json
import pickle
from collections.abc import Hashable
from typing import TYPE_CHECKING, Final, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wharfinger import Credential, CredentialKind, InvalidCredential, Secret
from wharfinger.core.credential import check_credential
from wharfinger.testing import strategies

if TYPE_CHECKING:
    from collections.abc import Iterator

CANARY: Final = "XK7canaryXK7"
KEY: Final = {
    "type": "service_account",
    "project_id": "acme",
    "private_key": f"-----BEGIN PRIVATE KEY-----\n{CANARY}\n-----END PRIVATE KEY-----\n",
    "client_email": "ci@acme.iam.gserviceaccount.com",
}
KEY_FILE: Final = json.dumps(KEY, indent=2)
PROTOCOLS: Final = range(pickle.HIGHEST_PROTOCOL + 1)


def in_base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def without(key: str) -> str:
    return json.dumps({name: value for name, value in KEY.items() if name != key})


def instead(**changes: object) -> str:
    return json.dumps(KEY | changes)


def chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def assert_told_nothing(error: BaseException) -> None:
    for link in chain(error):
        for text in (str(link), repr(link), repr(link.args), repr(vars(link))):
            assert CANARY not in text
            assert in_base64(KEY_FILE)[:40] not in text


def refusal(username: str, secret: str) -> InvalidCredential:
    with pytest.raises(InvalidCredential) as caught:
        Credential(username, Secret(secret)).check()
    assert_told_nothing(caught.value)
    assert caught.value.__context__ is None
    return caught.value


# Secret


def test_a_secret_reveals_its_text() -> None:
    """R9: the text of a secret is what it was made of."""
    assert Secret("hunter2").reveal() == "hunter2"


def test_a_secret_is_redacted() -> None:
    """R9: repr, str and format of a secret tell nothing of it."""
    secret = Secret(CANARY)
    assert repr(secret) == "Secret('***')"
    assert str(secret) == "***"
    assert f"{secret}" == "***"
    assert f"{secret:>5}" == "  ***"
    assert f"{secret!r:<15}|" == "Secret('***')  |"


@given(st.text(), st.text())
def test_no_two_secrets_look_different(one: str, other: str) -> None:
    """R9: repr, str and format are the same for all secrets."""
    first, second = Secret(one), Secret(other)
    assert repr(first) == repr(second)
    assert str(first) == str(second)
    assert f"{first:^9}" == f"{second:^9}"


@given(st.text(st.characters()), st.text(st.characters()))
def test_secrets_are_equal_by_text(one: str, other: str) -> None:
    """Secrets are equal when their texts are, lone surrogates included."""
    assert Secret(one) == Secret(one)
    assert (Secret(one) == Secret(other)) is (one == other)
    assert (Secret(one) != Secret(other)) is (one != other)


def test_lone_surrogates_are_compared() -> None:
    """A text that cannot be encoded is equal to itself alone."""
    assert Secret("\ud800") == Secret("\ud800")
    assert Secret("\ud800") != Secret("\udfff")
    assert Secret("\ud800") != Secret("?")


@pytest.mark.parametrize(
    "other", [CANARY, CANARY.encode(), None, 0, object(), [CANARY]], ids=range(6)
)
def test_a_secret_equals_nothing_else(other: object) -> None:
    """A secret is equal to secrets alone, not to its own text."""
    assert Secret(CANARY) != other
    assert other != Secret(CANARY)
    assert Secret(CANARY).__eq__(other) is NotImplemented


def test_secrets_are_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Equality is left to ``hmac.compare_digest``."""
    seen: list[tuple[bytes, bytes]] = []

    def recorded(one: bytes, other: bytes) -> bool:
        seen.append((one, other))
        return one == other

    monkeypatch.setattr(hmac, "compare_digest", recorded)
    assert Secret("one") != Secret("two")
    assert seen == [(b"one", b"two")]


def test_a_secret_is_unhashable() -> None:
    """A secret has no hash, by which it could be guessed."""
    assert not isinstance(Secret(CANARY), Hashable)
    with pytest.raises(TypeError, match="unhashable"):
        hash(Secret(CANARY))


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_secret_refuses_pickling(protocol: int) -> None:
    """R9: neither a secret nor what holds one can be pickled, whatever the protocol."""
    credential = Credential("ci", Secret(CANARY))
    for value in (credential.secret, [credential.secret], credential, {"ci": credential}):
        with pytest.raises(TypeError, match="not pickled") as caught:
            pickle.dumps(value, protocol)
        assert_told_nothing(caught.value)


def test_a_secret_gives_no_state() -> None:
    """R9: what copies and pickles are made of is refused too."""
    with pytest.raises(TypeError, match="not pickled"):
        Secret(CANARY).__getstate__()
    with pytest.raises(TypeError, match="not pickled"):
        Secret(CANARY).__reduce__()


def test_copies_of_a_secret_are_itself() -> None:
    """A secret is in memory once, however often it is copied."""
    secret = Secret(CANARY)
    assert copy.copy(secret) is secret
    assert copy.deepcopy(secret) is secret
    assert copy.deepcopy([secret])[0] is secret


def test_a_secret_is_immutable() -> None:
    """A secret's text can be neither changed nor deleted, and nothing can be added to it."""
    secret = Secret(CANARY)
    for name in ("_text", "other"):
        with pytest.raises(TypeError, match="not changed"):
            setattr(secret, name, "other")
        with pytest.raises(TypeError, match="not changed"):
            delattr(secret, name)
    assert secret.reveal() == CANARY
    assert not hasattr(secret, "__dict__")


@pytest.mark.parametrize("text", [CANARY.encode(), None, 7, [CANARY], Secret(CANARY)], ids=range(5))
def test_a_secret_is_text(text: object) -> None:
    """A secret of anything but text is refused, and the error does not show it."""
    with pytest.raises(TypeError, match=r"^a secret is a str, not \w+$") as caught:
        Secret(cast("str", text))
    assert_told_nothing(caught.value)


# Credential


def test_a_credential_has_its_parts() -> None:
    """A credential is a username, a secret, perhaps an e-mail address, and a kind."""
    credential = Credential("ci", Secret("s"))
    assert (credential.username, credential.email) == ("ci", None)
    assert credential.secret == Secret("s")
    assert credential.kind is CredentialKind.PASSWORD
    full = Credential("ci", Secret("s"), "ci@acme.example", CredentialKind.REGISTRY_TOKEN)
    assert full.email == "ci@acme.example"
    assert full.kind is CredentialKind.REGISTRY_TOKEN


@pytest.mark.parametrize("kind", CredentialKind)
def test_a_kind_is_read_from_text(kind: CredentialKind) -> None:
    """A kind may be given as its word, and its repr is the member's name."""
    credential = Credential("ci", Secret("s"), kind=cast("CredentialKind", kind.value))
    assert credential.kind is kind
    assert repr(kind) == f"CredentialKind.{kind.name}"
    assert str(kind) == kind.value


def test_the_kinds() -> None:
    """The kinds of credentials are three words."""
    assert [kind.value for kind in CredentialKind] == [
        "password",
        "identity-token",
        "registry-token",
    ]


def test_an_unknown_kind_is_refused() -> None:
    """A kind that is none is refused without a word on the secret."""
    with pytest.raises(InvalidCredential, match="kind: it is one of password, ") as caught:
        Credential("ci", Secret(CANARY), kind=cast("CredentialKind", "passwort"))
    assert_told_nothing(caught.value)


def test_credentials_are_equal_by_value() -> None:
    """Every part of a credential counts in its equality."""
    credential = Credential("ci", Secret("s"), "e", CredentialKind.PASSWORD)
    assert credential == Credential("ci", Secret("s"), "e", CredentialKind.PASSWORD)
    assert credential != Credential("bot", Secret("s"), "e")
    assert credential != Credential("ci", Secret("t"), "e")
    assert credential != Credential("ci", Secret("s"))
    assert credential != Credential("ci", Secret("s"), "e", CredentialKind.IDENTITY_TOKEN)
    assert credential != cast("object", ("ci", Secret("s"), "e", CredentialKind.PASSWORD))


def test_a_credential_is_unhashable() -> None:
    """A credential has no hash, as its secret has none."""
    assert not isinstance(Credential("ci", Secret(CANARY)), Hashable)
    with pytest.raises(TypeError, match="unhashable"):
        hash(Credential("ci", Secret(CANARY)))


def test_the_repr_of_a_credential() -> None:
    """R9: a credential shows everything but its secret."""
    shown = repr(Credential("ci", Secret(CANARY), email="ci@acme.example"))
    assert shown == (
        "Credential(username='ci', secret=Secret('***'), email='ci@acme.example', "
        "kind=CredentialKind.PASSWORD)"
    )


def test_copies_of_a_credential_share_its_secret() -> None:
    """A copied credential is equal, and its secret is the same object."""
    credential = Credential("ci", Secret(CANARY))
    for copied in (copy.copy(credential), copy.deepcopy(credential)):
        assert copied == credential
        assert copied.secret is credential.secret
    assert dataclasses.replace(credential, username="bot").secret is credential.secret


@pytest.mark.parametrize("name", ["username", "secret", "email", "kind"])
def test_a_credential_is_immutable(name: str) -> None:
    """No part of a credential can be changed or deleted."""
    credential = Credential("ci", Secret(CANARY))
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(credential, name, "other")
    with pytest.raises(dataclasses.FrozenInstanceError):
        delattr(credential, name)


@pytest.mark.parametrize("secret", [CANARY, CANARY.encode(), None, [CANARY]], ids=range(4))
def test_a_credential_takes_secrets_alone(secret: object) -> None:
    """R9: a plain text for a secret is refused, and is not left in the frame that refused it."""
    with pytest.raises(TypeError, match=r"Secret\(text\)") as caught:
        Credential("ci", cast("Secret", secret))
    assert_told_nothing(caught.value)
    frames = [caught.tb.tb_frame]
    step = caught.tb.tb_next
    while step is not None:
        frames.append(step.tb_frame)
        step = step.tb_next
    assert frames[-1].f_code is Credential.__init__.__code__
    assert "secret" not in frames[-1].f_locals


# What check() says of any credential (R9)


@given(strategies.credentials())
def test_good_credentials_pass(credential: Credential) -> None:
    """R9: a credential of any username and any secret that can be sent is taken as it is."""
    assert credential.check() is credential
    check_credential(credential)


@pytest.mark.parametrize(
    ("username", "told"),
    [
        ("", "it is empty"),
        ("ci:bot", "it has a ':', where a registry would cut it"),
        (":", "it has a ':', where a registry would cut it"),
        ("ci\n", "it has a character that can't be printed"),
        ("\x00", "it has a character that can't be printed"),
        ("a\x1fb", "it has a character that can't be printed"),
        ("a\x7fb", "it has a character that can't be printed"),
        ("a\ud800", "it has a character that can't be printed"),
        ("a\x80b", "it has a character that can't be printed"),
        ("a\x1b[31mb", "it has a character that can't be printed"),
        ("a\u202eb", "it has a character that can't be printed"),
        ("a\u200bb", "it has a character that can't be printed"),
        ("a\u2028b", "it has a character that can't be printed"),
    ],
)
def test_usernames_that_cannot_be_sent(username: str, told: str) -> None:
    """R9: a username that is empty, or cannot be sent or printed, is refused."""
    error = refusal(username, CANARY)
    assert (error.part, error.problem) == ("username", told)
    assert str(error) == f"username: {told}"


@pytest.mark.parametrize("username", [None, b"ci", 7])
def test_a_username_is_text(username: object) -> None:
    """R9: a username of anything but text is refused."""
    credential = Credential(cast("str", username), Secret(CANARY))
    with pytest.raises(TypeError, match="a username is a str"):
        credential.check()


@pytest.mark.parametrize("username", ["c i", "Jürgen", "$oauthtoken", "AWS", "日本", "robot$x+y"])
def test_usernames_that_can_be_sent(username: str) -> None:
    """R9: blanks, letters of every script and signs are no reason to refuse a username."""
    assert Credential(username, Secret("s")).check().username == username


@pytest.mark.parametrize(
    ("secret", "told"),
    [
        ("", "it is empty"),
        ("\ud800", "it is not valid Unicode text"),
        (f"{CANARY}\udfff", "it is not valid Unicode text"),
    ],
)
@pytest.mark.parametrize(
    "username", ["ci", "_json_key", "_json_key_base64", "oauth2accesstoken", "AWS"]
)
def test_secrets_that_cannot_be_sent(username: str, secret: str, told: str) -> None:
    """R9: a secret that is empty or cannot be sent is refused, whoever the user is."""
    error = refusal(username, secret)
    assert (error.part, error.problem) == ("secret", told)


def test_the_username_is_looked_at_first() -> None:
    """R9: where both are bad, the error names the username."""
    assert refusal("", "").part == "username"


@pytest.mark.parametrize("email", [None, "", "ci@acme.example"])
def test_the_email_is_optional(email: str | None) -> None:
    """R9: an e-mail address is no condition."""
    assert Credential("ci", Secret("s"), email).check().email == email


@pytest.mark.parametrize("email", ["jürgen@bücher.example", "Ada <a@b.example>", "日本@例え.jp"])
def test_emails_are_not_read(email: str) -> None:
    """R9: of an e-mail address nothing is asked but that it can be shown."""
    assert Credential("ci", Secret("s"), email).check().email == email


@pytest.mark.parametrize(
    "character", ["\n", "\x00", "\x1b", "\x7f", "\x80", "\u202e", "\u200b", "\u2028", "\ud800"]
)
def test_emails_that_cannot_be_shown(character: str) -> None:
    """R9: what can't be printed, and what can't be encoded, is refused as in a username."""
    for email in (character, f"{character}ci@acme.example", f"ci@acme.example{character}"):
        credential = Credential("ci", Secret(CANARY), email)
        with pytest.raises(InvalidCredential) as caught:
            credential.check()
        assert str(caught.value) == "email: it has a character that can't be printed"
        assert_told_nothing(caught.value)


@pytest.mark.parametrize("email", [b"ci@acme.example", ["ci@acme.example"], 7, Secret(CANARY), ()])
def test_an_email_is_text(email: object) -> None:
    """R9: an e-mail address of anything but text is refused, as such a username is."""
    credential = Credential("ci", Secret(CANARY), cast("str", email))
    told = f"^an e-mail address is a str, not {type(email).__name__}$"
    with pytest.raises(TypeError, match=told):
        credential.check()


@pytest.mark.parametrize("given", [CANARY, None, ("ci", CANARY), {"ci": CANARY}, Secret(CANARY)])
def test_a_store_takes_credentials_alone(given: object) -> None:
    """R9: what is no credential is refused by its type, and its value is not shown."""
    with pytest.raises(TypeError, match=rf"not {type(given).__name__}$") as caught:
        check_credential(cast("Credential", given))
    assert_told_nothing(caught.value)


def test_a_store_checks_credentials() -> None:
    """R9: what a registry cannot take, a store does not take."""
    with pytest.raises(InvalidCredential, match="secret: it is empty"):
        check_credential(Credential("ci", Secret("")))


# What check() says of Google's (R22)


@pytest.mark.parametrize(
    ("username", "secret"),
    [
        ("_json_key", KEY_FILE),
        ("_json_key", json.dumps(KEY)),
        ("_json_key", f"\n\t {KEY_FILE}\r\n"),
        ("_json_key", instead(more=[1, {}])),
        ("_json_key_base64", in_base64(KEY_FILE)),
        ("_json_key_base64", in_base64(KEY_FILE) + "\n"),
        ("_json_key_base64", base64.encodebytes(KEY_FILE.encode()).decode()),
        ("_json_key_base64", in_base64(f" {KEY_FILE}\n")),
        ("oauth2accesstoken", "ya29.a0AfH6SMBx-_"),
    ],
)
def test_good_google_credentials(username: str, secret: str) -> None:
    """R22: Google's three usernames take what Google gives out."""
    credential = Credential(username, Secret(secret))
    assert credential.check() is credential


@pytest.mark.parametrize("username", ["ci", "_JSON_KEY", "_json_key2", "_json_key_base64 ", "AWS"])
@pytest.mark.parametrize("secret", ["key.json", KEY_FILE, in_base64(KEY_FILE), "a b", "{"])
def test_the_shape_matters_to_google_alone(username: str, secret: str) -> None:
    """R22: the secret of any other username has no shape."""
    assert Credential(username, Secret(secret)).check().username == username


@pytest.mark.parametrize(
    "secret", ["key.json", f"/home/ci/{CANARY}.json", f"~/{CANARY}", CANARY, " ", "null", "[{}]"]
)
def test_a_path_instead_of_the_key_file(secret: str) -> None:
    """R22: a path, or any text that starts no JSON object, is refused as no key file."""
    error = refusal("_json_key", secret)
    assert error.part == "secret"
    assert error.problem == (
        "'_json_key' takes the whole text of a service account's key file, not its path"
    )


@pytest.mark.parametrize(
    "secret", [in_base64(KEY_FILE), base64.encodebytes(KEY_FILE.encode()).decode()]
)
def test_base64_in_the_plain_one(secret: str) -> None:
    """R22: a key file in base64 under ``_json_key`` is refused with the username that fits."""
    assert refusal("_json_key", secret).problem.endswith(
        "this one is in base64, for which the username is '_json_key_base64'"
    )


@pytest.mark.parametrize("secret", [KEY_FILE, json.dumps(KEY)])
def test_plain_in_the_base64_one(secret: str) -> None:
    """R22: a plain key file under ``_json_key_base64`` is refused with the username that fits."""
    assert refusal("_json_key_base64", secret).problem.endswith(
        "this one is plain, for which the username is '_json_key'"
    )


BROKEN = [
    "{}",
    "{",
    KEY_FILE[:-1],
    KEY_FILE + "x",
    KEY_FILE + KEY_FILE,
    instead(type="authorized_user"),
    instead(type=None),
    instead(type=["service_account"]),
    without("type"),
    without("private_key"),
    instead(private_key=""),
    instead(private_key=None),
    instead(private_key=[CANARY]),
    without("client_email"),
    instead(client_email=""),
    instead(client_email=7),
    "{'type': 'service_account'}",
    f'{{"{CANARY}": 1, ',
    '{"a":' * 100_000 + "1" + "}" * 100_000,
    '{"a":' * 100_000,
    '{"a":' + "[" * 200_000,
    "{" * 1_000_000,
    f'{{"type": {"1" * 1_000_000}}}',
    f'{{"{CANARY}": "{"x" * 1_000_000}"',
    "{" + "\x00" * 1000,
]


@pytest.mark.parametrize("secret", BROKEN, ids=range(len(BROKEN)))
def test_what_is_no_key_file(secret: str) -> None:
    """R20, R22: a JSON object that is no service account's key file is refused, however hostile."""
    assert refusal("_json_key", secret).problem.endswith(", and this is none")
    assert refusal("_json_key_base64", in_base64(secret)).problem.endswith(", and this is none")
    assert refusal("_json_key_base64", secret).problem.endswith(", and this is none")
    assert refusal("_json_key", in_base64(secret)).problem.endswith("not its path")


@pytest.mark.parametrize(
    "secret",
    [
        "key.json",
        f"/home/{CANARY}",
        "====",
        "A",
        "ä" * 8,
        "W10=",  # []
        "bnVsbA==",  # null
        "Ng==",  # 6
        "/////w==",  # no text
        base64.b64encode(KEY_FILE.encode("utf-16")).decode(),
        in_base64(in_base64(KEY_FILE)),
        in_base64(KEY_FILE) + "!",
        "A" * 1_000_000,
        " " * 1_000_000,
    ],
    ids=range(14),
)
def test_what_is_no_key_file_in_base64(secret: str) -> None:
    """R20, R22: text that is no key file in base64 is refused, however hostile."""
    assert refusal("_json_key_base64", secret).problem == (
        "'_json_key_base64' takes a service account's key file in base64, and this is none"
    )


@pytest.mark.parametrize("secret", [f"{CANARY} ", f"\n{CANARY}", f"a\t{CANARY}", KEY_FILE, " "])
def test_an_access_token_has_no_blanks(secret: str) -> None:
    """R22: text with blanks, a key file for one, is no access token."""
    assert refusal("oauth2accesstoken", secret).problem == (
        "'oauth2accesstoken' takes an access token, which has no blanks"
    )


@given(
    st.sampled_from(["_json_key", "_json_key_base64"]),
    st.text(st.characters()).filter(lambda text: CANARY not in text),
)
def test_garbage_is_refused(username: str, garbage: str) -> None:
    """R22: no text without a key file's fields passes for one, and no error shows any of it."""
    error = refusal(username, f"{CANARY}{garbage}")
    assert error.part == "secret"
    assert error.problem == refusal(username, CANARY).problem or "Unicode" in error.problem


@given(
    st.dictionaries(st.sampled_from([*KEY, "x"]), st.none() | st.text(max_size=3) | st.integers())
)
def test_a_key_file_is_known_by_its_fields(fields: dict[str, object]) -> None:
    """R22: a key file is a JSON object whose type fits and whose key and e-mail are texts."""
    text = json.dumps(KEY | fields)
    good = "type" not in fields and all(
        isinstance(fields.get(name, "x"), str) and fields.get(name, "x")
        for name in ("private_key", "client_email")
    )
    for username, secret in (("_json_key", text), ("_json_key_base64", in_base64(text))):
        credential = Credential(username, Secret(secret))
        if good:
            assert credential.check() is credential
        else:
            with pytest.raises(InvalidCredential):
                credential.check()
