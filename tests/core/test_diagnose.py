"""Lint: each remark, where it is made and where it is not."""

from __future__ import annotations

import dataclasses
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wharfinger import Diagnostic, Environment, Reason, Settings, lint, resolve
from wharfinger.testing import strategies as wf

EMPTY = Environment("ci")
CORP = EMPTY.added("registry.corp:5000", username="bot")
HUB = EMPTY.added("registry-1.docker.io", username="bot")


def codes(environment: Environment, settings: Settings) -> list[str]:
    return [remark.code for remark in lint(environment, settings)]


def only(environment: Environment, settings: Settings) -> Diagnostic:
    (remark,) = lint(environment, settings)
    return remark


@pytest.mark.parametrize(
    ("environment", "settings"),
    [
        (EMPTY, Settings()),
        (HUB, Settings()),
        (CORP, Settings(default_registry="registry.corp:5000")),
        (CORP, Settings(default_registry="REGISTRY.CORP:05000/proxy")),
        (CORP.deactivated("ci/1"), Settings()),
        (EMPTY, Settings(whitelist="docker.io")),
        (EMPTY, Settings(whitelist="index.docker.io, quay.io/acme, *.corp")),
        (EMPTY, Settings(default_registry="docker.io/acme", whitelist="docker.io")),
    ],
)
def test_nothing_to_say(environment: Environment, settings: Settings) -> None:
    """R12: nothing is said where nobody will be surprised."""
    assert lint(environment, settings) == ()


def test_default_registry_not_added() -> None:
    """R12: a default registry that needs a credential needs a registry like any other."""
    settings = Settings(default_registry="registry.corp:5000/proxy")
    remark = only(EMPTY, settings)
    assert (remark.code, remark.rule) == ("default-registry-not-added", "R12")
    assert "registry.corp:5000/proxy" in remark.message
    assert "registry.corp:5000 to ci" in remark.repair
    assert codes(EMPTY.added("registry.corp", username="bot"), settings) == [remark.code]
    assert codes(CORP.removed("ci/1"), settings) == [remark.code]
    assert codes(CORP, settings) == []
    assert resolve("ubuntu", EMPTY, settings).reason is Reason.ANONYMOUS


def test_docker_hub_need_not_be_added() -> None:
    """R12: Docker Hub serves anyone, under any of its names and with a prefix."""
    for default in ("", "docker.io", "index.docker.io:443", "docker.io/acme"):
        assert lint(EMPTY, Settings(default_registry=default)) == ()


@pytest.mark.parametrize(
    ("environment", "default"),
    [(CORP, "registry.corp:5000"), (HUB, None), (HUB, "docker.io/acme")],
)
def test_default_registry_inactive(environment: Environment, default: str | None) -> None:
    """R12: an inactive registry in force for the default denies every bare name."""
    settings = Settings(default_registry=default)
    inactive = environment.deactivated("ci/1")
    remark = only(inactive, settings)
    assert (remark.code, remark.rule) == ("default-registry-inactive", "R12")
    assert remark.repair == "activate ci/1"
    assert resolve("acme/api", inactive, settings).reason is Reason.REGISTRY_INACTIVE
    assert lint(environment, settings) == ()


def test_only_the_registry_in_force_counts() -> None:
    """R6, R12: an inactive registry that is overridden surprises nobody, one in force does."""
    settings = Settings(default_registry="registry.corp:5000")
    two = CORP.added("registry.corp:5000", username="new")
    assert lint(two.deactivated("ci/1"), settings) == ()
    assert only(two.deactivated("ci/2"), settings).repair == "activate ci/2"


@pytest.mark.parametrize(
    ("default", "whitelist", "fires"),
    [
        (None, "quay.io", True),
        (None, "*.io", True),
        (None, "docker.io:5000", True),
        (None, "quay.io, docker.io", False),
        (None, "registry.hub.docker.com/library", False),
        (None, None, False),
        ("docker.io/acme", "docker.io/other/x", True),
        ("docker.io/acme", "docker.io/acme/api", False),
        ("registry.corp:5000", "registry.corp", True),
        ("registry.corp:5000", "*.corp", True),
        ("registry.corp:5000", "*.corp:5000", False),
        ("registry.corp:5000/proxy", "registry.corp:5000/other", True),
        ("registry.corp:5000/proxy", "registry.corp:5000/proxy-2", True),
        ("registry.corp:5000/proxy", "registry.corp:5000/proxy", False),
        ("registry.corp:5000/proxy/a", "registry.corp:5000/proxy", False),
        ("registry.corp:5000/proxy", "registry.corp:5000/proxy/library", False),
    ],
)
def test_default_registry_not_whitelisted(
    default: str | None, whitelist: str | None, fires: object
) -> None:
    """R12: it is said when no entry could match the default registry, Docker Hub included."""
    settings = Settings(default_registry=default, whitelist=whitelist)
    environment = CORP.added("docker.io", username="bot")
    assert ("default-registry-not-whitelisted" in codes(environment, settings)) is fires
    if fires:
        (remark,) = [r for r in lint(environment, settings) if r.code.endswith("whitelisted")]
        assert str(settings.default_registry) in remark.message
        assert f"add {settings.default_registry} to registry.whitelist" == remark.repair
        assert remark.rule == "R12"
        assert resolve("acme/api", environment, settings).reason is Reason.NOT_WHITELISTED


