"""A Rancher 1.x export becomes an environment and settings, and says what becomes different."""

from __future__ import annotations

import json
import traceback
from typing import TYPE_CHECKING, Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wharfinger import (
    Credential,
    Environment,
    EnvironmentNotFound,
    MemoryStore,
    Orchestration,
    RegistryAddress,
    RegistryState,
    Secret,
    Settings,
    WharfingerError,
    resolve,
)
from wharfinger.core.errors import EnvironmentExists, InvalidCredential, InvalidEnvironment
from wharfinger.formats import DocumentError
from wharfinger.formats.rancher_export import RancherExport, parse
from wharfinger.testing.strategies import addresses, spellings, usernames

if TYPE_CHECKING:
    from collections.abc import Callable

    from wharfinger import Registry

CANARY: Final = "XK7canaryXK7"


def registry(number: int, address: object, **more: object) -> dict[str, Any]:
    return {
        "id": f"1sp{number}",
        "type": "registry",
        "serverAddress": address,
        "state": "active",
        "accountId": "1a5",
        "created": "2017-07-01T10:00:00Z",
        "removed": None,
        **more,
    }


def credential(number: int, of: int, username: object = "ci", **more: object) -> dict[str, Any]:
    return {
        "id": f"1c{number}",
        "type": "registryCredential",
        "registryId": f"1sp{of}",
        "publicValue": username,
        "secretValue": None,
        "state": "active",
        "accountId": "1a5",
        "removed": None,
        **more,
    }


def collection(resource: str, *items: object) -> dict[str, Any]:
    pages = {"first": None, "previous": None, "next": None, "limit": 1000, "partial": False}
    return {
        "type": "collection",
        "resourceType": resource,
        "links": {"self": "http://rancher.corp:8080/v2-beta/projects/1a5/registries"},
        "data": list(items),
        "pagination": pages,
    }


def export(registries: object, credentials: object, settings: object = None, **more: object) -> str:
    return json.dumps(
        {
            "registries": registries,
            "registryCredentials": credentials,
            "settings": settings,
            **more,
        }
    )


def codes(read: RancherExport) -> list[str]:
    return [remark.code for remark in read.diagnostics]


def differences(read: RancherExport) -> dict[str, tuple[str, str | None, str | None]]:
    return {c.images: (c.code, c.before, c.after) for c in read.changes}


def told(read: RancherExport) -> list[tuple[str, str, str]]:
    return [(e.credential_id, str(e.registry.address), e.registry.username) for e in read.entries]


# What is read


WHOLE: Final = (
    [registry(1, "quay.io"), registry(2, "registry.corp:5000")],
    [credential(1, 1), credential(2, 2, "bot", email="bot@corp.example")],
    {"registry.default": "registry.corp:5000", "registry.whitelist": "registry.corp:5000, quay.io"},
)


def as_setting(name: str, value: object) -> dict[str, object]:
    return {
        "id": name,
        "type": "activeSetting",
        "name": name,
        "activeValue": value,
        "inDb": True,
        "source": "Database",
        "value": value,
    }


def spelt() -> dict[str, str]:
    registries, credentials, settings = WHOLE
    whole = export(registries, credentials, settings)
    rows = [as_setting(name, value) for name, value in settings.items()]
    answers = (
        collection("registry", *registries),
        collection("registryCredential", *credentials),
    )
    return {
        "lists": whole,
        "collections": export(*answers, collection("activeSetting", *rows)),
        "settings by id": export(
            *answers, [{"id": r["id"], "value": r["value"]} for r in rows] + [as_setting("x", 1)]
        ),
        "values not in the database": export(*answers, [r | {"value": None} for r in rows]),
        "values split already": export(
            *answers, [r | {"value": None, "activeValue": str(r["value"]).split(",")} for r in rows]
        ),
        "answers one after another": "".join(json.dumps(a) for a in [*answers, *rows]),
        "answers on lines, with blanks": "\ufeff \n"
        + "\n\n".join(json.dumps(a, indent=2) for a in [rows[1], *answers, rows[0]]),
        "rows one after another": "\n".join(
            json.dumps(a) for a in [*registries, *reversed(credentials), *rows]
        ),
        "names in lower case": export([], [])[:-1]
        + ', "registrycredentials": '
        + json.dumps(credentials)
        + ', "Registries": '
        + json.dumps(registries)
        + ', "SETTINGS": '
        + json.dumps(settings)
        + "}",
    }


