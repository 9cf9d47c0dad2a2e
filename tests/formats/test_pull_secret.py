"""Pull secrets: what the kubelet reads in them, and nothing of it in an error or a repr."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from tests.core.test_secrecy import CANARY, assert_silent, everything_told, frames, links
from wharfinger import (
    Credential,
    CredentialKind,
    MemoryStore,
    Orchestration,
    RegistryAddress,
    Secret,
    Settings,
)
from wharfinger.formats.document import DocumentError
from wharfinger.formats.pull_secret import merge, parse, patch, render
from wharfinger.testing.strategies import addresses, credentials

if TYPE_CHECKING:
    from collections.abc import Callable

    from wharfinger.formats._auths import AuthEntry

DATA: Final = ".dockerconfigjson"
QUAY: Final = RegistryAddress.parse("quay.io")
HUB: Final = RegistryAddress.DOCKER_HUB
CI: Final = Credential("ci", Secret("hunter2"), email="ci@acme.example")


def encoded(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return base64.b64encode(text.encode()).decode()


def auth(username: str = "ci", text: str = "hunter2") -> dict[str, str]:
    return {"auth": encoded(f"{username}:{text}")}


def secret(auths: object, *, legacy: bool = False, **members: object) -> dict[str, Any]:
    name = "dockercfg" if legacy else "dockerconfigjson"
    payload = auths if legacy else {"auths": auths}
    return {
        "kind": "Secret",
        "type": f"kubernetes.io/{name}",
        "data": {f".{name}": encoded(payload)},
        **members,
    }


def holding(payload: object) -> str:
    """A Secret that holds anything at all."""
    document = secret({}) | {"data": {".dockerconfigjson": payload}}
    return json.dumps(document)


def plain(entries: tuple[AuthEntry, ...]) -> dict[str, tuple[str, str, str | None]]:
    """What entries say, by key."""
    found = {}
    for entry in entries:
        assert entry.credential is not None
        credential = entry.credential
        found[entry.key] = credential.username, credential.secret.reveal(), credential.email
    return found


def codes(text: str) -> list[tuple[str, str]]:
    return [(remark.code, remark.place) for remark in parse(text).diagnostics]


def loaded(text: str) -> Any:  # noqa: ANN401  # whatever the document is
    return YAML(typ="safe", pure=True).load(text)


def _held(text: str) -> str:
    """What a Secret holds."""
    return base64.b64decode(loaded(text)["data"][DATA]).decode()


def _payload(credentials: dict[RegistryAddress, Credential]) -> str:
    return _held(render(credentials, name="a"))


def refused(call: Callable[[], object]) -> DocumentError:
    with pytest.raises(DocumentError) as caught:
        call()
    assert caught.value.__cause__ is caught.value.__context__ is None
    return caught.value


# Rendering


def test_an_environment_becomes_one_secret() -> None:
    """R18: one entry a registry, of those in force, active and whitelisted."""
    store = MemoryStore()
    store.create("staging", Orchestration.KUBERNETES)
    for address, password in (("quay.io", "old"), ("quay.io", "new"), ("ghcr.io", "off")):
        registry = store.add("staging", address, Credential("ci", Secret(password)))
    store.deactivate("staging", registry.id)
    store.add("staging", "elsewhere.example", CI)
    store.add("staging", "index.docker.io", CI)
    settings = Settings(whitelist="quay.io, docker.io, ghcr.io")
    text = render(store.credentials("staging", settings), name="regcred")
    assert plain(parse(text).entries) == {
        "https://index.docker.io/v1/": ("ci", "hunter2", "ci@acme.example"),
        "quay.io": ("ci", "new", None),
    }


def test_the_document_is_what_kubectl_would_write() -> None:
    """``kubectl create secret docker-registry`` has these members, and no others."""
    wanted = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "regcred", "namespace": "team"},
        "type": "kubernetes.io/dockerconfigjson",
        "data": {
            ".dockerconfigjson": encoded(
                '{"auths":{"https://index.docker.io/v1/":{"username":"ci","password":"hunter2",'
                '"auth":"Y2k6aHVudGVyMg==","email":"ci@acme.example"}}}'
            )
        },
    }
    assert loaded(render({HUB: CI}, name="regcred", namespace="team")) == wanted
    assert json.loads(render({HUB: CI}, name="regcred", namespace="team", syntax="json")) == wanted


def test_the_older_type_has_no_auths_around_its_entries() -> None:
    made = loaded(render({QUAY: CI}, name="regcred", legacy=True))
    assert made["type"] == "kubernetes.io/dockercfg"
    assert list(json.loads(base64.b64decode(made["data"][".dockercfg"]))) == ["quay.io"]
    assert "namespace" not in made["metadata"]


@pytest.mark.parametrize("name", ["1234", "1e3", "on", "null", "0x1f", "a.b-c.d"])
def test_a_name_is_a_text_whatever_it_reads_like(name: str) -> None:
    assert loaded(render({}, name=name))["metadata"] == {"name": name}


@pytest.mark.parametrize(
    "name", ["", "UPPER", "a_b", "-a", "a-", "a..b", ".a", "a/b", "ä", 'a"', "a\n", "x" * 254]
)
def test_what_is_no_name_is_refused(name: str) -> None:
    """RFC 1123, as Kubernetes has it."""
    assert refused(lambda: render({}, name=name)).place == "metadata.name"
    assert refused(lambda: patch(["a", name])).place == "imagePullSecrets[1].name"


def test_a_namespace_is_one_label() -> None:
    for namespace in ("a.b", "x" * 64, ""):
        error = refused(lambda given=namespace: render({}, name="a", namespace=given))  # type: ignore[misc]
        assert error.place == "metadata.namespace"
    assert "namespace" in render({}, name="x" * 253, namespace="x" * 63)


def test_a_name_that_is_none_is_a_type_error() -> None:
    with pytest.raises(TypeError, match="a name is a str, not int"):
        render({}, name=7)  # type: ignore[arg-type]


def test_another_syntax_is_refused() -> None:
    error = refused(lambda: render({}, name="a", syntax="toml"))  # type: ignore[arg-type]
    assert str(error) == "syntax: it is yaml or json"


@pytest.mark.parametrize("kind", [CredentialKind.IDENTITY_TOKEN, CredentialKind.REGISTRY_TOKEN])
def test_a_token_is_refused_by_its_address(kind: CredentialKind) -> None:
    """R18: the kubelet would not understand it, and dropping it would be a lie."""
    token = Credential("ci", Secret(CANARY), kind=kind)
    for call in (
        lambda: render({HUB: CI, QUAY: token}, name="a"),
        lambda: merge(render({}, name="a"), {QUAY: token}),
    ):
        error = refused(call)
        assert error.place == 'auths["quay.io"]'
        assert f"the kind {kind}; add quay.io with" in error.problem


def test_a_secret_is_never_larger_than_kubernetes_takes() -> None:
    """1 MiB of data is the API server's limit."""
    size = len(base64.b64decode(loaded(render({QUAY: CI}, name="a"))["data"][DATA]))
    # A password stands there twice, once in base64, which is 4 for 3.
    room = (1024 * 1024 - size) // 7 * 3
    fits = Credential("ci", Secret("x" * (room - room % 3)), email=CI.email)
    render({QUAY: fits}, name="a")
    over = Credential("ci", Secret("x" * (room + 12)), email=CI.email)
    for call in (
        lambda: render({QUAY: over}, name="a"),
        lambda: merge(render({}, name="a"), {QUAY: over}),
    ):
        error = refused(call)
        assert error.place == 'data[".dockerconfigjson"]'
        assert "1048576 at most" in error.problem


