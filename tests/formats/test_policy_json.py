from __future__ import annotations

import json
import traceback
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from wharfinger import HostImages, RegistryAddress, Settings
from wharfinger.formats import DocumentError
from wharfinger.formats.policy_json import limits, merge, parse, permits, render
from wharfinger.testing import strategies

CANARY = "hunter2-canary"
ACCEPT = [{"type": "insecureAcceptAnything"}]
REJECT = [{"type": "reject"}]
SIGNED = [{"type": "signedBy", "keyType": "GPGKeys", "keyPath": "/etc/pki/key"}]
LOCAL = {
    "containers-storage",
    "dir",
    "docker-archive",
    "docker-daemon",
    "oci",
    "oci-archive",
    "tarball",
}


def policy(default: object, **docker: object) -> str:
    return json.dumps({"default": default, "transports": {"docker": docker}})


def docker(text: str) -> dict[str, Any]:
    scopes: dict[str, Any] = json.loads(text)["transports"]["docker"]
    return scopes


def accepts(text: str, *images: str) -> list[bool]:
    return [permits(parse(text), image) for image in images]


def test_a_document_is_read() -> None:
    text = json.dumps(
        {
            "default": REJECT,
            "transports": {
                "docker": {"quay.io": ACCEPT, "quay.io/acme": SIGNED, "evil.test": SIGNED + REJECT},
                "dir": {"": ACCEPT},
            },
        }
    )
    read = parse(text)
    assert read.diagnostics == ()
    assert (read.default, read.refused) == (("reject",), False)
    assert [(e.transport, e.scope, e.accepts, e.rejects) for e in read.entries] == [
        ("docker", "quay.io", True, False),
        ("docker", "quay.io/acme", False, False),
        ("docker", "evil.test", False, True),
        ("dir", "", True, False),
    ]
    assert read.entries[1].requirements == ("signedBy",)
    assert read.entries[1].place == 'transports.docker["quay.io/acme"]'


def test_the_nearest_scope_is_about_an_image() -> None:
    """containers-policy.json(5): the image, its repository, what it is below, its host, *.host."""
    text = policy(
        REJECT,
        **{
            "quay.io/acme": ACCEPT,
            "quay.io/acme/evil": REJECT,
            "quay.io/acme/evil:good": ACCEPT,
            f"quay.io/acme/evil@sha256:{'a' * 64}": ACCEPT,
            "*.corp": ACCEPT,
            "*.evil.corp": REJECT,
            "docker.io/library": ACCEPT,
            "signed.test": SIGNED,
        },
    )
    assert accepts(text, "quay.io/acme/api", "quay.io/acme", "quay.io/acmeevil/x") == [
        True,
        True,
        False,
    ]
    evil = "quay.io/acme/evil"
    assert accepts(text, evil, f"{evil}/x", f"{evil}:good", f"{evil}:bad") == [
        False,
        False,
        True,
        False,
    ]
    assert accepts(text, f"{evil}@sha256:{'a' * 64}", f"{evil}:1@sha256:{'b' * 64}") == [
        True,
        False,
    ]
    assert accepts(text, "a.corp/x", "a.corp:5000/x", "b.a.corp/x", "corp:443/x") == [
        True,
        True,
        True,
        False,
    ]
    assert accepts(text, "a.evil.corp/x", "evil.corp/x", "acorp.test/x") == [False, True, False]
    assert accepts(text, "ubuntu", "index.docker.io/ubuntu", "acme/api", "signed.test/x") == [
        True,
        True,
        False,
        False,
    ]
    everywhere = json.dumps({"default": ACCEPT, "transports": {"docker": {"": REJECT}}})
    assert accepts(everywhere, "quay.io/x") == [False]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("{}", [("default-missing", "default")]),
        ('{"default": []}', [("empty", "default")]),
        ('{"default": 1}', [("wrong-type", "default")]),
        (policy(ACCEPT)[:-1] + ', "defaults": 1}', [("unknown-member", "defaults")]),
        ('{"default": [1]}', [("requirement", "default[0]")]),
        ('{"default": [{"type": "accept"}]}', [("requirement", "default[0]")]),
        ('{"default": [{"type": "reject", "x": 1}]}', [("unknown-member", "default[0]")]),
        (policy(ACCEPT)[:-1] + ', "default": []}', [("repeated", "default"), ("empty", "default")]),
        (
            '{"default": [{"type": "reject"}], "transports": {"docker": {"a.b": 1,\n"a.b": 1}}}',
            [("repeated", 'transports.docker["a.b"]'), ("wrong-type", 'transports.docker["a.b"]')],
        ),
        ('{"default": [{"type": "reject"}], "transports": 1}', [("wrong-type", "transports")]),
        (
            '{"default": [{"type": "reject"}], "transports": {"dir": 1}}',
            [("wrong-type", "transports.dir")],
        ),
        (policy(ACCEPT, x=[]), [("empty", "transports.docker.x")]),
        (
            '{"default": [{"type": "reject", "type": "insecureAcceptAnything"}]}',
            [("repeated", "default[0]")],
        ),
        (
            policy(ACCEPT, x=ACCEPT).replace('{"type"', '{"type": "reject", "type"'),
            [("repeated", "default[0]"), ("repeated", "transports.docker.x[0]")],
        ),
        ("\ufeff" + policy(ACCEPT), [("byte-order-mark", "")]),
    ],
)
def test_what_containers_refuse_is_told_and_permits_nothing(
    text: str, wanted: list[tuple[str, str]]
) -> None:
    """containers-policy.json(5): the format is read strictly, and a bad file fails closed."""
    read = parse(text)
    assert [(remark.code, remark.place) for remark in read.diagnostics] == wanted
    assert read.refused
    assert not permits(read, "quay.io/x")