@pytest.mark.parametrize("text", spelt().values(), ids=spelt())
def test_every_form_says_the_same(text: str) -> None:
    """One object or the API's answers in a row, collections or lists: the same is read."""
    read = parse(text, "staging", Orchestration.KUBERNETES)
    assert told(read) == [("1c1", "quay.io", "ci"), ("1c2", "registry.corp:5000", "bot")]
    assert [entry.registry_id for entry in read.entries] == ["1sp1", "1sp2"]
    assert read.environment == Environment("staging", Orchestration.KUBERNETES).added(
        "quay.io", username="ci"
    ).added("registry.corp:5000", username="bot")
    assert read.settings == Settings(
        default_registry="registry.corp:5000", whitelist="quay.io, registry.corp:5000"
    )
    assert codes(read) == []


def test_without_settings_there_are_none() -> None:
    """Settings are optional, and null ones are the ones out of the box."""
    blank = {"registry.default": None, "registry.whitelist": " , "}
    nothing: tuple[object, ...] = (None, {}, blank, [])
    for settings in nothing:
        assert parse(export([], [], settings)).settings == Settings()


def test_the_order_is_that_of_the_numbers() -> None:
    """R5: the order of adding is that of the numbers in the credentials' ids, not of their text."""
    read = parse(
        export(
            [registry(2, "quay.io"), registry(10, "ghcr.io")],
            [credential(10, 2, "c"), credential(9, 10, "b"), credential(2, 2, "a")],
        )
    )
    assert [entry.credential_id for entry in read.entries] == ["1c2", "1c9", "1c10"]
    in_force = read.environment.in_force("quay.io")
    assert in_force is not None
    assert in_force.username == "c"


def test_what_was_removed_is_absent() -> None:
    """R6: removed registries and credentials are absent, without a remark."""
    read = parse(
        export(
            [registry(1, "quay.io"), registry(2, "ghcr.io", state="removed")],
            [
                credential(1, 1),
                credential(2, 1, state="purged"),
                credential(3, 1, removed="2017-07-01T10:00:00Z"),
                credential(4, 2),
            ],
        )
    )
    assert told(read) == [("1c1", "quay.io", "ci")]
    assert not read.diagnostics


@pytest.mark.parametrize(
    ("of_registry", "of_credential", "active"),
    [
        ("active", "active", True),
        ("inactive", "active", False),
        ("active", "inactive", False),
        ("deactivating", "active", False),
        ("registering", "updating-active", True),
        ("active", "updating-inactive", False),
    ],
)
def test_states(of_registry: str, of_credential: str, *, active: bool) -> None:
    """R7: a registry is active iff Rancher's registry and its credential are, or become so."""
    read = parse(
        export([registry(1, "quay.io", state=of_registry)], [credential(1, 1, state=of_credential)])
    )
    assert read.entries[0].registry.is_active is active
    assert not read.diagnostics


@pytest.mark.parametrize("state", [None, "restoring", 7, [], "Active"])
def test_an_unknown_state_is_inactive(state: object) -> None:
    """R7: what is not known to be active is not."""
    read = parse(export([registry(1, "quay.io")], [credential(1, 1, state=state)]))
    assert read.entries[0].registry.state is RegistryState.INACTIVE
    assert [(r.code, r.place) for r in read.diagnostics] == [
        ("state-unknown", "registryCredentials[0].state")
    ]


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("https://quay.io", "quay.io"),
        ("quay.io ", "quay.io"),
        ("http://registry.corp:5000/v2/", "registry.corp:5000"),
        ("quay.io/acme", "quay.io"),
        ("quay.io.", "quay.io"),
        (f"https://ci:{CANARY}@quay.io", "quay.io"),
    ],
)
def test_addresses_are_mended(text: str, address: str) -> None:
    """R4: an address that was accepted and never used is read as the one that was meant."""
    read = parse(export([registry(1, text)], [credential(1, 1)]))
    assert told(read) == [("1c1", address, "ci")]
    remark = read.diagnostics[0]
    assert (remark.code, remark.rule, remark.place) == (
        "address-repaired",
        "R4",
        "registries[0].serverAddress",
    )
    assert f"read as {address};" in remark.repair
    assert CANARY not in repr(read) + str(read)
    assert differences(read)[address] == ("credential-added", None, "1c1")