# Reading


def test_both_types_are_read_with_their_places() -> None:
    text = json.dumps(
        {
            "kind": "List",
            "items": [
                secret({"quay.io": auth()}),
                {"kind": "Deployment", "spec": {}},
                secret({"ghcr.io/acme": auth(text="a:b")}, legacy=True),
            ],
        }
    )
    read = parse(text)
    assert read.diagnostics == ()
    assert [(entry.place, entry.address.host, entry.path) for entry in read.entries] == [
        ('items[0].data[".dockerconfigjson"].auths["quay.io"]', "quay.io", ""),
        ('items[2].data[".dockercfg"]["ghcr.io/acme"]', "ghcr.io", "acme"),
    ]
    assert plain(read.entries)["ghcr.io/acme"] == ("ci", "a:b", None)


def test_items_of_a_secret_list_need_no_kind() -> None:
    item = secret({"quay.io": auth()})
    del item["kind"]
    assert len(parse(json.dumps({"kind": "SecretList", "items": [item]})).entries) == 1


def test_yaml_with_several_documents_and_plain_data_is_read() -> None:
    text = """
kind: ConfigMap
---
kind: Secret
type: kubernetes.io/dockerconfigjson
stringData:
  .dockerconfigjson: |
    {"auths": {"quay.io": {"username": "ci", "password": "hunter2"}}}
data:
  .dockerconfigjson: bm90IHVzZWQ=
"""
    read = parse(text)
    assert plain(read.entries) == {"quay.io": ("ci", "hunter2", None)}
    assert read.entries[0].place == (
        'documents[1].stringData[".dockerconfigjson"].auths["quay.io"]'
    )