def test_repeated_scopes_are_told_by_their_lines() -> None:
    """R20: of the document, whatever transport they are in."""
    scopes = '{"a":\n1,\n"a": 1}'
    transports = f'{{"dir":\n{scopes},\n"docker": {scopes}, "oci": {scopes}}}'
    text = f'{{"default": [],\n"transports": {transports}}}'
    told = [remark for remark in parse(text).diagnostics if remark.code == "repeated"]
    assert [(remark.place, remark.message.partition(";")[0]) for remark in told] == [
        ("transports.dir.a", "it stands in lines 3, 5"),
        ("transports.docker.a", "it stands in lines 6, 8"),
        ("transports.oci.a", "it stands in lines 8, 10"),
    ]


@pytest.mark.parametrize(
    ("scope", "code"),
    [
        ("EVIL.test", "upper-case"),
        ("docker.io/ubuntu", "official-image"),
        ("docker.io/ubuntu:24.04", "official-image"),
        ("index.docker.io", "never-matches"),
        ("*.corp:5000", "never-matches"),
        ("*.corp/acme", "never-matches"),
        ("a.*.corp", "never-matches"),
    ],
)
def test_what_surprises_is_told(scope: str, code: str) -> None:
    read = parse(policy(REJECT, **{scope: ACCEPT}))
    assert [remark.code for remark in read.diagnostics] == [code]
    assert not read.refused
    assert not parse(policy(REJECT, **{"docker.io/library": ACCEPT, "*.corp": ACCEPT})).diagnostics


@pytest.mark.parametrize("text", ["[]", f'{{"default": "{CANARY}"', "[" * 100_000, "9" * 5000, ""])
def test_what_is_no_object_is_refused(text: str) -> None:
    """R20: one typed error, which holds nothing of the document."""
    with pytest.raises(DocumentError) as caught:
        parse(text)
    assert CANARY not in "".join(traceback.format_exception(caught.value))
    assert caught.value.__context__ is caught.value.__cause__ is None


def test_many_transports_and_scopes_are_read() -> None:
    """R20: what would take minutes if it were not linear takes a second or two."""
    scopes = {f"h{number}.test": ACCEPT for number in range(10_000)}
    text = json.dumps({"default": REJECT, "transports": {"docker": scopes}})
    assert len(parse(text).entries) == 10_000
    assert len(docker(merge(text, Settings(whitelist="h1.test")))) == 2
    many = {f"t{number}": {"": ACCEPT} for number in range(10_000)}
    text = json.dumps({"default": REJECT, "transports": many})
    assert len(parse(text).entries) == 10_000
    deep = policy(REJECT, **{"quay.io" + "/a" * 200_000: ACCEPT})
    assert docker(merge(deep, Settings(whitelist="quay.io"))).keys() == {"quay.io", "quay.io:443"}