def test_the_made_up_email_is_none() -> None:
    """R9: what Rancher's UI wrote where no e-mail address was given is none."""
    read = parse(
        export(
            [registry(1, "quay.io")],
            [
                credential(1, 1, secretValue="a", email="not-really@required.anymore"),
                credential(2, 1, secretValue="a", email="ci@acme.example"),
            ],
        )
    )
    assert [e.credential and e.credential.email for e in read.entries] == [None, "ci@acme.example"]


# What can't be read


MALFORMED: Final[list[tuple[str, dict[str, Any] | int, dict[str, Any] | str]]] = [
    ("entry-malformed", 7, credential(8, 8)),
    ("entry-malformed", {"serverAddress": "x.io"}, credential(8, 8)),
    ("entry-malformed", registry(8, "x.io", id="sp8!"), credential(8, 8)),
    ("entry-malformed", registry(8, None), credential(8, 8)),
    ("address-malformed", registry(8, "a..b"), credential(8, 8)),
    ("id-repeated", registry(1, "x.io"), credential(8, 1)),
    ("registry-without-credential", registry(8, "x.io"), "x"),
    ("entry-malformed", registry(8, "x.io"), credential(8, 8, id=None)),
    ("entry-malformed", registry(8, "x.io"), credential(8, 8, registryId=8)),
    ("entry-malformed", registry(8, "x.io"), credential(8, 8, secretValue={"a": CANARY})),
    ("credential-without-registry", registry(8, "x.io"), credential(8, 9)),
    ("credential-refused", registry(8, "x.io"), credential(8, 8, "a:b")),
    ("credential-refused", registry(8, "x.io"), credential(8, 8, "")),
    ("credential-refused", registry(8, "x.io"), credential(8, 8, None)),
    ("credential-refused", registry(8, "x.io"), credential(8, 8, "_json_key", secretValue=CANARY)),
]


@pytest.mark.parametrize(("code", "bad", "of_it"), MALFORMED, ids=range(len(MALFORMED)))
@pytest.mark.parametrize("first", [True, False])
def test_a_malformed_entry_hides_no_other(
    code: str, bad: object, of_it: object, *, first: bool
) -> None:
    """R20: what is wrong with one entry is remarked on, and all others are read."""
    registries = [registry(1, "quay.io"), registry(2, "ghcr.io")]
    credentials = [credential(1, 1), credential(2, 2)]
    if first and code != "id-repeated":
        read = parse(export([bad, *registries], [of_it, *credentials]))
    else:
        read = parse(export([*registries, bad], [*credentials, of_it]))
    assert code in codes(read)
    assert {("1c1", "quay.io", "ci"), ("1c2", "ghcr.io", "ci")} <= set(told(read))
    assert CANARY not in repr(read) + str(read)


def test_a_refused_secret_must_be_entered_again() -> None:
    """R22: a registry whose secret has the wrong shape is there, and wants its secret."""
    read = parse(
        export(
            [registry(1, "gcr.io")], [credential(1, 1, "_json_key", secretValue=f"/{CANARY}.json")]
        )
    )
    assert [entry.credential_id for entry in read.wanted] == ["1c1"]
    assert read.diagnostics[0].place == "registryCredentials[0].secretValue"


