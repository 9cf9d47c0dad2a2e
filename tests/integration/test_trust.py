"""R23: real clients refuse a registry, pull from it once a plan is applied, and refuse again.

Each client runs in a mount namespace of its own, where the scratch root's folders stand in the
place of the host's. Docker asks no certificate of whatever is on loopback, so the registry that
speaks TLS has an address beyond it, to which the session's proxy leads.
"""

from __future__ import annotations

import hashlib
import json
import os
import shlex
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import attrs
import grpc
import pytest

from tests.integration import processes
from tests.integration.clients import ANYTHING_GOES, Clients, of_podman, write
from tests.integration.daemons import Daemons, field
from tests.integration.processes import Ran, find, run
from tests.integration.registries import PASSWORD, USERNAME, Kind, Place, Registries
from wharfinger import Credential, RegistryAddress, Secret
from wharfinger.formats import engine_api
from wharfinger.hosts import Runtime, apply, plan, undo

USER: Final = f"{USERNAME}:{PASSWORD}"
PULLED: Final = "pulled"
UNKNOWN: Final = "x509: certificate signed by unknown authority"
PLAIN: Final = "server gave HTTP response to HTTPS client"
# What stands in the place of the host's.
FOLDERS: Final = (
    "/etc/docker",
    "/etc/containers",
    "/etc/containerd",
    "/etc/default",
    "/usr/local/share/ca-certificates",
)


@attrs.frozen
class Host:
    """A scratch root, and clients that take it for the host.

    Args:
        root: The scratch root.
        clients: Whose homes and variables they get.
    """

    root: Path
    clients: Clients

    @property
    def registries(self) -> Registries:
        return self.clients.registries

    def inside(self, *command: str, certificates: Path | None = None) -> tuple[str, ...]:
        """A command in a namespace where the scratch root's folders are the host's."""
        binds = [(self.root / folder[1:], folder) for folder in FOLDERS]
        if certificates is not None:
            binds.append((certificates, "/etc/ssl/certs"))
        lines = [f"mount --bind {shlex.quote(str(a))} {shlex.quote(b)}" for a, b in binds]
        script = " && ".join([*lines, f"exec {shlex.join(command)}"])
        return ("unshare", "--mount", "sh", "-c", script)

    def skopeo(self, image: str, certificates: Path | None = None) -> str:
        with self.clients.home() as home:
            command = ("skopeo", "--insecure-policy", "copy", "--src-creds", USER)
            target = (f"docker://{image}", f"dir:{home / 'copy'}")
            inside = self.inside(*command, *target, certificates=certificates)
            ran = run(*inside, env=self.clients.env(home))
            if ran.status:
                return refused(ran.said)
            manifest = (home / "copy" / "manifest.json").read_bytes()
            assert f"sha256:{hashlib.sha256(manifest).hexdigest()}" == self.registries.digest
            return PULLED

    def podman(self, image: str) -> str:
        with self.clients.home() as home:
            env = self.clients.env(home, **of_podman(home, ""))
            del env["CONTAINERS_REGISTRIES_CONF"]
            policy = write(home, "policy.json", ANYTHING_GOES)
            command = ("podman", "pull", "--quiet", "--creds", USER, "--signature-policy", policy)
            ran = run(*self.inside(*command, image), env=env)
            if ran.status:
                return refused(ran.said)
            listed = run(*self.inside("podman", "images", "--format=json"), env=env).expect()
            assert [each["Digest"] for each in json.loads(listed.out)] == [self.registries.digest]
            return PULLED

    def ctr(self, image: str) -> str:
        with self.clients.home() as home:
            env = self.clients.env(home)
            hosts = ("--hosts-dir", "/etc/containerd/certs.d", "--user", USER)
            command = ("ctr", "--address", str(self.clients.daemons.containerd))
            pull = ("images", "pull", "--snapshotter=native", *hosts, image)
            ran = run(*self.inside(*command, *pull), env=env)
            if ran.status:
                return refused(ran.said)
            run(*command, "images", "remove", "--sync", image, env=env).expect()
            return PULLED


def refused(said: str) -> str:
    """Say why a pull was refused; it has to be for lack of trust."""
    found = [reason for reason in (UNKNOWN, PLAIN) if reason in said]
    assert found, said
    return found[0]


@pytest.fixture
def host(tmp_path: Path, running_clients: Clients) -> Host:
    for folder in FOLDERS:
        (tmp_path / "root" / folder[1:]).mkdir(parents=True)
    return Host(tmp_path / "root", running_clients)


def place(host: Host, kind: Kind) -> Place:
    return host.registries.places[kind]


