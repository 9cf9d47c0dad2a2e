"""What each client of one document picks for an image, and where they differ."""

from __future__ import annotations

import base64
import json
import traceback
from typing import TYPE_CHECKING, Any, Final, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wharfinger import InvalidReference, RegistryAddress, Secret, Settings, WharfingerError
from wharfinger.formats import DocumentError, docker_config
from wharfinger.formats.portability import CODES, Divergence, Portability, report
from wharfinger.testing.strategies import (
    addresses,
    credentials,
    references,
    repositories,
    secrets,
    spellings,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

CANARY: Final = "XK7canaryXK7"
HUB: Final = "https://index.docker.io/v1/"
CLIENTS: Final = ("docker", "containers", "kubelet", "docker-py", "wharfinger")


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def document(*keys: str, **more: object) -> str:
    """Entries with a credential of their own each."""
    auths = {key: {"auth": encoded(f"user{n}:{CANARY}")} for n, key in enumerate(keys)}
    return json.dumps({"auths": auths, **more})


def entry(members: object, key: str = "quay.io") -> str:
    return json.dumps({"auths": {key: members}})


def only(text: str, image: str, settings: Settings | None = None) -> Divergence | None:
    found = report(text, [image], settings)
    assert len(found.entries) <= 1
    return found.entries[0] if found.entries else None


# What every client does with what it finds. Rows marked "run" were compared with docker 28.2.2,
# podman 4.3.1, skopeo 1.9.3 and docker-py 7.2.0; of the kubelet only the source was read.

# Of each client in order, which of the keys it picks; "-" is none.
ROWS: Final = [
    # A key with a path: docker and docker-py cut it to its host, for all of the registry.
    (["quay.io/acme"], "quay.io/acme/api", "host-cut", "0000-"),
    (["quay.io/acme"], "quay.io/other/api", "host-cut", "0--0-"),
    (["quay.io/acme"], "quay.io/acmecorp/api", "prefix-without-boundary", "0-00-"),
    (["quay.io/acme", "quay.io"], "quay.io/acme/api", "namespace", "10011"),
    (["quay.io", "quay.io/acme/api"], "quay.io/acme/apis", "prefix-without-boundary", "00100"),
    (["quay.io/acme/"], "quay.io/acme/api", "host-cut", "0-00-"),
    # Wildcards.
    (["*.io"], "quay.io/a", "wildcard", "--0--"),
    (["*.io"], "quay.io:443/a", "", ""),
    (["*.io"], "a.quay.io/a", "", ""),
    (["*.quay.io:5000"], "a.quay.io:5000/a", "wildcard", "--0--"),
    (["q*y.io", "quay.io"], "quay.io/a", "wildcard", "11111"),
    (["*.io/acme"], "quay.io/acmecorp/a", "prefix-without-boundary", "--0--"),
    # Case, port and spelling.
    (["quay.io"], "Quay.io/a", "case", "----0"),
    (["Quay.io"], "quay.io/a", "case", "----0"),
    (["quay.io"], "quay.io:443/a", "port", "----0"),
    (["quay.io:443"], "quay.io/a", "port", "----0"),
    (["[::1]:5000"], "[0::1]:5000/a", "spelling", "----0"),
    (["[::1]"], "[::1]/a", "ipv6", "00-00"),
    # Docker Hub's names.
    (["docker.io"], "ubuntu", "hub-name", "-0000"),
    (["index.docker.io"], "acme/x", "hub-name", "-0000"),
    (["registry-1.docker.io"], "docker.io/acme/x", "hub-name", "-0--0"),
    ([HUB], "registry-1.docker.io/acme/x", "hub-name", "-0--0"),
    ([HUB], "registry.hub.docker.com/acme/x", "hub-name", "----0"),
    ([HUB, "docker.io"], "ubuntu", "hub-name", "01110"),
    (["index.docker.io/v1/"], "ubuntu", "hub-name", "--000"),
    ([HUB], "localhost/x", "hub-name", "--0--"),
    (["localhost", HUB], "localhost/x", "", ""),
    # Schemes and API paths.
    (["quay.io/v2/"], "quay.io/a", "scheme", "0-000"),
    (["quay.io/v1"], "quay.io/a", "host-cut", "0--0-"),
    (["https://[::1]:5000"], "[::1]:5000/a", "", ""),
    (["https://[::1]"], "[::1]/a", "ipv6", "-0-00"),
    # Several.
    (["https://quay.io", "quay.io/v1/", "http://quay.io"], "quay.io/a", "scheme", "00002"),
]


@pytest.mark.parametrize(("given_keys", "image", "code", "expected"), ROWS, ids=range(len(ROWS)))
def test_rows(given_keys: list[str], image: str, code: str, expected: str) -> None:
    """Which key each client picks, and why they differ."""
    found = only(document(*given_keys), image)
    if not code:
        assert found is None
        return
    assert found is not None
    assert tuple(pick.client for pick in found.picks) == CLIENTS
    picks = ["-" if pick.key is None else str(given_keys.index(pick.key)) for pick in found.picks]
    assert (found.code, "".join(picks)) == (code, expected)


@pytest.mark.parametrize(
    ("image", "key"),
    [
        ("quay.io/a", "quay.io"),
        ("ubuntu", HUB),
        ("docker.io/acme/api:1", HUB),
        ("index.docker.io/acme/api", HUB),
        ("registry.corp:5000/a/b", "registry.corp:5000"),
        ("localhost:5000/x", "localhost:5000"),
    ],
)
def test_one_key_that_all_find(image: str, key: str) -> None:
    """Where docker's own key is the only one, all pick it: the control of the rows above."""
    assert only(document(key, "ghcr.io", "gcr.io"), image) is None
    assert only(document("ghcr.io", "gcr.io"), image) is None


def test_the_same_credential_is_no_divergence() -> None:
    """What counts is what a registry is shown, not which entry it comes from."""
    auth = {"auth": encoded(f"ci:{CANARY}")}
    both = json.dumps({"auths": {HUB: auth, "docker.io": auth}})
    assert only(both, "ubuntu") is None
    other = json.dumps({"auths": {HUB: auth, "docker.io": {"auth": encoded("ci:other")}}})
    assert only(other, "ubuntu") is not None


def test_several_in_no_order() -> None:
    """Of several keys with one host docker takes any, the kubelet tries all; both say so."""
    found = only(document("quay.io/a", "quay.io/b", "quay.io/"), "quay.io/a/x")
    assert found is not None
    docker, _, kubelet, *_ = found.picks
    assert docker.key == "quay.io/a"
    assert docker.also == ("quay.io/b", "quay.io/")
    assert "one of several, in no fixed order" in docker.reason
    assert (kubelet.key, kubelet.also) == ("quay.io/a", ("quay.io/",))
    assert "tried in turn" in kubelet.reason


# Kinds of entries

PLAIN: Final = encoded(f"ci:{CANARY}")
KINDS: Final[list[tuple[object, str | None]]] = [
    ({"auth": PLAIN}, None),
    ({"auth": PLAIN, "email": "ci@acme.example", "username": "ci"}, None),
    ({}, None),
    ({"auth": encoded("<token>:"), "identitytoken": CANARY}, "token-kind"),
    ({"identitytoken": CANARY}, "token-kind"),
    ({"registrytoken": CANARY}, "token-kind"),
    ({"auth": PLAIN, "identitytoken": ""}, "incomplete"),
    ({"username": "ci", "password": CANARY}, "incomplete"),
    ({"auth": encoded("ci:")}, "incomplete"),
    ({"auth": encoded(f"ci:{CANARY}\0")}, "incomplete"),
    ({"auth": encoded(":x")}, "malformed"),
    ({"auth": encoded(CANARY)}, None),  # nobody can use it, and a password is shown to nobody
    ({"auth": encoded("ci:abc").rstrip("=") + "x"}, "malformed"),
    ({"auth": base64.b64encode("ci:ü".encode("latin-1")).decode()}, "malformed"),
    ({"auth": 7}, None),
    ({"Auth": PLAIN}, "incomplete"),
    ("x", None),
    (None, None),
]


@pytest.mark.parametrize(("members", "code"), KINDS, ids=range(len(KINDS)))
def test_kinds(members: object, code: str | None) -> None:
    """Which kinds of entries every client reads alike, and what is said of the others."""
    found = only(entry(members), "quay.io/a")
    assert (found.code if found else None) == code
    assert CANARY not in repr(found) + str(found)


READ: Final[list[tuple[object, str]]] = [
    ({"username": "ci", "password": CANARY}, "p-p-p"),
    ({"auth": encoded("<token>:"), "identitytoken": CANARY}, "iipii"),
    ({"identitytoken": CANARY}, "i--ii"),
    ({"registrytoken": CANARY}, "r---r"),
    ({"auth": PLAIN, "identitytoken": ""}, "ppp-p"),
    ({"auth": encoded("ci:")}, "pppp-"),
]


@pytest.mark.parametrize(("members", "kinds"), READ, ids=range(len(READ)))
def test_who_reads_what(members: object, kinds: str) -> None:
    """Where all pick one key, each says what it reads there: that is where they differ."""
    found = only(entry(members), "quay.io/a")
    assert found is not None
    assert "".join((pick.kind or "-")[0] for pick in found.picks) == kinds
    for pick, kind in zip(found.picks, kinds, strict=True):
        if pick.key is not None:
            assert ("nothing in auths" in str(pick)) == (kind == "-")
            assert (f"the {pick.kind} in auths" in str(pick)) == (kind in "ir")
    table = report(entry(members), ["quay.io/a"])._repr_html_()
    assert ("<td>none in quay.io</td>" in table) == ("-" in kinds[:4])


@pytest.mark.parametrize(
    ("members", "refusing"),
    [
        ({"auth": encoded("x")}, {"docker", "kubelet", "docker-py"}),
        ({"auth": 7}, {"docker", "containers", "kubelet", "docker-py"}),
        ({"auth": ""}, {"docker-py"}),
        ({"username": 7, "auth": PLAIN}, {"docker", "kubelet"}),
        ({"registrytoken": 7, "auth": PLAIN}, {"docker"}),
        (None, {"docker-py"}),
        ([], {"docker", "containers", "kubelet", "docker-py"}),
    ],
)
def test_one_malformed_entry_spoils_others(members: object, refusing: set[str]) -> None:
    """For a malformed entry clients give up on the whole document; this library does not."""
    auths = {"ghcr.io": {"auth": PLAIN}, "quay.io": members}
    found = only(json.dumps({"auths": auths}), "ghcr.io/a")
    assert found is not None
    assert found.code == "malformed"
    assert {pick.client for pick in found.picks if pick.key is None} == refusing
    assert all('auths["quay.io"]' in pick.reason for pick in found.picks if pick.key is None)


# Helpers


def helpers(text: str, image: str) -> list[str | None]:
    found = only(text, image)
    assert found is not None
    assert found.code == "helper"
    return [pick.helper or pick.key for pick in found.picks]


def test_creds_store() -> None:
    """docker, docker-py and this library ask it instead; podman and the kubelet do not know it."""
    text = document("quay.io", credsStore="pass")
    assert helpers(text, "quay.io/a") == ["pass", "quay.io", "quay.io", "pass", "pass"]


def test_cred_helpers() -> None:
    """A registry's own helper is asked by all but the kubelet."""
    text = document("quay.io", credHelpers={"quay.io": "ecr-login"})
    assert helpers(text, "quay.io/a") == [
        "ecr-login",
        "ecr-login",
        "quay.io",
        "ecr-login",
        "ecr-login",
    ]
    assert only(text, "ghcr.io/a") is None


@pytest.mark.parametrize("name", ["credsStore", "CredsStore", "credSstore"])
def test_names_in_any_case(name: str) -> None:
    """Clients in Go read members in any case, and so does this library; docker-py does not."""
    py = "pass" if name == "credsStore" else "quay.io"
    assert helpers(document("quay.io", **{name: "pass"}), "quay.io/a") == [
        "pass",
        *["quay.io"] * 2,
        py,
        "pass",
    ]
    text = document("quay.io", CREDHELPERS={"quay.io": "pass"})
    assert helpers(text, "quay.io/a") == ["pass", "pass", "quay.io", "quay.io", "pass"]
    found = only(document("quay.io").replace("auths", "Auths"), "quay.io/a")
    assert found is not None
    assert [pick.client for pick in found.picks if pick.kind is None] == ["docker-py"]
    assert found.picks[0].place == 'Auths["quay.io"]'


def test_a_helper_without_a_name() -> None:
    """Docker reads auths then, docker-py asks credsStore, and podman's pull fails."""
    text = document("quay.io", credsStore="pass", credHelpers={"quay.io": ""})
    assert helpers(text, "quay.io/a") == ["quay.io", None, "quay.io", "pass", "quay.io"]


@pytest.mark.parametrize(
    ("more", "refusing"),
    [
        ({"credsStore": 7}, ["docker"]),
        ({"credHelpers": ["pass"]}, ["docker", "containers"]),
        ({"credHelpers": {"ghcr.io": 7}}, ["docker", "containers"]),
    ],
)
def test_malformed_helpers(more: dict[str, Any], refusing: list[str]) -> None:
    """Clients in Go give up on a document whose helpers are of another type."""
    found = only(document("quay.io", **more), "quay.io/a")
    assert found is not None
    assert found.code == "malformed"
    assert [pick.client for pick in found.picks if pick.key is None] == refusing


def test_a_helper_is_asked_for_other_names_of_docker_hub() -> None:
    """Docker asks for the URL, podman for docker.io: two questions, and perhaps two answers."""
    text = json.dumps({"credHelpers": {HUB: "pass", "docker.io": "pass"}})
    found = only(text, "ubuntu")
    assert found is not None
    assert f"asked for {HUB}" in found.picks[0].reason
    assert "asked for docker.io" in found.picks[1].reason


def test_a_registry_token_comes_before_a_helper() -> None:
    """Docker keeps a registry's token beside what a helper says, and shows it first."""
    text = json.dumps({"auths": {"quay.io": {"registrytoken": CANARY}}, "credsStore": "pass"})
    found = only(text, "quay.io/a")
    assert found is not None
    assert (found.picks[0].key, found.picks[0].helper) == ("quay.io", "pass")


# Settings


def test_the_default_registry() -> None:
    """R11: others pull from Docker Hub what names no registry."""
    text = document("reg.corp:5000", HUB)
    found = only(text, "acme/api", Settings(default_registry="reg.corp:5000"))
    assert found is not None
    assert found.code == "default-registry"
    assert [pick.key for pick in found.picks] == [*[HUB] * 4, "reg.corp:5000"]
    assert only(text, "docker.io/acme/api", Settings(default_registry="reg.corp:5000")) is None


def test_the_whitelist() -> None:
    """R15: others know no whitelist."""
    found = only(document("quay.io"), "quay.io/a", Settings(whitelist="ghcr.io"))
    assert found is not None
    assert found.code == "not-whitelisted"
    assert found.picks[-1].key is None


# For all documents


@given(
    st.dictionaries(addresses(), credentials(), max_size=5),
    st.lists(st.tuples(addresses(), repositories()), max_size=5),
)
def test_canonical_documents_are_portable(
    entries: dict[RegistryAddress, Any], images: list[tuple[RegistryAddress, str]]
) -> None:
    """R3: canonical addresses, docker's keys and passwords: every client picks the same."""
    auths = {
        docker_config.key(address): {"auth": encoded(f"{one.username}:{one.secret.reveal()}x")}
        for address, one in entries.items()
        if not str(address).endswith("]")
    }
    names = [str(Settings().locate(f"{address}/{path}")) for address, path in images]
    # The kubelet takes localhost without a port for Docker Hub, and IPv6 without one for nothing.
    names = [name for name in names if not name.startswith("localhost/")]
    assert not report(json.dumps({"auths": auths}), names).entries


# Keys and images that meet: a few hosts, in many forms.
HOSTS: Final = st.sampled_from(
    [
        *("quay.io", "docker.io", "registry.corp:5000", "localhost", "[::1]:5000", "[::1]"),
        *("index.docker.io", "registry-1.docker.io", "*.io", "*.corp:5000", "q*.io"),
    ]
)
FORMS: Final = st.sampled_from(
    [
        *("{0}", "https://{0}", "http://{0}/v1/", "{0}/v2/", "{0}/acme", "{0}/acme/api"),
        *("{0}/", "{0}/ac", "{0}:443", "https://ci:x@{0}/x", "{0}/v1", "{0}?x", "{0}/library"),
    ]
)
KEYS: Final = st.builds(lambda form, host: form.format(host), FORMS, HOSTS)
MEMBERS: Final = st.sampled_from([members for members, _ in KINDS[:10]]) | st.integers(0, 3).map(
    lambda n: {"auth": encoded(f"user{n}:{CANARY}")}
)
HELPERS: Final = st.none() | st.sampled_from(["", "pass"])
IMAGES: Final = st.lists(
    st.builds(
        "{}/{}".format,
        st.sampled_from(["quay.io", "docker.io", "registry.corp:5000", "[::1]:5000", "[::1]"])
        .map(RegistryAddress.parse)
        .flatmap(spellings)
        | st.just("localhost"),
        st.sampled_from(["acme/api", "acmecorp/x", "acme", "library/ubuntu"]),
    )
    | references(),
    max_size=4,
)


@given(
    st.dictionaries(KEYS, MEMBERS, max_size=5),
    HELPERS,
    st.none() | st.dictionaries(HOSTS | st.just(HUB), st.sampled_from(["", "pass"]), max_size=2),
    IMAGES,
)
def test_every_divergence_has_a_cause(
    auths: dict[str, Any], store: str | None, of_hosts: dict[str, str] | None, images: list[str]
) -> None:
    """R20: whatever stands in the document, a divergence says why, and shows no secret."""
    text = json.dumps({"auths": auths, "credsStore": store, "credHelpers": of_hosts})
    found = report(text, images)
    for divergence in found.entries:
        assert divergence.code in CODES[:-1], divergence
        assert tuple(pick.client for pick in divergence.picks) == CLIENTS
    told = f"{found!r}{found}{found._repr_html_()}{json.dumps(found.as_dict())}"
    assert CANARY not in told
    assert PLAIN not in told
    assert "ci:x" not in told


@given(st.dictionaries(KEYS, MEMBERS, max_size=4), IMAGES)
def test_an_image_is_told_alone_as_among_others(auths: dict[str, Any], images: list[str]) -> None:
    """One image's picks depend on no other, and each image is told once, in its order."""
    text = json.dumps({"auths": auths})
    together = report(text, [*images, *images]).entries
    alone = [report(text, [image]).entries for image in dict.fromkeys(images)]
    assert together == tuple(divergence for found in alone for divergence in found)


# Values


def sample() -> Portability:
    return report(document("https://ci:hunter2@quay.io/acme", "ghcr.io/x"), ["quay.io/a"])


def test_a_report_is_shown() -> None:
    """As text, as data and as HTML; user information is hidden in all of them."""
    found = sample()
    head = "docker and docker-py cut a key to its host, and use it for all of the registry"
    assert str(found).splitlines()[:2] == [
        f"quay.io/a: host-cut: {head}; name the registry alone",
        '  docker: auths["https://***@quay.io/acme"] (the host of its key, cut from what follows)',
    ]
    assert json.loads(json.dumps(found.as_dict()))["divergences"][0]["picks"][0] == {
        "client": "docker",
        "key": "https://***@quay.io/acme",
        "place": 'auths["https://***@quay.io/acme"]',
        "helper": None,
        "reason": "the host of its key, cut from what follows",
        "also": [],
        "kind": "password",
    }
    assert found.as_dict()["diagnostics"]
    assert found._repr_html_().startswith("<table><thead><tr><th>image</th><th>why</th><th>docker")
    assert "hunter2" not in f"{found}{found!r}{found.as_dict()}{found._repr_html_()}"


def test_html_is_escaped() -> None:
    """What stands in a key is text, and no markup."""
    found = report(document("quay.io/<b>"), ["quay.io/a"])
    assert "&lt;b&gt;" in found._repr_html_()
    assert "<b>" not in found._repr_html_()


# Hostile documents


@pytest.mark.parametrize(
    ("text", "images", "error"),
    [
        ("{", [], DocumentError),
        (f'{{"auths": "{CANARY}"}}', [], DocumentError),
        (document("quay.io"), [f"https://ci:{CANARY}@quay.io/a"], InvalidReference),
        (document(*(f"*.r{n}.io" for n in range(101))), ["quay.io/a"], DocumentError),
        (document(apiVersion="v1", kind="Secret"), ["quay.io/a"], DocumentError),
        (cast("str", CANARY.encode()), [], TypeError),
        (document("quay.io"), [cast("str", 7)], TypeError),
    ],
)
def test_refused(text: str, images: Sequence[str], error: type[Exception]) -> None:
    """R9, R20: a typed error, which keeps nothing of the document."""
    with pytest.raises(error) as caught:
        report(text, images)
    found = caught.value
    assert isinstance(found, WharfingerError | TypeError)
    assert CANARY not in "".join(traceback.format_exception(found))
    assert found.__cause__ is None
    assert found.__context__ is None
    trace = found.__traceback__
    while trace is not None:
        if str(trace.tb_frame.f_globals.get("__name__")).startswith("wharfinger"):
            assert CANARY not in repr(trace.tb_frame.f_locals)
        trace = trace.tb_next


@given(secrets(), secrets())
def test_no_secret_is_shown(first: Secret, second: Secret) -> None:
    """R9: whatever the secrets are, the report is the same."""
    reports = []
    for one in (first, second):
        secret = f"{CANARY}{one.reveal()}x"  # docker cuts NUL from its end
        auths = {
            "quay.io": {"auth": encoded(f"ci:{secret}")},
            "quay.io/acme": {"identitytoken": secret},
            "docker.io": {"username": "ci", "password": secret},
        }
        text = json.dumps({"auths": auths})
        reports.append(report(text, ["quay.io/acme/api", "ubuntu", "quay.io/x"]))
    assert reports[0] == reports[1]


MANY: Final = 2_000
LARGE: Final = {
    "namespaces of one registry": [f"quay.io/{'a' * (n % 200)}{n}" for n in range(MANY)],
    "URLs of one registry": [f"https://quay.io/v1/?{n}" for n in range(MANY)],
    "registries": [f"r{n}.corp" for n in range(MANY)],
    "names of Docker Hub": [f"https://index.docker.io/v1/?{n}" for n in range(MANY)],
    "wildcards": [f"{'*a' * 60}{n}.io" for n in range(100)],
    "one long wildcard": ["*a" * 200_000 + ".io"],
    "long keys": ["quay.io" + "/a" * 200_000, "https://" + "a:" * 200_000],
}


@pytest.mark.parametrize("given_keys", LARGE.values(), ids=LARGE)
def test_large_documents(given_keys: list[str]) -> None:
    """R20: entries and images are gone through once each, not each with each."""
    images = [f"quay.io/{'a' * (n % 200)}{n}x" for n in range(MANY)]
    images += [f"{'a' * 200}{n}.io/x" for n in range(MANY)]
    images += [f"acme/x{n}" for n in range(100)]
    found = report(document(*given_keys), images)
    assert len(found.entries) <= len(images)
    assert all(len(pick.also) < 8 for one in found.entries for pick in one.picks)