WHITELIST: Final = {"name": "registry.whitelist", "value": "quay.io"}
REFUSED: Final = [
    ("{", "line 1, column 2: it is not valid JSON"),
    ("", "registries: they are missing"),
    ("[]", "an object is wanted, and this is an array"),
    ('{"registries": NaN}', "it is not JSON that can be read: a number is too long, or a nesting"),
    ("[" * 200_000, "it is not JSON that can be read: a number is too long, or a nesting"),
    ('{"registries": []}', "registryCredentials: they are missing"),
    ('{"registries": null, "registryCredentials": []}', "registries: they are missing"),
    ('{"registries": 7, "registryCredentials": []}', "registries: a collection or an array"),
    ('{"registries": {}, "registryCredentials": []}', "registries: a collection or an array"),
    ('{"registries": []} 7', "[1]: an object is wanted, and this is a number"),
    (
        '{"type": "error", "status": 401, "code": "Unauthorized"}',
        "it is an error of Rancher's API, status 401",
    ),
    ('{"type": "error", "status": ["x"]}', "it is an error of Rancher's API"),
    (
        '{"registries": [], "registryCredentials": {"type": "error"}}',
        "registryCredentials: it is an error of Rancher's API",
    ),
    (
        export([registry(1, "quay.io")], [credential(1, 1, accountId="1a7")]),
        "it holds registries of several environments, 1a5, 1a7, and no environment",
    ),
    (export([], [], {"registry.whitelist": 7}), 'settings["registry.whitelist"]: a string is'),
    (export([], [], [{"name": "registry.default", "value": {}}]), "settings[0]: a string is"),
    (
        export([], [], {"type": "collection", "resourceType": "setting", "data": None}),
        "settings.data: an array is wanted, and this is null",
    ),
    (
        export([], [], [WHITELIST, WHITELIST | {"value": ""}]),
        "settings[1]: registry.whitelist has another value at settings[0]",
    ),
    (
        export([], [], {"registry.whitelist": "quay.io", "other": ""}).replace(
            "other", "registry.whitelist"
        ),
        "settings: two of its members have one name",
    ),
    (
        '{"registries": [{}], "registryCredentials": [], "registries": []}',
        "two of its members have one name",
    ),
    (
        export([], [], {"registry.whitelist": "https://quay.io, acme/team"}),
        'settings["registry.whitelist"]: no entry of the whitelist can be read',
    ),
    (
        export([], [], {"registry.default": "bad host"}),
        'settings["registry.default"]: the default registry cannot be read',
    ),
]


@pytest.mark.parametrize(("text", "problem"), REFUSED, ids=range(len(REFUSED)))
def test_refused(text: str, problem: str) -> None:
    """R14, R17, R20: what cannot be read whole, or would open what was closed, is refused."""
    with pytest.raises(DocumentError) as caught:
        parse(text)
    assert str(caught.value).startswith(problem)


@pytest.mark.parametrize("name", [None, 5, [], {}, ""])
def test_a_setting_is_known_by_its_id(name: object) -> None:
    """R14: a name that is none hides no whitelist."""
    read = parse(
        export([], [], [{"id": "registry.whitelist", "name": name, "value": "quay.io"}] * 2)
    )
    assert read.settings.whitelist.entries == ("quay.io",)
    assert not read.diagnostics


def test_an_entry_with_two_members_of_one_name_is_left_out() -> None:
    """R20: it is told, and hides no other."""
    text = export([registry(1, "quay.io"), registry(2, "ghcr.io")], [credential(1, 1)])
    read = parse(text.replace('"ghcr.io"', '"ghcr.io", "serverAddress": "evil.example"'))
    assert [entry.credential_id for entry in read.entries] == ["1c1"]
    assert [(r.code, r.place) for r in read.diagnostics] == [("entry-malformed", "registries[1]")]


def test_a_page_of_several_is_remarked_on() -> None:
    """An export that stops in the middle says so: newer credentials may be missing."""
    whole = collection("registryCredential")
    for pages in ({"next": "http://rancher.corp/x"}, {"next": None, "partial": True}):
        read = parse(export([], whole | {"pagination": pages}))
        assert [(r.code, r.place) for r in read.diagnostics] == [
            ("export-partial", "registryCredentials.pagination")
        ]


def test_another_collection_is_remarked_on() -> None:
    """A collection of something else is not read as one of registries."""
    text = json.dumps(collection("host", registry(1, "quay.io"))) + export([], [])
    assert [(r.code, r.place) for r in parse(text).diagnostics] == [("not-read", "[0]")]


def test_whitelist_entries_that_cannot_be_read_are_left_out() -> None:
    """R14: an entry that matched nothing opens nothing; what may be meant is offered."""
    read = parse(export([], [], {"registry.whitelist": "quay.io, acme/team, *, https://ghcr.io"}))
    assert read.settings.whitelist.entries == ("quay.io",)
    assert [(r.code, r.repair) for r in read.diagnostics] == [
        ("whitelist-entry-left-out", "write docker.io/acme/team if that is meant"),
        ("whitelist-entry-left-out", "write host[:port]"),
        ("whitelist-entry-left-out", "write ghcr.io if that is meant"),
    ]