def trusted(host: Host, kind: Kind, runtime: Runtime) -> Callable[[], None]:
    """Apply a plan for a registry: by its CA where it has one. Return what undoes it."""
    secure = kind is Kind.TLS
    ca = (host.registries.authority / "ca.crt").read_text() if secure else None
    made = plan(place(host, kind).address, runtime=runtime, insecure=not secure, ca=ca)
    receipt = apply(made, host.root)
    assert receipt.changes
    return lambda: undo(receipt)


def both_ways(host: Host, kind: Kind, runtime: Runtime, pull: Callable[[str], str]) -> None:
    """Refused before, pulled while the plan is applied, and refused again once it is undone."""
    image = place(host, kind).image()
    before = UNKNOWN if kind is Kind.TLS else PLAIN
    assert pull(image) == before
    take_back = trusted(host, kind, runtime)
    assert pull(image) == PULLED
    take_back()
    assert pull(image) == before


KINDS: Final = pytest.mark.parametrize("kind", [Kind.TLS, Kind.HTTP])


@KINDS
@pytest.mark.parametrize("client", ["skopeo", "podman"])
def test_containers(client: str, kind: Kind, host: Host) -> None:
    """R23: registries.conf.d and certs.d, as podman, skopeo and their kin read them."""
    both_ways(host, kind, Runtime.CONTAINERS, getattr(host, client))


def test_insecure_takes_any_certificate(host: Host) -> None:
    """R23: an insecure registry may speak TLS, too."""
    address = place(host, Kind.TLS).address
    for runtime, pull in ((Runtime.CONTAINERS, host.skopeo), (Runtime.CONTAINERD, host.ctr)):
        image = place(host, Kind.TLS).image()
        assert pull(image) == UNKNOWN
        receipt = apply(plan(address, runtime=runtime, insecure=True), host.root)
        assert pull(image) == PULLED
        undo(receipt)
        assert pull(image) == UNKNOWN


def test_a_host_without_a_port_is_every_port(host: Host) -> None:
    """Why a plan for port 443 says so: podman and its kin take a host to mean all of its ports."""
    address = RegistryAddress.parse(place(host, Kind.TLS).address.partition(":")[0])
    made = plan(address, runtime="containers", insecure=True)
    assert "every-port" in [remark.code for remark in made.remarks]
    apply(made, host.root)
    assert host.skopeo(place(host, Kind.TLS).image()) == PULLED


def test_a_servers_own_certificate(host: Host) -> None:
    """What the seed's openssl fetches is no CA; clients take it all the same, and plans say so."""
    own = (host.registries.folder / "server.crt").read_text()
    address = place(host, Kind.TLS).address
    for runtime, pull in ((Runtime.CONTAINERS, host.skopeo), (Runtime.CONTAINERD, host.ctr)):
        made = plan(address, runtime=runtime, ca=own, now=datetime.now(UTC))
        assert [remark.code for remark in made.remarks] == ["not-a-ca"]
        receipt = apply(made, host.root)
        assert pull(place(host, Kind.TLS).image()) == PULLED
        undo(receipt)


@KINDS
def test_ctr(kind: Kind, host: Host) -> None:
    """R23: hosts.toml, as containerd's own command reads it. It takes plain HTTP on loopback."""
    if kind is Kind.HTTP:
        trusted(host, kind, Runtime.CONTAINERD)
        assert host.ctr(place(host, kind).image()) == PULLED
    else:
        both_ways(host, kind, Runtime.CONTAINERD, host.ctr)


_CONTAINERD: Final = """\
version = 2
root = "{folder}/containerd"
state = "{folder}/state"
disabled_plugins = ["io.containerd.internal.v1.opt"]
[grpc]
address = "{folder}/c.sock"
[ttrpc]
address = "{folder}/t.sock"
[plugins."io.containerd.grpc.v1.cri"]
disable_tcp_service = true # for nobody's use
[plugins."io.containerd.grpc.v1.cri".containerd]
snapshotter = "native"
"""


@contextmanager
def containerd(host: Host, folder: Path) -> Iterator[Daemons]:
    """Start containerd with the scratch root's config.toml."""
    daemons = Daemons(folder / "c.sock", folder / "none", folder / "none")
    command = host.inside(find("containerd") or "", "--config", "/etc/containerd/config.toml")
    env = host.clients.env(folder)
    try:
        with processes.serving("containerd", *command, env=env, folder=folder) as server:
            server.until(daemons.cri_is_ready)
            yield daemons
    finally:
        processes.unmount(folder)