def test_folded_base64_is_read() -> None:
    """Go's decoder passes over new lines, and so does this."""
    data = secret({"quay.io": auth()})["data"][".dockerconfigjson"]
    text = f"""
kind: Secret
type: kubernetes.io/dockerconfigjson
data:
  .dockerconfigjson: |
    {data[:20]}
    {data[20:]}
"""
    assert len(parse(text).entries) == 1


@pytest.mark.parametrize(
    ("payload", "message"),
    [
        (7, "a text is wanted, and this is a number"),
        ({"a": 1}, "a text is wanted, and this is an object"),
        ("?", "it is no base64"),
        ("abc", "it is no base64"),
        ("é", "it is no base64"),
        (base64.b64encode(b"\xff").decode(), "it is no text in UTF-8"),
        (encoded('\ufeff{"auths": {}}'), "Kubernetes takes no byte order mark"),
        (encoded("{"), "it is not valid JSON (line 1, column 2 of what it holds)"),
        (encoded("[]"), "an object is wanted, and this is an array"),
        (encoded("[" * 100_000), "it is not JSON that can be read"),
    ],
)
def test_a_secret_that_holds_nothing_readable_hides_no_other(payload: object, message: str) -> None:
    """R20: the fault has its place, and the other Secrets are there."""
    broken = json.loads(holding(payload))
    read = parse(json.dumps({"kind": "List", "items": [broken, secret({"quay.io": auth()})]}))
    assert len(read.entries) == 1
    (remark,) = read.diagnostics
    assert (remark.code, remark.place) == (
        "data-malformed",
        'items[0].data[".dockerconfigjson"]',
    )
    assert remark.message.startswith(message)
    error = refused(lambda: merge(holding(payload), {}))
    assert error.place == 'data[".dockerconfigjson"]'
    assert error.problem.startswith(message)


def test_an_entry_that_is_malformed_hides_no_other() -> None:
    auths = {"quay.io": auth(), "ghcr.io": {"auth": "?"}, "https://": auth(), "x.example": 5}
    text = json.dumps(secret(auths))
    assert list(plain(parse(text).entries)) == ["quay.io"]
    assert [place for _, place in codes(text)] == [
        'data[".dockerconfigjson"].auths["ghcr.io"].auth',
        'data[".dockerconfigjson"].auths["https://"]',
        'data[".dockerconfigjson"].auths["x.example"]',
    ]


def test_what_is_no_pull_secret_and_looks_like_one_is_remarked_on() -> None:
    opaque = secret({"quay.io": auth()}, type="Opaque")
    assert codes(json.dumps(opaque)) == [("secret-type", 'data[".dockerconfigjson"]')]
    empty = secret({}, data={"else": "eA=="})
    assert codes(json.dumps(empty)) == [("data-missing", 'data[".dockerconfigjson"]')]
    assert codes(json.dumps({"kind": "Secret", "type": "Opaque", "data": {"a": "eA=="}})) == []
    bare = holding(encoded({"quay.io": auth()}))
    assert codes(bare) == [("auths-missing", 'data[".dockerconfigjson"].auths')]


def test_what_the_kubelet_would_not_find_or_understand_is_remarked_on() -> None:
    """Hosts compare as text there, ports must be equal, and an IPv6 host is a pattern."""
    found = ["quay.io", "https://ghcr.io/v1/", "https://index.docker.io/v1/", "[::1]:5000", "a.b/c"]
    lost = ["Quay.Example", "x.example:443", "[::2]", "index.docker.io/a"]
    read = parse(json.dumps(secret({name: auth() for name in (*found, *lost)})))
    assert [remark.place for remark in read.diagnostics if remark.code == "key-not-looked-up"] == [
        f'data[".dockerconfigjson"].auths["{name}"]' for name in lost
    ]
    old_hub = json.dumps(secret({"registry-1.docker.io": auth()}))
    assert "write 'https://index.docker.io/v1/'" in str(parse(old_hub).diagnostics[0])
    token = {"quay.io": {"auth": encoded("ci:"), "identitytoken": CANARY}}
    assert codes(json.dumps(secret(token))) == [
        ("kubelet-takes-no-token", 'data[".dockerconfigjson"].auths["quay.io"]')
    ]


