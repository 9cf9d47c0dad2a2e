"""The kubelet's credential provider, run as the kubelet does, on a store in memory."""

from __future__ import annotations

import fnmatch
import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from wharfinger import (
    Credential,
    CredentialKind,
    Environment,
    ImageReference,
    MemoryStore,
    RegistryAddress,
    Secret,
    Settings,
    resolve,
)
from wharfinger.__main__ import main
from wharfinger.programs import kubelet_provider
from wharfinger.testing import strategies

Run = Callable[..., tuple[int, str, str]]

CANARY = "XK7canaryXK7"
DATA = Path(__file__).parent / "data"
API = "credentialprovider.kubelet.k8s.io/v1"


@pytest.fixture
def store() -> MemoryStore:
    """A store with four registries in `ci`, of which one is overridden, and a decoy elsewhere."""
    made = MemoryStore()
    for address, username, secret in [
        ("quay.io", "old", "old"),
        ("registry.corp:5000", "ci", "hunter2"),
        ("docker.io", "hub", "hub"),
        ("registry", "bot", "bot"),
        ("quay.io", "new", "new"),
    ]:
        made.add("ci", address, Credential(username, Secret(secret)))
    made.add("other", "decoy.example", Credential("decoy", Secret("decoy")))
    return made


@pytest.fixture
def run(
    store: MemoryStore, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Run:
    """Runs the provider with something on standard input."""
    monkeypatch.setattr(kubelet_provider, "open_chosen", lambda *_, **__: store)
    monkeypatch.setenv("WHARFINGER_ENVIRONMENT", "ci")

    def run(given: str | bytes, *argv: str) -> tuple[int, str, str]:
        content = given if isinstance(given, bytes) else given.encode()
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))
        status = main(["kubelet-provider", *argv])
        printed = capsys.readouterr()
        assert CANARY not in printed.err
        return status, printed.out, printed.err

    return run


def request(image: object, **members: object) -> str:
    whole = {"apiVersion": API, "kind": "CredentialProviderRequest", "image": image} | members
    return json.dumps({name: value for name, value in whole.items() if value is not ...})


def auth(answer: tuple[int, str, str]) -> dict[str, dict[str, str]] | None:
    """The credentials of an answer, which is for that image alone and not kept."""
    status, out, err = answer
    assert (status, err) == (0, "")
    response: dict[str, Any] = json.loads(out)
    assert response.pop("auth", "missing") != "missing"
    assert response == {
        "apiVersion": API,
        "kind": "CredentialProviderResponse",
        "cacheKeyType": "Image",
        "cacheDuration": "0s",
    }
    told: dict[str, dict[str, str]] | None = json.loads(out)["auth"]
    return told


def matches(pattern: str, image: str) -> bool:
    """Whether a kubelet takes an image for one that a pattern means.

    Labels match one for one with `*` in them, ports are equal as they are written, and the path
    is a mere prefix.
    """
    (host, port, path), (image_host, image_port, image_path) = map(_parts, (pattern, image))
    labels, image_labels = host.split("."), image_host.split(".")
    return (
        port == image_port
        and len(labels) == len(image_labels)
        and all(map(fnmatch.fnmatchcase, image_labels, labels))
        and image_path.startswith(path)
    )


def _parts(text: str) -> tuple[str, str, str]:
    registry, _, path = text.partition("/")
    host, colon, port = registry.rpartition(":")
    if not colon or port.endswith("]"):
        return registry, "", path
    return host.strip("[]"), port, path


def test_golden_response(run: Run) -> None:
    """A request as a kubelet writes it, and the whole response."""
    status, out, err = run((DATA / "kubelet-request.json").read_bytes())
    assert (status, err) == (0, "")
    assert json.loads(out) == json.loads((DATA / "kubelet-response.json").read_text())
    assert out.count("\n") == 1


def test_golden_config(run: Run) -> None:
    """The whole configuration, for the registries in force, under all spellings (R2, R3)."""
    url = "postgresql+psycopg://wharfinger@db.corp/registries"
    options = ["--config", "--store", url, "--key-file", "/etc/wharfinger.key"]
    status, out, err = run("", *options)
    assert (status, err) == (0, "")
    assert out == (DATA / "kubelet-config.json").read_text()


