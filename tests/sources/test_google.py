"""Google's registries: whose addresses they are, and tokens from an endpoint of one's own."""

from __future__ import annotations

import base64
import json
import logging
import os
import sys
import threading
import time
import urllib.parse
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from hypothesis import given
from hypothesis import strategies as st

from tests.formats.secrecy import MARK, assert_error_silent, assert_silent
from wharfinger import (
    Credential,
    InvalidAddress,
    InvalidCredential,
    RegistryAddress,
    Secret,
    WharfingerError,
)
from wharfinger.sources import CredentialSource, GoogleSource, SourceError
from wharfinger.sources._google_hosts import is_google

EMAIL = "pull@acme.iam.gserviceaccount.com"
PKG = RegistryAddress.parse("europe-west1-docker.pkg.dev")


def at(text: str) -> RegistryAddress:
    return RegistryAddress.parse(text)


# Addresses.

GOOGLE = [
    "gcr.io",
    "GCR.io:443",
    "us.gcr.io",
    "eu.gcr.io",
    "asia.gcr.io",
    "marketplace.gcr.io",
    "staging-k8s.gcr.io",
    "us-docker.pkg.dev",
    "europe-docker.pkg.dev",
    "asia-docker.pkg.dev",
    "us-west1-docker.pkg.dev",
    "northamerica-northeast1-docker.pkg.dev",
]
NOBODY_S = [
    "gcr.io.evil.test",
    "evilgcr.io",
    "evil-gcr.io",
    "evil.gcr.io",
    "us.gcr.io:5000",
    "k8s.gcr.io",
    "mirror.gcr.io",
    "docker.pkg.dev",
    "x-docker.pkg.dev:8443",
    "us-docker.pkg.dev.evil.test",
    "us-docker.evilpkg.dev",
    "evil.us-docker.pkg.dev",
    "us-python.pkg.dev",
    "us-docker-pkg.dev",
    "usdocker.pkg.dev",
    "1-docker.pkg.dev",
    "us--west1-docker.pkg.dev",
    "pkg.dev",
    "docker.pkg.github.com",
    "google.com",
    "docker.io",
]


@pytest.mark.parametrize("text", GOOGLE)
def test_google_s_registries_have_one_token(text: str) -> None:
    """R22: regions of gcr.io and of pkg.dev."""
    assert is_google(at(text))
    assert GoogleSource().token(at(text)) == "google"


@pytest.mark.parametrize("text", NOBODY_S)
def test_whole_addresses_alone_are_google_s(text: str) -> None:
    """R3, R19: neither a prefix, a suffix nor another port."""
    assert not is_google(at(text))
    assert GoogleSource().token(at(text)) is None
    with pytest.raises(SourceError, match="is no registry of Google's"):
        GoogleSource().issue(at(text))


@given(
    st.sampled_from(GOOGLE).map(str.lower).map(lambda text: text.removesuffix(":443")),
    st.from_regex(r"[a-z0-9]([a-z0-9-]{0,8}[a-z0-9])?", fullmatch=True),
    st.integers(1, 65535),
)
def test_nothing_can_be_put_around_an_address(text: str, label: str, port: int) -> None:
    """R19: whatever it is, but for what makes a region of another."""
    regional = text.endswith("-docker.pkg.dev")
    for changed in (
        f"{label}.{text}",
        f"{text}.{label}",
        f"{text}-{label}",
        f"{text}{label}",
        f"{text}:{port}",
        text if regional else f"{label}{text}",
        text if regional else f"{label}-{text}",
    ):
        try:
            address = at(changed)
        except InvalidAddress:
            continue
        assert not is_google(address) or str(address) in {text, *map(str.lower, GOOGLE)}


# Tokens.


