"""``config.json``, and the two other places that docker has had credentials in."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.formats.secrecy import MARK, assert_error_silent, assert_silent
from wharfinger import Credential, CredentialKind, MemoryStore, RegistryAddress, Secret, Settings
from wharfinger.formats import containers_auth, docker_auth_config, docker_config, dockercfg
from wharfinger.formats._json_text import members, object_at
from wharfinger.formats.docker_config import key, merge, parse, render
from wharfinger.formats.document import DocumentError, place
from wharfinger.testing.strategies import addresses, secrets, spellings, usernames

HUB = RegistryAddress.DOCKER_HUB
QUAY = RegistryAddress.parse("quay.io")
GHCR = RegistryAddress.parse("ghcr.io")
CI = Credential("ci", Secret("hunter2"))
IN_ANY_CASE = "docker and podman read it in any case, and others do not"
GOOD = {"auth": base64.b64encode(b"ci:hunter2").decode()}

# What docker's documents can say: no NUL around a password.
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1)
CREDENTIALS = st.builds(
    Credential,
    usernames(),
    secrets(TEXTS),
    st.none() | st.just("ci@acme.example"),
    st.sampled_from(CredentialKind),
)
MANY = st.dictionaries(addresses(), CREDENTIALS, max_size=4)


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def document(auths: object = None, **more: object) -> str:
    return json.dumps({"auths": auths or {}, **more})


def codes(text: str) -> list[tuple[str, str]]:
    return [(remark.code, remark.place) for remark in parse(text).diagnostics]


@given(MANY)
def test_what_is_rendered_is_read(credentials: dict[RegistryAddress, Credential]) -> None:
    """R18: the same credentials, under the keys that docker looks up, and the same text again."""
    text = render(credentials)
    read = parse(text)
    assert read.diagnostics == ()
    assert read.credentials() == credentials
    assert [entry.key for entry in read.entries] == [key(one) for one in sorted(credentials)]
    assert render(read.credentials()) == text
    assert merge("", credentials) in {text, "{}\n"}


def test_an_environment_becomes_a_document() -> None:
    """R18: what is in force and active, and whitelisted."""
    store = MemoryStore()
    store.add("ci", "docker.io", Credential("a", Secret("1")))
    store.add("ci", "Quay.io:443", Credential("old", Secret("2")))
    store.add("ci", "quay.io", Credential("b", Secret("3"), email="b@acme.example"))
    store.add("ci", "registry", Credential("c", Secret("4")))
    store.add("ci", "ghcr.io", Credential("d", Secret("5")))
    store.add("ci", "elsewhere.example", Credential("e", Secret("6")))
    store.deactivate("ci", "ci/5")
    settings = Settings(whitelist="docker.io, quay.io, registry:443, ghcr.io")
    assert json.loads(render(store.credentials("ci", settings))) == {
        "auths": {
            "https://index.docker.io/v1/": {"auth": base64.b64encode(b"a:1").decode()},
            "quay.io": {
                "auth": base64.b64encode(b"b:3").decode(),
                "email": "b@acme.example",
            },
            "registry:443": {"auth": base64.b64encode(b"c:4").decode()},
        }
    }


def test_what_is_rendered_is_what_docker_writes() -> None:
    assert render({QUAY: CI}) == (
        '{\n\t"auths": {\n\t\t"quay.io": {\n\t\t\t"auth": "Y2k6aHVudGVyMg=="\n\t\t}\n\t}\n}\n'
    )
    assert render({}) == '{\n\t"auths": {}\n}\n'


@pytest.mark.parametrize("text", ["", " \n", "{}", '{"auths": null}', '{"auths": {}}'])
def test_a_document_may_say_nothing(text: str) -> None:
    assert parse(text) == docker_config.DockerConfig(())


def test_a_byte_order_mark_hides_nothing_and_is_told() -> None:
    """R20: docker and podman read no file that has one."""
    text = "\ufeff" + document({"quay.io": GOOD})
    for read in (parse(text), containers_auth.parse(text)):
        assert read.credentials() == {QUAY: CI}
        assert [(remark.code, remark.place) for remark in read.diagnostics] == [
            ("byte-order-mark", "")
        ]
    assert codes("\ufeff \n") == [("byte-order-mark", "")]
    with pytest.raises(DocumentError, match="byte order mark"):
        docker_auth_config.parse(text)


def test_helpers_are_read() -> None:
    read = parse(
        document(
            credsStore="pass",
            credHelpers={"quay.io": "ecr", "ghcr.io": "", "https://index.docker.io/v1/": None},
        )
    )
    assert read.diagnostics == ()
    assert read.creds_store == "pass"
    helpers = [
        read.helper(RegistryAddress.parse(a)) for a in ("quay.io", "a.b", "ghcr.io", "docker.io")
    ]
    assert helpers == ["ecr", "pass", None, None]


def test_names_are_read_in_any_case() -> None:
    """As docker reads them: of several spellings the last one that is not null."""
    text = '{"Auths": {"quay.io": %s}, "credSstore": "a", "CREDHELPERS": {"a.b": "c"}}'
    read = parse(text % json.dumps({"AUTH": GOOD["auth"]}))
    assert read.credentials() == {QUAY: CI}
    assert [read.helper(QUAY), read.helper(RegistryAddress.parse("a.b"))] == ["a", "c"]
    assert [(remark.code, remark.place) for remark in read.diagnostics] == [
        ("member-misspelt", "Auths"),
        ("member-misspelt", "credSstore"),
        ("member-misspelt", "CREDHELPERS"),
        ("member-misspelt", 'Auths["quay.io"].AUTH'),
        ("hidden-by-helper", 'Auths["quay.io"]'),
    ]
    assert "helper of credSstore," in read.diagnostics[-1].message
    assert parse('{"credsStore": "a", "CREDSSTORE": "b"}').creds_store == "b"
    assert parse('{"CREDSSTORE": "b", "credsStore": "a"}').creds_store == "a"
    assert parse('{"credsStore": "a", "CREDSSTORE": null}').creds_store == "a"
    assert parse('{"CredsStore": "a", "CREDSSTORE": "b"}').creds_store == "b"


@pytest.mark.parametrize("store", ["", None])
def test_an_empty_helper_is_none(store: str | None) -> None:
    read = parse(document({"quay.io": GOOD}, credsStore=store))
    assert read.creds_store is None
    assert read.helper(QUAY) is None
    assert read.diagnostics == ()


@pytest.mark.parametrize(
    ("text", "code", "place"),
    [
        (document(credsStore=1), "member-malformed", "credsStore"),
        (document(credHelpers=[]), "member-malformed", "credHelpers"),
        (document(credHelpers={"quay.io": 1}), "member-malformed", 'credHelpers["quay.io"]'),
        (document(credHelpers={"docker.io": "x"}), "key-not-looked-up", 'credHelpers["docker.io"]'),
        (document(credHelpers={"Quay.io": "x"}), "key-not-looked-up", 'credHelpers["Quay.io"]'),
        (
            document(credHelpers={"quay.io/acme": "x"}),
            "key-not-looked-up",
            'credHelpers["quay.io/acme"]',
        ),
        (document(credHelpers={"*.io": "x"}), "key-wildcard", 'credHelpers["*.io"]'),
        (document(credHelpers={"a@b": "x"}), "key-user-information", 'credHelpers["***@b"]'),
        # Names that are nearly right.
        (document(credSstore="x"), "member-misspelt", "credSstore"),
        (document(credstore="x"), "member-misspelt", "credstore"),
        (document(CREDSSTORE="x"), "member-misspelt", "CREDSSTORE"),
        (document(credHelper={}), "member-misspelt", "credHelper"),
        (document(auth={}), "member-misspelt", "auth"),
        ('{"Auths": {}}', "member-misspelt", "Auths"),
        (json.dumps({"quay.io": GOOD}), "auths-missing", ""),
        # Names that stand there twice.
        ('{"auths": {"quay.io": {},\n"quay.io": {}}}', "name-repeated", 'auths["quay.io"]'),
        ('{"auths": {}, "auths": {}}', "name-repeated", "auths"),
        ('{"credsStore": "", "credsStore": ""}', "name-repeated", "credsStore"),
        ('{"credHelpers": {"a.b": "x", "a.b": "x"}}', "name-repeated", 'credHelpers["a.b"]'),
    ],
)
def test_what_is_odd_is_told(text: str, code: str, place: str) -> None:
    """R20: by its place, and nothing else is."""
    assert codes(text) == [(code, place)]
    document = json.loads(text)
    if "auths" in document:  # and it hides nothing
        document["auths"]["a.example"] = GOOD
        assert len(parse(json.dumps(document)).credentials()) == 1


@pytest.mark.parametrize(
    ("name", "says"),
    [
        (
            "credSstore",
            (IN_ANY_CASE, "write 'credsStore'"),
        ),
        ("credStore", ("nothing reads it", "write 'credsStore'")),
        ("auth", ("nothing reads it", "write 'auths'")),
    ],
)
def test_a_misspelt_name_is_told_with_the_right_one(name: str, says: tuple[str, str]) -> None:
    (remark,) = parse(document(**{name: "pass"})).diagnostics
    assert (remark.message, remark.repair) == says


OTHER_NAMES = """
HttpHeaders psFormat imagesFormat networksFormat pluginsFormat volumesFormat statsFormat
detachKeys serviceInspectFormat servicesFormat tasksFormat secretFormat configFormat
nodesFormat pruneFilters proxies currentContext cliPluginsExtraDirs plugins aliases
features experimental stackOrchestrator kubernetes
"""


def test_a_misspelt_name_is_looked_for_among_a_hundred() -> None:
    """R20: what it costs to tell does not grow with the document."""
    for others, told in ((99, 1), (100, 0)):
        many = {f"x{number}": {"auth": ""} for number in range(others)}
        remarks = parse(json.dumps({**many, "auth": {}, "auths": {}})).diagnostics
        assert [remark.code for remark in remarks] == ["member-misspelt"] * told


def test_what_docker_keeps_beside_credentials_is_no_misspelling() -> None:
    names = OTHER_NAMES.split()
    text = json.dumps({"auths": {}} | dict.fromkeys(names, "x"))
    assert parse(text).diagnostics == ()


@pytest.mark.parametrize("names", [("auths", "auths"), ("Auths", "auths"), ("auths", "AUTHS")])
@pytest.mark.parametrize("module", [docker_config, containers_auth, docker_auth_config])
def test_repeated_objects_are_read_as_one(module: ModuleType, names: tuple[str, str]) -> None:
    """R20: as Go does it; no entry hides another, and the later one of one key counts."""
    other = base64.b64encode(b"ci:new").decode()
    first = {"ghcr.io": GOOD, "quay.io": GOOD}
    second = f'{{"quay.io": {{"auth": "{other}"}},\n"a.b": {{"auth": "YTpi"}}, "a.b": %s}}'
    text = f'{{"{names[0]}": {json.dumps(first)},\n"{names[1]}":\n{second % json.dumps(GOOD)}}}'
    found = module.parse(text)
    new = Credential("ci", Secret("new"))
    assert [(entry.key, entry.credential) for entry in found.entries] == [
        ("ghcr.io", CI),
        ("quay.io", new),
        ("a.b", CI),
    ]
    told = [remark for remark in found.diagnostics if remark.code == "name-repeated"]
    twice = "it stands there 2 times, in the lines"
    assert [(remark.place, remark.message) for remark in told] == [
        ("auths", f"{twice} 1, 2; docker and podman put them together"),
        ('auths["a.b"]', f"{twice} 4, 4; the last one counts"),
    ]


def test_null_empties_what_was_there() -> None:
    """As Go does it: of objects; a helper's name stays."""
    text = document({"quay.io": GOOD}, credHelpers={"ghcr.io": "x"})[:-1]
    read = parse(text + ', "auths": null, "credHelpers": null, "credHelpers": {"a.b": "y"}}')
    assert (read.entries, read.cred_helpers) == ((), {"a.b": "y"})