@pytest.mark.parametrize(
    ("image", "pattern", "username"),
    [
        ("quay.io/acme/api", "quay.io", "new"),
        ("quay.io:443/acme/api:1.2", "quay.io:443", "new"),
        ("QUAY.io/acme/api", "QUAY.io", "new"),
        ("docker.io/library/redis", "docker.io", "hub"),
        ("registry-1.docker.io/acme/api", "registry-1.docker.io", "hub"),
        ("redis", "docker.io", "hub"),
        ("registry:443/api", "registry:443", "bot"),
        (f"quay.io/acme/api@sha256:{'a' * 64}", "quay.io", "new"),
    ],
)
def test_credentials(image: str, pattern: str, username: str, run: Run) -> None:
    """R6: the registry in force answers, under the host as the kubelet wrote it."""
    assert auth(run(request(image))) == {pattern: {"username": username, "password": username}}


def test_anonymous(run: Run) -> None:
    """R10, R17: nobody added the address here, so there is no credential, and no error."""
    assert auth(run(request("decoy.example/api"))) is None
    assert auth(run(request("quay.io:5000/api"))) is None
    assert auth(run(request("quay.io.example/api"))) is None


def test_default_registry(run: Run, store: MemoryStore) -> None:
    """R11: a kubelet writes Docker Hub's name out, so the default registry does not move it."""
    store.save_settings(Settings(default_registry="registry.corp:5000"))
    assert list(auth(run(request("docker.io/library/redis"))) or ()) == ["docker.io"]
    assert list(auth(run(request("redis"))) or ()) == ["registry.corp:5000"]


def test_denied(run: Run, store: MemoryStore) -> None:
    """R7, R15: what may not be pulled gets a failure, which tells why, and no credential."""
    store.deactivate("ci", "ci/5")
    assert run(request("quay.io/acme/api")) == (
        *(
            1,
            "",
            "error: quay.io/acme/api in 'ci': registry-inactive; activate registry ci/5\n",
        ),
    )
    store.activate("ci", "ci/5")
    store.save_settings(Settings(whitelist="quay.io/acme"))
    assert auth(run(request("quay.io/acme/api")))
    for image in ["quay.io/acmes/api", "docker.io/library/redis", "decoy.example/api"]:
        status, out, err = run(request(image))
        assert (status, out) == (1, "")
        assert "not-whitelisted" in err


@pytest.mark.parametrize("kind", [CredentialKind.IDENTITY_TOKEN, CredentialKind.REGISTRY_TOKEN])
def test_tokens(kind: CredentialKind, run: Run, store: MemoryStore) -> None:
    """A kubelet has no word for a token, so one is told as neither a password nor nothing."""
    store.add("ci", "quay.io", Credential("ci", Secret(CANARY), kind=kind))
    assert run(request("quay.io/acme/api")) == (
        *(1, "", f"error: quay.io has a {kind}, and a kubelet takes a password alone\n"),
    )


@given(st.data())
def test_a_kubelet_finds_what_is_told(data: st.DataObject) -> None:
    """R19: a kubelet runs the provider for its images, and its answer is for that host alone."""
    address = data.draw(strategies.addresses())
    other = data.draw(strategies.addresses())
    assume(address != other)
    store = MemoryStore()
    store.add("ci", address, Credential("ci", Secret("right")))
    store.add("ci", other, Credential("ci", Secret("wrong")))
    spelling = data.draw(strategies.spellings(address))
    path = data.draw(strategies.repositories())
    image = f"{spelling}/{path}"
    assume(ImageReference.parse(image).registry == spelling)
    told = json.loads(kubelet_provider._response(store, "ci", request(image)))["auth"]
    assert list(told) == [spelling]
    assert told[spelling]["password"] == "right"
    # Brackets without a port are a set of characters to a kubelet, so it finds nothing there.
    assert matches(spelling, image) or spelling.endswith("]")
    assert not matches(spelling, f"{other}/{path}")

    patterns = kubelet_provider._patterns(store.environment("ci"))
    found = any(matches(pattern, f"{address}/{path}") for pattern in patterns)
    assert found or str(address).endswith("]")
    assert any(matches(pattern, f"{address.host}:{address.port}/{path}") for pattern in patterns)
    assert {RegistryAddress.parse(pattern) for pattern in patterns} == {address, other}