def test_the_whitelist_is_what_is_accepted() -> None:
    """R14: by whole hosts and whole path segments, the port counted."""
    text = render(Settings(whitelist="quay.io/acme, registry.corp:5000, corp:443"))
    assert json.loads(text)["default"] == REJECT
    assert list(docker(text)) == [
        "corp:443",
        "quay.io/acme",
        "quay.io:443/acme",
        "registry.corp:5000",
    ]
    assert accepts(text, "quay.io/acme", "quay.io:443/acme/api", "registry.corp:5000/x") == [
        True,
        True,
        True,
    ]
    assert (
        accepts(text, "quay.io/acmeevil", "quay.io:80/acme", "registry.corp/x", "ubuntu")
        == [False] * 4
    )


def test_docker_hub_is_accepted_under_all_its_names() -> None:
    """R2, R13: but where another name has the official image for what docker.io has a user for."""
    text = render(Settings(whitelist="docker.io"))
    names = ["docker.io", "index.docker.io", "registry-1.docker.io", "registry.hub.docker.com"]
    assert (
        accepts(text, *(f"{name}{port}/a/b" for name in names for port in ("", ":443")))
        == [True] * 8
    )
    text = render(Settings(whitelist="docker.io/acme, docker.io/library, docker.io/a/b"))
    assert accepts(text, "docker.io/acme/api", "ubuntu", "a/b") == [True] * 3
    assert accepts(text, *(f"{name}:443/a/b" for name in names)) == [True] * 4
    assert accepts(text, *(f"{name}:443/library/x" for name in names)) == [True] * 4
    # docker.io/library/acme is not whitelisted, and this is it.
    assert accepts(text, *(f"{name}:443/acme" for name in names)) == [False] * 4
    assert "hub-name-refused" in [
        limit.code for limit in limits(Settings(whitelist="docker.io/acme"))
    ]


def test_what_comes_from_no_registry_is_accepted() -> None:
    """R14, R16: the whitelist is about registries."""
    transports = json.loads(render(Settings(whitelist="quay.io")))["transports"]
    assert {name for name, scopes in transports.items() if scopes == {"": ACCEPT}} == LOCAL
    assert "atomic" not in transports


def test_without_a_whitelist_everything_is_accepted() -> None:
    """R14: text without an entry restricts nothing."""
    for settings in (Settings(), Settings(whitelist=" , ")):
        assert json.loads(render(settings)) == {"default": ACCEPT}


@pytest.mark.parametrize(
    ("entry", "problem"),
    [
        ("*.corp", "any_port"),
        ("*.corp:5000", "any_port"),
        ("*.corp/acme", "no wildcard with a path"),
        ("*.io", "Docker Hub as well"),
        ("*.docker.io", "Docker Hub as well"),
        ("*.com:5000", "Docker Hub as well"),
    ],
)
def test_a_wildcard_that_would_admit_more_is_refused(entry: str, problem: str) -> None:
    """R14: what cannot be said is never widened."""
    any_port = problem != "any_port"
    with pytest.raises(DocumentError, match=problem) as caught:
        render(Settings(whitelist=["quay.io", entry]), any_port=any_port)
    assert caught.value.place == f'whitelist["{entry}"]'
    with pytest.raises(DocumentError, match=problem):
        merge(policy(REJECT), Settings(whitelist=entry), any_port=any_port)


def test_a_wildcard_for_every_port_is_written_where_it_is_allowed() -> None:
    """R14: it matches no IP address, and Docker Hub only where Docker Hub is whitelisted."""
    text = render(Settings(whitelist="*.corp:5000, *.0.5, *.io, docker.io"), any_port=True)
    assert accepts(text, "a.corp/x", "corp.test/x", "10.0.0.5/x") == [True, False, False]
    assert "*.0.5" not in docker(text)
    assert "wildcard-of-every-port" in [
        limit.code for limit in limits(Settings(whitelist="*.corp"))
    ]