def test_repeated_names_are_told_by_their_lines() -> None:
    """Both lines of an exact duplicate; and the last one counts."""
    other = base64.b64encode(b"ci:new").decode()
    text = f'{{"auths": {{\n"quay.io": {json.dumps(GOOD)},\n\n"quay.io": {{"auth": "{other}"}}}}}}'
    read = parse(text)
    assert [remark.message for remark in read.diagnostics] == [
        "it stands there 2 times, in the lines 2, 4; the last one counts"
    ]
    assert read.credentials() == {QUAY: Credential("ci", Secret("new"))}
    many = ",\n".join(['"a.b": {}'] * 9)
    (remark,) = parse(f'{{"auths": {{{many}}}}}').diagnostics
    assert "9 times, in the lines 1, 2, 3, 4, 5, …;" in remark.message


@pytest.mark.parametrize(
    ("name", "more", "by"),
    [
        ("quay.io", {"credsStore": "pass"}, "credsStore"),
        ("quay.io", {"credsStore": "x", "credHelpers": {"quay.io": "y"}}, 'credHelpers["quay.io"]'),
        ("https://quay.io/v1/", {"credHelpers": {"quay.io": "y"}}, 'credHelpers["quay.io"]'),
        ("quay.io", {"credsStore": "x", "credHelpers": {"quay.io": ""}}, None),
        ("quay.io", {"credHelpers": {"ghcr.io": "y"}}, None),
    ],
)
def test_a_credential_that_a_helper_hides_is_told(
    name: str, more: dict[str, Any], by: str | None
) -> None:
    """R18: docker asks the helper, and falls back to nothing."""
    found = parse(document({name: GOOD}, **more)).diagnostics
    assert [(remark.code, remark.place) for remark in found] == (
        [("hidden-by-helper", f'auths["{name}"]')] if by else []
    )
    assert all(str(by) in remark.message for remark in found)


