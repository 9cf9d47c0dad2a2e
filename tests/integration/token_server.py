"""A token server for a registry: the Docker token protocol, by GET and by OAuth 2."""

from __future__ import annotations

import base64
import json
import secrets
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

import attrs
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from typing_extensions import override

from tests.integration.authority import Identity

ISSUER: Final = "harbour office"
SERVICE: Final = "registry"
# Anybody may pull what is below this.
PUBLIC: Final = "public/"
_SECONDS: Final = 3600


@attrs.frozen
class TokenServer:
    """Who may have a token, and what it is signed with.

    Args:
        identity: Signs tokens; the registry must trust its certificate's issuer.
        users: Their passwords.
        refresh: The one refresh token that it takes (docker's "identity token").
    """

    identity: Identity
    users: Mapping[str, str]
    refresh: str = attrs.field(factory=secrets.token_hex)

    def token(self, user: str | None, scopes: list[str]) -> str:
        """Sign a token for what the user may do."""
        now = int(time.time())
        certificate = self.identity.certificate.public_bytes(serialization.Encoding.DER)
        header = {"typ": "JWT", "alg": "ES256", "x5c": [base64.b64encode(certificate).decode()]}
        claims = {
            "iss": ISSUER,
            "sub": user or "",
            "aud": SERVICE,
            "iat": now,
            "nbf": now - 10,
            "exp": now + _SECONDS,
            "jti": secrets.token_hex(8),
            "access": [access for scope in scopes if (access := _access(user, scope))],
        }
        signed = b".".join(_base64(json.dumps(part).encode()) for part in (header, claims))
        r, s = decode_dss_signature(self.identity.key.sign(signed, ec.ECDSA(hashes.SHA256())))
        signature = _base64(r.to_bytes(32) + s.to_bytes(32))  # RFC 7518, section 3.4
        return b".".join((signed, signature)).decode()


def _access(user: str | None, scope: str) -> dict[str, Any] | None:
    kind, _, rest = scope.partition(":")
    name, _, actions = rest.rpartition(":")
    if user is None and not name.startswith(PUBLIC):
        return None
    allowed = actions.split(",") if user else ["pull"]
    return {"type": kind, "name": name, "actions": allowed}


def _base64(content: bytes) -> bytes:
    return base64.urlsafe_b64encode(content).rstrip(b"=")


@contextmanager
def serving(tokens: TokenServer) -> Iterator[str]:
    """Serve tokens, and yield the URL."""
    with _Server(tokens) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}/token"
        finally:
            server.shutdown()
            thread.join()


class _Server(ThreadingHTTPServer):
    def __init__(self, tokens: TokenServer) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.tokens = tokens


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_GET(self) -> None:  # the standard library's name
        """Answer a login by basic authentication, or nobody's."""
        query = parse_qs(urlsplit(self.path).query)
        user = None
        _, _, encoded = self.headers.get("Authorization", "").partition(" ")
        if encoded:
            user, _, password = base64.b64decode(encoded).decode().partition(":")
            if self.server.tokens.users.get(user) != password:
                self._answer(HTTPStatus.UNAUTHORIZED, {"details": "incorrect password"})
                return
        self._grant(user, query)

    def do_POST(self) -> None:  # the standard library's name
        """Answer a login by OAuth 2: a refresh token, or a password."""
        form = parse_qs(self._form().decode())
        users, kind = self.server.tokens.users, form.get("grant_type")
        user = form.get("username", [""])[0]
        if kind == ["refresh_token"] and form.get("refresh_token") == [self.server.tokens.refresh]:
            self._grant(next(iter(users)), form)
        elif kind == ["password"] and user in users and form.get("password") == [users[user]]:
            self._grant(user, form)
        else:
            self._answer(HTTPStatus.UNAUTHORIZED, {"error": "invalid_grant"})

    def _grant(self, user: str | None, asked: dict[str, list[str]]) -> None:
        scopes = [scope for text in asked.get("scope", []) for scope in text.split()]
        token = self.server.tokens.token(user, scopes)
        fields = {"token": token, "access_token": token, "expires_in": _SECONDS}
        self._answer(HTTPStatus.OK, fields)

    def _form(self) -> bytes:
        """Read the form, which some clients send in chunks."""
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", "0")))
        content = b""
        while size := int(self.rfile.readline().partition(b";")[0], 16):
            content += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return content

    def _answer(self, status: HTTPStatus, fields: dict[str, Any]) -> None:
        content = json.dumps(fields).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    @override
    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""
