"""containerd and dockerd, and how they are spoken to."""

from __future__ import annotations

import http.client
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import attrs
import grpc
from typing_extensions import override

from tests.integration import processes
from tests.integration.processes import Ran, find, run
from tests.integration.registries import HUB, Kind, Registries

_SECONDS: Final = 60


@attrs.frozen
class Daemons:
    """Both of them, running.

    Args:
        containerd: The socket of containerd.
        docker: The socket of dockerd.
        hosts: The folder that tells containerd how to speak to which registry.
    """

    containerd: Path
    docker: Path
    hosts: Path

    def engine(
        self, method: str, target: str, headers: Mapping[str, str] | None = None
    ) -> tuple[int, str]:
        """Call dockerd's API; return the status and all that was answered."""
        connection = _UnixConnection(self.docker)
        try:
            connection.request(method, target, headers=dict(headers or {}))
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()

    def cri(self, method: str, *fields: bytes) -> None:
        """Call containerd's image service, as a kubelet does.

        Raises:
            grpc.RpcError: When it fails.
        """
        with grpc.insecure_channel(f"unix:{self.containerd}") as channel:
            call = channel.unary_unary(f"/runtime.v1.ImageService/{method}")
            call(b"".join(fields), timeout=_SECONDS)

    def ctr(self, env: Mapping[str, str], *arguments: str) -> Ran:
        """Run containerd's own command."""
        return run("ctr", "--address", str(self.containerd), *arguments, env=env)

    def docker_is_ready(self) -> bool:
        """Whether dockerd answers."""
        try:
            return self.engine("GET", "/_ping")[0] == http.client.OK
        except OSError:
            return False

    def cri_is_ready(self) -> bool:
        """Whether containerd's image service answers, which it does later than containerd."""
        try:
            self.cri("ListImages")
        except grpc.RpcError:
            return False
        return True


def field(number: int, *content: str | bytes) -> bytes:
    """Encode one field of a protocol buffer: text, or the fields of a message."""
    encoded = b"".join(part.encode() if isinstance(part, str) else part for part in content)
    return bytes([number << 3 | 2]) + _varint(len(encoded)) + encoded


def _varint(number: int) -> bytes:
    more, low = divmod(number, 128)
    return bytes([low | 128]) + _varint(more) if more else bytes([low])


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("localhost")
        self._path = path

    @override
    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(_SECONDS)
        self.sock.connect(str(self._path))


_CONTAINERD: Final = """\
version = 2
root = "{folder}/containerd"
state = "{folder}/containerd-state"
disabled_plugins = ["io.containerd.internal.v1.opt"]
[grpc]
address = "{folder}/containerd.sock"
[ttrpc]
address = "{folder}/containerd.ttrpc.sock"
[plugins."io.containerd.grpc.v1.cri"]
disable_tcp_service = true
[plugins."io.containerd.grpc.v1.cri".containerd]
snapshotter = "native"
[plugins."io.containerd.grpc.v1.cri".registry]
config_path = "{folder}/certs.d"
"""


@contextmanager
def running(folder: Path, registries: Registries) -> Iterator[Daemons]:
    """Start both, with nothing mounted and no network set up; stop them in the end."""
    daemons = Daemons(folder / "containerd.sock", folder / "docker.sock", folder / "certs.d")
    _write_hosts(daemons.hosts, registries)
    (folder / "containerd.toml").write_text(_CONTAINERD.format(folder=folder))
    (folder / "daemon.json").write_text("{}")
    # dockerd's own certificates are in /etc, which is not the session's.
    env = processes.surroundings(
        folder, HTTPS_PROXY=registries.proxy, SSL_CERT_FILE=str(registries.authority / "ca.crt")
    )
    containerd = (find("containerd") or "", "--config", str(folder / "containerd.toml"))
    dockerd = (
        *(find("dockerd") or "", "--config-file", str(folder / "daemon.json")),
        *("--host", f"unix://{daemons.docker}", "--containerd", str(daemons.containerd)),
        *("--data-root", str(folder / "docker"), "--exec-root", str(folder / "exec")),
        *("--pidfile", str(folder / "docker.pid"), "--storage-driver=vfs"),
        *("--bridge=none", "--iptables=false", "--ip6tables=false"),
        *("--ip-forward=false", "--ip-masq=false"),
    )
    try:
        with processes.serving("containerd", *containerd, env=env, folder=folder) as first:
            first.until(daemons.cri_is_ready)
            with processes.serving("dockerd", *dockerd, env=env, folder=folder) as second:
                second.until(daemons.docker_is_ready)
                yield daemons
    finally:
        processes.unmount(folder)


def _write_hosts(folder: Path, registries: Registries) -> None:
    for place in registries.places.values():
        scheme = "https" if place.secure else "http"
        host = HUB if place.kind is Kind.HUB else place.address
        lines = [f'[host."{scheme}://{host}"]', 'capabilities = ["pull", "resolve"]']
        if place.secure:
            lines.append(f'ca = "{registries.authority / "ca.crt"}"')
        (folder / place.address).mkdir(parents=True)
        (folder / place.address / "hosts.toml").write_text("\n".join(lines))