def test_what_a_helper_does_not_hide() -> None:
    """An empty entry, which says that the helper has it; and docker keeps a registry's token."""
    text = document({"quay.io": {}, "ghcr.io": {"registrytoken": "t"}}, credsStore="pass")
    assert parse(text).diagnostics == ()


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("{", "line 1, column 2"),
        ("[]", ""),
        ('{"auths": []}', "auths"),
        ('{"auths": "x"}', "auths"),
        ('{"auths": {}, "Auths": []}', "auths"),
        ('{"auths": {}} {}', "line 1, column 15"),
    ],
)
def test_what_cannot_be_read_is_refused(text: str, place: str) -> None:
    """R20: and changed neither."""
    for read in (parse, lambda text: merge(text, {QUAY: CI})):
        with pytest.raises(DocumentError) as caught:
            read(text)
        assert caught.value.place == place


# Merging

ODDLY_SPELT = json.dumps(
    {
        "auths": {"quay.io": {"identityto\u212aen": "t", "pa\u017f\u017fword": ""}},
        "auth\u017f": {"quay.io": {}},
    },
    ensure_ascii=False,
)
KEPT = {"psFormat": "table {{.Names}}", "auths": {"a.example": GOOD}, "credsStore": "pass"}


@given(st.data(), MANY, MANY, st.sampled_from(["\t", "  ", None]))
def test_a_merge_is_an_update(
    data: st.DataObject,
    before: dict[RegistryAddress, Credential],
    new: dict[RegistryAddress, Credential],
    indent: str | None,
) -> None:
    """R8: what is removed is gone under every spelling; the rest is there to the byte."""
    there = {address: data.draw(spellings(address)) for address in before}
    auths = {there[address]: wired(before[address]) for address in before}
    auths["quay.io/team"] = GOOD
    text = json.dumps({"x": 1.50, "auths": auths, "é": None}, indent=indent)
    gone = data.draw(st.sets(st.sampled_from(sorted(before)))) if before else set()
    after = merge(text, new, remove=gone)

    wanted = {address: before[address] for address in before if address not in gone} | new
    assert parse(after).credentials() == wanted
    assert json.loads(after)["auths"]["quay.io/team"] == GOOD
    assert merge(after, new, remove=gone - {*new}) == after
    untouched = {there[address] for address in before if address not in gone and address not in new}
    assert bytes_of(after, untouched | {"quay.io/team"}) == bytes_of(
        text, untouched | {"quay.io/team"}
    )
    assert json.loads(text) | {"auths": None} == json.loads(after) | {"auths": None}