def test_keys_of_one_registry_are_told() -> None:
    text = json.dumps(secret({"quay.io": auth(), "https://quay.io/v1/": auth()}))
    (remark,) = parse(text).diagnostics
    assert remark.code == "key-repeated"
    assert "the kubelet takes any of them, in no fixed order" in remark.message


def test_names_that_stand_more_than_once_are_told_at_every_level() -> None:
    inner = '{"auths": {"quay.io": {}, "quay.io": {"auth": "' + auth()["auth"] + '"}}}'
    text = holding(encoded(inner))
    assert codes(text) == [("name-repeated", 'data[".dockerconfigjson"].auths["quay.io"]')]
    text = """
kind: Secret
type: kubernetes.io/dockerconfigjson
data: {}
data:
  .dockerconfigjson: e30=
  .dockerconfigjson: eyJhdXRocyI6e319
  <<: {.dockerconfigjson: e30=}
"""
    assert codes(text) == [
        ("name-repeated", "data"),
        ("name-repeated", 'data[".dockerconfigjson"]'),
        ("merge-key-late", 'data[".dockerconfigjson"]'),
    ]


# Changing


KEPT: Final = """\
# who made it, and why
apiVersion: v1
kind: Secret
metadata:
  name: regcred
  labels: {team: "a"}   # kept
type: kubernetes.io/dockerconfigjson
data:
  other: eA==
  .dockerconfigjson: %s  # managed
---
kind: ServiceAccount
imagePullSecrets: [{name: regcred}]
"""


@pytest.mark.parametrize(
    "written", ["{}", '"{}"', "'{}'", "&a {}", "!!str {}", ">-\n    {}", "|\n    {}"]
)
def test_all_but_the_credentials_stays(written: str) -> None:
    """Labels, comments, other data, other objects and the way it is written."""
    text = KEPT % written.format(encoded({"auths": {}}))
    if written.startswith((">", "|")):
        text = text.replace("  # managed", "")
    merged = merge(text, {QUAY: CI})
    (line,) = set(merged.splitlines()) - set(text.splitlines())
    (old,) = set(text.splitlines()) - set(merged.splitlines())
    assert merged == text.replace(old, line)
    assert plain(parse(merged).entries) == {"quay.io": ("ci", "hunter2", "ci@acme.example")}


def test_base64_on_several_lines_is_replaced_whole() -> None:
    data = encoded({"auths": {}})
    for written in (f"|\n    {data[:8]}\n    {data[8:]}", f">-\n    {data[:8]}\n\n    {data[8:]}"):
        text = (KEPT % written).replace("  # managed", "")
        merged = merge(text, {QUAY: CI})
        assert merged.startswith(text[: text.index("|" if "|" in text else ">-\n")])
        assert merged.endswith(text[text.index("---") :])
        assert list(plain(parse(merged).entries)) == ["quay.io"]


def test_plain_data_stays_plain_and_keeps_other_members() -> None:
    text = """
kind: Secret
type: kubernetes.io/dockerconfigjson
stringData:
  .dockerconfigjson: |
    {"auths": {"ghcr.io": {}}, "HttpHeaders": {"X": "\N{GRINNING FACE}"}}
  else: kept
"""
    merged = merge(text, {QUAY: CI})
    made = loaded(merged)["stringData"]
    assert made["else"] == "kept"
    inner = json.loads(made[".dockerconfigjson"])
    assert inner["HttpHeaders"] == {"X": "\N{GRINNING FACE}"}
    assert list(inner["auths"]) == ["quay.io"]


def test_nothing_changes_where_nothing_is_to_change() -> None:
    for legacy in (False, True):
        for syntax in ("yaml", "json"):
            text = "\ufeff" + render({QUAY: CI}, name="a", legacy=legacy, syntax=syntax)
            assert merge(text, {QUAY: CI}) == text
            assert merge(merge(text, {HUB: CI}), {QUAY: CI}) == text


