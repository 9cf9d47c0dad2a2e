"""What is given as the CA of a registry: read, checked by name, and written anew.

``cryptography`` reads it, from the extra ``trust``. Only certificates are taken out of a file; what
else stands in it, comments and ``openssl x509 -text`` included, gets nowhere.
"""

from __future__ import annotations

import base64
import binascii
import ipaddress
from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING, Final

from wharfinger._extras import missing_extra
from wharfinger.core.diagnose import Diagnostic
from wharfinger.hosts.errors import CertificateRefused

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cryptography import x509

    from wharfinger.core.address import RegistryAddress

__all__ = ["LONGEST", "examine"]

LONGEST: Final = 1 << 20  # bytes; a bundle of all public CAs has a quarter of it
_LONGEST_NAME: Final = 120
_MOST_NAMES: Final = 10
_BEGIN: Final = "-----BEGIN "
_END: Final = "-----END "
_DASHES: Final = "-----"
_CERTIFICATE: Final = "CERTIFICATE"
_DER: Final = (b"\x30\x81", b"\x30\x82")  # a SEQUENCE of some length


def examine(
    ca: str | bytes, address: RegistryAddress, now: datetime | None, *, single: bool = False
) -> tuple[str, tuple[Diagnostic, ...]]:
    """Check what is given as the CA of a registry.

    Args:
        ca: One or more certificates in PEM.
        address: The registry's address.
        now: The time to check against, with a time zone; None where nobody knows it.
        single: Whether a file of several certificates is refused rather than remarked on.

    Returns:
        The certificates in PEM, and what is remarkable in them: ``not-a-ca``, ``not-yet-valid``,
        ``validity`` where *now* is None, ``several-certificates``.

    Raises:
        CertificateRefused: When it is nothing to trust the registry by.
        MissingExtra: When ``cryptography`` is not installed.
        TypeError: When *ca* is no text or bytes, or *now* no datetime with a time zone.
    """
    if now is not None and (not isinstance(now, datetime) or now.utcoffset() is None):
        raise TypeError("now is a datetime with a time zone")
    found = [_read(der) for der in _certificates(_text(ca))]
    if single and len(found) > 1:
        raise CertificateRefused(
            "several-certificates",
            f"there are {len(found)} certificates in it, and this bundle takes one a file",
            "give the CA's alone",
        )
    remarks = [remark for certificate in found for remark in _remarks(certificate, address, now)]
    if len(found) > 1:
        names = ", ".join(map(_name, found[:_MOST_NAMES]))
        if len(found) > _MOST_NAMES:
            names += f" and {len(found) - _MOST_NAMES} more"
        remarks.append(
            Diagnostic(
                "several-certificates",
                "R23",
                f"each of these is trusted by itself: {names}",
                "give the CA's alone, unless all are meant",
            )
        )
    return "".join(_pem(certificate) for certificate in found), tuple(remarks)


def _text(ca: str | bytes) -> str:
    if not isinstance(ca, (str, bytes)):
        kind = type(ca).__name__
        raise TypeError(f"a CA is what its file says, a str or bytes in PEM, not {kind}")
    if len(ca) > LONGEST:
        raise CertificateRefused(
            "not-pem", "it has more than 1 MiB, and is no CA's certificate", "give that alone"
        )
    if isinstance(ca, str):
        return ca
    if ca.startswith(_DER):
        raise CertificateRefused(
            "not-pem",
            "it is in DER, which registry clients don't read",
            "make it PEM: openssl x509 -inform der -in FILE",
        )
    return ca.decode("utf-8", "replace")


def _certificates(text: str) -> Iterator[bytes]:
    """The certificates in a text, in their order. Its lines are looked at once."""
    label, lines = "", list[str]()
    some = False
    for number, line in enumerate(map(str.strip, text.splitlines()), start=1):
        if line.startswith(_BEGIN) and line.endswith(_DASHES):
            inside, label, lines = label, line[len(_BEGIN) : -len(_DASHES)], []
            _expect(label, number)
            if inside:
                raise _malformed(f"line {number} begins a certificate inside another one")
        elif label and line == f"{_END}{label}{_DASHES}":
            yield _decoded(lines, number)
            label, some = "", True
        elif label:
            lines.append(line)
    if label:
        raise CertificateRefused(
            "malformed", "the last certificate in it has no end", "give the whole file"
        )
    if not some:
        raise CertificateRefused(
            "no-certificate",
            "there is no certificate in it",
            f"give what a file in PEM says, with a line {_BEGIN}{_CERTIFICATE}{_DASHES}",
        )


