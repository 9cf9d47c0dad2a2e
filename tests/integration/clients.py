"""The clients: each pulls an image with a document, tells how it went, and forgets the image."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from http.client import OK
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

import attrs
import grpc

from tests.integration import processes
from tests.integration.daemons import Daemons, field
from tests.integration.kubelet import Login
from tests.integration.processes import find, run
from tests.integration.registries import Place, Registries

# What is run, and the Debian package that has it.
NEEDED: Final = {
    "docker-registry": "docker-registry",
    "htpasswd": "apache2-utils",
    "skopeo": "skopeo",
    "podman": "podman",
    "containerd": "containerd",
    "ctr": "containerd",
    "runc": "runc",
    "dockerd": "docker.io",
    "docker": "docker.io",
    "kubectl": "kubernetes-client",
}
ANYTHING_GOES: Final = '{"default": [{"type": "insecureAcceptAnything"}]}'


class Outcome(StrEnum):
    """How a pull went."""

    PULLED = "pulled"
    UNAUTHORIZED = "401 unauthorized"
    BLOCKED = "refused: registry is blocked"
    REJECTED = "refused: rejected by policy"
    UNRESOLVED = "refused: no registry for a short name"


_TELLING: Final = {
    Outcome.BLOCKED: ("is blocked in",),
    Outcome.REJECTED: ("is rejected by policy",),
    Outcome.UNRESOLVED: ("did not resolve to an alias",),
    Outcome.UNAUTHORIZED: (
        "unauthorized",
        "authentication required",
        "no basic auth credentials",
        "authorization failed",
        "requested access to the resource is denied",
        "pull access denied",
    ),
}


def failed(said: str) -> Outcome:
    """Tell from what a client said why its pull failed; anything else fails the test."""
    for outcome, words in _TELLING.items():
        if any(word in said.lower() for word in words):
            return outcome
    msg = f"the pull failed for a reason of its own:\n{said}"
    raise AssertionError(msg)


def missing() -> dict[str, str]:
    """Return the programs that are not installed, and the packages that have them."""
    return {program: package for program, package in NEEDED.items() if find(program) is None}


@attrs.frozen
class Clients:
    """All clients, and the daemons that some of them speak to.

    Args:
        folder: Where each run of a client has its home.
        registries: What they pull from.
        daemons: Whom they speak to.
    """

    folder: Path
    registries: Registries
    daemons: Daemons

    def skopeo(
        self,
        place: Place,
        image: str,
        *,
        auth: str | None = None,
        registries_conf: str = "",
        policy: str = ANYTHING_GOES,
        **more: str,
    ) -> Outcome:
        """Copy the image into a folder."""
        with self.home() as home:
            command = (
                *("skopeo", "--registries-conf", write(home, "registries.conf", registries_conf)),
                *("--policy", write(home, "policy.json", policy), "copy"),
                *self._trust(place, "--src-tls-verify=false", "--src-cert-dir"),
                *(("--src-authfile", write(home, "auth.json", auth)) if auth is not None else ()),
                *(f"docker://{image}", f"dir:{home / 'copy'}"),
            )
            ran = run(*command, env=self.env(home, **more))
            if ran.status:
                return failed(ran.said)
            manifest = (home / "copy" / "manifest.json").read_bytes()
            self._expect(f"sha256:{hashlib.sha256(manifest).hexdigest()}")
            return Outcome.PULLED

    def podman(
        self,
        place: Place,
        image: str,
        *,
        auth: str | None = None,
        docker_config: str | None = None,
        registries_conf: str = "",
        policy: str = ANYTHING_GOES,
        lands: str = "",
        **more: str,
    ) -> Outcome:
        """Pull the image into a storage of podman's own, where it lands under a name."""
        with self.home() as home:
            env = self.env(home, **of_podman(home, registries_conf), **more)
            if docker_config is not None:
                write(home, ".docker/config.json", docker_config)
            command = (
                *("podman", "pull", "--quiet"),
                *("--signature-policy", write(home, "policy.json", policy)),
                *self._trust(place, "--tls-verify=false", "--cert-dir"),
                *(("--authfile", write(home, "auth.json", auth)) if auth is not None else ()),
                image,
            )
            ran = run(*command, env=env)
            if ran.status:
                return failed(ran.said)
            listed = json.loads(run("podman", "images", "--format=json", env=env).expect().out)
            assert [found["Names"] for found in listed] == [[lands or image]]
            self._expect(listed[0]["Digest"])
            return Outcome.PULLED

    def ctr(self, image: str, login: Login | None) -> Outcome:
        """Pull the image into containerd, as an operator would."""
        user = ("--user", f"{login.username}:{login.password}") if login else ()
        hosts = ("--hosts-dir", str(self.daemons.hosts))
        with self.home() as home:
            env = self.env(home)
            ran = self.daemons.ctr(
                env, "images", "pull", "--snapshotter=native", *hosts, *user, image
            )
            if ran.status:
                return failed(ran.said)
            listed = self.daemons.ctr(env, "images", "list", f"name=={image}").expect().out
            assert self.registries.digest in listed
            self.daemons.ctr(env, "images", "remove", "--sync", image).expect()
            return Outcome.PULLED

    def kubelet(self, image: str, logins: list[Login], *, lands: str = "") -> Outcome:
        """Let containerd's CRI pull the image with one login after the other, as a kubelet does."""
        outcome = self._cri(image, logins[0] if logins else None)
        for login in logins[1:]:
            if outcome is Outcome.UNAUTHORIZED:
                outcome = self._cri(image, login)
        if outcome is Outcome.PULLED:
            with self.home() as home:
                query = ("--namespace", "k8s.io", "images", "list", f"name=={lands or image}")
                assert self.registries.digest in self.daemons.ctr(self.env(home), *query).out
            self.daemons.cri("RemoveImage", field(1, field(1, image)))
        return outcome

    def _cri(self, image: str, login: Login | None) -> Outcome:
        request = [field(1, field(1, image))]
        if login:
            request.append(field(2, field(1, login.username), field(2, login.password)))
        try:
            self.daemons.cri("PullImage", *request)
        except grpc.RpcError as error:
            return failed(str(error))
        return Outcome.PULLED

    def engine(self, image: str, header: str | None, *, lands: str = "") -> Outcome:
        """Pull the image by dockerd's own API, with an ``X-Registry-Auth`` header or without."""
        name, _, tag = image.rpartition(":")
        query = urlencode({"fromImage": name, "tag": tag})
        headers = {} if header is None else {"X-Registry-Auth": header}
        status, said = self.daemons.engine("POST", f"/images/create?{query}", headers)
        if status != OK or '"error"' in said:
            return failed(said)
        self._forget(lands or image)
        return Outcome.PULLED

    def docker(self, image: str, config: str | None, *, lands: str = "", **more: str) -> Outcome:
        """Pull the image with the docker command."""
        with self.home() as home:
            if config is not None:
                write(home, ".docker/config.json", config)
            command = (
                *("docker", "--config", str(home / ".docker")),
                *("--host", f"unix://{self.daemons.docker}", "pull", image),
            )
            ran = run(*command, env=self.env(home, **more))
        if ran.status:
            return failed(ran.said)
        self._forget(lands or image)
        return Outcome.PULLED

    def _forget(self, image: str) -> None:
        """See that dockerd has the image, and remove it."""
        status, said = self.daemons.engine("GET", f"/images/{image}/json")
        assert status == OK, said
        self._expect(*(name.partition("@")[2] for name in json.loads(said)["RepoDigests"]))
        status, said = self.daemons.engine("DELETE", f"/images/{image}")
        assert status == OK, said

    def versions(self) -> dict[str, str]:
        """Ask what pulls, and what is pulled from, for their versions."""
        _, said = self.daemons.engine("GET", "/version")
        told: dict[str, Any] = json.loads(said)
        versions = {"dockerd": str(told["Version"])}
        with self.home() as home:
            for program in ("docker", "podman", "skopeo", "containerd", "docker-registry"):
                ran = run(find(program) or "", "--version", env=self.env(home)).expect()
                found = re.search(r"\d+\.\d+[^\s,]*", ran.out)
                versions[program] = found[0] if found else ran.out
        return versions

    def _expect(self, *digests: str) -> None:
        assert set(digests) == {self.registries.digest}

    def env(self, home: Path, **more: str) -> dict[str, str]:
        """Return a client's environment variables."""
        return processes.surroundings(home, HTTPS_PROXY=self.registries.proxy, **more)

    def _trust(self, place: Place, insecure: str, folder: str) -> tuple[str, ...]:
        return (folder, str(self.registries.authority)) if place.secure else (insecure,)

    @contextmanager
    def home(self) -> Iterator[Path]:
        """A new home for one run of a client: nothing is left from the run before."""
        home = Path(tempfile.mkdtemp(dir=self.folder))
        (home / ".run").mkdir()
        try:
            yield home
        finally:
            shutil.rmtree(home)


_PODMAN: Final = """\
[containers]
netns = "host"
[engine]
cgroup_manager = "cgroupfs"
events_logger = "none"
lock_type = "file"
tmp_dir = "{home}/tmp"
"""
_STORAGE: Final = """\
[storage]
driver = "vfs"
graphroot = "{home}/storage"
runroot = "{home}/running"
"""


def of_podman(home: Path, registries_conf: str) -> dict[str, str]:
    """Return environment variables by which podman keeps to its home."""
    return {
        "CONTAINERS_CONF": write(home, "containers.conf", _PODMAN.format(home=home)),
        "CONTAINERS_REGISTRIES_CONF": write(home, "registries.conf", registries_conf),
        "CONTAINERS_STORAGE_CONF": write(home, "storage.conf", _STORAGE.format(home=home)),
    }


def write(home: Path, name: str, content: str) -> str:
    """Write a file below a home, and return its path."""
    path = home / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(content, "utf-8")
    return str(path)