def test_user_information_in_settings_is_not_shown() -> None:
    """R20: no piece of user information is shown, not even where a comma cuts it in two."""
    entry = f"https://ci:{CANARY},54321@ghcr.io"
    read = parse(export([], [], {"registry.whitelist": f"quay.io, {entry}, https://ci:54321"}))
    assert CANARY not in repr(read) + str(read)
    assert "54321" not in str(read)
    with pytest.raises(DocumentError) as caught:
        parse(export([], [], {"registry.whitelist": entry}))
    assert CANARY not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "default"),
    [
        ("https://reg.corp", "reg.corp"),
        ("reg.corp/", "reg.corp"),
        ("mirror", "docker.io/mirror"),
        ("acme/team", "docker.io/acme/team"),
    ],
)
def test_a_default_registry_is_mended(text: str, default: str) -> None:
    """R11: a default that cannot be read as it is stays where it was, or where it was meant."""
    read = parse(export([], [], {"registry.default": text}))
    assert str(read.settings.default_registry) == default
    assert codes(read) == ["default-repaired"]


# What becomes different


def test_the_oldest_active_credential_was_sent() -> None:
    """R6: where the server sent the oldest active credential, the newest is in force now."""
    read = parse(
        export(
            [registry(1, "quay.io")],
            [
                credential(1, 1, "a", state="inactive"),
                credential(2, 1, "b"),
                credential(3, 1, "c"),
                credential(4, 1, "d"),
            ],
        )
    )
    assert differences(read) == {"quay.io": ("credential-replaced", "1c2", "1c4")}


def test_one_registry_and_one_credential_change_nothing() -> None:
    """What the page and the server agreed on is no change."""
    read = parse(
        export([registry(1, "quay.io"), registry(2, "localhost:5000")], [credential(1, 1)])
    )
    assert not read.changes


def test_an_inactive_newest_credential_denies() -> None:
    """R7: an older one was sent instead, and is not any more."""
    read = parse(
        export([registry(1, "quay.io")], [credential(1, 1), credential(2, 1, state="inactive")])
    )
    assert differences(read) == {"quay.io": ("now-denied", "1c1", None)}
    assert "the server sent 1c1" in read.changes[0].why
    assert not resolve("quay.io/a", read.environment, read.settings).allowed


def test_an_inactive_registry_denies() -> None:
    """R7: it meant anonymous, and means denied."""
    read = parse(export([registry(1, "quay.io", state="inactive")], [credential(1, 1)]))
    assert differences(read) == {"quay.io": ("now-denied", None, None)}
    assert "pulled anonymously" in read.changes[0].why


def test_docker_hub_is_one() -> None:
    """R2: Docker Hub's credential is for all of its names, and not for one of them."""
    read = parse(export([registry(1, "index.docker.io")], [credential(1, 1)]))
    assert differences(read) == {"docker.io": ("credential-added", None, "1c1")}
    read = parse(export([registry(1, "docker.io")], [credential(1, 1)]))
    assert differences(read) == {
        "": ("credential-added", None, "1c1"),
        "index.docker.io": ("credential-added", None, "1c1"),
    }


def test_two_spellings_are_one_address() -> None:
    """R3: two registries by two spellings of one address are one address, the newest in force."""
    read = parse(
        export(
            [registry(1, "quay.io"), registry(2, "quay.io:443")],
            [credential(1, 1, "a"), credential(2, 2, "b")],
        )
    )
    assert differences(read) == {"quay.io": ("credential-replaced", "1c1", "1c2")}


def test_case_was_no_matter() -> None:
    """R3: credentials were looked up in any case, and are."""
    assert not parse(export([registry(1, "Quay.IO")], [credential(1, 1)])).changes


def test_an_oldest_credential_without_a_username_was_not_sent() -> None:
    """R9: an agent without a username or password pulled anonymously."""
    read = parse(export([registry(1, "quay.io")], [credential(1, 1, None), credential(2, 1)]))
    assert differences(read) == {"quay.io": ("credential-added", None, "1c2")}
    read = parse(
        export([registry(1, "quay.io")], [credential(1, 1, secretValue=""), credential(2, 1)])
    )
    assert differences(read) == {"quay.io": ("credential-added", None, "1c2")}


def test_a_credential_that_cannot_be_read_is_lost() -> None:
    """R9: a username that nothing can send is left out, and that is a change."""
    read = parse(export([registry(1, "quay.io")], [credential(1, 1, "a:b")]))
    assert differences(read) == {"quay.io": ("credential-lost", "1c1", None)}