def test_credentials_that_are_there_already_are_not_laid_out_anew() -> None:
    auths = json.loads(base64.b64decode(loaded(render({QUAY: CI}, name="a"))["data"][DATA]))
    text = holding(encoded(json.dumps(auths, indent=4)))
    assert merge(text, {QUAY: CI}) == text


def test_one_pull_secret_is_wanted() -> None:
    two = json.dumps({"kind": "List", "items": [secret({}), secret({})]})
    for text, told in ((two, "there are 2"), ('{"kind": "Pod"}', "there are 0")):
        assert told in refused(lambda given=text: merge(given, {})).problem  # type: ignore[misc]


def test_what_cannot_be_replaced_alone_is_refused() -> None:
    """A comment in the head of a block would go with it."""
    data = encoded({"auths": {}})
    text = (KEPT % f"|- # ours\n    {data[:4]}\n    {data[4:]}").replace("  # managed", "")
    assert "can't be replaced" in refused(lambda: merge(text, {QUAY: CI})).problem


def test_an_anchor_stays_before_what_is_replaced() -> None:
    data = encoded({"auths": {}})
    for anchor in ("a", data):
        text = KEPT % f'&{anchor} "{data[:-1]}\\x{ord(data[-1]):x}"'
        merged = merge(text, {QUAY: CI})
        assert f'.dockerconfigjson: &{anchor} "ey' in merged
        assert list(plain(parse(merged).entries)) == ["quay.io"]


def test_a_password_is_written_so_that_kubectl_reads_it() -> None:
    """YAML has no DEL."""
    text = "kind: Secret\ntype: kubernetes.io/dockercfg\nstringData: {.dockercfg: '{}'}\n"
    odd = Credential("ci", Secret('a\x7f\x85\u2028\ufeff"\\b'))
    merged = merge(text, {QUAY: odd})
    assert "\x7f" not in merged
    assert [entry.credential for entry in parse(merged).entries] == [odd]


def test_whatever_go_takes_for_auths_is_replaced() -> None:
    """R18: Go reads the name in any case, and puts all of them together; none is left."""
    old = json.dumps({"old.example": auth()})
    for inner in (
        f'{{"Auths": {old}}}',
        f'{{"auths": {old}, "auths": {{}}}}',
        f'{{"AUTHS": {old}, "auths": {json.dumps(json.loads(_payload({QUAY: CI}))["auths"])}}}',
    ):
        text = holding(encoded(inner))
        assert "old.example" in plain(parse(text).entries)
        merged = merge(text, {QUAY: CI})
        assert list(plain(parse(merged).entries)) == ["quay.io"]
        assert "old.example" not in _held(merged)
    assert codes(text) == [("name-repeated", 'data[".dockerconfigjson"].auths')]


# Patches


def test_a_patch_names_secrets_where_the_kind_has_them() -> None:
    listed = {"imagePullSecrets": [{"name": "a"}, {"name": "b"}]}
    template = {"spec": {"template": {"spec": listed}}}
    for kind, wanted in {
        "ServiceAccount": listed,
        "Pod": {"spec": listed},
        "Deployment": template,
        "CronJob": {"spec": {"jobTemplate": template}},
        "PodTemplate": {"template": {"spec": listed}},
    }.items():
        assert json.loads(patch(iter(["a", "b"]), kind=kind)) == wanted


def test_a_patch_that_would_say_nothing_is_refused() -> None:
    assert refused(lambda: patch([])).place == "imagePullSecrets"
    assert "one of CronJob, " in refused(lambda: patch(["a"], kind="Secret")).problem
    with pytest.raises(TypeError, match="not a str"):
        patch("regcred")


# Secrecy

