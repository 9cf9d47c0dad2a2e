"""Amazon's registries: whose addresses they are, and tokens from an API of the real shape."""

from __future__ import annotations

import base64
import itertools
import json
import logging
import re
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from botocore import exceptions
from botocore.stub import Stubber
from hypothesis import given
from hypothesis import strategies as st
from moto.server import ThreadedMotoServer

from tests.formats.secrecy import MARK, assert_error_silent, assert_silent
from wharfinger import Credential, InvalidAddress, RegistryAddress, Secret, WharfingerError
from wharfinger.sources import (
    AWSIdentity,
    CredentialSource,
    ECRSource,
    Issued,
    SourceError,
    retrying,
)
from wharfinger.sources._aws_errors import explained
from wharfinger.sources._ecr_hosts import ECRHost, read_host

ACCOUNT = "123456789012"
OTHER = "210987654321"
ANYBODY = AWSIdentity()
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
HALF_DAY = timedelta(hours=12)


def at(text: str) -> RegistryAddress:
    return RegistryAddress.parse(text)


def ecr(account: str = ACCOUNT, region: str = "eu-west-1") -> RegistryAddress:
    return at(f"{account}.dkr.ecr.{region}.amazonaws.com")


# Addresses.

HOSTS = [
    ("123456789012.dkr.ecr.us-east-1.amazonaws.com", "us-east-1", False),
    ("123456789012.DKR.ECR.us-east-1.AmazonAWS.com:443", "us-east-1", False),
    ("123456789012.dkr.ecr-fips.us-gov-west-1.amazonaws.com", "us-gov-west-1", True),
    ("123456789012.dkr.ecr.ap-southeast-7.amazonaws.com", "ap-southeast-7", False),
    ("123456789012.dkr-ecr.eu-west-1.on.aws", "eu-west-1", False),
    ("123456789012.dkr-ecr-fips.us-east-2.on.aws", "us-east-2", True),
    ("123456789012.dkr.ecr.cn-northwest-1.amazonaws.com.cn", "cn-northwest-1", False),
    ("123456789012.dkr-ecr.cn-north-1.on.amazonwebservices.com.cn", "cn-north-1", False),
    ("123456789012.dkr.ecr.eusc-de-east-1.amazonaws.eu", "eusc-de-east-1", False),
    ("123456789012.dkr.ecr.us-iso-east-1.c2s.ic.gov", "us-iso-east-1", False),
    ("123456789012.dkr.ecr.us-isob-east-1.sc2s.sgov.gov", "us-isob-east-1", False),
    ("123456789012.dkr.ecr.eu-isoe-west-1.cloud.adc-e.uk", "eu-isoe-west-1", False),
    ("123456789012.dkr.ecr.us-isof-south-1.csp.hci.ic.gov", "us-isof-south-1", False),
]


@pytest.mark.parametrize(("text", "region", "fips"), HOSTS)
def test_every_partition_has_its_addresses(text: str, region: str, *, fips: bool) -> None:
    """R3, R21: account and region are the address's."""
    assert read_host(at(text)) == ECRHost(ACCOUNT, region, fips)


@pytest.mark.parametrize("text", ["public.ecr.aws", "Public.ECR.aws:443", "ecr-public.aws.com"])
def test_the_public_registry_is_one_region_s(text: str) -> None:
    host = read_host(at(text))
    assert host == ECRHost("", "us-east-1")
    assert host.is_public