@pytest.mark.parametrize(
    ("default", "whitelist", "expected"),
    [
        ("", "quay.io", {}),
        ("", "index.docker.io", {"docker.io": "now-allowed"}),
        ("", "docker.io", {"": "now-allowed", "index.docker.io": "now-allowed"}),
        ("", "Quay.io", {"quay.io": "now-allowed", "Quay.io": None}),
        ("", "quay.io:443", {"quay.io": "now-allowed"}),
        ("", "Quay.io/acme", {"quay.io/acme": "now-allowed", "Quay.io/acme": "now-allowed"}),
        ("", "quay.io/acme", {"quay.io/acme": "now-allowed"}),
        ("", "*.corp", {"*.corp": "now-allowed"}),
        ("reg.corp:5000", "index.docker.io", {"docker.io": "now-allowed"}),
        ("reg.corp:5000", "reg.corp:5000", {}),
        ("reg.corp/team", "reg.corp", {"": "now-allowed"}),
        ("reg.corp/team", "reg.corp/team", {"reg.corp/team": "now-allowed"}),
        ("reg.corp/", "reg.corp/,quay.io", {"reg.corp": "now-allowed"}),
        ("https://reg.corp", "https://reg.corp", {"reg.corp": "now-allowed"}),
        ("mirror", "mirror, quay.io", {"docker.io/mirror": "now-allowed"}),
        ("mirror", "other, quay.io", {}),
    ],
)
def test_the_whitelist_was_compared_as_text(
    default: str, whitelist: str, expected: dict[str, str | None]
) -> None:
    """R14, R15: entries match addresses now, where the server compared text."""
    read = parse(export([], [], {"registry.default": default, "registry.whitelist": whitelist}))
    wanted = {images: code for images, code in expected.items() if code}
    assert {change.images: change.code for change in read.changes} == wanted


def test_the_registry_without_a_credential_was_taken() -> None:
    """R6: of two registries the server took the first, whatever credentials the other had."""
    read = parse(export([registry(1, "quay.io"), registry(2, "Quay.io")], [credential(1, 2)]))
    assert differences(read)["quay.io"] == ("credential-added", None, "1c1")
    assert read.changes[0].why == (
        "the server took the first active registry at 'Quay.io', which had no credential"
    )
    assert not read.diagnostics  # the address has a credential, so nothing is pulled without one


def test_a_change_is_told() -> None:
    """The change says what starts with what, before and now, and why."""
    read = parse(
        export(
            [registry(1, "quay.io")],
            [credential(1, 1), credential(2, 1)],
            {"registry.whitelist": "docker.io, quay.io"},
        )
    )
    assert [str(change) for change in read.changes] == [
        (
            "images without a registry: now allowed: the server compared whitelist "
            "entries as text, "
            "and none was 'index.docker.io'"
        ),
        (
            "images at index.docker.io: now allowed: the server compared whitelist "
            "entries as text, "
            "and none was 'index.docker.io'"
        ),
        (
            "images at quay.io: 1c1 before, 1c2 now (credential-replaced): the server "
            "took the oldest "
            "active one at 'quay.io'; now the newest is in force"
        ),
    ]
    assert read.changes[2].address == RegistryAddress.parse("quay.io")


def cattle(rows: list[tuple[str, str, bool, bool]], image_host: str) -> tuple[int, int] | None:
    """Rancher's lookup once more, row by row: the first active registry, its first credential."""
    if not {".", ":"} & set(image_host) and image_host != "localhost":
        image_host = "index.docker.io"  # a word, to Rancher
    for number, (address, _, active, _) in enumerate(rows):
        if active and address.lower() == image_host.lower():
            return (number, 0) if rows[number][3] else None
    return None


@given(
    st.lists(
        st.tuples(addresses().flatmap(spellings), usernames(), st.booleans(), st.booleans()),
        max_size=6,
    )
)
def test_changes_are_all_that_changes(rows: list[tuple[str, str, bool, bool]]) -> None:
    """R6, R7: an image of any registry is pulled as before, or there is a change that says how."""
    registries, credentials = [], []
    states = ["inactive", "active"]
    for number, (address, username, active, of_credential) in enumerate(rows):
        registries.append(registry(number, address, state=states[active]))
        credentials.append(credential(number, number, username, state=states[of_credential]))
    read = parse(export(registries, credentials))
    origins = {entry.registry.id: entry.credential_id for entry in read.entries}
    found = differences(read)
    for address, *_ in rows:
        was = cattle(rows, address)
        before = f"1c{was[0]}" if was else None
        now = resolve(f"{address}/a", read.environment, read.settings)
        after = origins[now.registry.id] if now.registry and now.allowed else None
        if address in found:
            assert found[address][1:] == (before, after)
        else:
            assert (before, True) == (after, now.allowed)