class Endpoint:
    """Google's token endpoint, which answers what it is told to."""

    def __init__(self) -> None:
        self.status: int = 200
        self.answer: object = {"access_token": MARK, "expires_in": 3599, "token_type": "Bearer"}
        self.asked: list[dict[str, str]] = []
        self.may_answer = threading.Event()
        self.may_answer.set()
        endpoint = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                form = self.rfile.read(int(self.headers["Content-Length"])).decode()
                endpoint.asked.append(dict(urllib.parse.parse_qsl(form)))
                endpoint.may_answer.wait(60)
                content = json.dumps(endpoint.answer).encode()
                self.send_response(endpoint.status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                with suppress(OSError):  # nobody waits for it any longer
                    self.wfile.write(content)

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/token"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,))
        self.thread.start()

    def stop(self) -> None:
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    running = Endpoint()
    yield running
    running.stop()


@pytest.fixture(scope="module")
def private_key() -> rsa.RSAPrivateKey:
    """A throw-away key."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@pytest.fixture(autouse=True)
def _google(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nobody's configuration, and no metadata server."""
    monkeypatch.delenv("GOOGLE_APPLICATION_CREDENTIALS", raising=False)
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path))
    monkeypatch.setenv("NO_GCE_CHECK", "true")
    # Not to wait between its own three tries.
    monkeypatch.setattr("google.auth._exponential_backoff.time.sleep", lambda _: None)


@pytest.fixture
def key_text(endpoint: Endpoint, private_key: rsa.RSAPrivateKey) -> str:
    pem = private_key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return json.dumps(
        {
            "type": "service_account",
            "project_id": "acme",
            "private_key_id": "1f2e",
            "private_key": pem.decode(),
            "client_email": EMAIL,
            "token_uri": endpoint.url,
        }
    )


@pytest.fixture
def key_file(tmp_path: Path, key_text: str) -> Path:
    path = tmp_path / "pull.json"
    path.write_text(key_text)
    return path


