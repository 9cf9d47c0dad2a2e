"""What the cells rely on: were it otherwise, they would prove less than they say."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import attrs
import pytest

from tests.integration import clients, processes
from tests.integration.clients import Clients
from tests.integration.registries import PORT, STRANGER, Kind, Place, Registries

_PULLS: Final[dict[str, Callable[[Clients, Place, str], object]]] = {
    "skopeo": lambda clients, place, image: clients.skopeo(place, image),
    "podman": lambda clients, place, image: clients.podman(place, image),
    "docker": lambda clients, _place, image: clients.docker(image, None),
    "dockerd": lambda clients, _place, image: clients.engine(image, None),
    "containerd (CRI)": lambda clients, _place, image: clients.kubelet(image, []),
    "containerd (ctr)": lambda clients, _place, image: clients.ctr(image, None),
}


@pytest.mark.parametrize("client", _PULLS)
def test_certificates_are_verified(client: str, running_clients: Clients) -> None:
    """The registry of the TLS cells under an address that its certificate does not name."""
    place = running_clients.registries.places[Kind.TLS]
    stranger = attrs.evolve(place, address=f"{STRANGER}:{PORT}")
    with pytest.raises(AssertionError, match="x509: certificate is valid for"):
        _PULLS[client](running_clients, stranger, stranger.image())


def test_nothing_leaves_this_machine(running_registries: Registries) -> None:
    """The proxy leads to the registry and nowhere else."""
    proxy = urlsplit(running_registries.proxy)
    with socket.create_connection(("127.0.0.1", proxy.port or 0)) as connection:
        connection.sendall(b"CONNECT auth.docker.io:443 HTTP/1.1\r\n\r\n")
        assert connection.recv(100).startswith(b"HTTP/1.1 403 ")


def test_a_missing_client_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """The session ends before it begins; see `pytest_sessionstart`."""
    assert not clients.missing()
    monkeypatch.setattr(clients, "find", lambda program: None if program == "ctr" else program)
    assert clients.missing() == {"ctr": "containerd"}


def test_another_failure_is_no_refusal() -> None:
    """A client that fails for its own reasons proves nothing."""
    with pytest.raises(AssertionError, match="of its own"):
        clients.failed("dial tcp 127.0.0.1:40140: connect: connection refused")


def test_servers_end(tmp_path: Path) -> None:
    """A server ends with what it was started for, by whatever that ended."""
    started: list[subprocess.Popen[bytes]] = []

    def fail() -> None:
        env = processes.surroundings(tmp_path)
        with processes.serving("sleeper", "sleep", "60", env=env, folder=tmp_path) as server:
            started.append(server.process)
            assert server.process.poll() is None
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert started[0].poll() is not None


def test_a_server_that_ends_too_early_is_told_with_its_log(tmp_path: Path) -> None:
    def fail() -> None:
        command = ("sh", "-c", "echo no space left")
        env = processes.surroundings(tmp_path)
        with processes.serving("early", *command, env=env, folder=tmp_path) as server:
            server.until(lambda: False)

    with pytest.raises(AssertionError, match=r"(?s)early ended; .*no space left"):
        fail()
