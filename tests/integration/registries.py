"""Registries that want a login: plain HTTP, TLS, tokens, and what clients take for Docker Hub."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Final

import attrs

from tests.integration import processes, proxy, token_server
from tests.integration.authority import Identity
from tests.integration.images import TAG, build
from tests.integration.processes import find, run
from tests.integration.token_server import PUBLIC, TokenServer
from wharfinger import Credential, CredentialKind, Secret

USERNAME: Final = "ci"
# What encodings stumble over.
PASSWORD: Final = "s3:cret & wörd?>~"
RIGHT: Final = Credential(USERNAME, Secret(PASSWORD), email="ci@acme.example")
WRONG: Final = Credential(USERNAME, Secret("out of date"))
# Docker trusts whatever is on loopback, so TLS is spoken with an address of RFC 5737 that only the
# proxy knows. Behind the stranger is the same registry, whose certificate does not name it.
REMOTE: Final = "198.51.100.7"
STRANGER: Final = "198.51.100.8"
PORT: Final = 5443
HUB: Final = "registry-1.docker.io"
PRIVATE: Final = "team/hello"
OFFICIAL: Final = "library/hello"
_PULL: Final = f"repository:{PRIVATE}:pull"


class Kind(StrEnum):
    """What a registry speaks."""

    HTTP = "plain HTTP"
    TLS = "self-signed TLS"
    TOKEN = "tokens"
    HUB = "Docker Hub"


@attrs.frozen
class Place:
    """A registry that runs, as the library and the clients name it.

    Args:
        kind: What it speaks.
        address: Its address.
        repositories: What was pushed to it.
        tokens: What else it takes, of other kinds than a password.
    """

    kind: Kind
    address: str
    repositories: tuple[str, ...] = (PRIVATE, OFFICIAL)
    tokens: Mapping[CredentialKind, Credential] = attrs.field(factory=dict)

    @property
    def secure(self) -> bool:
        """Whether it speaks TLS."""
        return self.kind in {Kind.TLS, Kind.HUB}

    def image(self, repository: str = PRIVATE) -> str:
        """An image that it has."""
        return f"{self.address}/{repository}:{TAG}"

    def lets_in(self, credential: Credential | None, repository: str) -> bool:
        """Whether it lets a credential pull a repository, or nobody's."""
        if credential is None:
            return repository.startswith(PUBLIC)
        return credential in (RIGHT, *self.tokens.values())


@attrs.frozen
class Registries:
    """All that runs.

    Args:
        places: The registries.
        folder: Where their certificates are; ``ca.crt`` is the authority's.
        proxy: The URL of the proxy in front of the registry that speaks TLS.
        digest: The digest of the image that all of them have.
        tokens: What signs the tokens.
    """

    places: Mapping[Kind, Place]
    folder: Path
    proxy: str
    digest: str
    tokens: TokenServer

    @property
    def authority(self) -> Path:
        """A folder with nothing but the authority's certificate."""
        return self.folder / "authority"


@contextmanager
def running(folder: Path) -> Iterator[Registries]:
    """Start the registries, and push the image to them."""
    authority = Identity.make("the session's authority")
    (folder / "authority").mkdir()
    trusted, _ = authority.write(folder / "authority", "ca")
    (folder / "authority" / "ca.key").rename(folder / "ca.key")
    identity = Identity.make("registry", (REMOTE, HUB), authority)
    certificate, key = identity.write(folder, "server")
    tokens = TokenServer(Identity.make("tokens", issuer=authority), {USERNAME: PASSWORD})
    env = processes.surroundings(folder)
    made = run("htpasswd", "-nbB", USERNAME, PASSWORD, env=env).expect()
    (folder / "htpasswd").write_text(made.out)
    basic = {"htpasswd": {"realm": "wharf", "path": str(folder / "htpasswd")}}
    encrypted = {"tls": {"certificate": str(certificate), "key": str(key)}}
    with ExitStack() as stack:
        realm = stack.enter_context(token_server.serving(tokens))
        by_token = {
            "token": {
                "realm": realm,
                "service": token_server.SERVICE,
                "issuer": token_server.ISSUER,
                "rootcertbundle": str(trusted),
            }
        }
        http, tls, token = (
            stack.enter_context(_registry(folder, name, auth, speaks))
            for name, auth, speaks in (
                ("http", basic, {}),
                ("tls", basic, encrypted),
                ("token", by_token, {}),
            )
        )
        places = {
            Kind.HTTP: Place(Kind.HTTP, f"127.0.0.1:{http}"),
            Kind.TLS: Place(Kind.TLS, f"{REMOTE}:{PORT}"),
            Kind.TOKEN: Place(
                Kind.TOKEN,
                f"127.0.0.1:{token}",
                (PRIVATE, OFFICIAL, f"{PUBLIC}hello"),
                {
                    kind: Credential(USERNAME, Secret(text), kind=kind)
                    for kind, text in (
                        (CredentialKind.IDENTITY_TOKEN, tokens.refresh),
                        (CredentialKind.REGISTRY_TOKEN, tokens.token(USERNAME, [_PULL])),
                    )
                },
            ),
            Kind.HUB: Place(Kind.HUB, "docker.io", ()),
        }
        addresses = {f"{REMOTE}:{PORT}", f"{STRANGER}:{PORT}", f"{HUB}:443"}
        leads = stack.enter_context(proxy.serving(tls, addresses))
        digest = build(folder / "image")
        for place in places.values():
            for repository in place.repositories:
                _push(folder, place.image(repository), leads)
        yield Registries(places, folder, leads, digest, tokens)


@contextmanager
def _registry(
    folder: Path, name: str, auth: Mapping[str, object], speaks: Mapping[str, object]
) -> Iterator[int]:
    """Start one at a port that the system chooses, and yield the port."""
    config = {
        "version": "0.1",
        "log": {"level": "info"},
        "storage": {"filesystem": {"rootdirectory": str(folder / f"{name}-data")}},
        "auth": auth,
        "http": {"addr": "127.0.0.1:0", **speaks},
    }
    path = folder / f"{name}.yml"
    path.write_text(json.dumps(config))  # which is YAML too
    command = [str(find("docker-registry")), "serve", str(path)]
    env = processes.surroundings(folder)
    with processes.serving(f"registry-{name}", *command, env=env, folder=folder) as server:

        def listening() -> re.Match[str] | None:
            return re.search(r"listening on 127\.0\.0\.1:(\d+)", server.log.read_text("utf-8"))

        server.until(listening)
        found = listening()
        assert found
        yield int(found[1])


def _push(folder: Path, image: str, leads: str) -> None:
    command = (
        *("skopeo", "copy", "--insecure-policy", "--dest-tls-verify=false"),
        *("--dest-creds", f"{USERNAME}:{PASSWORD}"),
        *(f"oci:{folder / 'image'}:{TAG}", f"docker://{image}"),
    )
    run(*command, env=processes.surroundings(folder, HTTPS_PROXY=leads)).expect()