def wired(credential: Credential) -> dict[str, str]:
    address = RegistryAddress.parse("x.y")
    read: dict[str, str] = json.loads(render({address: credential}))["auths"]["x.y"]
    return read


def bytes_of(text: str, names: set[str]) -> dict[str, str]:
    start = object_at(text, "auths")
    assert start is not None
    return {m.name: text[m.start : m.end] for m in members(text, start) if m.name in names}


@given(MANY)
def test_merging_what_is_there_changes_no_byte(
    credentials: dict[RegistryAddress, Credential],
) -> None:
    for text in (render(credentials), json.dumps(json.loads(render(credentials))) + "\r\n"):
        assert merge(text, credentials) == text
        assert merge(text, {}) == text
        assert merge(text, {}, remove=[RegistryAddress.parse("nobody.example")]) == text


@pytest.mark.parametrize(
    ("text", "credentials", "remove", "wanted"),
    [
        ('{"auths": null}', {QUAY: CI}, (), document({"quay.io": GOOD})),
        ('{"x": 1}', {QUAY: CI}, (), json.dumps({"x": 1, "auths": {"quay.io": GOOD}})),
        ('{"x": 1}', {}, [QUAY], '{"x": 1}'),
        # Every spelling goes, namespaces and other registries stay.
        (
            document(
                {"Quay.io:443": {}, "https://quay.io/v2/": {}, "quay.io/a": {}, "ghcr.io": {}}
            ),
            {QUAY: CI},
            (),
            document({"quay.io/a": {}, "ghcr.io": {}, "quay.io": GOOD}),
        ),
        (
            document({"docker.io": {}, "https://index.docker.io/v1/": {}, "quay.io": {}}),
            {},
            [HUB],
            document({"quay.io": {}}),
        ),
        # What an entry has beside its credential stays, another credential goes.
        (
            document({"quay.io": {"identitytoken": "t", "x": [1], "password": "p"}}),
            {QUAY: CI},
            (),
            document({"quay.io": {"x": [1], **GOOD}}),
        ),
        # As kubectl writes it.
        (
            document({"quay.io": {"username": "ci", "password": "hunter2", **GOOD}}),
            {QUAY: CI},
            (),
            document({"quay.io": {"username": "ci", "password": "hunter2", **GOOD}}),
        ),
        # Set and removed is set.
        (document({"quay.io": {}}), {QUAY: CI}, [QUAY], document({"quay.io": GOOD})),
        # Docker puts repeated objects together, so it is removed from all.
        (
            '{"auths": {"quay.io": {}, "a.b": {}}, "auths": {"QUAY.io": {}}}',
            {},
            [QUAY],
            '{"auths": {"a.b": {}}, "auths": {}}',
        ),
        (document({"quay.io": 1}), {QUAY: CI}, (), document({"quay.io": GOOD})),
        # And reads names in any case.
        (
            '{"Auths": {"quay.io": {"AUTH": "x", "y": 1}}}',
            {QUAY: CI},
            (),
            json.dumps({"Auths": {"quay.io": {"y": 1, **GOOD}}}),
        ),
        (
            '{"AUTHS": {"Quay.io": {}, "a.b": {}}, "auths": {"quay.io": {}}}',
            {QUAY: CI},
            (),
            json.dumps({"AUTHS": {"a.b": {}}, "auths": {"quay.io": GOOD}}),
        ),
        # A token that another of these hides would come back; Go reads the Kelvin sign for a k.
        (
            ODDLY_SPELT,
            {QUAY: CI},
            (),
            json.dumps({"auths": {"quay.io": GOOD}, "auth\u017f": {}}, ensure_ascii=False),
        ),
        ('{"AUTHS": 1, "auths": {}}', {}, [QUAY], '{"AUTHS": 1, "auths": {}}'),
    ],
)
def test_small_merges(
    text: str,
    credentials: Mapping[RegistryAddress, Credential],
    remove: list[RegistryAddress],
    wanted: str,
) -> None:
    assert merge(text, credentials, remove=remove) == wanted


