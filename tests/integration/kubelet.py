"""How a kubelet picks credentials from a pull secret: its rules, for there is no kubelet here.

See ``pkg/credentialprovider/keyring.go`` of Kubernetes. Only ``auths`` counts; keys lose their
scheme and ``/v1/`` or ``/v2/``; a key matches label by label with globs, the port alike and the
path as a prefix; the more specific key goes first, and every credential that matches is tried.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Any, Final

import attrs

_DEFAULT: Final = "index.docker.io"


@attrs.frozen
class Login:
    """What a kubelet passes to the container runtime.

    Args:
        username: The username.
        password: The password.
    """

    username: str
    password: str = attrs.field(repr=False)


def lookup(secret: Mapping[str, Any], image: str) -> list[Login]:
    """Return what a kubelet would try for an image, in its order.

    Args:
        secret: A Secret of either type, as read from its document.
        image: The image, as the pod names it.
    """
    [(name, encoded)] = secret["data"].items()
    assert secret["type"] == f"kubernetes.io/{name.removeprefix('.')}"
    config = json.loads(base64.b64decode(encoded))
    auths = config if name == ".dockercfg" else config["auths"]
    keyring = {_bare(key): _login(entry) for key, entry in auths.items()}
    name = image.partition("@")[0]
    found = [keyring[key] for key in sorted(keyring, reverse=True) if _matches(key, name)]
    host, slash, _ = name.partition("/")
    hub = not slash or host in {"docker.io", _DEFAULT} or not ({".", ":"} & set(host))
    if not found and hub and _DEFAULT in keyring:
        found = [keyring[_DEFAULT]]
    return found


def _bare(key: str) -> str:
    key = key.removeprefix("https://").removeprefix("http://")
    host, _, path = key.partition("/")
    path = path.rstrip("/")
    for version in ("v1", "v2"):
        if path == version or path.startswith(f"{version}/"):
            path = path.removeprefix(version).lstrip("/")
    return f"{host}/{path}" if path else host


def _login(entry: Mapping[str, str]) -> Login:
    # A kubelet knows no identity token.
    username, _, password = base64.b64decode(entry.get("auth", "")).decode().partition(":")
    return Login(username or entry.get("username", ""), password or entry.get("password", ""))


def _matches(key: str, image: str) -> bool:
    host, _, path = key.partition("/")
    host, _, port = host.partition(":")
    named, _, rest = image.partition("/")
    named, _, its_port = named.partition(":")
    labels, its_labels = host.split("."), named.split(".")
    return (
        port == its_port
        and len(labels) == len(its_labels)
        and all(map(fnmatchcase, its_labels, labels))
        and rest.startswith(path)
    )