def test_the_host_that_stands_for_the_default_registry_is_as_the_default_registry_is() -> None:
    """R11, R14: with its path in front."""

    def scopes(whitelist: str) -> list[str]:
        settings = Settings(default_registry="harbor.corp:80/proxy", whitelist=whitelist)
        text = render(settings, any_port=True)
        return [
            scope for scope in docker(text) if "invalid" in scope and docker(text)[scope] == ACCEPT
        ]

    assert scopes("harbor.corp:80") == ["default-registry.invalid"]
    assert scopes("harbor.corp:80/proxy") == ["default-registry.invalid"]
    assert scopes("*.corp:80") == ["default-registry.invalid"]
    assert scopes("*.corp") == []
    assert scopes("harbor.corp:80/proxy/acme") == ["default-registry.invalid/acme"]
    assert scopes("harbor.corp:80/proxyevil, harbor.corp/proxy") == []
    assert scopes("*.invalid") == ["*.invalid"]
    settings = Settings(default_registry="harbor.corp/proxy", whitelist="*.invalid")
    assert accepts(render(settings, any_port=True), "default-registry.invalid/x") == [False]


def test_images_on_the_host_are_told_to_be_unchecked() -> None:
    """R16: no client looks at a policy for what it has."""
    assert [limit.code for limit in limits(Settings(host_images=HostImages.VERIFY))] == [
        "host-images-unchecked"
    ]
    assert limits(Settings()) == ()


@given(strategies.settings(), strategies.addresses(), strategies.repositories())
def test_a_policy_permits_what_the_whitelist_permits(
    settings: Settings, address: RegistryAddress, repository: str
) -> None:
    """R14: of any settings that can be written, for every canonical image."""
    try:
        text = render(settings)
    except DocumentError:
        assert any(entry.startswith("*.") for entry in settings.whitelist.entries)
        return
    image = settings.locate(f"{address}/{repository}")
    wanted = settings.whitelist.permits(address, image.repository)
    assert permits(parse(text), image) is wanted
    for entry in settings.whitelist.entries:
        if "/" in entry and not entry.startswith("*."):
            assert permits(parse(text), entry if entry.count("/") > 1 else f"{entry}/x")


@given(strategies.settings())
def test_what_is_rendered_is_read_and_merged_again_without_a_change(settings: Settings) -> None:
    """R24: and it is the same for the same settings."""
    try:
        text = render(settings)
    except DocumentError:
        return
    assert not parse(text).refused
    assert {remark.code for remark in parse(text).diagnostics} <= {"official-image"}
    assert render(settings) == text
    assert merge(text, settings) == text
    assert merge("", settings) == text


SCOPES = st.sampled_from(
    [
        *("quay.io", "quay.io/acme", "quay.io/acme/api:1", "evil.test", "docker.io/library", ""),
        *("*.corp", "a.corp:5000", "quay.io:443/acme"),
    ]
)
REQUIRED = st.sampled_from([ACCEPT, REJECT, SIGNED, SIGNED + REJECT, [*ACCEPT, *SIGNED]])
DOCUMENTS = st.builds(
    lambda default, scopes, local, indent: json.dumps(
        {"default": default, "transports": {"docker": scopes, "dir": local}}, indent=indent
    ),
    REQUIRED,
    st.dictionaries(SCOPES, REQUIRED, max_size=5),
    st.sampled_from([{}, {"": REJECT}, {"/x": SIGNED}]),
    st.sampled_from([None, 2, "\t"]),
)
WHITELISTS = st.none() | st.lists(
    st.sampled_from(["quay.io", "quay.io/acme", "docker.io", "a.corp:5000", "evil.test/x"]),
    min_size=1,
    max_size=3,
)
IMAGES = [
    *("quay.io/x:1", "quay.io/acme/api:1", "quay.io:443/acme/api:2", "docker.io/library/ubuntu:1"),
    *("evil.test/x/y:1", "evil.test/y:1", "a.corp:5000/x:1", "a.corp/x:1", "b.corp/x:1"),
]


