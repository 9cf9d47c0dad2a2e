"""What is given as a CA is refused or remarked on by name, before anything is written."""

from __future__ import annotations

import base64
import sys
import traceback
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from hypothesis import given
from hypothesis import strategies as st

from tests.hosts.authority import DAY, NOW, Wanted, der, private_key
from wharfinger._extras import MissingExtra
from wharfinger.hosts import CertificateRefused, TrustPlan, plan

ADDRESS = "registry.corp:5000"


def planned(ca: str | bytes, address: str = ADDRESS, runtime: str = "docker") -> TrustPlan:
    return plan(address, runtime=runtime, ca=ca, now=NOW)


def content(made: TrustPlan) -> str:
    step = made.as_dict()["steps"][0]  # type: ignore[index]
    text: str = step["content"]
    return text


def test_a_ca() -> None:
    """R23: a CA's certificate is written as it is, and nothing is remarked on."""
    pem = Wanted().pem
    made = planned(pem)
    assert made.remarks == ()
    assert content(made) == pem == content(planned(pem.encode()))


def test_what_else_stands_in_the_file_is_left_out() -> None:
    """What openssl prints around a certificate gets nowhere."""
    pem = Wanted().pem
    around = f"depth=0 CN = x\r\n{pem.replace(chr(10), chr(13) + chr(10))}---\n$(reboot)\nEND\n"
    assert content(planned(around)) == pem