WRONG: list[Callable[[], object]] = [
    lambda: render({"quay.io": CI}),  # type: ignore[dict-item]
    lambda: merge("{}", {}, remove="quay.io"),  # type: ignore[arg-type]
    lambda: merge("{}", {}, remove=["https://ci:pw@quay.io"]),  # type: ignore[list-item]
    lambda: render({QUAY: "ci:hunter2"}),  # type: ignore[dict-item]
]


@pytest.mark.parametrize("number", range(len(WRONG)))
def test_a_wrong_type_is_told_by_its_name(number: int) -> None:
    """R19: a registry is never named by a text that could be spelt otherwise."""
    with pytest.raises(TypeError, match="not str") as caught:
        WRONG[number]()
    assert "pw" not in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_a_large_document_is_read_whole() -> None:
    """R20: a megabyte, with an odd entry in it that hides none."""
    auths: dict[str, object] = {
        f"r{n}.example:5000": {"auth": encoded(f"ci:s{n}")} for n in range(16_000)
    }
    auths["r7.example:5000"] = 7
    text = json.dumps({"auths": auths}, indent="\t")
    assert len(text) > 800_000
    read = parse(text)
    assert len(read.credentials()) == 15_999
    assert (
        read.credentials()[RegistryAddress.parse("r15999.example:5000")].secret.reveal() == "s15999"
    )
    assert [remark.place for remark in read.diagnostics] == ['auths["r7.example:5000"]']
    after = merge(text, {QUAY: CI}, remove=[RegistryAddress.parse("r0.example:5000")])
    assert len(parse(after).credentials()) == 15_999