NOBODY_S = [
    "x.dkr.ecr.us-east-1.amazonaws.com.evil.test",
    "123456789012.dkr.ecr.us-east-1.amazonaws.com.evil.test",
    "123456789012.dkr.ecr.us-east-1.amazonaws.com:5000",
    "123456789012.dkr.ecr.us-east-1.amazonaws.com:80",
    "evil.123456789012.dkr.ecr.us-east-1.amazonaws.com",
    "evil-123456789012.dkr.ecr.us-east-1.amazonaws.com",
    "12345678901.dkr.ecr.us-east-1.amazonaws.com",
    "1234567890123.dkr.ecr.us-east-1.amazonaws.com",
    "12345678901a.dkr.ecr.us-east-1.amazonaws.com",
    "123456789012.dkr.ecr.us-east-1.evilamazonaws.com",
    "123456789012.dkr.ecr.us-east-1.amazonaws.co",
    "123456789012.dkr.ecr.us-east-1.amazonaws.com.cn",
    "123456789012.dkr.ecr.cn-north-1.amazonaws.com",
    "123456789012.dkr.ecr.cn-north-1.on.aws",
    "123456789012.dkr.ecr.us-isob-east-1.c2s.ic.gov",
    "123456789012.dkr.ecr.eusc-de-east-1.amazonaws.com",
    "123456789012.dkr.ecr.us-east-1.amazonaws.eu",
    "123456789012.dkr.ecr.x.amazonaws.com",
    f"123456789012.dkr.ecr.us-{'e' * 61}.amazonaws.com",
    "123456789012.dkr.ecr.us-east-1.x.amazonaws.com",
    "123456789012.dkr.ecr.amazonaws.com",
    "123456789012.dkr.s3.us-east-1.amazonaws.com",
    "123456789012.dkr.ecrfips.us-east-1.amazonaws.com",
    "123456789012.dkrxecr.us-east-1.amazonaws.com",
    "api.ecr.us-east-1.amazonaws.com",
    "public.ecr.aws:5000",
    "public.ecr.aws.evil.test",
    "evil.public.ecr.aws",
    "amazonaws.com",
    "docker.io",
    "localhost:5000",
    "10.0.0.1",
]


@pytest.mark.parametrize("text", NOBODY_S)
def test_whole_addresses_alone_are_amazon_s(text: str) -> None:
    """R3, R19: neither a prefix, a suffix, another port nor another partition's region."""
    assert read_host(at(text)) is None
    assert ECRSource().token(at(text)) is None


SUFFIXES = {
    "amazonaws.com": r"(?!cn-|eusc-|us-iso|eu-isoe)\w+(-\w+)+",
    "on.aws": r"(?!cn-|eusc-|us-iso|eu-isoe)\w+(-\w+)+",
    "amazonaws.com.cn": r"cn-\w+(-\w+)*",
    "on.amazonwebservices.com.cn": r"cn-\w+(-\w+)*",
    "amazonaws.eu": r"eusc-\w+(-\w+)*",
    "c2s.ic.gov": r"us-iso-\w+(-\w+)*",
    "sc2s.sgov.gov": r"us-isob-\w+(-\w+)*",
    "cloud.adc-e.uk": r"eu-isoe-\w+(-\w+)*",
    "csp.hci.ic.gov": r"us-isof-\w+(-\w+)*",
}


def belongs(address: RegistryAddress) -> bool:
    """The grammar once more, label by label."""
    if address.port != 443:
        return False
    labels = address.host.split(".")
    if address.host in {"public.ecr.aws", "ecr-public.aws.com"}:
        return True
    account, *rest = labels
    if rest[:1] == ["dkr"] and len(rest) > 1:
        rest = [f"dkr-{rest[1]}", *rest[2:]]
    if not re.fullmatch("[0-9]{12}", account) or len(rest) < 3:
        return False
    service, region, *domain = rest
    return (
        service in {"dkr-ecr", "dkr-ecr-fips"}
        and len(region) <= 63
        and bool(re.fullmatch(SUFFIXES.get(".".join(domain), "$^"), region, re.ASCII))
        and "_" not in region
        and region[0].isalpha()
    )


PIECES = st.sampled_from(
    [
        *("123456789012", "dkr", "ecr", "dkr-ecr", "ecr-fips", "us-east-1", "cn-north-1", "on.aws"),
        *("amazonaws.com", "amazonaws.eu", "cn", "evil.test", "public", "aws", "c2s.ic.gov", "-"),
        *("us-iso-east-1", "us-isob-east-1", ":443", ":5000", "1", "a", ".", "eusc-de-east-1"),
    ]
)
NEAR = st.builds(
    lambda text, cut, put: text[: cut % len(text)] + put + text[(cut * 7) % len(text) :],
    st.sampled_from([text for text, _, _ in HOSTS] + NOBODY_S),
    st.integers(0, 1000),
    st.one_of(PIECES, st.text("ab0.-:1", max_size=3)),
)


@given(st.one_of(NEAR, st.lists(PIECES, min_size=1, max_size=9).map(".".join)))
def test_no_other_address_is_amazon_s(text: str) -> None:
    """R3, R19: two grammars agree on whatever looks alike."""
    try:
        address = at(text)
    except InvalidAddress:
        return
    assert (read_host(address) is not None) == belongs(address)