def _expect(label: str, line: int) -> None:
    """Refuse what must not be copied about."""
    if label.endswith("PRIVATE KEY"):
        raise CertificateRefused(
            "private-key",
            f"line {line} begins a private key, which belongs on the server and nowhere else",
            "give the certificate alone",
        )
    if label != _CERTIFICATE:
        raise CertificateRefused(
            "not-a-certificate",
            f"line {line} begins something else than a certificate",
            "give the certificate alone",
        )


def _decoded(lines: list[str], number: int) -> bytes:
    try:
        return base64.b64decode("".join(lines), validate=True)
    except (binascii.Error, ValueError):
        pass  # its message is about the text
    raise _malformed(f"the certificate that ends in line {number} is not base64")


def _malformed(problem: str) -> CertificateRefused:
    return CertificateRefused("malformed", problem, "get it again: it was damaged on its way")


def _read(der: bytes) -> x509.Certificate:
    try:
        from cryptography import x509
    except ImportError as error:
        missing = missing_extra("to check a CA", error, "trust")
        if missing is None:
            raise
        raise missing from None
    try:
        certificate = x509.load_der_x509_certificate(der)
        # What is read on demand may be malformed, too.
        _ = certificate.subject, certificate.issuer, certificate.extensions, certificate.version
        _ = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    except (
        ValueError,
        Warning,  # where the interpreter was told to raise them
        x509.InvalidVersion,
        x509.DuplicateExtension,
        x509.UnsupportedGeneralNameType,
    ):
        certificate = None
    if certificate is None:
        raise _malformed("what it calls a certificate is none")
    return certificate


def _remarks(
    certificate: x509.Certificate, address: RegistryAddress, now: datetime | None
) -> Iterator[Diagnostic]:
    name = _name(certificate)
    if now is None:
        yield Diagnostic(
            "validity",
            "R23",
            f"{name} is valid from {certificate.not_valid_before_utc:%Y-%m-%d %H:%M} to "
            f"{certificate.not_valid_after_utc:%Y-%m-%d %H:%M} UTC, and no time was given",
            "give now= to have an expired one refused",
        )
    elif now > certificate.not_valid_after_utc:
        raise CertificateRefused(
            "expired",
            f"{name} expired at {certificate.not_valid_after_utc:%Y-%m-%d %H:%M} UTC",
            "ask the registry's administrator for the one in use",
        )
    elif now < certificate.not_valid_before_utc:
        yield Diagnostic(
            "not-yet-valid",
            "R23",
            f"{name} is valid from {certificate.not_valid_before_utc:%Y-%m-%d %H:%M} UTC on",
            "until then pulls fail; look at this host's clock, too",
        )
    if _signs(certificate):
        return
    if not _names(certificate, address):
        raise CertificateRefused(
            "other-host",
            f"{name} is no CA, and its alternative names have no {address.host}",
            "give the CA that signed the registry's certificate, or a certificate with that name",
        )
    yield Diagnostic(
        "not-a-ca",
        "R23",
        f"{name} is the server's own certificate and no CA",
        "trust it again each time the server gets a new one, or trust its CA once",
    )


def _signs(certificate: x509.Certificate) -> bool:
    """Whether it may sign others (RFC 5280, 4.2.1.3 and 4.2.1.9)."""
    from cryptography import x509

    try:
        found = certificate.extensions.get_extension_for_class(x509.BasicConstraints)
    except x509.ExtensionNotFound:
        # Version 1 has no extensions; its roots sign all the same.
        return certificate.version is x509.Version.v1 and certificate.issuer == certificate.subject
    signs: bool = found.value.ca
    with suppress(x509.ExtensionNotFound):
        usage = certificate.extensions.get_extension_for_class(x509.KeyUsage)
        signs = signs and usage.value.key_cert_sign
    return signs


def _names(certificate: x509.Certificate, address: RegistryAddress) -> bool:
    """Whether it is for a host (RFC 6125): its common name counts for no client."""
    from cryptography import x509

    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        return False
    host = address.host
    if address.is_ip:
        try:
            wanted = ipaddress.ip_address(host.strip("[]"))
        except ValueError:
            return False
        return wanted in found.value.get_values_for_type(x509.IPAddress)
    names = {name.lower() for name in found.value.get_values_for_type(x509.DNSName)}
    _, dot, parent = host.partition(".")
    return host in names or (bool(dot) and f"*.{parent}" in names)


def _name(certificate: x509.Certificate) -> str:
    """Its subject, on one line of printable characters."""
    text = certificate.subject.rfc4514_string() or "a certificate without a name"
    text = text if len(text) <= _LONGEST_NAME else f"{text[: _LONGEST_NAME - 3]}..."
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def _pem(certificate: x509.Certificate) -> str:
    from cryptography.hazmat.primitives.serialization import Encoding

    text: str = certificate.public_bytes(Encoding.PEM).decode()
    return text