# The environment variable and the old file


@given(MANY)
def test_the_variable_is_rendered_and_read(
    credentials: dict[RegistryAddress, Credential],
) -> None:
    """R18: passwords only, without e-mail addresses."""
    passwords = {
        address: Credential(credential.username, credential.secret)
        for address, credential in credentials.items()
    }
    text = docker_auth_config.render(passwords)
    read = docker_auth_config.parse(text)
    assert read.diagnostics == ()
    assert {entry.address: entry.credential for entry in read.entries} == passwords
    with_email = {a: Credential(c.username, c.secret, "a@b.example") for a, c in passwords.items()}
    assert docker_auth_config.render(with_email) == text
    assert "\n" not in text
    for address, credential in credentials.items():
        if credential.kind is not CredentialKind.PASSWORD:
            with pytest.raises(DocumentError, match="no tokens") as caught:
                docker_auth_config.render({address: credential})
            assert caught.value.place == place("auths", key(address))


@pytest.mark.parametrize(
    ("text", "place"),
    [
        (document(x=1), "x"),
        ('{"Auths": {"quay.io": {"x": 1}}}', 'Auths["quay.io"].x'),
        (document({"quay.io": {**GOOD, "email": "x"}}), 'auths["quay.io"].email'),
        (document({"quay.io": {**GOOD, "identitytoken": ""}}), 'auths["quay.io"].identitytoken'),
        (document({"quay.io": {}}), 'auths["quay.io"]'),
        (document({"quay.io": {"auth": ""}}), 'auths["quay.io"]'),
        (document({"quay.io": []}), 'auths["quay.io"]'),
        (document({"quay.io": {"auth": "eA=="}}), 'auths["quay.io"].auth'),
        (document({"quay.io": {"auth": "YTpi="}}), 'auths["quay.io"].auth'),
        ('{"auths": []}', "auths"),
        ("{} {}", "line 1, column 4"),
    ],
)
def test_the_variable_is_read_as_strictly_as_docker_reads_it(text: str, place: str) -> None:
    """One fault, and docker forgets the whole of it."""
    with pytest.raises(DocumentError) as caught:
        docker_auth_config.parse(text)
    assert caught.value.place == place


def test_what_docker_lets_pass_in_the_variable_is_told() -> None:
    read = docker_auth_config.parse(document({"https://quay.io": GOOD, "a.b": GOOD}))
    assert [(r.code, r.place) for r in read.diagnostics] == [
        ("key-not-looked-up", 'auths["https://quay.io"]')
    ]
    assert [entry.key for entry in read.entries] == ["https://quay.io", "a.b"]
    twice = f'{{"auths": {{"a.b": {json.dumps(GOOD)}, "a.b": {json.dumps(GOOD)}}}}}'
    assert [r.code for r in docker_auth_config.parse(twice).diagnostics] == ["name-repeated"]
    assert docker_auth_config.parse(" \n").entries == ()
    cased = docker_auth_config.parse(json.dumps({"AUTHS": {"a.b": {"Auth": GOOD["auth"]}}}))
    assert [entry.credential for entry in cased.entries] == [CI]


def test_the_old_file_has_entries_and_no_auths() -> None:
    read = dockercfg.parse(json.dumps({"https://quay.io/v1/": GOOD, "ghcr.io": 1}))
    assert [(entry.key, entry.address) for entry in read.entries] == [("https://quay.io/v1/", QUAY)]
    assert [(r.code, r.place) for r in read.diagnostics] == [("entry-malformed", '["ghcr.io"]')]
    twice = dockercfg.parse('{"a.b": {},\n"a.b": {}}')
    assert [r.place for r in twice.diagnostics] == ['["a.b"]']