def test_containerd(host: Host, folder: Path) -> None:
    """R23: a containerd that was not told to look into certs.d is, and pulls for a kubelet."""
    own = folder / "trust"
    own.mkdir()
    (host.root / "etc/containerd/config.toml").write_text(_CONTAINERD.format(folder=own))
    image = place(host, Kind.TLS).image()

    def pull() -> str:
        login = field(2, field(1, USERNAME), field(2, PASSWORD))
        with containerd(host, own) as daemons:
            try:
                daemons.cri("PullImage", field(1, field(1, image)), login)
            except grpc.RpcError as error:
                return refused(str(error))
            daemons.cri("RemoveImage", field(1, field(1, image)))
            return PULLED

    assert pull() == UNKNOWN
    take_back = trusted(host, Kind.TLS, Runtime.CONTAINERD)
    assert pull() == PULLED
    take_back()
    assert pull() == UNKNOWN


@attrs.frozen
class Docker:
    """A dockerd that reads the scratch root's files.

    Args:
        daemons: How it is spoken to.
        pid: Its process id.
        host: The host.
    """

    daemons: Daemons
    pid: int
    host: Host

    def insecure(self) -> list[str]:
        """The registries that `docker info` calls insecure."""
        info = json.loads(self.daemons.engine("GET", "/info")[1])
        return [
            name
            for name, index in info["RegistryConfig"]["IndexConfigs"].items()
            if not index["Secure"]
        ]

    def reload(self) -> None:
        """Do what `systemctl reload docker` does."""
        os.kill(self.pid, signal.SIGHUP)

    def pull(self, image: str) -> str:
        """Pull by the Engine API."""
        pulling = attrs.evolve(self.host.clients, daemons=self.daemons)
        address = RegistryAddress.parse(image.partition("/")[0])
        header = engine_api.render(Credential(USERNAME, Secret(PASSWORD)), address)
        try:
            return str(pulling.engine(image, header))
        except AssertionError as error:
            return refused(str(error))


@contextmanager
def dockerd(host: Host, folder: Path, *, options: bool = False) -> Iterator[Docker]:
    """Start dockerd as Debian does, with the options of /etc/default/docker or without."""
    own = folder / f"dockerd-{len([*folder.glob('dockerd-*')])}"
    own.mkdir()
    shared = host.clients.daemons
    daemons = Daemons(shared.containerd, own / "d.sock", own)
    command: tuple[str, ...] = (
        *(find("dockerd") or "", "--host", f"unix://{daemons.docker}"),
        *("--containerd", str(shared.containerd), "--data-root", str(own / "data")),
        *("--exec-root", str(own / "exec"), "--pidfile", str(own / "docker.pid")),
        *("--storage-driver=vfs", "--bridge=none", "--iptables=false", "--ip6tables=false"),
        *("--ip-forward=false", "--ip-masq=false"),
    )
    if options:
        line = f". /etc/default/docker; exec {shlex.join(command)} $DOCKER_OPTS"
        command = ("sh", "-c", line)
    with ExitStack() as stack:
        stack.callback(processes.unmount, own)
        started = processes.serving(
            "dockerd", *host.inside(*command), env=host.clients.env(own), folder=own
        )
        server = stack.enter_context(started)
        server.until(daemons.docker_is_ready)
        yield Docker(daemons, int((own / "docker.pid").read_text()), host)


def test_docker_reads_the_merged_daemon_json(host: Host, folder: Path) -> None:
    """R23: dockerd starts with it, reads it again when told to, and pulls while it says so."""
    image, address = place(host, Kind.TLS).image(), place(host, Kind.TLS).address
    path = host.root / "etc/docker/daemon.json"
    path.write_text('{\n  "debug": true,\n  "insecure-registries": ["10.0.0.0/8"]\n}\n')
    with dockerd(host, folder) as docker:
        assert docker.pull(image) == UNKNOWN
        receipt = apply(plan(address, runtime="docker", insecure=True), host.root)
        assert docker.pull(image) == UNKNOWN, "it has not read it yet"
        assert receipt.commands == ("systemctl reload docker",)
        docker.reload()
        _until(lambda: address in docker.insecure())
        assert docker.pull(image) == PULLED
    with dockerd(host, folder) as docker:
        assert address in docker.insecure()
        undo(receipt)
        docker.reload()
        _until(lambda: address not in docker.insecure())
        assert docker.pull(image) == UNKNOWN


def test_docker_validates_the_merged_daemon_json(host: Host) -> None:
    """`dockerd --validate` came with 23.0; an older one says so, and is started above."""
    address = place(host, Kind.TLS).address
    apply(plan(address, runtime="docker", insecure=True), host.root)
    path = str(host.root / "etc/docker/daemon.json")
    ran = _validate(host, path)
    if "unknown flag: --validate" in ran.said:
        assert "20.10." in run("dockerd", "--version", env=processes.surroundings(host.root)).out
    else:
        assert "configuration OK" in ran.expect().said