def required(text: str, image: str) -> list[dict[str, str]]:
    """What a document requires of an image with a tag."""
    name, _, _ = image.rpartition(":")
    looked_for = [image]
    while name:
        looked_for.append(name)
        name = name.rpartition("/")[0]
    host = looked_for[-1].partition(":")[0]
    looked_for += [f"*.{host.partition('.')[2]}", ""]
    document = json.loads(text)
    scopes = document.get("transports", {}).get("docker", {})
    found: list[dict[str, str]] = next(
        (scopes[name] for name in looked_for if name in scopes), document["default"]
    )
    return found


@example(
    '{"default": [{"type": "reject"}], "transports": {"dir": {}, "docker": {"": '
    '[{"type": "insecureAcceptAnything"}], "quay.io": [{"type": "insecureAcceptAnything"}], '
    '"quay.io/acme": [{"type": "reject"}]}}}',
    None,
    None,
)
@given(DOCUMENTS, WHITELISTS, WHITELISTS)
def test_merging_opens_nothing_and_weakens_no_signature(
    text: str, whitelist: list[str] | None, other: list[str] | None
) -> None:
    """R14: what is not whitelisted is rejected, and what needed a signature needs it still."""
    settings = Settings(whitelist=whitelist)
    merged = merge(text, settings)
    assert merge(merged, settings) == merged
    assert not parse(merged).refused
    for image in IMAGES:
        host, _, path = image.rpartition(":")[0].partition("/")
        before, after = required(text, image), required(merged, image)
        if not settings.whitelist.permits(RegistryAddress.parse(host), path):
            assert REJECT[0] in after
        if SIGNED[0] in before:
            assert SIGNED[0] in after or REJECT[0] in after
        if whitelist is None and before == ACCEPT:
            assert after == ACCEPT
    was, now = json.loads(text)["transports"], json.loads(merged)["transports"]
    assert now["dir"].items() >= was["dir"].items()
    signed = {scope for scope, items in was["docker"].items() if SIGNED[0] in items}
    assert all(SIGNED[0] in now["docker"][scope] for scope in signed)
    # Back and forth, a signature that was wanted is wanted.
    back = merge(merge(merged, Settings(whitelist=other)), Settings())
    for image in IMAGES:
        if SIGNED[0] in required(text, image):
            assert required(back, image) != ACCEPT


def test_merging_accepts_what_is_whitelisted() -> None:
    """R14: a reject that the whitelist names gives way; one below it is somebody's, and stays."""
    text = policy(REJECT, **{"quay.io": REJECT, "quay.io/evil": REJECT, "old.test": ACCEPT})
    merged = merge(text, Settings(whitelist="quay.io"))
    assert docker(merged) == {
        "quay.io": ACCEPT,
        "quay.io/evil": REJECT,
        "quay.io:443": ACCEPT,
        "quay.io:443/evil": REJECT,
    }
    assert json.loads(merged)["transports"].keys() == {"docker"}  # it rejected them before


def test_merging_keeps_other_transports_as_the_default_had_them() -> None:
    """R16: the default was about them, too, and the whitelist is not."""
    text = '{"default": [{"type": "insecureAcceptAnything"}], "transports": {"dir": {"": []}}}'
    with pytest.raises(DocumentError, match="nothing is required"):
        merge(text, Settings(whitelist="quay.io"))
    text = text.replace("[]", json.dumps(REJECT))
    merged = json.loads(merge(text, Settings(whitelist="quay.io")))
    assert merged["transports"]["dir"] == {"": REJECT}
    assert {name for name, scopes in merged["transports"].items() if scopes == {"": ACCEPT}} == (
        LOCAL - {"dir"}
    )
    signed = json.loads(merge(json.dumps({"default": SIGNED}), Settings(whitelist="quay.io")))
    assert signed["default"] == SIGNED + REJECT
    assert signed["transports"]["oci"] == {"": SIGNED}
    assert signed["transports"]["docker"] == {"quay.io": SIGNED, "quay.io:443": SIGNED}


def test_a_signature_is_wanted_under_every_spelling_of_a_host() -> None:
    """R3: quay.io:443 is no way around what quay.io wants."""
    merged = merge(policy(REJECT, **{"quay.io": SIGNED}), Settings(whitelist="quay.io/acme"))
    assert docker(merged) == {
        "quay.io": SIGNED + REJECT,
        "quay.io/acme": SIGNED,
        "quay.io:443/acme": SIGNED,
    }