LEAKY: Final[dict[str, Callable[[], object]]] = {
    "render": lambda: render({QUAY: Credential("ci", Secret(CANARY + "\0"))}, name="a"),
    "name": lambda: render({QUAY: Credential("ci", Secret(CANARY))}, name="A"),
    "token": lambda: render(
        {QUAY: Credential("ci", Secret(CANARY), kind=CredentialKind.REGISTRY_TOKEN)}, name="a"
    ),
    "size": lambda: render({QUAY: Credential("ci", Secret(CANARY * 100_000))}, name="a"),
    "merge two": lambda: merge(
        json.dumps({"kind": "List", "items": [secret({"quay.io": auth("ci", CANARY)})] * 2}), {}
    ),
    "merge broken": lambda: merge(holding(encoded(f'{{"auths": {CANARY!r}')), {QUAY: CI}),
    "merge plain": lambda: merge(
        f"kind: Secret\ntype: kubernetes.io/dockercfg\nstringData: {{.dockercfg: {CANARY!r}}}", {}
    ),
    "merge token": lambda: merge(
        json.dumps(secret({"quay.io": auth("ci", CANARY)})),
        {QUAY: Credential("ci", Secret(CANARY), kind=CredentialKind.REGISTRY_TOKEN)},
    ),
    "yaml": lambda: parse(f"kind: Secret\nstringData:\n  a: {CANARY!r}\n b: c"),
    "json": lambda: parse(json.dumps(secret({"quay.io": auth("ci", CANARY)}))[:-1]),
    "type": lambda: parse(CANARY.encode()),  # type: ignore[arg-type]
    "address": lambda: render({CANARY: CI}, name="a"),  # type: ignore[dict-item]
    "credential": lambda: render({QUAY: CANARY}, name="a"),  # type: ignore[dict-item]
    "secret": lambda: render({QUAY: Secret(CANARY)}, name="a"),  # type: ignore[dict-item]
    "e-mail": lambda: render(
        {QUAY: Credential("ci", Secret(CANARY), email=CANARY.encode())},  # type: ignore[arg-type]
        name="a",
    ),
    "mark": lambda: merge(holding(encoded(f'\ufeff{{"auths": {{"{CANARY}": {{}}}}}}')), {}),
}


@pytest.mark.parametrize("name", LEAKY)
def test_no_error_tells_a_secret(name: str) -> None:
    """R9: neither an error, nor its causes, nor a frame of the library."""
    with pytest.raises((DocumentError, TypeError)) as caught:
        LEAKY[name]()
    for error in links(caught.value):
        assert_silent(everything_told(error))
        assert_silent(everything_told(error.args))
        for frame in frames(error.__traceback__):
            if str(frame.f_globals.get("__name__")).startswith(("wharfinger", "ruamel", "json")):
                assert_silent(everything_told(list(frame.f_locals.values())))


def test_nothing_read_shows_a_secret() -> None:
    """R9: entries and remarks, of sound Secrets and of broken ones."""
    broken = {
        "quay.io": auth("ci", CANARY),
        "ghcr.io": {"auth": encoded(CANARY)},
        f"u:{CANARY}@x.example": auth(),
        "y.example": {"username": "ci", "password": CANARY, "auth": encoded("ci:else")},
        "z.example": {"identitytoken": CANARY, "password": [CANARY]},
    }
    for text in (
        json.dumps(secret(broken)),
        json.dumps(secret(broken, type="Opaque")),
        holding(CANARY),
        holding(encoded(CANARY)),
    ):
        read = parse(text)
        assert read.diagnostics
        assert_silent(everything_told(read))
        assert_silent("".join(map(str, read.diagnostics)))


# Properties

LAYOUTS: Final = [
    {"legacy": legacy, "syntax": syntax} for legacy in (False, True) for syntax in ("yaml", "json")
]
# What the kubelet can be told: a username and a password.
PASSWORDS: Final = credentials().map(
    lambda each: Credential(each.username, each.secret, each.email)
)
ENVIRONMENTS: Final = st.dictionaries(
    addresses(),
    PASSWORDS.filter(lambda each: each.secret.reveal() == each.secret.reveal().strip("\0")),
    max_size=4,
)


@given(ENVIRONMENTS, ENVIRONMENTS, st.sampled_from(LAYOUTS))
def test_what_is_rendered_is_read_and_rendered_again(
    held: dict[RegistryAddress, Credential],
    other: dict[RegistryAddress, Credential],
    layout: dict[str, Any],
) -> None:
    """R18: a Secret says exactly the credentials it was made of, whatever it said before."""
    text = render(held, name="regcred", namespace="team", **layout)
    read = parse(text)
    assert {entry.address: entry.credential for entry in read.entries} == held
    # Nothing is amiss, but that the kubelet finds no IPv6 host without a port.
    assert {remark.code for remark in read.diagnostics} <= {"key-not-looked-up"}
    assert all("[" in remark.place.split("auths")[-1][2:] for remark in read.diagnostics)
    again = {entry.address: entry.credential for entry in read.entries if entry.credential}
    assert render(again, name="regcred", namespace="team", **layout) == text
    assert merge(text, held) == text
    merged = merge(text, other)
    assert {entry.address: entry.credential for entry in parse(merged).entries} == other
    assert merge(merged, held) == text