def _validate(host: Host, path: str) -> Ran:
    command = (find("dockerd") or "", "--validate", "--config-file", path)
    return run(*command, env=processes.surroundings(host.root))


def test_docker_options(host: Host, folder: Path) -> None:
    """R23: the seed's DOCKER_OPTS, appended to the current list."""
    image, address = place(host, Kind.TLS).image(), place(host, Kind.TLS).address
    path = host.root / "etc/default/docker"
    path.write_text('DOCKER_OPTS="--debug"\n')
    receipt = apply(plan(address, runtime="docker-opts", insecure=True), host.root)
    with dockerd(host, folder, options=True) as docker:
        assert address in docker.insecure()
        assert docker.pull(image) == PULLED
    undo(receipt)
    with dockerd(host, folder, options=True) as docker:
        assert docker.pull(image) == UNKNOWN


def test_docker_by_a_ca(host: Host, folder: Path) -> None:
    """R23: certs.d, which dockerd looks into at every pull."""
    with dockerd(host, folder) as docker:
        both_ways(host, Kind.TLS, Runtime.DOCKER, docker.pull)
        own = (host.registries.folder / "server.crt").read_text()
        address = place(host, Kind.TLS).address
        receipt = apply(plan(address, runtime="docker", ca=own), host.root)
        assert docker.pull(place(host, Kind.TLS).image()) == PULLED
        undo(receipt)


def test_docker_trusts_loopback_anyway(host: Host, folder: Path) -> None:
    """Why the plan for an address on loopback says so, and why no test here is on it."""
    with dockerd(host, folder) as docker:
        assert docker.pull(place(host, Kind.HTTP).image()) == PULLED
    made = plan(place(host, Kind.HTTP).address, runtime="docker", insecure=True)
    assert "loopback" in [remark.code for remark in made.remarks]


def test_dockerd_does_not_start_with_both(host: Host, folder: Path) -> None:
    """Why a plan looks for the option before it adds to the file: together they are refused."""
    (host.root / "etc/default/docker").write_text('DOCKER_OPTS="--insecure-registry=a:1"\n')
    (host.root / "etc/docker/daemon.json").write_text('{"insecure-registries": ["b:1"]}')
    with (
        pytest.raises(AssertionError, match="specified both as a flag and in the configuration"),
        dockerd(host, folder, options=True),
    ):
        pass


def test_system(host: Host, tmp_path: Path) -> None:
    """R23: a file of its own in the system's bundle, made by the distribution's command."""
    bundle = tmp_path / "certs"
    bundle.mkdir()
    image = place(host, Kind.TLS).image()

    def update() -> None:
        [command] = made.commands
        folders = ("--etccertsdir", "/etc/ssl/certs")
        inside = host.inside(*shlex.split(command.line), *folders, certificates=bundle)
        run(*inside, env=processes.surroundings(tmp_path), timeout=300).expect()

    ca = (host.registries.authority / "ca.crt").read_text()
    made = plan(place(host, Kind.TLS).address, runtime="system", ca=ca)
    update()
    assert host.skopeo(image, bundle) == UNKNOWN
    receipt = apply(made, host.root)
    update()
    assert host.skopeo(image, bundle) == PULLED
    undo(receipt)
    update()
    assert host.skopeo(image, bundle) == UNKNOWN


def test_a_root_that_is_read_only(host: Host) -> None:
    """R23: a typed error, and nothing is changed."""
    root = str(host.root)
    trust = (find("python3") or "", "-m", "wharfinger", "trust", "m:5", "--runtime", "docker")
    line = (
        f"mount --bind {root} {root} && mount -o remount,ro,bind {root} && "
        f"exec {shlex.join([*trust, '--insecure', '--apply', '--root', root])}"
    )
    ran = run("unshare", "--mount", "sh", "-c", line, env=_python(host))
    assert ran.status == 1
    assert "read-only file system; choose a folder that can be written to" in ran.errors
    assert not [path for path in host.root.rglob("*") if path.is_file()]


def _python(host: Host) -> Mapping[str, str]:
    first = str(Path(sys.executable).parent)
    env = processes.surroundings(host.root.parent)
    return {**env, "PATH": f"{first}:{env['PATH']}"}


def _until(ready: Callable[[], object]) -> None:
    end = time.monotonic() + 30
    while not ready():
        assert time.monotonic() < end
        time.sleep(0.05)
