"""What other programs make of the rendered documents, without a registry."""

from __future__ import annotations

import json
from base64 import b64decode
from pathlib import Path
from typing import Any, Final

import attrs
import docker.auth
import kubernetes_validate
import oras.auth.base
import pytest

from tests.integration import kubelet, processes
from tests.integration.clients import of_podman
from tests.integration.deliveries import read_yaml
from tests.integration.processes import run
from tests.integration.registries import PASSWORD, RIGHT, USERNAME
from wharfinger import MemoryStore, RegistryAddress, resolve
from wharfinger.formats import containers_auth, docker_config, pull_secret

# As an operator types them.
TYPED: Final = (
    "quay.io",
    "Registry.Corp:5000",
    "GHCR.IO:443",
    "10.0.0.7:5000",
    "localhost:5000",
    "docker.io",
    "Index.Docker.IO",
)
NAME: Final = "registries"


@pytest.mark.parametrize("typed", TYPED)
def test_kubectl(typed: str, tmp_path: Path) -> None:
    """R18: a pull secret means what kubectl would have written."""
    address = RegistryAddress.parse(typed)
    ours = read_yaml(pull_secret.render({address: RIGHT}, name=NAME))
    server = "https://index.docker.io/v1/" if address.is_docker_hub else str(address)
    command = (
        *("kubectl", "create", "secret", "docker-registry", NAME, "--dry-run=client"),
        *("--output=yaml", f"--docker-server={server}", f"--docker-username={USERNAME}"),
        *(f"--docker-password={PASSWORD}", f"--docker-email={RIGHT.email}"),
    )
    theirs = read_yaml(run(*command, env=processes.surroundings(tmp_path)).expect().out)
    assert theirs["metadata"].pop("creationTimestamp", None) is None
    assert _meaning(ours) == _meaning(theirs)


def _meaning(secret: dict[str, Any]) -> dict[str, Any]:
    """The secret with its data read: who logs in where."""
    config = json.loads(b64decode(secret["data"][".dockerconfigjson"]))
    for entry in config["auths"].values():
        # These repeat what `auth` says, and all readers take `auth` first.
        shown = b64decode(entry["auth"]).decode()
        assert shown == ":".join((entry.pop("username", USERNAME), entry.pop("password", PASSWORD)))
    return {**secret, "data": {".dockerconfigjson": config}}


@pytest.mark.parametrize("legacy", [False, True])
@pytest.mark.parametrize("addresses", [(), TYPED], ids=["none", "some"])
def test_schema(addresses: tuple[str, ...], *, legacy: bool) -> None:
    """R18: a pull secret is valid to Kubernetes' own schema, no field unknown to it."""
    credentials = {RegistryAddress.parse(address): RIGHT for address in addresses}
    secret = read_yaml(pull_secret.render(credentials, name=NAME, namespace=NAME, legacy=legacy))
    kubernetes_validate.validate(secret, kubernetes_validate.latest_version(), strict=True)
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate({**secret, "auths": {}}, "1.30", strict=True)


@attrs.frozen
class Documents:
    """A store's documents, in files, with one registry in them."""

    config: Path
    auth: Path
    secrets: list[dict[str, Any]]
    address: RegistryAddress


@pytest.fixture(params=TYPED)
def documents(request: pytest.FixtureRequest, tmp_path: Path) -> Documents:
    store = MemoryStore()
    registry = store.add("harbour", request.param, RIGHT)
    credentials = store.credentials("harbour")
    config, auth = tmp_path / "config.json", tmp_path / "auth.json"
    config.write_text(docker_config.render(credentials))
    auth.write_text(containers_auth.render(credentials))
    secrets = [
        read_yaml(pull_secret.render(credentials, name=NAME, legacy=legacy))
        for legacy in (False, True)
    ]
    return Documents(config, auth, secrets, registry.address)


def test_docker_py(documents: Documents) -> None:
    """R3: docker-py finds the credential by the image's registry."""
    found = docker.auth.load_config(str(documents.config))
    name, _ = docker.auth.resolve_repository_name(f"{documents.address}/team/hello")
    login = docker.auth.resolve_authconfig(found, name)
    assert (login["username"], login["password"]) == (USERNAME, PASSWORD)
    assert docker.auth.resolve_authconfig(found, "elsewhere.example") is None


@pytest.mark.parametrize("document", ["config", "auth"])
def test_oras(document: str, documents: Documents) -> None:
    """R3: oras-py wants the very registry of the image: Docker Hub's in auth.json alone."""
    backend = oras.auth.base.AuthBackend()
    backend.hostname = "elsewhere.example"
    backend.load_configs(f"{documents.address}/team/hello:v1", [str(getattr(documents, document))])
    found = b64decode(getattr(backend, "_basic_auth", "")).decode()
    if documents.address.is_docker_hub and document == "config":
        assert not found
    else:
        assert found == f"{USERNAME}:{PASSWORD}"


@pytest.mark.parametrize("client", ["skopeo", "podman"])
@pytest.mark.parametrize("document", ["config", "auth"])
def test_containers(client: str, document: str, documents: Documents, tmp_path: Path) -> None:
    """R3: skopeo and podman find it by the registry in either document."""
    authfile = ("--authfile", str(getattr(documents, document)))

    env = processes.surroundings(tmp_path, **of_podman(tmp_path, ""))

    def login(registry: str) -> processes.Ran:
        return run(client, "login", "--get-login", *authfile, registry, env=env)

    assert login(str(documents.address)).expect().out.strip() == USERNAME
    assert login("elsewhere.example").status != 0


def test_kubelet(documents: Documents) -> None:
    """R3, R18: a kubelet's rules find it for the image as the library names it, in either type."""
    answer = resolve(f"{documents.address}/team/hello:v1", MemoryStore().create("harbour"))
    for secret in documents.secrets:
        login = kubelet.Login(USERNAME, PASSWORD)
        assert kubelet.lookup(secret, str(answer.image)) == [login]
        assert not kubelet.lookup(secret, "elsewhere.example/team/hello:v1")