@given(wf.environments(), wf.settings(), wf.references(registry=st.none()))
def test_what_is_said_of_the_default_registry_is_true(
    environment: Environment, settings: Settings, reference: str
) -> None:
    """R12: each remark on the default registry holds for every reference that names none."""
    said = codes(environment, settings)
    answer = resolve(reference, environment, settings)
    if "default-registry-not-whitelisted" in said:
        assert answer.reason is Reason.NOT_WHITELISTED
    if "default-registry-inactive" in said:
        assert not answer.allowed
    if "default-registry-not-added" in said:
        assert answer.reason in {Reason.ANONYMOUS, Reason.NOT_WHITELISTED}
    if answer.reason is Reason.REGISTRY_INACTIVE:
        assert "default-registry-inactive" in said


@pytest.mark.parametrize("text", ["", " ", ",", " ,, "], ids=repr)
def test_whitelist_blank(text: str) -> None:
    """R12, R14: it is said when a whitelist was given as text without an entry."""
    remark = only(EMPTY, Settings(whitelist=text))
    assert (remark.code, remark.rule) == ("whitelist-blank", "R12")
    assert lint(EMPTY, Settings.from_mapping({"registry.whitelist": text})) == (remark,)
    assert lint(EMPTY, Settings(whitelist=None)) == ()
    assert lint(EMPTY, Settings.from_mapping({"registry.whitelist": None})) == ()


def test_whitelist_official_image() -> None:
    """R14: it is said that no `library/` is put into entries."""
    settings = Settings(whitelist="Index.Docker.io/ubuntu")
    remark = only(EMPTY, settings)
    assert (remark.code, remark.rule) == ("whitelist-official-image", "R14")
    assert "docker.io/ubuntu" in remark.message
    assert "docker.io/library/ubuntu" in remark.repair
    assert not resolve("ubuntu", EMPTY, settings).allowed
    assert resolve("ubuntu", EMPTY, Settings(whitelist="docker.io/library/ubuntu")).allowed


@pytest.mark.parametrize(
    "entry",
    [
        "docker.io",
        "docker.io/library",
        "docker.io/library/ubuntu",
        "docker.io/acme/api",
        "quay.io/ubuntu",
        "docker.io:5000/ubuntu",
        "*.docker.io/ubuntu",
    ],
)
def test_no_official_image_is_meant(entry: str) -> None:
    """R14: nothing is said of an entry that can't be meant for an official image."""
    assert "whitelist-official-image" not in codes(EMPTY, Settings(whitelist=["docker.io", entry]))


@pytest.mark.parametrize(
    "entry", ["*.1", "*.0.0.1", "*.0.0.1:5000/acme", "*.168.192:443", "*.0x7f", "*.0X1:5000"]
)
def test_whitelist_never_matches(entry: str) -> None:
    """R14: it is said when a wildcard could only match IP addresses, which it never does."""
    remark = only(EMPTY, Settings(whitelist=["docker.io", entry]))
    assert (remark.code, remark.rule) == ("whitelist-never-matches", "R14")


@pytest.mark.parametrize(
    "entry", ["*.corp", "*.1.corp", "*.corp:5000", "*.x1/1", "127.0.0.1", "[::1]", "*.1e3", "*.0xg"]
)
def test_whitelist_may_match(entry: str) -> None:
    """R14: nothing is said of an entry that matches something."""
    assert codes(EMPTY, Settings(whitelist=["docker.io", entry])) == []


def test_remarks_come_together() -> None:
    """R12: everything there is to say is said, in one order."""
    settings = Settings(default_registry="registry.corp", whitelist="docker.io/ubuntu, *.1")
    assert codes(EMPTY, settings) == [
        "default-registry-not-added",
        "default-registry-not-whitelisted",
        "whitelist-never-matches",
        "whitelist-official-image",
    ]
    environment = EMPTY.added("registry.corp", username="bot").deactivated("ci/1")
    assert codes(environment, settings)[:2] == [
        "default-registry-inactive",
        "default-registry-not-whitelisted",
    ]


def test_remarks_are_values() -> None:
    remark = only(EMPTY, Settings(whitelist=""))
    assert remark == dataclasses.replace(remark)
    assert len({remark, dataclasses.replace(remark), dataclasses.replace(remark, rule="R1")}) == 2
    assert eval(repr(remark), {"Diagnostic": Diagnostic}) == remark  # noqa: S307  # pasted back
    assert pickle.loads(pickle.dumps(remark)) == remark  # noqa: S301  # our own
    assert str(remark) == f"{remark.code} ({remark.rule}): {remark.message}; {remark.repair}"
    with pytest.raises(dataclasses.FrozenInstanceError):
        remark.code = ""  # type: ignore[misc]