@pytest.mark.parametrize("whitelist", ["quay.io", "quay.io/acme", None])
@pytest.mark.parametrize("wanted", [SIGNED, REJECT, SIGNED + REJECT])
def test_no_other_spelling_is_a_way_around_what_is_below(
    whitelist: str | None, wanted: list[dict[str, str]]
) -> None:
    """R3: what quay.io/acme/api wants or rejects, quay.io:443/acme/api did not let past before."""
    text = policy(REJECT, **{"quay.io/acme/api": wanted})
    merged = merge(text, Settings(whitelist=whitelist))
    assert docker(merged)["quay.io:443/acme/api"] == docker(merged)["quay.io/acme/api"]
    assert accepts(merged, "quay.io/acme/api/x", "quay.io:443/acme/api/x") == [False, False]
    assert accepts(merged, "quay.io:443/acme/b") == [True]
    assert merge(merged, Settings(whitelist=whitelist)) == merged
    # Where nothing is changed, nothing is added.
    assert merge(policy(ACCEPT, **{"quay.io": SIGNED}), Settings()) == policy(
        ACCEPT, **{"quay.io": SIGNED}
    )


@pytest.mark.parametrize("scope", ["harbor.corp", "harbor.corp/proxy", "harbor.corp/proxy/acme"])
@pytest.mark.parametrize(
    "whitelist", ["harbor.corp", "harbor.corp/proxy", "harbor.corp/proxy/acme"]
)
def test_the_host_that_stands_for_the_default_registry_is_no_way_around_a_signature(
    scope: str, whitelist: str
) -> None:
    """R11: its images are the default registry's."""
    settings = Settings(default_registry="harbor.corp/proxy", whitelist=whitelist)
    merged = merge(policy(REJECT, **{scope: SIGNED}), settings)
    assert (
        accepts(merged, "harbor.corp/proxy/acme/x", "default-registry.invalid/acme/x")
        == [False] * 2
    )
    assert merge(merged, settings) == merged
    assert required(merged, "default-registry.invalid/acme/x:1") == SIGNED


def test_opening_the_default_opens_no_other_transport() -> None:
    """R14: the whitelist is about registries, and so is that there is none."""
    merged = json.loads(
        merge(json.dumps({"default": REJECT, "transports": {"dir": {"/x": ACCEPT}}}), Settings())
    )
    assert merged["default"] == ACCEPT
    assert {name for name, scopes in merged["transports"].items() if scopes[""] == REJECT} == LOCAL
    assert merged["transports"]["dir"]["/x"] == ACCEPT


def test_a_rejection_beside_a_signature_is_taken_back() -> None:
    """R14: when the whitelist permits the scope, or there is none; the order is somebody's."""
    text = policy(
        REJECT + SIGNED, **{"quay.io/acme": SIGNED + REJECT, "evil.test": REJECT + SIGNED}
    )
    assert merge(text, Settings(whitelist="docker.io/x/y")).startswith(text[:-4])
    merged = merge(text, Settings(whitelist="quay.io"))
    assert docker(merged)["quay.io/acme"] == SIGNED
    assert docker(merged)["evil.test"] == REJECT + SIGNED
    back = merge(text, Settings())
    assert docker(back) == {"quay.io/acme": SIGNED, "evil.test": SIGNED}
    assert json.loads(back)["default"] == SIGNED


def test_merging_changes_no_other_byte() -> None:
    text = (
        '{ "default" : [ {"type": "reject"} ],\n  "transports": {"docker": {"quay.io" : '
        '[ {"type": "insecureAcceptAnything"} ]\n} } }'
    )
    merged = merge(text, Settings(whitelist="quay.io"))
    assert merged.startswith(text[: text.index("\n} }")])
    assert merge(merged, Settings(whitelist="quay.io")) == merged


def test_types_are_refused_by_name() -> None:
    with pytest.raises(TypeError, match="not str and NoneType"):
        render("quay.io")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="a document is a str"):
        merge(b"", Settings())  # type: ignore[arg-type]