@pytest.mark.parametrize(
    "text",
    [
        "auth = Y2k6aHVudGVyMg==\nemail = ci@acme.example",
        "\ufeffauth=Y2k6aHVudGVyMg==\r\nemail=ci@acme.example\r\n",
        "email = ci@acme.example\nauth = Y2k6aHVudGVyMg==\n",
    ],
)
def test_the_oldest_file_has_two_lines(text: str) -> None:
    """They are Docker Hub's."""
    read = dockercfg.parse(text)
    wanted = Credential("ci", Secret("hunter2"), "ci@acme.example")
    assert [(entry.address, entry.credential) for entry in read.entries] == [(HUB, wanted)]
    assert read.diagnostics == ()


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("", ""),
        ("email = x", ""),
        ("auth = x\nwhat = y", "line 2"),
        ("[]", "line 1"),
        ('{"a.b": ', "line 1, column 9"),
    ],
)
def test_what_is_no_old_file_is_refused(text: str, place: str) -> None:
    with pytest.raises(DocumentError) as caught:
        dockercfg.parse(text)
    assert caught.value.place == place


# Secrecy

SECRET = base64.b64encode(f"ci:{MARK}".encode()).decode()
FAILURES: list[Callable[[], object]] = [
    lambda: parse(f'{{"auths": "{MARK}"}}'),
    lambda: parse(f'{{"auths": {{"quay.io": {{"auth": "{SECRET}" {MARK}'),
    lambda: parse(f'"{MARK}"'),
    lambda: parse(f'{{"auths": {"[" * 9999} "{MARK}"'),
    lambda: parse(MARK.encode()),  # type: ignore[arg-type]
    lambda: merge(f'{{"auths": ["{MARK}"]}}', {QUAY: CI}),
    lambda: merge("{}", {QUAY: Credential("", Secret(MARK))}),
    lambda: merge("{}", {QUAY: Credential("a:b", Secret(MARK))}),
    lambda: merge("{}", {}, remove=[f"https://ci:{MARK}@quay.io"]),  # type: ignore[list-item]
    lambda: render({QUAY: Credential("ci", Secret(f"{MARK}\0"))}),
    lambda: render({QUAY: Credential("ci", Secret(f"{MARK}\ud800"))}),
    lambda: render({QUAY: f"ci:{MARK}"}),  # type: ignore[dict-item]
    lambda: render({f"https://ci:{MARK}@quay.io": CI}),  # type: ignore[dict-item]
    lambda: docker_auth_config.parse(document({f"ci:{MARK}@quay.io": {"auth": SECRET, "x": 1}})),
    lambda: docker_auth_config.parse(document({"quay.io": {"auth": f"{SECRET}="}})),
    lambda: docker_auth_config.parse(document({"quay.io": {"auth": [SECRET]}})),
    lambda: docker_auth_config.render(
        {QUAY: Credential("ci", Secret(MARK), kind=CredentialKind.IDENTITY_TOKEN)}
    ),
    lambda: dockercfg.parse(f"auth = {SECRET}\npassword = {MARK}"),
    lambda: dockercfg.parse(f"{{{MARK}"),
]


@pytest.mark.parametrize("number", range(len(FAILURES)))
def test_no_error_tells_a_secret(number: int) -> None:
    """R9: neither text, causes nor frames."""
    with pytest.raises((DocumentError, TypeError)) as caught:
        FAILURES[number]()
    assert_error_silent(caught.value)


def test_nothing_that_was_read_shows_a_secret() -> None:
    """R9: with a secret in every field there is."""
    entry = {
        "auth": SECRET,
        "username": MARK,
        "password": MARK,
        "identitytoken": MARK,
        "registrytoken": MARK,
        "email": [MARK],
        "Auth": MARK,
    }
    text = document(
        {
            "quay.io": entry,
            "QUAY.io": entry,
            f"https://ci:{MARK}@quay.io": entry,
            "a.b": {"auth": MARK},
        },
        credsStore=[MARK],
        credHelpers={"quay.io": {MARK: MARK}, f"ci:{MARK}@quay.io": "x"},
        credStore=MARK,
    )
    read = parse(text)
    assert len(read.diagnostics) > 10
    assert_silent(read)
    assert_silent([str(remark) for remark in read.diagnostics])
    assert_silent(read.credentials())
