"""The commands: one module each, imported when it is run."""

from __future__ import annotations

from typing import Final

__all__ = ["COMMANDS"]

# Name -> one line of help. The module's name is the command's, with ``_`` for ``-``.
COMMANDS: Final[dict[str, str]] = {
    "docker-credential": "answer docker, podman or skopeo as their credential helper",
    "explain": "say where images are pulled from, whether they may be, and why",
    "kubelet-provider": "answer a kubelet that asks for the credential of an image",
    "portability": "say where docker, podman and the kubelet pick different credentials",
    "registries": "list and change the registries of a store",
    "render": "write the documents of docker, podman and Kubernetes from a store",
    "trust": "make a host trust an insecure or self-signed registry, or undo it",
    "update": "keep the credentials of a store from lapsing",
}