@given(strategies.environments(), strategies.settings(), strategies.references())
def test_as_the_library_decides(environment: Environment, settings: Settings, image: str) -> None:
    """R15: an answer, or a failure, is what `resolve` says of the same question."""
    store = MemoryStore()
    store.create("ci")
    for number, registry in enumerate(environment.registries, start=1):
        added = store.add("ci", registry.address, Credential("ci", Secret(str(number))))
        if not registry.is_active:
            store.deactivate("ci", added.id)
    store.save_settings(settings)
    answer = resolve(image, store.environment("ci"), settings)
    if not answer.allowed:
        with pytest.raises(Exception, match=answer.reason):
            kubelet_provider._response(store, "ci", request(image))
        return
    told = json.loads(kubelet_provider._response(store, "ci", request(image)))["auth"]
    if answer.registry is None:
        assert told is None
    else:
        ((pattern, papers),) = told.items()
        assert RegistryAddress.parse(pattern) == answer.address
        assert papers["password"] == str(answer.registry.sequence)


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        (request("quay.io/a", apiVersion=...), "apiVersion: it is missing"),
        (
            request("quay.io/a", apiVersion="credentialprovider.kubelet.k8s.io/v2"),
            f"apiVersion: this version is not known; known is {API}",
        ),
        (request("quay.io/a", apiVersion=CANARY), "apiVersion: this version is not known"),
        (request("quay.io/a", kind=...), "kind: it is missing"),
        (request("quay.io/a", kind=CANARY), "kind: a CredentialProviderRequest is wanted"),
        (request(...), "image: it is missing"),
        (request([CANARY]), "image: a string is wanted, and this is an array"),
        (request(None), "image: a string is wanted, and this is null"),
        (request(""), "the image reference is empty"),
        (request("quay.io/A"), "quay.io/A: "),
        (request(f"https://ci:{CANARY}@quay.io/a"), "https://***@quay.io/a: "),
        (
            request("quay.io/a", serviceAccountToken=[CANARY]),
            "serviceAccountToken: a string is wanted, and this is an array",
        ),
        (
            request("quay.io/a", serviceAccountAnnotations=[]),
            "serviceAccountAnnotations: an object is wanted, and this is an array",
        ),
        (
            request("quay.io/a", serviceAccountAnnotations={"a/b": 1}),
            'serviceAccountAnnotations["a/b"]: a string is wanted, and this is a number',
        ),
        (f'{{"serviceAccountToken": "{CANARY}"', "line 1, column 39: it is not valid JSON"),
        ("", "line 1, column 1: it is not valid JSON"),
        (f'["{CANARY}"]', "an object is wanted, and this is an array"),
        (CANARY.encode() + b"\xff", "it is not UTF-8"),
        ('{"image":' * 100_000, "it is not JSON that can be read"),
        (f'{{"image": {"9" * 100_000}}}', "it is not JSON that can be read"),
        (CANARY * 100_000, "a request has at most 1048576 bytes, and this one has more"),
        (request("a" * 1_000_000), ": "),
    ],
)
def test_malformed_requests(given: str | bytes, complaint: str, run: Run) -> None:
    """R20: a request that can't be read is told with its place, and what it holds is not."""
    status, out, err = run(given)
    assert (status, out) == (1, "")
    assert err.startswith("error: ")
    assert complaint in err
    assert err.count("\n") == 1
    assert len(err) < 1000


def test_more_than_is_known(run: Run) -> None:
    """What a newer kubelet says besides is passed over, and what it leaves out is not missed."""
    told = request("quay.io/a", serviceAccountToken=None, serviceAccountAnnotations=None, new=[1])
    assert auth(run(told)) == {"quay.io": {"username": "new", "password": "new"}}


def test_errors_forget_the_request() -> None:
    """A request holds a service account's token, which no error takes along."""
    text = request([], serviceAccountToken=CANARY)
    with pytest.raises(ValueError, match="image") as caught:
        kubelet_provider._image(text)
    inside = []
    trace = caught.value.__traceback__
    while trace is not None:
        inside.append(trace.tb_frame)
        trace = trace.tb_next
    assert caught.value.__context__ is None
    assert all(CANARY not in repr(frame.f_locals) for frame in inside[1:])


