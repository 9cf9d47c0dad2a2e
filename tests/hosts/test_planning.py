"""Plans: what they consist of, and what is refused."""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
import tomllib
from typing import Any, Final, NoReturn

import pytest
from hypothesis import given

from tests.hosts.authority import NOW
from tests.hosts.trees import CA, WAYS, planned
from wharfinger import InvalidAddress, RegistryAddress
from wharfinger.hosts import Distribution, Runtime, TrustRefused, plan
from wharfinger.testing.strategies import addresses

CERTS: Final = "/certs.d/registry.corp:5000"
CRI: Final = "/etc/containerd"


@pytest.mark.parametrize(
    ("way", "paths", "commands"),
    [
        ((Runtime.DOCKER, True), ["/etc/docker/daemon.json"], ["systemctl reload docker"]),
        ((Runtime.DOCKER_OPTS, True), ["/etc/default/docker"], ["service docker restart"]),
        ((Runtime.DOCKER, False), [f"/etc/docker{CERTS}/ca.crt"], []),
        ((Runtime.DOCKER_OPTS, False), [f"/etc/docker{CERTS}/ca.crt"], []),
        (
            (Runtime.CONTAINERS, True),
            ["/etc/containers/registries.conf.d/wharfinger-registry.corp_5000.conf"],
            [],
        ),
        ((Runtime.CONTAINERS, False), [f"/etc/containers{CERTS}/ca.crt"], []),
        (
            (Runtime.CONTAINERD, True),
            [f"{CRI}{CERTS}/hosts.toml", f"{CRI}/config.toml"],
            ["systemctl restart containerd"],
        ),
        (
            (Runtime.CONTAINERD, False),
            [f"{CRI}{CERTS}/ca.crt", f"{CRI}{CERTS}/hosts.toml", f"{CRI}/config.toml"],
            ["systemctl restart containerd"],
        ),
        (
            (Runtime.SYSTEM, False),
            ["/usr/local/share/ca-certificates/wharfinger-registry.corp_5000.crt"],
            ["update-ca-certificates --fresh"],
        ),
    ],
)
def test_paths_and_commands(
    way: tuple[Runtime, bool], paths: list[str], commands: list[str]
) -> None:
    """R23: the exact files for each runtime."""
    made = planned("registry.corp:5000", way)
    assert [step.path for step in made.steps] == paths
    assert [command.line for command in made.commands] == commands


def test_port_443_is_spelled_both_ways() -> None:
    """R3: clients look for what a reference says, with the default port or without it."""
    paths = [step.path for step in planned("Quay.IO:443", (Runtime.DOCKER, False)).steps]
    assert paths == [f"/etc/docker/certs.d/{name}/ca.crt" for name in ("quay.io", "quay.io:443")]
    [step] = planned("quay.io", (Runtime.DOCKER, True)).steps
    assert json.loads(step.result(None)) == {"insecure-registries": ["quay.io", "quay.io:443"]}
    for insecure in (True, False):
        steps = planned("quay.io", (Runtime.CONTAINERD, insecure)).steps
        assert [step.path for step in steps if step.path.endswith("hosts.toml")] == [
            f"{CRI}/certs.d/{name}/hosts.toml" for name in ("quay.io", "quay.io:443")
        ]
    [step] = planned("quay.io", (Runtime.CONTAINERS, True)).steps
    tables = tomllib.loads(step.result(None))["registry"]
    assert [table["location"] for table in tables] == ["quay.io", "quay.io:443"]
    [step] = planned("registry:443", (Runtime.DOCKER, False)).steps
    assert step.path == "/etc/docker/certs.d/registry:443/ca.crt"


def test_ipv6_without_a_port() -> None:
    """What dockerd 20.10 would not start with is not written, and remarked on."""
    made = planned("[2001:db8::1]", (Runtime.DOCKER, True))
    [step] = made.steps
    assert json.loads(step.result(None)) == {"insecure-registries": ["[2001:db8::1]:443"]}
    assert [remark.code for remark in made.remarks] == ["insecure", "default-port"]