def part(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


@pytest.fixture
def _far_away(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A machine whose time is not UTC."""
    with monkeypatch.context() as there:
        there.setenv("TZ", "Asia/Tokyo")
        time.tzset()
        yield
    time.tzset()


@pytest.mark.usefixtures("_far_away")
@pytest.mark.parametrize("scopes", [["https://scope.test/read"], "https://scope.test/read"])
def test_a_key_is_exchanged_for_a_token(
    endpoint: Endpoint, key_text: str, private_key: rsa.RSAPrivateKey, scopes: list[str] | str
) -> None:
    """R22: signed by the key, for the scope alone; the key itself stays here."""
    source = GoogleSource(Secret(key_text), scopes=scopes)
    assert isinstance(source, CredentialSource)
    assert source.token(PKG) == f"google {EMAIL}"
    before = datetime.now(UTC)
    issued = source.issue(PKG)
    assert issued.credential == Credential("oauth2accesstoken", Secret(MARK))
    issued.credential.check()
    assert issued.expires_at is not None
    assert issued.expires_at.utcoffset() == timedelta()
    life = issued.expires_at - before
    assert timedelta(seconds=3590) < life < timedelta(seconds=3660)

    [form] = endpoint.asked
    assert form["grant_type"] == "urn:ietf:params:oauth:grant-type:jwt-bearer"
    signed, _, signature = form["assertion"].rpartition(".")
    private_key.public_key().verify(
        part(signature), signed.encode(), padding.PKCS1v15(), hashes.SHA256()
    )
    claims = json.loads(part(signed.partition(".")[2]))
    assert claims["iss"] == EMAIL
    assert claims["scope"] == "https://scope.test/read"
    assert "PRIVATE" not in str(endpoint.asked)


def test_every_token_is_a_new_one(endpoint: Endpoint, key_file: Path) -> None:
    """R21: nothing is kept that could be near its end; and a key that was replaced is read."""
    source = GoogleSource(key_file=key_file)
    assert source.token(PKG) == f"google {key_file}"
    source.issue(PKG)
    endpoint.answer = {"access_token": "second", "expires_in": 60}
    key_file.write_text(f"\ufeff{key_file.read_text()}", encoding="utf-8")
    assert source.issue(at("gcr.io")).credential.secret.reveal() == "second"
    assert len(endpoint.asked) == 2


def test_application_default_credentials(
    endpoint: Endpoint, key_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(key_file))
    issued = GoogleSource().issue(PKG)
    assert issued.credential.secret.reveal() == MARK
    assert len(endpoint.asked) == 1


def test_without_default_credentials_it_says_where_they_come_from() -> None:
    with pytest.raises(SourceError, match="GOOGLE_APPLICATION_CREDENTIALS") as caught:
        GoogleSource().issue(PKG)
    assert not caught.value.passing


def test_threads_share_it(endpoint: Endpoint, key_text: str) -> None:
    source = GoogleSource(Secret(key_text))
    found: list[str] = []
    threads = [
        threading.Thread(target=lambda: found.append(source.issue(PKG).credential.secret.reveal()))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [MARK] * 8
    assert len(endpoint.asked) == 8


REFUSALS = [
    (400, {"error": "invalid_grant", "error_description": MARK}, False, "Google refused it"),
    (401, {"error": MARK}, False, "Google refused it"),
    (403, MARK, False, "Google refused it"),
    (500, {"error": "internal_failure", "error_description": MARK}, True, "put it off"),
    (503, {"error": "server_error", "error_description": MARK}, True, "put it off"),
    (200, {"id_token": MARK}, False, "Google refused it"),
    (200, {"access_token": f"{MARK} x", "expires_in": 60}, False, "can't be used"),
    (200, {"access_token": "", "expires_in": 60}, False, "can't be used"),
    (200, {"access_token": [MARK], "expires_in": 60}, True, "has none"),
    (200, {"access_token": MARK, "expires_in": MARK}, False, "not repeated here"),
]


@pytest.mark.parametrize(("status", "answer", "passing", "told"), REFUSALS)
def test_what_google_refuses_is_told_in_our_words(
    endpoint: Endpoint,
    key_text: str,
    caplog: pytest.LogCaptureFixture,
    status: int,
    answer: object,
    *,
    passing: bool,
    told: str,
) -> None:
    """R20: what is passing may be tried again; what Google said is told nowhere."""
    endpoint.status, endpoint.answer = status, answer
    with caplog.at_level(logging.DEBUG), pytest.raises(SourceError) as caught:
        GoogleSource(Secret(key_text)).issue(PKG)
    assert told in str(caught.value)
    assert caught.value.passing is passing
    assert_error_silent(caught.value)
    assert MARK not in caplog.text


def test_one_that_is_not_there_is_passing(endpoint: Endpoint, key_text: str) -> None:
    gone = key_text.replace(endpoint.url, "http://127.0.0.1:1/token")
    with pytest.raises(SourceError, match="could not be reached") as caught:
        GoogleSource(Secret(gone)).issue(PKG)
    assert caught.value.passing


def test_one_that_does_not_answer_is_passing(
    endpoint: Endpoint, key_text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wharfinger.sources.google._SECONDS", 0.2)
    endpoint.may_answer.clear()
    with pytest.raises(SourceError, match="took too long") as caught:
        GoogleSource(Secret(key_text)).issue(PKG)
    endpoint.may_answer.set()
    assert caught.value.passing


def test_no_log_holds_a_token_even_at_debug(
    endpoint: Endpoint, key_text: str, caplog: pytest.LogCaptureFixture
) -> None:
    """R9: nor anything else of what is sent and received."""
    source = GoogleSource(Secret(key_text))
    with caplog.at_level(logging.DEBUG):
        issued = source.issue(PKG)
        logging.getLogger("google.auth.transport.requests").warning("control")
    assert [record.getMessage() for record in caplog.records] == ["control"]
    assert_silent(issued)
    assert_silent(endpoint.asked)


# Keys.


@pytest.mark.parametrize("text", ["", MARK, "{}", json.dumps({"type": "authorized_user"})])
def test_a_key_that_is_none_is_refused(text: str, tmp_path: Path) -> None:
    """R22: the same shape as for a registry whose username is `_json_key`."""
    with pytest.raises(InvalidCredential) as refused:
        GoogleSource(Secret(text))
    path = tmp_path / "key.json"
    path.write_text(text)
    with pytest.raises(SourceError, match="is no service account's key file") as caught:
        GoogleSource(key_file=path).issue(PKG)
    for error in (refused.value, caught.value):
        assert_error_silent(error)


def test_a_private_key_that_is_none_shows_nowhere() -> None:
    text = json.dumps(
        {
            "type": "service_account",
            "private_key": f"-----BEGIN PRIVATE KEY-----\n{MARK}\n-----END PRIVATE KEY-----\n",
            "client_email": EMAIL,
            "token_uri": "http://127.0.0.1:1",
        }
    )
    source = GoogleSource(Secret(text))
    with pytest.raises(SourceError, match="the private key can't be read") as caught:
        source.issue(PKG)
    assert not caught.value.passing
    assert_error_silent(caught.value)
    assert_silent((source, vars(source)))


def test_a_file_that_can_t_be_read_is_told(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="can't be read: No such file or directory"):
        GoogleSource(key_file=tmp_path / "gone.json").issue(PKG)
    (tmp_path / "latin").write_bytes(b"\xff" + MARK.encode())
    with pytest.raises(SourceError, match="is not UTF-8") as caught:
        GoogleSource(key_file=tmp_path / "latin").issue(PKG)
    assert_error_silent(caught.value)


def test_a_key_file_that_does_not_end_is_none(tmp_path: Path) -> None:
    """R20: neither is waited for who writes to a pipe, nor is memory filled."""
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "zero").symlink_to("/dev/zero")
    for name in ("pipe", "zero"):
        with pytest.raises(SourceError, match="the key file is no regular file") as caught:
            GoogleSource(key_file=tmp_path / name).issue(PKG)
        assert not caught.value.passing
    with pytest.raises(SourceError, match="can't be read: Is a directory"):
        GoogleSource(key_file=tmp_path).issue(PKG)


def test_a_key_file_has_its_size(endpoint: Endpoint, key_file: Path) -> None:
    """R20: to the byte."""
    text = key_file.read_text()
    source = GoogleSource(key_file=key_file)
    key_file.write_text(text.ljust(1 << 20))
    assert source.issue(PKG).credential.secret.reveal() == MARK
    key_file.write_text(text.ljust((1 << 20) + 1))
    with pytest.raises(SourceError, match="the key file has more than 1048576 bytes") as caught:
        source.issue(PKG)
    assert_error_silent(caught.value)
    assert len(endpoint.asked) == 1


def test_a_key_file_may_be_behind_a_link(endpoint: Endpoint, key_file: Path) -> None:
    """As kubelet mounts secrets."""
    link = key_file.with_name("link.json")
    link.symlink_to(key_file)
    assert GoogleSource(key_file=link).issue(PKG).credential.secret.reveal() == MARK
    assert len(endpoint.asked) == 1


@pytest.mark.parametrize("before", ["", " \n", "\ufeff", "\ufeff\n"])
@pytest.mark.parametrize("text", [f'{{"private_key": "{MARK}"}}', f"-----BEGIN KEY-----{MARK}"])
def test_a_key_s_text_is_no_path(before: str, text: str) -> None:
    """R9: a path is shown, in the names of tokens for one."""
    for key_file in (before + text, Path(before + text)):
        with pytest.raises(ValueError, match=r"goes into GoogleSource\(Secret") as caught:
            GoogleSource(key_file=key_file)
        assert_error_silent(caught.value)


@pytest.mark.parametrize("path", ["/etc/key\0.json", "/etc/\ud800.json"], ids=["nul", "half"])
def test_a_path_has_characters_of_a_path(path: str) -> None:
    with pytest.raises(ValueError, match="the path of a key file has U\\+0000, or another"):
        GoogleSource(key_file=path)


@pytest.mark.parametrize(
    ("path", "told"), [(b"key.json", "is a str, not bytes"), (3, "not int")], ids=["bytes", "int"]
)
def test_a_path_is_text(path: object, told: str) -> None:
    with pytest.raises(TypeError, match=told):
        GoogleSource(key_file=path)  # type: ignore[arg-type]  # what is tested


def test_a_key_is_given_once() -> None:
    with pytest.raises(ValueError, match="not both") as caught:
        GoogleSource(Secret("{}"), key_file="key.json")
    assert_error_silent(caught.value)


@pytest.mark.parametrize("package", ["google.auth.transport.requests", "requests"])
def test_without_its_packages_it_says_how_to_install_them(
    monkeypatch: pytest.MonkeyPatch, package: str
) -> None:
    for name in [name for name in sys.modules if name.startswith("google.auth.transport")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(WharfingerError) as caught:
        GoogleSource()
    assert str(caught.value) == (
        "GoogleSource needs google-auth and requests: pip install 'wharfinger[google]'"
    )
    assert isinstance(caught.value, ImportError)


@pytest.mark.parametrize(
    ("key", "key_file", "raised"),
    [
        (MARK, None, TypeError),
        (MARK.encode(), None, TypeError),
        (MARK, "key.json", ValueError),
        (Secret(MARK), MARK.encode(), ValueError),
    ],
    ids=["text", "bytes", "text and file", "file in bytes"],
)
def test_a_key_that_is_no_secret_shows_nowhere(
    key: object, key_file: object, raised: type[Exception]
) -> None:
    """R9: neither in the message nor in a frame of the traceback."""
    with pytest.raises(raised) as caught:
        GoogleSource(key, key_file=key_file)  # type: ignore[arg-type]  # what is tested
    assert_error_silent(caught.value)