def test_config_without_a_registry(run: Run, store: MemoryStore) -> None:
    """A kubelet takes no configuration that matches nothing."""
    store.create("empty")
    status, out, err = run("", "--config", "--environment", "empty")
    assert (status, out) == (1, "")
    assert err == "error: environment 'empty' has no registry, so there is nothing to ask it for\n"


@pytest.mark.parametrize(
    "url",
    [
        f"postgresql+psycopg://wharfinger:{CANARY}@db.corp/registries",
        f"postgresql+psycopg://db.corp/registries?password={CANARY}",
        f"postgresql+psycopg://:{CANARY}@db.corp/registries",
        f"postgresql+psycopg://wharfinger:a/{CANARY}@db.corp/registries",
    ],
)
def test_config_tells_no_password(url: str, run: Run) -> None:
    status, out, err = run("", "--config", "--store", url, "--unsealed")
    assert (status, out) == (1, "")
    assert "PGPASSFILE" in err


@pytest.mark.parametrize(
    ("url", "noted"),
    [
        ("sqlite:///registries.db", True),
        ("sqlite+pysqlite:///a/registries.db", True),
        ("sqlite:////var/lib/a:b@c/registries.db", False),
        ("sqlite:///file:/var/lib/registries.db?uri=true", False),
        ("postgresql+psycopg://wharfinger@db.corp:5432/registries", False),
    ],
)
def test_config_remarks_on_a_relative_path(url: str, run: Run, *, noted: bool) -> None:
    """A kubelet runs the program in another folder, where the store would not be found."""
    status, out, err = run("", "--config", "--store", url, "--unsealed")
    assert (status, url in out) == (0, True)
    assert ("the store's path is not absolute" in err) == noted


def test_a_store_that_fails(run: Run) -> None:
    """Another's store may raise anything, and a kubelet's log keeps what is complained of."""

    def fails(*_: object) -> None:
        raise RuntimeError(CANARY)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(MemoryStore, "environment", fails)
        wanted = (1, "", "error: the store failed: RuntimeError\n")
        assert run(request("quay.io/acme/api")) == run("", "--config") == wanted


def test_an_empty_environment_is_none(run: Run) -> None:
    """R17: an option that is empty by mistake does not mean what a variable names."""
    status, out, err = run(request("quay.io/acme/api"), "--environment", "")
    assert (status, out) == (1, "")
    assert err.startswith("error: which environment?")


def test_config_tells_no_keys(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys in a variable stay there; a file is named by its whole path; the rest is as given."""

    def env(*options: str) -> tuple[dict[str, str], str]:
        status, out, err = run("", "--config", "--store", "memory:", *options)
        assert status == 0
        (provider,) = json.loads(out)["providers"]
        return {entry["name"]: entry["value"] for entry in provider["env"]}, err

    always = {"WHARFINGER_STORE": "memory:", "WHARFINGER_ENVIRONMENT": "ci"}
    monkeypatch.setenv("WHARFINGER_SEALING_KEYS", CANARY)
    assert env() == (
        always,
        "note: the keys are not written here; add WHARFINGER_KEY_FILE with their file\n",
    )
    monkeypatch.delenv("WHARFINGER_SEALING_KEYS")
    monkeypatch.setenv("WHARFINGER_KEY_FILE", "a.key")
    key_file = str(Path("a.key").absolute())
    assert env() == (always | {"WHARFINGER_KEY_FILE": key_file}, "")
    assert env("--unsealed") == (always | {"WHARFINGER_UNSEALED": "1"}, "")
    monkeypatch.delenv("WHARFINGER_KEY_FILE")
    monkeypatch.setenv("WHARFINGER_UNSEALED", "1")
    assert env() == (always | {"WHARFINGER_UNSEALED": "1"}, "")


def test_as_a_process() -> None:
    """A kubelet gives a request and variables, and reads the complaint where it fails."""
    clean = {name: v for name, v in os.environ.items() if not name.startswith("WHARFINGER_")}
    variables = {"WHARFINGER_STORE": "memory:", "WHARFINGER_UNSEALED": "1"}
    done = subprocess.run(
        [sys.executable, "-m", "wharfinger", "kubelet-provider"],
        capture_output=True,
        check=False,
        env=clean | variables | {"WHARFINGER_ENVIRONMENT": "ci"},
        input=request("quay.io/acme/api", serviceAccountToken=CANARY),
        text=True,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "error: no environment 'ci'\n"