@pytest.mark.parametrize(
    ("distribution", "folder", "command"),
    [
        ("debian", "/usr/local/share/ca-certificates", "update-ca-certificates --fresh"),
        ("fedora", "/etc/pki/ca-trust/source/anchors", "update-ca-trust extract"),
        ("suse", "/etc/pki/trust/anchors", "update-ca-certificates"),
        ("arch", "/etc/ca-certificates/trust-source/anchors", "update-ca-trust extract"),
    ],
)
def test_system(distribution: str, folder: str, command: str) -> None:
    """R23: the system's bundle gets a file of its own and the distribution's command."""
    made = plan("m:5", runtime="system", ca=CA, distribution=distribution, now=NOW)
    [step] = made.steps
    assert step.path == f"{folder}/wharfinger-m_5.crt"
    assert [each.line for each in made.commands] == [command]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("ID=debian\n", Distribution.DEBIAN),
        ('NAME="Alpine Linux"\nID=alpine\n', Distribution.DEBIAN),
        ('ID="rhel"\nID_LIKE="fedora"\n', Distribution.FEDORA),
        ("ID=linuxmint\nID_LIKE='ubuntu debian'", Distribution.DEBIAN),
        ('ID="opensuse-leap"\nID_LIKE="suse opensuse"', Distribution.SUSE),
        ("ID=manjaro\nID_LIKE=arch", Distribution.ARCH),
        ("VERSION_ID=debian\nID=nixos\n", None),
        ("", None),
    ],
)
def test_distributions(text: str, found: Distribution | None) -> None:
    assert Distribution.of(text) is found


@pytest.mark.parametrize(
    ("address", "options", "code"),
    [
        ("m:5", {"runtime": "docker"}, "insecure-or-ca"),
        ("m:5", {"runtime": "docker", "insecure": True, "ca": CA}, "insecure-or-ca"),
        ("m:5", {"runtime": "system", "insecure": True}, "insecure-system"),
        ("docker.io", {"runtime": "docker", "insecure": True}, "docker-hub"),
        ("index.docker.io", {"runtime": "containers", "ca": CA}, "docker-hub"),
    ],
)
def test_refused(address: str, options: dict[str, Any], code: str) -> None:
    """R23: what no host can be told is refused with what to do instead."""
    with pytest.raises(TrustRefused) as caught:
        plan(address, **options)
    assert caught.value.code == code
    copied = pickle.loads(pickle.dumps(caught.value))  # noqa: S301
    assert str(copied) == str(caught.value)


def test_docker_hub_behind_a_proxy() -> None:
    """A proxy that breaks TLS open shows its own CA for Docker Hub; that is the system's matter."""
    assert planned("docker.io", (Runtime.SYSTEM, False)).steps


@pytest.mark.parametrize("address", ["https://m:5", "ci:hunter2@m:5", "m:5/path", ""])
def test_addresses_that_are_none(address: str) -> None:
    """R4: the error says what to type instead, and holds no user information."""
    with pytest.raises(InvalidAddress) as caught:
        plan(address, runtime="docker", insecure=True)
    assert "hunter2" not in f"{caught.value!r}{caught.value.__traceback__}"


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"runtime": "rkt", "insecure": True}, "no-runtime"),
        ({"runtime": 5, "insecure": True}, "no-runtime"),
        ({"runtime": "docker", "insecure": True, "distribution": "gentoo"}, "no-distribution"),
        ({"runtime": "system", "ca": CA, "distribution": None}, "no-distribution"),
    ],
)
def test_choices_that_are_none(options: dict[str, Any], code: str) -> None:
    """R23: what is no runtime or distribution is refused with those there are."""
    with pytest.raises(TrustRefused, match=r"take docker, docker-opts|take debian, ") as caught:
        plan("m:5", **options)
    assert caught.value.code == code