# Into a store


def filled() -> RancherExport:
    return parse(
        export(
            [registry(1, "quay.io"), registry(2, "ghcr.io", state="inactive")],
            [
                credential(1, 1, "old"),
                credential(2, 2, "bot", secretValue=CANARY, email="bot@acme.example"),
                credential(3, 1, "ci"),
            ],
        ),
        "staging",
        Orchestration.KUBERNETES,
    )


def test_load() -> None:
    """R5, R9: the store has the environment, with the export's secrets and those given."""
    store = MemoryStore()
    read = filled()
    secrets = {"1c1": Secret("one"), "1c3": Secret("three")}
    assert read.load_into(store, secrets) == read.environment == store.environment("staging")
    assert store.credentials("staging") == {
        RegistryAddress.parse("quay.io"): Credential("ci", Secret("three"))
    }
    store.activate("staging", "staging/2")
    assert store.credentials("staging")[RegistryAddress.parse("ghcr.io")] == Credential(
        "bot", Secret(CANARY), email="bot@acme.example"
    )


def test_an_overridden_registry_without_a_secret_is_left_out() -> None:
    """R8: nothing falls back to a registry whose secret nobody has."""
    store = MemoryStore()
    made = filled().load_into(store, {"1c3": Secret("three")})
    assert [found.username for found in made.registries] == ["bot", "ci"]


class Failing(MemoryStore):
    """A store that takes one registry and no more."""

    def add(self, *args: Any, **options: Any) -> Registry:  # noqa: ANN401  # whatever it takes
        if self.environment("staging").registries:
            raise OSError("the disk is full")
        return super().add(*args, **options)


def loads() -> dict[str, tuple[Callable[[], MemoryStore], dict[str, Any], type[Exception]]]:
    every = {"1c1": Secret("one"), "1c3": Secret("three")}
    return {
        "nothing given": (MemoryStore, {}, DocumentError),
        "the wrong one given": (MemoryStore, {"1c1": Secret("one")}, DocumentError),
        "one nobody knows": (MemoryStore, every | {"1c33": Secret(CANARY)}, DocumentError),
        "an empty one": (MemoryStore, every | {"1c3": Secret("")}, InvalidCredential),
        "plain text": (MemoryStore, every | {"1c3": CANARY}, TypeError),
        "a full disk": (Failing, every, OSError),
    }


@pytest.mark.parametrize(("make", "secrets", "error"), loads().values(), ids=loads())
def test_a_load_that_fails_changes_nothing(
    make: Callable[[], MemoryStore], secrets: dict[str, Any], error: type[Exception]
) -> None:
    """R9: neither is anything added, nor does the error tell a secret."""
    store = make()
    with pytest.raises(error) as caught:
        filled().load_into(store, secrets)
    assert CANARY not in "".join(traceback.format_exception(caught.value))
    assert store.environments() == ()
    with pytest.raises(EnvironmentNotFound):
        store.environment("staging")


def test_missing_secrets_are_named() -> None:
    """The error says which secrets are missing, by Rancher's ids, and a typo its neighbour."""
    with pytest.raises(DocumentError, match="the secrets of 1c3 are not in the export"):
        filled().load_into(MemoryStore())
    with pytest.raises(DocumentError, match=r"the nearest is 1c3$"):
        filled().load_into(MemoryStore(), {"1c33": Secret("x")})


def test_an_environment_that_is_there_stays() -> None:
    """R17: an environment of the same name is not filled up."""
    store = MemoryStore()
    before = store.create("staging")
    with pytest.raises(EnvironmentExists):
        filled().load_into(store, {"1c3": Secret("three")})
    assert store.environment("staging") == before


def test_a_bad_name_is_refused() -> None:
    """The environment's name is checked."""
    with pytest.raises(InvalidEnvironment):
        parse(export([], []), " ")


