"""Scratch roots: what is in one, and all kinds of plans to apply below it."""

from __future__ import annotations

import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from tests.hosts.authority import NOW, Wanted
from wharfinger import RegistryAddress
from wharfinger.hosts import Runtime, TrustPlan, plan

CA: Final = Wanted().pem
# Every file that some plan touches.
ADDED_TO: Final = (
    "/etc/docker/daemon.json",
    "/etc/default/docker",
    "/etc/containerd/config.toml",
    "/etc/containerd/certs.d/b.corp:5000/hosts.toml",
    "/etc/containerd/certs.d/quay.io/hosts.toml",
)
REPLACED: Final = (
    "/etc/docker/certs.d/b.corp:5000/ca.crt",
    "/etc/containerd/certs.d/quay.io/ca.crt",
)
JOURNAL: Final = "var/lib/wharfinger/hosts"
# Each runtime in each way that it can be told.
WAYS: Final = [
    *((runtime, True) for runtime in Runtime if runtime is not Runtime.SYSTEM),
    *((runtime, False) for runtime in Runtime),
]


def planned(address: RegistryAddress | str, way: tuple[Runtime, bool]) -> TrustPlan:
    """A plan for an address."""
    runtime, insecure = way
    ca = None if insecure else CA
    return plan(address, runtime=runtime, insecure=insecure, ca=ca, now=NOW)


def fill(root: Path, files: Mapping[str, str]) -> None:
    """Write files below a root."""
    for name, text in files.items():
        path = root / name[1:]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode())


def tree(root: Path, *, journal: bool = True) -> dict[str, tuple[int, bytes]]:
    """All that is below a root: modes, and what files hold and links lead to."""
    found = {}
    for path in sorted(root.rglob("*")):
        name = str(path.relative_to(root))
        if not journal and (name.startswith("var/lib/w") or name in {"var", "var/lib"}):
            continue
        mode = path.lstat().st_mode
        content = b""
        if stat.S_ISLNK(mode):
            content = str(path.readlink()).encode()
        elif stat.S_ISREG(mode):
            content = path.read_bytes()
        found[name] = (mode, content)
    return found