def test_insecure_is_said_in_no_text() -> None:
    """A setting that says "false" makes nothing insecure."""
    with pytest.raises(TypeError, match="insecure is a bool, not str"):
        plan("m:5", runtime="docker", insecure="false")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("address", "way", "codes"),
    [
        ("m:5", (Runtime.DOCKER, True), ["insecure"]),
        ("127.0.0.1:5000", (Runtime.DOCKER, True), ["insecure", "loopback"]),
        ("localhost:5000", (Runtime.DOCKER_OPTS, True), ["insecure", "loopback"]),
        ("127.1.2.3:5000", (Runtime.DOCKER, False), ["loopback"]),
        ("localhost:5000", (Runtime.DOCKER_OPTS, False), ["loopback"]),
        ("127.0.0.1:5000", (Runtime.CONTAINERS, False), []),
        ("127.example.com:5000", (Runtime.DOCKER, True), ["insecure"]),
        ("quay.io", (Runtime.CONTAINERS, True), ["insecure", "every-port"]),
        ("m:5", (Runtime.CONTAINERS, True), ["insecure"]),
        ("m:5", (Runtime.CONTAINERD, False), []),
    ],
)
def test_remarks(address: str, way: tuple[Runtime, bool], codes: list[str]) -> None:
    """What will surprise somebody is named."""
    assert [remark.code for remark in planned(address, way).remarks] == codes


@pytest.mark.parametrize("way", WAYS)
@given(addresses())
def test_plans_are_values(way: tuple[Runtime, bool], address: RegistryAddress) -> None:
    """Any address can be planned for; a plan is equal, hashable, picklable and plain data."""
    if address.is_docker_hub:
        return
    made = planned(address, way)
    assert made == planned(address, way)
    assert hash(made) == hash(planned(address, way))
    assert pickle.loads(pickle.dumps(made)) == made  # noqa: S301
    assert json.loads(json.dumps(made.as_dict()))["address"] == str(address)
    assert all(step.path.startswith("/") and ".." not in step.path for step in made.steps)
    assert all(step.result(step.result(None)) == step.result(None) for step in made.steps)


@given(addresses(), addresses())
def test_no_two_addresses_share_a_file_of_their_own(
    one: RegistryAddress, other: RegistryAddress
) -> None:
    """A file that belongs to one address is no other address's."""
    if one == other or one.is_docker_hub or other.is_docker_hub:
        return
    for way in ((Runtime.CONTAINERS, True), (Runtime.SYSTEM, False)):
        assert planned(one, way).steps[0].path != planned(other, way).steps[0].path


def test_shown() -> None:
    """Its repr is one line, its HTML escapes what it shows."""
    made = planned("m:5", (Runtime.CONTAINERD, False))
    assert repr(made).startswith("<TrustPlan m:5 for containerd: /etc/")
    shown = made._repr_html_()
    parts = (made.steps, made.conditions, made.commands)
    assert shown.count("<tr>") == sum(map(len, parts)) == 5
    assert "&quot;ca.crt&quot;" in shown
    conditioned = planned("m:5", (Runtime.CONTAINERS, True))
    assert conditioned._repr_html_().count("<tr>") == 1 + 1 + 1


def test_imports() -> None:
    """Planning imports neither cryptography nor what applies plans, unless a CA is given."""
    program = (
        "import sys; from wharfinger.hosts import plan;"
        "str(plan('m:5', runtime='docker', insecure=True));"
        "print([n for n in sys.modules if n.partition('.')[0] == 'cryptography' "
        "or n.endswith(('applying', 'journal'))])"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True
    )
    assert ran.stdout == "[]\n"


@pytest.mark.parametrize("way", WAYS)
def test_no_host_is_looked_at(way: tuple[Runtime, bool], monkeypatch: pytest.MonkeyPatch) -> None:
    """R24: planning and showing a plan look at no file and no clock."""
    made = planned("m:5", way)

    def looked(*_args: object, **_options: object) -> NoReturn:
        raise AssertionError("a plan needs no host")

    with monkeypatch.context() as patch:
        for name in ("io.open", "builtins.open", "os.open", "os.stat", "os.lstat", "os.scandir"):
            patch.setattr(name, looked)
        patch.setattr("time.time", looked)
        again = planned("m:5", way)
        shown = str(again)
    assert (again, shown) == (made, str(made))