def test_explain() -> None:
    """What was read, what must be entered again, what becomes different, what was remarked on."""
    read = parse(
        export(
            [registry(1, "quay.io"), registry(2, "https://ghcr.io"), registry(3, "x.io")],
            [credential(1, 1, "old"), credential(2, 2, "bot"), credential(3, 1, "ci")],
            {"registry.whitelist": "quay.io, ghcr.io, index.docker.io"},
        ),
        "staging",
    )
    assert str(read) == read.explain()
    assert read.explain().splitlines() == [
        "environment staging (cattle)",
        "  staging/1  quay.io as old, from 1c1: overridden",
        "  staging/2  ghcr.io as bot, from 1c2: active, its secret must be entered again",
        "  staging/3  quay.io as ci, from 1c3: active, its secret must be entered again",
        "default registry docker.io",
        "whitelist docker.io, ghcr.io, quay.io",
        "what becomes different",
        (
            "  images at docker.io: now allowed: the server compared whitelist entries as "
            "text, and "
            "none was 'docker.io'"
        ),
        (
            "  images at ghcr.io: no credential before, 1c2 now (credential-added): the server "
            "compared addresses as text, and no active one was 'ghcr.io'"
        ),
        (
            "  images at quay.io: 1c1 before, 1c3 now (credential-replaced): the server took the "
            "oldest active one at 'quay.io'; now the newest is in force"
        ),
        "what was remarked on",
        (
            "  registries[1].serverAddress: address-repaired (R4): an address has no scheme, and "
            "Rancher used it for no image; it is read as ghcr.io; take it out if that is not meant"
        ),
        (
            "  registries[2]: registry-without-credential (R10): it has no credential "
            "that could be "
            "read, so images there are pulled without one; add x.io with a credential if "
            "that is not "
            "meant"
        ),
    ]


def test_explain_says_that_nothing_is() -> None:
    """No title stands without a line."""
    assert parse(export([], [])).explain().splitlines()[-4:] == [
        "what becomes different",
        "  nothing",
        "what was remarked on",
        "  nothing",
    ]


# Secrets, and whatever else is thrown at it


JSON: Final = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=8)
    | st.sampled_from(["quay.io", "active", "1sp1", "1c1", "registry", "collection", "error"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    *(
                        "registries",
                        "registryCredentials",
                        "settings",
                        "data",
                        "type",
                        "resourceType",
                    ),
                    *("id", "state", "serverAddress", "registryId", "publicValue", "secretValue"),
                    *("name", "value", "email", "accountId", "pagination", "next", "status"),
                ]
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=20,
)


@given(JSON, JSON, JSON)
def test_anything_is_read_or_refused(registries: object, credentials: object, rest: object) -> None:
    """R20: whatever the JSON says, there is an export or a typed error."""
    try:
        read = parse(export(registries, credentials, rest))
    except DocumentError:
        return
    assert read.explain()


@pytest.mark.parametrize(
    "text",
    [
        f'{{"registries": "{CANARY}", "registryCredentials": []}}',
        f'{{"registries": [], "registryCredentials": [{{"secretValue": "{CANARY}"',
        export([], [], {"registry.default": f"https://ci:{CANARY}@"}),
        export([registry(1, "quay.io")], [credential(1, 1, secretValue=CANARY, accountId="1a9")]),
    ],
)
def test_no_error_holds_a_secret(text: str) -> None:
    """R9: neither an error, nor its causes, nor its frames hold the document."""
    with pytest.raises(WharfingerError) as caught:
        parse(text)
    error = caught.value
    assert error.__cause__ is None
    assert error.__context__ is None
    assert CANARY not in f"{error}{error!r}{error.args}"
    trace = error.__traceback__
    while trace is not None:
        if str(trace.tb_frame.f_globals.get("__name__")).startswith("wharfinger"):
            assert CANARY not in repr(trace.tb_frame.f_locals)
        trace = trace.tb_next


def test_an_export_shows_no_secret() -> None:
    """R9: neither repr nor the explanation tells a secret that the export has."""
    read = filled()
    assert any(entry.credential for entry in read.entries)
    assert CANARY not in repr(read) + str(read) + repr(read.entries[1])


def test_a_large_export_is_read() -> None:
    """R20: 20,000 credentials of one registry, and as many whitelist entries."""
    many = 20_000
    read = parse(
        export(
            [registry(1, "quay.io")],
            [credential(number, 1) for number in range(many)],
            {"registry.whitelist": ",".join(f"r{n}.corp/{'a/' * 100}a" for n in range(many))},
        )
    )
    assert len(read.entries) == many
    assert len(read.changes) == many