@pytest.mark.parametrize(
    ("ca", "code"),
    [
        (Wanted(end=NOW - DAY / 24, start=NOW - DAY).pem, "expired"),
        (private_key(), "private-key"),
        (Wanted().pem + private_key(), "private-key"),
        (private_key().replace("PRIVATE KEY", "RSA PRIVATE KEY"), "private-key"),
        (private_key().replace("PRIVATE KEY", "ENCRYPTED PRIVATE KEY"), "private-key"),
        (Wanted().pem.replace("CERTIFICATE", "CERTIFICATE REQUEST"), "not-a-certificate"),
        (Wanted().pem.replace("CERTIFICATE", "TRUSTED CERTIFICATE"), "not-a-certificate"),
        (der(Wanted().pem), "not-pem"),
        (Wanted(name="y" * 60, hosts=("registry.corp",) * 3).pem * 3000, "not-pem"),
        ("", "no-certificate"),
        (b"\xff\xfe\x00", "no-certificate"),
        ("-----BEGIN CERTIFICATE-----\n", "malformed"),
        ("-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n", "malformed"),
        ("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "malformed"),
        (Wanted(ca=False, hosts=("quay.io", "registry.corp.evil.example")).pem, "other-host"),
        (Wanted(ca=False, name="registry.corp").pem, "other-host"),
        (Wanted(ca=None, hosts=("*.corp.example",)).pem, "other-host"),
        (Wanted(ca=True, signs=False, hosts=("quay.io",)).pem, "other-host"),
    ],
)
def test_refused(ca: str | bytes, code: str) -> None:
    """R23: what is no CA of this registry is refused, by a code and a name."""
    with pytest.raises(CertificateRefused) as caught:
        planned(ca)
    assert caught.value.code == code
    assert caught.value.repair
    if code in {"expired", "other-host"}:
        assert "CN=" in str(caught.value)


@pytest.mark.parametrize(
    ("wanted", "codes"),
    [
        (Wanted(signs=True), []),
        (Wanted(start=NOW + DAY / 2), ["not-yet-valid"]),
        (Wanted(ca=False, hosts=("registry.corp",)), ["not-a-ca"]),
        (Wanted(ca=False, hosts=("Registry.CORP",)), ["not-a-ca"]),
        (Wanted(ca=False, hosts=("*.corp",)), ["not-a-ca"]),
        (Wanted(ca=None, hosts=("registry.corp",)), ["not-a-ca"]),
        (Wanted(signs=False, hosts=("registry.corp",)), ["not-a-ca"]),
    ],
)
def test_remarked_on(wanted: Wanted, codes: list[str]) -> None:
    """R23: what will surprise somebody is taken and named."""
    remarks = planned(wanted.pem).remarks
    assert [remark.code for remark in remarks] == codes
    assert all(wanted.name in remark.message for remark in remarks)


@pytest.mark.parametrize("address", ["10.0.0.5:5000", "[2001:db8::1]:5000"])
def test_servers_at_ip_addresses(address: str) -> None:
    """A server's own certificate names its IP address as such, not as a host."""
    host = address.rpartition(":")[0].strip("[]")
    remarks = planned(Wanted(ca=False, hosts=(host,)).pem, address).remarks
    assert [remark.code for remark in remarks] == ["not-a-ca"]
    with pytest.raises(CertificateRefused, match=r"10\.0\.0\.7"):
        planned(Wanted(ca=False, hosts=("10.0.0.6",), name="10.0.0.6").pem, "10.0.0.7:5000")


def test_several() -> None:
    """R23: each of several is checked; the system's bundle takes one a file."""
    both = Wanted(name="one").pem + Wanted(name="two").pem
    [remark] = planned(both).remarks
    assert remark.code == "several-certificates"
    assert "CN=one, CN=two" in remark.message
    assert content(planned(both)) == both
    with pytest.raises(CertificateRefused) as caught:
        planned(both, runtime="system")
    assert caught.value.code == "several-certificates"
    with pytest.raises(CertificateRefused, match="CN=old"):
        planned(Wanted().pem + Wanted(name="old", end=NOW - DAY / 2).pem)


def test_names_take_one_line() -> None:
    """A certificate's name moves no cursor and fills no screen."""
    wanted = Wanted(name="\x1b[31mx\n" + "y" * 50, ca=False, hosts=("registry.corp",))
    [remark] = planned(wanted.pem).remarks
    assert remark.message.isprintable()


def test_a_private_key_is_echoed_nowhere() -> None:
    """A refused private key is in no message and in no frame that the error keeps."""
    key = private_key()
    body = key.splitlines()[1]
    for text in (key, Wanted().pem + key):
        with pytest.raises(CertificateRefused) as caught:
            planned(text)
        error = caught.value
        assert error.__context__ is error.__cause__ is None
        told = "".join(traceback.format_exception(error))
        assert body not in told + repr(error)
        frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
        ours = [frame for frame in frames if "/wharfinger/" in frame.f_code.co_filename]
        assert ours, "the error came from here"
        for frame in ours:
            assert body not in repr(frame.f_locals)


def test_the_clock_is_not_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    """R23, R24: a plan is the same at any time; without one given, the dates are remarked on."""
    year = 365 * DAY
    old = Wanted(name="old", start=NOW - 9 * year, end=NOW - 8 * year).pem
    made = plan(ADDRESS, runtime="docker", ca=old)
    [remark] = made.remarks
    assert remark.code == "validity"
    assert "CN=old is valid from 2017-11-26 12:00 to 2018-11-26 12:00 UTC" in remark.message
    monkeypatch.setattr("time.time", lambda: 0.0)
    assert plan(ADDRESS, runtime="docker", ca=old) == made
    for now in (NOW, NOW + year):
        with pytest.raises(CertificateRefused, match="CN=old expired"):
            plan(ADDRESS, runtime="docker", ca=old, now=now)


@pytest.mark.parametrize("now", [NOW.replace(tzinfo=None), NOW.date(), NOW.isoformat()])
def test_what_is_no_time(now: Any) -> None:  # noqa: ANN401  # what callers may give
    with pytest.raises(TypeError, match="now is a datetime with a time zone"):
        plan(ADDRESS, runtime="docker", ca=PEM, now=now)


def test_the_name_of_a_file() -> None:
    """Who gives the name of a file is told that what it says is wanted."""
    with pytest.raises(CertificateRefused, match="give what a file in PEM says"):
        planned("ca.crt")
    with pytest.raises(TypeError, match=r"a CA is what its file says, .* not PosixPath"):
        planned(Path("ca.crt"))  # type: ignore[arg-type]


def in_pem(content: bytes) -> str:
    body = base64.b64encode(content).decode()
    return f"-----BEGIN CERTIFICATE-----\n{body}\n-----END CERTIFICATE-----\n"


def test_names_of_a_kind_that_nobody_reads() -> None:
    """R20: an X.400 address among the alternative names is a typed error, too."""
    content = der(Wanted(ca=False, hosts=("registry.corp",)).pem)
    name = b"\x82\x0dregistry.corp"
    assert name in content
    with pytest.raises(CertificateRefused) as caught:
        planned(in_pem(content.replace(name, b"\xa3\x0d\x30\x0b" + b"\x02\x09" + b"a" * 9)))
    assert caught.value.code == "malformed"


def sequence(body: bytes) -> bytes:
    length = len(body).to_bytes((len(body).bit_length() + 7) // 8)
    head = length if len(body) < 0x80 else bytes([0x80 | len(length)]) + length
    return b"\x30" + head + body


def test_version_1() -> None:
    """A certificate of version 1 can't say that it is a CA: it is one if it signed itself."""
    whole = der(Wanted(ca=None, name="an old root").pem)
    told = x509.load_der_x509_certificate(whole).tbs_certificate_bytes
    body = told[told.index(b"\xa0\x03\x02\x01\x02") + 5 :]  # behind the version
    signature = whole[whole.index(told) + len(told) :]
    root = sequence(sequence(body) + signature)
    assert planned(in_pem(root)).remarks == ()
    signed_by_another = root.replace(b"an old root", b"a young one", 1)
    with pytest.raises(CertificateRefused, match="CN=an old root is no CA") as caught:
        planned(in_pem(signed_by_another))
    assert caught.value.code == "other-host"


@pytest.mark.filterwarnings("error")
def test_what_is_warned_about() -> None:
    """R20: where warnings are errors, a certificate with a negative serial number is refused."""
    content = der(Wanted().pem)
    at = content.index(b"\xa0\x03\x02\x01\x02") + 5  # behind the version
    serial = content[at : at + 2 + content[at + 1]]
    with pytest.raises(CertificateRefused) as caught:
        planned(in_pem(content.replace(serial, serial[:2] + b"\x80" + serial[3:])))
    assert caught.value.code == "malformed"


def test_one_inside_another() -> None:
    """A certificate without an end is not passed over in silence."""
    first = Wanted(name="one").pem.removesuffix("-----END CERTIFICATE-----\n")
    with pytest.raises(CertificateRefused, match="begins a certificate inside another one"):
        planned(first + Wanted(name="two").pem)


def test_a_bundle_of_many() -> None:
    """A remark on many names ten of them."""
    remark = planned(Wanted(name="one").pem * 300).remarks[-1]
    assert remark.message.count("CN=one") == 10
    assert remark.message.endswith(" and 290 more")


def test_missing_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without cryptography the error has the command that installs it."""
    pem = Wanted().pem
    monkeypatch.setitem(sys.modules, "cryptography", None)
    with pytest.raises(MissingExtra, match=r"pip install 'wharfinger\[trust\]'"):
        planned(pem)


@given(st.binary(max_size=200), st.integers(0, 600), st.integers(0, 8))
def test_damaged(noise: bytes, place: int, cut: int) -> None:
    """R20: whatever is given, it is taken or refused, and only certificates are passed on."""
    pem = PEM.encode()
    for given_as in (noise, pem[:place] + noise + pem[place + cut :]):
        try:
            made = planned(given_as)
        except CertificateRefused:
            continue
        assert content(made).startswith("-----BEGIN CERTIFICATE-----\n")


@given(st.binary(max_size=300))
def test_damaged_inside(noise: bytes) -> None:
    """R20: what is no certificate inside its base64 is refused."""
    body = base64.b64encode(noise).decode()
    with pytest.raises(CertificateRefused):
        planned(f"-----BEGIN CERTIFICATE-----\n{body}\n-----END CERTIFICATE-----\n")


def test_many_lines() -> None:
    """R20: lines are looked at once, and as many as there may be are no matter."""
    with pytest.raises(CertificateRefused, match="the last certificate in it has no end"):
        planned("-----BEGIN CERTIFICATE-----\n" + "A\n" * 500_000)


PEM = Wanted().pem