@given(
    st.sampled_from([text for text, _, _ in HOSTS] + ["public.ecr.aws"]),
    st.from_regex(r"[a-z0-9]([a-z0-9-]{0,8}[a-z0-9])?", fullmatch=True),
)
def test_nothing_can_be_put_around_an_address(text: str, label: str) -> None:
    """R19: `x.<host>`, `<host>.x`, `<host>x` and `<host>-x` are nobody's, whatever x is."""
    for changed in (f"{label}.{text}", f"{text}.{label}", f"{text}-{label}", f"{text}x{label}"):
        try:
            address = at(changed.replace(":443", ""))
        except InvalidAddress:
            continue
        # China's domains go on where others end; their regions don't.
        assert read_host(address) is None or belongs(address)
        assert not address.host.endswith(f".{label}") or label == "cn" or read_host(address) is None


# Tokens.


@pytest.fixture(autouse=True)
def _aws(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nobody's AWS configuration but this."""
    for name in ("AWS_PROFILE", "AWS_ENDPOINT_URL", "AWS_SESSION_TOKEN", "AWS_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "made-up")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))


@pytest.fixture(scope="module")
def moto() -> Iterator[str]:
    """An API of the real shape."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


class Api:
    """An API that answers what it is told to, and notes what it was asked."""

    def __init__(self) -> None:
        self.status, self.answer = 200, answer_of()
        self.asked: list[str] = []
        self.keys: list[str] = []
        self.may_answer = threading.Event()
        self.may_answer.set()
        api = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length", 0)))
                api.asked.append(self.headers["X-Amz-Target"])
                found = re.search("Credential=([^/]+)/", self.headers["Authorization"])
                api.keys.append(found[1] if found else "")
                api.may_answer.wait(60)
                content = json.dumps(api.answer).encode()
                self.send_response(api.status)
                self.send_header("Content-Type", "application/x-amz-json-1.1")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                with suppress(OSError):  # nobody waits for it any longer
                    self.wfile.write(content)

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,))
        self.thread.start()

    def stop(self) -> None:
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


def answer_of(
    login: str | bytes = f"AWS:{MARK}",
    *,
    endpoint: str | None = f"https://{ecr()}",
    ends: datetime | None = NOON + HALF_DAY,
    **more: object,
) -> dict[str, Any]:
    coded = login if isinstance(login, str) else login.decode("latin-1")
    data: dict[str, object] = {
        "authorizationToken": base64.b64encode(coded.encode("latin-1")).decode()
    }
    if endpoint is not None:
        data["proxyEndpoint"] = endpoint
    if ends is not None:
        data["expiresAt"] = ends.timestamp()
    return {"authorizationData": [{**data, **more}]}


@pytest.fixture
def api() -> Iterator[Api]:
    running = Api()
    yield running
    running.stop()


def source(
    api: Api,
    identities: dict[str, AWSIdentity] | None = None,
    default: AWSIdentity | None = ANYBODY,
) -> ECRSource:
    return ECRSource(identities, default=default, endpoint_url=api.url, clock=lambda: NOON)


def test_it_is_a_source() -> None:
    assert isinstance(ECRSource(), CredentialSource)


def test_a_token_is_issued_by_an_api_of_the_real_shape(
    moto: str, caplog: pytest.LogCaptureFixture
) -> None:
    """R21: its end is in 2015, so twelve hours are assumed, and that is said."""
    before = datetime.now(UTC)
    with caplog.at_level(logging.WARNING, "wharfinger"):
        issued = ECRSource(endpoint_url=moto).issue(ecr())
    after = datetime.now(UTC)
    assert issued.credential == Credential("AWS", Secret(f"{ACCOUNT}-auth-token"))
    assert issued.expires_at is not None
    assert before + HALF_DAY <= issued.expires_at <= after + HALF_DAY
    [record] = caplog.records
    assert record.getMessage() == "its end is past or not told, so 12 hours are assumed"
    assert vars(record)["wharfinger"]["token"] == "ecr 123456789012 eu-west-1"
    assert f"{ACCOUNT}-auth-token" not in str(vars(record))


def test_many_accounts_and_regions_at_once(moto: str) -> None:
    """R21: each by the role of its own account, from several threads."""
    accounts = [f"{number:012}" for number in range(1, 5)]
    regions = ["eu-west-1", "us-east-1", "ap-southeast-2"]
    shared = ECRSource(
        default=AWSIdentity(role="arn:aws:iam::{account}:role/pull"), endpoint_url=moto
    )
    wanted = [(account, region) for account in accounts for region in regions]
    found: dict[tuple[str, str], str] = {}

    def ask(account: str, region: str) -> None:
        issued = shared.issue(ecr(account, region))
        found[account, region] = issued.credential.secret.reveal()

    threads = [threading.Thread(target=ask, args=pair) for pair in wanted]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {(account, region): f"{account}-auth-token" for account, region in wanted}


def test_one_token_is_one_account_s_and_region_s() -> None:
    """R21: of the names of one, classic and dual-stack are the same token; FIPS is another."""
    ours = ECRSource(
        {
            OTHER: AWSIdentity("audit"),
            str(ecr(OTHER, "us-west-2")): AWSIdentity("w"),
        }
    )
    names = {
        str(ecr()): "ecr 123456789012 eu-west-1",
        f"{ACCOUNT}.dkr-ecr.eu-west-1.on.aws": "ecr 123456789012 eu-west-1",
        f"{ACCOUNT}.dkr.ecr-fips.us-east-1.amazonaws.com": "ecr 123456789012 us-east-1 fips",
        str(ecr(OTHER, "us-west-2")): "ecr 210987654321 us-west-2 as w",
        str(ecr(OTHER)): "ecr 210987654321 eu-west-1 as audit",
        "public.ecr.aws": "ecr public us-east-1",
    }
    assert {text: ours.token(at(text)) for text in names} == names


def test_only_those_named_are_served_where_there_is_no_default(api: Api) -> None:
    ours = source(api, identities={OTHER: AWSIdentity()}, default=None)
    assert ours.token(ecr()) is None
    assert ours.token(ecr(OTHER)) == "ecr 210987654321 eu-west-1"
    with pytest.raises(SourceError, match="no registry of Amazon's that this source serves"):
        ours.issue(ecr())
    assert api.asked == []


def test_a_role_of_each_account_is_none_of_the_public_registry_s() -> None:
    ours = ECRSource(default=AWSIdentity(role="arn:aws:iam::{account}:role/pull"))
    assert ours.token(at("public.ecr.aws")) is None
    assert ours.token(ecr()) == (
        "ecr 123456789012 eu-west-1 as arn:aws:iam::123456789012:role/pull"
    )


def test_a_profile_is_asked_by_its_own_keys(api: Api, tmp_path: Path) -> None:
    (tmp_path / "credentials").write_text(
        "[audit]\naws_access_key_id = AKIAAUDIT\naws_secret_access_key = made-up\n"
    )
    ours = source(api, identities={ACCOUNT: AWSIdentity("audit")})
    ours.issue(ecr())
    ours.issue(ecr(OTHER))
    assert api.keys == ["AKIAAUDIT", "AKIAIOSFODNN7EXAMPLE"]


def test_keys_that_are_rotated_in_a_file_are_read_after_a_failure(api: Api, tmp_path: Path) -> None:
    """R21: a process that runs for years sees new keys."""
    keys = "[audit]\naws_access_key_id = {}\naws_secret_access_key = made-up\n"
    (tmp_path / "credentials").write_text(keys.format("AKIAOLD"))
    ours = source(api, default=AWSIdentity("audit"))
    ours.issue(ecr())
    (tmp_path / "credentials").write_text(keys.format("AKIANEW"))
    api.status, api.answer = 400, {"__type": "UnrecognizedClientException", "message": MARK}
    with pytest.raises(SourceError):
        ours.issue(ecr())
    api.status, api.answer = 200, answer_of()
    ours.issue(ecr())
    assert api.keys == ["AKIAOLD", "AKIAOLD", "AKIANEW"]


def test_a_client_is_made_once(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    ours = source(api)
    made: list[str] = []
    make = ECRSource._made

    def counted(self: ECRSource, session: object, service: str, host: ECRHost) -> object:
        made.append(f"{service} {host.region}")
        return make(self, session, service, host)

    monkeypatch.setattr(ECRSource, "_made", counted)
    for _ in range(3):
        ours.issue(ecr())
        ours.issue(ecr(OTHER))
    assert made == ["ecr eu-west-1"]


def test_one_thread_at_a_time_makes_clients(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """boto3's sessions are not for several threads."""
    inside: list[int] = []
    most: list[int] = []
    second = threading.Event()
    make = ECRSource._made

    def watched(self: ECRSource, session: object, service: str, host: ECRHost) -> object:
        inside.append(1)
        most.append(len(inside))
        if len(inside) > 1:
            second.set()
        second.wait(0.3)  # another thread gets in if it can
        made = make(self, session, service, host)
        inside.pop()
        return made

    monkeypatch.setattr(ECRSource, "_made", watched)
    ours = source(api)
    threads = [threading.Thread(target=ours.issue, args=(ecr(),)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1]
    assert len(api.asked) == 4


def test_the_public_registry_has_an_api_of_its_own(api: Api) -> None:
    """Its answer is no list, and names no endpoint."""
    api.answer = {"authorizationData": answer_of(endpoint=None)["authorizationData"][0]}
    issued = source(api).issue(at("public.ecr.aws"))
    assert issued == Issued(Credential("AWS", Secret(MARK)), NOON + HALF_DAY)
    assert api.asked == ["SpencerFrontendService.GetAuthorizationToken"]


def test_fips_is_asked_for_where_the_address_says_so() -> None:
    """An endpoint of one's own is asked as it is: boto3 refuses to have both."""
    hosts = [ECRHost(ACCOUNT, "us-east-1", fips) for fips in (False, True)]
    ours = ECRSource()
    assert [ours._client(host, ANYBODY).meta.endpoint_url for host in hosts] == [
        "https://api.ecr.us-east-1.amazonaws.com",
        "https://ecr-fips.us-east-1.amazonaws.com",
    ]
    own = ECRSource(endpoint_url="http://127.0.0.1:9")
    assert own._client(hosts[1], ANYBODY).meta.endpoint_url == "http://127.0.0.1:9"


@pytest.mark.parametrize(
    ("ends", "expected"),
    [
        (NOON + timedelta(hours=5), NOON + timedelta(hours=5)),
        (NOON + HALF_DAY, NOON + HALF_DAY),
        (NOON + timedelta(hours=20), NOON + HALF_DAY),
        (NOON, NOON + HALF_DAY),
        (NOON - timedelta(seconds=1), NOON + HALF_DAY),
        (None, NOON + HALF_DAY),
    ],
)
def test_an_end_is_in_twelve_hours_at_most(
    api: Api, caplog: pytest.LogCaptureFixture, ends: datetime | None, expected: datetime
) -> None:
    """R21: one that is past is the clock's error, and so is one that is later."""
    api.answer = answer_of(ends=ends)
    issued = source(api).issue(ecr())
    assert issued.expires_at == expected
    assert issued.expires_at.utcoffset() == timedelta()
    assert bool(caplog.records) == (ends is None or ends <= NOON)


def test_an_end_without_a_time_zone_is_in_utc() -> None:
    """R21: whatever a stub or an old boto3 gives."""
    ours = ECRSource(clock=NOON.astimezone)
    told = {"expiresAt": datetime(2026, 3, 1, 20)}  # noqa: DTZ001  # what is tested
    assert ours._end(told, "t") == datetime(2026, 3, 1, 20, tzinfo=UTC)


@pytest.mark.parametrize("told", ["9999-12-31T23:59:59-12:00", "0001-01-01T00:00:00+12:00"])
def test_an_end_that_utc_has_no_day_for_is_in_twelve_hours(api: Api, told: str) -> None:
    """R21: it is past, or later than any token's."""
    api.answer = answer_of(expiresAt=told)
    assert source(api).issue(ecr()).expires_at == NOON + HALF_DAY
    end = {"expiresAt": datetime.fromisoformat(told)}
    assert source(api)._end(end, "t") == NOON + HALF_DAY


def test_an_end_is_told_in_utc(api: Api) -> None:
    api.answer = answer_of(expiresAt="2026-03-01T18:00:00+02:00")
    end = source(api).issue(ecr()).expires_at
    assert end == datetime(2026, 3, 1, 16, tzinfo=UTC)
    assert end.utcoffset() == timedelta()


@pytest.mark.parametrize(
    "told", [-62135596800, 253402300799, 1e18, -1e18, 1e308, "0001-01-01T00:00:00", MARK, {}, True]
)
def test_an_end_that_is_none_overflows_nothing(api: Api, told: object) -> None:
    """R20: it is 12 hours, or the error of a source."""
    api.answer = answer_of(expiresAt=told)
    try:
        issued = source(api).issue(ecr())
    except SourceError as error:
        assert_error_silent(error)
    else:
        assert issued.expires_at == NOON + HALF_DAY


@pytest.mark.parametrize(
    ("answer", "passing"),
    [
        ({"authorizationData": []}, True),
        ({}, True),
        ({"authorizationData": [{}]}, True),
        ({"authorizationData": answer_of()["authorizationData"] * 2}, True),
        (answer_of(authorizationToken=""), True),
        (answer_of(authorizationToken=MARK + "!"), False),
        (answer_of(authorizationToken="QVdTOn" + "\n" + "g="), False),
        (answer_of(f"aws:{MARK}"), False),
        (answer_of(f"AWS{MARK}"), False),
        (answer_of(f"{MARK}:AWS"), False),
        (answer_of("AWS:"), False),
        (answer_of(f"AWS:{MARK} x"), False),
        (answer_of(f"AWS:{MARK}\n"), False),
        (answer_of(b"AWS:\xff" + MARK.encode()), False),
        (answer_of(endpoint=None), False),
        (answer_of(endpoint=f"https://{ecr(region='us-east-1')}"), False),
        (answer_of(endpoint=f"https://{ecr()}.evil.test"), False),
        (answer_of(endpoint=f"http://{ecr()}"), False),
        (answer_of(endpoint=f"https://{MARK}@{ecr()}"), False),
        (answer_of(endpoint=f"https://{ecr()}/{MARK}"), False),
        (answer_of(endpoint=str(ecr())), False),
    ],
)
def test_an_answer_that_is_none_is_refused(
    api: Api, answer: dict[str, object], *, passing: bool
) -> None:
    """R19, R20: strictly read, and nothing of it told."""
    api.answer = answer
    with pytest.raises(SourceError) as caught:
        source(api).issue(ecr())
    assert caught.value.passing is passing
    assert str(ecr()) in str(caught.value)
    assert_error_silent(caught.value)


def test_an_answer_may_be_of_the_identity_s_own_account(api: Api) -> None:
    """R19: the token opens what the identity may use, in that region; the region is compared."""
    api.answer = answer_of(endpoint=f"https://{ecr(OTHER)}")
    assert source(api).issue(ecr()).credential.secret.reveal() == MARK
    api.answer = answer_of(endpoint=f"https://{ACCOUNT}.dkr.ecr.cn-north-1.amazonaws.com.cn")
    china = at(f"{OTHER}.dkr-ecr.cn-north-1.on.amazonwebservices.com.cn")
    assert source(api).issue(china).credential.username == "AWS"


REFUSALS = [
    (400, "ThrottlingException", True, "busy"),
    (429, MARK, True, "busy"),
    (500, "ServerException", True, "busy"),
    (503, MARK, True, "busy"),
    (400, "AccessDeniedException", False, "allow it ecr:GetAuthorizationToken"),
    (400, "UnrecognizedClientException", False, "AWS credentials that are valid"),
    (400, "ExpiredTokenException", False, "AWS credentials that are valid"),
    (400, "InvalidSignatureException", False, "the clock of this machine"),
    (400, MARK, False, "with HTTP status 400"),
]


@pytest.mark.parametrize(("status", "code", "passing", "told"), REFUSALS)
def test_what_amazon_refuses_is_told_in_our_words(
    api: Api, caplog: pytest.LogCaptureFixture, status: int, code: str, *, passing: bool, told: str
) -> None:
    """R20: what is passing is tried again, what is not says what to do; never Amazon's message."""
    api.status, api.answer = status, {"__type": code, "message": f"{MARK} is not authorized"}
    with caplog.at_level(logging.DEBUG), pytest.raises(SourceError) as caught:
        source(api).issue(ecr())
    assert caught.value.passing is passing
    assert told in str(caught.value)
    assert_error_silent(caught.value)
    assert len(api.asked) == 1  # boto3 does not try again by itself
    assert MARK not in caplog.text


def test_a_refused_role_is_told(moto: str) -> None:
    """By botocore's own stubs: STS denies, and its message names everything."""
    role = AWSIdentity(role=f"arn:aws:iam::{OTHER}:role/pull")
    ours = ECRSource(default=role, endpoint_url=moto)
    host = read_host(ecr())
    assert host is not None
    ours._client(host, role)
    [sts] = ours._clients.values()
    with Stubber(sts) as stubber:
        stubber.add_client_error("assume_role", "AccessDenied", MARK, 403)
        with pytest.raises(SourceError) as caught:
            ours.issue(ecr())
    assert "allow it sts:AssumeRole" in str(caught.value)
    assert not caught.value.passing
    assert_error_silent(caught.value)


def test_stubs_of_botocore_s_give_the_same(moto: str) -> None:
    """The answers and faults that the API's model allows."""
    ours = ECRSource(endpoint_url=moto, clock=lambda: NOON)
    host = read_host(ecr())
    assert host is not None
    client = ours._client(host, AWSIdentity())
    with Stubber(client) as stubber:
        data = {**answer_of()["authorizationData"][0], "expiresAt": NOON + HALF_DAY}
        stubber.add_response("get_authorization_token", {"authorizationData": [data]}, {})
        stubber.add_client_error("get_authorization_token", "Throttling", MARK, 400)
        assert ours.issue(ecr()) == Issued(Credential("AWS", Secret(MARK)), NOON + HALF_DAY)
        with pytest.raises(SourceError) as caught:
            ours.issue(ecr())
    assert caught.value.passing


RAISED = [
    (exceptions.MetadataRetrievalError(error_msg=MARK), True, "see whether it works alone"),
    (
        exceptions.CredentialRetrievalError(provider="process", error_msg=MARK),
        True,
        "see whether it works alone",
    ),
    (exceptions.SSLError(endpoint_url="https://x", error=MARK), False, "set AWS_CA_BUNDLE"),
    (exceptions.ProxyConnectionError(proxy_url=f"http://{MARK}@x"), True, "could not be reached"),
    (exceptions.PartialCredentialsError(provider="env", cred_var=MARK), False, "half of them"),
    (exceptions.UnauthorizedSSOTokenError(), False, "run `aws sso login`"),
    (exceptions.TokenRetrievalError(provider="sso", error_msg=MARK), False, "run `aws sso login`"),
    (ValueError(MARK), False, "boto3 raised ValueError"),
]


@pytest.mark.parametrize(("error", "passing", "told"), RAISED)
def test_what_boto3_raises_is_told_in_our_words(
    error: Exception, *, passing: bool, told: str
) -> None:
    made = explained(error, "no token", public=False)
    assert made.passing is passing
    assert told in str(made)
    assert_silent(made)


@pytest.mark.parametrize(
    ("operation", "code", "public", "passing", "told"),
    [
        ("AssumeRole", "AccessDenied", True, False, "allow it sts:AssumeRole"),
        ("GetAuthorizationToken", "AccessDenied", True, False, "sts:GetServiceBearerToken"),
        ("GetAuthorizationToken", "AccessDenied", False, False, "on every resource"),
        (MARK, "AccessDenied", False, False, "denies a call to this identity; allow it"),
        ("AssumeRole", "RegionDisabledException", False, False, "enable the region"),
        ("AssumeRole", "RequestExpired", False, False, "the clock of this machine"),
        ("AssumeRole", "SlowDown", False, True, "it is busy or failing"),
    ],
)
def test_a_refusal_is_told_by_what_was_asked(
    operation: str, code: str, told: str, *, public: bool, passing: bool
) -> None:
    answer = {
        "Error": {"Code": code, "Message": MARK},
        "ResponseMetadata": {"HTTPStatusCode": 400},
    }
    made = explained(exceptions.ClientError(answer, operation), "no token", public=public)
    assert made.passing is passing
    assert told in str(made)
    assert_silent(made)


def test_one_that_is_not_there_is_passing(api: Api) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        api.url = f"http://127.0.0.1:{closed.getsockname()[1]}"
    with pytest.raises(SourceError, match="could not be reached") as caught:
        source(api).issue(ecr())
    assert caught.value.passing


def test_one_that_does_not_answer_is_passing(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wharfinger.sources.ecr._READ_SECONDS", 0.2)
    api.may_answer.clear()
    with pytest.raises(SourceError, match="took too long") as caught:
        source(api).issue(ecr())
    api.may_answer.set()
    assert caught.value.passing
    assert len(api.asked) == 1


def test_missing_credentials_and_profiles_are_told(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    for identity, told in [
        (AWSIdentity(), "there are no AWS credentials"),
        (AWSIdentity("gone"), "has no such profile"),
    ]:
        with pytest.raises(SourceError, match=told) as caught:
            source(api, default=identity).issue(ecr())
        assert not caught.value.passing
    assert api.asked == []


def test_what_is_passing_is_tried_again_by_stamina(api: Api) -> None:
    import stamina

    api.status, api.answer = 400, {"__type": "ThrottlingException", "message": MARK}
    with stamina.set_testing(True, attempts=3), pytest.raises(SourceError):
        retrying(source(api)).issue(ecr())
    assert len(api.asked) == 3


def test_no_log_holds_a_token_even_at_debug(api: Api, caplog: pytest.LogCaptureFixture) -> None:
    """R9: botocore logs whole answers at DEBUG, the control shows; not while we ask."""
    import boto3

    shown = json.dumps(answer_of())[30:80]
    with caplog.at_level(logging.DEBUG):
        issued = source(api).issue(ecr())
        assert issued.credential.secret.reveal() == MARK
        assert MARK not in caplog.text
        assert shown not in caplog.text
        caplog.clear()
        boto3.client("ecr", "eu-west-1", endpoint_url=api.url).get_authorization_token()
        assert shown in caplog.text
    assert_silent(issued)


def test_nothing_of_a_source_shows_keys(api: Api) -> None:
    ours = source(api)
    ours.issue(ecr())
    assert "made-up" not in repr(ours) + repr(vars(ours))
    assert_silent(vars(ours))


def test_without_boto3_it_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "boto3", None)
    with pytest.raises(WharfingerError) as caught:
        ECRSource()
    assert str(caught.value) == "ECRSource needs boto3: pip install 'wharfinger[ecr]'"
    assert isinstance(caught.value, ImportError)


@pytest.mark.parametrize(
    "key", ["12345678901", "quay.io", "", "123456789012 ", f"https://{ecr()}", "*"]
)
def test_an_identity_is_an_account_s_or_an_address_s(key: str) -> None:
    with pytest.raises(ValueError, match="twelve digits"):
        ECRSource({key: AWSIdentity()})


@pytest.mark.parametrize(
    "role",
    [
        "pull",
        "",
        "arn:aws:iam::123456789012:user/pull",
        "arn:aws:iam::12:role/pull",
        "arn:aws:iam::123456789012:role/",
        "arn:aws:iam::123456789012:role/pull\n",
    ],
)
def test_a_role_is_its_arn(role: str) -> None:
    with pytest.raises(ValueError, match="a role is its ARN"):
        AWSIdentity(role=role)


@pytest.mark.parametrize("profile", ["", "a\nb"])
def test_a_profile_can_be_printed(profile: str) -> None:
    with pytest.raises(ValueError, match="a profile has a name"):
        AWSIdentity(profile)


@pytest.mark.parametrize(
    ("identities", "endpoint", "raised"),
    [
        ({f"u:{MARK}@{ecr()}": ANYBODY}, None, "twelve digits"),
        ({f"u:{MARK}@quay.io": ANYBODY}, None, "twelve digits"),
        (None, f"u:{MARK}@localhost", "an endpoint is a URL"),
        (None, f"https://u:{MARK}@localhost", "no user information"),
    ],
)
def test_user_information_is_refused_and_shows_nowhere(
    identities: dict[str, AWSIdentity] | None, endpoint: str | None, raised: str
) -> None:
    """R9: neither in the message nor in a frame of the traceback."""
    with pytest.raises(ValueError, match=raised) as caught:
        ECRSource(identities, endpoint_url=endpoint)
    assert_error_silent(caught.value)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"identities": {ACCOUNT: MARK}}, r"an identity is AWSIdentity\(profile=…\).*not str"),
        ({"identities": {ACCOUNT: None}}, "an identity is AWSIdentity.*not NoneType"),
        ({"default": MARK}, "an identity is AWSIdentity.*not str"),
        ({"default": AWSIdentity}, "an identity is AWSIdentity.*not type"),
        ({"identities": [MARK]}, "identities are a mapping.*not list"),
        ({"identities": []}, "identities are a mapping.*not list"),
        ({"identities": MARK}, "identities are a mapping.*not str"),
        ({"identities": {MARK.encode(): ANYBODY}}, "an account or an address as str, not bytes"),
        ({"identities": {int(ACCOUNT): ANYBODY}}, "an account or an address as str, not int"),
        ({"endpoint_url": MARK.encode()}, "an endpoint is a str, not bytes"),
    ],
    ids=itertools.count(),
)
def test_what_is_no_identity_is_refused_at_once(options: dict[str, Any], told: str) -> None:
    """R20: not when the first token is asked for."""
    with pytest.raises(TypeError, match=told) as caught:
        ECRSource(**options)
    assert_error_silent(caught.value)


@pytest.mark.parametrize("what", ["profile", "role"])
def test_what_makes_an_identity_is_text(what: str) -> None:
    with pytest.raises(TypeError, match=f"a {what} is a str, not bytes"):
        AWSIdentity(**{what: b"x"})  # type: ignore[arg-type]  # what is tested
